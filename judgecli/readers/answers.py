"""The columns input, output, reasoning and messages of a chunk, from fields that may hold objects, JSON text or reasoning."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

from judgecli.readers.adapter import RefusedLine
from judgecli.readers.messages import Message, last_user_text, messages_of, split, text_of_message
from judgecli.readers.reasoning import split_reasoning
from judgecli.readers.values import is_texts, text_of
from judgecli.readers.wrapped import WrappedText, answer_in, question_in, unpacked

AnswerColumns = dict[str, list[Any]]


def unwrap(columns: AnswerColumns, refused: dict[int, RefusedLine], named: Collection[str]) -> None:
    """Put the text of the answer and of the question where objects around them stood.

    An object of no known kind is refused, unless `named` (the fields that a person mapped) says that it is the answer itself.
    What an answer's object says of its messages, its end and its error fills columns that the log does not give otherwise.
    """
    if any(map(_may_wrap, columns.get("output", ()))):
        _unwrap_answers(columns, refused, "output" in named)
    if any(map(_may_wrap, columns.get("input", ()))):
        _unwrap_questions(columns, refused, "input" in named)


def _may_wrap(value: Any) -> bool:
    return type(value) in (dict, list) or (type(value) is str and value[:1] in "[{ \n" and value.lstrip()[:1] in ("[", "{"))


def _unwrap_answers(columns: AnswerColumns, refused: dict[int, RefusedLine], named: bool) -> None:
    count = len(columns["output"])
    after: list[list[Message] | None] = [None] * count
    errors, ends = (list(columns.get(name, [None] * count)) for name in ("error", "finish_reason"))
    outputs = list(columns["output"])
    for row, value in enumerate(outputs):
        if not _may_wrap(value):
            continue
        said: WrappedText | None = _read(answer_in, value, row, refused)
        if said is None:
            if row not in refused and isinstance(value, dict | list) and not is_texts(value) and not named:
                refused[row] = RefusedLine("unknown_shape", f"the answer is {_shown(value)}, and no text of it is known to be the answer")
            continue
        outputs[row], after[row] = said.text, None if said.plain else list(said.messages) or None
        errors[row] = errors[row] if errors[row] is not None else said.error
        ends[row] = ends[row] if ends[row] is not None else said.finish_reason
    columns["output"] = outputs
    for name, values in (("error", errors), ("finish_reason", ends)):
        if any(value is not None for value in values):
            columns[name] = values
    if any(after) and "output_messages" not in columns:
        columns["output_messages"] = after


def _unwrap_questions(columns: AnswerColumns, refused: dict[int, RefusedLine], named: bool) -> None:
    inputs = list(columns["input"])
    before: list[list[Message] | None] = [None] * len(inputs)
    for row, value in enumerate(inputs):
        if not _may_wrap(value):
            continue
        found = _read(question_in, value, row, refused)
        if found is not None:
            inputs[row], before[row] = found
        elif row not in refused and isinstance(value, dict | list) and not is_texts(value) and not named:
            inputs[row] = None  # an object is no question as it stands; the answer counts all the same
    columns["input"] = inputs
    if any(before) and "messages" not in columns:
        columns["messages"] = before


def _read(read: Callable[[Any], Any], value: Any, row: int, refused: dict[int, RefusedLine]) -> Any:
    try:
        return read(unpacked(value))
    except RefusedLine as error:
        refused.setdefault(row, error)
        return None


def _shown(value: Any) -> str:
    return f"a list of {len(value)}" if isinstance(value, list) else "an object with " + (", ".join(map(str, list(value)[:6])) or "nothing in it")


def converse(columns: AnswerColumns, refused: dict[int, RefusedLine], *, apart: bool) -> None:
    """Split whole conversations into what was said before the answer and the answer, and fill input and output where no field gives them.

    `apart`: fields of the log keep both apart already. Else, where a field gives the output, a conversation that does not end with it
    is what was said before.
    """
    if "messages" not in columns and "output_messages" not in columns:
        return
    before = _each(columns.get("messages"), messages_of, refused)
    after = _each(columns.get("output_messages"), messages_of, refused)
    outputs = columns.get("output")
    if before is not None and not apart:
        given = after if after is not None else [None] * len(before)
        texts = outputs if outputs is not None else [None] * len(before)
        pairs = [_parted(whole, own, text, outputs is not None) for whole, own, text in zip(before, given, texts, strict=True)]
        before, after = [pair[0] or None for pair in pairs], [pair[1] or None for pair in pairs]
    after = after if after is not None else []
    columns["output_messages"] = after
    if before is not None:
        columns["messages"] = before
        columns["input"] = _filled(columns.get("input"), [last_user_text(said) if said else None for said in before])
    columns.setdefault("output", [_answer(said) for said in after])


def _parted(whole: list[Message] | None, own: list[Message] | None, text: Any, has_output: bool) -> tuple[list[Message] | None, list[Message] | None]:
    """(before, answer) of one record: `own` are the messages of its output field, `text` what that field says."""
    if whole is None or not has_output:
        return (whole, own) if whole is None else split(whole)
    head, tail = split(whole)
    ends_with_answer = bool(tail) and all(message["role"] in ("assistant", "tool", "function") for message in tail)
    if ends_with_answer and (text is None or _answer(tail) == text):
        return head, own or tail
    return whole, own


def _filled(values: list[Any] | None, others: list[Any]) -> list[Any]:
    """The values, and where they are null the others."""
    return others if values is None else [other if value is None else value for value, other in zip(values, others, strict=True)]


def _answer(said: Sequence[Message] | None) -> str | None:
    return next((text_of_message(message) for message in said if message["role"] == "assistant"), None) if said else None


def _each(values: list[Any] | None, convert: Callable[[Any], Any], refused: dict[int, RefusedLine]) -> list[Any] | None:
    if values is None:
        return None
    converted = []
    for row, value in enumerate(values):
        try:
            converted.append(value if _is_converted(value) else convert(value))
        except RefusedLine as error:
            converted.append(None)
            refused.setdefault(row, error)
    return converted


def _is_converted(value: Any) -> bool:
    """Whether an adapter has made messages of it already."""
    return (
        isinstance(value, list) and bool(value) and all(isinstance(item, dict) and item.keys() == {"role", "parts"} for item in value) and _has_own_parts(value)
    )


def _has_own_parts(messages: list[Message]) -> bool:
    names = {"type", "text", "id", "name", "arguments", "result", "mime", "uri"}
    kinds = {"text", "tool_call", "tool_result", "reasoning", "media"}
    return all(
        isinstance(part, dict)
        and part.keys() <= names
        and part.get("type") in kinds
        and all(value is None or isinstance(value, str) for value in part.values())
        for message in messages
        if isinstance(message["parts"], list)
        for part in message["parts"]
    ) and all(isinstance(message["role"], str) and isinstance(message["parts"], list) for message in messages)


def part_reasoning(columns: AnswerColumns) -> None:
    """Split what the model thought from what it answered: blocks before the answer, and reasoning parts of its messages."""
    outputs = columns.get("output")
    if outputs is None:
        return
    thoughts: list[Any] = [text_of(value) for value in columns.get("reasoning", [None] * len(outputs))]
    parts = list(columns.get("output_messages") or [None] * len(outputs))
    for row, (output, messages) in enumerate(zip(outputs, parts, strict=True)):
        if type(output) is str and (output[:1] in "< \n\t[◁" or "</think>" in output):
            thought, answer = split_reasoning(output)
            if thought is not None:
                outputs[row] = answer
                thoughts[row] = thought if thoughts[row] is None else thoughts[row]
                parts[row] = None if parts[row] is None else [_parted_message(message, output, thought, answer) for message in parts[row]]
        if thoughts[row] is None and messages:
            thoughts[row] = _thought(messages)
    if "output_messages" in columns:
        columns["output_messages"] = parts
    if any(thought is not None for thought in thoughts):
        columns["reasoning"] = thoughts


def _parted_message(message: Message, output: str, thought: str, answer: str) -> Message:
    """A message of the answer whose one text begins with reasoning, as two parts."""
    parts = message["parts"]
    if not any(part["type"] == "text" and part.get("text") == output for part in parts):
        return message
    split_parts = [{"type": "reasoning", "text": thought}, {"type": "text", "text": answer}]
    return {**message, "parts": [new for part in parts for new in (split_parts if part["type"] == "text" and part.get("text") == output else [part])]}


def _thought(messages: Sequence[Message]) -> str | None:
    texts = [part["text"] for message in messages for part in message["parts"] if part["type"] == "reasoning" and part.get("text")]
    return "\n\n".join(texts) or None
