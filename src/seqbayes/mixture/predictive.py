"""The predictive of a mixture: that of its components, in their shares."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from seqbayes.families import NormalInverseWishart
from seqbayes.mixture.working import Working
from seqbayes.state import State


def log_predictive(working: Working, x: Any) -> float:
    """Return the log of the components' predictive densities at `x`, averaged by their shares."""
    served = working.served()
    served.reader.read(x)
    row = working.row.copy()
    logs = [
        math.log(weight) + _one(state, row, x)
        for weight, state in zip(served.weights.tolist(), working.states(served), strict=True)
        if weight > 0.0
    ]
    top = max(logs)
    if top == -math.inf:
        return top
    return top + math.log(math.fsum(math.exp(v - top) for v in logs))


def _one(state: State, row: Any, x: Any) -> float:
    if isinstance(state, NormalInverseWishart):
        seen = np.flatnonzero(~np.isnan(row))
        if len(seen) == 0:
            return 0.0
        predictive: Any = state.predictive
        if len(seen) < len(row):
            predictive = predictive.marginal(seen)
        return float(predictive.logp(row[seen]))
    return state.log_predictive(x)
