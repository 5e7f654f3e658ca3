"""Run a folder of cases and show what each printed beside what its expected.md says is right.

A case is a folder with `cmd`, a shell script that calls the program named by the environment variable JUDGE, its inputs,
and `expected.md`. Each runs in a copy of its folder, so that the cases stay as they are. A person compares.

    python scripts/found_cases.py FOLDER                     all cases of the folder
    python scripts/found_cases.py FOLDER 30 45               those whose names begin so
    python scripts/found_cases.py FOLDER --server "python3 _server/mock.py 18780"
"""

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main() -> int:
    """Run what was asked for; 1 where a case could not be run at all, else 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", help="beginnings of names")
    parser.add_argument("--program", default=os.environ.get("JUDGE") or shutil.which("judge") or "judge")
    parser.add_argument("--lines", type=int, default=12, help="lines of each output that are shown")
    parser.add_argument("--timeout", type=float, default=300, help="seconds that a case may take")
    parser.add_argument("--server", help="a command that is started in the folder before the first case and ended after the last")
    typed = parser.parse_args()
    cases = [path.parent for path in sorted(typed.folder.glob("*/cmd")) if not typed.names or path.parent.name.startswith(tuple(typed.names))]
    if not cases:
        parser.error(f"{typed.folder} holds no such case")
    server = subprocess.Popen(shlex.split(typed.server), cwd=typed.folder, stdout=subprocess.DEVNULL) if typed.server else None
    try:
        time.sleep(1.0 if server else 0.0)  # until it listens
        return max(run(case, typed.program, typed.lines, typed.timeout) for case in cases)
    finally:
        if server is not None:
            server.terminate()
            server.wait()


def run(case: Path, program: str, lines: int, timeout_s: float) -> int:
    """Run one case in a copy and print it; 1 where it did not end in time."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / case.name
        shutil.copytree(case, copy, copy_function=shutil.copyfile)
        copy.chmod(0o700)
        try:
            command = ["sh", str(copy / "cmd")]
            done = subprocess.run(command, env={**os.environ, "JUDGE": program}, capture_output=True, text=True, timeout=timeout_s, errors="replace")
        except subprocess.TimeoutExpired:
            print(f"== {case.name}: not done after {timeout_s:g} s\n")
            return 1
    expected = case / "expected.md"
    print(f"== {case.name}: exit code {done.returncode}")
    print(_indented("right", expected.read_text(encoding="utf-8") if expected.exists() else "(no expected.md)", 100))
    print(_indented("stdout", done.stdout, lines))
    print(_indented("stderr", done.stderr, lines), flush=True)
    return 0


def _indented(name: str, text: str, most: int) -> str:
    given = text.rstrip().splitlines()
    more = [f"... and {len(given) - most} more lines"] if len(given) > most else []
    return "".join(f"{name if place == 0 else '':<8} {line}\n" for place, line in enumerate([*given[:most], *more] or ["(nothing)"]))


if __name__ == "__main__":
    sys.exit(main())
