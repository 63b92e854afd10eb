"""Coordinates in which densities are smooth: the number, its logarithm, and its log odds."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seqbayes.distributions import Distribution
from seqbayes.errors import PriorError
from seqbayes.numerics import sc

Array = NDArray[np.float64]

_GRADES = 2.0 ** np.arange(100)
_GRADES = np.concatenate([-_GRADES[::-1], [0.0], _GRADES])
"""Distances that grow geometrically, in units of the smallest scale of a density."""


class Coordinate:
    """The line on which densities are integrated: the parameter itself.

    Attributes
    ----------
    limit : float
        Coordinate beyond which densities are continued as exponential functions.
    longest_step : float
        Largest distance of nodes at which sums over evenly spaced nodes are accurate, whatever the
        width of a density. If its Fourier transform decreases like exp(-c |ω|), the relative error
        is about exp(-2 π c / h) for a step h.
    """

    limit = math.inf
    longest_step = math.inf

    def point(self, u: Array) -> Array:
        """Return the parameter at a coordinate."""
        return u

    def log_point(self, u: Array) -> Array:
        """Return the logarithm of the parameter; nan if it is not positive."""
        return np.full_like(u, np.nan)

    def locate(self, x: Array) -> tuple[Array, Array]:
        """Return the coordinate of a parameter, and the derivative of the parameter there."""
        return x, np.ones_like(x)

    def locate_log(self, log_x: Array) -> tuple[Array, Array]:
        """Return the coordinate of a logarithm, and the derivative of the logarithm there."""
        x = np.exp(log_x)
        return x, 1.0 / x

    def place(self, x: Array, spread: Array) -> tuple[Array, Array]:
        """Return coordinates and approximate standard deviations of means and deviations."""
        return x, spread

    def centred(
        self, distributions: Sequence[Distribution], centres: Array
    ) -> Sequence[Distribution]:
        """Return the distributions relative to an origin, where that has a closed form."""
        shifted = [each.shift(-centres) for each in distributions]
        known = [each for each in shifted if each is not None]
        return known if len(known) == len(shifted) else distributions

    def log_density(self, distribution: Distribution, u: Array) -> Array:
        """Return the log density with respect to the coordinate."""
        found: Array = distribution.logpdf(u)
        return found

    def log_slope(self, u: Array) -> Array:
        """Return the logarithm of the derivative of the parameter."""
        return np.zeros_like(u)

    def log_mass(self, logs: Array, u: Array, centres: Array, widths: Array) -> Array:
        """Return log densities that decrease as fast as the probability beyond a coordinate.

        A density that decreases like a power of x leaves a probability larger by a factor of x.
        """
        found: Array = logs + np.log1p(np.abs(u - centres) / widths)
        return found

    def graded(self, centres: Array, widths: Array) -> Array:
        """Return ends of panels on which tails that decrease like a power are smooth."""
        return centres + widths * _GRADES


class LogCoordinate(Coordinate):
    """The logarithm of a positive parameter."""

    longest_step = 0.3  # the transform of the density of a Gamma has c = π / 2

    limit = 600.0

    def centred(
        self, distributions: Sequence[Distribution], centres: Array
    ) -> Sequence[Distribution]:
        """Return the distributions themselves: the logarithm has its origin at 1."""
        return distributions

    def point(self, u: Array) -> Array:
        """Return the parameter at a coordinate."""
        found: Array = np.exp(u)
        return found

    def log_point(self, u: Array) -> Array:
        """Return the logarithm of the parameter."""
        return u

    def locate(self, x: Array) -> tuple[Array, Array]:
        """Return the coordinate of a parameter, and the derivative of the parameter there."""
        with np.errstate(all="ignore"):
            u = np.where(x > 0.0, np.log(x), -np.inf)
        return u, np.where(x > 0.0, x, 1.0)

    def locate_log(self, log_x: Array) -> tuple[Array, Array]:
        """Return the coordinate of a logarithm, and the derivative of the logarithm there."""
        return log_x, np.ones_like(log_x)

    def place(self, x: Array, spread: Array) -> tuple[Array, Array]:
        """Return coordinates and approximate standard deviations of means and deviations."""
        return np.log(x), spread / x

    def log_density(self, distribution: Distribution, u: Array) -> Array:
        """Return the log density with respect to the coordinate."""
        found: Array = distribution.logpdf(np.exp(u)) + u
        return found

    def log_slope(self, u: Array) -> Array:
        """Return the logarithm of the derivative of the parameter."""
        return u

    def log_mass(self, logs: Array, u: Array, centres: Array, widths: Array) -> Array:
        """Return the log densities, which decrease exponentially."""
        return logs

    def graded(self, centres: Array, widths: Array) -> Array:
        """Return ends of panels around the change from one exponential tail to another."""
        return centres + _GRADES


class LogitCoordinate(LogCoordinate):
    """The log odds of a share."""

    longest_step = 0.6  # the transform of the density of a Beta has c = π

    def point(self, u: Array) -> Array:
        """Return the parameter at a coordinate."""
        found: Array = sc.expit(u)
        return found

    def log_point(self, u: Array) -> Array:
        """Return the logarithm of the parameter."""
        logs: Array = -np.logaddexp(0.0, -u)
        return logs

    def locate(self, x: Array) -> tuple[Array, Array]:
        """Return the coordinate of a parameter, and the derivative of the parameter there."""
        share = np.clip(x, 0.0, 1.0)
        u: Array = sc.logit(share)
        return u, np.where(np.isfinite(u), share * (1.0 - share), 1.0)

    def locate_log(self, log_x: Array) -> tuple[Array, Array]:
        """Return the coordinate of a logarithm, and the derivative of the logarithm there."""
        with np.errstate(all="ignore"):
            rest = -np.expm1(np.minimum(log_x, 0.0))
            u: Array = log_x - np.log(rest)
        return u, np.where(rest > 0.0, rest, 1.0)

    def place(self, x: Array, spread: Array) -> tuple[Array, Array]:
        """Return coordinates and approximate standard deviations of means and deviations."""
        return np.log(x) - np.log1p(-x), spread / (x * (1.0 - x))

    def log_density(self, distribution: Distribution, u: Array) -> Array:
        """Return the log density with respect to the coordinate."""
        found: Array = distribution.logpdf_of_log_odds(u)
        return found

    def log_slope(self, u: Array) -> Array:
        """Return the logarithm of the derivative of the parameter."""
        size = np.abs(u)
        slope: Array = -size - 2.0 * np.log1p(np.exp(-size))
        return slope

    def graded(self, centres: Array, widths: Array) -> Array:
        """Return ends of panels around log odds of 0, where one exponential tail ends."""
        return 0.0 * centres + _GRADES


_LINE, _LOG, _LOGIT = Coordinate(), LogCoordinate(), LogitCoordinate()


def coordinate_of(distributions: Sequence[Distribution]) -> Coordinate:
    """Return the coordinate for distributions with one support.

    Raises
    ------
    PriorError
        If the supports differ, or the distributions are discrete.
    """
    supports = {each.support for each in distributions}
    if len(supports) != 1 or any(each.discrete for each in distributions):
        raise PriorError(f"expected numbers of one kind to compare, got {list(distributions)}")
    low, high = supports.pop()
    if math.isinf(low):
        return _LINE
    return _LOG if math.isinf(high) else _LOGIT
