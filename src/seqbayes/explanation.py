"""The numbers in one application of Bayes' rule, and short descriptions of hyperparameters."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Generic, NamedTuple

import numpy as np

from seqbayes.distributions import Distribution
from seqbayes.errors import PriorError
from seqbayes.likelihoods import check_parameter
from seqbayes.numerics.elementary import exponential
from seqbayes.typevars import E, H


class Explanation(NamedTuple, Generic[H, E]):
    """One application of Bayes' rule: ``posterior = prior * likelihood / evidence``.

    `prior` and `posterior` are densities of the parameter at the value `at`, `likelihood` is the
    density of `x` given that value, and `evidence` is the predictive density of `x`; `before` and
    `after` are the hyperparameters. If `log` is true, the four numbers are logarithms.
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
        """Return the terms as densities, if they are logarithms."""
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
    """Return the default parameter value at which Bayes' rule is evaluated.

    At the mean after the observation, prior and posterior densities differ; at the mean before it,
    they may be equal.
    """
    mean = after.mean
    return mean if _is_finite(mean) else after.mode


def check_value(belief: Any, at: Any) -> None:
    """Raise an error if a parameter value is outside the range of the parameter.

    Raises
    ------
    PriorError
        If the value is not a number in the closed support.
    """
    if isinstance(belief, Distribution):
        low, high = belief.support
        if not low <= check_parameter("at", at, -math.inf) <= high:
            raise PriorError(
                f"expected 'at' to be a parameter value from {low:g} to {high:g}, got {at!r}"
            )
    elif not belief.logpdf(at) > -math.inf:
        raise PriorError(f"expected 'at' to be in the range of the parameters, got {at!r}")


def _is_finite(estimate: Any) -> bool:
    """Whether an estimate, and each of its components, exists and is finite."""
    if isinstance(estimate, Mapping):
        estimate = tuple(estimate.values())
    values = estimate if isinstance(estimate, tuple) else (estimate,)
    return all(value is not None and bool(np.isfinite(value).all()) for value in values)


def format_hyperparameters(hyperparameters: Any) -> str:
    """Return hyperparameters as a short string."""
    name = type(hyperparameters).__name__.removesuffix("Hyperparameters")
    values = []
    for value in hyperparameters:
        if isinstance(value, Mapping):
            if any(isinstance(item, tuple) for item in value.values()):
                shown = ", ".join(
                    f"{key}: {format_hyperparameters(item)}"
                    for key, item in list(value.items())[:8]
                )
                values.append(f"{shown}{', …' if len(value) > 8 else ''}")
                continue
            value = list(value.values())
        if isinstance(value, np.ndarray) and value.ndim == 2:
            value = value[
                np.tril_indices(len(value))
            ]  # a symmetric matrix: the lower triangle by rows
        if isinstance(value, (list, np.ndarray)):
            shown = ", ".join(f"{item:.6g}" for item in value[:8])
            values.append(f"[{shown}{', …' if len(value) > 8 else ''}]")
        elif not isinstance(value, tuple):  # the names of the categories
            values.append(f"{value:.6g}")
    return f"{name}({', '.join(values)})"
