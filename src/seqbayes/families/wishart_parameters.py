"""Hyperparameters for mean vectors and covariance matrices, with the scale's triangular factor."""

from __future__ import annotations

from decimal import localcontext
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from seqbayes.distributions import MultivariateT
from seqbayes.families.location import FAR, Located, rounded_off
from seqbayes.families.wishart_exact import MAX_DIMENSION, Exact
from seqbayes.numerics import decimals
from seqbayes.numerics.special import Array
from seqbayes.statistics import ScatterStatistic

ROUNDING = 4e-15
"""Share of a variance, per dimension, that may be a rounding error."""

SMALLEST_PIVOT = 1e-4
"""The smallest residual share of a variance that a matrix represents accurately."""

SMALLEST_PIVOT_OF_MANY = 1e-5
"""The smallest accurate share above `FEW` dimensions, where decimals take milliseconds."""

FEW = 24

MAX_SQUARED = 1e100
"""Largest distance that is squared; the square of a longer one could overflow."""


class _NormalInverseWishartFields(NamedTuple):
    mean: Array
    kappa: float
    df: float
    scale: Array


class NormalInverseWishartHyperparameters(_NormalInverseWishartFields, Located):
    """Hyperparameters of a normal-inverse-Wishart distribution, or arrays of them.

    Given the covariance, the mean is normal about `mean`, of shape (d,), with covariance
    ``covariance / kappa``; the covariance is inverse Wishart with `df` degrees of freedom and the
    matrix `scale`, of shape (d, d).
    """

    @cached_property
    def factor(self) -> Any:
        """The lower triangular F with ``scale = F F'``; None if the scale is not positive definite.

        After learning data far from the prior mean, it is more accurate than the rounded scale.
        """
        return precise_triangular(self.scale)

    exact: Exact | None = None
    """Hyperparameters with extended precision, if the scatter of the data is nearly singular."""

    far: bool = False
    """Whether the scale is nearly singular because the prior and data means are far apart."""

    source: tuple[Any, Any] | None = None
    """The prior and the statistic, if there are data."""

    @cached_property
    def mean_low(self) -> Any:
        """The rounding error of the mean, if it is not negligible."""
        if self.source is None or not (self.far or self._is_far()):
            return 0.0
        (mean, prior_kappa, *_), statistic = self.source
        exact = exact_of(self.source[0]) if self.far and not np.ndim(statistic.n) else None
        if exact is not None:
            return exact.mean_error(statistic, np.asarray(self.mean))
        n, prior_kappa, kappa, df = (
            np.asarray(v, float)[..., None] for v in (statistic.n, prior_kappa, self.kappa, self.df)
        )
        given = ScatterStatistic(n, statistic.origin, statistic.shift, None)
        shares, spread = (n / kappa, prior_kappa / kappa), (_diagonal(self.scale), kappa * df)
        with np.errstate(all="ignore"):
            before = np.asarray(mean), prior_kappa
            return rounded_off(before, given, np.asarray(self.mean), shares, spread)

    def _is_far(self) -> bool:
        """Whether the rounding of the mean affects densities."""
        weight: Any = self.kappa * self.df
        if not np.ndim(weight):
            pairs = zip(self.mean.tolist(), _diagonal(self.scale).tolist(), strict=True)
            return any(mean * mean * weight > FAR * square for mean, square in pairs)
        with np.errstate(all="ignore"):
            far = self.mean * self.mean * weight[..., None] > FAR * _diagonal(self.scale)
        return bool(far.any())

    def observation(self) -> MultivariateT:
        """Return the distribution of the next observation."""
        mean, kappa, df, scale = self
        left = df - len(mean) + 1.0
        share = (1.0 + 1.0 / kappa) / left
        factor = self.factor * np.sqrt(share)
        return MultivariateT(left, mean, np.asarray(scale) * share, factor, self.mean_low)


def _diagonal(matrix: Any) -> Any:
    return np.diagonal(matrix, axis1=-2, axis2=-1)


def factor_of(hyperparameters: Any) -> Any:
    """Return the factor of the scale, computed if necessary; None if it does not exist."""
    if isinstance(hyperparameters, NormalInverseWishartHyperparameters):
        return hyperparameters.factor
    return precise_triangular(hyperparameters[3])


def triangular(matrix: Any) -> Any:
    """Return the lower triangular factor of one (d, d) matrix or of many, independent of units.

    The result is None if a matrix is not positive definite, allowing for its rounding error.
    """
    matrix = np.asarray(matrix, float)
    diagonal = np.diagonal(matrix, axis1=-2, axis2=-1)
    if not (diagonal > 0.0).all():
        return None
    size = np.sqrt(diagonal)
    try:
        factor = np.linalg.cholesky(matrix / size[..., :, None] / size[..., None, :])
    except np.linalg.LinAlgError:
        return None
    pivots = np.diagonal(factor, axis1=-2, axis2=-1)
    if not (pivots * pivots > ROUNDING * matrix.shape[-1]).all():
        return None
    return factor * size[..., :, None]


