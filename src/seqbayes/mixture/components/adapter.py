"""The interface of adapters that use states as components, and the adapters for normal families."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple, Self

import numpy as np

from seqbayes.distributions import Distribution, MultivariateT, StudentT
from seqbayes.errors import PriorError
from seqbayes.families import MultivariateParameters, NormalParameters
from seqbayes.likelihoods import check_parameter
from seqbayes.mixture.components import gaussian, readers
from seqbayes.mixture.components.gaussian_variants import (
    PRIOR_RATE,
    KnownVarianceKernel,
    StudentKernel,
)
from seqbayes.mixture.components.kernel import Kernel
from seqbayes.mixture.components.normal import IndependentKernel
from seqbayes.mixture.components.predictive import (
    ComponentPredictive,
    KernelPredictive,
    StatePredictive,
)
from seqbayes.mixture.components.rows import RowReader
from seqbayes.predictive import Transformed
from seqbayes.state import State


class ComponentAdapter:
    """Lets a mixture use the states of a family as components.

    A subclass defines `size`, `reading`, `reader` and `kernel`, and `to_kernel` and `parameter` if
    the kernel's parameter differs in form from the parameter of the state.
    """

    df: float | None = None
    """Degrees of freedom of components with Student's t distribution; None for other components."""

    def size(self, state: State) -> int:
        """Return the number of values in a row that the kernel of a state reads."""
        raise NotImplementedError

    def reading(self, state: State) -> Hashable:
        """Return how observations are read, as a key; states with equal keys share a reader."""
        raise NotImplementedError

    def reader(self, state: State, at: int) -> RowReader:
        """Return a reader of observations that writes from position `at` of a row."""
        raise NotImplementedError

    def kernel(self, state: State, at: int, covariance: str) -> Kernel:
        """Return the kernel of a component with a state as its prior.

        Parameters
        ----------
        at
            Position of the kernel's first number in a row.
        covariance
            The shape of covariances; only Normal components use it.
        """
        raise NotImplementedError

    def kernels(self, state: State, places: Sequence[int], covariance: str) -> list[Kernel]:
        """Return the kernels of several components with one prior, for these positions in a row."""
        return [self.kernel(state, at, covariance) for at in places]

    def to_kernel(self, state: State, theta: Any) -> Any:
        """Convert a parameter to the form that `Kernel.set_parameter` expects.

        Raises
        ------
        PriorError
            If the parameter is invalid.
        """
        return theta

    def parameter(self, state: State, raw: Any) -> Any:
        """Convert `Kernel.parameter` to the parameter of the state."""
        return raw

    def state_parameter(self, state: State, raw: Any) -> Any:
        """Convert `Kernel.parameter` to a parameter of the state's likelihood."""
        return self.parameter(state, raw)

    def log_prior(self, state: State, raw: Any) -> float:
        """Return the log prior density of a kernel's parameter."""
        return float(state.belief(state.prior).logpdf(self.parameter(state, raw)))

    def has_proper_prior(self, state: State, kernel: Any) -> bool:
        """Whether the prior of a component is proper, given its state or its kernel."""
        return state.is_proper(state.prior)

    def has_tails(self, state: State) -> bool:
        """Whether the component, or one of its fields, can have Student's t distribution."""
        return False

    def with_tails(self, df: float) -> Self:
        """Return the adapter for components that have Student's t distribution where possible.

        Parameters
        ----------
        df
            The degrees of freedom; 0 if they are learned.
        """
        return self

    def distribution(self, learned: State, raw: Any) -> Distribution | None:
        """Return the predictive distribution of a component; None if it is improper.

        Parameters
        ----------
        learned
            The component as a state, with its statistics.
        raw
            The kernel's parameter.
        """
        return learned.predictive if learned.is_proper(learned.posterior) else None

    def sample(self, state: State, theta: Any, rng: np.random.Generator, n: int) -> Any:
        """Draw `n` observations, given a parameter in the form that `parameter` returns."""
        return state.likelihood.sample(theta, rng, n)

    def add_statistics(self, kernel: Any, state: State, n: float) -> None:
        """Add the statistic of a kernel, multiplied by `n` observations, to a state."""
        kernel.add_to(state.statistics, n)

    def predictive(self, state: State, kernel: Any) -> ComponentPredictive:
        """Return the predictive density of a component; by default, that of its state."""
        return StatePredictive(state, self.add_statistics)


# Normal families.


class StudentParameters(NamedTuple):
    """The parameters of Student's t distribution.

    Attributes
    ----------
    loc : float or array (d,)
        The location.
    scale : float or array (d, d)
        The scale of numbers, or the scale matrix of vectors.
    df : float
        The degrees of freedom.
    """

    loc: Any
    scale: Any
    df: float


