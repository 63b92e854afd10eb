"""Estimates and predictions of a linear regression, computed from the square root of its rows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, NamedTuple

from seqbayes.checks import check_level
from seqbayes.distributions import InverseGamma, StudentT
from seqbayes.errors import ImproperError, ObservationError
from seqbayes.model import SUMMARY_SIZE, Summary
from seqbayes.numerics.square_root import SquareRoot
from seqbayes.river import document
from seqbayes.river.calibration import Calibration
from seqbayes.river.features import bounded, check_features
from seqbayes.river.intercept_prior import InterceptPrior, two_sum
from seqbayes.river.shrinkage import Shrinkage


class Noise(NamedTuple):
    """Shape and scale of the inverse gamma distribution of the noise variance."""

    alpha: float
    beta: float


class TargetDistribution(StudentT):
    """The distribution of a target, with the attribute names that River uses."""

    @property
    def mu(self) -> float:
        """The mean."""
        return float(self.loc)

    @property
    def sigma(self) -> float:
        """The standard deviation; infinite for two or fewer degrees of freedom."""
        return float(self.std) if self.df > 2.0 else math.inf

    def __call__(self, x: float) -> float:
        """Return the density."""
        return float(self.pdf(x)) if self.scale < math.inf else 0.0


class LinearAnswers(document.Estimator):
    """Weights, intercept and noise with their intervals, and the distributions of targets."""

    intercept: bool
    intercept_precision: float
    alpha: float
    beta: float

    # square root of all rows and of the prior, except the prior of the intercept
    _root: SquareRoot
    # column of each feature in the factor
    _columns: dict[Any, int]
    # origin of every column; rows contain x - origin
    _origin: list[float]
    _target_origin: float
    _n: float
    # solution for the factor; None if it is outdated
    _solution: list[float] | None = None
    _prior_apart = False  # earlier versions stored the intercept's prior in the root
    _calibration: Calibration
    _shrinkage: Shrinkage | None
    _precision: float
    _fit: InterceptPrior | None = None  # None if the fit is outdated

    def _row(self, values: Mapping[Any, float]) -> tuple[list[float], list[float]]:
        """Return x - origin for each column, and the values of features without a column."""
        row = [-origin for origin in self._origin]
        unknown = []
        for name, value in values.items():
            column = self._columns.get(name)
            if column is None:
                unknown.append(value)
            else:
                row[column] += value
        return row, unknown

    def _at(
        self, values: dict[Any, float]
    ) -> tuple[list[float], float, SquareRoot | InterceptPrior]:
        """Return the row of features, the leverage of unknown features, and the row's posterior."""
        row, unknown = self._row(values)
        shrinkage = self._shrinkage
        if shrinkage is None:
            extra = math.fsum(v * v / self._precision for v in unknown)
            return row, extra, self._fitted()
        extra = shrinkage.leverage_of_new(unknown, self._n)
        root = shrinkage.strengthen(self._root, row, self._n)
        if root is self._root:
            return row, extra, self._fitted()
        return row, extra, self._with_intercept(root) if self._prior_apart else root

    def _fitted(self) -> SquareRoot | InterceptPrior:
        """Return the square root of all rows, including the prior's rows."""
        if not self._prior_apart:
            return self._root
        if self._fit is None:
            self._fit = self._with_intercept(self._root)
        return self._fit

    def _with_intercept(self, root: SquareRoot) -> InterceptPrior:
        row = self._row({})[0]  # the intercept is the target if all features are 0
        return InterceptPrior(root, row, -self._target_origin, self.intercept_precision)

    def _theta(self) -> list[float]:
        if self._solution is None:
            self._solution = self._fitted().solve().tolist()
        return self._solution

    def _location(
        self, row: list[float], fitted: SquareRoot | InterceptPrior
    ) -> tuple[float, float]:
        """Return the expected target of a row, and its rounding error."""
        if isinstance(fitted, InterceptPrior):
            return fitted.location(row)
        theta = self._theta() if fitted is self._root else fitted.solve().tolist()
        own = math.fsum(v * t for v, t in zip(row, theta, strict=True))
        return two_sum(self._target_origin, own)

    def _mean(self, row: list[float], fitted: SquareRoot | InterceptPrior) -> float:
        return self._location(row, fitted)[0]

    def _noise_of(self, fitted: SquareRoot | InterceptPrior) -> Noise:
        # a flat intercept needs one row
        spent = 1.0 if self.intercept and self.intercept_precision == 0.0 else 0.0
        n = self._n - spent if self._n > 0.0 else 0.0
        return Noise(self.alpha + n / 2.0, self.beta + fitted.squares / 2.0)

    def _predictive(
        self,
        row: list[float],
        extra: float,
        fitted: SquareRoot | InterceptPrior,
        noisy: bool = True,
    ) -> StudentT | None:
        noise = self._noise_of(fitted)
        leverage = fitted.leverage(row) + extra
        if self.intercept and not self._origin:  # no row has been learned
            leverage += 1.0 / self.intercept_precision if self.intercept_precision else math.inf
        if not (noise.alpha > 0.0 and noise.beta > 0.0 and leverage < math.inf):
            return None
        scale = math.sqrt(noise.beta / noise.alpha) * math.sqrt(float(noisy) + leverage)
        if noisy:
            scale *= self._calibration.factor
        mean, low = self._location(row, fitted)
        return StudentT(2.0 * noise.alpha, mean, scale, low) if scale else None

    def predictive(self, x: Mapping[Any, Any]) -> StudentT:
        """Return the distribution of the target, which is a Student's t distribution.

        Raises
        ------
        ObservationError
            If a value is not a finite number.
        ImproperError
            If the prior is improper and there are too few rows.
        """
        return self._proper(x, noisy=True)

    def expected(self, x: Mapping[Any, Any]) -> StudentT:
        """Return Student's t distribution of the expected target, without the noise.

        Raises
        ------
        ObservationError
            If a value is not a finite number.
        ImproperError
            If the prior is improper and there are too few rows.

        Examples
        --------
        >>> from seqbayes.river import ConjugateLinearRegression
        >>> model = ConjugateLinearRegression(precision=1.0)
        >>> for time, height in [(0, 1.1), (1, 2.9), (2, 5.2), (3, 6.8), (4, 9.0)]:
        ...     model.learn_one({"time": time}, height)
        >>> print("{:.2f} to {:.2f}".format(*model.expected({"time": 5}).interval(0.9)))
        8.33 to 12.42
        """
        return self._proper(x, noisy=False)

    def _proper(self, x: Mapping[Any, Any], noisy: bool) -> StudentT:
        found = self._predictive(*self._at(read_features(x)), noisy=noisy)
        if found is None:
            raise ImproperError("the posterior is improper: more rows are needed")
        return found

    def predict_interval(
        self, x: Mapping[Any, Any], level: float = 0.95
    ) -> tuple[float, float] | None:
        """Return the interval (low, high) that contains the target with this probability.

        Returns None while the prior is improper and there are too few rows.

        Raises
        ------
        ObservationError
            If a value is not a finite number.
        PriorError
            If the level is not between 0 and 1.
        """
        check_level(level, "equal-tailed")
        found = self._predictive(*self._at(read_features(x)))
        return None if found is None else found.interval(level)

    def log_predictive(self, x: Mapping[Any, Any], y: Any) -> float:
        """Return log p(y | x, data).

        Raises
        ------
        ObservationError
            If a value is not a finite number.
        ImproperError
            If the prior is improper and there are too few rows.
        """
        return float(self.predictive(x).logpdf(bounded(y, "a finite target")))

    def surprise(self, *arguments: Any) -> float:
        """Return the negative log predictive density of a target, given its features."""
        x, y = arguments[:2]
        return -self.log_predictive(x, y)

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
        """Return credible intervals for the weights of known features.

        Returns None while the prior is improper and there are too few rows.

        Parameters
        ----------
        level
            Between 0 and 1.
        features
            The features; all by default. An interval costs O(p**2) for p features.

        Raises
        ------
        ObservationError
            If a feature is unknown.
        PriorError
            If the level is not between 0 and 1.

        Examples
        --------
        >>> from seqbayes.river import ConjugateLinearRegression
        >>> model = ConjugateLinearRegression()
        >>> for time, height in [(0, 1.1), (1, 2.9), (2, 5.2), (3, 6.8), (4, 9.0)]:
        ...     model.learn_one({"time": time}, height)
        >>> print("{:.2f} to {:.2f}".format(*model.weight_intervals()["time"]))
        1.70 to 2.21
        >>> print("{:.2f} to {:.2f}".format(*model.intercept_interval()))
        0.46 to 1.71
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
        """Return a credible interval for the intercept.

        Returns None if there is no intercept, or while the posterior is improper.

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
        """Return the interval for a linear combination of the parameters."""
        fitted = self._fitted()
        noise, leverage = self._noise_of(fitted), fitted.leverage(row)
        if not (noise.alpha > 0.0 and noise.beta > 0.0 and leverage < math.inf):
            return None
        scale = math.sqrt(noise.beta / noise.alpha) * math.sqrt(leverage)
        return StudentT(2.0 * noise.alpha, mean, scale).interval(level) if scale > 0.0 else None

    @property
    def intercept_mean(self) -> float:
        """Posterior mean of the target if all features are 0; 0 if there is no intercept."""
        return self._mean(self._row({})[0], self._fitted()) if self.intercept else 0.0

    @property
    def noise(self) -> InverseGamma | None:
        """Posterior of the noise variance; None while it is improper."""
        alpha, beta = self._noise_of(self._fitted())
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


def read_features(x: Mapping[Any, Any]) -> dict[Any, float]:
    """Return the values of the features as numbers.

    Raises
    ------
    ObservationError
        If a value is not a finite number.
    """
    check_features(x)
    return {name: bounded(value, f"a finite number as {name!r}") for name, value in x.items()}
