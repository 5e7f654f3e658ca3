"""Compare: two or more policies, runs or filters on the same prompts."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from judgecli.errors import UnknownName, UsageError
from judgecli.evidence.duels import PREFIX as DUEL
from judgecli.evidence.duels import duel_rows
from judgecli.evidence.links import AnchorLinks, Scales
from judgecli.evidence.rewarded import directions
from judgecli.evidence.sides import ComparedSide, Measured, read_part
from judgecli.evidence.work import Work
from judgecli.signal.compare.paired import pair_sides
from judgecli.signal.compare.ranking import Rank, rank_sides
from judgecli.signal.compare.rows import DEFAULT_MARGIN, ComparedMetric, CompareRow, adjust_family, compare_pairs, refused_row
from judgecli.signal.gate.verdict import plural
from judgecli.signal.linked import Link, ServedJudge
from judgecli.signal.served import NOT_ONE_MODEL, served_apart
from judgecli.store.filters import is_shortcut
from judgecli.store.policies import Policy, held_policies

if TYPE_CHECKING:
    pass

MOST_PARTS = 30
CONDITION = re.compile(r"[\s=<>()'\"]")  # what a filter has and the name of a policy has not
REJUDGE = (
    "score both sides under one of them: judge score LOGS again (what a judge answered is not asked twice); "
    "or link two judges by frozen outputs that both rate: judge anchors create|rejudge"
)


@dataclass(frozen=True)
class PolicyComparison:
    """All rows of one comparison: the first part against each other part; with more than two parts a ranking too."""

    parts: Sequence[tuple[str, int]]
    rows: Sequence[CompareRow]
    ranking: Sequence[Rank]
    notes: Sequence[str]

    @property
    def complete(self) -> bool:
        """Whether every value that should be there was measured."""
        return all(row.coverage in (1.0, None) for row in self.rows)

    def to_json(self) -> dict[str, object]:
        """DESIGN's `compare` shape."""
        return {
            "rows": [row.to_json() for row in self.rows],
            "ranking": [rank.to_json() for rank in self.ranking],
            "parts": [{"name": name, "records": records} for name, records in self.parts],
            "complete": self.complete,
            "notes": list(self.notes),
        }


def compare_parts(
    work: Work,
    names: Sequence[str],
    *,
    every: bool = False,
    metrics: Sequence[str] | None = None,
    by: Sequence[str] = (),
    margin: float | None = None,
    pair: str | None = None,
    ranks: bool = False,
) -> PolicyComparison:
    """Compare the first of `names` with each of the others: runs (run:ID), policies, or filters; `every`: all policies of the store.

    `margin`: a difference that would not matter, in units of the metric; default 2 % of its range. `pair`: the column that tells
    prompts apart; `ranks`: with Wilcoxon's p-value.
    Raises: UsageError (fewer than two sides, records on both, identities that differ under a named metric), UnknownName, NoRecords, StoreError.
    """
    policies = held_policies(work.store, work.settings.policy)
    wanted = [(policy.name, policy.where) for policy in policies] if every else [(name, _filter_of(name, policies)) for name in names]
    if not 2 <= len(wanted) <= MOST_PARTS:
        raise UsageError(
            f"{plural(len(wanted), 'side')} cannot be compared",
            hint=f"name 2 to {MOST_PARTS}, as judge compare v1 v2; known: {_known(policies)}",
        )
    plain = None if metrics is None else [name for name in metrics if not name.startswith(DUEL)]
    parts = [read_part(work, name, on, plain, by, pair) for name, on in wanted]
    _refuse_shared(parts)
    duels = [] if by else duel_rows(work.store, parts, names=metrics, margin=margin)
    _refuse_unknown(plain, parts, metrics, duels)
    held = [name for name in (parts[0].metrics if plain is None else plain) if all(name in part.metrics for part in parts)]
    lost = sorted({name for part in parts for name in part.metrics} - set(held)) if metrics is None else []
    aims = directions(work.settings, {name: parts[0].metrics[name].info.higher_is_better for name in held})
    links = AnchorLinks(work, _scales(parts, held, aims))
    rows: list[CompareRow] = list(duels)
    ranking: list[Rank] = []
    apart: list[str] = []  # why a side is not ranked
    for name in held:
        subject = _subject(parts[0].metrics[name], aims[name], margin, tuple(part.name for part in parts[:2]))
        rows += [row for other in parts[1:] for row in _rows(subject, parts[0], other, by, links, strict=metrics is not None, ranks=ranks)]
        if len(parts) > 2:
            alike = {part.name: _comparable(parts[0], part, name, links) for part in parts}
            apart += [f"{name}: {side} is not ranked, for another judge scored it than {parts[0].name}" for side in alike if not alike[side]]
            ranking += _rank(subject, [part for part in parts if alike[part.name]], by)
    unranked = [name for name in held if len(parts) > 2 and aims[name] is None]
    notes = _notes(parts, held, lost, unranked, {row.metric for row in rows if row.linked is not None})
    return PolicyComparison([(part.name, part.records) for part in parts], adjust_family(rows), ranking, [*notes, *apart])


