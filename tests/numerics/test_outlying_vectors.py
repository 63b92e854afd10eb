"""Vectors far beyond all others, compared with 900-digit arithmetic."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from test_nearly_singular import exact_scale, log_evidence, log_t

from seqbayes import NormalInverseWishart

OUTLIERS = {
    "in one coordinate": [[1.0, 0.0]],
    "in both": [[1.0, 1.0]],
    "opposite": [[1.0, -1.0], [1.0, -1.0]],
    "in different directions": [[1.0, 2.0], [1.5, 2.0]],
}


@pytest.mark.parametrize("size", [1e20, 1e75, 1e100, 1e140])
@pytest.mark.parametrize("outliers", OUTLIERS.values(), ids=OUTLIERS)
@pytest.mark.parametrize("scale", [1.0, 1e-100])
def test_evidence_and_predictions_after_outliers(outliers, size, scale):
    rows = [[0.5, 0.0], *(size * np.array(outliers)).tolist(), [2.0, 3.5], [1.0, 2.0]]
    prior = [[scale, 0.0], [0.0, scale]]
    state, next_one = NormalInverseWishart([0, 0], scale=prior), [3.0, -1.0]
    one_by_one = 0.0
    for row in rows:
        one_by_one += state.log_predictive(row)
        state.learn_one(row)
    with mpmath.workdps(900):
        evidence = float(log_evidence(1.0, 4.0, prior, rows))
        kappa, mean, after = exact_scale(1.0, prior, rows)
        wanted = float(log_t(kappa, mean, 4.0 + len(rows), after, next_one))
    assert state.log_evidence == pytest.approx(evidence, rel=1e-10)
    assert one_by_one == pytest.approx(evidence, rel=1e-10)
    assert state.log_predictive(next_one) == pytest.approx(wanted, rel=1e-10)


@pytest.mark.parametrize("size", [1e20, 1e140])
def test_answers_after_outliers_are_numbers(size):
    state = NormalInverseWishart([0, 0])
    state.learn_many([[size, size], [1.0, 2.0], [2.0, 3.5], [0.0, 1.0]])
    low, high = state.ppf(0.025), state.isf(0.025)
    for answer in (*state.mean, *state.var, *state.map, *low, *high, *state.sample()):
        assert not np.isnan(answer).any()
    assert (low.covariance <= state.mean.covariance).all()
    assert (state.mean.covariance <= high.covariance).all()
    assert np.isfinite([state.entropy(), state.prior_share]).all()
    # the mean covariance is singular when it is rounded, and has a density of 0
    step = state.explain([1.0, 2.0], log=True)
    assert step.prior == step.posterior == -np.inf
    assert step.evidence == state.log_predictive([1.0, 2.0])
    assert state.explain([1.0, 2.0], at=([0.0, 0.0], np.eye(2)), log=True).likelihood < 0.0
