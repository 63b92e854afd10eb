"""How the states of every family become components at work: what reads for them, and kernels."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from seqbayes import families, likelihoods
from seqbayes.elicit import check_proportions
from seqbayes.errors import PriorError
from seqbayes.families import MultivariateParameters, NormalParameters
from seqbayes.likelihoods import check_parameter
from seqbayes.mixture import kernels, rows
from seqbayes.mixture.kernels import SHAPES, Kernel
from seqbayes.state import State


class Adapter(NamedTuple):
    """What a family of states supplies to be a component.

    Attributes
    ----------
    size
        How many numbers of a row the state's kernel reads.
    reading
        What observations are read as: states that agree in it share a reader.
    reader, kernel
        Make the reader and the kernel of a state, for a row and a place in it.
    raw, parameter
        Turn a parameter into a kernel's numbers, and back.
    """

    size: Callable[[State], int]
    reading: Callable[[State], Hashable]
    reader: Callable[[State, Any, int], rows.Reader]
    kernel: Callable[[State, Any, int, str], Kernel]
    raw: Callable[[State, Any], Any]
    parameter: Callable[[State, Any], Any]


def adapter(state: State) -> Adapter:
    """Return how a state becomes a component.

    Raises
    ------
    PriorError
        If states of its family cannot be components.
    """
    place = state.component_adapter
    if place is None:
        name = type(state).__name__
        raise PriorError(
            f"a {name} cannot be a component of a mixture: {state.component_adapter_reason}"
        )
    module, _, name = place.partition(":")
    found: Adapter = getattr(import_module(module), name)
    return found


def is_logarithmic(state: State) -> bool:
    """Whether it is the logarithms of observations that are Normal."""
    return isinstance(state.likelihood, likelihoods.LogNormal)


def _finite(name: str, value: Any) -> float:
    return check_parameter(name, value, -math.inf)


def _pair_raw(state: State, theta: Any) -> float:
    if isinstance(state, families.Beta):
        return check_parameter("probability", theta, open_low=False, high=1.0)
    return check_parameter("rate", theta)


def _pair_kernel(state: State, row: Any, at: int, covariance: str) -> Kernel:
    first, second = state.prior
    return kernels.Pair(row, at, (first, second), isinstance(state, families.Beta))


PAIR = Adapter(
    size=lambda state: 3,
    reading=lambda state: state.likelihood,
    reader=lambda state, row, at: rows.Pair(row, at, state._accumulator()),
    kernel=_pair_kernel,
    raw=_pair_raw,
    parameter=lambda state, raw: raw,
)


def _number_reader(state: State, row: Any, at: int) -> rows.Reader:
    return rows.Number(row, at, is_logarithmic(state))


def _number(state: State) -> Hashable:
    return ("number", is_logarithmic(state))


def _known_variance_kernel(state: State, row: Any, at: int, covariance: str) -> Kernel:
    mean, variance, known = state.prior
    return kernels.KnownVariance(row, at, (mean, variance), known, is_logarithmic(state))


KNOWN_VARIANCE = Adapter(
    size=lambda state: 1,
    reading=_number,
    reader=_number_reader,
    kernel=_known_variance_kernel,
    raw=lambda state, theta: ([_finite("mean", theta)], [[state.prior.known_variance]]),
    parameter=lambda state, raw: float(raw[0][0]),
)


def _normal_kernel(state: State, row: Any, at: int, covariance: str) -> Kernel:
    mean, kappa, alpha, beta = state.prior
    # the Wishart prior of one dimension
    prior = ([mean], kappa, 2.0 * alpha, [[2.0 * beta]])
    return kernels.Gaussian(row, at, prior, SHAPES[covariance], is_logarithmic(state))


def _normal_raw(state: State, theta: Any) -> Any:
    mean, variance = theta
    return [_finite("mean", mean)], [[check_parameter("variance", variance)]]


NORMAL = Adapter(
    size=lambda state: 1,
    reading=_number,
    reader=_number_reader,
    kernel=_normal_kernel,
    raw=_normal_raw,
    parameter=lambda state, raw: NormalParameters(float(raw[0][0]), float(raw[1][0, 0])),
)


def _features(state: State) -> Any:
    return getattr(state.likelihood, "features", None)


def _dimension(state: State) -> int:
    return len(state.prior.mean)


def _multivariate_raw(state: State, theta: Any) -> Any:
    mean, covariance = (np.array(part, float) for part in theta)
    d = _dimension(state)
    if mean.shape != (d,) or covariance.shape != (d, d):
        raise PriorError(f"expected a mean of {d} numbers and a covariance of {d} times {d}")
    if not (np.all(np.isfinite(mean)) and np.all(np.isfinite(covariance))):
        raise PriorError("expected finite numbers")
    if not np.allclose(covariance, covariance.T) or np.linalg.eigvalsh(covariance)[0] <= 0.0:
        raise PriorError("expected a covariance that is symmetric and positive definite")
    return mean, covariance


MULTIVARIATE = Adapter(
    size=_dimension,
    reading=lambda state: ("vector", _dimension(state), _features(state)),
    reader=lambda state, row, at: rows.Vector(row, at, _dimension(state), _features(state)),
    kernel=lambda state, row, at, covariance: kernels.Gaussian(
        row, at, tuple(state.prior), SHAPES[covariance]
    ),
    raw=_multivariate_raw,
    parameter=lambda state, raw: MultivariateParameters(*raw),
)


def _counts(state: State) -> bool:
    return not state.likelihood.labelled


def _label_reader(state: Any, row: Any, at: int) -> rows.Reader:
    if _counts(state):
        return rows.Counts(row, at, state)
    return rows.Label(row, at, state._accumulator())


def _label_raw(state: Any, theta: Any) -> list[float]:
    """Return shares in the order of the categories."""
    categories = state.categories
    if not isinstance(theta, Mapping):
        theta = dict(zip(categories, theta, strict=True))
    if set(theta) != set(categories):
        raise PriorError(f"expected shares of {', '.join(map(repr, categories))}")
    shares = check_proportions({label: theta[label] for label in categories})
    return list(shares.values())


LABELS = Adapter(
    size=lambda state: len(state.prior.alpha) + 1 if _counts(state) else 1,
    reading=lambda state: ("labels", tuple(state._statistics.cells), state.likelihood),  # type: ignore[attr-defined]
    reader=_label_reader,
    kernel=lambda state, row, at, covariance: kernels.Labels(
        row, at, state.prior.alpha, _counts(state)
    ),
    raw=_label_raw,
    parameter=lambda state, raw: dict(zip(state._statistics.cells, raw.tolist(), strict=True)),  # type: ignore[attr-defined]
)


def _fields(state: Any) -> dict[Any, State]:
    return dict(state.fields)


def _fields_reading(state: State) -> Hashable:
    return tuple((name, adapter(field).reading(field)) for name, field in _fields(state).items())


def _fields_reader(state: State, row: Any, at: int) -> rows.Reader:
    parts = {}
    for name, field in _fields(state).items():
        parts[name] = adapter(field).reader(field, row, at)
        at += parts[name].size
    return rows.Fields(row, next(iter(parts.values())).at, parts)


def _fields_kernel(state: State, row: Any, at: int, covariance: str) -> Kernel:
    parts, place = [], at
    for field in _fields(state).values():
        parts.append(adapter(field).kernel(field, row, place, covariance))
        place += adapter(field).size(field)
    return kernels.Fields(row, at, parts)


FIELDS = Adapter(
    size=lambda state: sum(adapter(field).size(field) for field in _fields(state).values()),
    reading=_fields_reading,
    reader=_fields_reader,
    kernel=_fields_kernel,
    raw=lambda state, theta: [
        adapter(field).raw(field, theta[name]) for name, field in _fields(state).items()
    ],
    parameter=lambda state, raw: {
        name: adapter(field).parameter(field, part)
        for (name, field), part in zip(_fields(state).items(), raw, strict=True)
    },
)


def absorb(kernel: Kernel, state: State, n: float) -> None:
    """Let a state absorb what its kernel has seen, counting for `n` observations."""
    if isinstance(kernel, kernels.Fields):
        statistics: Any = state._statistics
        statistics.absorb(n * float(kernel.live[0]))
        fields = _fields(state)
        for part, (name, field) in zip(kernel.parts, fields.items(), strict=True):
            learned = field.clone()
            absorb(part, learned, n)
            statistics.parts[name].merge(learned._statistics)
    else:
        kernel.absorb_into(state._statistics, n)


def scaled_to(data: Sequence[Any], k: int) -> State:
    """Return a vague Normal prior of the data's own scale, for numbers, vectors or mappings.

    Its mean is that of the data, worth a hundredth of an observation; the covariance that it
    expects is diagonal, and such that `k` clusters fill the volume of the data.

    References
    ----------
    .. [1] Fraley, C. and Raftery, A. E. (2007). Bayesian regularization for normal mixture
       estimation and model-based clustering. Journal of Classification 24, 155-181.
    """
    names, table = _tabulate(data)
    mean = np.nanmean(table, axis=0)
    variance = np.nanvar(table, axis=0)
    size = np.where(mean == 0.0, 1.0, np.abs(mean))
    # a coordinate that has not varied has no scale but its size
    variance = np.where(variance > (1e-12 * size) ** 2, variance, (1e-3 * size) ** 2)
    d = len(mean)
    scale = variance / k ** (2.0 / d)
    if names is None and np.ndim(data[0]) == 0:
        return families.NormalInverseGamma(float(mean[0]), 0.01, 1.5, float(scale[0]) / 2.0)
    likelihood = likelihoods.MultivariateNormal(features=names)
    return families.NormalInverseWishart(
        mean.tolist(), 0.01, d + 2.0, np.diag(scale).tolist(), likelihood=likelihood
    )


def _tabulate(data: Sequence[Any]) -> tuple[tuple[Any, ...] | None, Any]:
    """Return the names of the features, if they have names, and a table (n, d) of the data."""
    if isinstance(data[0], dict):
        # in an order of their own, so that a mapping's order never matters
        names = tuple(sorted({name for x in data for name in x}, key=repr))
        table = np.array([[x.get(name, np.nan) for name in names] for x in data], float)
        return names, table
    return None, np.array(data, float).reshape(len(data), -1)
