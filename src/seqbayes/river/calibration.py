"""Calibration of predictive distributions, based on their coverage so far."""

from __future__ import annotations

import math

LEVEL = 0.9
"""The level of the intervals whose coverage is tracked."""

RATE, FIRST_RATE, MAX_RATE = 0.1, 1.4, 0.4
"""Change of the log factor per observation outside the interval, divided by the level: the second
number divided by the square root of the degrees of freedom, from the first to the third number."""

TOLERATED = 0.1
"""The scale changes only if the log factor has a larger absolute value than this."""

MIN_DF = 5.0
"""Minimum degrees of freedom of the predictions that are tracked."""

NORMAL_QUANTILE = 1.6448536269514722
"""Upper end of the interval of level `LEVEL` of the standard normal distribution."""


class Calibration:
    """A factor for the scale of predictions, for targets that do not agree with the model.

    The noise of a stream can grow, or depend on earlier rows. The factor grows by a small ratio
    when a target is outside its interval of level 0.9, and shrinks otherwise, such that the
    coverage over many rows is 0.9 for any sequence of targets. The ratio is larger for the first
    rows, so that intervals reach their level even on a small table. For targets that agree with the
    model, the factor remains near 1.

    References
    ----------
    .. [1] Gibbs, I. and Candès, E. (2021). Adaptive conformal inference under distribution shift.
       Advances in Neural Information Processing Systems 34.
    """

    def __init__(self) -> None:
        self.log_factor = 0.0

    @property
    def factor(self) -> float:
        """The factor of the scale; 1 unless the coverage clearly differs from the level."""
        excess = max(abs(self.log_factor) - TOLERATED, 0.0)
        return math.exp(math.copysign(excess, self.log_factor))

    def learn(self, squared_error: float, df: float, w: float) -> None:
        """Learn whether a target was inside its interval.

        Parameters
        ----------
        squared_error
            The squared difference between target and prediction, divided by the squared scale.
        df
            Degrees of freedom of Student's t distribution of the prediction.
        w
            Weight of the row.
        """
        if df < MIN_DF:
            return
        outside = squared_error > (upper_end(df) * self.factor) ** 2
        rate = min(max(RATE, FIRST_RATE / math.sqrt(df)), MAX_RATE)
        self.log_factor += float(rate * min(w, 1.0) * (outside - (1.0 - LEVEL)))


def upper_end(df: float) -> float:
    """Return the upper end of the interval of level `LEVEL` of Student's t distribution.

    The result is the Cornish-Fisher expansion, whose error is below 8e-4 if `df` is at least 5.

    Examples
    --------
    >>> print(f"{upper_end(10.0):.3f}")
    1.812
    """
    z = NORMAL_QUANTILE
    first = (z**3 + z) / 4.0
    second = (5.0 * z**5 + 16.0 * z**3 + 3.0 * z) / 96.0
    third = (3.0 * z**7 + 19.0 * z**5 + 17.0 * z**3 - 15.0 * z) / 384.0
    return z + (first + (second + third / df) / df) / df
