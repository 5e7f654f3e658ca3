"""Labels of the ledger joined to the records they speak of, and the records that no training file may hold.

A label belongs to the record with its key. Where that record has no answer (the thumb stood in a line
or a file of its own), it belongs to the answer with its record_id, if exactly one record of the store has it.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from judgecli.errors import NoRecords, UnknownName, UsageError
from judgecli.labels.consensus import Given
from judgecli.labels.rating import RatingKind, RatingScale, kind_of_labels, scale_of, thumb_value, verdict_of
from judgecli.store import tables
from judgecli.store.folder import Shard, Store
from judgecli.store.keys import KeyIndex
from judgecli.store.rewrite import Confirm

FLAG = "injection_suspected"  # a reason that a judge gives, and a metric of the library


@dataclass(frozen=True)
class Thumbs:
    """What labels say: record key -> (rater kind, up or down) of each; `dropped` counts labels by reason."""

    of: Mapping[bytes, Sequence[tuple[str, bool]]]
    names: tuple[str, ...]
    dropped: Counter[str]


@dataclass(frozen=True)
class Spoken:
    """What the labels of one name are: their kind, and of ratings the scale that was named, else the usual one that holds them all."""

    kind: RatingKind
    scale: RatingScale | None

    def up(self, value: float) -> bool | None:
        """Whether a label says good (True) or bad (False); None where it says neither."""
        if self.kind == "rating":
            return None if self.scale is None or not self.scale[0] <= value <= self.scale[1] else verdict_of(value, self.scale)
        thumb = thumb_value(value, self.kind)
        return None if thumb is None else thumb == 1.0


def spoken_names(store: Store, scale: RatingScale | None = None) -> dict[str, Spoken]:
    """Every label name that holds numbers, read from all its labels, whoever gave them. `scale`: of the ratings, where a person named it."""
    values: dict[str, set[float]] = {}
    for row in store.ledger.rows("SELECT DISTINCT name, value FROM labels WHERE unit = 'record' AND value IS NOT NULL"):
        values.setdefault(row["name"], set()).add(row["value"])
    kinds = {name: kind_of_labels(held) for name, held in values.items()}
    return {name: Spoken(kind, (scale or scale_of(values[name])) if kind == "rating" else None) for name, kind in kinds.items()}


def read_thumbs(store: Store, kinds: Collection[str], names: Sequence[str] = (), *, scale: RatingScale | None = None) -> Thumbs:
    """The verdicts that raters of these kinds gave, under these label names (default: the only one that holds thumbs, else the only rating).

    A name counts as thumbs where every label of it is 1, 0 or -1: stars from 1 to 5 have a 1 too. A rating is good above the middle of its
    scale and bad below it. What is neutral is no verdict.
    Raises: UnknownName; UsageError where several names hold thumbs and none is chosen (a `reported` is no praise), or a scale is not known.
    """
    marks = ", ".join("?" * len(kinds))
    rows = store.ledger.rows(
        f"SELECT target, record_id, name, rater_kind, value FROM labels WHERE unit = 'record' AND rater_kind IN ({marks}) ORDER BY target, name, rater",
        sorted(kinds),
    )
    held, spoken = {row["name"] for row in rows}, spoken_names(store, scale)
    for name in names:
        if name not in held:
            raise UnknownName("label of these sources", name, known=held)
    chosen = set(names) or _default_names(held, spoken)
    for name in chosen & spoken.keys():
        if spoken[name].kind == "rating" and spoken[name].scale is None:
            raise UsageError(f"the ratings '{name}' are on no usual scale", hint="name its ends: --rating-scale LOW..HIGH")
    usable = {name for name in chosen if name in spoken}
    dropped = Counter({"no_thumb": sum((row["name"] in chosen or not names) and (row["name"] not in usable or row["value"] is None) for row in rows)})
    said = [(row, spoken[row["name"]].up(row["value"])) for row in rows if row["name"] in usable and row["value"] is not None]
    dropped["neutral"] = sum(up is None for _, up in said)
    verdicts = [(row, up) for row, up in said if up is not None]
    targets = _join(store, {row["target"]: row["record_id"] for row, _ in verdicts}, dropped)
    of: dict[bytes, list[tuple[str, bool]]] = {}
    for row, up in verdicts:
        if row["target"] in targets:
            of.setdefault(targets[row["target"]], []).append((row["rater_kind"], up))
    return Thumbs(of, tuple(sorted(usable)), +dropped)


def _default_names(held: Collection[str], spoken: Mapping[str, Spoken]) -> set[str]:
    """The label that means good where none is named. Raises: UsageError (several could)."""
    thumbs = sorted(name for name in held if name in spoken and spoken[name].kind != "rating")
    if len(thumbs) > 1:
        raise UsageError(f"several labels hold thumbs: {', '.join(thumbs)}", hint="say which one means good: --label NAME, or label: [NAME] in judge.yaml")
    ratings = sorted(name for name in held if name in spoken and spoken[name].kind == "rating")
    return set(thumbs) or (set(ratings) if len(ratings) == 1 else set())


def read_given(store: Store, name: str, kinds: Collection[str]) -> tuple[list[Given], Counter[str]]:
    """The labels of one name that raters of these kinds gave, by record and rater, and those that belong to no record, by reason.

    Raises: UnknownName, NoRecords (they all belong to no answer of the store).
    """
    marks = ", ".join("?" * len(kinds))
    columns = "target, record_id, rater, value, label, selection_probability"
    rows = store.ledger.rows(
        f"SELECT {columns} FROM labels WHERE unit = 'record' AND name = ? AND rater_kind IN ({marks}) ORDER BY target, rater", (name, *sorted(kinds))
    )
    if not rows:
        held = store.ledger.rows(f"SELECT DISTINCT name FROM labels WHERE unit = 'record' AND rater_kind IN ({marks})", sorted(kinds))
        error = UnknownName(f"label by {' or '.join(sorted(kinds))} raters", name, known=[row["name"] for row in held])
        others = store.ledger.rows("SELECT rater_kind, count(*) AS n FROM labels WHERE unit = 'record' AND name = ? GROUP BY 1 ORDER BY 2 DESC, 1", (name,))
        if others:
            counted = " and ".join(f"{row['n']:,} by {row['rater_kind']} raters" for row in others)
            error.hint = f"there are {counted}: --rater-kind {others[0]['rater_kind']} counts them (in judge.yaml: raters: [{others[0]['rater_kind']}])"
        raise error
    dropped: Counter[str] = Counter()
    targets = _join(store, {row["target"]: row["record_id"] for row in rows}, dropped)
    spoken = spoken_names(store).get(name)
    found = [
        Given(targets[row["target"]], row["rater"], _in_units(row["value"], spoken), row["label"], row["selection_probability"])
        for row in rows
        if row["target"] in targets and (row["value"] is None or _in_units(row["value"], spoken) is not None)
    ]
    if not found:
        told = ", ".join(f"{reason} {count:,}" for reason, count in sorted(dropped.items()))
        raise NoRecords(
            f"{len(rows)} of the labels '{name}' are there, and none belongs to an answer of this store ({told})",
            hint="judge store info shows what it holds; judge score LOGS reads the log again, with --map output=PATH where its answers are missing",
        )
    return sorted(found, key=lambda given: (given.key, given.rater)), +dropped


def _in_units(value: float | None, spoken: Spoken | None) -> float | None:
    """A label as it is compared: thumbs as 1 and 0 (neutral: none), ratings as they are."""
    return value if value is None or spoken is None else thumb_value(value, spoken.kind)


@dataclass(frozen=True, slots=True)
class LabelledRecord:
    """A record that a label may mean."""

    key: bytes
    id: str | None
    model: str | None
    prompt_version: str | None


def find_records(store: Store, keys: Collection[bytes], ids: Collection[str]) -> list[LabelledRecord]:
    """The records with an answer that have one of these keys or ids."""
    found: list[LabelledRecord] = []
    by_key, by_id = pa.array(sorted(keys), pa.binary(16)), pa.array(sorted(ids), pa.string())
    for shard in store.shards():
        records = tables.read_parquet(store.records_path(shard.name), ["key", "id", "model", "prompt_version", "output", "output_messages"])
        answered = pc.or_(pc.is_valid(records["output"]), pc.is_valid(records["output_messages"]))
        wanted = pc.or_(pc.is_in(records["key"], by_key), pc.is_in(records["id"], by_id))
        chosen = records.filter(pc.and_(answered, wanted)).select(["key", "id", "model", "prompt_version"])
        found += [LabelledRecord(**row) for row in chosen.to_pylist()]
    return found


def _join(store: Store, given: Mapping[bytes, str | None], dropped: Counter[str]) -> dict[bytes, bytes]:
    """The key of a label -> the key of the answer it speaks of."""
    if not given:
        return {}
    keys = pa.array(list(given), pa.binary(16))
    ids = pa.array(sorted({text for text in given.values() if text is not None}), pa.string())
    answered: set[bytes] = set()
    with_id: dict[str, list[bytes]] = {}
    for shard in store.shards():
        records = tables.read_parquet(store.records_path(shard.name), ["key", "id", "output", "output_messages"])
        records = records.filter(pc.or_(pc.is_valid(records["output"]), pc.is_valid(records["output_messages"]))).select(["key", "id"])
        answered.update(records.filter(pc.is_in(records["key"], keys))["key"].to_pylist())
        named = records.filter(pc.is_in(records["id"], ids))
        for key, name in zip(named["key"].to_pylist(), named["id"].to_pylist(), strict=True):
            with_id.setdefault(name, []).append(key)
    joined: dict[bytes, bytes] = {}
    for key, name in given.items():
        same_id = with_id.get(name or "", [])
        if key in answered:
            joined[key] = key
        elif len(same_id) == 1:
            joined[key] = same_id[0]
        else:
            dropped["shared_id" if same_id else "no_record"] += 1
    return joined


def move_labels(store: Store, old: np.ndarray, new: np.ndarray, foreign: set[int], *, confirm: Confirm) -> None:
    """What people said of the lines goes with them to their new keys; it stays under the old one too where another file still has the line by it.

    Keys: N x 2, row by row the same line. `foreign` are the readings that no longer count.
    """
    targets = {row["target"] for row in store.ledger.rows("SELECT DISTINCT target FROM labels WHERE unit = 'record'")}
    moved = {before.tobytes(): after.tobytes() for before, after in zip(old, new, strict=True) if before.tobytes() in targets}
    if not moved:
        return
    current = {row["file_id"] for row in store.ledger.rows("SELECT file_id FROM files WHERE current = 1")}
    keys = np.frombuffer(b"".join(moved), dtype="<u8").reshape(-1, 2)
    elsewhere = KeyIndex(store.key_files()).contains(keys) | KeyIndex.of([tables.key_array(store.sightings(current - foreign).column("key"))]).contains(keys)
    columns = "name, rater, unit, record_id, rater_kind, value, label, comment, time, rubric_version, seconds_taken, shown_order, selection_probability"
    with store.ledger.transaction() as connection:
        confirm(connection)
        connection.executemany(
            f"INSERT OR IGNORE INTO labels (target, {columns}) SELECT ?, {columns} FROM labels WHERE target = ? AND unit = 'record'",
            [(after, before) for before, after in moved.items()],
        )
        gone = [(before,) for before, held in zip(moved, elsewhere.tolist(), strict=True) if not held]
        connection.executemany("DELETE FROM labels WHERE target = ? AND unit = 'record'", gone)


def flagged_keys(store: Store, shards: Sequence[Shard]) -> set[bytes]:
    """The records that any score marks as an attempt to influence a judge."""
    found: set[bytes] = set()
    for shard in shards:
        for path, metrics in tables.score_files(store.root, shard.name).items():
            columns = [f"{info.name}.reason" for info in metrics] + [info.name for info in metrics if info.name == FLAG]
            scores = tables.read_parquet(path, columns)
            marked = [row for name in scores.column_names for row in _marked(scores[name])]
            if marked:
                keys = tables.read_parquet(store.records_path(shard.name), ["key"])["key"]
                found.update(keys.take(pa.array(sorted(set(marked)))).to_pylist())
    return found


def _marked(column: pa.ChunkedArray) -> list[int]:
    """The rows of a reason or of the flag itself that mark a record."""
    if pa.types.is_null(column.type):
        return []
    mask = pc.greater(column, 0) if pa.types.is_floating(column.type) else pc.equal(column.cast(pa.string()), FLAG)
    return list(pc.indices_nonzero(pc.fill_null(mask, False)).to_pylist())
