"""A judge: a rubric, the models that are asked, and how often. Scores one record through an `Ask`.

The score of a record is a pure function of the rubric, the record and the replies: the same `Judge`
with an `Ask` that answers from the ledger gives the same score again, and that is all that
re-parsing is.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from judgecli.judge import modes
from judgecli.judge.asker import Asker
from judgecli.judge.form import form_of
from judgecli.judge.jury import Combine, jury_score
from judgecli.judge.prompt import JudgeQuestion, build, field_sections, media_parts, sections_of
from judgecli.judge.request import Ask, Request, Row
from judgecli.judge.rubric import ClaimsScale, Rubric, StepsScale
from judgecli.scorer import Score

TOP_LOGPROBS = 20
MOST_ANSWERS = 20  # of a list


@dataclass(frozen=True)
class Judge:
    """How a rubric is asked.

    `models` has one name, or several: a jury (`jury` says how their scores become one), or with
    `cascade` a chain, cheapest first, where the next is asked if the one before was less sure than
    `cascade` (share of its draws that agree, or probability of its verdict). `samples` asks each
    model so often and takes the mean; `logprobs` takes the expected value over the scale's tokens.
    `parameters` go to the endpoint as they are. `secret` is the store's, for the nonces.
    """

    rubric: Rubric
    models: tuple[str, ...]
    parameters: Mapping[str, object] = field(default_factory=dict)
    samples: int = 1
    logprobs: bool = False
    jury: Combine = "mean"
    cascade: float | None = None
    secret: bytes = b""

    async def score(self, row: Row, ask: Ask) -> Score:
        """The score of one record, or its reason. Raises: JudgeUnavailable, through `ask`.

        `row` holds record columns by name; for pairs and lists also `outputs`, the answers to compare.
        """
        missing = self._missing(row)
        if missing is not None:
            return missing
        scores: list[Score] = []
        for model in self.models:
            asker = Asker(self._parameters(model), ask, self.secret, self.logprobs)
            score = await self._by_model(row, asker)
            scores.append(_told(score, asker.story.detail))
            if self.cascade is not None and score.reason is None and (asker.story.sureness or 0.0) >= self.cascade:
                break
        return scores[-1] if self.cascade is not None or len(scores) == 1 else _jury_told(scores, self)

    def first_requests(self, row: Row) -> list[Request]:
        """The requests that scoring this record makes whatever the replies are, for a look into the ledger and an estimate of cost."""
        if self._missing(row) is not None:
            return []
        models = self.models[:1] if self.cascade is not None else self.models
        questions = self._questions(row)
        return [
            build(question, self._parameters(model), secret=self.secret, draw=draw).request
            for model in models
            for question in questions
            for draw in self._draws()
        ]

    def calls_per_record(self) -> int:
        """How many calls a record takes, without repairs: the number that an estimate of cost multiplies."""
        scale = self.rubric.scale
        steps = {"claims": 4 if isinstance(scale, ClaimsScale) and scale.measure == "f1" else 2, "pairwise": 2, "listwise": 2}.get(scale.kind, 1)
        return steps * len(self._draws()) * (1 if self.cascade is not None else len(self.models))

    def _draws(self) -> range:
        return range(self.samples if self.rubric.scale.kind in ("number", "checklist", "categories") else 1)

    def _parameters(self, model: str) -> dict[str, object]:
        weighted = self.logprobs and self.rubric.scale.kind in ("number", "categories", "pairwise")
        return {**self.parameters, "model": model, **({"logprobs": True, "top_logprobs": TOP_LOGPROBS} if weighted else {})}

    def _missing(self, row: Row) -> Score | None:
        """What is known of this record without asking: why it is not asked about, or the tie of two equal answers. None where it is asked about."""
        if self.rubric.media and not media_parts(row):
            return Score(reason="not_applicable", explanation="the record shows no image or audio that can be passed on")
        kind = self.rubric.scale.kind
        if kind in ("pairwise", "listwise"):
            answers = _answers(row)
            if len(answers) < 2 or (kind == "pairwise" and len(answers) > 2) or len(answers) > MOST_ANSWERS:
                return Score(reason="not_applicable", explanation=f"{len(answers)} answers to compare")
            return Score(value=0.5, label="tie", explanation="the two answers are the same text") if kind == "pairwise" and answers[0] == answers[1] else None
        empty = next((name for name in self.rubric.inputs if row.get(name) is None or row.get(name) == []), None)
        reason = "input_missing_field" if empty == "output" else "not_applicable"
        return None if empty is None else Score(reason=reason, explanation=f"the record has no {empty}")

    def _questions(self, row: Row) -> list[JudgeQuestion]:
        """The questions that are asked first."""
        rubric, scale = self.rubric, self.rubric.scale
        media = tuple(media_parts(row)) if rubric.media else ()
        if isinstance(scale, ClaimsScale):
            of = [scale.of, *(scale.against if scale.measure == "f1" else [])]
            return [JudgeQuestion(rubric, form_of(rubric, extract=True), tuple(field_sections(name, row[name], rubric)), "extract") for name in of]
        if scale.kind in ("pairwise", "listwise"):
            return self._both_orders(row)
        sections = sections_of(rubric, row)
        count = sum(section.field == scale.of for section in sections) if isinstance(scale, StepsScale) else 0
        return [JudgeQuestion(rubric, form_of(rubric, count=count), tuple(sections), scale.kind, media)]

    def _both_orders(self, row: Row) -> list[JudgeQuestion]:
        """The comparison of the answers as they stand and in reverse."""
        answers = _answers(row)
        names = [
            name
            for name in (*self.rubric.inputs, *self.rubric.optional)
            if name not in ("output", "outputs") and not (name == "reference" and "outputs" not in row)
        ]
        before = [section for name in names if row.get(name) is not None for section in field_sections(name, row[name], self.rubric)]
        form = form_of(self.rubric, count=len(answers))
        orders = (answers, answers[::-1])
        return [JudgeQuestion(self.rubric, form, (*before, *field_sections("outputs", order, self.rubric)), self.rubric.scale.kind) for order in orders]

    async def _by_model(self, row: Row, asker: Asker) -> Score:
        scale = self.rubric.scale
        questions = self._questions(row)
        if isinstance(scale, ClaimsScale):
            return await modes.score_claims(row, questions, scale, asker)
        if scale.kind == "pairwise":
            return await modes.score_pair(questions, asker)
        if scale.kind == "listwise":
            return await modes.score_list(questions, asker)
        if isinstance(scale, StepsScale):
            return await modes.score_steps(questions[0], scale, asker)
        return await modes.score_point(questions[0], asker, self.samples)


def _answers(row: Row) -> list[str]:
    """The answers to compare: `outputs`, else the output with the reference as its rival."""
    outputs = row.get("outputs")
    if isinstance(outputs, list | tuple):
        return [str(output) for output in outputs if output is not None]
    return [str(row[name]) for name in ("output", "reference") if row.get(name) is not None]


def _told(score: Score, detail: Mapping[str, object]) -> Score:
    """The score with what was noted on the way, as JSON text."""
    return replace(score, detail=json.dumps(detail, sort_keys=True)) if detail else score


def _jury_told(scores: list[Score], judge: Judge) -> Score:
    """The jury's score, with every judge's own beside it."""
    members = [{"model": model, "value": one.value, "label": one.label, "reason": one.reason} for model, one in zip(judge.models, scores, strict=True)]
    cut = {name: shown for one in scores for name, shown in (json.loads(one.detail).get("cut", {}) if one.detail else {}).items()}
    detail = {"jury": members, **({"cut": cut} if cut else {})}
    return replace(jury_score(scores, judge.jury), detail=json.dumps(detail, sort_keys=True))
