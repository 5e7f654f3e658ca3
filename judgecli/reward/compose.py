"""Computes a reward over columns of scores: a value or a reason for every row, as any metric has."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from judgecli.arrays import Bools, Floats, Integers
from judgecli.errors import StoreCorrupt
from judgecli.reward.spec import RewardSpec, RewardTerm, RewardVeto
from judgecli.schema import REASONS

REASON_NAMES = list(REASONS)
SCORED = -1
NOT_SAMPLED, NOT_APPLICABLE, LACKS = (REASON_NAMES.index(name) for name in ("not_sampled", "not_applicable", "input_missing_field"))


@dataclass(frozen=True)
class TermColumn:
    """The cells of one metric: `codes` is SCORED or a place in REASON_NAMES; `scores` is 0 where unscored, and must not be read there."""

    scores: Floats
    codes: Integers

    @property
    def scored(self) -> Bools:
        """Which rows have a value."""
        scored: Bools = self.codes == SCORED
        return scored


def compose(spec: RewardSpec, cells: pa.Table) -> pa.Table:
    """The reward of every row of `cells` (NAME and NAME.reason of each metric of the spec, same rows).

    Returns METRIC (double in [0, 1]), METRIC.reason and METRIC.detail, where METRIC is `reward.NAME`. A row is unscored
    by the first that applies: `not_sampled` where a required metric is; `input_missing_field` where one is not applicable;
    else the reason of the first required metric, by name, that failed or waits. Required are the terms that are not
    optional, and the vetoes, but an optional veto that is not applicable vetoes nothing; where all terms are optional, one
    of them. So no record leaves the reward by design alone, but for those that nobody meant to measure.
    `detail` is JSON, null for a plain row: {"left_out": optional terms without a score, "vetoed_by": [...],
    "blocked_by": required metrics without one}. Raises: StoreCorrupt where a cell has neither value nor reason.
    """
    if spec.unfrozen:
        raise ValueError(f"{spec.metric} lacks the frozen statistics of {', '.join(spec.unfrozen)}")
    columns = {name: read_column(cells, name) for name in spec.metrics}
    rows = cells.num_rows
    codes, blocking = _states(spec, columns, rows)
    exists = codes == SCORED
    violated = {veto.metric: _violated(veto, columns[veto.metric]) for veto in spec.vetoes}
    for veto in spec.vetoes:  # two bounds of one metric count as one name
        violated[veto.metric] = violated[veto.metric] | _violated(veto, columns[veto.metric])
    rewards = _weighted_mean(spec.terms, columns, rows)
    for mask in violated.values():
        rewards = np.where(mask, 0.0, rewards)
    details = _details(spec, columns, exists, violated, blocking)
    return pa.table(
        {
            spec.metric: pa.array(np.where(exists, rewards, 0.0), pa.float64(), mask=~exists),
            f"{spec.metric}.reason": pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int8), mask=exists), pa.array(REASON_NAMES)),
            f"{spec.metric}.detail": details,
        }
    )


def read_column(cells: pa.Table, name: str) -> TermColumn:
    """NAME and NAME.reason as numbers and codes. Raises: StoreCorrupt where a cell is in no state, or its value is not finite."""
    values, reasons = cells.column(name), cells.column(f"{name}.reason").cast(pa.string())
    codes = np.asarray(pc.fill_null(pc.index_in(reasons, pa.array(REASON_NAMES)), SCORED).to_numpy(), np.int64)
    scores = np.asarray(pc.fill_null(values.cast(pa.float64()), 0.0).to_numpy(), np.float64)
    valued = np.asarray(values.is_valid().to_numpy(), bool)
    wrong = (valued != (codes == SCORED)) | ~np.isfinite(scores)
    if wrong.any():
        raise StoreCorrupt(
            f"{int(wrong.sum())} cells of '{name}' have no state, two, or a value that is not finite", hint="judge store verify names damaged files"
        )
    return TermColumn(scores, codes)


def _states(spec: RewardSpec, columns: Mapping[str, TermColumn], rows: int) -> tuple[Integers, dict[str, Bools]]:
    """The state of every row's reward, and which rows each required metric keeps from having one."""
    codes: dict[str, Integers] = {}
    for veto in sorted(spec.vetoes, key=lambda veto: not veto.optional):  # of two bounds of one metric the one that is not optional decides
        own = columns[veto.metric].codes
        codes[veto.metric] = np.where(own == NOT_APPLICABLE, SCORED, own) if veto.optional else own
    codes |= {term.metric: columns[term.metric].codes for term in spec.terms if not term.optional}
    if all(term.optional for term in spec.terms):
        nothing = ~np.any([columns[term.metric].scored for term in spec.terms], axis=0)
        for term in spec.terms:
            missing = np.where(nothing, columns[term.metric].codes, SCORED)
            codes[term.metric] = np.where(missing == SCORED, codes.get(term.metric, missing), missing)
    state = np.full(rows, SCORED, np.int64)
    for name in sorted(codes):
        state = np.where(state == SCORED, codes[name], state)
    for design in (NOT_APPLICABLE, NOT_SAMPLED):  # the last one wins
        for own in codes.values():
            state = np.where(own == design, design, state)
    state = np.where(state == NOT_APPLICABLE, LACKS, state)
    return state, {name: own != SCORED for name, own in codes.items()}


