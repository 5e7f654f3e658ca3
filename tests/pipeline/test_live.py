"""Live rewards: a model's own numbers and doubt, a composed reward with a judge, what has no reward and why."""

import json

import numpy as np
import pytest
from loops import in_thread

import judgecli
from judgecli.cli import main
from judgecli.errors import UsageError
from judgecli.pipeline.serve import ModelReward, rooted_target, to_records
from judgecli.reward.outcome import Outcome, count_rows, said_missing
from judgecli.reward_model.model import Rewards
from judgecli.serve.fake_judge import FakeJudge, FakeSettings
from judgecli.serve.wire import Response


class Model:
    """A reward model whose number is the length of the output, doubtful where there is no input."""

    name, identity = "support", "00112233445566aa"

    def rewards(self, inputs, outputs):
        mean = np.array([float("nan") if output == "nan" else float(len(output)) for output in outputs])
        return Rewards(mean, np.array([0.1 if given else 0.7 for given in inputs]), np.array([len(output) > 3 for output in outputs]))


def test_a_model_alone():
    reward = ModelReward(Model())
    found = reward.rewards({"input": ["q", None, "q", "q"], "output": ["ab", "abcd", None, "nan"]})
    assert found == [Outcome(2.0, None, 0.1, False), Outcome(4.0, None, 0.7, True), Outcome(None, "input_missing_field"), Outcome(None, "metric_error")]
    assert reward.rewards({"output": ["ab"]}) == [Outcome(2.0, None, 0.7, False)]
    assert reward.rewards({"output": []}) == []
    assert (reward.name, reward.identity, reward.range) == ("support", "00112233445566aa", (None, None))


def test_rows_become_records():
    table = to_records({"output": ["a", None], "contexts": [["c"], None], "tags_country": [None, "de"]})
    assert table.column("output").to_pylist() == ["a", None]
    assert table.column("input").to_pylist() == [None, None]
    assert table.column("contexts").to_pylist() == [["c"], None]
    assert table.column("tags").to_pylist() == [[], [("country", "de")]]


def test_rows_of_different_lengths_are_a_bug():
    with pytest.raises(ValueError, match="different lengths"):
        count_rows({"output": ["a"], "input": []})


def test_what_is_said_of_missing_rows():
    assert said_missing([Outcome(1.0)]) is None
    many = [Outcome(None, "timeout")] * 12 + [Outcome(None, "budget")]
    assert said_missing(many) == "rows 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 3 more have no reward: budget, timeout"


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("rm:models/a", "rm:/srv/models/a"),
        ("rm:/abs/a", "rm:/abs/a"),
        ("rm:http://h/classify", "rm:http://h/classify"),
        ("rubric:helpfulness", "rubric:helpfulness"),
        ("rubric:./mine.yaml", "rubric:/srv/mine.yaml"),
        ("./mine.py:f", "/srv/mine.py:f"),
        ("words", "words"),
        ("score.x", "score.x"),
    ],
)
def test_files_are_looked_up_beside_the_project(target, found):
    from pathlib import Path

    assert rooted_target(target, Path("/srv")) == found


def fake_judge(**settings):
    return in_thread(FakeJudge(FakeSettings(**settings)))


PROJECT = """
scorers:
  - heuristics: [empty]
  - rubric: helpfulness
    judge: {{model: fake-judge-1, base_url: '{url}', sentinels: off}}
    {more}
reward:
  name: judged
  terms: {{rubric.helpfulness: {{weight: 1}}}}
  vetoes: [{{metric: empty, at_most: 0}}]
"""


def test_a_judge_is_asked_live_and_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with fake_judge() as judge:
        monkeypatch.setenv("JUDGE_ALLOW", judge.url.removesuffix("/v1"))
        (tmp_path / "judge.yaml").write_text(PROJECT.format(url=judge.url, more=""), encoding="utf-8")
        for _ in range(2):
            reward = judgecli.reward_function()
            try:
                found = reward(prompts=["How?"] * 3, completions=["Like this.", "Otherwise.", "Like this."])
            finally:
                reward.close()
            assert all(value is not None and 0 <= value <= 1 for value in found)
            assert found[0] == found[2]
        assert judge.requests == 2  # two outputs, each asked once, in two runs


def test_a_judge_that_fails_leaves_a_reason(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with fake_judge(personality="faulty") as judge:
        monkeypatch.setenv("JUDGE_ALLOW", judge.url.removesuffix("/v1"))
        (tmp_path / "judge.yaml").write_text(PROJECT.format(url=judge.url, more=""), encoding="utf-8")
        reward = judgecli.reward_function()
        try:
            found = reward.reward.rewards({"input": ["q"] * 5, "output": [f"answer {place}" for place in range(5)]})
        finally:
            reward.close()
    assert all((outcome.reward is None) != (outcome.reason is None) for outcome in found)


def test_a_sampled_judge_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JUDGE_ALLOW", "http://127.0.0.1:9")
    (tmp_path / "judge.yaml").write_text(PROJECT.format(url="http://127.0.0.1:9/v1", more="sample: 0.5"), encoding="utf-8")
    with pytest.raises(UsageError, match="judges a sample"):
        judgecli.reward_function()


def told_address(asked):  # noqa: ARG001 - the signature of a script
    choice = {"message": {"content": json.dumps({"explanation": "Write to ada@example.com.", "score": 3})}, "finish_reason": "stop"}
    return Response(body=json.dumps({"choices": [choice]}).encode())


def test_redact_holds_for_live_rewards(tmp_path, monkeypatch):
    """What judge.yaml redacts stands in no reply of the ledger, however a judge was asked."""
    monkeypatch.chdir(tmp_path)
    with in_thread(FakeJudge(script=told_address)) as judge:
        monkeypatch.setenv("JUDGE_ALLOW", judge.url.removesuffix("/v1"))
        (tmp_path / "judge.yaml").write_text("redact: [pii]\n" + PROJECT.format(url=judge.url, more=""), encoding="utf-8")
        reward = judgecli.reward_function()
        try:
            assert reward(prompts=["How?"], completions=["Like this."]) == [0.5]
        finally:
            reward.close()
    (tmp_path / "judge.yaml").unlink()  # an export would redact by it on its way
    assert main(["replies", "export", "replies.jsonl", "--quiet"]) == 0
    kept = (tmp_path / "replies.jsonl").read_text(encoding="utf-8")
    assert "Write to" in kept
    assert "ada@example.com" not in kept


def test_a_reward_of_fewer_draws_is_no_reward(tmp_path, monkeypatch):
    """Three draws were asked for and the budget ends after two: a number of two draws would be another one after the next run."""
    monkeypatch.chdir(tmp_path)
    with fake_judge() as judge:
        monkeypatch.setenv("JUDGE_ALLOW", judge.url.removesuffix("/v1"))
        text = PROJECT.format(url=judge.url, more="").replace("sentinels: off", "sentinels: off, samples: 3, max_calls: 2")
        (tmp_path / "judge.yaml").write_text(text, encoding="utf-8")
        reward = judgecli.reward_function()
        try:
            (found,) = reward.reward.rewards({"input": ["q"], "output": ["an answer"]})
        finally:
            reward.close()
    assert (found.reward, found.reason) == (None, "budget")
