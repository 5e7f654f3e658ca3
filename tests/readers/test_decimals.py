"""Numbers with comma, currency or percent: the whole column says how they are read, or they are not."""

import json

import pytest
from harness import write_lines
from hypothesis import given
from hypothesis import strategies as st

from judgecli.cli import main
from judgecli.readers.decimals import needs_rule, read_number, rule_of, written
from judgecli.store.folder import Store
from judgecli.store.labels import read_thumbs


@pytest.fixture(autouse=True)
def _at_a_desk(monkeypatch):
    """Fields may be guessed."""
    monkeypatch.delenv("CI", raising=False)


@pytest.mark.parametrize(
    ("name", "texts", "rule", "numbers"),
    [
        ("latency_ms", ["1,850", "912", "2,300"], ".", [1850, 912, 2300]),
        ("latency_ms", ["1.850,00", "912,5", "1.200"], ",", [1850, 912.5, 1200]),
        ("latency_ms", ["1,850.5", "2,300"], ".", [1850.5, 2300]),
        ("latency_ms", ["1,234,567", "1,850"], ".", [1234567, 1850]),
        ("latency_ms", ["1.234.567", "1.850"], ",", [1234567, 1850]),
        ("latency_ms", ["1 850", "12 345,5"], ",", [1850, 12345.5]),
        ("latency_ms", ["1'850.5", "3"], ".", [1850.5, 3]),
        ("latency_ms", ["0,125", "1,500"], ",", [0.125, 1.5]),
        ("cost_usd", ["$3.20", "$1,200.00", "-$0.5"], ".", [3.2, 1200, -0.5]),
        ("cost_usd", ["3.20 USD", "US$4"], ".", [3.2, 4]),
        ("score.quality", ["12 %", "7,5 %"], ",%", [0.12, 0.075]),
        ("score.quality", ["12%", "100%"], ".%", [0.12, 1]),
        ("tokens_in", ["1.850", "2.300", "77"], ",", [1850, 2300, 77]),
        ("tokens_out", ["1,850"], ".", [1850]),
    ],
)
def test_columns_by_hand(name, texts, rule, numbers):
    assert needs_rule(texts, name)
    assert rule_of(texts, name) == rule
    assert [read_number(text, rule) for text in texts] == pytest.approx(numbers)


@pytest.mark.parametrize(
    ("name", "texts", "rule"),
    [
        ("latency_ms", ["1,850", "2,300"], "?"),  # 1850 or 1.85: nothing tells
        ("latency_ms", ["3.5", "1,5"], "?"),
        ("latency_ms", ["1.850,00", "1,850.00"], "?"),
        ("tokens_in", ["1,850", "1.850"], "?"),
        ("cost_usd", ["$3.20", "3,20 €"], "!"),
        ("cost_usd", ["€3.20", "€4.00"], "!"),  # cost_usd is in dollars
        ("score.quality", ["12 %", "0.3"], "!"),
        ("latency_ms", ["12 %"], "!"),
    ],
)
def test_a_column_that_does_not_tell_is_not_read(name, texts, rule):
    assert rule_of(texts, name) == rule
    assert all(isinstance(read_number(text, rule), str) and not written(read_number(text, rule)) for text in texts)


def test_semicolons_speak_for_the_decimal_comma():
    assert rule_of(["1,850", "912"], "latency_ms") == "."
    assert rule_of(["1,850", "912"], "latency_ms", semicolons=True) == "?"
    assert rule_of(["1,85", "912"], "latency_ms", semicolons=True) == ","


def test_what_is_against_the_rule_is_not_read():
    texts = ["3.25"] * 40 + ["1,5"]
    assert rule_of(texts, "latency_ms") == "."
    assert read_number("1,5", ".") == "1,5 (not as the rest of its column)"
    assert read_number("3.25", ",") == "3.25 (not as the rest of its column)"


@pytest.mark.parametrize("value", ["", "fast", "1-2", "1_000", "350 ms", "1 2", "1  850", "$", "3 $ €", None, 3.5, "12.10.2026 x"])
def test_what_is_no_number_stays(value):
    assert not written(value)
    assert read_number(value, ".") == value


def test_plain_numbers_need_no_rule():
    assert not needs_rule([1.5, 3, None, "12", "0.25", "1234.567", "12.345", "x"], "latency_ms")


@given(st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=20), st.sampled_from([",", "."]), st.integers(1, 2))
def test_what_a_spreadsheet_writes_comes_back(cents, mark, places):
    thousands = "." if mark == "," else ","
    numbers = [value / 10**places for value in cents]
    texts = [f"{value:,.{places}f}".replace(",", "T").replace(".", mark).replace("T", thousands) for value in numbers]
    rule = rule_of(texts, "latency_ms")
    assert rule == mark
    assert [read_number(text, rule) for text in texts] == pytest.approx(numbers)


