"""What every trained reward model is to the rest of the program: texts in, rewards out.

A model is pure: it was built from weights that somebody else read (store/models.py) and has no file of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from judgecli.arrays import Bools, Floats


@dataclass(frozen=True)
class Rewards:
    """The rewards of N outputs.

    `mean`: N finite floats, log-odds units (a difference d means P(better) = 1 / (1 + exp(-d))), unbounded.
    `sd`: N standard deviations of the same unit, from the posterior and the ensemble; 0 where a model knows none.
    `outside`: N flags, true where the features lie outside what the model was trained on.
    """

    mean: Floats
    sd: Floats
    outside: Bools


class RewardModel(Protocol):
    """A trained model. `name` is that of its folder; `identity` is 16 hex digits over weights and card."""

    @property
    def name(self) -> str: ...

    @property
    def identity(self) -> str: ...

    def rewards(self, inputs: Sequence[str | None], outputs: Sequence[str]) -> Rewards:
        """The rewards of outputs given as answers to inputs (None or "": the input is not known); rows are independent."""
        ...
