"""Gates on a real store: scopes, slices, identities, and cells that nobody asked for."""

import json
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from opened import build_report, check_gates, compute_signals, score_logs, store_compact
from textbook import rate_interval

from judgecli.config.settings import load_settings
from judgecli.errors import ConfigError, UsageError
from judgecli.store import tables
from judgecli.store.folder import Store
from judgecli.store.tables import MetricInfo


class Quiet:
    def phase(self, text, total=None): ...

    def advance(self, bytes_read, records): ...

    def note(self, text): ...


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write_log(name, rows):
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def answers(count, *, right, start=0, **fields):
    """`count` answers, the first `right` of them `yes`; None as output for what is in `lost`."""
    return [
        {"id": f"r{start + at}", "session": f"s{start + at}", "input": f"q{start + at}", "output": "yes" if at < right else "no", **fields}
        for at in range(count)
    ]


def settings(gates, *, scorers="  - ok: {regex: {pattern: yes}}", more=""):
    Path("judge.yaml").write_text(f"scorers:\n{scorers}\n{more}\ngates:\n{gates}\n", encoding="utf-8")
    return load_settings()


def score(*logs, given, scorers=None):
    return score_logs(logs, settings=given, scorers=scorers, progress=Quiet())


def verdicts(check):
    return [gate.verdict for gate in check.gates]


def write_metric(given, name, cells, *, identity="j1", kind="rate", scale=(0.0, 1.0)):
    """A metric of our own in every shard: values or reasons, in the order of the records."""
    with Store(given.store, create=False) as store:
        at = 0
        for shard in store.shards():
            own = cells[at : at + shard.rows]
            at += shard.rows
            values = pa.array([None if isinstance(cell, str) else cell for cell in own], pa.float64())
            reasons = pa.array([cell if isinstance(cell, str) else None for cell in own], pa.string()).dictionary_encode()
            table = pa.table({name: values, f"{name}.reason": reasons})
            tables.write_scores(store.root, shard.name, table, [MetricInfo(name, identity, kind, scale, True, 1)])


def test_every_verdict_by_hand():
    """90 of 100 right: Wilson 0.8256 to 0.9448."""
    write_log("log.jsonl", answers(100, right=90))
    given = settings("  - {metric: ok, at_least: 0.82}\n  - {metric: ok, at_least: 0.95}\n  - {metric: ok, at_least: 0.9}\n  - {metric: ok, at_most: 0.95}")
    score("log.jsonl", given=given)
    check = check_gates(given)
    assert verdicts(check) == ["pass", "fail", "inconclusive", "pass", "pass"]
    assert [gate.gate for gate in check.gates][3:] == ["ok at most 0.95", "measured at least 98 %"]
    assert check.gates[-1].implicit
    assert (check.records, check.exit_code, check.complete, check.on) == (100, 1, True, "run:last")
    first = check.gates[0]
    assert (first.value, first.n, first.cells, first.clusters) == (0.9, 100, 100, 100)
    assert (first.low, first.high) == (pytest.approx(0.825634, abs=1e-6), pytest.approx(0.944771, abs=1e-6))


def test_a_gate_of_a_slice():
    write_log("log.jsonl", [*answers(50, right=50, prompt_version="v1"), *answers(50, right=0, start=50, prompt_version="v2")])
    given = settings("  - {metric: ok, at_least: 0.8, where: prompt_version=v1}\n  - {metric: ok, at_least: 0.8, where: \"prompt_version = 'v2'\"}")
    score("log.jsonl", given=given)
    check = check_gates(given)
    assert verdicts(check) == ["pass", "fail", "pass"]
    assert [gate.cells for gate in check.gates] == [50, 50, 50]
    assert verdicts(check_gates(given, on="prompt_version=v1")) == ["pass", "incomplete", "pass"]  # the second slice has no record left


def test_the_latest_run_is_the_scope():
    write_log("old.jsonl", answers(50, right=0))
    write_log("new.jsonl", answers(50, right=50, start=50))
    given = settings("  - {metric: ok, at_least: 0.8}")
    score("old.jsonl", given=given)
    assert check_gates(given).exit_code == 1
    score("new.jsonl", given=given)
    assert (check_gates(given).exit_code, check_gates(given).records) == (0, 50)
    assert check_gates(given, on="run:1").exit_code == 1
    assert check_gates(given, on="id != ''").records == 100


def test_a_store_without_a_run_is_an_error():
    given = settings("  - {metric: ok, at_least: 0.8}")
    with Store(given.store):
        pass
    with pytest.raises(UsageError, match="no run has finished"):
        check_gates(given)


