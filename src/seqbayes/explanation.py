"""One step of Bayes' rule in numbers, and short texts of hyperparameters."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Generic, NamedTuple

import numpy as np

from seqbayes.distributions import Distribution
from seqbayes.distributions.base import exponential
from seqbayes.errors import PriorError
from seqbayes.likelihoods import check_parameter
from seqbayes.typevars import E, H


class Explanation(NamedTuple, Generic[H, E]):
    """One step of Bayes' rule in numbers: ``posterior = prior * likelihood / evidence``.

    `prior` and `posterior` are densities of the parameter at the value `at`, `likelihood` is the
    density of `x` given that value, `evidence` the predictive density of `x`; `before` and `after`
    are the hyperparameters. With `log` the four numbers are logarithms.
    """

    x: Any
    at: E
    prior: float
    likelihood: float
    evidence: float
    posterior: float
    before: H
    after: H
    log: bool = False

    def exponentiated(self) -> Explanation[H, E]:
        """Return the step in densities, given one in logarithms."""
        return self._replace(
            prior=exponential(self.prior),
            likelihood=exponential(self.likelihood),
            evidence=exponential(self.evidence),
            posterior=exponential(self.posterior),
            log=False,
        )

    def __str__(self) -> str:
        if self.log:
            return (
                f"log prior {self.prior:.6g} + log likelihood {self.likelihood:.6g}"
                f" - log evidence {self.evidence:.6g} = log posterior {self.posterior:.6g}"
            )
        return (
            f"prior {self.prior:.4g} × likelihood {self.likelihood:.4g}"
            f" ÷ evidence {self.evidence:.4g} = posterior {self.posterior:.4g}"
        )


def default_value(after: Any) -> Any:
    """Return the parameter value at which a step is explained, unless another is given.

    At the mean after the observation, prior and posterior densities differ; at the mean before it,
    they may be equal.
    """
    mean = after.mean
    return mean if _is_finite(mean) else after.mode


def check_value(belief: Any, at: Any) -> None:
    """Refuse a parameter value outside the range of the parameter.

    Raises
    ------
    PriorError
        If the value is not in the closed support, or not a number.
    """
    if isinstance(belief, Distribution):
        low, high = belief.support
        if not low <= check_parameter("at", at, -math.inf) <= high:
            raise PriorError(
                f"expected a parameter value from {low:g} to {high:g} as at, got {at!r}"
            )
    elif not belief.logpdf(at) > -math.inf:
        raise PriorError(f"expected a value in the range of the parameters as at, got {at!r}")


def _is_finite(estimate: Any) -> bool:
    """Whether an estimate, or each component of one, exists and is finite."""
    if isinstance(estimate, Mapping):
        estimate = tuple(estimate.values())
    values = estimate if isinstance(estimate, tuple) else (estimate,)
    return all(value is not None and bool(np.isfinite(value).all()) for value in values)


def brief(hyperparameters: Any) -> str:
    """Return hyperparameters as a short text."""
    name = type(hyperparameters).__name__.removesuffix("Hyperparameters")
    values = []
    for value in hyperparameters:
        if isinstance(value, Mapping):
            if any(isinstance(item, tuple) for item in value.values()):
                shown = ", ".join(f"{key}: {brief(item)}" for key, item in list(value.items())[:8])
                values.append(f"{shown}{', …' if len(value) > 8 else ''}")
                continue
            value = list(value.values())
        if isinstance(value, np.ndarray) and value.ndim == 2:
            value = value[np.tril_indices(len(value))]  # symmetric: by rows, up to the diagonal
        if isinstance(value, (list, np.ndarray)):
            shown = ", ".join(f"{item:.6g}" for item in value[:8])
            values.append(f"[{shown}{', …' if len(value) > 8 else ''}]")
        elif not isinstance(value, tuple):  # the names of the categories
            values.append(f"{value:.6g}")
    return f"{name}({', '.join(values)})"
