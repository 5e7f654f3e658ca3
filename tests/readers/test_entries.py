"""Bytes to entries: places, limits, the array splitter against the json module."""

import io
import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from judgecli.readers import entries
from judgecli.readers.log import Position, digest_of


class Stream(io.BytesIO):
    """A plain stream that gives few bytes at a time."""

    broken = ""

    def __init__(self, content: bytes, step: int = 1 << 20) -> None:
        super().__init__(content)
        self.step = step

    def read(self, size: int = -1) -> bytes:
        return super().read(min(size, self.step) if size >= 0 else size)

    def skip(self, offset: int) -> bytes:
        self.seek(max(0, offset - 1))
        return super().read(1) if offset else b""


def lines(content: bytes, step: int = 7, limit: int = 1000, start: Position | None = None) -> list[entries.Entry]:
    return list(entries.lines_of(Stream(content, step), start or Position(), limit))


@given(st.lists(st.binary(max_size=30).map(lambda raw: raw.replace(b"\n", b""))), st.booleans(), st.integers(1, 40))
def test_lines_tile_the_file(raws, terminated, step):
    content = b"\n".join(raws) + (b"\n" if terminated else b"")
    for entry in lines(content, step):
        lead = 3 if entry.offset == 3 and content.startswith(entries.BOM) else 0
        assert content[entry.offset :].startswith(entry.raw)
        assert content[: entry.offset].count(b"\n") == entry.line - 1
        assert entry.offset - lead == 0 or content[entry.offset - 1 : entry.offset] == b"\n"
    wanted = [raw.removesuffix(b"\r") for raw in content.removeprefix(entries.BOM).split(b"\n")]
    assert [entry.raw for entry in lines(content, step)] == [raw for raw in wanted if raw.strip()]


def test_lines_split_at_line_feeds_only():
    content = '\ufeff{"a":"\u2028\u0085\x0b"}\r\n\n  \n{"b":1}'.encode()
    first, second = lines(content)
    assert (first.raw.decode(), first.line, first.offset, first.whole) == ('{"a":"\u2028\u0085\x0b"}', 1, 3, True)
    assert (second.raw, second.line, second.whole, second.end) == (b'{"b":1}', 4, False, len(content))


@pytest.mark.parametrize("step", [1, 3, 1000])
def test_long_lines_are_not_held(step):
    content = b"short\n" + b"x" * 50 + b"\nlast\n" + b"y" * 30
    found = lines(content, step, limit=20)
    assert [entry.raw[:5] for entry in found] == [b"short", b"xxxxx", b"last", b"yyyyy"]
    assert [entry.digest for entry in found] == ["", digest_of(b"x" * 50).hex(), "", digest_of(b"y" * 30).hex()]
    assert [entry.line for entry in found] == [1, 2, 3, 4]
    assert [entry.whole for entry in found] == [True, True, True, False]


def test_reading_goes_on_at_a_position():
    content = b"a\nbb\nccc\n"
    assert [(e.raw, e.line) for e in lines(content, start=Position(2, 1))] == [(b"bb", 2), (b"ccc", 3)]
    assert [(e.raw, e.line) for e in lines(b"a\nbb" + b"\nccc\n", start=Position(4, 2))] == [(b"ccc", 3)]
    assert lines(content, start=Position(9, 3)) == []


def elements(content: bytes, step: int = 5, limit: int = 1000) -> list[entries.Entry]:
    return list(entries.elements_of(Stream(content, step), limit))


JSON = st.recursive(
    st.none() | st.integers() | st.text(alphabet='ab"\\[]{},\n é'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet='"\\]}'), inner, max_size=3),
    max_leaves=6,
)


@given(st.lists(JSON, max_size=6), st.sampled_from([None, 1, 3]), st.integers(1, 30))
@example([{"a": "]"}, "x\\"], None, 1)
@settings(max_examples=300)
def test_elements_are_those_of_the_json_module(values, indent, step):
    content = b" \n" + json.dumps(values, indent=indent).encode() + b" \n"
    found = elements(content, step)
    assert [json.loads(entry.raw) for entry in found] == values
    for entry in found:
        assert content[entry.offset :].startswith(entry.raw)
        assert entry.raw == entry.raw.strip()
        assert content[: entry.offset].count(b"\n") == entry.line - 1
        assert entry.whole


@pytest.mark.parametrize(
    ("content", "raws", "wholes"),
    [
        (b"[]", [], []),
        (b"[ ]", [], []),
        (b"[1,,2]", [b"1", b"", b"2"], [True] * 3),
        (b"[1,]", [b"1", b""], [True] * 2),
        (b"[{bad}, 2]", [b"{bad}", b"2"], [True] * 2),
        (b'[1, {"a": "x', [b"1", b'{"a": "x'], [True, False]),
        (b"[1, 2", [b"1", b"2"], [True, False]),
        (b"[1] [2]", [b"1", b"[2]"], [True, True]),
        (b"[[1, [2]], 3]", [b"[1, [2]]", b"3"], [True] * 2),
    ],
)
def test_malformed_arrays_lose_no_element(content, raws, wholes):
    for step in (1, 2, 100):
        found = elements(content, step)
        assert [entry.raw for entry in found] == raws
        assert [entry.whole for entry in found] == wholes


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_long_elements_are_not_held(step):
    long = b'"' + b"x" * 60 + b'"'
    found = elements(b"[1,\n " + long + b" ,\n3]", step, limit=20)
    assert [(e.raw[:3], e.line, e.digest) for e in found] == [(b"1", 1, ""), (b'"xx', 2, digest_of(long).hex()), (b"3", 3, "")]
    assert found[1].offset == 5
