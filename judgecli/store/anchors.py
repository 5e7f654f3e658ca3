"""What the ledger keeps of anchors judged again: one row an anchor, window and identity of the judge."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass

from judgecli.store.ledger import Ledger


@dataclass(frozen=True)
class JudgedAnchor:
    """One anchor in one window (a date): z is now - founding on a scale of width 1, None with a reason.

    `outputs` is the hash of the set, `place` the anchor's row in it.
    """

    name: str
    outputs: str
    window: str
    identity: str
    place: int
    z: float | None
    reason: str | None
    served: str | None
    run_id: int


def keep_anchors(ledger: Ledger, judged: Sequence[JudgedAnchor]) -> None:
    """Store these in place of what was kept of the same window and judge."""
    with ledger.transaction() as connection:
        connection.executemany("INSERT OR REPLACE INTO anchors VALUES (?,?,?,?,?,?,?,?,?)", [astuple(one) for one in judged])


def kept_anchors(ledger: Ledger, name: str, outputs: str) -> list[JudgedAnchor]:
    """All that is kept of one set, by time of the run, then place."""
    rows = ledger.rows("SELECT * FROM anchors WHERE name=? AND outputs=? ORDER BY window, run_id, place", (name, outputs))
    return [JudgedAnchor(**dict(row)) for row in rows]
