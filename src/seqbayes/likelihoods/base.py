"""Base classes of likelihoods: small immutable values that describe observations."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from seqbayes.distributions import Distribution
from seqbayes.errors import ObservationError, PriorError, UnsupportedError
from seqbayes.statistics import PairSums, Statistics, arrays, as_real

if TYPE_CHECKING:
    from seqbayes.distributions.levels import RandomLevel
    from seqbayes.likelihoods.sql import SqlForm


def check_parameter(
    name: str, value: Any, low: float = 0.0, *, open_low: bool = True, high: float = math.inf
) -> float:
    """Validate a parameter, which must be finite and in range, and return it as a float.

    Raises
    ------
    PriorError
        If the value is not a number between `low` and `high`.
    """
    expected = f"{name} {'>' if open_low else '>='} {low:g}"
    if high < math.inf:
        expected += f" and at most {high:g}"
    try:
        number = as_real(value, f"a finite {expected}")
    except ObservationError as error:
        raise PriorError(str(error)) from None
    if number < low or (open_low and number == low) or number > high:
        raise PriorError(f"expected {expected}, got {value!r}")
    return number


def whole_trials(trials: Any) -> int:
    """Validate a fixed number of trials, and return it as an integer.

    Raises
    ------
    PriorError
        If the value is not a whole number above 0.
    """
    number = check_parameter("trials", trials)
    if number != math.floor(number):
        raise PriorError(f"expected a whole number of trials, got {trials!r}")
    return int(number)


class Likelihood:
    """The distribution of one observation, given the parameter.

    A subclass is a frozen dataclass of fixed parameters. It defines `statistics`, `predictive` and
    `sample`; the other attributes have defaults.
    """

    __slots__ = ()

    labelled: ClassVar[bool] = False
    """Whether observations are labels, which are predicted by the mode instead of the mean."""

    columnar: ClassVar[bool] = True
    """Whether an observation can be read from one or more columns of a table."""

    continuous: ClassVar[bool] = False
    """Whether observations are numbers with a density."""

    varying: ClassVar[str | None] = None
    """Name of the fixed parameter that may differ between observations.

    If the parameter is None, every observation is a pair of a number and this parameter.
    """

    of_logarithm: ClassVar[bool] = False
    """Whether the parameter is that of the logarithm of the observations."""

    parameter_meaning: ClassVar[str] = ""
    """Meaning of the parameter's value, if it has a unit, such as "events per unit of time"."""

    two_sample: ClassVar[str] = ""
    """How a sequential test compares two samples; empty if no sequential test exists.

    "trials" (successes and failures), "failures" (before known numbers of successes), "labels" (the
    counts of one label), "events" (counts with known exposures) or "scale" (sums of Gamma variables
    with known shapes).
    """

    mean_direction: ClassVar[int] = 0
    """1 if the mean increases with the tested parameter, -1 if it decreases, and 0 otherwise."""

    without_test: ClassVar[str] = "decide at a time that was fixed in advance"
    """Advice for users if there is no sequential test."""

    reciprocal_meaning: ClassVar[str] = ""
    """Meaning of the parameter's reciprocal, such as a duration; empty if it has no meaning."""

    @property
    def observation_kind(self) -> str:
        """How an observation is read from one field of a record.

        "number", "boolean", "text" (a label), "counts" (a mapping from label to count), "pair" (two
        numbers) or "any" (any JSON value, such as a list).
        """
        if self.varying is not None and getattr(self, self.varying) is None:
            return "pair"
        return "number" if self.columnar else "any"

    @property
    def observation_fields(self) -> Mapping[Any, str]:
        """The kinds of the values, keyed by name; empty if an observation is not a mapping."""
        return {}

    def statistics(self) -> Statistics:
        """Return a new, empty accumulator."""
        raise NotImplementedError

    def summarise(self, xs: Iterable[Any], w: Any = None) -> Statistics:
        """Return the accumulator of many observations, after validating all of them."""
        total: Statistics = observe_all(self.statistics(), xs, w)
        return total

    def read_many(self, xs: Iterable[Any]) -> tuple[arrays.Array, arrays.Array]:
        """Validate many observations and return them as two arrays of floats of equal length.

        The second array contains the exposures or trials if observations are pairs; otherwise it is
        not used.

        Raises
        ------
        ObservationError
            If an observation is invalid; the message names the first invalid one.
        UnsupportedError
            If observations of this likelihood are not numbers.
        """
        raise UnsupportedError(f"{type(self).__name__} observations are not numbers")

    def sql_form(self) -> SqlForm:
        """Return the aggregates of an SQL query from which the statistic is computed.

        Raises
        ------
        UnsupportedError If the statistic cannot be computed by SQL; the message gives the reason.
        """
        raise UnsupportedError(
            f"{type(self).__name__} observations have no aggregates in SQL: their statistic is not"
            " a few sums over one or two columns"
        )

    def predictive(self, posterior: Any) -> Distribution:
        """Return the distribution of the next observation under hyperparameters."""
        raise NotImplementedError

    def quantile_interval(self, posterior: Any, p: float, level: float) -> Any:
        """Return a credible interval of the p-quantile of observations.

        The result is None if the interval is not available for this likelihood.

        Examples
        --------
        >>> from seqbayes import NormalInverseGamma
        >>> waits = NormalInverseGamma()
        >>> waits.learn_many([3, 5, 4, 4])
        >>> low, high = waits.likelihood.quantile_interval(waits.posterior, 0.95, 0.9)
        >>> round(low, 3), round(high, 3)
        (4.486, 6.419)
        """
        return None

    def expectation(self, posterior: Any) -> Distribution | None:
        """Return the distribution of the expected value of an observation.

        The expected value is a function of the unknown parameter. The result is None if the
        expected value is infinite, or its distribution is not available.

        Examples
        --------
        >>> from seqbayes import Gamma
        >>> from seqbayes.likelihoods import Exponential
        >>> waits = Gamma(3, 20, likelihood=Exponential())
        >>> waits.likelihood.expectation(waits.posterior)
        InverseGamma(shape=3.0, scale=20.0)
        """
        return None

    @property
    def mean_power(self) -> float | None:
        """The power of the parameter to which the mean is proportional; None for other means.

        Examples
        --------
        >>> from seqbayes.likelihoods import Exponential, Pareto
        >>> Exponential().mean_power, Pareto().mean_power
        (-1.0, None)
        """
        return None

    def direction(self, p: float | None) -> int:
        """Return whether the mean (None) or the p-quantile increases with the tested parameter.

        The result is 1 if the mean or quantile increases, and -1 if it decreases. The sequential
        test of the parameter is then a test of the mean or quantile.

        Raises
        ------
        UnsupportedError
            If the mean or quantile can be equal for different parameters.

        Examples
        --------
        >>> from seqbayes.likelihoods import Exponential, Poisson
        >>> Poisson().direction(None), Exponential().direction(0.9)
        (1, -1)
        """
        if p is None and self.mean_direction:
            return self.mean_direction
        if p is None or self.continuous:
            raise UnsupportedError("this quantity has no sequential test: omit the quantity")
        raise UnsupportedError(
            "quantiles of whole numbers and labels have no sequential test, because they can be"
            " equal although the parameters differ: omit the quantity, or compare the mean"
        )

    def quantile(self, posterior: Any, p: float) -> Distribution | None:
        """Return the distribution of the p-quantile of observations.

        The quantile is a function of the unknown parameter. The result is None if it is not
        available.

        Examples
        --------
        >>> from seqbayes import Normal
        >>> waits = Normal(0.0, 1.0, known_variance=4.0)
        >>> round(waits.likelihood.quantile(waits.posterior, 0.975).mean, 3)
        3.92
        """
        return None

    def quantile_at(self, posterior: Any, level: RandomLevel) -> Distribution | None:
        """Return the distribution of the quantile of observations at an independent random level.

        The result is None if the distribution is not available, or if observations may be negative.

        Examples
        --------
        >>> from seqbayes import Gamma
        >>> from seqbayes.distributions import Beta
        >>> from seqbayes.distributions.levels import RandomLevel
        >>> from seqbayes.likelihoods import Exponential
        >>> waits = Gamma(3, 20, likelihood=Exponential())
        >>> level = RandomLevel(Beta(9, 3), 0.9)
        >>> round(waits.likelihood.quantile_at(waits.posterior, level).ppf(0.5), 3)
        14.928
        """
        return None

    def reason_against(self, posterior: Any, p: float | None) -> str:
        """Return why the mean (None) or the p-quantile of observations is not available.

        Examples
        --------
        >>> from seqbayes import Gamma
        >>> from seqbayes.likelihoods import Pareto
        >>> tails = Gamma(3, 2, likelihood=Pareto())
        >>> tails.likelihood.reason_against(tails.posterior, None)
        'is infinite with probability 0.32: compare a quantile'
        """
        if p is None:
            return "is not available"
        return "is not available: compare the mean or the parameter"

    def sample(self, theta: Any, rng: np.random.Generator, size: Any = None) -> Any:
        """Draw observations given the parameter `theta`."""
        raise NotImplementedError

    def labels(self, posterior: Any) -> dict[Any, float]:
        """Return the predictive probability of every label, if the observations are labels."""
        raise NotImplementedError(
            f"{type(self).__name__} observations are not labels: use predictive.p(x)"
        )

    def parameters(self) -> dict[str, Any]:
        """Return the fixed parameters, keyed by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]

    def __deepcopy__(self, memo: dict[int, Any]) -> Likelihood:
        return self  # immutable, so that clones can share one object

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)


def check_supported(likelihood: Any, family: str, kinds: tuple[type[Likelihood], ...]) -> None:
    """Check that an object is a likelihood that a family supports.

    Raises
    ------
    PriorError If the object is not a likelihood, or not one of this family.
    """
    if isinstance(likelihood, kinds):
        return
    name = likelihood.__name__ if isinstance(likelihood, type) else likelihood
    for kind in kinds:
        if isinstance(name, str) and name.lower() == kind.__name__.lower():
            raise PriorError(
                f"expected a likelihood, got {likelihood!r}: write {kind.__name__}(), from"
                " seqbayes.likelihoods"
            )
    names = ", ".join(kind.__name__ for kind in kinds)
    raise PriorError(f"a {family} prior supports the likelihoods {names}, not {likelihood!r}")


def observe_all(total: Any, xs: Iterable[Any], w: Any) -> Any:
    """Add many observations to an accumulator, one at a time, and return the accumulator.

    Raises
    ------
    ObservationError
        If an observation is invalid; the message gives its position.
    """
    items = list(arrays.items(xs))
    weights = arrays.weights(w, len(items))
    each = [1.0] * len(items) if weights is None else weights.tolist()
    for i, (x, weight) in enumerate(zip(items, each, strict=True)):
        try:
            total.observe(x, weight)
        except ObservationError as error:
            raise ObservationError(f"{error} at position {i}") from None
    return total


class PairLikelihood(Likelihood):
    """A likelihood whose statistic is a pair, as under Beta and Gamma priors."""

    __slots__ = ()

    def statistics(self) -> PairSums:
        """Return a new, empty accumulator."""
        raise NotImplementedError

    def summarise(self, xs: Iterable[Any], w: Any = None) -> PairSums:
        """Return the accumulator of many observations, after validating all of them."""
        total = self.statistics()
        self._add_many(total, xs, w)
        return total

    def _add_many(self, total: PairSums, xs: Iterable[Any], w: Any) -> None:
        """Add many observations to an empty accumulator."""
        total.add_sums(*self._sums(xs, w))

    def _sums(self, xs: Iterable[Any], w: Any) -> tuple[Any, Any, Any, Any]:
        """Return (n, a, b, log base measure) of many observations."""
        raise NotImplementedError
