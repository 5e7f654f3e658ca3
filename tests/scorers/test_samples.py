"""What six scorers reach on labelled texts that shaped nothing, and that their docstrings and docs/scorer.md say just that.

tests/data/samples holds a file a scorer. `part` says which half a text is in, by a hash of the text (all of `tests/data/samples`
was split before a pattern was written): the half `shaping` was looked at when the patterns were made, `measured` was only counted.
"""

import gzip
import hashlib
import json
from math import sqrt
from pathlib import Path

import pytest

from judgecli.catalog import load_scorer
from judgecli.scorer import Score

SAMPLES = Path(__file__).parents[1] / "data" / "samples"
PAGE = Path(__file__).parents[2] / "docs" / "scorer.md"
SHARED = Path(__file__).parents[2].parent / "shared" / "data"
UNSPACED = ("zh", "ja", "th", "km")
LOOP = 0.25  # of `repetition`: from here on a text counts as stuck in a loop
NAMES = ("injection_suspected", "pii_count", "refusal", "repetition", "truncated", "unsupported_entities")


def rows(name, part="measured"):
    lines = (SAMPLES / f"{name}.jsonl").read_text(encoding="utf-8").split("\n")
    return [row for row in map(json.loads, filter(None, lines)) if row["part"] == part]


def values(name, sample):
    columns = {"output": [row["text"] for row in sample]}
    if name == "unsupported_entities":
        columns["contexts"] = [row["contexts"] for row in sample]
    return [item.value if isinstance(item, Score) else item for item in load_scorer(name)(**columns)]


def found(name, sample):
    """Label and finding of each text that the scorer gave a value for and that has a label."""
    bar = LOOP if name == "repetition" else 1e-9
    pairs = zip(sample, values(name, sample), strict=True)
    return [(row["label"] > 0, value >= bar) for row, value in pairs if row["label"] is not None and value is not None]


def share(part, whole):
    """A share with its Wilson interval of 95 %, as the docstrings write it."""
    z, p = 1.959964, part / whole
    middle, half = (p + z * z / (2 * whole)) / (1 + z * z / whole), z * sqrt(p * (1 - p) / whole + z * z / (4 * whole * whole)) / (1 + z * z / whole)
    return f"{p:.2f} ({max(middle - half, 0):.2f} to {min(middle + half, 1):.2f})"


def reached(pairs):
    """Number of texts, and precision and recall with intervals."""
    right = sum(label and flag for label, flag in pairs)
    return len(pairs), share(right, sum(flag for _, flag in pairs)), share(right, sum(label for label, _ in pairs))


def said(text):
    return " ".join(text.split())


def measured(name):
    """The sentence that the docstring of a scorer holds."""
    if name == "repetition":
        with_spaces, without = (reached(found(name, [row for row in rows(name) if (row["language"] in UNSPACED) == unspaced])) for unspaced in (False, True))
        return (
            f"{with_spaces[0]} texts with spaces precision {with_spaces[1]}, recall {with_spaces[2]}; "
            f"{without[0]} without spaces precision {without[1]}, recall {without[2]}"
        )
    count, precision, recall = reached(found(name, rows(name)))
    return f"{count} labelled texts that shaped nothing: precision {precision}, recall {recall}"


@pytest.mark.parametrize("name", NAMES)
def test_the_docstring_says_what_the_measured_half_gives(name):
    assert measured(name) in said(load_scorer(name).__doc__)


@pytest.mark.parametrize("name", NAMES)
def test_the_page_says_the_same(name):
    page, line = said(PAGE.read_text(encoding="utf-8")), f"| `{name}` |"
    if name == "repetition":
        for unspaced, label in ((False, "with spaces"), (True, "without spaces")):
            count, precision, recall = reached(found(name, [row for row in rows(name) if (row["language"] in UNSPACED) == unspaced]))
            assert f"| `{name}`, {label} | {count} | {precision} | {recall} |" in page
    else:
        count, precision, recall = reached(found(name, rows(name)))
        assert f"{line} {count} | {precision} | {recall} |" in page


@pytest.mark.parametrize("name", NAMES)
def test_the_sample_is_as_described(name):
    both = [rows(name, part) for part in ("shaping", "measured")]
    texts = [row["text"] for half in both for row in half]
    assert len(texts) >= 390
    assert sum(not row["label"] for half in both for row in half) >= 0.45 * len(texts)
    assert len({row["language"] for half in both for row in half}) >= 10
    assert not {row["text"] for row in both[0]} & {row["text"] for row in both[1]} or name == "unsupported_entities"


def test_names_that_cannot_be_told_are_null():
    told = [row for row in rows("unsupported_entities") if row["label"] is None]
    assert len(told) >= 20
    assert set(values("unsupported_entities", told)) == {None}


def test_personal_data_is_counted_exactly_in_most_texts():
    sample = rows("pii_count")
    exact = sum(value == row["label"] for row, value in zip(sample, values("pii_count", sample), strict=True))
    assert f"the count is exact in {exact} of {len(sample)}" in said(load_scorer("pii_count").__doc__)


def alpaca_outputs():
    file = SHARED / "alpaca_eval" / "outputs_14_models.jsonl.gz"
    if not file.exists():
        pytest.skip("the shared answers of AlpacaEval are not at hand")
    with gzip.open(file, "rt", encoding="utf-8", newline="\n") as lines:
        return [(row["model"], row["output"]) for row in map(json.loads, lines)]


def test_ordinary_answers_are_hardly_ever_taken_for_an_injection():
    texts = [text for _, text in alpaca_outputs()]
    assert sum(value > 0 for value in values("injection_suspected", [{"text": text} for text in texts])) <= 3


def test_answers_of_others_that_were_cut_at_random():
    whole = [text for model, text in alpaca_outputs() if model in {"gpt-3.5-turbo-1106", "claude-2"} and len(text) > 200]
    halves = [(text, int(hashlib.sha256(text.encode()).hexdigest()[:8], 16)) for text in whole]
    cut = [text[: len(text) * (30 + place % 65) // 100] if place % 2 else text for text, place in halves]
    flags = [bool(value) for value in values("truncated", [{"text": text} for text in cut])]
    right = sum(flag and place % 2 for flag, (_, place) in zip(flags, halves, strict=True))
    assert right / sum(flags) >= 0.97
    assert right / sum(place % 2 for _, place in halves) >= 0.7
