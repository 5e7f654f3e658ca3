"""`redact:` holds for what judges answer: no byte of the store, of an export or of a result names what a reply named."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import zstandard
from judges import Silent, body, write_log
from opened import export_replies, import_replies, score_logs

from judgecli.config import load_settings
from judgecli.judge.reply import read_reply
from judgecli.judge.request import AskFailed, Reply, Request
from judgecli.pipeline.judged import Asking

MAIL = b"ann.lee@example.org"


async def telling(request: Request) -> Reply:
    """A judge whose explanation names a person."""
    if "answer 3 " in str(request.messages):
        raise AskFailed("bad_request", f"refused: {MAIL.decode()} is in the text")
    return read_reply(body(json.dumps({"explanation": f"as {MAIL.decode()} wrote", "score": 4})), "json_schema")


def run(folder: Path, redact: str, log: str, **more: Any) -> Any:
    (folder / "judge.yaml").write_text(f"redact: [{redact}]\n", encoding="utf-8")
    settings = load_settings(str(folder / "judge.yaml"), environment={"JUDGE_STORE": str(folder / "store"), "JUDGE_MODEL": "m"}, folder=folder)
    return settings, score_logs([log], settings=settings, scorers=["rubric:helpfulness"], progress=Silent(), asking=Asking(**more))


def every_byte(root: Path) -> bytes:
    """What the store holds, unpacked: replies, texts of score files, and the files as they are."""
    import sqlite3

    found = b"".join(path.read_bytes() for path in root.rglob("*") if path.is_file())
    for (packed,) in sqlite3.connect(root / "ledger.db").execute("SELECT body FROM replies"):
        found += zstandard.ZstdDecompressor().decompress(packed)
    for path in root.rglob("scores/*/*.parquet"):
        found += json.dumps(pq.read_table(path, partitioning=None).to_pylist(), default=str).encode()
    return found


def test_nothing_that_a_judge_named_is_kept(tmp_path: Path) -> None:
    log = write_log(tmp_path / "log.jsonl", 12)
    settings, result = run(tmp_path, "pii", log, ask=telling)
    assert result.to_json()["metrics"]["rubric.helpfulness"]["scored"] == 11
    kept = every_byte(tmp_path / "store")
    assert MAIL not in kept
    assert b"as [pii:email] wrote" in kept
    assert b"refused: [pii:email] is in the text" in kept
    export_replies(settings, str(tmp_path / "replies.jsonl"))
    assert MAIL not in (tmp_path / "replies.jsonl").read_bytes()


def test_without_redact_replies_stay_as_they_came(tmp_path: Path) -> None:
    run(tmp_path, "", write_log(tmp_path / "log.jsonl", 2), ask=telling)
    assert MAIL in every_byte(tmp_path / "store")


@pytest.mark.parametrize("way", ["export", "import", "replay"])
def test_replies_that_were_kept_before_are_redacted_on_their_way(tmp_path: Path, way: str) -> None:
    log = write_log(tmp_path / "log.jsonl", 3)
    settings, _ = run(tmp_path, "", log, ask=telling)
    raw = tmp_path / "raw.jsonl"
    export_replies(settings, str(raw))
    assert MAIL in raw.read_bytes()
    if way == "export":
        (tmp_path / "judge.yaml").write_text("redact: [pii]\n", encoding="utf-8")
        now = load_settings(str(tmp_path / "judge.yaml"), environment={"JUDGE_STORE": str(tmp_path / "store")}, folder=tmp_path)
        export_replies(now, str(tmp_path / "out.jsonl"))
        assert MAIL not in (tmp_path / "out.jsonl").read_bytes()
        return
    (tmp_path / "store").rename(tmp_path / "old")
    if way == "replay":
        _, result = run(tmp_path, "pii", log, replay=str(raw))
        assert result.to_json()["metrics"]["rubric.helpfulness"]["scored"] == 3
    else:
        (tmp_path / "judge.yaml").write_text("redact: [pii]\n", encoding="utf-8")
        now = load_settings(str(tmp_path / "judge.yaml"), environment={"JUDGE_STORE": str(tmp_path / "store")}, folder=tmp_path)
        import_replies(now, str(raw))
    assert MAIL not in every_byte(tmp_path / "store")
