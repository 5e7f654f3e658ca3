"""judge.schema.json: in step with the models, draft-07, and of one mind with `judge` about what is right."""

import importlib.util
import json
from pathlib import Path

import jsonschema_rs
import pytest
import yaml

from judgecli.config import load_settings
from judgecli.config.editor import MEANINGS, editor_schema
from judgecli.config.project import Project
from judgecli.errors import ConfigError

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*/judge.yaml"))


@pytest.fixture(scope="module")
def validator() -> jsonschema_rs.Draft7Validator:
    jsonschema_rs.meta.validate(editor_schema())
    return jsonschema_rs.Draft7Validator(json.loads((ROOT / "judge.schema.json").read_text(encoding="utf-8")))


def test_committed_schema_is_the_generated_one():
    spec = importlib.util.spec_from_file_location("make_schema", ROOT / "docs" / "make_schema.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (ROOT / "judge.schema.json").read_text(encoding="utf-8") == module.text(), "run python docs/make_schema.py"


def test_uses_only_what_draft_07_has():
    text = json.dumps(editor_schema())
    assert not [word for word in ("$defs", "prefixItems", "$dynamicRef", "unevaluated", "dependentRequired", '"title": "Gate"') if word in text]


def test_every_key_has_a_meaning():
    assert set(MEANINGS) == set(Project.model_fields)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_examples_are_valid(path, validator):
    assert [str(error) for error in validator.iter_errors(yaml.safe_load(path.read_text(encoding="utf-8")))] == []


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "logs: [{path: a, map: {output: x, tags.country: c, score.s: s, label.thumbs: t}}]",
        "scorers: [{heuristics: [words]}, {a: {regex: {pattern: x}}}, {b: {json_valid: null}}, {rubric: x, sample: 0.5}, {reward_model: r}]",
        "reward: {name: r, terms: {words: {weight: 1, range: [0, 9]}}, vetoes: [{metric: empty, at_most: 0}]}",
        'gates: [{reward: r, at_least: 0.5}, {measured: ">= 98%"}, {measured: 0.9}, {metric: m, at_most: 1, where: a}]',
        "feedback: [{format: trl-kto, path: p, sources: [user]}]",
        "keep: 180d",
    ],
)
def test_accepts_what_judge_accepts(text, validator, tmp_path):
    assert validator.is_valid(yaml.safe_load(text))
    (tmp_path / "judge.yaml").write_text(text)
    load_settings(folder=tmp_path, environment={})


@pytest.mark.parametrize(
    "text",
    [
        "loggs: []",
        "logs: [{path: a, map: {outputt: x}}]",
        "logs: [{format: a}]",
        "scorers: [words]",
        "scorers: [{heuristics: []}]",
        "scorers: [{a: {regex: {}, words: {}}}]",
        "reward: {name: r, terms: {}}",
        "reward: {name: r, terms: {words: {weight: 0}}}",
        "reward: {name: r, terms: {words: {weight: 1, range: [0]}}}",
        "reward: {name: r, terms: {words: {weight: 1}}, vetoes: [{metric: empty}]}",
        "gates: [{reward: r}]",
        "gates: [{reward: r, metric: m, at_least: 1}]",
        "gates: [{reward: r, at_least: 1, at_most: 2}]",
        "gates: [{measured: 98}]",
        "feedback: [{format: trl-kto, path: p, sources: [users]}]",
        "keep: soon",
        "policy: model",
    ],
)
def test_refuses_what_judge_refuses(text, validator, tmp_path):
    assert not validator.is_valid(yaml.safe_load(text))
    (tmp_path / "judge.yaml").write_text(text)
    with pytest.raises(ConfigError):
        load_settings(folder=tmp_path, environment={})
