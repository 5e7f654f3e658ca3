"""Functions that their annotations declare for one row."""

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest

from judgecli.catalog import load_scorer, scorer_names
from judgecli.rowwise import by_row
from judgecli.scorer import Score, scorer


def asks(output: str) -> float:
    return float(output.endswith("?"))


def either(output: str, reference: str | None = None) -> float | None:
    return None if reference is None else float(output == reference)


def passages(output: str, contexts: list[str]):
    return float(any(text in output for text in contexts))


def by_return(output_words) -> int:
    return len(output_words)


def told(output, *, least: int = 2) -> "Score":
    return Score(value=float(len(output) >= least))


@pytest.mark.parametrize(
    ("function", "columns", "scores"),
    [
        (asks, [["a?", "b", "?"]], [1.0, 0.0, 1.0]),
        (either, [["a", "b"], ["a", None]], [1.0, None]),
        (passages, [["x y", "z"], [["y"], ["y"]]], [1.0, 0.0]),
        (by_return, [["a b c", ""]], [3, 0]),
    ],
)
def test_rows_by_hand(function, columns, scores):
    assert scorer(function)(*columns) == scores


def test_a_column_that_is_not_there_is_none_in_each_row():
    assert by_row(either, ["output", "reference"])(["a", "b"], None) == [None, None]


def test_options_and_docstring_stay():
    declared = scorer(told)
    assert list(declared.options) == ["least"]
    assert [one.value for one in declared.run({"output": ["a", "ab"]}, {"least": 1})] == [1.0, 1.0]
    assert scorer(asks).name == "asks"


def test_a_coroutine_of_one_row():
    async def longer(output: str) -> float:
        await asyncio.sleep(0)
        return float(len(output))

    assert asyncio.run(by_row(longer, ["output"])(["a", "bb"])) == [1.0, 2.0]


def over_lists(output: list[str]) -> list[float]:
    return [1.0 for _ in output]


def over_sequences(output: Sequence[str | None]):
    return [1.0 for _ in output]


def over_arrays(output: str) -> np.ndarray:
    return np.ones(len(output))


def over_anything(output):
    return [1.0 for _ in output]


def unreadable(output: "Nowhere") -> float:  # noqa: ARG001, F821
    return 1.0


@pytest.mark.parametrize("function", [over_lists, over_sequences, over_arrays, over_anything, unreadable])
def test_functions_over_columns_stay_as_they_are(function):
    assert by_row(function, ["output"]) is function


@pytest.mark.parametrize("name", scorer_names())
def test_no_scorer_of_the_library_is_called_row_by_row(name):
    assert not hasattr(load_scorer(name).function, "__wrapped__")
