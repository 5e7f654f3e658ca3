"""judge rm train: what is read, what is refused, and that the figures are those of what was held out."""

import json

import numpy as np
import pytest
from harness import score, write_lines
from opened import read, train_linear

from judgecli.config.project import Project
from judgecli.config.settings import Settings
from judgecli.errors import JudgeError, NoRecords, UsageError
from judgecli.pipeline.rm_eval import PreferenceReading
from judgecli.pipeline.rm_train import TrainingPlan, check_out

NOUNS = ("soup", "bread", "salad", "stew", "cake", "rice", "curry", "pie", "roast", "pasta", "tart", "jam")  # with a number they are one group each
NOUNS += ("toast", "dumplings", "porridge", "omelette", "pizza", "noodles", "chili", "waffles", "gravy", "custard", "pickles", "hummus")


def settings(tmp_path):
    return Settings(project=Project(), store=tmp_path / "store")


def polite_pairs(count=120):
    """Polite answers are preferred; length says nothing."""
    for number in range(count):
        noun = NOUNS[number % len(NOUNS)]
        polite, rude = f"Gladly: here is a {noun}, number {number}.", f"Go away, make a {noun} alone, {number}."
        yield {"prompt": f"How do I make {noun} {number}?", "chosen": polite + " Ok." * (number % 3), "rejected": rude + " Ok." * (number * 7 % 5)}


def train_on(tmp_path, rows, **ask):
    path = write_lines(tmp_path / "pairs.jsonl", rows)
    return train_linear(TrainingPlan(out=tmp_path / "rm" / "polite", paths=(str(path),), **ask), settings(tmp_path))


def test_it_learns_politeness_and_says_that_it_is_no_length(tmp_path):
    found = train_on(tmp_path, polite_pairs())
    pairs = found["held_out"]["pairs"]
    assert (found["model"], found["kind"], found["data"]["pairs"], found["data"]["prompts"]) == ("polite", "linear", 120, 120)
    assert pairs["n"] == 120
    assert pairs["accuracy"] > 0.95
    assert pairs["length_verdict"] == "beyond_length"
    assert pairs["brier"] < 0.1
    assert set(pairs["before_calibration"]) == {"ece", "brier"}
    assert found["held_out"]["verdicts"] is None
    json.dumps(found, allow_nan=False)


def test_what_learnt_only_length_is_called_so(tmp_path):
    chance = np.random.default_rng(3)
    words = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"]

    def text(size):
        return " ".join(chance.choice(words, size))

    rows = [{"prompt": f"p {number}", "chosen": text(30 + number % 20), "rejected": text(4 + number % 20)} for number in range(300)]
    pairs = train_on(tmp_path, rows)["held_out"]["pairs"]
    assert pairs["accuracy"] > 0.9
    assert pairs["baselines"]["longer"] > 0.9
    assert pairs["length_verdict"] in ("length_only", "undecided")


def test_thumbs_alone_train_a_model_and_are_measured_as_such(tmp_path):
    rows = [{"prompt": row["prompt"], "completion": row[side], "label": side == "chosen"} for row in polite_pairs() for side in ("chosen", "rejected")][::3]
    found = train_on(tmp_path, rows)["held_out"]
    assert found["pairs"] is None
    assert found["verdicts"]["auroc"] > 0.9
    assert found["verdicts"]["length"]["length_verdict"] != "length_only"
    assert 0 <= found["verdicts"]["ece"] < 0.3


def test_files_and_labels_of_the_store_are_learnt_together(tmp_path):
    lines = [{"input": row["prompt"], "output": row["chosen"], "thumb": True} for row in polite_pairs(20)]
    lines += [{"input": f"{row['prompt']} again", "output": row["rejected"], "thumb": False} for row in polite_pairs(20)]
    names = {"input": "input", "output": "output", "label.thumb": "thumb"}
    score(tmp_path / "store", [write_lines(tmp_path / "log.jsonl", lines)], map=names)
    path = write_lines(tmp_path / "pairs.jsonl", [*polite_pairs(15), {"prompt": "x", "chosen": "", "rejected": "y"}])
    ask = TrainingPlan(out=tmp_path / "m", paths=(str(path),), labels=("thumb",))
    found = read(ask, settings(tmp_path))
    assert (len(found.comparisons), len(found.verdicts), dict(found.dropped), found.read) == (15, 40, {"empty_text": 1}, 56)
    assert sorted(found.hashes) == sorted([str(path), "labels of the store (thumb)"])
    again = read(ask, settings(tmp_path))
    assert again.hashes == found.hashes
    with pytest.raises(JudgeError, match="tumb"):
        read(TrainingPlan(out=tmp_path / "m", labels=("tumb",)), settings(tmp_path))


def test_steps_are_answers_judged_alone(tmp_path):
    rows = [{"problem": f"{number} + 1?", "steps": [f"Take {number}.", f"Add 2: {number + 2}."], "label": 1 if number % 2 else -1} for number in range(40)]
    path = write_lines(tmp_path / "steps.jsonl", rows)
    found = read(TrainingPlan(out=tmp_path / "m", paths=(str(path),), steps=True), settings(tmp_path))
    assert len(found.verdicts) == 80
    assert found.verdicts[1].prompt == "0 + 1?\nTake 0."
    document = train_linear(TrainingPlan(out=tmp_path / "m", paths=(str(path),), steps=True), settings(tmp_path))
    assert document["held_out"]["verdicts"]["n"] == 80


@pytest.mark.parametrize(
    ("rows", "error", "said"),
    [
        (list(polite_pairs(19)), UsageError, "19 pairs and verdicts of 19 prompts are too few"),
        ([{**row, "prompt": "same"} for row in polite_pairs(40)], UsageError, "40 pairs and verdicts of 1 prompts are too few"),
        ([{"prompt": f"{n}", "completion": f"a {n}", "label": True} for n in range(40)], UsageError, "all 40 answers are good"),
        ([{"prompt": f"{n}", "completion": f"a {n}", "label": False} for n in range(40)], UsageError, "all 40 answers are bad"),
        ([{"words": 3}], NoRecords, "nothing to learn from: unknown_shape 1"),
    ],
)
def test_too_little_is_refused_before_anything_is_written(tmp_path, rows, error, said):
    with pytest.raises(error, match=said):
        train_on(tmp_path, rows)
    assert not (tmp_path / "rm").exists()


def test_a_folder_that_is_no_model_is_not_overwritten(tmp_path):
    check_out(tmp_path / "new")
    (tmp_path / "thesis").mkdir()
    check_out(tmp_path / "thesis")
    (tmp_path / "thesis" / "chapter.tex").write_text("years of work")
    with pytest.raises(UsageError, match=r"holds chapter\.tex and no card\.yaml"):
        check_out(tmp_path / "thesis")
    with pytest.raises(UsageError, match="is a file"):
        check_out(tmp_path / "thesis" / "chapter.tex")


def test_ratings_need_their_scale(tmp_path):
    rows = [{"prompt": row["prompt"], "output": row["chosen"], "rating": 1 + number % 5} for number, row in enumerate(polite_pairs(60))]
    with pytest.raises(NoRecords, match="no_scale 60"):
        train_on(tmp_path, rows)
    found = train_on(tmp_path, rows, reading=PreferenceReading(scale=(1.0, 5.0)))
    assert (found["data"]["verdicts"], found["held_out"]["verdicts"]["n"]) == (60, 48)  # a 3 is neither good nor bad
