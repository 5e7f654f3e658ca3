"""The one pure function of the engine: records of a shard and metrics in, a wide table of scores out.

It maps unchanged over worker processes (local.py) or a cluster. A batch is at most `BATCH_ROWS` rows
and about `BATCH_BYTES` of text, so that derived columns stay in the processor's cache.
"""

import inspect
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from judgecli.engine.columns import is_text, is_valid, read_column, required_sources, single
from judgecli.engine.faults import check_length, check_shape, said_of, shown
from judgecli.engine.remote import run_async
from judgecli.errors import EnvironmentFailure, ScorerBroken
from judgecli.schema import NOTHING, NUMBER_COLUMNS, REASONS, unread_name
from judgecli.scorer import Metric, Score, Scorer, as_list

BATCH_ROWS = 2_000
BATCH_BYTES = 8 << 20
STORIES = ("label", "explanation", "detail")
SERVED = "served_model"  # the model that an endpoint says it served, beside a judge's score
REASON_NAMES = list(REASONS)
CODES = {name: code for code, name in enumerate(REASON_NAMES)}
SCORED, OPEN = -1, -2


class ShardCells:
    """The cells of one metric for consecutive rows: a value or a reason each, and what was told about them.

    `values` is a float array, or a list of texts for a category; `codes` says why a row has no
    value, as a place in `REASON_NAMES` (SCORED where it has one, OPEN where nothing is known yet).
    """

    def __init__(self, codes: np.ndarray, *, category: bool) -> None:
        self.codes = codes
        self.category = category
        self.numbers = np.zeros(0 if category else len(codes))
        self.texts: list[str | None] = [None] * (len(codes) if category else 0)
        self.stories: dict[str, list[str | None]] = {}

    @classmethod
    def read(cls, table: pa.Table, name: str, *, category: bool) -> "ShardCells":
        """The cells that the columns of a score file hold."""
        reasons = single(table.column(f"{name}.reason")).cast(pa.string())
        places = pc.fill_null(pc.index_in(reasons, pa.array(REASON_NAMES)), SCORED)
        cells = cls(places.to_numpy(zero_copy_only=False).astype(np.int8), category=category)
        values = single(table.column(name))
        if category:
            cells.texts = values.cast(pa.string()).to_pylist()
        else:
            cells.numbers = pc.fill_null(values, 0.0).to_numpy(zero_copy_only=False).copy()
        told = [kind for kind in (*STORIES, SERVED) if f"{name}.{kind}" in table.column_names]
        cells.stories = {kind: single(table.column(f"{name}.{kind}")).cast(pa.string()).to_pylist() for kind in told}
        return cells

    def reopen(self, row: int) -> None:
        """Forget what is known of one row."""
        self.codes[row] = OPEN
        for texts in self.stories.values():
            texts[row] = None

    def take(self, row: int, other: "ShardCells") -> None:
        """Make one row what it is in other cells of the same metric."""
        self.codes[row] = other.codes[row]
        if self.category:
            self.texts[row] = other.texts[row]
        else:
            self.numbers[row] = other.numbers[row]
        for kind, texts in other.stories.items():
            if (text := texts[row]) is not None:
                self.tell(kind, row, text)

    def set(self, row: int, value: object) -> None:
        """Score one row."""
        self.codes[row] = SCORED
        if self.category:
            self.texts[row] = str(value)
        else:
            self.numbers[row] = float(value)  # type: ignore[arg-type]

    def refuse(self, row: int, reason: str, explanation: str | None = None) -> None:
        """Leave one row unscored, with its reason."""
        self.codes[row] = CODES[reason]
        if self.category:
            self.texts[row] = None
        if explanation is not None:
            self.tell("explanation", row, explanation)

    def tell(self, kind: str, row: int, text: str) -> None:
        """Keep a label, an explanation or a detail of one row."""
        texts = self.stories.get(kind)
        if texts is None:
            texts = self.stories[kind] = [None] * len(self.codes)
        texts[row] = text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()  # a lone surrogate has no UTF-8

    def columns(self, name: str) -> dict[str, pa.Array]:
        """The cells as columns of a score file. A cell that is still open is a bug of ours."""
        if (self.codes == OPEN).any():
            raise AssertionError(f"metric {name} left {int((self.codes == OPEN).sum())} cells without a state")
        scored = self.codes == SCORED
        values = pa.array(self.texts, pa.string()).dictionary_encode() if self.category else pa.array(self.numbers, mask=~scored)
        reasons = pa.DictionaryArray.from_arrays(pa.array(self.codes, mask=scored), pa.array(REASON_NAMES))
        told = {kind: texts for kind, texts in sorted(self.stories.items()) if any(text is not None for text in texts)}
        return {name: values, f"{name}.reason": reasons, **{f"{name}.{kind}": pa.array(texts, pa.string()) for kind, texts in told.items()}}


