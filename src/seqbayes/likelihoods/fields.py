"""Observations with several named fields, which are independent given their parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqbayes import predictive
from seqbayes.distributions import Beta, Distribution
from seqbayes.distributions.levels import RandomLevel
from seqbayes.errors import PriorError
from seqbayes.likelihoods.base import Likelihood
from seqbayes.predictive.product import rows


@dataclass(frozen=True, slots=True)
class Fields(Likelihood):
    """One value for each of several fields: the likelihood of `Product` states.

    Parameters
    ----------
    fields
        Mapping from the name of a field to its likelihood.

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
        """The kinds of the fields, keyed by name."""
        return {name: likelihood.observation_kind for name, likelihood in self.fields.items()}

    def __post_init__(self) -> None:
        given: Any = self.fields
        if not isinstance(given, Mapping) or not given:
            raise PriorError(f"expected likelihoods keyed by field, got {given!r}")
        for name, likelihood in given.items():
            if not isinstance(likelihood, Likelihood):
                raise PriorError(f"expected a likelihood for field {name!r}, got {likelihood!r}")
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


@dataclass(frozen=True, slots=True)
class Hurdle(Fields):
    """Zero, or an amount: the likelihood of `Hurdle` states.

    Parameters
    ----------
    fields
        The likelihoods of "share" (whether there is an amount) and of "amount".

    Examples
    --------
    >>> import numpy as np
    >>> from seqbayes.likelihoods import Bernoulli, Exponential, Hurdle
    >>> orders = Hurdle({"share": Bernoulli(), "amount": Exponential()})
    >>> drawn = orders.sample({"share": 0.25, "amount": 0.1}, np.random.default_rng(1), 400)
    >>> bool(80 < np.count_nonzero(drawn) < 120)
    True
    """

    columnar = True

    without_test = (
        "it compares expected values, so amounts must be positive, and their mean must be finite"
        " for all parameters, unlike that of Pareto amounts; compare a quantile at a time that was"
        " fixed in advance, or test the share of observations other than 0 as a separate belief"
    )

    @property
    def observation_fields(self) -> Mapping[Any, str]:
        """Empty: an observation is one number."""
        return {}

    def __hash__(self) -> int:
        return hash(frozenset(self.fields.items()))

    def predictive(self, posterior: Mapping[Any, Distribution]) -> Distribution:
        """Return the distribution of the next number, from those of the share and the amount."""
        return predictive.Hurdle(posterior["share"], posterior["amount"])

    def quantile(self, posterior: Any, p: float) -> Distribution | None:
        """Return the distribution of the p-quantile of numbers, which may be 0.

        The result is None if amounts may be negative.
        """
        share = Beta(*posterior.fields["share"])
        amount = self.fields["amount"].quantile_at(
            posterior.fields["amount"], RandomLevel(share, p)
        )
        if amount is None:
            return None
        paid = predictive.Bernoulli(share.sf(1.0 - p), share.cdf(1.0 - p))
        return predictive.Hurdle(paid, amount)

    def sample(self, theta: Any, rng: np.random.Generator, size: Any = None) -> Any:
        """Draw numbers; `theta` maps "share" and "amount" to parameters."""
        columns = {
            name: likelihood.sample(theta[name], rng, size)
            for name, likelihood in self.fields.items()
        }
        return np.where(columns["share"], columns["amount"], 0.0)[()]
