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
        Largest distance between nodes at which sums over evenly spaced nodes are accurate,
        regardless of the width of a density. If the Fourier transform of a density decreases like
        exp(-c |ω|), the relative error is about exp(-2 π c / h) for a step h.
    """

    limit = math.inf
    longest_step = math.inf

    def point(self, u: Array) -> Array:
        """Return the parameter at a coordinate."""
        return u

    def log_point(self, u: Array) -> Array:
        """Return the logarithm of the parameter; NaN if it is not positive."""
        return np.full_like(u, np.nan)

    def locate(self, x: Array) -> tuple[Array, Array]:
        """Return the coordinate of a parameter, and the derivative of the parameter there."""
        return x, np.ones_like(x)

    def locate_log(self, log_x: Array) -> tuple[Array, Array]:
        """Return the coordinate for a logarithm, and the derivative of the logarithm there."""
        x = np.exp(log_x)
        return x, 1.0 / x

    def place(self, x: Array, spread: Array) -> tuple[Array, Array]:
        """Convert means to coordinates, and convert standard deviations approximately."""
        return x, spread

    def centred(
        self, distributions: Sequence[Distribution], centres: Array
    ) -> Sequence[Distribution]:
        """Return the distributions relative to an origin, if they have a closed form."""
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

        If a density decreases like a power of x, the probability beyond x is larger by a factor of
        x.
        """
        found: Array = logs + np.log1p(np.abs(u - centres) / widths)
        return found

    def graded(self, centres: Array, widths: Array) -> Array:
        """Return ends of panels on which tails that decrease like a power are smooth."""
        return centres + widths * _GRADES


class LogCoordinate(Coordinate):
    """The logarithm of a positive parameter."""

    longest_step = 0.3  # c = π / 2 for the logarithm of a gamma variable

    limit = 600.0

    def centred(
        self, distributions: Sequence[Distribution], centres: Array
    ) -> Sequence[Distribution]:
        """Return the distributions unchanged: the logarithm has its origin at 1."""
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
        """Return the coordinate for a logarithm, and the derivative of the logarithm there."""
        return log_x, np.ones_like(log_x)

    def place(self, x: Array, spread: Array) -> tuple[Array, Array]:
        """Convert means to coordinates, and convert standard deviations approximately."""
        return np.log(x), spread / x

    def log_density(self, distribution: Distribution, u: Array) -> Array:
        """Return the log density with respect to the coordinate."""
        found: Array = distribution.logpdf_of_logarithm(u)
        return found

    def log_slope(self, u: Array) -> Array:
        """Return the logarithm of the derivative of the parameter."""
        return u

    def log_mass(self, logs: Array, u: Array, centres: Array, widths: Array) -> Array:
        """Return the log densities themselves: their tails decrease exponentially."""
        return logs

    def graded(self, centres: Array, widths: Array) -> Array:
        """Return ends of panels around the change from one exponential tail to another."""
        return centres + _GRADES


class LogitCoordinate(LogCoordinate):
    """The log odds of a share."""

    longest_step = 0.6  # c = π for the log odds of a beta variable

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
        """Return the coordinate for a logarithm, and the derivative of the logarithm there."""
        with np.errstate(all="ignore"):
            rest = -np.expm1(np.minimum(log_x, 0.0))
            u: Array = log_x - np.log(rest)
        return u, np.where(rest > 0.0, rest, 1.0)

    def place(self, x: Array, spread: Array) -> tuple[Array, Array]:
        """Convert means to coordinates, and convert standard deviations approximately."""
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


class ShiftedCoordinate(LogCoordinate):
    """The logarithm of the distance from the lower end of a support.

    Parameters
    ----------
    low
        The lower end.
    """

    def __init__(self, low: float) -> None:
        self._low = low

    def point(self, u: Array) -> Array:
        """Return the parameter at a coordinate."""
        found: Array = self._low + np.exp(u)
        return found

    def log_point(self, u: Array) -> Array:
        """Return the logarithm of the parameter, if it is positive."""
        found: Array = np.logaddexp(u, math.log(self._low)) if self._low > 0.0 else 0.0 * u
        return found

    def locate(self, x: Array) -> tuple[Array, Array]:
        """Return the coordinate of a parameter, and the derivative of the parameter there."""
        return super().locate(x - self._low)

    def locate_log(self, log_x: Array) -> tuple[Array, Array]:
        """Return the coordinate for a logarithm, and the derivative of the logarithm there."""
        share = -np.expm1(math.log(self._low) - log_x)
        with np.errstate(all="ignore"):
            u = np.where(share > 0.0, log_x + np.log(share), -np.inf)
        return u, np.where(share > 0.0, share, 1.0)

    def place(self, x: Array, spread: Array) -> tuple[Array, Array]:
        """Convert means to coordinates, and convert standard deviations approximately."""
        return super().place(x - self._low, spread)

    def log_density(self, distribution: Distribution, u: Array) -> Array:
        """Return the log density with respect to the coordinate."""
        found: Array = distribution.logpdf(self._low + np.exp(u)) + u
        return found


