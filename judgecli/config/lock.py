"""judge.lock: the statistics that frozen normalisers go by, a JSON file under version control beside judge.yaml.

{
  "judge_lock": 1,
  "normalisers": {
    "words": {"identity": "f1c0...", "n": 2400, "mean": 131.2, "sd": 60.1, "first": "2026-09-01T00:00:12+00:00",
              "last": ..., "on": "all records", "frozen": ..., "quantiles": [12.0, ...]}    (1001 numbers)
  }
}
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from judgecli import outputs
from judgecli.errors import ConfigError, EnvironmentFailure
from judgecli.reward.normalise import Frozen, find_fault

NAME = "judge.lock"
FORMAT = 1
MAX_BYTES = 50_000_000
NUMBERS_A_LINE = 10
HINT = "judge reward freeze writes it anew; or take the file from version control"


def read_lock(path: Path) -> dict[str, Frozen]:
    """The frozen statistics by metric; empty where there is no file. Raises: ConfigError, EnvironmentFailure."""
    try:
        outputs.reads(path, "judge.lock")
        raw = path.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise EnvironmentFailure(f"cannot read {path}: {error.strerror}", hint="check its permissions") from error
    if len(raw) > MAX_BYTES:
        raise _damaged(path, f"{len(raw):,} bytes are more than a lock may have")
    try:
        document = json.loads(raw.decode("utf-8"), parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise ConfigError(f"not valid JSON: {error.msg}", where=f"{path}:{error.lineno}:{error.colno}", hint=HINT) from error
    except (ValueError, RecursionError) as error:
        raise _damaged(path, str(error)) from error
    if not isinstance(document, dict) or document.get("judge_lock") != FORMAT or not isinstance(document.get("normalisers"), dict):
        raise _damaged(path, f"this is no judge.lock of format {FORMAT}")
    return {name: _frozen(path, name, entry) for name, entry in document["normalisers"].items()}


def lock_text(frozen: Mapping[str, Frozen]) -> str:
    """The text of judge.lock: sorted keys, a few numbers a line, the same for the same statistics."""
    entries = []
    for name, entry in sorted(frozen.items()):
        facts = {key: value for key, value in vars(entry).items() if key != "quantiles"}
        lines = [f"      {json.dumps(key)}: {json.dumps(value, allow_nan=False)},\n" for key, value in sorted(facts.items())]
        numbers = [json.dumps(number, allow_nan=False) for number in entry.quantiles]
        rows = [", ".join(numbers[start : start + NUMBERS_A_LINE]) for start in range(0, len(numbers), NUMBERS_A_LINE)]
        grid = ",\n".join(f"        {row}" for row in rows)
        entries.append(f'    {json.dumps(name)}: {{\n{"".join(lines)}      "quantiles": [\n{grid}\n      ]\n    }}')
    inside = "{\n" + ",\n".join(entries) + "\n  }" if entries else "{}"
    return f'{{\n  "judge_lock": {FORMAT},\n  "normalisers": {inside}\n}}\n'


def _frozen(path: Path, name: str, entry: Any) -> Frozen:
    if not isinstance(entry, dict):
        raise _damaged(path, f"'{name}' holds no statistics")
    quantiles = entry.get("quantiles")
    numbers = [entry.get("mean"), entry.get("sd"), *(quantiles if isinstance(quantiles, list) else [None])]
    texts = [entry.get(key) for key in ("first", "last", "on", "frozen")]
    known = all(isinstance(number, int | float) and not isinstance(number, bool) for number in numbers)
    if not known or not isinstance(entry.get("identity"), str) or type(entry.get("n")) is not int or not all(isinstance(text, str | None) for text in texts):
        raise _damaged(path, f"'{name}' lacks a number, or holds something else in its place")
    try:
        mean, sd, *grid = (float(number) for number in numbers)
    except OverflowError as error:
        raise _damaged(path, f"'{name}': a number is too large") from error
    fault = find_fault(mean, sd, grid)
    if fault is not None:
        raise _damaged(path, f"'{name}': {fault}")
    return Frozen(entry["identity"], entry["n"], mean, sd, tuple(grid), *texts)


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is no number")


def _damaged(path: Path, message: str) -> ConfigError:
    return ConfigError(message, where=f"{path}:1:1", hint=HINT)
