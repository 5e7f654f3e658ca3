"""`rm:PATH_OR_NAME`: a model that was trained and saved scores logs, in workers as here, stands in a reward, and is evaluated."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from harness import rows_of, score, write_lines

from judgecli.catalog import Spec, bind, describe, parse_spec
from judgecli.cli import main
from judgecli.errors import ModelRefused, UnknownName, UsageError
from judgecli.pipeline.rm_eval import open_model
from judgecli.pipeline.serve import open_reward, rooted_target
from judgecli.reward_model.card import Card, Quality
from judgecli.reward_model.features import FeatureSpec
from judgecli.reward_model.preferences import PreferencePair, Preferences
from judgecli.reward_model.train import Recipe, train
from judgecli.store.models import load_model, save_model

WORDS = ["order", "refund", "parcel", "invoice", "login", "password", "delivery", "please", "account", "number", "today", "thanks"]


def pairs_of(count, seed):
    """Pairs whose better answer is the one that says sorry; lengths are alike."""
    chance = np.random.default_rng(seed)
    found = []
    for at in range(count):
        good, bad = (" ".join(chance.choice(WORDS, 12)) for _ in range(2))
        found.append(PreferencePair(f"question {seed} {at}", f"we are sorry {good}", f"that is fine {bad}"))
    return found


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "support"
    made = train(Preferences(pairs_of(150, 0), []), Recipe(members=2), name="support")
    quality = {"pairs": Quality(150, value=0.98, low=0.95, high=0.99, longer=0.5, told="It knows more than length.")}
    card = Card("linear", "support", "0.1.0", "2026-11-26", licence="MIT", counts={"pairs": 150}, quality=quality, limits=("English only.",))
    save_model(folder, made.model, card)
    return folder


@pytest.fixture
def project(tmp_path, trained, monkeypatch):
    for name in [name for name in os.environ if name.startswith("JUDGE_") or name == "CI"]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    shutil.copytree(trained, tmp_path / "reward_models" / "support")
    rows = [{"input": None if at % 7 == 0 else f"q{at}", "output": f"we are sorry {at}" if at % 2 else f"that is fine {at}", "model": "m"} for at in range(120)]
    write_lines(tmp_path / "logs.jsonl", [*rows, {"input": "q", "output": None, "model": "m"}])
    return tmp_path


@pytest.mark.parametrize("workers", [0, 2])
def test_logs_get_the_models_own_rewards(project, workers):
    result = score(project / ".judge", [project / "logs.jsonl"], ["rm:support"], workers=workers)
    found = rows_of(result)
    model = load_model(project / "reward_models" / "support")
    asked = [json.loads(line) for line in (project / "logs.jsonl").read_text().splitlines()]
    kept = [row for row in asked if row["output"] is not None]
    expected = model.rewards([row["input"] for row in kept], [row["output"] for row in kept]).mean
    assert [row["rm.support"] for row in found[:-1]] == pytest.approx(expected.tolist(), abs=1e-9)
    assert found[-1]["rm.support"] is None
    assert found[-1]["rm.support.reason"] == "input_missing_field"
    assert expected[1::2].min() > expected[::2].max()
    (summary,) = result.summaries
    assert (summary.kind, summary.higher_is_better, summary.identity) == ("number", True, bind(parse_spec("rm:support")).identity)


@pytest.mark.usefixtures("project")
def test_lower_takes_off_doubt_and_detail_tells_it():
    mean, low = (bind(parse_spec(text)).scorer for text in ("rm:support", "x=rm:reward_models/support:lower=2"))
    known = pairs_of(1, 0)[0]
    asked, texts = [known.prompt, known.prompt], [known.chosen, "that is fine " + "\x00" * 500]
    plain, told = mean(texts, asked), low(texts, asked, lower=2.0, detail=True)
    rewards = open_model("rm:support").rewards(asked, texts)
    assert plain == pytest.approx(rewards.mean.tolist())
    assert [cell.value for cell in told] == pytest.approx((rewards.mean - 2 * rewards.sd).tolist())
    for cell, sd, outside in zip(told, rewards.sd.tolist(), rewards.outside.tolist(), strict=True):
        assert json.loads(cell.detail) == {"sd": pytest.approx(sd), "outside": outside}
    assert rewards.outside.tolist() == [False, True]


@pytest.mark.usefixtures("project")
def test_many_rows_at_once_are_scored_as_alone():
    scorer = bind(parse_spec("rm:support")).scorer
    texts = [f"we are sorry {at}" for at in range(4_100)]
    together = scorer(output=texts)
    assert [together[at] for at in (0, 1_999, 2_000, 4_099)] == pytest.approx([scorer(output=[texts[at]])[0] for at in (0, 1_999, 2_000, 4_099)], abs=1e-9)


def test_identity_is_of_weights_card_and_options_not_of_the_name(project, trained):
    plain = bind(parse_spec("rm:support")).identity
    assert bind(parse_spec("other=rm:./reward_models/support")).identity == plain
    assert bind(parse_spec("safe=rm:support:lower=1")).identity != plain
    model = load_model(trained)
    save_model(project / "reward_models" / "support", replace(model, offset=model.offset + 1), Card("linear", "support", "0.1.0", "2026-11-26"))
    assert bind(parse_spec("rm:support")).identity != plain


def test_specs():
    assert parse_spec("rm:a/b") == Spec("rm.b", "rm:a/b")
    assert parse_spec("rm:a/b/") == Spec("rm.b", "rm:a/b/")
    assert parse_spec("rm.b") == Spec("rm.b", "rm:b")
    assert parse_spec("x=rm:b:lower=1,detail=true") == Spec("x", "rm:b", {"lower": 1, "detail": True})
    for text in ("rm:", "rm:..", "rm:.", "rm:b:lower=1"):
        with pytest.raises(UsageError):
            parse_spec(text)


@pytest.mark.parametrize(
    ("spec", "error", "says"),
    [
        ("rm:nothing", UnknownName, "no reward model is called 'nothing'"),
        ("rm:./nothing", UnknownName, "no reward model"),
        ("x=rm:support:k=1", UnknownName, "'k'"),
        ("x=rm:support:lower=many", UsageError, "lower='many'"),
        ("x=rm:support:lower=-1", UsageError, "lower"),
        ("x=rm:support:embeddings=./m", UsageError, "reads no embedding"),
    ],
)
def test_what_cannot_be_bound_is_said_before_any_work(project, spec, error, says):
    with pytest.raises(error, match=says):
        score(project / ".judge", [project / "logs.jsonl"], [spec])


def test_a_spoiled_model_stops_the_run(project, capsys):
    weights = project / "reward_models" / "support" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x7f")
    with pytest.raises(ModelRefused, match="SHA-256"):
        score(project / ".judge", [project / "logs.jsonl"], ["rm:support"])
    assert main(["score", "logs.jsonl", "-s", "rm:support", "--quiet"]) == 4
    assert "SHA-256" in capsys.readouterr().err


@pytest.mark.usefixtures("project")
def test_the_card_describes_the_scorer(capsys):
    found = describe("rm:support")
    assert found.definition == "Reward of a trained linear model (learnt from 150 pairs); held-out accuracy 0.980 (0.950 to 0.990), longer-wins 0.500."
    assert (found.name, found.theme, found.columns, found.optional_columns) == ("rm.support", "reward model", ("output",), ("input",))
    assert main(["scorers", "rm:reward_models/support"]) == 0
    assert "It knows more than length." in (said := capsys.readouterr().out)
    assert "English only." in said


CONFIG = """
logs: [{path: logs.jsonl}]
scorers:
  - reward_model: reward_models/support
  - safe: {"rm:support": {lower: 1}}
