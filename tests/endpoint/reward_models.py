"""A served reward model for tests: each protocol as its server speaks it, faults by what a text says; it counts calls and texts."""

import base64
import json
import struct
from collections import Counter
from dataclasses import dataclass, field

from judgecli.serve.fake_judge import FakeJudge
from judgecli.serve.wire import Response, WireRequest, json_response


def number(text: str) -> float:
    """The reward of an output: its length / 10."""
    return len(text) / 10


@dataclass
class RewardModel:
    """The script of a server. `speaks` are the paths that it has; `packed` sends pooling data as base64; a text that holds `refuse` makes a call 400."""

    speaks: tuple[str, ...] = ("/classify", "/pooling", "/predict", "/get_reward")
    packed: bool = False
    reverse: bool = False
    flaky: int = 0  # first calls that are answered 503
    key: str | None = None
    calls: list[dict[str, object]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    texts: Counter[str] = field(default_factory=Counter)

    def __call__(self, asked: WireRequest) -> Response:
        path = asked.path.rpartition("/")[2]
        self.headers.append(dict(asked.headers))
        if self.key is not None and asked.headers.get("authorization") != f"Bearer {self.key}":
            return Response(401, b'{"detail": "no"}')
        if f"/{path}" not in self.speaks:
            return Response(404, b'{"detail": "Not Found"}')
        document = json.loads(asked.body)
        self.calls.append(document)
        if self.flaky > 0:
            self.flaky -= 1
            return Response(503, b"{}", {"retry-after": "0"})
        outputs = self._outputs(path, document)
        self.texts.update(outputs)
        if any("refuse" in output for output in outputs):
            return Response(400, b'{"error": {"message": "one text is too long"}}')
        return self._reply(path, outputs)

    def _outputs(self, path: str, document: dict[str, object]) -> list[str]:
        if path == "predict":
            return [item[-1] for item in document["inputs"]]
        if path == "get_reward":
            return [query[len(prompt) :] for query, prompt in zip(document["query"], document["prompts"], strict=True)]
        if "messages" in document:
            return [document["messages"][-1]["content"]]
        return list(document["input"])

    def _reply(self, path: str, outputs: list[str]) -> Response:
        if any("nan" in output for output in outputs):
            return Response(body=b'{"data": [{"index": 0, "probs": [NaN]}], "rewards": [NaN]}')
        numbers = [None if "null" in output else number(output) for output in outputs]
        if path == "predict":
            return Response(body=json.dumps([[{"score": value, "label": "LABEL_0"}] for value in numbers]).encode())
        if path == "get_reward":
            return json_response({"rewards": numbers[:-1] if any("short" in output for output in outputs) else numbers})
        rows = [self._row(path, place, value, outputs[place]) for place, value in enumerate(numbers)]
        return json_response({"object": "list", "model": "served-rm", "data": rows[::-1] if self.reverse else rows})

    def _row(self, path: str, place: int, value: float | None, output: str) -> dict[str, object]:
        values = [value, 1.0] if "classes" in output else [value]
        if path == "classify":
            return {"index": place, "label": "LABEL_0", "probs": values, "num_classes": len(values)}
        packed = base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode() if self.packed else values
        return {"index": place, "object": "pooling", "data": packed}


class Served(FakeJudge):
    """A reward model on a port of its own; every path goes to the script."""

    def __init__(self, model: RewardModel) -> None:
        super().__init__()
        self.model = model

    async def _answer(self, asked: WireRequest) -> Response:
        return self.model(asked)

    @property
    def root(self) -> str:
        return self.url.removesuffix("/v1")