def test_failed_cells_widen_and_count():
    """4 of 200 have no output: coverage 98 %, the mean stays, the bounds hold the four."""
    write_log("log.jsonl", [*answers(196, right=196), *[{"id": f"x{at}", "session": f"x{at}", "input": "q"} for at in range(4)]])
    given = settings("  - {metric: ok, at_least: 0.9}\n  - {metric: ok, at_least: 0.97}")
    score("log.jsonl", given=given)
    check = check_gates(given)
    assert verdicts(check) == ["pass", "inconclusive", "pass"]
    flipped = check.gates[1]
    assert flipped.low is not None
    assert flipped.low > 0.97
    assert (flipped.value, flipped.worst, flipped.best, dict(flipped.unscored)) == (1.0, 0.98, 1.0, {"input_missing_field": 4})
    assert (check.exit_code, check.complete) == (5, False)


def test_less_than_measured_is_incomplete_and_a_gate_can_say_how_much():
    write_log("log.jsonl", [*answers(190, right=190), *[{"id": f"x{at}", "session": f"x{at}", "input": "q"} for at in range(10)]])
    given = settings("  - {metric: ok, at_least: 0.8}")
    score("log.jsonl", given=given)
    assert (verdicts(check_gates(given)), check_gates(given).exit_code) == (["pass", "incomplete"], 3)
    assert check_gates(settings("  - {metric: ok, at_least: 0.8}\n  - {measured: '>= 95%'}")).exit_code == 0
    assert check_gates(settings("  - {metric: ok, at_least: 0.8}\n  - {measured: 0.96}")).exit_code == 3
    alone = check_gates(settings("  - {measured: 0.96}"))
    assert (verdicts(alone), alone.gates[0].metric) == (["incomplete"], "ok")
    sliced = check_gates(settings("  - {metric: ok, at_least: 0.8}\n  - {measured: 1.0, where: \"output = 'yes'\"}"))
    assert verdicts(sliced) == ["pass", "pass", "incomplete"]  # a bar for a slice leaves the one for all


def test_a_metric_that_was_never_scored_here_is_incomplete():
    write_log("log.jsonl", answers(50, right=50))
    given = settings("  - {metric: other, at_least: 0.5}", scorers="  - ok: {regex: {pattern: yes}}\n  - other: {regex: {pattern: no}}")
    score("log.jsonl", given=given, scorers=["ok=regex:pattern=yes"])
    check = check_gates(given)
    assert (verdicts(check), check.exit_code, check.gates[0].pending) == (["incomplete", "incomplete"], 3, 50)
    assert "was not scored" in check.notes[0]


def test_only_the_newest_identity_counts():
    """The pattern changed between two runs: records with scores of the old one are not asked yet."""
    write_log("a.jsonl", answers(50, right=50))
    write_log("b.jsonl", answers(50, right=50, start=50))
    score("a.jsonl", "b.jsonl", given=settings("  - {metric: ok, at_least: 0.5}"))
    given = settings("  - {metric: ok, at_least: 0.5}", scorers="  - ok: {regex: {pattern: '^yes$'}}")
    score("b.jsonl", given=given)
    check = check_gates(given)
    assert (verdicts(check), check.gates[0].n) == (["pass", "pass"], 50)
    score("a.jsonl", given=settings("  - {metric: ok, at_least: 0.5}"))
    newest = check_gates(given, on="id != ''")
    assert newest.gates[0].n in (50, 100)
    assert any("measured in 2 ways" in note for note in newest.notes)


def test_records_without_the_newest_identity_are_missing():
    write_log("a.jsonl", answers(30, right=30))
    given = settings("  - {metric: late, at_least: 0.5}\n  - {metric: ok, at_least: 0.5}")
    score("a.jsonl", given=given)
    write_metric(given, "late", [1.0] * 30)
    assert check_gates(given, on="id != ''").exit_code == 0
    write_log("b.jsonl", answers(30, right=30, start=30))
    score("b.jsonl", given=given)
    check = check_gates(given, on="id != ''")
    assert (check.gates[0].n, check.gates[0].pending, check.gates[0].worst, check.gates[0].coverage) == (30, 30, 0.5, 0.5)
    assert (check.gates[0].verdict, check.exit_code) == ("inconclusive", 3)


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ([1.0] * 49 + ["auth"], 4),
        (["auth"] * 50, 4),
        (["connection"] * 50, 4),
        ([0.0] * 49 + ["auth"], 4),  # nor does a failed gate hide it
        ([1.0] * 49 + ["connection"], 5),
        (["timeout"] * 50, 3),
        (["budget"] * 50, 3),
        (["not_sampled"] * 50, 3),
        ([1.0] * 40 + ["not_sampled"] * 10, 0),
        ([0.0] * 40 + ["not_sampled"] * 10, 1),
    ],
)
def test_a_dead_endpoint_never_looks_like_dropped_quality(cells, code):
    write_log("a.jsonl", answers(50, right=50))
    given = settings("  - {metric: help, at_least: 0.9}\n  - {measured: 0.5}", scorers="  - help: {regex: {pattern: yes}}")
    score("a.jsonl", given=given, scorers=["ok=regex:pattern=yes"])
    write_metric(given, "help", cells)
    assert check_gates(given).exit_code == code


