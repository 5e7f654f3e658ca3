"""Which variant is worst at what: by hand, and how often noise is told as news."""

from dataclasses import replace

import numpy as np
import pytest

from judgecli.signal.report.standouts import find_standouts, measured_apart
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


@pytest.mark.parametrize(
    ("lost", "best", "worst", "expected"),
    [
        ({"timeout": 67}, None, None, []),  # on an open scale what is missing could be anything
        ({"timeout": 67}, 0.5, 0.45, []),  # the missing answers of b may be the bad ones
        ({"timeout": 2}, 0.5, 0.88, [("a", "m")]),  # so few may lack it by chance
        ({"timeout": 20}, 0.5, 0.75, [("a", "m")]),  # with all of them at the bottom b is still better
        ({"not_applicable": 67}, 0.5, 0.9, []),  # by design: nobody knows what these would have been
        ({"not_asked": 67}, 0.5, 0.45, []),
    ],
)
def test_nothing_is_claimed_against_a_value_that_lacks_other_shares_of_its_scores(lost, best, worst, expected):
    rows = [replace(row("a", 0.5, 0.02), best=best, worst=best), replace(row("b", 0.9, 0.02), unscored=lost, worst=worst, best=0.95)]
    swapped = [replace(item, worst=item.best, best=item.worst) for item in rows]  # a way that only a gate knows: the ends were named without it
    for asked in (rows, swapped):
        assert told(asked) == expected
        assert bool(measured_apart(asked, "version", better=UP)) == (not expected)


def test_what_is_measured_apart_is_named():
    rows = [row("a", 0.5, 0.02), replace(row("b", 0.9, 0.02), n=133, unscored={"timeout": 67}), row("c", 0.6, 0.02)]
    said = "a has one on 100 of 100, b has one on 133 of 200 (67 failed), c has one on 100 of 100"
    assert measured_apart(rows, "version", better=UP) == [f"version at m, for the shares that have a score differ: {said}"]
    assert measured_apart(rows, "version", better={"m": None}) == []
    assert told(rows) == []


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
