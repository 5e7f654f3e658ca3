"""judge compare and judge baseline on real stores: sides, pairs, refusals, tries, files, exit codes."""

import hashlib
import json
import os
from pathlib import Path

import pytest
from opened import approve_baseline, check_gates, compare_parts

from judgecli.cli import main
from judgecli.config.settings import load_settings
from judgecli.errors import ConfigError, Incomplete, JudgeError, NoRecords, UnknownName, UsageError
from judgecli.pipeline.baseline import describe_baselines, show_baseline


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("JUDGE_", "GITHUB_")) or name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "CI")]:
        monkeypatch.delenv(name)
    del capsys


SCORERS = "scorers:\n  - ok: {regex: {pattern: yes}}\n  - heuristics: [words]\npolicy: [prompt_version]\n"


def answers(version, right, *, count=100, prompt="q", **fields):
    """One answer to each of `count` prompts; `right` says which are yes."""
    return [
        {
            "id": f"{version}-{at}",
            "session": f"{version}-s{at}",
            "input": f"{prompt}{at}",
            "output": "yes" if right(at) else "no",
            "prompt_version": version,
            **fields,
        }
        for at in range(count)
    ]


def write(name, rows):
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return name


def score(*logs, config=SCORERS):
    Path("judge.yaml").write_text(config, encoding="utf-8")
    assert main(["score", *logs, "--quiet"]) in (0, 3)
    return load_settings()


def two_versions(**fields):
    """v1 right on 60 of 100; v2 right on 50 of those and 5 others: 5 gains, 10 losses."""
    return score(write("log.jsonl", [*answers("v1", lambda at: at < 60, **fields), *answers("v2", lambda at: at < 50 or 90 <= at < 95, **fields)]))


def row_of(found, metric="ok"):
    return next(row for row in found.rows if row.metric == metric)


def test_two_policies_by_hand():
    from judgecli.stats.bonett_price import bonett_price

    found = compare_parts(two_versions(), ["v1", "v2"])
    row, by_hand = row_of(found), bonett_price(100, 5, 10)
    assert (row.n_pairs, row.missing, row.a, row.b, row.difference) == (100, 0, 0.6, 0.55, pytest.approx(-0.05))
    assert (row.low, row.high, row.wins, row.ties, row.losses) == (by_hand.low, by_hand.high, 5, 85, 10)
    assert (row.method, row.verdict, row.coverage, found.complete) == ("Bonett-Price", "inconclusive", 1.0, True)
    assert list(found.parts) == [("v1", 100), ("v2", 100)]
    assert row_of(found, "words").verdict == "inconclusive"  # one word each: no spread on an open scale


@pytest.mark.parametrize("sides", [["prompt_version=v1", "prompt_version=v2"], ["prompt_version = 'v1'", "v2"], [" v1 ", "starts_with(id, 'v2')"]])
def test_a_side_is_a_policy_or_a_filter(sides):
    assert row_of(compare_parts(two_versions(), sides)).losses == 10


def test_runs_are_sides():
    write("one.jsonl", answers("v1", lambda at: at < 60))
    write("two.jsonl", answers("v2", lambda at: at < 55))
    score("one.jsonl")
    assert row_of(compare_parts(score("two.jsonl"), ["run:1", "run:2"])).losses == 5


def test_all_policies_are_ranked():
    rows = [*answers("v1", lambda at: at % 3 > 0), *answers("v2", lambda at: at % 2 > 0), *answers("v3", lambda at: at % 4 == 0)]
    found = compare_parts(score(write("log.jsonl", rows)), [], every=True, metrics=["ok"])
    assert [(row.policy_a, row.policy_b) for row in found.rows] == [("v1", "v2"), ("v1", "v3")]
    assert [rank.policy for rank in found.ranking] == ["v1", "v2", "v3"]
    assert [rank.comparisons for rank in found.ranking] == [200, 200, 200]


