"""Methods of paired comparison: values of the spec and by hand, independent oracles, properties, long simulations of coverage."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from judgecli.stats.bonett_price import bonett_price
from judgecli.stats.bradley_terry import bradley_terry
from judgecli.stats.intervals import mean_interval
from judgecli.stats.mcnemar import mcnemar
from judgecli.stats.power import detectable, required_prompts, savings, variance_components
from judgecli.stats.sign_flip import sign_flip
from judgecli.stats.wilcoxon import wilcoxon

PLANTS = [6, 8, 14, 16, 23, 24, 28, 29, 41, -48, 49, 56, 60, -67, 75.0]


def test_bonett_price_vector():
    found = bonett_price(314, 121, 59)
    assert (found.difference, found.low, found.high) == (
        pytest.approx(0.196203, abs=5e-7),
        pytest.approx(0.115372, abs=5e-7),
        pytest.approx(0.277033, abs=5e-7),
    )


def test_bonett_price_by_hand():
    """n = 8, 1 gain, 0 losses: p10 = .2, p01 = .1, SE^2 = (.3 - .01)/10 = .029."""
    found = bonett_price(8, 1, 0)
    assert (found.difference, found.se) == (pytest.approx(0.1), pytest.approx(0.029**0.5))
    mirrored = bonett_price(8, 0, 1)
    assert (mirrored.low, mirrored.high) == (pytest.approx(-found.high), pytest.approx(-found.low))
    assert bonett_price(1, 1, 0).high == 1.0  # 0.333 + 1.96 x 0.385 leaves the scale


@pytest.mark.parametrize("counts", [(0, 0, 0), (5, 4, 2), (5, -1, 0)])
def test_bonett_price_refuses_what_are_no_counts(counts):
    with pytest.raises(ValueError, match="none of"):
        bonett_price(*counts)


@pytest.mark.parametrize(
    ("gains", "losses", "method", "p"),
    [
        (121, 59, "corrected", 5.45e-6),
        (121, 59, "exact", 4.434449e-6),
        (2, 10, "exact", 0.0385742),
        (0, 0, "mid-p", 1.0),
        (1, 0, "exact", 1.0),
        (1, 0, "mid-p", 0.5),
        (3, 3, "exact", 1.0),
        (3, 3, "mid-p", 1.0),  # 2 P(X < 3) + P(X = 3) = (2 x 22 + 20)/64
    ],
)
def test_mcnemar_vectors(gains, losses, method, p):
    assert mcnemar(gains, losses, method=method) == pytest.approx(p, rel=2e-3 if method == "corrected" else 1e-6)
    assert mcnemar(gains, losses, method=method) == pytest.approx(mcnemar(losses, gains, method=method))


def test_mcnemar_chi2_is_statsmodels():
    from statsmodels.stats.contingency_tables import mcnemar as oracle

    for gains, losses in [(121, 59), (5, 2), (30, 31), (0, 9)]:
        table = [[7, gains], [losses, 11]]
        assert mcnemar(gains, losses, method="exact") == pytest.approx(oracle(table, exact=True).pvalue)
        assert mcnemar(gains, losses, method="chi2") == pytest.approx(oracle(table, exact=False, correction=False).pvalue)
        assert mcnemar(gains, losses, method="corrected") == pytest.approx(oracle(table, exact=False, correction=True).pvalue)


def test_wilcoxon_vector_and_oracle():
    found = wilcoxon(np.array(PLANTS))
    assert (found.statistic, found.p) == (24, pytest.approx(0.0412598, abs=5e-8))
    random = np.random.default_rng(1)
    for n in (5, 30, 50, 80, 300):
        values = random.normal(0.2, 1, n)
        oracle = scipy_stats.wilcoxon(values, method="exact" if n <= 50 else "approx", correction=False)
        assert (wilcoxon(values).statistic, wilcoxon(values).p) == (oracle.statistic, pytest.approx(oracle.pvalue))
    ties = random.integers(-2, 4, 90).astype(float)
    assert wilcoxon(ties).p == pytest.approx(scipy_stats.wilcoxon(ties, method="approx").pvalue)
    assert wilcoxon(np.zeros(4)).p == 1.0


def test_clustered_error_vectors():
    """CR1 of the spec's vector is what intervals.py gives; the t interval follows from it."""
    values, clusters = np.array([1.0, 1, 0, 0, 1, 0]), np.array([0, 0, 1, 1, 2, 2])
    found = mean_interval(np.bincount(clusters, values), np.bincount(clusters).astype(float))
    assert found.se == pytest.approx(0.288675, abs=5e-7)
    assert found.se * np.sqrt(2 / 3) == pytest.approx(0.235702, abs=5e-7)  # CR0


def test_sign_flip_exact_by_hand_and_oracle():
    assert sign_flip(np.array([1.0, 2, 3, 4, 5])) == 2 / 32
    assert sign_flip(np.array([1.0, -1.0])) == 1.0
    assert sign_flip(np.zeros(9)) == 1.0
    assert sign_flip(np.array([1.0, 2, 3, 4, 5, 0, 0, 0])) == 2 / 32  # zeros change nothing
    values = np.random.default_rng(3).normal(0.3, 1, 12)
    oracle = scipy_stats.permutation_test((values,), np.sum, permutation_type="samples", n_resamples=np.inf, alternative="two-sided")
    assert sign_flip(values) == pytest.approx(oracle.pvalue)


