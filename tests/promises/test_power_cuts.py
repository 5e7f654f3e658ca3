"""P3: what was acknowledged as durable survives a cut of the power, and the ledger is whole.

A run that keeps replies is traced; then the disk is played back up to a random moment: of the writes that no fsync followed
each page is there or not, by chance, as after a cut. Killing a process (P1, P2) does not show this: the page cache survives it.
"""

import random
import re
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from judgecli.store.ledger import Ledger
from judgecli.store.replies import find_replies

CUTS = 100
SECTOR = 512
STRACE = shutil.which("strace")
RUN = """
import asyncio, os, sys
import judgecli.store.ledger as module
from judgecli.store.live_replies import Replies
from judgecli.store.replies import StoredReply

module.CHECKPOINT_PAGES = 60

async def run():
    async with Replies(__import__("pathlib").Path(sys.argv[1])) as replies:
        for number in range(240):
            await replies.keep(StoredReply(number.to_bytes(32, "big"), os.urandom(300), "text", "r", "m", run_id=1))
            if number % 7 == 6:
                await replies.durable()
                os.write(1, b"ack %d\\n" % number)

asyncio.run(run())
"""
Event = tuple[str, str, int, bytes]  # kind, file, offset, bytes


def _traced(folder: Path) -> list[Event]:
    """What a run did to its ledger, in order: writes, syncs, truncations, and acknowledgements as `ack`."""
    trace, script = folder / "trace", folder / "run.py"
    script.write_text(RUN, encoding="utf-8")
    calls = "pwrite64,write,fsync,fdatasync,ftruncate,unlink"
    words = [str(STRACE), "-f", "-y", "-xx", "-qq", "-s", "200000", "-o", str(trace), "-e", f"trace={calls}", sys.executable, str(script), "ledger.db"]
    subprocess.run(words, cwd=folder, check=True, stdout=subprocess.PIPE, timeout=120)
    events: list[Event] = []
    for line in _whole_lines(trace.read_text(encoding="latin-1").splitlines()):
        found = re.match(r'(\w+)\((\d+)<([^>]*)>(?:, "((?:\\x[0-9a-f]{2})*)"(?:\.\.\.)?, \d+)?(?:, (\d+))?\) += (\d+)', line)
        if found is None:
            assert "ledger.db" not in line or "unlink" in line or "= -1" in line, line[:200]
            continue
        call, descriptor, escaped, text, offset, done = found.groups()
        name = bytes.fromhex(escaped.replace("\\x", "")).decode() if escaped.startswith("\\x") else escaped
        data = bytes.fromhex((text or "").replace("\\x", ""))
        if descriptor == "1" and call == "write":
            events.append(("ack", "", int(data.split()[1]), b""))
        elif Path(name).name in ("ledger.db", "ledger.db-wal"):
            kind = "sync" if call in ("fsync", "fdatasync") else "cut" if call == "ftruncate" else "write"
            events.append((kind, Path(name).name, int(offset or 0), data[: int(done)] if kind == "write" else b""))
    return events


def _whole_lines(lines: list[str]) -> list[str]:
    """Calls of all threads without their process ids; one that was interrupted stands where it ended."""
    begun: dict[str, str] = {}
    whole = []
    for line in lines:
        pid, _, rest = line.partition(" ")
        rest = rest.strip()
        if rest.endswith("<unfinished ...>"):
            begun[pid] = rest.removesuffix("<unfinished ...>").rstrip()
        elif rest.startswith("<..."):
            whole.append(begun.pop(pid) + re.sub(r"^<\.\.\. \w+ resumed>", "", rest))
        else:
            whole.append(rest)
    return whole


def _play(before: dict[str, bytes], events: list[Event], draw: random.Random) -> dict[str, bytes]:
    """The files after a cut at the end of the events: each sector that was written after the last sync is there or not."""
    files = {name: bytearray(content) for name, content in before.items()}
    loose: dict[str, list[tuple[int, bytes]]] = {name: [] for name in files}

    def settle(name: str, chance: float) -> None:
        for offset, data in loose[name]:
            for start in range(0, len(data), SECTOR):
                if draw.random() < chance:
                    part, place = data[start : start + SECTOR], offset + start
                    files[name].extend(b"\0" * (place + len(part) - len(files[name])))
                    files[name][place : place + len(part)] = part
        loose[name] = []

    for kind, name, offset, data in events:
        if kind == "write":
            loose[name].append((offset, data))
        elif kind == "sync":
            settle(name, 1.0)
        elif kind == "cut":
            settle(name, 1.0)
            del files[name][offset:]
    for name in files:
        settle(name, draw.choice((0.0, 0.5, 0.9, 1.0)))
    return {name: bytes(content) for name, content in files.items()}


def test_a_cut_of_the_power_loses_no_acknowledged_reply(tmp_path):
    if STRACE is None or subprocess.run([STRACE, "-qq", "-o", "/dev/null", "true"], check=False).returncode != 0:
        pytest.skip("strace is missing or may not trace here")
    folder = tmp_path / "run"
    folder.mkdir()
    Ledger(folder / "ledger.db").close()
    before = {"ledger.db": (folder / "ledger.db").read_bytes(), "ledger.db-wal": b""}
    events = _traced(folder)
    assert sum(kind == "ack" for kind, *_ in events) == 34
    assert sum(kind == "sync" for kind, *_ in events) >= 34
    draw = random.Random(20_261_127)  # noqa: S311
    for cut in range(CUTS):
        moment = draw.randrange(len(events) + 1)
        struck = tmp_path / f"cut{cut}"
        struck.mkdir()
        for name, content in _play(before, events[:moment], draw).items():
            (struck / name).write_bytes(content)
        acknowledged = max((offset for kind, _, offset, _ in events[:moment] if kind == "ack"), default=-1)
        with closing(Ledger(struck / "ledger.db")) as ledger:
            assert ledger.rows("PRAGMA integrity_check")[0][0] == "ok", (cut, moment)
            found = find_replies(ledger, [number.to_bytes(32, "big") for number in range(240)])
            kept = sorted(int.from_bytes(key, "big") for key in found)
            assert kept == list(range(len(kept))), (cut, moment)
            assert len(kept) > acknowledged, (cut, moment)
