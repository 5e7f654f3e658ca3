"""Exit codes, messages and streams of the command line. The work itself is replaced at one seam: pipeline.score.score_logs."""

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from judgecli import errors
from judgecli.cli import main
from judgecli.cli.failure import Terminated
from judgecli.cli.output import has_colour
from judgecli.cli.progress import BarProgress, NullProgress, open_progress
from judgecli.endpoint.retry import Fault, RowFailed
from judgecli.judge.request import AskFailed
from judgecli.pipeline import score

JUDGE = [sys.executable, "-m", "judgecli"]


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("JUDGE_") or name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "CI")]:
        monkeypatch.delenv(name)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def failing(monkeypatch):
    def failing(error):
        def score_logs(*_, **__):
            raise error

        monkeypatch.setattr(score, "score_logs", score_logs)

    return failing


def every_failure():
    """One failure of every class of the error tree."""
    hint = "do this"
    return [
        (errors.UnknownName("scorer", "wrds", known=["words"]), 2),
        (errors.MissingColumn("output", scorer="words", available=["input"]), 2),
        (errors.ScorerBroken("scorer 'f' returned 1.0 (float) for 3 rows", hint="return a list"), 2),
        (errors.UsageError("bad option", hint=hint), 2),
        (errors.ConfigError("bad key", where="judge.yaml:3:5", hint=hint), 2),
        (errors.LogError("app.jsonl is missing", hint=hint), 2),
        (errors.NoRecords("no record", hint=hint), 2),
        (errors.AlarmOpen("an alarm is open", hint=hint), 1),
        (errors.Incomplete("too little", hint=hint), 3),
        (errors.EnvironmentFailure("no space", hint=hint), 4),
        (errors.ModelRefused("model.safetensors", "it is not what the card says"), 4),
        (errors.StoreError("cannot open .judge", hint=hint), 4),
        (errors.StoreBusy("held by 17", hint=hint), 4),
        (errors.StoreCorrupt("a.parquet is damaged", hint=hint), 4),
        (errors.JudgeUnavailable("no key", hint=hint), 4),
        (AskFailed("timeout", "no answer in time"), 3),
        (RowFailed(Fault("row", "bad_request", "no such parameter"), "no such parameter"), 3),
        (errors.Interrupted("stopped", hint=hint, signal_number=2), 130),
        (errors.Interrupted("stopped", hint=hint, signal_number=15), 143),
        (OSError(28, "No space left on device", "x.parquet"), 4),
        (PermissionError(13, "Permission denied", "logs"), 4),
        (MemoryError(), 4),
        (KeyboardInterrupt(), 130),
        (Terminated(), 143),
    ]


