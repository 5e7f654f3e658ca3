"""How likely each option of a one-word verdict was, from the log probabilities of the reply's tokens.

The expected value over a scale's tokens is finer than the number that was written down.
Source: G-Eval, Liu et al. 2023, arXiv:2303.16634. We take the likeliest tokens in the place of the
verdict, keep those that are an option, and divide by their sum; G-Eval samples instead.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from judgecli.judge.request import Token

LEAST_MASS = 0.5  # the options must hold at least this much of the probability
_AROUND = " \t\r\n\"':,}▁Ġ"


@dataclass(frozen=True, slots=True)
class LevelWeights:
    """Probability of each option, summing to 1, and how much of all probability the options held."""

    of: Mapping[str, float]
    mass: float

    @property
    def surest(self) -> float:
        """The probability of the likeliest option."""
        return max(self.of.values())

    def expected(self, values: Mapping[str, float]) -> float:
        """The mean of the options' values. Returns: a number within their range."""
        return sum(weight * values[name] for name, weight in self.of.items())


def token_weights(token: Token, options: Sequence[str], *, prefix: str = "") -> LevelWeights | None:
    """The options' probabilities in the place of one token, case-sensitive.

    `prefix` is the part of the token before the option (`": "`). Null where the options hold less
    than half of the probability, or where a token could begin two options.
    """
    found = dict.fromkeys(options, 0.0)
    seen = dict(token.top)
    seen.setdefault(token.text, token.logprob)
    for text, logprob in seen.items():
        said = (text.removeprefix(prefix) if prefix else text).strip(_AROUND)
        fitting = [option for option in options if option.startswith(said)] if said else []
        if said in options and any(option != said and option.isdigit() for option in fitting) and text == token.text.strip():
            return None  # "1" where "10" is on the scale: the next token may go on
        if said in options or len(fitting) == 1:
            found[said if said in options else fitting[0]] += math.exp(min(logprob, 0.0))
    mass = sum(found.values())
    if not math.isfinite(mass) or mass < LEAST_MASS:
        return None
    return LevelWeights({name: weight / mass for name, weight in found.items()}, min(mass, 1.0))


def weights_at(tokens: Sequence[Token], text: str, place: int, options: Sequence[str]) -> LevelWeights | None:
    """The options' probabilities where the verdict begins: at character `place` of the reply's text.

    Tokens are matched from the end of the text, where the verdict stands: those of earlier text may
    be parts of a character. Null where they do not fit the text.
    """
    end = len(text)
    for token in reversed(tokens):
        if not text.endswith(token.text, 0, end):
            if end == len(text):
                continue  # a token that ends the reply and is not shown
            return None
        end -= len(token.text)
        if end <= place:
            return token_weights(token, options, prefix=text[end:place])
    return None
