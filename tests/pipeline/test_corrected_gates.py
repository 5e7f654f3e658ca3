"""Gates on corrected means: what labels shift over the threshold, too few of them, none at all; missing cells; the command."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from harness import Quiet, write_lines
from opened import check_gates, compute_signals, import_labels, score_logs
from scipy import stats

from judgecli.cli import main
from judgecli.config.settings import load_settings
from judgecli.errors import ConfigError

ALIGNED = "align: {ok: {label: good}}"


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def store_of(gates, *, right, n=100, lost=0, truth=(), align=ALIGNED, sessions=None):
    """`n` answers, the first `right` of them `yes`, `lost` more without an output; people's labels of the first ones."""
    Path("judge.yaml").write_text(f"scorers:\n  - ok: {{regex: {{pattern: yes}}}}\n{align}\ngates:\n{gates}\n", encoding="utf-8")
    rows = [{"id": f"r{at}", "session": f"s{at % (sessions or n)}", "input": f"q{at}", "output": "yes" if at < right else "no"} for at in range(n)]
    rows += [{"id": f"x{at}", "session": f"x{at}", "input": "q"} for at in range(lost)]
    score_logs([str(write_lines(Path("log.jsonl"), rows))], settings=load_settings(), scorers=None, progress=Quiet())
    if len(truth):
        label(truth)
    return load_settings()


def label(truth):
    import_labels(
        load_settings(), str(write_lines(Path("people.jsonl"), [{"id": f"r{at}", "value": float(said)} for at, said in enumerate(truth)])), name="good"
    )


def limits(share, n):
    """Wilson's limits of a share of n independent labels, with as many rows as the error is worth: its own variance and one label that was not seen."""
    smooth, worth = (n * share + 1) / (n + 2), n - 1 if 0 < share < 1 else n  # the variance has n - 1 below it, so n labels are worth n - 1
    rows, q = smooth * (1 - smooth) / (share * (1 - share) / (n - 1) + 1 / worth**2), stats.t.ppf(0.975, n - 1)
    centre, half = share + q**2 / (2 * rows), q * math.sqrt(share * (1 - share) / rows + q**2 / (4 * rows**2))
    return tuple(end / (1 + q**2 / rows) for end in (centre - half, centre + half))


@pytest.mark.parametrize(
    ("bound", "right", "good", "raw", "corrected"),
    [
        ("at_least: 0.8", 95, 60, "pass", "fail"),
        ("at_least: 0.8", 50, 92, "fail", "pass"),
        ("at_most: 0.8", 95, 60, "fail", "pass"),
        ("at_most: 0.8", 50, 92, "pass", "fail"),
        ("at_least: 0.8", 95, 80, "pass", "inconclusive"),
    ],
)
def test_labels_shift_the_mean_over_the_threshold(bound, right, good, raw, corrected):
    """Everything is labelled, so PPI++ is the labels' own mean: worked by hand."""
    gates = f"  - {{metric: ok, {bound}}}\n  - {{metric: ok, {bound}, corrected: true}}"
    given = store_of(gates, right=right, truth=np.arange(100) < good)
    check = check_gates(given)
    plain, own = check.gates[:2]
    assert (plain.verdict, own.verdict, plain.corrected, own.corrected) == (raw, corrected, False, True)
    share = good / 100
    assert (plain.value, own.value) == (pytest.approx(right / 100), pytest.approx(share))
    assert (own.low, own.high) == pytest.approx(limits(share, 100))
    assert (own.worst, own.best) == (own.value, own.value)
    assert own.gate.startswith("corrected ok at ")
    assert own.message.startswith(f"corrected mean {share:.4g} (95 % interval")
    assert f"the raw mean is {right / 100:.4g} (95 % interval" in own.message
    assert ", 100 labels; by the judge's errors (Rogan-Gladen) " in own.message
    assert {**own.to_json(), "corrected": False}.keys() == plain.to_json().keys()
    assert any("random sample" in note for note in check.notes)


