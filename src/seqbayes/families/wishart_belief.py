"""The joint distribution of a mean vector and a covariance matrix, and their marginals."""

from __future__ import annotations

import math
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from seqbayes.distributions import Covariance, InverseGamma, StudentT
from seqbayes.distributions.joint import Joint
from seqbayes.errors import PriorError, UnsupportedError
from seqbayes.families.location import low_of
from seqbayes.families.wishart_parameters import factor_of
from seqbayes.numerics import information, special
from seqbayes.numerics.elementary import read_numbers

T = TypeVar("T")


class MultivariateParameters(NamedTuple, Generic[T]):
    """Estimates of a mean of shape (d,) and a covariance of shape (d, d), or their intervals."""

    mean: T
    covariance: T


class NormalInverseWishartBelief(Joint):
    """The joint distribution of (mean, covariance); cdf, ppf and intervals are per entry."""

    def __init__(self, hyperparameters: Any) -> None:
        self._mean, self._kappa, self._df, self._scale = hyperparameters
        self._low = low_of(hyperparameters)
        self._d = np.shape(self._mean)[-1]
        self._factor = factor_of(hyperparameters)

    @property
    def marginals(self) -> MultivariateParameters[Any]:
        """Distributions of the entries: Student's t for means, inverse gamma for variances."""
        d, left = self._d, self._df - self._d + 1.0
        scale, diagonal = self._scale, np.diagonal(self._scale)
        means = np.array(self.marginals_of_means(), object)
        entries = np.empty((d, d), object)
        for i in range(d):
            entries[i, i] = InverseGamma(left / 2.0, float(diagonal[i]) / 2.0)
            for j in range(i):
                pair = scale[np.ix_((j, i), (j, i))]
                first, second = self._factor[j], self._factor[i]
                first = first / math.sqrt(first @ first)
                residual = second - first * (first @ second)
                both = Covariance(left + 1.0, pair, float(residual @ residual))
                entries[i, j] = entries[j, i] = both
        return MultivariateParameters(means, entries)

    def marginals_of_means(self) -> list[StudentT]:
        """Return Student's t distribution of the mean of each coordinate."""
        left = self._df - self._d + 1.0
        widths = np.sqrt(np.diagonal(self._scale) / (self._kappa * left)).tolist()
        lows = np.broadcast_to(self._low, (self._d,)).tolist()
        each = zip(np.asarray(self._mean).tolist(), widths, lows, strict=True)
        return [StudentT(left, mean, width, low) for mean, width, low in each]

    @property
    def mean(self) -> MultivariateParameters[Any]:
        """Mean of each parameter; None if it does not exist."""
        left = np.asarray(self._df - self._d - 1.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            covariance = self._scale / left[..., None, None]
        mean = _where(left + 2.0 > 1.0, np.array(self._mean))
        return MultivariateParameters(mean, _where(left > 0.0, covariance))

    @property
    def var(self) -> MultivariateParameters[Any]:
        """The covariance matrix of the mean, and the variance of each entry of the covariance."""
        kappa, left = np.asarray(self._kappa), np.asarray(self._df - self._d - 1.0)
        scale, diagonal = self._scale, np.diagonal(self._scale, axis1=-2, axis2=-1)
        divisor = (left + 1.0) * left * left * (left - 2.0)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            outer = diagonal[..., :, None] * diagonal[..., None, :]
            mean = scale / (kappa * left)[..., None, None]
            product = (left + 2.0)[..., None, None] * scale**2 + left[..., None, None] * outer
            entries = product / divisor[..., None, None]
        return MultivariateParameters(_where(left > 0.0, mean), _where(left > 2.0, entries))

    @property
    def mode(self) -> MultivariateParameters[Any] | None:
        """The joint mode; None if it does not exist."""
        divisor = self._df + self._d + 2.0
        if not (self._kappa > 0.0 and divisor > 0.0 and self._factor is not None):
            return None
        return MultivariateParameters(np.array(self._mean), self._scale / divisor)

    def interval(self, level: float, kind: str) -> MultivariateParameters[Any]:
        """Return the intervals of the means and of the covariance's entries, each as two arrays."""
        return MultivariateParameters(*(_ends(each, level, kind) for each in self.marginals))

    def logpdf(self, theta: Any) -> float:
        """Return the log joint density; -inf if the covariance is not positive definite."""
        mean, covariance = self._pair(theta)
        d, df = self._d, self._df
        size = np.sqrt(np.maximum(np.diagonal(covariance), 0.0))
        if not np.all(size > 0.0) or not np.array_equal(covariance, covariance.T):
            return -math.inf
        try:
            unit = np.linalg.cholesky(covariance / np.outer(size, size))
        except np.linalg.LinAlgError:
            return -math.inf
        factor = unit * size[:, None]
        log_determinant = 2.0 * np.log(np.diagonal(factor)).sum()
        mine = self._factor
        z = np.linalg.solve(factor, (mean - self._mean) - self._low)
        whole = np.linalg.solve(factor, mine)
        # the leading terms of df / 2 log |scale / covariance| and of the multivariate gamma
        # function combine into deviances of the eigenvalues
        half, orders = 0.5 * df, np.arange(d)
        halves = half - 0.5 * orders
        each = (
            0.5 * (orders + 1.0) * np.log(halves)
            - half * np.log1p(-0.5 * orders / half)
            - 0.5 * orders
            - special.stirling_error(halves)
            - special.deviance(half, 0.5 * np.linalg.svd(whole, compute_uv=False) ** 2)
        )
        total = (
            each.sum()
            + 0.5 * d * math.log(self._kappa)
            - 0.5 * self._kappa * (z @ z)
            - 0.5 * (d + 2.0) * log_determinant
            - 2.0 * d * special.HALF_LOG_TWO_PI
            - 0.25 * d * (d - 1.0) * math.log(math.pi)
        )
        return float(total)

    def _pair(self, theta: Any) -> tuple[Any, Any]:
        """Return the mean and the covariance as arrays; a number is the value of every entry."""
        d = self._d
        try:
            mean, covariance = map(read_numbers, theta)
            return np.broadcast_to(mean, (d,)), np.broadcast_to(covariance, (d, d))
        except (TypeError, ValueError):
            raise PriorError(
                f"expected a mean of {d} numbers and a covariance matrix of {d} x {d}, got"
                f" {theta!r}"
            ) from None

    def _quantiles(self, method: str, q: Any, log: bool) -> MultivariateParameters[Any]:
        level = read_numbers(q)
        if level.ndim:
            raise PriorError(f"expected a single probability, got {q!r}")
        return self._at(method, (level, level), log)

    def _at(self, method: str, theta: Any, *arguments: Any) -> MultivariateParameters[Any]:
        found = []
        for each, given in zip(self.marginals, self._pair(theta), strict=True):
            pairs = zip(each.ravel(), given.ravel().tolist(), strict=True)
            numbers = [getattr(marginal, method)(value, *arguments) for marginal, value in pairs]
            found.append(np.array(numbers, float).reshape(each.shape))
        return MultivariateParameters(*found)

    def entropy(self) -> float:
        """Return the joint differential entropy of the mean and the covariance's lower triangle.

        With the Wishart's log determinant L = E log |covariance|, the entropy is that of the
        inverse-Wishart distribution plus (d log(2 pi e / kappa) + L) / 2.
        """
        d, df = self._d, self._df
        halves = 0.5 * (df - np.arange(d))
        gaps = np.asarray(information.log_minus_digamma(halves))
        log_scale = 2.0 * np.log(np.diagonal(self._factor)).sum() - d * math.log(2.0)
        expected = log_scale - np.log(halves).sum() + gaps.sum()
        orders = np.arange(d)
        each = 0.5 * orders + special.HALF_LOG_TWO_PI + special.stirling_error(halves)
        each = each - 0.5 * (orders + d + 2.0) * np.log(halves) + 0.5 * (df + d + 1.0) * gaps
        matrix = 0.5 * (d + 1.0) * log_scale + 0.25 * d * (d - 1.0) * math.log(math.pi)
        given = 0.5 * (d * (math.log(2.0 * math.pi / self._kappa) + 1.0) + expected)
        return float(matrix + each.sum() + given)

    def kl(self, other: NormalInverseWishartBelief) -> float:
        """Return the joint Kullback-Leibler divergence.

        The joint divergence is the divergence between the inverse-Wishart distributions plus half
        of d (r - 1 - log r) + kappa' df (m - m')' inverse(scale) (m - m'), with r = kappa' / kappa.
        """
        if other._d != self._d:
            raise UnsupportedError(f"expected dimension {self._d}, got {other._d}")
        d, df, other_df = self._d, self._df, other._df
        ratio = np.linalg.svd(np.linalg.solve(self._factor, other._factor), compute_uv=False) ** 2
        halves, others = 0.5 * (df - np.arange(d)), 0.5 * (other_df - np.arange(d))
        matrix = special.deviance(np.full(d, 0.5 * other_df), 0.5 * df * ratio)
        # the Bregman divergences of log gamma minus those of its leading terms at df / 2
        orders = np.arange(d)
        shifted = 0.5 * other_df * (np.log1p(-orders / other_df) - np.log1p(-orders / df))
        shifted = shifted - 0.5 * orders * np.log(others / halves)
        matrix = matrix + shifted + information.bregman_remainder(others, halves)
        kappas = other._kappa / self._kappa
        z = np.linalg.solve(self._factor, (self._mean - other._mean) + (self._low - other._low))
        given = d * special.deviance(1.0, kappas, 1.0 - kappas) + other._kappa * df * (z @ z)
        return max(float(matrix.sum() + 0.5 * given), 0.0)  # rounding errors may exceed the result

    def sample(self, size: Any, rng: np.random.Generator) -> MultivariateParameters[Any]:
        """Draw (mean, covariance) jointly, with Bartlett's decomposition."""
        d = self._d
        shape = () if size is None else tuple(np.atleast_1d(size))
        lower = np.zeros((*shape, d, d))
        below = np.tril_indices(d, -1)
        lower[..., below[0], below[1]] = rng.standard_normal((*shape, len(below[0])))
        for i in range(d):
            lower[..., i, i] = np.sqrt(rng.chisquare(self._df - i, shape))
        # scale = F F'; the covariance is (F A**-1)(F A**-1)' for the factor A of a Wishart matrix
        root = np.swapaxes(
            np.linalg.solve(lower, np.broadcast_to(self._factor.T, lower.shape)), -1, -2
        )
        covariance = root @ np.swapaxes(root, -1, -2)
        noise = rng.standard_normal((*shape, d, 1)) / math.sqrt(self._kappa)
        mean = self._mean + (self._low + (root @ noise)[..., 0])
        return MultivariateParameters(mean, covariance)


def _where(exists: Any, values: Any) -> Any:
    """Replace values that do not exist with None, or with NaN in an array."""
    if exists.ndim == 0:
        return values if exists else None
    return np.where(
        exists.reshape(exists.shape + (1,) * (values.ndim - exists.ndim)), values, np.nan
    )


def _ends(each: Any, level: float, kind: str) -> tuple[Any, Any]:
    ends = np.array([marginal.interval(level, kind) for marginal in each.ravel()], float)
    return ends[:, 0].reshape(each.shape), ends[:, 1].reshape(each.shape)
