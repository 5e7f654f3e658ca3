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
    return text if "\n" not in text and plain_lines(text) else " ".join(text.split())


def lower_bytes(text: str) -> bytes:
    """`text.lower()` as UTF-8, a lone surrogate as a question mark; quick where no letter beyond ASCII has a lower case."""
    raw = text.encode("utf-8", "replace")
    if not text.isascii():
        wide = raw.translate(None, _ASCII).decode()
        if wide.lower() != wide:
            return text.lower().encode("utf-8", "replace")
    return raw.lower()
