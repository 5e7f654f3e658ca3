"""Whole logs: every entry is a record or a bad line; keys, labels, growth, cuts."""

import bz2
import gzip
import hashlib
import json
import random
from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markers import read_markers

from judgecli.errors import LogError
from judgecli.readers.detect import detect
from judgecli.readers.log import Detected, Position, Shaping
from judgecli.readers.quarantine import excerpt, quarantine_line
from judgecli.readers.read import read_log, supports_append

LINE = '{"id": 1, "question": "q", "answer": "a"}'


def test_a_plain_line_by_hand(read):
    line = json.dumps(
        {
            "id": 7,
            "timestamp": "2026-01-01T00:00:00Z",
            "question": "q",
            "answer": "a",
            "contexts": ["c", {"text": "d"}],
            "latency_ms": "12.5",
            "tokens_out": None,
            "extra": 1,
        }
    )
    log = read("\n" + line + "\r\n")
    (record,) = log.records.to_pylist()
    assert record["key"] == hashlib.blake2b(line.encode(), digest_size=16).digest()
    assert (record["id"], record["input"], record["output"], record["contexts"]) == ("7", "q", "a", ["c", "d"])
    assert (record["time"], record["latency_ms"], record["tokens_out"]) == (datetime(2026, 1, 1, tzinfo=UTC), 12.5, None)
    assert {key: value for key, value in record["source"].items() if key != "file"} == {"line": 2, "offset": 1, "format": "jsonl"}
    assert log.detected.unmapped == ("extra",)


def test_tags_scores_and_labels(read):
    lines = [
        {"answer": "a", "u": "ann", "geo": {"country": "DE"}, "judge": 0.5, "thumb": "\U0001f44d\U0001f3fd", "when": 1700000000},
        {"answer": "b", "geo": {}, "judge": {"x": [1]}, "thumb": -1},
        {"answer": "c", "thumb": "meh"},
        {"answer": None, "judge": 0},
        {"answer": None, "geo": {"country": "FR"}},
    ]
    log = read(
        "\n".join(map(json.dumps, lines)),
        map={"output": "answer", "user": "u", "time": "when", "tags.country": "geo.country", "score.judge": "judge", "label.thumbs": "thumb"},
    )
    assert log.column("tags") == [[("country", "DE")], None, None, None]
    assert log.column("imported") == [[("judge", "0.5")], [("judge", '{"x":[1]}')], [("judge", "null")], [("judge", "0")]]
    assert [(label.name, label.value, label.label, label.rater, label.rater_kind) for label in log.labels] == [
        ("thumbs", 1.0, None, "ann", "user"),
        ("thumbs", -1.0, None, "user", "user"),  # what a number says, its whole column tells
        ("thumbs", None, "meh", "user", "user"),
    ]
    assert [label.key for label in log.labels] == log.column("key")[:3]
    assert log.labels[0].time == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert [(bad.line, bad.reason) for bad in log.bad] == [(5, "no_mapped_field")]


@pytest.mark.parametrize(
    ("given", "value"),
    [
        (True, 1),
        (False, 0),
        (1, 1),
        (0, 0),
        (-1, -1),
        ("up", 1),
        ("DOWN", 0),
        ("\U0001f44e", 0),
        ("\U0001f44d\ufe0f", 1),
        ("like", 1),
        ("dislike", 0),
        ("positive", 1),
        ("negative", 0),
        (3.5, 3.5),
        ("4", 4),
        ("+1", 1),
        (1.0, 1),
    ],
)
def test_thumbs(read, given, value):
    (label,) = read(json.dumps({"t": given}), map={"label.t": "t"}).labels
    assert (label.value, label.label) == (value, None)


