"""Batch EM with its default search for a start, on real data."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.datasets import load_iris, load_wine

from mixture_streams import long_stream
from real_data import FAITHFUL, GALAXIES
from seqbayes.mixture import Mixture

DATA = {
    "iris": load_iris().data,
    "wine": load_wine().data,
    "faithful": FAITHFUL,
    "galaxies": GALAXIES,
}

# The greatest log posterior per row of a search with 1,000 random starts and changes.
BEST = [
    ("iris", 2, -1.51800),
    ("iris", 3, -1.22624),
    ("iris", 4, -0.93737),
    ("wine", 2, -17.42924),
    ("faithful", 2, -4.23993),
    ("faithful", 3, -4.23307),
    ("faithful", 4, -4.22593),
    ("faithful", 5, -4.21815),
    ("galaxies", 2, -10.29158),
    ("galaxies", 3, -10.35137),
    ("galaxies", 4, -10.55128),
    ("galaxies", 5, -10.75552),
]


@long_stream
@pytest.mark.parametrize(("name", "k", "best"), BEST)
def test_the_default_search_reaches_the_greatest_log_posterior(name, k, best):
    data = DATA[name]
    assert Mixture(k).fit(data)[-1].log_posterior / len(data) > best - 0.01


@long_stream
def test_the_default_search_depends_on_neither_seed_nor_order():
    data = DATA["iris"]
    expected = Mixture(4, seed=1).fit(data)[-1].log_posterior
    shuffled = data[np.random.default_rng(1).permutation(len(data))]
    assert Mixture(4, seed=2).fit(shuffled)[-1].log_posterior == pytest.approx(expected, rel=1e-9)


@long_stream
def test_more_random_starts_are_at_least_as_good():
    data = DATA["galaxies"]
    found = [Mixture(4, seed=3).fit(data, n_init=n)[-1].log_posterior for n in (1, 30)]
    assert found[1] >= found[0] - 1e-6


@pytest.mark.parametrize("iterations", [0, 3])
@pytest.mark.parametrize("covariance", ["full", "tied", "diagonal"])
def test_the_last_iteration_agrees_with_the_mixture(iterations, covariance):
    mixture = Mixture(2, covariance=covariance)
    trace = mixture.fit(FAITHFUL[:60], iterations, tol=0, n_init=1)
    trace = pickle.loads(pickle.dumps(trace))
    assert len(trace) == iterations + 1
    last = trace[-1]
    assert last.weights == mixture.weights
    for mine, theirs in zip(last.parameters, mixture.parameters, strict=True):
        np.testing.assert_array_equal(mine.mean, theirs.mean)
        np.testing.assert_array_equal(mine.covariance, theirs.covariance)
    density = sum(mixture.log_density(x) for x in FAITHFUL[:60])
    assert density == pytest.approx(last.log_likelihood, rel=1e-12)
    assert [step.log_posterior for step in trace[1:]] == [t.log_posterior for t in trace][1:]
