"""Reward models that somebody else serves: what is sent, and which number of a reply is the reward.

    vllm-classify   POST /classify    {"model", "messages" | "input", "use_activation": false}              -> {"data": [{"index": 0, "probs": [1.3]}]}
    vllm-pooling    POST /pooling     {"model", "messages" | "input", "task": "classify", ...}              -> {"data": [{"index": 0, "data": [1.3]}]}
    tei-predict     POST /predict     {"inputs": [["Refunds?", "30 days."]], "raw_scores": true}            -> [[{"score": 1.3, "label": "LABEL_0"}]]
    openrlhf        POST /get_reward  {"query": ["Refunds?30 days."], "prompts": ["Refunds?"], "labels": [null]} -> {"rewards": [1.3]}

Source: vllm docs/models/pooling_models, text-embeddings-inference router/src/http/types.rs, OpenRLHF openrlhf/utils/agent.py.
A reply gives a reward only where its shape is exactly that, with one finite number a row; vLLM's `probs[-1]` (as verl reads it)
only where it is the one number there: the last of several classes is no reward.
"""

import base64
import binascii
import hashlib
import json
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import orjson

from judgecli.errors import JudgeUnavailable, UsageError
from judgecli.scorer import Metric, ScoreLike, Scorer, ScorerColumn

Wire = Literal["vllm-classify", "vllm-pooling", "tei-predict", "openrlhf"]
WIRES: tuple[Wire, ...] = get_args(Wire)
PATHS: Mapping[str, Wire] = {"/classify": "vllm-classify", "/pooling": "vllm-pooling", "/predict": "tei-predict", "/get_reward": "openrlhf"}
CONVERSATIONS: tuple[Wire, ...] = ("vllm-classify", "vllm-pooling")  # whose server puts messages into its model's own form, one a call


@dataclass(frozen=True, slots=True)
class AskedRewards:
    """One output to be rewarded, as an answer to `input` where that is known."""

    input: str | None
    output: str
    reference: str | None = None


class RewardUnreadable(ValueError):
    """A reply that is not exactly one finite number a row."""


def wire_of(url: str) -> Wire | None:
    """The protocol that the path of an address names; None where it names none."""
    path = url.partition("://")[2].partition("/")[2].partition("?")[0].rstrip("/")
    return PATHS.get(f"/{path.rpartition('/')[2]}")


def render(asked: AskedRewards, template: str) -> str:
    """A text by `template`, each place filled once: what stands in a text is never filled again.

    >>> render(Asked("{output}", "yes"), "Q: {input} A: {output}")
    'Q: {output} A: yes'
    """
    before, _, after = template.partition("{output}")
    return before.replace("{input}", asked.input or "") + asked.output + after.replace("{input}", asked.input or "")


def takes_many(wire: Wire, template: str | None) -> bool:
    """Whether one call can carry several outputs."""
    return wire not in CONVERSATIONS or template is not None


def body_of(wire: Wire, rows: Sequence[AskedRewards], *, model: str | None, template: str | None) -> dict[str, object]:
    """The body of one call."""
    texts = None if template is None else [render(row, template) for row in rows]
    if wire == "tei-predict":
        pairs = [[text] for text in texts] if texts is not None else [[row.input or "", row.output] for row in rows]
        return {"inputs": pairs, "raw_scores": True, "truncate": True}
    if wire == "openrlhf":
        queries = texts if texts is not None else [(row.input or "") + row.output for row in rows]
        return {"query": queries, "prompts": [row.input or "" for row in rows], "labels": [row.reference for row in rows]}
    body: dict[str, object] = {"model": model} if model is not None else {}
    if texts is not None:
        body["input"] = texts
    else:
        (row,) = rows
        question = [{"role": "user", "content": row.input}] if row.input is not None else []
        body["messages"] = [*question, {"role": "assistant", "content": row.output}]
    extra = {"task": "classify", "encoding_format": "float"} if wire == "vllm-pooling" else {}
    return {**body, **extra, "use_activation": False}


def split_reply(raw: bytes, count: int) -> list[bytes]:
    """The reply of `count` rows as one reply a row, each of the same shape. Raises: RewardUnreadable (no JSON, no such shape, another number of rows)."""
    document = _load(raw)
    if isinstance(document, list):
        rows = [document] if count == 1 and document and isinstance(document[0], dict) else document  # TEI answers one text with a flat list
        _check_count(rows, count)
        return [orjson.dumps([row]) for row in rows]
    if isinstance(document, dict) and isinstance(document.get("rewards"), list):
        _check_count(document["rewards"], count)
        return [orjson.dumps({"rewards": [reward]}) for reward in document["rewards"]]
    if isinstance(document, dict) and isinstance(document.get("data"), list):
        _check_count(document["data"], count)
        return [orjson.dumps({"model": document.get("model"), "data": [{**row, "index": 0}]}) for row in _in_order(document["data"])]
    raise RewardUnreadable("the reply has neither data nor rewards, and is no list")


