"""One file a model: the same answer in two files counts in each where the file is a policy column, and nowhere is one file's number wrong in silence."""

import json
from pathlib import Path

import pytest
from harness import write_lines

from judgecli.cli import main
from judgecli.schema import Label
from judgecli.store import tables
from judgecli.store.folder import Store
from judgecli.store.labels import read_given

PROMPTS = 60


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Two models answered the same 60 prompts, every third one word for word alike; answers have 1 to 6 words."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.chdir(tmp_path)
    for name, longer in (("small", 0), ("large", 2)):
        lines = [{"input": f"question {n}", "output": "word " * (1 + n % 4 + longer * (n % 3 > 0))} for n in range(PROMPTS)]
        write_lines(tmp_path / f"{name}.jsonl", [{**line, "output": line["output"].strip()} for line in lines])
    return tmp_path


def judge(capsys, *words, code=0):
    capsys.readouterr()
    assert main([*words, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def refused(capsys, *words):
    capsys.readouterr()
    assert main([*words]) == 2
    return capsys.readouterr().err


def by_file(policy="[file]", more=""):
    return f"policy: {policy}\nlogs: [{{path: '*.jsonl'}}]\nscorers: [{{heuristics: [words, empty]}}]\n{more}"


def score(capsys, *more):
    found = judge(capsys, "score", "small.jsonl", "large.jsonl", "-s", "words", "-s", "empty", *more)
    return {**found["records"], "notes": found["notes"]}


def means(capsys, *words):
    rows = judge(capsys, "signals", "--window", "all", *words)["rows"]
    return {row["policy"]["file"]: (row["n"], round(row["mean"], 6)) for row in rows if row["metric"] == "words"}


def mean_words(longer):
    return round(sum(1 + n % 4 + longer * (n % 3 > 0) for n in range(PROMPTS)) / PROMPTS, 6)


BOTH = {"small.jsonl": (PROMPTS, mean_words(0)), "large.jsonl": (PROMPTS, mean_words(2))}


def test_equal_answers_count_in_both_files(folder, capsys):
    (folder / "judge.yaml").write_text(by_file())
    found = score(capsys)
    assert (found["accepted"], found["duplicate"]) == (2 * PROMPTS, 0)
    assert not any("also stand" in note for note in found["notes"])
    assert means(capsys) == BOTH
    assert score(capsys)["new"] == 0


def test_compare_pairs_the_files_by_prompt(folder, capsys):
    (folder / "judge.yaml").write_text(by_file())
    score(capsys)
    (row,) = [row for row in judge(capsys, "compare", "small.jsonl", "large.jsonl")["rows"] if row["metric"] == "words"]
    assert row["n_pairs"] == PROMPTS
    assert row["difference"] == pytest.approx(4 / 3)


def test_numbers_of_one_file_are_refused_where_records_are_shared(folder, capsys):
    (folder / "judge.yaml").write_text(by_file("[model]", "gates: [{metric: empty, at_most: 0.2}]\n"))
    found = score(capsys)
    assert (found["accepted"], found["duplicate"]) == (100, 20)
    for words in (
        ["signals", "--by", "file"],
        ["signals", "--on", "file=large.jsonl"],
        ["compare", "file=small.jsonl", "file=large.jsonl"],
        ["drift", "--reference", "file=small.jsonl", "--current", "file=large.jsonl"],
        ["report", "--by", "file", "-o", "page.html"],
        ["allocate", "--by", "file", "--metric", "empty"],
        ["check", "--on", "file = 'large.jsonl'"],
    ):
        said = refused(capsys, *words)
        assert "20 of large.jsonl also stand in small.jsonl" in said, words
        assert "policy: [file]" in said


def shared_key():
    """The key of question 0, which stands in both files with one answer."""
    with Store(Path(".judge")) as store:
        tables_of = [tables.read_parquet(store.records_path(shard.name), ["key", "input"]) for shard in store.shards()]
    return next(row["key"] for table in tables_of for row in table.to_pylist() if row["input"] == "question 0")


def test_a_store_that_was_read_otherwise_is_read_again(folder, capsys):
    """And what a person said of a line goes with it, to both files, and comes back to the one record."""
    (folder / "judge.yaml").write_text(by_file("[model]"))
    score(capsys)
    said = Label(shared_key(), "r0", "good", 1.0, None, "ann", "human", None, None)
    with Store(folder / ".judge") as store, store.ledger.transaction() as connection:
        store.ledger.add_labels(connection, [said])
    (folder / "judge.yaml").write_text(by_file())
    found = score(capsys)
    assert (found["accepted"], found["duplicate"], found["new"]) == (2 * PROMPTS, 0, 2 * PROMPTS)
    assert means(capsys) == BOTH
    with Store(folder / ".judge") as store:
        given, dropped = read_given(store, "good", ["human"])
    assert (len({one.key for one in given}), dropped) == (2, {})
    (folder / "judge.yaml").write_text(by_file("[model]"))
    assert score(capsys)["accepted"] == 100
    assert judge(capsys, "signals", "--window", "all", "--by", "")["rows"][0]["n"] == 100
    with Store(folder / ".judge") as store:
        given, dropped = read_given(store, "good", ["human"])
    assert ([one.key for one in given], dropped) == ([said.key], {})


@pytest.mark.parametrize(("first", "then"), [("[model]", "[file]"), ("[file]", "[model]")])
def test_what_was_forgotten_stays_forgotten(folder, capsys, first, then):
    (folder / "judge.yaml").write_text(by_file(first))
    score(capsys)
    gone = judge(capsys, "store", "forget", "--where", "input = 'question 0' or input = 'question 1'")
    assert gone["forgotten"] == (3 if first == "[model]" else 4)
    (folder / "judge.yaml").write_text(by_file(then))
    found = score(capsys)
    assert found["forgotten"] == 4
    assert "no records" in refused(capsys, "signals", "--on", "input = 'question 0'")


def test_a_growing_file_keeps_its_own_keys(folder, capsys):
    (folder / "judge.yaml").write_text(by_file())
    score(capsys)
    with open(folder / "large.jsonl", "a") as file:
        file.write(json.dumps({"input": "question 0", "output": "word"}) + "\n" + json.dumps({"input": "new", "output": "word"}) + "\n")
    found = score(capsys)
    assert (found["new"], found["duplicate"]) == (1, 1)  # question 0 stands in large.jsonl already


def test_check_holds_one_file_against_another(folder, capsys):
    """A candidate file is no part of its baseline, equal lines or not."""
    (folder / "judge.yaml").write_text(by_file(more="gates: [{metric: empty, not_worse_than: small, margin: 0.2}]\n"))
    score(capsys)
    judge(capsys, "baseline", "approve", "small", "--on", "file=small.jsonl")
    found = judge(capsys, "check", "--on", "file=large.jsonl")
    (gate,) = [gate for gate in found["gates"] if gate["kind"] == "baseline"]
    assert gate["verdict"] == "pass", gate


def test_report_drift_and_allocate_know_files(folder, capsys):
    (folder / "judge.yaml").write_text(by_file())
    score(capsys)
    drift = judge(capsys, "drift", "--reference", "file=small.jsonl", "--current", "file=large.jsonl")
    (row,) = [row for row in drift["rows"] if row["metric"] == "words"]
    assert (row["reference"]["n"], row["current"]["n"]) == (PROMPTS, PROMPTS)
    assert main(["report", "--by", "file", "-o", "page.html"]) == 0
    assert "large.jsonl" in (folder / "page.html").read_text()
    found = judge(capsys, "allocate", "--metric", "empty")["variants"]
    assert {row["variant"]: row["n"] for row in found} == {"small.jsonl": PROMPTS, "large.jsonl": PROMPTS}
