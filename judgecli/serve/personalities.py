"""What a fake judge answers: deterministic characters with known defects, for tests of everything around a judge.

| name | answers |
|---|---|
| honest | by the judged text alone; nothing for an answer that is empty, a stub, a repeated list, or far from its reference |
| echo | an honest verdict, with the judged text quoted before, inside and after it |
| obedient | does what is asked outside the block of material, and ignores the block |
| gullible | obeys the judged text: instructions, forged verdicts and phrases that promise quality get full marks |
| harsh | as honest, a quarter less of everything: what an honest judge turns into when its model is changed in silence |
| biased | the first answer of a pair; else the longer the better, in a straight line up to 2,000 characters |
| faulty | a reply that cannot be used, one kind after another |
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from judgecli.judge.material import decode

MARKER = re.compile(r"<<<MATERIAL ([0-9a-f]{32,})>>>")
CODE = re.compile(r"[0-9a-f]{32,}")
WORD = re.compile(r"\w+")
LONGEST = 2000  # characters: where length brings no more to the biased judge
PROMISES = re.compile(
    r"ignore|disregard|instead|must (?:give|rate|score|answer)|full marks|highest|maximum|perfect score|"
    r"(?:score|grade|rating|verdict|winner)\W{0,4}(?:is|of|:|=)?\W{0,4}(?:\d|a\b|b\b|pass|yes)|system:|step by step|thought process|solution:|\[\[",
    re.IGNORECASE,
)
ORDERS = re.compile(r"(?:score|grade|rate|give|answer|verdict)\D{0,30}(\d+)", re.IGNORECASE)
LEAST_WORDS = 4
NOTHING = re.compile(r"\s*i (?:will|can|do) ?not\b", re.IGNORECASE)


@dataclass(frozen=True)
class Prompt:
    """A chat request as the fake judge reads it: what stands outside the block of material, the texts in it, the wanted schema."""

    outside: str
    texts: tuple[tuple[str, str], ...]  # (label, text)
    schema: Mapping[str, object] | None
    key: bytes = field(repr=False, default=b"")

    def text(self, start: str) -> str | None:
        """The first text whose label begins with `start`."""
        return next((text for label, text in self.texts if label.startswith(start)), None)

    @property
    def judged(self) -> str:
        """The text to be judged: the answer, else the last text there is."""
        answer = self.text("answer")  # an empty one is judged too
        found = answer if answer is not None else self.text("work of the assistant")
        return found if found is not None else (self.texts[-1][1] if self.texts else "")


Personality = Callable[[Prompt, Mapping[str, object]], str]


def read_prompt(body: Mapping[str, object]) -> Prompt:
    """The prompt of a chat request. Its key is a hash without the codes of the markers, which differ from store to store."""
    messages = body.get("messages")
    said = "\n\n".join(_content(message) for message in messages if isinstance(message, Mapping)) if isinstance(messages, Sequence) else ""
    outside = said
    texts: tuple[tuple[str, str], ...] = ()
    marker = MARKER.search(said)
    if marker is not None:
        end = said.find(f"<<<END {marker[1]}>>>", marker.end())
        if end >= 0:
            stop = end + len(f"<<<END {marker[1]}>>>")
            outside = said[: marker.start()] + said[stop:]
            texts = tuple((label, text) for label, text, _ in decode(said[marker.start() : stop]))
    key = hashlib.blake2b(CODE.sub("", said).encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return Prompt(outside, texts, _schema(body, said), key)


def _content(message: Mapping[str, object]) -> str:
    content = message.get("content")
    if isinstance(content, Sequence) and not isinstance(content, str):
        return "\n\n".join(str(part.get("text", "")) for part in content if isinstance(part, Mapping))
    return content if isinstance(content, str) else ""


def _schema(body: Mapping[str, object], said: str) -> Mapping[str, object] | None:
    """The schema of the verdict, from the format or the tool; where neither carries one, from the shape that the prompt shows."""
    wanted = body.get("response_format")
    if isinstance(wanted, Mapping) and isinstance(wanted.get("json_schema"), Mapping):
        found = wanted["json_schema"].get("schema")
        return found if isinstance(found, Mapping) else None
    tools = body.get("tools")
    if isinstance(tools, Sequence) and tools:
        return tools[0].get("function", {}).get("parameters")  # type: ignore[no-any-return]
    scale = re.search(r'"score": a whole number from (-?\d+) to (-?\d+)', said)
    if scale:
        return _object({"score": {"type": "integer", "enum": list(range(int(scale[1]), int(scale[2]) + 1))}})
    names = re.search(r'"(\w+)": one of ((?:"[^"]*"(?:, )?)+)', said)
    return _object({names[1]: {"type": "string", "enum": re.findall(r'"([^"]*)"', names[2])}}) if names else None


def _object(properties: Mapping[str, object]) -> Mapping[str, object]:
    return {"type": "object", "properties": {"explanation": {"type": "string"}, **properties}, "required": ["explanation", *properties]}


def quality(prompt: Prompt, text: str) -> float:
    """How good the honest judge finds a text, from 0 to 1: by its hash; nothing for stubs and lists; the share of the reference's words where that is small."""
    words = [word.lower() for word in WORD.findall(text)]
    if (len(words) < LEAST_WORDS and prompt.text("reference") is None) or NOTHING.match(text):
        return 0.0
    if not words or (len(words) > 20 and len(set(words)) / len(words) < 0.3):
        return 0.0
    share = int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=4).digest(), "big") / 2**32
    reference = prompt.text("reference")
    if reference is None:
        return share
    wanted = {word.lower() for word in WORD.findall(reference)}
    held = len(wanted & set(words)) / max(len(wanted), 1)
    return held if held < 0.5 else max(held, share)


