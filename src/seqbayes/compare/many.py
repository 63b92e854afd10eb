"""Many comparisons at once, with columns of hyperparameters."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seqbayes.checks import check_level
from seqbayes.compare.comparison import checked
from seqbayes.compare.coordinates import Array
from seqbayes.compare.integrals import loss_ends, quantities
from seqbayes.compare.quantities import Quantities, finite_losses
from seqbayes.compare.verdict import verdicts
from seqbayes.distributions import Distribution
from seqbayes.errors import PriorError


@dataclass(frozen=True)
class Differences:
    """The differences between two numbers in many comparisons; NaN where they do not exist.

    Attributes
    ----------
    name, reference
        The names of the two beliefs.
    p_better : array
        Probability that the first one is better than the reference.
    mean, interval
        Posterior mean and equal-tailed credible interval of the difference.
    lift, lift_interval
        Posterior median and equal-tailed credible interval of the ratio minus 1.
    p_equivalent : array
        Probability that the difference is within the region of practical equivalence.
    """

    name: Hashable
    reference: Hashable
    p_better: Array
    mean: Array
    interval: tuple[Array, Array]
    lift: Array
    lift_interval: tuple[Array, Array]
    p_equivalent: Array


@dataclass(frozen=True)
class Comparisons:
    """The results of many comparisons: like `Comparison`, with arrays instead of numbers.

    Attributes
    ----------
    names : tuple
        Names of the beliefs, in the order in which they were given.
    better : str
        "higher" or "lower".
    level : float
        Level of the intervals.
    p_best, p_better, loss, mean, interval, differences
        As in `Comparison`. A number that does not exist is NaN.
    verdict : array
        "best", "equivalent" or "undecided".
    """

    names: tuple[Hashable, ...]
    better: str
    level: float
    p_best: dict[Hashable, Array]
    p_better: dict[Hashable, dict[Hashable, Array]]
    loss: dict[Hashable, Array]
    mean: dict[Hashable, Array]
    interval: dict[Hashable, tuple[Array, Array]]
    differences: dict[Hashable, Differences]
    verdict: Any
    numbers: dict[Hashable, Distribution] = field(default_factory=dict, repr=False, compare=False)

    @property
    def loss_interval(self) -> dict[Hashable, tuple[Array, Array]]:
        """Equal-tailed credible interval of the loss from choosing each belief."""
        with np.errstate(all="ignore"):
            ends = loss_ends(list(self.numbers.values()), self.better, self.level)
        return {name: (ends[:, k, 0], ends[:, k, 1]) for k, name in enumerate(self.names)}

    @property
    def best(self) -> Any:
        """Index in `names` of the belief that is most probably the best."""
        return np.stack(list(self.p_best.values())).argmax(axis=0)


def compare_many(
    beliefs: Mapping[Any, Distribution],
    *,
    better: str = "higher",
    control: Hashable = None,
    equivalence: float | None = None,
    level: float = 0.95,
) -> Comparisons:
    """Make many comparisons at once.

    Parameters
    ----------
    beliefs
        Two or more distributions from `seqbayes.distributions`, keyed by name. Their
        hyperparameters are arrays of equal length, with one element for each comparison.
    better, equivalence, level
        As for `compare`.
    control
        Name of the belief to which the others are compared; the first one by default.

    Raises
    ------
    PriorError
        If there are fewer than two beliefs, their lengths differ, or a parameter is invalid.

    Examples
    --------
    >>> import numpy as np
    >>> from seqbayes.distributions import Beta
    >>> n, a, b = np.array([200, 1000]), np.array([21, 80]), np.array([31, 130])
    >>> found = compare_many({"A": Beta(1 + a, 1 + n - a), "B": Beta(1 + b, 1 + n - b)})
    >>> found.p_best["B"].round(6), found.verdict
    (array([0.930062, 0.999871]), array(['undecided', 'best'], dtype='<U10'))
    """
    check_level(level, "equal-tailed")
    names = checked(beliefs, better, control, equivalence)
    numbers = _columns(beliefs)
    index = 0 if control is None else names.index(control)
    with np.errstate(all="ignore"):
        found = quantities(numbers, better, level, index, equivalence)
    means = np.stack([_existing(each.mean) for each in numbers], axis=1)
    lost = finite_losses(found.loss, np.isnan(means), better, numbers[0].support[0])
    return Comparisons(
        names,
        better,
        level,
        _by_name(names, found.p_best),
        {
            a: {b: found.p_better[:, i, j] for j, b in enumerate(names) if j != i}
            for i, a in enumerate(names)
        },
        _by_name(names, lost),
        _by_name(names, means),
        {name: _interval(each, level) for name, each in zip(names, numbers, strict=True)},
        _differences(found, names, means, index),
        verdicts(found.p_best, lost, found.equivalent, level),
        dict(zip(names, numbers, strict=True)),
    )


def _differences(
    found: Quantities, names: tuple[Hashable, ...], means: Array, index: int
) -> dict[Hashable, Differences]:
    """Return the differences between all other numbers and the one with the given index."""
    differences: dict[Hashable, Differences] = {}
    for k, name in enumerate(names):
        if k != index:
            low, high = found.ends[:, k].T
            lift, least, most = found.lifts[:, k].T
            differences[name] = Differences(
                name,
                names[index],
                found.p_better[:, k, index],
                means[:, k] - means[:, index],
                (low, high),
                lift,
                (least, most),
                found.equivalent[:, k],
            )
    return differences


def _columns(beliefs: Mapping[Any, Distribution]) -> list[Distribution]:
    columns = []
    for each in beliefs.values():
        if not isinstance(each, Distribution):
            raise PriorError(f"expected distributions to compare, got {each!r}")
        if each.discrete:
            raise PriorError(f"expected continuous distributions, got {each!r}: use compare")
        hyperparameters = each.hyperparameters()
        if not hyperparameters:
            raise PriorError(
                f"expected distributions with hyperparameters, got {each!r}: use compare"
            )
        columns.append(np.broadcast_arrays(*map(np.atleast_1d, hyperparameters)))
    shapes = {column[0].shape for column in columns}
    if len(shapes) != 1 or len(shapes.pop()) != 1:
        raise PriorError("expected distributions whose hyperparameters are arrays of equal length")
    pairs = zip(beliefs.values(), columns, strict=True)
    return [type(each)(*column) for each, column in pairs]


def _existing(mean: Any) -> Array:
    numbers = np.asarray(mean, dtype=float)
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _interval(number: Distribution, level: float) -> tuple[Array, Array]:
    low, high = number.interval(level)
    return np.asarray(low), np.asarray(high)


def _by_name(names: tuple[Hashable, ...], columns: Array) -> dict[Hashable, Array]:
    return dict(zip(names, columns.T, strict=True))
