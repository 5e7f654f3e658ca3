"""The reasoning that a model writes before its answer, split from the answer.

<think>12 or 15?</think>15                       what reasoning models print when nobody parses it
12 or 15?</think>15                              the same, where the chat template wrote the opening tag
<|channel|>analysis<|message|>12 or 15?<|end|><|start|>assistant<|channel|>final<|message|>15     harmony
"""

import re

_TAGS = r"think|thinking|thought|reasoning"
_BLOCK = re.compile(rf"\s*<({_TAGS})>(.*?)(?:</\1>\s*|\Z)", re.DOTALL | re.IGNORECASE)
_KIMI = re.compile(r"\s*◁think▷(.*?)(?:◁/think▷\s*|\Z)", re.DOTALL)
_MISTRAL = re.compile(r"\s*\[THINK\](.*?)(?:\[/THINK\]\s*|\Z)", re.DOTALL)
_HARMONY = re.compile(r"\s*(?:<\|start\|>assistant)?<\|channel\|>analysis<\|message\|>(.*?)(?:<\|end\|>\s*|\Z)", re.DOTALL)
_FINAL = re.compile(r"\s*(?:<\|start\|>assistant)?<\|channel\|>final<\|message\|>(.*?)(?:<\|return\|>|<\|end\|>|\Z)", re.DOTALL)
_CLOSED = "</think>"
_MARKS = ("<", "◁", "[THINK]")


def split_reasoning(text: str) -> tuple[str | None, str]:
    """(the reasoning, the answer) of an output; the reasoning is None where none stands before the answer.

    A block that is not closed is reasoning to its end, and the answer is empty. A block inside an answer stays there.

    >>> split_reasoning("<think>12 or 15?</think>15")
    ('12 or 15?', '15')
    >>> split_reasoning("The tag <think> is no reasoning here.")
    (None, 'The tag <think> is no reasoning here.')
    """
    start = text[:64].lstrip()
    if not start.startswith(_MARKS):
        return _closed_only(text) if _CLOSED in text else (None, text)
    thoughts: list[str] = []
    rest = text
    while found := _HARMONY.match(rest) or _BLOCK.match(rest) or _KIMI.match(rest) or _MISTRAL.match(rest):
        thoughts.append(found[found.lastindex or 1].strip())
        rest = rest[found.end() :]
    if not thoughts:
        return _closed_only(text) if _CLOSED in text and "<think>" not in text else (None, text)
    final = _FINAL.match(rest)
    return "\n\n".join(thoughts), final[1] if final else rest


def _closed_only(text: str) -> tuple[str | None, str]:
    """A block whose opening tag the template of the prompt wrote: one closing tag, and none that opens."""
    if text.count(_CLOSED) != 1 or "<think" in text:
        return None, text
    before, _, after = text.partition(_CLOSED)
    return before.strip(), after.lstrip()
