"""One encoding for texts that are the same to every reader."""

import unicodedata
from collections.abc import Sequence


def canonical(text: str) -> str:
    """The text in Unicode's composed form (NFC): a letter and its accent are one character where there is one for both.

    >>> canonical("cafe\u0301") == "caf\u00e9"
    True
    """
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def all_canonical(texts: Sequence[str]) -> list[str]:
    """Each text in composed form."""
    return [text if text.isascii() else unicodedata.normalize("NFC", text) for text in texts]