@pytest.mark.parametrize(("error", "code"), every_failure(), ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None)
def test_every_failure_has_message_hint_and_code(failing, capsys, error, code):
    failing(error)
    assert main(["score", "app.jsonl"]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert 2 <= len(err.splitlines()) <= 8
    assert "Traceback" not in err
    assert err.splitlines()[-1].startswith("  ")


@pytest.mark.parametrize(("error", "code"), every_failure(), ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None)
def test_every_failure_is_one_json_document(failing, capsys, error, code):
    failing(error)
    assert main(["score", "app.jsonl", "--json"]) == code
    out, err = capsys.readouterr()
    failure = json.loads(out)["error"]
    assert failure["exit_code"] == code
    assert failure["message"]
    assert failure["hint"]
    assert failure["hint"].splitlines()[0] in err


def test_the_tree_of_errors_is_covered():
    def leaves(kind):
        return {kind}.union(*(leaves(sub) for sub in kind.__subclasses__()))

    from judgecli.cli.failure import InternalError

    assert leaves(errors.JudgeError) - {type(error) for error, _ in every_failure()} <= {errors.JudgeError, InternalError}


@pytest.mark.parametrize("signal_number", [2, 15])
def test_an_interrupted_run_prints_the_command_that_continues(failing, capsys, signal_number):
    failing(errors.Interrupted("stopped", hint="", signal_number=signal_number))
    words = ["--store", "my store", "score", "my logs/a.jsonl", "--quiet", "-s", "no_prices=regex:pattern='[$€]'"]
    assert main(words) == 128 + signal_number
    line = capsys.readouterr().err.splitlines()[-1]
    assert shlex.split(line.removeprefix("  continue with: ")) == ["judge", *words]


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_while_rows_are_written_leaves_no_half_file(tmp_path, name, code):
    script = f"""
import os, signal
from judgecli.pipeline import score
from judgecli.cli import main
class Result:
    exit_code, notes = 0, []
    def to_json(self): return {{}}
    def rows(self):
        import pyarrow as pa
        yield pa.table({{"a": [1]}})
        os.kill(os.getpid(), signal.{name})
score.score_logs = lambda *_, **__: Result()
raise SystemExit(main(["score", "x", "-o", "rows.csv"]))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert "continue with: judge score x -o rows.csv" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_bug_is_a_short_message_a_log_and_70(failing, capsys, tmp_path):
    (tmp_path / "store").mkdir()
    failing(ZeroDivisionError("of ours"))
    assert main(["score", "app.jsonl", "--store", "store"]) == 70
    err = capsys.readouterr().err
    assert "Traceback" not in err
    assert "a bug of judge: ZeroDivisionError: of ours" in err
    (log,) = (tmp_path / "store").glob("bug-*.log")
    assert str(log.relative_to(tmp_path)) in err
    assert "ZeroDivisionError" in log.read_text()
    assert "Traceback" in log.read_text()
    assert log.stat().st_mode & 0o077 == 0


def test_long_messages_are_cut_to_eight_lines(failing, capsys):
    failing(errors.UsageError("\n".join("abcdefghijkl"), hint="\n".join("mnopqrst")))
    assert main(["score", "x"]) == 2
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 8
    assert "  m\n" in err


@pytest.mark.parametrize(
    ("words", "says", "hint"),
    [
        (["scor"], "no command of judge is called 'scor'", "did you mean score"),
        (["store", "inf"], "no command of judge store is called 'inf'", "did you mean info"),
        (["store"], "Missing command", "judge store --help"),
        (["score", "x", "--maps", "a=b"], "No such option: --maps", "did you mean --map"),
        (["score", "x", "--workers", "many"], "Invalid value for '--workers'", "judge score --help"),
        (["score", "x", "--workers", "0"], "0 workers", "leave --workers out"),
        (["score", "x", "--max-bad", "2"], "max_bad is 2", "0 to 1"),
        (["score", "x", "--map", "ouput=a"], "no record field 'ouput'", "did you mean output"),
        (["score", "x", "--zone", "Mars"], "no time zone 'Mars'", "Europe/Berlin"),
        (["score", "x", "-o", "rows.xlsx"], "cannot tell the format", ".parquet"),
        (["score"], "no logs", "judge.yaml"),
        (["inspect"], "Missing argument", "judge inspect --help"),
        (["scorers", "wrds"], "no scorer is called 'wrds'", "words"),
        (["scorers", "words", "chars"], "unexpected extra argument", "judge scorers --help"),
        (["store", "forget"], "Missing option '--where'", "judge store forget --help"),
        (["--stor", "x", "score"], "No such option: --stor", "did you mean --store"),
    ],
)
def test_usage_errors_name_the_way_out(capsys, words, says, hint):
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert says in err.splitlines()[0]
    assert hint in err.splitlines()[1]


def test_rows_and_a_document_do_not_share_stdout(capsys):
    assert main(["score", "x", "-o", "-", "--json"]) == 2
    assert "both want stdout" in json.loads(capsys.readouterr().out)["error"]["message"]


def test_config_errors_carry_their_place(capsys, tmp_path):
    (tmp_path / "judge.yaml").write_text("logs:\n  - pth: a\n")
    assert main(["score", "x"]) == 2
    assert capsys.readouterr().err.startswith("error: judge.yaml:2:5: logs[0]")


def test_global_options_before_and_after(monkeypatch):
    seen = []

    def score_logs(_logs, *, work, **_):
        seen.append(str(work.settings.store))
        raise errors.UsageError("enough", hint="seen")

    monkeypatch.setattr(score, "score_logs", score_logs)
    for words in (
        ["--store", "before", "score", "x"],
        ["score", "x", "--store", "after"],
        ["--store", "before", "score", "x", "--store=after"],
        ["score", "x"],
    ):
        main(words)
    assert seen == ["before", "after", "after", ".judge"]


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"], ["score", "-h"], ["store", "forget", "--help"], ["doctor", "-h"]])
def test_help_starts_with_examples(capsys, words):
    assert main(words) == 0
    out = capsys.readouterr().out
    assert out.index("Examples:\n  judge ") < out.index("Usage: ") < out.index("Options:")


def test_help_imports_nothing_heavy():
    code = "import sys; from judgecli.cli import main; main(['--help']); main(['--version']); print([m for m in sys.argv[1:] if m in sys.modules])"
    heavy = ["pyarrow", "pandas", "duckdb", "pydantic", "numpy", "scipy", "rich", "yaml", "openai", "aiohttp"]
    done = subprocess.run([sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_reader_may_go_away():
    done = subprocess.run(["/bin/bash", "-o", "pipefail", "-c", f"{shlex.join(JUDGE)} scorers --json | true"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_stdout_is_an_environment_failure():
    with open("/dev/full", "w") as full:
        done = subprocess.run([*JUDGE, "scorers"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 4
    assert done.stderr.startswith("error: No space left on device")
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_a_closed_stdout_is_no_bug():
    done = subprocess.run(["/bin/bash", "-c", f"{shlex.join(JUDGE)} --version >&-"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


COLOURS = [
    ({}, False),
    ({"FORCE_COLOR": "1"}, True),
    ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ({"NO_COLOR": ""}, False),
    ({"TERM": "dumb", "FORCE_COLOR": "1"}, True),
]


@pytest.mark.parametrize(("variables", "colour"), COLOURS)
def test_colours(monkeypatch, variables, colour):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert has_colour(sys.stdout) is colour


class Terminal:
    def isatty(self):
        return True


PROGRESS = [
    ({}, False, BarProgress),
    ({"CI": "true"}, False, NullProgress),
    ({"CI": "false"}, False, BarProgress),
    ({"TERM": "dumb"}, False, NullProgress),
    ({}, True, NullProgress),
]


@pytest.mark.parametrize(("variables", "quiet", "kind"), PROGRESS)
def test_progress_only_where_someone_looks(monkeypatch, variables, quiet, kind):
    monkeypatch.setenv("TERM", "xterm")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert type(open_progress(quiet=quiet)) is kind
