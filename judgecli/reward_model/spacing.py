"""Whitespace and lower case, told cheaply of texts that have nothing odd: most have not."""

_ODD = "\t\r\x0b\x0c\x1c\x1d\x1e\x1f"  # what str.split() takes for whitespace beside the space and the line break
_WIDE_ODD = "\x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
_ASCII = bytes(range(128))


def plain_lines(text: str) -> bool:
    r"""Whether each line of a text is as `" ".join(line.split())` would leave it; false for some that are, which costs time alone.

    >>> [plain_lines(text) for text in ("a b\nc", "a  b", " a", "a\tb", "a\xa0b")]
    [True, False, False, False, False]
    """
    if "  " in text or " \n" in text or "\n " in text or text[:1] == " " or text[-1:] == " ":
        return False
    return not any(sign in text for sign in (_ODD if text.isascii() else _ODD + _WIDE_ODD))


def single_spaced(text: str) -> str:
    r"""The words of a text with one space between each two.

    >>> single_spaced(" a\n\n b ")
    'a b'
    """
    if not plain_lines(text):
        return " ".join(text.split())
    return " ".join(filter(None, text.split("\n"))) if "\n" in text else text


def lower_bytes(text: str) -> bytes:
    """`text.lower()` as UTF-8, a lone surrogate as a question mark; quick where no letter beyond ASCII has another case."""
    if text.isascii() or caseless(text):
        return text.encode("utf-8", "replace").lower()
    return text.lower().encode("utf-8", "replace")


def caseless(text: str) -> bool:
    r"""Whether no character beyond ASCII changes with case or is whitespace.

    >>> [caseless(text) for text in ("it’s", "Ärger", "a\xa0b", "漢字")]
    [True, False, False, True]
    """
    wide = text.encode("utf-8", "replace").translate(None, _ASCII).decode()
    return wide.casefold() == wide and wide.lower() == wide and not any(sign in wide for sign in _WIDE_ODD)
