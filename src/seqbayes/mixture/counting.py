"""Search for the number of components with the most evidence, in a buffer or in one component."""

from __future__ import annotations

import math
from collections.abc import Collection, Generator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from seqbayes.errors import PriorError
from seqbayes.mixture.buffer import COST_PER_OBSERVATION, Buffer
from seqbayes.mixture.components.default_prior import scaled_to
from seqbayes.mixture.em.evidence import log_evidence
from seqbayes.mixture.em.loop import EMModel
from seqbayes.mixture.em.split_merge import ProcessPrior, assemble, parts
from seqbayes.mixture.em.start import (
    Job,
    climb,
    fit_best_start,
    limited_effort,
    step_cost,
    steps_of_fit,
)
from seqbayes.state import State

Array = npt.NDArray[np.float64]

TYPICAL = 3
"""Number of components on which the scale of a default prior is based."""

COUNT_SHARE = 2.0 / 3.0
"""Share of the buffer that determines the initial number of components while the rest is filled."""

STARTS, ITERATIONS = 2, 25
"""Number of starts for each number of components, and of EM iterations from the best start."""

ROWS_PER_COUNT = 8
"""Number of observations for each additional component that is tried, if there are few."""

NEEDED_EVIDENCE = 3.0
"""Log evidence required for each additional component at the start: a Bayes factor of 20."""

PATIENCE = 2
"""How many larger numbers of components are tried although the evidence has decreased."""

COUNT_COST = 1.5e6
"""Approximate cost of the search for the number of components: multiplications per observation."""

MIN_STEPS = 10
"""Minimum number of EM iterations for another number of components."""

RESTART_COST, REFINE_COST = 1e7, 4e6
"""If a search with all observations takes at most the first number of multiplications, the start
repeats the search; otherwise it continues the fit to the first observations, for at most the second
number of multiplications."""


SPLIT_STARTS, SPLIT_ITERATIONS = 2, 8
"""Number of starts of a split, and of EM iterations from the best start."""

SPLIT_COST = 2e5
"""Approximate cost of the search for a split: multiplications per observation."""


