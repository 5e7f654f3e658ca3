"""Verdicts by hand, every combination of them, and 2,000 random tables with cells taken away (I7)."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from judgecli.signal.gate.verdict import Check, GateQuestion, GateResult, judge_measured, judge_threshold, near_text, weigh
from judgecli.signal.summary import Reduced, summarise

VERDICTS = ("pass", "fail", "inconclusive", "incomplete")


def evidence(values, *, clusters=None, reasons=None, scale=(0.0, 1.0), kind="number", dead=False, two_values=None):
    """From rows: a value each, or None with its reason (default timeout); every row a cluster of its own unless told."""
    clusters = list(range(len(values))) if clusters is None else list(clusters)
    reasons = ["timeout" if value is None else None for value in values] if reasons is None else reasons
    names = sorted(set(clusters))
    sums, counts, missing = (np.zeros(len(names)) for _ in range(3))
    for value, cluster, reason in zip(values, clusters, reasons, strict=True):
        place = names.index(cluster)
        if value is None:
            missing[place] += reason not in ("not_applicable", "not_sampled")
        else:
            sums[place] += value
            counts[place] += 1
    scored = [value for value in values if value is not None]
    held = counts > 0
    reduced = Reduced(
        sums[held],
        counts[held],
        math.fsum(scored),
        min(scored, default=None),
        float(np.median(scored)) if scored else None,
        max(scored, default=None),
        len(scored),
        {reason: reasons.count(reason) for reason in dict.fromkeys(reasons) if reason is not None},
        {},
        two_values,
    )
    summary = summarise("m", "i1", kind=kind, scale=scale, higher_is_better=True, reduced=reduced)
    return weigh(summary, scale, sums=sums, counts=counts, missing=missing, dead_endpoint=dead)


def at_least(threshold):
    return GateQuestion("g", "m", at_least=threshold)


def at_most(threshold):
    return GateQuestion("g", "m", at_most=threshold)


HALVES = [0.4, 0.6] * 50  # mean 0.5; se = 0.1 / sqrt(99) = 0.01005; t(99) = 1.984; interval 0.4801 to 0.5199


@pytest.mark.parametrize(
    ("question", "verdict"),
    [
        (at_least(0.48), "pass"),
        (at_least(0.4801), "inconclusive"),
        (at_least(0.5), "inconclusive"),
        (at_least(0.5199), "inconclusive"),
        (at_least(0.52), "fail"),
        (at_most(0.52), "pass"),
        (at_most(0.5199), "inconclusive"),
        (at_most(0.5), "inconclusive"),
        (at_most(0.48), "fail"),
    ],
)
def test_the_limit_decides(question, verdict):
    result = judge_threshold(question, evidence(HALVES))
    assert result.verdict == verdict
    assert (result.value, result.n, result.cells, result.clusters) == (pytest.approx(0.5), 100, 100, 100)
    assert result.low == pytest.approx(0.5 - 1.9842169515 * 0.1 / math.sqrt(99))


def test_a_limit_on_the_threshold_passes():
    for rounding, threshold in itertools.product((0.0, 1e-16, -1e-16), (0.75, 0.7, 0.1)):
        for question, low, high in ((at_least(threshold), threshold + rounding, 0.9), (at_most(threshold), 0.05, threshold + rounding)):
            given = evidence([threshold] * 40)
            held = replace(given, summary=replace(given.summary, estimate=replace(given.summary.estimate, low=low, high=high)))
            assert judge_threshold(question, held).verdict == "pass"


@pytest.mark.parametrize(("value", "question"), [(0.8, at_least(0.75)), (0.2, at_most(0.25)), (0.0, at_most(0.01)), (1.0, at_least(0.99))])
def test_equal_values_leave_doubt(value, question):
    """22 times the same: a share of values elsewhere, which so many miss one time in twenty-five, could take the mean across."""
    result = judge_threshold(question, evidence([value] * 22))
    assert result.verdict == "inconclusive"
    assert result.low < question.threshold < result.high or value in (0.0, 1.0)
    assert result.detectable > 0.1
    many = judge_threshold(question, evidence([value] * 2000))
    assert many.verdict == "pass"


def test_equal_values_on_an_open_scale_have_no_interval():
    result = judge_threshold(at_least(2.0), evidence([3.0] * 500, scale=(None, None)))
    assert (result.verdict, result.low, result.high, result.detectable) == ("inconclusive", None, None, None)
    assert "all values are the same" in result.message


def test_zeros_and_ones_are_a_rate_whatever_they_are_declared():
    ones = [1.0] * 90 + [0.0] * 10
    facts = ({"kind": "rate"}, {"scale": (None, None), "two_values": (0.0, 1.0)})
    rated, imported = (judge_threshold(at_least(0.7), evidence(ones, **given)) for given in facts)
    assert (rated.low, rated.high, rated.method) == (imported.low, imported.high, imported.method)


def test_a_rate_has_the_wilson_interval():
    result = judge_threshold(at_least(0.9), evidence([1.0] * 90 + [0.0] * 10, kind="rate"))
    assert (result.low, result.high) == (
        pytest.approx(0.825634),
        pytest.approx(0.944771),
    )  # by hand, n = 100
    assert result.verdict == "inconclusive"
    assert judge_threshold(at_most(0.0), evidence([0.0] * 500, kind="rate")).message.startswith("0 (95 % interval 0 to 0.007624): no number of answers")


@pytest.mark.parametrize(("clusters", "verdict"), [(0, "incomplete"), (1, "inconclusive"), (19, "inconclusive"), (20, "pass")])
def test_a_verdict_needs_twenty_clusters(clusters, verdict):
    rows = [value for cluster in range(clusters) for value in (0.8, 0.9)]
    result = judge_threshold(at_least(0.5), evidence(rows, clusters=[row // 2 for row in range(len(rows))]))
    assert result.verdict == verdict
    assert ("not enough data" in result.message) == (verdict == "inconclusive")


# 98 of 100 cells have 0.5 + noise; two are missing. Filled with 0 the mean is 0.49, with 1 it is 0.51.
@pytest.mark.parametrize(
    ("question", "verdict"),
    [
        (at_least(0.44), "pass"),
        (at_least(0.47), "inconclusive"),  # whole: pass (low 0.4799)
        (at_least(0.53), "inconclusive"),  # whole: fail
        (at_least(0.56), "fail"),
        (at_most(0.56), "pass"),
        (at_most(0.53), "inconclusive"),
        (at_most(0.47), "inconclusive"),
        (at_most(0.44), "fail"),
    ],
)
def test_a_verdict_that_flips_inside_the_bounds_is_none(question, verdict):
    held = evidence(HALVES[:98])
    assert judge_threshold(question, held).verdict in ("pass", "fail")
    result = judge_threshold(question, evidence([*HALVES[:98], None, None]))
    assert result.verdict == verdict
    assert ("2 unscored cells could change that" in result.message) == (verdict == "inconclusive")
    assert (result.worst, result.best) == (pytest.approx(0.49), pytest.approx(0.51))


@pytest.mark.parametrize(
    ("scale", "question", "verdict"),
    [
        ((None, None), at_least(0.1), "inconclusive"),
        ((None, None), at_most(9.0), "inconclusive"),
        ((0.0, None), at_least(0.1), "pass"),  # the worst that can be is known
        ((0.0, None), at_most(9.0), "inconclusive"),
        ((0.0, None), at_least(9.0), "inconclusive"),
        ((0.0, None), at_most(0.1), "fail"),
        ((None, 1.0), at_least(0.1), "inconclusive"),
        ((None, 1.0), at_most(0.9), "pass"),
    ],
)
def test_without_an_end_of_the_scale_missing_cells_leave_it_open(scale, question, verdict):
    assert judge_threshold(question, evidence([*HALVES, None], scale=scale)).verdict == verdict
    assert judge_threshold(question, evidence(HALVES, scale=scale)).verdict in ("pass", "fail")


def test_by_design_is_not_missing():
    rows, reasons = [*HALVES, None], [*[None] * 100, "not_sampled"]
    result = judge_threshold(at_least(0.48), evidence(rows, reasons=reasons, scale=(None, None)))
    assert (result.verdict, result.n, result.cells, result.coverage) == ("pass", 100, 100, 1.0)


@pytest.mark.parametrize("reasons", [["not_applicable"] * 30, ["metric_error"] * 30, ["not_asked"] * 30, []])
def test_nothing_scored_is_incomplete(reasons):
    gathered = evidence([None] * len(reasons), reasons=reasons)
    for question in (at_least(0.0), at_most(1.0)):
        result = judge_threshold(question, gathered)
        assert (result.verdict, result.value, result.n) == ("incomplete", None, 0)
    assert judge_measured("bar", 0.0001, [("m", gathered)]).verdict == "incomplete"


@pytest.mark.parametrize(
    ("missing", "bar", "verdict"),
    [(2, 0.98, "pass"), (3, 0.98, "incomplete"), (0, 1.0, "pass"), (1, 1.0, "incomplete"), (100, 0.0, "pass"), (99, 0.01, "pass")],
)
def test_measured_by_hand(missing, bar, verdict):
    rows = [0.5] * (100 - missing) + [None] * missing
    result = judge_measured("bar", bar, [("m", evidence(rows))])
    assert (result.verdict, result.value, result.n, result.cells) == (verdict, (100 - missing) / 100, 100 - missing, 100)


def test_measured_shows_the_least():
    full, short, shorter, none = (
        evidence([1.0] * 50),
        evidence([1.0] * 49 + [None]),
        evidence([1.0] * 40 + [None] * 10),
        evidence([None], reasons=["not_sampled"]),
    )
    result = judge_measured("bar", 0.99, [("a", full), ("b", short), ("c", shorter), ("d", none)])
    assert (result.verdict, result.value) == ("incomplete", 0.8)
    assert result.message == "least measured: c, 80 % of what was to be measured, less than 99 % (and 1 other); 40 of 50 scored (timeout 10)"
    assert judge_measured("bar", 0.99, [("a", full), ("d", none)]).verdict == "pass"
    assert judge_measured("bar", 0.5, []).verdict == "incomplete"


def gate(verdict, *, dead=False, coverage=1.0):
    return GateResult("g", verdict, 0.5, 0.4, 0.6, 0.5, 10, "so", dead_endpoint=dead, coverage=coverage)


@pytest.mark.parametrize("size", [1, 2, 3, 4])
@pytest.mark.parametrize("inconclusive", [None, "pass", "fail"])
def test_precedence_over_all_combinations(size, inconclusive):
    """4 dead endpoint, 1 any fail, 3 any incomplete, 5 any inconclusive, else 0."""
    for verdicts in itertools.product(VERDICTS, repeat=size):
        counted = [inconclusive if verdict == "inconclusive" and inconclusive else verdict for verdict in verdicts]
        wanted = next((code for verdict, code in (("fail", 1), ("incomplete", 3), ("inconclusive", 5)) if verdict in counted), 0)
        check = Check([gate(verdict) for verdict in verdicts], inconclusive=inconclusive)
        assert check.exit_code == wanted
        assert check.verdict == {0: "pass", 1: "fail", 3: "incomplete", 5: "inconclusive"}[wanted]
        for place in range(size):
            dead = Check([gate(verdict, dead=place == at) for at, verdict in enumerate(verdicts)], inconclusive=inconclusive)
            assert (dead.exit_code, dead.verdict) == (4, "incomplete")


def test_no_gate_is_no_pass():
    assert (Check([]).verdict, Check([]).exit_code, Check([]).complete) == ("incomplete", 3, False)


def test_complete_needs_every_cell():
    assert Check([gate("pass"), gate("fail")]).complete
    assert not Check([gate("pass"), gate("pass", coverage=0.999)]).complete
    assert not Check([gate("pass"), gate("incomplete", coverage=None)]).complete


def test_a_question_needs_a_threshold():
    with pytest.raises(ValueError, match="has no threshold"):
        judge_threshold(GateQuestion("g", "m"), evidence(HALVES))


@pytest.mark.parametrize(
    ("value", "threshold", "text"),
    [
        (0.69999999, 0.7, "0.69999999"),
        (0.7, 0.7, "0.7"),
        (0.7 + 1e-11, 0.7, "0.70000000001"),
        (0.7 + 1e-16, 0.7, "0.7"),
        (12.3456, 5, "12.35"),
        (None, 1, "-"),
        (-0.0, 1, "0"),
    ],
)
def test_a_number_never_crosses_the_threshold_in_print(value, threshold, text):
    assert near_text(value, threshold) == text


def test_missing_cells_never_enter_a_number():
    """I7: 2,000 random tables; k % of the scored cells become unscored."""
    random = np.random.default_rng(7)
    seen = dict.fromkeys([*VERDICTS, "flips"], 0)
    for case in range(2000):
        rows = int(random.integers(1, 120))
        rate = bool(case % 2)
        values = (random.random(rows) < random.random()).astype(float) if rate else np.clip(random.normal(random.random(), 0.1, rows), 0, 1)
        clusters = random.integers(0, max(1, int(rows * random.random() * 1.5)), rows).tolist()
        lost = random.random(rows) < random.choice([0.0, 0.01, 0.03, 0.3, 1.0])
        reason = str(random.choice(["timeout", "judge_parse", "metric_error", "not_asked", "budget"]))
        kind = "rate" if rate else "number"
        kept = [float(value) for value, gone in zip(values, lost, strict=True) if not gone]
        rest = evidence(kept, clusters=[cluster for cluster, gone in zip(clusters, lost, strict=True) if not gone], kind=kind)
        part = evidence(
            [None if gone else float(value) for value, gone in zip(values, lost, strict=True)],
            clusters=clusters,
            reasons=[reason if gone else None for gone in lost],
            kind=kind,
        )
        missing = int(lost.sum())
        assert part.summary.estimate == rest.summary.estimate  # to the last digit
        assert (part.summary.scored, part.missing) == (len(kept), missing)
        if kept:
            assert part.summary.worst == pytest.approx(sum(kept) / rows, abs=1e-12)
            assert part.summary.best == pytest.approx((sum(kept) + missing) / rows, abs=1e-12)
        threshold = float(np.round(random.random(), 2))
        question = at_least(threshold) if case % 3 else at_most(threshold)
        asked, held = judge_threshold(question, part), judge_threshold(question, rest)
        bar = judge_measured("bar", 0.98, [("m", part)])
        check = Check([asked, bar])
        seen[asked.verdict] += 1
        assert (bar.verdict == "incomplete") == (not kept or len(kept) / rows < 0.98)
        if bar.verdict == "incomplete" and asked.verdict != "fail":
            assert check.exit_code == 3
        if missing == 0:
            assert replace(asked, message="") == replace(held, message="")
        elif asked.verdict in ("pass", "fail"):  # holds whatever the missing cells would have been
            for filler in (0.0, 1.0, float(random.random())):
                filled = evidence([filler if gone else float(value) for value, gone in zip(values, lost, strict=True)], clusters=clusters, kind=kind)
                assert judge_threshold(question, filled).verdict == asked.verdict or filler not in (0.0, 1.0)
                assert filled.summary.estimate.mean is not None
                assert (filled.summary.estimate.mean >= threshold) == ((asked.verdict == "pass") == (case % 3 != 0))
        elif held.verdict in ("pass", "fail") and kept:
            seen["flips"] += 1
            assert asked.verdict == "inconclusive"
            assert check.exit_code == (3 if bar.verdict == "incomplete" else 5)
    assert min(seen.values()) > 20, seen  # every way was taken
