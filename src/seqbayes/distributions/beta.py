"""The beta distribution: beliefs about a probability."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from seqbayes.distributions.base import Distribution
from seqbayes.numerics import changes, information, tails
from seqbayes.numerics.elementary import choose, logarithm, or_none, parameters
from seqbayes.numerics.log_terms import beta_difference, log_beta_term
from seqbayes.numerics.special import DIRECT, Real, is_array

_PRECISE = 1e7
"""Hyperparameter below which rounding of its product with log odds is negligible."""

_LARGEST = 690.0
"""Distance from the mode of log odds at which an exponential does not overflow."""


class Beta(Distribution):
    """Beta distribution on [0, 1].

    Parameters
    ----------
    alpha, beta : float or array
        > 0; they act as numbers of successes and failures.

    References
    ----------
    N. L. Johnson, S. Kotz and N. Balakrishnan, Continuous Univariate Distributions, vol. 2,
    ch. 25.

    Examples
    --------
    >>> belief = Beta(2, 3)
    >>> belief.mean, round(belief.mode, 4), round(belief.pdf(0.5), 4)
    (0.4, 0.3333, 1.5)
    >>> Beta(0.5, 0.5).mode is None  # the density is lowest at 1/2
    True
    """

    _names = ("alpha", "beta")
    support = (0.0, 1.0)
    density_change = staticmethod(changes.beta_change)
    _at_mode: tuple[Any, ...] | None = None

    def __init__(self, alpha: Real, beta: Real) -> None:
        self.alpha, self.beta = alpha, beta = parameters(alpha, beta)
        self.scalar = type(alpha) is type(beta) is float

    def _log_density(self, x: Real) -> Real:
        a, b = self.alpha, self.beta
        n = a + b
        if not is_array(n, x):
            if n < DIRECT:
                constant = math.lgamma(n) - math.lgamma(a) - math.lgamma(b)
                return constant + (a - 1.0) * math.log(x) + (b - 1.0) * math.log1p(-x)
            log_x, log_y = math.log(x), math.log1p(-x)
        else:
            log_x, log_y = np.log(x), np.log1p(-x)
        y = 1.0 - x
        return log_beta_term(a, b, x, y, beta_difference(a, b, x, y)) - log_x - log_y

    def _log_density_at_ends(self) -> tuple[Real, Real]:
        return _log_density_at_endpoint(self.alpha, self.beta), _log_density_at_endpoint(
            self.beta, self.alpha
        )

    def logpdf_of_log_odds(self, u: Any) -> Any:
        """Return the log density of the log odds of the share, at an array of log odds.

        Let w be the distance from the mode, p the share at the mode, and n the sum of both
        hyperparameters. The log density is below its maximum by
        ``n log(1 + p (exp(w) - 1)) - alpha w``, which is used for p up to 1/2.
        """
        if self._at_mode is None:
            self._at_mode = self._log_odds_at_mode()
        size, centre, sign, share, top = self._at_mode
        if size is None:
            return super().logpdf_of_log_odds(u)
        w = sign * (u - centre)
        near = np.minimum(w, _LARGEST)
        rise = np.log1p(share * np.expm1(near)) + (w - near)
        return top + size * w - (self.alpha + self.beta) * rise

    def _log_odds_at_mode(self) -> tuple[Any, ...]:
        a, b = np.asarray(self.alpha), np.asarray(self.beta)
        size = np.minimum(a, b)
        if not (size.max() < _PRECISE):
            return (None,) * 5
        share = size / (a + b)
        centre, sign = np.log(a) - np.log(b), np.where(a <= b, 1.0, -1.0)
        with np.errstate(all="ignore"):
            top = log_beta_term(a, b, a / (a + b), b / (a + b), 0.0 * a)
        return size, centre, sign, share, top

    def complement(self) -> Beta:
        """Return the distribution of 1 minus the variable."""
        return Beta(self.beta, self.alpha)

    def _cdf(self, x: Real) -> Real:
        return tails.beta_cdf(self.alpha, self.beta, x)

    def _sf(self, x: Real) -> Real:
        return tails.beta_sf(self.alpha, self.beta, x)

    def _ppf(self, q: Real) -> Real:
        return tails.beta_ppf(self.alpha, self.beta, q)

    def _isf(self, q: Real) -> Real:
        return tails.beta_isf(self.alpha, self.beta, q)

    def _logcdf(self, x: Real) -> Real:
        return tails.beta_logcdf(self.alpha, self.beta, x)

    def _logsf(self, x: Real) -> Real:
        return tails.beta_logsf(self.alpha, self.beta, x)

    def _log_ppf(self, log_q: Real) -> Real:
        return tails.beta_ppf(self.alpha, self.beta, log_q, True)

    def _log_isf(self, log_q: Real) -> Real:
        return tails.beta_isf(self.alpha, self.beta, log_q, True)

    @property
    def log_concave(self) -> bool:
        """Whether both hyperparameters are at least 1."""
        return self.scalar and self.alpha >= 1.0 and self.beta >= 1.0

    def _hdi(self, level: float) -> tuple[float, float]:
        # near 1, neighbouring floats have very different densities
        if self.alpha <= self.beta:
            return super()._hdi(level)
        low, high = self.complement().interval(level, "hdi")
        return 1.0 - high, 1.0 - low

    def mode_curvature(self) -> tuple[float, float] | None:
        """Return the negative second and the third derivative of the log density at the mode."""
        a, b = self.alpha - 1.0, self.beta - 1.0
        if not (a > 0.0 and b > 0.0):
            return None
        mode, rest = a / (a + b), b / (a + b)
        return (
            a / mode / mode + b / rest / rest,
            2.0 * (a / mode / mode / mode - b / rest / rest / rest),
        )

    def entropy(self) -> Real:
        """Return the differential entropy.

        With a = alpha, b = beta, n = a + b and the digamma function psi, the entropy is log B(a, b)
        - (a - 1) psi(a) - (b - 1) psi(b) + (n - 2) psi(n).

        Examples
        --------
        >>> round(Beta(2, 1).entropy(), 12) == round(0.5 - math.log(2.0), 12)
        True
        """
        return information.beta_entropy(self.alpha, self.beta)

    def kl(self, other: Distribution) -> Real:
        """Return the Kullback-Leibler divergence from `other`, a Beta distribution, in nats."""
        if not isinstance(other, Beta):
            return super().kl(other)
        return information.beta_divergence(self.alpha, self.beta, other.alpha, other.beta)

    @property
    def mean(self) -> Real:
        """alpha / (alpha + beta); None for the improper Beta(0, 0)."""
        a, _, n = self._scaled()
        if self.scalar:
            return a / n if n > 0.0 else None
        return or_none(n > 0.0, a / choose(n > 0.0, n, 1.0))

    @property
    def var(self) -> Real:
        """Variance; None for the improper Beta(0, 0)."""
        a, b, n = self._scaled()
        safe = choose(n > 0.0, n, 1.0)
        return or_none(n > 0.0, (a / safe) * (b / safe) / (safe + 1.0))

    def _scaled(self) -> tuple[Real, Real, Real]:
        """Return alpha, beta and their sum, all divided by 4 if the sum overflows."""
        if self.scalar:
            n = self.alpha + self.beta
            if n < math.inf:
                return self.alpha, self.beta, n
        with np.errstate(over="ignore"):
            n = self.alpha + self.beta
        scale = choose(n < math.inf, 1.0, 0.25)
        a, b = scale * self.alpha, scale * self.beta
        return a, b, a + b

    @property
    def mode(self) -> Real:
        """The mode; None for uniform and U-shaped densities."""
        a, b = self.alpha, self.beta
        if self.scalar:
            if a > 1.0 and b > 1.0:
                return (a - 1.0) / ((a - 1.0) + (b - 1.0))
            if (a < 1.0 and b < 1.0) or a == b == 1.0:
                return None
            return 0.0 if a < b else 1.0
        with np.errstate(all="ignore"):
            inner = (a - 1.0) / ((a - 1.0) + (b - 1.0))
        no_mode = ((a < 1.0) & (b < 1.0)) | ((a == 1.0) & (b == 1.0))
        at_end = np.where(no_mode, np.nan, np.where(a < b, 0.0, 1.0))
        return np.where((a > 1.0) & (b > 1.0), inner, at_end)

    def _draw(self, rng: np.random.Generator, size: Any) -> Any:
        return rng.beta(self.alpha, self.beta, size)


def _log_density_at_endpoint(exponent: Real, other: Real) -> Real:
    """Return the log density at an endpoint, where x**(exponent - 1) is zero, one or infinite."""
    if is_array(exponent, other):
        constant = logarithm(np.asarray(other))
        inner = np.where(exponent == 1.0, constant, -np.inf)
        return np.where(exponent < 1.0, np.inf, inner)
    if exponent == 1.0:
        return math.log(other)
    return math.inf if exponent < 1.0 else -math.inf
