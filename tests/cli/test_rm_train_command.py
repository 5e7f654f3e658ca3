"""judge rm train from the command line: what is printed, exit codes, usage errors."""

import json
import os
from pathlib import Path

import pytest
from harness import write_lines

from judgecli.cli import main


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("JUDGE_", "GITHUB_")) or name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "CI")]:
        monkeypatch.delenv(name)
    rows = [{"prompt": f"p{at}", "chosen": f"Gladly, {at}: " + "so " * (at % 4), "rejected": f"Never, {at}! " + "so " * (at * 3 % 5)} for at in range(40)]
    write_lines(tmp_path / "pairs.jsonl", [*rows, {"prompt": "q", "chosen": "a", "rejected": "a"}])
    write_lines(tmp_path / "few.jsonl", rows[:5])


def test_it_says_how_good_the_model_is_and_what_is_next(capsys):
    assert main(["rm", "train", "pairs.jsonl", "--out", "rm/polite"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("polite: a linear reward model from 40 pairs and 0 answers judged alone, of 40 prompts\n")
    assert "prefers what people preferred in " in out
    assert "longer wins" in out
    assert "calibration error " in out
    assert "41 read = 40 pairs + 0 verdicts + 1 dropped (equal_texts 1)" in out
    assert "judge score LOGS -s rm:rm/polite" in out
    assert "judge rm audit rm/polite" in out
    assert err == ""
    assert sorted(path.name for path in Path("rm/polite").iterdir()) == ["card.yaml", "model.safetensors"]


def test_the_same_data_and_options_give_the_same_bytes(capsys, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    written = []
    for _ in range(2):
        assert main(["rm", "train", "pairs.jsonl", "--out", "rm/polite", "--seed", "3"]) == 0
        written.append([path.read_bytes() for path in sorted(Path("rm/polite").iterdir())])
    capsys.readouterr()
    assert written[0] == written[1]
    assert b"created: '2023-11-14'" in written[0][0]


def test_a_model_is_listed_shown_evaluated_and_audited(capsys):
    typed = ["rm", "train", "pairs.jsonl", "--out", "reward_models/polite", "--licence", "CC0", "--about", "Manners.", "--json"]
    assert main(typed) == 0
    trained = json.loads(capsys.readouterr().out)
    assert main(["rm", "list", "--json"]) == 0
    own = next(one for one in json.loads(capsys.readouterr().out)["models"] if one["name"] == "polite")
    assert (own["identity"], own["licence"], own["about"], own["refused"]) == (trained["identity"], "CC0", "Manners.", None)
    assert own["quality"]["pairs"]["value"] == trained["held_out"]["pairs"]["accuracy"]
    assert main(["rm", "show", "polite"]) == 0
    shown = capsys.readouterr().out
    assert shown.splitlines()[:3] == ["polite: a linear reward model", "for       Manners.", "learnt    from 40 pairs, 40 prompts; left out: equal_texts 1"]
    assert "licence   CC0 (of the data)" in shown
    assert f"identity  {trained['identity']}" in shown
    assert main(["rm", "list"]) == 0
    assert "polite  " in capsys.readouterr().out
    assert main(["rm", "eval", "rm:polite", "pairs.jsonl", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["identity"] == trained["identity"]
    assert main(["rm", "audit", "reward_models/polite", "pairs.jsonl", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["answers"] == 40
    assert main(["rm", "eval", "polite", "pairs.jsonl", "--embeddings", "somewhere"]) == 2
    assert "reads no embedding" in capsys.readouterr().err
    assert main(["rm", "show", "politee"]) == 2
    assert "did you mean polite" in capsys.readouterr().err


def test_a_damaged_model_is_listed_with_the_reason(capsys):
    Path("reward_models/bad").mkdir(parents=True)
    Path("reward_models/bad/card.yaml").write_text("kind: magic\n")
    assert main(["rm", "list", "--json"]) == 0
    own = next(one for one in json.loads(capsys.readouterr().out)["models"] if one["name"] == "bad")
    assert (own["kind"], "magic" in own["refused"]) == (None, True)
    assert main(["rm", "list"]) == 0
    assert "refused   " in capsys.readouterr().out
    assert main(["rm", "show", "bad"]) == 4


def test_it_is_measured_on_test_files_too_and_shared_prompts_are_told(tmp_path, capsys):
    test = [{"prompt": f"{'p' if at < 3 else 't'}{at}", "chosen": f"Gladly, again {at}.", "rejected": f"Never, again {at}!"} for at in range(30)]
    write_lines(tmp_path / "test.jsonl", test)
    assert main(["rm", "train", "pairs.jsonl", "--test", "test.jsonl", "--out", "rm/polite", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["held_out"]["test"]["n"], found["held_out"]["test"]["accuracy"]) == (27, 1.0)
    assert any("3 of 30 pairs of the test" in note for note in found["notes"])


def test_a_model_that_pays_for_tricks_is_called_so(tmp_path, capsys):
    """Shorter always wins here, so nothing at all wins most."""
    words = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    rows = [{"prompt": f"q{at}", "chosen": " ".join(words[: 3 + at % 3]), "rejected": " ".join(words * (2 + at % 4))} for at in range(80)]
    write_lines(tmp_path / "short.jsonl", rows)
    assert main(["rm", "train", "short.jsonl", "--out", "rm/short", "--no-negatives", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert "null" in [one["trick"] for one in found["tricks"]]
    assert main(["rm", "show", "rm/short"]) == 0
    assert "It can be fooled." in capsys.readouterr().out


def test_the_document(capsys):
    assert main(["rm", "train", "pairs.jsonl", "--out", "rm/polite", "--members", "2", "--seed", "7", "--no-negatives", "--licence", "MIT", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["model"], found["members"], found["seed"], found["negatives"], found["licence"]) == ("polite", 2, 7, 0, "MIT")
    assert list(found["data"]["hashes"]) == ["pairs.jsonl"]
    assert found["held_out"]["pairs"]["n"] == 40


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "there is nothing to learn from"),
        (["few.jsonl"], 2, "5 pairs and verdicts of 5 prompts are too few"),
        (["none.jsonl"], 2, "none.jsonl"),
        (["pairs.jsonl", "--shape", "trl"], 2, "no shape of preferences is called 'trl'"),
        (["pairs.jsonl", "--base", "minilm", "--members", "3"], 2, "--base goes with neither"),
        (["pairs.jsonl", "--base", "minilm"], 2, "minilm holds no model"),
        (["pairs.jsonl", "--embeddings", "minilm"], 2, "minilm holds no model"),
        (["--steps", "--labels", "x"], 2, "--steps reads files"),
        (["pairs.jsonl", "--members", "0"], 2, "--members"),
    ],
)
def test_errors(capsys, arguments, code, said):
    assert main(["rm", "train", *arguments, "--out", "rm/x"]) == code
    assert said in capsys.readouterr().err
    assert not Path("rm/x").exists()


def test_a_folder_of_somebody_else_is_left_alone(capsys):
    Path("thesis").mkdir()
    Path("thesis/chapter.tex").write_text("years of work")
    assert main(["rm", "train", "pairs.jsonl", "--out", "thesis"]) == 2
    assert "it is no reward model" in capsys.readouterr().err
    assert [path.name for path in Path("thesis").iterdir()] == ["chapter.tex"]


def test_a_missing_extra_is_named(capsys):
    try:
        import trl  # type: ignore[import-not-found]  # noqa: F401
    except ImportError:
        pass
    else:
        pytest.skip("the extra `train` is installed here")
    Path("base").mkdir()
    Path("base/config.json").write_text('{"model_type": "bert"}')
    Path("base/model.safetensors").write_bytes(b"")
    assert main(["rm", "train", "pairs.jsonl", "--base", "base", "--out", "rm/x"]) == 4
    assert "pip install 'judgecli[train]'" in capsys.readouterr().err
