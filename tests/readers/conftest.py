"""A log written to a temporary file and read whole."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest

from judgecli.readers.detect import detect
from judgecli.readers.log import Chunk, Detected, Shaping
from judgecli.readers.read import read_log
from judgecli.schema import RECORDS, BadLine, Label

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"


@dataclass
class Whole:
    """A log as read from end to end."""

    detected: Detected
    chunks: list[Chunk]

    @property
    def records(self) -> pa.Table:
        table = pa.concat_tables([chunk.records for chunk in self.chunks])
        assert table.schema.equals(RECORDS)
        return table

    @property
    def bad(self) -> list[BadLine]:
        return [bad for chunk in self.chunks for bad in chunk.bad]

    @property
    def labels(self) -> list[Label]:
        return [label for chunk in self.chunks for label in chunk.labels]

    def column(self, name: str) -> list[object]:
        return self.records.column(name).to_pylist()

    @property
    def reasons(self) -> list[str]:
        return [bad.reason for bad in self.bad]


def read_whole(path: str | Path, **asked: object) -> Whole:
    shaping = Shaping(**asked)  # type: ignore[arg-type]
    detected = Detected.from_json(detect(str(path), shaping).to_json())
    return Whole(detected, list(read_log(str(path), shaping, detected)))


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write(content: bytes | str, name: str = "log.jsonl") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@pytest.fixture
def read(write: Callable[..., Path]) -> Callable[..., Whole]:
    def read(content: bytes | str, **asked: object) -> Whole:
        return read_whole(write(content), **asked)

    return read


@pytest.fixture
def data() -> Path:
    if not DATA.is_dir():
        pytest.skip(f"the real data is not at {DATA.name}")
    return DATA


@pytest.fixture
def read_path() -> Callable[..., Whole]:
    return read_whole
