"""The bodies that the reward server reads and writes: vLLM's /classify, TEI's /predict, OpenRLHF's /get_reward, and /v1/rewards of our own.

    POST /v1/rewards  {"inputs": ["Refunds?"], "outputs": ["30 days."]}          -> {"rewards": [1.3], "reasons": [null], ...}
    POST /classify    {"messages": [...], "use_activation": false}                -> {"data": [{"index": 0, "probs": [1.3]}], ...}
    POST /predict     {"inputs": [["Refunds?", "30 days."]], "raw_scores": true}  -> [[{"score": 1.3, "label": "LABEL_0"}]]
    POST /get_reward  {"query": ["Refunds?30 days."], "prompts": ["Refunds?"]}    -> {"rewards": [1.3], "scores": [0.79], ...}

Nothing of a request names a model, a path or an address: a `model` in a body is not read.
Source: vllm docs/models/pooling_models, text-embeddings-inference router/src/http/types.rs, OpenRLHF openrlhf/utils/agent.py.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import orjson

from judgecli.document import Document
from judgecli.reward.outcome import TAGS, LiveReward, Outcome, Rows, said_missing

OWN_KEYS = {"inputs": "input", "outputs": "output", "references": "reference", "contexts": "contexts"}
MOST_TAGS = 64
RAW = "send use_activation: false: this server gives rewards as they are, not squashed"
RAW_SCORES = "send raw_scores: true: this server gives rewards as they are, not squashed"
NO_TEMPLATE = (
    "this text is a prompt and an answer in one, and the server was not told where the answer begins: start judge serve with --template, or send {other}"
)


class RefusedRequest(Exception):
    """A request that gets no reward; `status` is 4xx or 503."""

    def __init__(self, status: int, message: str, *, rows: Sequence[int] = (), headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.rows, self.headers = status, list(rows), dict(headers or {})


@dataclass(frozen=True)
class Template:
    """How a text was made of an input and an output: the fixed pieces around `{input}` and `{output}`; `ends` are tokens cut from an output's end."""

    text: str | None = None
    ends: tuple[str, ...] = ()

    def split(self, text: str, *, row: int, other: str) -> tuple[str | None, str]:
        """Input and output of a text. Raises: Refused (no template, a text that does not have its form, or has it in two ways)."""
        if self.text is None:
            raise RefusedRequest(422, f"row {row}: {NO_TEMPLATE.format(other=other)}", rows=[row])
        before, _, after = self.text.partition("{output}")
        head, has_input, middle = before.partition("{input}")
        start, end = len(head), len(text) - len(after)
        body = text[start:end]
        if not (text.startswith(head) and text.endswith(after) and start <= end and (not has_input or middle in body)):
            raise RefusedRequest(422, f"row {row}: the text does not have the form of --template", rows=[row])
        if not has_input:
            return None, self.cut(body)
        if body.count(middle) > 1:
            raise RefusedRequest(422, f"row {row}: what stands between input and output occurs twice, so it is not known which is the answer", rows=[row])
        given, _, output = body.partition(middle)
        return given, self.cut(output)

    def cut(self, output: str) -> str:
        """An output without the tokens that end it."""
        changed = True
        while changed:
            changed = False
            for end in self.ends:
                if end and output.endswith(end):
                    output, changed = output[: -len(end)], True
        return output


@dataclass(frozen=True)
class Query:
    """What a request asks: live rows, and how the outcomes are written down for it."""

    rows: Rows
    render: Callable[[Sequence[Outcome]], object]
    nulls: bool = False  # whether the protocol can say that a row has no reward


