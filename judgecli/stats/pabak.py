"""PABAK: kappa as it would be without prevalence and bias."""

import numpy as np
import numpy.typing as npt


def pabak(table: npt.NDArray[np.float64]) -> float | None:
    """(K po - 1) / (K - 1) of a K x K table, from -1 / (K - 1) to 1; None where nothing was rated or there is one category.

    Source: Byrt, Bishop & Carlin 1993; with K categories the coefficient of Bennett, Alpert & Goldstein 1954.

    >>> pabak(np.array([[20.0, 5], [10, 15]]))
    0.3999999999999999
    """
    n, size = float(table.sum()), len(table)
    if n <= 0 or size < 2:
        return None
    return (size * float(np.trace(table)) / n - 1) / (size - 1)
