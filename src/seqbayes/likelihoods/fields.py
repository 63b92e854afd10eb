"""Observations with several named fields, which are independent given their parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqbayes import predictive
from seqbayes.distributions import Distribution
from seqbayes.errors import PriorError
from seqbayes.likelihoods.base import Likelihood
from seqbayes.predictive.product import rows


@dataclass(frozen=True, slots=True)
class Fields(Likelihood):
    """One value for each of several fields: the likelihood of `Product` states.

    Parameters
    ----------
    fields
        Name to the likelihood of that field.

    Raises
    ------
    PriorError
        If `fields` is not a mapping of names to likelihoods.

    Examples
    --------
    >>> import numpy as np
    >>> from seqbayes.likelihoods import Fields, Geometric, Poisson
    >>> visits = Fields({"clicks": Poisson(), "tries": Geometric()})
    >>> sorted(visits.sample({"clicks": 2.5, "tries": 0.5}, np.random.default_rng(1)))
    ['clicks', 'tries']
    """

    fields: Mapping[Any, Likelihood]

    columnar = False

    @property
    def observation_fields(self) -> Mapping[Any, str]:
        """The kinds of the fields by name."""
        return {name: likelihood.observation_kind for name, likelihood in self.fields.items()}

    def __post_init__(self) -> None:
        given: Any = self.fields
        if not isinstance(given, Mapping) or not given:
            raise PriorError(f"expected likelihoods by field, got {given!r}")
        for name, likelihood in given.items():
            if not isinstance(likelihood, Likelihood):
                raise PriorError(f"expected a likelihood of field {name!r}, got {likelihood!r}")
        self._set("fields", dict(given))

    def __hash__(self) -> int:
        return hash(frozenset(self.fields.items()))

    def predictive(self, posterior: Mapping[Any, Distribution]) -> Distribution:
        """Return the joint predictive distribution of the next values of all fields."""
        return predictive.Product(posterior)

    def sample(self, theta: Any, rng: np.random.Generator, size: Any = None) -> Any:
        """Draw mappings from field to value; `theta` maps fields to parameters."""
        columns = {
            name: likelihood.sample(theta[name], rng, size)
            for name, likelihood in self.fields.items()
        }
        return columns if size is None else rows(columns)
