"""Rewards and cells made by hand, for the tests of this folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from judgecli.reward.normalise import Frozen
from judgecli.reward.spec import RewardSpec, build_reward


@dataclass(frozen=True)
class Facts:
    """A metric as a score file describes it."""

    name: str
    range: tuple[float | None, float | None] = (0.0, 1.0)
    higher_is_better: bool | None = True
    identity: str = "1111"
    kind: str = "number"


@dataclass(frozen=True)
class Term:
    weight: float = 1.0
    normalise: str | None = None
    range: list[float] | None = None
    optional: bool = False
    higher_is_better: bool | None = None


@dataclass(frozen=True)
class Veto:
    metric: str
    at_most: float | None = None
    at_least: float | None = None
    optional: bool = False


@dataclass(frozen=True)
class Known:
    """The metrics that exist, and what was frozen of them."""

    metrics: Sequence[Facts] = field(default_factory=lambda: [Facts("a"), Facts("b", higher_is_better=False), Facts("c"), Facts("v", (0.0, None), None)])
    frozen: Mapping[str, Frozen] = field(default_factory=dict)


def reward(terms: Mapping[str, Term], vetoes: Sequence[Veto] = (), known: Known | None = None) -> RewardSpec:
    """A reward called q."""
    known = known or Known()
    metrics = {facts.name: facts for facts in known.metrics}
    return build_reward("q", terms, vetoes, metrics=metrics, frozen=known.frozen, where=lambda path: f"judge.yaml:{path}")


def cells(**columns: Sequence[float | str]) -> pa.Table:
    """NAME and NAME.reason; a text is a reason."""
    made: dict[str, pa.Array] = {}
    for name, items in columns.items():
        made[name] = pa.array([None if isinstance(item, str) else item for item in items], pa.float64())
        made[f"{name}.reason"] = pa.array([item if isinstance(item, str) else None for item in items], pa.string()).dictionary_encode()
    return pa.table(made)
