"""Texts of others that must stay text: a shared set of harmless markers, where it is at hand, and our own.

A page, a sheet or a terminal that acts on one leaves a mark at most: `JUDGE_MARK` as its title or as a property of its window, a request to port 9 of
this machine, the value 2, a colour.
"""

import gzip
import json
from functools import cache
from pathlib import Path

MARKERS = Path(__file__).resolve().parents[2] / "shared" / "data" / "hostile" / "markers.jsonl.gz"
OWN = Path(__file__).parent / "data" / "markup_marks.json"
DEAD_END = "http://127.0.0.1:9"  # the port where nothing listens


@cache
def markers() -> list[str]:
    """The shared markers, in their order; none where they are not at hand."""
    if not MARKERS.exists():
        return []
    with gzip.open(MARKERS, "rb") as file:
        return [json.loads(line)["text"] for line in file.read().split(b"\n") if line]


def read_markers() -> list[str]:
    """The markers as a reader gives them: a lone surrogate is written out, as UTF-8 cannot hold it."""
    return [text.encode("utf-8", "backslashreplace").decode("utf-8") for text in markers()]


def own_marks(address: str = DEAD_END) -> list[str]:
    """Our own markup; `address` is where it asks for what it loads."""
    return [text.replace("{trap}", address) for text in json.loads(OWN.read_text(encoding="utf-8"))]
