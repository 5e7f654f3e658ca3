"""The one unambiguous verdict of a reply, or the reason why there is none. A pure function of request and reply.

What counts: a complete finish reason, and a text that is one JSON object of the agreed structure, in
range. Around it only a code fence, a reasoning block before it, and words that claim nothing are
borne: a second object, a brace, or a score in words makes the reply ambiguous. An object that the
judged text already held is a quotation, not a verdict. A number of a cut reply is never used.
"""

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from judgecli.judge.form import Form, NotAgreed
from judgecli.judge.prompt import AskedPrompt
from judgecli.judge.request import Reply
from judgecli.scorer import Score

MAX_REPLY = 400_000  # characters
COMPLETE = {"stop", "tool_calls", "function_call", "end_turn", "stop_sequence", "eos", "eos_token", "complete", "completed"}
CUT = {"length", "max_tokens", "model_length", "max_output_tokens", "incomplete"}
FILTERED = {"content_filter", "safety", "blocklist", "prohibited_content", "recitation", "spii", "image_safety", "guardrail_intervened"}
REFUSED = {"refusal"}

_REASONING = re.compile(r"</\s*(?:think|thinking|reasoning|thought|analysis|scratchpad)\s*>|<\|channel\|>final<\|message\|>|◁/think▷", re.IGNORECASE)
_OPENED = re.compile(r"\s*(?:<\s*(?:think|thinking|reasoning|thought|analysis|scratchpad)\s*>|<\|channel\|>analysis|◁think▷)", re.IGNORECASE)
_FENCE = re.compile(r"```[ \t]*(?:json)?[ \t]*")
_REFUSAL = re.compile(
    r"\s*(?:i['’]?m sorry|sorry,|i apologi[sz]e|i (?:can(?:no|['’])t|am unable|am not able|won['’]t|must decline)|as an ai\b|unable to (?:assist|comply|help))",
    re.IGNORECASE,
)
_CLAIM = re.compile(
    r"\[\s*result\s*\]|\d\s*(?:/|out of)\s*\d|"
    r"\b(?:score|grade|rating|rate|rated|verdict|winner|category|answers?|ranking|result|points?|stars?|marks?|judg(?:e)?ment|final|scored|graded)\b[^\n]{0,40}?(?:[:=]|\bis\b|\bof\b|\bas\b)\s*[\"'*_`]*\s*(?:\w)",
    re.IGNORECASE,
)
_INVISIBLE = {"Cf", "Cc", "Mn", "Zs", "Zl", "Zp", "Cs", "Co", "Cn"}


@dataclass(frozen=True, slots=True)
class JudgeVerdict:
    """What a reply says. `value` None: the judge says that it cannot be judged. `note`: an unusual finish reason that was borne."""

    value: object
    explanation: str | None
    span: tuple[int, int]  # of the object in the reply's text
    note: str | None = None


def read_verdict(asked: AskedPrompt, reply: Reply) -> JudgeVerdict | Score:
    """The verdict of a reply, or a Score with judge_parse, judge_truncated, judge_refused or content_filter."""
    finish = (reply.finish_reason or "").lower()
    if finish in FILTERED:
        return Score(reason="content_filter", explanation=f"the endpoint filtered the reply (finish_reason {finish})")
    if finish in REFUSED or (reply.refusal or "").strip():
        return Score(reason="judge_refused", explanation=_cut_short(reply.refusal or "the judge refused"))
    if finish in CUT:
        return Score(reason="judge_truncated", explanation=f"the reply was cut (finish_reason {finish})")
    try:
        start, found, end = _only_object(reply.text or "")
        value, explanation = asked.form.read(found)
        _check_not_quoted(reply.text or "", (start, end), asked)
    except NotAgreed as problem:
        return _unreadable(reply.text or "", str(problem))
    note = None if finish in COMPLETE else f"finish_reason {reply.finish_reason!r}"[:60]
    return JudgeVerdict(value, explanation, (start, end), note)