def score_table(records: pa.Table, metrics: Sequence[Metric], *, on_batch: Callable[[int], object] | None = None) -> pa.Table:
    """Score every record with every metric.

    Returns one row a record, in order: `NAME` (double; dictionary of strings for a category),
    `NAME.reason`, and `NAME.label`, `NAME.explanation`, `NAME.detail` where any was given.
    Every cell has a value or a reason of schema.REASONS, never both, never neither.
    """
    batches: list[pa.Table] = []
    for batch in split_batches(records):
        view = _View(batch)
        batches.append(_to_table([(metric, _score_batch(metric, view)) for metric in metrics]))
        if on_batch is not None:
            on_batch(batch.num_rows)
    if not batches:
        return _to_table([(metric, ShardCells(np.empty(0, np.int8), category=metric.scorer.kind == "category")) for metric in metrics])
    return pa.concat_tables(batches, promote_options="default").unify_dictionaries().combine_chunks()


def split_batches(records: pa.Table) -> Iterator[pa.Table]:
    """Slices of bounded rows and bytes, in order."""
    average = max(1, records.nbytes // max(1, records.num_rows))
    step = max(1, min(BATCH_ROWS, BATCH_BYTES // average))
    for start in range(0, records.num_rows, step):
        yield records.slice(start, step).combine_chunks()


class _ColumnSelection(NamedTuple):
    """The rows of a batch that hold all of `present` and none of `absent`."""

    present: tuple[str, ...]
    absent: tuple[str, ...] = ()


class _View:
    """One batch of records as scorers see it: columns without the rows that lack something, derived ones shared."""

    def __init__(self, batch: pa.Table) -> None:
        self.batch = batch
        self._columns: dict[str, pa.Array] = {}
        self._caches: dict[_ColumnSelection, dict[str, object]] = {}
        self._subsets: dict[tuple[str, _ColumnSelection], pa.Array] = {}
        self._rows: dict[_ColumnSelection, np.ndarray] = {}

    def column(self, source: str) -> pa.Array:
        """A record column, or the column that a tag or an imported score makes; nulls where it has none."""
        if source not in self._columns:
            self._columns[source] = read_column(self.batch, source)
        return self._columns[source]

    def rows(self, selection: _ColumnSelection) -> np.ndarray:
        """The places of the selected rows."""
        if selection not in self._rows:
            chosen = np.ones(self.batch.num_rows, dtype=bool)
            for source in selection.present:
                chosen &= is_valid(self.column(source))
            for source in selection.absent:
                chosen &= ~is_valid(self.column(source))
            self._rows[selection] = np.flatnonzero(chosen)
        return self._rows[selection]

    def columns(self, scorer: Scorer, selection: _ColumnSelection) -> dict[str, pa.Array | None]:
        """The record columns that a scorer reads, for the selected rows; None where an optional one holds nothing."""
        found: dict[str, pa.Array | None] = {}
        for column in scorer.columns:
            array = self._taken(column.source, selection)
            found[column.source] = None if not column.required and array.null_count == len(array) else array
        return found

    def cache(self, selection: _ColumnSelection) -> dict[str, object]:
        """What was derived so far for the selected rows."""
        return self._caches.setdefault(selection, {})

    def _taken(self, source: str, selection: _ColumnSelection) -> pa.Array:
        if (source, selection) not in self._subsets:
            rows, array = self.rows(selection), self.column(source)
            self._subsets[source, selection] = array if len(rows) == len(array) else array.take(pa.array(rows))
        return self._subsets[source, selection]

    def begin(self, scorer: Scorer) -> ShardCells:
        """The cells of a scorer before it runs: OPEN where the row has all that it needs, else why it cannot be scored.

        Null output of a row that asks for one is a failure, and so is a score, latency, cost or number of tokens that the log
        has a column for and that this record lacks (`input_missing_field`) or has in a form that is no number (`metric_error`);
        any other gap is by design.
        """
        required = required_sources(scorer)
        codes = np.full(self.batch.num_rows, CODES["not_applicable"], dtype=np.int8)
        if "output" in required:
            codes[~is_valid(self.column("output")) & self._expects_output()] = CODES["input_missing_field"]
        told = {source: self._said(source) for source in required if source.startswith("imported_") or source in NUMBER_COLUMNS}
        for said in told.values():
            codes[is_text(said, NOTHING)] = CODES["input_missing_field"]
        unreadable = {source: is_valid(said) & ~is_text(said, NOTHING) for source, said in told.items() if source in NUMBER_COLUMNS}
        codes[self.rows(_ColumnSelection(required))] = OPEN
        cells = ShardCells(codes, category=scorer.kind == "category")
        for source, mask in unreadable.items():
            for row in np.flatnonzero(mask & (codes != OPEN)).tolist():
                cells.refuse(row, "metric_error", f"{source} is {told[source][row].as_py()[:80]}, which is no number")
        return cells

    def _said(self, source: str) -> pa.Array:
        """What the log says where a column of numbers or a score should stand, as JSON text; nulls where it tells nothing."""
        name = unread_name(source) if source in NUMBER_COLUMNS else source.removeprefix("imported_")
        if "imported" not in self.batch.column_names or self.batch.column("imported").null_count == self.batch.num_rows:
            return pa.nulls(self.batch.num_rows, pa.string())
        return single(pc.map_lookup(self.batch.column("imported"), pa.scalar(name), "last"))

    def _expects_output(self) -> np.ndarray:
        """Rows that should hold an output text: those with an input or a conversation, unless the model answered with tool calls or the call failed.

        A row that holds only a label or a score of the log has nothing to judge: `not_applicable`, by design. So has one with an
        `error` and no output: the metric `error` counts it, and where its share differs between two sides, that is tested.
        """
        expects = is_valid(self.column("input")) | is_valid(self.column("messages")) | is_valid(self.column("output_messages"))
        expects &= ~is_valid(self.column("error"))
        for row in np.flatnonzero(expects & ~is_valid(self.column("output")) & is_valid(self.column("output_messages"))):
            messages = self.column("output_messages")[int(row)].as_py()
            expects[row] = not any(part["type"] == "tool_call" for message in messages for part in message["parts"] or ())
        return np.asarray(expects)


def open_cells(records: pa.Table, scorer: Scorer) -> ShardCells:
    """The cells of a scorer before it ran: OPEN where the row has all that it needs, else the reason."""
    return _View(records).begin(scorer)


def _score_batch(metric: Metric, view: _View) -> ShardCells:
    cells = view.begin(metric.scorer)
    for selection in _selections(metric.scorer, required_sources(metric.scorer)):
        rows = view.rows(selection)
        if len(rows):
            try:
                _fill(cells, rows, _call(metric, view, selection), metric.scorer)
            except (EnvironmentFailure, ScorerBroken):
                raise  # a missing extra, or a result that is not one item a row: nothing that a row could be blamed for
            except (Exception, SystemExit):  # noqa: BLE001 - whatever a scorer raises, only the rows that raise lose their score
                _rescue(cells, rows, metric, view, selection)
    return cells


def _selections(scorer: Scorer, required: tuple[str, ...]) -> list[_ColumnSelection]:
    """The rows to call a scorer with at once: all that hold what it requires, but apart where they differ in an
    optional column that is derived, which describes every row of a call or none."""
    described = sorted({column.source for column in scorer.columns if not column.required and column.name != column.source} - set(required))
    choices = itertools.product((True, False), repeat=len(described))
    return [
        _ColumnSelection((*required, *itertools.compress(described, choice)), tuple(source for source, held in zip(described, choice, strict=True) if not held))
        for choice in choices
    ]


def _call(metric: Metric, view: _View, selection: _ColumnSelection) -> object:
    result = metric.scorer.run(view.columns(metric.scorer, selection), metric.options, view.cache(selection))
    if inspect.iscoroutine(result):
        result = run_async(result)
    rows = len(view.rows(selection))
    check_shape(result, rows, metric.scorer)
    found = result if isinstance(result, (pa.Array, pa.ChunkedArray, np.ndarray)) else as_list(result)
    check_length(len(found), rows, metric.scorer)
    return found


def _rescue(cells: ShardCells, rows: np.ndarray, metric: Metric, view: _View, selection: _ColumnSelection) -> None:
    """Run a batch that raised again, row by row: only the raising rows become `metric_error`."""
    for row in rows.tolist():
        try:
            _fill(cells, np.array([row]), _call(metric, _View(view.batch.slice(row, 1)), selection), metric.scorer)
        except (EnvironmentFailure, ScorerBroken):
            raise
        except (Exception, SystemExit) as error:  # noqa: BLE001 - same
            cells.refuse(row, "metric_error", said_of(error, metric.scorer))


def _fill(cells: ShardCells, rows: np.ndarray, result: object, scorer: Scorer) -> None:
    """Put what a scorer returned into the cells; a value outside the contract becomes `metric_error`."""
    numbers = None if cells.category else _as_numbers(result)
    if numbers is not None and not _has_fault(numbers, scorer):
        cells.numbers[rows] = pc.fill_null(numbers, 0.0).to_numpy(zero_copy_only=False)
        cells.codes[rows] = np.where(is_valid(numbers), SCORED, CODES["not_applicable"])
        return
    for row, item in zip(rows.tolist(), as_list(result), strict=True):
        fill_one(cells, row, item, scorer)


def _as_numbers(result: object) -> pa.Array | None:
    """The result as a float array with nulls, or None where it holds anything but numbers and None."""
    try:
        array = result if isinstance(result, (pa.Array, pa.ChunkedArray)) else pa.array(result)
        if not (pa.types.is_floating(array.type) or pa.types.is_integer(array.type) or pa.types.is_boolean(array.type) or pa.types.is_null(array.type)):
            return None
        return single(pc.cast(array, pa.float64()))
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return None


def _has_fault(numbers: pa.Array, scorer: Scorer) -> bool:
    known = numbers.drop_null().to_numpy(zero_copy_only=False)
    if len(known) == 0:
        return False
    low, high = float(known.min()), float(known.max())
    return any(_find_fault(number, scorer) is not None for number in (low, high))  # min and max of an array with NaN are NaN


def fill_one(cells: ShardCells, row: int, item: object, scorer: Scorer) -> None:
    """Put one item that a scorer returned into a cell; a value outside the contract becomes `metric_error`."""
    value = item
    if isinstance(item, Score):
        value = item.label if cells.category and item.value is None else item.value
        for kind in STORIES:
            if (text := getattr(item, kind)) is not None:
                cells.tell(kind, row, str(text))
        if item.reason is not None:
            return cells.refuse(row, item.reason if item.reason in REASONS else "metric_error")
    if value is None:
        return cells.refuse(row, "not_applicable")
    fault = _find_fault(value, scorer)
    return cells.set(row, value) if fault is None else cells.refuse(row, "metric_error", fault)


def _find_fault(value: object, scorer: Scorer) -> str | None:
    """What is wrong with a returned value, or None."""
    if scorer.kind == "category":
        if not isinstance(value, str):
            return f"returned {shown(value)}, where a category is text"
        return None if _is_utf8(value) else f"returned {value!a:.80}, where a category is text that UTF-8 can write"
    if not isinstance(value, (bool, int, float, np.number)):
        hint = "; a scorer of texts is declared with @scorer(kind='category')" if isinstance(value, str) else ""
        return f"returned {shown(value)}, which is no number{hint}"
    number = float(value)
    low, high = scorer.range
    if not math.isfinite(number):
        return f"returned {number}, which is not finite"
    if (low is not None and number < low - 1e-9) or (high is not None and number > high + 1e-9):
        return f"returned {number}, outside its declared range"
    return None


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _to_table(scored: Sequence[tuple[Metric, ShardCells]]) -> pa.Table:
    columns: dict[str, pa.Array] = {}
    for metric, cells in scored:
        columns.update(cells.columns(metric.name))
    return pa.table(columns)


def check_options(metric: Metric) -> None:
    """Call a scorer that has options or needs an extra with no rows, so that what it refuses or lacks is an error before any work.

    Raises: ValueError, EnvironmentFailure.
    """
    if not (metric.scorer.options or metric.scorer.needs) or inspect.iscoroutinefunction(metric.scorer.function):
        return
    metric.scorer.run({column.source: pa.array([], pa.string()) for column in metric.scorer.columns}, metric.options)
