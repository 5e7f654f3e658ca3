"""A reward as trainers call it: values by hand, columns passed on, pickled, pinned; and the file that gives it to them."""

import importlib.util
import pickle
import sys

import pytest

import judgecli
from judgecli.cli import main
from judgecli.errors import ConfigError, Incomplete, JudgeError, UsageError
from judgecli.pipeline.reward_function import last_text

LIMITED = """
scorers:
  - heuristics: [repetition, empty]
  - asks: {regex: {pattern: '\\?'}}
  - unrelated: {regex: {pattern: x}}
reward:
  name: polite
  terms:
    asks: {weight: 3}
    repetition: {weight: 1, optional: true}
  vetoes:
    - {metric: empty, at_most: 0}
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "judge.yaml").write_text(LIMITED, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(reward, *outputs, **columns):
    return reward(prompts=["q"] * len(outputs), completions=list(outputs), completion_ids=[[1]] * len(outputs), **columns)


def test_the_reward_of_judge_yaml_by_hand(project):  # noqa: ARG001 - it stands there
    reward = judgecli.reward_function()
    # asks 1 -> u 1; "a b c a b c" has 4 word trigrams, one a repeat: u = 0.75; (3 * u + 1 * u) / 4; no words for trigrams: asks alone
    assert call(reward, "why?") == [1.0]
    assert call(reward, "a b c a b c") == [pytest.approx(0.75 / 4)]
    assert call(reward, "") == [0.0]
    assert reward.__name__ == "polite"


def test_conversations_and_texts_are_scored_alike(project):  # noqa: ARG001
    reward = judgecli.reward_function()
    parts = [{"type": "text", "text": "a b c "}, {"type": "text", "text": "a b c"}]
    chat = [[{"role": "assistant", "content": "why?"}], [{"role": "assistant", "content": parts}]]
    prompts = [[{"role": "system", "content": "s"}, {"role": "user", "content": "q"}]] * 2
    assert reward(prompts=prompts, completions=chat, completion_ids=[[1], [2]]) == call(reward, "why?", "a b c a b c")


def test_a_completion_without_text_has_no_reward(project):  # noqa: ARG001
    reward = judgecli.reward_function()
    call_only = [{"role": "assistant", "tool_calls": [{"function": {"name": "f"}}]}]
    assert reward(prompts=["q", "q"], completions=["why?", call_only]) == [1.0, None]


def test_scorers_in_place_of_a_project():
    reward = judgecli.reward_function("repetition", "has_water=regex:pattern=water")
    assert call(reward, "a b a b a b water") == [pytest.approx((1 - 2 / 5 + 1) / 2)]  # aba bab aba bab abw: two of five repeat
    assert reward.__name__ == "scorers"


def test_a_scale_without_an_end_needs_a_reward_of_its_own():
    with pytest.raises(JudgeError, match="no end"):
        judgecli.reward_function("pii_count")


def test_columns_are_passed_on_by_name():
    reward = judgecli.reward_function("exact_match")
    assert call(reward, "4", "5", reference=["4", "4"], other=[1, 2]) == [1.0, 0.0]
    with pytest.raises(UsageError, match="reads 'reference', and no such column was passed") as caught:
        call(reward, "4", solution=["4"])
    assert "columns={'reference': 'COLUMN'}" in caught.value.hint
    mapped = judgecli.reward_function("exact_match", columns={"reference": "solution"})
    assert call(mapped, "4", "[1, 2]", "7", solution=[4, [1, 2], None]) == [1.0, 1.0, None]
    with pytest.raises(UsageError, match="2 rows for 1 completions"):
        call(mapped, "4", solution=["4", "5"])


def test_verl_by_hand():
    reward = judgecli.reward_function("exact_match")
    assert reward.compute_score("gsm8k", "4", "4", {"split": "train"}, num_examine=1) == 1.0
    assert reward.compute_score("gsm8k", "4", 5) == 0.0
    with pytest.raises(Incomplete, match="verl takes numbers only"):
        reward.compute_score("gsm8k", "4", None)
    assert judgecli.reward_function("exact_match", unscored=-1.0).compute_score("gsm8k", "4", None) == -1.0


def test_it_can_be_sent_to_another_process(project):
    reward = judgecli.reward_function(config=project / "judge.yaml")
    sent = pickle.dumps(reward)
    assert call(pickle.loads(sent), "why?") == [1.0]  # noqa: S301 - our own bytes
    (project / "judge.yaml").write_text(LIMITED.replace("weight: 3", "weight: 2"), encoding="utf-8")
    with pytest.raises(ConfigError, match="was asked for"):
        call(pickle.loads(sent), "why?")  # noqa: S301
    assert call(reward, "why?") == [1.0]  # what is open stays what it was


def test_what_logs_alone_hold_is_refused_at_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for scorer, said in (("latency_ms", "comes with a log"), ("score.stars", "logs hold")):
        with pytest.raises(UsageError, match=said):
            judgecli.reward_function(scorer)
    with pytest.raises(UsageError, match=r"no reward in judge\.yaml"):
        judgecli.reward_function()


def test_a_rubric_without_an_endpoint_is_refused_at_once(project, monkeypatch):
    for name in ("JUDGE_MODEL", "JUDGE_BASE_URL", "JUDGE_API_KEY", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    (project / "judge.yaml").write_text("scorers: [{rubric: helpfulness}]\nreward: {name: r, terms: {rubric.helpfulness: {weight: 1}}}\n", encoding="utf-8")
    with pytest.raises(UsageError, match="no model judges"):
        judgecli.reward_function()
    monkeypatch.setenv("JUDGE_MODEL", "some-model")
    with pytest.raises(JudgeError, match="no key for the judge"):
        judgecli.reward_function()


def load(path):
    spec = importlib.util.spec_from_file_location(f"made_{path.stem}_{id(path)}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_file_gives_the_reward_wherever_it_is_imported(project, monkeypatch, tmp_path_factory, capsys):
    assert main(["export", "reward-function", "-o", "out/my_reward.py", "--column", "reference=solution", "--json"]) == 0
    assert '"reward": "polite"' in capsys.readouterr().out
    text = (project / "out" / "my_reward.py").read_text(encoding="utf-8")
    assert str(project) not in text  # the folder may move
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    module = load(project / "out" / "my_reward.py")
    assert call(module.reward, "why?") == [1.0]
    assert module.compute_score("any", "why?", "truth", {}) == 1.0
    (project / "judge.yaml").write_text(LIMITED.replace("weight: 3", "weight: 2"), encoding="utf-8")
    with pytest.raises(ConfigError, match="has identity"):
        load(project / "out" / "my_reward.py")


def test_files_of_scorers(project, capsys):
    assert main(["export", "reward-function", "-s", "exact_match", "--unscored", "-2", "-o", "r.py"]) == 0
    assert load(project / "r.py").compute_score("any", "x", None) == -2.0
    assert main(["export", "reward-function", "-o", "r.txt"]) == 2
    assert main(["export", "reward-function", "--column", "reference"]) == 2
    assert main(["export", "--list"]) == 0
    assert "reward-function" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("value", "role", "text"),
    [
        (None, "user", None),
        ([], "user", None),
        ([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}], "user", "c"),
        ([{"role": "assistant", "content": None}], "assistant", None),
        ([{"role": "assistant", "content": [{"type": "image"}]}], "assistant", None),
    ],
)
def test_last_text(value, role, text):
    assert last_text(value, role) == text


def test_neither_text_nor_messages():
    with pytest.raises(UsageError, match="a float is neither"):
        last_text(1.5, "user")
