"""What calls cost: a dated table of list prices that users can override, and token counts estimated before anything is asked.

Estimates have a band and say so. The counts of the endpoint replace them once there are replies. A
model without a price costs None, never 0.
"""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NamedTuple

from judgecli.errors import ConfigError
from judgecli.judge.request import Request, Usage

FILE = Path(__file__).with_name("prices.yaml")
VARIABLE = "JUDGE_PRICES"
DATED = re.compile(r"(-\d{4}-\d{2}-\d{2}|-\d{8}|@\d+|-latest)$")

# Characters a token, by script, of current byte-pair vocabularies (o200k and its like), and how far a
# text may be from it. Measured counts of the endpoint replace the estimate once there are any.
CHARACTERS_PER_TOKEN = 4.0
SCRIPTS = (
    (re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]"), 1.3),  # Chinese, Japanese, Korean
    (re.compile(r"[\u0370-\u058f]"), 2.8),  # Greek, Cyrillic, Armenian
    (re.compile(r"[\u0590-\u08ff]"), 2.3),  # Hebrew, Arabic
    (re.compile(r"[\u0900-\u1fff]"), 1.8),  # Indic, Thai, Georgian and others
    (re.compile(r"[\u2000-\u303f]"), 1.5),  # punctuation, symbols
    (re.compile(r"[\U00010000-\U0010ffff]"), 0.6),  # emoji and rare letters
)
LOW, HIGH = 0.75, 1.35
PER_MESSAGE, PER_REQUEST = 4, 12  # roles, separators, the form of the answer
PER_MEDIUM = (85, 1500)  # an image or a sound, by its size, which is not looked at
VERDICT = (30, 120, 400)  # tokens of a verdict with its explanation
THOUGHTS = (100, 600, 2500)  # and of a model that reasons before it


class Band(NamedTuple):
    """A number of tokens, or of USD, that is estimated: from, likely, to."""

    low: float
    likely: float
    high: float


@dataclass(frozen=True, slots=True)
class Price:
    """USD per million tokens. `reasons`: the model thinks in tokens that are paid as output."""

    input: float
    cached: float
    output: float
    reasons: bool = False


@dataclass(frozen=True, slots=True)
class Prices:
    """A table of prices: model -> Price. `batch` is the share that the Batch API takes, `dated` the day of the table."""

    models: Mapping[str, Price]
    batch: float
    dated: str
    _found: dict[str, Price | None] = field(default_factory=dict, repr=False, compare=False)

    def of(self, model: str) -> Price | None:
        """The price of a model; `openai/gpt-4o` and `gpt-4o-2024-11-20` cost what gpt-4o costs, unless they are named themselves."""
        if model not in self._found:
            self._found[model] = self._look_up(model)
        return self._found[model]

    def _look_up(self, model: str) -> Price | None:
        short = model.rpartition("/")[2]
        names = [model, short, DATED.sub("", short)]
        return next((self.models[name] for name in names if name in self.models), None)

    def cost_usd(self, model: str, usage: Usage, *, batch: bool = False) -> float | None:
        """What a call cost; None where the price is not known."""
        price = self.of(model)
        if price is None:
            return None
        plain = max(usage.tokens_in - usage.tokens_cached, 0)
        cost = plain * price.input + usage.tokens_cached * price.cached + usage.tokens_out * price.output
        return cost / 1e6 * (self.batch if batch else 1.0)

    def estimate_usd(self, model: str, tokens_in: Band, *, calls: int, most_out: int | None = None, batch: bool = False) -> Band | None:
        """What `calls` calls with `tokens_in` tokens in all may cost; None where the price is not known. `most_out`: the token limit of one reply."""
        price = self.of(model)
        if price is None:
            return None
        said = [a + (b if price.reasons else 0) for a, b in zip(VERDICT, THOUGHTS, strict=True)]
        out = [min(tokens, most_out or tokens) * calls for tokens in said]
        share = self.batch if batch else 1.0
        return Band(*(share * (into * price.input + outof * price.output) / 1e6 for into, outof in zip(tokens_in, out, strict=True)))


