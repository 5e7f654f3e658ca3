"""Embedding folders as functions from texts to vectors; a tiny random model is made here (extra `embeddings`)."""

import json
import os

import numpy as np
import pytest

from judgecli.errors import UsageError
from judgecli.reward_model.train import EMBEDDING_SCALES
from judgecli.store.embedders import folder_digest, open_embedder

pytestmark = pytest.mark.trainers  # .ci/run has an environment with the extra
MISSING = "the extra `embeddings` is not installed: pip install 'judgecli[embeddings]'"


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    monkeypatch.setitem(os.environ, "HF_HUB_OFFLINE", "1")


@pytest.fixture
def folder(tmp_path):
    transformers = pytest.importorskip("transformers", reason=MISSING)
    pytest.importorskip("sentence_transformers", reason=MISSING)
    tokenizers = pytest.importorskip("tokenizers", reason=MISSING)
    pieces = ["[PAD]", "[CLS]", "[SEP]", *sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())]
    made = tokenizers.Tokenizer(tokenizers.models.BPE(vocab={piece: place for place, piece in enumerate(pieces)}, merges=[]))
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.post_processor = tokenizers.processors.TemplateProcessing(single="[CLS] $0 [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)])
    words = transformers.PreTrainedTokenizerFast(tokenizer_object=made, pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]")  # noqa: S106
    words.save_pretrained(tmp_path / "model")
    shape = transformers.BertConfig(
        vocab_size=len(words), hidden_size=24, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2, max_position_embeddings=64
    )
    transformers.BertModel(shape).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.filterwarnings("ignore")  # those of torch and its friends are not ours
def test_texts_become_unit_vectors_that_do_not_depend_on_their_neighbours(folder):
    opened = open_embedder(folder)
    texts = ["a", "two words", "", "x" * 500, "two words"]
    vectors = opened.embed(texts)
    assert vectors.shape == (5, opened.width) == (5, 24)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1)
    assert np.allclose(vectors, np.vstack([opened.embed([text]) for text in texts]), atol=1e-5)
    assert opened.embed([]).shape == (0, 24)
    assert opened.digest == folder_digest(folder)
    open_embedder(folder, digest=opened.digest)


@pytest.mark.filterwarnings("ignore")
def test_another_model_in_the_folder_is_refused(folder):
    digest = folder_digest(folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "hidden_act": "relu"}))
    with pytest.raises(UsageError, match="is not the embedding model that was trained with"):
        open_embedder(folder, digest=digest)


@pytest.mark.parametrize(
    ("modules", "said"),
    [
        ([{"type": "builtins.print", "path": ""}], r"names builtins\.print"),
        ([{"type": "sentence_transformers.models.Transformer", "path": "../elsewhere"}], "names a folder outside of it"),
        ([{"path": ""}], "lists no modules"),
        ("no list", "lists no modules"),
    ],
)
def test_modules_json_imports_nothing_else(tmp_path, modules, said):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    (tmp_path / "model.safetensors").write_bytes(b"")
    (tmp_path / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(UsageError, match=said):
        open_embedder(tmp_path)


@pytest.mark.filterwarnings("ignore")
def test_a_linear_model_reads_the_embedding_it_was_trained_with_and_no_other(folder, tmp_path, monkeypatch, capsys):
    import json
    import shutil

    from judgecli.cli import main

    monkeypatch.chdir(tmp_path)
    rows = [{"prompt": f"p{at}", "chosen": f"Gladly, {at}.", "rejected": f"Never {at}!"} for at in range(40)]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert main(["rm", "train", "pairs.jsonl", "--embeddings", "model", "--out", "rm/embedded", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    scale = found["embeddings"].pop("scale")
    assert found["embeddings"] == {"folder": "model", "sha256": folder_digest(folder), "width": 24}
    assert scale in EMBEDDING_SCALES
    assert main(["rm", "show", "rm/embedded"]) == 0
    assert f"embeddings of model (24 numbers, scale {scale:g}), sha256 {folder_digest(folder)}" in capsys.readouterr().out
    assert main(["rm", "eval", "rm/embedded", "pairs.jsonl", "--json"]) == 2
    assert "reads the embedding model" in capsys.readouterr().err
    assert main(["rm", "eval", "rm/embedded", "pairs.jsonl", "--embeddings", "model", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["accuracy"] > 0.9
    other = shutil.copytree(folder, tmp_path / "other")
    (other / "config.json").write_text((other / "config.json").read_text() + "\n")
    assert main(["rm", "eval", "rm/embedded", "pairs.jsonl", "--embeddings", "other"]) == 2
    assert "is not the embedding model that was trained with" in capsys.readouterr().err
