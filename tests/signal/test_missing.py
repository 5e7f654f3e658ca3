"""The test of two shares without a score: by hand, against Fisher's exact test, and under the null."""

import numpy as np
import pytest
from scipy import stats

from judgecli.signal.missing import MeasuredShare, Shares, shares_p


def apart(a_missing: int, a: int, b_missing: int, b: int) -> tuple[np.ndarray, ...]:
    """Single records, none on both sides, as shares_p takes them."""
    one, two = np.r_[np.ones(a), np.zeros(b)], np.r_[np.zeros(a), np.ones(b)]
    lost = np.r_[np.arange(a) < a_missing, np.arange(b) < b_missing].astype(float)
    return lost * one, one, lost * two, two


def test_measured_in_words():
    assert MeasuredShare(133, failed=67).text() == "133 of 200 (67 failed)"
    assert MeasuredShare.of_reasons(1, {"timeout": 2, "not_asked": 3, "not_applicable": 4}).to_json() == {
        "n": 1,
        "of": 10,
        "by_design": 4,
        "failed": 2,
        "waiting": 3,
    }
    assert Shares(MeasuredShare(2), MeasuredShare(2), 1.0).text("v1", "v2") == ""
    assert Shares(MeasuredShare(200), MeasuredShare(133, failed=67), 0.0002).text("v1", "v2") == (
        "v1 has a score on 200 of 200, v2 on 133 of 200 (67 failed): the shares differ (p = 0.0002)"
    )


@pytest.mark.parametrize("counts", [(0, 50, 6, 50), (3, 40, 9, 60), (10, 100, 12, 100), (1, 20, 5, 400), (0, 200, 100, 200)])
def test_single_records_agree_with_fisher(counts):
    a_missing, a, b_missing, b = counts
    exact = stats.fisher_exact([[a_missing, a - a_missing], [b_missing, b - b_missing]]).pvalue
    assert shares_p(*apart(*counts)) == pytest.approx(exact, abs=0.03 + 3 * np.sqrt(exact / 5000))


def test_the_same_prompts_on_both_sides_agree_with_the_sign_test():
    ones = np.ones(100)
    a, b = (np.arange(100) < 2).astype(float), (np.arange(100) >= 90).astype(float)
    assert shares_p(a, ones, b, ones) == pytest.approx(stats.binomtest(2, 12).pvalue, abs=0.01)
    assert shares_p(a, ones, a, ones) == 1.0


def test_nothing_missing_or_nobody_there_says_nothing():
    assert shares_p(*apart(0, 20, 0, 20)) == 1.0
    assert shares_p(*apart(20, 20, 20, 20)) == 1.0
    assert shares_p(np.zeros(0), np.zeros(0), np.zeros(0), np.zeros(0)) == 1.0


def test_a_cluster_counts_once():
    """Five turns of a conversation that fail together are one event."""
    rng = np.random.default_rng(5)
    lost = 0
    for _ in range(200):
        down = 5.0 * (rng.random(60) < 0.2)
        side = np.r_[np.ones(30), np.zeros(30)] * 5
        lost += shares_p(down * (side > 0), side, down * (side == 0), 5 - side) < 0.05
    assert lost <= 20


def test_many_kinds_of_clusters_are_taken_for_normal():
    rng = np.random.default_rng(6)
    rows = rng.integers(1, 400, 400).astype(float)
    missing, first = np.floor(rows * rng.uniform(0, 0.3, 400)), np.arange(400) < 200
    p = shares_p(missing * first, rows * first, missing * ~first, rows * ~first)
    more = shares_p(missing * first, rows * first, np.minimum(missing + 0.2 * rows, rows) * ~first, rows * ~first)
    assert p > 0.01
    assert more < 1e-6
