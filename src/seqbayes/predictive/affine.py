"""A multiple of a variable plus a constant."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqbayes.distributions.base import Distribution
from seqbayes.numerics.elementary import logarithm
from seqbayes.numerics.special import Real


class Affine(Distribution):
    """The variable ``offset + factor * y``.

    Parameters
    ----------
    base : Distribution
        The distribution of y, which is continuous.
    factor : float
        > 0.
    offset : float

    Examples
    --------
    The expected number of successes in 10 trials:

    >>> from seqbayes.distributions import Beta
    >>> expected = Affine(Beta(3, 1), factor=10.0)
    >>> expected.mean, expected.support
    (7.5, (0.0, 10.0))
    """

    def __init__(self, base: Distribution, factor: float = 1.0, offset: float = 0.0) -> None:
        self.base, self.factor, self.offset = base, factor, offset
        self.scalar, self.searches_quantiles = base.scalar, base.searches_quantiles
        low, high = base.support
        self.support = offset + factor * low, offset + factor * high

    def _inverse(self, x: Real) -> Real:
        return (x - self.offset) / self.factor

    def _forward(self, y: Real) -> Real:
        return self.offset + self.factor * y

    @property
    def terms(self) -> int:
        """Number of terms that are added for the density at one point."""
        return self.base.terms

    def inner_point(self) -> Real:
        """Return an arbitrary point inside the support."""
        return self._forward(self.base.inner_point())

    def _log_density(self, x: Real) -> Real:
        return self.base.logpdf(self._inverse(x)) - logarithm(self.factor)

    def logpdf_of_log_odds(self, u: Any) -> Any:
        """Return the log density of the log odds of y, which must be a share."""
        return self.base.logpdf_of_log_odds(u)

    def _cdf(self, x: Real) -> Real:
        return self.base.cdf(self._inverse(x))

    def _sf(self, x: Real) -> Real:
        return self.base.sf(self._inverse(x))

    def _ppf(self, q: Real) -> Real:
        return self._forward(self.base.ppf(q))

    def _isf(self, q: Real) -> Real:
        return self._forward(self.base.isf(q))

    @property
    def mean(self) -> Real:
        """Expected value; None if it does not exist, inf or -inf if it is infinite."""
        mean = self.base.mean
        return None if mean is None else self._forward(mean)

    @property
    def var(self) -> Real:
        """Variance; None if it does not exist, inf if it is infinite."""
        var = self.base.var
        return None if var is None else self.factor * self.factor * var

    def _draw(self, rng: np.random.Generator, size: Any) -> Any:
        return self._forward(self.base.sample(size, rng))

    def __repr__(self) -> str:
        return f"Affine({self.base!r}, factor={self.factor!r}, offset={self.offset!r})"
