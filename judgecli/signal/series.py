"""Signals as what a report draws: a line of windows and one standing for each metric and policy."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from judgecli.report import ConversationSummary, PolicyStanding, Series, SeriesPoint
from judgecli.signal.windows import SignalRow


def policy_label(values: Sequence[str | None]) -> str:
    """A policy in words: its values, `none` where a record has none."""
    return " · ".join("none" if value is None else value for value in values) or "all records"


def frequent_policies(rows: Sequence[SignalRow], most: int) -> list[str]:
    """The policies with most records, sorted by name."""
    counts: dict[str, int] = {}
    for row in rows:
        label = policy_label(list(row.policy.values()))
        counts[label] = max(counts.get(label, 0), _cells(row))
    return sorted(sorted(counts, key=lambda label: (-counts[label], label))[:most])


def series_of(rows: Sequence[SignalRow], policies: Sequence[str]) -> list[Series]:
    """The lines of these policies, each of one metric and one judge, windows in the order of time; and what is linked, as lines of its own."""
    lines: dict[tuple[str, str, str, tuple[str, ...]], list[SeriesPoint]] = {}
    linked: dict[tuple[str, str, str, tuple[str, ...]], list[SeriesPoint]] = {}
    served: dict[tuple[str, str, str], tuple[str, ...]] = {}
    for row in rows:
        label = policy_label(list(row.policy.values()))
        if label not in policies:
            continue
        same = (row.metric, label, row.identity)
        served[same] = tuple(sorted(row.served)) or served.get(same, ())  # a window without a score breaks no line
        why = row.reasons.get("mean") or row.reasons.get("low")
        point = SeriesPoint(row.window_start, row.window_end, row.n, mean=row.mean, low=row.low, high=row.high, why=why, final=row.final)
        lines.setdefault((*same, served[same]), []).append(point)
        if row.linked is not None and row.linked["mean"] is not None:
            mean, low, high = (row.linked[name] for name in ("mean", "low", "high"))
            linked.setdefault((*same, served[same]), []).append(replace(point, mean=mean, low=low, high=high))  # type: ignore[arg-type]
    raw = [Series(metric, label, identity, points, models) for (metric, label, identity, models), points in lines.items()]
    return raw + [Series(metric, label, identity, points, models, linked=True) for (metric, label, identity, models), points in linked.items()]


def standings_of(rows: Sequence[SignalRow], policies: Sequence[str], identities: Mapping[str, str]) -> list[PolicyStanding]:
    """One standing a metric and policy, of the metric's newest identity, policies in their order."""
    found = [
        PolicyStanding(
            row.metric,
            policy_label(list(row.policy.values())),
            row.n,
            of=_cells(row),
            clusters=row.clusters,
            mean=row.mean,
            low=row.low,
            high=row.high,
            why=row.reasons.get("mean"),
        )
        for row in rows
        if row.identity == identities.get(row.metric)
    ]
    kept = [item for item in found if item.policy in policies]
    return sorted(kept, key=lambda item: (item.metric, policies.index(item.policy)))


def conversations_of(whole: Sequence[SignalRow], timed: Sequence[SignalRow], policies: Sequence[str]) -> list[ConversationSummary]:
    """One line a reward and policy, from the rows of conversations over all time and by window."""
    found = []
    for row in whole:
        label = policy_label(list(row.policy.values()))
        if not row.metric.startswith("session.return.") or label not in policies:
            continue
        name = row.metric.removeprefix("session.return.")
        own = [one for one in timed if one.policy == row.policy and one.metric == f"session.td_error.{name}" and one.mean is not None]
        valued = [one for one in timed if one.policy == row.policy and one.metric == row.metric and one.value is not None]
        newest, value = (own[-1] if own else None), (valued[-1].value if valued else None)
        why = row.reasons.get("mean") or (None if newest else "no window follows another that had conversations")
        found.append(
            ConversationSummary(
                name,
                policy=label,
                n=row.n,
                of=_cells(row),
                mean=row.mean,
                low=row.low,
                high=row.high,
                value=value,
                window=None if newest is None else newest.window_start,
                turns_n=0 if newest is None else newest.n,
                td_error=None if newest is None else newest.mean,
                td_low=None if newest is None else newest.low,
                td_high=None if newest is None else newest.high,
                turns={}
                if newest is None
                else {int(key[5:]): float(error) for key, error in newest.extra.items() if key.startswith("turn_") and error is not None},
                why=why,
            )
        )
    return sorted(found, key=lambda item: (item.metric, policies.index(item.policy)))


def _cells(row: SignalRow) -> int:
    return row.n + sum(row.unscored.values())