def test_the_numbers_are_those_of_signals_in_a_slice_too():
    truth = np.random.default_rng(4).random(60) < 0.6
    gates = "  - {metric: ok, at_least: 0.9, corrected: true}\n  - {metric: ok, at_least: 0.9, corrected: true, where: \"id < 'r5'\"}"
    given = store_of(gates, right=250, n=300, truth=truth, sessions=150)
    for gate, on in zip(check_gates(given).gates, (None, "id < 'r5'"), strict=False):
        row = next(row for row in compute_signals(given, by=[], window="all", on=on).rows if row.metric == "ok")
        assert row.corrected is not None
        assert [gate.value, gate.low, gate.high] == [row.corrected[name] for name in ("mean", "low", "high")]
        assert f"{row.corrected['labels']} labels" in gate.message
        assert gate.n == row.n


@pytest.mark.parametrize(
    ("labels", "verdict", "code", "message"),
    [
        (0, "incomplete", 3, "no label by human"),
        (9, "incomplete", 3, "9 labelled clusters; a correction needs 10"),
        (15, "inconclusive", 5, "from 15 labelled clusters, and a verdict needs 20"),
        (40, "fail", 1, "is below 0.99"),
    ],
)
def test_too_few_labels_never_pass(labels, verdict, code, message):
    given = store_of("  - {metric: ok, at_least: 0.99, corrected: true}", right=100, truth=np.arange(labels) % 2)
    check = check_gates(given)
    gate = check.gates[0]
    assert (gate.verdict, check.exit_code, gate.n) == (verdict, code, 100)
    assert message in gate.message
    assert "the raw mean is 1 (95 % interval" in gate.message
    if verdict == "incomplete":
        assert (gate.value, gate.low, gate.high, gate.worst, gate.best, gate.detectable) == (None,) * 6
        assert message in gate.reasons["mean"]


def test_labels_that_are_all_alike_have_an_interval_of_some_width():
    gates = "  - {metric: ok, at_least: 0.5, corrected: true}\n  - {metric: ok, at_least: 0.95, corrected: true}"
    passed, open_ = check_gates(store_of(gates, right=100, truth=np.ones(50))).gates[:2]
    assert (passed.verdict, open_.verdict, passed.value, passed.high) == ("pass", "inconclusive", 1.0, 1.0)
    assert passed.low == pytest.approx(limits(1.0, 50)[0])
    assert 0.9 < passed.low < 0.95


@pytest.mark.parametrize(
    ("align", "truth", "message"),
    [
        (ALIGNED, np.arange(50) % 5 + 1, "not known to be on its scale"),
        ("align: {ok: {label: good, label_scale: [1, 4]}}", np.arange(50) % 5 + 1, "outside the scale 1,4"),
        ("align: {ok: {label: good, raters: [user]}}", np.arange(50) % 2, "no label by user"),
    ],
)
def test_labels_on_an_unknown_scale_are_incomplete(align, truth, message):
    check = check_gates(store_of("  - {metric: ok, at_least: 0.5, corrected: true}", right=100, truth=truth, align=align))
    assert (check.gates[0].verdict, check.exit_code) == ("incomplete", 3)
    assert message in check.gates[0].message


@pytest.mark.parametrize(("threshold", "verdict"), [(0.82, "inconclusive"), (0.74, "pass"), (0.98, "fail"), (0.95, "inconclusive")])
def test_missing_cells_are_put_to_both_ends_beside_the_corrected_mean(threshold, verdict):
    """100 scored and labelled, 90 of them good, and 3 without an output. The missing share is 3 of 103 with its Wilson interval."""
    gates = f"  - {{metric: ok, at_least: {threshold}, corrected: true}}\n  - {{measured: 0.9}}"
    gate = check_gates(store_of(gates, right=100, lost=3, truth=np.arange(100) < 90)).gates[0]
    missing, z = 3 / 103, stats.norm.ppf(0.975)
    wilson = (missing + z * z / 206 + z * math.sqrt(missing * (1 - missing) / 103 + z * z / (4 * 103**2))) / (1 + z * z / 103)
    low, high = limits(0.9, 100)
    bottom, top = low * (1 - wilson), high + wilson * (1 - high)
    assert (0.74 <= bottom < 0.82 <= low, high < 0.95 < top < 0.98) == (True, True)
    assert gate.verdict == verdict
    assert (gate.low, gate.high) == (pytest.approx(low), pytest.approx(high))
    assert (gate.worst, gate.best) == (pytest.approx(0.9 * 100 / 103), pytest.approx((90 + 3) / 103))
    assert ("3 unscored cells could change that" in gate.message) == (verdict == "inconclusive")


