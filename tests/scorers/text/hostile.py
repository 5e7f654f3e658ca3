"""Texts that a scorer must survive: edge cases of Unicode, the shared markers where they are at hand, and hypothesis."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import strategies
from markers import read_markers

SHARED = Path(__file__).parents[3].parent / "shared" / "data"
EDGES = [
    *("", " ", "\n", "a", "a ", " a", "\x00", "a\x00b", "a\x1cb\x1dc", "a\x85b", "a\xa0b", "a\u1680b\u2000c\u200ad\u2028e\u2029f\u202fg\u205fh\u3000i"),
    *(
        "\u200b\u200d",
        "\ufeff{}",
        "e\u0301 e\u0301",
        "naïve café Éa",
        "日本語のテキスト。二つ目！",
        "中文，没有空格。好吗？",
        "السلام عليكم؟ نعم.",
        "हिन्दी है। ठीक",
    ),
    *(
        "\U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "\U0001f1eb\U0001f1f7",
        "a\r\nb\r\n\r\na",
        "a\nb\na\n a \n",
        "x" * 63 + " " + "x" * 64 + " " + "x" * 65 + " " + "x" * 65,
    ),
    *(
        "ab" * 40 + " " + "ab" * 39 + "ac",
        "abcdefgh abcdefghi abcdefgh\x00 abcdefg",
        "?",
        "... wait. Really?! Yes",
        '"Quoted." (Then.) More',
        "3.5 is a no. e.g. this",
    ),
    *(
        "-\n- a\n* b",
        "{",
        "[",
        '{"a"',
        "```\ncode",
        "~~~",
        "\ud7ff\ue000\ufdd0\ufdd1?\uffff",
        "\U0010ffff",
        "made. ended wished wanted tables makes boxes the be",
        "A-b'c aei-ou y",
    ),
]
# Characters that this Python's Unicode knows: RE2 may know newer ones.
text = strategies.text(strategies.characters(exclude_categories=("Cs", "Cn")), max_size=60)
prose = strategies.lists(
    strategies.sampled_from(["a", "the", "Made", "b.", "c?", "d!)", "\n", " ", "\u2003", "e\u0301", "日。", "...", "- ", "7", "x" * 70, '"']), max_size=40
).map("".join)


def marked() -> list[str]:
    """The shared markers, and one text of them all. Skips where they are not at hand."""
    found = read_markers()
    if not found:
        pytest.skip("the shared markers are not at hand")
    return [*found, " ".join(found)]


def real() -> list[str]:
    """Outputs of fourteen models. Skips where they are not at hand."""
    path = SHARED / "alpaca_eval" / "outputs_14_models.jsonl.gz"
    if not path.exists():
        pytest.skip("the shared AlpacaEval outputs are not at hand")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line)["output"] for _, line in zip(range(1500), lines, strict=False)]