def inspected(tmp_path, monkeypatch, capsys, text):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "log.csv").write_text(text, encoding="utf-8")
    capsys.readouterr()
    code = main(["inspect", "log.csv", "--json"])
    (file,) = json.loads(capsys.readouterr().out)["files"]
    assert code == 0
    return file


def test_a_spreadsheet_with_decimal_commas(tmp_path, monkeypatch, capsys):
    rows = [f'q{n};a{n};"1.{n:03},50";"{n},25"' for n in range(100, 140)]
    file = inspected(tmp_path, monkeypatch, capsys, "question;answer;latency_ms;cost_usd\n" + "\n".join(rows))
    assert (file["sample"][0]["latency_ms"], file["sample"][0]["cost_usd"]) == (1100.5, 100.25)
    assert any("'latency_ms' (latency_ms) holds numbers as '1.100,50': read as 1100.5, for ',' is the decimal mark" in note for note in file["notes"])


def test_the_rule_is_that_of_the_whole_file_not_of_its_first_lines(tmp_path, monkeypatch, capsys):
    rows = [f'q{n},a{n},"1,{n:03}"' for n in range(100, 4100 - 3000)] + [f'q{n},a{n},"2,5"' for n in range(3)]
    file = inspected(tmp_path, monkeypatch, capsys, "question,answer,latency_ms\n" + "\n".join(rows))
    assert file["sample"][0]["latency_ms"] == 1.1


def test_a_column_that_cannot_be_told_is_named(tmp_path, monkeypatch, capsys):
    rows = [f'q{n},a{n},"1,{n:03}"' for n in range(100, 140)]
    file = inspected(tmp_path, monkeypatch, capsys, "question,answer,latency_ms\n" + "\n".join(rows))
    assert file["sample"][0].get("latency_ms") is None
    assert any("'latency_ms' (latency_ms) holds numbers as '1,100', and the whole column does not tell its decimal mark" in note for note in file["notes"])


def test_scores_of_a_log(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_lines(tmp_path / "log.jsonl", [{"input": f"q{n}", "output": f"a{n}", "quality": f"{n} %"} for n in range(100)])
    assert main(["score", "log.jsonl", "-s", "score.quality", "--map", "score.quality=quality", "--json"]) == 0
    metric = json.loads(capsys.readouterr().out)["metrics"]["score.quality"]
    assert (metric["scored"], metric["mean"]) == (100, pytest.approx(0.495))


def test_ratings_with_a_comma_are_ratings(tmp_path, monkeypatch, capsys):
    """As scores are: by the rule of their whole column; else they stay what they are, texts."""
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"q{n};answer {n};{stars}\n" for n, stars in enumerate(["4,5", "3", "2,5", "5"] * 10))
    (tmp_path / "log.csv").write_text("question;answer;rating\n" + rows)
    assert main(["score", "log.csv", "-s", "words", "-s", "label.rating", "--map", "label.rating=rating", "--map", "output=answer", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["metrics"]["label.rating"]["mean"] == pytest.approx((4.5 + 3 + 2.5 + 5) / 4)
    assert any("'4,5': read as 4.5" in note for note in found["notes"])


def test_labels_that_do_not_tell_stay_texts(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_lines(tmp_path / "log.jsonl", [{"question": f"q{n}", "answer": "a b", "grade": f"1,{n:03d}"} for n in range(30)])
    assert main(["score", "log.jsonl", "-s", "words", "--map", "label.grade=grade", "--map", "output=answer", "--map", "input=question", "--json"]) == 0
    assert any("(label.grade)" in note and "they stay texts" in note for note in json.loads(capsys.readouterr().out)["notes"])
    with Store(tmp_path / ".judge") as store:
        (first, *_) = store.ledger.rows("SELECT value, label FROM labels ORDER BY label")
    assert (first["value"], first["label"]) == (None, "1,000")


def test_words_beside_minus_one_are_told_and_agree(tmp_path, monkeypatch, capsys):
    """A word for down is -1 where the column's numbers say -1: else it would be 0, which is neutral there."""
    monkeypatch.chdir(tmp_path)
    write_lines(
        tmp_path / "log.jsonl",
        [{"question": f"q{n}", "answer": "a b", "thumb": thumb} for n, thumb in enumerate(["up", "down", 1, -1, 0, False, True, "dislike"] * 5)],
    )
    assert main(["score", "log.jsonl", "-s", "words", "--map", "label.thumb=thumb", "--map", "output=answer", "--map", "input=question", "--json"]) == 0
    (note,) = [note for note in json.loads(capsys.readouterr().out)["notes"] if "thumbs in words" in note]
    assert "up as 1 and down as -1; 0 is neutral" in note
    with Store(tmp_path / ".judge") as store:
        thumbs = read_thumbs(store, ["user"])
    verdicts = [up for said in thumbs.of.values() for _, up in said]
    assert (verdicts.count(True), verdicts.count(False), thumbs.dropped["neutral"]) == (15, 20, 5)
