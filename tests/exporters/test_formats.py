"""The contract of every training format, and the files that hold it."""

import hashlib
import json

import orjson
import pytest

from judgecli.errors import EnvironmentFailure, UnknownName, UsageError
from judgecli.exporters.files import TRAIN, VALIDATION, line_of, write_export, write_manifest
from judgecli.exporters.format import ExportItem, format_named, formats

USER, GOOD, BAD = ({"role": role, "content": text} for role, text in (("user", "Refunds?"), ("assistant", "30 days."), ("assistant", "We are great!")))
CALL = {"role": "assistant", "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": {"a": 1}}}]}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
ORIGIN = {"source": "user", "basis": "label", "chosen": {"id": "1"}}
HOSTILE = '\u2028line\u0085sep \x00 <script> \ud83d\ude00 "q" \\ 😀 \x1b[31m'.encode("utf-16", "surrogatepass").decode("utf-16")


def item(answer=GOOD, worse=BAD, prompt=(USER,), tools=()):
    return ExportItem(tuple(prompt), (answer,), tuple(tools), ORIGIN, worse=(worse,), margin=0.4, good=False)


ITEMS = {
    "plain": item(),
    "tools": item(answer=CALL, prompt=[USER, CALL, {"role": "tool", "name": "f", "content": ""}], tools=[TOOL]),
    "hostile": item(answer={"role": "assistant", "content": HOSTILE}),
}


@pytest.fixture(params=list(formats()))
def kind(request):
    return formats()[request.param]


def test_the_first_two_are_there():
    assert {"trl-preference", "trl-kto"} <= set(formats())
    with pytest.raises(UnknownName, match="no training format is called 'trl-prefrence'"):
        format_named("trl-prefrence")


def test_sample_is_a_line_of_the_format(kind):
    assert kind.check(json.loads(kind.sample), False) is None
    assert kind.definition.endswith(".")
    assert kind.trainers


@pytest.mark.parametrize("name", ITEMS)
def test_what_is_written_is_valid_and_the_same_when_read(kind, name):
    row = kind.row(ITEMS[name], False)
    line = line_of(row)
    assert line.endswith(b"\n")
    assert len(line.decode().splitlines()) == 1
    assert orjson.loads(line) == json.loads(json.dumps(row))
    assert kind.check(orjson.loads(line), False) is None
    assert "null" not in line.decode()
    assert json.loads(row["judge"]) == ORIGIN
    assert json.loads(row.get("tools", "[]")) == [*ITEMS[name].tools]


def test_standard_lines_are_texts(kind):
    row = kind.row(ITEMS["plain"], True)
    assert kind.check(row, True) is None
    assert row["prompt"] == "Refunds?"
    assert "\n30 days." in row.values()  # trainers put prompt and answer together as they are
    assert kind.check(row, False) is not None


def broken(row):
    """The row with one thing wrong, in several ways."""
    for key in row:
        if key != "tools":
            yield {name: value for name, value in row.items() if name != key}
        yield {**row, key: 7}
    yield {**row, "extra": 1}
    for messages in ([], [{"role": "user"}], [{**USER, "content": None}], [{**USER, "role": "judge"}], [{**USER, "extra": "x"}], [GOOD]):
        yield {**row, "prompt": messages}
    calls = CALL["tool_calls"][0]
    yield {**row, "prompt": [{"role": "user", "tool_calls": [{**calls, "function": {"name": "f", "arguments": "{}"}}]}]}
    yield {**row, "judge": "{}"}
    yield {**row, "judge": "not json"}
    yield {**row, "tools": "{}"}


def test_what_is_wrong_is_found(kind):
    row = kind.row(ITEMS["tools"], False)
    assert kind.check(row, False) is None
    for wrong in broken(row):
        assert isinstance(kind.check(wrong, False), str), wrong


@pytest.mark.parametrize("margin", [0.0, -1.0, float("nan"), 1])
def test_margins_that_are_none(margin):
    kind = format_named("trl-preference")
    row = kind.row(ITEMS["plain"], False)
    assert kind.check({**row, "margin": margin}, False) == f"the margin is {margin}"
    assert kind.check({**row, "chosen": row["rejected"]}, False) == "chosen and rejected are equal"


def files_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_files_split_and_counted(kind, tmp_path):
    rows = [(TRAIN, kind.row(ITEMS["plain"], False)), (VALIDATION, kind.row(ITEMS["hostile"], False)), (TRAIN, kind.row(ITEMS["tools"], False))]
    target = tmp_path / "deep" / "pairs.jsonl"
    written = write_export(target, rows, kind, standard=False)
    write_manifest(target, {"format": "trl-kto"})
    assert files_in(target.parent) == ["pairs.jsonl", "pairs.manifest.json", "pairs.validation.jsonl"]
    assert [(file.split, file.records) for file in written] == [(TRAIN, 2), (VALIDATION, 1)]
    for file in written:
        content = file.path.read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file.bytes, file.sha256)
    assert [orjson.loads(line) for line in target.read_bytes().splitlines()] == json.loads(json.dumps([rows[0][1], rows[2][1]]))
    # another export without a validation part leaves none behind, nor the manifest of the first
    write_export(target, rows[:1], kind, standard=False)
    assert files_in(target.parent) == ["pairs.jsonl"]


def test_a_bad_line_replaces_nothing(kind, tmp_path):
    target = tmp_path / "pairs.jsonl"
    write_export(target, [(TRAIN, kind.row(ITEMS["plain"], False))], kind, standard=False)
    before = target.read_bytes()
    with pytest.raises(EnvironmentFailure, match=r"line 2 of pairs\.jsonl, read again, is no "):
        write_export(target, [(TRAIN, kind.row(ITEMS["plain"], False)), (TRAIN, {"prompt": "x"})], kind, standard=False)
    assert files_in(tmp_path) == ["pairs.jsonl"]
    assert target.read_bytes() == before


def test_targets_that_cannot_be(kind, tmp_path):
    with pytest.raises(UsageError, match="training files are JSON lines"):
        write_export(tmp_path / "pairs.csv", [], kind, standard=False)
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentFailure, match="cannot write"):
        write_export(tmp_path / "file" / "pairs.jsonl", [], kind, standard=False)
