"""Bytes to entries: the lines of JSONL, the elements of a JSON array, one whole object; in bounded memory."""

import hashlib
import re
from collections.abc import Iterator
from typing import NamedTuple

from judgecli.readers.log import Position, digest_of
from judgecli.readers.source import PlainStream

BLOCK = 1 << 20
BOM = b"\xef\xbb\xbf"
_STRING_REST = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_STRUCTURE = re.compile(rb'["\[\]{},]')
_START_BYTES = 1024  # of an entry that is too long to hold


class Entry(NamedTuple):
    """Raw bytes of one line or element, and where they stand. `end` is the plain byte offset after it.

    `digest` is set where `raw` is only the start of an entry over the limit. `whole` is False for what
    the end of the file cut off. `last_line` is the physical line that the entry ends on.
    """

    raw: bytes
    line: int
    offset: int
    end: int
    last_line: int
    whole: bool = True
    digest: str = ""


def lines_of(stream: PlainStream, start: Position, limit: int, *, as_is: bool = False) -> Iterator[Entry]:
    """Every line from `start` on (where `as_is` with blank lines and carriage returns), split at \\n only, without one trailing \\r."""
    before = stream.skip(start.offset)
    offset = start.offset
    # Bytes that continue an unterminated line belong to that line's number.
    line = start.line if before in (b"", b"\n") else start.line - 1
    for raw, terminated, size, digest in _raw_lines(stream, limit):
        line += 1
        begin, offset = offset, offset + size
        if begin == 0 and raw.startswith(BOM):
            raw, begin = raw[3:], 3
        if raw.endswith(b"\r") and not digest and not as_is:
            raw = raw[:-1]
        if as_is or digest or not (not raw or raw.isspace()):
            yield Entry(raw, line, begin, end=offset, last_line=line, whole=terminated, digest=digest)


def _raw_lines(stream: PlainStream, limit: int) -> Iterator[tuple[bytes, bool, int, str]]:
    """(bytes, terminated, size with its newline, digest if cut): what `lines_of` numbers."""
    parts: list[bytes] = []
    held = 0
    while block := stream.read(BLOCK):
        first, newline, rest = block.partition(b"\n")
        parts.append(first)
        held += len(first)
        if held > limit:
            hashed, start = hashlib.blake2b(digest_size=16), b""
            for part in parts:
                hashed.update(part)
                start = (start + part[:_START_BYTES])[:_START_BYTES]
            parts = []
            while not newline and (block := stream.read(BLOCK)):
                first, newline, rest = block.partition(b"\n")
                hashed.update(first)
                held += len(first)
            yield start, bool(newline), held + len(newline), hashed.hexdigest()
        elif newline:
            yield b"".join(parts), True, held + 1, ""
        if newline:
            *lines, tail = rest.split(b"\n")
            for line in lines:
                yield (line, True, len(line) + 1, "") if len(line) <= limit else (line[:_START_BYTES], True, len(line) + 1, digest_of(line).hex())
            parts, held = [tail], len(tail)
        elif not parts:
            return  # the file ended inside a line that is too long
    if held:
        tail = b"".join(parts)
        yield (tail, False, held, "") if held <= limit else (tail[:_START_BYTES], False, held, digest_of(tail).hex())


def elements_of(stream: PlainStream, limit: int) -> Iterator[Entry]:
    """Every element of one JSON array, as its raw bytes without the white space around them.

    Only strings and brackets are looked at, so that a malformed element is one bad entry and not the
    end. What follows the closing bracket is one more entry, which is no element.
    """
    scan = _ArrayScan(limit)
    while block := stream.read(BLOCK):
        yield from scan.feed(block)
    yield from scan.finish()


