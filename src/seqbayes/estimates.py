"""Estimates of a parameter from the posterior of a state."""

from __future__ import annotations

import math
from typing import Any, Self, overload

import numpy as np

from seqbayes.checks import check_level
from seqbayes.errors import PriorError
from seqbayes.explanation import format_hyperparameters
from seqbayes.formulas import Formulas
from seqbayes.model import Summary
from seqbayes.typevars import E, H, I, X


class Estimates(Formulas[H, E, I, X]):
    """Point estimates, intervals, densities, tails, quantiles and draws of the parameter."""

    def proper_posterior(self) -> H:
        """Return the posterior's hyperparameters.

        Raises
        ------
        PriorError
            If the posterior is improper.
        """
        posterior = self.posterior
        if not self.is_proper(posterior):
            raise PriorError(f"{posterior} is improper: more data are needed")
        return posterior

    def _proper_belief(self) -> Any:
        return self.belief(self.proper_posterior())

    @property
    def mle(self) -> E | None:
        """The maximum likelihood estimate, from the data alone; None if it does not exist."""
        return self.estimate(self.statistics.value)

    @property
    def map(self) -> E | None:
        """The posterior mode; None if it does not exist."""
        mode: E | None = self.belief(self.posterior).mode
        return mode

    @property
    def mode(self) -> E | None:
        """The posterior mode (`map`), under the name used by River's `proba` module."""
        return self.map

    @property
    def mean(self) -> E | None:
        """The posterior mean; None if it does not exist."""
        posterior = self.posterior
        return self.belief(posterior).mean if self.is_proper(posterior) else None

    @property
    def var(self) -> E | None:
        """The posterior variance; None if it does not exist."""
        posterior = self.posterior
        return self.belief(posterior).var if self.is_proper(posterior) else None

    def interval(self, level: float = 0.95, kind: str = "equal-tailed") -> I | None:
        """Return the credible interval (low, high) of the parameter, or of each of its components.

        Parameters
        ----------
        level
            Posterior probability of the interval, between 0 and 1.
        kind
            "equal-tailed", or "hdi" for the shortest interval.

        Returns
        -------
        tuple of float, or one tuple per component; None while the posterior is improper

        Raises
        ------
        PriorError
            If the level or the kind is invalid.
        """
        check_level(level, kind)
        posterior = self.posterior
        if not self.is_proper(posterior):
            return None
        found: I = _number(self.belief(posterior).interval, self, level, kind)
        return found

    @overload
    def pdf(self, theta: E) -> float: ...
    @overload
    def pdf(self, theta: Any) -> Any: ...
    def pdf(self, theta: Any) -> Any:
        """Return the posterior density at `theta`."""
        return self._proper_belief().pdf(theta)

    @overload
    def logpdf(self, theta: E) -> float: ...
    @overload
    def logpdf(self, theta: Any) -> Any: ...
    def logpdf(self, theta: Any) -> Any:
        """Return the log of the posterior density at `theta`."""
        return self._proper_belief().logpdf(theta)

    @overload
    def cdf(self, theta: E) -> E: ...
    @overload
    def cdf(self, theta: Any) -> Any: ...
    def cdf(self, theta: Any) -> Any:
        """Return the posterior probability that each component is at most `theta`."""
        return self._proper_belief().cdf(theta)

    @overload
    def sf(self, theta: E) -> E: ...
    @overload
    def sf(self, theta: Any) -> Any: ...
    def sf(self, theta: Any) -> Any:
        """Return the posterior probability that each component is above `theta`."""
        return self._proper_belief().sf(theta)

    @overload
    def logcdf(self, theta: E) -> E: ...
    @overload
    def logcdf(self, theta: Any) -> Any: ...
    def logcdf(self, theta: Any) -> Any:
        """Return the log of `cdf`, even where the probability underflows."""
        return self._proper_belief().logcdf(theta)

    @overload
    def logsf(self, theta: E) -> E: ...
    @overload
    def logsf(self, theta: Any) -> Any: ...
    def logsf(self, theta: Any) -> Any:
        """Return the log of `sf`, even where the probability underflows.

        Examples
        --------
        >>> from seqbayes import Gamma
        >>> round(Gamma(3, 1).logsf(800), 2)
        -787.32
        """
        return self._proper_belief().logsf(theta)

    @overload
    def ppf(self, q: float, log: bool = False) -> E: ...
    @overload
    def ppf(self, q: Any, log: bool = False) -> Any: ...
    def ppf(self, q: Any, log: bool = False) -> Any:
        """Return the posterior quantile, for each component.

        With `log`, `q` is the logarithm of the probability.
        """
        return self._proper_belief().ppf(q, log)

    @overload
    def isf(self, q: float, log: bool = False) -> E: ...
    @overload
    def isf(self, q: Any, log: bool = False) -> Any: ...
    def isf(self, q: Any, log: bool = False) -> Any:
        """Return the upper posterior quantile, which is exceeded with probability `q`; see `ppf`.

        Examples
        --------
        >>> from seqbayes import Gamma
        >>> round(Gamma(3, 1).isf(-787.321424, log=True), 4)
        800.0
        """
        return self._proper_belief().isf(q, log)

    def entropy(self) -> Any:
        """Return the differential entropy of the posterior in nats, jointly for several parameters.

        Raises
        ------
        PriorError
            If the posterior is improper.

        Examples
        --------
        >>> from seqbayes import Beta
        >>> round(Beta(2, 1).entropy(), 4)
        -0.1931
        """
        return _number(self._proper_belief().entropy, self)

    def kl(self, other: Self) -> Any:
        """Return the Kullback-Leibler divergence from another state's posterior, in nats.

        The divergence is the expected log ratio of the two densities under this posterior; they are
        joint densities if there are several parameters.

        Raises
        ------
        PriorError
            If the other state is of another family, or a posterior is improper.

        Examples
        --------
        >>> from seqbayes import Beta
        >>> round(Beta(1, 1).kl(Beta(2, 1)), 4)
        0.3069
        """
        if type(other) is not type(self):
            raise PriorError(f"expected another {type(self).__name__}, got {other!r}")
        return _number(self._proper_belief().kl, self, other.belief(other.proper_posterior()))

    @overload
    def sample(self, size: None = None) -> E: ...
    @overload
    def sample(self, size: int | tuple[int, ...]) -> Any: ...
    def sample(self, size: Any = None) -> Any:
        """Draw from the posterior; draws are reproducible if `seed` is given."""
        return self._proper_belief().sample(size, self._rng)

    @property
    def _rng(self) -> np.random.Generator:
        # created on first use, so a pickle does not contain a generator
        rng: np.random.Generator | None = self.__dict__.get("_generator")
        if rng is None:
            rng = self.__dict__["_generator"] = np.random.default_rng(self.seed)
        return rng

    def summary(self) -> Summary:
        """Return the mean and the interval of the parameter."""
        return Summary(self.mean, self.interval())

    def in_words(self) -> str:
        """Return the prior as text."""
        return format_hyperparameters(self.prior)


def _number(method: Any, state: Any, *arguments: Any) -> Any:
    """Return the result of a method of a posterior; raise an error if it is NaN or overflows."""
    try:
        with np.errstate(all="ignore"):
            value = method(*arguments)
    except ArithmeticError:
        value = math.nan
    if isinstance(value, float) and math.isnan(value):
        raise PriorError(
            f"the {method.__name__} of {state.posterior} cannot be computed: its terms exceed the"
            " range of floats; use other units, or a prior that is less extreme"
        )
    return value
