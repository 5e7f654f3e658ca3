"""The modes of a judge: how the replies to a rubric's questions become the score of one record."""

import json
from collections.abc import Mapping
from statistics import fmean, pstdev

from judgecli.judge.asker import Asker, Read, Story
from judgecli.judge.form import NameForm, NumberForm, RankingForm, VerdictsForm
from judgecli.judge.jury import agreement, combine_labels
from judgecli.judge.prompt import JudgeQuestion, with_claims
from judgecli.judge.request import Row
from judgecli.judge.rubric import CategoriesScale, ChecklistScale, ClaimsScale, NumberScale, Rubric, StepsScale
from judgecli.judge.scales import checklist_share, f1, ranked_first, steps_value
from judgecli.judge.verdict import JudgeVerdict
from judgecli.scorer import Score

FALLBACK_SAMPLES = 5  # draws where log probabilities were wanted and the endpoint has none
WAITING = "not_asked"


def _cannot(rubric: Rubric, verdict: JudgeVerdict) -> Score:
    return Score(reason=rubric.cannot_judge.reason, explanation=verdict.explanation or "the judge says that this cannot be judged")


async def score_point(question: JudgeQuestion, asker: Asker, samples: int) -> Score:
    """Number, checklist or category: one draw, or the mean of several."""
    reads: list[Read] = []
    failed: list[Score] = []
    wanted = samples
    draw = 0
    while draw < wanted:
        read = await asker.read(question, draw)
        draw += 1
        if isinstance(read, Score):
            failed.append(read)
        elif read.verdict.value is None:
            failed.append(_cannot(question.rubric, read.verdict))
        else:
            reads.append(read)
            if asker.logprobs and read.weights is None and wanted == 1 and isinstance(question.form, NumberForm | NameForm):
                wanted = FALLBACK_SAMPLES
    if 2 * len(reads) <= wanted:
        return failed[0]
    return _point_score(reads, wanted, question, asker.story)


def _point_score(reads: list[Read], wanted: int, question: JudgeQuestion, story: Story) -> Score:
    """The score of the draws that could be read, which are more than half of all."""
    scale = question.rubric.scale
    answers = [read.verdict.value for read in reads]
    explanation = reads[0].verdict.explanation
    if wanted > 1:
        story.detail["samples"] = answers
        story.sureness = agreement([json.dumps(answer, sort_keys=True) for answer in answers]) * len(reads) / wanted
    if all(read.weights is not None for read in reads) and reads:
        weights = [read.weights for read in reads if read.weights is not None]
        story.detail["weights"] = {name: round(fmean(weight.of[name] for weight in weights), 6) for name in weights[0].of}
        story.sureness = fmean(weight.surest for weight in weights) if wanted == 1 else story.sureness
    if isinstance(scale, NumberScale):
        values = [_number(read) for read in reads]
        if len(values) > 1:
            story.detail["spread"] = round(pstdev(values), 6)
        return Score(value=fmean(values), explanation=explanation)
    if isinstance(scale, ChecklistScale):
        shares = [checklist_share(scale, answer) for answer in answers if isinstance(answer, Mapping)]
        known = [share for share in shares if share is not None]
        story.detail.setdefault("answers", answers[0])
        return Score(value=fmean(known), explanation=explanation) if known else Score(reason="not_applicable", explanation="no item applies")
    assert isinstance(scale, CategoriesScale)
    return _category_score(scale, [str(answer) for answer in answers], reads, explanation)


def _number(read: Read) -> float:
    if read.weights is not None:
        return read.weights.expected({name: float(name) for name in read.weights.of})
    assert isinstance(read.verdict.value, float)
    return read.verdict.value


def _category_score(scale: CategoriesScale, names: list[str], reads: list[Read], explanation: str | None) -> Score:
    """The name that most draws gave; with points, their mean."""
    label = combine_labels(names)
    if scale.points is None:
        return Score(label=label, explanation=explanation) if label else Score(reason="judge_parse", explanation="the draws have no majority")
    values = [read.weights.expected(scale.points) if read.weights else scale.points[name] for name, read in zip(names, reads, strict=True)]
    return Score(value=fmean(values), label=label, explanation=explanation)


