"""Regression and naive Bayes with the scikit-learn interface: adapters for `seqbayes.river`."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets, unique_labels
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from seqbayes.checks import check_level
from seqbayes.river import ConjugateLinearRegression, ConjugateNB
from seqbayes.sklearn.base import Array, learned


class _Learner(BaseEstimator):
    """An estimator that learns the rows of tables in order, with a model of `seqbayes.river`."""

    model_: Any

    def _new_model(self) -> Any:
        """Return an unfitted model."""
        raise NotImplementedError

    def _read(self, X: Any, y: Any, reset: bool) -> tuple[Array, Array]:
        """Return checked rows and targets."""
        raise NotImplementedError

    def _finish(self, y: Any) -> None:
        """Complete `fit`."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn from a table; discard everything learned before.

        Parameters
        ----------
        X
            A table of shape (n, d).
        y
            The targets or classes, of shape (n,).
        sample_weight
            None, or the weights of the rows.

        Raises
        ------
        ValueError
            If the table, a target or a weight is invalid.
        """
        self._learn(X, y, sample_weight, reset=True)
        self._finish(y)
        return self

    def _learn(self, X: Any, y: Any, sample_weight: Any, reset: bool) -> None:
        X, y = self._read(X, y, reset)
        weights = _check_sample_weight(sample_weight, X)
        if (weights < 0.0).any():
            raise ValueError("Negative values in data passed to `sample_weight`")
        if not weights.any():
            raise ValueError("Sample weights must contain at least one non-zero number.")
        # a copy, so that nothing is learned if a value is rejected
        model = self._new_model() if reset else copy.deepcopy(self.model_)
        for x, target, w in zip(_rows(X), y.tolist(), weights.tolist(), strict=True):
            model.learn_one(x, target, w)
        self.model_ = model

    def _ask(self, X: Any) -> tuple[Any, Iterator[dict[int, float]]]:
        check_is_fitted(self, "model_")
        finite: Any = "allow-nan" if self.__sklearn_tags__().input_tags.allow_nan else True
        X = validate_data(self, X, reset=False, dtype=np.float64, ensure_all_finite=finite)
        return self.model_, _rows(X)


def _rows(X: Array) -> Iterator[dict[int, float]]:
    """Yield the rows of a table as dictionaries without missing values."""
    missing = bool(np.isnan(X).any())
    for row in X.tolist():
        found = dict(enumerate(row))
        yield {j: v for j, v in found.items() if v == v} if missing else found


@dataclass(eq=False, repr=False)
class SequentialLinearRegression(RegressorMixin, _Learner):
    """Bayesian linear regression that is fitted to a table, learned in batches, or both.

    The model is `seqbayes.river.ConjugateLinearRegression`: exact, with an interval for every
    prediction.

    Parameters
    ----------
    precision
        Prior precision of every weight, in units of the noise precision; by default it is chosen by
        the evidence, for features in any unit.
    intercept_precision
        Prior precision of the intercept; 0 gives a flat prior.
    alpha, beta
        Shape and scale of the inverse gamma prior for the noise variance; 0 for both gives
        Jeffreys' prior.
    fit_intercept
        Whether there is an intercept.

    Attributes
    ----------
    model_ : ConjugateLinearRegression
        The model that was learned, with the features 0, 1, ….
    n_features_in_ : int
        Number of features.
    coef_ : array (n_features,)
        Posterior means of the weights.
    intercept_ : float
        Posterior mean of the intercept.

    Examples
    --------
    >>> import numpy as np
    >>> from seqbayes.sklearn import SequentialLinearRegression
    >>> X, y = np.arange(10.0)[:, None], 3.0 + 2.0 * np.arange(10.0)
    >>> model = SequentialLinearRegression().fit(X, y + 0.1 * (-1.0) ** np.arange(10))
    >>> model.coef_.round(1), round(model.intercept_, 1)
    (array([2.]), 3.0)
    >>> model.predict_interval([[20.0]], level=0.9).round(1)
    array([[42.3, 43.5]])
    """

    precision: float | None = None
    _: KW_ONLY
    intercept_precision: float = 0.0
    alpha: float = 0.0
    beta: float = 0.0
    fit_intercept: bool = True

    def _new_model(self) -> ConjugateLinearRegression:
        return ConjugateLinearRegression(
            self.precision, self.intercept_precision, self.alpha, self.beta, self.fit_intercept
        )

    def _read(self, X: Any, y: Any, reset: bool) -> tuple[Array, Array]:
        X, y = validate_data(self, X, y, reset=reset, dtype=np.float64, y_numeric=True)
        return X, np.asarray(y, float)

    def _finish(self, y: Any) -> None:
        self.model_.choose_prior()

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn the rows of a table in order, in addition to the rows learned before.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`.

        Raises
        ------
        ValueError
            If the table, a target or a weight is invalid. In this case, nothing is learned.
        """
        self._learn(X, y, sample_weight, reset=not hasattr(self, "model_"))
        return self

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Return the expected targets; with `return_std`, their standard deviations as well."""
        model, rows = self._ask(X)
        if not return_std:
            return np.array([model.predict_one(x) for x in rows])
        found = [model.predict_one(x, with_dist=True) for x in rows]
        return np.array([each.mu for each in found]), np.array([each.sigma for each in found])

    def predict_interval(self, X: Any, level: float = 0.95) -> Array:
        """Return the intervals, of shape (n, 2), that contain the targets with this probability.

        The intervals are NaN while there are too few rows.

        Raises
        ------
        ValueError
            If the level is not between 0 and 1, or the table is invalid.
        """
        check_level(level, "equal-tailed")
        model, rows = self._ask(X)
        found = (model.predict_interval(x, level) for x in rows)
        return np.array([(np.nan, np.nan) if each is None else each for each in found])

    @property
    def coef_(self) -> Array:
        """Posterior means of the weights."""
        weights = learned(self, "model_").weights
        return np.array([weights[j] for j in range(self.n_features_in_)])

    @property
    def intercept_(self) -> float:
        """Posterior mean of the intercept."""
        return float(learned(self, "model_").intercept_mean)


@dataclass(eq=False, repr=False)
class SequentialNaiveBayes(ClassifierMixin, _Learner):
    """Naive Bayes that is fitted to a table, learned in batches, or both.

    The model is `seqbayes.river.ConjugateNB`: a conjugate belief for each class and feature.
    Missing values (NaN) are ignored.

    Parameters
    ----------
    features
        The kind of all features: "gaussian", "count" or "categorical"; or a list with one kind for
        each. The numbers of a categorical feature are labels.
    strength
        Weight of the prior for a feature, as a number of observations.
    class_strength
        Dirichlet concentration of every class.
    temper
        Whether to average predictions over powers of the likelihood, weighted by how well each
        power has predicted each row from the rows before it. This helps if features depend on each
        other and the rows are in random order.

    Attributes
    ----------
    model_ : ConjugateNB
        The classifier that was learned, with the features 0, 1, ….
    classes_ : array
        The classes.
    n_features_in_ : int
        Number of features.

    Examples
    --------
    >>> import numpy as np
    >>> from seqbayes.sklearn import SequentialNaiveBayes
    >>> X = [[4, 30.0], [4, 25.0], [2, 2.0], [2, np.nan]]
    >>> model = SequentialNaiveBayes(["count", "gaussian"]).fit(X, ["dog", "dog", "hen", "hen"])
    >>> model.predict([[4, 20.0], [2, 3.0]])
    array(['dog', 'hen'], dtype='<U3')
    """

    features: Any = "gaussian"
    _: KW_ONLY
    strength: float = 1.0
    class_strength: float = 1.0
    temper: bool = False

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _new_model(self) -> ConjugateNB:
        given, d = self.features, self.n_features_in_
        given = [given] * d if isinstance(given, str) else list(given)
        if len(given) != d:
            raise ValueError(f"expected a kind for each of {d} features, got {len(given)}")
        kinds = dict(enumerate(given))
        return ConjugateNB(kinds, self.strength, self.class_strength, self.temper)

    def _read(self, X: Any, y: Any, reset: bool) -> tuple[Array, Array]:
        X, y = validate_data(
            self, X, y, reset=reset, dtype=np.float64, ensure_all_finite="allow-nan"
        )
        check_classification_targets(y)
        return X, y

    def _finish(self, y: Any) -> None:
        self.classes_ = unique_labels(y)

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Learn the rows of a table in order, in addition to the rows learned before.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`; NaN marks a missing value.
        classes
            All classes; required in the first call.

        Raises
        ------
        ValueError
            If the table, a class or a weight is invalid, or a class is not among `classes`. In this
            case, nothing is learned.
        """
        first = not hasattr(self, "model_")
        if first and classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        known = np.unique(np.asarray(classes)) if first else self.classes_
        new = np.setdiff1d(np.asarray(y), known)
        if len(new):
            raise ValueError(f"expected classes among {known.tolist()}, got {new.tolist()}")
        self._learn(X, y, sample_weight, reset=first)
        self.classes_ = known
        return self

    def predict_proba(self, X: Any) -> Array:
        """Return class probabilities of shape (n, n_classes); 0 for a class without rows."""
        model, rows = self._ask(X)
        labels = self.classes_.tolist()
        found = (model.predict_proba_one(x) for x in rows)
        return np.array([[each.get(label, 0.0) for label in labels] for each in found])

    def predict_log_proba(self, X: Any) -> Array:
        """Return the logarithms of the probabilities."""
        with np.errstate(divide="ignore"):
            logs: Array = np.log(self.predict_proba(X))
        return logs

    def predict(self, X: Any) -> Array:
        """Return the most probable class of every row."""
        best = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[best])
