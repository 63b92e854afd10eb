"""Starts of a mixture: k-means++ clusters, default priors, and the buffer of a stream."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from seqbayes import families, likelihoods, serialization
from seqbayes.errors import ObservationError, PriorError
from seqbayes.families import Dirichlet
from seqbayes.mixture.em import EMModel
from seqbayes.mixture.rows import LARGEST, as_number, as_observation
from seqbayes.mixture.settings import Settings, check_proper
from seqbayes.state import State

Array = npt.NDArray[np.float64]

# Iterations of EM after which starts are compared, and how many of the best continue.
COMPARE_AFTER, CONTINUED = 8, 2

SEED_ROWS = 2000
"""Starts of a batch use a sample of at most this many rows."""

CHANGES_PER_START = 3
"""Number of changes to the best start, for each start of a batch."""

SEED_ITERATIONS, SEED_TOLERANCE = 100, 1e-4
"""Iterations of EM from every start of a batch, until one gains less than this per row."""

START_COST, FIT_COST = 7e7, 7e7
"""About how many multiplications the starts take, and the iterations that continue the best."""

COMPARE_ROWS = 60
"""Starts are compared on a sample of this many rows per component."""

# Number of starts, and iterations of EM from the best: for the start itself, and for predictions
# while the buffer fills.
FINAL_EFFORT = (10, 100)
PROVISIONAL_EFFORT = (4, 20)

RARE_SHARE = 0.015
"""Outliers are at most this share of the values of a feature."""

LONGEST_TAIL = 30.0
"""Values further than this from the median, in median absolute deviations, give no scale."""

OUTLIER_SHARE, OUTLIER_RATIO = 0.03, 10.0
"""Largest share of outliers among rows, and how much farther their neighbours are than others'."""

REFERENCE_ROWS, CHUNK = 600, 256
"""Neighbours are sought among at most this many rows, and for this many rows at once."""


class Sample(NamedTuple):
    """Rows for starts: their weights, without outliers, and points on a common scale."""

    rows: Array
    w: Array
    points: Array


def make_sample(model: EMModel, rows: Array, w: Array) -> Sample:
    """Return the rows, together with the points by which they are clustered."""
    points = standardise(model.reader.vectors(rows))
    return Sample(rows, _without_outliers(points, w) if model.settings.robust else w, points)


def seed_model(model: EMModel, sample: Sample, rng: np.random.Generator) -> None:
    """Start from k-means++ clusters of the rows, each with the prior that suits it best."""
    rows, w, points = sample
    given = cluster(points, w, len(model.priors), rng)
    model.engine.limit_influence(False)  # the parameters do not fit the rows yet
    if any(prior != model.priors[0] for prior in model.priors):
        given = np.ascontiguousarray(given[:, _assign(model, rows, w, given)])
    model.e_step(rows, w, given)
    model.m_step()
    model.engine.limit_influence(model.settings.robust)


def _assign(model: EMModel, rows: Array, w: Array, given: Array) -> Any:
    """Return the cluster for every component that has the most evidence under its prior."""
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


def seed_best(model: EMModel, rows: Array, w: Array, rng: np.random.Generator, starts: int) -> None:
    """Start from the best of several starts after EM from each, and of changes to the best one.

    A change joins two components and splits a third. Starts from many rows use a sample of them.

    References
    ----------
    .. [1] Ueda, N., Nakano, R., Ghahramani, Z. and Hinton, G. E. (2000). SMEM algorithm for mixture
       models. Neural Computation 12, 2109-2128.
    """
    some = _spread_out(len(rows), SEED_ROWS)
    rows, w = rows[some], w[some]
    sample = make_sample(model, rows, w)
    k, best, seeded = len(model.priors), -math.inf, []
    same = all(prior == model.priors[0] for prior in model.priors)
    changes = CHANGES_PER_START * starts if starts > 1 and k > 1 else 0
    tries, shares = starts if k > 1 else 1, np.empty((0, 0))
    if k == 2 or not same:
        tries, changes = tries + changes, 0
    while tries + changes > 0:
        if tries > 0:
            seed_model(model, sample, rng)
            model.engine.limit_influence(False)
            tries -= 1
        else:
            model.e_step(rows, w, _joined_and_split(sample, shares, rng))
            changes -= 1
        statistics = model.snapshot()
        model.m_step()
        reached = _climb(model, rows, w, SEED_ITERATIONS, SEED_TOLERANCE)
        if reached > best + 1e-3 * len(rows) or best == -math.inf:
            best, seeded = reached, statistics
            shares, _ = model.e_step(rows, w)
    model.restore(seeded)
    model.m_step()


