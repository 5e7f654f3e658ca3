"""The records of a selection as what training can be made of: prompt, answer, and what labels and the reward say of it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from judgecli.exporters.format import ExportItem, is_plain
from judgecli.labels import conversation
from judgecli.labels.conversation import Unfit, conversation_of
from judgecli.labels.pairs import TrainingCandidate, settle
from judgecli.store.folder import Store
from judgecli.store.labels import Thumbs
from judgecli.store.query import Reduction
from judgecli.store.selection import Selection
from judgecli.store.tables import MetricInfo

if TYPE_CHECKING:
    pass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


DEFAULT_SOURCES = ("human", "user", "code")


class AnsweredRecords:
    """The records of a selection, read as often as needed; those of a shard without the reward count as not asked."""

    def __init__(self, store: Store, selection: Selection, reward: MetricInfo | None) -> None:
        self.store = store
        self.selection = selection
        self.reward = reward

    def __call__(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Tables with these columns, and `reward`, `reward.reason` where a reward is wanted."""
        with_it = self._holding()
        names = {shard.name for shard in with_it}
        rest = [shard for shard in self.selection.scope.shards if shard.name not in names]
        for shards, metrics in ((with_it, [self.reward] if self.reward else []), (rest, [])):
            if not shards:
                continue
            scope = replace(self.selection.scope, shards=tuple(shards))
            with Reduction(self.store, scope, [(info.name, info.identity) for info in metrics], where=self.selection.where) as reduction:
                for table in reduction.records(["key", *columns], [info.name for info in metrics]):
                    yield self._named(table, len(columns) + 1, has_reward=bool(metrics))

    def _holding(self) -> list[Any]:
        if self.reward is None:
            return []
        held = {shard.name for shard in self.selection.shards_of[self.reward.name, self.reward.identity]}
        return [shard for shard in self.selection.scope.shards if shard.name in held]

    @staticmethod
    def _named(table: pa.Table, own: int, *, has_reward: bool) -> pa.Table:
        if has_reward:
            return table.rename_columns([*table.column_names[:own], "reward", "reward.reason"])
        missing = pa.repeat(pa.scalar("not_asked"), table.num_rows)
        return table.append_column("reward", pa.nulls(table.num_rows, pa.float64())).append_column("reward.reason", missing)


def find_candidates(records: AnsweredRecords, thumbs: Thumbs, flagged: set[bytes], *, standard: bool) -> tuple[list[TrainingCandidate], Counter[str]]:
    """The records of which a source says something and that can be trained on; the others, by reason."""
    found: list[TrainingCandidate] = []
    dropped: Counter[str] = Counter()
    for table in records(conversation.COLUMNS):
        for row in table.to_pylist():
            said = thumbs.of.get(row["key"], ())
            if not said and records.reward is None:
                continue
            verdict, source = settle(said) if said else (None, "")
            if said and verdict is None:
                dropped["conflicting_labels"] += 1
            elif verdict is None and row["reward"] is None:
                dropped[row["reward.reason"] or "not_asked"] += 1
            elif row["key"] in flagged:
                dropped["flagged"] += 1
            else:
                _add(found, dropped, row, verdict, source, standard=standard)
    return found, dropped


def _add(found: list[TrainingCandidate], dropped: Counter[str], row: Mapping[str, Any], verdict: bool | None, source: str, *, standard: bool) -> None:
    try:
        talk = conversation_of(row)
    except Unfit as unfit:
        dropped[unfit.reason] += 1
        return
    if standard and not is_plain(ExportItem(talk.prompt, talk.completion, talk.tools, {})):
        dropped["not_plain"] += 1
        return
    uses_tools = bool(talk.tools) or any("tool_calls" in message for message in (*talk.prompt, *talk.completion))
    found.append(
        TrainingCandidate(row["key"], talk.state, talk.text, question=talk.question, verdict=verdict, source=source, reward=row["reward"], has_tools=uses_tools)
    )
