"""The store's folder at birth: private to its user, and out of version control."""

import os
import stat

import pytest
from harness import score, write_lines


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
