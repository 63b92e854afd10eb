"""Mixtures of binary features and of counts, with the scikit-learn interface."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from seqbayes import likelihoods
from seqbayes.errors import ObservationError
from seqbayes.families import Beta, Dirichlet, Gamma, Product
from seqbayes.sklearn.base import Array, SequentialMixture
from seqbayes.statistics import PairSums, as_real


class _CountSums(PairSums):
    """Sums of numbers >= 0, which need not be integers, and the number of terms."""

    def terms(self, x: Any) -> tuple[float, float, float]:
        """Return the number, a count of 1, and the log base measure, extended to real numbers."""
        value = as_real(x, "a number >= 0")
        if value < 0.0:
            raise ObservationError(f"expected a number >= 0, got {x!r}")
        return value, 1.0, -math.lgamma(value + 1.0)


@dataclass(frozen=True, slots=True)
class _Counts(likelihoods.Poisson):
    """Poisson counts that need not be integers, such as averages."""

    def statistics(self) -> Any:
        """Return a new, empty accumulator."""
        return _CountSums()


@dataclass(frozen=True, slots=True)
class _Bags(likelihoods.Multinomial):
    """Multinomial counts that need not be integers, such as tf-idf weights."""

    whole = False


@dataclass(eq=False, repr=False)
class _Discrete(SequentialMixture):
    """Base class of mixtures whose features have priors equivalent to `alpha` observations.

    Parameters
    ----------
    n_components
        Number of components.
    alpha
        Additive smoothing: the number of observations that the prior for a feature adds.
    tol, max_iter, n_init, random_state, buffer, step
        See `SequentialGaussianMixture`.
    """

    alpha: float = 1.0

    def _prior(self, X: Array) -> Any:
        """Return the prior of every component."""
        raise NotImplementedError

    def _components(self, X: Array) -> Any:
        return [self._prior(X)] * self.n_components


@dataclass(eq=False, repr=False)
class SequentialBernoulliMixture(_Discrete):
    """A mixture of binary features that are independent within a component.

    Parameters
    ----------
    n_components
        Number of components.
    alpha
        Additive smoothing: the number of zeros, and the number of ones, that the prior for a
        feature adds.
    binarize
        Threshold: larger values become 1, all others 0. None if the table has only zeros and ones.
    tol, max_iter, n_init, random_state, buffer, step
        See `SequentialGaussianMixture`.

    Examples
    --------
    >>> import numpy as np
    >>> from seqbayes.sklearn import SequentialBernoulliMixture
    >>> X = np.array([[1, 1, 0, 0]] * 20 + [[0, 0, 1, 1]] * 10)
    >>> model = SequentialBernoulliMixture(2, random_state=0).fit(X)
    >>> model.means_[model.weights_.argmax()].round(2)
    array([0.95, 0.95, 0.05, 0.05])
    """

    binarize: float | None = 0.0

    def _prepare(self, X: Array) -> Array:
        return X if self.binarize is None else (self.binarize < X).astype(float)

    def _prior(self, X: Array) -> Any:
        return Product([Beta(1.0 + self.alpha, 1.0 + self.alpha)] * X.shape[1])


class _NonNegative(_Discrete):
    """Base class of mixtures of counts."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        return tags

    def _prepare(self, X: Array) -> Array:
        if X.size and X.min() < 0.0:
            raise ValueError(
                f"Negative values in data passed to {type(self).__name__}: {X.min():g}"
            )
        return X


class SequentialPoissonMixture(_NonNegative):
    """A mixture of counts that are independent and Poisson within a component.

    Parameters
    ----------
    n_components
        Number of components.
    alpha
        Additive smoothing: the number of observations with the overall mean that the prior for a
        feature adds.
    tol, max_iter, n_init, random_state, buffer, step
        See `SequentialGaussianMixture`.

    Examples
    --------
    >>> import numpy as np
    >>> from seqbayes.sklearn import SequentialPoissonMixture
    >>> rng = np.random.default_rng(1)
    >>> X = np.vstack([rng.poisson([2, 9], (200, 2)), rng.poisson([20, 1], (100, 2))])
    >>> model = SequentialPoissonMixture(2, random_state=0).fit(X)
    >>> model.means_[model.weights_.argmax()].round()
    array([2., 9.])
    """

    def _prior(self, X: Array) -> Any:
        means = (X.sum(axis=0) + 0.5) / (len(X) + 1.0)
        priors = [Gamma(1.0 + self.alpha * m, self.alpha, _Counts()) for m in means.tolist()]
        return Product(priors)


class SequentialMultinomialMixture(_NonNegative):
    """A mixture of counts of categories, such as the words of a document.

    Parameters
    ----------
    n_components
        Number of components.
    alpha
        Additive smoothing: the count that the prior adds to every feature.
    tol, max_iter, n_init, random_state, buffer, step
        See `SequentialGaussianMixture`.

    Notes
    -----
    `means_` contains the shares of the features. `sample` draws rows with the mean row sum of the
    first table.

    Examples
    --------
    >>> import numpy as np
    >>> from seqbayes.sklearn import SequentialMultinomialMixture
    >>> X = np.array([[8, 1, 1]] * 20 + [[0, 5, 5]] * 10)
    >>> model = SequentialMultinomialMixture(2, random_state=0).fit(X)
    >>> model.means_[model.weights_.argmax()].round(1)
    array([0.8, 0.1, 0.1])
    """

    def _prior(self, X: Array) -> Any:
        if X.shape[1] < 2:
            raise ValueError("expected at least two features, got n_features = 1")
        self._trials = max(1, round(float(X.sum(axis=1).mean())))
        alpha: Mapping[Any, float] = dict.fromkeys(range(X.shape[1]), 1.0 + self.alpha)
        return Dirichlet(alpha, likelihood=_Bags())

    def sample(self, n_samples: int = 1) -> tuple[Array, Array]:
        """Draw rows and their components."""
        check_is_fitted(self, "mixture_")
        rng = check_random_state(self.random_state)
        y = rng.choice(self.n_components, n_samples, p=self.weights_)
        means = self.means_
        return np.array([rng.multinomial(self._trials, means[k]) for k in y], float), y
