"""The algebra of states, which consist of a prior and statistics under a likelihood.

``posterior = prior + statistics``. Learning adds the statistic of one observation, unlearning
subtracts it, merging adds two statistics, and forgetting scales the statistic. A family supplies
the formulas.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from functools import partial
from operator import attrgetter
from typing import Any, ClassVar, Self

from river import base

from seqbayes import registry, serialization
from seqbayes.checks import check_seed
from seqbayes.errors import MergeError, ObservationError, PriorError
from seqbayes.explanation import format_hyperparameters
from seqbayes.inference import Inference
from seqbayes.likelihoods import Likelihood, check_parameter
from seqbayes.likelihoods.base import check_supported
from seqbayes.statistics import Learner, Statistics
from seqbayes.typevars import E, H, I, X


class State(base.Base, Learner, Inference[H, E, I, X]):
    """A belief about the parameter of a likelihood; it is exact because the prior is conjugate.

    A family of priors (`Beta`, `Gamma`, …) is a subclass. It declares its likelihoods and the names
    of its hyperparameters, and supplies the formulas of `Inference`. Its constructor stores the
    hyperparameters as attributes with their names, then calls `State.__init__`.

    Parameters
    ----------
    likelihood
        A likelihood of the family; the first of `likelihoods` by default.
    seed
        Seed for `sample`.

    Raises
    ------
    PriorError
        If the likelihood does not belong to the family, or the seed is invalid.
    """

    likelihoods: ClassVar[tuple[type[Likelihood], ...]] = ()
    """The likelihoods for which this family is a conjugate prior; the first is the default."""

    parameters: ClassVar[tuple[str, ...]] = ()
    """Names of the hyperparameters, as in the constructor."""

    former_priors: ClassVar[tuple[Mapping[str, Any], ...]] = ()
    """Default hyperparameters of earlier versions, as in `to_dict`.

    A belief in a store that was created with one of these defaults keeps it.
    """

    component_adapter: ClassVar[Any] = "seqbayes.mixture.components.state_adapters:GENERIC"
    """How a mixture uses states as components: a `ComponentAdapter`, or its "module:name".

    The default works if the statistic consists of numbers, and can be scaled and merged. None if
    states cannot be components.
    """

    component_adapter_reason: ClassVar[str] = ""
    """Why states cannot be components of a mixture, if no adapter exists for them."""

    population: ClassVar[Any] = None
    """How a prior of the family describes the parameters of many keys, for partial pooling.

    A `seqbayes.table.pooling.Population`, or its "module:name". None if keys cannot be pooled.
    """

    conjugate: ClassVar[bool] = True

    _given: ClassVar[attrgetter[Any]]

    def __init__(self, *, likelihood: Likelihood | None = None, seed: int | None = None) -> None:
        if likelihood is None:
            likelihood = _default(type(self).likelihoods[0])
        check_supported(likelihood, type(self).__name__, self.likelihoods)
        self.likelihood = likelihood
        self.seed = check_seed(seed)
        self._statistics = self.new_statistics()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.parameters:
            cls._given = attrgetter(*cls.parameters)

    def _set_prior(self, prior: Any) -> None:
        for name, value in zip(self.parameters, prior, strict=True):
            setattr(self, name, value)

    def as_component(self) -> Self:
        """Return the prior that a mixture uses for this component; by default, the state itself."""
        return self

    @property
    def statistics(self) -> Statistics:
        """The sufficient statistics of the observed data."""
        return self._statistics

    @property
    def two_sample(self) -> str:
        """The method by which a sequential test compares two samples."""
        return self.likelihood.two_sample

    def direction(self, p: float | None) -> int:
        """Return whether the mean (None) or the p-quantile increases with the tested parameter.

        See `Likelihood.direction`.
        """
        return self.likelihood.direction(p)

    def new_statistics(self) -> Statistics:
        """Return empty statistics."""
        return self.likelihood.statistics()

    def with_statistics(self, statistics: Statistics) -> Self:
        """Return a state that has the same prior and uses the given statistics."""
        state: Self = type(self).__new__(type(self))
        state.__dict__.update(self.__dict__)
        state._statistics = statistics
        return state

    def with_prior(self, prior: H) -> Self:
        """Return a state with these hyperparameters, without data."""
        state: Self = self.with_statistics(self.new_statistics())
        state._set_prior(prior)
        return state

    def summarise(self, xs: Iterable[Any], w: Any = None) -> Statistics:
        """Return the statistics of many observations, without learning them.

        Raises
        ------
        ObservationError
            If an observation or a weight is invalid; the message names the first such item.
        """
        return self.likelihood.summarise(xs, w)

    def read_many(self, xs: Iterable[Any]) -> tuple[Any, Any]:
        """Validate observations and return them as two float arrays; see `Likelihood.read_many`."""
        return self.likelihood.read_many(xs)

    @property
    def unsupported(self) -> Mapping[str, str]:
        """Maps each unsupported operation to the reason why it is not supported.

        The operations are "unlearn", "scale" and "merge".
        """
        reasons: Mapping[str, str] = self._statistics.unsupported
        return reasons

    @property
    def mergeable(self) -> bool:
        """Whether merging the states of a stream's parts gives exactly the state of the stream."""
        return "merge" not in self.unsupported

    @property
    def undecayed(self) -> Self:
        """The state itself."""
        return self

    def observe(self, x: Any) -> Statistics:
        """Return the statistics of one observation, without learning it.

        Raises
        ------
        ObservationError
            If `x` is outside the support.
        """
        one = self.new_statistics()
        one.observe(x)
        return one

    # Learning. `learn_one`, `unlearn_one`, `update` and `revert` are defined in the compiled class
    # `Learner`.

    def learn_many(self, xs: Iterable[Any], w: Any = None) -> None:
        """Learn many observations at once; none of them is learned if one is invalid.

        Parameters
        ----------
        xs
            Observations, an array or any iterable of length n.
        w
            None, one weight for all, or n weights.

        Raises
        ------
        ObservationError
            If an observation or a weight is invalid; the message names the first such item.
        """
        self._statistics.merge(self.summarise(xs, w))

    def merge(self, other: Self) -> None:
        """Add the data of another state; the common prior is counted once.

        Raises
        ------
        MergeError
            If the other state has a different prior or likelihood.
        """
        self.check_mergeable(other)
        self._statistics.check_supports("merge")
        self._statistics.merge(other._statistics)

    def check_mergeable(self, other: Any) -> None:
        """Raise an error if a state has a different family, prior or likelihood.

        Raises
        ------
        MergeError
            If the state cannot be merged.
        """
        if type(other) is not type(self):
            raise MergeError(f"cannot merge {type(other).__name__} into {type(self).__name__}")
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
        """Return a copy if `other` is 0, the start value of `sum`."""
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
        """Make the posterior the new prior, and reset the statistics."""
        self._set_prior(self.posterior)
        self._statistics = self.new_statistics()

    @property
    def n_samples(self) -> float:
        """Total weight of the data."""
        return float(self._statistics.n)

    @property
    def posterior(self) -> H:
        """The posterior's hyperparameters, a NamedTuple like `prior`."""
        # a plain tuple of the prior's numbers is three times as fast as a named tuple
        return self.combine(self._given(self), self._statistics.value)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        try:
            self.check_mergeable(other)
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
        posterior = format_hyperparameters(self.posterior)
        text = f"{self.in_words()} + {n:g} observed ({likelihood}) = {posterior}"
        share = self.prior_share
        return f"{text}, mostly prior" if n > 0.0 and share is not None and share > 0.5 else text

    # Serialization.

    def to_dict(self) -> dict[str, Any]:
        """Return the state as a compact, versioned dictionary of JSON values."""
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
        """Create a state from the output of `to_dict`.

        Raises
        ------
        PriorError
            If the dictionary does not describe a state of this family, or was written by a newer
            version.
        """
        document = serialization.Document(data)
        named, known = registry.named_subfamily, registry.subfamilies
        family = document.choose(
            "family", partial(named, cls, data.get("family")), partial(known, cls)
        )
        state: Self = family.from_document(document)
        return state

    @classmethod
    def from_document(cls, document: serialization.Document) -> Self:
        """Return the state of this class that a document describes.

        Raises
        ------
        PriorError
            If the document is invalid.
        """
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
        cloned: Self = super().clone(new_params)
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
    state.statistics.load(seen)
    return state
