"""Whether the output is the same JSON as the reference."""

import json
from collections.abc import Sequence
from typing import NoReturn

from judgecli.scorer import Score, scorer
from judgecli.scorers.format.fenced import unfenced


@scorer(kind="rate", range=(0, 1), higher_is_better=True, version=1)
def json_match(output: Sequence[str], reference: Sequence[str], *, any_order: bool = False, fenced: bool = True) -> list[Score | float | None]:
    """1 where output and reference are equal as JSON, else 0.

    Columns: output, reference (N texts each). Returns: N rates, 0 or 1; a 0 for an output that is no
    JSON says so.
    Null where the reference is no JSON. Nested too deep to compare (about 300): unscored, metric_error.
    Options: any_order: lists are equal in any order too; fenced: a text that is one code fence is read
    by its body. Key order and white space never count, 1 equals 1.0, true does not equal 1.
    Texts inside are compared as they are encoded: a composed and a decomposed letter differ.
    Source: RFC 8259; duplicate keys: the last one counts.

    >>> json_match(['{"b": 1, "a": [2]}'], ['{"a": [2.0], "b": 1}'])
    [1.0]
    """
    return [_match(text, wanted, any_order, fenced) for text, wanted in zip(output, reference, strict=True)]


def _match(text: str, wanted: str, any_order: bool, fenced: bool) -> Score | float | None:
    try:
        try:
            expected = _form(_read(wanted.strip()), any_order)
        except ValueError:
            return None
        try:
            found = _form(_read(unfenced(text) if fenced else text.strip()), any_order)
        except ValueError as error:
            return Score(value=0.0, explanation=f"not JSON: {error}"[:300])
    except RecursionError:
        return Score(reason="metric_error", explanation="nested too deep to compare")
    return float(found == expected)


def _read(text: str) -> object:
    return json.loads(text, parse_constant=_no_number)


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _form(value: object, any_order: bool) -> str:
    """One text for all values that count as equal."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{_form(item, any_order)}" for key, item in sorted(value.items())) + "}"
    if isinstance(value, list):
        items = [_form(item, any_order) for item in value]
        return "[" + ",".join(sorted(items) if any_order else items) + "]"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value)