class MultipleCoordinate(LogitCoordinate):
    """The log odds of a share, for a parameter that is a constant multiple of the share.

    Parameters
    ----------
    factor
        The parameter at a share of 1.
    """

    def __init__(self, factor: float) -> None:
        self._factor = factor

    def point(self, u: Array) -> Array:
        """Return the parameter at a coordinate."""
        return self._factor * super().point(u)

    def log_point(self, u: Array) -> Array:
        """Return the logarithm of the parameter."""
        return super().log_point(u) + math.log(self._factor)

    def locate(self, x: Array) -> tuple[Array, Array]:
        """Return the coordinate of a parameter, and the derivative of the parameter there."""
        u, slope = super().locate(x / self._factor)
        return u, self._factor * slope

    def locate_log(self, log_x: Array) -> tuple[Array, Array]:
        """Return the coordinate for a logarithm, and the derivative of the logarithm there."""
        return super().locate_log(log_x - math.log(self._factor))

    def place(self, x: Array, spread: Array) -> tuple[Array, Array]:
        """Convert means to coordinates, and convert standard deviations approximately."""
        return super().place(x / self._factor, spread / self._factor)

    def log_slope(self, u: Array) -> Array:
        """Return the logarithm of the derivative of the parameter."""
        return super().log_slope(u) + math.log(self._factor)


class PowerTailCoordinate(LogCoordinate):
    """The logarithm of a positive parameter whose tail decreases like a power of the parameter.

    A parameter that is too large for a floating-point number is treated as the largest float.
    """

    limit = math.inf
    longest_step = math.inf

    def point(self, u: Array) -> Array:
        """Return the parameter at a coordinate."""
        found: Array = np.exp(np.minimum(u, _LARGEST_LOG))
        return found

    def log_density(self, distribution: Distribution, u: Array) -> Array:
        """Return the log density with respect to the coordinate."""
        found: Array = distribution.logpdf_of_logarithm(u)
        return found

    def log_slope(self, u: Array) -> Array:
        """Return the logarithm of the derivative of the parameter."""
        return np.minimum(u, _LARGEST_LOG)

    def log_mass(self, logs: Array, u: Array, centres: Array, widths: Array) -> Array:
        """Return log densities that decrease as fast as the probability beyond a coordinate."""
        return Coordinate.log_mass(self, logs, u, centres, widths)

    def graded(self, centres: Array, widths: Array) -> Array:
        """Return ends of panels on which tails that decrease like a power are smooth."""
        return Coordinate.graded(self, centres, widths)


class DoubleLogCoordinate(LogCoordinate):
    """The logarithm of log(x / low), for x whose logarithm has a tail that decreases like a power.

    Parameters
    ----------
    low
        The lower end of the support, > 0.
    """

    def __init__(self, low: float) -> None:
        self._log_low = math.log(low)

    def point(self, u: Array) -> Array:
        """Return the parameter at a coordinate."""
        found: Array = np.exp(np.minimum(self.log_point(u), _LARGEST_LOG))
        return found

    def log_point(self, u: Array) -> Array:
        """Return the logarithm of the parameter."""
        found: Array = self._log_low + np.exp(u)
        return found

    def locate(self, x: Array) -> tuple[Array, Array]:
        """Return the coordinate of a parameter, and the derivative of the parameter there."""
        with np.errstate(all="ignore"):
            u, slope = self.locate_log(np.log(x))
        return u, x * slope

    def locate_log(self, log_x: Array) -> tuple[Array, Array]:
        """Return the coordinate for a logarithm, and the derivative of the logarithm there."""
        return LogCoordinate.locate(self, log_x - self._log_low)

    def place(self, x: Array, spread: Array) -> tuple[Array, Array]:
        """Convert means to coordinates, and convert standard deviations approximately."""
        ratio = np.log(x) - self._log_low
        return np.log(ratio), spread / x / ratio

    def log_density(self, distribution: Distribution, u: Array) -> Array:
        """Return the log density with respect to the coordinate."""
        found: Array = distribution.logpdf_of_logarithm(self.log_point(u)) + u
        return found

    def log_slope(self, u: Array) -> Array:
        """Return the logarithm of the derivative of the parameter."""
        return np.minimum(self.log_point(u), _LARGEST_LOG) + u


_LARGEST_LOG = 700.0

_LINE, _LOG, _LOGIT = Coordinate(), LogCoordinate(), LogitCoordinate()
_POWER_TAIL = PowerTailCoordinate()


def coordinate_of(distributions: Sequence[Distribution]) -> Coordinate:
    """Return the coordinate for distributions that have the same support.

    Raises
    ------
    PriorError
        If the supports differ, or the distributions are discrete.
    """
    supports = {each.support for each in distributions}
    if len(supports) != 1 or any(each.discrete for each in distributions):
        raise PriorError(f"expected numbers of the same kind to compare, got {list(distributions)}")
    low, high = supports.pop()
    if math.isinf(low):
        return _LINE
    if math.isfinite(high):
        return _LOGIT if high == 1.0 else MultipleCoordinate(float(high))
    if any(each.power_tail_of_logarithm for each in distributions):
        return DoubleLogCoordinate(float(low)) if low else _POWER_TAIL
    return ShiftedCoordinate(float(low)) if low else _LOG
