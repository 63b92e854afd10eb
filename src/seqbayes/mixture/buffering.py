"""The first observations of a stream, kept until the components can begin from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from seqbayes.errors import ObservationError, PriorError
from seqbayes.families import Dirichlet
from seqbayes.mixture.components import scaled_to
from seqbayes.mixture.rows import LARGEST, as_number
from seqbayes.mixture.settings import Settings
from seqbayes.mixture.working import Working
from seqbayes.state import State

# Restarts, and passes of EM from the best of them: for a start that will last, and on the way.
_THOROUGH = (10, 100)
_BRIEF = (4, 20)


class Buffer:
    """Observations and weights; `size` of them make a start.

    Parameters
    ----------
    names
        The components' names.
    priors
        Their priors; None where these come from the data.
    settings, seed
        How the mixture learns, and the seed of its start.
    size
        How many observations to keep.
    """

    def __init__(
        self,
        names: Sequence[Any],
        priors: tuple[State, ...] | None,
        settings: Settings,
        seed: int | None,
        size: int,
    ) -> None:
        self.priors = priors
        self._k = len(names)
        self._settings = settings
        self._seed = seed
        self._size = size
        self._kept: list[tuple[Any, float]] = []
        self._checking: Working | None = None
        self._provisional: tuple[int, Working] | None = None

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[tuple[Any, float]]:
        return iter(self._kept)

    @property
    def size(self) -> int:
        """How many observations make a start."""
        return self._size

    @property
    def is_full(self) -> bool:
        """Whether enough is kept to begin."""
        return len(self._kept) >= self._size

    def clear(self) -> None:
        """Keep nothing."""
        self._kept = []
        self._provisional = None

    def first_weights(self) -> tuple[float, ...]:
        """Return the components' shares before anything was seen."""
        weights = self._settings.weights
        return (1.0 / self._k,) * self._k if isinstance(weights, Dirichlet) else tuple(weights)

    def add(self, x: Any, w: float) -> None:
        """Keep an observation that the components can have made.

        Raises
        ------
        ObservationError
            If they cannot.
        PriorError
            If a prior is improper.
        """
        self.check([x])
        if self.priors is not None:
            check_proper(self.priors)
        if w == 0.0:
            return
        x = plain(x)
        if self.priors is None and self._kept and self._kept[-1][0] == x:
            # a stream that stands still has no scale: it waits here, and takes no more room
            w += self._kept.pop()[1]
            self._provisional = None
        self._kept.append((x, w))

    def check(self, xs: Any) -> None:
        """Refuse what the components cannot have made.

        Raises
        ------
        ObservationError
            If there is such an observation.
        """
        if self.priors is not None:
            if self._checking is None:
                self._checking = self.working()
            self._checking.rows(xs)
            return
        like = self._kept[0][0] if self._kept else None
        if _are_sound(xs):
            xs = xs[:1]  # the others are like it
        for x in xs:
            _check_numbers(x, like)
            like = x if like is None else like

    def working(self, data: Any = None) -> Working:
        """Return components at work that know nothing but their priors."""
        priors = self.priors
        if priors is None:
            assert data is not None
            for x in data:
                _check_numbers(x, data[0])
            priors = (scaled_to([plain(x) for x in data], self._k),) * self._k
        return Working(priors, self._settings, lenient=self.priors is None)

    def begin(self) -> Working:
        """Return components that have learned what is kept, and forget it."""
        working = self._fitted(len(self._kept), *_THOROUGH)
        self.clear()
        return working

    def provisional(self) -> Working:
        """Return components that have learned what is kept so far, or four fifths of it at least.

        What they say depends on what was seen, and not on when they were asked.
        """
        grid = n = len(self._kept)
        if n > 10:
            grid = int(10.0 * 1.25 ** int(np.log(n / 10.0) / np.log(1.25)))
        if self._provisional is None or self._provisional[0] != grid:
            working = self._fitted(grid, *_BRIEF) if grid else self.working()
            self._provisional = grid, working
        return self._provisional[1]

    def _fitted(self, n: int, restarts: int, passes: int) -> Working:
        xs = [x for x, _ in self._kept[:n]]
        w = np.array([w for _, w in self._kept[:n]])
        working = self._fit(xs, w, restarts, passes)
        working.engine.settled(working.engine.n)
        return working

    def _fit(self, xs: list[Any], w: Any, restarts: int, passes: int) -> Working:
        """Return components that have learned observations at hand."""
        working = self.working(xs)
        rng = np.random.default_rng(self._seed)
        working.fit_start(working.rows(xs), w, rng, restarts, passes)
        return working


def check_proper(priors: Iterable[State]) -> None:
    """Refuse improper priors, with which a component can collapse.

    Raises
    ------
    PriorError
        If there is one.
    """
    for state in priors:
        if not state.is_proper(state.prior):
            raise PriorError(f"online EM needs proper priors, got {state.prior}")


def _are_sound(xs: Any) -> bool:
    """Whether an array holds nothing but numbers that can be learned, told at once."""
    plain = isinstance(xs, np.ndarray) and xs.dtype.kind in "fiu" and xs.ndim in (1, 2)
    return bool(plain and len(xs) and np.all(np.abs(xs) <= LARGEST))


def _check_numbers(x: Any, like: Any) -> None:
    """Refuse what is no number, vector or mapping of numbers, or is unlike the first of them."""
    if isinstance(x, np.ndarray):
        x = x.tolist()
    if isinstance(like, np.ndarray):
        like = like.tolist()
    if isinstance(x, Mapping):
        if not x:
            raise ObservationError("expected a feature or more, got {}")
        for name, value in x.items():
            try:
                as_number(value)
            except ObservationError as error:
                raise ObservationError(f"feature {name!r}: {error}") from None
    elif isinstance(x, (list, tuple)):
        for value in x:
            as_number(value)
    else:
        as_number(x)
    if like is not None and _form(x) != _form(like):
        raise ObservationError(f"expected an observation like {like!r}, got {x!r}")


def _form(x: Any) -> Any:
    if isinstance(x, Mapping):
        return "mapping"
    return len(x) if isinstance(x, (list, tuple)) else "number"


def plain(x: Any) -> Any:
    """Return a copy that nobody else can change."""
    if isinstance(x, Mapping):
        return dict(x)
    if isinstance(x, (np.ndarray, np.generic)):
        return x.tolist()
    return tuple(x) if isinstance(x, list) else x