def _violated(veto: RewardVeto, column: TermColumn) -> Bools:
    beyond = np.zeros(len(column.codes), bool)
    if veto.at_most is not None:
        beyond |= column.scores > veto.at_most
    if veto.at_least is not None:
        beyond |= column.scores < veto.at_least
    return beyond & column.scored


def _weighted_mean(terms: Sequence[RewardTerm], columns: Mapping[str, TermColumn], rows: int) -> Floats:
    """The weighted mean of u over the scored terms of every row; 0 where none is scored."""
    largest = max(term.weight for term in terms)  # weights count by their ratios: scaled, no sum of them leaves the floats
    total, weights = np.zeros(rows), np.zeros(rows)
    for term in terms:
        scored = columns[term.metric].scored
        weight = term.weight / largest
        total += np.where(scored, weight * _u(term, columns[term.metric]), 0.0)
        weights += np.where(scored, weight, 0.0)
    return np.clip(total / np.where(weights > 0, weights, 1.0), 0.0, 1.0)


def _u(term: RewardTerm, column: TermColumn) -> Floats:
    assert term.normaliser is not None
    u = term.normaliser(column.scores)
    return u if term.higher_is_better else 1.0 - u


def _details(
    spec: RewardSpec, columns: Mapping[str, TermColumn], exists: Bools, violated: Mapping[str, Bools], blocking: Mapping[str, Bools]
) -> pa.StringArray:
    """What is not plain of every row, as JSON; one text a combination that occurs."""
    flags = [("left_out", term.metric, ~columns[term.metric].scored & exists) for term in spec.terms if term.optional]
    flags += [("vetoed_by", name, mask & exists) for name, mask in sorted(violated.items())]
    flags += [("blocked_by", name, mask & ~exists) for name, mask in sorted(blocking.items())]
    if not flags:
        return pa.nulls(len(exists), pa.string())
    matrix = np.packbits(np.array([mask for _, _, mask in flags]), axis=0)
    combinations, places = np.unique(matrix, axis=1, return_inverse=True)
    texts: list[str | None] = []
    for bits in np.unpackbits(combinations, axis=0, count=len(flags)).T.astype(bool).tolist():
        said: dict[str, list[str]] = {}
        for held, (kind, name, _) in zip(bits, flags, strict=True):
            if held:
                said.setdefault(kind, []).append(name)
        texts.append(json.dumps(said, sort_keys=True) if said else None)
    return pa.array(texts, pa.string()).take(pa.array(places.reshape(-1)))
