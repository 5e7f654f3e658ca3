"""A reward model on this machine as a scorer: `rm:PATH_OR_NAME`, the metric `rm.NAME`."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from judgecli.errors import UsageError
from judgecli.scorer import Score, Scorer, ScorerColumn, read_signature

if TYPE_CHECKING:
    from judgecli.reward_model.card import Card
    from judgecli.reward_model.model import RewardModel

SAMPLE = 2_000  # outputs that a model is given at once


def is_trained(target: str) -> bool:
    """Whether the target of a spec is a reward model on this machine: `rm:PATH` or `rm:NAME`."""
    return target.startswith("rm:") and "://" not in target


def named_trained(alias: str | None, rest: str) -> tuple[str, str, str]:
    """Metric name, target and parameters of `rm:PATH_OR_NAME[:option=value,...]` or `rm.NAME`. Raises: UsageError.

    >>> named_trained(None, "rm:reward_models/support"), named_trained("safe", "rm.support:lower=1")
    (('rm.support', 'rm:reward_models/support', ''), ('safe', 'rm:support', 'lower=1'))
    """
    model, _, parameters = rest[len("rm:") :].partition(":")
    name = model.rstrip("/").rpartition("/")[2]
    if name in ("", ".", ".."):
        raise UsageError(f"'{rest}' names no reward model", hint="rm:NAME, or the path of its folder: rm:reward_models/NAME")
    if parameters and alias is None:
        raise UsageError(f"'{rest}' has parameters but no name of its own", hint=f'give it one: -s "my_{name}={rest}"')
    return alias or f"rm.{name}", f"rm:{model}", parameters


def trained_scorer(name: str, load: Callable[[], "RewardModel"]) -> Scorer:
    """The scorer of a model: the reward of each output in log-odds, the mean less `lower` standard deviations.

    `load` gives the model when rows are there. With `detail` each row says its sd, and whether it lies outside of what the model knows.
    """

    def reward(output: Sequence[str], input: Sequence[str | None] | None = None, *, lower: float = 0.0, detail: bool = False) -> object:
        """The reward that a trained model gives, in log-odds: a difference d means P(better) = 1 / (1 + exp(-d))."""
        import numpy as np

        if not len(output):
            return []
        asked: Sequence[str | None] = [None] * len(output) if input is None else input
        model = load()
        parts = [model.rewards(asked[start : start + SAMPLE], output[start : start + SAMPLE]) for start in range(0, len(output), SAMPLE)]
        values = np.concatenate([part.mean - lower * part.sd for part in parts])
        if np.isfinite(values).all() and not detail:
            return values
        sds, outsides = (np.concatenate([getattr(part, kind) for part in parts]).tolist() for kind in ("sd", "outside"))
        return [_told(value, sd, outside=outside) for value, sd, outside in zip(values.tolist(), sds, outsides, strict=True)]

    columns, options = read_signature(reward)
    return Scorer(
        name=name,
        function=reward,
        kind="number",
        range=(None, None),
        higher_is_better=True,
        version=1,
        columns=tuple(ScorerColumn(column.name, column.source, column.required) for column in columns),
        options=options,
    )


def _told(value: float, sd: float, *, outside: bool) -> Score:
    import math

    import orjson

    if not math.isfinite(value):
        return Score(reason="metric_error", explanation=f"the model gave {value}")
    return Score(value=value, detail=orjson.dumps({"sd": sd, "outside": outside}).decode())


def definition_of(card: "Card") -> str:
    """What a card says of its model, in a sentence.

    Its first figure on held-out prompts, with its interval and what longer-wins gets there.
    """
    pairs = ", ".join(f"{count:,} {kind}" for kind, count in card.counts.items() if kind in ("pairs", "verdicts", "steps", "prompts") and count)
    learnt = f"Reward of a trained {card.kind} model" + (f" (learnt from {pairs})" if pairs else "")
    found = next((one for one in card.quality.values() if one.value is not None), None)
    if found is None:
        return f"{learnt}; how good it is on held-out prompts is not known."
    interval = f" ({found.low:.3f} to {found.high:.3f})" if found.low is not None and found.high is not None else ""
    rival = f", longer-wins {found.longer:.3f}" if found.longer is not None else ""
    return f"{learnt}; held-out {'accuracy' if found.measure == 'accuracy' else 'AUROC'} {found.value:.3f}{interval}{rival}."


def told_of(card: "Card") -> str:
    """All that a person should read of a card before trusting the model, in lines."""
    lines = [card.about] if card.about else []
    lines += [f"{name}: {found.told}" for name, found in card.quality.items() if found.told]
    lines.append(f"Trained {card.created} by judgecli {card.tool}; data: {card.licence or 'licence not stated'}.")
    lines += [f"- {limit}" for limit in card.limits]
    return "\n".join(lines)
