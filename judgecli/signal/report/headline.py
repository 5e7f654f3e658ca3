"""The first lines of a report, in words: only what the intervals support."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from judgecli.signal.missing import DIFFERS
from judgecli.signal.report.slices import ALPHA, Slice
from judgecli.signal.summary import MetricSummary

if TYPE_CHECKING:
    from judgecli.report import ReportChange
    from judgecli.signal.report.changes import Untold
    from judgecli.signal.report.onset import Onset

WORSE_WHERE = " is worse where "  # what a sentence about a slice says after the metric
MOST = 6  # sentences about changes
MOST_APART = 2  # sentences about scores that are missing on one side
APART = 0.01  # of p, after Bonferroni over all changes, of a sentence about them
LEAST_EFFECT = 0.2  # standard deviations: less is certain at times, and never news


class Kinded(Protocol):
    """What has a kind of metric: a rate is written in per cent."""

    @property
    def kind(self) -> str:
        """rate, number, ordinal or category."""


def headline(
    subject: str | None,
    metrics: Sequence[MetricSummary],
    changes: "Sequence[ReportChange]",
    slices: Sequence[Slice],
    *,
    by: Sequence[str],
    judged: Sequence[Mapping[str, Any]] = (),
    untold: "Sequence[Untold]" = (),
    onset: "Callable[[Slice], Onset | None]" = lambda _: None,
) -> list[str]:
    """Sentences, the most important first. `judged`: where judges changed, told of each metric that a sentence speaks of, lest the app be blamed.
    `untold`: the shares of scores of what gives no change. `onset`: since when a slice is worse, where that is known.

    A change is told where its p-value, corrected after Holm over all changes of the report, is below 2.5 % and its own
    interval leaves 0 out; a slice likewise over all slices. Where no direction is better, the change is higher or lower.
    """
    by_name = {summary.name: summary for summary in metrics}
    found = [_level(by_name[subject])] if subject is not None else ["Nothing was measured."]
    told = [_change(change, by_name[change.metric]) for change in important(changes)]
    found += told
    named = {subject, *(change.metric for change in important(changes))}
    found += [_judge(change) for change in judged if change["metric"] in named]
    apart = measured_apart([*changes, *untold], subject)
    if changes and not told:
        among = " among the answers that have a score" if apart else ""
        found.append(
            f"No difference between {' or '.join(by)} values stands out{among}: chance alone could make every one of them, given how many were compared."
        )
    found += [_untold(change) for change in apart if change not in important(changes)]
    found += [_slice(item, by_name[item.metric], onset(item)) for item in _telling(slices, by)]
    return found


def important(changes: "Sequence[ReportChange]") -> "list[ReportChange]":
    """The changes a headline may name: certain and at least a fifth of a standard deviation; the largest first, at most two of a value."""
    certain = [change for change in changes if change.certain and abs(change.effect) >= LEAST_EFFECT]
    found: list[ReportChange] = []
    for change in sorted(certain, key=lambda item: (-abs(item.effect) * (2 if item.worse else 1), item.metric, item.after)):
        same = [item for item in found if (item.column, item.after) == (change.column, change.after)]
        if len(same) < 2:
            found.append(change)
    return found[:MOST]


def measured_apart(changes: "Sequence[ReportChange | Untold]", subject: str | None) -> "list[ReportChange | Untold]":
    """Changes whose sides lack their scores at shares that differ for certain: of `subject` first, then the most certain, two at most."""
    certain = [change for change in changes if change.missing_p * len(changes) < APART]
    return sorted(certain, key=lambda item: (item.metric != subject, item.missing_p, item.metric, item.after))[:MOST_APART]


def _untold(change: "ReportChange | Untold") -> str:
    sides = f"{change.n_after:,} of {change.of_after:,} answers have a score there, {change.n_before:,} of {change.of_before:,} at {short(change.before)}"
    return f"Cannot tell how {short(change.after)} differs from {short(change.before)} on {change.metric}: {sides} (p = {change.missing_p:.2g})."


def _telling(slices: Sequence[Slice], by: Sequence[str]) -> list[Slice]:
    """The worst slices that are no policy, one a metric."""
    found: dict[str, Slice] = {}
    for item in slices:
        if item.worse and item.p_holm < ALPHA and item.trait not in by:
            found.setdefault(item.metric, item)
    return list(found.values())[:2]


def _level(summary: MetricSummary) -> str:
    estimate = summary.estimate
    scored = f"{summary.scored:,} of {summary.cells:,} answers scored"
    if estimate.mean is None:
        return f"{summary.name} has no mean: {summary.why_null.get('mean', 'nothing was scored')} ({scored})."
    interval = f"95 % interval {span(estimate.low, estimate.high, summary)}" if estimate.low is not None else f"no interval: {summary.why_null.get('low')}"
    return f"{summary.name} is {amount(estimate.mean, summary)} on average ({interval}; {scored})."


def _change(change: "ReportChange", summary: MetricSummary) -> str:
    higher = "higher" if change.difference > 0 else "lower"
    word = {True: "worse", False: "better", None: higher}[change.worse]
    scored = f"{change.n_after:,} of {change.of_after:,} answers against {change.n_before:,} of {change.of_before:,} scored"
    return (
        f"{short(change.after)} is {word} than {short(change.before)} on {change.metric}: {amount(change.mean_after, summary)} against "
        f"{amount(change.mean_before, summary)} (difference {difference(change.difference, summary)}, 95 % interval "
        f"{difference(change.low, summary, bare=True)} to {difference(change.high, summary)}; {scored}{_apart(change)})."
    )


def _apart(change: "ReportChange") -> str:
    """That the two means are of other shares of the answers."""
    return f", so these may be other kinds of answers: the shares differ, p = {change.missing_p:.2g}" if change.missing_p < DIFFERS else ""


def _judge(change: Mapping[str, Any]) -> str:
    """Whose doing a step is, where the judge changed."""
    start = "In one window" if change["window_start"] is None else f"From {str(change['window_start'])[:10]} on"
    if change["shift"] is None:
        why = str(change["reasons"].get("shift", "")).replace("(", "").replace(")", "")
        return f"{start} {change['metric']} is measured differently, and nothing links the two, so a step there need not be the app's ({why})."
    step = "an unknown step" if change["live"] is None else f"the step of {change['live']:+.3g}"
    words = {
        "judge": f"another judge rates {change['metric']}, which explains {change['shift']:+.3g} of {step}",
        "app": f"another judge rates {change['metric']}, but {step} is the app's: the judge's part is {change['shift']:+.3g}",
    }.get(change["verdict"], f"another judge rates {change['metric']}, and whose doing {step} is cannot be told: the judge's part is {change['shift']:+.3g}")
    return f"{start} {words} (95 % interval {change['shift_low']:+.3g} to {change['shift_high']:+.3g}; {change['anchors']} anchors of {change['set']})."


def _slice(item: Slice, summary: MetricSummary, onset: "Onset | None") -> str:
    inside, elsewhere = amount(item.mean, summary), amount(item.rest, summary)
    interval = f"95 % interval of the difference {difference(item.low, summary, bare=True)} to {difference(item.high, summary)}"
    told = f"{inside} against {elsewhere} elsewhere ({interval}; {item.n:,} answers){_since(onset, summary)}"
    return f"{item.metric}{WORSE_WHERE}{condition(item.trait, item.value)}: {told}."


def _since(onset: "Onset | None", summary: MetricSummary) -> str:
    """Since when, with the days that it may be."""
    if onset is None:
        return ""
    span = f", and not before {onset.first} or after {onset.last}" if onset.first != onset.last else ""
    return f", since about {onset.day}{span}: it was {amount(onset.before, summary)} there before"


def condition(trait: str, value: str) -> str:
    """A slice as a condition in words."""
    return f"{trait}{'' if trait.startswith('input ') and not trait.endswith(('length', 'language')) else ' is'} \u201c{short(value)}\u201d"


def short(text: str, most: int = 60) -> str:
    """A text from data, cut visibly."""
    return text if len(text) <= most else text[: most - 1] + "\u2026"


def amount(value: float, summary: Kinded) -> str:
    """A mean as people read it: a rate in per cent."""
    if summary.kind == "rate":
        return f"{100 * value:.1f} %" if 0 < abs(value) < 0.1 or 0.9 < value < 1 else f"{100 * value:.0f} %"
    return plain_number(value)


def percent(share: float) -> str:
    """A share of records: whole per cent, and never 0 or 100 where it is neither.

    >>> percent(0.2), percent(0.004), percent(1.0)
    ('20 %', '0.4 %', '100 %')
    """
    return f"{100 * share:.0f} %" if share in (0.0, 1.0) or 0.01 <= share <= 0.99 else f"{100 * share:.2g} %"


def span(low: float | None, high: float | None, summary: Kinded) -> str:
    """An interval."""
    if low is None or high is None:
        return "unknown"
    if summary.kind == "rate":
        return f"{100 * low:.1f} to {100 * high:.1f} %"
    return f"{plain_number(low)} to {plain_number(high)}"


def difference(value: float, summary: Kinded, *, bare: bool = False) -> str:
    """A difference with its sign; of rates in percentage points."""
    if summary.kind == "rate":
        return f"{100 * value:+.1f}{'' if bare else ' points'}".replace("-", "\u2212")
    return ("+" if value > 0 else "") + plain_number(value).replace("-", "\u2212")


def plain_number(value: float) -> str:
    """A number in three significant digits, without exponents where it can be.

    >>> plain_number(1234.5), plain_number(0.01234), plain_number(-7.0)
    ('1,234', '0.0123', '-7')
    """
    value = float(f"{value:.12g}") + 0.0  # the same mean, summed in another order, reads the same; -0.0 is 0
    if abs(value) >= 1000:
        return f"{value:,.0f}" if abs(value) < 1e15 else f"{value:.3g}"
    text = f"{value:.3g}"
    return text if "e" not in text or abs(value) < 1e-6 else f"{value:.8f}".rstrip("0")
