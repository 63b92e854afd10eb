"""The buffer of a stream: the first observations, until the components are fitted to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from seqbayes.families import Dirichlet
from seqbayes.mixture.components.background import FIRST_SHARE
from seqbayes.mixture.components.rows import as_observation
from seqbayes.mixture.default_prior import check_numbers, scaled_to
from seqbayes.mixture.em import EMModel
from seqbayes.mixture.settings import Settings, check_proper
from seqbayes.mixture.start import fit_best_start
from seqbayes.state import State

Array = npt.NDArray[np.float64]

# Number of starts, and of EM iterations from the best start: for the final fit, and for predictions
# while the buffer fills.
FINAL_EFFORT = (10, 100)
PROVISIONAL_EFFORT = (4, 20)


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
    """

    growth = 1.25
    """Growth of the buffer after which predictions use a new fit."""

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
        self._checker: EMModel | None = None
        self._provisional: tuple[int, EMModel] | None = None
        self._read: tuple[EMModel, tuple[Array, Array]] | None = None
        self._followed = 0

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[tuple[Any, float]]:
        return iter(self._kept)

    @property
    def is_full(self) -> bool:
        """Whether there are enough observations to start."""
        return len(self._kept) >= self.size

    def clear(self) -> None:
        """Discard all observations."""
        self._kept = []
        self._provisional = self._read = None

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
        self.check([x])
        if self.priors is not None:
            for state in self.priors:
                check_proper(state)
        if w == 0.0:
            return
        x = as_observation(x)
        if self.priors is None and self._kept and self._kept[-1][0] == x:
            # equal values have no scale: they are stored once with their total weight
            w += self._kept.pop()[1]
            self._provisional = None
        self._kept.append((x, w))

    def check(self, xs: Any) -> None:
        """Raise an error if an observation is outside the support of a component.

        Raises
        ------
        ObservationError
            If an observation is invalid.
        """
        if self.priors is not None:
            if self._checker is None:
                self._checker = self.new_model()
            self._checker.rows(xs)
            return
        check_numbers(xs, self._kept[0][0] if self._kept else None)

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

    def fit(self) -> EMModel:
        """Return a model fitted to the buffer."""
        return self._fit_first(len(self._kept), *FINAL_EFFORT)

    def table(self, model: EMModel) -> tuple[Array, Array]:
        """Return the observations as rows, and their weights."""
        if self._read is not None and self._read[0] is model:
            return self._read[1]
        return model.rows(self.observations), np.array([w for _, w in self._kept])

    @property
    def observations(self) -> list[Any]:
        """The observations in order."""
        return [x for x, _ in self._kept]

    def provisional(self) -> EMModel:
        """Return a model that was fitted to most of the buffer and then learned the rest.

        Predictions depend only on the observations, not on when they were requested.
        """
        grid = n = len(self._kept)
        if n > 10:
            steps = int(np.log(n / 10.0) / np.log(self.growth))
            grid = int(10.0 * self.growth**steps)
        if self._provisional is None or self._provisional[0] != grid:
            model = self._fit_first(grid, *PROVISIONAL_EFFORT) if grid else self.new_model()
            model.engine.end_burn_in(model.engine.n, memory=model.engine.n)
            self._provisional, self._followed = (grid, model), grid
        model = self._provisional[1]
        for x, w in self._kept[self._followed :]:
            model.engine.learn(x, w)
        self._followed = n
        return model

    def _fit_first(self, n: int, starts: int, iterations: int) -> EMModel:
        xs = [x for x, _ in self._kept[:n]]
        w = np.array([w for _, w in self._kept[:n]])
        model = self._fit(xs, w, starts, iterations)
        model.engine.end_burn_in(model.engine.n)
        return model

    def _fit(self, xs: list[Any], w: Array, starts: int, iterations: int) -> EMModel:
        """Return a model fitted to observations."""
        model = self.new_model(xs)
        rows, rng = model.rows(xs), np.random.default_rng(self._seed)
        if len(xs) == len(self._kept):
            self._read = model, (rows, w)
        fit_best_start(model, rows, w, rng, starts, iterations)
        return model
