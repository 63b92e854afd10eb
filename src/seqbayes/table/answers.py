"""Estimates and predictions for many keys, as arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from seqbayes.checks import check_level
from seqbayes.errors import ObservationError, PriorError, UnsupportedError
from seqbayes.figures.named import is_named
from seqbayes.state import State
from seqbayes.statistics.columns import Columns
from seqbayes.table.distinct import find_distinct

Array = Any


class Answers:
    """Estimates and predictions for many states with one prior and likelihood; one value per row.

    The methods have the same names and meanings as those of a `State`. A value is an array or, for
    several parameters, the structure that the state returns, with arrays in it. Values that do not
    exist are NaN.

    Parameters
    ----------
    state
        Any state of the family, with the likelihood and the seed.
    prior
        The prior's hyperparameters: numbers, or arrays with one value per row.
    columns
        The statistics.
    factors
        Factors by which the rows' data are scaled, or None.
    """

    averaged = False
    """Whether a posterior is an average of posteriors under several priors."""

    def __init__(
        self, state: State, prior: Any, columns: Columns, factors: Array | None = None
    ) -> None:
        self._state = state
        self._columns = columns
        self._factors = factors
        sums = columns.sums(factors)
        self.n_samples: Array = sums[0][0]
        self._log_base: Array = sums[1][0]
        made = state.new_statistics()
        statistic, single = made.values(sums)
        for row in np.flatnonzero(single).tolist():
            for column, value in zip(statistic, self.statistics(row).value, strict=True):
                column[row] = value
        self._statistic = statistic
        self.set_prior(prior)

    def __len__(self) -> int:
        return len(self.n_samples)

    def set_prior(self, prior: Any) -> None:
        """Replace the prior of all rows."""
        self._prior = prior
        self._posterior: Any = self._state.combine(prior, self._statistic)
        self._proper = self._rows_where_proper(self._posterior)

    @property
    def statistic(self) -> Any:
        """The sufficient statistics, a NamedTuple of arrays, or an array of shape (n, labels)."""
        return self._statistic

    @property
    def posterior(self) -> Any:
        """The posteriors' hyperparameters, a NamedTuple of arrays."""
        return self._posterior

    def statistics(self, row: int) -> Any:
        """Return the statistics of one row."""
        made = self._columns.statistics(row)
        if self._factors is not None:
            made.scale(float(self._factors[row]))
        return made

    def prior_of(self, row: int) -> Any:
        """Return the hyperparameters of the prior of one row."""
        return _row(self._prior, row)

    def _rows_where_proper(self, hyperparameters: Any) -> Array | None:
        """Return a boolean array that marks the proper posteriors; None if all are proper."""
        if len(self) == 0 or self._state.is_proper(hyperparameters):
            return None
        proper = [self._state.is_proper(_row(hyperparameters, row)) for row in range(len(self))]
        return np.array(proper, bool)

    def _of_belief(self, answer: Any) -> Any:
        """Return a value for each distribution of the parameter; NaN where it is improper."""
        if self._proper is None:
            return answer(self._state.belief(self._posterior))
        rows = np.flatnonzero(self._proper)
        if len(rows) == 0:
            return np.full(len(self), np.nan)
        found = answer(self._state.belief(_row(self._posterior, rows)))
        return _spread(found, rows, len(self))

    def of_posteriors(self, function: Callable[[Any], Any]) -> Any:
        """Evaluate a function of the posteriors' hyperparameters, only once for equal posteriors.

        Parameters
        ----------
        function
            Called with hyperparameters, as arrays. It returns arrays of the same length, or a tuple
            or a dict of them.

        Examples
        --------
        >>> from seqbayes import Beta
        >>> columns = Columns(Beta().new_statistics)
        >>> columns.resize(2)
        >>> columns.learn_one(0, True, 1.0, None)
        >>> answers = Answers(Beta(), Beta().prior, columns)
        >>> answers.of_posteriors(lambda posterior: posterior.alpha).tolist()
        [2.0, 1.0]
        """
        distinct = find_distinct(self._posterior)
        if distinct is None:
            return function(self._posterior)
        rows, numbers = distinct
        return _taken(function(_row(self._posterior, rows)), numbers)

    def _of_distinct(self, answer: Any) -> Any:
        """Return a value that depends only on the posterior; NaN where that is improper."""
        if self.averaged or self._proper is not None:
            return self._of_belief(answer)
        return self.of_posteriors(lambda posterior: answer(self._state.belief(posterior)))

    @property
    def mean(self) -> Any:
        """The posterior means."""
        return self._of_belief(lambda belief: belief.mean)

    @property
    def var(self) -> Any:
        """The posterior variances."""
        return self._of_belief(lambda belief: belief.var)

    @property
    def map(self) -> Any:
        """The posterior modes; NaN where a mode does not exist."""
        found = self._state.belief(self._posterior).mode
        if found is not None and not isinstance(self._statistic, np.ndarray):
            return found
        return self._of_rows(lambda row: self._state.belief(_row(self._posterior, row)).mode)

    @property
    def mle(self) -> Any:
        """The maximum likelihood estimates; NaN where an estimate does not exist."""
        statistic = self._statistic
        if isinstance(statistic, np.ndarray):  # the weight of every label
            with np.errstate(all="ignore"):
                shares = statistic / statistic.sum(axis=1, keepdims=True)
            return dict(zip(self._posterior.categories, shares.T, strict=True))
        return self._of_rows(lambda row: self._state.estimate(_row(statistic, row)))

    def _of_rows(self, answer: Any) -> Any:
        """Return values that are computed row by row; None becomes NaN."""
        found = [answer(row) for row in range(len(self))]
        rows = np.array([row for row, value in enumerate(found) if value is not None], np.int64)
        if len(rows) == 0:
            return np.full(len(self), np.nan)
        return _spread(_columns([found[row] for row in rows]), rows, len(self))

    def interval(self, level: float = 0.95, kind: str = "equal-tailed") -> Any:
        """Return credible intervals for the parameter.

        Parameters
        ----------
        level
            Posterior probability of the interval, between 0 and 1.
        kind
            "equal-tailed", or "hdi" for the shortest intervals.

        Returns
        -------
        tuple of array
            Lower and upper ends; if there are several parameters or labels, one such tuple for
            each.

        Raises
        ------
        PriorError
            If the level or the kind is invalid.
        """
        check_level(level, kind)
        return self._of_distinct(lambda belief: belief.interval(level, kind))

    def columns(self, level: float = 0.95) -> dict[str, Array]:
        """Return the weight, estimates and interval ends as columns, NaN if a value does not exist.

        If there are several parameters or labels, each column name begins with the name of the
        parameter or label.
        """
        columns: dict[str, Array] = {"n": self.n_samples}
        nothing = np.full(len(self), np.nan)
        try:
            mode = self.map
        except UnsupportedError:  # posteriors that are averaged over priors
            mode = nothing
        means, ends, mles, modes = map(_by_name, (self.mean, self.interval(level), self.mle, mode))
        for name, mean in means.items():
            found = ends.get(name, nothing)
            low, high = found if isinstance(found, tuple) else (nothing, nothing)
            estimates = mean, low, high, mles.get(name, nothing), modes.get(name, nothing)
            for part, column in zip(("mean", "low", "high", "mle", "map"), estimates, strict=True):
                columns[f"{name} {part}".strip()] = column
        return columns

    def cdf(self, theta: Any) -> Any:
        """Return the posterior probabilities that the parameter is at most `theta`."""
        of_rows = self._of_belief if np.ndim(theta) else self._of_distinct
        return of_rows(lambda belief: belief.cdf(theta))

    def sf(self, theta: Any) -> Any:
        """Return the posterior probabilities that the parameter is above `theta`."""
        of_rows = self._of_belief if np.ndim(theta) else self._of_distinct
        return of_rows(lambda belief: belief.sf(theta))

    def ppf(self, q: float) -> Any:
        """Return the posterior quantiles."""
        return self._of_distinct(lambda belief: belief.ppf(q))

    def isf(self, q: float) -> Any:
        """Return the upper posterior quantiles, which are exceeded with probability `q`."""
        return self._of_distinct(lambda belief: belief.isf(q))

    def p_best(self, better: str = "higher") -> Array:
        """Return the probability that each row has the largest parameter.

        Given the model, the absolute error of the probabilities is below 1e-9.

        Parameters
        ----------
        better
            "higher", or "lower" for the smallest parameter.

        Raises
        ------
        PriorError
            If `better` is invalid, a posterior is improper, or there are several parameters.
        """
        from seqbayes.table.best import probabilities_of_best

        if self._proper is not None:
            raise PriorError("an improper posterior cannot be compared: more data are needed")
        if self._state.display_kind not in ("number", "normal"):
            raise PriorError(
                "keys cannot be ranked by several numbers: expected beliefs about one number"
            )
        return probabilities_of_best(self._state.plotted(self.posterior), better)

    def sample(self, rng: np.random.Generator | None = None) -> Any:
        """Draw one parameter value for each row."""
        rng = np.random.default_rng(self._state.seed) if rng is None else rng
        return self._of_belief(lambda belief: belief.sample(None, rng))

    @property
    def log_evidence(self) -> Array:
        """Log marginal likelihoods of the data of every row; NaN under an improper prior."""
        if len(self) and not self._state.is_proper(self._prior):
            return np.full(len(self), np.nan)
        total: Array = self._log_marginal(self._prior, self._statistic, len(self)) + self._log_base
        # large logarithms that nearly cancel are not subtracted, but computed row by row
        for row in np.flatnonzero(np.abs(self._log_base) > 1e4).tolist():
            total[row] = self._state.log_probability(self.prior_of(row), self.statistics(row))
        return total

    def log_predictive(self, xs: Any) -> Array:
        """Return the log predictive density of one observation for each row; NaN where improper.

        Raises
        ------
        ObservationError
            If an observation is invalid, or the numbers of observations and rows differ.
        """
        rows = np.arange(len(self)) if self._proper is None else np.flatnonzero(self._proper)
        one, statistic, log_base = self._observe(xs, rows)
        posterior = _row(self._posterior, rows)
        found: Array = self._log_marginal(posterior, statistic, len(rows)) + log_base
        for i in np.flatnonzero(np.abs(log_base) > 1e4).tolist():
            found[i] = self._state.log_probability(_row(posterior, i), one.statistics(i))
        spread: Array = _spread(found, rows, len(self))
        return spread

    def _observe(self, xs: Any, rows: Array) -> tuple[Columns, Any, Array]:
        """Read one observation for each row; return the observations of the given rows as columns.

        The other results are the columns' statistic and the logarithms of the base measures.
        """
        x, y = self._state.read_many(xs)
        if len(x) != len(self):
            raise ObservationError(f"expected {len(self)} observations, got {len(x)}")
        one = Columns(self._state.new_statistics)
        one.resize(len(rows))
        one.learn(np.arange(len(rows)), x[rows], y[rows], None, None)
        sums = one.sums()
        statistic, _ = self._state.new_statistics().values(sums)
        return one, statistic, sums[1][0]

    def _log_marginal(self, hyperparameters: Any, statistic: Any, n: int) -> Array:
        found = self._state.log_marginal(hyperparameters, statistic)
        return np.broadcast_to(found, n).astype(float)


