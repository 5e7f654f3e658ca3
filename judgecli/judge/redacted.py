"""A raw reply without the personal data and secrets in it, so that it reads as before and its tokens still spell its text."""

import re
from collections.abc import Callable, Mapping, Sequence

import orjson

TextSpan = tuple[int, int, str]  # from, to, and the kind that stands there
FindSpans = Callable[[str], Sequence[TextSpan]]
LITERAL = re.compile(r'"(?:[^"\\]|\\.)*"')  # a text inside JSON


def redacted_text(text: str, find: FindSpans) -> str:
    """A text with `[kind]` in the place of each span; spans do not overlap and are in order."""
    parts, place = [], 0
    for start, end, kind in find(text):
        parts += [text[place:start], f"[{kind}]"]
        place = end
    return "".join([*parts, text[place:]]) if parts else text


def redacted_body(raw: bytes, find: FindSpans) -> bytes:
    """The body with placeholders in all its texts, the very same bytes where nothing was found.

    A text that is JSON itself (a verdict) keeps its form: only the texts in it change. Tokens of log probabilities change with the
    text that they spell; where they do not spell it, they go. A body that is no JSON is redacted as one text.
    """
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError:
        text = raw.decode("utf-8", "surrogateescape")
        changed = redacted_text(text, find)
        return raw if changed == text else changed.encode("utf-8", "surrogateescape")
    found = _value(document, find)
    if isinstance(found, dict):
        found = _with_tokens(document, found, find)
    return raw if found == document else orjson.dumps(found)


def _value(value: object, find: FindSpans) -> object:
    if isinstance(value, str):
        return _text(value, find)
    if isinstance(value, dict):
        return {key: one if key == "logprobs" else _value(one, find) for key, one in value.items()}
    return [_value(one, find) for one in value] if isinstance(value, list) else value


def _text(text: str, find: FindSpans) -> str:
    """A text; of one that is a JSON object or list the texts inside, so that a finder cannot eat its quotes and the rest keeps its form."""
    if text.lstrip()[:1] in ("{", "["):
        try:
            orjson.loads(text)
        except orjson.JSONDecodeError:
            return redacted_text(text, find)
        return LITERAL.sub(lambda found: _literal(found[0], find), text)
    return redacted_text(text, find)


def _literal(literal: str, find: FindSpans) -> str:
    text = orjson.loads(literal)
    changed = _text(text, find)
    return literal if changed == text else orjson.dumps(changed).decode()


def _with_tokens(before: Mapping[str, object], after: dict[str, object], find: FindSpans) -> dict[str, object]:
    """The tokens of each choice, as its text is now."""
    choices, own = after.get("choices"), before.get("choices")
    if not isinstance(choices, list) or not isinstance(own, list):
        return after
    for choice, old in zip(choices, own, strict=True):
        if isinstance(choice, dict) and isinstance(old, dict) and isinstance(old.get("logprobs"), dict):
            choice["logprobs"] = _tokens(old["logprobs"], _content(old), _content(choice), find)
    return after


def _content(choice: Mapping[str, object]) -> object:
    message = choice.get("message")
    return message.get("content") if isinstance(message, dict) else None


def _tokens(logprobs: Mapping[str, object], before: object, after: object, find: FindSpans) -> object:
    tokens = logprobs.get("content")
    if before == after:
        return logprobs if not _names_any(logprobs, find) else None
    if not isinstance(tokens, list) or not isinstance(before, str) or "".join(_token(token) for token in tokens) != before:
        return None
    start, end = _difference(before, str(after))
    kept, place, put = [], 0, False
    for token in tokens:
        first, place = place, place + len(_token(token))
        if place <= start or first >= len(before) - end:
            kept.append(token)
        elif not put:  # the first token of what changed carries all of it, without its rivals
            head, tail = _edges(tokens, before, start, len(before) - end)
            text = head + str(after)[start : len(str(after)) - end] + tail
            kept.append({"token": text, "logprob": token.get("logprob"), "top_logprobs": []})
            put = True
    return {"content": kept} if "".join(_token(token) for token in kept) == after else None


def _difference(before: str, after: str) -> tuple[int, int]:
    """How many characters two texts share at their beginnings and at their ends."""
    most = min(len(before), len(after))
    start = next((place for place in range(most) if before[place] != after[place]), most)
    end = next((place for place in range(most - start) if before[-1 - place] != after[-1 - place]), most - start)
    return start, end


def _edges(tokens: Sequence[object], before: str, start: int, stop: int) -> tuple[str, str]:
    """What the tokens that hold a changed character have before and after the change."""
    place, first, last = 0, start, stop
    for token in tokens:
        begin, place = place, place + len(_token(token))
        if begin <= start < place:
            first = begin
        if begin < stop <= place:
            last = place
    return before[first:start], before[stop:last]


def _token(token: object) -> str:
    text = token.get("token") if isinstance(token, dict) else None
    return text if isinstance(text, str) else ""


def _names_any(value: object, find: FindSpans) -> bool:
    """Whether a text in it holds what must not be kept."""
    if isinstance(value, str):
        return bool(find(value))
    return any(_names_any(one, find) for one in (value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()))
