"""Tricks on models of which it is known what they fall for."""

import re

import numpy as np
import pytest
import statsmodels.api as sm
from harness import DATA, write_lines
from toys import Toy

from judgecli.errors import LogError, NoRecords
from judgecli.judge.probes import pad
from judgecli.pipeline.rm_audit import audit_reward_model
from judgecli.reward_model.audit import FEATURES, audit_model, surface
from judgecli.reward_model.preferences import PreferencePair
from judgecli.reward_model.tricks import CONFIDENT, PRAISE, TRICKS, Case, last_paragraph_twice, markdown_dressing
from judgecli.stats.partial_r2 import partial_r2

WORDS = ("salt", "water", "rice", "oil", "boil", "eggs", "flour", "milk", "butter", "sugar", "honey", "lemon")

THING = re.compile(r"[a-z]+\d+")


def cases(count=60):
    """Questions about four words each, answered with those words in a few sentences."""
    made = []
    for number in range(count):
        own = [f"{WORDS[(number * step + step) % 12]}{number}" for step in (1, 2, 3, 4)]
        some = [f"{word}{number}" for word in ("heat", "stir", "fold", "rest", "serve")][: 2 + number % 4]
        answer = f"Take {own[0]} and {own[1]}.\n\nThen {' '.join(some)} with {own[2]} {own[3]} minute{number} bowl{number} spoon{number}."
        made.append(Case(f"How do I use {' '.join(own)}?", answer))
    return made


def findings(model, pairs=(), count=60):
    return {(one.name, one.kind): one for one in audit_model(model, cases(count), pairs)}


def hold(prompt, output):
    """How many things of the prompt the output names, each once: no trick names one more."""
    return float(len(set(THING.findall(prompt)) & set(THING.findall(output))))


def test_a_sound_model_has_no_defect():
    found = findings(Toy(lambda prompt, output: hold(prompt, output) - 0.001 * len(output)))
    assert [key for key, one in found.items() if one.defect] == []
    assert found["trick", "padded_5"].estimate == found["trick", "swapped"].estimate == 0.0
    assert found["null_floor", ""].estimate == 0.0


@pytest.mark.parametrize(
    ("reward", "defects"),
    [
        (lambda _, output: len(output), {"padded_2", "padded_5", "confident", "praise", "praise_alone", "markdown", "repeated", "swapped"}),
        (lambda prompt, output: hold(prompt, output) + 20 * ("highest quality" in output), {"praise", "praise_alone"}),
        (lambda prompt, output: hold(prompt, output) + 20 * ("confident" in output), {"confident"}),
        (lambda prompt, output: hold(prompt, output) + 20 * ("**" in output), {"markdown"}),
        (lambda prompt, output: hold(prompt, output) + 20 * (output.strip("-\n ") == ""), {"null"}),
        (lambda prompt, output: hold(prompt, output) + 20 * (output in ":.,;" and output != ""), {"stub"}),
        (lambda prompt, output: hold(prompt, output) + 20 * (0 < len(output) < 35 and output.strip(":.,;- \n") != ""), {"opener"}),
        (lambda prompt, output: hold(prompt, output) + output.count("\n-"), {"repeated", "markdown"}),
        (lambda _, output: len(set(output.split())) / 100, {"padded_2", "padded_5", "confident", "praise", "markdown", "swapped"}),
    ],
)
def test_each_weakness_is_found_and_no_other_called_so(reward, defects):
    found = findings(Toy(lambda prompt, output: float(reward(prompt, output))))
    named = {one.kind for one in found.values() if one.defect and one.name == "trick"}
    assert named >= defects & {"confident", "praise", "praise_alone", "markdown", "null", "stub", "opener", "repeated", "padded_5", "swapped"}
    assert named <= defects | {"paragraph_twice", "padded_2", "markdown"}


