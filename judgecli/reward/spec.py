"""A reward as its owner wrote it down: weighted terms in [0, 1], hard vetoes, and when it exists at all.

    r = veto * sum(weight * u) / sum(weight)

u is a term's score on [0, 1] (normalise.py); where lower is better the term enters as 1 - u. A violated
veto makes r zero. r exists where every required term and every veto metric is scored: one that is not there leaves no
reward, whatever the reason. An optional term that has no score is left out (and an optional veto that is not applicable vetoes
nothing), and the weights of the rest
count alone. Source: spec by weights over fixed anchors with a null where a component is missing, where
trainers that sum over what is there prefer the outputs whose judge answered (huggingface/trl#3079).
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from judgecli.errors import ConfigError, UnknownName
from judgecli.reward.normalise import METHODS, Frozen, Linear, NormaliseMethod, Normaliser

VERSION = 2  # of the arithmetic: raised when the same spec and scores give other rewards
PREFIX = "reward."
LEAST_RATIO = 1e-9  # of two weights
Where = Callable[[str], str]  # a key path of judge.yaml -> file:line:column


class MetricFacts(Protocol):
    """What the spec needs to know of a metric."""

    @property
    def name(self) -> str: ...
    @property
    def identity(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def range(self) -> tuple[float | None, float | None]: ...
    @property
    def higher_is_better(self) -> bool | None: ...


class TermText(Protocol):
    """One term as judge.yaml says it."""

    @property
    def weight(self) -> float: ...
    @property
    def normalise(self) -> str | None: ...
    @property
    def range(self) -> Sequence[float] | None: ...
    @property
    def optional(self) -> bool: ...
    @property
    def higher_is_better(self) -> bool | None: ...


class VetoText(Protocol):
    """One veto as judge.yaml says it."""

    @property
    def metric(self) -> str: ...
    @property
    def at_most(self) -> float | None: ...
    @property
    def at_least(self) -> float | None: ...
    @property
    def optional(self) -> bool: ...


@dataclass(frozen=True)
class RewardTerm:
    """One metric of a reward. `normaliser` is None where the method needs frozen statistics that are not there."""

    metric: str
    identity: str
    weight: float
    higher_is_better: bool
    optional: bool
    method: NormaliseMethod
    normaliser: Normaliser | None

    def to_json(self) -> dict[str, object]:
        """The term as data, strict JSON."""
        return {
            "metric": self.metric,
            "identity": self.identity,
            "weight": self.weight,
            "higher_is_better": self.higher_is_better,
            "optional": self.optional,
            "normalise": self.method,
            "parameters": None if self.normaliser is None else self.normaliser.parameters,
        }


@dataclass(frozen=True)
class RewardVeto:
    """A bound that makes the reward zero where a score is beyond it. `optional`: where the metric does not apply it vetoes nothing."""

    metric: str
    identity: str
    at_most: float | None
    at_least: float | None
    optional: bool = False

    def to_json(self) -> dict[str, object]:
        """The veto as data, strict JSON."""
        return {"metric": self.metric, "identity": self.identity, "at_most": self.at_most, "at_least": self.at_least, "optional": self.optional}


@dataclass(frozen=True)
class RewardSpec:
    """A reward ready to be computed (reward/compose.py). Terms and vetoes are sorted, so their order in the file means nothing."""

    name: str
    terms: tuple[RewardTerm, ...]
    vetoes: tuple[RewardVeto, ...]

    @property
    def metric(self) -> str:
        """The name that the reward has as a metric."""
        return PREFIX + self.name

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that it is made of, each once."""
        return tuple(dict.fromkeys([*(term.metric for term in self.terms), *(veto.metric for veto in self.vetoes)]))

    @property
    def components(self) -> tuple[tuple[str, str], ...]:
        """(name, identity) of the metrics that it is made of, each once."""
        return tuple(dict.fromkeys([*((term.metric, term.identity) for term in self.terms), *((veto.metric, veto.identity) for veto in self.vetoes)]))

    @property
    def unfrozen(self) -> tuple[str, ...]:
        """The terms that lack their frozen statistics; such a reward cannot be computed."""
        return tuple(term.metric for term in self.terms if term.normaliser is None)

    @property
    def identity(self) -> str | None:
        """16 hex digits over the spec, the identities of its metrics and the frozen numbers it uses; None while something is not frozen."""
        if self.unfrozen:
            return None
        said = json.dumps([VERSION, self.name, [term.to_json() for term in self.terms], [veto.to_json() for veto in self.vetoes]], sort_keys=True)
        return hashlib.blake2b(said.encode(), digest_size=8).hexdigest()

    def to_json(self) -> dict[str, object]:
        """The whole spec as data, strict JSON."""
        return {
            "reward": self.name,
            "metric": self.metric,
            "identity": self.identity,
            "terms": [term.to_json() for term in self.terms],
            "vetoes": [veto.to_json() for veto in self.vetoes],
            "unfrozen": list(self.unfrozen),
        }


