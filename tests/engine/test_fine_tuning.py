"""A real TRL RewardTrainer fine-tunes a tiny random checkpoint that is made here (extra `train`)."""

import json
import os

import numpy as np
import pytest

from judgecli.errors import EnvironmentFailure, UsageError
from judgecli.reward_model.preferences import PreferencePair
from judgecli.store.encoders import check_folder

pytestmark = pytest.mark.trainers  # .ci/run has an environment with the extra
MISSING = "the extra `train` is not installed: pip install 'judgecli[train]'"
PAIRS = [PreferencePair(f"question {place}", f"good answer {place}", f"bad answer {place}") for place in range(48)]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A folder with a random BERT of bytes: 2 layers, 32 wide."""
    transformers = pytest.importorskip("transformers", reason=MISSING)
    pytest.importorskip("trl", reason=MISSING)
    tokenizers = pytest.importorskip("tokenizers", reason=MISSING)
    folder = tmp_path_factory.mktemp("base")
    pieces = ["[PAD]", "[CLS]", "[SEP]", *sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())]
    made = tokenizers.Tokenizer(tokenizers.models.BPE(vocab={piece: place for place, piece in enumerate(pieces)}, merges=[]))
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    words = transformers.PreTrainedTokenizerFast(tokenizer_object=made, pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]")  # noqa: S106
    words.save_pretrained(folder)
    shape = transformers.BertConfig(
        vocab_size=len(words), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=128
    )
    transformers.BertForSequenceClassification(shape).save_pretrained(folder)
    return folder


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    monkeypatch.setitem(os.environ, "HF_HUB_OFFLINE", "1")
    monkeypatch.setitem(os.environ, "CUDA_VISIBLE_DEVICES", "")


@pytest.mark.filterwarnings("ignore")  # those of torch and its friends are not ours
@pytest.mark.parametrize("lora", [0, 4])
def test_it_learns_and_the_folder_loads(base, tmp_path, lora):
    from judgecli.engine.fine_tuning import FineTuning, fine_tune
    from judgecli.store.encoders import load_encoder

    told = []

    def tell(step, of, loss):
        told.append((step, of, loss))

    options = FineTuning(epochs=12, learning_rate=5e-3, batch_size=16, max_length=64, lora=lora, device="cpu")
    done = fine_tune(base, PAIRS, tmp_path / "out", options, tell)
    assert told[-1][:2] == (36, 36)
    assert told[-1][2] < 0.5 < told[5][2]
    assert done.steps == 36
    assert sorted(done.files) == ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]
    assert not (tmp_path / "out" / ".training").exists()
    model = load_encoder(tmp_path / "out", name="tiny", identity="0" * 16, max_length=64, scale=1.0)
    prompts = [f"question {place}" for place in range(60, 70)]
    good, bad = (model.rewards(prompts, [f"{word} answer {place}" for place in range(60, 70)]).mean for word in ("good", "bad"))
    assert (good > bad).all()
    one_by_one = [model.rewards([prompt], [f"good answer {place}"]).mean[0] for prompt, place in zip(prompts, range(60, 70), strict=True)]
    assert np.allclose(one_by_one, good, atol=1e-5)


@pytest.mark.filterwarnings("ignore")
def test_an_interrupted_training_goes_on(base, tmp_path):
    from judgecli.engine.fine_tuning import FineTuning, fine_tune

    options = FineTuning(epochs=20, learning_rate=1e-3, batch_size=16, max_length=64, device="cpu")

    class Stopped(Exception):
        pass

    def stop(step, *_):
        if step == 45:
            raise Stopped

    with pytest.raises(Stopped):
        fine_tune(base, PAIRS, tmp_path / "out", options, stop)
    assert list((tmp_path / "out" / ".training").glob("checkpoint-40"))
    steps = []
    fine_tune(base, PAIRS, tmp_path / "out", options, lambda step, *_: steps.append(step))
    assert steps == list(range(41, 61))
    whole = fine_tune(base, PAIRS, tmp_path / "whole", options)
    for name, weight in whole.network.state_dict().items():
        from safetensors.numpy import load_file

        assert np.allclose(load_file(tmp_path / "out" / "model.safetensors")[name], weight.numpy(), atol=1e-5), name


@pytest.mark.filterwarnings("ignore")
def test_another_training_does_not_go_on(base, tmp_path):
    from judgecli.engine.fine_tuning import FineTuning, fine_tune

    (tmp_path / "out" / ".training" / "checkpoint-9").mkdir(parents=True)
    (tmp_path / "out" / ".training" / "checkpoint-9" / "trainer_state.json").write_text("{}")
    steps = []
    fine_tune(base, PAIRS, tmp_path / "out", FineTuning(epochs=1, max_length=64, device="cpu"), lambda step, *_: steps.append(step))
    assert steps == [1, 2, 3]


@pytest.mark.filterwarnings("ignore")
def test_what_cannot_be_trained_is_said(base, tmp_path):
    from judgecli.engine.fine_tuning import FineTuning, fine_tune

    with pytest.raises(UsageError, match="no comparison"):
        fine_tune(base, [], tmp_path / "out", FineTuning(device="cpu"))
    with pytest.raises(UsageError, match="--device is 'tpu'"):
        fine_tune(base, PAIRS, tmp_path / "out", FineTuning(device="tpu"))


def test_a_folder_must_hold_a_model_as_data(tmp_path):
    with pytest.raises(UsageError, match=r"no config\.json"):
        check_folder(tmp_path)
    (tmp_path / "config.json").write_text("[" * 1_025)
    with pytest.raises(UsageError, match="is not JSON"):
        check_folder(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"architectures": ["X"]}))
    with pytest.raises(UsageError, match="model_type"):
        check_folder(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    (tmp_path / "pytorch_model.bin").write_bytes(b"not a pickle, and never opened")
    with pytest.raises(UsageError, match=r"found pytorch_model\.bin, which may run code"):
        check_folder(tmp_path)


@pytest.mark.filterwarnings("ignore")
def test_a_damaged_folder_and_code_in_a_folder(base, tmp_path):
    import shutil

    from judgecli.store.encoders import open_base

    folder = tmp_path / "hostile"
    shutil.copytree(base, folder)
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoConfig": "evil.Config", "AutoModelForSequenceClassification": "evil.Model"}
    config["model_type"] = "evil"
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(EnvironmentFailure, match="cannot be opened"):
        open_base(folder)
    assert not (tmp_path / "ran").exists()
    (folder / "config.json").write_text((base / "config.json").read_text())
    with pytest.raises(EnvironmentFailure, match=r"lacks 2 weights .*classifier"):
        open_base(folder)  # its head has two outputs
    open_base(folder, new_head=True)
    config["auto_map"], config["model_type"], config["num_hidden_layers"] = {}, "bert", 3
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(EnvironmentFailure, match=r"lacks 16 weights .*layer\.2"):
        open_base(folder, new_head=True)
    (folder / "model.safetensors").write_bytes((base / "model.safetensors").read_bytes()[:100])
    with pytest.raises(EnvironmentFailure, match="cannot be opened"):
        open_base(folder)


@pytest.mark.filterwarnings("ignore")
def test_the_command_measures_on_prompts_that_it_did_not_train_on(base, tmp_path, monkeypatch, capsys):
    from judgecli.cli import main

    monkeypatch.chdir(tmp_path)
    rows = [{"prompt": one.prompt, "chosen": one.chosen, "rejected": one.rejected} for one in PAIRS]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    typed = ["rm", "train", "pairs.jsonl", "--base", str(base), "--epochs", "3", "--max-length", "64", "--device", "cpu", "--out", "rm/tiny", "--json"]
    assert main(typed) == 0
    found = json.loads(capsys.readouterr().out)
    pairs = found["held_out"]["pairs"]
    assert (found["kind"], found["base"], found["data"]["pairs"]) == ("encoder", base.name, 48)
    assert pairs["n"] + found["trained_on"] == 48
    assert 3 <= pairs["n"] <= 20
    assert found["scale"] > 0
    assert found["steps"] == 3 * -(-found["trained_on"] // 16)
    assert found["device"] == "cpu"
    assert main([*typed[:-1]]) == 0
    assert "an encoder reward model from 48 pairs" in capsys.readouterr().out
