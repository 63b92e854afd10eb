"""Numbers computed from the beliefs about arms, kept from one choice to the next."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

from seqbayes.distributions import Distribution

_RATIO = math.log(1.25)
"""A slope is computed from two tail probabilities whose logarithms differ by this."""

_ERROR = 1e-9
"""Relative error of a slope."""


class KnownQuantile(NamedTuple):
    """The outer quantile of an arm at one tail probability.

    Attributes
    ----------
    number
        The distribution of the arm's expected reward.
    value
        Its quantile; the negative quantile if lower rewards are better.
    log_tail
        Logarithm of the tail probability.
    slope
        Upper bound on the derivative of the quantile with respect to the negative logarithm of the
        tail probability, valid at all smaller tail probabilities. None if it has not been computed.
    """

    number: Distribution
    value: float
    log_tail: float
    slope: float | None


class Memory:
    """Moments of arms, and quantiles that bound the quantiles at smaller tail probabilities.

    The tail probability decreases as the number of rewards grows. The quantile of a log-concave
    density is a concave function of the negative logarithm of the tail probability, so that the
    slope of this function decreases. This bounds the quantile of an arm that has not been rewarded
    since its quantile was computed; the arm cannot be the best while the bound is below the best
    quantile.
    """

    __slots__ = ("_known", "_moments")

    def __init__(self) -> None:
        self._known: dict[Hashable, KnownQuantile] = {}
        self._moments: dict[Hashable, tuple[Distribution, float, float]] = {}

    def forget(self, arm: Any) -> None:
        """Forget an arm."""
        self._known.pop(arm, None)
        self._moments.pop(arm, None)

    def moments(self, arm: Any, number: Distribution) -> tuple[Distribution, float, float]:
        """Return the distribution of an arm's expected reward, with its mean and variance.

        Moments that do not exist are approximated by quantiles.

        Parameters
        ----------
        arm
            The arm.
        number
            The distribution.
        """
        found = self._moments.get(arm)
        if found is None or found[0] is not number:
            mean, var = number.mean, number.var
            if mean is None or var is None or not (math.isfinite(mean) and math.isfinite(var)):
                low, mean, high = number.ppf(0.16), number.ppf(0.5), number.isf(0.16)
                var = (0.5 * (high - low)) ** 2
            found = self._moments[arm] = number, mean, var
        return found

    def best(
        self,
        arms: Sequence[Any],
        number_of: Callable[[Any], Distribution],
        sign: float,
        tail: float,
    ) -> list[Any]:
        """Return the arms with the best quantile at a tail probability.

        Parameters
        ----------
        arms
            The arms that can be chosen.
        number_of
            Returns the distribution of an arm's expected reward.
        sign
            1 if higher rewards are better, -1 if lower ones are.
        tail
            Probability beyond the quantile; not larger than in earlier calls.
        """
        log_tail = math.log(tail)
        limit, bounds, exact = -math.inf, [], {}
        for arm in arms:
            number, found = number_of(arm), self._known.get(arm)
            if found is None or found.number is not number:
                value = sign * outer_quantile(number, tail, sign)
                exact[arm] = value = math.inf if value != value else value
                self._known[arm] = KnownQuantile(number, value, log_tail, None)
                limit = max(limit, value)
            else:
                bounds.append((self._bound(arm, found, log_tail, sign), arm, number))
        bounds.sort(key=_first, reverse=True)
        for bound, arm, number in bounds:
            if bound < limit:
                break
            exact[arm] = value = sign * outer_quantile(number, tail, sign)
            self._known[arm] = self._known[arm]._replace(value=value, log_tail=log_tail)
            limit = max(limit, value)
        return [arm for arm in arms if exact.get(arm) == limit]

    def _bound(self, arm: Any, found: KnownQuantile, log_tail: float, sign: float) -> float:
        """Return an upper bound on the quantile of an arm."""
        number, value, before, slope = found
        if slope is None:
            slope = math.inf
            if number.log_concave and -math.inf < value < math.inf:
                earlier = sign * outer_quantile(number, math.exp(before + _RATIO), sign)
                slope = (1.0 + _ERROR) * (value - earlier) / _RATIO
            self._known[arm] = found._replace(slope=slope)
        return value + slope * (before - log_tail + _ERROR)


def _first(each: tuple[float, Any, Distribution]) -> float:
    return each[0]


def outer_quantile(number: Distribution, tail: float, sign: float) -> float:
    """Return the quantile with this probability above it or, if the sign is negative, below it."""
    return float(number.isf(tail) if sign > 0.0 else number.ppf(tail))
