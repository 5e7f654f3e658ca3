"""A judge in memory: rows, replies and rubrics for the tests of judgecli.judge."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence

from judgecli.catalog import load_rubric
from judgecli.judge.form import form_of
from judgecli.judge.judge import Judge
from judgecli.judge.prompt import AskedPrompt, JudgeQuestion, build, sections_of
from judgecli.judge.request import Reply, Request, Token
from judgecli.scorer import Score

SECRET = bytes(range(32))
ROW = {"input": "What is the capital of France?", "output": "Paris."}


def judge(name: str = "helpfulness", **options: object) -> Judge:
    return Judge(load_rubric(name), tuple(options.pop("models", ("m",))), secret=SECRET, **options)  # type: ignore[arg-type]


def asked(text: str = "Paris.", name: str = "helpfulness", **given: object) -> AskedPrompt:
    """The request about an answer."""
    rubric = load_rubric(name)
    return build(JudgeQuestion(rubric, form_of(rubric), tuple(sections_of(rubric, {**ROW, "output": text, **given}))), {"model": "m"}, secret=SECRET)


def reply(text: str | None, finish: str | None = "stop", **more: object) -> Reply:
    return Reply(text, finish_reason=finish, **more)  # type: ignore[arg-type]


def verdict(score: object, explanation: str = "because") -> str:
    return json.dumps({"explanation": explanation, "score": score})


class Scripted:
    """An Ask that answers in turn, or by a function of the request; `requests` are those it got."""

    def __init__(self, answers: Sequence[object] | Callable[[Request], object]) -> None:
        self.answers = answers
        self.requests: list[Request] = []

    async def __call__(self, request: Request) -> Reply:
        self.requests.append(request)
        said = self.answers(request) if callable(self.answers) else self.answers[len(self.requests) - 1]
        if isinstance(said, Exception):
            raise said
        return said if isinstance(said, Reply) else reply(said if isinstance(said, str) else json.dumps(said))


def score(judged: Judge, answers: Sequence[object] | Callable[[Request], object], row: Mapping[str, object] | None = None) -> tuple[Score, Scripted]:
    ask = Scripted(answers)
    return asyncio.run(judged.score(ROW if row is None else row, ask)), ask


def user_text(request: Request) -> str:
    content = request.messages[1]["content"]
    return content if isinstance(content, str) else "\n".join(str(part["text"]) for part in content if part["type"] == "text")


def tokens_of(text: str, place: int, top: Sequence[tuple[str, float]]) -> list[Token]:
    """One token a character, with the likeliest ones at one place."""
    return [Token(character, top[0][1] if here == place else 0.0, tuple(top) if here == place else ()) for here, character in enumerate(text)]