def test_segments_and_unpaired_prompts():
    rows = [*answers("v1", lambda at: at < 60, model="m1"), *answers("v1", lambda _: True, model="m2", prompt="z", count=30)]
    rows = [{**row, "id": f"{row['id']}{row['model']}"} for row in rows] + answers("v2", lambda at: at < 50, model="m1", count=90)
    found = compare_parts(score(write("log.jsonl", rows)), ["v1", "v2"], metrics=["ok"])
    assert (row_of(found).n_pairs, row_of(found).only_a, row_of(found).only_b) == (90, 40, 0)
    found = compare_parts(load_settings(), ["v1", "v2"], metrics=["ok"], by=["model"])
    assert [(dict(row.segment), row.n_pairs, row.only_a) for row in found.rows] == [({"model": "m1"}, 90, 10)]
    assert row_of(found).q == row_of(found).p


def test_pairs_by_another_column():
    rows = [
        {**row, "input": f"{row['id']} asks", "tags": {"case": str(at % 100)}}
        for at, row in enumerate([*answers("v1", lambda at: at < 60), *answers("v2", lambda at: at < 50)])
    ]
    for row in rows:
        row["case"] = row.pop("tags")["case"]
    settings = score(
        write("log.jsonl", rows),
        config=SCORERS
        + "logs: [{path: log.jsonl, map: {input: input, output: output, session: session, id: id, prompt_version: prompt_version, tags.case: case}}]\n",
    )
    assert row_of(compare_parts(settings, ["v1", "v2"])).n_pairs == 0
    assert row_of(compare_parts(settings, ["v1", "v2"], pair="tags.case")).losses == 10