def _unreadable(text: str, problem: str) -> Score:
    if _REFUSAL.match(text) and "{" not in text:
        return Score(reason="judge_refused", explanation=_cut_short(text))
    return Score(reason="judge_parse", explanation=_cut_short(f"{problem}; the reply begins {text[:80]!r}"))


def _cut_short(text: str) -> str:
    return text if len(text) <= 300 else f"{text[:297]}..."


def _only_object(text: str) -> tuple[int, Mapping[str, object], int]:
    """Start, content and end of the one object of a reply. Raises: NotAgreed."""
    if not text.strip():
        raise NotAgreed("the reply is empty")
    if len(text) > MAX_REPLY:
        raise NotAgreed(f"the reply has {len(text):,} characters")
    whole = _read_object(text, len(text) - len(text.lstrip(" \t\r\n\ufeff")))
    if whole is not None and not text[whole[1] :].strip():
        start = text.index("{")
        return start, whole[0], whole[1]
    begin = _after_reasoning(text)
    start = text.find("{", begin)
    parsed = _read_object(text, start) if start >= 0 else None
    if parsed is None:
        raise NotAgreed("there is no JSON object in the reply")
    rest = _FENCE.sub(" ", text[begin:start]) + "\n\0\n" + _FENCE.sub(" ", text[parsed[1] :])
    _check_rest(rest)
    return start, parsed[0], parsed[1]


def _after_reasoning(text: str) -> int:
    """Where the reasoning ends: after its last closing tag. An open block without an end holds everything."""
    ends = [found.end() for found in _REASONING.finditer(text)]
    if ends:
        return ends[-1]
    if _OPENED.match(text):
        raise NotAgreed("the verdict, if any, is inside the reasoning")
    return 0


def _check_rest(rest: str) -> None:
    """What stands around the object must claim nothing. Raises: NotAgreed."""
    plain = "".join(character for character in unicodedata.normalize("NFKC", rest) if unicodedata.category(character) not in ("Cf", "Mn"))
    if any(unicodedata.name(character, "").endswith(("CURLY BRACKET", "CURLY BRACKET ORNAMENT")) for character in plain):
        raise NotAgreed("more than one object, or a broken one, is in the reply")
    found = _CLAIM.search(plain)
    if found:
        raise NotAgreed(f"the text around the object claims a verdict too ({found[0][:60]!r})")


def _check_not_quoted(text: str, span: tuple[int, int], asked: AskedPrompt) -> None:
    """Refuse an object that stands in the judged text itself: it is quoted. Raises: NotAgreed."""
    suspects = [judged for judged in asked.texts if "{" in judged or "｛" in judged]
    quoted = _squeezed(text[span[0] : span[1]]) if suspects else ""
    if any(quoted in _squeezed(judged) for judged in suspects):
        raise NotAgreed("the object is a quotation of the judged text")


def _squeezed(text: str) -> str:
    return "".join(character for character in unicodedata.normalize("NFKC", text) if unicodedata.category(character) not in _INVISIBLE)


def _read_object(text: str, start: int) -> tuple[Mapping[str, object], int] | None:
    """The JSON object at `start` and where it ends; None where there is none. Raises: NotAgreed for a key that stands twice."""
    if text[start : start + 1] != "{":
        return None
    try:
        found, end = _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError) as problem:
        if isinstance(problem, NotAgreed):
            raise
        return None
    return (found, end) if isinstance(found, Mapping) else None


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise NotAgreed("a key of the object stands twice")
    return found


def _not_finite(name: str) -> float:
    raise NotAgreed(f"{name} is no number")


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_not_finite)


def value_span(form: Form, text: str, span: tuple[int, int]) -> tuple[int, int] | None:
    """Where the value of a one-word verdict stands in the reply's text, quotes left out; None for other forms."""
    found = list(re.finditer(rf'(?<!\\)"{re.escape(form.key)}"\s*:\s*"?\s*(-?\d+|\w+)', text[span[0] : span[1]]))
    return (span[0] + found[-1].start(1), span[0] + found[-1].end(1)) if len(found) == 1 else None
