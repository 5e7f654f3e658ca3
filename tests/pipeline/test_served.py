"""Served reward models as scorers of a run: scores and reasons, asked once, caps, replay, dry run, as a term of a reward."""

import contextlib
import json
import sys
from pathlib import Path

import pytest
from loops import in_thread

sys.path.append(str(Path(__file__).parent.parent / "endpoint"))
import judgecli
from judgecli.cli import main
from judgecli.config.settings import load_settings
from judgecli.errors import ConfigError, UsageError
from reward_models import RewardModel, Served, number


@contextlib.contextmanager
def served(model):
    """The address of a reward model that runs in a thread."""
    with in_thread(Served(model)) as server:
        yield server.root


def write_log(path, outputs):
    rows = [{"id": str(place), "input": f"q{place}", "output": output} for place, output in enumerate(outputs)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JUDGE_ALLOW", "http://127.0.0.1:9")
    return tmp_path


def score(capsys, *arguments, code=0):
    assert main(["score", "log.jsonl", *arguments, "-o", "out.jsonl", "--json", "--quiet", "--map", "auto"]) == code
    document = json.loads(capsys.readouterr().out)
    rows = [json.loads(line) for line in Path("out.jsonl").read_text(encoding="utf-8").splitlines()]
    return document, rows


def test_scores_and_reasons_and_asked_once(folder, capsys):
    outputs = ["abc", "hello there", "null", "two classes", "refuse", "abc"]
    write_log(folder / "log.jsonl", outputs)
    model = RewardModel()
    with served(model) as url:
        document, rows = score(capsys, "-s", f"helpful=rm:{url}/classify", code=3)
        assert [row["helpful"] for row in rows] == [0.3, 1.1, None, None, None, 0.3]
        assert [row["helpful.reason"] for row in rows] == [None, None, "judge_parse", "judge_parse", "bad_request", None]
        assert document["metrics"]["helpful"]["scored"] == 3
        assert document["judge"]["cost_usd"] is None
        assert document["judge"]["unpriced"] == 5
        assert document["judge"]["served"] == {f"{url}/classify": {"served-rm": 5}}
        assert not any("sentinel" in note for note in document["notes"])
        asked = len(model.calls)
        again, rows_again = score(capsys, "-s", f"helpful=rm:{url}/classify", code=3)
        assert (len(model.calls), rows_again) == (asked, rows)
        assert again["judge"]["calls"] == 0
        score(capsys, "-s", f"helpful=rm:{url}/classify", "--retry-failed", code=3)
        assert len(model.calls) == asked + 3


def test_batches_over_a_run(folder, capsys):
    outputs = [f"answer {'x' * (place % 50)} {place}" for place in range(300)]
    write_log(folder / "log.jsonl", outputs)
    model = RewardModel()
    with served(model) as url:
        _, rows = score(capsys, "-s", f"rm=rm:{url}/predict")
    assert [row["rm"] for row in rows] == [number(output) for output in outputs]
    assert len(model.calls) < 60
    assert sum(model.texts.values()) == 300


def test_caps_dry_run_and_replay(folder, capsys):
    outputs = [f"answer {place}" for place in range(10)]
    write_log(folder / "log.jsonl", outputs)
    model = RewardModel()
    with served(model) as url:
        spec = f"rm=rm:{url}/get_reward"
        assert main(["score", "log.jsonl", "-s", spec, "--dry-run", "--json", "--map", "auto"]) == 0
        assert json.loads(capsys.readouterr().out)["calls"] == 10
        assert model.calls == []
        document, rows = score(capsys, "-s", spec, "--max-calls", "4", code=3)
        assert sum(row["rm"] is not None for row in rows) == 4
        assert document["metrics"]["rm"]["pending"] == 6
        assert sum(model.texts.values()) == 4
        score(capsys, "-s", spec)
        assert sum(model.texts.values()) == 10
        assert main(["replies", "export", "replies.jsonl"]) == 0
        capsys.readouterr()
    (folder / ".judge").rename(folder / "away")
    _, replayed = score(capsys, "-s", spec, "--replay", "replies.jsonl")
    assert [row["rm"] for row in replayed] == [number(output) for output in outputs]


def test_a_dead_server_is_exit_4(folder, capsys):
    write_log(folder / "log.jsonl", ["a"])
    (folder / "judge.yaml").write_text(
        "scorers: [{reward_model: 'http://127.0.0.1:9/predict', name: rm, remote: {timeout_s: 1}}]\nlogs: [{path: log.jsonl, map: {output: output}}]\n",
        encoding="utf-8",
    )
    assert main(["score"]) == 4
    assert "127.0.0.1:9/predict cannot be asked" in capsys.readouterr().err


PROJECT = """
logs: [{{path: log.jsonl, map: {{id: id, input: input, output: output}}}}]
scorers:
  - heuristics: [empty]
  - reward_model: {url}/predict
    name: helpful
    remote: {{model: m, batch: 4, concurrency: 2}}
reward:
  name: r
  terms:
    helpful: {{weight: 1, range: [0, 2]}}
  vetoes: [{{metric: empty, at_most: 0}}]
"""


def test_as_a_term_of_a_reward_in_a_run_and_live(folder, capsys, monkeypatch):
    write_log(folder / "log.jsonl", ["x" * 10, "x" * 20])
    model = RewardModel()
    with served(model) as url:
        monkeypatch.setenv("JUDGE_ALLOW", "/".join(url.split("/")[:3]))
        (folder / "judge.yaml").write_text(PROJECT.format(url=url), encoding="utf-8")
        assert main(["score", "-o", "out.jsonl", "--quiet"]) == 0
        rows = [json.loads(line) for line in Path("out.jsonl").read_text(encoding="utf-8").splitlines()]
        assert [row["reward.r"] for row in rows] == [0.5, 1.0]
        asked = sum(model.texts.values())
        reward = judgecli.reward_function()
        try:
            assert reward(prompts=["q0", "q9", "q"], completions=["x" * 10, "x" * 5, "null"]) == [0.5, 0.25, None]
        finally:
            reward.close()
        assert sum(model.texts.values()) == asked + 2  # the first was asked of the log already
    capsys.readouterr()


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{reward_model: 'http://h/classify'}", "needs a name"),
        ("{reward_model: models/a, remote: {model: m}}", "are for a served reward model"),
        ("{reward_model: 'http://h/classify', name: n, remote: {template: 'x'}}", "{output} once"),
        ("{reward_model: 'http://h/classify', name: n, remote: {protocol: tgi}}", "protocol"),
        ("{reward_model: 'http://h/classify', name: n, remote: {api_key: sk-1}}", "api_key_env"),
    ],
)
def test_entries_that_are_refused(folder, entry, said):
    (folder / "judge.yaml").write_text(f"scorers: [{entry}]\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_settings()
    assert said in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize("url", ["http://user:secret@h/classify", "http://h/classify?key=secret", "ftp://h/classify"])
def test_addresses_that_may_hold_a_secret_are_refused(folder, url, capsys):
    write_log(folder / "log.jsonl", ["a"])
    assert main(["score", "log.jsonl", "-s", f"x=rm:{url}", "--map", "auto"]) == 2
    (folder / "judge.yaml").write_text(f"scorers: [{{reward_model: '{url}', name: n}}]\n", encoding="utf-8")
    assert main(["score", "log.jsonl", "--map", "auto"]) == 2
    assert "secret" not in capsys.readouterr().err


def test_verdicts_are_read_again_without_a_call(folder, capsys):
    write_log(folder / "log.jsonl", ["abc", "null"])
    model = RewardModel()
    with served(model) as url:
        score(capsys, "-s", f"rm=rm:{url}/classify", code=3)
    asked = len(model.calls)
    assert main(["replies", "reparse", "log.jsonl", "-s", f"rm=rm:{url}/classify", "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["metrics"]["rm"]["scored"] == 1
    assert len(model.calls) == asked


def test_in_python_answers_must_be_kept(folder):
    write_log(folder / "log.jsonl", ["abc"])
    with served(RewardModel()) as url:
        with pytest.raises(UsageError, match="asks a reward model, whose answers must be kept"):
            judgecli.score("log.jsonl", f"rm=rm:{url}/classify")
        frame = judgecli.score("log.jsonl", f"rm=rm:{url}/classify", store=folder / "kept")
    assert frame["rm"].tolist() == [0.3]
