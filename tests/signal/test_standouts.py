"""Which variant is worst at what: by hand, and how often noise is told as news."""

import numpy as np
import pytest

from judgecli.signal.standouts import find_standouts
from judgecli.signal.windows import SignalRow

UP = {"m": True}


def row(
    value: str | None, mean: float | None, se: float | None, *, metric: str = "m", clusters: int = 100, identity: str = "i", kind: str = "number"
) -> SignalRow:
    policy = {"version": value}
    nothing = dict.fromkeys(("window_start", "window_end", "low", "high", "worst", "best", "value", "advantage", "regret"))
    return SignalRow(
        policy=policy, metric=metric, n=clusters, unscored={}, clusters=clusters, mean=mean, se=se, identity=identity, late=0, final=True, kind=kind, **nothing
    )


def told(rows: list[SignalRow], better: dict[str, bool | None] = UP, **options: object) -> list[tuple[str, str]]:
    return [(item.value, item.metric) for item in find_standouts(rows, "version", better=better, **options)]


@pytest.mark.parametrize(
    ("rows", "better", "expected"),
    [
        ([row("a", 0.5, 0.02), row("b", 0.9, 0.02), row("c", 0.8, 0.02)], UP, [("a", "m")]),
        ([row("a", 0.5, 0.02), row("b", 0.9, 0.02), row("c", 0.8, 0.02)], {"m": False}, [("b", "m")]),
        ([row("a", 0.5, 0.02), row("b", 0.9, 0.02)], {"m": None}, []),  # no way is better
        ([row("a", 0.5, 0.02), row("b", 0.9, 0.02)], {}, []),
        ([row("a", 0.5, 0.02), row("b", 0.51, 0.02), row("c", 0.9, 0.02)], UP, []),  # a is not worse than b for certain
        ([row("a", 0.5, 0.2), row("b", 0.9, 0.2)], UP, []),
        ([row("a", 0.5, 0.02, clusters=19), row("b", 0.9, 0.02)], UP, []),  # too few to say
        ([row("a", 0.5, 0.02), row("b", None, None)], UP, []),
        ([row("a", 0.5, 0.02), row(None, 0.9, 0.02)], UP, []),  # no version is no version
        ([row("a", 0.5, 0.02, identity="i"), row("b", 0.9, 0.02, identity="j")], UP, []),  # series never mix identities
        ([row("a", 0.0, 0.0), row("b", 1.0, 0.0)], UP, [("a", "m")]),
        ([row("a", 1.0, 0.0), row("b", 1.0, 0.0)], UP, []),
        ([row("a", 0.5, 0.02)], UP, []),
        ([], UP, []),
    ],
)
def test_by_hand(rows, better, expected):
    assert told(rows, better) == expected


def test_at_most_two_metrics_a_value_and_those_of_the_reward_first():
    names = ("p", "q", "r", "s")
    rows = [row(value, mean, 0.01 if name != "s" else 0.05, metric=name) for name in names for value, mean in (("a", 0.2), ("b", 0.8))]
    better = dict.fromkeys(names, True)
    assert told(rows, better) == [("a", "p"), ("a", "q")]
    assert told(rows, better, first=["s"]) == [("a", "s"), ("a", "p")]


def test_others_are_named_with_their_means():
    (found,) = find_standouts([row("a", 0.5, 0.02, kind="rate"), row("b", 0.9, 0.02), row("c", 0.8, 0.02)], "version", better=UP)
    assert found.to_json() == {
        "column": "version",
        "value": "a",
        "metric": "m",
        "kind": "rate",
        "mean": 0.5,
        "n": 100,
        "others": {"b": 0.9, "c": 0.8},
        "p": found.p,
    }
    assert 0 < found.p < 1e-6


def test_noise_is_seldom_news():
    """Ten metrics, three versions alike: told of a difference in at most about 5 % of 400 logs."""
    numbers = np.random.default_rng(7)
    names = [f"m{place}" for place in range(10)]
    wrong = sum(
        bool(told([row(value, float(numbers.normal(0.5, 0.02)), 0.02, metric=name) for name in names for value in "abc"], dict.fromkeys(names, True)))
        for _ in range(400)
    )
    assert wrong <= 400 * 0.08
