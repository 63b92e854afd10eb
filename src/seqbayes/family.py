"""What a family supplies, and how its states are made, copied and stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from operator import attrgetter
from typing import Any, ClassVar, Self

import numpy as np
from river import base

from seqbayes import codec, registry
from seqbayes.errors import PriorError
from seqbayes.likelihoods import Likelihood
from seqbayes.statistics import Learner, Statistics


class Family(base.Base, Learner):
    """A prior family: its hyperparameters, and the formulas that the algebra is made of.

    The formulas are pure functions of hyperparameters, numbers or arrays.
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
        """Finish construction: check and store the likelihood and the seed, and see nothing."""
        if likelihood is None:
            likelihood = _default(type(self).likelihoods[0])
        if not isinstance(likelihood, self.likelihoods):
            names = ", ".join(kind.__name__ for kind in self.likelihoods)
            raise PriorError(f"a {type(self).__name__} prior goes with {names}, not {likelihood!r}")
        self.likelihood = likelihood
        self.seed = check_seed(seed)
        self._statistics = self._accumulator()

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
        """Return the hyperparameters after a sufficient statistic was seen."""
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

        This is ``log_z(combine(h, s)) - log_z(h)`` without its cancellation; where the base measure
        is a function of the statistic (Normal data), it is included.
        """
        raise NotImplementedError

    @staticmethod
    def log_likelihood(theta: Any, statistic: Any) -> Any:
        """Return the log likelihood of `theta`, less the log base measure."""
        raise NotImplementedError

    @staticmethod
    def estimate(statistic: Any) -> Any:
        """Return the maximum likelihood estimate, or None where there is none."""
        raise NotImplementedError

    @staticmethod
    def belief(hyperparameters: Any) -> Any:
        """Return the distribution of the parameter."""
        raise NotImplementedError

    def observation_parameter(self, theta: Any) -> Any:
        """Return what the likelihood takes as its parameter, for a value of the unknown one."""
        return theta

    # Durable forms.

    def to_dict(self) -> dict[str, Any]:
        """Return the state as a small versioned dictionary of JSON values."""
        likelihood = self.likelihood
        return {
            "seqbayes": codec.VERSION,
            "family": type(self).__name__,
            "prior": {name: codec.encode(getattr(self, name)) for name in self.parameters},
            "likelihood": [type(likelihood).__name__, codec.encode(likelihood.parameters())],
            "statistics": codec.encode(self._statistics.dump()),
            "seed": self.seed,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the state that `to_dict` described.

        Raises
        ------
        PriorError
            If the dictionary describes no state, another family, or is of a newer version.
        """
        document = codec.Document(data)
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
    def _from_document(cls, document: codec.Document) -> Self:
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

    def _copy(self) -> Self:
        function, arguments = self.__reduce__()
        copied: Self = function(*arguments)
        return copied

    def clone(
        self, new_params: dict[str, Any] | None = None, include_attributes: bool = False
    ) -> Self:
        """Return a new state with the same prior, and nothing seen unless attributes are asked for.

        Parameters
        ----------
        new_params
            Constructor parameters to change.
        include_attributes
            Whether to copy what was seen as well.
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
    family: type[Family],
    prior: tuple[Any, ...],
    likelihood: Likelihood | None,
    seed: Any,
    seen: Any,
) -> Family:
    named: dict[str, Any] = dict(zip(family.parameters, prior, strict=True))
    state = family(**named, likelihood=likelihood, seed=seed)
    state._statistics.load(seen)
    return state


def check_seed(seed: Any) -> int | None:
    """Return a seed, refusing what is none.

    Raises
    ------
    PriorError
        If it is neither a whole number >= 0 nor None.
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
