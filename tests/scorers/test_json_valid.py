"""json_valid by hand and on the JSON parsing suite."""

import base64
import gzip
import json
from pathlib import Path

import pytest

from judgecli.scorers.format.json_valid import json_valid

SUITE = Path(__file__).parents[2].parent / "shared" / "data" / "hostile" / "json_parsing.jsonl.gz"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1}', 1),
        (" \n[1, 2]", 1),
        ("[1]", 1),
        ("[]", 1),
        ('{"a": NaN}', 0),
        ("{'a': 1}", 0),
        ('{"a": 1', 0),
        ('{"a": 1} and more', 0),
        ("[1, 2", 0),
        ("[1] Smith 2020", None),
        ("[sic] it is", None),
        ("[link](https://a.example)", None),
        ("plain", None),
        ("", None),
        ("[" * 1_025 + "]" * 1_025, None),  # deeper than the parser follows
    ],
)
def test_by_hand(text, value):
    assert json_valid([text]) == [value]


def test_always_scores_every_text():
    assert json_valid(["plain", "1", "", None], always=True) == [0, 1, 0, None]


def test_the_json_suite():
    if not SUITE.exists():
        pytest.skip("the shared JSON suite is not at hand")
    with gzip.open(SUITE, "rt", encoding="utf-8") as lines:
        cases = [json.loads(line) for line in lines]
    for case in cases:
        try:
            text = base64.b64decode(case["base64"]).decode()
        except UnicodeDecodeError:
            continue
        [value] = json_valid([text], always=True)
        if case["expect"] == "accept":
            assert value == 1, case["name"]
        if case["expect"] == "reject":
            assert value != 1, case["name"]
