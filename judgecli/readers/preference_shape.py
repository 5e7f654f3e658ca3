"""What a shape of preference data is, and the pieces that shapes share: options, why a row is dropped, texts out of messages."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from judgecli.readers.adapter import Object, RefusedLine
from judgecli.readers.messages import Message, messages_of, text_of_message
from judgecli.readers.values import structure_of, text_of
from judgecli.reward_model.dialogue import DialogueTurn, dialogue_text
from judgecli.reward_model.preferences import GoodOrBad, PreferencePair

Preference = PreferencePair | GoodOrBad

# Why something is no training data; what the reader of logs says of lines that are no JSON objects comes with it.
DROPPED = {
    "unknown_shape": "the line has none of the known shapes",
    "empty_text": "an answer is empty",
    "equal_texts": "both answers are the same text",
    "tie": "neither answer was preferred",
    "no_label": "the label is no thumb, rank or number that the shape knows",
    "no_scale": "a rating whose scale is not known (--rating-scale LOW..HIGH, or `scale` in the row)",
    "off_scale": "a rating beyond its scale",
    "media": "images, sound or files, which a text model cannot read",
    "secret": "an API key, a password or a token in a text",
}


class Dropped(Exception):
    """This row is no training data; `reason` is a key of DROPPED."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Options:
    """What the user says of the rows: the field that holds the prompt, and the ends of a rating."""

    prompt: str | None = None
    scale: tuple[float, float] | None = None


@dataclass(frozen=True)
class PreferenceShape:
    """One shape of a row. `match` looks at keys and types; `read` gives the items of a row, or raises Dropped or Refused.

    `texts` are the keys that hold what is learnt from: all other short values become tags. The pairs of a
    `ranking` share a weight of 1. `sample` is one line.
    """

    name: str
    match: Callable[[Object], bool]
    read: Callable[[Object, Options], list[Preference]]
    texts: frozenset[str]
    sample: str
    ranking: bool = False


PROMPTS = ("prompt", "question", "instruction", "input", "query")


def prompt_of(row: Object, options: Options, keys: tuple[str, ...] = PROMPTS) -> str:
    """The text before the answer: the field that the user named, else the first of these keys that the row has; "" where there is none."""
    if options.prompt is not None:
        return said(row.get(options.prompt))
    return next((said(row[key]) for key in keys if row.get(key) is not None), "")


def said(value: Any) -> str:
    """A prompt: text as it is (a transcript with roles read as one), messages as a dialogue."""
    value = structure_of(value) if isinstance(value, str) and value.lstrip()[:2] in ("[{", "[ {") else value
    if isinstance(value, str):
        return dialogue_text(transcript(value) or []) if is_transcript(value) else value
    if isinstance(value, list | dict):
        return dialogue_text(turns_of(messages_of(value) or []))
    return text_of(value) or ""


def answer_of(value: Any) -> str:
    """An answer: text as it is; of messages (a list, or one) all that the assistant says."""
    if isinstance(value, dict) or (isinstance(value, list) and value and all(isinstance(one, dict) for one in value)):
        spoken = turns_of(messages_of(value) or [])
        return spoken[0][1] if len(spoken) == 1 else dialogue_text(spoken)
    return value if isinstance(value, str) else text_of(value) or ""


def is_messages(value: Any) -> bool:
    """Whether a value is a list of messages (role or from)."""
    return isinstance(value, list) and bool(value) and all(is_message(one) for one in value)


def is_message(value: Any) -> bool:
    """Whether a value is one message ({role, content} or {from, value})."""
    return isinstance(value, dict) and isinstance(value.get("role", value.get("from")), str)


def turns_of(messages: list[Message]) -> list[DialogueTurn]:
    """Messages as role and text; tool calls and results as their text. Raises: Dropped("media")."""
    return [(str(message["role"]), _text(message)) for message in messages]


def _text(message: Message) -> str:
    parts = message["parts"]
    if any(part["type"] == "media" for part in parts):
        raise Dropped("media")
    text = text_of_message(message)
    calls = [f"{part.get('name')}({part.get('arguments') or ''})" for part in parts if part["type"] == "tool_call"]
    results = [part.get("result") or "" for part in parts if part["type"] == "tool_result"]
    return "\n".join([*([text] if text is not None else []), *calls, *results])


_MARK = re.compile(r"(?:^|\n\n)(Human|Assistant):")
ASSISTANT = "\n\nAssistant:"


def transcript(text: str) -> list[DialogueTurn] | None:
    """The turns of a text that is paragraphs of `Human:` and `Assistant:` from its start on (the last may be empty); None for any other text."""
    body = text.lstrip("\n")
    if not body.startswith(("Human:", "Assistant:")):
        return None
    pieces = _MARK.split(body)
    roles = {"Human": "user", "Assistant": "assistant"}
    return [(roles[name], spoken.strip()) for name, spoken in zip(pieces[1::2], pieces[2::2], strict=True)]


def is_transcript(value: Any) -> bool:
    """Whether a text is such a transcript, of both."""
    return isinstance(value, str) and "Assistant:" in value and transcript(value) is not None


def refuse(message: str) -> RefusedLine:
    """A row that has the keys of a shape and not its values."""
    return RefusedLine("unknown_shape", message)


def tags_of(row: Mapping[str, Any], texts: frozenset[str]) -> dict[str, str]:
    """Short values beside the texts, for segments: texts of one line and at most 100 characters, whole numbers, true and false."""
    found = {}
    for key, value in row.items():
        if key in texts or key == "judge":
            continue
        if isinstance(value, bool):
            found[key] = "true" if value else "false"
        elif isinstance(value, int) or (isinstance(value, str) and value and len(value) <= 100 and "\n" not in value):
            found[key] = str(value)
    return found