def test_every_reason_with_its_place(read):
    lines = [
        LINE.encode(),
        b"{",
        b"[]",
        b'{"other": 1}',
        b'{"answer": "' + b"x" * 2000 + b'"}',
        b'{"answer":' + b"[" * 60 + b"]" * 60 + b"}",
        b'{"answer": NaN}',
        b'{"answer": "\xff"}',
        b'{"answer": "a", "timestamp": "soon"}',
        b'{"answer": "cut',
    ]
    log = read(b"\n".join(lines), max_line_bytes=1000, max_depth=50, map={"time": "timestamp"})
    assert log.reasons == ["not_json", "not_an_object", "no_mapped_field", "too_long", "too_deep", "non_finite", "bad_encoding", "bad_time", "partial_line"]
    for number, (line, bad) in enumerate(zip(lines[1:], log.bad, strict=True), 2):
        assert (bad.line, bad.offset) == (number, sum(len(before) + 1 for before in lines[: number - 1]))
        assert bad.digest == hashlib.blake2b(line, digest_size=16).hexdigest()
        assert len(bad.excerpt) <= 200
        assert json.loads(quarantine_line(bad))["reason"] == bad.reason
    assert log.chunks[-1].truncated
    assert log.chunks[-1].position.offset == log.bad[-1].offset


@pytest.mark.parametrize(
    ("raw", "shown"),
    [(b"a\x1b[2J", r"a\x1b[2J"), ("\u202eevil".encode(), r"\u202eevil"), (b"\xff\xfe", r"\xff\xfe"), (b"y" * 500, "y" * 200)],
)
def test_excerpts_do_not_speak_to_terminals(raw, shown):
    assert excerpt(raw) == shown


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=40).map(lambda raw: raw.replace(b"\n", b"")) | st.just(LINE.encode()), max_size=12), st.booleans())
def test_no_line_is_lost(tmp_path_factory, lines, terminated):
    path = tmp_path_factory.mktemp("log") / "log"
    path.write_bytes(b"\n".join([LINE.encode(), *lines]) + (b"\n" if terminated else b""))
    shaping = Shaping(map={"output": "answer"}, format="jsonl")
    chunks = list(read_log(str(path), shaping, detect(str(path), shaping)))
    entries = sum(chunk.records.num_rows + len(chunk.bad) for chunk in chunks)
    assert entries == 1 + sum(bool(line.removesuffix(b"\r").strip()) for line in lines) == sum(chunk.entries for chunk in chunks)


def test_markers_come_back_as_they_are(data, read):
    with gzip.open(data / "hostile/markers.jsonl.gz") as file:
        texts = [json.loads(line)["text"] for line in file]
    log = read("\n".join(json.dumps({"input": str(number), "output": text}) for number, text in enumerate(texts)))
    assert len(texts) == 556
    assert (log.column("output"), log.bad) == (read_markers(), [])


def test_keys_depend_on_the_line_alone(read):
    one = read(LINE + "\n" + LINE + "\n" + LINE.replace("a", "b", 1))
    other = read(LINE, map={"output": "question"}, format="jsonl")
    assert one.column("key")[0] == one.column("key")[1] == other.column("key")[0] != one.column("key")[2]


def grow(write, before: bytes, after: bytes, **asked):
    """Read a file, append to it, read on: the later chunks."""
    shaping = Shaping(**asked)
    path = str(write(before))
    detected = detect(path, shaping)
    first = list(read_log(path, shaping, detected))
    with open(path, "ab") as file:
        file.write(after)
    position = Position.from_json(first[-1].position.to_json())
    second = list(read_log(path, shaping, Detected.from_json(detected.to_json()), position))
    whole = list(read_log(path, shaping, detected))
    return first, second, whole


def rows(chunks):
    return [(row["key"], row["source"]["line"], row["source"]["offset"]) for chunk in chunks for row in chunk.records.to_pylist()]


LINES = [b'{"answer": "one"}', b'{"answer": "two"}', b'{"answer": "three"}']


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (LINES[0] + b"\n", LINES[1] + b"\n"),
        (LINES[0] + b"\n\n", b"\n" + LINES[1]),
        (LINES[0], b"\n" + LINES[1] + b"\n" + LINES[2]),
        (LINES[0] + b"\n" + LINES[1][:5], LINES[1][5:] + b"\n"),
        (LINES[0] + b"\n" + LINES[1][:-1], LINES[1][-1:] + b"\n" + LINES[2]),
        (b"\xef\xbb\xbf" + LINES[0] + b"\r\n", LINES[1] + b"\r\n"),
        (b"answer,id\nx,1\n", b"y,2\n"),
        (b'answer,id\n"x\n', b'z",1\ny,2\n'),
        (b"answer,id\nfive", b",5\ny,2\n"),
        (b'answer,id\n5" pipe,1', b"\ny,2\n"),
    ],
)
def test_a_growing_file_is_read_on_where_it_stopped(write, before, after):
    first, second, whole = grow(write, before, after)
    assert rows(first) + rows(second) == rows(whole)
    assert second[-1].position == whole[-1].position
    assert [bad for chunk in whole for bad in chunk.bad] == []


