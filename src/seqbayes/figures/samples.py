"""Samples of models as an xarray.DataTree for ArviZ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from seqbayes.errors import UnsupportedError
from seqbayes.extras import missing_extra
from seqbayes.figures.named import is_named

Array = Any


class Samples(NamedTuple):
    """Samples of a model.

    Parameters
    ----------
    groups
        Arrays of shape (chains, draws, ...), keyed by group, such as "posterior", and by variable.
    dims
        The names of the dimensions after chains and draws, keyed by variable.
    coords
        The labels along a dimension, keyed by the dimension's name.
    """

    groups: dict[str, dict[str, Array]]
    dims: dict[str, list[str]]
    coords: dict[str, list[Any]]


def to_tree(samples: Samples) -> Any:
    """Return samples as an xarray.DataTree, without empty groups.

    Raises
    ------
    SeqbayesError
        If arviz-base is not installed.
    """
    try:
        import arviz_base
    except ImportError as error:
        raise missing_extra("to_arviz", str(error.name), "arviz") from None
    groups = {name: group for name, group in samples.groups.items() if group}
    return arviz_base.from_dict(groups, dims=samples.dims, coords=samples.coords)


def state_samples(
    state: Any, shape: tuple[int, int], rng: np.random.Generator | None = None
) -> Samples:
    """Return samples of the posterior, the prior and the next observation of a state.

    Parameters
    ----------
    state
        The state.
    shape
        The numbers of chains and draws.
    rng
        The random generator, by default a new one with the seed of the state.

    Raises
    ------
    UnsupportedError
        If the model is not a state.
    PriorError
        If the posterior is improper.
    """
    if not state.conjugate:
        raise UnsupportedError(f"{type(state).__name__} has no samples of a posterior")
    rng = np.random.default_rng(state.seed) if rng is None else rng
    groups = {"posterior": of_parameter(state, shape, rng)}
    if state.is_proper(state.prior):
        groups["prior"] = of_parameter(state.clone(), shape, rng)
    drawn = state.predictive.sample(shape[0] * shape[1], rng)
    groups["posterior_predictive"] = of_observations(drawn, shape)
    return Samples(groups, {}, {})


def of_parameter(state: Any, shape: tuple[int, int], rng: np.random.Generator) -> dict[str, Array]:
    """Return samples of the parameters of a state, keyed by name.

    Raises
    ------
    PriorError
        If the posterior is improper.
    """
    return named(state.belief(state.proper_posterior()).sample(shape, rng), shape)


def of_observations(drawn: Any, shape: tuple[int, int]) -> dict[str, Array]:
    """Return sampled observations, keyed by field, as arrays of shape (chains, draws, ...).

    Examples
    --------
    >>> {name: array.shape for name, array in of_observations([{"a": 1}, {"a": 2}], (1, 2)).items()}
    {'a': (1, 2)}
    """
    if len(drawn) and isinstance(drawn[0], dict):
        columns = {str(name): [each[name] for each in drawn] for name in drawn[0]}
    else:
        columns = {"observation": drawn}
    arrays = {name: np.asarray(column) for name, column in columns.items()}
    return {name: array.reshape(shape + array.shape[1:]) for name, array in arrays.items()}


def named(value: Any, shape: tuple[int, int], name: str = "") -> dict[str, Array]:
    """Return sampled values of shape (chains, draws, ...), keyed by name ("theta" if only one).

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


def stacked(parts: Sequence[dict[str, Array]], labels: Sequence[Any]) -> dict[str, Array] | None:
    """Stack the variables of several parts along a third dimension; None if the variables differ.

    Parameters
    ----------
    parts
        The variables of each part, arrays of shape (chains, draws, ...).
    labels
        The names of the parts.

    Examples
    --------
    >>> two = [{"theta": np.zeros((4, 9))}, {"theta": np.ones((4, 9))}]
    >>> stacked(two, ["a", "b"])["theta"].shape
    (4, 9, 2)
    """
    forms = [{name: array.shape for name, array in part.items()} for part in parts]
    if len(parts) != len(labels) or any(form != forms[0] for form in forms):
        return None
    return {name: np.stack([part[name] for part in parts], axis=2) for name in parts[0]}