reward:
  name: kind
  terms:
    rm.support: {weight: 1%s}
"""


def test_a_reward_needs_its_scale_frozen_and_then_uses_it(project, capsys):
    assert main(["score", "logs.jsonl", "-s", "rm:support", "--quiet"]) in (0, 3)
    (project / "judge.yaml").write_text(CONFIG % "")
    assert main(["score", "logs.jsonl", "-s", "rm:support", "--quiet"]) == 2
    assert "rm.support" in capsys.readouterr().err
    (project / "judge.yaml").write_text(CONFIG % ", normalise: frozen_z")
    assert main(["reward", "freeze"]) == 0
    capsys.readouterr()
    assert main(["score", "--quiet", "--json"]) in (0, 3)
    found = json.loads(capsys.readouterr().out)["metrics"]
    assert set(found) >= {"rm.support", "safe", "reward.kind"}
    assert found["safe"]["mean"] < found["rm.support"]["mean"]
    assert 0 < found["reward.kind"]["mean"] < 1


def test_eval_end_to_end(project, capsys):
    write_lines(project / "pairs.jsonl", [{"prompt": one.prompt, "chosen": one.chosen, "rejected": one.rejected} for one in pairs_of(80, 1)])
    assert main(["rm", "eval", "support", "pairs.jsonl", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["model"], found["identity"]) == ("support", open_model("support").identity)
    assert (found["n"], found["accuracy"]) == (80, 1.0)
    assert main(["rm", "eval", "reward_models/support", "pairs.jsonl", "--quiet"]) == 0
    assert main(["rm", "audit", "rm:support", "pairs.jsonl", "--json"]) == 0
    assert main(["rm", "eval", "nothing", "pairs.jsonl"]) == 2
    assert "no reward model is called 'nothing'\n  there are harmless, support" in capsys.readouterr().err


def test_a_live_reward_finds_the_model_by_name(project):
    from judgecli.config.settings import load_settings

    found = open_reward(["rm:support"], load_settings())
    assert found.identity == open_model("support").identity
    assert rooted_target("rm:support", project) == f"rm:{project / 'reward_models' / 'support'}"
    assert rooted_target("rm:elsewhere", project) == "rm:elsewhere"
    with pytest.raises(UsageError, match="needs a normaliser"):  # its doubt is not dropped without a word
        open_reward(["safe=rm:support:lower=1"], load_settings())


@pytest.mark.usefixtures("project")
def test_a_replaced_model_is_read_again(trained):
    place = Path("reward_models/support")
    before = open_model("support")
    assert open_model("support") is before
    model = load_model(trained)
    save_model(place, replace(model, offset=model.offset - 3), Card("linear", "support", "0.1.0", "2026-11-26"))
    assert open_model("support").rewards([None], ["a"]).mean[0] == pytest.approx(before.rewards([None], ["a"]).mean[0] + 3)


def test_a_model_that_reads_an_embedding_needs_that_very_one(project, monkeypatch):
    from judgecli.reward_model.card import EmbeddingFacts
    from judgecli.store import embedders

    def embed(texts):
        return np.array([[len(text), text.count("e")] for text in texts], float)

    opened = []

    monkeypatch.setattr(embedders, "open_embedder", lambda folder, digest: opened.append((str(folder), digest)) or SimpleNamespace(embed=embed))
    spec = FeatureSpec(bits=8, embedding="minilm", embedding_size=2)
    made = train(Preferences(pairs_of(40, 0), []), Recipe(spec=spec), name="e", embed=embed).model
    card = Card("linear", "e", "0.1.0", "2026-11-26")
    with pytest.raises(ValueError, match="features read 2 numbers"):
        save_model(project / "reward_models" / "e", made, card)
    save_model(project / "reward_models" / "e", made, replace(card, embedding=EmbeddingFacts("minilm", "a" * 64, 2, 1.0)))
    with pytest.raises(UsageError, match="reads the embedding minilm"):
        bind(parse_spec("rm:e"))
    metric = bind(parse_spec("x=rm:e:embeddings=models/minilm"))
    assert opened == [("models/minilm", "a" * 64)]
    assert metric.options == {}
    assert metric.scorer(["a", "bb"], ["q", "r"]) == pytest.approx(made.rewards(["q", "r"], ["a", "bb"]).mean.tolist(), abs=1e-5)
