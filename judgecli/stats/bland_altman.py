"""Bland and Altman's limits of agreement: how far two measurements of one thing lie apart."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special


@dataclass(frozen=True, slots=True)
class Limits:
    """The mean difference, and the limits between which 95 % of differences are expected; the limits are None below two rows."""

    bias: float
    low: float | None
    high: float | None


def limits_of_agreement(differences: npt.NDArray[np.float64], *, level: float = 0.95) -> Limits | None:
    """Bias and bias -+ z sd of the differences (first minus second), in their unit; None without rows.

    Source: Bland & Altman 1986.

    >>> limits_of_agreement(np.array([1.0, -1.0, 0.0])).bias
    0.0
    """
    if len(differences) == 0:
        return None
    bias = float(differences.mean())
    if len(differences) < 2:
        return Limits(bias, None, None)
    half = float(special.ndtri(0.5 + level / 2) * differences.std(ddof=1))
    return Limits(bias, bias - half, bias + half)
