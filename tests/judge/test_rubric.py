"""Rubrics: what is refused, with its place; the library; identities."""

import json

import pytest

from judgecli import catalog
from judgecli.config.rubric_file import read_rubric
from judgecli.errors import ConfigError, UnknownName, UsageError
from judgecli.judge.prompt import rubric_code, system_text
from judgecli.judge.rubric import higher_is_better, metric_kind, metric_range
from judgecli.judge.worked import agrees, expected_score
from judgecli.scorer import Score

GOOD = """name: mine
source: me
about: What it is about.
inputs: [input, output]
scale:
  kind: number
  anchors: {1: bad, 2: middling, 3: good}
instructions: Look.
cannot_judge: {when: never}
examples:
  - given: {input: a, output: b}
    verdict: {score: 3}
    why: because
"""
# spec/metrics.md section 3
LIBRARY = [
    "helpfulness",
    "correctness",
    "factual_correctness",
    "completeness",
    "conciseness",
    "coherence",
    "fluency",
    "relevance",
    "instruction_following",
    "style_adherence",
    "creativity",
    "summary_quality",
    "translation_quality",
    "code_review",
    "faithfulness",
    "hallucination",
    "answer_relevance",
    "context_relevance",
    "context_precision",
    "context_recall",
    "citation_faithfulness",
    "abstention",
    "harmlessness",
    "toxicity",
    "bias",
    "pii_leak",
    "refusal_appropriateness",
    "out_of_scope",
    "prompt_leak",
    "advice_limits",
    "conversation_completeness",
    "knowledge_retention",
    "role_adherence",
    "user_frustration",
    "turn_relevance",
    "task_completion",
    "tool_choice",
    "argument_correctness",
    "plan_quality",
    "plan_adherence",
    "step_efficiency",
    "goal_accuracy",
    "step_correctness",
    "preference",
    "best_of_n",
    "image_text_alignment",
    "image_quality",
    "caption_correctness",
    "recipe_quality",
]


def read(text: str):
    return read_rubric(text.encode(), file="mine.yaml")


