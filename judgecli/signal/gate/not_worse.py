"""Gates with a baseline: is the candidate worse than what was approved by more than a margin?

Non-inferiority on the same prompts: pass where the whole interval of the difference is within the margin or
better, fail where it is beyond it, else inconclusive, with what would be needed. The ends of the 95 %
interval decide, so a candidate that is worse by exactly the margin passes at most four times in a hundred: rare losses too on a closed
scale; on an open one a pass says which loss so few prompts cannot exclude.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from judgecli.signal.anchors import FEW
from judgecli.signal.compare.paired import Difference, Pairs, bound_difference, measure_difference
from judgecli.signal.compare.rows import ComparedMetric, few_anchors, needed_pairs, rare_loss, told_link
from judgecli.signal.gate.verdict import GateResult, GateVerdict, near_text, order_of, plural
from judgecli.signal.linked import Link, link_text
from judgecli.stats.deciding import LEAST_CLUSTERS
from judgecli.stats.families import holm

ALPHA = 0.025  # one-sided: the chance that a try at the margin passes
REGRESSED = 0.05  # of the adjusted p of a claim that a metric regressed


@dataclass(frozen=True)
class Bar:
    """What a gate asks: of which metric (with a direction and a margin), against which baseline, how much of it must be measured."""

    gate: str
    baseline: str
    subject: ComparedMetric
    margin: float
    measured: float
    strict: bool = False
    where: str | None = None

    @property
    def threshold(self) -> float:
        """The difference (candidate minus baseline) that must not be passed: -margin, or +margin where lower is better."""
        return -self.margin * self.subject.sign

    @property
    def wanted_up(self) -> bool:
        """Whether more is better."""
        return self.subject.sign > 0


def judge_not_worse(bar: Bar, pairs: Pairs, *, unscored: Mapping[str, int], pending: int, dead_endpoint: bool = False, link: Link | None = None) -> GateResult:
    """Answer one gate. `pairs`: the baseline is side a. `unscored` and `pending` count cells of the candidate.

    `link`: another judge scored the candidate, which is put into units of the baseline's.
    """
    rate, scale, (line, b_scale) = bar.subject.kind == "rate", bar.subject.scale, (None, None) if link is None else (link.line, link.scale)
    found = measure_difference(pairs, rate=rate, scale=scale, link=line, b_scale=b_scale)
    ends = [bound_difference(pairs, rate=rate, scale=scale, b_at_top=top, link=line, b_scale=b_scale) if pairs.lost_values else found for top in (False, True)]
    told = None if link is None else told_link(link, pairs, rate=rate, scale=scale)
    worst, best = ends if bar.wanted_up else ends[::-1]
    verdict, why = _verdict(bar, pairs, found, worst, best)
    if link is not None and link.few and verdict in ("pass", "fail"):
        verdict, why = "inconclusive", few_anchors(link)
    asked = len(pairs.a.prompts) - pairs.unowed
    return GateResult(
        gate=bar.gate,
        verdict=verdict,
        value=found.difference,
        low=found.low,
        high=found.high,
        threshold=bar.threshold,
        n=found.pairs,
        message=f"{why}{'' if told is None else f', {link_text(told)}'}; {_counted(bar, pairs, found)}",
        kind="baseline",
        metric=bar.subject.metric,
        where=bar.where,
        direction="at_least" if bar.wanted_up else "at_most",
        cells=asked,
        of=asked,
        clusters=found.clusters,
        worst=None if worst is None else worst.difference,
        best=None if best is None else best.difference,
        unscored=dict(unscored),
        pending=pending,
        coverage=found.pairs / asked if asked else None,
        identity=bar.subject.identity,
        dead_endpoint=dead_endpoint,
        reasons=dict(found.reasons),
        baseline=bar.baseline,
        margin=bar.margin,
        detectable=found.seen,
        needed=needed_pairs(found, bar.margin),
        p=found.p,
        method=found.method,
        means={"baseline": found.a, "candidate": found.b},
        measured=pairs.shares.to_json(),
        linked=told,
    )


def _verdict(bar: Bar, pairs: Pairs, found: Difference, worst: Difference | None, best: Difference | None) -> tuple[GateVerdict, str]:
    asked = len(pairs.a.prompts) - pairs.unowed
    if found.difference is None:
        return "incomplete", found.reasons.get("difference", "nothing to compare")
    shown = shown_change(bar, found)
    if found.pairs < bar.measured * asked:
        return "incomplete", f"{shown}, but only {found.pairs:,} of the {asked:,} prompts of the baseline have a score, and {100 * bar.measured:g} % must"
    if found.clusters < LEAST_CLUSTERS:
        return (
            "inconclusive",
            f"not enough data: {shown} from {plural(found.clusters, 'cluster')}, and a verdict needs {LEAST_CLUSTERS}",
        )
    if found.undecided is not None:
        return "inconclusive", f"not enough data: {shown}, {found.undecided}"
    answer = answer_of(bar, found)
    if answer == "inconclusive":
        return answer, f"{shown}: {_undecided(bar, found)}"
    said = f"{shown} is {relation_to(bar, found, answer)}{rare_loss(found, bar.subject.scale, bar.margin) if answer == 'pass' else ''}"
    if not pairs.lost_values:
        return answer, said
    end = worst if answer == "pass" else best
    lost = plural(pairs.lost_values, "missing score")
    if end is None:
        return "inconclusive", f"{said}, but {lost} could change that: the scale has no end to hold them against"
    if answer_of(bar, end) != answer:
        return "inconclusive", f"{said}, but {lost} could change that: at the end of the scale they make it {shown_change(bar, end)}"
    return answer, said


def answer_of(bar: Bar, found: Difference) -> GateVerdict:
    if found.low is None or found.high is None:
        return "inconclusive"
    worse_end, better_end = _ends(bar, found.low, found.high)
    if order_of(better_end, -bar.margin) < 0 or (bar.strict and order_of(better_end, 0.0) < 0):
        return "fail"
    return "pass" if order_of(worse_end, -bar.margin) > 0 else "inconclusive"


def _ends(bar: Bar, low: float, high: float) -> tuple[float, float]:
    """The worse and the better end of the interval, turned so that more is better."""
    return (low, high) if bar.wanted_up else (-high, -low)


def shown_change(bar: Bar, found: Difference) -> str:
    """The difference with its sign; positive is more, whether or not more is better."""
    if found.low is None or found.high is None:
        return f"{signed_text(found.difference, bar.threshold)} against {bar.baseline} (no interval)"
    low, high = (near_text(limit, bar.threshold) for limit in (found.low, found.high))
    return f"{signed_text(found.difference, bar.threshold)} against {bar.baseline} (95 % interval {low} to {high})"


def signed_text(value: float | None, threshold: float) -> str:
    text = near_text(value, threshold)
    return f"+{text}" if value is not None and value > 0 and not text.startswith("+") else text


def relation_to(bar: Bar, found: Difference, answer: GateVerdict) -> str:
    if answer == "pass":
        return f"not worse by more than {bar.margin:g}"
    beyond = found.low is not None and found.high is not None and order_of(_ends(bar, found.low, found.high)[1], -bar.margin) < 0
    return f"worse by more than {bar.margin:g}" if beyond else "worse, which a strict gate does not allow"


def _undecided(bar: Bar, found: Difference) -> str:
    if found.low is None or found.high is None:
        return next(iter(found.reasons.values()), "there is no interval to decide by")
    needed = needed_pairs(found, bar.margin)
    more = f"; if nothing changed, about {needed:,} prompts would show it" if needed and needed > found.pairs else ""
    return f"the interval holds {bar.threshold:g}, so these prompts cannot tell{more}"


def _counted(bar: Bar, pairs: Pairs, found: Difference) -> str:
    """How many pairs, what they could have seen, and who has no partner."""
    text = f"{found.pairs:,} of {len(pairs.a.prompts) - pairs.unowed:,} prompts paired"
    if found.seen is not None:
        text += f", the smallest change these could have seen is {found.seen:.3g}"
    if pairs.only_b:
        text += f"; {pairs.only_b:,} prompts are not in the baseline"
    if bar.where is not None and pairs.only_a:
        text += f"; {pairs.only_a:,} of the baseline are not among these records"
    shares = pairs.shares.text(f"baseline {bar.baseline}", "the candidate")
    return f"{text}; {shares}" if shares else text


def without_own(result: GateResult, on: str, left_out: int) -> GateResult:
    """The result with the records that stand in the baseline themselves, and so say nothing about a candidate, counted in its message."""
    if not left_out:
        return replace(result, left_out=0)
    records = f"{left_out:,} record{'' if left_out == 1 else 's'} of {'the latest run' if on == 'run:last' else on}"
    said = f"{records} {'stands' if left_out == 1 else 'stand'} in baseline '{result.baseline}' and {'is' if left_out == 1 else 'are'} left out"
    if not result.n and result.verdict == "incomplete" and not result.pending and not result.unscored:
        return replace(result, left_out=left_out, message=f"{said}, and nothing else is there to compare")
    return replace(result, left_out=left_out, message=f"{result.message}; {said}")


def claim_regressions(results: Sequence[GateResult]) -> list[GateResult]:
    """The results with `p_holm` and `regressed`: p adjusted after Holm over all gates with a baseline, claimed below 5 % where the metric is worse."""
    asked = [place for place, result in enumerate(results) if result.kind == "baseline" and result.p is not None]
    adjusted = dict(zip(asked, holm([results[place].p or 0.0 for place in asked]), strict=True)) if asked else {}
    found = []
    for place, result in enumerate(results):
        p = adjusted.get(place)
        if p is None or result.value is None:
            found.append(result)
            continue
        worse = (result.value < 0) == (result.direction == "at_least") and result.value != 0
        told = result.linked is None or int(str(result.linked["anchors"])) >= FEW
        enough = told and result.clusters is not None and result.clusters >= LEAST_CLUSTERS
        regressed = bool(worse and enough and p < REGRESSED)
        message = f"{result.message}; regressed (p = {p:.2g} after Holm)" if regressed else result.message
        found.append(replace(result, p_holm=p, regressed=regressed, message=message))
    return found


def lucky_pass(tries: int, *, alpha: float = ALPHA) -> float:
    """The chance that at least one of so many tries passes although each is worse by the margin: 1 - (1 - alpha)^k."""
    return float(1 - (1 - alpha) ** tries)