def test_failed_answers_are_missing_pairs_and_said(capsys):
    rows = [*answers("v1", lambda at: at < 60), *answers("v2", lambda at: at < 60)]
    for row in rows[150:160]:
        del row["output"]
    settings = score(write("log.jsonl", rows))
    row = row_of(compare_parts(settings, ["v1", "v2"]))
    assert (row.n_pairs, row.missing, row.difference, row.coverage) == (90, 10, 0.0, pytest.approx(190 / 200))
    assert (row.worst, row.best) == (pytest.approx(-0.1), 0.0)  # they were right before
    capsys.readouterr()
    assert main(["compare", "v1", "v2"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("PARTIAL ")
    assert "90 of 100" in out
    assert main(["compare", "v1", "v2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["complete"] is False


@pytest.mark.parametrize(
    ("sides", "options", "error", "message"),
    [
        (["v1"], {}, UsageError, "1 side cannot be compared"),
        (["v1", "v1"], {}, UsageError, "100 records are on both sides"),
        (["v1", "run:1"], {}, UsageError, "records are on both sides"),
        (["v1", "v9 is null"], {}, UsageError, "no column"),
        (["v1", "prompt_version=v9"], {}, NoRecords, "no records"),
        (["v1", ""], {}, UsageError, "no name"),
        (["v1", "v2"], {"metrics": ["oks"]}, UnknownName, "oks"),
        (["v1", "v2"], {"by": ["nope"]}, UsageError, "no such column"),
        (["v1", "v2"], {"pair": "nope"}, UsageError, "--pair nope"),
    ],
)
def test_what_cannot_be_compared(sides, options, error, message):
    settings = two_versions()
    with pytest.raises(error, match=message):
        compare_parts(settings, sides, **options)


def test_a_value_of_two_columns_is_ambiguous():
    settings = score(
        write("log.jsonl", [*answers("x", lambda _: True, model="y"), *answers("y", lambda _: True, model="x")]),
        config=SCORERS.replace("[prompt_version]", "[model, prompt_version]"),
    )
    with pytest.raises(UsageError, match="a value of model and of prompt_version"):
        compare_parts(settings, ["x", "y"])
    assert row_of(compare_parts(settings, ["model=x", "model=y"])).n_pairs == 100
    assert row_of(compare_parts(settings, ["x/y", "y/x"])).n_pairs == 100


def test_two_measures_are_never_held_against_each_other():
    """v2 was scored with another pattern: named, an error; among others, a row that says so."""
    score(write("one.jsonl", answers("v1", lambda at: at < 60)))
    settings = score(write("two.jsonl", answers("v2", lambda at: at < 60)), config=SCORERS.replace("yes", "'^yes$'"))
    with pytest.raises(UsageError, match="'ok' was measured in two ways"):
        compare_parts(settings, ["v1", "v2"], metrics=["ok"])
    found = compare_parts(settings, ["v1", "v2"])
    row = row_of(found)
    assert (row.verdict, row.difference, row.n_pairs) == ("not comparable", None, 0)
    assert row_of(found, "words").n_pairs == 100
    score("one.jsonl", config=SCORERS.replace("yes", "'^yes$'"))  # the way out
    assert row_of(compare_parts(load_settings(), ["v1", "v2"], metrics=["ok"])).n_pairs == 100


def test_the_answer_does_not_depend_on_how_the_log_was_cut():
    """I11, and shards."""
    rows = [*answers("v1", lambda at: at % 3 > 0), *answers("v2", lambda at: at % 2 > 0), *answers("v2", lambda at: at % 5 > 0)]
    rows = [{**row, "id": f"{at}"} for at, row in enumerate(rows)]
    one = compare_parts(score(write("all.jsonl", rows)), ["v1", "v2"]).to_json()
    Path(".judge").rename(".first")
    for part in range(7):
        score(write(f"part{part}.jsonl", rows[part::7]))
    other = compare_parts(load_settings(), ["v1", "v2"]).to_json()
    assert other == one
    assert compare_parts(load_settings(), ["v1", "v2"]).to_json() == other


def test_answers_as_files_and_the_help(capsys):
    two_versions()
    capsys.readouterr()
    for name in ("c.csv", "c.parquet", "c.jsonl", "c.md", "c.json"):
        assert main(["compare", "v1", "v2", "-o", name, "--quiet"]) == 0
        assert Path(name).stat().st_size > 100
    assert json.loads(Path("c.jsonl").read_text().splitlines()[0])["losses"] in (0, 10)
    assert "| **inconclusive** | ok |" in Path("c.md").read_text(encoding="utf-8")
    assert main(["compare", "v1", "v2", "-o", "c.txt"]) == 2
    assert main(["compare"]) == 2
    assert main(["compare", "v1", "v2", "--all"]) == 2
    document = json.loads(Path("c.json").read_text())
    assert {"metric", "n_pairs", "missing", "a", "b", "difference", "low", "high", "p", "margin", "verdict", "detectable"} <= document["rows"][0].keys()


def test_hostile_names_stay_text(capsys):
    bad = "<img src=x>|\x1b[31m](javascript:1)"
    score(write("log.jsonl", [*answers(bad, lambda _: True), *answers("v2", lambda _: True)]))
    capsys.readouterr()
    assert main(["compare", bad, "v2", "-o", "c.md"]) == 0
    page = Path("c.md").read_text(encoding="utf-8")
    assert "<img" not in page
    assert "\x1b" not in page
    assert main(["compare", bad, "v2"]) == 0
    assert "\x1b" not in capsys.readouterr().out


# Baselines ------------------------------------------------------------------------------------------


GATE = SCORERS + "gates:\n  - {metric: ok, not_worse_than: main, margin: 0.1}\n"


def approved(**given):
    score(write("one.jsonl", answers("v1", lambda at: at < 60, count=300)))
    return approve_baseline(load_settings(), "main", by="ada", **given)


def candidate(right, *, version="v2", count=300, config=GATE):
    score(write(f"{version}.jsonl", answers(version, right, count=count)), config=config)
    return check_gates(load_settings())


def test_approve_writes_two_files_that_are_the_same_for_the_same_scores():
    first = approved()
    assert (first.changed, first.baseline.run, first.baseline.prompts, first.baseline.by) == (True, 1, 300, "ada")
    assert first.baseline.metrics["ok"].mean == pytest.approx(0.2)
    texts = {path: Path(path).read_bytes() for path in ("baselines/main.yaml", "baselines/main.parquet")}
    assert hashlib.sha256(texts["baselines/main.parquet"]).hexdigest() == first.baseline.scores
    again = approve_baseline(load_settings(), "main", by="ben")
    assert (again.changed, again.baseline.by) == (False, "ada")
    assert {path: Path(path).read_bytes() for path in texts} == texts
    Path("baselines/main.yaml").unlink()
    assert approve_baseline(load_settings(), "main", by="ben").changed
    assert Path("baselines/main.parquet").read_bytes() == texts["baselines/main.parquet"]
    assert show_baseline(load_settings(), "main").baseline.by == "ben"
    assert [one["name"] for one in describe_baselines(load_settings())] == ["main"]
    assert b"yes" not in texts["baselines/main.parquet"]


def test_every_verdict_of_a_gate_with_a_baseline():
    approved()
    assert [gate.verdict for gate in candidate(lambda at: at < 60).gates] == ["pass", "pass"]
    worse = candidate(lambda at: at < 5, version="v3")
    assert (worse.gates[0].verdict, worse.exit_code) == ("fail", 1)
    assert (worse.gates[0].value, worse.gates[0].threshold, worse.gates[0].regressed) == (pytest.approx(-55 / 300), -0.1, True)
    unsure = candidate(lambda at: at < 30, version="v4")
    assert (unsure.gates[0].verdict, unsure.exit_code) == ("inconclusive", 5)
    short = candidate(lambda at: at < 60, version="v5", count=290)
    assert (short.gates[0].verdict, short.exit_code, short.gates[0].cells) == ("incomplete", 3, 300)
    assert "290 of the 300" in short.gates[0].message
    assert not short.complete


def test_never_merely_the_latest_run():
    """The baseline stays what was approved, whatever is scored since; even its records may be gone from the store."""
    approved()
    score("one.jsonl", write("later.jsonl", answers("v1", lambda _: False, count=300)))
    Path(".judge").rename(".gone")
    assert candidate(lambda at: at < 60).exit_code == 0


def test_tries_are_counted_once_a_candidate_and_evidence():
    approved()
    first = candidate(lambda at: at < 30)
    assert (first.gates[0].tries, first.gates[0].lucky_pass, list(first.notes)) == (1, pytest.approx(0.025), [])
    assert check_gates(load_settings()).to_json() == first.to_json()  # the same scores are the same try
    second = candidate(lambda at: at < 31)
    assert (second.gates[0].tries, second.gates[0].lucky_pass) == (2, pytest.approx(1 - 0.975**2))
    assert "try 2 of v2 against baseline 'main'" in second.notes[0]
    assert candidate(lambda at: at < 30, version="v3").gates[0].tries == 1


def test_another_measure_is_refused_with_a_way_out():
    approved()
    changed = GATE.replace("pattern: yes", "pattern: '^yes$'")
    with pytest.raises(ConfigError, match="measured in another way now") as caught:
        candidate(lambda at: at < 60, config=changed)
    assert "gates[0]" in str(caught.value)
    assert "judge baseline approve main" in caught.value.hint
    assert approve_baseline(load_settings(), "main", by="ada").changed
    assert check_gates(load_settings()).exit_code == 3  # what was approved is no candidate
    assert candidate(lambda at: at < 60, version="v3", config=changed).exit_code == 0


def test_refused_where_too_little_was_measured():
    rows = answers("v1", lambda _: True)
    for row in rows[:5]:
        del row["output"]
    score(write("one.jsonl", rows))
    with pytest.raises(Incomplete, match="ok has 95 of 100 scores") as caught:
        approve_baseline(load_settings(), "main", by="ada")
    assert "--despite-missing" in caught.value.hint
    assert not Path("baselines").exists()
    assert approve_baseline(load_settings(), "main", by="ada", despite_missing=True).baseline.metrics["ok"].missing == 5


@pytest.mark.parametrize(
    ("gate", "message"),
    [
        ("{metric: ok, not_worse_than: nowhere}", "there is no baseline 'nowhere'"),
        ("{metric: late, not_worse_than: main}", "baseline 'main' has no 'late'"),
        ("{metric: words, not_worse_than: main}", "which way is better for 'words'"),
        ("{metric: ok, not_worse_than: ../x}", "no name of a baseline"),
    ],
)
def test_a_gate_that_cannot_be_asked_names_its_place(gate, message):
    approved()
    Path("judge.yaml").write_text(SCORERS.replace("[words]", "[words]\n  - late: {regex: {pattern: no}}") + f"gates: [{gate}]\n")
    with pytest.raises(ConfigError, match=message) as caught:
        check_gates(load_settings())
    assert caught.value.where.startswith("judge.yaml:")


def test_an_open_scale_needs_a_margin_and_a_reward_may_say_the_direction():
    approved()
    more = "reward: {name: short, terms: {words: {weight: 1, range: [0, 50], higher_is_better: false}}}\n"
    with pytest.raises(ConfigError, match="open scale"):
        candidate(lambda at: at < 60, config=SCORERS + more + "gates: [{metric: words, not_worse_than: main}]\n")
    Path("judge.yaml").write_text(SCORERS + more + "gates: [{metric: words, not_worse_than: main, margin: 2}]\n")
    gate = check_gates(load_settings()).gates[0]
    assert (gate.direction, gate.threshold, gate.verdict) == ("at_most", 2.0, "inconclusive")  # one word everywhere: no spread on an open scale


def damage(path, change):
    raw = Path(path).read_bytes()
    Path(path).write_bytes(change(raw))


@pytest.mark.parametrize(
    ("path", "change", "message"),
    [
        ("baselines/main.parquet", lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]), "not the file that was approved"),
        ("baselines/main.parquet", lambda _: b"", "not the file that was approved"),
        ("baselines/main.yaml", lambda raw: raw.replace(b"prompts: 300", b"prompts: many"), "prompts"),
        ("baselines/main.yaml", lambda raw: raw + b"extra: 1\n", "no key 'extra'"),
        ("baselines/main.yaml", lambda raw: raw.replace(b"name: main", b"name: other"), "says that it is baseline 'other'"),
        ("baselines/main.yaml", lambda _: b"\xff\xfe", "UTF-8"),
        ("baselines/main.yaml", lambda _: b"[1, 2]", "mapping"),
    ],
)
def test_a_damaged_baseline_is_refused(path, change, message):
    approved()
    damage(path, change)
    with pytest.raises(ConfigError, match=message):
        candidate(lambda at: at < 60)
    with pytest.raises(JudgeError, match=message):
        show_baseline(load_settings(), "main")


def test_every_flipped_byte_of_the_scores_is_seen():
    approved()
    raw = Path("baselines/main.parquet").read_bytes()
    for at in range(0, len(raw), max(1, len(raw) // 60)):
        Path("baselines/main.parquet").write_bytes(raw[:at] + bytes([raw[at] ^ 0x10]) + raw[at + 1 :])
        with pytest.raises(ConfigError, match="not the file"):
            show_baseline(load_settings(), "main")


def test_baseline_commands(capsys):
    assert main(["baseline", "list"]) == 0
    assert "no baseline yet" in capsys.readouterr().out
    score(write("one.jsonl", answers("v1", lambda at: at < 60)))
    assert main(["baseline", "approve", "main", "--by", "ada", "--metric", "ok"]) == 0
    out, err = capsys.readouterr()
    assert "by ada" in out
    assert "commit both files" in err
    assert main(["baseline", "show", "main", "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)["metrics"]) == ["ok"]
    assert main(["baseline", "approve", "a/b"]) == 2
    assert main(["baseline", "show", "nowhere"]) == 2
    assert main(["baseline", "approve", "x", "--metric", "oks"]) == 2
    assert main(["baseline", "approve", "x", "--on", "id = 'none'"]) == 2
    capsys.readouterr()
    assert main(["baseline", "list", "--json"]) == 0
    assert [one["name"] for one in json.loads(capsys.readouterr().out)["baselines"]] == ["main"]


def test_renderers_show_gates_with_baselines(capsys):
    approved()
    candidate(lambda at: at < 5)
    capsys.readouterr()
    assert main(["check", "-o", "c.xml", "-o", "c.md", "-o", "c.json"]) == 1
    out = capsys.readouterr().out
    assert "worse by more than 0.1" in out
    assert "regressed (p =" in out
    assert 'classname="judge.ok" name="ok not worse than main by more than 0.1"' in Path("c.xml").read_text()
    assert "≥ -0.1" in Path("c.md").read_text(encoding="utf-8")
    gate = json.loads(Path("c.json").read_text())["gates"][0]
    assert (gate["kind"], gate["baseline"], gate["margin"], gate["tries"]) == ("baseline", "main", 0.1, 1)


@pytest.mark.parametrize("name", ["v9", "gpt-5", "b.2"])
def test_a_word_that_is_no_policy_is_told_with_those_that_are(name):
    settings = two_versions()
    with pytest.raises(UnknownName) as caught:
        compare_parts(settings, ["v1", name])
    assert str(caught.value) == f"no policy is called '{name}'"
    assert "v1" in caught.value.hint
    with pytest.raises(UsageError, match="which is no column of a record"):
        compare_parts(settings, ["v1", "nope = 'x'"])
