"""How a mixture is to learn: what was asked for, checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from seqbayes.elicit import check_proportions
from seqbayes.errors import PriorError
from seqbayes.families import Dirichlet
from seqbayes.likelihoods import check_parameter
from seqbayes.mixture.components import adapter
from seqbayes.mixture.kernels import SHAPES
from seqbayes.mixture.steps import Constant, HalfLife, Power
from seqbayes.state import State, check_seed

BURN_IN = 10
"""Observations per component before the first M-step, where there is a start."""

BUFFER = 400
"""Observations per component that a start from the data is made from."""


class Settings(NamedTuple):
    """How a mixture learns.

    Attributes
    ----------
    covariance : str
        The shape of Normal components' covariances.
    weights : tuple of float or Dirichlet
        Held fixed, or the prior from which they are learned.
    step : callable
        The step of observation n.
    average : bool
        Whether the average of the path is served.
    burn_in : float
        Observations before the first M-step.
    """

    covariance: str
    weights: Any
    step: Callable[[float], float]
    average: bool
    burn_in: float


def name_components(components: Any) -> dict[Any, Any]:
    """Return the components by name, or names alone where they are a number.

    Raises
    ------
    PriorError
        If they are neither states nor a number >= 1.
    """
    if isinstance(components, int) and not isinstance(components, bool) and components >= 1:
        return dict.fromkeys(range(components))
    if isinstance(components, Mapping):
        named = dict(components)
    elif isinstance(components, Sequence) and not isinstance(components, str):
        named = dict(enumerate(components))
    else:
        named = {}
    if not named or not all(isinstance(state, State) for state in named.values()):
        raise PriorError(f"expected states, or their number, as components, got {components!r}")
    for state in named.values():
        adapter(state)  # refuses what cannot be one
    return named


def check_settings(given: Mapping[str, Any], names: Sequence[Any]) -> Settings:
    """Return the settings that the constructor's parameters ask for.

    Raises
    ------
    PriorError
        If one of them is not what it should be; it says which.
    """
    check_seed(given.get("seed"))
    if given["covariance"] not in SHAPES:
        shapes = ", ".join(map(repr, SHAPES))
        raise PriorError(f"expected covariance {shapes}, got {given['covariance']!r}")
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
    return Settings(given["covariance"], weights, step, bool(average), burn_in)


def _check_weights(weights: Any, names: tuple[Any, ...]) -> Any:
    """Return the prior of learned weights, or fixed ones as a tuple."""
    if weights is None:
        return Dirichlet.flat(names) if len(names) > 1 else (1.0,)
    if isinstance(weights, Dirichlet):
        if weights.categories != names:
            raise PriorError(
                f"expected weights of {names}, got a Dirichlet over {weights.categories}"
            )
        return weights.clone()
    if len(weights) != len(names):
        raise PriorError(f"expected {len(names)} weights, got {weights!r}")
    return tuple(check_proportions(dict(zip(names, weights, strict=True))).values())


def check_buffer(buffer: Any, k: int) -> int:
    """Return how many observations `k` components are begun from.

    Raises
    ------
    PriorError
        If they are fewer than the components.
    """
    if buffer is None:
        return BUFFER * k
    size = check_parameter("buffer", buffer, 1.0, open_low=False)
    if size < k or size != int(size):
        raise PriorError(f"expected a buffer of at least {k} observations, got {buffer!r}")
    return int(size)
