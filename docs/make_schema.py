"""Writes judge.schema.json and rubric.schema.json, for editors: `python docs/make_schema.py`. Tests hold them in step."""

from pathlib import Path

from judgecli.config.editor import SCHEMA_FILE, editor_schema
from judgecli.config.rubric_file import RUBRIC_SCHEMA_FILE, rubric_schema
from judgecli.renderers.safe import json_text

TARGET = Path(__file__).parent.parent / SCHEMA_FILE


def text() -> str:
    """The text of judge.schema.json."""
    return json_text(editor_schema()) + "\n"


if __name__ == "__main__":
    TARGET.write_text(text(), encoding="utf-8")
    (TARGET.parent / RUBRIC_SCHEMA_FILE).write_text(json_text(rubric_schema()) + "\n", encoding="utf-8")
