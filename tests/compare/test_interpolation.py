"""Interpolated tails: the compiled loop and the array version agree with known distributions."""

import numpy as np
import pytest
import scipy.stats as st

from seqbayes.compare import interpolation
from seqbayes.compare.grid import NODES, Grid
from seqbayes.compare.panels import Densities
from seqbayes.distributions import Normal

MEANS = np.array([[0.0, 0.5, 9.0], [1.0, 1.5, 1.25]])


@pytest.fixture
def grid():
    """Return a grid of two comparisons of three numbers, of which the second needs fewer panels."""
    numbers = [Normal(MEANS[:, k], np.array([1.0, 1.0])) for k in range(3)]
    edges = [np.linspace(-9.0, 18.0, 40).tolist(), np.linspace(-8.0, 11.0, 30).tolist()]
    densities = Densities(numbers)
    return Grid(
        densities, [[x - o for x in row] for row, o in zip(edges, densities.origin, strict=True)]
    )


def points(grid, rows, rng):
    u = np.sort(rng.uniform(-12.0, 21.0, (len(rows), 60)), axis=1)
    u[:, :2], u[:, -1] = [-np.inf, -40.0], np.inf
    u[0, 5:9] = grid.edges[0, [0, 3, 4, -1]]
    return np.ascontiguousarray(u[:, ::-1]) if rng.random() < 0.5 else u


def test_tails_and_densities_are_those_of_the_distributions(grid, rng):
    rows = np.array([0, 2, 4, 5, 1])
    means = (MEANS - np.array([[0.0], [1.0]])).ravel()[rows, None]
    u = rng.uniform(-6.0, 8.0, (5, 40))
    below, above, density = grid.tails(rows, u)
    assert below == pytest.approx(st.norm(means).cdf(u), rel=1e-10)
    assert above == pytest.approx(st.norm(means).sf(u), rel=1e-10)
    assert density == pytest.approx(st.norm(means).pdf(u), rel=1e-9, abs=1e-13)


def test_both_implementations_agree(grid, rng):
    rows = np.array([3, 0, 5, 2, 2])
    u = points(grid, rows, rng)
    arrays = interpolation.interpolate_arrays(*grid.cells, rows, u)
    found = grid.tails(rows, u)
    assert found == pytest.approx(arrays, rel=1e-13, abs=1e-28)
    mass, slope = rng.random(u.shape), rng.random(u.shape) + 0.5
    arrays[2] /= slope
    sums = (arrays * mass).sum(axis=2)
    assert grid.mean_tails(rows, u, mass, slope) == pytest.approx(sums, rel=1e-13)


def test_coordinates_outside_the_panels_have_tails_of_0_and_1(grid):
    below, above, density = grid.tails(np.array([0, 4]), np.full((2, 2), [-np.inf, np.inf]))
    assert below == pytest.approx(np.array([[0.0, 1.0]] * 2), abs=1e-14)
    assert above == pytest.approx(np.array([[1.0, 0.0]] * 2), abs=1e-14)
    assert (density == 0.0).all()
    assert len(NODES) == grid.cells[1].shape[1]
