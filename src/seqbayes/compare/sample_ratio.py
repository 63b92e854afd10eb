"""A test of whether visitors were assigned to variants in the planned ratio."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from seqbayes.errors import ObservationError, PriorError
from seqbayes.numerics.special import deviance, stirling_error

CONCENTRATION = 10_000.0
"""Weight of the prior on the true shares; the standard deviation of two equal shares is 0.005."""


@dataclass(frozen=True)
class SampleRatio:
    """Observed and planned shares of variants.

    Attributes
    ----------
    counts : dict
        Number of visitors to each variant.
    planned : dict
        Planned share of each variant.
    observed : dict
        Observed share of each variant; None if there are no visitors.
    e_value : float
        Bayes factor against the planned shares.
    alpha : float
        The error rate.
    """

    counts: dict[Hashable, int]
    planned: dict[Hashable, float]
    observed: dict[Hashable, float | None]
    e_value: float
    alpha: float

    @property
    def p_value(self) -> float:
        """The anytime-valid p-value, ``min(1, 1 / e_value)``."""
        return min(1.0, 1.0 / self.e_value) if self.e_value else 1.0

    @property
    def mismatch(self) -> bool:
        """Whether the planned shares are rejected at the error rate."""
        return self.e_value >= 1.0 / self.alpha

    @property
    def guarantee(self) -> str:
        """The guarantee, as in `Comparison.guarantees`: "anytime-valid"."""
        return "anytime-valid"

    def __str__(self) -> str:
        shares = ", ".join(
            f"{name} {100.0 * (self.observed[name] or 0.0):.2f} % ({100.0 * share:.2f} % planned)"
            for name, share in self.planned.items()
        )
        found = "sample ratio mismatch" if self.mismatch else "no sample ratio mismatch"
        return f"{found} (p = {self.p_value:.2g}): {shares}"


def sample_ratio(
    counts: Mapping[Any, int],
    planned: Mapping[Any, float] | None = None,
    *,
    alpha: float = 0.001,
    concentration: float = CONCENTRATION,
) -> SampleRatio:
    """Test whether visitors were assigned to variants in the planned ratio.

    A mismatch means that visitors are lost or counted twice in some variant, for example by a
    redirect that fails. In this case, the comparison of the variants is unreliable.

    Parameters
    ----------
    counts
        Number of visitors to each of two or more variants.
    planned
        Planned weight of each variant, in any unit; by default, all weights are equal.
    alpha
        Error rate of `mismatch`, for any number of looks.
    concentration
        Weight, as a number of visitors, of the prior on the true shares, which is a Dirichlet
        distribution around the planned shares. With a larger weight, smaller deviations are
        detected, but later.

    Returns
    -------
    SampleRatio

    Raises
    ------
    ObservationError
        If a count is not a whole number >= 0.
    PriorError
        If there are fewer than two variants, `planned` has other variants or a weight that is not
        above 0, or another parameter is invalid.

    Notes
    -----
    The planned shares p are a point hypothesis, so the Bayes factor of the counts n against
    this hypothesis is an e-value at any time [1]_: with hyperparameters ``a = concentration * p``
    and ascending factorials, ``E = ∏ a_i^(n_i) p_i^(-n_i) / (Σ a)^(Σ n)``. Under the planned
    shares, E reaches ``1 / alpha`` at any time with a probability of at most `alpha`.

    References
    ----------
    .. [1] Lindon, M. and Malek, A. (2022). Anytime-valid inference for multinomial count data.
       Advances in Neural Information Processing Systems 35.
    .. [2] Fabijan, A. et al. (2019). Diagnosing sample ratio mismatch in online controlled
       experiments. KDD, 2156-2164.

    Examples
    --------
    >>> found = sample_ratio({"A": 821_588, "B": 815_482})
    >>> found.mismatch, f"{found.p_value:.1e}"
    (True, '1.6e-04')
    >>> sample_ratio({"A": 9_020, "B": 980}, {"A": 9, "B": 1}).mismatch
    False
    """
    names = list(counts)
    if len(names) < 2:
        raise PriorError(f"expected two or more variants, got {len(names)}")
    for name, count in counts.items():
        if not _is_count(count):
            raise ObservationError(f"expected a whole number >= 0 for {name!r}, got {count!r}")
    shares = _shares(names, planned)
    if not 0.0 < alpha < 0.5:
        raise PriorError(f"expected an alpha between 0 and 0.5, got {alpha!r}")
    if not 0.0 < concentration < math.inf:
        raise PriorError(f"expected a concentration above 0, got {concentration!r}")
    n = {name: int(count) for name, count in counts.items()}
    total = sum(n.values())
    log_e = _log_e_value([(concentration * shares[name], n[name]) for name in names])
    return SampleRatio(
        n,
        shares,
        {name: n[name] / total if total else None for name in names},
        math.exp(min(log_e, 700.0)),
        alpha,
    )


def _log_e_value(pairs: list[tuple[float, int]]) -> float:
    """Return the log Bayes factor for prior weights and counts.

    By Stirling's formula, ``log Γ(a + n) - log Γ(a) - n log a`` is ``(a + n - 1/2) log(1 + n / a) -
    n`` and two small remainders. The sum of the leading terms minus the leading term of the totals
    is a sum of deviances, so no large logarithms are subtracted.
    """
    weight, total = math.fsum(a for a, _ in pairs), sum(n for _, n in pairs)
    growth = 1.0 + total / weight
    found = [
        part
        for a, n in pairs
        for part in (
            float(deviance(a + n, a * growth)),
            -0.5 * math.log1p(n / a),
            float(stirling_error(a + n)) - float(stirling_error(a)),
        )
    ]
    rest = float(stirling_error(weight)) - float(stirling_error(weight + total))
    return math.fsum([*found, 0.5 * math.log1p(total / weight), rest])


def _is_count(value: Any) -> bool:
    try:
        return not isinstance(value, bool) and value >= 0 and int(value) == value
    except (TypeError, ValueError, OverflowError):
        return False


def _shares(names: list[Any], planned: Mapping[Any, float] | None) -> dict[Hashable, float]:
    if planned is None:
        return dict.fromkeys(names, 1.0 / len(names))
    if set(planned) != set(names):
        raise PriorError(f"expected planned weights for {names}, got weights for {list(planned)}")
    for name, weight in planned.items():
        if not 0.0 < weight < math.inf:
            raise PriorError(f"expected a planned weight above 0 for {name!r}, got {weight!r}")
    total = math.fsum(planned.values())
    return {name: planned[name] / total for name in names}
