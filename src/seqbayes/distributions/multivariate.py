"""Student's t distribution of vectors, and the distribution of an entry of a covariance matrix."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from seqbayes.distributions.base import Distribution
from seqbayes.distributions.gamma import InverseGamma
from seqbayes.distributions.normal import StudentT
from seqbayes.numerics import sc, special
from seqbayes.numerics.elementary import logarithm, read_numbers


class MultivariateT(Distribution):
    """Student's t distribution of vectors.

    Parameters
    ----------
    df
        Degrees of freedom.
    loc
        Location, of shape (d,).
    scale
        Scale matrix of shape (d, d): the covariance is ``scale * df / (df - 2)``.
    factor
        Its lower triangular factor, if it is known more accurately than the matrix.
    loc_low
        The rounding error of the location, of shape (d,).

    Notes
    -----
    Tails, quantiles and intervals are those of each coordinate, since vectors are not ordered.
    """

    _names: ClassVar[tuple[str, ...]] = ("df", "loc", "scale")

    def __init__(
        self, df: float, loc: Any, scale: Any, factor: Any = None, loc_low: Any = 0.0
    ) -> None:
        self.df = float(df)
        self.loc = np.asarray(loc, float)
        self._low = loc_low
        self.scale = np.asarray(scale, float)
        self._size = np.sqrt(np.diagonal(self.scale))
        # factorise the correlation matrix, so the result is independent of the coordinates'
        # units
        if factor is None:
            self._factor = np.linalg.cholesky(self.scale / np.outer(self._size, self._size))
        else:
            self._factor = np.asarray(factor, float) / self._size[:, None]

    @property
    def marginals(self) -> tuple[StudentT, ...]:
        """The distributions of the coordinates."""
        lows = np.broadcast_to(self._low, self.loc.shape).tolist()
        each = zip(self.loc.tolist(), self._size.tolist(), lows, strict=True)
        return tuple(StudentT(self.df, loc, size, low) for loc, size, low in each)

    def marginal(self, indices: Sequence[int]) -> MultivariateT:
        """Return the joint distribution of the coordinates with these indices."""
        columns = np.asarray(indices, int)
        _, upper = np.linalg.qr((self._factor * self._size[:, None])[columns].T)
        factor = upper.T * np.sign(np.diagonal(upper))
        scale = self.scale[np.ix_(columns, columns)]
        lows = np.broadcast_to(self._low, self.loc.shape)[columns]
        return MultivariateT(self.df, self.loc[columns], scale, factor, lows)

    @property
    def mean(self) -> Any:
        """Expected vector; None if it does not exist."""
        return self.loc.copy() if self.df > 1.0 else None

    @property
    def mode(self) -> Any:
        """The location."""
        return self.loc.copy()

    @property
    def var(self) -> Any:
        """Covariance matrix, of shape (d, d); None if it is not finite."""
        return self.scale * (self.df / (self.df - 2.0)) if self.df > 2.0 else None

    @property
    def std(self) -> Any:
        """Standard deviation of every coordinate; None if it is not finite."""
        var = self.var
        return None if var is None else np.sqrt(np.diagonal(var))

    def logp(self, x: Any) -> Any:
        """Return the log density at a vector of shape (d,), or at many of shape (..., d)."""
        x = read_numbers(x)
        d = len(self.loc)
        standardized = (((x - self.loc) - self._low) / self._size).reshape(-1, d)
        if d == 1:
            z = standardized
        else:
            from scipy.linalg import solve_triangular

            z = solve_triangular(self._factor, standardized.T, lower=True, check_finite=False).T
        squares = np.einsum("ij,ij->i", z, z).reshape(x.shape[:-1])
        logs = self._log_peak_density - (self.df + d) / 2.0 * np.log1p(squares / self.df)
        return float(logs) if np.ndim(logs) == 0 else logs

    @functools.cached_property
    def _log_peak_density(self) -> float:
        """Log density at the location."""
        d = len(self.loc)
        log_determinant = np.log(np.diagonal(self._factor)).sum() + np.log(self._size).sum()
        return float(
            special.log_rising(self.df / 2.0, d / 2.0)
            - d / 2.0 * math.log(math.pi * self.df)
            - log_determinant
        )

    def p(self, x: Any) -> Any:
        """Return the density at a vector of shape (d,), or at many of shape (..., d)."""
        density = np.exp(self.logp(x))
        return float(density) if np.ndim(density) == 0 else density

    def pdf(self, x: Any) -> Any:
        """Return the density at a vector of shape (d,), or at many of shape (..., d)."""
        return self.p(x)

    def logpdf(self, x: Any) -> Any:
        """Return the log density at a vector of shape (d,), or at many of shape (..., d)."""
        return self.logp(x)

    def _each(self, name: str, values: Any, *arguments: Any) -> Any:
        given = np.broadcast_to(read_numbers(values), self.loc.shape).tolist()
        pairs = zip(self.marginals, given, strict=True)
        return np.array([getattr(marginal, name)(value, *arguments) for marginal, value in pairs])

    def cdf(self, x: Any) -> Any:
        """Return P(X <= x) for every coordinate."""
        return self._each("cdf", x)

    def sf(self, x: Any) -> Any:
        """Return P(X > x) for every coordinate."""
        return self._each("sf", x)

    def ppf(self, q: Any, log: bool = False) -> Any:
        """Return the quantile of every coordinate."""
        return self._each("ppf", q, log)

    def isf(self, q: Any, log: bool = False) -> Any:
        """Return the upper quantile of every coordinate."""
        return self._each("isf", q, log)

    def logcdf(self, x: Any) -> Any:
        """Return the log of P(X <= x) for every coordinate."""
        return self._each("logcdf", x)

    def logsf(self, x: Any) -> Any:
        """Return the log of P(X > x) for every coordinate."""
        return self._each("logsf", x)

    def interval(self, level: float = 0.95, kind: str = "equal-tailed") -> tuple[Any, Any]:
        """Return the lower and upper ends of every coordinate's interval, as two arrays."""
        ends = np.array([marginal.interval(level, kind) for marginal in self.marginals])
        return ends[:, 0], ends[:, 1]

    def sample(self, size: Any = None, rng: np.random.Generator | None = None) -> Any:
        """Draw a vector of shape (d,), or many of shape (*size, d)."""
        rng = np.random.default_rng() if rng is None else rng
        shape = () if size is None else tuple(np.atleast_1d(size))
        z = rng.standard_normal((*shape, len(self.loc))) @ self._factor.T
        chi2 = rng.chisquare(self.df, shape)
        return self.loc + (self._low + self._size * z / np.sqrt(chi2 / self.df)[..., None])


