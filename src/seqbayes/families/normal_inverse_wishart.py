"""The normal-inverse-Wishart prior on a mean vector and a covariance matrix."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Self

import numpy as np

from seqbayes.errors import MergeError, PriorError
from seqbayes.families.location import low_of
from seqbayes.families.normal import LOG_TAU
from seqbayes.families.wishart_belief import (
    MultivariateParameters,
    NormalInverseWishartBelief,
)
from seqbayes.families.wishart_exact import log_rising
from seqbayes.families.wishart_parameters import (
    NormalInverseWishartHyperparameters,
    exact_of,
    factor_of,
    is_well_conditioned,
    log_determinant,
    log_distance,
    log_growth,
    solve,
    triangular,
    with_squares,
    with_vector,
)
from seqbayes.likelihoods import (
    Likelihood,
    MultivariateNormal,
    check_matrix,
    check_parameter,
    check_vector,
)
from seqbayes.model import TableForm
from seqbayes.numerics import special
from seqbayes.numerics.elementary import plain
from seqbayes.registry import register
from seqbayes.state import State
from seqbayes.statistics import Scatter, ScatterStatistic

MAX_SQUARED_DISTANCE = 1e14
"""If data are farther from the prior mean than this (squared), floats lose too many digits."""


@register
class NormalInverseWishart(
    State[
        NormalInverseWishartHyperparameters,
        MultivariateParameters[special.Array],
        MultivariateParameters[tuple[special.Array, special.Array]],
        Any,
    ]
):
    """Belief about the mean and the covariance of multivariate normal vectors.

    Parameters
    ----------
    prior_mean
        Prior mean of the mean, a vector of shape (d,).
    kappa
        Weight of the prior mean as a number of observations, >= 0.
    df
        Degrees of freedom of the covariance's inverse Wishart prior, >= -d - 2; by default d + 2,
        the smallest whole number for which the expected covariance exists.
    scale
        Its scale matrix, of shape (d, d) and positive semidefinite; by default the identity. If df
        > d + 1, the expected covariance is ``scale / (df - d - 1)``. A prior with ``kappa`` not
        above 0, ``df`` not above d - 1 or a singular ``scale`` is improper.
    likelihood
        `likelihoods.MultivariateNormal`; with names of features, observations are mappings.
    seed
        Seed for `sample`.

    Notes
    -----
    Tails, quantiles and intervals are those of each entry of the mean and the covariance.

    Raises
    ------
    PriorError
        If a parameter is out of range or has the wrong shape, or the likelihood does not belong to
        this family.

    References
    ----------
    .. [1] Gelman, A. et al. (2013). Bayesian Data Analysis, 3rd ed., section 3.6.
    .. [2] Murphy, K. (2007). Conjugate Bayesian analysis of the Gaussian distribution, section 9.

    Examples
    --------
    >>> from seqbayes import NormalInverseWishart
    >>> belief = NormalInverseWishart([0, 0])
    >>> belief.learn_many([[1.0, 2.0], [3.0, 4.0], [2.0, 6.0]])
    >>> belief.posterior.mean
    array([1.5, 3. ])
    >>> belief.mle.covariance.round(3).tolist()
    [[0.667, 0.667], [0.667, 2.667]]
    """

    likelihoods = (MultivariateNormal,)
    parameters = ("prior_mean", "kappa", "df", "scale")
    display_kind = "vector"
    component_adapter = "seqbayes.mixture.components.state_adapters:MULTIVARIATE_NORMAL"

    likelihood: MultivariateNormal
    _statistics: Scatter

    table_form = TableForm(("prior",))

    @classmethod
    def table_errors(cls, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Yield the errors of a table; see `Model.table_errors`."""
        if not isinstance(values.get("prior"), Mapping):
            yield "prior", "expected a table with prior_mean, a list of numbers"

    @classmethod
    def from_table(cls, values: Mapping[str, Any], names: tuple[str, ...] | None) -> Self:
        """Return the state of a table with a prior; see `Model.from_table`."""
        return cls(**values["prior"], likelihood=MultivariateNormal(features=names))

    def __init__(
        self,
        prior_mean: Any,
        kappa: float = 1.0,
        df: float | None = None,
        scale: Any = None,
        likelihood: Likelihood | None = None,
        seed: int | None = None,
    ) -> None:
        self.prior_mean = check_vector("prior_mean", prior_mean)
        d = len(self.prior_mean)
        self.kappa = check_parameter("kappa", kappa, open_low=False)
        self.df = check_parameter("df", d + 2.0 if df is None else df, -d - 2.0, open_low=False)
        self.scale = check_matrix("scale", np.eye(d) if scale is None else scale, d)
        super().__init__(likelihood=likelihood, seed=seed)
        names = self.likelihood.features
        if names is not None and len(names) != d:
            raise PriorError(f"expected {d} feature names, got {names!r}")

    @classmethod
    def flat(
        cls, dimension: int, likelihood: Likelihood | None = None, seed: int | None = None
    ) -> Self:
        """Return the prior uniform in the mean and covariance, under which the MAP is the MLE."""
        d = _dimension(dimension)
        return cls(np.zeros(d), 0.0, -d - 2.0, np.zeros((d, d)), likelihood, seed)

    @classmethod
    def jeffreys(
        cls, dimension: int, likelihood: Likelihood | None = None, seed: int | None = None
    ) -> Self:
        """Return the independence Jeffreys prior ``|covariance| ** (-(d + 1) / 2)``."""
        d = _dimension(dimension)
        return cls(np.zeros(d), 0.0, -1.0, np.zeros((d, d)), likelihood, seed)

    @classmethod
    def from_mean(
        cls,
        mean: Any,
        covariance: Any = None,
        strength: float = 1.0,
        likelihood: Likelihood | None = None,
        seed: int | None = None,
    ) -> Self:
        """Return the prior with this mean and covariance, equivalent to `strength` observations.

        Examples
        --------
        >>> prior = NormalInverseWishart.from_mean([70, 10], [[100, 5], [5, 4]], strength=4)
        >>> prior.mean.covariance.round(12).tolist()
        [[100.0, 5.0], [5.0, 4.0]]
        """
        vector = check_vector("mean", mean)
        strength = check_parameter("strength", strength)
        d = len(vector)
        matrix = check_matrix("covariance", np.eye(d) if covariance is None else covariance, d)
        scale = np.array(matrix) * strength
        return cls(vector, strength, d + 1.0 + strength, scale, likelihood, seed)

    def new_statistics(self) -> Scatter:
        """Return empty statistics."""
        return self.likelihood.accumulator(len(self.prior_mean))

    def summarise(self, xs: Any, w: Any = None) -> Scatter:
        """Return the statistics of many observations, without learning them."""
        return self.likelihood.total(xs, w, len(self.prior_mean))

    def _set_prior(self, prior: Any) -> None:
        self.prior_mean = tuple(np.asarray(prior.mean).tolist())
        self.kappa, self.df = float(prior.kappa), float(prior.df)
        self.scale = tuple(tuple(row) for row in np.asarray(prior.scale).tolist())

    def check_mergeable(self, other: Any) -> None:
        """Raise an error if the family, dimension, prior or likelihood differs."""
        if type(other) is type(self) and len(other.prior_mean) != len(self.prior_mean):
            raise MergeError(
                f"dimensions differ: {len(self.prior_mean)} and {len(other.prior_mean)}"
            )
        super().check_mergeable(other)

    def __gt__(self, other: Self) -> bool:
        """Whether the posterior mean is higher in the first coordinate that differs."""
        if not isinstance(other, NormalInverseWishart):
            return NotImplemented
        means: list[Any] = [None if each is None else each.mean for each in (self.mean, other.mean)]
        mine, theirs = means
        return mine is not None and (theirs is None or tuple(mine) > tuple(theirs))

    def coordinates(self) -> dict[Any, Any]:
        """Return Student's t distribution of each coordinate's mean; None if improper."""
        names = self.likelihood.features or range(len(self.prior_mean))
        posterior = self.posterior
        if not self.is_proper(posterior):
            return dict.fromkeys(names)
        return dict(zip(names, self.belief(posterior).marginals_of_means(), strict=True))

    @property
    def prior(self) -> NormalInverseWishartHyperparameters:
        """The prior's hyperparameters."""
        return NormalInverseWishartHyperparameters(
            np.array(self.prior_mean), self.kappa, self.df, np.array(self.scale)
        )

    @staticmethod
    def combine(
        prior: NormalInverseWishartHyperparameters, statistic: ScatterStatistic
    ) -> NormalInverseWishartHyperparameters:
        """Return the hyperparameters after learning data with these moments."""
        mean, kappa, df, scale = (np.asarray(v, float) for v in prior)
        n, origin, shift, squares = statistic
        n = np.asarray(n)
        gap, share, rest = _gap(mean, kappa, statistic)
        near = mean + share[..., None] * gap
        far = (origin + shift) - rest[..., None] * gap
        weight = (kappa * share)[..., None]
        # the outer product first, which is exactly symmetric
        spread = weight[..., None] * (gap[..., :, None] * gap[..., None, :])
        combined = NormalInverseWishartHyperparameters(
            np.where(share[..., None] < 0.5, near, far),
            plain(kappa + n),
            plain(df + n),
            scale + (squares + spread),
        )
        combined.source = prior, statistic
        factor = triangular(combined.scale)
        if is_well_conditioned(factor):
            combined.factor = factor
        elif (within := _within(prior, squares)) is not None:
            # the loss of digits is proportional to the distance of the prior mean in standard
            # deviations
            far = np.sum(np.square(within), axis=-1) * MAX_SQUARED_DISTANCE < weight * np.square(
                gap
            )
            precise = not n.ndim and (far.any() or not is_well_conditioned(within))
            exact = exact_of(prior) if precise else None
            if exact is not None:
                combined.exact = exact.combine(statistic)
                combined.factor = combined.exact.factor
            else:
                combined.far = True
                combined.factor = with_vector(within, np.sqrt(weight) * gap)
        return combined

    @property
    def prior_share(self) -> float:
        """The largest of the prior's weights in the mean and in the variances."""
        posterior, squares = self.posterior, self.statistics.value.squares
        spread, within = np.diagonal(posterior.scale), np.diagonal(squares)
        if not (posterior.kappa > 0.0 and np.all(spread > 0.0)):
            return 0.0
        return float(max(self.kappa / posterior.kappa, 1.0 - np.min(within / spread)))

    @staticmethod
    def is_proper(hyperparameters: NormalInverseWishartHyperparameters) -> bool:
        """Whether the density integrates to one."""
        mean, kappa, df, _ = hyperparameters
        d = np.shape(mean)[-1]
        return bool(
            np.all(kappa > 0.0) and np.all(df > d - 1.0) and factor_of(hyperparameters) is not None
        )

    @staticmethod
    def log_z(hyperparameters: NormalInverseWishartHyperparameters) -> Any:
        """Return the log of the integral of the unnormalised density."""
        mean, kappa, _, _ = hyperparameters
        d = np.shape(mean)[-1]
        df = np.asarray(hyperparameters.df, float)
        total = (
            0.5 * d * (LOG_TAU - np.log(kappa))
            + 0.5 * df * d * math.log(2.0)
            + special.log_multigamma(0.5 * df, d)
            - 0.5 * df * log_determinant(factor_of(hyperparameters))
        )
        return total[()]

    @staticmethod
    def log_marginal(
        hyperparameters: NormalInverseWishartHyperparameters, statistic: ScatterStatistic
    ) -> Any:
        """Return the log marginal density of data with these moments."""
        mean, kappa, df, _ = (np.asarray(v, float) for v in hyperparameters)
        n = np.asarray(statistic.n, float)
        d = mean.shape[-1]
        gap, share, _ = _gap(mean, kappa, statistic)
        gap = gap - low_of(hyperparameters)
        factor = factor_of(hyperparameters)
        within = _within(hyperparameters, statistic.squares)
        if not is_well_conditioned(within) and n.ndim == 0:
            exact = exact_of(hyperparameters)
            if exact is not None:
                return exact.log_marginal(statistic)
        # |W + c g g'| = |W| (1 + c g' inverse(W) g)
        z = solve(within, gap[..., None])[..., 0]
        apart = log_distance(kappa * share, z)
        whole = log_determinant(within) + apart
        grown = log_growth(factor, within, statistic.squares) + apart
        total = (
            log_rising(df, n, d)
            - 0.5 * d * np.log1p(n / kappa)
            - 0.5 * df * grown
            - 0.5 * n * (whole + d * math.log(math.pi))
        )
        return float(total) if total.ndim == 0 else total

    @staticmethod
    def log_likelihood(theta: Any, statistic: ScatterStatistic) -> Any:
        """Return the log density of data with these moments, given (mean, covariance)."""
        mean, covariance = (np.asarray(v, float) for v in theta)
        n, origin, shift, squares = statistic
        n = np.asarray(n, float)
        d = mean.shape[-1]
        gap = (origin - mean) + shift
        whole = squares + n[..., None, None] * gap[..., :, None] * gap[..., None, :]
        try:
            trace = np.trace(np.linalg.solve(covariance, whole), axis1=-2, axis2=-1)
        except np.linalg.LinAlgError:  # the matrix is singular, so it is not a covariance
            return -math.inf
        total = -0.5 * (n * (d * LOG_TAU + np.linalg.slogdet(covariance)[1]) + trace)
        return float(total) if np.ndim(total) == 0 else total

    @staticmethod
    def estimate(statistic: ScatterStatistic) -> MultivariateParameters[special.Array] | None:
        """Return the mean and the covariance of the data; None while the covariance is singular."""
        if not statistic.n > 0.0 or triangular(statistic.squares) is None:
            return None
        return MultivariateParameters(statistic.mean, statistic.squares / statistic.n)

    @staticmethod
    def belief(hyperparameters: NormalInverseWishartHyperparameters) -> NormalInverseWishartBelief:
        """Return the joint distribution of the mean and the covariance."""
        return NormalInverseWishartBelief(hyperparameters)


def _dimension(value: Any) -> int:
    if type(value) is not int or value < 1:
        raise PriorError(f"expected a dimension, a whole number >= 1, got {value!r}")
    return value


def _gap(mean: Any, kappa: Any, statistic: ScatterStatistic) -> tuple[Any, Any, Any]:
    """Return the difference between the data mean and the prior mean, and the weights of both."""
    n = np.asarray(statistic.n, float)
    total = kappa + n
    share = np.divide(n, total, out=np.zeros(np.shape(total)), where=total > 0.0)
    rest = np.divide(kappa, total, out=np.ones(np.shape(total)), where=total > 0.0)
    return (statistic.origin - mean) + statistic.shift, share, rest


def _within(hyperparameters: Any, squares: Any) -> Any:
    """Return the factor of the scale plus the scatter; None if the sum is not positive definite."""
    if not np.any(squares):
        return factor_of(hyperparameters)
    within = triangular(np.asarray(hyperparameters[3]) + squares)
    if is_well_conditioned(within):
        return within
    factor = factor_of(hyperparameters)
    return within if factor is None else with_squares(factor, squares)