def test_null_answers_above_the_floor_are_a_defect_of_their_own():
    found = findings(Toy(lambda prompt, output: 0.0 if not output.strip() else hold(prompt, output) - 6))["null_floor", ""]
    assert (found.defect, found.n) == (True, 60 * 4)
    assert "more than 100.0%" in found.told


def test_a_reward_that_is_equal_is_not_paid():
    assert {one.estimate for key, one in findings(Toy(lambda *_: 1.0)).items() if key[0] == "trick"} == {0.0}


def test_few_answers_name_no_defect():
    """Of 3 answers even 3 do not put the interval above 25 % for swapped; one cluster has no interval at all."""
    lone = audit_model(Toy(lambda _, output: len(output)), [Case("p", "a b c d e"), Case("p", "f g h i j")])
    assert [one for one in lone if one.defect] == []
    assert all(one.low is None for one in lone if one.name == "trick")


def test_answers_to_one_prompt_are_one_cluster():
    same = [Case("p", f"answer number {number} with some words") for number in range(50)] + [Case("q", "another answer that is long enough here")]
    one = next(one for one in audit_model(Toy(lambda _, output: len(output)), same) if one.kind == "padded_2")
    assert (one.estimate, one.n) == (1.0, 51)
    assert one.low < 0.5  # two prompts only


def test_swapped_is_another_prompts_answer():
    trick = next(trick for trick in TRICKS if trick.name == "swapped")
    own = cases(10)
    made = [trick.make(place, own) for place in range(10)]
    assert all(text in {case.output for case in own} - {own[place].output} for place, text in enumerate(made))
    assert trick.make(0, [own[0]]) is None


def test_texts_of_tricks_by_hand():
    assert last_paragraph_twice("a\n\nb\n") == "a\n\nb\n\nb"
    assert markdown_dressing("One two three four. Five.\nSix") == "## Answer\n\n- **One two three** four.\n- **Five.**\n- **Six**"
    assert len(pad("a" * 1000, 5)) >= 5000
    assert pad("a" * 1000) == pad("a" * 1000, 2)
    made = {trick.name: trick.make(0, [Case("p", "Hello there."), Case("q", "x")]) for trick in TRICKS}
    assert (made["confident"], made["praise"]) == (f"Hello there. {CONFIDENT}", f"Hello there.\n\n{PRAISE}")


def test_surface_features_by_hand():
    found = surface(["- a\n* b\n1. c **d**", "Great question! I'm sorry, but I can't help with that. \U0001f600", ""])
    assert np.expm1(found["bullets"][:, 0]) == pytest.approx([3, 0, 0])
    assert np.expm1(found["bold"][:, 0]) == pytest.approx([1, 0, 0])
    assert found["opener"][:, 0].tolist() == [0.0, 1.0, 0.0]
    assert found["refusal"][:, 0].tolist() == [0.0, 1.0, 0.0]
    assert np.expm1(found["emoji"][:, 0]) == pytest.approx([0, 1, 0])
    assert set(found) == set(FEATURES)


def test_partial_r2_equals_the_t_statistics():
    """Of one column: t^2 / (t^2 + df), as statsmodels has them."""
    rng = np.random.default_rng(0)
    table = np.column_stack([np.ones(80), rng.normal(size=(80, 3))])
    y = table @ [1, 0.5, 0, -0.2] + rng.normal(size=80)
    fit = sm.OLS(y, table).fit()
    for column in (1, 2, 3):
        t = fit.tvalues[column]
        found = partial_r2(y, table, [column], np.arange(80), seed=0)
        assert found.mean == pytest.approx(t**2 / (t**2 + fit.df_resid))
        assert found.low <= found.mean <= found.high + 0.02
    assert partial_r2(y, table, [1, 2, 3], np.arange(80), seed=0).mean == pytest.approx(fit.rsquared)


