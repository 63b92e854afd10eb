"""Conjugate linear regression on feature dicts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, overload

from river import base

from seqbayes import serialization
from seqbayes.errors import PriorError
from seqbayes.likelihoods import check_parameter
from seqbayes.model import Model
from seqbayes.numerics import special
from seqbayes.numerics.square_root import SquareRoot
from seqbayes.river import document
from seqbayes.river.calibration import Calibration
from seqbayes.river.features import bounded, bounded_weight
from seqbayes.river.linear_answers import LinearAnswers, TargetDistribution, read_features
from seqbayes.river.shrinkage import GROWTH, Shrinkage


class ConjugateLinearRegression(base.Regressor, LinearAnswers):
    """Exact Bayesian linear regression with unknown noise, in square-root form.

    ``y = intercept + sum of weight * x + noise``: the noise is Normal with unknown variance, the
    weights are Normal given that variance, and the variance has an inverse gamma distribution. The
    data are stored as a triangular square root of the information, relative to the first row, so
    that results are accurate for features with a small spread around a large mean. One event costs
    O(p**2) for p features.

    Parameters
    ----------
    precision
        Prior precision of every weight, in units of the noise: a weight is Normal about 0 with
        variance ``noise variance / precision``; > 0. By default it is chosen by the evidence, for
        features and targets in any unit; see the notes.
    intercept_precision
        Prior precision of the intercept, >= 0; 0 gives a flat prior.
    alpha, beta
        Shape and scale of the noise variance's inverse gamma prior, >= 0. 0 for both gives
        Jeffreys' prior, whose intervals suit targets in any unit.
    intercept
        Whether there is an intercept.

    Notes
    -----
    By default the prior precision of a weight is ``c`` times the variance of its feature, and an
    empirical Bayes estimate of ``c`` is used: the mode of its posterior density, with a uniform
    prior on the expected share of the target's variance that is due to the features. ``c`` is
    estimated again whenever the number of rows has grown by a tenth. Predictions are therefore
    close to the mean of the target until the features are known to predict it. The scale of
    predictions is calibrated by the coverage of the intervals so far, because the noise of a stream
    can change, or depend on earlier rows. If `precision` is a number, the regression is exact.

    A feature that is absent counts as 0, even in rows learned before it first appeared; the weight
    of a new feature has its prior distribution. With a flat intercept prior or Jeffreys' noise
    prior, the spread of predictions is unknown until there are some rows. Until then,
    `predict_interval` returns None, and `predict_one` the best point estimate.

    Raises
    ------
    PriorError
        If a parameter is out of range.

    References
    ----------
    .. [1] Gelman, A. et al. (2013). Bayesian Data Analysis, 3rd ed., chapter 14.
    .. [2] Bishop, C. M. (2006). Pattern Recognition and Machine Learning, sections 3.3 and 3.5.
    .. [3] Liang, F. et al. (2008). Mixtures of g priors for Bayesian variable selection. Journal of
       the American Statistical Association 103, 410-423.

    Examples
    --------
    >>> from seqbayes.river import ConjugateLinearRegression
    >>> model = ConjugateLinearRegression()
    >>> for time, height in [(0, 1.1), (1, 2.9), (2, 5.2), (3, 6.8), (4, 9.0)]:
    ...     model.learn_one({"time": 1e6 + time}, height)
    >>> print(f"{model.weights['time']:.4f}")
    1.9576
    >>> print(f"{model.predict_one({'time': 1e6 + 5}):.4f}")
    10.8499
    >>> print("{:.2f} to {:.2f}".format(*model.predict_interval({"time": 1e6 + 5}, level=0.9)))
    9.78 to 11.92
    """

    _repr_html_ = Model._repr_html_  # overrides River's method

    former_defaults: ClassVar = {"precision": 0.01}

    def __init__(
        self,
        precision: float | None = None,
        intercept_precision: float = 0.0,
        alpha: float = 0.0,
        beta: float = 0.0,
        intercept: bool = True,
    ) -> None:
        self.precision = None if precision is None else check_parameter("precision", precision)
        self._precision = self.precision or 0.0  # 0 where the shrinkage adds the prior
        self.intercept_precision = check_parameter(
            "intercept_precision", intercept_precision, open_low=False
        )
        self.alpha = check_parameter("alpha", alpha, open_low=False)
        self.beta = check_parameter("beta", beta, open_low=False)
        self.intercept = intercept
        self._root = SquareRoot()
        # column of each feature in the factor
        self._columns: dict[Any, int] = {}
        self._origin: list[float] = []  # origin of every column; rows contain x - origin
        self._target_origin = 0.0
        self._n = 0.0
        self._shrinkage = Shrinkage(1 if intercept else 0) if precision is None else None
        self._calibration = Calibration()

    def learn_one(self, x: Mapping[Any, Any], y: Any, w: float = 1.0) -> None:
        """Learn one row.

        Parameters
        ----------
        x
            Features: real numbers keyed by name.
        y
            The target, a real number.
        w
            Weight, finite and >= 0; weight 2 is the same as learning twice.

        Raises
        ------
        ObservationError
            If a value is not a finite number, or exceeds 1e100. The model is then unchanged.
        """
        values = read_features(x)
        target = bounded(y, "a finite target")
        weight = bounded_weight(w)
        if weight == 0.0:
            return
        if not self._origin and self.intercept:
            self._begin(values, target)
        for name in values:
            if name not in self._columns:
                self._append(name, 0.0)
        row, centred = self._row(values)[0], target - self._target_origin
        shrinkage = self._shrinkage
        if shrinkage is not None:
            shrinkage.learn(self._root, row, centred, weight, self._n)
            noise, squares = self._noise_of(self._root), self._root.squares
        self._root.add(row, centred, weight)
        if shrinkage is not None and noise.beta > 0.0:
            error = (self._root.squares - squares) * noise.alpha / noise.beta
            self._calibration.learn(error, 2.0 * noise.alpha, weight)
        self._n += weight
        if shrinkage is not None and self._n >= GROWTH * shrinkage.chosen_at:
            self._root = shrinkage.choose(self._n, self.alpha, self.beta)
        self._solution = self._fit = None

    def choose_prior(self) -> None:
        """Choose the default prior again from all rows; do nothing if `precision` is given.

        The prior is also chosen again whenever the number of rows has grown by a tenth. Immediately
        afterwards, only the calibration of the scale depends on the order of the rows.

        Examples
        --------
        >>> from seqbayes.river import ConjugateLinearRegression
        >>> model = ConjugateLinearRegression()
        >>> model.learn_one({"time": 1.0}, 2.0)
        >>> model.choose_prior()
        """
        if self._shrinkage is not None and self._n > 0.0:
            self._root = self._shrinkage.choose(self._n, self.alpha, self.beta)
            self._solution = self._fit = None

    def _begin(self, values: dict[Any, float], target: float) -> None:
        """Use the first row as the origin, which is possible because there is an intercept."""
        self._target_origin = target
        self._append_column(-1.0, 0.0)  # the intercept's column is 1 in every row: 0 - (-1)
        for name, value in values.items():
            self._append(name, value)
        self._prior_apart = self.intercept_precision > 0.0

    def _append(self, name: Any, origin: float) -> None:
        self._columns[name] = len(self._origin)
        self._append_column(origin, self._precision)

    def _append_column(self, origin: float, precision: float) -> None:
        self._origin.append(origin)
        self._root.append(math.sqrt(precision))
        if self._shrinkage is not None:
            self._shrinkage.append()

    @overload
    def predict_one(self, x: Mapping[Any, Any], with_dist: Literal[False] = False) -> float: ...
    @overload
    def predict_one(self, x: Mapping[Any, Any], with_dist: bool) -> float | TargetDistribution: ...
    def predict_one(
        self, x: Mapping[Any, Any], with_dist: bool = False
    ) -> float | TargetDistribution:
        """Return the mean of the target; 0 if no row has been learned.

        Parameters
        ----------
        x
            Features: real numbers keyed by name.
        with_dist
            Whether to return the distribution of the target instead, as River's
            `BayesianLinearRegression` does: `mu` and `sigma` are its mean and standard deviation,
            and calling it returns its density. The distribution is a Student's t distribution;
            while the prior is improper and there are too few rows, its scale is infinite.

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
        10.85 ± 0.71, density 0.70
        """
        values = read_features(x)
        row, extra, fitted = self._at(values)
        if not with_dist:
            return self._mean(row, fitted)
        found = self._predictive(row, extra, fitted)
        if found is None:
            return TargetDistribution(1.0, self._mean(row, fitted), math.inf)
        return TargetDistribution(found.df, found.loc, found.scale, found.loc_low)

    def forecasts(self, x: Mapping[Any, Any]) -> dict[str, Any]:
        """Return the prediction of the target, and its interval."""
        return {"prediction": self.predict_one(x), "interval": self.predict_interval(x)}

    @property
    def log_evidence(self) -> float | None:
        """Log marginal likelihood of all targets, given their features.

        The value is None if the prior is improper, because the intercept's prior is flat or `alpha`
        or `beta` is 0, or if the prior is chosen by the data, because no `precision` is given.
        """
        flat = self.intercept and self.intercept_precision == 0.0
        if flat or self.precision is None or not (self.alpha > 0.0 and self.beta > 0.0):
            return None
        if self._n == 0.0:
            return 0.0
        prior = len(self._columns) * math.log(self._precision)
        if self.intercept:
            prior += math.log(self.intercept_precision)
        half, fitted = self._n / 2.0, self._fitted()
        return float(
            prior / 2.0
            - fitted.log_determinant
            - half * math.log(math.tau * self._noise_of(fitted).beta)
            + special.log_rising(self.alpha, half)
            - self.alpha * math.log1p(fitted.squares / 2.0 / self.beta)
        )

    @property
    def prior_precisions(self) -> dict[Any, float]:
        """Prior precisions of the weights, in units of the noise: given, or chosen by the evidence.

        The precision is 0 for a feature whose values have all been equal, because its scale is
        unknown.

        Examples
        --------
        >>> from seqbayes.river import ConjugateLinearRegression
        >>> model = ConjugateLinearRegression()
        >>> for time, height in [(0, 1.1), (1, 2.9), (2, 5.2), (3, 6.8), (4, 9.0)]:
        ...     model.learn_one({"time": time}, height)
        >>> print(f"{model.prior_precisions['time']:.4f}")
        0.0632
        """
        shrinkage = self._shrinkage
        if shrinkage is None:
            return dict.fromkeys(self._columns, self._precision)
        return {name: shrinkage.precisions[column] for name, column in self._columns.items()}

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
        if self._shrinkage is not None:
            written["shrinkage"] = self._shrinkage.dump()
            written["calibration"] = [self._calibration.log_factor]
        return written

    def restore(self, learned: Mapping[str, Any]) -> None:
        """Restore the data that `learned` returned."""
        root = document.read_root(learned.get("root"))
        columns = serialization.decode(learned.get("columns"))
        n, target, *origin = document.read_numbers(learned.get("sums"), root.size + 2)
        first = 1 if self.intercept and origin else 0
        if not isinstance(columns, tuple) or len(set(columns)) != root.size - first:
            raise PriorError(f"expected {root.size - first} columns, got {columns!r}")
        if self._shrinkage is not None:
            self._shrinkage = Shrinkage.read(learned.get("shrinkage"), first, root.size)
            calibration = learned.get("calibration", [0.0])  # new in version 0.2
            self._calibration.log_factor = document.read_numbers(calibration, 1)[0]
        self._root, self._n, self._target_origin, self._origin = root, n, target, origin
        self._columns = {name: first + i for i, name in enumerate(columns)}
        self._prior_apart = first > 0 and learned.get("intercept_prior") == "apart"
