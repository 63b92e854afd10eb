"""Samples of states as an xarray.DataTree for ArviZ."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqbayes.errors import UnsupportedError
from seqbayes.extras import missing_extra
from seqbayes.figures.named import is_named


def to_arviz(state: Any, draws: int, chains: int) -> Any:
    """Return samples of the posterior, the prior and the next observation.

    Parameters
    ----------
    state
        A state with a proper posterior.
    draws, chains
        The shape of the samples. They are independent, so chains exist only for ArviZ.

    Raises
    ------
    UnsupportedError
        If the model is not a state.
    SeqbayesError
        If arviz-base is not installed.
    """
    try:
        import arviz_base
    except ImportError as error:
        raise missing_extra("to_arviz", str(error.name), "arviz") from None
    state = state.as_of()
    if not state.conjugate:
        raise UnsupportedError(f"a {type(state).__name__} has no samples of a posterior")
    shape = (chains, draws)
    groups = {"posterior": named(state.sample(shape), shape)}
    if state.is_proper(state.prior):
        groups["prior"] = named(state.clone().sample(shape), shape)
    observed = _observations(state.predictive.sample(chains * draws), shape)
    groups["posterior_predictive"] = observed
    return arviz_base.from_dict({name: group for name, group in groups.items() if group})


def _observations(drawn: Any, shape: tuple[int, int]) -> dict[str, Any]:
    """Return sampled observations by field, as arrays (chains, draws, ...)."""
    if len(drawn) and isinstance(drawn[0], dict):
        columns = {str(name): [each[name] for each in drawn] for name in drawn[0]}
    else:
        columns = {"observation": drawn}
    arrays = {name: np.asarray(column) for name, column in columns.items()}
    return {name: array.reshape(shape + array.shape[1:]) for name, array in arrays.items()}


def named(value: Any, shape: tuple[int, int], name: str = "") -> dict[str, Any]:
    """Return sampled values by name, as arrays (chains, draws, ...); a single one is "theta".

    Examples
    --------
    >>> sorted(named({"a": np.zeros((2, 3)), "b": {"c": np.ones((2, 3))}}, (2, 3)))
    ['a', 'b c']
    """
    if is_named(value):
        value = value._asdict()
    if isinstance(value, dict):
        return {
            inner: found
            for part, each in value.items()
            for inner, found in named(each, shape, f"{name} {part}".strip()).items()
        }
    array = np.asarray(value)
    return {name or "theta": array} if array.shape[:2] == shape else {}
