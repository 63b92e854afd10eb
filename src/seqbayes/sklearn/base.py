"""Base class of mixtures with the scikit-learn interface: an adapter for `Mixture`."""

from __future__ import annotations

import warnings
from dataclasses import KW_ONLY, dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from seqbayes.mixture import Mixture

Array = npt.NDArray[Any]


@dataclass(eq=False, repr=False)
class SequentialMixture(DensityMixin, BaseEstimator):
    """A mixture that is fitted to a table, learned in batches, or both.

    Attributes
    ----------
    mixture_ : Mixture
        The learned mixture.
    n_features_in_ : int
        Number of features.
    weights_ : array (n_components,)
        Weights of the components.
    means_ : array (n_components, n_features)
        Means of the features in every component.
    converged_ : bool
        Whether the last `fit` converged.
    n_iter_ : int
        Number of iterations of the last `fit`.
    lower_bound_ : float
        Log likelihood per row of the last `fit`.
    """

    n_components: int = 1
    _: KW_ONLY
    tol: float = 1e-6
    max_iter: int = 1000
    n_init: int = 10
    random_state: Any = None
    buffer: int | None = None
    step: Any = None

    def _components(self, X: Array) -> Any:
        """Return the components of a new mixture, either their priors or their number."""
        raise NotImplementedError

    def _prepare(self, X: Array) -> Array:
        """Convert a table to observations for the components."""
        return X

    def _covariance(self) -> str:
        return "full"

    def _n_parameters(self) -> int:
        """Return the number of free parameters."""
        return int(self.means_.size) + self.n_components - 1

    def _read(self, X: Any, reset: bool = False) -> Array:
        finite: Any = "allow-nan" if self.__sklearn_tags__().input_tags.allow_nan else True
        X = validate_data(self, X, reset=reset, dtype=np.float64, ensure_all_finite=finite)
        return self._prepare(X)

    def _new(self, X: Array) -> Mixture:
        seed = None
        if self.random_state is not None:
            seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        return Mixture(
            self._components(X),
            seed=seed,
            covariance=self._covariance(),
            buffer=self.buffer,
            step=self.step,
        )

    def fit(self, X: Any, y: Any = None) -> Self:
        """Discard everything learned before, and fit the mixture to a table by EM.

        Parameters
        ----------
        X
            A table of shape (n, d).
        y
            Ignored.

        Raises
        ------
        ValueError
            If the table is invalid, or has fewer rows than there are components.
        """
        X = self._read(X, reset=True)
        if len(X) < self.n_components:
            raise ValueError(
                f"expected n_samples >= n_components, got n_samples = {len(X)} and"
                f" n_components = {self.n_components}"
            )
        mixture = self._new(X)
        trace = mixture.fit(X, self.max_iter, self.tol, n_init=self.n_init)
        self.mixture_, self.converged_ = mixture, trace.converged
        self.n_iter_ = max(1, len(trace) - 1)
        self.lower_bound_ = trace[-1].log_likelihood / len(X)
        if not trace.converged and self.tol > 0.0:
            warnings.warn(
                f"EM did not converge in {self.max_iter} iterations: increase max_iter or tol",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn the rows of a table in order, in addition to the rows learned before.

        Until `buffer` rows have been learned, predictions come from a fit to these rows.

        Parameters
        ----------
        X
            A table of shape (n, d).
        y
            Ignored.
        sample_weight
            None, or the weights of the rows.

        Raises
        ------
        ValueError
            If the table or a weight is invalid. In this case, nothing is learned.
        """
        first = not hasattr(self, "mixture_")
        X = self._read(X, reset=first)
        mixture = self._new(X) if first else self.mixture_
        mixture.learn_many(X, sample_weight)
        self.mixture_ = mixture
        return self

    def fit_predict(self, X: Any, y: Any = None) -> Array:
        """Learn from a table, and return the most probable component of every row."""
        return self.fit(X, y).predict(X)

    def _predict_with(self, X: Any) -> tuple[Mixture, Array]:
        check_is_fitted(self, "mixture_")
        return self.mixture_, self._read(X)

    def predict_proba(self, X: Any) -> Array:
        """Return the probability of every component for every row, of shape (n, n_components)."""
        mixture, X = self._predict_with(X)
        return mixture.predict_proba_many(X)

    def predict(self, X: Any) -> Array:
        """Return the most probable component of every row."""
        best: Array = self.predict_proba(X).argmax(axis=1)
        return best

    def score_samples(self, X: Any) -> Array:
        """Return the log density of every row."""
        mixture, X = self._predict_with(X)
        return mixture.log_density_many(X)

    def score(self, X: Any, y: Any = None) -> float:
        """Return the mean log density of the rows."""
        return float(self.score_samples(X).mean())

    def bic(self, X: Any) -> float:
        """Return the Bayesian information criterion of a table; lower is better."""
        logs = self.score_samples(X)
        return float(self._n_parameters() * np.log(len(logs)) - 2.0 * logs.sum())

    def aic(self, X: Any) -> float:
        """Return Akaike's information criterion of a table; lower is better."""
        return float(2.0 * (self._n_parameters() - self.score_samples(X).sum()))

    def sample(self, n_samples: int = 1) -> tuple[Array, Array]:
        """Draw rows and their components.

        Returns
        -------
        X
            A table of shape (n_samples, d).
        y
            The component of every row.
        """
        check_is_fitted(self, "mixture_")
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        drawn, names = self.mixture_.sample(n_samples, seed=int(seed))
        rows = [[row[j] for j in range(self.n_features_in_)] for row in drawn]
        return np.array(rows, float), np.array(names)

    @property
    def weights_(self) -> Array:
        """Weights of the components."""
        return np.array(self._learned().weights)

    @property
    def means_(self) -> Array:
        """Means of the features in every component."""
        parameters = self._learned().parameters or ()
        features = range(self.n_features_in_)
        return np.array([[each[j] for j in features] for each in parameters])

    def _learned(self) -> Mixture:
        mixture: Mixture = learned(self, "mixture_")
        return mixture


def learned(estimator: Any, name: str) -> Any:
    """Return a learned attribute; raise AttributeError if it does not exist yet."""
    found = vars(estimator).get(name)
    if found is None:
        raise AttributeError(f"this {type(estimator).__name__} is not fitted yet")
    return found