def load_prices(path: Path | None = None) -> Prices:
    """The table of the package, with the file `path` (else the one that JUDGE_PRICES names) on top. Raises: ConfigError."""
    named = os.environ.get(VARIABLE)
    own = path or (Path(named) if named else None)
    return _load(own)


@cache
def _load(own: Path | None) -> Prices:
    table = _read(FILE)
    if own is None:
        return table
    added = _read(own)
    return Prices({**table.models, **added.models}, added.batch, added.dated)


def cost_usd(model: str, usage: Usage, *, batch: bool = False) -> float | None:
    """What a call cost by the current table; None where the price is not known."""
    return load_prices().cost_usd(model, usage, batch=batch)


def _read(path: Path) -> Prices:
    import yaml

    hint = "write it as judgecli/endpoint/prices.yaml: models: {NAME: {price: [input, cached, output]}}, in USD per million tokens"
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"the price file cannot be read: {str(error)[:200]}", where=f"{path}:1:1", hint=hint) from None
    models = document.get("models") if isinstance(document, dict) else None
    if not isinstance(models, dict):
        raise ConfigError("the price file names no models", where=f"{path}:1:1", hint=hint)
    batch = document.get("batch", 0.5)
    if not _is_price(batch):
        raise ConfigError(f"batch is {batch!r}, which is no share", where=f"{path}:1:1", hint=hint)
    prices = {str(name): _price(name, entry, path, hint) for name, entry in models.items()}
    return Prices(prices, float(batch), str(document.get("dated", "no date")))


def _price(name: object, entry: object, path: Path, hint: str) -> Price:
    found = entry if isinstance(entry, dict) else {}
    values = found.get("price")
    if not isinstance(values, list) or len(values) != 3 or not all(_is_price(value) for value in values):
        raise ConfigError(f"the price of {name} is {entry!r}", where=f"{path}:1:1", hint=hint)
    plain, cached, output = map(float, values)
    return Price(plain, cached, output, reasons=bool(found.get("reasons")))


def _is_price(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e6


def estimate_tokens(text: str) -> Band:
    """The tokens of a text, a quarter of its Latin characters and more of other scripts; the band is -25 % to +35 %.

    >>> estimate_tokens("x" * 400)
    Band(low=75.0, likely=100.0, high=135.0)
    """
    likely, others = 0.0, 0
    if not text.isascii():
        for script, per_token in SCRIPTS:
            found = len(script.findall(text))
            others += found
            likely += found / per_token
    likely += (len(text) - others) / CHARACTERS_PER_TOKEN
    return Band(likely * LOW, likely, likely * HIGH)


def estimate_request(request: Request) -> Band:
    """The tokens that a request is thought to take in."""
    low = likely = high = float(PER_REQUEST)
    for message in request.messages:
        content = message.get("content")
        parts = content if isinstance(content, list | tuple) else [{"type": "text", "text": content}]
        for part in parts:
            found = _part_tokens(part)
            low, likely, high = low + found.low, likely + found.likely, high + found.high
        low, likely, high = low + PER_MESSAGE, likely + PER_MESSAGE, high + PER_MESSAGE
    return Band(low, likely, high)


def _part_tokens(part: object) -> Band:
    said = part if isinstance(part, Mapping) else {}
    if said.get("type") == "text":
        return estimate_tokens(str(said.get("text") or ""))
    return Band(PER_MEDIUM[0], sum(PER_MEDIUM) / 2, PER_MEDIUM[1])


def total(bands: Iterable[Band]) -> Band:
    """The sum of bands, as wide as their errors in one direction make it."""
    found = list(bands)
    return Band(sum(band.low for band in found), sum(band.likely for band in found), sum(band.high for band in found))
