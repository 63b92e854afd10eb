"""Starts of a mixture from its buffer: many components, many features."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from mixture_streams import long_stream
from seqbayes.mixture import Mixture
from seqbayes.mixture.em import clusters

GRID = 8.0 * np.array([(i, j) for i in range(8) for j in range(7)][:50])


@long_stream
@pytest.mark.parametrize("seed", [1, 2])
def test_no_component_of_fifty_is_empty(seed):
    rng = np.random.default_rng(seed)
    points = GRID[rng.integers(0, 50, 30_000)] + rng.normal(size=(30_000, 2))
    mixture = Mixture(50, seed=seed)
    mixture.learn_many(points)
    assert min(mixture.weights) > 0.004
    rows = GRID[rng.integers(0, 50, 1000)] + rng.normal(size=(1000, 2))
    # the density of the generating mixture: overlaps are negligible
    expected = -np.log(50) - np.log(2 * np.pi) - 1.0
    assert mixture.log_density_many(rows).mean() > expected - 0.15


@long_stream
@pytest.mark.parametrize("noise", [1e-3, 0.0])
def test_many_features_of_which_half_are_nearly_constant(noise):
    rng = np.random.default_rng(1)
    centres = rng.normal(0, 3, (2, 64))

    def rows(n):
        found = centres[rng.integers(0, 2, n)] + rng.normal(size=(n, 64))
        found[:, 32:] = 5.0 + noise * rng.normal(size=(n, 32))
        return found

    mixture = Mixture(2, seed=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # independent observations are not ordered
        mixture.learn_many(rows(2400))
    # the density of the generating mixture, by feature; constants have the scale of the prior
    expected = -np.log(2) - 32 * (0.5 * np.log(2 * np.pi) + 0.5)
    if noise:
        expected -= 32 * (0.5 * np.log(2 * np.pi * noise**2) + 0.5)
    assert mixture.log_density_many(rows(500)).mean() / 64 > expected / 64 - 0.1


@long_stream
def test_every_buffered_observation_is_used():
    rng = np.random.default_rng(1)
    mixture = Mixture(2, seed=1)
    points = np.append(rng.normal(0, 1, 500), rng.normal(9, 1, 299))
    mixture.learn_many(rng.permutation(points))
    low = mixture.predict_one(0.0)
    assert not mixture.started
    assert mixture.weights[mixture.names.index(low)] == pytest.approx(500 / 799, abs=0.02)
    mixture.learn_one(0.0)
    assert mixture.started
    assert mixture.n_samples == 800
    low = mixture.predict_one(0.0)  # components may exchange their names before the start
    assert mixture.weights[mixture.names.index(low)] == pytest.approx(501 / 800, abs=0.002)


def test_the_start_does_not_depend_on_the_order_of_the_buffer():
    rng = np.random.default_rng(1)
    points = rng.choice([-3.0, 3.0], (200, 2)) + rng.normal(size=(200, 2))
    first, second = (Mixture(3, seed=1, buffer=200) for _ in range(2))
    first.learn_many(points)
    second.learn_many(rng.permutation(points))
    for one, other in zip(first.parameters, second.parameters, strict=True):
        np.testing.assert_allclose(one.mean, other.mean, atol=1e-6)


def test_equal_rows_have_different_keys_and_samples_hardly_change_without_a_row():
    rows = np.random.default_rng(1).integers(0, 3, (400, 2)).astype(float)  # with equal rows
    keys = clusters.row_keys(rows)
    assert len(np.unique(keys)) == 400
    some = clusters.some_of(keys, 100)
    fewer = clusters.some_of(keys[:-1], 100)
    assert len(np.intersect1d(some, fewer)) >= 99
    chosen = clusters.cluster(rows, np.ones(400), keys, 3, np.random.default_rng(2))
    assert chosen.shape == (400, 3)
    np.testing.assert_allclose(chosen.sum(axis=1), 1.0)
