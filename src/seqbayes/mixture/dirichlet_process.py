"""A mixture that finds out how many components it needs, while it learns from a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

from seqbayes import serialization
from seqbayes.errors import PriorError
from seqbayes.likelihoods import check_parameter
from seqbayes.mixture import document
from seqbayes.mixture.answers import Answers
from seqbayes.mixture.census import Census
from seqbayes.mixture.components import adapter
from seqbayes.mixture.counting import CountingBuffer
from seqbayes.mixture.durable import OneByOne
from seqbayes.mixture.forecasting import Forecast
from seqbayes.mixture.revising import Prior
from seqbayes.mixture.settings import check_buffer, check_settings
from seqbayes.mixture.working import Working
from seqbayes.state import State
from seqbayes.statistics import read_weight

BUFFER = 300
"""Observations that a start is made from, and that are kept to find what should be born."""


class DirichletProcessMixture(Answers, OneByOne):
    """A mixture with as many components as the stream shows: they are born, and retire.

    The shares have a Dirichlet process as their prior, cut off after `most` components: there is
    always some probability that the next observation is from a component not born yet. The first
    observations are kept, and the number of components for which they give most evidence makes the
    start. From then on the components learn by online EM, as those of a `Mixture`.

    What the components explain badly is split off as a new one, and two that explain the same are
    joined: on trial, in a copy that learns beside the components that are served. Both forecast
    every observation before they learn it, and log scores decide. A component that has become
    empty retires.

    Parameters
    ----------
    component
        Prior of every component, a state of any family that a `Mixture` can have. By default
        Normal, vague, and of the scale of the first observations.
    concentration
        Of the Dirichlet process, > 0: the larger, the more components beforehand.
    most
        The most components there can be.
    seed
        Seed of the starts.
    buffer
        How many observations a start is made from; of the stream after it so many are kept, the
        latest, to find in them what should be born.
    step, average
        As those of a `Mixture`.

    Raises
    ------
    PriorError
        If the component's prior is improper or another parameter is out of range.

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
    Two clusters; then a third appears:

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
    ) -> None:
        self.component = _check_component(component)
        self.concentration = check_parameter("concentration", concentration)
        self.most = _check_most(most)
        self.seed, self.buffer, self.step, self.average = seed, buffer, step, average
        self._given: dict[str, Any] = {
            "component": self.component,
            "concentration": concentration,
            "most": most,
            "seed": seed,
            "buffer": buffer,
            "step": step,
            "average": average,
        }
        given = {"covariance": "full", "weights": (1.0,), "burn_in": 1.0, "seed": seed}
        self._settings = check_settings({**given, "step": step, "average": average}, (0,))
        size = BUFFER if buffer is None else check_buffer(buffer, 1)
        self._prior = Prior(
            self.concentration, self.most, self._settings, lenient=component is None
        )
        self._buffer: CountingBuffer = CountingBuffer(self._prior, self.component, seed, size)
        self._census = Census(self._prior, size, seed)
        self._working: Working | None = None
        self._base: Forecast | None = None

    @property
    def names(self) -> tuple[int, ...]:
        """The components' names, numbers in the order of their birth; none is given twice.

        Identity survives learning: the larger part of a component that is split keeps its name, and
        of two that are joined the older one's is kept. Before the start names mean nothing.
        """
        if self._working is None and len(self._buffer):
            return tuple(range(len(self._present().priors)))
        return self._census.names

    # Learning.

    def _take(self, x: Any, w: float) -> None:
        if self._working is not None:
            self._working = self._census.learn(self._working, x, w, self._unborn(x))
            return
        self._buffer.add(x, w)
        if self._buffer.is_full:
            kept = list(self._buffer)
            self._working = self._buffer.begin()
            self._census.begin(self._working, kept)

    def _unborn(self, x: Any) -> float:
        """Return the log density of an observation if a component made it that is not born."""
        component = self._present().priors[0]
        if self._base is None or self._base.component is not component:
            self._base = Forecast(self._prior.working(component, 1))
        return self._base.log_density(x)

    def merge(self, other: Self) -> None:
        """Absorb what another mixture has learned; the common prior counts once.

        Components are joined while there is evidence that one of this mixture's and one of the
        other's have learned the same, and keep this mixture's names; the others get new ones. What
        one of them has still in its buffer is learned.

        Raises
        ------
        MergeError
            If the other mixture has another prior or other settings.
        """
        self._check_like(other)
        if other._working is None:
            for x, w in other._buffer:
                self.learn_one(x, w)
        elif self._working is None:
            kept = list(self._buffer)
            self._buffer.clear()
            self._restore(other._learned())
            for x, w in kept:
                self.learn_one(x, w)
        else:
            self._working = self._census.unite(self._working, other._working, other._census)

    # What is believed.

    @property
    def unseen(self) -> float:
        """Probability that the next observation is of a component that is not born."""
        if self._is_blank():
            return 1.0
        return self._prior.unseen(self._present())

    def log_predictive(self, x: Any) -> float:
        """Return log p(x | all that was seen), also of components that are not born.

        Raises
        ------
        ObservationError
            If `x` is outside the component's support.
        PriorError
            If the prior comes from the data, and there was none yet.
        """
        working = self._speaking(x)
        return self._prior.log_density(working.log_predictive(x), self._unborn(x), working)

    # Copies and durable forms.

    @classmethod
    def _unit_test_params(cls) -> Iterator[dict[str, Any]]:
        yield {"seed": 1}

    def _is_like(self, other: Self) -> bool:
        return self._prior == other._prior and self.component == other.component

    def _learned(self) -> dict[str, Any]:
        working = self._working
        if working is None:
            return {"buffer": [[serialization.encode(x), w] for x, w in self._buffer]}
        return {
            "learned": {
                "component": working.priors[0].to_dict(),
                "census": self._census.to_dict(),
                **document.learned(working),
            }
        }

    def _restore(self, seen: Mapping[str, Any]) -> None:
        if "learned" not in seen:
            for x, w in seen["buffer"]:
                self._buffer.add(serialization.decode(x), read_weight(w))
            return
        learned = seen["learned"]
        component = _check_component(State.from_dict(learned["component"]))
        assert component is not None
        working = self._prior.working(component, len(learned["census"]["names"]))
        document.restore(working, learned)
        self._census.restore(learned["census"], working)
        self._working = working


def _check_component(component: Any) -> State | None:
    """Return a copy of the prior of a component that can learn from a stream."""
    if component is None:
        return None
    if not isinstance(component, State):
        raise PriorError(f"expected a state as component, got {component!r}")
    adapter(component)
    if not component.is_proper(component.prior):
        raise PriorError(f"online EM needs proper priors, got {component.prior}")
    return component.clone()


def _check_most(most: Any) -> int:
    if isinstance(most, bool) or not isinstance(most, int) or most < 1:
        raise PriorError(f"expected most >= 1 components, got {most!r}")
    return most
