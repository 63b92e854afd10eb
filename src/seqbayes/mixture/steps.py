"""How far the statistics of online EM move toward every new observation."""

from __future__ import annotations

from dataclasses import dataclass

from seqbayes.likelihoods import check_parameter


@dataclass(frozen=True, slots=True)
class Power:
    """Steps ``n ** -exponent``: small enough to settle, large enough to move.

    Parameters
    ----------
    exponent
        Above 1/2 and at most 1. Near 1 the path stalls, and the average of the path cannot help.

    References
    ----------
    .. [1] Cappé, O. and Moulines, E. (2009). On-line expectation-maximization algorithm for latent
       data models. Journal of the Royal Statistical Society B 71, 593-613.

    Examples
    --------
    >>> round(Power(0.6)(1000), 4)
    0.0158
    """

    exponent: float = 0.6

    def __post_init__(self) -> None:
        check_parameter("exponent", self.exponent, 0.5, high=1.0)

    def __call__(self, n: float) -> float:
        """Return the step of observation n."""
        return float(n**-self.exponent)


@dataclass(frozen=True, slots=True)
class Constant:
    """The same step always: what was seen fades, so that a stream that drifts is followed.

    Parameters
    ----------
    step
        Above 0 and below 1; about ``1 / step`` observations are remembered.
    """

    step: float

    def __post_init__(self) -> None:
        check_parameter("step", self.step, high=0.999)

    def __call__(self, n: float) -> float:
        """Return the step."""
        return self.step


@dataclass(frozen=True, slots=True)
class HalfLife:
    """What was seen counts for half after this many observations.

    Parameters
    ----------
    observations
        Above zero.

    Examples
    --------
    >>> round(HalfLife(500)(1), 6)
    0.001385
    """

    observations: float

    def __post_init__(self) -> None:
        check_parameter("observations", self.observations, 0.1)

    def __call__(self, n: float) -> float:
        """Return the step."""
        return -float(2.0 ** (-1.0 / self.observations) - 1.0)


STEPS = {kind.__name__: kind for kind in (Power, Constant, HalfLife)}
"""Steps that have a JSON form, by name."""
