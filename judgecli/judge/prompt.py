"""The messages of one request: a system message that a rubric alone decides, and the material as data.

The system message is byte-identical for all records of a rubric (providers cache it). Judged text
stands in the user message only, inside the block of material.py, and the last word after it is ours.
Nothing is a template: texts are joined, never formatted into one another.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import orjson

from judgecli.judge.form import LEVELS, Form, example_object, form_of
from judgecli.judge.material import MaterialSection, Treatment, draw_nonce, render
from judgecli.judge.request import PromptMessage, Request
from judgecli.judge.rubric import CategoriesScale, ChecklistScale, ClaimsScale, NumberScale, PairwiseScale, Rubric, StepsScale
from judgecli.judge.wording import AGAIN, ANSWER, CANNOT, CLOSING, DATA, OPENING, TASKS

LABELS = {
    "input": "request",
    "output": "answer",
    "reasoning": "reasoning before the answer",
    "reference": "reference answer",
    "contexts": "passage",
    "messages": "conversation",
    "output_messages": "work of the assistant",
    "tools": "tool offered",
    "expected_tools": "tool call expected",
    "claims": "claim",
    "steps": "step",
}
ROLES = ("system", "developer", "user", "assistant", "tool")
PARTS = {"text": "", "tool_call": ", calls a tool", "tool_result": ", result of a tool", "reasoning": ", thinks", "media": ", shows"}
SHOWABLE = re.compile(r"(https://|data:(image|audio)/[a-z0-9.+-]+;base64,)", re.IGNORECASE)


@dataclass(frozen=True)
class JudgeQuestion:
    """One thing to ask about one record: the material, and the form of the reply. `task` names the step of a scale that has several."""

    rubric: Rubric
    form: Form
    sections: tuple[MaterialSection, ...]
    task: str = ""
    media: tuple[Mapping[str, object], ...] = ()

    @property
    def system(self) -> str:
        """The system message: the same for every record."""
        return system_text(self.rubric, self.task)


@dataclass(frozen=True)
class AskedPrompt:
    """A request, what it wants back, the texts it shows, and what was done to them."""

    request: Request
    form: Form
    texts: tuple[str, ...]
    treatment: Treatment = field(default_factory=Treatment)


@lru_cache(maxsize=256)
def system_text(rubric: Rubric, task: str = "") -> str:
    """All that a judge is told before it sees any material."""
    form = form_of(rubric, extract=task == "extract")
    parts = [
        OPENING[0] + rubric.name + OPENING[1],
        f"# What is judged\n{rubric.about}",
        f"# How\n{rubric.instructions}",
        *([TASKS[task]] if task in TASKS else []),
        *([] if task == "extract" else [scale_text(rubric)]),
        f"# When it cannot be judged\n{rubric.cannot_judge.when}\nThen {form.key} {CANNOT}",
        *_examples(rubric, task),
        DATA,
        f"# Your answer\n{form.shape()}\n{ANSWER}",
    ]
    return "\n\n".join(parts)


def rubric_code(rubric: Rubric) -> str:
    """32 hex digits over the rubric and everything that is said to a judge around its material: part of a metric's identity."""
    tasks = ("extract", "verify") if isinstance(rubric.scale, ClaimsScale) else (rubric.scale.kind,)
    said = [rubric.identity, CLOSING, AGAIN, *(system_text(rubric, task) for task in tasks)]
    return hashlib.blake2b("\0".join(said).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def scale_text(rubric: Rubric) -> str:
    """What each verdict of the scale means, under a heading."""
    scale = rubric.scale
    if isinstance(scale, NumberScale):
        return "# Scale\n" + _listed({str(value): scale.anchors.get(str(value), "between its neighbours") for value in scale.values})
    if isinstance(scale, ChecklistScale):
        notes = {item.id: f"{item.ask}{' (not_applicable is allowed)' if item.may_not_apply else ''}" for item in scale.items}
        return "# Questions, each answered on its own\n" + _listed(notes)
    if isinstance(scale, CategoriesScale):
        return "# Categories: choose the one that fits best\n" + _listed(scale.categories)
    if isinstance(scale, StepsScale):
        return f"# Verdicts, one for every numbered {'step' if scale.of == 'output' else 'passage'}\n" + _listed(scale.verdicts)
    if isinstance(scale, ClaimsScale):
        return "# Verdicts, one for every numbered claim\n" + _listed(LEVELS)
    if isinstance(scale, PairwiseScale):
        return "# Verdict\n" + _listed(
            {"A": "answer A is better", "B": "answer B is better"} | ({"tie": "neither is better in anything that matters here"} if scale.ties else {})
        )
    return "# Verdict\nThe numbers of all answers, the best one first."


def _listed(lines: Mapping[str, str]) -> str:
    return "\n".join(f"{name}: {text}" for name, text in lines.items())


def _examples(rubric: Rubric, task: str) -> list[str]:
    """The worked examples, written as the material is."""
    found = []
    for number, example in enumerate(rubric.examples, 1):
        extract = task == "extract"
        if extract and "claims" not in example.verdict:
            continue
        answer = json.dumps(example_object(rubric, example.verdict, "the claims of the text" if extract else example.why, extract=extract), ensure_ascii=False)
        given = dict(example.given)
        if task == "verify" and isinstance(rubric.scale, ClaimsScale):
            given["claims"] = example.verdict.get("claims", [])
            given.pop(rubric.scale.of, None)
        shown = [f"{section.label}:\n" + "\n".join(f"| {line}" for line in section.text.split("\n")) for section in sections_of(rubric, given, examples=True)]
        found.append("\n".join([f"# Worked example {number}", *shown, answer]))
    return found


def sections_of(rubric: Rubric, row: Mapping[str, object], *, examples: bool = False) -> list[MaterialSection]:
    """The inputs of a row as labelled texts, in the order of the rubric."""
    names = [*rubric.inputs, *rubric.optional, *(["claims", "steps", "outputs"] if examples else [])]
    return [section for name in names if (value := row.get(name)) is not None for section in field_sections(name, value, rubric)]


def field_sections(name: str, value: object, rubric: Rubric) -> list[MaterialSection]:
    """One input as labelled texts: a text, numbered texts, a conversation, or JSON."""
    label = LABELS.get(name, name if name.startswith("tags_") else "answer")
    if isinstance(value, str):
        steps = name == "output" and isinstance(rubric.scale, StepsScale) and rubric.scale.of == "output"
        return (
            [MaterialSection(f"step {place}", step, name) for place, step in enumerate(split_steps(value), 1)]
            if steps
            else [MaterialSection(label, value, name)]
        )
    if name in ("messages", "output_messages") and isinstance(value, Sequence):
        thoughts = "reasoning" in (*rubric.inputs, *rubric.optional)  # what the app thought is no part of what it said
        return [section for place, message in enumerate(value, 1) for section in _message_sections(message, label, place, len(value), name, thoughts)]
    if name == "outputs" and isinstance(value, Sequence):
        letters = isinstance(rubric.scale, PairwiseScale)
        return [MaterialSection(f"answer {'AB'[place] if letters else place + 1}", str(text), f"{name}.{place}") for place, text in enumerate(value)]
    if isinstance(value, Sequence):
        shown = [item if isinstance(item, str) else json.dumps(item, ensure_ascii=False, default=str) for item in value]
        return [MaterialSection(f"{label} {place}", text, name) for place, text in enumerate(shown, 1)]
    return [MaterialSection(label, json.dumps(value, ensure_ascii=False, default=str), name)]


def _message_sections(message: object, label: str, place: int, total: int, name: str, thoughts: bool) -> list[MaterialSection]:
    """One message of a conversation, a section for each of its parts (reasoning only with `thoughts`); roles other than the known are `other`."""
    said = message if isinstance(message, Mapping) else {}
    role = said.get("role") if said.get("role") in ROLES else "other"
    content = said.get("parts", said.get("content"))
    parts = content if isinstance(content, Sequence) and not isinstance(content, str) else [{"type": "text", "text": content}]
    heading = f"{label}, message {place} of {total}, {role}"
    shown = [part for part in parts if isinstance(part, Mapping) and (thoughts or part.get("type") != "reasoning")]
    return [MaterialSection(heading + PARTS.get(str(part.get("type")), ""), _part_text(part), name) for part in shown]


def _part_text(part: Mapping[str, object]) -> str:
    kind = part.get("type")
    if kind == "tool_call":
        return f"{part.get('name') or ''}({part.get('arguments') or ''})"
    if kind == "tool_result":
        return str(part.get("result") or part.get("text") or "")
    return str(part.get("mime") or "a medium") if kind == "media" else str(part.get("text") or "")


def media_parts(row: Mapping[str, object]) -> list[Mapping[str, object]]:
    """Images and audio of the conversation as content parts. Only data: and https: addresses are passed on; none is opened here."""
    found: list[Mapping[str, object]] = []
    for name in ("messages", "output_messages"):
        messages = row.get(name)
        for message in messages if isinstance(messages, Sequence) else ():
            for part in (message.get("parts") or ()) if isinstance(message, Mapping) else ():
                if isinstance(part, Mapping) and part.get("type") == "media" and SHOWABLE.match(str(part.get("uri") or "")):
                    found.append(_media_part(str(part["uri"]), str(part.get("mime") or "")))
    return found


def _media_part(uri: str, mime: str) -> Mapping[str, object]:
    head, _, data = uri.partition(";base64,")
    if "audio/" in head or (mime.startswith("audio/") and data):
        return {"type": "input_audio", "input_audio": {"data": data, "format": (head.rpartition("/")[2] or "wav").replace("mpeg", "mp3")}}
    return {"type": "image_url", "image_url": {"url": uri}}


def split_steps(text: str) -> list[str]:
    """The steps of a worked solution: its paragraphs, or its lines where it has one paragraph only."""
    paragraphs = [part.strip("\n") for part in re.split(r"\n\s*\n", text) if part.strip()]
    return paragraphs if len(paragraphs) > 1 else [line for line in text.split("\n") if line.strip()] or [text]


def build(question: JudgeQuestion, parameters: Mapping[str, object], *, secret: bytes, draw: int = 0, again: bool = False) -> AskedPrompt:
    """The request of a question. The key is taken of what is asked, before the nonce is drawn.

    `again` asks once more after a reply that could not be read. Raises nothing: any text can be shown.
    """
    key = _key(question, parameters, draw, again)
    texts = tuple(section.text for section in question.sections)
    treatment = Treatment()
    block = render(question.sections, draw_nonce(secret, key, texts), treatment)
    closing = f"{CLOSING}\n{question.form.shape()}" + (f"\n{AGAIN}" if again else "")
    content: object = f"{block}\n\n{closing}"
    if question.media:
        content = [{"type": "text", "text": block}, *question.media, {"type": "text", "text": closing}]
    messages: tuple[PromptMessage, ...] = ({"role": "system", "content": question.system}, {"role": "user", "content": content})
    return AskedPrompt(Request(messages, question.form.schema, dict(parameters), draw, key), question.form, texts, treatment)


def _key(question: JudgeQuestion, parameters: Mapping[str, object], draw: int, again: bool) -> bytes:
    """The 32-byte hash of what is asked."""
    sections = [[section.label, section.text, section.field] for section in question.sections]
    found = _prefix_hash(question.rubric.identity, question.system).copy()
    try:
        found.update(orjson.dumps(sections))  # of lists of texts it writes the same bytes, in a tenth of the time
    except orjson.JSONEncodeError:  # a lone surrogate
        found.update(_CANONICAL(sections).encode("utf-8", "surrogatepass"))
    found.update(f",{_CANONICAL([list(question.media), parameters, draw, again])[1:]}".encode("utf-8", "surrogatepass"))
    return found.digest()


_CANONICAL = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str).encode


@lru_cache(maxsize=64)
def _prefix_hash(identity: str, system: str) -> "hashlib.blake2b":
    """The hash of `[identity,system,closing,`, with which what is asked begins: kilobytes that all records share."""
    return hashlib.blake2b(f"{_CANONICAL([identity, system, CLOSING])[:-1]},".encode("utf-8", "surrogatepass"), digest_size=32)


def with_claims(rubric: Rubric, claims: Sequence[str], evidence: Sequence[tuple[str, object]]) -> JudgeQuestion:
    """The question that verifies claims against evidence, given as (input, value)."""
    shown = [section for name, value in evidence if value is not None for section in field_sections(name, value, rubric)]
    shown = [replace(section, label=f"evidence, {section.label}") for section in shown]
    numbered = [MaterialSection(f"claim {place}", claim, "claims") for place, claim in enumerate(claims, 1)]
    return JudgeQuestion(rubric, form_of(rubric, count=len(claims)), (*shown, *numbered), "verify")
