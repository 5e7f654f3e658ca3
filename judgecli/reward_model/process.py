"""Process reward: an answer as its steps, a reward a step, one number of them, and where it first goes wrong.

Sources: Lightman et al. 2023, arXiv:2305.20050 (PRM800K); Zheng et al. 2024, arXiv:2412.06559 (ProcessBench,
the harmonic mean); Tyen et al. 2024, arXiv:2311.08516 (BIG-Bench Mistake).
"""

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from judgecli.reward_model.model import RewardModel
from judgecli.reward_model.preferences import GoodOrBad
from judgecli.stats.column import RATE
from judgecli.stats.deciding import estimate_mean
from judgecli.stats.intervals import Estimate

THRESHOLDS = 200
AGGREGATES = ("min", "product", "last", "mean")
_NUMBERED = re.compile(r"^[ \t]*(?:step[ \t]+\d+[ \t]*[:.)-]|\d+[.)][ \t])", re.IGNORECASE | re.MULTILINE)
_FENCE = re.compile(r"^[ \t]*(```|~~~)", re.MULTILINE)


@dataclass(frozen=True)
class Solution:
    """One answer in steps, with what people said of them. `good`: True, False, or None (not labelled) a step; as long as `steps`.

    `first_wrong`: the place of the first wrong step from 0, -1 where all are right, None where that is not known.
    """

    prompt: str
    steps: Sequence[str]
    good: Sequence[bool | None]
    first_wrong: int | None
    answer_correct: bool | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    source: str = ""


def split_steps(text: str, *, by: str = "auto") -> list[str]:
    r"""The steps of an answer, without blank ones; the parts joined hold every non-blank character of the text.

    `lines`: a line each. `paragraphs`: parted by blank lines. `numbered`: a step begins where a line begins with
    `1.`, `2)` or `Step 3:`; what stands before is a step. Fenced code is never cut. `auto`: numbered where at
    least two lines begin so, else paragraphs where there are several, else lines.
    Raises: ValueError on another `by`.

    >>> split_steps("Let x = 1.\n1. Add 1.\n2. So 2.\n\nDone."), split_steps("a\n\nb", by="lines")
    (['Let x = 1.', '1. Add 1.', '2. So 2.\n\nDone.'], ['a', 'b'])
    """
    if by == "auto":
        by = "numbered" if len(_NUMBERED.findall(text)) > 1 else "paragraphs" if len(_cut(text, _blank_lines(text))) > 1 else "lines"
    if by == "numbered":
        return _cut(text, [found.start() for found in _NUMBERED.finditer(text)])
    if by == "paragraphs":
        return _cut(text, _blank_lines(text))
    if by == "lines":
        return _cut(text, [found.end() for found in re.finditer(r"\n", text)])
    raise ValueError(f"steps are split by auto, lines, paragraphs or numbered, not by '{by}'")


def _blank_lines(text: str) -> list[int]:
    return [found.end() for found in re.finditer(r"\n[ \t]*\n+", text)]


def _cut(text: str, places: Sequence[int]) -> list[str]:
    """The text cut at these places, save inside fenced code."""
    fences = [found.start() for found in _FENCE.finditer(text)]
    inside = [(start, end) for start, end in zip(fences[::2], [*fences[1::2], len(text)], strict=False)]
    kept = [place for place in places if not any(start < place <= end for start, end in inside)]
    return [part.strip() for start, end in zip([0, *kept], [*kept, len(text)], strict=True) if (part := text[start:end]).strip()]


def aggregate(rewards: Sequence[float], how: str = "min") -> float:
    """One number of the steps' rewards: their min, product, last or mean. Product needs probabilities in [0, 1].

    Raises: ValueError without steps, on another `how`, on a product of what is no probability.

    >>> [aggregate([0.5, 0.8], how) for how in AGGREGATES]
    [0.5, 0.4, 0.8, 0.65]
    """
    if not rewards:
        raise ValueError("an answer without steps has no reward")
    if how == "min":
        return min(rewards)
    if how == "product":
        if not all(0 <= reward <= 1 for reward in rewards):
            raise ValueError("a product needs probabilities in [0, 1]")
        return math.prod(rewards)
    if how == "last":
        return rewards[-1]
    if how == "mean":
        return math.fsum(rewards) / len(rewards)
    raise ValueError(f"steps are aggregated by {', '.join(AGGREGATES)}, not by '{how}'")


def first_wrong(probabilities: Sequence[float], threshold: float = 0.5) -> int:
    """The place of the first step whose probability of being right is below the threshold, -1 where none is.

    >>> first_wrong([0.9, 0.4, 0.1]), first_wrong([0.9])
    (1, -1)
    """
    return next((place for place, value in enumerate(probabilities) if value < threshold), -1)


@dataclass(frozen=True)
class ProcessScore:
    """How well first wrong steps are found. `erroneous` and `correct`: share of exact hits among answers with and without a wrong step;

    `score` their harmonic mean (None where either kind is missing); `within_one`: share of the erroneous whose place was missed by one at most.
    """

    n: int
    erroneous_n: int
    correct_n: int
    erroneous: Estimate
    correct: Estimate
    within_one: float | None
    score: float | None


