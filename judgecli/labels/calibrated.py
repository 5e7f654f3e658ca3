"""How far a metric's values are probabilities: before calibration, and after, cross-fitted by cluster."""

import numpy as np
from scipy import special

from judgecli.labels.agreement import LabelledPairs, is_binary
from judgecli.stats.calibration import brier, cross_fit, ece, ece_interval, log_loss, method_for

FOLDS = 5


def calibration_of(pairs: LabelledPairs, *, seed: int = 0) -> tuple[dict[str, object] | None, str | None]:
    """Brier score, log loss and ECE (with interval) of the metric stretched to [0, 1], before and after; or why there is none.

    The map is isotonic from 500 labelled clusters, Platt's from 50, a temperature below, on the logit of the value.
    """
    low, high = pairs.scale
    if pairs.nominal or not is_binary(pairs.truth):
        return None, "labels are not 0 or 1"
    if low is None or high is None:
        return None, "the metric has an open scale, so its values are no probabilities"
    known, codes = np.unique(pairs.clusters, return_inverse=True)
    if len(known) < FOLDS or np.ptp(pairs.truth) == 0:
        return None, f"fewer than {FOLDS} clusters" if len(known) < FOLDS else "every label is the same"
    shares = (pairs.judged - low) / (high - low)
    method = method_for(len(known))
    after = cross_fit(special.logit(np.clip(shares, 0.01, 0.99)), pairs.truth, codes % FOLDS, method=method)
    sides = {}
    for name, values in (("before", shares), ("after", after)):
        limits = ece_interval(values, pairs.truth, pairs.clusters, seed=seed)
        losses = {"brier": brier(values, pairs.truth), "log_loss": log_loss(values, pairs.truth)}
        sides[name] = {"ece": ece(values, pairs.truth), "ece_low": limits[0], "ece_high": limits[1], **losses}
    return {"method": method, "folds": FOLDS, **sides}, None