class NumberAdapter(ComponentAdapter):
    """Adapter for `NormalInverseGamma` priors, for numbers or their logarithms.

    Parameters
    ----------
    df
        Degrees of freedom of Student's t distribution; 0 if they are learned, None for Normal
        components.
    """

    def __init__(self, df: float | None = None) -> None:
        self.df = df

    def has_proper_prior(self, state: State, kernel: Any) -> bool:
        """Return the kernel's answer, which is computed faster than the state's."""
        return bool(kernel.is_proper)

    def has_tails(self, state: State) -> bool:
        """Return true."""
        return True

    def with_tails(self, df: float) -> Self:
        """Return the adapter for components with Student's t distribution."""
        return type(self)(df)

    def size(self, state: State) -> int:
        """Return 1."""
        return 1

    def reading(self, state: State) -> Hashable:
        """Return whether logarithms are taken."""
        return ("number", state.likelihood.of_logarithm)

    def reader(self, state: State, at: int) -> RowReader:
        """Return a reader of numbers."""
        return readers.NumberReader(at, state.likelihood.of_logarithm)

    def kernel(self, state: State, at: int, covariance: str) -> Kernel:
        """Return a one-dimensional Normal kernel, with the prior in its Wishart form."""
        return self.kernels(state, [at], covariance)[0]

    def kernels(self, state: State, places: Sequence[int], covariance: str) -> list[Kernel]:
        """Return kernels with one prior, which is read once."""
        prior = self.wishart(state)
        settings = covariance == "tied", state.likelihood.of_logarithm
        if self.df is None:
            return [gaussian.GaussianKernel(at, prior, *settings) for at in places]
        return [StudentKernel(at, prior, *settings, self.df) for at in places]

    def wishart(self, state: State) -> tuple[Any, float, float, Any]:
        """Return the mean, weight, degrees of freedom and scale of the prior's Wishart form."""
        mean, kappa, alpha, beta = state.prior
        return [mean], kappa, 2.0 * alpha, [[2.0 * beta]]

    def to_kernel(self, state: State, theta: Any) -> Any:
        """Return the mean and variance, or location, scale and degrees of freedom, as arrays."""
        if self.df is None:
            mean, variance = theta
            mean = check_parameter("mean", mean, -math.inf)
            return [mean], [[check_parameter("variance", variance)]]
        loc, scale, df = theta
        loc, scale = check_parameter("loc", loc, -math.inf), check_parameter("scale", scale)
        return [loc], [[scale**2]], check_parameter("df", df)

    def parameter(self, state: State, raw: Any) -> Any:
        """Return the mean and variance, or the location, scale and degrees of freedom."""
        if self.df is None:
            return self.state_parameter(state, raw)
        return StudentParameters(float(raw[0][0]), math.sqrt(raw[1][0, 0]), float(raw[2]))

    def state_parameter(self, state: State, raw: Any) -> Any:
        """Return the mean and the variance."""
        return NormalParameters(float(raw[0][0]), float(raw[1][0, 0]))

    def log_prior(self, state: State, raw: Any) -> float:
        """Return the log prior density of mean, covariance and learned degrees of freedom."""
        found = float(state.belief(state.prior).logpdf(self.state_parameter(state, raw)))
        if self.df == 0.0:
            found += 2.0 * math.log(PRIOR_RATE) + math.log(raw[2]) - PRIOR_RATE * raw[2]
        return found

    def distribution(self, learned: State, raw: Any) -> Distribution | None:
        """Return the predictive distribution of a component; None if it is improper."""
        found = super().distribution(learned, raw)
        if self.df is None or found is None:
            return found
        with_df: Distribution = self._with_df(learned, found, float(raw[2]))
        return with_df

    def _with_df(self, learned: State, found: Any, df: float) -> Any:
        """Return the predictive t distribution with the tails of both distributions combined."""
        if learned.likelihood.of_logarithm:
            return Transformed(_student(StudentT, found.base, df), found.transform)
        return _student(StudentT, found, df)

    def sample(self, state: State, theta: Any, rng: np.random.Generator, n: int) -> Any:
        """Draw observations: normal deviations divided by the square root of a latent scale."""
        if self.df is None:
            return state.likelihood.sample(theta, rng, n)
        drawn = theta.loc + theta.scale * rng.standard_t(theta.df, n)
        return np.exp(drawn) if state.likelihood.of_logarithm else drawn

    def predictive(self, state: State, kernel: Any) -> ComponentPredictive:
        """Return the predictive density that the kernel computes, if the prior is proper."""
        if not self.has_proper_prior(state, kernel):
            return super().predictive(state, kernel)
        return KernelPredictive()


