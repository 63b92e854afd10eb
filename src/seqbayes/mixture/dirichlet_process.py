"""A mixture that adapts its number of components while it learns from a stream."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Self

import numpy as np

from seqbayes import serialization
from seqbayes.checks import check_count
from seqbayes.errors import PriorError
from seqbayes.likelihoods import check_parameter
from seqbayes.mixture.base import BaseMixture
from seqbayes.mixture.components.rows import as_observations, as_weight
from seqbayes.mixture.components.state_adapters import adapter_of
from seqbayes.mixture.counting import CountingBuffer
from seqbayes.mixture.em.loop import EMModel
from seqbayes.mixture.em.settings import check_buffer, check_proper, check_settings, check_tails
from seqbayes.mixture.em.split_merge import ProcessPrior
from seqbayes.mixture.forecast import Forecast
from seqbayes.mixture.search import ComponentSearch
from seqbayes.model import TableForm
from seqbayes.state import State
from seqbayes.statistics import arrays, read_weight

BUFFER = 300
"""Default number of observations buffered for the start, and of recent ones kept for splits."""


class DirichletProcessMixture(BaseMixture):
    """A mixture that adds and removes components as a stream requires.

    The weights have a Dirichlet process prior, truncated at `most` components: the next observation
    always has a positive probability of coming from a new component. The first observations are
    buffered, and the mixture starts with the number of components that has the most evidence. After
    that, the components learn by online EM, as in a `Mixture`.

    In a trial, a component that explains its observations badly is split, or two components of one
    cluster are merged, in a copy that learns in parallel to the current model. Both models forecast
    every observation before they learn it, and the better log score wins. Empty components are
    removed.

    Parameters
    ----------
    component
        Prior of every component: a state of any family that `Mixture` supports. By default,
        a vague Normal prior at the scale of the first observations.
    concentration
        Concentration of the Dirichlet process, > 0; larger values favour more components.
    most
        Maximum number of components.
    seed
        Seed for the starts.
    buffer
        Number of observations for the start. After the start, this number of recent observations is
        kept to find splits.
    step, average, df
        See `Mixture`.

    Raises
    ------
    PriorError
        If the component's prior is improper, or another parameter is out of range.

    References
    ----------
    .. [1] Lin, D. (2013). Online learning of nonparametric mixture models via sequential
       variational approximation. Advances in Neural Information Processing Systems 26.
    .. [2] Hughes, M. C. and Sudderth, E. B. (2013). Memoized online variational inference for
       Dirichlet process mixture models. Advances in Neural Information Processing Systems 26.
    .. [3] Ishwaran, H. and Zarepour, M. (2002). Exact and approximate sum representations for the
       Dirichlet process. Canadian Journal of Statistics 30, 269-283.

    Examples
    --------
    Two clusters, and a third one that appears later:

    >>> import random
    >>> from seqbayes.mixture import DirichletProcessMixture
    >>> rng, places = random.Random(1), [(0, 0), (8, 3)]
    >>> clusters = DirichletProcessMixture(seed=1)
    >>> for n in range(2000):
    ...     if n == 1000:
    ...         before, places = clusters.names, [*places, (0, 9)]
    ...     x, y = rng.choice(places)
    ...     clusters.learn_one({"x": rng.gauss(x, 1), "y": rng.gauss(y, 1)})
    >>> before, clusters.names
    ((0, 1), (0, 1, 2))
    >>> clusters.predict_one({"x": 0.5, "y": 8.0})
    2
    """

    table_form = TableForm(("component", "concentration", "most", "seed", "df"), state="component")

    @classmethod
    def table_errors(cls, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Yield the errors of a table; see `Model.table_errors`."""
        for name in ("concentration", "most", "df"):
            if values.get(name) is not None:
                try:
                    cls(**{name: values[name]})
                except (TypeError, ValueError) as error:
                    yield name, str(error)

    @classmethod
    def from_table(cls, values: Mapping[str, Any], names: tuple[str, ...] | None) -> Self:
        """Return the mixture that a table with one prior describes; see `Model.from_table`."""
        return cls(**{name: value for name, value in values.items() if value is not None})

    def __init__(
        self,
        component: State | None = None,
        concentration: float = 1.0,
        most: int = 20,
        seed: int | None = None,
        *,
        buffer: int | None = None,
        step: float | Callable[[float], float] | None = None,
        average: bool | None = None,
        df: float | str | None = None,
    ) -> None:
        self.component = _check_component(component)
        self.likelihood = None if self.component is None else self.component.likelihood
        self.concentration = check_parameter("concentration", concentration)
        self.most = check_count("most", most)
        self.seed, self.buffer, self.step, self.average = seed, buffer, step, average
        self.df = df
        self._given: dict[str, Any] = {
            "component": self.component,
            "concentration": concentration,
            "most": most,
            "seed": seed,
            "buffer": buffer,
            "step": step,
            "average": average,
            "df": df,
        }
        given = {"covariance": "full", "weights": (1.0,), "burn_in": 1.0, "seed": seed, "df": df}
        self._settings = check_settings({**given, "step": step, "average": average}, (0,))
        if df is not None and self.component is not None:
            check_tails((self.component,))
        size = check_buffer(buffer, 1, BUFFER)
        self._prior = ProcessPrior(
            self.concentration, self.most, self._settings, ignore_unknown=component is None
        )
        self._buffer: CountingBuffer = CountingBuffer(self._prior, self.component, seed, size)
        self._search = ComponentSearch(self._prior, size, seed)
        self._model: EMModel | None = None
        self._new_component: Forecast | None = None
        self._lock = threading.RLock()

    @property
    def names(self) -> tuple[int, ...]:
        """The components' names: numbers in the order in which they were added, never reused.

        The larger part of a split component keeps its name, and merged components keep the older
        name. Before the start, the names of components may be swapped.
        """
        if self._model is None and len(self._buffer):
            return tuple(range(len(self.current_model().priors)))
        return self._search.names

    # Learning.

    def learn_one(self, x: Any, w: float = 1.0) -> None:
        """Learn one observation, as `Mixture.learn_one` does."""
        with self._lock:
            model, weight = self._model, as_weight(w)
            if model is None:
                self._learn(x, weight)  # the buffer checks the observation
                return
            new = self._log_density_if_new(x, model)  # an invalid observation raises an error here
            if weight > 0.0:
                self._model = self._search.learn(model, x, weight, new)

    def _learn(self, x: Any, w: float) -> None:
        model = self._model
        if model is not None:
            self._model = self._search.learn(model, x, w, self._log_density_if_new(x, model))
            return
        self._buffer.add(x, w)
        if self._buffer.is_full:
            kept = list(self._buffer)
            self._model = self._buffer.fit()
            self._search.start(self._model, kept)

    def _log_density_if_new(self, x: Any, model: EMModel) -> float:
        """Return the log density of an observation under a new component."""
        component, new = model.priors[0], self._new_component
        if new is None or new.component is not component:
            new = self._new_component = Forecast(self._prior.new_model(component, 1))
        return new.log_density(x)

    def merge(self, other: Self) -> None:
        """Add the data of another mixture; the common prior is counted once.

        A component of this mixture and a component of the other mixture are merged if there is
        evidence that they are the same; they keep the name from this mixture. The other components
        get new names. Observations in a buffer are learned.

        Raises
        ------
        MergeError
            If the other mixture has another prior or other settings.
        """
        self._check_like(other)
        if other._model is None:
            for x, w in list(other._buffer):
                self.learn_one(x, w)
        elif self._model is None:
            kept = list(self._buffer)
            self._buffer.clear()
            self.load_learned(other.learned())
            for x, w in kept:
                self.learn_one(x, w)
        else:
            self._model = self._search.unite(self._model, other._model, other._search)

    # Predictions.

    @property
    def unseen(self) -> float:
        """Probability that the next observation comes from a new component."""
        if self._is_blank():
            return 1.0
        return self._prior.unseen(self.current_model())

    def weight_concentrations(self) -> dict[str, float]:
        """Return the hyperparameters of the Dirichlet posterior of the weights, keyed by label.

        The label "new" has the weight of all components that have not been observed.
        """
        engine = self.scaled_model().predicting()
        each = self.concentration / self.most
        counts = engine.memory * np.asarray(engine.live)
        found = dict(zip(map(str, self.names), (each + counts).tolist(), strict=True))
        rest = each * (self.most - len(found))
        return found | ({"new": rest} if rest > 0.0 else {})

    def log_predictive(self, x: Any) -> float:
        """Return log p(x | data), including new components.

        Raises
        ------
        ObservationError
            If `x` is outside the component's support.
        PriorError
            If a default prior has no scale before the first observation.
        """
        model = self._model_for(x)
        new = self._log_density_if_new(x, model)
        return self._prior.log_density(model.log_predictive(x), new, model)

    def score_many(self, xs: Iterable[Any]) -> Any:
        """Return the results of `score_one` for n observations.

        Raises
        ------
        ObservationError
            If an observation is outside the support.
        """
        return np.array([self.score_one(x) for x in as_observations(arrays.items(xs))])

    # Copies and JSON.

    @classmethod
    def _unit_test_params(cls) -> Iterator[dict[str, Any]]:
        yield {"seed": 1}

    def is_like(self, other: Self) -> bool:
        """Whether another mixture has the same prior and settings."""
        return self._prior == other._prior and self.component == other.component

    def learned(self) -> dict[str, Any]:
        """Return, as plain values, everything that was learned."""
        model = self._model
        if model is None:
            return {"buffer": [[serialization.encode(x), w] for x, w in self._buffer]}
        return {
            "learned": {
                "component": model.priors[0].to_dict(),
                "census": self._search.to_dict(),
                **model.to_dict(),
            }
        }

    def load_learned(self, learned: Mapping[str, Any]) -> None:
        """Restore the data that `learned` returned, in a new clusterer."""
        if "learned" not in learned:
            for x, w in learned["buffer"]:
                self._buffer.add(serialization.decode(x), read_weight(w))
            return
        learned = learned["learned"]
        component = _check_component(State.from_dict(learned["component"]))
        assert component is not None
        model = self._prior.new_model(component, len(learned["census"]["names"]))
        model.load(learned)
        self._search.load(learned["census"], model)
        self._model = model


def _check_component(component: Any) -> State | None:
    """Validate the prior of a component, and return a copy that can learn from a stream."""
    if component is None:
        return None
    if not isinstance(component, State):
        raise PriorError(f"expected component to be a State, got {component!r}")
    adapter_of(component)
    check_proper(component)
    return component.clone()
