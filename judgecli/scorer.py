"""The contract of a scorer: a named function from columns to one item per row.

    @scorer(kind="number", range=(0, None), higher_is_better=None, version=1, default=True)
    def words(output_words: Sequence[list[str]]) -> list[float]:
        \"\"\"Number of words of the output. ...\"\"\"

Parameter names before `*` are record columns (`output`), tags (`tags_country`) or derived columns
(`output_words`, see derived.py); a column with default None is optional. Parameters after `*` are
options. The function gets only rows whose needed columns are all present, and returns one item a
row: a float, a str (category), None (not applicable) or a `Score`; vectorised scorers may return a
numpy float array or an Arrow array (null = not applicable). Rows must be independent.

A function that is annotated for one row, `def closes(output: str) -> float`, is called row by row.
"""

import hashlib
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, overload

from judgecli import derived
from judgecli.rowwise import by_row

MetricKind = Literal["rate", "number", "ordinal", "category"]
Unit = Literal["record", "session", "prompt", "pair", "window"]
Range = tuple[float | None, float | None]


@dataclass(frozen=True, slots=True)
class Score:
    """A value with its story, or the reason why there is none. `detail` is JSON text."""

    value: float | None = None
    label: str | None = None
    reason: str | None = None
    explanation: str | None = None
    detail: str | None = None


ScoreLike = float | str | Score | None


@dataclass(frozen=True, slots=True)
class ScorerColumn:
    """One column parameter of a scorer. `source` is the record column it is read or derived from."""

    name: str
    source: str
    required: bool


@dataclass(frozen=True)
class Scorer:
    """A scorer as declared: callable with plain record columns, as `repetition(["a b a b"], n=2)`.

    `range` holds the smallest and largest value, None where that end is open.
    `higher_is_better` is None where no direction is good in itself.
    """

    name: str
    function: Callable[..., object]
    kind: MetricKind
    range: Range
    higher_is_better: bool | None
    version: int
    default: bool = False
    unit: Unit = "record"
    needs: str | None = None  # the extra that must be installed
    arrow: bool = False  # columns read as they are come as Arrow string arrays, not as lists
    columns: tuple[ScorerColumn, ...] = ()
    options: Mapping[str, inspect.Parameter] = field(default_factory=dict)

    def __call__(self, *columns: Sequence[object], **keywords: object) -> list[ScoreLike]:
        """Score plain record columns; a row with a null in a required column gives None."""
        given = self._columns_given(columns, keywords)
        options = {name: value for name, value in keywords.items() if name in self.options}
        required = {column.source for column in self.columns if column.required}
        total = len(next(iter(given.values()), ()))
        rows = [row for row in range(total) if all(given[name][row] is not None for name in required)]
        if not rows:
            return [None] * total
        subset = {name: [values[row] for row in rows] for name, values in given.items()}
        results: list[ScoreLike] = [None] * total
        for row, item in zip(rows, as_list(self.run(subset, options)), strict=True):
            results[row] = item
        return results

    def run(self, columns: Mapping[str, object], options: Mapping[str, object], cache: derived.Cache | None = None) -> object:
        """Call the function on record columns without nulls in required ones; derives what it reads.

        A column may come as a list or as an Arrow array: derived columns are made from Arrow
        arrays without a copy, a column read as it is becomes a plain list, or an Arrow array for
        a scorer declared with `arrow=True`. `cache` keeps what was made; share one dict among all
        scorers that run on the very same rows.
        """
        cache = {} if cache is None else cache
        return self.function(*(self._argument(column, columns.get(column.source), cache) for column in self.columns), **options)

    def _argument(self, column: ScorerColumn, values: object, cache: derived.Cache) -> object:
        if values is None:
            return None
        if column.name != column.source:
            return derived.derive(column.name, values, cache)
        form = f"{column.name}_arrow" if self.arrow else f"{column.name}_list"
        if form not in cache:
            cache[form] = derived.to_arrow(values) if self.arrow else derived.to_list(values)
        return cache[form]

    def _columns_given(self, positional: Sequence[Sequence[object]], keywords: Mapping[str, object]) -> dict[str, Sequence[object]]:
        sources = list(dict.fromkeys(column.source for column in self.columns))
        given: dict[str, Sequence[object]] = dict(zip(sources, positional, strict=False))
        given.update({name: keywords[name] for name in sources if name in keywords})  # type: ignore[misc]
        unknown = sorted(set(keywords) - set(sources) - set(self.options))
        if unknown:
            raise TypeError(f"{self.name}() takes no '{unknown[0]}'; it reads {sources} with options {list(self.options)}")
        missing = [column.source for column in self.columns if column.required and given.get(column.source) is None]
        if missing:
            raise TypeError(f"{self.name}() needs column '{missing[0]}'")
        return {name: values for name, values in given.items() if values is not None}


@overload
def scorer(function: Callable[..., object], /) -> Scorer: ...
@overload
def scorer(
    *,
    kind: MetricKind = "number",
    range: Range = (None, None),
    higher_is_better: bool | None = None,
    version: int = 1,
    default: bool = False,
    unit: Unit = "record",
    needs: str | None = None,
    arrow: bool = False,
) -> Callable[[Callable[..., object]], Scorer]: ...


def scorer(function: Callable[..., object] | None = None, /, **declared: object) -> Scorer | Callable[[Callable[..., object]], Scorer]:
    """Declare a function as a scorer. Without arguments: a number, unbounded, no direction."""
    if function is None:
        return lambda wrapped: _declare(wrapped, declared)
    return _declare(function, declared)


def _declare(function: Callable[..., object], declared: Mapping[str, object]) -> Scorer:
    columns, options = read_signature(function)
    settings = {"kind": "number", "range": (None, None), "higher_is_better": None, "version": 1, **declared}
    function = by_row(function, [column.name for column in columns])
    wrapped = Scorer(name=function.__name__, function=function, columns=columns, options=options, **settings)  # type: ignore[arg-type]
    object.__setattr__(wrapped, "__doc__", function.__doc__)
    object.__setattr__(wrapped, "__module__", function.__module__)
    return wrapped


def read_signature(function: Callable[..., object]) -> tuple[tuple[ScorerColumn, ...], dict[str, inspect.Parameter]]:
    """Split a function's parameters into columns (before `*`) and options (after it)."""
    columns, options = [], {}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            options[name] = parameter
        elif parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD:
            columns.append(ScorerColumn(name, derived.source_of(name), required=parameter.default is inspect.Parameter.empty))
    return tuple(columns), options


def as_list(result: object) -> list[ScoreLike]:
    """A scorer's return as plain items: Arrow and numpy arrays become Python values."""
    if hasattr(result, "to_pylist"):
        return list(result.to_pylist())
    if hasattr(result, "tolist"):
        return list(result.tolist())
    return list(result)  # type: ignore[call-overload, no-any-return]


@dataclass(frozen=True)
class Metric:
    """A scorer with its options bound, under the one name it has everywhere."""

    name: str
    scorer: Scorer
    options: Mapping[str, object]
    code: str = ""  # hash of the file of a scorer that was given by path

    @property
    def identity(self) -> str:
        """16 hex digits over name, version, parameters and code. Series never mix identities."""
        options = {name: parameter.default for name, parameter in self.scorer.options.items()} | dict(self.options)
        said = json.dumps([self.scorer.name, self.scorer.version, options, self.code], sort_keys=True, default=str)
        return hashlib.blake2b(said.encode(), digest_size=8).hexdigest()
