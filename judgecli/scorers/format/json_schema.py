"""Whether the output is JSON that a schema allows, and how much of what it requires is there."""

import json
from collections.abc import Mapping, Sequence

import jsonschema_rs
import orjson

from judgecli.scorer import Score, scorer
from judgecli.scorers.format.fenced import unfenced

Schema = Mapping[str, object] | bool


@scorer(kind="rate", range=(0, 1), higher_is_better=True, version=1)
def json_schema(output: Sequence[str], *, schema: Mapping[str, object] | str, fenced: bool = True) -> list[Score | float]:
    """1 where the output is JSON that is valid under the schema, else 0.

    Columns: output (N texts). Returns: N rates, 0 or 1; a 0 explains the first error with its path.
    Null: never: an output that is no JSON is invalid.
    Options: schema (JSON Schema as a mapping or as JSON text; `$ref` to other documents is refused);
    fenced: a text that is one code fence is read by its body.
    Raises: ValueError for a schema that cannot be used.
    Source: JSON Schema 2020-12 and earlier drafts, by `$schema`; formats are not asserted, as the standard says.

    >>> [item if item == 1 else item.explanation for item in json_schema(['{"a": 1}', "{}"], schema={"required": ["a"]})]
    [1.0, '$: "a" is a required property']
    """
    validator = validator_of(schema)
    return [_verdict(text, validator, fenced) for text in output]


@scorer(kind="number", range=(0, 1), higher_is_better=True, version=1)
def json_schema_coverage(output: Sequence[str], *, schema: Mapping[str, object] | str, fenced: bool = True) -> list[Score | float | None]:
    """Share of the paths that the schema requires which the output has.

    Columns: output (N texts). Returns: N fractions in [0, 1]; an output that is no JSON has none: 0.
    Null where the schema requires no path: then there is nothing to cover.
    Options: schema, fenced (see json_schema). Paths are read from `properties`, `required` and the
    `items` of arrays; a required path below another required one counts too; one below an array is
    there if every item has it (an empty array has it). `$ref`, `allOf` and `if` are not followed.
    Raises: ValueError for a schema that cannot be used.
    Source: ours.

    >>> json_schema_coverage(['{"a": 1}'], schema={"required": ["a", "b"]})
    [Score(value=0.5, label=None, reason=None, explanation='missing: $.b', detail=None)]
    """
    validator_of(schema)
    paths = _required_paths(schema_of(schema))
    return [_coverage(text, paths, fenced) for text in output]


def schema_of(schema: Mapping[str, object] | str) -> Schema:
    """The schema as data. Raises: ValueError where it is neither a mapping nor JSON text of one."""
    if not isinstance(schema, str):
        return schema
    try:
        read = json.loads(schema)
    except ValueError as error:
        raise ValueError(f"schema is no JSON ({error}): {schema[:80]!r}; give the schema itself, not a path") from error
    if not isinstance(read, dict | bool):
        raise ValueError(f"schema must be a JSON object, got {schema[:80]!r}")
    return read


def validator_of(schema: Mapping[str, object] | str) -> jsonschema_rs.Validator:
    """A validator that never leaves the process: no remote or file `$ref`, linear patterns."""
    read = schema_of(schema)
    try:
        return jsonschema_rs.validator_for(dict(read) if isinstance(read, Mapping) else read, offline=True, pattern_options=jsonschema_rs.RegexOptions())
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        raise ValueError(f"schema cannot be used: {str(error).splitlines()[0]}") from error


def error_of(value: object, validator: jsonschema_rs.Validator) -> str | None:
    """The first error of a value as `path: message`, None where it is valid."""
    if validator.is_valid(value):
        return None
    error = next(iter(validator.iter_errors(value)))
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.instance_path)
    return f"${path}: {error.message}"[:300]


def _verdict(text: str, validator: jsonschema_rs.Validator, fenced: bool) -> Score | float:
    try:
        value = orjson.loads(unfenced(text) if fenced else text)
    except orjson.JSONDecodeError as error:
        return Score(value=0.0, explanation=f"not JSON: {error}"[:300])
    error_text = error_of(value, validator)
    return 1.0 if error_text is None else Score(value=0.0, explanation=error_text)


_ITEMS = None  # a step into every item of an array
JsonPath = tuple[str | None, ...]


def _required_paths(schema: object, above: JsonPath = ()) -> list[JsonPath]:
    if not isinstance(schema, Mapping):
        return []
    properties = schema.get("properties")
    properties = properties if isinstance(properties, Mapping) else {}
    required = [name for name in schema.get("required", ()) if isinstance(name, str)]
    paths: list[JsonPath] = []
    for name in dict.fromkeys(required):
        paths += [(*above, name), *_required_paths(properties.get(name), (*above, name))]
    return paths + _required_paths(schema.get("items"), (*above, _ITEMS))


def _coverage(text: str, paths: Sequence[JsonPath], fenced: bool) -> Score | float | None:
    if not paths:
        return None
    try:
        value = orjson.loads(unfenced(text) if fenced else text)
    except orjson.JSONDecodeError as error:
        return Score(value=0.0, explanation=f"not JSON: {error}"[:300])
    missing = [path for path in paths if not _has(value, path)]
    if not missing:
        return 1.0
    names = ["$" + "".join("[]" if step is _ITEMS else f".{step}" for step in path) for path in missing]
    return Score(value=1 - len(missing) / len(paths), explanation=f"missing: {', '.join(names)}"[:300])


def _has(value: object, path: JsonPath) -> bool:
    if not path:
        return True
    step, below = path[0], path[1:]
    if step is _ITEMS:
        return isinstance(value, list) and all(_has(item, below) for item in value)
    return isinstance(value, dict) and step in value and _has(value[step], below)
