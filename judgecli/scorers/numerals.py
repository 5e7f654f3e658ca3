"""Numbers written in a text."""

import re
from decimal import Decimal

# A number does not begin inside a word or another number; commas part groups of three digits only.
# Digit runs are bounded: longer ones are no quantity, and a search stays linear.
_NUMBER = re.compile(
    r"(?<![\w.])(?<!\d,)[-+−]?(?:\d{1,3}(?:,\d{3}){1,9}(?![\d,]*\d)|\d{1,40}(?!\d))(?:\.\d{1,40}(?!\d))?(?:[eE][-+]?\d{1,2}(?!\d))?(?!\.?\d)", re.ASCII
)
_INSIDE_LIST = re.compile(r"(?<=\d),(?=\d)")


def numbers_in(text: str) -> list[Decimal]:
    """The numbers of a text in order: digits with an optional sign, decimals and exponent.

    "1,234" is one number, "1,2,3" are three; digits inside words ("B2B", "v2") and versions are none.

    >>> [str(number) for number in numbers_in("From 1,234.50 to -3, 10-20; v2 and 1,2,3.")]
    ['1234.50', '-3', '10', '20', '1', '2', '3']
    """
    written = (found[0].replace(",", "").replace("−", "-") for found in _NUMBER.finditer(_parted(text)))
    return [Decimal(number) for number in written]


_GROUPED = re.compile(r"\d{1,3}(?:,\d{3}){1,9}", re.ASCII)


def _parted(text: str) -> str:
    """The text with a space after each comma between digits that does not part thousands."""
    if not _INSIDE_LIST.search(text):
        return text
    return re.sub(r"\d[\d,]*", lambda run: run[0] if _GROUPED.fullmatch(run[0]) else run[0].replace(",", ", "), text)