async def score_claims(row: Row, questions: list[JudgeQuestion], scale: ClaimsScale, asker: Asker) -> Score:
    """Extract the claims of each side, verify them against the other."""
    shares: list[float] = []
    told: list[list[list[str]]] = []
    explanation = None
    evidence: list[list[str]] = [list(scale.against), [scale.of]]  # of the claims of each side
    for question, against in zip(questions, evidence, strict=False):
        claims = await asker.read(question)
        if isinstance(claims, Score):
            return claims
        if claims.verdict.value is None:
            return _cannot(question.rubric, claims.verdict)
        assert isinstance(claims.verdict.value, list)
        if not claims.verdict.value:
            return Score(reason="not_applicable", explanation=f"no claims: {claims.verdict.explanation or ''}"[:300])
        checked = await asker.read(with_claims(question.rubric, claims.verdict.value, [(name, row.get(name)) for name in against]))
        if isinstance(checked, Score):
            return checked
        if checked.verdict.value is None:
            return _cannot(question.rubric, checked.verdict)
        assert isinstance(checked.verdict.value, list)
        wanted = "contradicted" if scale.measure == "contradicted" else "supported"
        shares.append(checked.verdict.value.count(wanted) / len(checked.verdict.value))
        told.append([list(pair) for pair in zip(claims.verdict.value, checked.verdict.value, strict=True)])
        explanation = explanation or checked.verdict.explanation
    asker.story.detail["claims"] = told[0]
    if len(shares) == 1:
        return Score(value=shares[0], explanation=explanation)
    asker.story.detail |= {"precision": shares[0], "recall": shares[1], "missed": [claim for claim, verdict in told[1] if verdict != "supported"]}
    return Score(value=f1(*shares), explanation=explanation)


async def score_steps(question: JudgeQuestion, scale: StepsScale, asker: Asker) -> Score:
    assert isinstance(question.form, VerdictsForm)
    read = await asker.read(question)
    if isinstance(read, Score):
        return read
    if read.verdict.value is None:
        return _cannot(question.rubric, read.verdict)
    assert isinstance(read.verdict.value, list)
    value, first = steps_value(scale, read.verdict.value)
    asker.story.detail |= {"verdicts": read.verdict.value, "first_bad": first}
    return Score(value=value, label="none" if first is None else str(first), explanation=read.verdict.explanation)


async def score_pair(questions: list[JudgeQuestion], asker: Asker) -> Score:
    """Both orders; a verdict that changes with the order is `position_inconsistent`, never a win."""
    reads: list[Read] = []
    waiting: Score | None = None
    for question in questions:
        read = await asker.read(question)
        if isinstance(read, Score):
            if read.reason == WAITING and waiting is None:
                waiting = read  # the other order is asked all the same: a batch takes both
                continue
            return waiting or read
        if read.verdict.value is None:
            return waiting or _cannot(question.rubric, read.verdict)
        reads.append(read)
    if waiting is not None:
        return waiting
    winners = [str(read.verdict.value) for read in reads]
    asker.story.detail["orders"] = winners
    back = {"A": "B", "B": "A", "tie": "tie"}[winners[1]]
    if winners[0] != back:
        return Score(reason="position_inconsistent", explanation=f"in the order shown {winners[0]} won, in reverse order {winners[1]}")
    points = {"A": 1.0, "B": 0.0, "tie": 0.5}
    value, first, second = points[back], reads[0].weights, reads[1].weights
    if first is not None and second is not None:
        value = fmean([first.expected(points), 1 - second.expected(points)])
        asker.story.sureness = min(first.surest, second.surest)
    return Score(value=value, label={"A": "first", "B": "second", "tie": "tie"}[back], explanation=reads[0].verdict.explanation)


async def score_list(questions: list[JudgeQuestion], asker: Asker) -> Score:
    """Both orders; a best answer that changes with the order is `position_inconsistent`."""
    rankings: list[list[int]] = []
    explanation = None
    waiting: Score | None = None
    for question in questions:
        assert isinstance(question.form, RankingForm)
        read = await asker.read(question)
        if isinstance(read, Score):
            if read.reason == WAITING and waiting is None:
                waiting = read  # the other order is asked all the same: a batch takes both
                continue
            return waiting or read
        if read.verdict.value is None:
            return waiting or _cannot(question.rubric, read.verdict)
        assert isinstance(read.verdict.value, list)
        rankings.append(read.verdict.value)
        explanation = explanation or read.verdict.explanation
    if waiting is not None:
        return waiting
    asker.story.detail["rankings"] = rankings
    best = ranked_first(*rankings)
    if best is None:
        return Score(reason="position_inconsistent", explanation="another answer is best when the order is reversed")
    return Score(value=float(best), explanation=explanation)
