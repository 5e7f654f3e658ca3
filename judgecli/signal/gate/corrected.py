"""Gates on a mean as people's labels correct it: the corrected interval decides, the raw mean stands beside it."""

from dataclasses import replace

from judgecli.labels.correct import CorrectedMean
from judgecli.signal.gate.verdict import GateEvidence, GateQuestion, GateResult, counted_text, judge_threshold, plural, shown_text
from judgecli.signal.summary import MetricRange
from judgecli.stats.deciding import LEAST_CLUSTERS
from judgecli.stats.intervals import Estimate


def judge_corrected(
    question: GateQuestion, evidence: GateEvidence, corrected: CorrectedMean | str, scale: MetricRange, *, by_errors: CorrectedMean | None = None
) -> GateResult:
    """Answer a gate with a threshold by the corrected mean; a text says why there is none, and the answer is incomplete.

    The rules are those of `judge_threshold`, with two more: fewer than 20 clusters with a label give no verdict (inconclusive), and
    missing cells are put to both ends of `scale` beside the corrected mean of the scored ones, see `_filled`. `value`, `low` and `high`
    are the corrected ones, `worst` and `best` too; `n`, `cells` and `clusters` count what the judge scored. `by_errors` (Rogan and Gladen)
    stands beside and decides nothing.
    """
    found = _judge(question, evidence, corrected, scale)
    if by_errors is None:
        return found
    return replace(found, corrected_by_errors=by_errors.to_json(), message=f"{found.message}; {_beside(by_errors)}")


def _beside(by_errors: CorrectedMean) -> str:
    """The other correction in words."""
    if by_errors.mean is None:
        return f"by the judge's errors (Rogan-Gladen) there is none: {by_errors.why}"
    limits = "" if by_errors.low is None or by_errors.high is None else f" ({by_errors.low:.4g} to {by_errors.high:.4g})"
    return f"by the judge's errors (Rogan-Gladen) it is {by_errors.mean:.4g}{limits}"


def _judge(question: GateQuestion, evidence: GateEvidence, corrected: CorrectedMean | str, scale: MetricRange) -> GateResult:
    why = corrected if isinstance(corrected, str) else corrected.why
    raw, summary = evidence.summary.estimate, evidence.summary
    if isinstance(corrected, str) or corrected.mean is None:
        return _incomplete(question, evidence, why or "nothing was corrected")
    estimate = Estimate(corrected.mean, corrected.se, corrected.low, corrected.high, corrected.method)
    bottom, top = (_filled(estimate, evidence, end) for end in scale)
    worst, best = (bottom, top) if summary.higher_is_better is not False else (top, bottom)
    reasons = {**summary.why_null, **({name: why for name in ("low", "high") if why and getattr(estimate, name) is None})}
    held = replace(
        summary,
        estimate=estimate,
        worst=None if summary.worst is None or worst is None else worst.mean,
        best=None if summary.best is None or best is None else best.mean,
        why_null=reasons,
    )
    result = replace(judge_threshold(question, replace(evidence, summary=held, at_bottom=bottom, at_top=top)), corrected=True)
    beside = f"; the raw mean is {shown_text(raw, question.threshold)}, {plural(corrected.labels, 'label')}"
    if corrected.clusters < LEAST_CLUSTERS:
        shown = shown_text(estimate, question.threshold)
        said = f"not enough labels: corrected mean {shown} from {plural(corrected.clusters, 'labelled cluster')}, and a verdict needs {LEAST_CLUSTERS}"
        return replace(result, verdict="inconclusive", message=f"{said}; {counted_text(evidence)}{beside}")
    because = f" ({why})" if why else ""
    return replace(result, message=f"corrected mean {result.message}{beside}{because}")


def _incomplete(question: GateQuestion, evidence: GateEvidence, why: str) -> GateResult:
    """No corrected mean: neither are there the numbers that it would have, and the raw ones do not stand in."""
    raw = evidence.summary.estimate
    beside = "" if raw.mean is None else f"; the raw mean is {shown_text(raw, question.threshold)}"
    empty = dict.fromkeys(("value", "low", "high", "worst", "best", "detectable"))
    return replace(
        judge_threshold(question, evidence),
        **empty,  # type: ignore[arg-type]
        verdict="incomplete",
        corrected=True,
        message=f"no corrected mean: {why}; {counted_text(evidence)}{beside}",
        reasons=dict.fromkeys(("mean", "low", "high", "worst", "best"), why),
    )


def _filled(estimate: Estimate, evidence: GateEvidence, end: float | None) -> Estimate | None:
    """The corrected mean with every missing cell at this end of the scale; None where the scale has no end there.

    (1 - m) mean + m end, m the missing share; its limits are the outermost of those that both ends of the intervals of m and of the
    corrected mean give, which is at least as wide as an interval made of both errors together.
    """
    share = evidence.share
    if not evidence.missing:
        return estimate
    if end is None or share is None or estimate.mean is None or share.mean is None:
        return None
    shares = [share.mean if limit is None else limit for limit in (share.low, share.high)]
    low, high = (
        None if limit is None else outermost((1 - part) * limit + part * end for part in shares)
        for limit, outermost in ((estimate.low, min), (estimate.high, max))
    )
    return Estimate((1 - share.mean) * estimate.mean + share.mean * end, None, low, high)
