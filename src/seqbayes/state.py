"""The algebra, written once: a state is a prior and statistics, under a likelihood.

``posterior = prior + statistics``. Learning adds one observation's statistic, merging adds two
statistics, forgetting scales them, unlearning subtracts. A family supplies the formulas.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from functools import partial
from operator import attrgetter
from typing import Any, ClassVar, Self

import numpy as np
from river import base

from seqbayes import registry, serialization
from seqbayes.distributions import Distribution
from seqbayes.distributions.base import exponential
from seqbayes.errors import MergeError, ObservationError, PriorError
from seqbayes.explanation import Explanation, brief, check_value, default_value
from seqbayes.likelihoods import Likelihood, check_parameter
from seqbayes.model import Model, Summary
from seqbayes.statistics import Learner, Statistics


def has_large_base(seen: Statistics) -> bool:
    """Whether the log base measure is so large that subtracting another logarithm loses digits."""
    return 1e4 < abs(seen.log_base) < 1e100


class State(base.Base, Learner, Model):
    """A belief about the parameter of a likelihood, kept exact by conjugacy.

    A family of priors (`Beta`, `Gamma`, …) is a subclass. It declares its likelihoods and the names
    of its hyperparameters, and supplies the formulas, which are pure functions of hyperparameters:
    numbers or arrays of them.
    """

    likelihoods: ClassVar[tuple[type[Likelihood], ...]] = ()
    """The likelihoods that this family is the conjugate prior of; the first is the default."""

    parameters: ClassVar[tuple[str, ...]] = ()
    """Names of the constructor's hyperparameters."""

    _given: ClassVar[attrgetter[Any]]

    likelihood: Likelihood
    seed: int | None

    def __init__(self, *, likelihood: Likelihood | None = None, seed: int | None = None) -> None:
        self._begin(likelihood, seed)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.parameters:
            cls._given = attrgetter(*cls.parameters)

    def _begin(self, likelihood: Likelihood | None, seed: int | None) -> None:
        """Finish construction: check and store the likelihood and the seed; start without data."""
        if likelihood is None:
            likelihood = _default(type(self).likelihoods[0])
        if not isinstance(likelihood, self.likelihoods):
            raise PriorError(self._misfit(likelihood))
        self.likelihood = likelihood
        self.seed = check_seed(seed)
        self._statistics = self._accumulator()

    def _misfit(self, likelihood: Any) -> str:
        """Return why an object is not a likelihood of this family, and the remedy."""
        family = type(self).__name__
        name = likelihood.__name__ if isinstance(likelihood, type) else likelihood
        for kind in self.likelihoods:
            if isinstance(name, str) and name.lower() == kind.__name__.lower():
                return (
                    f"expected a likelihood, got {likelihood!r}: write {kind.__name__}(), from"
                    " seqbayes.likelihoods"
                )
        names = ", ".join(kind.__name__ for kind in self.likelihoods)
        return f"a {family} prior goes with {names}, not {likelihood!r}"

    def _accumulator(self) -> Statistics:
        return self.likelihood.statistics()

    def _summarise(self, xs: Iterable[Any], w: Any) -> Statistics:
        return self.likelihood.summarise(xs, w)

    # The formulas that a family supplies.

    @property
    def prior(self) -> Any:
        """The prior's hyperparameters, a NamedTuple."""
        raise NotImplementedError

    def _set_prior(self, prior: Any) -> None:
        for name, value in zip(self.parameters, prior, strict=True):
            setattr(self, name, value)

    @staticmethod
    def combine(prior: Any, statistic: Any) -> Any:
        """Return the hyperparameters after data with this sufficient statistic."""
        raise NotImplementedError

    @staticmethod
    def is_proper(hyperparameters: Any) -> bool:
        """Whether the density with these hyperparameters integrates to one."""
        raise NotImplementedError

    @staticmethod
    def log_z(hyperparameters: Any) -> Any:
        """Return the log of the prior's normalising constant."""
        raise NotImplementedError

    @staticmethod
    def log_marginal(hyperparameters: Any, statistic: Any) -> Any:
        """Return the log marginal likelihood of a statistic, less the log base measure.

        This is ``log_z(combine(h, s)) - log_z(h)``, computed without cancellation. If the base
        measure is a function of the statistic (Normal data), it is included.
        """
        raise NotImplementedError

    @classmethod
    def log_probability(cls, hyperparameters: Any, seen: Statistics) -> float:
        """Return the log marginal likelihood of observed data.

        A family overrides it if `log_marginal` and the log base measure nearly cancel.
        """
        return float(cls.log_marginal(hyperparameters, seen.value) + seen.log_base)

    @staticmethod
    def log_likelihood(theta: Any, statistic: Any) -> Any:
        """Return the log likelihood of `theta`, less the log base measure."""
        raise NotImplementedError

    @staticmethod
    def estimate(statistic: Any) -> Any:
        """Return the maximum likelihood estimate; None if it does not exist."""
        raise NotImplementedError

    @staticmethod
    def belief(hyperparameters: Any) -> Any:
        """Return the distribution of the parameter."""
        raise NotImplementedError

    def observation_parameter(self, theta: Any) -> Any:
        """Return the parameter of the likelihood, for a value of the unknown parameter."""
        return theta

    # How other parts of the package handle states of a family. The defaults suit one number.

    conjugate: ClassVar[bool] = True

    display_kind: ClassVar[str] = "number"
    """How the parameter is shown.

    "number" (its density; hyperparameters are numbers, or arrays of them), "labels" (the share of
    each label), "normal" (a mean, with a variance), "vector" (see `coordinates`) or "product" (see
    `parts`).
    """

    unit: ClassVar[str] = ""
    """Unit of the parameter: "share" for probabilities, else empty."""

    component_adapter: ClassVar[Any] = "seqbayes.mixture.adapters:GENERIC"
    """What makes states the components of a mixture: a `ComponentAdapter`, or its "module:name".

    The default works if the statistic consists of numbers, and can be scaled and merged. None if
    states cannot be components.
    """

    component_adapter_reason: ClassVar[str] = ""
    """Why states cannot be the components of a mixture, if there is no adapter."""

    def as_component(self) -> Self:
        """Return the prior that a mixture uses if this state is a component; by default itself."""
        return self

    @classmethod
    def plotted(cls, hyperparameters: Any) -> Any:
        """Return the distribution whose density is shown; by default that of the parameter."""
        return cls.belief(hyperparameters)

    def label_weights(self) -> tuple[dict[Any, float], float]:
        """Return the posterior weight of every label, and that of all others together."""
        return {}, 0.0

    def label_counts(self) -> dict[Any, float]:
        """Return the total weight of the observations of every label."""
        return {}

    def parts(self) -> dict[Any, State]:
        """Return independent parts of the belief by name, as states."""
        return {}

    def coordinates(self) -> dict[Any, Any]:
        """Return the distribution of every named number of a vector, None while improper."""
        return {}

    @property
    def statistics(self) -> Statistics:
        """The sufficient statistics of the observed data."""
        return self._statistics

    def new_statistics(self) -> Statistics:
        """Return the statistics of no data."""
        return self._accumulator()

    @property
    def unsupported(self) -> Mapping[str, str]:
        """Reasons by operation ("unlearn", "scale", "merge"), for those not supported."""
        reasons: Mapping[str, str] = self._statistics.unsupported
        return reasons

    def observe(self, x: Any) -> Statistics:
        """Return the statistics of one observation, without learning it.

        Raises
        ------
        ObservationError
            If `x` is outside the support.
        """
        one = self._accumulator()
        one.observe(x)
        return one

    # Learning. `learn_one`, `unlearn_one`, `update` and `revert` are compiled, in `Learner`.

    def learn_many(self, xs: Iterable[Any], w: Any = None) -> None:
        """Absorb many observations at once; none of them if one is refused.

        Parameters
        ----------
        xs
            Observations, an array or any iterable of length n.
        w
            None, one weight for all, or n weights.

        Raises
        ------
        ObservationError
            If an observation or a weight is refused; it names the first one.
        """
        self._statistics.merge(self._summarise(xs, w))

    def merge(self, other: Self) -> None:
        """Add the data of another state; the common prior counts once.

        Raises
        ------
        MergeError
            If the other state has another prior or likelihood.
        """
        self._check_mergeable(other)
        self._statistics.check_supports("merge")
        self._statistics.merge(other._statistics)

    def _check_mergeable(self, other: Any) -> None:
        if type(other) is not type(self):
            raise MergeError(f"cannot merge a {type(other).__name__} into a {type(self).__name__}")
        if other.likelihood != self.likelihood:
            raise MergeError(f"likelihoods differ: {self.likelihood!r} and {other.likelihood!r}")
        for name in self.parameters:
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine != theirs:
                raise MergeError(f"priors differ: {name} is {mine!r} and {theirs!r}")

    def __add__(self, other: Self) -> Self:
        if not isinstance(other, State):
            return NotImplemented
        total = copy.copy(self)
        total.merge(other)
        return total

    def __radd__(self, other: Any) -> Self:
        """Return a copy where `other` is 0: `sum` starts with it."""
        return copy.copy(self) if type(other) is int and other == 0 else NotImplemented

    def forget(self, factor: float) -> None:
        """Scale the weight of the data by `factor`, which moves the posterior toward the prior.

        Raises
        ------
        ObservationError
            If the factor is not between 0 and 1.
        """
        try:
            share = check_parameter("factor", factor, open_low=False, high=1.0)
        except PriorError:
            raise ObservationError(f"expected a factor from 0 to 1, got {factor!r}") from None
        self._statistics.check_supports("scale")
        self._statistics.scale(share)

    def rollover(self) -> None:
        """Make the posterior the new prior, and empty the statistics."""
        self._set_prior(self.posterior)
        self._statistics = self._accumulator()

    # The posterior of the parameter.

    @property
    def n_samples(self) -> float:
        """Total weight of the data."""
        return float(self._statistics.n)

    @property
    def posterior(self) -> Any:
        """The posterior's hyperparameters, a NamedTuple like `prior`."""
        # the prior's numbers as a plain tuple: a third of the time of a named one
        return self.combine(self._given(self), self._statistics.value)

    def _proper_posterior(self) -> Any:
        posterior = self.posterior
        if not self.is_proper(posterior):
            raise PriorError(f"{posterior} is improper: more data are needed")
        return posterior

    def _proper_belief(self) -> Any:
        return self.belief(self._proper_posterior())

    @property
    def mle(self) -> Any:
        """The maximum likelihood estimate, from the data alone; None if it does not exist."""
        return self.estimate(self._statistics.value)

    @property
    def map(self) -> Any:
        """The posterior mode; None if it does not exist."""
        return self.belief(self.posterior).mode

    @property
    def mode(self) -> Any:
        """The posterior mode (`map`), under the name that River's `proba` uses."""
        return self.map

    @property
    def mean(self) -> Any:
        """The posterior mean; None if it does not exist."""
        posterior = self.posterior
        return self.belief(posterior).mean if self.is_proper(posterior) else None

    @property
    def var(self) -> Any:
        """The posterior variance; None if it does not exist."""
        posterior = self.posterior
        return self.belief(posterior).var if self.is_proper(posterior) else None

    def interval(self, level: float = 0.95, kind: str = "equal-tailed") -> Any:
        """Return the credible interval (low, high) of the parameter, each component its own.

        Parameters
        ----------
        level
            Posterior probability inside, between 0 and 1.
        kind
            "equal-tailed", or "hdi" for the shortest interval.

        Returns
        -------
        tuple of float, or one per component; None while the posterior is improper

        Raises
        ------
        PriorError
            If the level or the kind is invalid.
        """
        check_level(level, kind)
        posterior = self.posterior
        return self.belief(posterior).interval(level, kind) if self.is_proper(posterior) else None

    def pdf(self, theta: Any) -> Any:
        """Posterior density at `theta`."""
        return self._proper_belief().pdf(theta)

    def logpdf(self, theta: Any) -> Any:
        """Log of the posterior density at `theta`."""
        return self._proper_belief().logpdf(theta)

    def cdf(self, theta: Any) -> Any:
        """Posterior probability that the parameter is at most `theta`, each component its own."""
        return self._proper_belief().cdf(theta)

    def sf(self, theta: Any) -> Any:
        """Posterior probability that the parameter is above `theta`, each component its own."""
        return self._proper_belief().sf(theta)

    def ppf(self, q: Any) -> Any:
        """Posterior quantile, each component its own."""
        return self._proper_belief().ppf(q)

    def sample(self, size: Any = None) -> Any:
        """Draw from the posterior; reproducible if `seed` is given."""
        return self._proper_belief().sample(size, self._rng)

    @property
    def _rng(self) -> np.random.Generator:
        # made when first used, so that a pickle holds no generator
        rng: np.random.Generator | None = self.__dict__.get("_generator")
        if rng is None:
            rng = self.__dict__["_generator"] = np.random.default_rng(self.seed)
        return rng

    # Predictions of observations.

    @property
    def predictive(self) -> Distribution:
        """The distribution of the next observation."""
        return self.likelihood.predictive(self._proper_posterior())

    def predict_one(self, x: Any = None) -> Any:
        """Predict the next observation: the most probable label, or the mean of a number.

        Before any data this is the prediction of the prior. None if the mean does not exist, such
        as while the posterior is improper. `x` is part of River's interface and ignored.
        """
        if not self.is_proper(self.posterior):
            return None
        if self.likelihood.labelled:
            probabilities = self.predict_proba_one()
            return max(probabilities, key=probabilities.__getitem__, default=None)
        return self.predictive.mean

    def predict_proba_one(self, x: Any = None) -> dict[Any, float]:
        """Return the predictive probability of every label.

        Raises
        ------
        NotImplementedError
            If observations have no finite set of values.
        """
        return self.likelihood.labels(self._proper_posterior())

    def log_predictive(self, x: Any) -> float:
        """Return log p(x | data), the log predictive density.

        Raises
        ------
        ObservationError
            If `x` is outside the support.
        """
        one = self.observe(x)
        return self.log_probability(self._proper_posterior(), one)

    @property
    def log_evidence(self) -> float | None:
        """Log marginal likelihood of the data; None under an improper prior."""
        prior = self.prior
        if not self.is_proper(prior):
            return None
        seen = self._statistics
        return self.log_probability(prior, seen)

    def explain(self, x: Any, at: Any = None) -> Explanation:
        """Return one step of Bayes' rule in numbers, without learning.

        Parameters
        ----------
        x
            The observation.
        at
            The parameter value at which the densities are taken; by default the mean after `x`, or
            the mode if that mean is not finite.

        Raises
        ------
        ObservationError
            If `x` is outside the support.
        PriorError
            If `at` is outside the range of the parameter, or the posterior is improper.

        Examples
        --------
        >>> from seqbayes import Beta
        >>> step = Beta(2, 2).explain(True)
        >>> print(step)
        prior 1.44 × likelihood 0.6 ÷ evidence 0.5 = posterior 1.728
        """
        one = self.observe(x)
        before = self._proper_posterior()
        after = self.combine(before, one.value)
        if at is None:
            at = default_value(self.belief(after))
        else:
            check_value(self.belief(before), at)
        return Explanation(
            x,
            at,
            prior=self.belief(before).pdf(at),
            likelihood=exponential(
                self.log_likelihood(self.observation_parameter(at), one.value) + one.log_base
            ),
            evidence=exponential(self.log_probability(before, one)),
            posterior=self.belief(after).pdf(at),
            before=before,
            after=after,
        )

    # River's duck types, and Python's.

    @property
    def name(self) -> str:
        """The name of the state as an aggregate, for River's feature extraction."""
        return type(self).__name__.lower()

    def get(self) -> Any:
        """Return the value of the state as a River statistic: the expected next observation.

        None if it does not exist. For labels, the mean of the shares.
        """
        posterior = self.posterior
        return self.likelihood.predictive(posterior).mean if self.is_proper(posterior) else None

    def __call__(self, theta: Any) -> Any:
        """Posterior density at `theta`."""
        return self.pdf(theta)

    def __gt__(self, other: Self) -> bool:
        """Whether the posterior mean is higher; River ranks bandit arms by this."""
        if not isinstance(other, State):
            return NotImplemented
        mine, theirs = self.mean, other.mean
        return mine is not None and (theirs is None or bool(mine > theirs))

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        try:
            self._check_mergeable(other)
        except MergeError:
            return False
        return bool(self._statistics == other._statistics)

    __hash__ = None  # type: ignore[assignment]  # a state changes as it learns

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        n, likelihood = self.n_samples, type(self.likelihood).__name__
        text = f"{self.in_words()} + {n:g} seen ({likelihood}) = {brief(self.posterior)}"
        share = self.prior_share
        return f"{text}, mostly prior" if n > 0.0 and share is not None and share > 0.5 else text

    # Durable forms.

    def to_dict(self) -> dict[str, Any]:
        """Return the state as a small versioned dictionary of JSON values."""
        likelihood = self.likelihood
        return {
            "seqbayes": serialization.VERSION,
            "family": type(self).__name__,
            "prior": {name: serialization.encode(getattr(self, name)) for name in self.parameters},
            "likelihood": [
                type(likelihood).__name__,
                serialization.encode(likelihood.parameters()),
            ],
            "statistics": serialization.encode(self._statistics.dump()),
            "seed": self.seed,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the state that `to_dict` described.

        Raises
        ------
        PriorError
            If the dictionary does not describe a state of this family, or has a newer version.
        """
        document = serialization.Document(data)
        family = document.choose(
            "family", partial(cls._named_families, False), partial(cls._named_families, True)
        )
        state: Self = family._from_document(document)
        return state

    @classmethod
    def _named_families(cls, plugins: bool) -> dict[str, Any]:
        """Return this class, and the registered ones that derive from it, by name."""
        own = {cls.__name__: cls} if cls.likelihoods else {}
        known = registry.families(plugins)
        return {name: kind for name, kind in known.items() if issubclass(kind, cls)} | own

    @classmethod
    def _from_document(cls, document: serialization.Document) -> Self:
        named: dict[str, Any] = {
            **document.prior(cls.parameters),
            "likelihood": document.likelihood(partial(registry.find_likelihood, family=cls)),
            "seed": document.seed(),
        }
        state = cls(**named)
        document.load(state._statistics)
        return state

    def __reduce__(self) -> tuple[Any, ...]:
        prior = tuple(getattr(self, name) for name in self.parameters)
        default = self.likelihood == _default(self.likelihoods[0])
        likelihood = None if default else self.likelihood
        return _restore, (type(self), prior, likelihood, self.seed, self._statistics.dump())

    def summary(self) -> Summary:
        """Return the mean of the parameter and its interval."""
        return Summary(self.mean, self.interval())

    def in_words(self) -> str:
        """Return the prior as text."""
        return brief(self.prior)

    def surprise(self, *arguments: Any) -> float:
        """Return minus the log predictive probability of an observation."""
        return -float(self.log_predictive(arguments[0]))

    def __copy__(self) -> Self:
        function, arguments = self.__reduce__()
        copied: Self = function(*arguments)
        return copied

    def clone(
        self, new_params: dict[str, Any] | None = None, include_attributes: bool = False
    ) -> Self:
        """Return a new state with the same prior, without data unless attributes are included.

        Parameters
        ----------
        new_params
            Constructor parameters to change.
        include_attributes
            Whether to copy the data as well.
        """
        cloned = super().clone(new_params)
        if include_attributes:
            cloned._statistics.load(self._statistics.dump())
        return cloned


def _default(kind: type[Likelihood]) -> Likelihood:
    likelihood = _DEFAULTS.get(kind)
    if likelihood is None:
        likelihood = _DEFAULTS[kind] = kind()
    return likelihood


_DEFAULTS: dict[type[Likelihood], Likelihood] = {}


def _restore(
    family: type[State],
    prior: tuple[Any, ...],
    likelihood: Likelihood | None,
    seed: Any,
    seen: Any,
) -> State:
    named: dict[str, Any] = dict(zip(family.parameters, prior, strict=True))
    state = family(**named, likelihood=likelihood, seed=seed)
    state._statistics.load(seen)
    return state


def check_seed(seed: Any) -> int | None:
    """Return a seed after checking it.

    Raises
    ------
    PriorError
        If the seed is neither a whole number >= 0 nor None.
    """
    if seed is None or (type(seed) is int and seed >= 0):
        return seed
    if isinstance(seed, np.integer) and seed >= 0:
        return int(seed)
    raise PriorError(f"expected a seed that is a whole number >= 0 or none, got {seed!r}")


def all_positive(*values: Any) -> bool:
    """Whether all numbers, or arrays of numbers, are above zero."""
    for v in values:  # noqa: SIM110 - half the time of all()
        if not (v > 0.0 if type(v) is float else np.all(v > 0.0)):
            return False
    return True


def check_level(level: float, kind: str) -> None:
    """Refuse a level that is not between 0 and 1, or an unknown kind of interval."""
    try:
        inside = 0.0 < level < 1.0
    except (TypeError, ValueError):  # no number, or several
        inside = False
    if not inside:
        raise PriorError(f"expected a level between 0 and 1, got {level!r}")
    if kind not in ("equal-tailed", "hdi"):
        raise PriorError(f"expected kind 'equal-tailed' or 'hdi', got {kind!r}")