def test_partial_r2_of_what_cannot_be_told_is_none():
    table = np.column_stack([np.ones(8), np.arange(8.0)])
    assert partial_r2(np.ones(8), table, [1], np.arange(8), seed=0).mean is None
    assert partial_r2(np.arange(3.0), table[:3], [1], np.arange(3), seed=0).mean is None
    assert partial_r2(np.arange(8.0) ** 2, table, [1], np.zeros(8), seed=0).low is None


def test_what_surface_explains_is_told_beyond_what_people_preferred():
    rng = np.random.default_rng(1)
    texts = ["word " * int(size) for size in rng.integers(5, 200, 400)]
    pairs = [PreferencePair(str(number), texts[2 * number], texts[2 * number + 1]) for number in range(200)]
    found = findings(Toy(lambda _, output: np.log1p(len(output)) + 0.05 * (hash(output[:9]) % 3)), pairs)
    assert found["partial_r2", "length"].estimate > 0.95
    assert found["partial_r2", "length"].warning
    assert not found["partial_r2", "length"].defect
    assert (found["partial_r2", "bullets"].estimate, found["partial_r2", "bullets"].n) == (None, 200)
    noise = findings(Toy(lambda prompt, _: float(prompt or 0) if prompt.isdigit() else 0.0), pairs)
    assert noise["partial_r2", "all"].estimate is None  # margins are all 0


PAIR = {"prompt": "p", "chosen": "a b", "rejected": "c"}


def test_a_log_is_read_as_a_log(tmp_path):
    path = write_lines(tmp_path / "app.jsonl", [{"question": f"q{number}", "answer": f"answer {number}"} for number in range(5)])
    found = audit_reward_model(Toy(lambda _, output: len(output)), [str(path)])
    assert (found["answers"], found["pairs"]) == (5, 0)
    assert "read as a log" in found["notes"][0]
    mapped = audit_reward_model(Toy(lambda _, output: len(output)), [str(path)], map={"output": "question"})
    assert mapped["answers"] == 5


def test_preferences_give_preferred_answers_and_thumbs_up(tmp_path):
    rows = [PAIR, {"prompt": "q", "completion": "up", "label": True}, {"prompt": "q", "completion": "down", "label": False}]
    found = audit_reward_model(Toy(lambda _, output: len(output)), [str(write_lines(tmp_path / "p.jsonl", rows))])
    assert (found["answers"], found["pairs"], found["model"], found["identity"]) == (2, 1, "toy", "0123456789abcdef")


def test_an_audit_takes_the_same_answers_each_time_and_no_more_than_asked(tmp_path):
    rows = [{"prompt": f"p{number}", "chosen": f"answer {number}", "rejected": "c"} for number in range(50)]
    model = Toy(lambda _, output: len(output))
    one = audit_reward_model(model, [str(write_lines(tmp_path / "a.jsonl", rows))], records=10)
    other = audit_reward_model(model, [str(write_lines(tmp_path / "b.jsonl", rows[::-1]))], records=10)
    assert one["answers"] == 10
    assert one["findings"] == other["findings"]


def test_nothing_to_audit_is_an_error(tmp_path):
    with pytest.raises(NoRecords, match="1 honest answer"):
        audit_reward_model(Toy(lambda *_: 0.0), [str(write_lines(tmp_path / "p.jsonl", [PAIR]))])
    with pytest.raises(LogError):
        audit_reward_model(Toy(lambda *_: 0.0), [str(write_lines(tmp_path / "x.jsonl", [{"a": 1}]))])


def test_a_model_of_length_on_real_answers():
    if not DATA.is_dir():
        pytest.skip("the real data is not here")
    found = audit_reward_model(Toy(lambda _, output: np.log1p(len(output))), [str(DATA / "preferences/hh_harmless.test.jsonl.gz")])
    values = {one["kind"]: one["estimate"] for one in found["findings"] if one["name"] == "trick"}
    assert (values["padded_2"], values["padded_5"], values["paragraph_twice"], values["null"]) == (1.0, 1.0, 1.0, 0.0)
    assert {"trick padded_2", "trick repeated"} <= set(found["defects"])
