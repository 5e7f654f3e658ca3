"""More than 500 escape strings through every text path of the command line, captured as bytes in a pseudo-terminal."""

import json
import os
import pty
import re
import subprocess
import sys
from itertools import product

import pytest

INTRODUCERS = [
    "\x1b[",
    "\x1b]",
    "\x1bP",
    "\x1b_",
    "\x1b^",
    "\x1bX",
    "\x1b",
    "\x9b",
    "\x9d",
    "\x90",
    "\x9f",
    "\x9e",
    "\x98",
    "\x1b#",
    "\x1b(",
    "\x1b%",
    "\x1b ",
    "\x0e\x1b[",
    "\x18\x1b[",
    "\x1b\x1b[",
    "\x08\x1b[",
    "\x1b\\",
]
BODIES = [
    "2J",
    "31m",
    "?1049h",
    "6n",
    "0;title\x07",
    "52;c;aGk=\x07",
    "8;;http://x\x1b\\link",
    "1337;File=:AA\x07",
    "c",
    "8",
    "999;999H",
    "1;31;5m",
    "200~",
    "=c",
    "p0;1q\x9c",
    "@",
    "4i",
    "5n",
    "?25l",
    "[;m",
]
OTHERS = [
    f"a{chr(code)}b"
    for code in [
        *range(9),
        *range(11, 32),
        *range(127, 160),
        *range(0x200B, 0x2010),
        *range(0x2028, 0x202F),
        *range(0x2060, 0x2070),
        0x61C,
        0xFEFF,
        0xE0001,
        0xE0041,
    ]
]
ESCAPES = [introducer + body for introducer, body in product(INTRODUCERS, BODIES)] + OTHERS

# Runs in the terminal: every string as a scorer, a log, a mapping, a zone, a command, an option, a config and a filter.
DRIVER = """
import json, sys
from judgecli.cli import main
for escape in json.load(open("escapes.json")):
    for words in (["score", "log.jsonl", "-s", escape], ["score", escape], ["score", "log.jsonl", "--map", escape], ["score", "log.jsonl", "--zone", escape],
                  [escape], ["--" + escape], ["scorers", escape], ["score", "x", "-o", escape], ["--config", escape, "score", "x"]):
        if "\\0" not in "".join(words):
            main(words)
print("END OF RUN")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "escapes.json").write_text(json.dumps(ESCAPES))
    fields = ("id", "input", "output", "model", "prompt_version", "session", "finish_reason", "error")
    rows = [dict.fromkeys(fields, escape) | {f"tag {escape}": escape, "time": "2026-10-01T00:00:00Z"} for escape in ESCAPES]
    (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (folder / "evil \x1b]0;name\x07\x9b31m\u202e.jsonl").write_text("".join(f"{escape}\n" for escape in ESCAPES) + json.dumps(rows[0]) + "\n", encoding="utf-8")
    (folder / "empty.yaml").write_text("")
    (folder / "judge.yaml").write_text('keep: "\\e]52;c;aGk=\\a\\N\\_"\n', encoding="utf-8")
    return folder


def in_terminal(folder, *words, term="dumb"):
    """Everything that a command writes to its terminal."""
    master, slave = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", "FORCE_COLOR", "NO_COLOR") and not name.startswith("JUDGE_")}
    process = subprocess.Popen(
        [sys.executable, *words], cwd=folder, env=environment | {"TERM": term, "COLUMNS": "120"}, stdin=subprocess.DEVNULL, stdout=slave, stderr=slave
    )
    os.close(slave)
    seen = b""
    while True:
        try:
            block = os.read(master, 65536)
        except OSError:  # the other end is closed
            break
        if not block:
            break
        seen += block
    os.close(master)
    process.wait()
    return seen


def live_controls(seen):
    """Control characters in what a terminal got; its own line ends are CR LF."""
    text = seen.replace(b"\r\n", b"\n").decode("utf-8")
    return sorted(
        {hex(ord(found)) for found in re.findall("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]", text)}
    )


def test_there_are_500():
    assert len(set(ESCAPES)) >= 500


def test_errors(folder):
    seen = in_terminal(folder, "-c", DRIVER)
    assert b"END OF RUN" in seen
    assert seen.count(b"error: ") > 9 * 450
    assert b"a bug of judge" not in seen
    assert b"Traceback" not in seen
    assert live_controls(seen) == []


def results(folder):
    names = sorted(path.name for path in folder.glob("*.jsonl"))
    for number, words in enumerate(
        [
            ["score", *names, "--max-bad", "1"],
            ["score", *names, "--json"],
            ["score", "log.jsonl", "-o", "-"],
            ["inspect", *names],
            ["inspect", *names, "--json"],
            ["doctor"],
            ["score", "log.jsonl"],
        ]
    ):
        config = ["--config", "empty.yaml"] if number < 6 else []
        yield ["-m", "judgecli", *config, *words]


def test_results(folder):
    (folder / "empty.yaml").write_text("")
    for words in results(folder):
        seen = in_terminal(folder, *words)
        assert len(seen) > 50, words
        assert b"a bug of judge" not in seen, words
        assert live_controls(seen) == [], words


def test_progress(folder):
    """With a bar the only escapes are those of colours, cursor and line, none of which a string here brings."""
    seen = in_terminal(
        folder, "-m", "judgecli", "--config", "empty.yaml", "--store", "other", "score", *sorted(path.name for path in folder.glob("*.jsonl")), term="xterm"
    )
    ours = re.compile(rb"\x1b\[(\d+(;\d+)*)?[mAK]|\x1b\[2K|\x1b\[\?25[lh]|\r")
    assert live_controls(ours.sub(b"", seen)) == []
    assert b"\x1b]" not in seen
