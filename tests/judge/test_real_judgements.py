"""Judgements that others made: known numbers from real replies, and sets that load as imported scores."""

import ast
import gzip
import json
import math
from pathlib import Path

import pytest

import judgecli
from judgecli.judge.request import Token
from judgecli.judge.weights import token_weights

DATA = Path(__file__).parents[2] / ".." / "shared" / "data"


def rows(name: str) -> list[dict[str, object]]:
    path = DATA / name
    if not path.is_file():
        pytest.skip(f"{path} is not here")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def test_probabilities_give_the_preferences_of_alpaca_eval():
    """The stored preference is 1 + P(m) or 1 + P(M), by the order in which the judge was shown the pair, which is not stored."""
    found = {"m": 0, "M": 0}
    annotated = [row for row in rows("alpaca_eval/raw_annotations_claude-2.jsonl.gz") if row["raw_completion"] is not None]
    for row in annotated:
        first = ast.literal_eval(str(row["raw_completion"]))["logprobs"]["content"][0]
        top = tuple((other["token"], other["logprob"]) for other in first["top_logprobs"])
        weights = token_weights(Token(first["token"], first["logprob"], top), ["m", "M"])
        assert weights is not None
        close = [name for name in found if math.isclose(1 + weights.of[name], float(str(row["preference"])), abs_tol=1e-4)]
        assert close, row["preference"]
        found[close[0]] += 1
    assert (len(annotated), sum(found.values())) == (804, 804)
    assert sorted(found.values()) == [399, 405]


def test_prometheus_scores_load_as_imported_judgements():
    name = "judge_alignment/prometheus_vicuna_eval.jsonl.gz"
    given = rows(name)
    table = judgecli.score(DATA / name, scorers=["score.gpt4"], map={"input": "instruction", "id": "idx", "score.gpt4": "gpt4_score.0"})
    assert len(table) == 320
    assert table["score.gpt4"].notna().all()
    assert table["score.gpt4"].sum() == sum(row["gpt4_score"][0] for row in given)  # type: ignore[index]


def test_llmbar_judgements_load_as_imported():
    name = "preferences/llmbar_processed_human.jsonl.gz"
    given = rows(name)
    path = 'judges.GPT-4."swap=False"'
    table = judgecli.score(
        DATA / name, scorers=["score.gpt4", "score.human"], map={"input": "input", "output": "output_1", "score.gpt4": path, "score.human": "label"}
    )
    assert len(table) == 466
    right = {"MT-Bench": 159, "FairEval": 51, "LLMEval^2": 152}  # of the data's README
    sets = [str(row["set"]) for row in given]
    for which, wanted in right.items():
        places = [place for place, found in enumerate(sets) if found == which]
        agreed = (table["score.gpt4"].iloc[places] == table["score.human"].iloc[places]).fillna(False).sum()
        assert agreed == wanted, which
