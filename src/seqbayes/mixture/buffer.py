"""The buffer of a stream, which keeps the first observations until the components are fitted."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from seqbayes.errors import ObservationError
from seqbayes.families import Dirichlet
from seqbayes.mixture.components.background import FIRST_SHARE
from seqbayes.mixture.components.default_prior import Form, scaled_to
from seqbayes.mixture.components.rows import as_observation
from seqbayes.mixture.em.loop import EMModel
from seqbayes.mixture.em.settings import Settings, check_proper
from seqbayes.mixture.em.start import CONTINUED, Job, climb, make_sample, seed_model, steps_of_fit
from seqbayes.state import State

Array = npt.NDArray[np.float64]

# Number of starts, and of EM iterations from the best start: for the final fit, and for predictions
# while the buffer fills.
FINAL_EFFORT = (10, 100)
PROVISIONAL_EFFORT = (3, 15)

FIRST_EFFORT = 1, 5
"""Numbers of starts and iterations for predictions from fewer than ten observations."""

FEW, FEW_EFFORT, FEW_GROWTH = 40, (2, 6), 1.5
"""Below `FEW` observations: starts and iterations for predictions, and the growth of the buffer
after which a new fit is used."""

COST_PER_OBSERVATION = 3e5
"""Approximate number of multiplications of a fit in progress that are done per observation."""

SPREAD_SHARE, MIN_SPREAD = 2.0 / 3.0, 100
"""Share of the buffer, and minimum number of observations, that a spread start uses."""

MAX_LATER_WEIGHT, ROWS_PER_PARAMETER = 30.0, 4.0
"""Starts from default priors are fitted with this weight of every observation, as if the stream
continued like the buffer, because the priors then have less influence. The weight is smaller if
there are few rows for every mean and variance of a component."""

EXTEND_ITERATIONS, COMPARE_ITERATIONS = 4, 3
"""Iterations of EM over the whole buffer, from the current starting point and from a new one
that is compared with it."""


class Buffer:
    """The first observations of a stream, kept until the components are fitted to them.

    Parameters
    ----------
    names
        The components' names.
    priors
        The components' priors; None if they are derived from the data.
    settings, seed
        The settings of the mixture, and the seed of its start.
    size
        Number of observations to keep.

    Attributes
    ----------
    spread : bool
        Whether the start is spread: the components are fitted to the first observations in small
        steps, one per later observation, so that no single observation is delayed by the whole fit.
    """

    growth = 1.25
    """Ratio between the numbers of observations of two successive provisional fits."""

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
        self.size = size
        self._kept: list[tuple[Any, float]] = []
        self._form = Form()
        self._checker: EMModel | None = None
        self._provisional: tuple[int, EMModel] | None = None
        self._next: tuple[int, Job[EMModel]] | None = None
        self._table: tuple[EMModel, tuple[Array, Array]] | None = None
        self._n_learned = 0
        self._last_grid = 0, 1  # the last result of `_grid`, and the result that follows it
        self.spread = False
        self._spread_start: Job[EMModel] | None = None

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[tuple[Any, float]]:
        return iter(self._kept)

    @property
    def is_full(self) -> bool:
        """Whether there are enough observations to start."""
        return len(self._kept) >= self.size

    def clear(self) -> None:
        """Discard all observations; later observations do not start the components."""
        self._kept, self._form, self.spread = [], Form(), False
        self._last_grid = 0, 1
        self._provisional = self._next = self._table = self._spread_start = None

    def discard_first(self, n: int) -> None:
        """Discard the first `n` observations."""
        self._kept = self._kept[n:]
        self._provisional = self._next = self._table = self._spread_start = None

    def first_weights(self) -> tuple[float, ...]:
        """Return the weights of the components before any observation."""
        weights, left = self._settings.weights, 1.0 - FIRST_SHARE * self._settings.background
        given = (1.0 / self._k,) * self._k if isinstance(weights, Dirichlet) else tuple(weights)
        return tuple(left * w for w in given)

    def add(self, x: Any, w: float) -> None:
        """Keep an observation.

        Raises
        ------
        ObservationError
            If the observation is outside the support of a component.
        PriorError
            If a prior is improper.
        """
        form = self._checked([x])
        if self.priors is not None:
            for state in self.priors:
                check_proper(state)
        if w == 0.0:
            return
        self._form = form
        x = as_observation(x)
        if self.priors is None and self._kept and self._kept[-1][0] == x:
            # equal values have no scale: they are stored once with their total weight
            w += self._kept.pop()[1]
            self._provisional = self._next = None
        self._kept.append((x, w))
        first = self._first_of_start
        if self.spread and len(self._kept) > first:  # the last weight may still increase
            if self._spread_start is None:
                self._spread_start = Job(self._steps(first, *FINAL_EFFORT))
            self._spread_start.advance((len(self._kept) - first) * COST_PER_OBSERVATION)

    @property
    def _first_of_start(self) -> int:
        """Number of observations with which a spread start begins."""
        return max(int(SPREAD_SHARE * self.size), MIN_SPREAD)

    def check(self, xs: Any) -> None:
        """Raise an error if an observation is outside the support of a component.

        Raises
        ------
        ObservationError
            If an observation is invalid.
        """
        self._checked(xs)

    def check_new(self, xs: Any) -> None:
        """Raise an error unless the observations that will replace the buffer's are valid.

        Raises
        ------
        ObservationError
            If an observation is invalid.
        """
        Buffer((0,) * self._k, None, self._settings, None, 1).check(xs)

    def _checked(self, xs: Any) -> Form:
        """Check the given observations; return the form of all observations, including these."""
        if self.priors is not None:
            if self._checker is None:
                self._checker = self.new_model()
            self._checker.rows(xs)
            return self._form
        form = self._form.check(xs)
        if form.has_labels and self._settings.background:
            raise ObservationError(
                "a mixture with a background requires numeric features, but a feature is text"
            )
        return form

    def new_model(self, data: Any = None) -> EMModel:
        """Return a model without observations; `data` determines the scale of default priors."""
        priors = self.priors
        if priors is None:
            assert data is not None
            priors = (scaled_to([as_observation(x) for x in data], self._k),) * self._k
        model = EMModel(priors, self._settings, ignore_unknown=self.priors is None)
        if data is not None and self._settings.background:
            model.place_background(model.rows(data))
        return model

    def table(self, model: EMModel) -> tuple[Array, Array]:
        """Return the observations as rows, and their weights."""
        if self._table is not None and self._table[0] is model:
            return self._table[1]
        return model.rows(self.observations), np.array([w for _, w in self._kept])

    @property
    def observations(self) -> list[Any]:
        """The observations in order."""
        return [x for x, _ in self._kept]

    def provisional(self) -> EMModel:
        """Return a model that was fitted to most of the buffer and has then learned the remainder.

        Predictions depend only on the observations, not on when predictions were requested.
        """
        n = len(self._kept)
        grid = self._grid(n)
        if self._provisional is None or self._provisional[0] != grid:
            self._advance_provisional(grid, n)
        assert self._provisional is not None
        model = self._provisional[1]
        for x, w in self._kept[self._n_learned :]:
            model.engine.learn(x, w)
        self._n_learned = n
        return model

    def _grid(self, n: int) -> int:
        """Return how many of the first `n` observations the provisional fit uses."""
        grid, following = self._last_grid
        if grid > n:
            grid, following = 0, 1
        while following <= n:
            grid, following = following, self._grid_after(following)
        self._last_grid = grid, following
        return grid

    def _grid_after(self, grid: int) -> int:
        """Return the number of observations that the provisional fit after this one uses."""
        if grid < 10:
            return grid + 1
        following = int(grid * (FEW_GROWTH if grid < FEW or self.spread else self.growth))
        # while the work of the initial fit is spread over the remaining observations, no other fit
        # is scheduled
        return self.size if self.spread and following > self._first_of_start else following

    def _advance_provisional(self, grid: int, n: int) -> None:
        """Run the due steps of the next provisional fit, and switch to it when it is complete."""
        earlier = self._grid(grid - 1) if grid > 10 else grid
        if self._provisional is None or self._provisional[0] != earlier:
            if self._next is None or self._next[0] != earlier:
                self._next = earlier, self._start_job(earlier)
            self._switch_to(earlier, self._next[1].finish())
        # delay the start by k - 1 observations, so that mixtures with different k do not start
        # their fits at the same time
        begin = grid + (self._k - 1 if self.spread and grid >= FEW else 0)
        if earlier == grid or n < begin:
            return
        if self._next is None or self._next[0] != grid:
            self._next = grid, self._start_job(grid)
        self._next[1].advance((n - begin + 1) * COST_PER_OBSERVATION)
        if self._next[1].result is not None:
            self._switch_to(grid, self._next[1].result)

    def _start_job(self, n: int) -> Job[EMModel]:
        """Return the fit to the first `n` observations, to be run in steps."""
        effort = PROVISIONAL_EFFORT if n >= FEW else FEW_EFFORT if n >= 10 else FIRST_EFFORT
        return Job(self._steps(n, *effort) if n else self._no_steps())

    def _no_steps(self) -> Generator[float, None, EMModel]:
        yield 0.0
        return self.new_model()

    def _switch_to(self, grid: int, model: EMModel) -> None:
        model.engine.end_burn_in(model.engine.n, memory=model.engine.n)
        self._provisional, self._n_learned, self._next = (grid, model), grid, None

    def fit(self) -> EMModel:
        """Return a model fitted to the buffer."""
        if self._spread_start is not None:
            first_fit = self._spread_start.finish()
            model = self.new_model(self.observations)
            if model.reads_like(first_fit):
                return self._extend(first_fit, model)
        return Job(self._steps(len(self._kept), *FINAL_EFFORT)).finish()

    def _extend(self, first_fit: EMModel, model: EMModel) -> EMModel:
        """Run EM on the whole buffer, from the spread start or from a new one if it is better."""
        xs, w = self._first(len(self._kept))
        rows = model.rows(xs)
        self._table = model, (rows, w)
        shares, _ = first_fit.e_step(rows, w)
        model.e_step(rows, w, shares)
        model.m_step()
        extended, snapshot = climb(model, rows, w, EXTEND_ITERATIONS), model.snapshot()
        seed_model(model, make_sample(model, rows, w), np.random.default_rng(self._seed))
        if climb(model, rows, w, COMPARE_ITERATIONS) > extended:
            climb(model, rows, w, EXTEND_ITERATIONS)
        else:
            model.restore(snapshot)
            model.m_step()
        model.engine.end_burn_in(model.engine.n)
        return model

    def _steps(self, n: int, starts: int, iterations: int) -> Generator[float, None, EMModel]:
        """Fit a model to the first `n` observations, in steps."""
        xs, w = self._first(n)
        model = self.new_model(xs)
        rows, rng = model.rows(xs), np.random.default_rng(self._seed)
        if n >= self.size:
            self._table = model, (rows, w)
        continued = CONTINUED if n >= self.size and not self.spread else 1
        later = self._later_weight(model, n) if (starts, iterations) == FINAL_EFFORT else 1.0
        yield from steps_of_fit(model, rows, later * w, rng, starts, iterations, continued)
        engine = model.engine
        if later > 1.0:
            engine.n = engine.memory = float(w.sum())
            engine.explained[:] = engine.n * engine.live
            model.m_step()
        engine.end_burn_in(engine.n)
        return model

    def _later_weight(self, model: EMModel, n: int) -> float:
        """Return the weight of every observation while starts from `n` of them are compared."""
        if self.priors is not None or self.spread:  # a spread start ends with the true weights
            return 1.0
        least = ROWS_PER_PARAMETER * self._k * (model.width + 1)
        return min(max(n / least, 1.0), MAX_LATER_WEIGHT)

    def _first(self, n: int) -> tuple[list[Any], Array]:
        """Return the first `n` observations, and their weights."""
        return [x for x, _ in self._kept[:n]], np.array([w for _, w in self._kept[:n]])