def _row(values: Any, rows: Any) -> Any:
    """Return the hyperparameters of one row as numbers, or those of several rows as arrays."""
    picked = []
    for value in values:
        if not isinstance(value, np.ndarray):
            picked.append(value)
        elif value.ndim == 1 and np.ndim(rows) == 0:
            picked.append(float(value[rows]))
        else:
            picked.append(value[rows])
    return type(values)(*picked)


def _columns(values: list[Any]) -> Any:
    """Combine values of the same structure into one value that contains arrays."""
    first = values[0]
    if isinstance(first, dict):
        return {name: _columns([value[name] for value in values]) for name in first}
    if isinstance(first, tuple):
        return type(first)(*(_columns(list(column)) for column in zip(*values, strict=True)))
    return np.array(values, float)


def _spread(values: Any, rows: Array, n: int) -> Any:
    """Expand the values of some rows to all rows, with NaN elsewhere."""
    if isinstance(values, dict):
        return {name: _spread(value, rows, n) for name, value in values.items()}
    if isinstance(values, tuple):
        spread = [_spread(value, rows, n) for value in values]
        return type(values)(*spread) if hasattr(values, "_fields") else tuple(spread)
    full = np.full(n, np.nan)
    full[rows] = values
    return full


def _taken(values: Any, numbers: Array) -> Any:
    """Return the values of the given rows; a single number is the value of all rows."""
    if isinstance(values, dict):
        return {name: _taken(value, numbers) for name, value in values.items()}
    if isinstance(values, tuple):
        taken = [_taken(value, numbers) for value in values]
        return type(values)(*taken) if hasattr(values, "_fields") else tuple(taken)
    return values[numbers] if isinstance(values, np.ndarray) else values


def _by_name(value: Any) -> dict[str, Any]:
    """Return values keyed by parameter or label; the name of a single number is ''."""
    if is_named(value):
        value = value._asdict()
    return {str(k): v for k, v in value.items()} if isinstance(value, dict) else {"": value}
