"""Names on the command line to plain bytes: files, folders, globs, standard input; gz, bz2, xz and zst by their first bytes."""

import bz2
import codecs
import functools
import glob
import io
import lzma
import os
import stat
import sys
import tempfile
import zlib
from collections.abc import Callable, Generator, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from judgecli import outputs
from judgecli.errors import LogError, UsageError

STDIN = "-"
FOREIGN_FOLDERS = frozenset(("node_modules", "__pycache__", "site-packages", "venv"))  # of a folder's folders: what others wrote
LOG_SUFFIXES = frozenset((".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet", ".log"))
PACKED_SUFFIXES = frozenset((".gz", ".bz2", ".xz", ".zst"))
NO_LOGS = frozenset(
    (
        ".toml",
        ".md",
        ".rst",
        ".py",
        ".pyc",
        ".ipynb",
        ".js",
        ".ts",
        ".css",
        ".html",
        ".lock",
        ".yaml",
        ".yml",
        ".ini",
        ".cfg",
        ".sh",
        ".svg",
        ".png",
        ".jpg",
        ".pdf",
    )
)  # of a folder's files: what no app writes its log to
SETTING_FILES = frozenset(("package.json", "package-lock.json", "tsconfig.json", "composer.json", "manifest.json", "judge.schema.json", "rubric.schema.json"))
_MAGIC = ((b"\x1f\x8b", "gz"), (b"BZh", "bz2"), (b"\xfd7zXZ\x00", "xz"), (b"\x28\xb5\x2f\xfd", "zst"))
_PIECE = 65536  # compressed bytes handed to a decompressor at once
_TINY_PIECE = 256  # for zst, whose output cannot be bounded otherwise: at most 8 MB from one piece


def expand(logs: Sequence[str]) -> list[str]:
    """The files that these names mean, each once, in the order given and sorted within a folder or glob.

    Files, folders (recursive; hidden files, code, settings and what others wrote skipped), globs with `**`; `-` stays.
    Raises: LogError for a name that matches nothing.
    """
    files = dict.fromkeys(file for name in logs for file in _files_of(name))
    return list(files)


def check_encoding(encoding: str | None) -> None:
    """Raise UsageError for an encoding of text that Python does not know."""
    try:
        known = encoding is None or codecs.lookup(encoding)._is_text_encoding  # bytes-to-bytes codecs (zip, base64) are no text
    except LookupError:
        known = False
    if not known:
        raise UsageError(f"there is no text encoding '{encoding}'", hint="for example cp1252, latin-1, utf-16, shift_jis, gb18030")


def looks_like_log(path: str) -> bool:
    """Whether the name of a file that cannot be read as a log says that it should be one; an empty file holds nothing that is lost."""
    file = Path(path)
    suffixes = [suffix.lower() for suffix in file.suffixes]
    while suffixes and (suffixes[-1] in PACKED_SUFFIXES or suffixes[-1][1:].isdigit()):  # app.jsonl.1 is a rotated log
        suffixes.pop()
    return bool(suffixes) and suffixes[-1] in LOG_SUFFIXES and file.stat().st_size > 0


def open_plain(path: str, encoding: str | None = None) -> "PlainStream":
    """The plain bytes of a file (`-`: standard input), decompressed once if its first bytes say so, as UTF-8 where another `encoding` is named.

    Raises: LogError.
    """
    file = _open_regular(path)
    magic = file.read(6)
    file.seek(0)
    compression = next((name for start, name in _MAGIC if magic.startswith(start)), None)
    return PlainStream(file, compression, encoding)


