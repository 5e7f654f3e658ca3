"""docs/cli.md says what --help says."""

import importlib.util
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_is_what_help_prints():
    located = importlib.util.spec_from_file_location("make_cli", DOCS / "make_cli.py")
    make_cli = importlib.util.module_from_spec(located)
    located.loader.exec_module(make_cli)
    assert (DOCS / "cli.md").read_text(encoding="utf-8") == make_cli.page(), "run: python docs/make_cli.py"
