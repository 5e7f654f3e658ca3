"""Drift as one object: verdict, sentences, rows, and what the texts, the traffic and the examples say of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from judgecli.signal.drift.cause import DriftCause
from judgecli.signal.drift.corpus import CorpusShift
from judgecli.signal.drift.logged import Switched
from judgecli.signal.drift.rows import MISSING, UNMEASURED, DriftRow, DriftVerdict
from judgecli.signal.missing import DIFFERS
from judgecli.signal.report.headline import amount, difference, percent, plain_number, span
from judgecli.signal.served import NOT_ONE_MODEL

if TYPE_CHECKING:
    from judgecli.signal.drift.texts import TextDrift
    from judgecli.stats.auc import Auc

DriftTone = Literal["worse", "better", ""]
TEXT_MARGIN = 0.05  # above an AUC of 0.5
CORPUS_MARGIN = 0.05  # of indicators between 0 and 1; of the compression ratio in its own units
MOST_SENTENCES = 8
MOST_SWITCHED = 3  # values of a column
JUDGE = f"it may be the judge: {NOT_ONE_MODEL}"


@dataclass(frozen=True)
class DriftExample:
    """One record that carries the change of a metric, on one side; texts are cut, their lengths are not."""

    metric: str
    side: Literal["reference", "current"]
    value: float
    key: str
    id: str | None
    time: datetime | None
    input: str | None
    output: str | None
    input_length: int
    output_length: int
    file: str | None
    line: int | None


@dataclass(frozen=True)
class SideText:
    """One side in words: what it was called, its records, and from when to when."""

    name: str
    rows: int
    first: datetime | None
    last: datetime | None


@dataclass(frozen=True)
class Drift:
    """The whole answer. `family` counts the p-values that q was taken over; `complete` is False where any cell that should have a value has none."""

    verdict: DriftVerdict
    headline: Sequence[tuple[DriftTone, str]]
    rows: Sequence[DriftRow]
    reference: SideText
    current: SideText
    by: Sequence[str]
    margin: float
    alpha: float
    family: int
    correction: str
    complete: bool
    texts: "Mapping[str, TextDrift]" = field(default_factory=dict)
    examples: Sequence[DriftExample] = ()
    notes: Sequence[str] = ()
    switched: Sequence[Switched] = ()

    def to_json(self) -> dict[str, object]:
        """DESIGN's `drift` shape, with more keys."""
        return {
            "verdict": self.verdict,
            "complete": self.complete,
            "headline": [text for _, text in self.headline],
            "reference": _side_json(self.reference),
            "current": _side_json(self.current),
            "by": list(self.by),
            "margin": self.margin,
            "alpha": self.alpha,
            "family": self.family,
            "correction": self.correction,
            "rows": [row_json(row) for row in self.rows],
            "texts": {name: _text_json(found) for name, found in self.texts.items()},
            "examples": [{**vars_of(item), "time": None if item.time is None else item.time.isoformat()} for item in self.examples],
            "notes": list(self.notes),
            "switched": [
                {"column": item.column, "shares": [{"value": value, "reference": old, "current": new} for value, old, new in item.shares]}
                for item in self.switched
            ],
        }


def vars_of(item: object) -> dict[str, object]:
    """The fields of a dataclass by name."""
    return {name: getattr(item, name) for name in item.__dataclass_fields__}  # type: ignore[attr-defined]


def row_json(row: DriftRow) -> dict[str, object]:
    """One row as plain data."""
    document = vars_of(row)
    document["segment"], document["reasons"] = dict(row.segment), dict(row.reasons)
    document["reference"], document["current"] = dict(row.reference), dict(row.current)
    document["shape"] = None if row.shape is None else row.shape.to_json()
    document["bounds"] = None if row.bounds is None else list(row.bounds)
    document["parts"] = None if row.parts is None else vars_of(row.parts)
    document["local"], document["tried"] = None if row.local is None else vars_of(row.local), list(row.tried)
    return {**document, "found": row.found, "worse": row.worse}


def _side_json(side: SideText) -> dict[str, object]:
    times = {name: None if moment is None else moment.isoformat() for name, moment in (("first", side.first), ("last", side.last))}
    return {"filter": side.name, "records": side.rows, **times}


def _text_json(found: "TextDrift") -> dict[str, object]:
    return {
        "auc": None if found.auc is None else found.auc.auc,
        "low": None if found.auc is None else found.auc.low,
        "high": None if found.auc is None else found.auc.high,
        "p": found.p,
        "texts": list(found.texts),
        "clusters": list(found.clusters),
        "words": [vars_of(shift) for shift in found.words],
        "openings": [vars_of(shift) for shift in found.openings],
    }


