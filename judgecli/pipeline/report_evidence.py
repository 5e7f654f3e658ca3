"""What a report rests on: the queries of one selection of records."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from judgecli.errors import UnknownName, UsageError
from judgecli.report import Change, Contrast, Example
from judgecli.signal.gathering import Gathered, Gatherer, column_value
from judgecli.signal.headline import important
from judgecli.signal.series import policy_label
from judgecli.signal.side_by_side import pairs_of
from judgecli.signal.summary import MetricSummary, summarise
from judgecli.store.filters import COLUMNS
from judgecli.store.folder import Shard, Store
from judgecli.store.query import Reduction, cluster_column
from judgecli.store.selection import Selection
from judgecli.store.tables import MetricInfo

SAMPLE = 200_000  # records, drawn by whole clusters, that slices, changes and distributions look at
EXAMPLES = 5
EXCERPT = 600
TRAIT_COLUMNS = ("key", "prompt_hash", "cluster_hash", "time", "session", "input", "model", "prompt_version", "finish_reason", "tags")
EXAMPLE_COLUMNS = ("id", "time", "model", "prompt_version", "tags", "input", "output", "source")


class Evidence:
    """The queries of one report."""

    def __init__(self, store: Store, selection: Selection, by: Sequence[str], cluster: str | None) -> None:
        self.store, self.selection, self.by, self.cluster = store, selection, by, cluster
        self.infos: dict[str, MetricInfo] = {name: found[0] for name, found in selection.metrics.items()}
        self.notes = [
            f"{name} was measured in {len(found)} ways; identity {found[0].identity[:12]} alone is shown, records without it are pending"
            for name, found in selection.metrics.items()
            if len(found) > 1
        ]
        self.total = self._count(selection.scope.shards)

    def check(self, metric: str | None) -> None:
        """Raises: UsageError where nothing is selected, UnknownName for a metric or column that does not exist."""
        if not self.total:
            raise UsageError(f"no record matches {self.selection.on!r}", hint="judge store info shows what the store holds; leave --on out for all records")
        if metric is not None and metric not in self.infos:
            raise UnknownName("metric of these records", metric, known=self.infos)
        cluster_column(self.cluster)  # is it one at all?
        for name in self.by:
            if not name.startswith("tags.") and name not in COLUMNS:
                raise UnknownName("record column", name, known=[*COLUMNS, "tags.NAME"])

    def _open(self, shards: Sequence[Shard], names: Sequence[str], where: str | None = None) -> Reduction:
        conditions = [f"({text})" for text in (self.selection.where, where) if text]
        metrics = [(name, self.infos[name].identity) for name in names]
        scope = replace(self.selection.scope, shards=tuple(shards))
        return Reduction(self.store, scope, metrics, where=" AND ".join(conditions) or None, cluster=self.cluster)

    def _count(self, shards: Sequence[Shard]) -> int:
        with self._open(shards, ()) as reduction:
            return sum(batch.num_rows for batch in reduction.records(["key"]))

    def _shards_of(self, name: str) -> tuple[Shard, ...]:
        return tuple(self.selection.shards_of[name, self.infos[name].identity])

    def counts(self) -> dict[str, int]:
        """The conservation law of the scope, and how many of its records are selected."""
        lines = self.selection.scope.counts
        names = ("lines", "accepted", "quarantined", "duplicate", "forgotten")
        return {**{name: getattr(lines, name) for name in names}, "selected": self.total}

    def scope(self) -> dict[str, Any]:
        """What was selected and how many, as fields of a Report."""
        return {"selection": self.selection.on, "counts": self.counts()}

    def summary(self, name: str) -> MetricSummary:
        """One metric over the selection; records of shards that do not hold it are pending."""
        info, shards = self.infos[name], self._shards_of(name)
        with self._open(shards, [name]) as reduction:
            reduced = reduction.reduce(name)
        missing = self.total - reduced.scored - sum(reduced.reasons.values())
        if missing:
            reduced = replace(reduced, reasons={**reduced.reasons, "not_asked": reduced.reasons.get("not_asked", 0) + missing})
        return summarise(name, info.identity, kind=info.kind, scale=info.range, higher_is_better=info.higher_is_better, reduced=reduced)

    def gather(self) -> Gathered:
        """The records, or a sample of whole clusters, with traits and values."""
        gatherer = Gatherer(self.by, list(self.infos))
        where = None
        if self.total > SAMPLE:
            share = SAMPLE / self.total
            where = f"(cluster_hash & 1048575) < {int(share * 1048576)}"
            self.notes.append(f"slices, changes and distributions look at a sample of {share:.1%} of the clusters (about {SAMPLE:,} records)")
        groups: dict[tuple[str, ...], list[Shard]] = {}
        for shard in self.selection.scope.shards:
            held = tuple(name for name in self.infos if shard in self._shards_of(name))
            groups.setdefault(held, []).append(shard)
        for names, shards in groups.items():
            with self._open(shards, names, where) as reduction:
                for batch in reduction.records(_unique([*TRAIT_COLUMNS, *self._by_columns()]), names):
                    gatherer.add(_records(batch), {name: _numbers(batch, name, self.infos[name]) for name in names})
        return gatherer.finish()

    def _by_columns(self) -> list[str]:
        return [name if name in TRAIT_COLUMNS else f'"{name}"' for name in self.by if not name.startswith("tags.")]

    def answers(self, subject: str | None, up: bool | None, changes: Sequence[Change], gathered: Gathered) -> dict[str, Any]:
        """The records that a report shows, as its fields."""
        worst, best = self.examples(subject, up)
        return {"worst": worst, "best": best, "contrasts": self.contrasts(changes, gathered), "quarantine": self.quarantine()}

    def examples(self, subject: str | None, up: bool | None) -> tuple[list[Example], list[Example]]:
        """The worst and the best records of the subject, each prompt once; none where it has no direction (`up` is None)."""
        if subject is None or up is None or self.infos[subject].kind == "category":
            return [], []
        return self._extreme(subject, "ASC" if up else "DESC"), self._extreme(subject, "DESC" if up else "ASC")

    def _extreme(self, subject: str, direction: str) -> list[Example]:
        quoted = '"' + subject.replace('"', '""') + '"'
        found: dict[object, tuple[bytes, float]] = {}
        with self._open(self._shards_of(subject), [subject]) as reduction:
            for batch in reduction.records(["key", "prompt_hash"], [subject], order=f"{quoted} {direction} NULLS LAST, key", batch_rows=500):
                for key, prompt, value in zip(*(batch.column(name).to_pylist() for name in ("key", "prompt_hash", subject)), strict=True):
                    if value is not None and len(found) < EXAMPLES:
                        found.setdefault(prompt, (key, value))
                break  # five different prompts are among the first 500, or the log repeats itself
        wanted = dict(found.values())
        rows = self._rows(subject, list(wanted))
        return [_example(rows[key], value, self.by) for key, value in wanted.items() if key in rows]

    def _rows(self, metric: str, keys: Sequence[bytes]) -> dict[bytes, dict[str, Any]]:
        """The records with these keys, as an example shows them."""
        if not keys:
            return {}
        listed = ", ".join(f"from_hex('{key.hex()}')" for key in keys)
        with self._open(self._shards_of(metric), (), f"key IN ({listed})") as reduction:
            columns = _unique(["key", *EXAMPLE_COLUMNS, *self._by_columns()])
            return {row["key"]: row for batch in reduction.records(columns) for row in batch.to_pylist()}

    def contrasts(self, changes: Sequence[Change], gathered: Gathered) -> list[Contrast]:
        """Answers side by side for the most important change for the worse whose two sides answered one prompt; else for the better."""
        for change in sorted(important(changes), key=lambda item: item.worse is not True):
            values = gathered.values[change.metric]
            pairs = pairs_of(change, gathered, values)
            rows = self._rows(change.metric, [gathered.keys[row] for pair in pairs for row in pair])
            found = []
            for pair in pairs:
                sides = [_example(rows[gathered.keys[row]], float(values[row]), self.by) for row in pair if gathered.keys[row] in rows]
                if len(sides) == 2:
                    found.append(Contrast(change.metric, change.column, *sides))
            if found:
                return found
        return []

    def quarantine(self) -> dict[str, int]:
        """The quarantined lines of the scope by reason, the most frequent first."""
        marks = ",".join("?" * len(self.selection.scope.file_ids))
        query = f"SELECT reason, count(*) AS n FROM quarantine WHERE file_id IN ({marks}) GROUP BY 1 ORDER BY 2 DESC, 1"
        return {row["reason"]: row["n"] for row in self.store.ledger.rows(query, self.selection.scope.file_ids)}


def _unique(names: Sequence[str]) -> list[str]:
    return list({name.strip('"'): name for name in reversed(names)}.values())[::-1]


def _records(batch: Any) -> Iterator[dict[str, Any]]:
    """The rows of a batch; times as microseconds since 1970."""
    import pyarrow as pa

    columns = {name: batch.column(name) for name in batch.column_names if name != "file_id"}
    columns["time"] = columns["time"].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())
    lists = {name: column.to_pylist() for name, column in columns.items() if not pa.types.is_floating(column.type) or name in TRAIT_COLUMNS}
    for row in zip(*lists.values(), strict=True):
        yield dict(zip(lists, row, strict=True))


def _numbers(batch: Any, name: str, info: MetricInfo) -> "np.ndarray[Any, np.dtype[np.float64]]":
    if info.kind == "category":
        return np.full(batch.num_rows, np.nan)
    return np.asarray(batch.column(name).to_numpy(), dtype=np.float64)


def _example(row: Mapping[str, Any], value: float, by: Sequence[str]) -> Example:
    source = row.get("source") or {}
    return Example(
        key=row["key"].hex(),
        id=row["id"],
        time=row["time"],
        policy=policy_label([column_value(row, name) for name in by]),
        value=value,
        input=None if row["input"] is None else row["input"][:EXCERPT],
        output=None if row["output"] is None else row["output"][:EXCERPT],
        input_length=len(row["input"] or ""),
        output_length=len(row["output"] or ""),
        file=source.get("file"),
        line=source.get("line"),
    )
