"""The runner of cases: it leaves them as they are and shows what each printed beside what is right."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parent.parent / "scripts" / "found_cases.py"


def test_cases_are_shown_beside_what_is_right(tmp_path):
    for name, code in (("10_one", 0), ("11_other", 3)):
        case = tmp_path / name
        case.mkdir()
        (case / "cmd").write_text(f'cd "$(dirname "$0")"; touch made; cat input.txt; "$JUDGE" said >&2; exit {code}\n')
        (case / "input.txt").write_text("".join(f"{name} line {n}\n" for n in range(5)))
        (case / "expected.md").write_text(f"Right: {name} is told.\n")
    done = subprocess.run([sys.executable, SCRIPT, tmp_path, "--program", "echo", "--lines", "2"], capture_output=True, text=True, check=True)
    assert "== 10_one: exit code 0" in done.stdout
    assert "== 11_other: exit code 3" in done.stdout
    assert "right    Right: 11_other is told." in done.stdout
    assert "11_other line 1\n         ... and 3 more lines" in done.stdout
    assert "stderr   said" in done.stdout
    assert not list(tmp_path.rglob("made"))
    only = subprocess.run([sys.executable, SCRIPT, tmp_path, "11", "--program", "echo"], capture_output=True, text=True, check=True)
    assert "10_one" not in only.stdout
