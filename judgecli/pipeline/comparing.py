"""Answers to one prompt side by side, as parts of a judge run: pairs and lists of the records of a scope.

The prompts are dealt into 64 buckets by their hash: a bucket is judged by one process at a time. Texts are read for some
buckets together, at most about 50,000 records, whatever the size of the log.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from judgecli.engine.columns import read_column
from judgecli.engine.judging import Sheet
from judgecli.engine.shard import SERVED, STORIES
from judgecli.pipeline.sheets import Part, Rivals, Wanted, rows_of_scope, sampled_rows
from judgecli.schema import FILE
from judgecli.scorer import Metric
from judgecli.signal.compare.rivals import RivalAnswer, RivalPair, comparisons_of, history_of, left_out, without_system
from judgecli.store import tables
from judgecli.store.comparisons import KeptComparison, claim_comparisons, find_comparisons, write_comparisons
from judgecli.store.folder import Store
from judgecli.store.ledger import Ledger
from judgecli.store.scope import Scope

BUCKETS = 64
LOADED_ROWS = 50_000  # records whose texts are held at a time, unless one bucket has more


def comparison_parts(store: Store, scope: Scope, metric: Metric, rivals: Rivals, wanted: Wanted) -> Iterator[Part]:
    """The buckets of prompts that two or more records of the scope answer. Raises: UsageError (no such column)."""
    prompts = _repeated_prompts(store, scope)
    of_bucket = prompts.view(np.uint64) % BUCKETS
    sizes = np.bincount(of_bucket.astype(np.int64), minlength=BUCKETS)
    first = 0
    while first < BUCKETS:
        last = first + 1
        while last < BUCKETS and sizes[first : last + 1].sum() <= LOADED_ROWS:
            last += 1
        if sizes[first:last].any():
            records = _load(store, scope, metric, rivals, np.unique(prompts[(of_bucket >= first) & (of_bucket < last)]))
            answers = _answers(records, rivals)
            kept = answers.places
            for bucket in range(first, last):
                own = [one for one in answers.of if one.prompt % BUCKETS == bucket]
                if own:
                    places = [kept[one.key] for one in own]
                    yield ComparisonPart(store, metric, wanted, bucket=bucket, records=records, answers=own, rows=places)
        first = last


def _repeated_prompts(store: Store, scope: Scope) -> np.ndarray:
    """The prompt of every record of the scope whose prompt another record of it has too."""
    found = [np.empty(0, dtype=np.int64)]
    for shard in scope.shards:
        records = tables.read_parquet(store.records_path(shard.name), ["key", "file_id", "prompt_hash"])
        prompts = records.column("prompt_hash")
        chosen = rows_of_scope(records, scope) & prompts.is_valid().to_numpy()
        found.append(prompts.fill_null(0).to_numpy()[chosen])
    every = np.concatenate(found)
    names, counts = np.unique(every, return_counts=True)
    return every[np.isin(every, names[counts > 1])]


def _load(store: Store, scope: Scope, metric: Metric, rivals: Rivals, prompts: np.ndarray) -> pa.Table:
    """The records of the scope with one of these prompts: what the metric reads and what tells policies apart."""
    read = [column.source for column in metric.scorer.columns if column.source != "outputs"]
    named = [*rivals.policy, *([rivals.group] if rivals.group not in (None, "input") else [])]
    wanted = {source.split("_")[0] if source.startswith(("tags_", "imported_")) else source for source in read}
    wanted |= {"tags" if str(name).startswith("tags.") else "source" if name == FILE else str(name) for name in named}
    columns = sorted({*wanted, "key", "file_id", "prompt_hash", "input", "output", "messages"})
    parts = []
    for shard in scope.shards:
        records = tables.read_parquet(store.records_path(shard.name), columns)
        chosen = rows_of_scope(records, scope) & np.isin(records.column("prompt_hash").fill_null(0).to_numpy(), prompts)
        parts.append(records.filter(pa.array(chosen & records.column("output").is_valid().to_numpy() & records.column("prompt_hash").is_valid().to_numpy())))
    return pa.concat_tables(parts).combine_chunks()


@dataclass
class _Answers:
    """Answers in an order of their own, and the row of each."""

    of: list[RivalAnswer]
    places: dict[bytes, int]


def _answers(records: pa.Table, rivals: Rivals) -> _Answers:
    def column(name: str) -> list[Any]:
        if name == FILE:
            return list(pc.struct_field(records.column("source"), "file").to_pylist())
        return list(read_column(records, name.replace("tags.", "tags_", 1)).to_pylist())

    keys, prompts, outputs = column("key"), column("prompt_hash"), column("output")
    histories = [history_of(messages) for messages in column("messages")]
    if rivals.group not in (None, "input"):
        histories = [history + repr(value).encode() for history, value in zip(histories, column(str(rivals.group)), strict=True)]
    policies = list(zip(*(column(name) for name in rivals.policy), strict=True)) if rivals.policy else [()] * len(keys)
    found = [RivalAnswer(*row) for row in zip(keys, prompts, histories, policies, outputs, strict=True)]
    return _Answers(found, {key: place for place, key in enumerate(keys)})


class ComparisonPart:
    """The comparisons of one bucket of prompts."""

    def __init__(
        self, store: Store, metric: Metric, wanted: Wanted, bucket: int, records: pa.Table, answers: Sequence[RivalAnswer], rows: Sequence[int]
    ) -> None:
        """`records` holds the rows of the answers, and maybe others; `rows` says where."""
        self.store = store
        self.metric = metric
        self.wanted = wanted
        self.bucket = bucket
        self.records = records
        self.answers = answers
        self.rows = rows
        kind = "pair" if metric.scorer.unit == "pair" else "prompt"
        self.units: list[RivalPair] = list(comparisons_of(answers, kind))  # type: ignore[arg-type]
        self.left_out = left_out(answers)

    @property
    def lease(self) -> str:
        """Of one bucket and metric, whatever the scope."""
        return f"judge:comparisons-{self.bucket}:{self.metric.name}:{self.metric.identity}"

    def has_work(self) -> bool:
        """Whether there is anything to compare; what is known already is found when it is opened."""
        return bool(self.units)

    def claim(self, run_id: int) -> None:
        """Enter the units in the ledger."""
        keys = [one.key for one in self.answers]
        units = [
            KeptComparison(unit.key, self.metric.name, self.metric.scorer.unit, unit.prompt, tuple(keys[member] for member in unit.members), unit.places)
            for unit in self.units
        ]
        with closing(Ledger(self.store.ledger.path)) as ledger:
            claim_comparisons(ledger, self.metric.identity, units, run_id)

    def open(self) -> Sheet:
        """One row a comparison: `outputs` are the texts to compare, the other columns what all of them share."""
        table = self._table()
        with closing(Ledger(self.store.ledger.path)) as ledger:
            known = find_comparisons(ledger, self.metric.identity, [unit.key for unit in self.units])
        every = np.ones(len(self.units), dtype=bool)
        return Sheet(
            f"comparisons-{self.bucket}",
            table,
            self.metric,
            before=_before(self.metric, [known.get(unit.key) for unit in self.units]),
            wanted=every,
            sampled=sampled_rows(table, self.wanted.sample),
            retried=self.wanted.retried,
            reread=self.wanted.reread,
        )

    def write(self, cells: pa.Table, run_id: int) -> None:
        """Into the ledger."""
        with closing(Ledger(self.store.ledger.path)) as ledger:
            write_comparisons(ledger, self.metric.identity, [unit.key for unit in self.units], cells, run_id)

    def _table(self) -> pa.Table:
        members = [[self.rows[member] for member in unit.members] for unit in self.units]
        firsts = pa.array([own[0] for own in members], pa.int64())
        outputs = [list(dict.fromkeys(self.answers[member].text for member in unit.members)) for unit in self.units]
        if self.metric.scorer.unit == "pair":
            outputs = [[self.answers[member].text for member in unit.members] for unit in self.units]
        columns: dict[str, Any] = {
            "key": pa.array([unit.key for unit in self.units], pa.binary(16)),
            "prompt_hash": pa.array([unit.prompt for unit in self.units], pa.int64()),
            "input": self.records.column("input").take(firsts),
            "output": self.records.column("output").take(firsts),
            "outputs": pa.array(outputs, pa.list_(pa.string())),
        }
        for source in {column.source for column in self.metric.scorer.columns} - set(columns):
            columns[source] = self._shared(source, members)
        return pa.table(columns)

    def _shared(self, source: str, members: Sequence[Sequence[int]]) -> pa.Array:
        """A column where all answers of a comparison have the same in it (messages: apart from the app's instructions), else null."""
        array = read_column(self.records, source)
        places = {row: place for place, row in enumerate(sorted({row for own in members for row in own}))}
        values = array.take(pa.array(sorted(places), pa.int64())).to_pylist()
        shared = [_agreed(source, [values[places[row]] for row in own]) for own in members]
        return pa.array(shared, array.type)


def _agreed(source: str, values: Sequence[Any]) -> Any:
    if all(value == values[0] for value in values):
        return values[0]
    return without_system(values[0]) if source == "messages" and values[0] else None  # their history is the same, up to case and spaces


def _before(metric: Metric, known: Sequence[KeptComparison | None]) -> pa.Table:
    """What the ledger knows, as the columns of a score file."""
    name = metric.name
    columns: Mapping[str, Any] = {
        name: pa.array([unit.value if unit else None for unit in known], pa.float64()),
        f"{name}.reason": pa.array([unit.reason if unit else "not_asked" for unit in known], pa.string()),
        **{f"{name}.{kind}": pa.array([getattr(unit, kind) if unit else None for unit in known], pa.string()) for kind in (*STORIES, SERVED)},
    }
    return pa.table(columns)
