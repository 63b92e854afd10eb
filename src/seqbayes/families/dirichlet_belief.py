"""The Dirichlet distribution of shares."""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from seqbayes import distributions
from seqbayes.errors import PriorError, UnsupportedError
from seqbayes.numerics import information, sc
from seqbayes.numerics.elementary import exponential, read_numbers
from seqbayes.numerics.special import is_array


def log_multivariate_beta(alpha: Any) -> Any:
    """Return the log multivariate Beta function of concentrations along the last axis."""
    return sc.gammaln(alpha).sum(axis=-1) - sc.gammaln(alpha.sum(axis=-1))


class DirichletBelief:
    """The distribution of shares; cdf, sf, ppf and intervals are those of the Beta marginals.

    A vector of shares is a dict from label to share, or an array in the order of the labels; for
    cdf and sf, a number is the value of every share. If
    `rest` is true, the last concentration is the total of all other labels, which are not reported.
    """

    def __init__(self, alpha: Any, categories: tuple[Any, ...], rest: bool = False) -> None:
        self._alpha = np.asarray(alpha, float)
        self._categories = categories
        self._rest = rest

    @property
    def marginals(self) -> distributions.Beta:
        """The marginal Beta distribution of every share."""
        return distributions.Beta(self._alpha, information.sums_of_others(self._alpha))

    def largest(self, count: int) -> DirichletBelief:
        """Return the distribution of the `count` largest shares, with all others combined.

        Examples
        --------
        >>> belief = DirichletBelief([5.0, 1.0, 4.0], ("red", "green", "blue"))
        >>> belief.largest(2).mean
        {'red': 0.5, 'blue': 0.4}
        """
        alphas = self._alpha.tolist()
        top = heapq.nlargest(count, range(len(self._categories)), key=alphas.__getitem__)
        kept = [alphas[k] for k in top]
        places = set(top)
        rest = math.fsum(v for k, v in enumerate(alphas) if k not in places)
        return DirichletBelief([*kept, rest], tuple(self._categories[k] for k in top), rest=True)

    def _named(self, values: Any) -> dict[Any, Any]:
        values = np.moveaxis(np.asarray(values, float), -1, 0)
        plain = values.tolist() if values.ndim == 1 else values
        return dict(zip(self._categories, plain, strict=not self._rest))

    def _shares(self, theta: Any) -> Any:
        """Return the shares of all labels along the last axis."""
        shares = self._given(theta)
        if shares.shape[-1:] != (len(self._categories),):
            raise self._invalid(theta)
        if self._rest:
            rest = np.clip(1.0 - shares.sum(axis=-1, keepdims=True), 0.0, None)
            shares = np.concatenate([shares, rest], axis=-1)
        return shares

    def _each(self, theta: Any) -> Any:
        """Return the value of each share; a single number is the value of all shares."""
        values = self._given(theta)
        return self._shares(theta) if values.ndim else values

    def _given(self, theta: Any) -> Any:
        try:
            if not isinstance(theta, Mapping):
                return read_numbers(theta)
            if set(theta) == set(self._categories):
                listed = [read_numbers(theta[c]) for c in self._categories]
                return np.stack(listed, axis=-1) if listed else np.zeros(0)
        except (TypeError, ValueError):
            pass
        raise self._invalid(theta)

    def _invalid(self, theta: Any) -> PriorError:
        return PriorError(f"expected a share for each of {self._categories}, got {theta!r}")

    @property
    def mean(self) -> dict[Any, float]:
        """Mean share of every label."""
        return self._named(self.marginals.mean)

    @property
    def var(self) -> dict[Any, float]:
        """Variance of every label's share."""
        return self._named(self.marginals.var)

    @property
    def mode(self) -> dict[Any, float] | None:
        """The joint mode; None if it does not exist."""
        if self._rest or self._alpha.ndim != 1:
            return None
        return joint_mode(dict(zip(self._categories, self._alpha.tolist(), strict=True)))

    def interval(self, level: float, kind: str) -> dict[Any, tuple[float, float]]:
        """Return the interval of each label's share."""
        if self._alpha.ndim == 1:
            alphas = self._alpha.tolist()
            others = information.sums_of_others(self._alpha).tolist()
            return {
                label: distributions.Beta(alpha, rest).interval(level, kind)
                for label, alpha, rest in zip(
                    self._categories, alphas, others, strict=not self._rest
                )
            }
        low, high = self.marginals.interval(level, kind)
        lows, highs = self._named(low), self._named(high)
        return {label: (lows[label], highs[label]) for label in lows}

    def logpdf(self, theta: Any) -> Any:
        """Return the log joint density; minus infinity outside the simplex."""
        shares = self._shares(theta)
        in_simplex = np.all(shares >= 0.0, axis=-1) & (np.abs(shares.sum(axis=-1) - 1.0) < 1e-9)
        with np.errstate(all="ignore"):
            total = self._broken_sticks(shares)
            # a factor is infinite if a share is zero or negligible relative to the others
            if not np.all(np.isfinite(total)):
                direct = sc.xlogy(self._alpha - 1.0, shares).sum(axis=-1)
                direct = direct - log_multivariate_beta(self._alpha)
                total = np.where(np.isfinite(total), total, direct)
        total = np.where(in_simplex, total, -np.inf)
        return float(total) if total.ndim == 0 else total

    def _broken_sticks(self, shares: Any) -> Any:
        """Return the log density by stick-breaking, as a product of Beta densities.

        The smallest share comes first, so that 1 minus its fraction of the stick loses no digits.
        """
        shares, alpha = np.broadcast_arrays(shares, self._alpha)
        order = np.argsort(shares, axis=-1)
        shares, alpha = (np.take_along_axis(each, order, axis=-1) for each in (shares, alpha))
        remaining = shares[..., ::-1].cumsum(axis=-1)[..., ::-1]
        alpha_remaining = alpha[..., ::-1].cumsum(axis=-1)[..., ::-1]
        pieces = distributions.Beta(alpha[..., :-1], alpha_remaining[..., 1:])
        logs = pieces.logpdf(shares[..., :-1] / remaining[..., :-1]) - np.log(remaining[..., :-1])
        return logs.sum(axis=-1)

    def pdf(self, theta: Any) -> Any:
        """Return the joint density; zero outside the simplex."""
        return exponential(self.logpdf(theta))

    def cdf(self, theta: Any) -> dict[Any, float]:
        """Return the probability, for each share, that it is at most the given value."""
        return self._named(self.marginals.cdf(self._each(theta)))

    def sf(self, theta: Any) -> dict[Any, float]:
        """Return the probability, for each share, that it is above the given value."""
        return self._named(self.marginals.sf(self._each(theta)))

    def ppf(self, q: float, log: bool = False) -> dict[Any, float]:
        """Return the quantile of every share."""
        return self._named(self.marginals.ppf(q, log))

    def isf(self, q: Any, log: bool = False) -> dict[Any, float]:
        """Return the upper quantile of every share."""
        return self._named(self.marginals.isf(q, log))

    def logcdf(self, theta: Any) -> dict[Any, float]:
        """Return the log probability, for each share, that it is at most the given value."""
        return self._named(self.marginals.logcdf(self._each(theta)))

    def logsf(self, theta: Any) -> dict[Any, float]:
        """Return the log probability, for each share, that it is above the given value."""
        return self._named(self.marginals.logsf(self._each(theta)))

    def entropy(self) -> Any:
        """Return the joint differential entropy of all shares but the last.

        With the digamma function psi, the entropy is log B(alpha) + (total - K) psi(total) - sum of
        (alpha - 1) psi(alpha).
        """
        total = information.dirichlet_entropy(self._alpha)
        return total if is_array(total) else float(total)

    def kl(self, other: DirichletBelief) -> Any:
        """Return the joint Kullback-Leibler divergence from another belief about these labels.

        Raises
        ------
        UnsupportedError
            If the labels differ.
        """
        if other._categories != self._categories:
            raise UnsupportedError(
                f"expected shares of {self._categories}, got {other._categories}"
            )
        total = information.dirichlet_divergence(self._alpha, other._alpha)
        return total if is_array(total) else float(total)

    def sample(self, size: Any, rng: np.random.Generator) -> dict[Any, Any]:
        """Draw all shares jointly; if concentrations are arrays, one set of shares per row."""
        if self._alpha.ndim == 1:
            return self._named(rng.dirichlet(self._alpha, size))
        return self._named(np.stack([rng.dirichlet(row, size) for row in self._alpha], axis=-2))


def joint_mode(concentrations: dict[Any, float]) -> dict[Any, float] | None:
    """Return the joint mode of the shares, keyed by label; None if it does not exist."""
    if len(concentrations) == 2:
        (label, alpha), (other, beta) = concentrations.items()
        share = distributions.Beta(alpha, beta).mode
        return None if share is None else {label: share, other: 1.0 - share}
    excess = math.fsum(concentrations.values()) - len(concentrations)
    if not (min(concentrations.values()) >= 1.0 and excess > 0.0):
        return None
    return {label: (alpha - 1.0) / excess for label, alpha in concentrations.items()}
