"""PPI++, Rogan-Gladen, Dawid-Skene: vectors, the ppi-python package, known cases, coverage."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from judgecli.stats.cluster_bootstrap import cluster_bootstrap
from judgecli.stats.dawid_skene import dawid_skene
from judgecli.stats.intervals import mean_interval
from judgecli.stats.ppi import Labelled, Rest, ppi_mean, ppi_stratified
from judgecli.stats.rogan_gladen import rogan_gladen

Y = np.array([1.0, 0, 1, 1, 0, 1, 0, 1])
F = np.array([0.9, 0.2, 0.7, 0.8, 0.4, 0.6, 0.3, 0.9])
U = np.array([0.5, 0.6, 0.9, 0.1, 0.8, 0.7, 0.4, 0.3, 0.95, 0.55, 0.65, 0.2])
ORACLES = Path(sys.prefix) / "oracles"


def rows(truth: np.ndarray, judged: np.ndarray, *, start: int = 0, weights: np.ndarray | None = None) -> Labelled:
    return Labelled(truth, judged, np.arange(start, start + len(truth)), weights)


def singles(judged: np.ndarray, *, start: int = 10_000) -> Rest:
    return Rest(judged, np.ones(len(judged)), np.arange(start, start + len(judged)))


@pytest.mark.parametrize(
    ("tuning", "expected"),
    [(1.0, (0.579167, 0.340736, 0.817598)), (0.5, (0.602083, 0.334484, 0.869682)), (None, (0.580549, 0.341807, 0.819291))],
)
def test_the_vectors(tuning, expected):
    found = ppi_mean(rows(Y, F), singles(U), tuning=tuning, cross_fit=False, textbook=True)
    assert (found.mean, found.low, found.high) == pytest.approx(expected, abs=1e-6)


def test_ours_is_wider_with_few_labels_and_cross_fits():
    plain, ours = ppi_mean(rows(Y, F), singles(U), cross_fit=False, textbook=True), ppi_mean(rows(Y, F), singles(U))
    assert ours.high - ours.low > plain.high - plain.low
    assert 0 <= ours.tuning <= 1
    assert ours.mean != plain.mean


def test_as_ppi_python_has_it():
    """The package ships a top-level `tests`, so it runs in a process of its own, from a folder of its own."""
    if not (ORACLES / "ppi_py").is_dir():
        pytest.skip("ppi-python is not in .venv/oracles: see .ci/setup")
    draw = np.random.default_rng(1)
    cases = []
    for n, total in ((20, 100), (150, 400), (300, 5000)):
        truth = draw.normal(size=n)
        cases.append([truth.tolist(), (0.7 * truth + draw.normal(size=n)).tolist(), (1.2 * draw.normal(size=total)).tolist()])
    code = (
        "import json, sys\nsys.path.insert(0, sys.argv[1])\nimport numpy as np\nfrom ppi_py import ppi_mean_ci, ppi_mean_pointestimate\n"
        "out = []\n"
        "for y, f, u in json.load(sys.stdin):\n"
        "    y, f, u = map(np.array, (y, f, u))\n"
        "    n, N = len(y), len(u)\n"
        "    l = float(np.clip(np.mean((y - y.mean()) * (f - f.mean())) / ((1 + n / N) * np.var(np.r_[f, u], ddof=1)), 0, 1))\n"
        "    low, high = ppi_mean_ci(y, f, u, alpha=0.05, lam=l)\n"
        "    out.append([float(np.ravel(ppi_mean_pointestimate(y, f, u, lam=l))[0]), float(np.ravel(low)[0]), float(np.ravel(high)[0])])\n"
        "print(json.dumps(out))\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-W", "ignore", "-c", code, str(ORACLES)]
    told = subprocess.run(command, input=json.dumps(cases), capture_output=True, text=True, timeout=240, env=environment, check=False)
    assert told.returncode == 0, told.stderr[-2000:]
    for (truth, judged, rest), expected in zip(cases, json.loads(told.stdout), strict=True):
        found = ppi_mean(rows(np.array(truth), np.array(judged)), singles(np.array(rest)), cross_fit=False, textbook=True)
        assert [found.mean, found.low, found.high] == pytest.approx(expected, abs=1e-10)


def test_without_other_rows_it_is_the_mean_of_the_labels():
    found = ppi_mean(rows(Y, F), singles(np.array([])))
    plain = mean_interval(Y, np.ones(8))
    assert (found.mean, found.se, found.low, found.high) == pytest.approx((plain.mean, plain.se, plain.low, plain.high))
    assert found.tuning == 0


def test_a_useless_judge_is_not_used_and_an_exact_one_wholly():
    draw = np.random.default_rng(4)
    truth = draw.normal(size=400)
    assert ppi_mean(rows(truth, -truth), singles(draw.normal(size=1000))).tuning == 0
    near = ppi_mean(rows(truth, truth + 0.01 * draw.normal(size=400)), singles(draw.normal(size=100_000)))
    assert near.tuning > 0.97
    assert near.se < 0.15 * mean_interval(truth, np.ones(400)).se
    exact = ppi_mean(rows(truth, truth), singles(draw.normal(size=100_000)))  # how rarely does it err? nobody saw
    assert (exact.tuning, exact.se) == (0, pytest.approx(mean_interval(truth, np.ones(400)).se))


def test_no_spread_is_no_certainty():
    found = ppi_mean(rows(np.ones(30), np.ones(30)), singles(np.ones(100)))
    assert found.mean == pytest.approx(1)
    assert found.se is None
    assert found.low is None
    assert ppi_mean(rows(np.array([]), np.array([])), singles(U)).mean is None


def test_clusters_count_once():
    """Every row five times in one cluster says no more than once."""
    one = ppi_mean(rows(Y, F), singles(U), cross_fit=False)
    five = ppi_mean(Labelled(np.repeat(Y, 5), np.repeat(F, 5), np.repeat(np.arange(8), 5)), Rest(5 * U, np.full(12, 5.0), 100 + np.arange(12)), cross_fit=False)
    assert (five.mean, five.se, five.low, five.high) == pytest.approx((one.mean, one.se, one.low, one.high))


def test_strata_with_one_rate_of_labels_are_added_by_share():
    parts = [(0.5, rows(Y[:4], F[:4]), singles(U[:6])), (0.5, rows(Y[4:], F[4:], start=50), singles(U[6:], start=20_000))]
    found = ppi_stratified(parts, tuning=1.0)
    means = [ppi_mean(labelled, rest, tuning=1.0) for _, labelled, rest in parts]
    assert found.mean == pytest.approx(sum(one.mean for one in means) / 2)
    assert found.se == pytest.approx(np.sqrt(sum(one.se**2 for one in means)) / 2)
    assert ppi_stratified([*parts, (0.0, rows(Y[:0], F[:0]), singles(U))]).mean is None


def test_unequal_chances_of_a_label_are_undone_by_weights():
    """Low scores were labelled four times as often: without weights the mean is too low."""
    draw = np.random.default_rng(9)
    truth = draw.normal(size=40_000)
    judged = truth + draw.normal(size=40_000)
    chance = np.where(judged < 0, 0.2, 0.05)
    chosen = draw.random(40_000) < chance
    rest = Rest(judged, np.ones(40_000), np.arange(40_000))
    where = np.flatnonzero(chosen)
    weighted = ppi_mean(Labelled(truth[where], judged[where], where, 1 / chance[where]), rest)
    assert abs(weighted.mean) < 3 * weighted.se
    assert abs(truth[where].mean()) > 0.3


@pytest.mark.long
@pytest.mark.parametrize(("n", "binary"), [(20, False), (50, True), (200, True), (200, False)])
def test_ppi_covers(n, binary):
    """1,000 logs with a judge that is too kind; 95 % intervals within the tolerance of the binomial."""
    draw = np.random.default_rng(n)
    hits, narrower = 0, []
    for _ in range(1000):
        latent = draw.normal(size=n + 2000)
        truth = (latent > -0.5).astype(float) if binary else np.exp(0.5 * latent)
        judged = 1 / (1 + np.exp(-2 * (latent + 0.7))) if binary else np.exp(0.5 * latent) + 0.4 + 0.3 * draw.normal(size=n + 2000)
        found = ppi_mean(rows(truth[:n], judged[:n]), singles(judged[n:]))
        expected = 0.6914625 if binary else np.exp(0.125)
        hits += found.low is not None and found.low <= expected <= found.high
        if found.low is not None:
            plain = mean_interval(truth[:n], np.ones(n))
            narrower.append((found.high - found.low) / (plain.high - plain.low))
    assert 0.93 <= hits / 1000 <= 0.985
    assert np.mean(narrower) < 0.9


@pytest.mark.long
def test_ppi_covers_with_clusters():
    """Conversations of five turns at an intra-class correlation of one half."""
    draw = np.random.default_rng(77)
    hits = 0
    for _ in range(1000):
        group = np.repeat(np.arange(340), 5)
        latent = np.sqrt(0.5) * np.repeat(draw.normal(size=340), 5) + np.sqrt(0.5) * draw.normal(size=1700)
        truth, judged = latent, latent + 0.5 + 0.5 * draw.normal(size=1700)
        known = group < 40
        sums, counts = np.bincount(group[~known] - 40, judged[~known]), np.full(300, 5.0)
        found = ppi_mean(Labelled(truth[known], judged[known], group[known]), Rest(sums, counts, np.arange(40, 340)))
        hits += found.low <= 0 <= found.high
    assert 0.93 <= hits / 1000 <= 0.97


def test_rogan_gladen_by_hand():
    found = rogan_gladen(800, 1000, right_1=90, m1=100, right_0=43, m0=50)
    assert (found.mean, found.low, found.high) == pytest.approx((0.868421, 0.791900, 0.944942), abs=1e-6)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"right_1": 60, "m1": 100, "right_0": 29, "m0": 50}, "too low"),
        ({"right_1": 0, "m1": 0, "right_0": 29, "m0": 50}, "label that is 1"),
        ({"right_1": 9, "m1": 10, "right_0": 0, "m0": 0}, "label that is 0"),
        ({"right_1": 1, "m1": 1, "right_0": 1, "m0": 2}, "too few labels"),
        ({"right_1": 65, "m1": 100, "right_0": 90, "m0": 100}, "says 1 to 0.8 of them"),  # (0.8 + 0.9 - 1) / 0.55 = 1.27: cut to 1 it seemed sure
    ],
)
def test_rogan_gladen_refuses(given, why):
    found = rogan_gladen(800, 1000, **given)
    assert found.mean is None
    assert why in found.why


@pytest.mark.long
@pytest.mark.parametrize(("m1", "m0", "least", "most"), [(100, 50, 0.93, 0.97), (45, 5, 0.93, 1.0)])
def test_rogan_gladen_covers_where_the_naive_interval_does_not(m1, m0, least, most):
    """theta .8, q1 .9, q0 .85, n 1000: naive 3.8 %, corrected 95.2 % in the specification; 45 and 5 labels: 98 % adjusted."""
    draw = np.random.default_rng(1)
    theta, q1, q0, n, count = 0.8, 0.9, 0.85, 1000, 5000
    naive = corrected = refused = 0
    for _ in range(count):
        positives = draw.binomial(n, theta * q1 + (1 - theta) * (1 - q0))
        found = rogan_gladen(positives, n, right_1=draw.binomial(m1, q1), m1=m1, right_0=draw.binomial(m0, q0), m0=m0)
        p = positives / n
        naive += abs(p - theta) <= 1.96 * np.sqrt(p * (1 - p) / n)
        refused += found.mean is None
        corrected += found.mean is not None and found.low <= theta <= found.high
    assert naive / count == pytest.approx(0.038, abs=0.012)
    assert refused < 0.04 * count
    assert least <= corrected / (count - refused) <= most


def planted(items: int, confusions: list[np.ndarray], seed: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    truth = (draw.random(items) < 0.3).astype(int)
    said = np.stack([[draw.choice(2, p=confusion[one]) for one in truth] for confusion in confusions], axis=1)
    return truth, said


def test_dawid_skene_finds_planted_confusions():
    """One good rater among three who say 1 much too often."""
    good, kind = np.array([[0.95, 0.05], [0.05, 0.95]]), np.array([[0.4, 0.6], [0.1, 0.9]])
    truth, said = planted(1500, [good, good, kind, kind, kind], 3)
    found = dawid_skene(said, 2)
    assert found.method == "dawid-skene"
    assert np.abs(found.confusion[0] - good).max() < 0.06
    assert np.abs(found.confusion[2] - kind).max() < 0.06
    majority = (said.mean(axis=1) > 0.5).astype(int)
    assert (found.shares.argmax(axis=1) == truth).mean() > (majority == truth).mean() + 0.05


def test_dawid_skene_gives_the_majority_where_it_knows_too_little():
    few = dawid_skene(np.zeros((50, 3), dtype=np.int64), 2)
    assert few.method == "majority"
    assert "50 items" in few.why
    assert few.shares[:, 0].tolist() == [1.0] * 50
    tied = dawid_skene(np.array([[0, 1], [-1, -1]]), 2)
    assert tied.shares.tolist() == [[0.5, 0.5], [0.5, 0.5]]


def test_the_bootstrap_is_that_of_the_mean_and_repeats_itself():
    draw = np.random.default_rng(2)
    values = draw.normal(size=300)
    clusters = np.repeat(np.arange(60), 5)
    found = cluster_bootstrap(lambda at: {"mean": float(values[at].mean()), "never": None}, clusters, seed=1, draws=2000)
    sums = np.bincount(clusters, values)
    normal = mean_interval(sums, np.full(60, 5.0))
    assert found["mean"] == pytest.approx((normal.low, normal.high), abs=0.02)
    assert found["never"] is None
    assert found == cluster_bootstrap(lambda at: {"mean": float(values[at].mean()), "never": None}, clusters, seed=1, draws=2000)
    assert cluster_bootstrap(lambda _: {"mean": 1.0}, np.repeat(np.arange(9), 5), seed=1)["mean"] is None


@pytest.mark.parametrize(("label", "said"), [(0.0, 0.1), (1.0, 0.7), (0.3, 0.9), (0.1, 0.1)])
@pytest.mark.parametrize("n", [23, 49, 300])
def test_labels_that_are_all_the_same_have_their_own_mean(label, said, n):
    """Exactly: 3.5e-18 is no mean of zeros."""
    found = ppi_mean(rows(np.full(n, label), np.full(n, said)), singles(np.full(3 * n, said)), scale=(0.0, 1.0))
    assert found.mean == label


@pytest.mark.parametrize(("positives", "n", "right_0", "m0"), [(30, 300, 90, 100), (21, 300, 93, 100), (3, 100, 97, 100)])
def test_a_judge_that_is_wrong_as_often_as_on_zeros_finds_none(positives, n, right_0, m0):
    assert rogan_gladen(positives, n, right_1=90, m1=100, right_0=right_0, m0=m0).mean == 0.0
