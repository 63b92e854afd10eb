"""The interface of distributions: density, tails, quantiles, intervals, moments and draws."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, overload

import numpy as np

from seqbayes.distributions.closed_forms import ClosedForms
from seqbayes.errors import SeqbayesError
from seqbayes.numerics import regions, sc
from seqbayes.numerics.elementary import exponential, logarithm, read_numbers
from seqbayes.numerics.special import Real, is_array


def _log_of(p: Real, other: Real) -> Real:
    """Return the log of a probability; above 1/2, compute it from the complement `other`."""
    if is_array(p, other):
        with np.errstate(all="ignore"):
            return np.where(np.less(p, 0.5), np.log(p), np.log1p(-np.asarray(other)))
    return logarithm(p) if p < 0.5 else math.log1p(-other)


class Distribution(ClosedForms):
    """A distribution on the line, continuous or discrete.

    Attributes
    ----------
    discrete : bool
        Whether the values are whole numbers. A discrete distribution has `pmf` and `logpmf` instead
        of `pdf` and `logpdf`.
    scalar : bool
        Whether all hyperparameters are floats, so results for floats are floats.
    mean, var, std, mode : float, array or None
        None (NaN within arrays) if they do not exist, inf if they are infinite.
    """

    discrete: ClassVar[bool] = False
    power_tail: ClassVar[bool] = False
    """Whether the upper tail decreases like a power of x."""
    scalar: bool = True
    support: tuple[Real, Real] = (-math.inf, math.inf)

    # Defined by subclasses, for x inside the support.

    def _log_density(self, x: Real) -> Real:
        raise NotImplementedError

    def _log_density_at_ends(self) -> tuple[Real, Real]:
        return -math.inf, -math.inf

    def _cdf(self, x: Real) -> Real:
        raise NotImplementedError

    def _sf(self, x: Real) -> Real:
        raise NotImplementedError

    def _ppf(self, q: Real) -> Real:
        raise NotImplementedError

    def _isf(self, q: Real) -> Real:
        raise NotImplementedError

    # The cdf and the quantiles on the log scale, for probabilities that underflow.

    def _logcdf(self, x: Real) -> Real:
        return _log_of(self._cdf(x), self._sf(x))

    def _logsf(self, x: Real) -> Real:
        return _log_of(self._sf(x), self._cdf(x))

    def _log_ppf(self, log_q: Real) -> Real:
        return self._ppf(exponential(log_q))

    def _log_isf(self, log_q: Real) -> Real:
        return self._isf(exponential(log_q))

    def shift(self, by: Real) -> Distribution | None:
        """Return the distribution of the variable plus `by`; None if there is no closed form."""
        return None

    def reciprocal(self) -> Distribution | None:
        """Return the distribution of the reciprocal; None if there is no closed form."""
        return None

    def complement(self) -> Distribution | None:
        """Return the distribution of 1 minus the variable; None if there is no closed form."""
        return None

    def inner_point(self) -> Real:
        """Return an arbitrary point inside the support."""
        return 0.5

    @property
    def mean(self) -> Real:
        """Expected value."""
        raise NotImplementedError

    @property
    def var(self) -> Real:
        """Variance."""
        raise NotImplementedError

    @property
    def mode(self) -> Real:
        """The mode."""
        raise NotImplementedError

    @property
    def std(self) -> Real:
        """Standard deviation."""
        var = self.var
        if var is None:
            return None
        return np.sqrt(var) if is_array(var) else math.sqrt(var)

    def sample(self, size: Any = None, rng: np.random.Generator | None = None) -> Any:
        """Draw at random.

        Parameters
        ----------
        size : int or tuple of int, optional
            Shape of the draws; by default one draw per set of hyperparameters.
        rng : numpy.random.Generator, optional
        """
        with np.errstate(all="ignore"):
            draws = self._draw(np.random.default_rng() if rng is None else rng, size)
        if size is None and self.scalar:
            return int(draws) if self.discrete else float(draws)
        return draws

    def _draw(self, rng: np.random.Generator, size: Any) -> Any:
        raise NotImplementedError

    # Derived methods.

    @overload
    def logp(self, x: float) -> float: ...
    @overload
    def logp(self, x: Any) -> Any: ...
    def logp(self, x: Real) -> Real:
        """Return the log of the density or of the probability of x."""
        low, high = self.support
        if self.scalar and isinstance(x, (float, int)) and x is not True and x is not False:
            if low < x < high:
                return self._computed(self._log_density, x)
            if x in (low, high):
                return self._log_density_at_ends()[0 if x == low else 1]
            return math.nan if x != x else -math.inf
        x = read_numbers(x)
        below, above = self._log_density_at_ends()
        inside = np.asarray((low < x) & (x < high))
        with np.errstate(all="ignore"):
            values = self._log_density(np.where(inside, x, self.inner_point()))
        outside = np.where(x == low, below, np.where(x == high, above, -math.inf))
        result = np.where(inside, values, np.where(np.isnan(x), np.nan, outside))
        return result if result.ndim else float(result)

    @overload
    def p(self, x: float) -> float: ...
    @overload
    def p(self, x: Any) -> Any: ...
    def p(self, x: Real) -> Real:
        """Return the density, or the probability, of x."""
        return exponential(self.logp(x))

    @overload
    def pdf(self, x: float) -> float: ...
    @overload
    def pdf(self, x: Any) -> Any: ...
    def pdf(self, x: Real) -> Real:
        """Return the density at x; 0 outside the support."""
        return exponential(self.logp(x))

    @overload
    def logpdf(self, x: float) -> float: ...
    @overload
    def logpdf(self, x: Any) -> Any: ...
    def logpdf(self, x: Real) -> Real:
        """Return the log density at x; -inf outside the support."""
        return self.logp(x)

    def logpdf_of_logarithm(self, u: Any) -> Any:
        """Return the log density of the logarithm of a positive number, at an array of logarithms.

        Examples
        --------
        >>> import numpy as np
        >>> from seqbayes.distributions import Gamma
        >>> Gamma(1, 1).logpdf_of_logarithm(np.array([0.0]))
        array([-1.])
        """
        return self.logpdf(np.exp(u)) + u

    def logpdf_of_log_odds(self, u: Any) -> Any:
        """Return the log density of the log odds of a share, at an array of log odds.

        Examples
        --------
        >>> import numpy as np
        >>> from seqbayes.distributions import Beta
        >>> Beta(1, 1).logpdf_of_log_odds(np.array([0.0, 40.0])).round(4)
        array([ -1.3863, -40.    ])
        """
        size = np.abs(u)
        slopes = -size - 2.0 * np.log1p(np.exp(-size))
        above, complement = np.greater(u, 0.0), self.complement()
        if complement is None or not above.any():
            return slopes + np.asarray(self.logpdf(sc.expit(u)))
        # for a share above 1/2, 1 - share is small, and is known to full precision
        small = sc.expit(-size)
        found = complement.logpdf(small)
        if not above.all():
            found = np.where(above, found, self.logpdf(small))
        return slopes + np.asarray(found)

    @overload
    def cdf(self, x: float) -> float: ...
    @overload
    def cdf(self, x: Any) -> Any: ...
    def cdf(self, x: Real) -> Real:
        """Return P(X <= x)."""
        return self._tail(self._cdf, x, 0.0, 1.0)

    @overload
    def sf(self, x: float) -> float: ...
    @overload
    def sf(self, x: Any) -> Any: ...
    def sf(self, x: Real) -> Real:
        """Return P(X > x), accurate in the upper tail."""
        return self._tail(self._sf, x, 1.0, 0.0)

    @overload
    def logcdf(self, x: float) -> float: ...
    @overload
    def logcdf(self, x: Any) -> Any: ...
    def logcdf(self, x: Real) -> Real:
        """Return the log of P(X <= x), even where the probability underflows."""
        return self._tail(self._logcdf, x, -math.inf, 0.0)

    @overload
    def logsf(self, x: float) -> float: ...
    @overload
    def logsf(self, x: Any) -> Any: ...
    def logsf(self, x: Real) -> Real:
        """Return the log of P(X > x), even where the probability underflows."""
        return self._tail(self._logsf, x, 0.0, -math.inf)

    def _tail(self, function: Any, x: Real, below: float, above: float) -> Real:
        low, high = self.support
        if self.scalar and isinstance(x, (float, int)) and x is not True and x is not False:
            if x <= low:
                return below
            if x >= high:
                return above
            return self._computed(function, x) if x == x else math.nan
        x = read_numbers(x)
        inside = np.asarray((low < x) & (x < high))
        with np.errstate(all="ignore"):
            values = function(np.where(inside, x, self.inner_point()))
        outside = np.where(x <= low, below, np.where(x >= high, above, np.nan))
        result = np.where(inside, values, outside)
        return result if result.ndim else float(result)

    def _computed(self, function: Callable[[float], Any], x: float) -> Any:
        """Evaluate a function at x; raise an error if its terms exceed the range of floats."""
        try:
            value = function(float(x))
        except SeqbayesError:
            raise
        except (ArithmeticError, ValueError):  # ValueError: "math domain error"
            value = math.nan
        if value == value:
            return value
        raise SeqbayesError(
            f"{self!r} cannot be evaluated at {x!r}: its terms exceed the range of floats; use"
            " other units, or a prior that is less extreme"
        )

    @overload
    def ppf(self, q: float, log: bool = False) -> float: ...
    @overload
    def ppf(self, q: Any, log: bool = False) -> Any: ...
    def ppf(self, q: Real, log: bool = False) -> Real:
        """Return the x with P(X <= x) = q, or the smallest x with at least this probability.

        With `log`, `q` is the logarithm of the probability.
        """
        return self._quantile(self._log_ppf if log else self._ppf, q, 0, log)

    @overload
    def isf(self, q: float, log: bool = False) -> float: ...
    @overload
    def isf(self, q: Any, log: bool = False) -> Any: ...
    def isf(self, q: Real, log: bool = False) -> Real:
        """Return the x with P(X > x) = q, or the smallest x with at most this probability.

        With `log`, `q` is the logarithm of the probability.
        """
        return self._quantile(self._log_isf if log else self._isf, q, 1, log)

    def _quantile(self, function: Any, q: Real, low_end: int, log: bool) -> Real:
        zero, one = (-math.inf, 0.0) if log else (0.0, 1.0)
        at_zero, at_one = self.support if low_end == 0 else self.support[::-1]
        if self.scalar and isinstance(q, (float, int)) and q is not True and q is not False:
            if zero < q < one:
                return self._computed(function, q)
            if q in (zero, one):
                return at_zero if q == zero else at_one
            return math.nan
        q = read_numbers(q)
        inside = np.asarray((q > zero) & (q < one))
        with np.errstate(all="ignore"):
            values = function(np.where(inside, q, -1.0 if log else 0.5))
        outside = np.where(q == zero, at_zero, np.where(q == one, at_one, np.nan))
        result = np.where(inside, values, outside)
        return result if result.ndim else float(result)

    def interval(self, level: float = 0.95, kind: str = "equal-tailed") -> tuple[float, float]:
        """Return an interval with a probability of at least `level`.

        Parameters
        ----------
        level : float
            Between 0 and 1.
        kind : {"equal-tailed", "hdi"}
            Equal probability in both tails, or the shortest interval (highest density if the
            density is unimodal; one-sided if it is monotone). If several intervals are equally
            short, as for the uniform distribution, the equal-tailed one is returned.

        Returns
        -------
        low, high : float or array

        Raises
        ------
        ValueError
            If the level or the kind is invalid.

        Examples
        --------
        >>> from seqbayes.distributions import Beta
        >>> low, high = Beta(373, 2253).interval()
        >>> round(low, 4), round(high, 4)
        (0.129, 0.1556)
        """
        if not 0.0 < level < 1.0:
            raise ValueError(f"expected a level between 0 and 1, got {level!r}")
        if kind == "equal-tailed":
            tail = 0.5 * (1.0 - level)
            return self.ppf(tail), self.isf(tail)
        if kind != "hdi":
            raise ValueError(f"expected kind 'equal-tailed' or 'hdi', got {kind!r}")
        if self.scalar:
            return self._hdi(level)
        bounds = [element.interval(level, "hdi") for element in self.elements()]
        low, high = np.array(bounds, dtype=float).T
        shape = np.broadcast_shapes(*(np.shape(v) for v in self.hyperparameters()))
        return low.reshape(shape), high.reshape(shape)

    def _hdi(self, level: float) -> tuple[float, float]:
        return regions.shortest_interval(self, level)

    def hyperparameters(self) -> tuple[Real, ...]:
        """Return the hyperparameters in the order of the constructor."""
        return tuple(vars(self)[name] for name in self._names)

    _names: ClassVar[tuple[str, ...]] = ()

    def take(self, rows: Any) -> Distribution:
        """Return some rows of distributions that were combined by `stack`."""
        return type(self)(*(each[rows] for each in self.hyperparameters()))

    @classmethod
    def stack(cls, distributions: Sequence[Distribution]) -> Distribution | None:
        """Combine distributions of this class into one, with hyperparameters of shape (k, 1).

        For k distributions with arrays of length m, the shape is (m * k, 1); the first elements of
        all distributions come first. None if the classes differ or have no hyperparameters.
        """
        if not cls._names or any(type(each) is not cls for each in distributions):
            return None
        rows = [np.broadcast_arrays(*each.hyperparameters()) for each in distributions]
        columns = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
        return cls(*(column.T.reshape(-1, 1) for column in columns))

    def elements(self) -> list[Any]:
        """Return the distributions of the elements of arrays, in row-major order."""
        columns = np.broadcast_arrays(*self.hyperparameters())
        rows = zip(*(column.ravel().tolist() for column in columns), strict=True)
        return [type(self)(*row) for row in rows]

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={vars(self)[name]!r}" for name in self._names)
        return f"{type(self).__name__}({values})"
