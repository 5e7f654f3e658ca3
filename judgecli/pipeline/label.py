"""judge label import: labels of a file into the ledger, each joined to the one record that it means."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from judgecli.errors import Incomplete, UsageError
from judgecli.evidence.work import Work
from judgecli.readers.label_file import LabelFile, LabelRow, RaterKind, read_label_file
from judgecli.schema import Label
from judgecli.store.folder import Store
from judgecli.store.labels import LabelledRecord, find_records

if TYPE_CHECKING:
    pass


def import_labels(work: Work, file: str, *, name: str | None = None, rater: str | None = None, kind: RaterKind = "human") -> dict[str, object]:
    """Add the labels of a file to the store; one of the same record, name and rater takes the place of the earlier.

    Returns {"file", "rows", "labels", "new", "replaced", "names": {NAME: n}, "raters", "dropped": {REASON: n}, "ignored_columns"}. A label whose
    record is not in the store, or whose id several records share, is dropped and counted.
    Raises: LogError, UsageError, StoreError; Incomplete where more than `max_bad` of the rows are no labels (nothing is stored then).
    """
    found = read_label_file(Path(file), name=name, rater=rater, kind=kind)
    total = len(found.rows) + found.bad.total()
    if not total:
        raise UsageError(f"{file} holds no labels", hint="a label a row: id or key, name, value or label, rater")
    if found.bad.total() > work.settings.max_bad * total:
        worst = ", ".join(f"{reason} {count:,} (first in line {found.first[reason]})" for reason, count in found.bad.most_common())
        raise Incomplete(f"{found.bad.total():,} of {total:,} rows are no labels: {worst}", hint="mend them, or allow more with --max-bad; nothing was stored")
    labels, dropped = _resolve(work.store, found.rows)
    held = {
        (row["target"], row["name"], row["rater"])
        for label_name in {label.name for label in labels}
        for row in work.store.ledger.rows("SELECT target, name, rater FROM labels WHERE name = ?", (label_name,))
    }
    distinct = {(label.key, label.name, label.rater) for label in labels}
    with work.store.ledger.transaction() as connection:
        work.store.ledger.add_labels(connection, labels)
    return _document(file, total, found, labels, dropped, new=len(distinct - held), replaced=len(distinct & held), repeated=len(labels) - len(distinct))


def _resolve(store: Store, rows: Sequence[LabelRow]) -> tuple[list[Label], Counter[str]]:
    """The labels with the keys of their records; those without one, by reason."""
    candidates = find_records(store, {row.key for row in rows if row.key}, {row.id for row in rows if row.id and not row.key})
    by_key = {candidate.key: candidate for candidate in candidates}
    by_id: dict[str, list[LabelledRecord]] = defaultdict(list)
    for candidate in candidates:
        by_id[candidate.id or ""].append(candidate)
    labels: list[Label] = []
    dropped: Counter[str] = Counter()
    for row in rows:
        if row.key is not None:
            chosen = [by_key[row.key]] if row.key in by_key else []
        else:
            chosen = [one for one in by_id.get(row.id or "", []) if all(getattr(one, column) == text for column, text in row.which.items())]
        if len(chosen) != 1:
            dropped["shared_id" if chosen else "no_record"] += 1
            continue
        labels.append(
            Label(
                chosen[0].key,
                chosen[0].id,
                row.name,
                value=row.value,
                label=row.label,
                rater=row.rater,
                rater_kind=row.rater_kind,
                time=row.time,
                comment=row.comment,
                selection_probability=row.selection_probability,
            )
        )
    return labels, dropped


def _document(
    file: str, rows: int, found: LabelFile, labels: Sequence[Label], dropped: Counter[str], *, new: int, replaced: int, repeated: int
) -> dict[str, object]:
    why = dropped + found.bad + Counter({"same_rater_again": repeated})
    return {
        "file": file,
        "rows": rows,
        "labels": new + replaced,
        "new": new,
        "replaced": replaced,
        "names": dict(sorted(Counter(label.name for label in labels).items())),
        "raters": dict(sorted(Counter(label.rater for label in labels).items())),
        "dropped": dict(sorted((+why).items())),
        "ignored_columns": sorted(found.unknown),
    }
