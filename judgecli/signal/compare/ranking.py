"""The ranking of more than two policies under one metric: Bradley-Terry strengths from who was better on each prompt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np
from scipy import special

from judgecli.arrays import Integers
from judgecli.signal.compare.paired import PairSide, join_all
from judgecli.signal.compare.rows import TIE, ComparedMetric
from judgecli.stats.bradley_terry import Ranking, bradley_terry
from judgecli.stats.column import RATE
from judgecli.stats.deciding import LEAST_CLUSTERS, estimate_mean


@dataclass(frozen=True)
class Rank:
    """One policy's place. `strength` is in logits around 0, with its 95 % limits; `win_rate` is its share of points against the others,
    a tie being half a point; `rank_best` and `rank_worst` count the policies that are told apart from it, also if what has no value
    on one side of a meeting had won, or lost, for this policy."""

    metric: str
    segment: Mapping[str, str | None]
    policy: str
    rank: int
    strength: float | None
    low: float | None
    high: float | None
    win_rate: float
    win_low: float | None
    win_high: float | None
    rank_best: int
    rank_worst: int
    comparisons: int
    ties: int
    clusters: int
    reasons: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """The row as strict JSON."""
        document = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: dict(value) if isinstance(value, Mapping) else value for name, value in document.items()}


@dataclass(frozen=True)
class _Games:
    first: Integers
    second: Integers
    points: np.ndarray  # of the first
    units: Integers


def rank_sides(subject: ComparedMetric, sides: Mapping[str, PairSide]) -> list[Rank]:
    """The policies from the best to the worst; none where no two of them share a measured prompt, or the metric has no direction."""
    names, held = list(sides), list(sides.values())
    games = _play(subject.sign, held)
    if len(names) < 3 or subject.higher_is_better is None or not len(games.first):
        return []
    clusters = len(np.unique(games.units))
    fit = bradley_terry(games.first, games.second, games.points, games.units, len(names)) if clusters >= LEAST_CLUSTERS else None
    why = "" if fit else f"not enough data: {clusters} clusters of {LEAST_CLUSTERS}" if clusters < LEAST_CLUSTERS else "one policy wins or loses everything"
    whole = len(_play(subject.sign, held, favoured=0).first) == len(games.first)
    spans = [_told_apart(fit, place, len(names), clusters) if whole else _bounded_span(subject.sign, held, fit, place, clusters) for place in range(len(names))]
    ranks = [_rank(subject, names, place, games=games, fit=fit, clusters=clusters, why=why, span=spans[place]) for place in range(len(names))]
    ordered = sorted(ranks, key=lambda rank: (-(rank.strength if rank.strength is not None else rank.win_rate), rank.policy))
    return [replace(rank, rank=place) for place, rank in enumerate(ordered, 1)]


def _bounded_span(sign: float, sides: Sequence[PairSide], fit: Ranking | None, place: int, clusters: int) -> tuple[int, int]:
    """The ranks that are left open where some values are not there: all of a policy's meetings without one won, or lost, and those of others tied."""
    best, worst = _told_apart(fit, place, len(sides), clusters)
    for points in (0.0, 1.0):
        games = _play(sign, sides, favoured=place, points=points)
        filled = bradley_terry(games.first, games.second, games.points, games.units, len(sides))
        first, last = _told_apart(filled, place, len(sides), clusters)
        best, worst = min(best, first), max(worst, last)
    return best, worst


def _play(sign: float, sides: Sequence[PairSide], *, favoured: int | None = None, points: float = 1.0) -> _Games:
    """Every two policies meet on every prompt that both have a value on.

    With a policy `favoured` also where only one of two has a value, or a value is missing: it then gets `points`, and others tie.
    """
    prompts, units = join_all(sides)
    first, second, won, met = [], [], [], []
    for i, j in combinations(range(len(sides)), 2):
        a, b = sides[i], sides[j]
        _, in_a, in_b = np.intersect1d(a.prompts, b.prompts, assume_unique=True, return_indices=True)
        both = (a.counts[in_a] > 0) & (b.counts[in_b] > 0)
        owed = a.counts[in_a] + a.missing[in_a] + b.counts[in_b] + b.missing[in_b] > 0
        kept = both if favoured is None else both | owed
        in_a, in_b, both = in_a[kept], in_b[kept], both[kept]
        moved = sign * (a.sums[in_a] / np.maximum(a.counts[in_a], 1) - b.sums[in_b] / np.maximum(b.counts[in_b], 1))
        absent = points if favoured == i else 1 - points if favoured == j else 0.5
        first.append(np.full(len(in_a), i))
        second.append(np.full(len(in_a), j))
        won.append(np.where(both, np.where(np.abs(moved) <= TIE, 0.5, (moved > 0).astype(float)), absent))
        met.append(units[np.searchsorted(prompts, a.prompts[in_a])])
    return _Games(*(np.concatenate(parts) if parts else np.empty(0, np.int64) for parts in (first, second, won, met)))


def _rank(
    subject: ComparedMetric, names: Sequence[str], place: int, games: _Games, fit: Ranking | None, clusters: int, why: str, span: tuple[int, int]
) -> Rank:
    ahead, behind = games.first == place, games.second == place
    own = ahead | behind
    points = np.where(ahead, games.points, 1 - games.points)[own]
    _, unit = np.unique(games.units[own], return_inverse=True)
    won = estimate_mean(np.bincount(unit, points).astype(float), np.bincount(unit).astype(float), RATE)
    return Rank(
        metric=subject.metric,
        segment=subject.segment,
        policy=names[place],
        rank=0,
        strength=None if fit is None else float(fit.strength[place]),
        low=None if fit is None else float(fit.low[place]),
        high=None if fit is None else float(fit.high[place]),
        win_rate=won.mean if won.mean is not None else 0.5,
        win_low=won.low,
        win_high=won.high,
        rank_best=span[0],
        rank_worst=span[1],
        comparisons=int(np.count_nonzero(own)),
        ties=int(np.count_nonzero(points == 0.5)),
        clusters=clusters,
        reasons=dict.fromkeys(("strength", "low", "high"), why) if why else {},
    )


def _told_apart(fit: Ranking | None, place: int, size: int, clusters: int) -> tuple[int, int]:
    """The best and the worst rank that the intervals of the differences leave open, Bonferroni over all pairs."""
    if fit is None:
        return 1, size
    limit = float(special.stdtrit(clusters - 1, 1 - 0.025 / (size * (size - 1) / 2)))
    gaps = fit.strength - fit.strength[place]
    variance = np.diag(fit.covariance) + fit.covariance[place, place] - 2 * fit.covariance[:, place]
    clear = np.abs(gaps) > limit * np.sqrt(np.maximum(variance, 0.0))
    return 1 + int(np.count_nonzero(clear & (gaps > 0))), size - int(np.count_nonzero(clear & (gaps < 0)))