def load(body: bytes) -> Document:
    """The JSON object of a body. Raises: Refused (400)."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RefusedRequest(400, f"the body is not JSON: {error}"[:200]) from None
    if not isinstance(document, dict):
        raise RefusedRequest(400, "the body is no JSON object")
    return document


def _texts(value: object, name: str, *, nullable: bool = False) -> list[str]:
    if not isinstance(value, list) or not value:
        raise RefusedRequest(422, f"{name} is no list of texts, or an empty one")
    for row, item in enumerate(value):
        if not isinstance(item, str) and not (nullable and item is None):
            raise RefusedRequest(422, f"{name}[{row}] is no text", rows=[row])
    return value


def _same_length(columns: Mapping[str, Sequence[object]]) -> int:
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) != 1:
        raise RefusedRequest(422, f"lists of different lengths: {', '.join(f'{name} {length}' for name, length in lengths.items())}")
    return next(iter(lengths.values()))


# Our own ----------------------------------------------------------------------------------------


def read_own(document: Document, reward: LiveReward, template: Template) -> Query:
    """/v1/rewards: {"outputs", "inputs"?, "references"?, "contexts"?, "tags"?: {NAME: [...]}}. Raises: Refused."""
    unknown = sorted(set(document) - {*OWN_KEYS, "tags"})
    if unknown:
        raise RefusedRequest(422, f"there is no key '{unknown[0][:60]}' here; known are {', '.join((*OWN_KEYS, 'tags'))}")
    columns: dict[str, Sequence[object]] = {"output": _texts(document.get("outputs"), "outputs", nullable=True)}
    for key, column in OWN_KEYS.items():
        if key in document and key != "outputs":
            columns[column] = _contexts(document[key]) if key == "contexts" else _texts(document[key], key, nullable=True)
    tags = document.get("tags", {})
    if not isinstance(tags, dict):
        raise RefusedRequest(422, "tags is no object of lists")
    if len(tags) > MOST_TAGS:
        raise RefusedRequest(413, f"more than {MOST_TAGS} tags")
    columns |= {f"{TAGS}{name}": _texts(values, f"tags.{name[:60]}", nullable=True) for name, values in tags.items()}
    columns["output"] = [template.cut(output) if isinstance(output, str) else output for output in columns["output"]]
    _same_length(columns)
    return Query(columns, lambda outcomes: _own_document(outcomes, reward), nulls=True)


def _contexts(value: object) -> list[list[str] | None]:
    if not isinstance(value, list):
        raise RefusedRequest(422, "contexts is no list")
    for row, passages in enumerate(value):
        if passages is not None and not (isinstance(passages, list) and all(isinstance(passage, str) for passage in passages)):
            raise RefusedRequest(422, f"contexts[{row}] is no list of texts", rows=[row])
    return value


def _own_document(outcomes: Sequence[Outcome], reward: LiveReward) -> object:
    return {
        "rewards": [outcome.reward for outcome in outcomes],
        "reasons": [outcome.reason for outcome in outcomes],
        "sd": [outcome.sd for outcome in outcomes],
        "outside": [outcome.outside for outcome in outcomes],
        "name": reward.name,
        "identity": reward.identity,
    }


# vLLM -------------------------------------------------------------------------------------------


def read_classify(document: Document, reward: LiveReward, template: Template) -> Query:
    """/classify: {"input": text or texts} or {"messages": one conversation}. Raises: Refused."""
    if document.get("use_activation") is not False:
        raise RefusedRequest(422, RAW)
    if ("messages" in document) == ("input" in document):
        raise RefusedRequest(422, "send one of input and messages")
    if "messages" in document:
        pairs = [read_conversation(document["messages"], template)]
    else:
        given = document["input"]
        texts = [given] if isinstance(given, str) else _texts(given, "input")
        pairs = [template.split(text, row=row, other="messages") for row, text in enumerate(texts)]
    return Query(_columns(pairs), lambda outcomes: _classify_document(outcomes, reward))


def read_conversation(messages: object, template: Template) -> tuple[str | None, str]:
    """The last question and the answer to it. Raises: Refused where the last message is no text of the assistant."""
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        raise RefusedRequest(422, "messages is no list of messages")
    texts = [(message.get("role"), message.get("content")) for message in messages]
    if not texts or texts[-1][0] != "assistant" or not isinstance(texts[-1][1], str):
        raise RefusedRequest(422, "the last message must be a text of the assistant: it is what gets the reward", rows=[0])
    questions = [content for role, content in texts if role == "user"]
    if questions and not isinstance(questions[-1], str):
        raise RefusedRequest(422, "the last message of the user is no text", rows=[0])
    return (questions[-1] if questions else None), template.cut(texts[-1][1])


def _columns(pairs: Sequence[tuple[str | None, str]]) -> Rows:
    return {"input": [given for given, _ in pairs], "output": [output for _, output in pairs]}


def _classify_document(outcomes: Sequence[Outcome], reward: LiveReward) -> object:
    data = [{"index": place, "label": "LABEL_0", "probs": [outcome.reward], "num_classes": 1} for place, outcome in enumerate(outcomes)]
    usage = {"prompt_tokens": 0, "total_tokens": 0, "completion_tokens": 0, "prompt_tokens_details": None}
    return {"id": f"classify-{reward.identity}", "object": "list", "created": 0, "model": served_name(reward), "data": data, "usage": usage}


def served_name(reward: LiveReward) -> str:
    """The model that a reply says it was: a client that keeps it notices when the reward is another one."""
    return f"{reward.name}@{reward.identity}"


# TEI --------------------------------------------------------------------------------------------


def read_predict(document: Document, reward: LiveReward, template: Template) -> Query:  # noqa: ARG001 - the shape of all readers
    """/predict: one text, one pair [input, output], or a nested batch of [text] and [input, output]. Raises: Refused."""
    if document.get("raw_scores") is not True:
        raise RefusedRequest(422, RAW_SCORES)
    given = document.get("inputs")
    single = isinstance(given, str) or (isinstance(given, list) and len(given) == 2 and all(isinstance(item, str) for item in given))
    items = [[given] if isinstance(given, str) else given] if single else given
    if not isinstance(items, list) or not items:
        raise RefusedRequest(422, "inputs is neither a text, nor a pair of texts, nor a batch of them")
    pairs = [_read_item(item, row, template) for row, item in enumerate(items)]
    return Query(_columns(pairs), lambda outcomes: _predict_document(outcomes, single=single))


def _read_item(item: object, row: int, template: Template) -> tuple[str | None, str]:
    if not isinstance(item, list) or len(item) not in (1, 2) or not all(isinstance(text, str) for text in item):
        raise RefusedRequest(422, f"inputs[{row}] is neither [text] nor [input, output]; a batch is nested: [[input, output], ...]", rows=[row])
    return (item[0], template.cut(item[1])) if len(item) == 2 else template.split(item[0], row=row, other="pairs [input, output]")


def _predict_document(outcomes: Sequence[Outcome], *, single: bool) -> object:
    found = [[{"score": outcome.reward, "label": "LABEL_0"}] for outcome in outcomes]
    return found[0] if single else found


# OpenRLHF ---------------------------------------------------------------------------------------


def read_get_reward(document: Document, reward: LiveReward, template: Template) -> Query:
    """/get_reward: {"query": prompt + response each, "prompts": [...], "labels": [...]}; a label that is text is the reference. Raises: Refused."""
    queries = _texts(document.get("query"), "query")
    given = document.get("prompts")
    prompts = _texts(given, "prompts") if given is not None else None
    if prompts is not None:
        _same_length({"query": queries, "prompts": prompts})
    pairs = [_split_query(query, prompts[row] if prompts is not None else None, row, template) for row, query in enumerate(queries)]
    columns: dict[str, Sequence[object]] = {**_columns(pairs)}
    labels = document.get("labels")
    if isinstance(labels, list) and any(label is not None for label in labels):
        _same_length({"query": queries, "labels": labels})
        columns["reference"] = [label if isinstance(label, str) else None if label is None else str(label) for label in labels]
    return Query(columns, lambda outcomes: _openrlhf_document(outcomes, reward))


def _split_query(query: str, prompt: str | None, row: int, template: Template) -> tuple[str | None, str]:
    """What follows the prompt is the response. Where the text does not start with its prompt, only a template tells."""
    if prompt and query.startswith(prompt):
        return prompt, template.cut(query[len(prompt) :])
    if template.text is None and prompt:
        raise RefusedRequest(
            422, f"row {row}: the query does not start with its prompt, so it is not known where the response begins; use --template", rows=[row]
        )
    return template.split(query, row=row, other="prompts")


def _openrlhf_document(outcomes: Sequence[Outcome], reward: LiveReward) -> object:
    rewards = [outcome.reward for outcome in outcomes if outcome.reward is not None]  # all: a request with a row that has none was refused
    told = {
        "outside": [float(outcome.outside) for outcome in outcomes if outcome.outside is not None],
        "sd": [outcome.sd for outcome in outcomes if outcome.sd is not None],
    }
    logs = {name: values for name, values in told.items() if len(values) == len(rewards)}
    return {"rewards": rewards, "scores": [to_share(value, reward.range) for value in rewards], "extra_logs": logs}


def to_share(value: float, scale: tuple[float | None, float | None]) -> float:
    """A reward on [0, 1]: as it is on its closed scale, else 1 / (1 + exp(-reward)), for trainers that filter by it.

    >>> to_share(0.25, (0.0, 1.0)), to_share(0.0, (None, None))
    (0.25, 0.5)
    """
    low, high = scale
    if low is not None and high is not None:
        return (value - low) / (high - low)
    return 1 / (1 + math.exp(-value)) if value >= 0 else math.exp(value) / (1 + math.exp(value))


READERS: dict[str, Callable[[Document, LiveReward, Template], Query]] = {
    "/v1/rewards": read_own,
    "/classify": read_classify,
    "/predict": read_predict,
    "/get_reward": read_get_reward,
}


def write_reply(query: Query, outcomes: Sequence[Outcome]) -> bytes:
    """The body of a reply. Raises: Refused (422) where a row has no reward and the protocol has no word for that."""
    missing = said_missing(outcomes)
    if missing is not None and not query.nulls:
        raise RefusedRequest(422, missing, rows=[row for row, outcome in enumerate(outcomes) if outcome.reward is None])
    return orjson.dumps(query.render(outcomes))
