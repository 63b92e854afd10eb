"""One step of Bayes' rule in numbers, and short texts of hyperparameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np


class Explanation(NamedTuple):
    """One step of Bayes' rule in numbers: ``posterior = prior * likelihood / evidence``.

    `prior` and `posterior` are densities of the parameter at the value `at`, `likelihood` is the
    density of `x` given that value, `evidence` the predictive density of `x`; `before` and `after`
    are the hyperparameters.
    """

    x: Any
    at: Any
    prior: float
    likelihood: float
    evidence: float
    posterior: float
    before: Any
    after: Any

    def __str__(self) -> str:
        return (
            f"prior {self.prior:.4g} × likelihood {self.likelihood:.4g}"
            f" ÷ evidence {self.evidence:.4g} = posterior {self.posterior:.4g}"
        )


def default_value(belief: Any) -> Any:
    """Return the parameter value at which a step is explained, unless another is given."""
    return belief.mean if _is_finite(belief.mean) else belief.mode


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