def test_a_metric_that_nothing_aligns_names_its_place(capsys):
    given = store_of("  - {metric: ok, at_least: 0.5}\n  - {metric: ok, at_least: 0.5, corrected: true}", right=100, align="align: {other: {label: good}}")
    with pytest.raises(ConfigError, match="aligns no labels with 'ok'") as caught:
        check_gates(given)
    assert caught.value.where == "judge.yaml:6:5"
    assert "align: {ok: {label: NAME}}" in str(caught.value.hint)
    assert main(["check"]) == 2
    assert "judge.yaml:6:5" in capsys.readouterr().err


@pytest.mark.parametrize("gate", ["{metric: ok, not_worse_than: main, corrected: true}", "{measured: 0.9, corrected: true}"])
def test_corrected_belongs_to_a_threshold(gate):
    Path("judge.yaml").write_text(f"gates:\n  - {gate}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="corrected belongs to at_least and at_most"):
        load_settings()


def test_the_command(capsys):
    store_of("  - {metric: ok, at_least: 0.8, corrected: true}", right=95, truth=np.arange(5) % 2)
    assert main(["check", "--json"]) == 3
    row = json.loads(capsys.readouterr().out)["gates"][0]
    assert (row["corrected"], row["verdict"], row["value"]) == (True, "incomplete", None)
    label(np.arange(100) < 60)
    assert main(["check", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["gates"][0]["value"] == pytest.approx(0.6)


def test_nothing_scored_is_incomplete():
    gate = check_gates(store_of("  - {metric: ok, at_least: 0.5, corrected: true, where: id > 'x'}", right=90, lost=30, truth=np.arange(100) % 2)).gates[0]
    assert (gate.verdict, gate.value, gate.n) == ("incomplete", None, 0)
    assert "nothing was scored" in gate.message


def vector(lost=0, align=ALIGNED, **more):
    """The test vector of Rogan and Gladen's estimate: 800 of 1000 said yes; of 100 good ones 90, of 50 bad ones 7."""
    given = store_of("  - {metric: ok, at_least: 0.5, corrected: true}", right=800, n=1000, lost=lost, align=align, **more)
    good = [*range(90), *range(900, 910)]
    bad = [*range(100, 107), *range(950, 993)]
    rows = [{"id": f"r{at}", "value": value} for value, chosen in ((1.0, good), (0.0, bad)) for at in chosen]
    import_labels(given, str(write_lines(Path("people.jsonl"), rows)), name="good")
    return given


def test_rogan_and_gladens_estimate_stands_beside_in_signals_and_gates():
    given = vector()
    row = next(row for row in compute_signals(given, by=[], window="all").rows if row.metric == "ok")
    found = row.corrected_by_errors
    assert (found["method"], found["labels"]) == ("rogan-gladen", 150)
    assert [found[name] for name in ("mean", "low", "high")] == [pytest.approx(value, abs=1e-6) for value in (0.868421, 0.791900, 0.944942)]
    assert row.corrected["method"] == "ppi++"
    gate = check_gates(given).gates[0]
    assert gate.corrected_by_errors == found
    assert gate.value == row.corrected["mean"]  # PPI++ decides
    assert "by the judge's errors (Rogan-Gladen) it is 0.8684 (0.7919 to 0.9449)" in gate.message
    assert gate.to_json()["corrected_by_errors"]["method"] == "rogan-gladen"


def test_a_cell_without_labels_is_corrected_by_the_errors_on_the_others():
    """Of model a 20 of 40 are good: yes to 16 of them and to 2 of the 20 bad ones (q1 0.8, q0 0.9). Model b: no label, 30 of 40 yes."""
    Path("judge.yaml").write_text(f"scorers:\n  - ok: {{regex: {{pattern: yes}}}}\n{ALIGNED}\n", encoding="utf-8")
    said = [at < 16 or 20 <= at < 22 for at in range(40)] + [at < 30 for at in range(40)]
    rows = [{"id": f"r{at}", "model": "ab"[at // 40], "session": f"s{at}", "input": f"q{at}", "output": "yes" if yes else "no"} for at, yes in enumerate(said)]
    score_logs([str(write_lines(Path("log.jsonl"), rows))], settings=load_settings(), scorers=None, progress=Quiet())
    label([at < 20 for at in range(40)])
    of = {row.policy["model"]: row for row in compute_signals(load_settings(), by=["model"], window="all").rows if row.metric == "ok"}
    assert of["b"].corrected["mean"] is None
    assert of["b"].corrected_by_errors["mean"] == pytest.approx(0.65 / 0.7)
    assert of["a"].corrected_by_errors["mean"] == pytest.approx(0.5)


def test_labels_in_few_clusters_are_worth_less():
    alone = vector()
    row = next(row for row in compute_signals(alone, by=[], window="all").rows if row.metric == "ok")
    wide = row.corrected_by_errors["high"] - row.corrected_by_errors["low"]
    from judgecli.labels.correct import Errors

    truth, judged = np.repeat([1.0, 0.0], 40), np.tile(np.repeat([1.0, 0.0], 20), 2)
    errors = Errors.of(truth, judged, np.repeat(np.arange(8), 10))  # whole clusters right or wrong: 4 a class
    assert (errors.labels, errors.m1, errors.m0) == (80, pytest.approx(3.0), pytest.approx(3.0))
    assert errors.right_1 / errors.m1 == pytest.approx(0.5)
    assert wide == pytest.approx(0.153042, abs=1e-6)


@pytest.mark.parametrize(
    ("truth", "why"),
    [(np.zeros(60), "no label that is 1"), ((np.arange(60) % 2), "too low"), (np.full(60, 0.5), "not 0 or 1")],
)
def test_errors_that_cannot_be_had_say_why(truth, why):
    given = store_of("  - {metric: ok, at_least: 0.5, corrected: true}", right=50, truth=truth)
    row = next(row for row in compute_signals(given, by=[], window="all").rows if row.metric == "ok")
    assert row.corrected_by_errors["mean"] is None
    assert why in row.corrected_by_errors["reasons"]["mean"]
    assert "there is none" in check_gates(given).gates[0].message


def test_a_metric_that_is_no_rate_has_no_errors():
    Path("judge.yaml").write_text("scorers:\n  - heuristics: [words]\nalign: {words: {label: good, same_units: true}}\n", encoding="utf-8")
    rows = [{"id": f"r{at}", "input": f"q{at}", "output": "a " * (1 + at % 3)} for at in range(40)]
    score_logs([str(write_lines(Path("log.jsonl"), rows))], settings=load_settings(), scorers=None, progress=Quiet())
    import_labels(load_settings(), str(write_lines(Path("people.jsonl"), [{"id": f"r{at}", "value": float(1 + at % 2)} for at in range(40)])), name="good")
    row = compute_signals(load_settings(), by=[], window="all").rows[0]
    assert (row.corrected["method"], row.corrected_by_errors) == ("ppi++", None)
    assert "corrected_by_errors" not in row.to_json()


def test_the_page_shows_both_beside_the_raw_mean(capsys):
    vector()
    capsys.readouterr()
    assert main(["signals", "--by", "", "--window", "all"]) == 0
    page = capsys.readouterr().out
    assert "corrected" in page
    assert "by errors" in page
    assert "0.868" in page
