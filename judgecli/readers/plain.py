"""Plain rows: any JSON object, CSV row or Parquet row; its fields are mapped by --map or by the names they go by.

{"id": "r1", "timestamp": "2026-01-01T00:00:00Z", "question": "Where is Rome?", "answer": "In Italy."}
"""

from judgecli.readers.adapter import Adapter, Object


def match(one: Object) -> float:
    """0.1 for every object: whatever knows it better wins."""
    return 0.1 if one else 0.05


ADAPTER = Adapter(
    name="plain",
    match=match,
    sample='{"id": "r1", "timestamp": "2026-01-01T00:00:00Z", "question": "Where is Rome?", "answer": "In Italy."}',
    order=1000,
)
