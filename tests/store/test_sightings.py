"""Lines whose record another line gave: what happens when their list is gone."""

import pytest

from judgecli.errors import StoreCorrupt
from tests.harness import score, write_lines

RECORDS = [{"id": str(number), "input": "q", "output": f"answer {number}"} for number in range(5)]


def test_a_lost_list_is_named(tmp_path):
    """Found by the long run of damaged stores: it ended as a bug of ours."""
    logs = [write_lines(tmp_path / name, RECORDS) for name in ("a.jsonl", "b.jsonl")]
    found = score(tmp_path / "store", logs)
    assert (found.counts.accepted, found.counts.duplicate) == (5, 5)
    for path in (tmp_path / "store" / "sightings").iterdir():
        path.unlink()
    with pytest.raises(StoreCorrupt, match=r"sightings.*is missing"):
        score(tmp_path / "store", logs)