def test_sign_flip_drawn_agrees_with_the_normal_limit():
    values = np.random.default_rng(5).normal(0.15, 1, 200)
    z = abs(values.sum()) / np.sqrt((values**2).sum())
    assert sign_flip(values) == pytest.approx(2 * scipy_stats.norm.sf(z), abs=0.01)
    assert sign_flip(np.full(40, 1.0)) == 1 / 10_000  # the +1 rule: never 0
    assert sign_flip(values) == sign_flip(values)


@given(st.lists(st.floats(-5, 5), min_size=3, max_size=40))
def test_sign_flip_has_no_direction(values):
    sums = np.array(values)
    assert sign_flip(sums) == sign_flip(-sums)


def test_power_vectors():
    assert required_prompts(0.03, 1 / 9) == pytest.approx(968.997, abs=5e-4)
    noisy = {"within_a": 1 / 6, "within_b": 1 / 6}
    assert np.ceil(required_prompts(0.03, 1 / 9, **noisy)) == 3876
    assert np.ceil(required_prompts(0.03, 1 / 9, **noisy, repeats_a=10, repeats_b=10)) == 1260
    assert required_prompts(0, 1) == np.inf
    assert detectable((1 / 9 / 969) ** 0.5) == pytest.approx(0.03, abs=1e-6)


def test_variance_components_by_hand_and_planted():
    assert variance_components(np.array([1.0, 2.0]), np.array([1.0, 1.0]), np.zeros(2)) is None
    assert variance_components(np.array([2.0, 6.0]), np.array([2.0, 2.0]), np.array([2.0, 2.0])) == (1.0, 2.0)
    random = np.random.default_rng(11)
    counts = random.integers(1, 6, 4000)
    rows = [random.normal(0, 3) + random.normal(0, 2, k) for k in counts]
    sums, squares = np.array([row.sum() for row in rows]), np.array([((row - row.mean()) ** 2).sum() for row in rows])
    found = variance_components(sums, counts.astype(float), squares)
    assert (found.between, found.within) == (pytest.approx(9, rel=0.08), pytest.approx(4, rel=0.05))
    assert savings(1.0, 0.0).repeats == 0.0
    assert savings(0.0, 1.0).repeats == pytest.approx(savings(0.0, 1.0).prompts)


def games(strength, prompts, seed, *, ties=0.0):
    """Every pair meets once on every prompt."""
    random = np.random.default_rng(seed)
    first, second, outcome, cluster = [], [], [], []
    for prompt in range(prompts):
        for i in range(len(strength)):
            for j in range(i):
                first.append(i), second.append(j), cluster.append(prompt)
                won = float(random.random() < 1 / (1 + np.exp(strength[j] - strength[i])))
                outcome.append(0.5 if random.random() < ties else won)
    return np.array(first), np.array(second), np.array(outcome), np.array(cluster)


def test_bradley_terry_is_logistic_regression():
    """An independent fit: statsmodels' binomial GLM on +1/-1 columns, the last contestant at 0."""
    import statsmodels.api as sm

    first, second, outcome, cluster = games([0.8, 0.1, -0.9], 150, 13)
    design = np.zeros((len(first), 3))
    design[np.arange(len(first)), first], design[np.arange(len(first)), second] = 1, -1
    fit = sm.GLM(outcome, design[:, :2], family=sm.families.Binomial()).fit(cov_type="cluster", cov_kwds={"groups": cluster, "use_correction": False})
    found = bradley_terry(first, second, outcome, cluster, 3)
    assert found.strength[:2] - found.strength[2] == pytest.approx(fit.params, abs=1e-6)
    contrast = np.array([[1, 0, -1], [0, 1, -1]])
    errors = np.sqrt(np.diag(contrast @ found.covariance @ contrast.T) * 149 / 150)
    assert errors == pytest.approx(fit.bse, rel=1e-5)
    assert found.strength.sum() == pytest.approx(0)


def test_bradley_terry_ties_are_half_wins_and_separation_is_said():
    one = np.array([0, 0]), np.array([1, 1])
    tied = bradley_terry(*one, np.array([0.5, 0.5]), np.arange(2), 2)
    assert tied.strength == pytest.approx([0, 0])
    assert bradley_terry(*one, np.array([1.0, 1.0]), np.arange(2), 2) is None
    assert bradley_terry(*one, np.array([1.0, 0.0]), np.arange(2), 3) is None  # the third never met anyone
    assert bradley_terry(*one, np.array([1.0, 0.0]), np.zeros(2, int), 2) is None


def test_bradley_terry_does_not_depend_on_order():
    first, second, outcome, cluster = games([0.5, 0.0, -0.5, 0.2], 40, 17, ties=0.2)
    order = np.random.default_rng(1).permutation(len(first))
    plain, mixed = bradley_terry(first, second, outcome, cluster, 4), bradley_terry(second[order], first[order], 1 - outcome[order], cluster[order], 4)
    assert mixed.strength == pytest.approx(plain.strength)
    assert mixed.se == pytest.approx(plain.se)