def test_sessions_are_the_clusters():
    """100 answers of 19 sessions are too few, whatever they say."""
    rows = [{**row, "session": f"s{at % 19}"} for at, row in enumerate(answers(100, right=100))]
    write_log("a.jsonl", rows)
    given = settings("  - {metric: ok, at_least: 0.5}")
    score("a.jsonl", given=given)
    check = check_gates(given)
    assert (verdicts(check)[0], check.gates[0].clusters, check.exit_code) == ("inconclusive", 19, 5)
    assert "not enough data" in check.gates[0].message


@pytest.mark.parametrize(
    ("gate", "message", "hint"),
    [
        ("{metric: oks, at_least: 0.5}", "no metric 'oks'", "did you mean ok"),
        ("{reward: nothing, at_least: 0.5}", "no metric 'reward.nothing'", ""),
        ("{metric: ok, at_least: 70}", "70 is outside the scale of 'ok' .0 to 1.", "within it"),
        ("{metric: ok, at_most: -1}", "-1 is outside the scale", "within it"),
        ("{metric: ok, not_worse_than: main, name: no_worse}", "'no_worse': there is no baseline 'main'", "judge baseline approve main"),
        ("{metric: ok, at_least: 0.5, where: 'nope = 1'}", "no column of a record", "columns:"),
        ("{metric: ok, at_least: 0.5, where: 'latency_ms + 1'}", "is no condition", ""),
        ("{metric: kind, at_least: 0.5}", "'kind' is a category", "a rate or a number"),
    ],
)
def test_a_gate_that_cannot_be_asked_names_its_place(gate, message, hint):
    write_log("a.jsonl", answers(30, right=30))
    given = settings(f"  - {{metric: ok, at_least: 0.1}}\n  - {gate}")
    score("a.jsonl", given=given)
    with Store(given.store, create=False) as store:
        for shard in store.shards():
            words = pa.array(["en"] * shard.rows).dictionary_encode()
            table = pa.table({"kind": words, "kind.reason": pa.nulls(shard.rows, pa.string()).dictionary_encode()})
            tables.write_scores(store.root, shard.name, table, [MetricInfo("kind", "k1", "category", (None, None), None, 1)])
    with pytest.raises(ConfigError, match=message) as caught:
        check_gates(given)
    assert caught.value.where == "judge.yaml:6:5"
    assert hint in caught.value.hint


