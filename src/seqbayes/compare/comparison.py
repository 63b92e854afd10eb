"""Compare beliefs, each of which is about one number."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from seqbayes.checks import check_level
from seqbayes.compare.gate import decide
from seqbayes.compare.integrals import probabilities_of_best, quantities
from seqbayes.compare.numbers import named_beliefs, number_of
from seqbayes.compare.planning import BETTER
from seqbayes.compare.quantities import Quantities, finite_losses
from seqbayes.compare.results import Comparison, Difference
from seqbayes.distributions import Distribution
from seqbayes.errors import PriorError
from seqbayes.likelihoods import check_parameter
from seqbayes.model import Model


def compare(
    beliefs: Mapping[Any, Model | Distribution] | Sequence[Model | Distribution],
    *,
    better: str = "higher",
    control: Hashable = None,
    equivalence: float | None = None,
    label: Any = None,
    quantity: str | float | None = None,
    level: float = 0.95,
    alpha: float | None = None,
    effect: float = 0.2,
) -> Comparison:
    """Compare independent beliefs, each of which is about one number.

    Parameters
    ----------
    beliefs
        Two or more states with a proper posterior, or distributions, keyed by name; the items of a
        sequence are named 0, 1, …. If a belief is about a mean and a variance, the mean is
        compared.
    better
        Whether the "higher" or the "lower" number is better.
    control
        Name of the belief to which the others are compared; by default the best one.
    equivalence
        Largest absolute difference that is negligible in practice.
    label
        The label whose share is compared, or its string form, for beliefs about labels.
    quantity
        The number that is compared: by default the parameter (for a `Hurdle`, the expected
        observation); "mean" for the expected observation; or p for the p-quantile of observations,
        which is the smallest x with P(X <= x) >= p.
    level
        Level of the intervals.
    alpha, effect
        If `alpha` is given, `decide` tests the same quantity with these parameters.

    Returns
    -------
    Comparison

    Raises
    ------
    PriorError
        If there are fewer than two beliefs, a belief is improper or not about one number, a
        parameter is invalid, or the distributions are too wide for the integrals.

    Notes
    -----
    All quantities are integrals of densities and tails [1]_,

    ``P(i is best) = ∫ f_i(x) ∏ F_j(x) dx`` and ``loss(i) = ∫ F_i(x) (1 - ∏ F_j(x)) dx`` over j ≠ i,

    computed by Gauss-Legendre quadrature without random numbers, so probabilities have
    relative errors below 1e-10 down to 1e-70; smaller probabilities are returned as 0. With heavy
    tails, such as those of a mean after few observations, errors are larger if two numbers are more
    than 1e5 standard deviations apart. Quantiles of whole numbers and of labels are discrete; their
    quantities are sums over all values. Quantiles of a `Hurdle` may be 0, and are otherwise
    continuous. The probabilities are exact given the model. They do not bound the error rate of an
    experiment that is stopped when a probability is large.

    References
    ----------
    .. [1] Stucchio, C. (2015). Bayesian A/B testing at VWO.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> found = compare({"blue": Beta(22, 180), "green": Beta(32, 170)}, control="blue")
    >>> found.best, round(found.p_best["green"], 6), found.verdict
    ('green', 0.930062, 'undecided')
    >>> green = found.differences["green"]
    >>> round(green.mean, 4), [round(each, 4) for each in green.interval]
    (0.0495, [-0.0163, 0.116])
    """
    check_level(level, "equal-tailed")
    named = named_beliefs(beliefs)
    names = checked(named, better, control, equivalence)
    numbers = [number_of(each, label, quantity) for each in named.values()]
    if not all(each.scalar for each in numbers):
        raise PriorError("expected one number each; use compare_many for arrays")
    index = None if control is None else names.index(control)
    with np.errstate(over="ignore", invalid="ignore"):
        found = quantities(numbers, better, level, index, equivalence)
    _check_computed(found.p_best[0])
    means = [_finite(each.mean) for each in numbers]
    infinite = np.array([[mean is None for mean in means]])
    losses = finite_losses(found.loss, infinite, better, numbers[0].support[0])[0].tolist()
    return Comparison(
        names,
        better,
        level,
        dict(zip(names, found.p_best[0].tolist(), strict=True)),
        _of_others(names, found.p_better[0].tolist()),
        dict(zip(names, losses, strict=True)),
        dict(zip(names, means, strict=True)),
        _intervals(found.intervals[0], names, numbers, level),
        _differences(found, names, means),
        None
        if alpha is None
        else decide(
            named, alpha=alpha, effect=effect, better=better, label=label, quantity=quantity
        ),
        dict(zip(names, numbers, strict=True)),
    )


def _intervals(
    found: Any, names: Sequence[Hashable], numbers: Sequence[Distribution], level: float
) -> dict[Hashable, tuple[float, float]]:
    """Return the interval of each number, from its closed form if one exists."""
    return {
        name: number.interval(level) if math.isnan(low) else (low, high)
        for name, number, (low, high) in zip(names, numbers, found.tolist(), strict=True)
    }


def _of_others(names: Sequence[Hashable], rows: Any) -> dict[Hashable, dict[Hashable, float]]:
    """Return the off-diagonal entries of a square table, keyed by the names of row and column."""
    return {
        a: {b: p for b, p in zip(names, row, strict=True) if b != a}
        for a, row in zip(names, rows, strict=True)
    }


def _check_computed(p_best: Any) -> None:
    if np.isnan(p_best).any():
        raise PriorError(
            "these beliefs are too wide for the integrals of a comparison: compare another"
            " quantity, such as quantity=0.5, or learn more data first"
        )


def _differences(
    found: Quantities, names: Sequence[Hashable], means: Sequence[float | None]
) -> dict[Hashable, Difference]:
    reference = int(found.reference[0])
    differences: dict[Hashable, Difference] = {}
    for k, name in enumerate(names):
        if k == reference:
            continue
        mine, theirs = means[k], means[reference]
        (low, high), (lift, *lifts) = found.ends[0, k].tolist(), found.lifts[0, k].tolist()
        equivalent = float(found.equivalent[0, k])
        differences[name] = Difference(
            name,
            names[reference],
            float(found.p_better[0, k, reference]),
            None if mine is None or theirs is None else mine - theirs,
            (low, high),
            None if math.isnan(lift) else lift,
            None if math.isnan(lift) else (lifts[0], lifts[1]),
            None if math.isnan(equivalent) else equivalent,
        )
    return differences


def p_best(
    beliefs: Mapping[Any, Model | Distribution] | Sequence[Model | Distribution],
    *,
    better: str = "higher",
    label: Any = None,
) -> dict[Any, float]:
    """Return the probability that each belief is the best, without the other results.

    Parameters
    ----------
    beliefs, better, label
        As for `compare`.

    Raises
    ------
    PriorError
        As raised by `compare`.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> round(p_best({"blue": Beta(22, 180), "green": Beta(32, 170)})["green"], 6)
    0.930062
    """
    named = named_beliefs(beliefs)
    checked(named, better)
    with np.errstate(over="ignore", invalid="ignore"):
        found = probabilities_of_best([number_of(each, label) for each in named.values()], better)
    _check_computed(found[0])
    return dict(zip(named, found[0].tolist(), strict=True))


def checked(
    named: Mapping[Any, Any],
    better: str,
    control: Hashable = None,
    equivalence: float | None = None,
) -> tuple[Hashable, ...]:
    """Validate the parameters of a comparison, and return the beliefs, keyed by name.

    Raises
    ------
    PriorError
        If there are fewer than two beliefs, or a parameter of the comparison is invalid.
    """
    if better not in BETTER:
        raise PriorError(f"expected 'better' to be 'higher' or 'lower', got {better!r}")
    if len(named) < 2:
        raise PriorError(f"expected two or more beliefs to compare, got {len(named)}")
    if control is not None and control not in list(named):
        raise PriorError(f"expected 'control' to be one of {list(named)}, got {control!r}")
    if equivalence is not None:
        check_parameter("equivalence", equivalence)
    return tuple(named)


def _finite(value: Any) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
