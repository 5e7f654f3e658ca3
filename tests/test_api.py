"""`judgecli.score`: a DataFrame in gives the same rows back, a path gives what the command line gives."""

import pandas as pd
import pytest
from harness import write_lines

import judgecli
from judgecli.errors import JudgeError, LogError, MissingColumn, UnknownName, UsageError

ROWS = [
    {"question": "q", "answer": "a b c"},
    {"question": "q", "answer": None},
    {"question": "q", "answer": "a b c"},
    {"question": "r", "answer": "I'm sorry, I can't."},
]


def test_a_frame_keeps_its_rows_and_index():
    frame = pd.DataFrame(ROWS, index=[7, 7, "x", 9])
    found = judgecli.score(frame, scorers=["words", "refusal"])
    assert list(found.columns) == ["words", "words.reason", "refusal", "refusal.reason"]
    assert list(found.index) == [7, 7, "x", 9]
    assert found["words"].tolist() == [3.0, pd.NA, 3.0, 4.0]  # equal rows are rows of their own
    assert found["words.reason"].tolist() == [pd.NA, "input_missing_field", pd.NA, pd.NA]
    assert found["refusal"].dtype == "Float64"
    assert judgecli.score(frame, scorers="words").equals(found[["words", "words.reason"]])
    assert list(frame.columns) == ["question", "answer"]  # untouched


def test_no_rows_give_no_rows():
    found = judgecli.score(pd.DataFrame(ROWS).head(0), scorers=["words"])
    assert (found.shape, found["words"].dtype) == ((0, 2), "Float64")


def test_a_path_gives_one_row_a_record(tmp_path):
    log = write_lines(tmp_path / "a.jsonl", [*ROWS, "broken {"])
    free = judgecli.score(log, scorers=["words"])
    assert (free["words"].tolist(), free["line"].tolist()) == ([3.0, pd.NA, 3.0, 4.0], [1, 2, 3, 4])
    assert not (tmp_path / ".judge").exists()
    kept = judgecli.score(str(log), scorers=["words"], store=tmp_path / "s")  # as judge score -o: each record once
    assert kept["words"].tolist() == [3.0, pd.NA, 4.0]


@pytest.mark.parametrize(
    ("data", "scorers", "error", "says"),
    [
        (pd.DataFrame(ROWS), ["wrods"], UnknownName, "wrods"),
        (pd.DataFrame(ROWS), [len], UsageError, "a scorer is named by a text"),
        (pd.DataFrame({"question": ["q"]}), ["words"], MissingColumn, "'output'"),
        (pd.DataFrame({"x": [1]}), ["words"], LogError, "known as an input or output"),
        ("no/such.jsonl", ["words"], LogError, "matches no file"),
        (42, ["words"], UsageError, "cannot score a int"),
    ],
)
def test_what_cannot_be_scored_is_an_error_of_ours(data, scorers, error, says):
    with pytest.raises(error, match=says) as caught:
        judgecli.score(data, scorers=scorers)
    assert isinstance(caught.value, JudgeError)
    assert caught.value.hint


def test_a_frame_is_not_stored(tmp_path):
    with pytest.raises(UsageError, match="no lines to store"):
        judgecli.score(pd.DataFrame(ROWS), store=tmp_path)


def test_a_list_of_dicts_is_scored_in_order():
    rows = [{"question": "q", "answer": "two words"}, {"question": "q", "answer": None}, {"answer": "one", "extra": {"deep": [1]}}]
    found = judgecli.score(rows, ["words"])
    assert found["words"].tolist()[::2] == [2.0, 1.0]
    assert (found["words.reason"].tolist()[1], list(found.index)) == ("input_missing_field", [0, 1, 2])
    assert judgecli.score([], ["words"]).empty


def test_the_python_face_is_listed():
    assert {"score", "reward_function"} <= set(dir(judgecli))
