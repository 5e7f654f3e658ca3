"""Names to files, files to plain bytes: compression, damage, cuts, lines over the limit."""

import bz2
import gzip
import lzma
import os
import random
import subprocess
import sys

import pytest
import zstandard

from judgecli.errors import LogError
from judgecli.readers.source import expand, open_plain

COMPRESS = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zst": zstandard.ZstdCompressor().compress}


def plain(path) -> tuple[bytes, str]:
    with open_plain(str(path)) as stream:
        return stream.read(), stream.broken


@pytest.mark.parametrize("kind", COMPRESS)
@pytest.mark.parametrize("content", [b"a\nb\n", os.urandom(300_000), b"x" * 5_000_000])
def test_every_compression_is_told_by_its_bytes(write, kind, content):
    assert plain(write(COMPRESS[kind](content), "no-suffix")) == (content, "")


@pytest.mark.parametrize("kind", COMPRESS)
def test_members_one_after_the_other(write, kind):
    assert plain(write(COMPRESS[kind](b"a\n") + COMPRESS[kind](b"b\n"))) == (b"a\nb\n", "")


def test_padding_is_fine_and_garbage_is_told(write):
    assert plain(write(gzip.compress(b"a\n") + bytes(1000))) == (b"a\n", "")
    content, broken = plain(write(gzip.compress(b"a\n") + b"garbage"))
    assert content == b"a\n"
    assert "after the end" in broken


@pytest.mark.parametrize("kind", COMPRESS)
def test_a_cut_gives_what_comes_before_it(write, kind):
    content = random.Random(1).randbytes(200_000).hex().encode()  # noqa: S311
    packed = COMPRESS[kind](content)
    for share in (0.0001, 0.3, 0.6, 0.999):
        given, broken = plain(write(packed[: max(6, int(len(packed) * share))]))
        assert content.startswith(given)
        assert "ends early" in broken
    assert len(given) > 0.9 * len(content) or kind in ("bz2", "zst")


def test_damage_in_the_middle_of_gz_keeps_all_before_it(write):
    lines = b"".join(b"line %d\n" % number for number in range(200_000))
    packed = bytearray(gzip.compress(lines))
    packed[len(packed) // 2 :] = bytes(len(packed) - len(packed) // 2)
    given, broken = plain(write(bytes(packed)))
    assert broken.startswith("gz:")
    assert len(given) > 0.4 * len(lines)
    assert lines.startswith(given[: int(0.4 * len(lines))])


def test_a_wrong_checksum_is_told_after_all_bytes(write):
    packed = bytearray(gzip.compress(b"abc\n" * 1000))
    packed[-6] ^= 1
    given, broken = plain(write(bytes(packed)))
    assert (given, "check" in broken) == (b"abc\n" * 1000, True)


@pytest.mark.parametrize("kind", COMPRESS)
def test_random_damage_never_raises(write, kind):
    rng = random.Random(7)  # noqa: S311
    packed = COMPRESS[kind](b'{"a": 1}\n' * 1000)
    for _ in range(40):
        hurt = bytearray(packed)
        hurt[rng.randrange(4, len(hurt))] ^= 1 << rng.randrange(8)
        assert isinstance(plain(write(bytes(hurt)))[0], bytes)


def test_gz_inside_gz_is_unpacked_once(write):
    inner = gzip.compress(b"{}\n")
    assert plain(write(gzip.compress(inner))) == (inner, "")


def test_expand(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("b.jsonl", "a.jsonl", "sub/c.jsonl.gz", "sub/.hidden", ".git/d.jsonl"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("{}")
    assert expand(["b.jsonl", "-", "b.jsonl"]) == ["b.jsonl", "-"]
    assert expand(["."]) == ["./a.jsonl", "./b.jsonl", "./sub/c.jsonl.gz"]
    assert expand(["*.jsonl"]) == ["a.jsonl", "b.jsonl"]
    assert expand(["**/*.gz"]) == ["sub/c.jsonl.gz"]
    for nothing in ("*.csv", "missing.jsonl"):
        with pytest.raises(LogError, match="matches no file"):
            expand([nothing])
    (tmp_path / "void").mkdir()
    (tmp_path / "void" / "tool.py").write_text("x = 1")
    with pytest.raises(LogError, match="void holds no file that could be a log"):
        expand(["void"])
    (tmp_path / "[odd].jsonl").write_text("{}")
    assert expand(["[odd].jsonl"]) == ["[odd].jsonl"]


def test_only_regular_files_are_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name in (tmp_path / "pipe", "/dev/null", tmp_path, tmp_path / "missing", "nul\0byte"):
        with pytest.raises(LogError):
            open_plain(str(name))


LONG_LINE = """
import sys
from judgecli.readers.log import Shaping
from judgecli.readers.detect import detect
from judgecli.readers.read import read_log
shaping = Shaping(map={"output": "output"})
found = detect(sys.argv[1], shaping)
chunks = list(read_log(sys.argv[1], shaping, found))
peak = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")][0]
print(sum(c.records.num_rows for c in chunks), [b.reason for c in chunks for b in c.bad], peak)
"""


@pytest.mark.long
@pytest.mark.parametrize("kind", ["gz", "xz", "zst"])
@pytest.mark.parametrize("opening", [b'{"output": "', b'[{"output": "'])
def test_a_line_just_over_the_limit_is_refused_in_little_memory(write, kind, opening):
    if sys.platform != "linux":
        pytest.skip("peak memory is read from /proc")
    path = write(COMPRESS[kind](opening + b"x" * (65 << 20) + (b'"}]\n' if opening[:1] == b"[" else b'"}\n{"output": "next"}\n')), "long")
    said = subprocess.run([sys.executable, "-c", LONG_LINE, str(path)], capture_output=True, text=True, check=True).stdout
    records, reasons, peak = said.split()
    assert (records, reasons) == ("0" if opening[:1] == b"[" else "1", "['too_long']")
    assert int(peak) // 1024 <= 300


def test_standard_input_is_read_twice_without_waiting():
    code = (
        "from judgecli.readers.log import Shaping\nfrom judgecli.readers.detect import detect\nfrom judgecli.readers.read import read_log\n"
        "found = detect('-', Shaping())\nprint(found.format, [row for c in read_log('-', Shaping(), found) for row in c.records['output'].to_pylist()])"
    )
    said = subprocess.run([sys.executable, "-c", code], input=gzip.compress(b'{"answer": "a"}\n'), capture_output=True, check=True).stdout
    assert said == b"jsonl ['a']\n"
