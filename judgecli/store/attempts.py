"""The ledger of tries: how often a candidate was held against a baseline, each time with other data."""

from collections.abc import Sequence
from dataclasses import dataclass

from judgecli.store.ledger import Ledger


@dataclass(frozen=True)
class Attempt:
    """One try. `baseline` is the hash of its scores, `gate` what was asked, `candidate` who, `evidence` the hash of the candidate's scores."""

    baseline: str
    gate: str
    candidate: str
    evidence: str
    verdict: str


def note_attempts(ledger: Ledger, attempts: Sequence[Attempt], *, now: str) -> list[int]:
    """Keep the tries, and give for each how many the same candidate has had; the same evidence twice is one try."""
    with ledger.transaction() as connection:
        connection.executemany(
            "INSERT OR IGNORE INTO attempts VALUES (?,?,?,?,?,?)",
            [(one.baseline, one.gate, one.candidate, one.evidence, one.verdict, now) for one in attempts],
        )
    query = "SELECT count(*) AS n FROM attempts WHERE baseline=? AND gate=? AND candidate=?"
    return [int(ledger.rows(query, (one.baseline, one.gate, one.candidate))[0]["n"]) for one in attempts]
