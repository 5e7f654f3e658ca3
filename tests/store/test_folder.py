"""The store's folder at birth: private to its user, and out of version control."""

import os
import stat

import pyarrow as pa
import pytest
from harness import score, write_lines

from judgecli.store.folder import Store


@pytest.mark.skipif(os.name == "nt", reason="permissions are those of POSIX")
def test_a_new_store_is_private(tmp_path):
    before = os.umask(0)
    try:
        score(tmp_path / "s", [write_lines(tmp_path / "a.jsonl", [{"output": "a"}])])
    finally:
        os.umask(before)
    modes = {path: stat.S_IMODE((tmp_path / "s" / path).stat().st_mode) for path in ("", "ledger.db", "records", "keys", "scores")}
    assert modes == {"": 0o700, "ledger.db": 0o600, "records": 0o700, "keys": 0o700, "scores": 0o700}
    assert (tmp_path / "s" / ".gitignore").read_text() == "*\n"


@pytest.mark.skipif(os.name == "nt", reason="permissions are those of POSIX")
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_a_store_in_a_folder_that_was_there_is_private_too(tmp_path, umask):
    (tmp_path / "s").mkdir()
    (tmp_path / "s").chmod(0o755)
    before = os.umask(umask)
    try:
        score(tmp_path / "s", [write_lines(tmp_path / "a.jsonl", [{"output": "a"}, {"nothing": 1}])], max_bad=1.0)
    finally:
        os.umask(before)
    for path in (tmp_path / "s", *(tmp_path / "s").rglob("*")):
        wanted = 0o700 if path.is_dir() else 0o666 & ~umask if path.name == ".gitignore" else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path


def test_a_connection_keeps_its_limit_whatever_others_ask_for(tmp_path):
    with Store(tmp_path / "store") as store:
        wide, narrow, other = store.connect(), store.connect(memory="300MB"), store.connect()
        limits = [one.execute("SELECT current_setting('memory_limit')").fetchall()[0][0] for one in (wide, narrow, other)]
        assert limits[0] == limits[2] != limits[1] == "286.1 MiB"
        wide.register("given", pa.table({"v": [1]}))
        other.register("given", pa.table({"v": [2]}))
        assert [one.execute("SELECT v FROM given").fetchall() for one in (wide, other)] == [[(1,)], [(2,)]]