def _joined_and_split(sample: Sample, shares: Array, rng: np.random.Generator) -> Array:
    """Return responsibilities with two components joined and a third split, at random."""
    a, b, c = rng.choice(shares.shape[1], 3, replace=False)
    halves = cluster(sample.points, np.maximum(sample.w * shares[:, c], 1e-300), 2, rng)
    changed = shares.copy()
    changed[:, a] += shares[:, b]
    changed[:, b], changed[:, c] = shares[:, c] * halves[:, 0], shares[:, c] * halves[:, 1]
    return changed


def fit_best_start(
    model: EMModel,
    rows: Array,
    w: Array,
    rng: np.random.Generator,
    starts: int,
    iterations: int,
) -> None:
    """Fit by EM from the best of several starts.

    All starts take a few iterations on a sample; the best continue until they gain no more. There
    are fewer starts and iterations where they would take long; online EM continues from there.
    """
    some = _spread_out(len(rows), COMPARE_ROWS * len(model.priors))
    sample = make_sample(model, rows[some], w[some])
    starts = min(starts, 2 + _affordable(model, len(sample.rows), START_COST) // COMPARE_AFTER)
    iterations = min(iterations, 3 + _affordable(model, len(rows), FIT_COST))
    found = []
    for _ in range(starts if len(model.priors) > 1 else 1):
        seed_model(model, sample, rng)
        found.append((_climb(model, sample.rows, w[some], COMPARE_AFTER), model.snapshot()))
    found.sort(key=lambda each: -each[0])
    ends = []
    for _, snapshot in found[: CONTINUED if iterations > COMPARE_AFTER else 1]:
        model.restore(snapshot)
        model.m_step()
        ends.append((_climb(model, rows, w, iterations), model.snapshot()))
    model.restore(max(ends, key=lambda each: each[0])[1])
    model.m_step()


def _affordable(model: EMModel, n: int, cost: float) -> int:
    """Return the number of iterations over `n` rows whose multiplications are at most `cost`."""
    d = model.width
    return int(cost / (n * len(model.priors) * (d * d + 10 * d + 40)))


def _spread_out(n: int, most: int) -> Any:
    """Return at most `most` of `n` positions, evenly spread."""
    return slice(None) if n <= most else np.linspace(0, n - 1, most).astype(int)


def _climb(
    model: EMModel, rows: Array, w: Array, iterations: int, tolerance: float = 1e-6
) -> float:
    """Take iterations of EM until they gain no more; return the log posterior."""
    before = -math.inf
    for i in range(iterations):
        _, log_likelihood = model.e_step(rows, w)
        if abs(log_likelihood - before) < tolerance * len(rows) or i == iterations - 1:
            break
        before = log_likelihood
        model.m_step()
    reached = log_likelihood + model.log_prior(model.parameters(model.engine))
    model.m_step()
    return reached


def cluster(points: Array, w: Array, k: int, rng: np.random.Generator) -> Array:
    """Return responsibilities (n, k) from greedy k-means++, nearly one-hot.

    Every centre is the best of a few candidates.

    Parameters
    ----------
    points
        Vectors (n, d) on a common scale.
    w
        Weights (n,).
    k
        How many clusters.

    References
    ----------
    .. [1] Arthur, D. and Vassilvitskii, S. (2007). k-means++: the advantages of careful seeding.
    """
    chances = w / w.sum()
    centres = points[[rng.choice(len(points), p=chances)]]
    squared = _squared_distances(points, centres)[:, 0]
    candidates = 2 + int(math.log(k))
    while len(centres) < k:
        distance = w * squared
        total = distance.sum()
        share = distance / total if 0.0 < total < math.inf else chances
        tried = rng.choice(len(points), candidates, p=share)
        nearer = np.minimum(squared[:, None], _squared_distances(points, points[tried]))
        best = int((w @ nearer).argmin())
        centres, squared = np.vstack([centres, points[tried[best]]]), nearer[:, best]
    nearest = np.full(len(points), -1)
    for _ in range(20):
        assigned = _squared_distances(points, centres).argmin(axis=1)
        if np.array_equal(assigned, nearest):
            break
        nearest = assigned
        mass = np.bincount(nearest, w, k)
        filled = mass > 0.0
        for i, column in enumerate(points.T):
            sums = np.bincount(nearest, w * column, k)
            centres[filled, i] = sums[filled] / mass[filled]
    # every cluster gets a small share of every vector, so that no component starts empty
    assignment: Array = 0.9 * np.eye(k)[nearest] + 0.1 / k
    return assignment


def location_and_spread(values: Array) -> tuple[float, float]:
    """Return mean and standard deviation of values without outliers; NaN is a missing value.

    The spread is 0 if all values are equal, but for a few that may be outliers.
    """
    values = values[~np.isnan(values)]
    if len(values) == 0:
        return 0.0, 0.0
    centre = float(np.median(values))
    distance = np.abs(values - centre)
    varying = distance[distance > 0.0]
    if len(varying) <= RARE_SHARE * len(values):
        return centre, 0.0
    typical = np.median(distance) or np.median(varying)
    usual = values[distance <= LONGEST_TAIL * typical]
    return centre + float((usual - centre).mean()), float((usual - centre).std())


def standardise(vectors: Array) -> Array:
    """Return the vectors with mean 0 and variance 1 in every coordinate, but for outliers."""
    points = np.empty_like(vectors, dtype=float)
    for i, column in enumerate(vectors.T):
        location, spread = location_and_spread(column)
        points[:, i] = (column - location) / (spread or 1.0)
    # clipped so that no square overflows; a missing value is replaced by the mean
    standard: Array = np.nan_to_num(np.clip(points, -1e100, 1e100))
    return standard


def _without_outliers(points: Array, w: Array) -> Array:
    """Return weights that are 0 for points without near neighbours.

    A cluster has near neighbours if it has 2 % of the points, wherever it is.
    """
    reference = points[_spread_out(len(points), REFERENCE_ROWS)]
    k = max(2, round(0.02 * len(reference)))
    if len(reference) <= k + 1:
        return w
    near = np.empty(len(points))
    for i in range(0, len(points), CHUNK):
        squares = _squared_distances(points[i : i + CHUNK], reference)
        near[i : i + CHUNK] = np.partition(squares, k, axis=1)[:, k]
    usual = np.sort(near)[int((1.0 - OUTLIER_SHARE) * (len(near) - 1))]
    outlying = near > OUTLIER_RATIO**2 * usual
    kept: Array = np.where(outlying, 0.0, w)
    return kept if usual > 0.0 and kept.any() else w


def _squared_distances(points: Array, centres: Array) -> Array:
    squares: Array = (points * points).sum(axis=1)[:, None] + (centres * centres).sum(axis=1)
    distances: Array = np.maximum(squares - 2.0 * points @ centres.T, 0.0)
    return distances


# Default priors.


def scaled_to(data: Sequence[Any], k: int) -> State:
    """Return a vague Normal prior at the scale of the data: numbers, vectors or mappings.

    Its mean is that of the data without outliers, with the weight of a hundredth of an observation.
    Its expected covariance is diagonal, such that `k` clusters fill the volume of the data.

    References
    ----------
    .. [1] Fraley, C. and Raftery, A. E. (2007). Bayesian regularization for normal mixture
       estimation and model-based clustering. Journal of Classification 24, 155-181.
    """
    names, table = _tabulate(data)
    moments = [location_and_spread(column) for column in table.T]
    mean = np.array([location for location, _ in moments])
    variance = np.array([spread for _, spread in moments]) ** 2
    size = np.where(mean == 0.0, 1.0, np.abs(mean))
    # a constant coordinate has no other scale than its absolute value
    variance = np.where(variance > (1e-12 * size) ** 2, variance, (1e-3 * size) ** 2)
    scale = variance / k ** (2.0 / len(mean))
    is_number = names is None and np.ndim(data[0]) == 0
    return _default_prior(mean.tolist(), scale.tolist(), names, is_number)


def _default_prior(mean: list[float], scale: list[float], names: Any, is_number: bool) -> State:
    """Return the default prior at a location and a scale by feature."""
    if is_number:
        return families.NormalInverseGamma(mean[0], 0.01, 1.5, scale[0] / 2.0)
    likelihood = likelihoods.MultivariateNormal(features=names)
    return families.NormalInverseWishart(
        mean, 0.01, len(mean) + 2.0, np.diag(scale).tolist(), likelihood=likelihood
    )


def dump_default_prior(prior: State) -> list[Any]:
    """Return JSON values from which `load_default_prior` restores a prior of `scaled_to`."""
    if isinstance(prior.prior[0], float):
        return [[prior.prior[0]], [2.0 * prior.prior[3]], None, True]
    names = prior.likelihood.observation_fields or None
    scale = np.diagonal(prior.prior[3]).tolist()
    return [np.array(prior.prior[0]).tolist(), scale, serialization.encode(names), False]


def load_default_prior(dumped: Any) -> State:
    """Return the prior that `dump_default_prior` described.

    Raises
    ------
    PriorError
        If the document is invalid.
    """
    try:
        mean, scale, names, is_number = dumped
        return _default_prior(mean, scale, serialization.decode(names), bool(is_number))
    except (IndexError, TypeError, ValueError) as error:
        raise PriorError(f"cannot read a default prior: {error}") from None


def _tabulate(data: Sequence[Any]) -> tuple[tuple[Any, ...] | None, Any]:
    """Return the names of the features, if they have names, and a table (n, d) of the data."""
    if isinstance(data[0], dict):
        # sorted, so that the order of a mapping does not matter
        names = tuple(sorted({name for x in data for name in x}, key=repr))
        table = np.array([[x.get(name, np.nan) for name in names] for x in data], float)
        return names, table
    return None, np.array(data, float).reshape(len(data), -1)


class Buffer:
    """The first observations of a stream, kept until the components are fitted to them.

    Parameters
    ----------
    names
        The components' names.
    priors
        Their priors; None if they are derived from the data.
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
        self.size = size
        self._kept: list[tuple[Any, float]] = []
        self._checker: EMModel | None = None
        self._provisional: tuple[int, EMModel] | None = None
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
        self._provisional = None

    def first_weights(self) -> tuple[float, ...]:
        """Return the weights of the components without observations."""
        weights = self._settings.weights
        return (1.0 / self._k,) * self._k if isinstance(weights, Dirichlet) else tuple(weights)

    def add(self, x: Any, w: float) -> None:
        """Keep an observation.

        Raises
        ------
        ObservationError
            If it is outside the support of a component.
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
            # equal values have no scale: they are kept as one with their total weight
            w += self._kept.pop()[1]
            self._provisional = None
        self._kept.append((x, w))

    def check(self, xs: Any) -> None:
        """Refuse observations that are outside the support of a component.

        Raises
        ------
        ObservationError
            If there is such an observation.
        """
        if self.priors is not None:
            if self._checker is None:
                self._checker = self.new_model()
            self._checker.rows(xs)
            return
        check_numbers(xs, self._kept[0][0] if self._kept else None)

    def new_model(self, data: Any = None) -> EMModel:
        """Return a model without observations; `data` gives the scale of default priors."""
        priors = self.priors
        if priors is None:
            assert data is not None
            priors = (scaled_to([as_observation(x) for x in data], self._k),) * self._k
        return EMModel(priors, self._settings, lenient=self.priors is None)

    def fit(self) -> EMModel:
        """Return a model fitted to the buffer."""
        return self._fit_first(len(self._kept), *FINAL_EFFORT)

    def table(self, model: EMModel) -> tuple[Array, Array]:
        """Return the observations as rows, and their weights."""
        return model.rows(self.observations), np.array([w for _, w in self._kept])

    @property
    def observations(self) -> list[Any]:
        """The observations in order."""
        return [x for x, _ in self._kept]

    def provisional(self) -> EMModel:
        """Return a model fitted to at least four fifths of the buffer, which has learned the rest.

        Predictions depend on the observations only, not on when they were requested.
        """
        grid = n = len(self._kept)
        if n > 10:
            grid = int(10.0 * 1.25 ** int(np.log(n / 10.0) / np.log(1.25)))
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
        rng = np.random.default_rng(self._seed)
        fit_best_start(model, model.rows(xs), w, rng, starts, iterations)
        return model


def _all_valid(xs: Any) -> bool:
    """Whether all values of an array are valid numbers, without looking at each in Python."""
    plain = isinstance(xs, np.ndarray) and xs.dtype.kind in "fiu" and xs.ndim in (1, 2)
    return bool(plain and len(xs) and np.all(np.abs(xs) <= LARGEST))


def check_numbers(xs: Any, like: Any = None) -> None:
    """Refuse observations other than numbers, vectors or mappings of numbers, all of one form.

    Raises
    ------
    ObservationError
        If there is such an observation.
    """
    if _all_valid(xs):
        xs = xs[:1]  # the others have the same form
    for x in xs:
        _check_numbers(x, like)
        like = x if like is None else like


def _check_numbers(x: Any, like: Any) -> None:
    """Refuse other values than numbers, vectors or mappings of numbers like the first one."""
    x, like = as_observation(x), as_observation(like)
    if isinstance(x, Mapping):
        if not x:
            raise ObservationError("expected a feature or more, got {}")
        for name, value in x.items():
            try:
                as_number(value)
            except ObservationError as error:
                raise ObservationError(f"feature {name!r}: {error}") from None
    elif isinstance(x, tuple):
        for value in x:
            if value is not None:  # missing
                as_number(value)
        if x and all(value is None for value in x):
            raise ObservationError(f"expected at least one value, got {x!r}")
    else:
        as_number(x)
    if like is not None and _form(x) != _form(like):
        raise ObservationError(f"expected an observation like {like!r}, got {x!r}")


def _form(x: Any) -> Any:
    if isinstance(x, Mapping):
        return "mapping"
    return len(x) if isinstance(x, tuple) else "number"
