"""Reward models on disk: what is written comes back the same, and nothing else comes back at all."""

import dataclasses
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from hostile_models import CARD, WEIGHTS, card_of, put_card, sound_card, sound_model, variants

from judgecli.errors import ModelRefused, UsageError
from judgecli.reward_model import linear
from judgecli.reward_model.card import Card, DataFile, EncoderFacts, Quality, from_plain, to_plain
from judgecli.stats.calibration import Calibration
from judgecli.store import card_yaml, models
from judgecli.store.models import load_model, publish_model, read_card, save_model

HERE = Path(__file__).parent
ASKED = ["How are you?", None, "", "Where is my order?"]
TEXTS = ["Fine, thanks.", "", "x" * 3000, "1. Sorry!\n2. We look into it — «naïve» 日本語"]
HOSTILE = variants("CANARY")


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "support"
    save_model(place, sound_model(), sound_card())
    return place


def test_a_model_comes_back_as_it_was(tmp_path):
    model = sound_model()
    identity = save_model(tmp_path / "support", model, sound_card())
    found = load_model(tmp_path / "support")
    assert (found.name, found.identity, found.calibrations) == ("support", identity, dict(model.calibrations))
    for one in dataclasses.fields(model):
        before, after = getattr(model, one.name), getattr(found, one.name)
        if isinstance(before, np.ndarray):
            exact = one.name not in ("hashed", "variances", "centre")  # F32: half a unit in the 24th bit
            assert after == pytest.approx(before, rel=0 if exact else 6e-8, abs=0), one.name
            assert after.dtype == np.float64
    ours, theirs = model.rewards(ASKED, TEXTS), found.rewards(ASKED, TEXTS)
    assert theirs.mean == pytest.approx(ours.mean, abs=1e-5)
    assert theirs.sd == pytest.approx(ours.sd, rel=1e-6)
    assert theirs.outside.tolist() == ours.outside.tolist()


def test_the_weights_are_what_the_reference_library_reads(folder):
    arrays = safetensors.numpy.load_file(folder / WEIGHTS)
    model = sound_model()
    assert set(arrays) == {"mean", "sd", "precision", "dense", "hashed", "offset", "covariance", "variances", "centre", "reach", "guards"}
    assert arrays["dense"].dtype == np.float64
    assert (arrays["dense"] == model.dense).all()
    assert arrays["hashed"].dtype == np.float32
    assert (arrays["hashed"] == model.hashed.astype(np.float32)).all()
    assert arrays["reach"].shape == ()


def test_the_same_model_gives_the_same_bytes(tmp_path):
    written = []
    for name in ("a", "b"):
        identity = save_model(tmp_path / name / "support", sound_model(), sound_card())
        written.append((identity, *((tmp_path / name / "support" / file).read_bytes() for file in (WEIGHTS, CARD))))
    assert written[0] == written[1]
    assert card_of(tmp_path / "a" / "support")["files"] == [{"name": WEIGHTS, "bytes": len(written[0][1]), "sha256": hashlib.sha256(written[0][1]).hexdigest()}]


def test_identity_covers_weights_and_card(tmp_path):
    cards = [sound_card(), dataclasses.replace(sound_card(), licence="CC-BY-4.0")]
    found = {save_model(tmp_path / "m", sound_model(seed=seed), card) for seed in (0, 1) for card in cards}
    assert len(found) == 4
    assert load_model(tmp_path / "m").identity in found


def test_an_edited_card_is_another_model(folder):
    before = load_model(folder).identity
    card = card_of(folder)
    card["about"] = "for the support desk"
    put_card(folder, card)
    assert load_model(folder).identity != before


def test_a_model_is_replaced_whole_and_what_stood_beside_it_stays(folder):
    (folder / "notes.md").write_text("mine")
    (folder / ".training").mkdir()
    save_model(folder, sound_model(seed=1), sound_card())
    assert sorted(path.name for path in folder.iterdir()) == [".training", CARD, WEIGHTS, "notes.md"]
    assert [path.name for path in folder.parent.iterdir()] == ["support"]
    assert load_model(folder).dense == pytest.approx(sound_model(seed=1).dense)