@pytest.mark.parametrize(
    ("old", "new", "place", "message"),
    [
        ("source: me", "sourse: me", "mine.yaml:2:1", "no key 'sourse'"),
        ("name: mine", "name: Mine!", "mine.yaml:1:1", "name"),
        ("  kind: number", "  kind: numbers", "mine.yaml:5:1", "scale"),
        ("1: bad", "one: bad", "mine.yaml:7:3", "whole number"),
        ("inputs: [input, output]", "inputs: [input, answer]", "mine.yaml:4:", "inputs"),
        ("score: 3", "score: 4", "mine.yaml:12:5", "none of the whole numbers from 1 to 3"),
        ("score: 3", "rating: 3", "mine.yaml:12:5", "found rating"),
        ("output: b}", "outptu: b}", "mine.yaml:11:23", "'outptu' is none of the inputs"),
        ("instructions: Look.\n", "", "mine.yaml:1:1", "'instructions' is missing"),
        ("when: never", "when: never, reason: zero", "mine.yaml:9:29", "reason"),
        ("kind: number\n  anchors: {1: bad, 2: middling, 3: good}", "kind: claims\n  against: [contexts]", "mine.yaml:4:1", "contexts"),
        ("about: What", "about: *x", "mine.yaml:3:8", "stands for nothing"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(old, new, place, message):
    assert old in GOOD
    with pytest.raises(ConfigError) as caught:
        read(GOOD.replace(old, new))
    assert str(caught.value).startswith(place), str(caught.value)
    assert message in str(caught.value)
    assert caught.value.hint


def test_a_whole_rubric_is_read():
    rubric = read(GOOD)
    assert rubric.scale.values == [1, 2, 3]
    assert expected_score(rubric, rubric.examples[0]) == Score(value=3.0)
    assert (metric_kind(rubric.scale), metric_range(rubric.scale), higher_is_better(rubric.scale)) == ("number", (1.0, 3.0), True)


@pytest.mark.parametrize("change", [("Look.", "Look!"), ("good}", "fine}"), ("because", "since"), ("name: mine", "name: mine\nversion: 2")])
def test_every_text_is_part_of_the_identity(change):
    before, after = read(GOOD), read(GOOD.replace(*change))
    assert before.identity != after.identity
    assert rubric_code(before) != rubric_code(after)


def test_the_identity_does_not_depend_on_order_or_comments():
    assert read(GOOD).identity == read("# mine\n" + GOOD.replace("{1: bad, 2: middling, 3: good}", "{3: good, 1: bad, 2: middling}")).identity


def test_the_library_is_that_of_the_specification():
    assert sorted(catalog.rubric_names()) == sorted(LIBRARY)


@pytest.mark.parametrize("name", LIBRARY)
def test_every_rubric_of_the_library_holds(name):
    rubric = catalog.load_rubric(name)
    assert rubric.name == name
    assert len(rubric.examples) == 2
    assert rubric.scale.kind != "number" or len(rubric.scale.anchors) == len(rubric.scale.values), "every point is described"
    low, high = metric_range(rubric.scale)
    values = [score.value for example in rubric.examples if (score := expected_score(rubric, example)) is not None and score.value is not None]
    assert all((low is None or value >= low) and (high is None or value <= high) for value in values)
    for task in ("extract", "verify") if rubric.scale.kind == "claims" else (rubric.scale.kind,):
        text = system_text(rubric, task)
        assert rubric.instructions in text
        assert text.count("# Worked example") == 2
        assert "# The material" in text


@pytest.mark.parametrize("name", LIBRARY)
def test_a_rubric_is_a_scorer_like_any_other(name):
    spec = catalog.parse_spec(f"rubric:{name}")
    metric = catalog.bind(spec)
    assert metric.name == f"rubric.{name}"
    assert metric.identity != catalog.bind_rubric(catalog.Spec(spec.name, spec.target, {"models": ["a"]})).identity
    assert catalog.parse_spec(f"mine=rubric:{name}").name == "mine"
    assert catalog.parse_spec(f"rubric.{name}") == spec
    assert {column.source for column in metric.scorer.columns if column.required} >= set(catalog.load_rubric(name).inputs)


def test_a_rubric_of_ones_own_is_a_path(tmp_path):
    (tmp_path / "mine.yaml").write_text(GOOD)
    spec = catalog.parse_spec(f"rubric:{tmp_path}/mine.yaml")
    assert spec.name == "rubric.mine"
    assert catalog.bind(spec).scorer.range == (1.0, 3.0)
    with pytest.raises(UsageError, match="cannot read"):
        catalog.load_rubric(str(tmp_path / "none.yaml"))


def test_an_unknown_rubric_names_the_nearest():
    with pytest.raises(UnknownName) as caught:
        catalog.load_rubric("helpfulnes")
    assert "helpfulness" in caught.value.hint


def test_examples_agree_within_a_point():
    rubric = read(GOOD)
    assert agrees(rubric, Score(value=3), Score(value=2.0))
    assert not agrees(rubric, Score(value=3), Score(value=1.5))
    assert not agrees(rubric, Score(value=3), Score(reason="judge_parse"))
    assert agrees(rubric, Score(reason="judge_refused"), Score(reason="judge_refused"))


def test_committed_schema_is_the_generated_one():
    from judgecli.config.rubric_file import RUBRIC_SCHEMA_FILE, rubric_schema

    committed = (catalog.PACKAGE.parent / RUBRIC_SCHEMA_FILE).read_text(encoding="utf-8")
    assert json.loads(committed) == rubric_schema(), "run python docs/make_schema.py"


def test_the_schema_takes_the_whole_library():
    import jsonschema_rs
    import yaml

    validator = jsonschema_rs.validator_for(json.loads((catalog.PACKAGE.parent / "rubric.schema.json").read_text(encoding="utf-8")))
    for path in sorted(catalog.library_folder("rubrics").glob("*.yaml")):
        document = json.loads(json.dumps(yaml.safe_load(path.read_text(encoding="utf-8"))))
        assert [error.message for error in validator.iter_errors(document)] == [], path.name
    assert list(validator.iter_errors({"name": "mine"}))


def test_a_rubric_is_described_like_a_scorer():
    described = catalog.describe("rubric.toxicity")
    assert described == catalog.describe("rubric:toxicity")
    assert (described.theme, described.range, described.higher_is_better, described.columns) == ("rubric", (1.0, 5.0), False, ("output",))
    assert described.definition.startswith("How rude")


def test_what_the_app_thought_is_shown_only_where_a_rubric_asks(tmp_path):
    from judgecli.judge.prompt import sections_of

    message = {"role": "assistant", "parts": [{"type": "reasoning", "text": "hm"}, {"type": "text", "text": "six"}]}
    row = {"input": "when?", "output": "six", "reasoning": "hm", "output_messages": [message]}
    (tmp_path / "plain.yaml").write_text(
        GOOD.replace("inputs: [input, output]", "inputs: [input, output_messages]").replace("output: b", "output_messages: []")
    )
    (tmp_path / "asks.yaml").write_text(
        GOOD.replace("inputs: [input, output]", "inputs: [input, output_messages]\noptional: [reasoning]").replace("output: b", "output_messages: []")
    )
    plain, asks = (sections_of(read_rubric((tmp_path / name).read_bytes(), file=name), row) for name in ("plain.yaml", "asks.yaml"))
    assert [section.text for section in plain] == ["when?", "six"]
    assert [(section.field, section.text) for section in asks] == [
        ("input", "when?"),
        ("output_messages", "hm"),
        ("output_messages", "six"),
        ("reasoning", "hm"),
    ]
