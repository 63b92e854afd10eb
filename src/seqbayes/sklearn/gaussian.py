"""Gaussian mixtures with the scikit-learn interface."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from seqbayes.sklearn.base import Array, SequentialMixture


@dataclass(eq=False, repr=False)
class SequentialGaussianMixture(SequentialMixture):
    """A Gaussian mixture that is fitted to a table, learned in batches, or both.

    The class has the parameters and methods of scikit-learn's `GaussianMixture`, and `partial_fit`.
    Missing values (NaN) are marginalised out. Priors at the scale of the data keep covariances
    nonsingular.

    Parameters
    ----------
    n_components
        Number of components.
    covariance_type
        "full", "tied", "diag" or "spherical".
    tol
        Stop when the log posterior changes by less than this per row.
    max_iter
        Maximum number of iterations of `fit`.
    n_init
        Number of starts of EM in `fit`.
    random_state
        Seed, generator or None.
    buffer
        Number of rows that `partial_fit` collects before the first fit; by default 400 per
        component.
    step
        Step size of `partial_fit`; see `Mixture`. A number is a constant step, for streams with
        drift.

    Examples
    --------
    >>> import numpy as np
    >>> from seqbayes.sklearn import SequentialGaussianMixture
    >>> X = np.array([[1, 2], [1, 4], [1, 0], [10, 2], [10, 4], [10, 0]])
    >>> model = SequentialGaussianMixture(n_components=2, random_state=0).fit(X)
    >>> model.means_[model.weights_.argsort()].round(1)[:, 1]
    array([2., 2.])
    >>> first, second = model.predict([[0, 0], [12, 3]])
    >>> bool(first != second)
    True
    """

    covariance_type: str = "full"

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _components(self, X: Array) -> Any:
        return self.n_components

    def _covariance(self) -> str:
        return self.covariance_type

    def _n_parameters(self) -> int:
        d = self.n_features_in_
        full = d * (d + 1) // 2
        k = self.n_components
        sizes = {"full": k * full, "tied": full, "diag": k * d, "spherical": k}
        return int(super()._n_parameters() + sizes[self.covariance_type])

    @property
    def means_(self) -> Array:
        """Means of the components, of shape (n_components, n_features)."""
        return np.array([each.mean for each in self._learned().parameters or ()])

    @property
    def covariances_(self) -> Array:
        """Covariances of the components, with the same shape as in scikit-learn.

        The shape is (n_components, d, d) for "full", (d, d) for "tied", (n_components, d) for
        "diag" and (n_components,) for "spherical" covariances.
        """
        found: Array = np.array([each.covariance for each in self._learned().parameters or ()])
        if self.covariance_type == "tied":
            return np.array(found[0])
        if self.covariance_type in ("diag", "spherical"):
            found = np.diagonal(found, axis1=1, axis2=2)
        return np.array(found[:, 0] if self.covariance_type == "spherical" else found)
