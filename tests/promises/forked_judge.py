"""A process that has imported `judge` and forks it on request, so that a thousand runs do not pay a thousand start-ups.

Reads JSON lines: {"words", "rows", "folder"} starts `judge WORDS` with shards of ROWS rows in a session
of its own, its streams in FOLDER/out and FOLDER/err, and answers its pid; {"wait": pid} answers its
status when it has ended. Only the size of shards differs from the real command.
"""

import json
import os
import sys
from pathlib import Path

import duckdb  # noqa: F401 - imported once, here
import pyarrow.compute
import pyarrow.parquet  # noqa: F401
import scipy.stats  # noqa: F401

import judgecli.pipeline.score
import judgecli.renderers.table_file  # noqa: F401
from judgecli.cli import main
from judgecli.readers import intake


def _become(request: dict[str, object], folder: Path) -> None:
    os.setsid()
    for number, name in ((0, os.devnull), (1, str(folder / "out")), (2, str(folder / "err"))):
        handle = os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(handle, number)
        os.close(handle)
    os.chdir(str(folder))
    intake.SHARD_ROWS = int(str(request["rows"]))
    sys.argv = ["judge", *request["words"]]  # type: ignore[misc]
    code = 70
    try:
        code = main()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _serve() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            answer = os.waitpid(request["wait"], 0)[1]
        else:
            answer = os.fork()
            if answer == 0:
                _become(request, Path(request["folder"]))
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()
