"""Writes judge.schema.json (the shape of judge.yaml, for editors): `python docs/make_schema.py`. A test holds it in step."""

from pathlib import Path

from judgecli.config.editor import SCHEMA_FILE, editor_schema
from judgecli.renderers.safe import json_text

TARGET = Path(__file__).parent.parent / SCHEMA_FILE


def text() -> str:
    """The text of judge.schema.json."""
    return json_text(editor_schema()) + "\n"


if __name__ == "__main__":
    TARGET.write_text(text(), encoding="utf-8")
