"""Intake: repeats, order, cuts and repairs leave the same store."""

# ruff: noqa: S311

import gzip
import json
import os
import random
import zlib

import pyarrow as pa
import pytest
from harness import rows_of, score, write_lines

from judgecli.readers import intake
from judgecli.readers.batch import hash_text, number_repeats
from judgecli.readers.detect import detect
from judgecli.readers.log import Shaping
from judgecli.readers.read import read_log
from judgecli.store import upkeep
from judgecli.store.folder import Store


def exported(result):
    """The rows of a run without where they stood, sorted, as bytes."""
    rows = [{name: value for name, value in row.items() if name not in ("file", "line")} for row in rows_of(result)]
    return json.dumps(sorted(rows, key=lambda row: row["key"]), default=str).encode()


def check(store):
    with Store(store) as opened:
        assert upkeep.verify(opened)["problems"] == []


def test_a_line_twice_a_file_twice_an_id_twice(tmp_path):
    one, other = {"id": "1", "output": "a b"}, {"id": "1", "output": "c"}
    first = write_lines(tmp_path / "a.jsonl", [one, one, other])
    again = write_lines(tmp_path / "b.jsonl.gz", [one, one, other])
    result = score(tmp_path / "s", [first, again, first])
    counts = result.counts
    assert (counts.lines, counts.accepted, counts.duplicate) == (6, 2, 4)
    assert [(row["id"], row["words"], row["line"]) for row in rows_of(result)] == [("1", 2.0, 1), ("1", 1.0, 3)]


def test_kept_duplicates_are_records_of_their_own(tmp_path):
    first = write_lines(tmp_path / "a.jsonl", [{"output": "a b"}] * 3)
    result = score(tmp_path / "s", [first], keep_duplicates=True)
    assert (result.counts.accepted, result.counts.duplicate, len({row["key"] for row in rows_of(result)})) == (3, 0, 3)
    write_lines(tmp_path / "a.jsonl", [{"output": "a b"}] * 5)
    grown = score(tmp_path / "s", [first], keep_duplicates=True)
    assert (grown.counts.accepted, grown.new_records) == (5, 2)
    assert exported(grown) == exported(score(tmp_path / "fresh", [first], keep_duplicates=True))


def test_any_order_and_repetition_gives_the_same_export(tmp_path, monkeypatch):
    draw = random.Random(5)
    records = [{"id": str(n % 5), "input": f"q{n % 4}", "output": "w " * n, "session": f"s{n % 3}", "time": f"2026-10-{n + 1:02d}"} for n in range(12)]
    wanted = exported(score(tmp_path / "clean", [write_lines(tmp_path / "clean.jsonl", records)], ["words", "empty"]))
    for trial in range(200):
        folder = tmp_path / str(trial)
        folder.mkdir()
        monkeypatch.setattr(intake, "SHARD_ROWS", draw.choice([1, 2, 50_000]))
        lines = records + draw.choices(records, k=draw.randrange(6))
        draw.shuffle(lines)
        cut = draw.randrange(1, len(lines))
        logs = [write_lines(folder / f"{name}{draw.choice(['', '.gz'])}", part) for name, part in (("a.jsonl", lines[:cut]), ("b.jsonl", lines[cut:]))]
        draw.shuffle(logs)
        if draw.random() < 0.3:
            score(folder / "s", logs[:1], ["words"])
        result = score(folder / "s", logs * draw.randrange(1, 3), ["words", "empty"])
        assert exported(result) == wanted, trial
        assert result.counts.lines == len(lines)


# Cuts -------------------------------------------------------------------------------------------


def whole_lines(plain):
    return [line for line in plain.split(b"\n")[:-1] if line.strip()]


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_cut_log_gives_every_whole_line(tmp_path, suffix):
    draw = random.Random(9)
    records = [{"id": str(n), "output": "".join(draw.choices("abcdefgh \u00e9\u4e2d", k=40)), "input": "q"} for n in range(60)]
    path = write_lines(tmp_path / f"a.jsonl{suffix}", records)
    content = path.read_bytes()
    shaping = Shaping(map={"output": "output"})
    detected = detect(str(path), shaping)
    (whole,) = [chunk.records for chunk in read_log(str(path), shaping, detected)]
    for trial in range(250):
        path.write_bytes(content[: draw.randrange(10 if suffix else 1, len(content))])
        plain = zlib.decompressobj(wbits=31).decompress(path.read_bytes()) if suffix else path.read_bytes()
        given, tail = whole_lines(plain), plain.rpartition(b"\n")[2]
        complete = tail.endswith(b"}")
        accepted, partial = len(given) + complete, bool(tail) and not complete
        chunks = list(read_log(str(path), shaping, detected))
        assert pa.concat_tables([chunk.records for chunk in chunks]).equals(whole.slice(0, accepted))
        assert [bad.reason for chunk in chunks for bad in chunk.bad] == ["partial_line"] * partial
        assert chunks[-1].truncated == (bool(suffix) or partial)
        if trial % 25 == 0 and accepted:  # through the store, and the rest arrives later
            result = score(tmp_path / f"s{trial}", [path])
            assert (result.counts.accepted, result.counts.quarantined, result.readings[0].truncated) == (accepted, int(partial), bool(suffix) or partial)
            path.write_bytes(content)
            assert rows_of(score(tmp_path / f"s{trial}", [path])) == rows_of(score(tmp_path / f"fresh{trial}", [path]))
            check(tmp_path / f"s{trial}")


# Repairs ----------------------------------------------------------------------------------------

BROKEN = [b'{"output": "x"', b'{"output": NaN}', b"[1]", b'{"output": "\xff"}', b'{"n": 1}', b'{"output": "a", "time": "never"}', b"plain text", b"{}"]


