"""Compare, of pairwise rubrics: what judges said when they saw an answer of each side next to each other."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from judgecli.evidence.sides import ComparedSide
from judgecli.schema import REASONS
from judgecli.signal.compare.paired import gather_side, pair_sides
from judgecli.signal.compare.rivals import shares
from judgecli.signal.compare.rows import DEFAULT_MARGIN, ComparedMetric, CompareRow, compare_pairs
from judgecli.store.comparisons import KEY_BYTES, KeptComparison, compared_metrics, read_comparisons
from judgecli.store.folder import Store

PREFIX = "pair.win_rate."


def duel_rows(store: Store, parts: Sequence[ComparedSide], *, names: Sequence[str] | None, margin: float | None) -> list[CompareRow]:
    """One row a pairwise rubric (and identity) and other side: the mean share of points of each side, a tie half a point each, by prompt.

    `names`: only these (pair.win_rate.NAME). A pair that was not decided is missing on both sides.
    """
    rows = []
    for name, identity, unit in compared_metrics(store.ledger):
        if unit != "pair" or (names is not None and PREFIX + name not in names):
            continue
        compared = list(read_comparisons(store.ledger, identity))
        where = _sides_of(compared, parts)
        for other in range(1, len(parts)):
            subject = ComparedMetric(PREFIX + name, identity, "number", (0.0, 1.0), True, DEFAULT_MARGIN if margin is None else margin)
            own = [one for one, sides in zip(compared, where, strict=True) if sorted(sides) == [0, other]]
            if own:
                first = [sides.index(0) for sides in where if sorted(sides) == [0, other]]
                rows.append(_row(replace(subject, policies=(parts[0].name, parts[other].name)), own, first))
    return rows


def _sides_of(compared: Sequence[KeptComparison], parts: Sequence[ComparedSide]) -> list[list[int]]:
    """For each pair, the number of the side of each of its two answers; -1 for none."""
    found = [[-1] * len(one.members) for one in compared]
    shorts = np.frombuffer(b"".join(member for one in compared for member in one.members), dtype="<u8").reshape(-1, KEY_BYTES // 8)[:, 0]
    for number, part in enumerate(parts):
        at = 0
        inside = np.isin(shorts, part.keys)
        for place, one in enumerate(compared):
            for member in range(len(one.members)):
                if inside[at]:
                    found[place][member] = number
                at += 1
    return found


def _row(subject: ComparedMetric, compared: Sequence[KeptComparison], first: Sequence[int]) -> CompareRow:
    """`first` is the place of side A's answer in each pair."""
    prompts = np.array([one.prompt for one in compared], np.int64)
    won = np.array([np.nan if one.value is None else shares("pair", one.value, one.places)[place] for one, place in zip(compared, first, strict=True)])
    missing = np.array([one.value is None and REASONS.get(str(one.reason)) != "design" for one in compared])
    a, b = gather_side(prompts, prompts, won, missing), gather_side(prompts, prompts, 1 - won, missing)
    return compare_pairs(subject, pair_sides(a, b))
