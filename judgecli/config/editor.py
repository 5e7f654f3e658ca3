"""The shape of judge.yaml as JSON Schema (draft-07), for editors: completion, hovers and red lines while one types.

Made from the models of project.py, so there is one truth. What the models check in code (a gate asks
one thing) is added here; what needs the machine (a time zone, a file) is left to `judge` itself.
"""

from collections.abc import Mapping
from typing import Any

from judgecli.config.project import MAPPED_PREFIXES, Project
from judgecli.schema import MAPPABLE

SCHEMA_FILE = "judge.schema.json"
TITLE = "judge.yaml"
MEANINGS = {
    "store": "Folder of the store; default .judge.",
    "logs": "What is read: path, format, zone, encoding, map.",
    "policy": "The columns that tell one variant of the app from another.",
    "cluster": "The column that statistics treat as one unit; default session, else user, else the prompt.",
    "scorers": "What is measured; default: the default set.",
    "value": "The decayed mean V and session returns.",
    "group": "The column that makes a prompt group; default: the normalised prompt.",
    "reward": "One number of several scores: weighted terms, and vetoes that make it zero.",
    "gates": "Questions that `judge check` and `judge run` answer with an exit code.",
    "alarms": "What is watched day by day: the budget of false alarms, the reference, lateness, a webhook.",
    "align": "Which labels of people say what a metric should have been: its corrected mean stands beside the raw one.",
    "keep": "Records older than this are forgotten, for example 180d.",
    "redact": "What is replaced before anything is stored.",
    "report": "Where `judge run` writes its report.",
    "feedback": "The training files that `judge run` writes.",
    "measured": "Share that must be measured for exit code 0; default 0.98.",
    "max_bad": "Share of lines that may be quarantined; default 0.01.",
    "workers": "Worker processes; default one a core.",
}


def editor_schema() -> dict[str, Any]:
    """The schema of judge.yaml as a JSON document: draft-07, keys in a fixed order."""
    found = Project.model_json_schema(mode="validation")
    shapes: dict[str, Any] = found.pop("$defs")
    shapes["Named"] = _named()
    shapes["Log"]["properties"]["map"]["propertyNames"] = _mapped_names()
    shapes["Gate"]["allOf"] = [
        _exactly_one("reward", "metric", "measured"),
        {"anyOf": [{"required": ["measured"]}, _exactly_one("at_least", "at_most", "not_worse_than")]},
    ]
    shapes["Veto"] |= _exactly_one("at_most", "at_least")
    for name, meaning in MEANINGS.items():
        found["properties"][name] = {"description": meaning, **_described(found["properties"][name])}
    document = {"$schema": "http://json-schema.org/draft-07/schema#", **found, "title": TITLE, "description": "What judge measures of an app, and how."}
    return dict(_draft_07({**document, "definitions": dict(sorted(shapes.items()))}))


def _named() -> dict[str, Any]:
    """NAME: {SCORER: {OPTION: value}}, as it is written; the model reads it into three parts."""
    scorer = {"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": {"type": ["object", "null"]}}
    return {
        "description": "NAME: {SCORER: {OPTION: value}}: a scorer with options, under a name of its own.",
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "propertyNames": {"pattern": r"^[A-Za-z_][A-Za-z0-9_.-]*$", "not": {"enum": ["heuristics", "rubric", "reward_model"]}},
        "additionalProperties": scorer,
    }


def _mapped_names() -> dict[str, Any]:
    prefixes = "|".join(prefix.rstrip(".") for prefix in MAPPED_PREFIXES)
    return {"anyOf": [{"enum": list(MAPPABLE)}, {"pattern": rf"^({prefixes})\..+$"}]}


def _exactly_one(*names: str) -> dict[str, Any]:
    return {"oneOf": [{"required": [name]} for name in names]}


def _described(shape: Mapping[str, Any]) -> dict[str, Any]:
    """`shape`, with a $ref put where draft-07 does not let it hide its neighbours."""
    rest = {name: value for name, value in shape.items() if name != "$ref"}
    return {**rest, "allOf": [{"$ref": shape["$ref"]}]} if "$ref" in shape else rest


def _draft_07(value: Any, *, names: bool = False) -> Any:
    """`value` without generated titles and null defaults, references as draft-07 writes them. `names`: its keys are names of the user."""
    if isinstance(value, list):
        return [_draft_07(item) for item in value]
    if not isinstance(value, dict):
        return value.replace("#/$defs/", "#/definitions/") if isinstance(value, str) else value
    if names:
        return {name: _draft_07(item) for name, item in value.items()}
    kept = {name: item for name, item in value.items() if not (name == "default" and item is None) and not (name == "title" and item != TITLE)}
    return {name: _draft_07(item, names=name in ("properties", "definitions", "patternProperties")) for name, item in kept.items()}