def test_no_gates_says_how_to_write_one():
    Path("judge.yaml").write_text("measured: 0.9\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"no gates in judge\.yaml") as caught:
        check_gates(load_settings())
    assert "gates: [{metric: refusal, at_most: 0.05}]" in caught.value.hint


def test_gates_that_are_called_alike_get_names_of_their_own():
    write_log("a.jsonl", answers(30, right=30))
    given = settings("  - {metric: ok, at_least: 0.5, name: same}\n  - {metric: ok, at_least: 0.6, name: same}\n  - {metric: ok, at_least: 0.6, name: same}")
    score("a.jsonl", given=given)
    assert [gate.gate for gate in check_gates(given).gates][:3] == ["same", "same (2)", "same (3)"]


def test_a_reward_gate_makes_the_reward_first():
    reward = "reward:\n  name: quality\n  terms: {ok: {weight: 1.0}}"
    write_log("a.jsonl", answers(100, right=90))
    given = settings("  - {reward: quality, at_least: 0.8}\n  - {metric: reward.quality, at_least: 0.97}", more=reward)
    score("a.jsonl", given=given, scorers=["ok=regex:pattern=yes"])
    check = check_gates(given)
    assert [gate.gate for gate in check.gates] == ["reward.quality at least 0.8", "reward.quality at least 0.97", "measured at least 98 %"]
    assert (verdicts(check)[:2], check.gates[0].value, check.gates[0].n) == (["pass", "fail"], pytest.approx(0.9), 100)


@pytest.mark.parametrize(("cluster", "clusters"), [("session", 100), ("user", 25), ("tags.team", 20), ("latency_ms", 50)])
def test_the_cluster_of_the_configuration_counts(cluster, clusters):
    """Four answers a user, five a team; the mean is the same, the interval is not. A null falls back to the session."""
    rows = [{**row, "user": f"u{at // 4}", "team": f"t{at // 5}", "latency_ms": at // 2} for at, row in enumerate(answers(100, right=80))]
    write_log("a.jsonl", rows)
    mapping = "logs:\n  - {path: a.jsonl, map: {id: id, session: session, input: input, output: output, user: user, tags.team: team, latency_ms: latency_ms}}"
    given = settings("  - {metric: ok, at_least: 0.5}", more=f"{mapping}\ncluster: {cluster}")
    scored = score("a.jsonl", given=given)
    gate = check_gates(given).gates[0]
    assert (gate.clusters, gate.value) == (clusters, pytest.approx(0.8, abs=1e-12))
    size = 100 / clusters  # whole clusters are right or wrong, so each is worth one answer
    sums = [size] * round(clusters * 0.8) + [0.0] * round(clusters * 0.2)
    wanted = rate_interval(np.array(sums), np.full(clusters, size))
    assert (gate.low, gate.high) == (pytest.approx(wanted.low), pytest.approx(wanted.high))
    row = compute_signals(given, by=[], window="all").rows[0]
    shown = [scored.summaries[0].estimate, build_report(given, by=[]).metrics[0].estimate, row]  # every command says the same
    assert [(one.low, one.high) for one in shown] == [(pytest.approx(gate.low, abs=1e-12), pytest.approx(gate.high, abs=1e-12))] * 3


def test_a_cluster_that_is_null_falls_back():
    rows = [{**row, "user": "one" if at < 50 else None} for at, row in enumerate(answers(100, right=80))]
    write_log("a.jsonl", rows)
    given = settings("  - {metric: ok, at_least: 0.5}", more="cluster: user")
    score("a.jsonl", given=given)
    assert check_gates(given).gates[0].clusters == compute_signals(given, by=[], window="all").rows[0].clusters == 51
    with pytest.raises(UsageError, match="cluster: mood: records have no such column"):
        check_gates(settings("  - {metric: ok, at_least: 0.5}", more="cluster: mood"))
    with pytest.raises(UsageError, match="cluster: mood: records have no such column"):
        score("a.jsonl", given=load_settings())


@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles", "Asia/Kolkata", "Pacific/Kiritimati"])
def test_times_of_a_filter_are_utc_in_any_zone(zone, monkeypatch):
    """One record an hour over two days; a time that names no zone is UTC."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        write_log("a.jsonl", [{**row, "time": f"2026-03-0{1 + at // 24}T{at % 24:02}:00:00Z"} for at, row in enumerate(answers(48, right=48))])
        given = settings("  - {metric: ok, at_least: 0.5}\n  - {metric: ok, at_least: 0.5, where: \"time < '2026-03-02 12:00'\"}")
        score("a.jsonl", given=given)
        check = check_gates(given, on="time >= '2026-03-02'")
        assert (check.records, check.gates[0].n, check.gates[1].n) == (24, 24, 12)
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("on", ["latency_ms + 1", "time = 'yesterday'"])
def test_a_filter_that_is_no_condition_is_refused(on):
    write_log("a.jsonl", answers(30, right=30))
    given = settings("  - {metric: ok, at_least: 0.5}")
    score("a.jsonl", given=given)
    with pytest.raises(UsageError, match="filter"):
        check_gates(given, on=on)


@pytest.mark.parametrize("cluster", ["session", "user"])
def test_the_answer_does_not_depend_on_shards(cluster):
    """Three intakes make three shards; merged into one they give the same document to the last digit."""
    random = np.random.default_rng(3)
    for name in "abc":
        rows = answers(40, right=20, start=ord(name) * 100)
        write_log(f"{name}.jsonl", [{**row, "user": f"u{random.integers(30)}", "latency_ms": float(random.random() * 1000)} for row in rows])
    given = settings(
        "  - {metric: latency_ms, at_least: 100}\n  - {metric: ok, at_most: 0.8}",
        scorers="  - ok: {regex: {pattern: yes}}\n  - heuristics: [latency_ms]",
        more=f"cluster: {cluster}",
    )
    for name in "abc":
        score(f"{name}.jsonl", given=given)
    with Store(given.store, create=False) as store:
        assert len(store.shards()) == 3
    before = check_gates(given, on="id != ''").to_json()
    store_compact(given)
    with Store(given.store, create=False) as store:
        assert len(store.shards()) == 1
    assert check_gates(given, on="id != ''").to_json() == before
    assert before["gates"][0]["n"] == 120