def _above(made: "Auc") -> float:
    """The upper limit of an AUC beyond 0.5; of one that lies below 0.5 altogether as if 0.5 had been found: never of width 0."""
    high = made.high or 0.0
    return high - 0.5 if high > 0.5 else high - made.auc


def text_row(name: str, found: "TextDrift") -> DriftRow:
    """The classifier's AUC as a row: its change is how far it is above 0.5, which is no difference."""
    made, short = found.auc, f"too few clusters with {name} text ({min(found.clusters)} on the smaller side)"
    sides: list[dict[str, object]] = [
        {"n": texts, "mean": None, "of": texts, "clusters": clusters, "unscored": {}, "other_identity": 0}
        for texts, clusters in zip(found.texts, found.clusters, strict=True)
    ]
    known = made is not None and made.low is not None and made.high is not None and found.p is not None
    return DriftRow(
        metric=f"text.{name}",
        what="text",
        segment={},
        kind="number",
        identity="",
        higher_is_better=None,
        reference=sides[0],
        current=sides[1],
        change=max(made.auc - 0.5, 0.0) if made is not None and known else None,  # worse than guessing has found nothing
        low=max((made.low or 0.0) - 0.5, 0.0) if made is not None and known else None,
        high=_above(made) if made is not None and known else None,
        margin=TEXT_MARGIN,
        p=found.p if known else None,
        clusters=min(found.clusters),
        reasons={} if known else dict.fromkeys(("change", "low", "high", "p", "q"), short),
    )


def corpus_row(shift: CorpusShift, outputs: tuple[int, int], clusters: tuple[int, int]) -> DriftRow:
    """An indicator of diversity as a row; n counts the sampled outputs."""
    made = shift.contrast
    known = made is not None and made.low is not None and made.high is not None
    sides: list[dict[str, object]] = [
        {"n": count, "mean": mean, "of": count, "clusters": held, "unscored": {}, "other_identity": 0}
        for count, mean, held in zip(outputs, (shift.reference, shift.current), clusters, strict=True)
    ]
    return DriftRow(
        metric=f"corpus.{shift.name}",
        what="corpus",
        segment={},
        kind="number",
        identity="",
        higher_is_better=shift.higher_is_better,
        reference=sides[0],
        current=sides[1],
        change=made.difference if made is not None and known else None,
        low=made.low if made is not None else None,
        high=made.high if made is not None else None,
        margin=CORPUS_MARGIN,
        p=made.p if made is not None else None,
        clusters=min(clusters),
        reasons={} if known else dict.fromkeys(("change", "low", "high", "p", "q"), shift.why or "the blocks do not differ among themselves"),
    )


def attributed(row: DriftRow, cause: DriftCause) -> DriftRow:
    """The row with whose doing its change is."""
    untold = {} if cause.whose is not None else {"cause": cause.sentence}
    return replace(row, cause=cause.whose, cause_sentence=cause.sentence, parts=cause.parts, tried=tuple(cause.tried), reasons={**row.reasons, **untold})


def overall_verdict(rows: Sequence[DriftRow]) -> DriftVerdict:
    """Drift where any row drifted; no drift where every metric over all records has none and is measured as often as before; else inconclusive."""
    if any(row.verdict == "drift" for row in rows):
        return "drift"
    values = [row for row in rows if row.overall and row.what == "value"]
    apart = [row for row in rows if row.overall and row.what in (MISSING, UNMEASURED) and row.verdict != "no drift" and row.p is not None]
    if any(row.p < DIFFERS for row in apart if row.p is not None):  # other records are measured now: the means do not tell of the rest
        return "inconclusive"
    return "no drift" if values and all(row.verdict == "no drift" for row in values) else "inconclusive"


def ranked(rows: Sequence[DriftRow]) -> list[DriftRow]:
    """The rows by how much they say: drift first, for the worse first, the largest change against its margin first."""

    def weight(row: DriftRow) -> tuple[object, ...]:
        size = abs(row.change or 0.0) / row.margin if row.margin else 0.0
        place = {"drift": 0, "inconclusive": 1, "no drift": 2}[row.verdict]
        return (
            place,
            not (row.overall or row.found),
            row.what != "value",
            not row.metric.startswith("reward."),
            row.worse is not True,
            -size,
            row.metric,
            str(sorted(row.segment.items(), key=str)),
        )

    return sorted(rows, key=weight)