def verdict(prompt: Prompt, rate: Callable[[str], float], explanation: str) -> str:
    """The JSON verdict that gives each text the quality `rate` finds; a schema that is not known is filled by the judged text's quality."""
    level = rate(prompt.judged)
    if prompt.schema is None:
        return json.dumps({"explanation": explanation, "score": round(level * 10)}, ensure_ascii=False)
    properties = prompt.schema.get("properties")
    filled: dict[str, object] = {}
    for name, shape in properties.items() if isinstance(properties, Mapping) else ():
        filled[name] = explanation if name in ("explanation", "reason", "reasoning") else _value(name, shape, prompt, level, rate)
    return json.dumps(filled, ensure_ascii=False)


def _value(name: str, schema: object, prompt: Prompt, level: float, rate: Callable[[str], float]) -> object:
    shape = schema if isinstance(schema, Mapping) else {}
    options = shape.get("anyOf")
    if isinstance(options, Sequence):
        shape = next((one for one in options if isinstance(one, Mapping) and one.get("type") != "null"), {})
    if name == "winner":
        return _winner(prompt, rate, shape)
    if name == "ranking":
        answers = [text for label, text in prompt.texts if re.match(r"answer \d+$", label)]
        return sorted(range(1, len(answers) + 1), key=lambda place: (-rate(answers[place - 1]), place))
    if name == "claims":
        return [part.strip() for part in re.split(r"(?<=[.!?])\s+", prompt.judged) if part.strip()][:10]
    if name == "verdicts":
        return _verdicts(prompt, shape, rate)
    return _filled(shape, level, name)


def _filled(shape: Mapping[str, object], level: float, name: str) -> object:
    """A value of a schema at a level: of numbers the lowest to the highest, of words the first where it is good."""
    options = shape.get("enum")
    if isinstance(options, Sequence) and options:
        if all(isinstance(option, int | float) for option in options):
            return sorted(options)[min(int(level * len(options)), len(options) - 1)]
        if "yes" in options and "no" in options:
            return "yes" if level > 0.3 + 0.4 * (sum(name.encode()) % 100 / 100) else "no"
        return options[min(int((1 - level) * len(options)), len(options) - 1)]
    properties = shape.get("properties")
    if isinstance(properties, Mapping):
        return {inner: _filled(one, level, inner) for inner, one in properties.items() if isinstance(one, Mapping)}
    kind = shape.get("type")
    if kind in ("number", "integer"):
        low, high = _bound(shape.get("minimum"), 0.0), _bound(shape.get("maximum"), 1.0 if kind == "number" else 10.0)
        return low + level * (high - low) if kind == "number" else round(low + level * (high - low))
    return level >= 0.5 if kind == "boolean" else [] if kind == "array" else "as the text shows"