class CountingBuffer(Buffer):
    """A buffer to which the number of components with the most evidence is fitted.

    Parameters
    ----------
    prior
        The truncated Dirichlet process.
    component
        The components' prior; None if it is derived from the data.
    seed
        The seed of the start.
    size
        Number of observations to keep.
    """

    growth = 4.0  # every fit compares several numbers of components

    def __init__(
        self, prior: ProcessPrior, component: State | None, seed: int | None, size: int
    ) -> None:
        priors = None if component is None else (component,)
        super().__init__((0,), priors, prior.settings, seed, size)
        self._prior = prior
        self._counting: Job[EMModel] | None = None
        first = int(COUNT_SHARE * size)
        self._counted = first if first >= 2 * prior.most else size

    def clear(self) -> None:
        """Discard all observations."""
        super().clear()
        self._counting = None

    def add(self, x: Any, w: float) -> None:
        """Keep an observation; if the buffer is nearly full, also search for the best number."""
        super().add(x, w)
        n = len(self)
        # the weight of the last observation may still increase
        if self._counted < n and self._counted < self.size:
            if self._counting is None:
                self._counting = Job(self._count(self._counted, STARTS, ITERATIONS))
            self._counting.advance((n - self._counted) * COUNT_COST)

    def _grid_after(self, grid: int) -> int:
        """Return the number of observations that the fit after this one uses."""
        return max(grid + 1, int(grid * self.growth))

    def _component(self, xs: list[Any]) -> State:
        return scaled_to(xs, TYPICAL) if self.priors is None else self.priors[0]

    def _count(
        self, n: int, starts: int, iterations: int, budget: float = math.inf
    ) -> Generator[float, None, EMModel]:
        """Fit increasing numbers of components while the evidence grows; return the best model.

        If the total cost is limited, fewer starts, iterations and components are tried.
        """
        xs, w = self._first(n)
        component, rows = self._component(xs), np.empty((0, 0))
        models: list[EMModel] = []
        evidence: list[float] = []
        most = min(self._prior.most, 1 + n // ROWS_PER_COUNT)
        spent = 0.0
        while len(models) < most:
            model = self._prior.new_model(component, len(models) + 1, flat=True)
            affordable = (budget - spent) / step_cost(model, n)
            if models and affordable < MIN_STEPS:
                break
            if not models:
                rows = model.rows(xs)
                yield step_cost(model, n)
            rng = np.random.default_rng(self._seed)
            effort = limited_effort(starts, iterations, affordable)
            for cost in steps_of_fit(model, rows, w, rng, *effort, continued=1):
                spent += cost
                yield cost
            models.append(model)
            needed = NEEDED_EVIDENCE * len(models)
            evidence.append(log_evidence(model, rows, w, *self._prior[:2]) - needed)
            yield step_cost(model, n)
            if len(models) - int(np.argmax(evidence)) - 1 >= PATIENCE:
                break
        return models[int(np.argmax(evidence))]

    def _assemble(self, found: EMModel) -> EMModel:
        """Return a model with the statistics of a fitted model and the prior of the process."""
        found.engine.end_burn_in(found.engine.n)
        model = assemble(self._prior, found, [[part] for part in parts(found)], 0.0)
        model.engine.end_burn_in(model.engine.n)
        return model

    def _steps(self, n: int, starts: int, iterations: int) -> Generator[float, None, EMModel]:
        """Fit a model to the first `n` observations, in steps."""
        if n < self.size and self._counting is not None and self._counting.result is not None:
            model = self._assemble(self._counting.result)
            for x, w in self._kept[self._counted : n]:
                model.engine.learn(x, w)
            yield 0.0
            return model
        if n >= self.size and self._counting is not None:
            found = self._refine(self._counting.finish())
        else:
            share = 1.0 if n >= self.size else 0.5
            effort = min(starts, int(share * STARTS)), min(iterations, int(share * ITERATIONS))
            remaining = self._grid_after(n) - n if n < self.size else math.inf
            found = yield from self._count(n, *effort, remaining * COST_PER_OBSERVATION)
        return self._assemble(found)

    def _refine(self, counted: EMModel) -> EMModel:
        """Return a model with the number of components found, fitted to the whole buffer."""
        xs, w = self._first(len(self))
        model = self._prior.new_model(self._component(xs), len(counted.priors), flat=True)
        rows = model.rows(xs)
        cost = step_cost(model, len(rows))
        total_cost = (STARTS * 10 + 2 * ITERATIONS) * cost
        if total_cost <= RESTART_COST or not model.reads_like(counted):
            rng = np.random.default_rng(self._seed)
            fit_best_start(model, rows, w, rng, STARTS, ITERATIONS, continued=1)
            return model
        shares, _ = counted.e_step(rows, w)
        model.e_step(rows, w, shares)
        model.m_step()
        for _ in range(max(1, min(ITERATIONS, int(REFINE_COST / cost)))):
            model.e_step(rows, w)
            model.m_step()
        return model


class SplitSearch:
    """The search, in steps, for the best split of a component into two.

    One and two components are fitted to the rows that the component is responsible for.

    Parameters
    ----------
    prior
        The truncated Dirichlet process.
    component
        The prior of the component.
    name
        Its name.
    rows, w
        The rows, of shape (n, width), and their weights times the responsibilities, of shape (n,).
    seed
        The seed of the starts. All steps depend only on these arguments.

    Attributes
    ----------
    halves
        The two halves, after the last step.
    """

    def __init__(
        self,
        prior: ProcessPrior,
        component: State,
        name: int,
        rows: Array,
        w: Array,
        seed: Sequence[int],
    ) -> None:
        self.name, self._rows, self._w, self._seed = name, rows, w, list(seed)
        self.halves = prior.new_model(component, 2, flat=True)
        self._job = Job(self._steps(prior))
        self._turns = 0

    @property
    def gain(self) -> float | None:
        """The log evidence for two components; None before the last step."""
        return self._job.result

    @classmethod
    def of_component(
        cls,
        prior: ProcessPrior,
        model: EMModel,
        name: int,
        at: int,
        window: Collection[tuple[Any, float]],
        seed: Sequence[int],
    ) -> SplitSearch | None:
        """Return a search for the component at a position; None if it has too few observations."""
        rows = model.rows([x for x, _ in window])
        mine = np.array([w for _, w in window]) * model.responsibilities(rows)[:, at]
        chosen = mine > 1e-3
        if mine.sum() < 4.0 or chosen.sum() < 4:
            return None
        return cls(prior, model.priors[at], name, rows[chosen], mine[chosen], seed)

    def _steps(self, prior: ProcessPrior) -> Generator[float, None, float]:
        rows, w, halves = self._rows, self._w, self.halves
        whole = prior.new_model(halves.priors[0], 1, flat=True)
        whole.engine.limit_influence(False)
        whole.e_step(rows, w, np.ones((len(rows), 1)))
        whole.m_step()
        if prior.settings.df is not None:  # one step is enough for other components
            climb(whole, rows, w, SPLIT_ITERATIONS)
        alone = log_evidence(whole, rows, w, prior.concentration, prior.most)
        yield step_cost(halves, len(rows))
        rng = np.random.default_rng(self._seed)
        yield from steps_of_fit(halves, rows, w, rng, SPLIT_STARTS, SPLIT_ITERATIONS, continued=1)
        return log_evidence(halves, rows, w, prior.concentration, prior.most) - alone

    def advance(self, turns: int = 1) -> None:
        """Take the steps that the budget of `turns` observations allows."""
        self._turns += turns
        self._job.advance(self._turns * SPLIT_COST)

    def to_dict(self) -> dict[str, Any]:
        """Return the search as plain numbers and lists."""
        return {
            "name": self.name,
            "rows": [[None if v != v else v for v in row] for row in self._rows.tolist()],
            "weights": self._w.tolist(),
            "seed": self._seed,
            "turns": self._turns,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], prior: ProcessPrior, model: EMModel) -> SplitSearch:
        """Return the search that `to_dict` described, after taking the same steps.

        Raises
        ------
        PriorError
            If the document is invalid.
        """
        try:
            rows = np.array(data["rows"], float).reshape(-1, model.width)  # None becomes NaN
            w, seed = np.array(data["weights"], float), list(map(int, data["seed"]))
            found = cls(prior, model.priors[0], int(data["name"]), rows, w, seed)
            found.advance(int(data["turns"]))
        except (KeyError, TypeError, ValueError) as error:
            raise PriorError(f"cannot read the search for a split: {error}") from None
        return found
