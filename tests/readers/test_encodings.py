"""Text in other encodings than UTF-8: read where it is named, and the way out said where it is not."""

import gzip
import json

import pytest
from harness import score

from judgecli.errors import LogError, UsageError
from judgecli.readers.detect import detect
from judgecli.readers.log import Shaping

TABLE = "frage;antwort\nGröße?;überall „ja“\nöl?;süß\n"
MAP = {"input": "frage", "output": "antwort"}


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-8-sig"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_named_encoding_is_read(write, read_path, encoding, packed):
    raw = TABLE.encode(encoding)
    log = read_path(write(gzip.compress(raw) if packed else raw, name="log.csv"), map=MAP, encoding=encoding)
    assert log.column("output") == ["überall „ja“", "süß"]
    assert log.column("input") == ["Größe?", "öl?"]


def test_without_a_name_the_hint_says_how(write, tmp_path):
    with pytest.raises(LogError) as caught:
        detect(str(write(TABLE.encode("utf-16"), name="log.csv")), Shaping())
    assert "--encoding utf-16" in caught.value.hint
    lines = "".join(json.dumps({"input": "q", "output": word}, ensure_ascii=False) + "\n" for word in ("plain", "süß")).encode("cp1252")
    result = score(tmp_path / "s", [write(lines)])
    assert any("--encoding cp1252" in note for note in result.notes)
    assert result.counts.quarantined == 1


def test_bytes_that_are_no_text_of_the_encoding_end_the_file(write, tmp_path):
    result = score(tmp_path / "s", [write('{"input": "q", "output": "a"}\n'.encode("utf-16-le") + b"\x00\xd8\x00", name="log.jsonl")], encoding="utf-16-le")
    assert result.counts.accepted == 1
    assert any("utf-16-le" in note for note in result.notes)


def test_a_file_that_grows_goes_on_and_another_encoding_reads_anew(write, tmp_path):
    rows = [{"input": f"q{n}", "output": "süß"} for n in range(3)]
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    path = write("".join(lines[:2]).encode("cp1252"))
    assert score(tmp_path / "s", [path], ["characters"], encoding="cp1252").new_records == 2
    path.write_bytes("".join(lines).encode("cp1252"))
    grown = score(tmp_path / "s", [path], ["characters"], encoding="cp1252")
    assert (grown.new_records, grown.counts.accepted, grown.summaries[0].estimate.mean) == (1, 3, 3.0)


@pytest.mark.parametrize("name", ["klingon", "zlib", "base64"])
def test_no_encoding_of_text_is_refused(write, name):
    with pytest.raises(UsageError, match="there is no text encoding"):
        detect(str(write('{"input": "q", "output": "a"}')), Shaping(encoding=name))


def test_a_wrong_name_of_an_encoding_is_told_as_such(write):
    with pytest.raises(LogError, match="it is no utf-16 text") as caught:
        detect(str(write('{"input": "q", "output": "a"}\n', name="log.jsonl")), Shaping(encoding="utf-16"))
    assert "--encoding" in caught.value.hint
