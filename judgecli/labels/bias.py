"""What a judge leans to, measured against people: kindness, length, its own family, the first place."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from judgecli.arrays import Floats, Integers
from judgecli.document import Facts
from judgecli.stats.bland_altman import limits_of_agreement
from judgecli.stats.column import RATE, ColumnFacts
from judgecli.stats.contrast import clustered_contrast
from judgecli.stats.deciding import estimate_mean
from judgecli.stats.intervals import Estimate
from judgecli.stats.slope import clustered_slope


@dataclass(frozen=True)
class Lean:
    """What bias is measured from: judge minus people of N records, their clusters, output lengths in characters (NaN: no text), and families."""

    differences: Floats
    clusters: Integers
    lengths: Floats
    families: Sequence[str | None]


def bias_of(lean: Lean, judge_families: frozenset[str]) -> Facts:
    """`mean` (judge minus people, with limits of agreement), `length` (change of that a doubling of the output), `self_preference`
    (that of outputs by the judge's own family minus that of others). What could not be computed is null, with `reasons`.

    Sources: Bland & Altman 1986; Zheng et al. 2023, arXiv:2306.05685 (verbosity, self-preference).
    """
    _, codes = np.unique(lean.clusters, return_inverse=True)
    reasons: dict[str, str] = {}
    mean = estimate_mean(np.bincount(codes, lean.differences).astype(float), np.bincount(codes).astype(float), ColumnFacts("number"))
    limits = limits_of_agreement(lean.differences)
    found: Facts = {
        "mean": _estimate(mean),
        "limits": None if limits is None or limits.low is None else {"low": limits.low, "high": limits.high},
        "length": _length(lean, reasons),
        "self_preference": _self_preference(lean, codes, judge_families, reasons),
        "reasons": reasons,
    }
    if limits is None or limits.low is None:
        reasons["limits"] = "fewer than two records"
    return found


def _length(lean: Lean, reasons: dict[str, str]) -> Facts | None:
    known = ~np.isnan(lean.lengths)
    slope = clustered_slope(np.log2(1 + lean.lengths[known]), lean.differences[known], lean.clusters[known])
    if slope.mean is None:
        reasons["length"] = "fewer than three outputs of different length"
        return None
    return {**_estimate(slope), "unit": "judge minus people, a doubling of the output's length", "n": int(known.sum())}


def _self_preference(lean: Lean, codes: Integers, judges: frozenset[str], reasons: dict[str, str]) -> Facts | None:
    own = np.array([family in judges for family in lean.families], dtype=bool)
    other = np.array([family is not None and family not in judges for family in lean.families], dtype=bool)
    if not judges or not own.any() or not other.any():
        reasons["self_preference"] = (
            "the judge's family is not known from its name: --judge-family NAME" if not judges else "needs outputs of the judge's family, and of others"
        )
        return None
    size = int(codes.max()) + 1
    sides = [
        (np.bincount(codes[side], lean.differences[side], size).astype(float), np.bincount(codes[side], minlength=size).astype(float)) for side in (own, other)
    ]
    found = clustered_contrast(*sides[0], *sides[1])
    assert found is not None
    told = "judge minus people: outputs of its own family minus those of others"
    return {"value": found.difference, "low": found.low, "high": found.high, "p": found.p, "n": [int(own.sum()), int(other.sum())], "unit": told}


def _estimate(found: Estimate) -> Facts:
    return {"value": found.mean, "low": found.low, "high": found.high}


def position_bias(shown: Sequence[float], swapped: Sequence[float], truth: Sequence[float] | None = None) -> Facts:
    """How the order of two answers moves a judge. Each item is 1 where it chose answer A, 0 for B, 0.5 for neither; A stood first
    in `shown` and second in `swapped`; `truth` is the better answer as people have it.

    `flips` (verdicts that differ between the orders) of `n` with its share; `first`: of the flips that chose whichever answer stood
    first, or second, the share of the first, and the exact two-sided p of a fair coin; `right` in each order, where truth is given.
    Only verdicts that hold in both orders should be used. Source: Zheng et al. 2023, arXiv:2306.05685.
    """
    one, two = np.asarray(shown, dtype=float), np.asarray(swapped, dtype=float)
    flipped = one != two
    first, second = int(((one == 1) & (two == 0)).sum()), int(((one == 0) & (two == 1)).sum())
    share = estimate_mean(flipped.astype(float), np.ones(len(one)), RATE) if len(one) else Estimate(None, None, None, None)
    found: Facts = {
        "n": len(one),
        "flips": int(flipped.sum()),
        "rate": share.mean,
        "low": share.low,
        "high": share.high,
        "first": first,
        "second": second,
        "first_share": first / (first + second) if first + second else None,
        "p": float(stats.binomtest(first, first + second).pvalue) if first + second else None,
    }
    if truth is not None:
        better = np.asarray(truth, dtype=float)
        found["right"] = {"shown": int((one == better).sum()), "swapped": int((two == better).sum()), "both": int(((one == better) & (two == better)).sum())}
    return found