# Nodes of u = P(variance below its quantile), dense at both ends, where quantiles diverge.
_NODES, _LOG_STEP = np.linspace(-4.2, 4.2, 241), 8.4 / 240
_U = 0.5 * (1.0 + np.tanh(0.5 * np.pi * np.sinh(_NODES)))
_U_TAIL = 1.0 / (1.0 + np.exp(np.pi * np.sinh(_NODES)))
_W = 0.25 * np.pi * np.cosh(_NODES) / np.cosh(0.5 * np.pi * np.sinh(_NODES)) ** 2 * _LOG_STEP


class Covariance(Distribution):
    """An off-diagonal entry of an inverse-Wishart matrix.

    The entry is the product of two independent variables: a variance (inverse gamma) and a
    regression coefficient (Student's t).

    Parameters
    ----------
    df
        Degrees of freedom of the 2 x 2 matrix that contains the entry.
    scale
        Its scale matrix, of shape (2, 2).
    rest
        The residual variance of the second coordinate given the first, if it is known more
        accurately than the matrix gives.

    References
    ----------
    .. [1] Gupta, A. K. and Nagar, D. K. (2000). Matrix Variate Distributions, theorem 3.3.9.
    """

    _names: ClassVar[tuple[str, ...]] = ("df", "matrix")

    def __init__(self, df: float, scale: Any, rest: float | None = None) -> None:
        self.df = float(df)
        self.matrix = np.asarray(scale, float)
        (first, entry), (_, second) = self.matrix.tolist()
        # standardised, so no product overflows
        self._unit = math.sqrt(first) * math.sqrt(second)
        self._correlation = r = entry / self._unit
        rest = (1.0 - r) * (1.0 + r) if rest is None else rest / second
        self._slope = StudentT(self.df, r, math.sqrt(rest / self.df))
        shape = (self.df - 1.0) / 2.0
        upper = _U > 0.5
        variances = np.where(upper, sc.gammaincinv(shape, _U_TAIL), sc.gammainccinv(shape, _U))
        with np.errstate(divide="ignore"):
            self._variances = 0.5 / variances

    def _over(self, function: Any, x: float) -> float:
        """Integrate a function of the slope over the variance."""
        with np.errstate(all="ignore"):
            values = function(x / self._unit / self._variances)
        return float(np.sum(_W * np.where(np.isfinite(values), values, 0.0)))

    def _cdf(self, x: Any) -> Any:
        return np.vectorize(lambda v: min(1.0, self._over(self._slope.cdf, v)))(x)[()]

    def _sf(self, x: Any) -> Any:
        return np.vectorize(lambda v: min(1.0, self._over(self._slope.sf, v)))(x)[()]

    def _log_density(self, x: Any) -> Any:
        def one(v: float) -> float:
            with np.errstate(all="ignore"):
                values = self._slope.pdf(v / self._unit / self._variances) / self._variances
            density = float(np.sum(_W * np.where(np.isfinite(values), values, 0.0)))
            return float(logarithm(density)) - math.log(self._unit)

        return np.vectorize(one)(x)[()]

    def _ppf(self, q: Any) -> Any:
        return np.vectorize(lambda v: self._find(v, self._cdf, 1.0))(q)[()]

    def _isf(self, q: Any) -> Any:
        return np.vectorize(lambda v: self._find(v, self._sf, -1.0))(q)[()]

    def _find(self, q: float, tail: Any, direction: float) -> float:
        from scipy.optimize import brentq

        unit = self._unit / max(self.df, 1.0)
        width = unit
        centre = self._correlation * unit
        while direction * (float(tail(centre - width)) - q) > 0.0:
            width *= 2.0
        low = centre - width
        width = unit
        while direction * (float(tail(centre + width)) - q) < 0.0:
            width *= 2.0
        root = brentq(
            lambda x: float(tail(x)) - q, low, centre + width, xtol=1e-13 * unit, rtol=1e-13
        )
        return float(root)

    @property
    def mean(self) -> Any:
        """Expected value; None if it does not exist."""
        return self._correlation / (self.df - 3.0) * self._unit if self.df > 3.0 else None

    @property
    def var(self) -> Any:
        """Variance; None if it is not finite."""
        if not self.df > 5.0:
            return None
        v = self.df
        product = (v - 1.0) * self._correlation**2 + (v - 3.0)
        return product / ((v - 2.0) * (v - 3.0) ** 2 * (v - 5.0)) * self._unit * self._unit

    @property
    def mode(self) -> Any:
        """The mode, computed by numerical search."""
        from scipy.optimize import minimize_scalar

        low, high = self.ppf(0.01), self.ppf(0.99)
        found = minimize_scalar(
            lambda x: -float(self._log_density(x)),
            bounds=(low, high),
            method="bounded",
            options={"xatol": 1e-10 * (high - low)},
        )
        return float(found.x)

    def _draw(self, rng: np.random.Generator, size: Any) -> Any:
        variance = InverseGamma((self.df - 1.0) / 2.0, 0.5)
        return variance.sample(size, rng) * self._slope.sample(size, rng) * self._unit
