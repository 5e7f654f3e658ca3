"""Reward models without weights, which tests can know all of."""

from collections.abc import Callable, Sequence

import numpy as np

from judgecli.reward_model.model import Rewards


class Toy:
    """A reward model that is a function of prompt and output; `outside` where the output holds the word OUTSIDE."""

    name = "toy"
    identity = "0123456789abcdef"

    def __init__(self, reward: Callable[[str, str], float]) -> None:
        self.reward = reward
        self.asked = 0

    def rewards(self, inputs: Sequence[str | None], outputs: Sequence[str]) -> Rewards:
        """The rewards, one call a batch."""
        self.asked += len(outputs)
        mean = np.array([self.reward(asked or "", output) for asked, output in zip(inputs, outputs, strict=True)], float)
        return Rewards(mean, np.zeros(len(mean)), np.array(["OUTSIDE" in output for output in outputs], bool))
