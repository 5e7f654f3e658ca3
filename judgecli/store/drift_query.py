"""What drift needs of the store (DuckDB): each metric by side, segment and cluster, and its values on a grid.

A side is a filter: `Sides` holds the checked SQL of both. Sums are exact and what comes out is ordered, as in windows_query.py.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import pyarrow as pa

from judgecli.errors import UsageError
from judgecli.schema import REASONS
from judgecli.signal.cells import Window
from judgecli.signal.drift.rows import DriftEvidence, DriftSide
from judgecli.stats.column import two_values_between
from judgecli.store.drift_rows import CategoryRows, DriftGathering, Extent, MetricRows
from judgecli.store.filters import AGE, compile_filter
from judgecli.store.folder import Store
from judgecli.store.query import only_ends, quote, run_checked, sql_column
from judgecli.store.selection import Selection, newest_time, select_records
from judgecli.store.windows_query import ONE_PASS, WindowQuestion, WindowReduction

BATCH = 50_000  # rows that are looked at together
SAMPLE = 2_000  # records of a side whose texts are read
LOGGED = 20_000  # records of a side whose columns are read
MOST_COLUMNS = 40
KIND_COLUMNS = ("model", "prompt_version", "user")
CHARACTERS = 4_000
HUGE = 1e100  # beyond it differences of values are not numbers
CENTRE = (0.01, 0.99)  # quantiles of the reference whose distance stands for the range of an open scale
ENDS = "min(v{m}), max(v{m}), bool_and(v{m} IN (0, 1))"
LOST = ", ".join(f"'{reason}'" for reason, kind in REASONS.items() if kind != "design")


@dataclass(frozen=True)
class Sides:
    """The checked SQL of the two sides, and what a person called them."""

    reference: str
    current: str
    names: tuple[str, str]


@dataclass(frozen=True)
class SideFacts:
    """How many records a side has, and from when to when."""

    rows: int
    first: datetime | None
    last: datetime | None


class DriftReduction(WindowReduction):
    """Two sides of a store's records, and its metrics on them. Use as a context."""

    def __init__(self, store: Store, selection: Selection, names: Sequence[str], sides: Sides, *, by: Sequence[str], cluster: str | None) -> None:
        """Raises: UnknownName (no such metric), UsageError (no such column)."""
        both = replace(selection, where=f"({sides.reference}) OR ({sides.current})")
        super().__init__(store, both, names, WindowQuestion(by, Window.of("all"), cluster))
        self.sides = sides
        self._texts = False
        self._side = f"CASE WHEN ({sides.reference}) THEN 0 ELSE 1 END AS side"

    def facts(self) -> tuple[SideFacts, SideFacts]:
        """What each side holds; also finds the segments. Raises: UsageError where a record is on both sides, or a filter cannot be evaluated."""
        nothing = SideFacts(0, None, None)
        if not self._layouts:
            return nothing, nothing
        every = range(len(self.metrics))
        columns = [f"({self.sides.reference}) AS old", f"({self.sides.current}) AS new", "time"]
        reasons = "".join(f", count(r{m}), {ENDS.format(m=m)}" for m in every)
        rows = self._fetch(f"SELECT old, new, count(*), min(time), max(time){reasons} FROM {self._relation(columns, every)} GROUP BY old, new")
        found = {(row[0], row[1]): SideFacts(*row[2:5]) for row in rows}
        if (True, True) in found:
            raise UsageError(
                f"{found[True, True].rows:,} records are in both the reference and the current records",
                hint="name --reference and --current so that no record is in both",
            )
        self._unscored = [any(row[5 + 4 * m] for row in rows) or any(m not in layout.held for layout in self._layouts) for m in every]
        self._rows = sum(row[2] for row in rows)
        self._seen = self._two_values({m: _joined_ends([row[6 + 4 * m : 9 + 4 * m] for row in rows]) for m in every})
        self.segments = [values for _, values, _ in self._segments()] if self._by and found else [()]
        return found.get((True, False), nothing), found.get((False, True), nothing)

    def evidence(self) -> Iterator[DriftEvidence]:
        """Every metric (its newest identity) over all records, then by segment; after `facts()`."""
        places = [place for place, info in enumerate(self.metrics) if info == self._selection.metric(info.name)]
        numbers = [place for place in places if self.metrics[place].kind != "category"]
        for first in range(0, len(numbers), ONE_PASS):
            some = numbers[first : first + ONE_PASS]
            extents = [self._extent(m) for m in some]
            gathered = DriftGathering(len(self.segments), extents, [self._unscored[m] for m in some], self._rows)
            for batch in self._batches(some):
                gathered.add(batch)
            for position, m in enumerate(some):
                yield from self._metric(m, extents[position], gathered.metric(position))
        for m in places:
            if self.metrics[m].kind == "category":
                yield from self._metric(m, Extent(span=1.0), self._category(m))

    def _two_values(self, seen: Mapping[int, tuple[float | None, float | None, bool | None]]) -> dict[int, tuple[float, float] | None]:
        """Of each metric all its values, where they are two: from the smallest, the largest and whether all are 0 or 1 (ENDS).

        Two other values are looked for on a closed scale alone: elsewhere they decide nothing.
        """
        found: dict[int, tuple[float, float] | None] = {}
        asked = {}
        for m, (least, most, zero_one) in seen.items():
            info, known = self.metrics[m], least is not None and most is not None
            found[m] = two_values_between(least or 0.0, most or 0.0, only_two=bool(zero_one)) if known and info.kind != "category" else None
            if known and found[m] is None and info.kind not in ("rate", "category") and None not in info.range and least != most:
                asked[m] = (float(least or 0.0), float(most or 0.0))
        if asked:
            row = self._fetch(f"SELECT {', '.join(only_ends(f'v{m}', *ends) for m, ends in asked.items())} FROM {self._relation([], list(asked))}")[0]
            found |= {m: two_values_between(*asked[m], only_two=bool(only)) for m, only in zip(asked, row, strict=True)}
        return found

    def served(self, m: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Of each side, the models that an endpoint says it served for the scores of a judge; those of a jury stand in one text."""
        found = self._served_by(m, [self._side], ["side"])
        old, new = (tuple(sorted(model for side, model in found if side == wanted)) for wanted in (0, 1))
        return old, new

    def sample(self, names: Sequence[str], places: Sequence[int], rows: tuple[int, int]) -> pa.Table:
        """About 2,000 records of each side (`rows` says how many there are), whole clusters by their hash: side, cluster, texts, place, columns, v of metrics.

        `names` are columns as `by` names them; they come as c0, c1, ...
        """
        columns = [
            self._side,
            f"{self._cluster} AS cluster",
            *("key", "id", "time", "source.file AS file", "source.line AS line"),
            *(f"left({name}, {CHARACTERS}) AS {name}, length({name}) AS {name}_length" for name in ("input", "output")),
            *(f"{sql_column(name)} AS c{place}" for place, name in enumerate(names)),
        ]
        values = "".join([*(f", c{place}" for place in range(len(names))), *(f", v{m}" for m in places)])
        return self._arrow(
            "SELECT side, cluster, key, id, time, file, line, input, output, input_length, output_length"
            f"{values} FROM {self._relation(columns, places)} WHERE {_sampled(rows, SAMPLE)} ORDER BY side, cluster, key"
        )

    def logged(self, names: Sequence[str], places: Sequence[int], rows: tuple[int, int]) -> pa.Table:
        """About 20,000 records of each side, whole clusters by their hash: side, cluster, prompt, columns as text (c0, c1, ...), and v of metrics.

        A prompt of 0 is not known, a v of NaN has no value: numbers come without nulls.
        """
        columns = [
            self._side,
            f"{self._cluster} AS cluster",
            "key",
            "prompt_hash AS prompt",
            *(f"{sql_column(name)} AS c{place}" for place, name in enumerate(names)),
        ]
        values = [f"COALESCE(v{m}, 'NaN'::DOUBLE) AS v{m}" for m in places]
        wanted = ", ".join(["side", "cluster", "prompt", *(f"c{place}" for place in range(len(names))), *values])
        return self._arrow(f"SELECT {wanted} FROM {self._relation(columns, places)} WHERE {_sampled(rows, LOGGED)} ORDER BY ALL")

    def _batches(self, places: Sequence[int]) -> Iterator[pa.RecordBatch]:
        """Rows in the order of the store: code (2 x segment + side), cluster, and v, x of each metric (NaN: no value; x: is it missing). No nulls."""
        lost = [f"CAST(v{m} IS NULL AND COALESCE(r{m} IN ({LOST}), false) AS TINYINT) AS x{position}" for position, m in enumerate(places) if self._unscored[m]]
        filled = {m: f"COALESCE(v{m}, 'NaN'::DOUBLE)" if self._unscored[m] else f"v{m}" for m in places}
        values = [f"{filled[m]} AS v{position}" for position, m in enumerate(places)]
        rows = self._coded([f"{self._cluster} AS cluster", self._side], places)
        query = f"SELECT CAST(2 * seg + side AS SMALLINT) AS code, cluster, {', '.join([*values, *lost])} FROM {rows}"
        yield from run_checked(lambda: self._connection.sql(query).to_arrow_reader(BATCH))

    def _extent(self, m: int) -> Extent:
        low, high = self.metrics[m].range
        if low is not None and high is not None and low < high:
            return Extent(low, high, max(abs(low), abs(high)), high - low)
        return self._open_extent(m)

    def _open_extent(self, m: int) -> Extent:
        """Where the grid of a scale without ends lies, and how wide its values usually spread on the reference."""
        marks = ", ".join(map(str, CENTRE))
        quantiles = ", ".join(f"quantile_disc(v{m}, [{marks}]) FILTER (side = {side})" for side in (0, 1))
        old, new, largest, least, most = self._fetch(f"SELECT {quantiles}, max(abs(v{m})), min(v{m}), max(v{m}) FROM {self._relation([self._side], [m])}")[0]
        known = [values for values in (old, new) if values]
        if not known:
            return Extent()
        if largest > HUGE:
            return Extent(largest=float(largest), cut=True)
        near, far = float(min(values[0] for values in known)), float(max(values[1] for values in known))
        start, end = max(near - (far - near), float(least)), min(far + (far - near), float(most))  # farther out, values are moved to the ends
        spans = (float(old[1] - old[0]) if old else 0.0, float(most - least), abs(float(most)), 1.0)  # usual range, full range, the one value there is
        span = next(width for width in spans if width > 0)
        return Extent(start, end if end > start else start + 1.0, float(largest), span, least < start or most > end)

    def _metric(self, m: int, extent: Extent, gathered: MetricRows | CategoryRows) -> Iterator[DriftEvidence]:
        info = self.metrics[m]
        reasons = self._why(m) if self._unscored[m] else {}
        for seg in [None, *(range(len(self.segments)) if self._by else [])]:
            segment = {} if seg is None else dict(zip(self._question.by, self.segments[seg], strict=True))
            old, new = (self._side_of(gathered, seg, side, reasons) for side in (0, 1))
            if old.rows or new.rows:
                shape = gathered.shape(seg) if old.scored and new.scored else None
                yield DriftEvidence(
                    info.name,
                    info.identity,
                    info.kind,
                    scale=info.range,
                    higher_is_better=info.higher_is_better,
                    segment=segment,
                    reference=old,
                    current=new,
                    span=extent.span,
                    shape=shape,
                    two_values=self._seen[m],
                )

    def _side_of(self, gathered: MetricRows | CategoryRows, seg: int | None, side: int, reasons: Mapping[tuple[int, int], Mapping[str, int]]) -> DriftSide:
        why: dict[str, int] = {}
        for (place, which), counted in reasons.items():
            if which == side and seg in (None, place):
                for reason, count in counted.items():
                    why[reason] = why.get(reason, 0) + count
        foreign = why.pop("", 0)
        sums, counts, missing, rows, total = gathered.side(seg, side)
        design = None
        if rows.sum() > counts.sum() + missing.sum() + foreign:
            design = rows - counts - missing  # not told where a score is of another identity: then no share is compared
        return DriftSide(sums, counts, missing, total=total, rows=int(rows.sum()), reasons=dict(sorted(why.items())), foreign=foreign, design=design)

    def _why(self, m: int) -> dict[tuple[int, int], dict[str, int]]:
        """By segment and side, how many rows have no value for which reason; the reason '' is another identity."""
        rows = self._coded([self._side], [m])
        found: dict[tuple[int, int], dict[str, int]] = {}
        for seg, side, reason, count in self._fetch(f"SELECT seg, side, COALESCE(r{m}, ''), count(*) FROM {rows} WHERE v{m} IS NULL GROUP BY ALL ORDER BY ALL"):
            found.setdefault((seg, side), {})[reason] = count
        return found

    def _value(self, place: int) -> str:
        """A category as text where its counts are asked for."""
        return f"CAST({quote(self.metrics[place].name)} AS VARCHAR)" if self._texts and self.metrics[place].kind == "category" else super()._value(place)

    def _category(self, m: int) -> CategoryRows:
        self._texts = True
        rows = self._coded([f"{self._cluster} AS cluster", self._side], [m])
        self._texts = False
        lost = f"(v{m} IS NULL AND r{m} IN ({LOST}))"
        query = f"SELECT CAST(2 * seg + side AS INTEGER) AS code, cluster, v{m} AS value, {lost} AS lost, count(*) AS n FROM {rows} GROUP BY ALL"
        return CategoryRows(self._arrow(query))


def _joined_ends(parts: Sequence[tuple[float | None, float | None, bool | None]]) -> tuple[float | None, float | None, bool | None]:
    """ENDS of several parts together; a part without values says nothing."""
    held = [(least, most, bool(only)) for least, most, only in parts if least is not None and most is not None]
    return (min(part[0] for part in held), max(part[1] for part in held), all(part[2] for part in held)) if held else (None, None, None)


def kind_columns(selection: Selection) -> list[str]:
    """The columns that the records have beside texts, numbers, names of single records and results of the app: model, prompt_version, user and the tags."""
    present = {name for shard in selection.scope.shards for name in shard.present}
    tags = sorted(f"tags.{name.removeprefix('tags_')}" for name in present if name.startswith("tags_"))
    return [name for name in (*KIND_COLUMNS, *tags) if name in present or name.startswith("tags.")][:MOST_COLUMNS]


def _sampled(rows: tuple[int, int], most: int) -> str:
    """The condition of a sample of whole clusters, about so many records of each side."""
    limits = [int(min(1.0, most / max(count, 1)) * 1048576) for count in rows]
    return f"hash(cluster) % 1048576 < CASE WHEN side = 0 THEN {limits[0]} ELSE {limits[1]} END"


def side_condition(store: Store, selection: Selection, text: str) -> str:
    """The checked SQL of one side: a filter over all records (`selection`), run:last or run:ID. Raises: UsageError, UnknownName."""
    if not text.startswith("run:"):
        newest = newest_time(store, selection.scope.shards) if AGE.fullmatch(text.strip()) else None
        return f"COALESCE({compile_filter(text, newest=newest)}, false)" if text.strip() else "true"
    scope = select_records(store, text).scope
    own = f"file_id IN ({', '.join(map(str, scope.file_ids)) or 'NULL'})"
    keys = [f"from_hex('{key.hex()}')" for key in scope.adopted.column("key").to_pylist()]
    return f"({own} OR key IN ({', '.join(keys)}))" if keys else f"({own})"
