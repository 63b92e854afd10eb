"""Starts for a mixture: k-means++ clusters, and a search for the best start by short EM runs."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from seqbayes.mixture.components.default_prior import standardise
from seqbayes.mixture.em.clusters import (
    Keys,
    cluster,
    row_keys,
    some_of,
    spread_out,
    without_outliers,
)
from seqbayes.mixture.em.loop import EMModel
from seqbayes.state import State

Array = npt.NDArray[np.float64]
T = TypeVar("T")

# Number of EM iterations after which starts are compared, and number of the best that continue.
COMPARE_AFTER, CONTINUED = 8, 3

ALONE_AFTER = 6
"""Number of iterations on the sample if only one start is affordable."""

SEED_ROWS = 2000
"""Maximum sample size for the starts of a batch fit."""

TRIES_PER_START, MIN_TRIES = 18, 10
"""Number of EM runs per start of a batch fit if runs are fast, and the minimum number."""

COST_PER_START, USUAL_ITERATIONS = 1e8, 30
"""Approximate numbers of multiplications and of EM iterations per start of a batch fit."""

FRESH_SHARE = 8
"""One in this many EM runs starts from new clusters; the others change the best result."""

SEED_ITERATIONS, SEED_TOLERANCE = 100, 1e-4
"""Maximum number of EM iterations from every start of a batch fit, and the tolerance per row."""

START_COST, FIT_COST = 2.5e7, 2.5e7
"""Approximate number of multiplications for all starts, and for continuing the best ones."""

COMPARE_ROWS, ROWS_PER_FEATURE = 120, 3
"""Sample size for comparing starts: number of rows per component, and minimum per feature."""

STEP_OVERHEAD = 2e4
"""Cost of an EM iteration apart from the computations with the rows, in multiplications."""

OUTLIER_SHARE, OUTLIER_RATIO = 0.03, 6.0
"""Maximum share of outliers; they are this many times as far from neighbours as other rows."""

EXTREME = 6.0
"""A value is extreme beyond this many standard deviations, estimated without outliers."""

BACKGROUND_SHARE, BACKGROUND_RATIO = 0.3, 4.0
"""Assumed share of background points, and how many times as far away their neighbours are."""

FINAL_ITERATIONS = 3
"""Iterations of EM with all rows after a start without outliers."""


class StartSample(NamedTuple):
    """The rows that starts are made from, with weights (0 for outliers), scaled points and keys."""

    rows: Array
    w: Array
    points: Array
    keys: Keys


def make_sample(model: EMModel, rows: Array, w: Array) -> StartSample:
    """Return the rows, together with the points that are used to cluster them."""
    points = standardise(model.reader.vectors(rows))
    if model.settings.background:
        w = without_outliers(points, w, BACKGROUND_SHARE, BACKGROUND_RATIO)
    elif model.settings.robust:
        w = without_outliers(points, w, OUTLIER_SHARE, OUTLIER_RATIO)
    return StartSample(rows, w, points, row_keys(rows))


def seed_model(model: EMModel, sample: StartSample, rng: np.random.Generator) -> None:
    """Start from k-means++ clusters of the rows, each assigned to the prior that fits best."""
    rows, w, points, keys = sample
    given = cluster(points, w, keys, len(model.priors), rng)
    model.engine.limit_influence(False)  # the parameters have not been fitted to the rows yet
    if not _are_same(model.priors):
        given = np.ascontiguousarray(given[:, _assign(model, rows, w, given)])
    model.e_step(rows, w, given)
    model.m_step()
    model.engine.limit_influence(model.settings.robust)


def _are_same(priors: Sequence[State]) -> bool:
    return all(prior is priors[0] or prior == priors[0] for prior in priors)


def _assign(model: EMModel, rows: Array, w: Array, given: Array) -> Any:
    """Return, for each component, the cluster with the most evidence under its prior."""
    from scipy.optimize import linear_sum_assignment

    k = len(model.priors)
    evidence = np.zeros((k, k))
    for turn in range(k):
        clusters = (np.arange(k) + turn) % k
        model.e_step(rows, w, np.ascontiguousarray(given[:, clusters]))
        for component, state in enumerate(model.states(model.engine)):
            data = state.statistics
            log_evidence = state.log_marginal(state.prior, data.value) + data.log_base
            evidence[component, clusters[component]] = log_evidence
    evidence[~np.isfinite(evidence)] = -1e300
    return linear_sum_assignment(evidence, maximize=True)[1]


def seed_best(
    model: EMModel, rows: Array, w: Array, rng: np.random.Generator | None, starts: int
) -> None:
    """Start from the best result of EM, run from several starts and from changes to the best one.

    Starts from many rows use a sample. Without `rng`, the result depends only on the rows, not on
    their order.

    References
    ----------
    .. [1] Ueda, N., Nakano, R., Ghahramani, Z. and Hinton, G. E. (2000). SMEM algorithm for mixture
       models. Neural Computation 12, 2109-2128.
    .. [2] Biernacki, C., Celeux, G. and Govaert, G. (2003). Choosing starting values for the EM
       algorithm for getting the highest likelihood in multivariate Gaussian mixture models.
       Computational Statistics and Data Analysis 41, 561-575.
    """
    if rng is None:
        order = np.lexsort(rows.T)
        rows, w, rng = rows[order], w[order], np.random.default_rng(0)
    some = spread_out(len(rows), SEED_ROWS)
    rows, w = np.ascontiguousarray(rows[some]), w[some]
    sample = make_sample(model, rows, w)
    k, best, seeded = len(model.priors), -math.inf, []
    same = _are_same(model.priors)
    tries = _tries(model, len(rows), starts)
    fresh = max(1, tries // FRESH_SHARE) if same and starts > 1 else tries
    shares, least = np.empty((0, 0)), 1e-3 * len(rows)
    for i in range(tries):
        if i < fresh:
            seed_model(model, sample, rng)
            model.engine.limit_influence(False)
        else:
            model.e_step(rows, w, CHANGES[int(rng.integers(k == 2, 3))](sample, shares, rng))
        statistics = model.snapshot()
        model.m_step()
        goal = best + least if i > 0 else -math.inf
        reached = climb(model, rows, w, SEED_ITERATIONS, SEED_TOLERANCE, goal)
        if reached > goal or i == 0:
            best, seeded = reached, statistics
            shares, _ = model.e_step(rows, w)
            shares = shares[:, :k]
    model.restore(seeded)
    model.m_step()


def _tries(model: EMModel, n: int, starts: int) -> int:
    """Return the number of EM runs on `n` rows, with several runs per start if EM is fast."""
    if len(model.priors) == 1 or starts == 1:
        return 1
    per_start = min(TRIES_PER_START, 5 * len(model.priors) - 6)
    affordable = _affordable(model, n, starts * COST_PER_START) // USUAL_ITERATIONS
    return max(min(starts, MIN_TRIES), min(per_start * starts, affordable))


def _join_and_split(sample: StartSample, shares: Array, rng: np.random.Generator) -> Array:
    """Return responsibilities after joining two random components and splitting a third one."""
    a, b, c = rng.choice(shares.shape[1], 3, replace=False)
    w = np.maximum(sample.w * shares[:, c], 1e-300)
    halves = cluster(sample.points, w, sample.keys, 2, rng)
    changed = shares.copy()
    changed[:, a] += shares[:, b]
    changed[:, b], changed[:, c] = shares[:, c] * halves[:, 0], shares[:, c] * halves[:, 1]
    return changed


def _move_component(sample: StartSample, shares: Array, rng: np.random.Generator) -> Array:
    """Return responsibilities after moving a random component to the neighbours of a random row."""
    n, k = shares.shape
    moved = int(rng.integers(k))
    changed = shares.copy()
    changed[:, moved] = 0.0
    left = changed.sum(axis=1, keepdims=True)
    changed = np.where(left > 1e-12, changed / np.maximum(left, 1e-12), 1.0 / (k - 1))
    distance = ((sample.points - sample.points[rng.integers(n)]) ** 2).sum(axis=1)
    near = np.argsort(distance)[: max(4, int(n * rng.uniform(0.3, 1.2) / k))]
    changed[:, moved] = 0.0
    changed[near] *= 0.1
    changed[near, moved] = 0.9
    return np.ascontiguousarray(changed)


def _reassign_half(sample: StartSample, shares: Array, rng: np.random.Generator) -> Array:
    """Return responsibilities with a random half of one component assigned to another."""
    k = shares.shape[1]
    giver, taker = rng.choice(k, 2, replace=False)
    projected = sample.points @ rng.normal(size=sample.points.shape[1])
    half = projected > np.average(projected, weights=shares[:, giver] + 1e-300)
    changed = shares.copy()
    changed[half, taker] += shares[half, giver]
    changed[half, giver] = 0.0
    return np.ascontiguousarray(0.98 * changed + 0.02 / k)


CHANGES = (_join_and_split, _move_component, _reassign_half)
"""Changes to a local optimum, from which EM may reach a better one."""


class Job(Generic[T]):
    """Work that is done in steps, so that no single observation is delayed by the whole work.

    Parameters
    ----------
    steps
        A generator that yields the cost of every step, and returns the result.
    """

    def __init__(self, steps: Generator[float, None, T]) -> None:
        self._rest = steps
        self.spent = 0.0
        self.result: T | None = None

    def advance(self, cost: float) -> None:
        """Take steps until their total cost reaches a limit, or until there is a result."""
        while self.result is None and self.spent < cost:
            try:
                self.spent += next(self._rest)
            except StopIteration as end:
                self.result = end.value

    def finish(self) -> T:
        """Take all remaining steps, and return the result."""
        self.advance(math.inf)
        assert self.result is not None
        return self.result


def fit_best_start(
    model: EMModel,
    rows: Array,
    w: Array,
    rng: np.random.Generator,
    starts: int,
    iterations: int,
    continued: int = CONTINUED,
) -> None:
    """Fit by EM from the best of several starts.

    All starts run a few iterations on a sample; the best ones continue until convergence. If this
    would be slow, there are fewer starts and iterations; online EM continues from the result.
    """
    Job(steps_of_fit(model, rows, w, rng, starts, iterations, continued)).finish()


def steps_of_fit(
    model: EMModel,
    rows: Array,
    w: Array,
    rng: np.random.Generator,
    starts: int,
    iterations: int,
    continued: int = CONTINUED,
) -> Generator[float, None, EMModel]:
    """Take the steps of `fit_best_start`; yield the cost of every start and every EM iteration."""
    usual = _usual_weights(model, rows, w)
    if len(model.priors) == 1 and not model.settings.background and model.settings.df is None:
        model.engine.limit_influence(False)
        model.e_step(rows, usual, np.ones((len(rows), 1)))
        model.m_step()
        model.engine.limit_influence(model.settings.robust)
        yield from _climbing(model, rows, w, FINAL_ITERATIONS)
        return model
    # fewer rows would give covariances that are too small for other rows
    each = max(COMPARE_ROWS, ROWS_PER_FEATURE * model.width)
    some = some_of(row_keys(rows), each * len(model.priors))
    sample = make_sample(model, rows[some], usual[some])
    yield 2.0 * step_cost(model, len(sample.rows))
    starts = min(starts, 1 + _affordable(model, len(sample.rows), START_COST) // COMPARE_AFTER)
    compare_after = COMPARE_AFTER if starts > 1 else ALONE_AFTER
    iterations = min(iterations, 2 + _affordable(model, len(rows), FIT_COST))
    starts = starts if len(model.priors) > 1 else 1
    found = yield from _run_starts(model, sample, rng, starts, compare_after)
    ends = []
    for _, snapshot in found[: continued if iterations > COMPARE_AFTER else 1]:
        model.restore(snapshot)
        model.m_step()
        reached = yield from _climbing(model, rows, usual, iterations)
        ends.append((reached, model.snapshot()))
    model.restore(max(ends, key=lambda each: each[0])[1])
    model.m_step()
    if usual is not w:
        yield from _climbing(model, rows, w, min(FINAL_ITERATIONS, iterations // 2))
    return model


def _run_starts(
    model: EMModel, sample: StartSample, rng: np.random.Generator, starts: int, iterations: int
) -> Generator[float, None, list[tuple[float, Any]]]:
    """Run EM from several starts; return the log posteriors and statistics, with the best first."""
    found = []
    for _ in range(starts):
        seed_model(model, sample, rng)
        yield 2.0 * step_cost(model, len(sample.rows))
        reached = yield from _climbing(model, sample.rows, sample.w, iterations)
        found.append((reached, model.snapshot()))
    return sorted(found, key=lambda each: -each[0])


def limited_effort(starts: int, iterations: int, affordable: float) -> tuple[int, int]:
    """Return numbers of starts and iterations that need at most an affordable number of steps."""
    half = affordable / 2.0
    starts = int(min(starts, max(1.0, half / (COMPARE_AFTER + 2))))
    return starts, int(min(iterations, max(2.0, half)))


def step_cost(model: EMModel, n: int) -> float:
    """Return the approximate number of multiplications of an iteration over `n` rows."""
    d = model.width
    return len(model.priors) * (n * (d * d + 10.0 * d + 40.0) + d**3) + STEP_OVERHEAD


def _affordable(model: EMModel, n: int, cost: float) -> int:
    """Return the number of iterations over `n` rows that need at most `cost` multiplications."""
    d = model.width
    return int(cost / (n * len(model.priors) * (d * d + 10 * d + 40)))


def climb(
    model: EMModel,
    rows: Array,
    w: Array,
    iterations: int,
    tolerance: float = 1e-6,
    goal: float = -math.inf,
) -> float:
    """Run EM until it converges; return the log posterior, up to a constant."""
    return Job(_climbing(model, rows, w, iterations, tolerance, goal)).finish()


def _climbing(
    model: EMModel,
    rows: Array,
    w: Array,
    iterations: int,
    tolerance: float = 1e-6,
    goal: float = -math.inf,
) -> Generator[float, None, float]:
    """Run EM until it converges; yield the cost of each iteration, and return the log posterior.

    The result is minus infinity if extrapolation of the gains shows that EM will not reach the
    goal.
    """
    before, gained = -math.inf, math.inf
    for i in range(iterations):
        _, log_likelihood = model.e_step(rows, w)
        gain = log_likelihood - before
        if abs(gain) < tolerance * len(rows) or i == iterations - 1:
            break
        if goal > -math.inf and i >= 4 and i % 2 == 0:
            rate = min(max(gain / gained, 0.0), 0.9)
            if log_likelihood + gain * rate / (1.0 - rate) + model.log_prior(relative=True) < goal:
                return -math.inf
        before, gained = log_likelihood, gain
        model.m_step()
        yield step_cost(model, len(rows))
    reached = log_likelihood + model.log_prior(relative=True)
    model.m_step()
    return reached


def _usual_weights(model: EMModel, rows: Array, w: Array) -> Array:
    """Return weights that are 0 for the few rows with an extreme value."""
    if not model.settings.robust or model.settings.background:
        return w
    points = standardise(model.reader.vectors(rows))
    # a feature whose values are mostly equal, such as a rare category, has no scale
    varies = (points == np.median(points, axis=0)).mean(axis=0) < 0.5
    distance = np.abs(points[:, varies]).max(axis=1, initial=0.0)
    usual = np.sort(distance)[int((1.0 - OUTLIER_SHARE) * (len(distance) - 1))]
    extreme = distance > max(usual, EXTREME)
    kept: Array = np.where(extreme, 0.0, w)
    return kept if extreme.any() and kept.any() else w
