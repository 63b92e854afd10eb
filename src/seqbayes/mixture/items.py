"""Data at hand as arrays of sufficient statistics, one row per observation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from seqbayes.likelihoods import LabelLikelihood
from seqbayes.state import State
from seqbayes.statistics import MomentStatistic, PairStatistic


class Items(NamedTuple):
    """The statistic of every observation, its log base measure, and a vector to cluster by."""

    statistic: Any
    log_base: npt.NDArray[np.float64]
    vectors: npt.NDArray[np.float64]


def itemise(state: State, data: Sequence[Any]) -> Items:
    """Return the statistics of observations under a state's likelihood.

    Raises
    ------
    ObservationError
        If an observation is outside the support; it says which.
    """
    statistics, log_base = [], np.empty(len(data))
    for i, x in enumerate(data):
        one = state.observe(x)
        statistics.append(one.value)
        log_base[i] = one.log_base
    rows = np.array(statistics, float)
    if isinstance(state.likelihood, LabelLikelihood):
        return Items(rows, log_base, rows)
    if isinstance(statistics[0], PairStatistic):
        return Items(PairStatistic(rows[:, 0], rows[:, 1]), log_base, rows)
    values = rows[:, 1] + rows[:, 2]
    moments = MomentStatistic(rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3])
    return Items(moments, log_base, values[:, None])
