"""Step sizes of online EM, and the validated settings of a mixture."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from seqbayes.checks import as_count, check_seed
from seqbayes.elicit import check_proportions
from seqbayes.errors import PriorError
from seqbayes.families import Dirichlet
from seqbayes.likelihoods import check_parameter
from seqbayes.mixture.components.adapter import NumberAdapter
from seqbayes.mixture.components.state_adapters import adapter_of
from seqbayes.state import State

SHAPES = ("full", "diagonal", "spherical", "tied")
"""Shapes of covariances; "tied" is one full covariance for all components."""

LEARNED_DF = "learned"
"""The value of `df` that stands for learned degrees of freedom."""

BURN_IN = 10
"""Default number of observations per component before the first M-step, if a start is given."""

BUFFER = 400
"""Default number of buffered observations per component."""


@dataclass(frozen=True, slots=True)
class Power:
    """Step sizes ``n ** -exponent``, which decrease slowly enough to forget the initial values.

    Parameters
    ----------
    exponent
        Above 1/2 and at most 1. If it is close to 1, the statistics hardly change after some time,
        and averaging does not help.

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
        """Return the step size of observation n."""
        return float(n**-self.exponent)


@dataclass(frozen=True, slots=True)
class Constant:
    """A constant step size: old observations lose weight, so that the mixture adapts to drift.

    Parameters
    ----------
    step
        Above 0 and below 1. The mixture remembers about ``1 / step`` observations.
    """

    step: float

    def __post_init__(self) -> None:
        check_parameter("step", self.step, high=0.999)

    def __call__(self, n: float) -> float:
        """Return the step size."""
        return self.step


@dataclass(frozen=True, slots=True)
class HalfLife:
    """A constant step size given as a half-life.

    Parameters
    ----------
    observations
        Number of observations after which the weight of an observation has halved; above zero.

    Examples
    --------
    >>> round(HalfLife(500)(1), 6)
    0.001385
    """

    observations: float

    def __post_init__(self) -> None:
        check_parameter("observations", self.observations, 0.1)

    def __call__(self, n: float) -> float:
        """Return the step size."""
        return -float(2.0 ** (-1.0 / self.observations) - 1.0)


STEPS = {kind.__name__: kind for kind in (Power, Constant, HalfLife)}
"""Step sizes that can be represented as JSON, keyed by name."""


class Settings(NamedTuple):
    """The settings of a mixture.

    Attributes
    ----------
    covariance : str
        The shape of the covariances of Normal components.
    weights : tuple of float or Dirichlet
        Fixed weights, or the prior on learned weights.
    step : callable
        The step size of observation n.
    average : bool
        Whether predictions use the average of the statistics over time.
    burn_in : float
        Number of observations before the first M-step.
    robust : bool
        Whether, on a stream, observations far from all components contribute only their weight.
    background : bool
        Whether there is a background for observations that fit no component.
    df : float or None
        Degrees of freedom of components with Student's t distribution; 0 if they are learned, None
        for Normal components.
    """

    covariance: str
    weights: Any
    step: Callable[[float], float]
    average: bool
    burn_in: float
    robust: bool = False
    background: bool = False
    df: float | None = None

    @property
    def exponent(self) -> float:
        """The exponent if the step size is a power of n; otherwise 0."""
        return self.step.exponent if isinstance(self.step, Power) else 0.0

    @property
    def fading(self) -> bool:
        """Whether the step size is constant, so that old observations lose their weight."""
        return isinstance(self.step, (Constant, HalfLife))


def name_components(components: Any) -> dict[Any, Any]:
    """Return the components, keyed by name; the values are None if only their number is given.

    Raises
    ------
    PriorError
        If `components` is neither a collection of states nor a number >= 1.
    """
    count = as_count(components)
    if count is not None:
        return dict.fromkeys(range(count))
    if isinstance(components, Mapping):
        named = dict(components)
    elif isinstance(components, Sequence) and not isinstance(components, str):
        named = dict(enumerate(components))
    else:
        named = {}
    if not named or not all(isinstance(state, State) for state in named.values()):
        raise PriorError(f"expected components to be states or their number, got {components!r}")
    for state in named.values():
        adapter_of(state)  # a state that cannot be a component raises PriorError here
    return named


