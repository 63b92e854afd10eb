"""A mixture that finds out how many components it needs, while it learns from a stream."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Self

import numpy as np

from seqbayes import arrays, codec
from seqbayes.errors import PriorError
from seqbayes.likelihoods import check_parameter
from seqbayes.mixture import document, revising
from seqbayes.mixture.answers import Answers
from seqbayes.mixture.buffering import plain
from seqbayes.mixture.components import adapter
from seqbayes.mixture.counting import CountingBuffer
from seqbayes.mixture.forecasting import Forecast
from seqbayes.mixture.revising import Prior
from seqbayes.mixture.settings import check_buffer, check_settings
from seqbayes.mixture.trial import WON, Trial
from seqbayes.mixture.working import Working
from seqbayes.state import State
from seqbayes.statistics import read_weight

BUFFER = 300
"""Observations that a start is made from, and that are kept to find what should be born."""

STRANGE = 5.0
"""So many observations that no component explains call for a birth at once."""


class DirichletProcessMixture(Answers):
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
        given = {"covariance": "full", "weights": (1.0,), "burn_in": 1.0}
        self._settings = check_settings({**given, "step": step, "average": average}, (0,))
        size = BUFFER if buffer is None else check_buffer(buffer, 1)
        self._prior = Prior(
            self.concentration, self.most, self._settings, lenient=component is None
        )
        self._buffer: CountingBuffer = CountingBuffer(self._prior, self.component, seed, size)
        self._size = size
        self._working: Working | None = None
        self._names: tuple[int, ...] = (0,)
        self._next = 1
        self._window: deque[tuple[Any, float]] = deque(maxlen=size)
        self._trials: list[Trial] = []
        self._failed: dict[tuple[int, ...], float] = {}
        self._due = self._strange = 0.0
        self._base: Forecast | None = None

    @property
    def names(self) -> tuple[int, ...]:
        """The components' names, numbers in the order of their birth; none is given twice.

        Identity survives learning: the larger part of a component that is split keeps its name, and
        of two that are joined the older one's is kept. Before the start names mean nothing.
        """
        if self._working is None and len(self._buffer):
            return tuple(range(len(self._present().priors)))
        return self._names

    # Learning.

    def learn_one(self, x: Any, w: float = 1.0) -> None:
        """Absorb one observation.

        Parameters
        ----------
        x
            The observation, as the component's state takes it; or a mapping of features, from
            which those that were not seen are absent.
        w
            Weight, finite and >= 0.

        Raises
        ------
        ObservationError
            If the component cannot have made `x`, or `w` is no weight. Nothing is then changed.
        """
        weight = read_weight(w)
        self._check(x)
        if weight > 0.0:
            self._take(x, weight)

    def learn_many(self, xs: Iterable[Any], w: Any = None) -> None:
        """Absorb many observations in their order, as one by one; none if one is refused.

        Parameters
        ----------
        xs
            Observations: an array (n,) or (n, d), or any iterable of length n.
        w
            None, one weight for all, or n weights.

        Raises
        ------
        ObservationError
            If an observation or a weight is refused.
        """
        xs = arrays.items(xs)
        weights = arrays.weights(w, len(xs))
        self._check_many(xs)
        for i, x in enumerate(xs.tolist() if isinstance(xs, np.ndarray) else xs):
            weight = 1.0 if weights is None else float(weights[i])
            if weight > 0.0:
                self._take(x, weight)

    def _take(self, x: Any, w: float) -> None:
        if self._working is None:
            self._buffer.add(x, w)
            if self._buffer.is_full:
                self._begin()
            return
        working, unborn = self._working, self._unborn(x)
        working.reader.read(x)
        engine = working.engine
        if self._prior.is_strange(engine.expect()[1], unborn, working):
            self._strange += w
        for trial in self._trials:
            trial.learn(working, x, w, unborn)
        engine.learn(x, w)
        self._window.append((plain(x), w))
        self._judge()
        if engine.n >= self._due or self._strange >= STRANGE:
            self._revise()

    def _begin(self) -> None:
        """Begin from what is kept."""
        self._window.extend(self._buffer)
        self._working = self._buffer.begin()
        self._next = len(self._working.priors)
        self._names = tuple(range(self._next))
        self._due = self._working.engine.n + self._size / 4.0

    def _unborn(self, x: Any) -> float:
        """Return the log density of an observation if a component made it that is not born."""
        component = self._present().priors[0]
        if self._base is None or self._base.component is not component:
            self._base = Forecast(self._prior.working(component, 1))
        return self._base.log_density(x)

    # Births and retirements.

    def _judge(self) -> None:
        """End the trials that are over."""
        going = []
        for trial in self._trials:
            if trial.outcome:
                self._adopt(trial.challenger, trial.names)
                return
            if trial.outcome is None:
                going.append(trial)
            else:
                self._failed[trial.key] = self.n_samples
        self._trials = going

    def _adopt(self, working: Working, names: tuple[int, ...]) -> None:
        self._working, self._names = working, names
        self._next = max(self._next, *(name + 1 for name in names))
        self._trials, self._failed = [], {}
        self._strange, self._due = 0.0, self.n_samples + self._size / 10.0

    def _revise(self) -> None:
        """Let what is empty retire; put a birth on trial, and the joining of two components."""
        working = self._present()
        n, urgent = working.engine.n, self._strange >= STRANGE
        self._strange, self._due = 0.0, n + max(self._size / 4.0, n / 10.0)
        counts = working.engine.live * working.engine.memory
        if len(counts) > 1 and counts.min() < 1.0:
            self._retire(working, int(counts.argmin()))
            return
        self._failed = {key: at for key, at in self._failed.items() if n < 1.5 * at}
        if len(self._names) < self.most:
            self._try_birth(working, urgent)
        if len(self._names) > 1 and all(trial.grows for trial in self._trials):
            self._try_join(working)

    def _length(self, working: Working) -> float:
        return max(float(self._size), working.engine.n / 4.0)

    def _retire(self, working: Working, k: int) -> None:
        """Let a component take in another that is empty: the one that is most alike."""
        others = set(range(len(self._names))) - {k}
        skip = {(a, b) for a in others for b in others}
        found = revising.most_alike(self._prior, working, skip)
        assert found is not None
        a, b = sorted(found[:2], key=lambda each: each == k)
        made = revising.shrunk(self._prior, working, a, b, self._path())
        self._adopt(made, self._names[:b] + self._names[b + 1 :])

    def _try_birth(self, working: Working, urgent: bool) -> None:
        running = [trial for trial in self._trials if trial.grows]
        if running and not urgent:
            return
        xs, w = zip(*self._window, strict=True)
        n = int(working.engine.n)
        rng = np.random.default_rng(None if self.seed is None else [self.seed, n])
        skip = set()
        if not urgent:
            skip = {k for k, name in enumerate(self._names) if (name,) in self._failed}
        split = revising.best_split(self._prior, working, working.rows(xs), np.array(w), skip, rng)
        if split is None or split.gain <= (2.0 * WON if running else 0.0):
            return
        self._trials = [trial for trial in self._trials if not trial.grows]
        made = revising.grown(self._prior, working, split, self._path())
        names, key = (*self._names, self._next), (self._names[split.at],)
        self._trials.append(Trial(self._prior, working, made, names, key, self._length(working)))

    def _try_join(self, working: Working) -> None:
        names = self._names
        skip = {
            (a, b)
            for a in range(len(names))
            for b in range(a + 1, len(names))
            if (names[a], names[b]) in self._failed
        }
        found = revising.most_alike(self._prior, working, skip)
        if found is None or found[2] <= 0.0:
            return
        a, b = found[:2]
        made = revising.shrunk(self._prior, working, a, b, self._path())
        kept = list(names)
        kept[a] = min(names[a], names[b])
        del kept[b]
        key, length = (names[a], names[b]), self._length(working)
        self._trials.append(Trial(self._prior, working, made, tuple(kept), key, length))

    def _path(self) -> float:
        return sum(w for _, w in self._window)

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

    def _get_params(self) -> dict[str, Any]:
        return dict(self._given)

    @classmethod
    def _unit_test_params(cls) -> Iterator[dict[str, Any]]:
        yield {"seed": 1}

    def __repr__(self) -> str:
        """Return the constructor's call."""
        given = (f"{k}={v!r}" for k, v in self._given.items() if v is not None)
        return f"{type(self).__name__}({', '.join(given)})"

    def clone(
        self, new_params: dict[str, Any] | None = None, include_attributes: bool = False
    ) -> Self:
        """Return a new mixture with the same prior, and nothing learned.

        Parameters
        ----------
        new_params
            Constructor parameters to change.
        include_attributes
            Whether to copy what was learned as well.
        """
        cloned = type(self)(**{**self._given, **(new_params or {})})
        if include_attributes:
            cloned._restore(self._learned())
        return cloned

    def _learned(self) -> dict[str, Any]:
        """Return what was learned, as plain values."""
        working = self._working
        if working is None:
            return {"buffer": [[codec.encode(x), w] for x, w in self._buffer]}
        return {
            "learned": {
                "component": working.priors[0].to_dict(),
                "names": list(self._names),
                "numbers": [float(self._next), self._due, self._strange],
                "failed": [[list(key), at] for key, at in self._failed.items()],
                "window": [[codec.encode(x), w] for x, w in self._window],
                "trials": [trial.to_dict() for trial in self._trials],
                **document.learned(working),
            }
        }

    def _restore(self, seen: Mapping[str, Any]) -> None:
        if "learned" not in seen:
            for x, w in seen["buffer"]:
                self._buffer.add(codec.decode(x), read_weight(w))
            return
        learned = seen["learned"]
        names = tuple(map(int, learned["names"]))
        component = _check_component(State.from_dict(learned["component"]))
        assert component is not None
        working = self._prior.working(component, len(names))
        document.restore(working, learned)
        self._names, self._working = names, working
        following, self._due, self._strange = document.finite(learned["numbers"]).tolist()
        self._next = int(following)
        self._failed = {tuple(map(int, key)): float(at) for key, at in learned["failed"]}
        self._window.clear()
        self._window.extend((plain(codec.decode(x)), read_weight(w)) for x, w in learned["window"])
        self._trials = [Trial.from_dict(each, self._prior, working) for each in learned["trials"]]

    def to_dict(self) -> dict[str, Any]:
        """Return the mixture as a versioned dictionary of JSON values.

        Raises
        ------
        PriorError
            If the step is a function that has no name here.
        """
        return {
            "seqbayes": codec.VERSION,
            "model": "DirichletProcessMixture",
            "parameters": {
                name: document.encode_parameter(name, value) for name, value in self._given.items()
            },
            **self._learned(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the mixture that `to_dict` described.

        Raises
        ------
        PriorError
            If the dictionary describes none, or is of a newer version.
        """
        codec.Document(data)
        model = data.get("model")
        if model != "DirichletProcessMixture":
            raise PriorError(f"expected a DirichletProcessMixture, got model {model!r}")
        try:
            given = {
                name: document.decode_parameter(name, value)
                for name, value in data["parameters"].items()
            }
            mixture = cls(**given)
            mixture._restore(data)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise PriorError(f"cannot read the mixture: {error}") from None
        return mixture

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickle, (type(self), self._given, self._learned())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, type(self)):
            return NotImplemented
        return self._is_like(other) and self._learned() == other._learned()

    __hash__ = None  # type: ignore[assignment]  # a mixture changes as it learns

    def _is_like(self, other: Self) -> bool:
        """Whether both have the same prior and settings."""
        return self._prior == other._prior and self.component == other.component


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


def _unpickle(kind: type[DirichletProcessMixture], given: Any, learned: Any) -> Any:
    mixture = kind(**given)
    mixture._restore(learned)
    return mixture
