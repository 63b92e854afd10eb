"""Predictive distributions of labels and of their counts."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Any, NoReturn

import numpy as np

from seqbayes.errors import SeqbayesError
from seqbayes.numerics.elementary import exponential, logarithm, read_numbers
from seqbayes.numerics.log_terms import log_beta_binomial
from seqbayes.numerics.special import Real
from seqbayes.predictive.base import DiscreteDistribution


class _Labelled(DiscreteDistribution):
    """Base class of distributions of labels: without an order, they have no cdf or quantiles."""

    def _no_order(self, what: str) -> NoReturn:
        raise NotImplementedError(f"labels have no order, so {type(self).__name__} has no {what}")

    def cdf(self, x: Any) -> Real:
        """Raise an error: labels have no order."""
        self._no_order("cdf")

    def sf(self, x: Any) -> Real:
        """Raise an error: labels have no order."""
        self._no_order("sf")

    def ppf(self, q: Any, log: bool = False) -> Real:
        """Raise an error: labels have no order."""
        self._no_order("ppf")

    def isf(self, q: Any, log: bool = False) -> Real:
        """Raise an error: labels have no order."""
        self._no_order("isf")

    def interval(self, level: float = 0.95, kind: str = "equal-tailed") -> tuple[Real, Real]:
        """Raise an error: labels have no order."""
        self._no_order("interval")

    def p(self, x: Any) -> float:
        """Return the probability of x."""
        return self.pmf(x)

    def logp(self, x: Any) -> float:
        """Return the log probability of x."""
        return self.logpmf(x)

    def pmf(self, x: Any) -> float:
        """Return the probability of x."""
        raise NotImplementedError

    def logpmf(self, x: Any) -> float:
        """Return the log probability of x."""
        return float(logarithm(self.pmf(x)))


class Categorical(_Labelled):
    """One label.

    Parameters
    ----------
    probabilities : dict
        Mapping from label to probability.
    unseen : float
        Total probability of all labels that are not listed; it is also the `pmf` of each of them.

    Examples
    --------
    >>> predictive = Categorical({"red": 0.25, "green": 0.75})
    >>> predictive.pmf("red"), predictive.pmf("grey"), predictive.mode
    (0.25, 0.0, 'green')
    """

    def __init__(self, probabilities: Mapping[Hashable, float], unseen: float = 0.0) -> None:
        self.probabilities = dict(probabilities)
        self.unseen = float(unseen)

    def pmf(self, x: Any) -> float:
        """Return the probability of the label x."""
        if not isinstance(x, Hashable):
            raise SeqbayesError(f"expected a label, got {x!r} ({type(x).__name__})")
        return self.probabilities.get(x, self.unseen)

    @property
    def mean(self) -> Real:
        """Raise an error: labels are not numbers."""
        raise NotImplementedError("labels are not numbers: they have probabilities, not a mean")

    @property
    def var(self) -> Real:
        """Raise an error: labels are not numbers."""
        raise NotImplementedError("labels are not numbers: they have probabilities, not a variance")

    @property
    def mode(self) -> Any:
        """The most probable label (the first one if several are); None if there are no labels."""
        return max(self.probabilities, key=self.probabilities.__getitem__, default=None)

    def sample(self, size: Any = None, rng: np.random.Generator | None = None) -> Any:
        """Draw labels; None represents a label that is not listed.

        Parameters
        ----------
        size : int, optional
            Number of draws, which are returned as a list; by default, a single label is returned.
        rng : numpy.random.Generator, optional
        """
        rng = np.random.default_rng() if rng is None else rng
        labels = [*self.probabilities, None]
        cumulative = np.cumsum([*self.probabilities.values(), self.unseen])
        u = rng.random(size) * cumulative[-1]
        drawn = np.searchsorted(cumulative, u, side="right")
        if size is None:
            return labels[int(drawn)]
        return [labels[i] for i in drawn.ravel()]

    def __repr__(self) -> str:
        return f"Categorical({self.probabilities!r}, unseen={self.unseen!r})"


class DirichletMultinomial(_Labelled):
    """Counts of labels in `trials` draws, where the probabilities are Dirichlet(alpha) distributed.

    Parameters
    ----------
    trials : int
    alpha : dict
        Mapping from label to weight > 0.

    References
    ----------
    J. E. Mosimann, "On the compound multinomial distribution", Biometrika 49, 1962.

    Examples
    --------
    >>> predictive = DirichletMultinomial(2, {"red": 1, "green": 1})
    >>> round(predictive.pmf({"red": 1, "green": 1}) * 3, 12)
    1.0
    >>> predictive.mean
    {'red': 1.0, 'green': 1.0}
    """

    def __init__(self, trials: int, alpha: Mapping[Hashable, float]) -> None:
        self.trials = int(trials)
        self.alpha = {label: float(a) for label, a in alpha.items()}

    def pmf(self, x: Any) -> float:
        """Return the probability of a dict of counts; omitted labels have count 0."""
        return float(exponential(self.logpmf(x)))

    def logpmf(self, x: Any) -> float:
        """Return the log probability of a dict of counts, computed as a chain of beta-binomials."""
        if not isinstance(x, Mapping):
            raise SeqbayesError(
                f"expected a dict from label to count, got {x!r} ({type(x).__name__})"
            )
        counts = [float(read_numbers(x.get(label, 0))) for label in self.alpha]
        listed = sum(counts) == self.trials and not any(
            n for label, n in x.items() if label not in self.alpha
        )
        if not listed or any(n < 0.0 or n != math.floor(n) for n in counts):
            return -math.inf
        rest, rest_alpha = float(self.trials), math.fsum(self.alpha.values())
        total = 0.0
        for n, a in list(zip(counts, self.alpha.values(), strict=True))[:-1]:
            rest, rest_alpha = rest - n, rest_alpha - a
            total += log_beta_binomial(n, rest, a, rest_alpha)
        return total

    @property
    def mean(self) -> dict[Hashable, float]:
        """Expected count of each label."""
        whole = math.fsum(self.alpha.values())
        return {label: self.trials * (a / whole) for label, a in self.alpha.items()}

    @property
    def var(self) -> dict[Hashable, float]:
        """Variance of the count of each label."""
        whole = math.fsum(self.alpha.values())
        spread = self.trials * ((whole + self.trials) / (whole + 1.0))
        return {
            label: spread * (a / whole) * ((whole - a) / whole) for label, a in self.alpha.items()
        }

    @property
    def std(self) -> dict[Hashable, float]:
        """Standard deviation of the count of each label."""
        return {label: math.sqrt(v) for label, v in self.var.items()}

    @property
    def mode(self) -> dict[Hashable, int] | None:
        """The most probable counts; None if a weight is below 1.

        Draws are assigned one by one to the label for which they increase the probability most.
        This is optimal for weights of at least 1, because the terms of a label are then
        log-concave.
        """
        if any(a < 1.0 for a in self.alpha.values()) or all(a == 1.0 for a in self.alpha.values()):
            return None
        shares = _largest_terms(self.trials, np.array(list(self.alpha.values())))
        return dict(zip(self.alpha, shares, strict=True))

    def _draw(self, rng: np.random.Generator, size: Any) -> Any:
        p = rng.dirichlet(list(self.alpha.values()), size)
        return rng.multinomial(self.trials, p)

    def sample(self, size: Any = None, rng: np.random.Generator | None = None) -> Any:
        """Draw counts: a dict, or a list of `size` dicts.

        Parameters
        ----------
        size : int, optional
        rng : numpy.random.Generator, optional
        """
        draws = self._draw(np.random.default_rng() if rng is None else rng, size)
        if size is None:
            return dict(zip(self.alpha, draws.tolist(), strict=True))
        rows = draws.reshape(-1, len(self.alpha)).tolist()
        return [dict(zip(self.alpha, row, strict=True)) for row in rows]

    def __repr__(self) -> str:
        return f"DirichletMultinomial({self.trials!r}, {self.alpha!r})"


def _largest_terms(trials: int, alpha: Any) -> list[int]:
    """Split `trials` into counts n that maximise the product of Gamma(alpha + n) / n!."""
    excess = alpha - 1.0
    # One more draw multiplies the product by (alpha + n) / (n + 1).
    n = np.floor(trials * excess / excess.sum())
    n = np.maximum(n - 1.0, 0.0)
    while n.sum() < trials:
        n[int(np.argmax((alpha + n) / (n + 1.0)))] += 1.0
    return [int(v) for v in n]