def test_nothing_new_is_one_empty_chunk(write):
    first, second, _ = grow(write, LINES[0] + b"\n", b"")
    assert (len(second), second[0].records.num_rows, second[0].position, second[0].truncated) == (1, 0, first[0].position, False)


@pytest.mark.parametrize("compress", [None, gzip.compress, bz2.compress])
def test_cut_anywhere_all_whole_lines_before_the_cut_are_read(write, compress):
    rng = random.Random(3)  # noqa: S311
    lines = [json.dumps({"answer": "é" * rng.randrange(1, 60), "n": number}, ensure_ascii=False).encode() for number in range(120)]
    content = b"\n".join(lines) + b"\n"
    packed = compress(content) if compress else content
    shaping = Shaping(map={"output": "answer"})
    for cut in sorted(rng.sample(range(30 if compress else 1, len(packed)), 100)):
        path = str(write(packed[:cut]))
        try:
            detected = detect(path, shaping)
        except LogError:
            assert compress  # not one plain byte came out
            continue
        chunks = list(read_log(path, shaping, detected))
        found = sum(chunk.records.num_rows for chunk in chunks)
        bad = [bad.reason for chunk in chunks for bad in chunk.bad]
        assert bad in ([], ["partial_line"])
        if not compress:
            assert found == sum(len(b"\n".join(lines[: number + 1])) <= cut for number in range(len(lines)))
        assert chunks[-1].truncated == bool(bad or compress)


def test_chunks_are_bounded_and_in_order(read):
    log = read("".join(json.dumps({"answer": str(number)}) + "\n" for number in range(4500)))
    assert [chunk.entries for chunk in log.chunks] == [2000, 2000, 500]
    assert log.column("output") == [str(number) for number in range(4500)]
    assert [chunk.position.line for chunk in log.chunks] == [2000, 4000, 4500]


@pytest.mark.parametrize("indent", [None, 2])
def test_arrays_and_single_objects(read, indent):
    rows = [{"question": f"q{number}", "answer": ']},"'} for number in range(5)]
    log = read(json.dumps(rows, indent=indent))
    assert (log.detected.container, log.detected.format, supports_append(log.detected)) == ("array", "json", False)
    assert log.column("output") == [']},"'] * 5
    one = read(json.dumps(rows[0], indent=2))
    assert (one.detected.container, one.column("input")) == ("object", ["q0"])


def test_csv_by_hand(read):
    log = read(
        '\ufeffid;question;answer;thumbs\r\n1;"a;""b""\r\nc";x;1\r\n\r\n2;q;;0\r\n3;too few\r\n4;"open',
    )
    assert log.detected.delimiter == ";"
    assert log.column("input") == ['a;"b"\r\nc', "q"]
    assert log.column("output") == ["x", None]
    assert [label.value for label in log.labels] == [1.0, 0.0]
    assert [(source["line"], source["offset"]) for source in log.column("source")] == [(2, 30), (5, 52)]
    assert [(bad.line, bad.reason) for bad in log.bad] == [(6, "unknown_shape"), (7, "partial_line")]
    key = hashlib.blake2b(
        json.dumps({"answer": "x", "id": "1", "question": 'a;"b"\r\nc', "thumbs": "1"}, separators=(",", ":")).encode(), digest_size=16
    ).digest()
    assert log.column("key")[0] == key


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_are_told(read, delimiter):
    log = read(
        delimiter.join(["prompt", "response", ""])
        + "\n"
        + "".join(delimiter.join([f"a, b{row}", "c. d", str(row)]) + "\n" if delimiter != "," else f"ab{row},cd,{row}\n" for row in range(5))
    )
    assert (log.detected.delimiter, log.detected.columns) == (delimiter, ("prompt", "response", "column_3"))
    assert log.records.num_rows == 5