def _scales(parts: Sequence[ComparedSide], names: Sequence[str], aims: Mapping[str, bool | None]) -> Scales:
    """What the values of these metrics are, under each identity that a side has."""
    infos = [part.metrics[name].info for part in parts for name in names]
    return {(info.name, info.identity): (info.range, aims[info.name]) for info in infos}


def _refuse_unknown(plain: Sequence[str] | None, parts: Sequence[ComparedSide], metrics: Sequence[str] | None, duels: Sequence[CompareRow]) -> None:
    """Raises: UnknownName (a named metric that a side lacks), UsageError (nothing to compare)."""
    shared = set.intersection(*(set(part.metrics) for part in parts))
    asked = {*shared, *(row.metric for row in duels)}
    for name in metrics or ():
        if name not in asked:
            raise UnknownName("metric with a mean on every side", name, known=asked)
    if not asked or (plain is None and not shared and not duels):
        raise UsageError("no metric was measured on every side", hint="judge score LOGS with the same scorers for each side")


def _filter_of(name: str, policies: Sequence[Policy]) -> str:
    """What a side selects: run:ID and COLUMN=VALUE and ages as they stand, a value of a policy column, else a filter."""
    text = name.strip()
    if not text:
        raise UsageError("a side has no name", hint="name a policy, run:ID or a filter on each side")
    if text.startswith("run:") or is_shortcut(text):
        return text
    meant = [policy for policy in policies if policy.name == text]
    if meant:
        return meant[0].where
    found = {column: f"{column}={text}" for policy in policies for column, value in policy.values.items() if value == text}
    if len(found) > 1:
        raise UsageError(f"'{text}' is a value of {' and of '.join(sorted(found))}", hint=f"say which: {next(iter(found.values()))}")
    if not found and not CONDITION.search(text):
        raise UnknownName("policy", text, known={value for policy in policies for value in (policy.name, *policy.values.values()) if value is not None})
    return next(iter(found.values()), text)


def _known(policies: Sequence[Policy]) -> str:
    return ", ".join(policy.name for policy in policies[:8]) or "none"


def _subject(measured: Measured, higher_is_better: bool | None, margin: float | None, policies: tuple[str, ...]) -> ComparedMetric:
    info = measured.info
    return ComparedMetric(
        info.name,
        info.identity,
        info.kind,
        scale=info.range,
        higher_is_better=higher_is_better,
        margin=usual_margin(info.range) if margin is None else margin,
        segment={},
        policies=(policies[0], policies[1]),
    )


def usual_margin(scale: tuple[float | None, float | None]) -> float | None:
    """2 % of the range of a closed scale; None where the scale is open."""
    low, high = scale
    return None if low is None or high is None else DEFAULT_MARGIN * (high - low)


