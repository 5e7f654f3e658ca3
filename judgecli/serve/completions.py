"""Chat completions as the fake judge sends them."""

import json
import re
from collections.abc import Mapping

TOKEN = re.compile(r"\d|\s?[A-Za-z_]+|\s+|[^\w\s]")


def mode_of(body: Mapping[str, object]) -> str:
    """The rung of the ladder that a request stands on."""
    wanted = body.get("response_format")
    if isinstance(wanted, Mapping):
        return str(wanted.get("type"))
    return "tool" if body.get("tools") else "text"


def completion(body: Mapping[str, object], content: str, model: str, fault: str | None) -> dict[str, object]:
    """A chat completion with `content` as its text, or as the arguments of the tool that was asked for."""
    message: dict[str, object] = {"role": "assistant", "content": content, "refusal": None}
    finish = "stop"
    if fault == "malformed":
        message["content"] = content = "I think this answer is " + content[: len(content) // 3].replace('"', "'")
    elif fault == "cut":
        message["content"], finish = content[: len(content) // 2], "length"
    elif fault == "refusal":
        message |= {"content": None, "refusal": "I cannot help with that."}
    elif fault == "content_filter":
        message["content"], finish = None, "content_filter"
    elif mode_of(body) == "tool":
        message |= {"content": None, "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "verdict", "arguments": content}}]}
        finish = "tool_calls"
    said = json.dumps(body.get("messages"), ensure_ascii=False)
    tokens_in, tokens_out = len(said) // 4 + 1, len(content) // 4 + 1
    choice: dict[str, object] = {
        "index": 0,
        "message": message,
        "finish_reason": finish,
        "logprobs": _logprobs(content, body) if body.get("logprobs") else None,
    }
    return {
        "id": "chatcmpl-fake",
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [choice],
        "usage": {"prompt_tokens": tokens_in, "completion_tokens": tokens_out, "total_tokens": tokens_in + tokens_out},
    }


def _logprobs(content: str, body: Mapping[str, object]) -> dict[str, object]:
    """Log probabilities of every token: 0.9 for the token itself, the rest shared by its neighbours where it is a digit."""
    wanted = body.get("top_logprobs")
    most = wanted if isinstance(wanted, int) else 0
    tokens = []
    for text in TOKEN.findall(content):
        top = [{"token": text, "logprob": -0.105360516, "bytes": None}]
        if text.isdigit():
            top += [{"token": str(other), "logprob": -2.995732274, "bytes": None} for other in (int(text) - 1, int(text) + 1) if 0 <= other <= 9]
        tokens.append({"token": text, "logprob": -0.105360516, "bytes": None, "top_logprobs": top[:most]})
    return {"content": tokens, "refusal": None}
