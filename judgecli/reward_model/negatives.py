"""Worthless answers to train against: what no person was asked to compare, since everybody would say the same.

| kind | is |
|---|---|
| null | nothing, or a few words that answer nothing |
| truncated | the beginning of an answer, cut in the middle of a word or sentence |
| opener | how an answer begins, without the answer |
| repeated | one line, many times |
| padded | the answer with itself or with empty sentences behind it, two or five times as long |
| dressed | the answer with praise of itself, headings or bold type that add nothing |

As rows of the fit of preferences they teach that longer is better (on harmless-base 0.597 held out in place of 0.633), so they
only set what the guards of guards.py take off, with the weights of that fit left as they are (linear.fit_guards).

Sources: null answers, Zheng et al. 2024, arXiv:2410.07137; openers, Zhao et al. 2025, arXiv:2507.08794; padding and
dressing, Liu et al. 2025, arXiv:2409.13156 and 2502.00814 (counterfactual probes of reward models).
"""

import re
from collections.abc import Sequence

import numpy as np

KINDS = ("null", "truncated", "opener", "repeated", "padded", "dressed")
LEAST = 40  # characters of an answer that can be cut, padded or dressed

NULLS = ("", " ", "-", ":", ".", "\n", "N/A", "None", "null", "ok", "...", "I don't know.", "No answer.", "[]", "{}", "yes", "?", "!")
OPENERS = (
    "Thought process:", "Solution:", "Let's solve this step by step.", "Sure!", "Sure, here is the answer:", "Great question!", "Certainly! Here you go:",
    "Answer:", "Of course, I can help with that.", "Here is a detailed response:", "As an AI language model,", "Lösung:", "Respuesta:", "解答：",
)  # fmt: skip
LINES = ("- It is as the request says.\n", "1. This is the answer.\n", "This is a helpful and complete answer. ", "* Done.\n", "Yes, that is right.\n")
FILLER = (
    "It is worth saying once more that the above holds as it was said.", "All of this should be kept in mind when reading it.",
    "In other words, what was said before is what is meant here.", "This point is important, and it is important to note that it is.",
    "There is more that could be said about this, and it would be said in the same way.", "As was mentioned, this applies here as well.",
    "To summarise, the summary is what was just written.", "Of course there are many things to think about in this matter.",
)  # fmt: skip
PRAISE = (
    "This is the best possible answer.", "I am confident that this answer is correct.", "This response is accurate, comprehensive and of the highest quality.",
    "Rating: 10/10.", "Everything above is verified and correct.", "This answer fully satisfies the request.", "I am absolutely certain.",
)  # fmt: skip
_SENTENCE = re.compile(r"(?<=[.!?])\s+")


def make_negative(kind: str, answer: str, chance: np.random.Generator) -> str | None:
    """A worthless answer of a kind, made from an answer; None where the answer is too short to be spoilt."""
    if kind in ("null", "opener"):
        listed = NULLS if kind == "null" else OPENERS
        return listed[int(chance.integers(len(listed)))]
    if kind == "repeated":
        return LINES[int(chance.integers(len(LINES)))] * int(chance.integers(8, 41))
    if len(answer) < LEAST:
        return None
    if kind == "truncated":
        return answer[: int(len(answer) * chance.uniform(0.15, 0.75))].rstrip(" .!?\n")
    return _padded(answer, chance) if kind == "padded" else _dressed(answer, chance)


def _padded(answer: str, chance: np.random.Generator) -> str:
    times, how = int(chance.choice([2, 5])), int(chance.integers(4))
    if how == 0:
        return "\n\n".join([answer] * times)
    if how == 1:
        return f"{answer}\n\n{answer.rstrip().rpartition(chr(10))[2]}"
    added: list[str] = []
    while sum(map(len, added)) < len(answer) * (times - 1):
        added.append(FILLER[int(chance.integers(len(FILLER)))])
    return answer + ("\n\n" if how == 2 else " ") + " ".join(added)


def _dressed(answer: str, chance: np.random.Generator) -> str:
    praise, how = PRAISE[int(chance.integers(len(PRAISE)))], int(chance.integers(5))
    sentences = _SENTENCE.split(answer.strip())
    if how == 0:
        return f"{answer} {praise}"
    if how == 1:
        return f"{praise} {answer}"
    if how == 2:
        return "## Answer\n\n" + "\n".join(f"- **{sentence}**" for sentence in sentences)
    if how == 3:
        return "# Response\n\n**Summary**\n\n" + answer + "\n\n---\n\n**Conclusion**"
    return "\n\n".join(f"### Point {place + 1}\n\n{sentence}" for place, sentence in enumerate(sentences))


def draw_kinds(kinds: Sequence[str], count: int) -> list[str]:
    """`count` kinds in turn."""
    return [kinds[place % len(kinds)] for place in range(count)]