def precise_triangular(matrix: Any) -> Any:
    """Return the result of `triangular` for a nearly singular matrix, in extended precision."""
    factor = triangular(matrix)
    if factor is None or np.ndim(matrix) > 2 or is_well_conditioned(factor):
        return factor
    if len(matrix) > MAX_DIMENSION:
        return factor
    with localcontext(decimals.CONTEXT):
        found = decimals.factorise(decimals.lower(matrix))
        return factor if found is None else decimals.triangular(*found)


def exact_of(hyperparameters: Any) -> Exact | None:
    """Return the hyperparameters for decimal arithmetic; None if it is not supported."""
    if isinstance(hyperparameters, NormalInverseWishartHyperparameters) and (
        hyperparameters.exact is not None or hyperparameters.far
    ):
        return hyperparameters.exact
    single = np.ndim(hyperparameters[1]) == 0 and np.ndim(hyperparameters[0]) == 1
    small = len(hyperparameters[0]) <= MAX_DIMENSION
    return Exact.read(hyperparameters) if single and small else None


def is_well_conditioned(factor: Any) -> bool:
    """Whether the determinant and the inverse of the matrix F F' are accurate."""
    if factor is None:
        return False
    pivots = np.diagonal(factor, axis1=-2, axis2=-1)
    smallest = SMALLEST_PIVOT if pivots.shape[-1] <= FEW else SMALLEST_PIVOT_OF_MANY
    return bool((pivots * pivots > smallest * np.einsum("...ij,...ij->...i", factor, factor)).all())


def with_vector(factor: Any, vector: Any) -> Any:
    """Return the factor of ``F F' + v v'``, computed with Givens rotations.

    Directions orthogonal to a long vector stay accurate, unlike in a sum of the matrices.
    """
    d = np.shape(factor)[-1]
    shape = np.broadcast_shapes(np.shape(factor)[:-1], np.shape(vector))
    factor = np.array(np.broadcast_to(factor, (*shape, d)))
    vector = np.array(np.broadcast_to(vector, shape))
    for k in range(d):
        old, removed = factor[..., k, k], vector[..., k]
        length = np.hypot(old, removed)
        cos, sin = (old / length)[..., None], (removed / length)[..., None]
        column, rest = factor[..., k:, k], vector[..., k:]
        factor[..., k:, k], vector[..., k:] = cos * column + sin * rest, cos * rest - sin * column
    return factor


def with_squares(factor: Any, squares: Any) -> Any:
    """Return the factor of ``F F' + S``, where S is positive semidefinite."""
    if not squares.any():
        return factor
    size = np.sqrt(np.diagonal(squares, axis1=-2, axis2=-1))
    size = np.where(size > 0.0, size, 1.0)
    values, vectors = np.linalg.eigh(squares / size[..., :, None] / size[..., None, :])
    columns = size[..., :, None] * vectors * np.sqrt(np.maximum(values, 0.0))[..., None, :]
    for k in range(squares.shape[-1]):
        factor = with_vector(factor, columns[..., k])
    return factor


def solve(factor: Any, columns: Any) -> Any:
    """Solve ``F Z = V`` for the columns of a matrix, or of many."""
    size = np.sqrt(np.einsum("...ij,...ij->...i", factor, factor))[..., :, None]
    return np.linalg.solve(factor / size, columns / size)


def log_determinant(factor: Any) -> Any:
    """Return ``log |F F'|``."""
    return 2.0 * np.log(np.diagonal(factor, axis1=-2, axis2=-1)).sum(axis=-1)


def log_growth(factor: Any, within: Any, squares: Any) -> Any:
    """Return ``log |F F' + S| - log |F F'|``, without cancellation if it is small."""
    if not np.any(squares):
        return 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        ratio = solve(factor, np.swapaxes(solve(factor, squares), -1, -2))
    ratio = (ratio + np.swapaxes(ratio, -1, -2)) / 2.0
    finite = np.isfinite(ratio).all(axis=(-2, -1))
    values = np.linalg.eigvalsh(np.where(finite[..., None, None], ratio, 0.0))
    small = np.log1p(np.clip(values, 0.0, 1.0)).sum(axis=-1)
    return np.where(
        finite & (values.max(axis=-1) < 1.0),
        small,
        log_determinant(within) - log_determinant(factor),
    )


def log_distance(weight: Any, z: Any) -> Any:
    """Return ``log(1 + weight z' z)``, even where the square overflows."""
    largest = np.maximum(np.abs(z).max(axis=-1), 1.0)
    unit = z / largest[..., None]
    square = weight * np.einsum("...i,...i->...", unit, unit)
    far = largest > MAX_SQUARED
    with np.errstate(all="ignore"):
        near = np.log1p(square * np.where(far, 1.0, largest) ** 2)
        return np.where(far, np.log(square) + 2.0 * np.log(largest), near)
