"""Asks one model one question, reads the reply, and asks once more where a second try may help."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from judgecli.judge.form import Form, NameForm, NumberForm
from judgecli.judge.prompt import AskedPrompt, JudgeQuestion, build
from judgecli.judge.request import Ask, AskFailed, Reply
from judgecli.judge.verdict import JudgeVerdict, read_verdict, value_span
from judgecli.judge.weights import LevelWeights, weights_at
from judgecli.scorer import Score


@dataclass
class Story:
    """What is kept beside a score: collected while it is made. `sureness`, from 0 to 1, decides a cascade."""

    detail: dict[str, object] = field(default_factory=dict)
    sureness: float | None = None


@dataclass(frozen=True)
class Read:
    """A verdict with what its tokens say."""

    verdict: JudgeVerdict
    weights: LevelWeights | None


@dataclass
class Asker:
    """One model and how it is asked, for one record."""

    parameters: Mapping[str, object]
    ask: Ask
    secret: bytes
    logprobs: bool
    story: Story = field(default_factory=Story)

    async def read(self, question: JudgeQuestion, draw: int = 0) -> Read | Score:
        """One verdict, or why there is none. Raises: JudgeUnavailable."""
        asked = build(question, self.parameters, secret=self.secret, draw=draw)
        self.story.detail |= asked.treatment.detail()
        try:
            reply, found = await self._read(asked)
            second = self._second_try(question, found, draw)
            if second is not None:
                self.story.detail["asked_again"] = str(getattr(found, "reason", ""))
                asked = second
                reply, found = await self._read(asked)
        except AskFailed as error:
            return Score(reason=error.reason, explanation=str(error)[:300])
        if isinstance(found, Score):
            return found
        if found.note is not None:
            self.story.detail["finish"] = found.note
        return Read(found, _weights(asked.form, reply, found) if self.logprobs else None)

    async def _read(self, asked: AskedPrompt) -> tuple[Reply, JudgeVerdict | Score]:
        reply = await self.ask(asked.request)
        return reply, read_verdict(asked, reply)

    def _second_try(self, question: JudgeQuestion, found: JudgeVerdict | Score, draw: int) -> AskedPrompt | None:
        """The question once more: told that it must be one object, or with twice the room where the reply was cut."""
        if not isinstance(found, Score):
            return None
        if found.reason == "judge_parse":
            return build(question, self.parameters, secret=self.secret, draw=draw, again=True)
        limits = {name: 2 * value for name in ("max_tokens", "max_completion_tokens") if isinstance(value := self.parameters.get(name), int)}
        if found.reason == "judge_truncated" and limits:
            return build(question, {**self.parameters, **limits}, secret=self.secret, draw=draw)
        return None


def _weights(form: Form, reply: Reply, verdict: JudgeVerdict) -> LevelWeights | None:
    options = [str(value) for value in form.values] if isinstance(form, NumberForm) else list(form.names) if isinstance(form, NameForm) else []
    place = value_span(form, reply.text or "", verdict.span) if options and reply.logprobs else None
    return weights_at(reply.logprobs or (), reply.text or "", place[0], options) if place else None
