"""Logistic regression with a ridge penalty on sparse features, by L-BFGS."""

import numpy as np
import numpy.typing as npt
from scipy import optimize, sparse, special

from judgecli.arrays import Floats


def fit_logistic(features: sparse.csr_array, positive: npt.NDArray[np.bool_], *, strength: float = 1.0, steps: int = 200) -> tuple[Floats, float]:
    """Weights (one a column) and intercept that minimise |w|^2 / 2 + strength * sum log-loss; the intercept is not penalised.

    Scores are features @ weights + intercept. Source: Hosmer & Lemeshow 2000; le Cessie & van Houwelingen 1992 (ridge).
    """
    signs = np.where(positive, 1.0, -1.0)
    transposed = features.T.tocsr()

    def loss(parameters: Floats) -> tuple[float, Floats]:
        weights, intercept = parameters[:-1], parameters[-1]
        margins = signs * (features @ weights + intercept)
        pull = -strength * signs * special.expit(-margins)
        value = float(weights @ weights / 2 + strength * np.logaddexp(0.0, -margins).sum())
        return value, np.append(weights + transposed @ pull, pull.sum())

    found = optimize.minimize(loss, np.zeros(features.shape[1] + 1), jac=True, method="L-BFGS-B", options={"maxiter": steps, "gtol": 1e-4, "ftol": 1e-9})
    return found.x[:-1], float(found.x[-1])
