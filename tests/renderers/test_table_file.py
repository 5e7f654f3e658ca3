import csv
import errno
import json
import os
from datetime import UTC, datetime

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from judgecli.errors import EnvironmentFailure, UsageError
from judgecli.renderers import table_file
from judgecli.renderers.table_file import check_target, stream_rows, write_rows

SCHEMA = pa.schema(
    [
        ("key", pa.binary(16)),
        ("id", pa.string()),
        ("time", pa.timestamp("us", tz="UTC")),
        ("line", pa.int64()),
        ("words", pa.float64()),
        ("words.reason", pa.dictionary(pa.int32(), pa.string())),
    ]
)


def batch(*rows):
    return pa.Table.from_pylist([dict(zip(SCHEMA.names, row, strict=True)) for row in rows], schema=SCHEMA)


BATCHES = [
    batch((b"\x01" * 16, "=1+1", datetime(2026, 10, 1, 12, tzinfo=UTC), 1, 2.5, None), (b"\x02" * 16, "", None, 2, None, "not_applicable")),
    batch((b"\x03" * 16, None, None, 3, -7.0, None), (b"\x04" * 16, 'a;"b"\n=c', None, 4, 0.1, None)),
]


def test_csv_by_hand(tmp_path):
    assert write_rows(iter(BATCHES), tmp_path / "rows.csv") == 4
    assert (tmp_path / "rows.csv").read_text(encoding="utf-8") == (
        '"key","id","time","line","words","words.reason"\n'
        f'"{"01" * 16}","\'=1+1","2026-10-01T12:00:00Z",1,2.5,\n'
        f'"{"02" * 16}","",,2,,"not_applicable"\n'
        f'"{"03" * 16}",,,3,-7.0,\n'
        f'"{"04" * 16}","a;""b""\n=c",,4,0.1,\n'
    )


def test_csv_is_read_back_by_others(tmp_path):
    write_rows(BATCHES, tmp_path / "rows.csv")
    frame = pd.read_csv(tmp_path / "rows.csv", keep_default_na=True)
    assert frame["words"].tolist()[0] == 2.5
    assert frame["words"].isna().tolist() == [False, True, False, False]
    write_rows(BATCHES, tmp_path / "rows.tsv")
    with (tmp_path / "rows.tsv").open(newline="", encoding="utf-8") as lines:
        assert [row[3] for row in csv.reader(lines, delimiter="\t")] == ["line", "1", "2", "3", "4"]


def test_jsonl_leaves_text_as_it_is(tmp_path):
    write_rows(BATCHES, tmp_path / "rows.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_bytes().splitlines()]
    assert rows[0] == {"key": "01" * 16, "id": "=1+1", "time": "2026-10-01T12:00:00Z", "line": 1, "words": 2.5, "words.reason": None}
    assert rows[1]["words"] is None
    assert rows[1]["words.reason"] == "not_applicable"


def test_parquet_keeps_types(tmp_path):
    assert write_rows(BATCHES, tmp_path / "rows.parquet") == 4
    table = pq.read_table(tmp_path / "rows.parquet")
    assert table["line"].to_pylist() == [1, 2, 3, 4]
    assert table.schema.field("time").type == pa.timestamp("us", tz="UTC")


def test_data_frames_are_taken_too(tmp_path):
    write_rows([pd.DataFrame({"a": ["x", "+y"], "n": pd.array([1.0, None], dtype="Float64")})], tmp_path / "rows.csv")
    assert (tmp_path / "rows.csv").read_text() == '"a","n"\n"x",1.0\n"\'+y",\n'


def test_no_rows_give_an_empty_file(tmp_path):
    for suffix in table_file.SUFFIXES:
        assert write_rows([], tmp_path / f"rows{suffix}") == 0
        assert (tmp_path / f"rows{suffix}").exists()


def test_a_stream_of_rows(tmp_path):
    with (tmp_path / "out").open("wb") as out:
        assert stream_rows(BATCHES, out) == 4
    assert len((tmp_path / "out").read_bytes().splitlines()) == 4


@pytest.mark.parametrize("suffix", table_file.SUFFIXES)
def test_a_number_that_is_not_finite_is_never_written(tmp_path, suffix):
    with pytest.raises(ValueError, match="column words holds a number that is not finite"):
        write_rows([pa.table({"words": [1.0, float("nan")]})], tmp_path / f"rows{suffix}")
    assert list(tmp_path.iterdir()) == []


class FullDisk:
    """Rows whose second batch meets a full disk."""

    def __iter__(self):
        yield BATCHES[0]
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("suffix", table_file.SUFFIXES)
def test_a_full_disk_leaves_the_target_as_it_was(tmp_path, suffix):
    path = tmp_path / f"rows{suffix}"
    path.write_text("before")
    with pytest.raises(EnvironmentFailure, match="No space left on device") as caught:
        write_rows(FullDisk(), path)
    assert str(path) in str(caught.value)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link(tmp_path):
    write_rows(BATCHES[:1], tmp_path / "real.csv")
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
    write_rows(BATCHES, tmp_path / "link.csv")
    assert (tmp_path / "link.csv").is_symlink()
    assert "words" in (tmp_path / "real.csv").read_text()


def test_targets_that_cannot_be_written_are_known_before(tmp_path):
    with pytest.raises(UsageError, match=r"cannot tell the format from '\.xlsx'") as caught:
        check_target(tmp_path / "rows.xlsx")
    assert ".parquet" in caught.value.hint
    with pytest.raises(EnvironmentFailure, match="there is no folder"):
        check_target(tmp_path / "gone" / "rows.csv")
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(UsageError, match="it is no plain file"):
        check_target(tmp_path / "pipe.csv")
