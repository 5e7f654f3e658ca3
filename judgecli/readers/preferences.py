"""Files of people's preferences to comparisons and verdicts: pairs, rankings, thumbs and ratings, whatever shape each line has.

A line that cannot be learnt from is dropped for one counted reason, never in silence.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from judgecli.errors import UnknownName
from judgecli.readers.adapter import Object, RefusedLine
from judgecli.readers.preference_lists import LIST_SHAPES
from judgecli.readers.preference_pairs import PAIR_SHAPES
from judgecli.readers.preference_shape import Dropped, Options, Preference, PreferenceShape, tags_of
from judgecli.readers.rows import file_hash, rows_of
from judgecli.readers.source import expand
from judgecli.reward_model.preferences import GoodOrBad, PreferencePair, Preferences

BATCH = 500  # rows whose texts are searched for secrets at once
# The first that matches a row reads it: those with keys of their own stand before those with common ones.
SHAPES: tuple[PreferenceShape, ...] = (*LIST_SHAPES[:3], *PAIR_SHAPES, *LIST_SHAPES[3:])


def read_preferences(
    paths: Sequence[str], *, shape: str | None = None, prompt: str | None = None, scale: tuple[float, float] | None = None, ties: bool = False
) -> Preferences:
    """The preferences of files, folders and globs (JSONL, JSON array, CSV, Parquet; plain or compressed), in the order of files and lines.

    `shape` reads every row as that shape, else each row is told by its keys; `prompt` names the field that
    holds the prompt; `scale` gives the ends of ratings whose rows do not; with `ties` undecided pairs are
    kept (Comparison.tie) instead of dropped.
    Raises: LogError (a file that cannot be read), UnknownName (no such shape).
    """
    known = {one.name: one for one in SHAPES}
    if shape is not None and shape not in known:
        raise UnknownName("shape of preferences", shape, known=known)
    shapes = SHAPES if shape is None else (known[shape],)
    found = _ReadPreferences(Options(prompt, scale), shapes, ties)
    for path in expand(paths):
        found.read_file(path)
    return found.preferences()


@dataclass
class _ReadPreferences:
    """What is collected over all files."""

    options: Options
    shapes: tuple[PreferenceShape, ...]
    ties: bool
    comparisons: list[PreferencePair] = field(default_factory=list)
    verdicts: list[GoodOrBad] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    hashes: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    read: int = 0

    def read_file(self, path: str) -> None:
        """Read one file, in batches."""
        self.hashes[path] = file_hash(path)
        rows, lines, before = rows_of(path), 0, len(self.comparisons) + len(self.verdicts)
        used: Counter[str] = Counter()
        while batch := list(islice(rows, BATCH)):
            lines += len(batch)
            read = [self._items(path, line, row, used) for line, row in batch]
            secret = with_secrets([item for items, _ in read for item in items])
            for items, ranking in read:
                self._keep(items, secret, ranking=ranking)
        kept = len(self.comparisons) + len(self.verdicts) - before
        shapes = ", ".join(f"{name} {count:,}" for name, count in used.most_common())
        self.notes.append(f"{path}: {lines:,} lines, {kept:,} pairs and verdicts kept{f' ({shapes})' if shapes else ''}")

    def _items(self, path: str, line: int, row: Object | RefusedLine, used: Counter[str]) -> tuple[list[Preference], bool]:
        """What a row holds; a row that is of no use is counted here, under its reason."""
        try:
            if isinstance(row, RefusedLine):
                raise row
            shape = next((one for one in self.shapes if one.match(row)), None)
            if shape is None:
                raise Dropped("unknown_shape")
            items = shape.read(row, self.options)
            if not items:
                raise Dropped("unknown_shape")
        except (RefusedLine, Dropped) as why:
            self._drop(why.reason)
            return [], False
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError):
            self._drop("unknown_shape")
            return [], False
        used[shape.name] += 1
        tags, source = tags_of(row, shape.texts), f"{path}:{line}"
        return [replace(item, tags=tags, source=source) for item in items], shape.ranking

    def _keep(self, items: Sequence[Preference], secret: set[int], *, ranking: bool) -> None:
        self.read += len(items)
        kept = []
        for item in items:
            reason = "secret" if id(item) in secret else _unfit(item, self.ties)
            if reason:
                self.dropped[reason] += 1
            else:
                kept.append(item)
        for item in kept:
            if isinstance(item, GoodOrBad):
                self.verdicts.append(item)
            else:
                self.comparisons.append(replace(item, weight=1 / len(kept)) if ranking else item)

    def _drop(self, reason: str) -> None:
        self.read += 1
        self.dropped[reason] += 1

    def preferences(self) -> Preferences:
        """All of it, with what is there twice or contradicts itself in the notes."""
        return Preferences(
            self.comparisons, self.verdicts, +self.dropped, self.hashes, [*self.notes, *repetition_notes(self.comparisons, self.verdicts)], self.read
        )


def _unfit(item: Preference, ties: bool) -> str | None:
    """Why a pair or verdict cannot be learnt from."""
    texts = (item.output,) if isinstance(item, GoodOrBad) else (item.chosen, item.rejected)
    if not all(text.strip() for text in texts):
        return "empty_text"
    if isinstance(item, GoodOrBad):
        return None
    if item.chosen.strip() == item.rejected.strip():
        return "equal_texts"
    return "tie" if item.tie and not ties else None


def with_secrets(items: Sequence[Preference]) -> set[int]:
    """The ids of the items with a secret in one of their texts: the shapes that the scorer `secrets` counts, placeholders aside."""
    from judgecli.scorers import re2
    from judgecli.scorers.safety.secrets import MARKS, find_secrets

    texts = [(id(item), text) for item in items for text in _texts(item)]
    suspects = re2.matches([text for _, text in texts], MARKS)
    return {place for (place, text), suspect in zip(texts, suspects, strict=True) if suspect and find_secrets(text)}


def _texts(item: Preference) -> tuple[str, ...]:
    return (item.prompt, item.output) if isinstance(item, GoodOrBad) else (item.prompt, item.chosen, item.rejected)


def repetition_notes(comparisons: Sequence[PreferencePair], verdicts: Sequence[GoodOrBad]) -> list[str]:
    """One sentence each on pairs that are there again, pairs that are there the other way round, and answers judged both good and bad."""
    pairs = Counter((one.prompt, one.chosen, one.rejected) for one in comparisons if not one.tie)
    again = sum(count - 1 for count in pairs.values())
    reversed_ = sum(count for (prompt, chosen, rejected), count in pairs.items() if (prompt, rejected, chosen) in pairs)
    said: dict[tuple[str, str], set[bool]] = {}
    for verdict in verdicts:
        said.setdefault((verdict.prompt, verdict.output), set()).add(verdict.value >= 0.5)
    twice = sum(len(values) > 1 for values in said.values())
    notes = [
        (again, f"{again:,} pairs are there more than once; each counts as often as it is there"),
        (reversed_, f"{reversed_:,} pairs contradict each other: the same two answers, preferred the other way round"),
        (twice, f"{twice:,} answers were judged both good and bad"),
    ]
    return [note for count, note in notes if count]