def check_settings(given: Mapping[str, Any], names: Sequence[Any]) -> Settings:
    """Return the settings for constructor parameters.

    Raises
    ------
    PriorError
        If a parameter is invalid; the message names it.
    """
    check_seed(given.get("seed"))
    covariance = "diagonal" if given["covariance"] == "diag" else given["covariance"]
    if covariance not in SHAPES:
        shapes = ", ".join(map(repr, SHAPES))
        raise PriorError(f"expected covariance {shapes}, got {covariance!r}")
    step = given["step"]
    if step is None:
        step = Power()
    elif not callable(step):
        step = Constant(check_parameter("step", step))
    average = given["average"]
    if average is None:
        average = not isinstance(step, (Constant, HalfLife))
    burn_in = BURN_IN * len(names) if given["burn_in"] is None else given["burn_in"]
    burn_in = check_parameter("burn_in", burn_in, 1.0, open_low=False)
    weights = _check_weights(given["weights"], tuple(names))
    background = bool(given.get("background"))
    if background and not isinstance(weights, Dirichlet) and len(names) > 1:
        raise PriorError("a background needs learned weights, not fixed ones")
    df = check_df(given.get("df"), covariance)
    return Settings(covariance, weights, step, bool(average), burn_in, False, background, df)


def check_df(df: Any, covariance: str) -> float | None:
    """Return degrees of freedom; 0 if they are learned, None for Normal components.

    Raises
    ------
    PriorError
        If `df` is neither a number nor "learned", or `covariance` has no full matrix.
    """
    if df is None:
        return None
    if covariance not in ("full", "tied"):
        raise PriorError(f"df needs full or tied covariances, got covariance {covariance!r}")
    if df == LEARNED_DF:
        return 0.0
    if isinstance(df, (str, bool)):
        raise PriorError(f"expected df to be a number above 0 or {LEARNED_DF!r}, got {df!r}")
    return check_parameter("df", df)


def check_tails(states: Sequence[State]) -> None:
    """Raise an error if no component can have Student's t distribution.

    Raises
    ------
    PriorError
        If no component, and no field of a component, has an unknown mean and variance.
    """
    if not all(adapter_of(state).has_tails(state) for state in states):
        raise PriorError(
            "df needs components of numbers or vectors with unknown mean and variance,"
            " or products with such a field"
        )


def _check_weights(weights: Any, names: tuple[Any, ...]) -> Any:
    """Return the prior on learned weights, or fixed weights as a tuple."""
    if weights is None:
        return Dirichlet.flat(names) if len(names) > 1 else (1.0,)
    if isinstance(weights, Dirichlet):
        if weights.categories != names:
            raise PriorError(
                f"expected weights for {names}, got a Dirichlet over {weights.categories}"
            )
        return weights.clone()
    if len(weights) != len(names):
        raise PriorError(f"expected {len(names)} weights, got {weights!r}")
    return tuple(check_proportions(dict(zip(names, weights, strict=True))).values())


def check_background(states: Sequence[State]) -> None:
    """Raise an error if the components do not support a background.

    Raises
    ------
    PriorError
        If the components are neither all for numbers nor all for vectors.
    """
    adapters = [adapter_of(state) for state in states]
    readings = {adapter.reading(s) for adapter, s in zip(adapters, states, strict=True)}
    if len(readings) > 1 or not all(isinstance(each, NumberAdapter) for each in adapters):
        raise PriorError("a background needs Normal components of the same observations")


def check_buffer(buffer: Any, k: int, default: int) -> int:
    """Return the number of observations to buffer before `k` components are fitted.

    Raises
    ------
    PriorError
        If `buffer` is less than the number of components, or not a whole number.
    """
    if buffer is None:
        return default
    size = check_parameter("buffer", buffer, 1.0, open_low=False)
    if size < k or size != int(size):
        raise PriorError(f"expected a buffer of at least {k} observations, got {buffer!r}")
    return int(size)


def check_proper(state: State, what: str = "online EM") -> None:
    """Raise an error for an improper prior, because the component could collapse onto a point.

    Raises
    ------
    PriorError
        If the prior is improper.
    """
    if not state.is_proper(state.prior):
        raise PriorError(f"{what} needs proper priors, got {state.prior}")


def check_combination(
    start: Any, k: int, priors: tuple[State, ...] | None, background: bool, df: Any
) -> None:
    """Raise an error if parameters of a mixture of `k` components exclude each other."""
    if start is not None:
        if len(start) != k:
            raise PriorError(f"expected {k} parameters to start from, got {start!r}")
        if priors is None:
            raise PriorError(
                "'start' needs the components' priors: pass states instead of their number"
            )
        if background:
            raise PriorError(
                "'background' cannot be combined with 'start': its scale comes from the first"
                " observations"
            )
    if background:
        check_background(priors or ())
    if df is not None:
        check_tails(priors or ())