class PlainStream(io.RawIOBase):
    """Decompressed bytes. Damage ends the stream early, after all bytes before it; `broken` then says what it was."""

    def __init__(self, file: BinaryIO, compression: str | None, encoding: str | None = None) -> None:
        self.compression = compression
        self.broken = ""
        self._file = file
        self._pieces: Iterator[bytes] | None = _decompress(file, compression) if compression else None
        if encoding is not None:
            self._pieces = _as_utf8(self._pieces or iter(lambda: file.read(_PIECE), b""), encoding)
        self._left = b""

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """Whether `seek` works: only where nothing is decompressed."""
        return self._pieces is None

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move in an uncompressed file."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """The place in an uncompressed file."""
        return self._file.tell()

    def skip(self, offset: int) -> bytes:
        """Go to plain byte `offset` from the start; returns the byte before it (empty at 0 or past the end)."""
        if self.seekable():
            self.seek(max(0, offset - 1))
            return self.read(1) if offset else b""
        last, left = b"", offset
        while left and (block := self.read(min(left, 1 << 20))):
            last, left = block[-1:], left - len(block)
        return last if not left else b""

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes (all of them if negative); empty at the end or where the file is broken."""
        if size < 0:
            return b"".join(iter(lambda: self.read(1 << 20), b""))
        if self._pieces is None:
            return self._read_file(size)
        while not self._left and not self.broken:
            try:
                self._left = next(self._pieces)
            except StopIteration:
                break
            except Damaged as error:
                self.broken = str(error)
        given, self._left = self._left[:size], self._left[size:]
        return given

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill `buffer` with the next bytes; for io.BufferedReader."""
        given = self.read(len(buffer))
        buffer[: len(given)] = given
        return len(given)

    def close(self) -> None:
        """Close the file underneath."""
        self._file.close()
        super().close()

    def _read_file(self, size: int) -> bytes:
        try:
            return self._file.read(size)
        except OSError as error:
            self.broken = f"reading failed: {error.strerror or error}"
            return b""


class Damaged(Exception):
    """A compressed file that ends early or does not decompress."""


Feed = Callable[[BinaryIO, bytes], Generator[bytes, None, bytes]]  # one member: yields plain pieces, returns the bytes after it


def _decompress(file: BinaryIO, compression: str) -> Iterator[bytes]:
    """Plain pieces of at most about 8 MB, over all members of the file. Raises: Damaged after the last good piece."""
    feed = _FEEDS[compression]
    magic = next(start for start, name in _MAGIC if name == compression)
    pending = b""
    while True:
        pending = pending or file.read(_PIECE)
        if not pending.strip(b"\0") and not (pending := file.read(_PIECE)):
            return  # the end, or zero padding after the last member
        if not pending.startswith(magic[: len(pending)]):
            raise Damaged(f"{compression}: bytes after the end that are not {compression}")
        pending = yield from feed(file, pending)


def _feed_zlib(file: BinaryIO, pending: bytes) -> Generator[bytes, None, bytes]:
    engine = zlib.decompressobj(wbits=31)
    while not engine.eof:
        pending = pending or file.read(_PIECE)
        if not pending:
            raise Damaged("gz: the file ends early")
        before = engine.copy()
        try:
            plain = engine.decompress(pending, 1 << 20)
        except zlib.error as error:
            yield _salvage(before, pending)
            raise Damaged(f"gz: {error}") from None
        pending = engine.unconsumed_tail
        if plain:
            yield plain
    return engine.unused_data


def _salvage(engine: "zlib._Decompress", pending: bytes) -> bytes:
    """What comes before the damage in one piece: a raising call gives nothing, so the bytes go in one by one."""
    plain = []
    try:
        for at in range(len(pending)):
            plain.append(engine.decompress(pending[at : at + 1]))
    except zlib.error:
        pass
    return b"".join(plain)


def _feed_bounded(name: str, make: Callable[[], "bz2.BZ2Decompressor | lzma.LZMADecompressor"]) -> Feed:
    def feed(file: BinaryIO, pending: bytes) -> Generator[bytes, None, bytes]:
        engine = make()
        while not engine.eof:
            if engine.needs_input and not (pending := pending or file.read(4096)):
                raise Damaged(f"{name}: the file ends early")
            try:
                plain = engine.decompress(pending if engine.needs_input else b"", 1 << 20)
            except (OSError, EOFError, ValueError, lzma.LZMAError) as error:
                raise Damaged(f"{name}: {error}") from None
            pending = b""
            if plain:
                yield plain
        return engine.unused_data

    return feed


def _feed_zstd(file: BinaryIO, pending: bytes) -> Generator[bytes, None, bytes]:
    import zstandard

    engine = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()
    while not engine.eof:
        pending = pending or file.read(_PIECE)
        if not pending:
            raise Damaged("zst: the file ends early")
        piece, pending = pending[:_TINY_PIECE], pending[_TINY_PIECE:]
        try:
            plain = engine.decompress(piece)
        except zstandard.ZstdError as error:
            raise Damaged(f"zst: {error}") from None
        if plain:
            yield plain
    return engine.unused_data + pending


_FEEDS: dict[str, Feed] = {
    "gz": _feed_zlib,
    "bz2": _feed_bounded("bz2", bz2.BZ2Decompressor),
    "xz": _feed_bounded("xz", lambda: lzma.LZMADecompressor(format=lzma.FORMAT_XZ)),
    "zst": _feed_zstd,
}


def local_path(path: str) -> str:
    """The path that holds the bytes of this name: standard input is copied once to a private temporary file."""
    return _stdin_copy() if path == STDIN else path


@functools.cache
def _stdin_copy() -> str:
    import atexit
    import shutil

    with tempfile.NamedTemporaryFile(prefix="judge-stdin-", delete=False) as copy:
        shutil.copyfileobj(sys.stdin.buffer, copy)
    atexit.register(lambda: Path(copy.name).unlink(missing_ok=True))
    return copy.name


def _open_regular(path: str) -> BinaryIO:
    """Open a regular file for reading; a pipe or a device could block or never end. Raises: LogError."""
    name = local_path(path)
    try:
        mode = os.stat(name).st_mode
        if not stat.S_ISREG(mode):
            kind = "a folder" if stat.S_ISDIR(mode) else "no regular file"
            raise LogError(f"{path} is {kind}", hint="name a log file, or pipe it in and name -")
        outputs.reads(name, "a file that is read")
        return open(name, "rb")
    except FileNotFoundError:
        raise LogError(f"there is no file {path}", hint="check the path; globs need quotes only where the shell should not expand them") from None
    except (OSError, ValueError) as error:
        raise LogError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}", hint="check the path and its permissions") from None


def _as_utf8(pieces: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """The same text in UTF-8, without a byte order mark. Raises: Damaged where the bytes are no text of this encoding."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    first = True
    for piece in chain(pieces, (None,)):
        try:
            text = decoder.decode(piece or b"", final=piece is None)
        except UnicodeError as error:
            raise Damaged(f"it is no {encoding} text: {error}") from None
        if text:
            yield (text.removeprefix("\ufeff") if first else text).encode("utf-8", "surrogatepass")
            first = False


def _files_of(name: str) -> list[str]:
    if name == STDIN:
        return [name]
    if os.path.isdir(name):
        found = _visible_files(name)
    elif os.path.lexists(name):
        return [name]
    else:
        matches = sorted(glob.glob(name, recursive=True)) if glob.has_magic(name) else []
        found = [
            file for match in matches for file in (_visible_files(match) if os.path.isdir(match) and "**" not in name else [match]) if os.path.isfile(file)
        ]
    if not found and os.path.isdir(name):
        raise LogError(
            f"{name} holds no file that could be a log (hidden files, code, settings and node_modules are not looked at)",
            hint="name the folder that holds the logs, or the file itself",
        )
    if not found:
        raise LogError(f"{name} matches no file", hint="name log files, folders or globs such as 'logs/**/*.jsonl.gz'; - is standard input")
    return found


def _visible_files(folder: str) -> list[str]:
    found = []
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in FOREIGN_FOLDERS)
        found += [os.path.join(parent, name) for name in files if not _is_no_log(name)]
    return sorted(file for file in found if os.path.isfile(file))


def _is_no_log(name: str) -> bool:
    return name.startswith(".") or os.path.splitext(name)[1].lower() in NO_LOGS or name.lower() in SETTING_FILES
