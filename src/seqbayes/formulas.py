"""The formulas that a family of priors supplies, and how its states are displayed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Generic

from seqbayes.likelihoods import Likelihood
from seqbayes.model import Model
from seqbayes.statistics import Statistics
from seqbayes.typevars import E, H, I, X


def has_large_base(statistics: Statistics) -> bool:
    """Whether subtracting another logarithm from the log base measure would lose digits."""
    return 1e4 < abs(statistics.log_base) < 1e100


class Formulas(Model, Generic[H, E, I, X]):
    """The formulas of a family of priors.

    The formulas are pure functions of hyperparameters, which are numbers or arrays. The type
    variables are the types of the hyperparameters (H), of an estimate of the parameter (E), of its
    interval (I) and of the predicted observation (X).
    """

    likelihood: Likelihood
    seed: int | None

    # The formulas, which a family supplies.

    @property
    def prior(self) -> H:
        """The prior's hyperparameters, a NamedTuple."""
        raise NotImplementedError

    @property
    def posterior(self) -> H:
        """The posterior's hyperparameters, a NamedTuple like `prior`."""
        raise NotImplementedError

    @staticmethod
    def combine(prior: H, statistic: Any) -> H:
        """Return the hyperparameters after learning data with this sufficient statistic."""
        raise NotImplementedError

    @staticmethod
    def is_proper(hyperparameters: H) -> bool:
        """Whether the density with these hyperparameters integrates to one."""
        raise NotImplementedError

    @staticmethod
    def log_z(hyperparameters: H) -> Any:
        """Return the log of the prior's normalising constant."""
        raise NotImplementedError

    @staticmethod
    def log_marginal(hyperparameters: H, statistic: Any) -> Any:
        """Return the log marginal likelihood of a statistic, minus the log base measure.

        The result is ``log_z(combine(h, s)) - log_z(h)``, computed without cancellation. If the
        base measure is a function of the statistic (Normal data), it is included.
        """
        raise NotImplementedError

    @classmethod
    def log_probability(cls, hyperparameters: H, statistics: Statistics) -> float:
        """Return the log marginal likelihood of observed data.

        A family overrides this method if `log_marginal` and the log base measure nearly cancel.
        """
        return float(cls.log_marginal(hyperparameters, statistics.value) + statistics.log_base)

    @staticmethod
    def log_likelihood(theta: Any, statistic: Any) -> Any:
        """Return the log likelihood of `theta`, minus the log base measure."""
        raise NotImplementedError

    @staticmethod
    def estimate(statistic: Any) -> E | None:
        """Return the maximum likelihood estimate; None if it does not exist."""
        raise NotImplementedError

    @staticmethod
    def belief(hyperparameters: H) -> Any:
        """Return the distribution of the parameter."""
        raise NotImplementedError

    @classmethod
    def plotted(cls, hyperparameters: H) -> Any:
        """Return the distribution to plot; by default that of the parameter."""
        return cls.belief(hyperparameters)

    def observation_parameter(self, theta: Any) -> Any:
        """Return the parameter of the likelihood for a value of the state's parameter."""
        return theta

    @property
    def statistics(self) -> Statistics:
        """The sufficient statistics of the observed data."""
        raise NotImplementedError

    def observe(self, x: Any) -> Statistics:
        """Return the statistics of one observation, without learning it."""
        raise NotImplementedError

    # How other parts of the package display states. The defaults are for a single number.

    display_kind: ClassVar[str] = "number"
    """How the parameter is displayed.

    "number" (its density; hyperparameters are numbers, or arrays of them), "labels" (the share of
    each label), "normal" (a mean, with a variance), "vector" (see `coordinates`), "product" (see
    `parts`) or "hurdle" (the expected value of an amount that may be zero).
    """

    compares_expected: ClassVar[bool] = False
    """Whether states are compared by the expected value of an observation.

    Otherwise they are compared by the parameter, unless another quantity is given.
    """

    unit: ClassVar[str] = ""
    """Unit of the parameter: "share" for probabilities, empty otherwise."""

    def label_weights(self) -> tuple[dict[Any, float], float]:
        """Return the posterior weight of every label, and the total weight of all other labels."""
        return {}, 0.0

    def label_counts(self) -> dict[Any, float]:
        """Return the total weight of the observations of every label."""
        return {}

    def parts(self) -> Mapping[Any, Any]:
        """Return independent parts of the belief as states, keyed by name; may be empty."""
        return {}

    def coordinates(self) -> dict[Any, Any]:
        """Return the distribution of every named coordinate of a vector; None while improper."""
        return {}
