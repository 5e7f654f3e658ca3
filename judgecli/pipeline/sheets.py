"""Where the cells of a judge come from: the parts of a run, each one judged by one process at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import pyarrow as pa

from judgecli.arrays import Bools
from judgecli.engine.columns import needed_columns
from judgecli.engine.judging import RETRIED, Sheet
from judgecli.engine.worker import metric_info
from judgecli.scorer import Metric
from judgecli.store import tables
from judgecli.store.folder import Shard, Store
from judgecli.store.query import held_metrics
from judgecli.store.scope import Scope


@dataclass(frozen=True)
class Wanted:
    """Which cells of a metric to open: the share of prompts to judge, the reasons to ask again for, whether every verdict is read again."""

    sample: float = 1.0
    retried: frozenset[str] = RETRIED
    reread: bool = False


@dataclass(frozen=True)
class Rivals:
    """What tells policies apart, and prompts beside their text, where answers are compared: columns, or tags.NAME."""

    policy: Sequence[str] = ()
    group: str | None = None


class Part(Protocol):
    """Some cells of one metric."""

    metric: Metric

    @property
    def lease(self) -> str:
        """The name of the right to judge them."""

    def has_work(self) -> bool:
        """Whether a cell may have to be asked about."""

    def claim(self, run_id: int) -> None:
        """Enter what is about to be asked, so that every question has a place in the store."""

    def open(self) -> Sheet:
        """The cells, with what earlier runs left."""

    def write(self, cells: pa.Table, run_id: int) -> None:
        """Publish them in place of what was there."""


def shard_parts(store: Store, scope: Scope, metrics: Sequence[tuple[Metric, Wanted]]) -> Iterator[Part]:
    """The records of a scope, shard by shard and metric by metric."""
    for shard in scope.shards:
        for metric, wanted in metrics:
            yield ShardPart(store, scope, shard, metric, wanted)


@dataclass
class ShardPart:
    """The records of one shard."""

    store: Store
    scope: Scope
    shard: Shard
    metric: Metric
    wanted: Wanted = field(default_factory=Wanted)

    @property
    def lease(self) -> str:
        """Of one shard and metric."""
        return f"judge:{self.shard.name}:{self.metric.name}:{self.metric.identity}"

    def has_work(self) -> bool:
        """Whether the score file is missing, or holds a reason to ask again."""
        held = held_metrics(self.store.root, self.shard.name).get((self.metric.name, self.metric.identity))
        if held is None or self.wanted.sample < 1 or self.wanted.reread:
            return True
        reasons = tables.read_parquet(held[0], [f"{self.metric.name}.reason"]).column(0).unique().to_pylist()
        return not (self.wanted.retried | {"not_sampled"}).isdisjoint(reasons)

    def claim(self, run_id: int) -> None:
        """Records have their place."""

    def open(self) -> Sheet:
        """One row a record of the shard."""
        metric = self.metric
        columns = sorted({*needed_columns([metric]), "key", "file_id", "prompt_hash"})
        records = tables.read_parquet(self.store.records_path(self.shard.name), columns).combine_chunks()
        held = held_metrics(self.store.root, self.shard.name).get((metric.name, metric.identity))
        return Sheet(
            self.shard.name,
            records,
            metric,
            before=tables.read_parquet(held[0]) if held is not None else None,
            wanted=rows_of_scope(records, self.scope),
            sampled=sampled_rows(records, self.wanted.sample),
            retried=self.wanted.retried,
            reread=self.wanted.reread,
        )

    def write(self, cells: pa.Table, run_id: int) -> None:  # noqa: ARG002 - a score file belongs to no run
        """As a score file."""
        tables.write_scores(self.store.root, self.shard.name, cells, [metric_info(self.metric)])


def rows_of_scope(records: pa.Table, scope: Scope) -> Bools:
    """The rows of a shard that belong to the logs of this run."""
    own = np.isin(records.column("file_id").to_numpy(), scope.file_ids)
    if scope.adopted.num_rows:
        adopted = set(scope.adopted.column("key").to_pylist())
        own |= np.fromiter((key in adopted for key in records.column("key").to_pylist()), dtype=bool, count=records.num_rows)
    return np.asarray(own)


def sampled_rows(records: pa.Table, share: float) -> Bools:
    """The rows whose prompt is in the sample: the same in every run, for every metric and every policy."""
    if share >= 1:
        return np.ones(records.num_rows, dtype=bool)
    prompts = records.column("prompt_hash")
    own = tables.key_array(records.column("key"))[:, 0]  # a record without a prompt is drawn by its own key
    known = prompts.is_valid().to_numpy()
    hashes = np.where(known, prompts.fill_null(0).to_numpy().astype(np.uint64), own)
    mixed = (hashes ^ (hashes >> np.uint64(31))) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(29)
    return np.asarray(mixed < np.uint64(min(int(share * 2**64), 2**64 - 1)))
