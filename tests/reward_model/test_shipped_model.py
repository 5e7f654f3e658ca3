"""The reward model that ships: small, of data that may be used, and as good as its card says."""

from pathlib import Path

import numpy as np
import pytest
from harness import DATA

from judgecli.catalog import library_folder
from judgecli.pipeline.rm_eval import pairs_document
from judgecli.readers.preferences import read_preferences
from judgecli.readers.rows import file_hash
from judgecli.reward_model.evaluation import evaluate
from judgecli.reward_model.groups import group_rows
from judgecli.reward_model.train import Recipe, train
from judgecli.store.models import load_model, read_card

FOLDER = library_folder("reward_models") / "harmless"
TRAIN, TEST = (DATA / "preferences" / f"hh_harmless.{part}.jsonl.gz" for part in ("train", "test"))


@pytest.fixture
def _data():
    if not TRAIN.is_file() or not TEST.is_file():
        pytest.skip("the real data is not here")


def test_it_is_small_and_says_what_it_is_of():
    card = read_card(FOLDER)
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 1_000_000
    assert card.licence.startswith("MIT")
    assert [one.name for one in card.data] == ["hh_harmless.train.jsonl.gz"]
    assert "not a moderation filter" in card.about
    assert any("can be fooled" in limit for limit in card.limits)
    assert str(Path.home()) not in (FOLDER / "card.yaml").read_text()


@pytest.mark.usefixtures("_data")
def test_the_card_holds_what_a_fresh_evaluation_finds():
    card, model = read_card(FOLDER), load_model(FOLDER)
    assert file_hash(str(TRAIN)) == card.data[0].sha256
    trained, asked = (read_preferences([str(path)]).comparisons for path in (TRAIN, TEST))
    numbers = group_rows([*trained, *asked]).clusters
    clear = np.flatnonzero(~np.isin(numbers[len(trained) :], numbers[: len(trained)]))  # 19 share a prompt or an answer with what was trained on
    pairs = [asked[place] for place in clear]
    rewards = [model.rewards([one.prompt for one in pairs], [getattr(one, side) for one in pairs]).mean for side in ("chosen", "rejected")]
    found, told = pairs_document(evaluate(pairs, *rewards, groups=numbers[len(trained) :][clear], better=model.better)), card.quality["test"]
    assert (found["n"], found["length_verdict"]) == (told.n, told.length_verdict) == (422, "beyond_length")
    assert found["accuracy"] == pytest.approx(told.value, abs=1e-9)
    assert (found["low"], found["high"]) == pytest.approx((told.low, told.high), abs=1e-9)
    assert (found["baselines"]["longer"], found["baselines"]["shorter"]) == pytest.approx((told.longer, told.shorter))
    assert found["length_matched"]["accuracy"] == pytest.approx(told.matched, abs=1e-9)
    assert (found["ece"], found["brier"]) == pytest.approx((told.ece, told.brier), abs=1e-4)  # weights are stored in 32 bits
    assert found["accuracy"] >= 0.61
    assert found["ece"] <= 0.08
    assert found["baselines"]["shorter"] == pytest.approx(0.564, abs=5e-4)


@pytest.mark.long
@pytest.mark.usefixtures("_data")
def test_it_comes_out_of_its_data_again():
    """Bytes are equal on one machine (scripts/train_shipped_models.sh); elsewhere sums are rounded otherwise."""
    test = read_preferences([str(TEST)]).comparisons
    again = train(read_preferences([str(TRAIN)]), Recipe(), name="harmless").model
    prompts, outputs = [one.prompt for one in test], [one.chosen for one in test]
    ships = load_model(FOLDER).rewards(prompts, outputs).mean
    assert np.abs(again.rewards(prompts, outputs).mean - ships).max() < 0.01