def process_score(labels: Sequence[int], predictions: Sequence[int], prompts: Sequence[str] | None = None) -> ProcessScore:
    """ProcessBench's score of predicted first wrong steps (-1: none) against labels; answers to one prompt are a cluster.

    Raises: ValueError on columns of different length.

    >>> process_score([1, 2, -1, -1], [1, 0, -1, -1]).score
    0.6666666666666666
    """
    if len(labels) != len(predictions):
        raise ValueError(f"{len(labels)} labels and {len(predictions)} predictions")
    label, prediction = np.array(labels, np.int64), np.array(predictions, np.int64)
    names = {name: number for number, name in enumerate(dict.fromkeys(prompts))} if prompts is not None else {}
    clusters = np.array([names[name] for name in prompts], np.int64) if prompts is not None else np.arange(len(label))
    wrong = label >= 0
    erroneous, correct = (_hits(label[side] == prediction[side], clusters[side]) for side in (wrong, ~wrong))
    score = None
    if erroneous.mean is not None and correct.mean is not None:
        both = erroneous.mean + correct.mean
        score = 2 * erroneous.mean * correct.mean / both if both else 0.0
    near = (np.abs(label - prediction) <= 1) & (prediction >= 0)
    return ProcessScore(
        len(label),
        int(wrong.sum()),
        int((~wrong).sum()),
        erroneous=erroneous,
        correct=correct,
        within_one=float(near[wrong].mean()) if wrong.any() else None,
        score=score,
    )


def _hits(hits: np.typing.NDArray[np.bool_], clusters: np.typing.NDArray[np.int64]) -> Estimate:
    if not len(hits):
        return Estimate(None, None, None, None)
    _, place = np.unique(clusters, return_inverse=True)
    return estimate_mean(np.bincount(place, hits).astype(float), np.bincount(place).astype(float), RATE)


def step_prompt(prompt: str, before: Sequence[str]) -> str:
    """What stands before a step: the question, then the steps taken, a line each."""
    return "\n".join(text for text in (prompt, *before) if text)


def step_verdicts(solutions: Sequence[Solution]) -> list[GoodOrBad]:
    """Every labelled step as an output judged alone; the steps of one answer share a weight of 1."""
    found = []
    for solution in solutions:
        labelled = [(place, good) for place, good in enumerate(solution.good) if good is not None and solution.steps[place].strip()]
        for place, good in labelled:
            before = step_prompt(solution.prompt, solution.steps[:place])
            found.append(
                GoodOrBad(
                    before, solution.steps[place], float(good), weight=1 / len(labelled), tags=solution.tags, source=solution.source, question=solution.prompt
                )
            )
    return found


def step_rewards(model: RewardModel, solutions: Sequence[Solution]) -> list[list[float]]:
    """The reward of every step, given the question and the steps before it."""
    asked = [step_prompt(one.prompt, one.steps[:place]) for one in solutions for place in range(len(one.steps))]
    rewards = iter(model.rewards(asked, [step for one in solutions for step in one.steps]).mean.tolist())
    return [[next(rewards) for _ in one.steps] for one in solutions]


def find_threshold(labels: Sequence[int], rewards: Sequence[Sequence[float]]) -> float:
    """The reward below which a step counts as wrong, so that the score of these answers is highest; the lowest of equally good ones.

    Of 200 quantiles of the rewards. Raises: ValueError without a step.
    """
    every = np.array([reward for own in rewards for reward in own], float)
    if not len(every):
        raise ValueError("there is no step to find a threshold by")
    candidates = np.unique(np.quantile(every, np.linspace(0, 1, THRESHOLDS)))
    scores = [process_score(labels, [first_wrong(own, float(one)) for own in rewards]).score or 0.0 for one in candidates]
    return float(candidates[int(np.argmax(scores))])


def cross_fitted_score(solutions: Sequence[Solution], rewards: Sequence[Sequence[float]]) -> ProcessScore:
    """ProcessBench's score of step rewards whose threshold was found on the other half of the prompts: rewards have no zero of their own.

    Solutions whose first wrong step is not known are left out. Prompts are halved by their hash.
    """
    known = [(one, own) for one, own in zip(solutions, rewards, strict=True) if one.first_wrong is not None and one.steps]
    sides = [hashlib.blake2b(one.prompt.encode("utf-8", "surrogatepass"), digest_size=1).digest()[0] % 2 for one, _ in known]
    thresholds = []
    for side in (0, 1):
        other = [pair for pair, own in zip(known, sides, strict=True) if own != side] or known
        thresholds.append(find_threshold([one.first_wrong or 0 for one, _ in other], [own for _, own in other]) if other else 0.0)
    predictions = [first_wrong(own, thresholds[side]) for (_, own), side in zip(known, sides, strict=True)]
    return process_score([one.first_wrong or 0 for one, _ in known], predictions, [one.prompt for one, _ in known])
