"""Strictly monotone transformations of a variable y to x, and the moments and modes of x."""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np

from seqbayes.numerics.elementary import exponential, logarithm, parameters
from seqbayes.numerics.special import Real, is_array


class Transform(Protocol):
    """The interface of strictly monotone functions for `Transformed`."""

    @property
    def increasing(self) -> bool:
        """Whether x increases with y."""

    @property
    def exponential(self) -> bool:
        """Whether the logarithm of x is y plus a constant."""

    def logpdf_of_logarithm(self, base: Any, log_x: Any) -> Any:
        """Return the log density of the logarithm of x, at an array of logarithms."""

    def forward(self, y: Real) -> Real:
        """Return x for y."""

    def inverse(self, x: Real) -> Real:
        """Return y for x."""

    def log_derivative(self, x: Real) -> Real:
        """Return log |dy / dx| at x."""

    def log_density_at_ends(self, base: Any) -> tuple[Real, Real]:
        """Return the log density of x at the lower and the upper end of its support."""

    def log_mean(self, base: Any) -> Real:
        """Return log E[x]."""

    def log_spread(self, base: Any) -> Real:
        """Return the log of E[x**2] / E[x]**2."""

    def mode(self, base: Any) -> Real:
        """Return the mode of x."""


class PowerTransform:
    """x = (scale y)**exponent of y > 0.

    The Weibull distribution has exponent 1 / shape, the inverse gamma distribution exponent -1, and
    the Rayleigh and Maxwell distributions exponent 1/2 and scale 2.

    Parameters
    ----------
    exponent : float
        Not 0.
    scale : float or array
        > 0.

    Examples
    --------
    >>> PowerTransform(2.0, scale=3.0).forward(2.0)
    36.0
    """

    def __init__(self, exponent: float, scale: Real = 1.0) -> None:
        self.exponent = float(exponent)
        (self.scale,) = parameters(scale)

    @property
    def increasing(self) -> bool:
        """Whether x increases with y."""
        return self.exponent > 0.0

    exponential = False

    def logpdf_of_logarithm(self, base: Any, log_x: Any) -> Any:
        """Return the log density of the logarithm of x, at an array of logarithms."""
        log_y = log_x / self.exponent - np.log(self.scale)
        return base.logpdf_of_logarithm(log_y) - math.log(abs(self.exponent))

    def forward(self, y: Real) -> Real:
        """Return x for y."""
        return _power(self.scale * y, self.exponent)

    def inverse(self, x: Real) -> Real:
        """Return y for x."""
        return _power(x, 1.0 / self.exponent) / self.scale

    def log_derivative(self, x: Real) -> Real:
        """Return log |dy / dx| at x."""
        constant = math.log(abs(self.exponent)) + logarithm(self.scale)
        return (1.0 / self.exponent - 1.0) * logarithm(x) - constant

    def log_density_at_ends(self, base: Any) -> tuple[Real, Real]:
        """Return the log density of x at 0 and at infinity."""
        limit = base.log_tilted_limit(1.0 - self.exponent, at_zero=self.increasing)
        constant = math.log(abs(self.exponent)) + self.exponent * logarithm(self.scale)
        return limit - constant, -math.inf

    def log_mean(self, base: Any) -> Real:
        """Return log E[x]."""
        return base.log_power_moment(self.exponent) + self.exponent * logarithm(self.scale)

    def log_spread(self, base: Any) -> Real:
        """Return the log of E[x**2] / E[x]**2."""
        return base.log_power_spread(self.exponent)

    def mode(self, base: Any) -> Real:
        """Return the mode of x, where density(y) * y**(1 - exponent) is largest."""
        return self.forward(base.tilted_mode(1.0 - self.exponent))

    def __repr__(self) -> str:
        return f"PowerTransform({self.exponent!r}, scale={self.scale!r})"


class ExponentialTransform:
    """x = scale exp(y).

    For the Pareto distribution, y is exponential; for the log-normal and log-t distributions, y is
    a real number.

    Parameters
    ----------
    scale : float or array
        > 0.

    Examples
    --------
    >>> ExponentialTransform(2.0).forward(0.0)
    2.0
    """

    increasing = True
    exponential = True

    def __init__(self, scale: Real = 1.0) -> None:
        (self.scale,) = parameters(scale)

    def logpdf_of_logarithm(self, base: Any, log_x: Any) -> Any:
        """Return the log density of the logarithm of x, at an array of logarithms."""
        return base.logpdf(log_x - logarithm(self.scale))

    def forward(self, y: Real) -> Real:
        """Return x for y."""
        return self.scale * exponential(y)

    def inverse(self, x: Real) -> Real:
        """Return y for x."""
        ratio = x / self.scale
        # log1p(d) is accurate for small d = x / scale - 1.
        if is_array(ratio):
            near = np.abs(ratio - 1.0) < 0.5
            with np.errstate(all="ignore"):
                return np.where(near, np.log1p((x - self.scale) / self.scale), np.log(ratio))
        if abs(ratio - 1.0) < 0.5:
            return math.log1p((x - self.scale) / self.scale)
        return logarithm(ratio)

    def log_derivative(self, x: Real) -> Real:
        """Return log |dy / dx| at x."""
        return -logarithm(x)

    def log_density_at_ends(self, base: Any) -> tuple[Real, Real]:
        """Return the log density of x at the minimum of y, and at infinity."""
        low = base.support[0]
        if low > -math.inf:
            return base.logpdf(low) - low - logarithm(self.scale), -math.inf
        unbounded = np.all(np.isneginf(base.tilted_mode_exponential()))
        return (math.inf if unbounded else -math.inf), -math.inf

    def log_mean(self, base: Any) -> Real:
        """Return log E[x]."""
        return base.log_exponential_moment() + logarithm(self.scale)

    def log_spread(self, base: Any) -> Real:
        """Return the log of E[x**2] / E[x]**2."""
        return base.log_exponential_spread()

    def mode(self, base: Any) -> Real:
        """Return the mode of x, where density(y) * exp(-y) is largest."""
        return self.forward(base.tilted_mode_exponential())

    def __repr__(self) -> str:
        return f"ExponentialTransform({self.scale!r})"


def _power(x: Real, exponent: float) -> Real:
    if is_array(x):
        with np.errstate(all="ignore"):
            return x**exponent
    if x == 0.0:
        return 0.0 if exponent > 0.0 else math.inf
    try:
        return float(x**exponent)
    except OverflowError:
        return math.inf
