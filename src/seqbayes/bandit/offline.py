"""Estimate the reward of a policy from the choices of another policy."""

from __future__ import annotations

import math

from seqbayes.checks import check_level
from seqbayes.errors import ObservationError
from seqbayes.numerics import sc


class InversePropensity:
    """Estimate the mean reward of a target policy from logged choices of another policy.

    Each logged reward has the weight ``target / logged``, the ratio of the probabilities with which
    the target policy and the logging policy choose the arm in that situation. Memory use is
    constant.

    Parameters
    ----------
    max_weight
        Maximum weight; larger weights are reduced to this value, which biases the estimate toward 0
        and reduces its variance.

    Raises
    ------
    ValueError
        If `max_weight` is not above 0.

    Notes
    -----
    With weights w and rewards r, `mean` is ``Σ w r / n`` (unbiased if every arm that the target
    policy can choose has a positive logged probability), `normalised` is ``Σ w r / Σ w`` (smaller
    variance, and a bias that vanishes as n grows), and `effective_n` is ``(Σ w)² / Σ w²`` [1]_.

    References
    ----------
    .. [1] Owen, A. B. (2013). Monte Carlo theory, methods and examples, chapter 9.

    Examples
    --------
    >>> from seqbayes.bandit import InversePropensity
    >>> estimate = InversePropensity()
    >>> for reward, logged, target in [(1.0, 0.5, 1.0), (0.0, 0.5, 0.0), (1.0, 0.5, 1.0)]:
    ...     estimate.learn_one(reward, logged, target)
    >>> estimate.n, round(estimate.mean, 4), estimate.normalised, estimate.effective_n
    (3, 1.3333, 1.0, 2.0)
    """

    def __init__(self, max_weight: float = math.inf) -> None:
        if not max_weight > 0.0:
            raise ValueError(f"expected a max_weight above 0, got {max_weight!r}")
        self.max_weight = max_weight
        self.n = 0
        self._weights = 0.0
        self._squared_weights = 0.0
        self._mean = 0.0
        # sum of squared deviations of w r from its mean
        self._squares = 0.0
        # Weighted mean c of the rewards, and sums of w² (r - c) and w² (r - c)².
        self._centre = 0.0
        self._lean = 0.0
        self._spread = 0.0

    def learn_one(self, reward: float, logged: float, target: float) -> None:
        """Learn one logged choice.

        Parameters
        ----------
        reward
            Reward of the arm that was chosen.
        logged
            Probability with which it was chosen, above 0 and at most 1.
        target
            Probability with which the target policy chooses it.

        Raises
        ------
        ObservationError
            If the reward is not finite, a probability is out of range, or their ratio is too large;
            nothing is changed.
        """
        if not math.isfinite(reward):
            raise ObservationError(f"expected a finite reward, got {reward!r}")
        if not 0.0 < logged <= 1.0:
            raise ObservationError(f"expected a recorded probability in (0, 1], got {logged!r}")
        if not 0.0 <= target <= 1.0:
            raise ObservationError(f"expected a target probability in [0, 1], got {target!r}")
        w = min(target / logged, self.max_weight)
        if not math.isfinite(w * w * reward * reward * (self.n + 1.0)):
            raise ObservationError(f"the weighted reward is too large: {w} times {reward!r}")
        self.n += 1
        value = w * reward
        off = value - self._mean
        self._mean += off / self.n
        self._squares += off * (value - self._mean)
        self._squared_weights += w * w
        self._weights += w
        if w > 0.0:
            # sums of w² and w² times the deviations of rewards from a weighted mean
            shift = (reward - self._centre) * (w / self._weights)
            off = reward - self._centre - shift
            self._spread += shift * (shift * (self._squared_weights - w * w) - 2.0 * self._lean)
            self._lean -= shift * (self._squared_weights - w * w)
            self._spread += (w * off) ** 2
            self._lean += w * w * off
            self._centre += shift

    @property
    def mean(self) -> float | None:
        """Estimated mean reward by inverse propensity; None if no choice has been learned."""
        return self._mean if self.n else None

    @property
    def normalised(self) -> float | None:
        """The estimate with weights normalised to sum to 1; None if all weights are 0."""
        return self._centre if self._weights else None

    @property
    def effective_n(self) -> float:
        """Number of equally weighted rewards that would be equally informative."""
        return self._weights**2 / self._squared_weights if self._squared_weights else 0.0

    def interval(self, level: float = 0.95, *, normalised: bool = False) -> tuple[float, float]:
        """Return a confidence interval for the mean reward, based on the normal approximation.

        Parameters
        ----------
        level
            Asymptotic coverage of the interval, between 0 and 1.
        normalised
            Whether to return the interval for the normalised estimate.

        Raises
        ------
        PriorError
            If the level is invalid.
        ObservationError
            If there are fewer than two choices, or all weights are 0.
        """
        check_level(level, "equal-tailed")
        if self.n < 2 or not self._weights:
            raise ObservationError("expected two or more choices with a positive weight")
        if normalised:
            centre = self._centre
            error = math.sqrt(self._spread) / self._weights
        else:
            centre = self._mean
            error = math.sqrt(self._squares / (self.n - 1) / self.n)
        half = float(sc.ndtri((1.0 + level) / 2.0)) * error
        return centre - half, centre + half
