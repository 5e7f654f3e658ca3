"""Refused lines as data: what stands in the quarantine file, one JSON object a line.

{"file":"app.jsonl","line":7,"offset":912,"digest":"…","reason":"not_json","message":"…","excerpt":"{\\"a\\": "}
"""

from dataclasses import asdict

import orjson

from judgecli.readers.adapter import RefusedLine
from judgecli.readers.log import digest_of
from judgecli.schema import BadLine

EXCERPT_CHARACTERS = 200


def bad_line(refused: RefusedLine, raw: bytes, *, file: str, line: int, offset: int, digest: str | None = None) -> BadLine:
    """The quarantined form of a refused entry. `digest` where `raw` holds only the start of it."""
    said = excerpt(str(refused).encode("utf-8", "replace"))
    return BadLine(file, line, offset, digest=digest or digest_of(raw).hex(), reason=refused.reason, excerpt=excerpt(raw), message=said)


def excerpt(raw: bytes) -> str:
    """At most 200 characters of `raw`, with all that does not print escaped.

    >>> excerpt(b"a\\x1b[31m\\xff")
    'a\\\\x1b[31m\\\\xff'
    """
    text = raw[: EXCERPT_CHARACTERS * 4].decode("utf-8", "backslashreplace")[:EXCERPT_CHARACTERS]
    return "".join(character if character.isprintable() else _escaped(character) for character in text)[:EXCERPT_CHARACTERS]


def quarantine_line(bad: BadLine) -> str:
    """One line of the quarantine file, without its line end."""
    return orjson.dumps(asdict(bad)).decode()


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
