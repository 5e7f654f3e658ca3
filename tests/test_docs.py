"""The documents are under test: what README and docs/ tell people to type works, and prints what they show.

Each page's ```console blocks run in order in one copy of examples/recipe_bot. A line that starts with
`$ ` is a command (a line that ends with \\ goes on in the next); the lines after it are its output: each must
be printed, in that order, blanks aside, and `...` stands for anything. A comment line before a block says
more: <!-- no-run --> skips it, <!-- exit 3 --> is the exit code that its commands must have.
"""

import doctest
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from judgecli.scorer import Scorer

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "examples").glob("*/README.md"))]
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#([^)\s]+))?\)")


@dataclass
class Command:
    """One command of a page, with the output that the page shows."""

    line: int
    text: str
    exit_code: int
    shown: list[str] = field(default_factory=list)


def commands(text: str) -> Iterator[Command]:
    """The commands of all console blocks that run."""
    inside, note, command, last = False, "", None, ""
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("```"):
            if command is not None:
                yield command
            inside, note, command = (line.strip() == "```console" and "no-run" not in last), last, None
        elif inside and line.startswith("$ "):
            if command is not None:
                yield command
            code = re.search(r"exit (\d+)", note)
            command = Command(number, line[2:], int(code[1]) if code else 0)
        elif inside and command is not None and command.text.endswith("\\"):
            command.text = command.text[:-1] + line.strip()
        elif inside and command is not None and line.strip():
            command.shown.append(line)
        last = line if line.strip() else last


def pattern(line: str) -> re.Pattern[str]:
    """A shown line as a pattern: blanks count as one, `...` as anything."""
    return re.compile(".*".join(re.escape(" ".join(piece.split())) for piece in line.split("...")))


def missing(command: Command, output: str) -> list[str]:
    """The shown lines that the output does not have, in that order."""
    lines = iter([" ".join(line.split()) for line in output.splitlines()])
    return [shown for shown in command.shown if shown.strip() != "..." and not any(pattern(shown).search(line) for line in lines)]


def anchors(text: str) -> set[str]:
    """What a link may point to in a page: its headings in lower case, with hyphens for blanks."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def environment(home: Path) -> dict[str, str]:
    """As a user's shell, but with nothing of the machine's own settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JUDGE_", "OPENAI_", "GITHUB_")) and name not in ("CI", "FORCE_COLOR")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}"
    return {**kept, "PATH": path, "HOME": str(home), "NO_COLOR": "1", "COLUMNS": "120", "TZ": "UTC", "LC_ALL": "C.UTF-8"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_of_the_page_run(page, tmp_path):
    todo = list(commands(page.read_text(encoding="utf-8")))
    if not todo:
        return
    folder = tmp_path / "recipe_bot"
    shutil.copytree(ROOT / "examples" / "recipe_bot", folder, ignore=shutil.ignore_patterns(".judge", "__pycache__"))
    for command in todo:
        where = f"{page.name}:{command.line}: {command.text}"
        done = subprocess.run(["bash", "-c", command.text], cwd=folder, env=environment(tmp_path), capture_output=True, text=True, check=False)  # noqa: S607
        printed = done.stdout + done.stderr
        assert done.returncode == command.exit_code, f"{where}\nexit {done.returncode}\n{printed}"
        assert missing(command, printed) == [], f"{where}\nprinted\n{printed}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_python_of_the_page_runs(page, tmp_path):
    """Every ```python block that imports judgecli, in a copy of the example."""
    blocks = re.findall(r"^```python\n(import judgecli\n.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    for block in blocks:
        shutil.copytree(ROOT / "examples" / "recipe_bot" / "logs", tmp_path / "logs", dirs_exist_ok=True)
        done = subprocess.run([sys.executable, "-c", block], cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"], ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    for link, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        assert (page.parent / link).exists(), link
        assert not anchor or anchor in anchors((page.parent / link).read_text(encoding="utf-8")), f"{link}#{anchor}"


def test_index_names_every_page():
    linked = {link for link, _ in LINK.findall((ROOT / "docs" / "index.md").read_text(encoding="utf-8"))}
    assert {path.name for path in (ROOT / "docs").glob("*.md")} - {"index.md"} <= linked


def test_contributing_shows_a_scorer_that_works(tmp_path):
    """The scorer that newcomers copy: its doctest holds, and it is a Scorer."""
    code = re.search(r'```python\n(""".*?)```', (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.DOTALL)
    assert code is not None
    (tmp_path / "capitals.py").write_text(code[1], encoding="utf-8")
    spec = importlib.util.spec_from_file_location("capitals", tmp_path / "capitals.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert isinstance(module.capitals_share, Scorer)
    test = doctest.DocTestParser().get_doctest(str(module.capitals_share.__doc__), vars(module), "capitals_share", None, 0)
    assert doctest.DocTestRunner().run(test) == doctest.TestResults(failed=0, attempted=1)


def test_runner_reads_blocks():
    text = "```console\n$ echo a \\\n    b\na  b\n$ true\n```\n<!-- no-run -->\n```console\n$ rm x\n```\n"
    text += "<!-- exit 3 -->\n\n```console\n$ exit 3\n```\n```sh\n$ no\n```\n"
    assert [(c.text, c.exit_code, c.shown) for c in commands(text)] == [("echo a b", 0, ["a  b"]), ("true", 0, []), ("exit 3", 3, [])]


@pytest.mark.parametrize(
    ("shown", "printed", "lost"),
    [
        (["a b"], "x\na   b c\n", []),
        (["n = ... of 9"], "n = 4 of 9", []),
        (["b", "a"], "a\nb", ["a"]),
        (["1.5"], "1x5", ["1.5"]),
        (["..."], "", []),
    ],
)
def test_runner_compares_output(shown, printed, lost):
    assert missing(Command(1, "", 0, shown), printed) == lost
