"""The reply in the body that an endpoint sent: read the same way when it arrives and whenever it is parsed again.

{"model": "gpt-5-mini-2025-08-07", "choices": [{"message": {"content": "{\\"score\\": 4}"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 812, ...}}
"""

import math
from collections.abc import Mapping, Sequence
from typing import cast

import orjson

from judgecli.judge.request import Reply, ReplyMode, Token, Usage

MOST_TOKENS = 1 << 31  # a larger number counts nothing: sums of them must fit into a store


class ReplyUnreadable(ValueError):
    """The body is no chat completion: no JSON, no object, no choice with a message."""


def read_reply(raw: bytes, mode: ReplyMode) -> Reply:
    """The reply that `raw` (UTF-8 JSON, as received) holds, asked for in `mode`.

    Only the first choice counts. Text, refusal and finish reason are as sent, None where absent;
    a number that is none (a token count as text, a log probability that is not finite) is left out.
    Raises: ReplyUnreadable, with what was wrong.
    """
    if mode == "reward":
        return _read_plain(raw)
    document = _load(raw)
    choices = document.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise ReplyUnreadable("the reply holds no choice")
    choice = choices[0]
    message = choice.get("message")
    if not isinstance(message, dict):
        raise ReplyUnreadable("the reply's first choice holds no message")
    model = document.get("model")
    return Reply(
        text=_verdict_text(message, mode),
        refusal=_text(message.get("refusal")),
        finish_reason=_text(choice.get("finish_reason")),
        logprobs=_tokens(choice.get("logprobs")),
        usage=read_usage(document.get("usage")),
        served_model=model if isinstance(model, str) and model else None,
        raw=raw,
        mode=mode,
    )


def _read_plain(raw: bytes) -> Reply:
    """The reply of a reward model, whose text is all of it; reward_model/remote.py reads its number."""
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise ReplyUnreadable(f"the reply is not JSON: {error}") from None
    model = document.get("model") if isinstance(document, dict) else None
    return Reply(text=raw.decode(), served_model=model if isinstance(model, str) and model else None, raw=raw, mode="reward")


def read_usage(usage: object) -> Usage:
    """Token counts of a usage object; what is absent or no count is 0."""
    if not isinstance(usage, dict):
        return Usage()
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    return Usage(tokens_in=_count(usage.get("prompt_tokens")), tokens_out=_count(usage.get("completion_tokens")), tokens_cached=_count(cached))


def _load(raw: bytes) -> Mapping[str, object]:
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise ReplyUnreadable("the reply is empty" if not raw.strip() else f"the reply is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise ReplyUnreadable("the reply is no JSON object")
    return document


def _verdict_text(message: Mapping[str, object], mode: ReplyMode) -> str | None:
    """The content; in mode `tool` the arguments of the one tool call, and the content where there is none."""
    if mode == "tool":
        calls = message.get("tool_calls")
        if isinstance(calls, list) and len(calls) == 1 and isinstance(calls[0], dict):
            function = calls[0].get("function")
            arguments = function.get("arguments") if isinstance(function, dict) else None
            return _text(arguments)
        if calls:
            return None  # two calls are two verdicts
    content = message.get("content")
    if isinstance(content, list):  # content parts, as some servers answer
        parts = [part.get("text") for part in content if isinstance(part, dict) and part.get("type") in ("text", "output_text")]
        return "".join(part for part in parts if isinstance(part, str)) if parts else None
    return _text(content)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < MOST_TOKENS else 0


def _tokens(logprobs: object) -> list[Token] | None:
    entries = logprobs.get("content") if isinstance(logprobs, dict) else None
    if not isinstance(entries, list) or not entries:
        return None
    tokens = [_token(entry) for entry in entries]
    return cast(list[Token], tokens) if all(tokens) else None  # one unreadable token shifts the rest: none is used


def _token(entry: object) -> Token | None:
    found = _pair(entry)
    if found is None:
        return None
    top = cast(Mapping[str, object], entry).get("top_logprobs")
    others = [_pair(other) for other in top] if isinstance(top, Sequence) else []
    return Token(*found, top=tuple(pair for pair in others if pair is not None))


def _pair(entry: object) -> tuple[str, float] | None:
    if not isinstance(entry, dict):
        return None
    text, logprob = entry.get("token"), entry.get("logprob")
    if not isinstance(text, str) or isinstance(logprob, bool) or not isinstance(logprob, int | float) or not math.isfinite(logprob):
        return None
    return text, float(logprob)
