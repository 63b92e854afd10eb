"""Conjugate linear regression on feature dicts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, Literal, NamedTuple, overload

from river import base

from seqbayes import serialization
from seqbayes.checks import check_level
from seqbayes.distributions import InverseGamma, StudentT
from seqbayes.errors import ObservationError, PriorError
from seqbayes.likelihoods import check_parameter
from seqbayes.model import SUMMARY_SIZE, Summary
from seqbayes.numerics import special
from seqbayes.numerics.square_root import SquareRoot
from seqbayes.river import document
from seqbayes.river.features import bounded, bounded_weight, check_features
from seqbayes.river.intercept_prior import InterceptPrior


class _Noise(NamedTuple):
    """Shape and scale of the inverse gamma distribution of the noise variance."""

    alpha: float
    beta: float


class TargetDistribution(StudentT):
    """The distribution of a target, with River's names."""

    @property
    def mu(self) -> float:
        """The mean."""
        return float(self.loc)

    @property
    def sigma(self) -> float:
        """The standard deviation; infinite with up to two degrees of freedom."""
        return float(self.std) if self.df > 2.0 else math.inf

    def __call__(self, x: float) -> float:
        """Return the density."""
        return float(self.pdf(x)) if self.scale < math.inf else 0.0


class ConjugateLinearRegression(base.Regressor, document.Estimator):
    """Bayesian linear regression with unknown noise, exact, in square-root form.

    ``y = intercept + sum of weight * x + noise``: the noise is Normal with unknown variance, the
    weights are Normal given that variance, and the variance is inverse gamma. The data are kept
    as a triangular square root of the information, relative to the first row, so that features
    that vary little about a large mean keep their digits. One event costs O(p**2) for p features.

    Parameters
    ----------
    precision
        Prior precision of every weight in units of the noise: a weight is Normal about 0 with
        variance ``noise variance / precision``; > 0. The default is weak: ten times
        the standard deviation of the noise.
    intercept_precision
        Prior precision of the intercept, >= 0; 0 is a flat prior.
    alpha, beta
        Shape and scale of the noise variance's inverse gamma prior, >= 0. Both 0 is Jeffreys'
        prior: the intervals fit targets in any unit.
    intercept
        Whether there is an intercept.

    Notes
    -----
    A feature that is absent counts as 0, also in rows learned before it first appeared; a new
    feature has the prior's weight. With a flat intercept or Jeffreys' noise prior
    the spread is unknown until there are some rows: `predict_interval` is None, and
    `predict_one` is the best point estimate.

    Raises
    ------
    PriorError
        If a parameter is out of range.

    References
    ----------
    .. [1] Gelman, A. et al. (2013). Bayesian Data Analysis, 3rd ed., chapter 14.
    .. [2] Bishop, C. M. (2006). Pattern Recognition and Machine Learning, section 3.3.

    Examples
    --------
    >>> from seqbayes.river import ConjugateLinearRegression
    >>> model = ConjugateLinearRegression()
    >>> for time, height in [(0, 1.1), (1, 2.9), (2, 5.2), (3, 6.8), (4, 9.0)]:
    ...     model.learn_one({"time": 1e6 + time}, height)
    >>> print(f"{model.weights['time']:.4f}")
    1.9680
    >>> print(f"{model.predict_one({'time': 1e6 + 5}):.4f}")
    10.9041
    >>> print("{:.2f} to {:.2f}".format(*model.predict_interval({"time": 1e6 + 5}, level=0.9)))
    10.35 to 11.46
    """

    _prior_apart = False  # earlier versions kept the intercept's prior in the root
    _fit: InterceptPrior | None = None  # or None if it is out of date

    def __init__(
        self,
        precision: float = 0.01,
        intercept_precision: float = 0.0,
        alpha: float = 0.0,
        beta: float = 0.0,
        intercept: bool = True,
    ) -> None:
        self.precision = check_parameter("precision", precision)
        self.intercept_precision = check_parameter(
            "intercept_precision", intercept_precision, open_low=False
        )
        self.alpha = check_parameter("alpha", alpha, open_low=False)
        self.beta = check_parameter("beta", beta, open_low=False)
        self.intercept = intercept
        self._root = SquareRoot()
        self._columns: dict[Any, int] = {}  # column of each feature in the factor
        self._origin: list[float] = []  # of every column; rows hold x - origin
        self._target_origin = 0.0
        self._n = 0.0
        self._solution: list[float] | None = None  # of the factor, or None if it is out of date

    def learn_one(self, x: Mapping[Any, Any], y: Any, w: float = 1.0) -> None:
        """Absorb one row.

        Parameters
        ----------
        x
            Features: real numbers by name.
        y
            The target, a real number.
        w
            Weight, finite and >= 0; weight 2 is the same as learning twice.

        Raises
        ------
        ObservationError
            If a value is not a finite number, or exceeds 1e100. The model is then unchanged.
        """
        values = _read(x)
        target = bounded(y, "a finite target")
        weight = bounded_weight(w)
        if weight == 0.0:
            return
        if not self._origin and self.intercept:
            self._begin(values, target)
        for name in values:
            if name not in self._columns:
                self._append(name, 0.0)
        self._root.add(self._row(values)[0], target - self._target_origin, weight)
        self._n += weight
        self._solution = self._fit = None

    def _begin(self, values: dict[Any, float], target: float) -> None:
        """Take the first row as the origin, which the intercept allows."""
        self._target_origin = target
        self._root.append(0.0)
        self._origin.append(-1.0)  # the intercept's column is 1 in every row: 0 - (-1)
        for name, value in values.items():
            self._append(name, value)
        self._prior_apart = self.intercept_precision > 0.0

    def _append(self, name: Any, origin: float) -> None:
        self._columns[name] = len(self._origin)
        self._origin.append(origin)
        self._root.append(math.sqrt(self.precision))

    def _row(self, values: dict[Any, float]) -> tuple[list[float], float]:
        """Return x - origin by column, and the sum of squares of features without a column."""
        row = [-origin for origin in self._origin]
        unknown = 0.0
        for name, value in values.items():
            column = self._columns.get(name)
            if column is None:
                unknown += value * value
            else:
                row[column] += value
        return row, unknown

    def _fitted(self) -> SquareRoot | InterceptPrior:
        """Return the square root of all rows, the prior's included."""
        if not self._prior_apart:
            return self._root
        if self._fit is None:
            row = self._row({})[0]  # the intercept is the target where all features are 0
            self._fit = InterceptPrior(
                self._root, row, -self._target_origin, self.intercept_precision
            )
        return self._fit

    def _theta(self) -> list[float]:
        if self._solution is None:
            self._solution = self._fitted().solve().tolist()
        return self._solution

    def _mean(self, row: list[float]) -> float:
        fitted = self._fitted()
        if isinstance(fitted, InterceptPrior):
            return self._target_origin + fitted.mean(row)
        theta = self._theta()
        return self._target_origin + math.fsum(v * t for v, t in zip(row, theta, strict=True))

    @property
    def _noise(self) -> _Noise:
        # a flat intercept needs one row
        spent = 1.0 if self.intercept and self.intercept_precision == 0.0 else 0.0
        n = self._n - spent if self._n > 0.0 else 0.0
        return _Noise(self.alpha + n / 2.0, self.beta + self._fitted().squares / 2.0)

    @overload
    def predict_one(self, x: Mapping[Any, Any], with_dist: Literal[False] = False) -> float: ...
    @overload
    def predict_one(self, x: Mapping[Any, Any], with_dist: bool) -> float | TargetDistribution: ...
    def predict_one(
        self, x: Mapping[Any, Any], with_dist: bool = False
    ) -> float | TargetDistribution:
        """Return the mean of the target; 0 if nothing is known.

        Parameters
        ----------
        x
            Features: real numbers by name.
        with_dist
            Whether to return the distribution of the target instead, as River's
            `BayesianLinearRegression` does: `mu` and `sigma` are its mean and standard deviation,
            and calling it gives its density. It is Student's t; while the prior is improper and
            there are too few rows, its scale is infinite.

        Raises
        ------
        ObservationError
            If a value is not a finite number.

        Examples
        --------
        >>> from seqbayes.river import ConjugateLinearRegression
        >>> model = ConjugateLinearRegression()
        >>> for time, height in [(0, 1.1), (1, 2.9), (2, 5.2), (3, 6.8), (4, 9.0)]:
        ...     model.learn_one({"time": time}, height)
        >>> found = model.predict_one({"time": 5}, with_dist=True)
        >>> print(f"{found.mu:.2f} ± {found.sigma:.2f}, density {found(11.0):.2f}")
        10.90 ± 0.37, density 1.32
        """
        values = _read(x)
        if not with_dist:
            return self._mean(self._row(values)[0])
        found = self._predictive(values)
        if found is None:
            return TargetDistribution(1.0, self._mean(self._row(values)[0]), math.inf)
        return TargetDistribution(found.df, found.loc, found.scale)

    def predictive(self, x: Mapping[Any, Any]) -> StudentT:
        """Return the distribution of the target, Student's t.

        Raises
        ------
        ObservationError
            If a value is not a finite number.
        PriorError
            If the prior is improper and there are too few rows.
        """
        found = self._predictive(_read(x))
        if found is None:
            raise PriorError("the posterior is improper: more rows are needed")
        return found

    def _predictive(self, values: dict[Any, float]) -> StudentT | None:
        noise = self._noise
        row, unknown = self._row(values)
        leverage = self._fitted().leverage(row) + unknown / self.precision
        if self.intercept and not self._origin:  # before the first row
            leverage += 1.0 / self.intercept_precision if self.intercept_precision else math.inf
        if not (noise.alpha > 0.0 and noise.beta > 0.0 and leverage < math.inf):
            return None
        scale = math.sqrt(noise.beta / noise.alpha) * math.sqrt(1.0 + leverage)
        return StudentT(2.0 * noise.alpha, self._mean(row), scale)

    def predict_interval(
        self, x: Mapping[Any, Any], level: float = 0.95
    ) -> tuple[float, float] | None:
        """Return the interval (low, high) that holds the target with this probability.

        None while the prior is improper and there are too few rows.

        Raises
        ------
        ObservationError
            If a value is not a finite number.
        PriorError
            If the level is not between 0 and 1.
        """
        check_level(level, "equal-tailed")
        found = self._predictive(_read(x))
        return None if found is None else found.interval(level)

    def log_predictive(self, x: Mapping[Any, Any], y: Any) -> float:
        """Return log p(y | x, data).

        Raises
        ------
        ObservationError
            If a value is not a finite number.
        PriorError
            If the prior is improper and there are too few rows.
        """
        return float(self.predictive(x).logpdf(bounded(y, "a finite target")))

    @property
    def log_evidence(self) -> float | None:
        """Log marginal likelihood of all targets, given their features.

        None if the prior is improper: with a flat intercept, or with `alpha` or `beta` 0.
        """
        flat = self.intercept and self.intercept_precision == 0.0
        if flat or not (self.alpha > 0.0 and self.beta > 0.0):
            return None
        if self._n == 0.0:
            return 0.0
        prior = len(self._columns) * math.log(self.precision)
        if self.intercept:
            prior += math.log(self.intercept_precision)
        half = self._n / 2.0
        return float(
            prior / 2.0
            - self._fitted().log_determinant
            - half * math.log(math.tau * self._noise.beta)
            + special.log_rising(self.alpha, half)
            - self.alpha * math.log1p(self._fitted().squares / 2.0 / self.beta)
        )

    @property
    def feature_names(self) -> tuple[Any, ...]:
        """The features that have a weight."""
        return tuple(self.weights)

    @property
    def weights(self) -> dict[Any, float]:
        """Posterior mean of the weight of every known feature."""
        theta = self._theta()
        return {name: theta[column] for name, column in self._columns.items()}

    def weight_intervals(
        self, level: float = 0.95, features: Iterable[Any] | None = None
    ) -> dict[Any, tuple[float, float] | None]:
        """Return the interval that holds the weight with this probability, of known features.

        None while the prior is improper and there are too few rows.

        Parameters
        ----------
        level
            Between 0 and 1.
        features
            Whose weights; of all by default. One costs O(p**2) for p features.

        Raises
        ------
        ObservationError
            If the feature is unknown.
        PriorError
            If the level is not between 0 and 1.

        Examples
        --------
        >>> from seqbayes.river import ConjugateLinearRegression
        >>> model = ConjugateLinearRegression()
        >>> for time, height in [(0, 1.1), (1, 2.9), (2, 5.2), (3, 6.8), (4, 9.0)]:
        ...     model.learn_one({"time": time}, height)
        >>> print("{:.2f} to {:.2f}".format(*model.weight_intervals()["time"]))
        1.81 to 2.13
        >>> print("{:.2f} to {:.2f}".format(*model.intercept_interval()))
        0.68 to 1.45
        """
        check_level(level, "equal-tailed")
        found = {}
        for name in self._columns if features is None else features:
            if name not in self._columns:
                raise ObservationError(f"expected a known feature, got {name!r}")
            column = self._columns[name]
            row = [0.0] * len(self._origin)
            row[column] = 1.0
            found[name] = self._interval(row, self._theta()[column], level)
        return found

    def intercept_interval(self, level: float = 0.95) -> tuple[float, float] | None:
        """Return the interval that holds the intercept with this probability.

        None without an intercept, or while the posterior is improper.

        Raises
        ------
        PriorError
            If the level is not between 0 and 1.
        """
        check_level(level, "equal-tailed")
        if not (self.intercept and self._origin):
            return None
        return self._interval(self._row({})[0], self.intercept_mean, level)

    def _interval(self, row: list[float], mean: float, level: float) -> tuple[float, float] | None:
        """Return the interval of a linear combination of the parameters."""
        noise, leverage = self._noise, self._fitted().leverage(row)
        if not (noise.alpha > 0.0 and noise.beta > 0.0 and leverage < math.inf):
            return None
        scale = math.sqrt(noise.beta / noise.alpha) * math.sqrt(leverage)
        return StudentT(2.0 * noise.alpha, mean, scale).interval(level) if scale > 0.0 else None

    @property
    def intercept_mean(self) -> float:
        """Posterior mean of the target if all features are 0; 0 without an intercept."""
        return self._mean(self._row({})[0]) if self.intercept else 0.0

    @property
    def noise(self) -> InverseGamma | None:
        """Posterior of the noise variance; None while it is improper."""
        alpha, beta = self._noise
        return InverseGamma(alpha, beta) if alpha > 0.0 and beta > 0.0 else None

    def summary(self) -> Summary:
        """Return the weights of the first features."""
        weights = self.weights
        first = list(islice(weights, SUMMARY_SIZE))
        intervals = self.weight_intervals(features=first)
        return Summary(
            {str(name): weights[name] for name in first},
            {str(name): intervals[name] for name in first},
        )

    def surprise(self, *arguments: Any) -> float:
        """Return minus the log predictive density of a target, given its features."""
        x, y = arguments[:2]
        return -self.log_predictive(x, y)

    def forecasts(self, x: Mapping[Any, Any]) -> dict[str, Any]:
        """Return the prediction of the target, and its interval."""
        return {"prediction": self.predict_one(x), "interval": self.predict_interval(x)}

    @property
    def n_samples(self) -> float:
        """Total weight of the rows."""
        return self._n

    def learned(self) -> dict[str, Any]:
        """Return the square root of the sums, its columns and the origin."""
        written: dict[str, Any] = {
            "root": document.write_root(self._root),
            "columns": [serialization.encode(name) for name in self._columns],
            "sums": [self._n, self._target_origin, *self._origin],
        }
        if self._prior_apart:
            written["intercept_prior"] = "apart"
        return written

    def restore(self, learned: Mapping[str, Any]) -> None:
        """Restore the data that `learned` returned."""
        root = document.read_root(learned.get("root"))
        columns = serialization.decode(learned.get("columns"))
        n, target, *origin = document.read_numbers(learned.get("sums"), root.size + 2)
        first = 1 if self.intercept and origin else 0
        if not isinstance(columns, tuple) or len(set(columns)) != root.size - first:
            raise PriorError(f"expected {root.size - first} columns, got {columns!r}")
        self._root, self._n, self._target_origin, self._origin = root, n, target, origin
        self._columns = {name: first + i for i, name in enumerate(columns)}
        self._prior_apart = first > 0 and learned.get("intercept_prior") == "apart"


def _read(x: Mapping[Any, Any]) -> dict[Any, float]:
    check_features(x)
    return {name: bounded(value, f"a finite number as {name!r}") for name, value in x.items()}
