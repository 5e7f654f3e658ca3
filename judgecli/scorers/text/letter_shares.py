"""What kinds of characters the output is made of."""

from judgecli.arrays import Integers
from judgecli.derived import DIGIT, LETTER, UPPER, VISIBLE, Block, FloatArray, share
from judgecli.scorer import scorer


@scorer(kind="number", range=(0, 1), higher_is_better=None, version=1)
def non_letter_share(output_block: Block) -> FloatArray:
    """Share of the output's visible characters that are no letters.

    Columns: output. Returns: 1 - letters / characters that are no whitespace.
    Null: where the output is, or has whitespace only.
    Source: own; letters and whitespace as Python's `str.isalpha` and `str.isspace` (Unicode).

    >>> non_letter_share(["ab 12", "", None])
    [0.5, None, None]
    """
    visible = _visible(output_block)
    return share(visible - output_block.count_where(LETTER, str.isalpha), visible)


@scorer(kind="number", range=(0, 1), higher_is_better=None, version=1)
def uppercase_share(output_block: Block) -> FloatArray:
    """Share of the output's letters that are upper case.

    Columns: output. Returns: upper-case letters / letters. Null: where the output is, or has no letter.
    Source: own; letters and case as Python's `str.isalpha` and `str.isupper` (Unicode).

    >>> uppercase_share(["ABcd!", "42"])
    [0.5, None]
    """
    return share(output_block.count_where(UPPER, _is_upper_letter), output_block.count_where(LETTER, str.isalpha))


@scorer(kind="number", range=(0, 1), higher_is_better=None, version=1)
def digit_share(output_block: Block) -> FloatArray:
    """Share of the output's visible characters that are decimal digits.

    Columns: output. Returns: digits / characters that are no whitespace.
    Null: where the output is, or has whitespace only.
    Source: own; digits as Python's `str.isdecimal` (Unicode category Nd).

    >>> digit_share(["a 123", ""])
    [0.75, None]
    """
    return share(output_block.count_where(DIGIT, str.isdecimal), _visible(output_block))


def _visible(block: Block) -> Integers:
    return block.count_where(VISIBLE, _is_visible)


def _is_visible(character: str) -> bool:
    return not character.isspace()


def _is_upper_letter(character: str) -> bool:
    return character.isupper() and character.isalpha()
