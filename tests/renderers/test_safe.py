import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judgecli.renderers.safe import csv_cell, json_line, json_text, terminal_line, terminal_text

TRIGGERS = "=+-@|%\t\r\n＝＋－＠"


def is_control(character):
    code = ord(character)
    return (
        (code < 0x20 and character not in "\n\t")
        or 0x7F <= code < 0xA0
        or unicodedata.category(character) in ("Cf", "Cs", "Zl", "Zp")
        or unicodedata.bidirectional(character) in ("LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI")
    )


CONTROLS = [
    chr(code)
    for code in range(0x110000)
    if is_control(chr(code)) and chr(code) not in "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
]


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("plain\ttext\n", "plain\ttext\n"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("\x1b]52;c;aGk=\x07", "\\x1b]52;c;aGk=\\x07"),
        ("\x9b2J", "\\x9b2J"),
        ("over\rwritten", "over\\rwritten"),
        ("a\u202eb", "a\\u202eb"),
        ("a\u200bb", "a\\u200bb"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
        ("naïve 日本 🚀 [bold]x[/bold]", "naïve 日本 🚀 [bold]x[/bold]"),
    ],
)
def test_terminal_text_by_hand(text, safe):
    assert terminal_text(text) == safe


def test_no_control_character_passes():
    assert len(CONTROLS) > 150
    passed = [
        hex(ord(character))
        for character in CONTROLS
        if character in terminal_text(f"a{character}b") and not 0x1BCA0 <= ord(character) <= 0x1D17A and not 0x13430 <= ord(character) < 0x13460
    ]
    assert passed == []


@given(st.text(st.characters()))
def test_terminal_text_is_safe_and_settled(text):
    safe = terminal_text(text)
    assert not any(ord(character) < 0x20 and character not in "\n\t" for character in safe)
    assert terminal_text(safe) == safe
    safe.encode()


def test_terminal_line_stays_on_its_line():
    assert terminal_line("a\nb\tc\x1b") == "a\\nb\\tc\\x1b"
    assert terminal_line("abcdef", limit=4) == "abc…"


@pytest.mark.parametrize("value", ["-1.5", "+3", "-0", "1e-9", "-.5", "plain", "a=1", "", "2026-10-01", "a@b.c", 3, -2.5, None, True])
def test_numbers_and_plain_text_are_untouched(value):
    assert csv_cell(value) is value


HIDING = ["", " ", "  ", "\u200b", "\ufeff", "\xa0", "\u3000", '"', "'", "\u2060 ", "\x00", "\u00ad"]
FORMULAS = [
    "=1+1",
    "=cmd|'/C calc'!A0",
    "+1+1",
    "-1+1",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "|calc",
    "%0A=1",
    "-Infinity",
    '=HYPERLINK("http://x")',
    "＝1+1",
    "−2+3",
]


@pytest.mark.parametrize("payload", [hidden + formula for hidden in HIDING for formula in FORMULAS])
def test_168_formulas_are_dead(payload):
    assert csv_cell(payload) == f"'{payload}"


@given(st.text())
def test_no_cell_begins_with_a_trigger_unless_a_number(text):
    cell = csv_cell(text)
    if cell and cell[0] in TRIGGERS:
        float(cell)


def test_json_is_strict_and_escaped():
    text = json_text({"a": "\x1b[2J\u202e\x9b\U000e0041 é", "b": None, "c": [1.5, "\ud800"]})
    assert not any(is_control(character) for character in text)
    assert json.loads(text) == {"a": "\x1b[2J\u202e\x9b\U000e0041 é", "b": None, "c": [1.5, "\\ud800"]}
    assert json_line({"a": "\u202e"}) == b'{"a":"\\u202e"}\n'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_json_has_no_number_that_is_not_finite(value):
    with pytest.raises(ValueError, match=r"at \$\.a\[1\] is not a number that JSON has"):
        json_text({"a": [1, value]})
