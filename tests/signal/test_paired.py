"""Two sides on the same prompts: pairs, units, intervals and answers worked by hand, bounds, properties; long: coverage and false passes."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from judgecli.signal.compare.paired import SEVERAL, bound_difference, gather_side, join_clusters, measure_difference, pair_sides
from judgecli.signal.compare.ranking import rank_sides
from judgecli.signal.compare.rows import ComparedMetric, adjust_family, compare_pairs
from judgecli.signal.gate.not_worse import Bar, claim_regressions, judge_not_worse, lucky_pass
from judgecli.stats.bonett_price import bonett_price
from judgecli.stats.intervals import mean_interval
from judgecli.stats.mcnemar import mcnemar

NAN = math.nan


def side(rows):
    """(prompt, cluster, value or None = missing or NaN = by design) of every record."""
    prompts, clusters = (np.array([row[at] for row in rows], np.int64) for at in (0, 1))
    values = np.array([NAN if row[2] is None else row[2] for row in rows], float)
    return gather_side(prompts, clusters, values, np.array([row[2] is None for row in rows], bool))


def once(values, *, first_cluster=0, first_prompt=0):
    return side([(first_prompt + at, first_cluster + at, value) for at, value in enumerate(values)])


def subject(*, kind="number", scale=(0.0, 1.0), better=True, margin=0.02):
    return ComparedMetric("m", "i", kind, scale, better, margin)


def test_repeats_are_averaged_and_prompts_weigh_alike():
    """Prompt 1: 0 and 1 against 1; prompt 2: 0.5 against 0.25. d = 0.5, -0.25: mean 0.125, whatever the repeats."""
    a = side([(1, 1, 0.0), (1, 1, 1.0), (2, 2, 0.5)])
    b = side([(2, 2, 0.25), (1, 1, 1.0), (3, 3, 1.0)])
    pairs = pair_sides(a, b)
    found = measure_difference(pairs, rate=False, scale=(0.0, 1.0))
    assert (found.pairs, found.a, found.b, found.difference) == (2, 0.5, 0.625, 0.125)
    assert (pairs.only_a, pairs.only_b, a.squares.tolist()) == (0, 1, [0.5, 0.0])


def test_order_of_records_changes_no_digit():
    random = np.random.default_rng(1)
    rows = [(int(p), int(p) % 7, float(v)) for p, v in zip(random.integers(0, 40, 200), random.random(200), strict=True)]
    other = [(p, c, v + random.normal(0, 0.1)) for p, c, v in rows]
    plain = measure_difference(pair_sides(side(rows), side(other)), rate=False, scale=(None, None))
    mixed = measure_difference(pair_sides(side(rows[::-1]), side([other[at] for at in random.permutation(200)])), rate=False, scale=(None, None))
    assert plain == mixed


def test_rates_answered_once_are_bonett_price_and_mid_p():
    """40 prompts: 6 gains, 2 losses."""
    a = once([0.0] * 6 + [1.0] * 2 + [1.0] * 20 + [0.0] * 12)
    b = once([1.0] * 6 + [0.0] * 2 + [1.0] * 20 + [0.0] * 12, first_cluster=100)
    found = measure_difference(pair_sides(a, b), rate=True, scale=(0.0, 1.0))
    by_hand = bonett_price(40, 6, 2)
    assert (found.method, found.difference, found.low, found.high) == ("Bonett-Price", pytest.approx(0.1), by_hand.low, by_hand.high)
    assert (found.p, found.clusters) == (mcnemar(6, 2), 40)
    clustered = once([1.0, 0.0] * 20), side([(at, 900 + at // 2, float(at % 3 == 0)) for at in range(40)])
    assert measure_difference(pair_sides(*clustered), rate=True, scale=(0.0, 1.0)).method == "t"


def test_pairs_that_share_a_conversation_on_either_side_are_one_unit():
    a = side([(1, 10, 0.0), (2, 10, 0.0), (3, 11, 0.0), (4, 12, 0.0)])
    b = side([(1, 20, 0.0), (2, 21, 0.0), (3, 21, 0.0), (4, 22, 0.0)])
    units, nested = join_clusters(a, b)
    assert nested
    assert units.tolist() == [0, 0, 0, 1]


def test_a_prompt_in_several_conversations_is_a_unit_and_its_conversations_widen_the_interval():
    """Everything of conversation 1 moves together, across prompts: prompts alone would call that 30 proofs."""
    random = np.random.default_rng(4)
    moods = random.normal(0, 1, 25)
    rows = [(int(p), int(c), float(moods[c] + random.normal(0, 0.1))) for p in range(60) for c in random.choice(25, 3, replace=False)]
    a, b = side([(p, 1000 + p, 0.0) for p in range(60)]), side(rows)
    assert (b.clusters == SEVERAL).all()
    found = measure_difference(pair_sides(a, b), rate=False, scale=(None, None))
    assert found.design_effect > 2
    alone = mean_interval(b.sums / b.counts, np.ones(60))
    assert found.se == pytest.approx(alone.se * found.design_effect**0.5)


def test_two_way_design_effect_is_the_formula():
    """Cameron, Gelbach and Miller written out in loops."""
    rows_a = [(1, 1, 0.0), (1, 2, 1.0), (2, 1, 0.5), (3, 3, 0.2)]
    rows_b = [(1, 4, 1.0), (2, 4, 0.9), (2, 5, 0.1), (3, 6, 0.9)]
    pairs = pair_sides(side(rows_a), side(rows_b))
    found = measure_difference(pairs, rate=False, scale=(0.0, 1.0))
    level_a, level_b = (0.5 + 0.5 + 0.2) / 3, (1.0 + 0.5 + 0.9) / 3
    moved = {}
    for rows, level, sign, repeats in ((rows_a, level_a, -1, {1: 2, 2: 1, 3: 1}), (rows_b, level_b, 1, {1: 1, 2: 2, 3: 1})):
        for prompt, cluster, value in rows:
            moved[prompt, cluster] = moved.get((prompt, cluster), 0) + sign * (value - level) / repeats[prompt]
    by = lambda at: sum(sum(v for key, v in moved.items() if key[at] == name) ** 2 for name in {key[at] for key in moved})  # noqa: E731
    expected = (by(0) + by(1) - sum(v**2 for v in moved.values())) / by(0)
    assert found.design_effect == pytest.approx(max(1, expected))


def test_no_spread_is_no_proof():
    """50 pairs without any change: +-z^2/(50 + z^2), stretched to the scale; on an open scale nothing can be said."""
    half = 1.959964**2 / (50 + 1.959964**2)
    same = pair_sides(once([3.0] * 50), once([3.0] * 50, first_cluster=100))
    closed = measure_difference(same, rate=False, scale=(1.0, 5.0))
    assert (closed.difference, closed.low, closed.high, closed.p) == (0.0, pytest.approx(-4 * half), pytest.approx(4 * half), 1.0)
    opened = measure_difference(same, rate=False, scale=(0.0, None))
    assert (opened.low, opened.high, opened.se) == (None, None, None)
    assert "no end to bound" in opened.reasons["low"]
    rare = pair_sides(once([0.5] * 50), once([0.5] * 49 + [0.3], first_cluster=100))
    found = measure_difference(rare, rate=False, scale=(0.0, 1.0))
    assert found.low is not None
    assert -0.08 < found.low < -0.02  # neither -1 (nothing known) nor -0.01 (as if all were known)


@pytest.mark.parametrize(("rows", "why"), [([], "no prompt is measured"), ([(1, 1, 1e308), (2, 2, -1e308)], "too large"), ([(1, 1, 0.5)], "one cluster")])
def test_what_cannot_be_computed_says_why(rows, why):
    a = side([(p, c, -v) for p, c, v in rows] if "large" in why else rows)
    found = measure_difference(pair_sides(a, side(rows)), rate=False, scale=(None, None))
    assert found.low is None
    assert why in " ".join(found.reasons.values())


def test_missing_is_put_to_both_ends_and_never_enters_the_mean():
    """I7: ten pairs of 0.5, of which two of b fail: the mean of the rest stays, the bounds hold both."""
    a, b = once([0.5] * 10), once([0.5] * 8 + [None] * 2, first_cluster=50)
    pairs = pair_sides(a, b)
    found = measure_difference(pairs, rate=False, scale=(0.0, 1.0))
    assert (found.difference, pairs.missing, pairs.lost_values) == (0.0, 2, 2)
    ends = [bound_difference(pairs, rate=False, scale=(0.0, 1.0), b_at_top=top).difference for top in (False, True)]
    assert ends == [pytest.approx(-0.1), pytest.approx(0.1)]
    assert bound_difference(pairs, rate=False, scale=(0.0, None), b_at_top=True) is None
    half_missing = pair_sides(side([(1, 1, 1.0), (1, 1, None)]), side([(1, 1, 1.0)]))
    assert bound_difference(half_missing, rate=False, scale=(0.0, 1.0), b_at_top=True).difference == 0.5


@given(st.lists(st.sampled_from([0.0, 0.25, 1.0, None, NAN]), min_size=25, max_size=60), st.integers(0, 59), st.sampled_from([None, NAN]))
def test_unscored_never_enters_a_number(values, which, lost):
    """I7, metamorphic: a pair that loses its score leaves the difference of the others as it is."""
    which %= len(values)
    a = once([0.5] * len(values))
    others = [at for at in range(len(values)) if at != which]
    rest = measure_difference(pair_sides(side([(at, at, 0.5) for at in others]), side([(at, at, values[at]) for at in others])), rate=False, scale=(0.0, 1.0))
    pairs = pair_sides(a, once([lost if at == which else v for at, v in enumerate(values)]))
    found = measure_difference(pairs, rate=False, scale=(0.0, 1.0))
    assert (found.pairs, found.difference, found.low, found.high) == (rest.pairs, rest.difference, rest.low, rest.high)
    row = compare_pairs(subject(), pairs)
    if pairs.lost_values and row.worst is not None and row.difference is not None:
        assert row.worst <= row.difference + 1e-9 or row.best >= row.difference - 1e-9
        assert row.coverage < 1


def steady(n, shift, *, spread=0.1, seed=2):
    """n pairs whose differences have exactly this mean and spread."""
    noise = np.random.default_rng(seed).normal(0, 1, n)
    noise = (noise - noise.mean()) / noise.std(ddof=1) * spread
    return pair_sides(once([0.5] * n), once(list(0.5 + shift + noise), first_cluster=10_000))


def seen_by(se, value, low, high):
    """(z + z) SE, and no less than a limit is away: what the limits cannot tell from nothing was not seen."""
    return max(2.801585 * se, value - low, high - value)


@pytest.mark.parametrize(
    ("shift", "n", "better", "verdict"),
    [
        (0.2, 100, True, "better"),
        (-0.2, 100, True, "worse"),
        (0.2, 100, False, "worse"),
        (-0.2, 100, False, "better"),
        (0.2, 100, None, "higher"),
        (-0.2, 100, None, "lower"),
        (0.0, 400, True, "same"),
        (0.015, 60, True, "inconclusive"),
        (0.2, 19, True, "inconclusive"),
    ],
)
def test_answers_and_directions(shift, n, better, verdict):
    row = compare_pairs(subject(better=better), steady(n, shift))
    assert row.verdict == verdict
    assert (row.difference, row.se) == (pytest.approx(shift), pytest.approx(0.1 / n**0.5))
    assert row.detectable == pytest.approx(seen_by(row.se, row.difference, row.low, row.high), rel=1e-5)
    assert row.needed_pairs == math.ceil((2.801585 * 0.1 / 0.02) ** 2 - 1e-3)
    assert ("not enough data" in row.message) == (n == 19)


def test_wins_ties_and_losses_follow_the_direction():
    a, b = once([0.0, 0.0, 1.0, 0.5] * 10), once([1.0, 1.0, 0.0, 0.5] * 10, first_cluster=90)
    up, down = (compare_pairs(subject(better=better), pair_sides(a, b)) for better in (True, False))
    assert (up.wins, up.ties, up.losses, up.win_rate) == (20, 10, 10, 0.625)
    assert (down.wins, down.ties, down.losses, down.win_rate) == (10, 10, 20, 0.375)
    assert up.difference == down.difference


def test_missing_that_could_turn_the_answer_leaves_none():
    values = [0.8] * 97 + [None] * 3
    noise = np.random.default_rng(3).normal(0, 0.05, 100)
    a = once(list(0.5 + noise))
    row = compare_pairs(subject(margin=None), pair_sides(a, once(values, first_cluster=200)))
    assert row.verdict == "better"  # 3 at the bottom: 0.3 x 0.97 - 0.5 x 0.03 > 0
    row = compare_pairs(subject(margin=None), pair_sides(a, once([0.6] * 80 + [None] * 20, first_cluster=200)))
    assert (row.verdict, row.missing, row.coverage) == ("inconclusive", 20, 0.9)
    assert "could change the answer" in row.message
    assert "no end to hold them" in compare_pairs(subject(scale=(0.0, None), margin=None), pair_sides(a, once(values, first_cluster=200))).message


def test_few_pairs_that_differ_need_the_p_value_too():
    """5 of 81 gained: the bootstrap leaves out 0, the sign flips say 2/32."""
    a, b = once([0.5] * 81), once([0.5] * 76 + [0.9, 0.8, 0.7, 0.9, 0.8], first_cluster=200)
    row = compare_pairs(subject(margin=0.001), pair_sides(a, b))
    assert (row.p, row.verdict) == (2 / 32, "inconclusive")


def test_repeats_advice_by_variance_components():
    """Within 0.04 on side b with 4 repeats, between 0.0025: twice the repeats cuts little, but some."""
    random = np.random.default_rng(8)
    b = side([(p, p, 0.5 + effect + random.normal(0, 0.2)) for p in range(3000) for effect in [random.normal(0, 0.05)] for _ in range(4)])
    row = compare_pairs(subject(), pair_sides(once([0.5] * 3000), b))
    total, noise = 0.0025 + 0.04 / 4, 0.04 / 4
    assert row.repeats["twice_the_repeats"] == pytest.approx(1 - math.sqrt((total - noise / 2) / total), abs=0.03)
    assert row.repeats["twice_the_prompts"] == pytest.approx(1 - 0.5**0.5)
    assert compare_pairs(subject(), steady(50, 0)).repeats["twice_the_repeats"] is None


def test_wilcoxon_on_request_only():
    from judgecli.stats.wilcoxon import wilcoxon

    random = np.random.default_rng(5)
    a, b = once(list(random.random(30))), once(list(random.random(30)), first_cluster=50)
    pairs = pair_sides(a, b)
    assert compare_pairs(subject(), pairs).wilcoxon_p is None
    assert compare_pairs(subject(), pairs, ranks=True).wilcoxon_p == wilcoxon(b.sums - a.sums).p


def test_family_is_adjusted_together():
    rows = [compare_pairs(subject(), steady(50, shift)) for shift in (0.05, 0.03, 0.0)]
    adjusted = adjust_family(rows)
    ps = sorted(row.p for row in rows)
    assert sorted(row.q for row in adjusted)[0] == pytest.approx(min(3 * ps[0], 1.5 * ps[1], ps[2]))


def test_ranking_by_hand_and_with_too_little():
    """b beats a on 30 of 40 prompts, c ties both everywhere: strengths b > c > a, b - a = the fit of 3:1."""
    a, b = once([0.0] * 30 + [1.0] * 10), once([1.0] * 30 + [0.0] * 10, first_cluster=100)
    c = side([(at, 300 + at, 1.0 if at < 20 else 0.0) for at in range(40)])
    ranks = rank_sides(subject(), {"a": a, "b": b, "c": c})
    assert [rank.policy for rank in ranks] == ["b", "c", "a"]
    assert (ranks[0].rank_best, ranks[0].rank_worst) in [(1, 1), (1, 2)]
    assert sum(rank.strength for rank in ranks) == pytest.approx(0)
    few = rank_sides(subject(), {name: once([float(name == "b")] * 10) for name in "abc"})
    assert few[0].strength is None
    assert "not enough data" in few[0].reasons["strength"]
    beaten = rank_sides(subject(), {"a": once([0.0] * 30), "b": once([1.0] * 30), "c": once([0.5] * 30)})
    assert [(rank.policy, rank.win_rate) for rank in beaten] == [("b", 1.0), ("c", 0.5), ("a", 0.0)]
    assert beaten[0].reasons["strength"] == "one policy wins or loses everything"
    assert rank_sides(subject(better=None), {"a": a, "b": b, "c": c}) == []


# Gates with a baseline ----------------------------------------------------------------------------


def bar(**given):
    own = {key: given.pop(key) for key in ("kind", "scale", "better") if key in given}
    margin = given.pop("margin", 0.02)
    return Bar("g", "main", subject(margin=margin, **own), margin, given.pop("measured", 0.98), **given)


def ask(question, pairs):
    return judge_not_worse(question, pairs, unscored={}, pending=0)


def test_a_ranking_is_left_open_by_what_has_no_value():
    """c is as good as a and b; of its values below the middle none is there."""
    random = np.random.default_rng(4)
    held = {name: list(random.normal(0.5, 0.1, 100)) for name in "abc"}
    sides = {name: once(values, first_cluster=1000 * at) for at, (name, values) in enumerate(held.items())}
    lost = sides | {"c": once([value if value > 0.5 else None for value in held["c"]], first_cluster=2000)}
    ranks = {rank.policy: rank for rank in rank_sides(subject(), lost)}
    assert ranks["c"].win_rate > 0.6
    assert (ranks["c"].rank_best, ranks["c"].rank_worst) == (1, 3)
    better = sides | {"c": once([value + 0.3 for value in held["c"][:98]] + [None, None], first_cluster=2000)}
    assert {rank.policy: rank.rank_worst for rank in rank_sides(subject(), better)}["c"] == 1


@pytest.mark.parametrize(
    ("shift", "n", "better", "strict", "verdict"),
    [
        (0.0, 400, True, False, "pass"),
        (-0.012, 1000, True, False, "pass"),  # proven worse, but by less than the margin
        (-0.012, 1000, True, True, "fail"),  # which strict does not allow
        (0.012, 1000, False, True, "fail"),
        (-0.05, 400, True, False, "fail"),
        (0.05, 400, False, False, "fail"),
        (0.05, 400, True, False, "pass"),
        (-0.05, 400, False, False, "pass"),
        (-0.02, 400, True, False, "inconclusive"),
        (-0.01, 100, True, False, "inconclusive"),
        (0.3, 19, True, False, "inconclusive"),
    ],
)
def test_not_worse_verdicts(shift, n, better, strict, verdict):
    """The half width is about 2 x 0.1/sqrt(n): 0.01 at 400."""
    result = ask(bar(better=better, strict=strict), steady(n, shift))
    assert result.verdict == verdict
    assert (result.threshold, result.direction) == ((-0.02, "at_least") if better else (0.02, "at_most"))
    assert (result.value, result.n, result.coverage, result.margin) == (pytest.approx(shift), n, 1.0, 0.02)
    assert result.detectable == pytest.approx(seen_by(0.1 / n**0.5, result.value, result.low, result.high), rel=1e-5)
    assert "could have seen" in result.message


def test_prompts_of_the_baseline_that_nobody_asked_again_are_not_measured():
    a = once([0.5] * 100)
    b = once([0.55] * 90, first_cluster=500)
    pairs = pair_sides(a, b, absent_is_missing=True)
    result = ask(bar(), pairs)
    assert (result.verdict, result.n, result.cells, result.coverage) == ("incomplete", 90, 100, 0.9)
    assert "only 90 of the 100 prompts" in result.message
    assert ask(bar(), pair_sides(a, once([], first_cluster=1), absent_is_missing=True)).verdict == "incomplete"
    sliced = ask(bar(where="x"), pair_sides(a, b))
    assert (sliced.n, sliced.cells) == (90, 90)
    assert "10 of the baseline are not among these records" in sliced.message


def test_missing_scores_that_could_turn_the_verdict():
    noise = np.random.default_rng(9).normal(0, 0.05, 400)
    a = once(list(0.5 + noise - noise[:398].mean()))
    b = [0.5] * 398 + [None] * 2  # at the bottom they make it -0.0025, with an error of 0.003 in place of 0.0025
    assert ask(bar(), pair_sides(a, once(b, first_cluster=400))).verdict == "pass"
    result = ask(bar(margin=0.0085), pair_sides(a, once(b, first_cluster=400)))
    assert result.verdict == "inconclusive"
    assert "could change that" in result.message
    assert result.worst < result.value < result.best


def test_holm_claims_only_what_regressed():
    results = [ask(bar(), steady(100, shift)) for shift in (-0.05, -0.023, 0.05)]
    claimed = claim_regressions(results)
    assert [result.regressed for result in claimed] == [True, claimed[1].p_holm < 0.05, False]
    assert claimed[1].p_holm == pytest.approx(results[1].p)  # the largest of three is not multiplied
    assert "regressed (p =" in claimed[0].message
    few = claim_regressions([ask(bar(), steady(19, -0.5))])
    assert few[0].regressed is False


def test_lucky_pass_by_hand():
    assert [round(lucky_pass(k), 6) for k in (0, 1, 2, 10)] == [0.0, 0.025, 0.049375, 0.223670]


# Long: how often the answers are wrong ------------------------------------------------------------------


def binary_pairs(n, random, gain, loss):
    u = random.random(n)
    d = np.where(u < gain, 1, np.where(u < gain + loss, -1, 0))
    a = np.where(d == 1, 0, np.where(d == -1, 1, random.random(n) < 0.5)).astype(float)
    return pair_sides(once(a), once(a + d, first_cluster=10**6))


def skewed_pairs(n, random, share=0.2):
    d = -1.0 * (random.random(n) < share) * random.exponential(1, n)
    return pair_sides(once(np.full(n, 0.5)), once(0.5 + d, first_cluster=10**6))


TOLERANCE = 3 * math.sqrt(0.95 * 0.05 / 1000)  # of 1,000 repetitions


@pytest.mark.long
@pytest.mark.parametrize("n", [20, 50, 200])
@pytest.mark.parametrize(("gain", "loss"), [(0.03, 0.08), (0.01, 0.03)])
def test_coverage_of_binary_differences(n, gain, loss):
    random = np.random.default_rng(n)
    found = [measure_difference(binary_pairs(n, random, gain, loss), rate=True, scale=(0.0, 1.0)) for _ in range(1000)]
    assert np.mean([one.low <= gain - loss <= one.high for one in found]) >= 0.95 - TOLERANCE


@pytest.mark.long
@pytest.mark.parametrize("n", [20, 50, 200])
def test_coverage_of_skewed_differences(n):
    """20 % exponential losses. Where too few pairs differ there is no interval, which is no wrong one."""
    random = np.random.default_rng(n)
    found = [measure_difference(skewed_pairs(n, random), rate=False, scale=(None, None)) for _ in range(1000)]
    given_ = [one for one in found if one.low is not None]
    assert len(given_) > (500 if n == 20 else 990)
    assert np.mean([one.low <= -0.2 <= one.high for one in given_]) >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / len(given_))


@pytest.mark.long
@pytest.mark.parametrize("n", [20, 50, 200, 600])
@pytest.mark.parametrize("shape", ["binary", "normal", "skewed", "clustered"])
def test_false_passes_at_the_margin(n, shape):
    """A candidate that is worse by exactly the margin passes at most one time in forty."""
    random = np.random.default_rng(n + len(shape))
    margin, passes, runs = {"binary": 0.05, "normal": 0.05, "skewed": 0.2, "clustered": 0.05}[shape], 0, 600
    question = bar(margin=margin, kind="rate" if shape == "binary" else "number", scale=(0.0, 1.0) if shape == "binary" else (None, None))
    for _ in range(runs):
        if shape == "binary":
            pairs = binary_pairs(n, random, 0.03, 0.08)
        elif shape == "skewed":
            pairs = skewed_pairs(n, random)
        elif shape == "normal":
            pairs = pair_sides(once(np.zeros(n)), once(random.normal(-margin, 0.2, n), first_cluster=10**6))
        else:
            shared = np.repeat(random.normal(0, 0.2, n), 3)
            pairs = pair_sides(once(np.zeros(3 * n)), side([(at, 10**6 + at // 3, v) for at, v in enumerate(shared + random.normal(-margin, 0.1, 3 * n))]))
        passes += ask(question, pairs).verdict == "pass"
    assert passes / runs <= 0.025 + 3 * math.sqrt(0.025 * 0.975 / runs)


@pytest.mark.long
def test_false_answers_of_equal_sides_in_conversations():
    """Three turns a conversation that move together, no true difference: better or worse at most one time in twenty."""
    random, wrong = np.random.default_rng(77), 0
    for _ in range(600):
        shared = np.repeat(random.normal(0, 0.2, 40), 3)
        rows = [(at, 10**6 + at // 3, v) for at, v in enumerate(shared + random.normal(0, 0.1, 120))]
        wrong += compare_pairs(subject(scale=(None, None), margin=None), pair_sides(once(np.zeros(120)), side(rows))).verdict in ("better", "worse")
    assert wrong / 600 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 600)


@pytest.mark.long
@pytest.mark.parametrize(("users", "prompts", "mood"), [(40, 60, 0.3), (40, 200, 0.3), (40, 60, 0.0)])
def test_coverage_where_prompts_recur_among_users(users, prompts, mood):
    """Each prompt is asked by three users a side, whose moods lie on all that they ask; prompts alone would cover far less."""
    random, hit, runs = np.random.default_rng(6), 0, 300
    for _ in range(runs):
        sides = []
        for first in (0, 10**6):
            moods, own = random.normal(0, mood, users), random.normal(0, 0.3, prompts)
            asked = [(p, int(u)) for p in range(prompts) for u in random.choice(users, 3, replace=False)]
            sides.append(side([(p, first + u, own[p] + moods[u] + random.normal(0, 0.3)) for p, u in asked]))
        found = measure_difference(pair_sides(*sides), rate=False, scale=(None, None))
        hit += found.low <= 0 <= found.high
    assert hit / runs >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / runs)
