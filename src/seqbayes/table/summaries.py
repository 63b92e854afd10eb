"""Summaries of the beliefs of all keys of a table."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, Self

import numpy as np

from seqbayes.checks import check_count
from seqbayes.errors import PriorError
from seqbayes.figures.html import MAX_TABLE_ROWS, page
from seqbayes.figures.panels import IntervalRow, IntervalRows, Panel
from seqbayes.figures.samples import Samples
from seqbayes.figures.shown import Sampled, Tabular
from seqbayes.table.answers import Answers
from seqbayes.table.samples import averaged_samples, check_size, table_samples

Array = Any


class Summaries(Tabular, Sampled, ABC):
    """Arrays with one value for each key, in the order of `keys`."""

    pool: Any
    """How the common prior is estimated from all keys; None if keys are not pooled."""

    @property
    @abstractmethod
    def keys(self) -> list[Any]:
        """The keys, in order of first appearance."""

    @abstractmethod
    def keys_at(self, rows: Array) -> list[Any]:
        """Return the keys at these positions in the list of all keys."""

    @abstractmethod
    def __len__(self) -> int: ...

    @property
    @abstractmethod
    def seed(self) -> int | None:
        """The seed of samples."""

    @abstractmethod
    def __getitem__(self, key: Any) -> Any: ...

    @abstractmethod
    def select(self, keys: Iterable[Any]) -> Self:
        """Return a table of these keys."""

    @abstractmethod
    def answers(self, at: float | None = None) -> Answers:
        """Return the answers of all posteriors."""

    @property
    def n_samples(self) -> Array:
        """Total weight of the data of every key."""
        return self.answers().n_samples

    @property
    def posterior(self) -> Any:
        """The posteriors' hyperparameters, a NamedTuple of arrays."""
        return self.answers().posterior

    @property
    def mean(self) -> Any:
        """The posterior means; NaN while a posterior is improper."""
        return self.answers().mean

    @property
    def var(self) -> Any:
        """The posterior variances; NaN while a posterior is improper."""
        return self.answers().var

    @property
    def map(self) -> Any:
        """The posterior modes; NaN where a mode does not exist."""
        return self.answers().map

    @property
    def mle(self) -> Any:
        """The maximum likelihood estimates; NaN where an estimate does not exist."""
        return self.answers().mle

    @property
    def log_evidence(self) -> Array:
        """Log marginal likelihoods of the data of every key."""
        return self.answers().log_evidence

    def interval(self, level: float = 0.95, kind: str = "equal-tailed") -> Any:
        """Return the credible intervals of all keys; see `Answers.interval`."""
        return self.answers().interval(level, kind)

    def cdf(self, theta: Any) -> Any:
        """Return the posterior probabilities that the parameter is at most `theta`."""
        return self.answers().cdf(theta)

    def sf(self, theta: Any) -> Any:
        """Return the posterior probabilities that the parameter is above `theta`.

        Examples
        --------
        >>> from seqbayes import Gamma
        >>> from seqbayes.table import Table
        >>> calls = Table(Gamma(1, 1))
        >>> calls.learn_many(["a", "a", "b"], [5, 7, 1])
        >>> calls.sf(2.0).round(4)
        array([0.9912, 0.0916])
        """
        return self.answers().sf(theta)

    def p_best(self, better: str = "higher") -> Array:
        """Return the probability that each key has the largest parameter; see `Answers.p_best`.

        Examples
        --------
        >>> from seqbayes import Beta
        >>> from seqbayes.table import Table
        >>> clicks = Table(Beta(2, 10))
        >>> clicks.learn_many(["blue"] * 190 + ["green"] * 190, [True] * 20 + [False] * 170
        ...     + [True] * 30 + [False] * 160)
        >>> clicks.p_best().round(6)
        array([0.069938, 0.930062])
        """
        return self.answers().p_best(better)

    def sample(self, rng: np.random.Generator | None = None) -> Any:
        """Draw one parameter value for each key; see `Answers.sample`."""
        return self.answers().sample(rng)

    def samples(self, chains: int, draws: int) -> Samples:
        """Return samples of the posterior, the prior and the next observation of every key.

        If posteriors are averages over several priors, which `pool` can cause, only the posterior
        is sampled.

        Raises
        ------
        UnsupportedError
            If there are no keys, or the samples would take more than 0.8 GB.
        PriorError
            If a posterior is improper.
        """
        check_size(len(self), (chains, draws))
        keys, answers = self.keys, self.answers()
        if answers.averaged:
            return averaged_samples(answers, keys, self.seed, (chains, draws))
        return table_samples([self[key].as_of() for key in keys], keys, (chains, draws))

    def top(
        self, k: int, *, level: float = 0.95, better: str = "higher"
    ) -> list[tuple[Any, float]]:
        """Return the k keys whose intervals have the highest lower ends, and these ends.

        Parameters
        ----------
        k
            The number of keys.
        level
            Level of the equal-tailed intervals.
        better
            "higher", or "lower" to return the keys with the lowest upper ends.

        Raises
        ------
        PriorError
            If `k`, `better` or the level is invalid, or the parameter is not one number.

        Examples
        --------
        >>> from seqbayes import Beta
        >>> from seqbayes.table import Table
        >>> clicks = Table(Beta())
        >>> clicks.learn_many([1, 1, 1, 2], [True, True, True, True])
        >>> [(key, round(low, 4)) for key, low in clicks.top(1)]
        [(1, 0.3976)]
        """
        if better not in ("higher", "lower"):
            raise PriorError(f"expected 'better' to be 'higher' or 'lower', got {better!r}")
        k = 0 if type(k) is int and k == 0 else check_count("k", k)
        interval = self.interval(level)
        if not (isinstance(interval, tuple) and isinstance(interval[0], np.ndarray)):
            raise PriorError("keys cannot be ranked by several parameters")
        ends = interval[0] if better == "higher" else interval[1]
        order = np.argsort(-ends if better == "higher" else ends, kind="stable")[:k]
        return list(zip(self.keys_at(order), ends[order].tolist(), strict=True))

    def figure_panels(self, level: float = 0.95) -> list[Panel]:
        """Return the means and intervals of the keys with the most data."""
        return _panels(self._heaviest(level)) if len(self) else []

    def as_columns(self, level: float = 0.95) -> dict[str, Any]:
        """Return the estimates as columns, one row for each key."""
        return {"key": self.keys, **self.answers().columns(level)}

    def _repr_html_(self) -> str:
        """Return a figure and the estimates of the keys with the most data, for notebooks."""
        if not len(self):
            return page(repr(self), [], {})
        more = f", {MAX_TABLE_ROWS} with the most data" if len(self) > MAX_TABLE_ROWS else ""
        shown = self._heaviest(0.95)
        return page(f"{self!r}{more}", _panels(shown), shown)

    def _heaviest(self, level: float) -> dict[str, list[Any]]:
        """Return the columns of the keys with the most data, in descending order."""
        rows = np.argsort(-self.n_samples, kind="stable")[:MAX_TABLE_ROWS]
        if self.pool is None:
            found = self.select(self.keys_at(rows)).as_columns(level)
            return {name: list(column) for name, column in found.items()}
        # otherwise, the prior would be estimated from the selected keys alone
        return {n: [column[row] for row in rows] for n, column in self.as_columns(level).items()}


def _panels(columns: dict[str, list[Any]]) -> list[Panel]:
    """Return a panel of the first number."""
    first = next(name for name in columns if name.endswith("mean")).removesuffix("mean")
    ends = zip(*(columns[f"{first}{part}"] for part in ("mean", "low", "high")), strict=True)
    rows = [
        IntervalRow(
            str(key), *(None if not np.isfinite(each) else float(each) for each in estimates)
        )
        for key, estimates in zip(columns["key"], ends, strict=True)
    ]
    return [IntervalRows("", f"{first}mean", rows)]