def read_reward(raw: bytes) -> float:
    """The reward in the reply of one row. Raises: RewardUnreadable."""
    document = _load(raw)
    if isinstance(document, list):
        row = document[0] if len(document) == 1 else None
        scores = [found.get("score") if isinstance(found, dict) else None for found in row] if isinstance(row, list) else []
        return _only(scores, "scores")
    if isinstance(document, dict) and isinstance(document.get("rewards"), list):
        return _only(document["rewards"], "rewards")
    data = document.get("data") if isinstance(document, dict) else None
    row = data[0] if isinstance(data, list) and len(data) == 1 else None
    if not isinstance(row, dict):
        raise RewardUnreadable("the reply does not hold one row")
    if "probs" in row:
        return _only(row["probs"], "probs")
    return _only(_floats(row.get("data")), "numbers")


def _load(raw: bytes) -> object:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:  # NaN and Infinity are no JSON
        raise RewardUnreadable(f"the reply is not JSON: {error}"[:200]) from None


def _check_count(rows: Sequence[object], count: int) -> None:
    if len(rows) != count:
        raise RewardUnreadable(f"the reply has {len(rows)} rows for {count} that were asked")


def _in_order(rows: Sequence[object]) -> list[dict[str, object]]:
    """Rows by their index, which must be 0, 1, ..., each once."""
    found = {row["index"]: row for row in rows if isinstance(row, dict) and isinstance(row.get("index"), int)}
    if sorted(found) != list(range(len(rows))):
        raise RewardUnreadable("the rows of the reply are not numbered 0, 1, ... each once")
    return [found[place] for place in range(len(rows))]


def _floats(data: object) -> object:
    """Pooled data as numbers: a list, or float32 in base64."""
    if not isinstance(data, str):
        return data
    try:
        packed = base64.b64decode(data, validate=True)
        return list(struct.unpack(f"<{len(packed) // 4}f", packed))
    except (binascii.Error, struct.error, ValueError):
        raise RewardUnreadable("the reply is no float32 in base64") from None


def _only(values: object, name: str) -> float:
    if not isinstance(values, list) or len(values) != 1:
        said = f"{len(values)} {name}" if isinstance(values, list) else f"no list of {name}"
        raise RewardUnreadable(f"a reward model gives one number a text, and the reply has {said}")
    (value,) = values
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise RewardUnreadable(f"the reward is {value!r}, no finite number"[:200])
    return float(value)


def is_served(target: str) -> bool:
    """Whether the target of a spec is a reward model behind an address: `rm:http://...`."""
    return target.startswith("rm:") and "://" in target


def named_served(alias: str | None, target: str) -> str:
    """The name of a served reward model. Raises: UsageError (no name, no http address, an address that may hold a secret)."""
    check_address(target.removeprefix("rm:"))
    if alias is None:
        raise UsageError("a served reward model needs a name of its own", hint=f'-s "helpfulness_rm={target}"')
    return alias


def check_address(url: str) -> None:
    """Raises: UsageError where it is no http address, or holds what may be a secret."""
    if not url.startswith(("http://", "https://")):
        raise UsageError(f"'{url.partition('://')[0]}://' is no http address", hint="write http://HOST:PORT/classify")
    if any(mark in url for mark in "@?#"):
        raise UsageError(
            "the address of a reward model holds a user, a password or a query", hint="name the variable with the key: remote: {api_key_env: NAME}"
        )


def served_metric(name: str, target: str, options: Mapping[str, object]) -> Metric:
    """The metric of a served reward model: told apart by the model it is asked for, else by its address; by template and protocol as they were said."""
    address = {} if "model" in options else {"address": target.removeprefix("rm:").rstrip("/")}
    return Metric(name, remote_scorer(name), {**options, **address})


def question_key(identity: str, asked: AskedRewards) -> bytes:
    """32 bytes: the same question to the same model has the same key in every store."""
    said = json.dumps([identity, asked.input, asked.output, asked.reference], ensure_ascii=True)
    return hashlib.blake2b(said.encode(), digest_size=32).digest()


def remote_scorer(name: str) -> Scorer:
    """The scorer of a remote reward model, which is asked and not called: unbounded, higher is better."""
    columns = (ScorerColumn("output", "output", True), ScorerColumn("input", "input", False), ScorerColumn("reference", "reference", False))
    return Scorer(name=name, function=_ask_nobody, kind="number", range=(None, None), higher_is_better=True, version=1, columns=columns)


async def _ask_nobody(*columns: object, **options: object) -> list[ScoreLike]:  # noqa: ARG001 - the contract of a scorer
    raise JudgeUnavailable("a remote reward model is asked over its endpoint, not by calling it", hint="judge score LOGS -s NAME=rm:http://...")