def headline(
    rows: Sequence[DriftRow], verdict: DriftVerdict, since: datetime | None, *, family: int, switches: Sequence[Switched] = ()
) -> list[tuple[DriftTone, str]]:
    """Sentences, the most important first: what drifted, by how much, where, since when, whose doing it is; then which variant of the app became another."""
    whole = {row.metric for row in rows if row.verdict == "drift" and row.overall}
    drifted = [row for row in rows if row.verdict == "drift" and (row.overall or row.metric not in whole)]  # a segment is news where the whole is not
    told = [(_tone(row), _sentence(row, since)) for row in drifted[:MOST_SENTENCES]]
    more = len(drifted) - len(told)
    if more > 0:
        told.append(("", f"{more} more rows drifted; they are in the tables."))
    told += [("", switched_sentence(item)) for item in switches] if told else []
    values = [row for row in rows if row.overall and row.what == "value"]
    open_rows = [row for row in values if row.verdict == "inconclusive"]
    if verdict == "no drift":
        told.append(("", f"No drift: each of {len(values)} metrics changed by less than its margin ({family} comparisons)."))
        told += [("", f"{row.metric} was measured on {_held(row.reference)} before and {_held(row.current)} now.") for row in values if _is_short(row)][:3]
    elif not told and values:
        told.append(("", f"Not enough data to say: {len(open_rows)} of {len(values)} metrics are open, none drifted ({family} comparisons)."))
    elif not values:
        told.append(("", "Nothing could be compared: no metric has a row."))
    told += [("", _open_sentence(row)) for row in open_rows[:3]] if not drifted else []
    return told


def switched_sentence(item: Switched) -> str:
    """Which variants of the app answer more or less than before: a fact, not a cause."""
    moved = ", ".join(f"{'none' if value is None else value} from {percent(old)} to {percent(new)}" for value, old, new in item.shares[:MOST_SWITCHED])
    return f"{item.column} changed between the sides (share of the records): {moved}."


def _tone(row: DriftRow) -> DriftTone:
    return {True: "worse", False: "better", None: ""}[row.worse]  # type: ignore[return-value]


def where(row: DriftRow) -> str:
    """The segment in words; empty for all records."""
    return ", ".join(_named(name, value) for name, value in row.segment.items())


def _sentence(row: DriftRow, since: datetime | None) -> str:
    assert row.change is not None and row.low is not None and row.high is not None  # noqa: PT018
    place = f" where {where(row)}" if row.segment else ""
    start = "" if since is None else f" since {since:%Y-%m-%d}"
    blame = "" if row.cause_sentence is None else f"; {row.cause_sentence}"
    if row.what == "text":
        limits = f"95 % interval {row.low + 0.5:.2f} to {row.high + 0.5:.2f}"
        name = row.metric.removeprefix("text.")
        return f"The {name} texts changed{start}: a classifier tells current from reference with AUC {row.change + 0.5:.2f} ({limits})."
    if row.kind == "category":
        limits = f"95 % interval {row.low:.0%} to {row.high:.0%}{_counts(row)}"
        return f"{row.metric}{place} moved: {row.change:.0%} of the answers are in another category ({limits}){start}{blame}."
    name = f"The {row.what} of {row.metric}" if row.what in (MISSING, UNMEASURED) else row.metric
    better = {True: ", which is worse", False: ", which is better", None: ""}[row.worse]
    verb = "rose" if row.change > 0 else "fell"
    size = difference(abs(row.change), row).lstrip("+")
    old, new = (amount(float(str(side["mean"])), row) for side in (row.reference, row.current))
    limits = f"95 % interval of the change {difference(row.low, row, bare=True)} to {difference(row.high, row)}"
    return f"{name}{place} {verb} by {size}{start}{better}: {old} to {new} ({limits}{_counts(row)}){_elsewhere(row)}{blame}."


def _elsewhere(row: DriftRow) -> str:
    """Where a change is not everywhere: how much of it is there and how much elsewhere."""
    local = row.local
    if local is None or local.column is None:
        return ""
    outside = f"{difference(local.elsewhere, row)} ({difference(local.elsewhere_low, row, bare=True)} to {difference(local.elsewhere_high, row)})"
    if row.segment:
        return f"; elsewhere it changed by {outside}"
    return f"; where {_named(local.column, local.value)} by {difference(local.inside, row)}, elsewhere by {outside}"


def _named(column: str, value: str | None) -> str:
    return f"{column} = {'none' if value is None else value}"


def _counts(row: DriftRow) -> str:
    return f"; {row.reference['n']:,} of {row.reference['of']:,} answers before, {row.current['n']:,} of {row.current['of']:,} now"


def _held(side: Mapping[str, object]) -> str:
    return f"{side['n']:,} of {side['of']:,} records"


def _is_short(row: DriftRow) -> bool:
    """Whether some record of a side has no score."""
    return any(side["n"] != side["of"] for side in (row.reference, row.current))


def _open_sentence(row: DriftRow) -> str:
    seen = "" if row.detectable is None else f"; a change of {amount(row.detectable, row)} would have been seen"
    now = "" if row.low is None or row.high is None else f" (the change is {span(row.low, row.high, row)})"
    why = row.reasons.get("verdict", "it could not be compared")
    return f"{row.metric}: {why}{now}{seen}; n = {plain_number(float(row.clusters))} clusters on the smaller side."