class _ArrayScan:
    """State of the walk through an array: the element at hand (`buffer` from `base` on), the nesting depth, inside a string or not."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.buffer = b""
        self.base = 0  # where the element at hand starts in the buffer
        self.at = 0  # scanned up to here
        self.offset = 0  # plain offset of `base`
        self.line = 1  # physical line of `base`
        self.depth = 0
        self.in_string = False
        self.closed = False
        self.separated = False  # a comma was seen: an element must follow
        self.long: _LongElement | None = None

    def feed(self, block: bytes) -> Iterator[Entry]:
        """The elements that this block completes."""
        self.buffer = self.buffer[self.base :] + block
        self.at, self.base = self.at - self.base, 0
        while self._advance():
            token = self.buffer[self.at]
            self.at += 1
            if token == 0x22:
                self.in_string = not self.in_string
            elif token in b"[{":
                self.depth += 1
                if self.depth == 1:
                    self._drop()
            elif token == 0x2C:
                if self.depth == 1:
                    yield from self._element(comma=True)
            else:
                self.depth -= 1
                if self.depth == 0:
                    yield from self._element(comma=False)
                    self.closed = True
        if self.long or len(self.buffer) - self.base > self.limit:
            self._shed()

    def finish(self) -> Iterator[Entry]:
        """What the end of the file left: an element without its end, or bytes after the array."""
        rest = self.buffer[self.base :]
        if rest.strip() or self.long:
            yield self._entry(rest, whole=self.closed)

    def _advance(self) -> bool:
        """Move to the next quote, bracket or comma outside strings; False where more bytes are needed."""
        if self.in_string:
            found = _STRING_REST.match(self.buffer, self.at)
            self.at = found.end() if found else self.at
            return self.at < len(self.buffer) and self.buffer[self.at] == 0x22
        token = None if self.closed else _STRUCTURE.search(self.buffer, self.at)
        self.at = token.start() if token else len(self.buffer)
        return token is not None

    def _element(self, *, comma: bool) -> Iterator[Entry]:
        raw = self.buffer[self.base : self.at - 1]
        if comma or self.separated or self.long or raw.strip():
            yield self._entry(raw)
        self.separated = comma
        self._drop()

    def _entry(self, raw: bytes, *, whole: bool = True) -> Entry:
        end, last_line = self.offset + len(raw), self.line + raw.count(b"\n")
        if self.long:
            long, self.long = self.long, None
            long.hash.update(raw.rstrip())
            return Entry(long.start, long.line, long.offset, end=end, last_line=last_line, whole=whole, digest=long.hash.hexdigest())
        body = raw.strip()
        lead = raw[: len(raw) - len(raw.lstrip())]
        digest = digest_of(body).hex() if len(body) > self.limit else ""
        return Entry(
            body[:_START_BYTES] if digest else body,
            self.line + lead.count(b"\n"),
            self.offset + len(lead),
            end=end,
            last_line=last_line,
            whole=whole,
            digest=digest,
        )

    def _drop(self, end: int | None = None) -> None:
        """Let the element at hand start at `end`, or after what was scanned."""
        end = self.at if end is None else end
        self.line += self.buffer.count(b"\n", self.base, end)
        self.offset += end - self.base
        self.base = end

    def _shed(self) -> None:
        """Let go of the bytes of an element over the limit, keeping its start and its hash."""
        held = self.buffer[self.base : self.at]
        if not self.long:
            body = held.lstrip()
            lead = held[: len(held) - len(body)]
            self.long = _LongElement(self.line + lead.count(b"\n"), self.offset + len(lead), body[:_START_BYTES])
            held = body
        kept = held if self.in_string else held.rstrip()  # white space may turn out to be that after the element
        self.long.hash.update(kept)
        self._drop(self.at - (len(held) - len(kept)))


class _LongElement:
    """An element that is not held: where it began, its first bytes, the hash of what was let go."""

    def __init__(self, line: int, offset: int, start: bytes) -> None:
        self.line = line
        self.offset = offset
        self.start = start
        self.hash = hashlib.blake2b(digest_size=16)


def whole_of(stream: PlainStream, limit: int) -> Iterator[Entry]:
    """The whole file as one entry (one JSON object over many lines)."""
    raw = stream.read(limit + 1) if stream.seekable() else _read_up_to(stream, limit + 1)
    size = len(raw)
    body = raw.removeprefix(BOM)
    lead = len(body) - len(body.lstrip())
    first = 1 + body.count(b"\n", 0, lead)
    digest = digest_of(raw).hex() if size > limit else ""
    text = body.strip()
    yield Entry(
        text[:_START_BYTES] if digest else text,
        first,
        size - len(body) + lead,
        end=size,
        last_line=1 + raw.count(b"\n"),
        whole=not stream.broken,
        digest=digest,
    )


def _read_up_to(stream: PlainStream, size: int) -> bytes:
    parts: list[bytes] = []
    held = 0
    while held < size and (block := stream.read(min(BLOCK, size - held))):
        parts.append(block)
        held += len(block)
    return b"".join(parts)