class KnownVarianceAdapter(NumberAdapter):
    """Adapter for `Normal` priors on the mean of numbers or logarithms, with known variance."""

    def has_proper_prior(self, state: State, kernel: Any) -> bool:
        """Return whether the prior of the mean is proper."""
        return state.is_proper(state.prior)

    def has_tails(self, state: State) -> bool:
        """Return false: with a known variance, components are Normal."""
        return False

    def with_tails(self, df: float) -> Self:
        """Return the same adapter."""
        return self

    def kernels(self, state: State, places: Sequence[int], covariance: str) -> list[Kernel]:
        """Return Normal kernels with known variance."""
        mean, variance, known = state.prior
        logarithm = state.likelihood.of_logarithm
        return [KnownVarianceKernel(at, (mean, variance), known, logarithm) for at in places]

    def to_kernel(self, state: State, theta: Any) -> Any:
        """Return the mean and the known variance as a vector and a matrix."""
        mean = check_parameter("mean", theta, -math.inf)
        return [mean], [[state.prior.known_variance]]

    def parameter(self, state: State, raw: Any) -> Any:
        """Return the mean."""
        return float(raw[0][0])

    def state_parameter(self, state: State, raw: Any) -> Any:
        """Return the mean."""
        return float(raw[0][0])


class VectorAdapter(NumberAdapter):
    """Adapter for `NormalInverseWishart` priors, for vectors or mappings of features."""

    def size(self, state: Any) -> int:
        """Return the number of features."""
        return len(state.prior_mean)

    def _features(self, state: Any) -> Any:
        return state.likelihood.features

    def reading(self, state: State) -> Hashable:
        """Return the dimension and the feature names."""
        return ("vector", self.size(state), self._features(state))

    def reader(self, state: State, at: int) -> RowReader:
        """Return a reader of vectors."""
        return readers.VectorReader(at, self.size(state), self._features(state))

    def kernels(self, state: State, places: Sequence[int], covariance: str) -> list[Kernel]:
        """Return Normal kernels with covariances of the given shape."""
        if covariance not in ("diagonal", "spherical"):
            return super().kernels(state, places, covariance)
        prior, spherical = self.wishart(state), covariance == "spherical"
        return [IndependentKernel(at, prior, spherical) for at in places]

    def wishart(self, state: State) -> tuple[Any, float, float, Any]:
        """Return the prior."""
        mean, kappa, df, scale = state.prior
        return mean, kappa, df, scale

    def to_kernel(self, state: State, theta: Any) -> Any:
        """Validate a location, a matrix, and degrees of freedom if needed; return arrays."""
        mean, covariance, *df = (np.array(part, float) for part in theta)
        if len(df) != (self.df is not None):
            raise PriorError(f"expected {2 + (self.df is not None)} parts, got {len(theta)}")
        d = self.size(state)
        if mean.shape != (d,) or covariance.shape != (d, d):
            raise PriorError(f"expected a mean of {d} numbers and a covariance of {d} x {d}")
        if not (np.all(np.isfinite(mean)) and np.all(np.isfinite(covariance))):
            raise PriorError("expected finite numbers")
        if not np.allclose(covariance, covariance.T) or np.linalg.eigvalsh(covariance)[0] <= 0.0:
            raise PriorError("expected a covariance that is symmetric and positive definite")
        return mean, covariance, *(check_parameter("df", float(each)) for each in df)

    def parameter(self, state: State, raw: Any) -> Any:
        """Return the mean and covariance, or the location, scale matrix and degrees of freedom."""
        return self.state_parameter(state, raw) if self.df is None else StudentParameters(*raw)

    def state_parameter(self, state: State, raw: Any) -> Any:
        """Return the mean and the covariance."""
        return MultivariateParameters(raw[0], raw[1])

    def _with_df(self, learned: State, found: Any, df: float) -> Any:
        """Return the predictive t distribution with the tails of both distributions combined."""
        return _student(MultivariateT, found, df)

    def sample(self, state: State, theta: Any, rng: np.random.Generator, n: int) -> Any:
        """Draw observations: normal deviations divided by the square root of a latent scale."""
        if self.df is None:
            return state.likelihood.sample(theta, rng, n)
        u = rng.chisquare(theta.df, n) / theta.df
        centred = state.likelihood.sample((np.zeros_like(theta.loc), theta.scale), rng, n)
        return theta.loc + centred / np.sqrt(u)[:, None]


def _student(kind: Any, predictive: Any, df: float) -> Any:
    """Return a Student's t distribution with the location and the scale of another one.

    The result has ``1 / (1 / df + 1 / predictive.df)`` degrees of freedom.
    """
    return kind(1.0 / (1.0 / df + 1.0 / predictive.df), predictive.loc, predictive.scale)