def test_csv_bytes_that_are_no_text(read):
    log = read(b"question,answer\na,b\nc,\xff\nd,e\0f\n")
    assert log.column("output") == ["b", "e\0f"]
    assert log.reasons == ["bad_encoding"]


def test_day_order_is_decided_by_the_whole_file(read):
    rows = ["03/04/2026"] * 3000 + ["13/04/2026"]
    log = read("answer,date\n" + "".join(f"x{number},{day}\n" for number, day in enumerate(rows)))
    assert log.detected.day_first is True
    assert Counter(time.month for time in log.column("time")) == {4: 3001}
    unsure = read("answer,date\nx,03/04/2026\n")
    assert unsure.column("time") == [datetime(2026, 3, 4, tzinfo=UTC)]
    assert any("month first" in note for note in unsure.detected.notes)
    mixed = read("answer,date\nx,13/04/2026\ny,04/13/2026\n", map={"time": "date"})
    assert mixed.reasons == ["bad_time"]


def test_parquet(tmp_path, read_path):
    table = pa.table(
        {
            "question": ["a", "b", None, "d"],
            "answer": [{"text": "x"}, {"text": "y"}, None, {"text": "z"}],
            "ts": pa.array([datetime(2026, 1, 1), None, None, datetime(2026, 1, 2)], pa.timestamp("ns")),  # noqa: DTZ001
            "cost": [0.5, float("nan"), 1.0, float("inf")],
            "docs": [["p", "q"], [], None, None],
            "raw": [b"\xff", b"", None, None],
            "day": [date(2026, 1, 1)] * 4,
            "price": [Decimal("1.50")] * 4,
        }
    )
    pq.write_table(table, tmp_path / "log")
    log = read_path(
        tmp_path / "log", map={"output": "answer.text", "contexts": "docs", "time": "ts", "latency_ms": "price", "tags.day": "day", "tags.raw": "raw"}
    )
    assert (log.detected.container, log.column("output"), log.column("contexts")) == ("parquet", ["x", "y"], [["p", "q"], []])
    assert log.column("time") == [datetime(2026, 1, 1, tzinfo=UTC), None]
    assert log.column("cost_usd") == [0.5, None]
    assert log.column("latency_ms") == [1.5, 1.5]
    assert log.column("tags") == [[("day", "2026-01-01"), ("raw", "\\xff")], [("day", "2026-01-01"), ("raw", "")]]
    assert [(bad.line, bad.reason) for bad in log.bad] == [(3, "no_mapped_field"), (4, "non_finite")]
    (tmp_path / "log").write_bytes((tmp_path / "log").read_bytes()[:-20])
    with pytest.raises(LogError, match="Parquet"):
        read_path(tmp_path / "log")


def test_an_entry_over_the_limit_is_not_held_and_the_next_is_read(read):
    for content in (
        b'{"answer": "a"}\n{"answer": "' + b"x" * 10**6 + b'"}\n{"answer": "b"}\n',
        b'[{"answer": "a"}, {"answer": "' + b"x" * 10**6 + b'"},\n {"answer": "b"}]',
    ):
        log = read(content, max_line_bytes=1000)
        assert (log.column("output"), log.reasons) == (["a", "b"], ["too_long"])
        assert max(len(bad.excerpt) for bad in log.bad) <= 200


def test_nothing_a_row_names_is_opened(read, monkeypatch):
    import builtins
    import io
    import socket

    names = [
        "file:///x/JUDGE_MARK",
        "http://127.0.0.1:9/JUDGE_MARK",
        "\\\\host\\share",
        "../../x/JUDGE_MARK",
        "nul",
        "${HOME}",
        "{{7*7}}",
        "!!python/object:builtins.print",
    ]
    opened: list[str] = []
    real = io.open
    monkeypatch.setattr(builtins, "open", lambda name, *rest, **more: opened.append(str(name)) or real(name, *rest, **more))
    monkeypatch.setattr(socket, "socket", lambda *_: pytest.fail("a connection was made"))
    log = read(
        "\n".join(
            json.dumps(
                {
                    "input": name,
                    "output": name,
                    "contexts": [name],
                    "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": name}}]}],
                }
            )
            for name in names
        )
    )
    assert log.column("output") == names
    assert {name.rpartition("/")[2] for name in opened} <= {"log.jsonl"}