def _comparable(first: ComparedSide, other: ComparedSide, name: str, links: AnchorLinks) -> bool:
    """Whether raw scores of two sides may be held against each other: not where two judges gave them, and a link says how far these lie apart."""
    a, b = (ServedJudge(part.metrics[name].info.identity, part.metrics[name].served) for part in (first, other))
    return a.identity == b.identity and not (a.differs(b) and isinstance(links(name, a, b), Link))


def _rows(
    subject: ComparedMetric, first: ComparedSide, other: ComparedSide, by: Sequence[str], links: AnchorLinks, *, strict: bool, ranks: bool
) -> list[CompareRow]:
    """One row a segment that both sides have, linked where two judges scored them and anchors link these.

    Raises: UsageError where a metric was named, its identities differ, and nothing links them.
    """
    a, b = first.metrics[subject.metric], other.metrics[subject.metric]
    subject = replace(subject, policies=(first.name, other.name))
    before, after = ServedJudge(a.info.identity, a.served), ServedJudge(b.info.identity, b.served)
    link = links(subject.metric, before, after) if before.differs(after) else None
    if isinstance(link, str) and a.info.identity != b.info.identity:
        message = f"'{subject.metric}' was measured in two ways ({a.info.identity} on {first.name}, {b.info.identity} on {other.name})"
        if strict:
            raise UsageError(f"{message}, so the difference would tell nothing; they are not linked: {link}", hint=REJUDGE)
        return [refused_row(subject, f"{message}; {link}; {REJUDGE}")]
    shared = [segment for segment in a.segments if segment in b.segments]
    found = []
    for segment in shared:
        own = replace(subject, segment=dict(zip(by, segment, strict=True)))
        found.append(compare_pairs(own, pair_sides(a.segments[segment], b.segments[segment]), ranks=ranks, link=link if isinstance(link, Link) else None))
    return found


def _rank(subject: ComparedMetric, held: Sequence[ComparedSide], by: Sequence[str]) -> list[Rank]:
    """Who is best in each segment that all these parts have."""
    segments = [part.metrics[subject.metric].segments for part in held]
    shared = [segment for segment in segments[0] if all(segment in other for other in segments)]
    return [
        rank
        for segment in shared
        for rank in rank_sides(
            replace(subject, segment=dict(zip(by, segment, strict=True))), {part.name: own[segment] for part, own in zip(held, segments, strict=True)}
        )
    ]


def _refuse_shared(parts: Sequence[ComparedSide]) -> None:
    """A record on both sides is no comparison. Raises: UsageError."""
    for place, part in enumerate(parts):
        for other in parts[:place]:
            shared = len(np.intersect1d(part.keys, other.keys))
            if shared:
                raise UsageError(
                    f"{shared:,} records are on both sides ({other.name}, {part.name})",
                    hint="name sides that share no record, as prompt_version=v1 and prompt_version=v2",
                )


def _notes(parts: Sequence[ComparedSide], held: Sequence[str], lost: Sequence[str], unranked: Sequence[str], linked: Collection[str]) -> list[str]:
    notes = [f"not ranked, for nothing says which way is better: {', '.join(unranked)}"] if unranked else []
    for part in parts:
        unkeyed = max((part.metrics[name].unkeyed for name in held), default=0)
        if unkeyed:
            notes.append(f"{part.name}: {unkeyed:,} records have no prompt to pair by")
        for name in held:
            if part.metrics[name].older:
                notes.append(f"{part.name}: {part.metrics[name].older:,} records have '{name}' under an older identity only, and count as missing")
    terms = {name for part in parts for name in part.judges if name not in part.metrics}
    for name in (name for name in [*held, *sorted(terms)] if name not in linked):
        told = served_apart({part.name: part.judges.get(name, ()) for part in parts})
        if told is not None:
            notes.append(f"{name}: {NOT_ONE_MODEL} ({told}), so a difference may be the judge's; judge anchors can tell")
    if lost:
        notes.append(f"not on every side: {', '.join(lost)}")
    return notes