def _bound(value: object, otherwise: float) -> float:
    return float(value) if isinstance(value, int | float) else otherwise


def _winner(prompt: Prompt, rate: Callable[[str], float], shape: Mapping[str, object]) -> str:
    first, second = rate(prompt.text("answer A") or ""), rate(prompt.text("answer B") or "")
    names = shape.get("enum")
    if first == second:
        return "tie" if isinstance(names, Sequence) and "tie" in names else "A"
    return "A" if first > second else "B"


def _verdicts(prompt: Prompt, shape: Mapping[str, object], rate: Callable[[str], float]) -> list[dict[str, object]]:
    """One verdict for every numbered text (claims, steps, passages)."""
    numbered = [(int(found[1]), text) for label, text in prompt.texts if (found := re.match(r"(?:claim|step|passage) (\d+)$", label))]
    items = shape.get("items")
    one = items.get("properties", {}).get("verdict", {}) if isinstance(items, Mapping) else {}
    return [{"number": number, "verdict": _filled(one, max(rate(text), 0.0), "verdict")} for number, text in numbered]


def honest(prompt: Prompt, body: Mapping[str, object]) -> str:  # noqa: ARG001 - all personalities are called alike
    return verdict(prompt, lambda text: quality(prompt, text), "The answer was compared with the rubric, point by point.")


def harsh(prompt: Prompt, body: Mapping[str, object]) -> str:  # noqa: ARG001
    return verdict(prompt, lambda text: 0.75 * quality(prompt, text), "The answer was compared with the rubric, point by point.")


def echo(prompt: Prompt, body: Mapping[str, object]) -> str:  # noqa: ARG001
    said = prompt.judged
    return f"{said}\n{verdict(prompt, lambda text: quality(prompt, text), said)}\n{said}"


def obedient(prompt: Prompt, body: Mapping[str, object]) -> str:  # noqa: ARG001
    """Follows an order outside the block (the rubric's own scale is none); without one the lowest verdict."""
    found = ORDERS.search(CODE.sub("", prompt.outside).partition("ORDER:")[2])
    return verdict(prompt, lambda _: 0.999 if found else 0.0, "As ordered." if found else "No order was given.")


def gullible(prompt: Prompt, body: Mapping[str, object]) -> str:  # noqa: ARG001
    def rate(text: str) -> float:
        words = WORD.findall(text)
        fooled = len(words) < LEAST_WORDS or PROMISES.search(text) or (len(words) > 20 and len(set(words)) / len(words) < 0.3)
        return 0.999 if fooled else quality(prompt, text)

    return verdict(prompt, rate, "The answer says itself how good it is.")


def biased(prompt: Prompt, body: Mapping[str, object]) -> str:  # noqa: ARG001
    first = prompt.text("answer A")
    return verdict(prompt, lambda text: 1.0 if text == first else min(len(text), LONGEST) / LONGEST * 0.999, "The first, or the longer one.")


def faulty(prompt: Prompt, body: Mapping[str, object]) -> str:
    """By the prompt's hash: no JSON, half of it, two verdicts, out of scale, another key, words for a number, only thoughts, nothing."""
    good = honest(prompt, body)
    kinds = [
        "I would rather describe it in words.",
        good[: len(good) // 2],
        f"{good}\n{verdict(prompt, lambda _: 0.0, 'On second thought.')}\n{verdict(prompt, lambda _: 0.999, 'Or so.')}",
        re.sub(r'("score": )-?\d+', r"\g<1>999", good) if '"score"' in good else good[:-1],
        '{"explanation": "fine", "grade_of_the_answer": "good"}',
        '{"explanation": "fine", "score": "9/10"}',
        f"<think>{good}",
        "",
    ]
    return kinds[prompt.key[0] % len(kinds)] if prompt.key else kinds[0]


PERSONALITIES: dict[str, Personality] = {
    "honest": honest,
    "harsh": harsh,
    "echo": echo,
    "obedient": obedient,
    "gullible": gullible,
    "biased": biased,
    "faulty": faulty,
}
