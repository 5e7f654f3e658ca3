"""Preferences as training data, whatever file or ledger they came from: comparisons of two outputs, and outputs judged alone."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PreferencePair:
    """Of two outputs to one prompt `chosen` was preferred.

    `prompt` is the text before the output (of a dialogue: the whole of it, roles named), "" where none is known;
    `weight` is above 0 (the K(K-1)/2 pairs of one ranking share a weight of 1, as in InstructGPT);
    `margin` is how much better, where somebody said so; `tags` are for segments of `judge rm eval`; `source` is FILE:LINE or a rater kind.
    `question`: what was asked, where the prompt holds more than that (the steps before a step), else "": rows of one question are held out together.
    """

    prompt: str
    chosen: str
    rejected: str
    weight: float = 1.0
    margin: float | None = None
    tie: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)
    source: str = ""
    question: str = ""


@dataclass(frozen=True, slots=True)
class GoodOrBad:
    """One output judged alone: `value` is in [0, 1] (a thumb up is 1, down is 0; a rating is scaled by its own ends). Else as in `Comparison`."""

    prompt: str
    output: str
    value: float
    weight: float = 1.0
    tags: Mapping[str, str] = field(default_factory=dict)
    source: str = ""
    question: str = ""


@dataclass(frozen=True)
class Preferences:
    """All that was read: what can be learnt from, and by reason what cannot.

    `read` counts what the lines hold: a pair, a verdict, each pair of a ranking, or a line that cannot be
    used, so that read = comparisons + verdicts + dropped. `hashes` maps each source to the SHA-256 of its bytes.
    """

    comparisons: Sequence[PreferencePair] = ()
    verdicts: Sequence[GoodOrBad] = ()
    dropped: Counter[str] = field(default_factory=Counter)
    hashes: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    read: int = 0
