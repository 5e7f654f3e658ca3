"""Whether gains and losses of paired 0/1 answers are equally likely."""

from typing import Literal

from scipy import special


def mcnemar(gains: int, losses: int, *, method: Literal["exact", "mid-p", "chi2", "corrected"] = "mid-p") -> float:
    """The two-sided p-value of McNemar's test on the discordant pairs.

    exact: binomial; mid-p: the exact one less half of the weight of what was seen on both sides; chi2:
    (b - c)^2/(b + c) on one degree of freedom; corrected: with Edwards' |b - c| - 1. No discordant pair: 1.
    Source: McNemar 1947; Edwards 1948; Fagerland, Lydersen & Laake 2013 (mid-p).

    >>> round(mcnemar(2, 10, method="exact"), 7), round(mcnemar(121, 59, method="chi2"), 8)
    (0.0385742, 3.82e-06)
    """
    if gains < 0 or losses < 0:
        raise ValueError(f"{gains} and {losses} are no counts")
    total, fewer = gains + losses, min(gains, losses)
    if total == 0:
        return 1.0
    if method in ("chi2", "corrected"):
        distance = max(abs(gains - losses) - (method == "corrected"), 0)
        return float(special.chdtrc(1, distance**2 / total))
    below = float(special.bdtr(fewer - 1, total, 0.5)) if fewer else 0.0
    seen = float(special.bdtr(fewer, total, 0.5)) - below
    return min(1.0, 2 * below + (seen if method == "mid-p" else 2 * seen))