@pytest.mark.parametrize("seed", range(50))
def test_a_repaired_log_gives_the_store_of_a_clean_one(tmp_path, seed):
    draw = random.Random(seed)
    suffix = draw.choice(["", ".gz"])
    clean = [
        json.dumps({"id": str(n), "input": f"question {n}", "output": "w " * (n % 5), "time": "2026-10-01T10:00:00Z"}).encode()
        for n in range(draw.choice([4, 120]))
    ]
    broken = list(clean)
    for place in draw.sample(range(1, len(clean)), 3):
        bad = draw.choice(BROKEN)
        # Half of the repairs leave every later byte where it was.
        broken[place] = bad + b" " * max(0, len(clean[place]) - len(bad)) if draw.random() < 0.5 else bad
    path = write_lines(tmp_path / f"a.jsonl{suffix}", broken)
    os.utime(path, ns=(10**18, 10**18))
    named = {"id": "id", "input": "input", "output": "output", "time": "time"}
    first = score(tmp_path / "s", [path], map=named)
    assert first.counts.quarantined == 3
    reasons = [json.loads(line) for file in sorted((tmp_path / "s/quarantine").iterdir()) for line in file.read_text().splitlines()]
    content = gzip.decompress(path.read_bytes()) if suffix else path.read_bytes()
    for said in reasons:
        assert content[said["offset"] :].split(b"\n")[0] == broken[said["line"] - 1]
        assert said["file"] == path.name
    write_lines(path, clean)
    repaired = score(tmp_path / "s", [path], map=named)
    fresh = score(tmp_path / "fresh", [path], map=named)
    assert repaired.counts == fresh.counts
    assert rows_of(repaired) == rows_of(fresh)
    assert exported(repaired) == exported(fresh)
    check(tmp_path / "s")


def test_a_repaired_row_of_a_csv_is_seen_where_no_byte_moved(tmp_path):
    rows = [f'{n},"a\nb {n}",2026-10-01' for n in range(400)]
    broken = list(rows)
    broken[300] = broken[300].replace("2026-10-01", "2026-99-01")
    path = tmp_path / "a.csv"
    for number, lines in enumerate((broken, rows)):
        path.write_text("id,output,time\n" + "\n".join(lines) + "\n")
        os.utime(path, ns=(10**18 + number, 10**18 + number))
        result = score(tmp_path / "s", [path])
        assert (result.counts.accepted, result.counts.quarantined) == (400 - (number == 0), int(number == 0))


# Mappings ---------------------------------------------------------------------------------------


def test_a_shared_line_follows_the_mapping_of_the_run(tmp_path):
    shared, own = {"output": "a b", "alt": "x"}, {"output": "c", "alt": "x y z"}
    one, two = write_lines(tmp_path / "a.jsonl", [shared, own]), write_lines(tmp_path / "b.jsonl", [shared])
    store, alt = tmp_path / "s", {"output": "alt"}

    def words(*logs, **given):
        found = [row["words"] for row in rows_of(score(store, logs, **given))]
        check(store)
        return found

    assert words(two) == [2.0]
    assert words(one, map=alt) == [1.0, 3.0]
    assert words(two) == [2.0]
    assert words(one) == [2.0, 1.0]
    assert words(two, one, map=alt) == [1.0, 3.0]


def test_kept_duplicates_follow_the_mapping_too(tmp_path):
    path = write_lines(tmp_path / "a.jsonl", [{"output": "a b", "alt": "x"}] * 3)
    for given, words in (({}, 2.0), ({"output": "alt"}, 1.0), ({}, 2.0)):
        assert [row["words"] for row in rows_of(score(tmp_path / "s", [path], map=given, keep_duplicates=True))] == [words] * 3


def test_a_file_that_began_with_half_a_line_is_looked_at_anew(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"output": "a')
    with pytest.raises(Exception, match="no records"):
        score(tmp_path / "s", [path])
    path.write_bytes(b'{"output": "a b"}\n{"output": "c"}\n')
    assert [row["words"] for row in rows_of(score(tmp_path / "s", [path]))] == [2.0, 1.0]
    check(tmp_path / "s")


# Keys and hashes --------------------------------------------------------------------------------


def test_repeats_are_numbered_by_file():
    seen = set()
    first = number_repeats([b"k" * 16, b"j" * 16, b"k" * 16], seen)
    assert first[:2] == [b"k" * 16, b"j" * 16]
    assert len({*first, *number_repeats([b"k" * 16], seen)}) == 4
    assert number_repeats([b"k" * 16] * 3, set())[2] == number_repeats([b"k" * 16], {b"k" * 16, first[2]})[0]


def test_hashes_tell_kinds_and_surrogates_apart():
    assert len({hash_text("p", "a"), hash_text("s", "a"), hash_text("p", "\ud800"), hash_text("p", "")}) == 4


def test_the_cluster_is_session_else_user_else_prompt_else_record(tmp_path):
    lines = [
        {"output": "a", **given}
        for given in ({"session": "x", "user": "u"}, {"session": "x"}, {"user": "u"}, {"user": "x"}, {"input": "Q  q"}, {"input": "q Q"}, {"input": "q"})
    ]
    lines += [{"output": "b"}, {"output": "c"}]
    score(tmp_path / "s", [write_lines(tmp_path / "a.jsonl", lines)])
    with Store(tmp_path / "s") as store:
        (shard,) = store.shards()
        clusters = pa.parquet.read_table(store.records_path(shard.name))["cluster_hash"].to_pylist()
    assert [clusters.index(cluster) for cluster in clusters] == [0, 0, 2, 3, 4, 4, 6, 7, 8]
