"""Properties that are known for some distributions only; each default means "unknown"."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from seqbayes.errors import UnsupportedError
from seqbayes.numerics.special import Real


class ClosedForms:
    """Closed forms and facts that make other computations exact or fast.

    A distribution overrides those that it has. The default values make callers use a general
    method.
    """

    density_change: ClassVar[Any] = None
    """The function of `seqbayes.numerics.changes` for the distribution, if there is one."""

    searches_quantiles: bool = False
    """Whether quantiles are found by numerical search, which takes milliseconds."""

    @property
    def terms(self) -> int:
        """Number of terms whose sum is the density at one point."""
        return 1

    def entropy(self) -> Real:
        """Return the differential entropy in nats: the negative expected log density.

        Raises
        ------
        UnsupportedError
            If there is no closed form.
        """
        raise UnsupportedError(f"{type(self).__name__} has no closed form for the entropy")

    def kl(self, other: Any) -> Real:
        """Return the Kullback-Leibler divergence from `other`, of the same class, in nats.

        The divergence is the expected log ratio of the densities under this distribution.

        Raises
        ------
        UnsupportedError
            If the classes differ, or there is no closed form.
        """
        name = type(self).__name__
        if type(other) is not type(self):
            raise UnsupportedError(f"expected another {name} to compare with, got {other!r}")
        raise UnsupportedError(f"{name} has no closed form for the Kullback-Leibler divergence")

    def mode_curvature(self) -> tuple[float, float] | None:
        """Return the negative second and the third derivative of the log density at the mode.

        The result is None if there is no mode inside the support, or no closed form.
        """
        return None

    @property
    def power_tail_of_logarithm(self) -> bool:
        """Whether the logarithm's upper tail decreases like a power, so that no moment exists."""
        return False

    @property
    def singularity_of_logarithm(self) -> float:
        """The `singularity` of the density of the logarithm of a positive number."""
        return math.inf

    @property
    def singularity(self) -> float:
        """Distance between the real line and the nearest complex singularity of the density.

        Infinite if no singularity limits the steps, as for distributions without a power tail.
        """
        return math.inf

    def rough_place(self) -> tuple[Any, Any] | None:
        """Return a rough median and standard deviation, if computing quantiles is much slower."""
        return None

    zero: float = 0.0
    """Probability of 0, if the distribution is otherwise continuous."""

    def without_zero(self) -> Any:
        """Return the distribution given that the number is not 0."""
        return self

    def own_nodes(self, width: float) -> tuple[Any, Any] | None:
        """Return values at equal steps of a coordinate, and the logarithms of their probabilities.

        The steps are shorter than half of `width`, the width of a function of the logarithm of the
        number. The result is None if the usual coordinate of the support is used.
        """
        return None

    def values(self) -> Any:
        """Return the values with non-negligible probability of a discrete distribution.

        The result is None if there are too many values, or if they are not available.
        """
        return None

    def excess_above(self, x: float) -> float:
        """Return the expected value of ``max(0, X - x)`` for the last of the `values`, or 0."""
        return 0.0

    @property
    def log_concave(self) -> bool:
        """Whether the log density is known to be concave; False for arrays."""
        return False