def test_a_failed_save_leaves_the_old_model(folder, monkeypatch):
    before = load_model(folder).identity
    monkeypatch.setattr(models, "_sync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(Exception, match="No space left"):
        save_model(folder, sound_model(seed=1), sound_card())
    assert load_model(folder).identity == before
    assert [path.name for path in folder.parent.iterdir()] == ["support"]


@pytest.mark.parametrize("name", ["dense", "variances", "reach"])
def test_what_is_not_finite_is_not_written(tmp_path, name):
    model = sound_model()
    spoiled = dataclasses.replace(model, **{name: getattr(model, name) * np.nan})
    with pytest.raises(ValueError, match=f"{name} holds"):
        save_model(tmp_path / "m", spoiled, sound_card())
    assert list(tmp_path.iterdir()) == []


def test_a_card_holds_all_it_is_given(tmp_path):
    card = Card(
        "process", "été: 'x' #", "0.1.0", "2026-11-26T10:00:00Z", licence=None, about="no\n\n- yes: 1e3 ~ \u2028 \U0001f600", counts={"pairs": 3, "on": 1},
        dropped={"tie": 2}, data=(DataFile("a b.jsonl", "0" * 64, 3, {"empty": 1}), DataFile("labels of the store (all)", "f" * 64)),
        recipe={"penalty": {"dense": 1e-05, "hashed": None}, "negatives": ["null", "cut"], "yes": True}, limits=("no: maybe", "2026-01-01"),
        quality={"pairs": Quality(10, value=0.5, low=1e-300, told="It learnt length.")},
        calibrations={"singles": Calibration("isotonic", {"x": [0.0, 1.5], "y": [0.0, 1.0]})},
    )  # fmt: skip
    model = dataclasses.replace(sound_model(), calibrations=card.calibrations)
    identity = save_model(tmp_path / "m", model, card)
    found = read_card(tmp_path / "m")
    assert found.identity == identity
    kept = dataclasses.replace(found, features=None, features_code="", members=1, probe=(), files=())
    assert kept == card
    assert from_plain(card_yaml.read(card_yaml.write(found))) == found
    assert from_plain(to_plain(found)) == found


def test_a_version_that_reads_texts_otherwise_refuses_the_model(folder, monkeypatch):
    model = load_model(folder)
    first = model.rewards([None], ["We are sorry. It arrives on Monday, 3 May."]).mean[0]
    assert read_card(folder).probe[0] == pytest.approx(first)
    monkeypatch.setattr(linear, "standardise", lambda dense, mean, sd: np.clip((dense - mean) / sd, -9, 9))
    with pytest.raises(ModelRefused, match="its card says"):
        load_model(folder)


def test_encoder_files_are_hashed_and_checked(tmp_path):
    card = dataclasses.replace(sound_card(), kind="encoder", encoder=EncoderFacts("tiny", 32, 1.5))
    weights = safetensors.numpy.save({"a": np.zeros(3, np.float32)})
    publish_model(tmp_path / "m", card, lambda made: ((made / WEIGHTS).write_bytes(weights), (made / "config.json").write_text("{}")))
    assert [one.name for one in read_card(tmp_path / "m").files] == ["config.json", WEIGHTS]
    (tmp_path / "m" / "config.json").write_text("[]")
    with pytest.raises(ModelRefused, match="SHA-256"):
        load_model(tmp_path / "m")


def test_no_folder_is_no_model(tmp_path):
    for place in (tmp_path / "none", tmp_path):
        with pytest.raises(UsageError, match="no reward model"):
            load_model(place)


def test_there_are_a_hundred_hostile_ones():
    assert len(HOSTILE) >= 100


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_model_is_refused(folder, name):
    HOSTILE[name](folder)
    with pytest.raises((ModelRefused, UsageError)) as refused:
        load_model(folder)
    assert len(str(refused.value)) < 700
    assert refused.value.hint


WATCHED = """
import shutil, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from hostile_models import sound_card, sound_model, variants
from judgecli.errors import ModelRefused, UsageError
from judgecli.store.models import load_model, save_model
root, canary = Path(sys.argv[2]), sys.argv[3]
save_model(root / "support", sound_model(), sound_card())
load_model(root / "support")
HARMLESS = {"open", "os.listdir", "os.scandir", "object.__getattr__", "object.__setattr__", "sys._getframe", "builtins.id", "code.__new__"}
seen, watching = [], False
sys.addaudithook(lambda event, arguments: seen.append((name, event, str(arguments)[:200])) if watching and event not in HARMLESS else None)
def look(name, place):
    global watching
    watching = True
    try:
        load_model(place)
        return "loaded"
    except (ModelRefused, UsageError):
        return "refused"
    finally:
        watching = False
name, wrong = "", []
for number, (name, spoil) in enumerate(variants(canary).items()):
    place = root / str(number) / "support"
    shutil.copytree(root / "support", place)
    spoil(place)
    if look(name, place) != "refused":
        wrong.append(name)
print(number + 1, wrong, [one for one in seen if one[1] != "import" or "judgecli" not in one[2]], Path(canary).exists())
"""


def test_nothing_of_a_hostile_model_runs(tmp_path):
    (tmp_path / "models").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, str(HERE), str(tmp_path / "models"), str(tmp_path / "canary")],
        capture_output=True, text=True, check=False, timeout=200, env=os.environ | {"OMP_NUM_THREADS": "1"}, cwd=tmp_path,
    )  # fmt: skip
    assert done.stderr == ""
    assert done.stdout.split("\n")[0] == f"{len(HOSTILE)} [] [] False"
    assert not (tmp_path / "CANARY").exists()
    shutil.rmtree(tmp_path)