def build_reward(
    name: str,
    terms: Mapping[str, TermText],
    vetoes: Sequence[VetoText],
    *,
    metrics: Mapping[str, MetricFacts],
    frozen: Mapping[str, Frozen],
    where: Where,
) -> RewardSpec:
    """The reward that judge.yaml describes, on these metrics and frozen statistics (by metric name).

    Statistics that were frozen on another identity of the metric do not count. Raises: ConfigError
    (no such metric, a category, no direction, no scale, a range that is none).
    """
    built = [_build_term(metric, term, metrics, frozen, where) for metric, term in sorted(terms.items())]
    _check_weights(built, where)
    checked = []
    for position, veto in enumerate(vetoes):
        facts = _numeric(veto.metric, metrics, where(f"reward.vetoes[{position}].metric"))
        checked.append(RewardVeto(veto.metric, facts.identity, _float(veto.at_most), _float(veto.at_least), veto.optional))
    ordered = sorted(checked, key=lambda veto: json.dumps(veto.to_json(), sort_keys=True))
    return RewardSpec(name, tuple(built), tuple(dict.fromkeys(ordered)))


def _check_weights(terms: Sequence[RewardTerm], where: Where) -> None:
    """Raises: ConfigError where a weight vanishes beside another: it would have no say, and alone it could not be divided by."""
    smallest, largest = (choose(terms, key=lambda term: term.weight) for choose in (min, max))
    if smallest.weight < largest.weight * LEAST_RATIO:
        place = f"reward.terms.{smallest.metric}.weight"
        hint = f"the weight of '{largest.metric}' is {largest.weight:g}; keep weights within a factor of {1 / LEAST_RATIO:g}"
        raise ConfigError(f"{place}: {smallest.weight:g} has no say", where=where(place), hint=hint)


def _build_term(name: str, term: TermText, metrics: Mapping[str, MetricFacts], frozen: Mapping[str, Frozen], where: Where) -> RewardTerm:
    place = f"reward.terms.{name}"
    facts = _numeric(name, metrics, where(place))
    higher = facts.higher_is_better if term.higher_is_better is None else term.higher_is_better
    if higher is None:
        raise ConfigError(
            f"{place}: no direction of '{name}' is good in itself", where=where(place), hint="say which is better: higher_is_better: true (or false)"
        )
    method = _method(name, term, where)
    normaliser: Normaliser | None
    if method == "range":
        normaliser = _linear(name, term, facts, where)
    else:
        taken = frozen.get(name)
        normaliser = taken.normaliser(method) if taken is not None and taken.identity == facts.identity else None
    return RewardTerm(name, facts.identity, float(term.weight), higher_is_better=higher, optional=term.optional, method=method, normaliser=normaliser)


def _numeric(name: str, metrics: Mapping[str, MetricFacts], where: str) -> MetricFacts:
    """The metric of that name. Raises: ConfigError where there is none, or it has no numbers."""
    if name.startswith(PREFIX):
        raise ConfigError(f"'{name}' is a reward, and a reward is made of metrics", where=where, hint="name the metrics that it is made of")
    if name not in metrics:
        known = sorted(metric for metric in metrics if not metric.startswith(PREFIX))
        hint = UnknownName("metric", name, known=known).hint
        raise ConfigError(f"the reward needs '{name}', which no scorer provides", where=where, hint=f"{hint} Add it under scorers:, or remove it here")
    if metrics[name].kind == "category":
        raise ConfigError(f"'{name}' gives categories, which have no value", where=where, hint="name a metric that gives numbers; see judge scorers")
    return metrics[name]


def _method(name: str, term: TermText, where: Where) -> NormaliseMethod:
    place = f"reward.terms.{name}.normalise"
    method = next((known for known in METHODS if known == (term.normalise or "range")), None)
    if method is None:
        raise ConfigError(f"{place}: there is no normaliser '{term.normalise}'", where=where(place), hint=f"one of {', '.join(METHODS)}")
    if method != "range" and term.range is not None:
        raise ConfigError(f"{place}: {method} and a range are two normalisers", where=where(place), hint="keep one of normalise: and range:")
    return method


def _linear(name: str, term: TermText, facts: MetricFacts, where: Where) -> Linear:
    if term.range is None:
        low, high = facts.range
        if low is None or high is None:
            place = f"reward.terms.{name}"
            ends = f"{'open' if low is None else f'{low:g}'} to {'open' if high is None else f'{high:g}'}"
            hint = "give it range: [a, b] (values beyond are cut), or normalise: frozen_quantile (or frozen_z) and run judge reward freeze"
            raise ConfigError(f"{place}: the scale of '{name}' has no end ({ends}), so it needs a normaliser", where=where(place), hint=hint)
        return Linear(float(low), float(high))
    low, high = term.range
    if not low < high:
        place = f"reward.terms.{name}.range"
        raise ConfigError(f"{place}: [{low:g}, {high:g}] is no range", where=where(place), hint="write range: [a, b] with a below b")
    return Linear(float(low), float(high))


def _float(bound: float | None) -> float | None:
    return None if bound is None else float(bound)
