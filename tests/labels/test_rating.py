"""Thumbs, neutral thumbs and ratings: told from the whole column; good and bad by the middle of the scale; neutral is no verdict."""

import json
from collections import Counter

import pytest
from harness import score, write_lines

from judgecli.cli import main
from judgecli.errors import UsageError
from judgecli.labels.rating import kind_of_labels, read_scale, scale_of, thumb_value, verdict_of
from judgecli.store.folder import Store
from judgecli.store.labels import read_given, read_thumbs


@pytest.mark.parametrize(
    ("numbers", "kind", "values"),
    [
        ([1, 0], "thumbs", [1.0, 0.0]),
        ([1, -1], "thumbs", [1.0, 0.0]),
        ([1, 0, -1], "signed", [1.0, None, 0.0]),
        ([0, -1], "signed", [None, 0.0]),
        ([1, 2, 5], "rating", [1, 2, 5]),
        ([-2, -1, 0, 1, 2], "rating", [-2, -1, 0, 1, 2]),
        ([0.5, 1], "rating", [0.5, 1]),
        ([1], "thumbs", [1.0]),
    ],
)
def test_a_column_says_what_its_numbers_are(numbers, kind, values):
    assert kind_of_labels(numbers) == kind
    assert [thumb_value(number, kind) for number in numbers] == values


@pytest.mark.parametrize(
    ("numbers", "scale"),
    [([1, 5], (1, 5)), ([2, 3], (1, 5)), ([0, 5], (0, 5)), ([-2, 2], (-2, 2)), ([1, 7], (1, 7)), ([3, 10], (1, 10)), ([0, 10], (0, 10)),
     ([0, 87], (0, 100)), ([101], None), ([], None)],
)  # fmt: skip
def test_the_usual_scale_that_holds_all_ratings(numbers, scale):
    assert scale_of(numbers) == scale


def test_the_middle_of_a_scale_is_no_verdict():
    assert [verdict_of(rating, (0, 10)) for rating in (0, 4, 5, 6, 10)] == [False, False, None, True, True]


@pytest.mark.parametrize("text", ["1-5", "5..1", "a..b", "3..3", ".."])
def test_no_scale_is_refused(text):
    with pytest.raises(UsageError, match=r"is no LOW\.\.HIGH"):
        read_scale(text)


def labelled(tmp_path, values, name="opinion"):
    log = write_lines(tmp_path / "log.jsonl", [{"id": f"r{n}", "input": f"q{n}", "output": "a", "said": value} for n, value in enumerate(values)])
    score(tmp_path / "s", [log], map={f"label.{name}": "said"})
    return Store(tmp_path / "s")


@pytest.mark.parametrize(
    ("values", "given", "up", "dropped"),
    [
        ([-2, -1, 0, 1, 2], [-2, -1, 0, 1, 2], [False, False, True, True], {"neutral": 1}),
        ([1, 2, 3, 4, 5], [1, 2, 3, 4, 5], [False, False, True, True], {"neutral": 1}),
        (["1", "5"], [1, 5], [False, True], {}),
        ([1, 0, -1, None], [1, 0], [True, False], {"neutral": 1}),
        ([1, 0, True, "down"], [1, 0, 1, 0], [True, False, True, False], {}),
        (["up", "👎", "liked"], [1, 0, 1], [True, False, True], {}),
    ],
)
def test_labels_of_a_log_are_read_by_their_column(tmp_path, values, given, up, dropped):
    with labelled(tmp_path, values) as store:
        found, _ = read_given(store, "opinion", ["user"])
        assert Counter(one.value for one in found) == Counter(map(float, given))
        thumbs = read_thumbs(store, ["user"])
        assert sorted(said for verdicts in thumbs.of.values() for _, said in verdicts) == sorted(up)
        assert thumbs.dropped == dropped


def test_a_named_scale_wins_and_what_lies_beyond_it_says_nothing(tmp_path):
    with labelled(tmp_path, [1, 4, 6, 9, 12]) as store:
        thumbs = read_thumbs(store, ["user"], scale=(0.0, 10.0))
        assert sorted(said for verdicts in thumbs.of.values() for _, said in verdicts) == [False, False, True, True]
        assert thumbs.dropped == {"neutral": 1}


def test_ratings_on_no_usual_scale_need_a_name(tmp_path):
    with labelled(tmp_path, [250, 3]) as store, pytest.raises(UsageError, match="no usual scale") as caught:
        read_thumbs(store, ["user"])
    assert "--rating-scale" in caught.value.hint


def test_ratings_train_and_are_exported(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rows = [
        {"id": f"r{n}", "input": f"question number {n}", "output": f"answer {n} " + ("kind and clear" if n % 2 else "no"), "stars": 5 if n % 2 else 1}
        for n in range(40)
    ]
    write_lines(tmp_path / "log.jsonl", [*rows, {"id": "m", "input": "q", "output": "so so", "stars": 3}])
    assert main(["--config", "/dev/null", "--store", "s", "score", "log.jsonl", "-s", "words", "--map", "label.stars=stars", "--quiet"]) == 0
    capsys.readouterr()
    assert main(["--config", "/dev/null", "--store", "s", "export", "trl-kto", "-o", "kto.jsonl", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["records"], document["dropped"]["neutral"]) == (40, 1)
    lines = [
        json.loads(line) for name in ("kto.jsonl", "kto.validation.jsonl") if (tmp_path / name).exists() for line in (tmp_path / name).read_text().splitlines()
    ]
    assert sum(line["label"] for line in lines) == 20
    assert main(["--config", "/dev/null", "--store", "s", "rm", "train", "--labels", "stars", "--rating-scale", "1..5", "--out", "m", "--quiet"]) == 0
