"""A baseline: what a gate compares with, two files under version control that a person approved.

baselines/main.yaml       who approved what and when, and what each metric is (below)
baselines/main.parquet    one row a prompt: prompt, cluster, and of each metric NAME (mean), NAME.n, NAME.squares, NAME.missing

    judge_baseline: 1
    name: main
    approved: 2026-10-01T08:00:00+00:00
    by: ada
    on: run:3
    records: 387
    scores: 5b0c...                    # SHA-256 of the Parquet file
    metrics:
      refusal: {identity: 97aa..., kind: rate, range: [0.0, 1.0], higher_is_better: false, n: 387, missing: 0, mean: 0.02}

Prompts and clusters are hashes; no text of a record is in it. The same scores give the same bytes.
"""

import hashlib
import io
from pathlib import Path
from typing import Annotated, Literal

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from pydantic import Field, StringConstraints

from judgecli.config.document import read_document
from judgecli.config.project import Section
from judgecli.config.validation import validate
from judgecli.errors import ConfigError, EnvironmentFailure, UsageError

FOLDER = "baselines"
NAME = r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$"
HEAD = "# Written by `judge baseline approve`: review it as you review code. What it was made of is hashed in NAME.parquet.\n"
MAX_BYTES = 5_000_000
HINT = "take both files from version control, or approve anew: judge baseline approve NAME"
PARTS = ("", ".n", ".squares", ".missing")


class BaselineMetric(Section):
    """What one metric was when it was approved."""

    identity: str
    kind: Literal["rate", "number", "ordinal"]
    range: Annotated[list[float | None], Field(min_length=2, max_length=2)]
    higher_is_better: bool | None
    n: Annotated[int, Field(ge=0)]
    missing: Annotated[int, Field(ge=0)]
    mean: float | None
    served: list[str] = Field(default_factory=list)  # of a judge: the models that an endpoint said it served


class Baseline(Section):
    """The YAML file of a baseline."""

    judge_baseline: Literal[1]
    name: Annotated[str, StringConstraints(pattern=NAME)]
    approved: str
    by: str
    on: str
    run: int | None = None
    records: Annotated[int, Field(ge=1)]
    prompts: Annotated[int, Field(ge=1)]
    pair: str
    cluster: str
    scores: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    metrics: Annotated[dict[str, BaselineMetric], Field(min_length=1)]


def baseline_paths(folder: Path, name: str) -> tuple[Path, Path]:
    """The YAML and the Parquet file of a baseline. Raises: UsageError for what is no name."""
    import re

    if not re.fullmatch(NAME, name):
        raise UsageError(f"'{name}' is no name of a baseline", hint="letters, digits, _ . and -, for example main or v1.2")
    return folder / f"{name}.yaml", folder / f"{name}.parquet"


def read_baseline(folder: Path, name: str) -> Baseline:
    """Who approved what; the scores are not read. Raises: UsageError (no such baseline), ConfigError (file:line:column), EnvironmentFailure."""
    path, _ = baseline_paths(folder, name)
    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise UsageError(
            f"there is no baseline '{name}' ({path} does not exist)", hint=f"approve one: judge baseline approve {name}; known: {_known(folder)}"
        ) from error
    except OSError as error:
        raise EnvironmentFailure(f"cannot read {path}: {error.strerror}", hint="check its permissions") from error
    if len(raw) > MAX_BYTES:
        raise ConfigError(f"{len(raw):,} bytes are more than a baseline may have", where=f"{path}:1:1", hint=HINT)
    found = validate(read_document(raw, file=str(path)), Baseline, page="docs/gate.md")
    if found.name != name:
        raise ConfigError(
            f"the file says that it is baseline '{found.name}'", where=f"{path}:1:1", hint="a baseline keeps its name: approve it under the new one"
        )
    return found


def read_scores(folder: Path, baseline: Baseline) -> pa.Table:
    """The scores of a baseline, checked against the hash that was reviewed. Raises: ConfigError."""
    path = baseline_paths(folder, baseline.name)[1]
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=str(path), hint=HINT) from error
    if hashlib.sha256(raw).hexdigest() != baseline.scores:
        raise ConfigError(f"is not the file that was approved (its hash is not the one in {path.with_suffix('.yaml').name})", where=str(path), hint=HINT)
    try:
        table = pq.read_table(io.BytesIO(raw), use_threads=False, page_checksum_verification=True)
        columns = ["prompt", "cluster", *(f"{name}{part}" for name in baseline.metrics for part in PARTS)]
        return table.select(columns)
    except (pa.ArrowException, KeyError, OSError, ValueError) as error:
        raise ConfigError(f"is damaged: {str(error).splitlines()[0]}", where=str(path), hint=HINT) from error


def scores_bytes(table: pa.Table) -> bytes:
    """The Parquet file of these scores: no time and no name in it, the same for the same scores."""
    out = io.BytesIO()
    pq.write_table(
        table.replace_schema_metadata(None), out, compression="zstd", use_dictionary=False, write_statistics=False, write_page_checksum=True, store_schema=False
    )
    return out.getvalue()


def baseline_text(baseline: Baseline) -> str:
    """The YAML file."""
    document = baseline.model_dump(exclude_none=False)
    if document["run"] is None:
        del document["run"]
    return HEAD + yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=10_000, default_flow_style=None)


def list_baselines(folder: Path) -> list[str]:
    """The names of the baselines of a project."""
    return sorted(path.stem for path in folder.glob("*.yaml")) if folder.is_dir() else []


def _known(folder: Path) -> str:
    return ", ".join(list_baselines(folder)[:12]) or "none yet"
