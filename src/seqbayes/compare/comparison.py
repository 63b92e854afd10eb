"""Compare beliefs about one number each."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seqbayes.checks import check_level
from seqbayes.compare.gate import Decision, decide
from seqbayes.compare.integrals import loss_ends, probabilities_of_best, quantities
from seqbayes.compare.numbers import number_of
from seqbayes.compare.planning import BETTER
from seqbayes.compare.quantities import Quantities, finite_losses
from seqbayes.compare.verdict import verdicts
from seqbayes.distributions import Distribution
from seqbayes.errors import PriorError
from seqbayes.figures.panels import IntervalRow, IntervalRows, Panel
from seqbayes.figures.shown import Tabular
from seqbayes.model import Model

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Difference:
    """The difference between two numbers.

    Attributes
    ----------
    name, reference
        The names of the two beliefs.
    p_better : float
        Probability that the first one is better than the reference.
    mean : float or None
        Posterior mean of the difference; None if it does not exist.
    interval : tuple of float
        Equal-tailed credible interval of the difference.
    lift : float or None
        Posterior median of the ratio minus 1; None unless both are positive. Of quantiles that may
        be 0, the ratio of two zeros is 1, and of another number to zero infinite.
    lift_interval : tuple of float or None
        Equal-tailed credible interval of the ratio minus 1.
    p_equivalent : float or None
        Probability that the difference is within the region of practical equivalence. Of discrete
        numbers without such a region, the probability that they are equal.
    """

    name: Hashable
    reference: Hashable
    p_better: float
    mean: float | None
    interval: tuple[float, float]
    lift: float | None
    lift_interval: tuple[float, float] | None
    p_equivalent: float | None


@dataclass(frozen=True)
class Comparison(Tabular):
    """Probabilities, differences and losses of a choice between beliefs.

    Attributes
    ----------
    names : tuple
        Names of the beliefs, in the order in which they were given.
    better : str
        "higher" or "lower".
    level : float
        Level of the intervals.
    p_best : dict
        Probability that each is the best: better than all others, so that ties are not included.
    p_better : dict
        Probability that each is better than each of the others: ``p_better[a][b]``.
    loss : dict
        Expected loss of choosing each: the expected distance to the best belief. It is infinite if
        a mean that it depends on is infinite or does not exist.
    mean : dict
        Posterior mean of each; None if it does not exist.
    interval : dict
        Equal-tailed credible interval of each.
    differences : dict
        Difference of each from the reference: the control, or the best one if there is no control.
    decision : Decision or None
        Result of the sequential test; None unless `alpha` was given.
    numbers : dict
        Distribution of each compared number.
    """

    names: tuple[Hashable, ...]
    better: str
    level: float
    p_best: dict[Hashable, float]
    p_better: dict[Hashable, dict[Hashable, float]]
    loss: dict[Hashable, float]
    mean: dict[Hashable, float | None]
    interval: dict[Hashable, tuple[float, float]]
    differences: dict[Hashable, Difference]
    decision: Decision | None = None
    numbers: dict[Hashable, Distribution] = field(default_factory=dict, repr=False, compare=False)

    @property
    def loss_interval(self) -> dict[Hashable, tuple[float, float]]:
        """Equal-tailed credible interval of the loss of choosing each.

        The loss is the distance to the best belief, which is 0 if it is the best itself. It is
        computed when it is used.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            ends = loss_ends(list(self.numbers.values()), self.better, self.level)[0].tolist()
        return {name: (low, high) for name, (low, high) in zip(self.names, ends, strict=True)}

    @property
    def guarantees(self) -> dict[str, str]:
        """The guarantee of each number.

        "exact": the number is exact given the model and the prior; it is not an error rate.
        "anytime-valid": the error rate is bounded, whenever the experiment is stopped. "none": no
        error rate is bounded.
        """
        exact = ("p_best", "p_better", "loss", "loss_interval", "mean", "interval", "differences")
        decision = "none" if self.decision is None else self.decision.guarantee
        return {**dict.fromkeys(exact, "exact"), "verdict": "none", "decision": decision}

    @property
    def p_tie(self) -> float:
        """Probability that two or more share the first place; 0 unless numbers are discrete."""
        rest = 1.0 - math.fsum(self.p_best.values())
        return rest if rest > _ROUNDING else 0.0

    @property
    def best(self) -> Hashable:
        """The belief that is most probably the best."""
        return max(self.names, key=self.p_best.__getitem__)

    @property
    def verdict(self) -> str:
        """The conclusion at the level.

        "equivalent" if every difference from the reference is within the region of equivalence with
        probability `level`. Otherwise "best" if one is the best with probability (1 + level) / 2
        or more, its expected loss is the smallest, and it is not equivalent to another, as far
        as `differences` contains the two; then the interval of its difference from each of the
        others excludes 0. Otherwise "undecided".
        """
        found = {name: each.p_equivalent for name, each in self.differences.items()}
        p_best, loss, equivalent = (
            np.array([[numbers.get(name) for name in self.names]], float)
            for numbers in (self.p_best, self.loss, found)
        )
        return str(verdicts(p_best, loss, equivalent, self.level)[0])

    def __str__(self) -> str:
        chance = f"P(best) of {self.best} is {self.p_best[self.best]:.4g}"
        return f"{self.verdict}: {chance} ({self.better} is better)"

    def figure_panels(self, level: float = 0.95) -> list[Panel]:
        """Return the mean and interval of each, and the difference of each from the reference.

        The level is that of the comparison.
        """
        rows = [
            IntervalRow(str(name), self.mean[name], *self.interval[name]) for name in self.names
        ]
        differences = [
            IntervalRow(f"{each.name} − {each.reference}", each.mean, *each.interval)
            for each in self.differences.values()
        ]
        return [IntervalRows("", "value", rows), IntervalRows("", "difference", differences)]

    def as_columns(self, level: float = 0.95) -> dict[str, Sequence[Any]]:
        """Return one row for each belief. The level is that of the comparison."""
        others = [self.differences.get(name) for name in self.names]
        losses = self.loss_interval
        return {
            "name": list(map(str, self.names)),
            "mean": [self.mean[name] for name in self.names],
            "low": [self.interval[name][0] for name in self.names],
            "high": [self.interval[name][1] for name in self.names],
            "p_best": [self.p_best[name] for name in self.names],
            "loss": [self.loss[name] for name in self.names],
            "loss low": [losses[name][0] for name in self.names],
            "loss high": [losses[name][1] for name in self.names],
            "difference": [None if each is None else each.mean for each in others],
            "difference low": [None if each is None else each.interval[0] for each in others],
            "difference high": [None if each is None else each.interval[1] for each in others],
            "p_better": [None if each is None else each.p_better for each in others],
        }


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
    """Compare independent beliefs about one number each.

    Parameters
    ----------
    beliefs
        Two or more states with a proper posterior, or distributions, by name; a sequence is named
        0, 1, …. If a belief is about a mean and a variance, the mean is compared.
    better
        Whether the "higher" or the "lower" number is better.
    control
        Name of the belief to which the others are compared; by default the best one.
    equivalence
        Largest absolute difference that does not matter in practice.
    label
        The label whose shares are compared, or its string form, for beliefs about labels.
    quantity
        The number that is compared: the parameter by default, or the expected observation of a
        `Hurdle`; "mean" for the expected observation; or p for the p-quantile of observations: the
        smallest x with P(X <= x) >= p.
    level
        Level of the intervals.
    alpha, effect
        If `alpha` is given, `decide` tests the data with these parameters.

    Returns
    -------
    Comparison

    Raises
    ------
    PriorError
        If there are fewer than two beliefs, one is improper or not about one number, a parameter is
        invalid, or the distributions are too wide for the integrals.

    Notes
    -----
    All quantities are integrals of densities and tails [1]_,

    ``P(i is best) = ∫ f_i(x) ∏ F_j(x) dx`` and ``loss(i) = ∫ F_i(x) (1 - ∏ F_j(x)) dx`` over j ≠ i,

    computed by Gauss-Legendre quadrature without random numbers, so that probabilities have
    relative errors below 1e-10 down to 1e-30; below 1e-70 they may be 0. With heavy tails, such as
    those of a mean after few observations, errors are larger if two numbers are more than 1e5
    standard deviations apart. Quantiles of whole numbers and of labels are discrete; their
    quantities are sums over all values. The probabilities are exact given the model. They do not
    bound the error rate of an experiment that is stopped when a probability is large.

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
    named = _named(beliefs)
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
        {
            a: {b: p for b, p in zip(names, row, strict=True) if b != a}
            for a, row in zip(names, found.p_better[0].tolist(), strict=True)
        },
        dict(zip(names, losses, strict=True)),
        dict(zip(names, means, strict=True)),
        {name: each.interval(level) for name, each in zip(names, numbers, strict=True)},
        _differences(found, names, means),
        None
        if alpha is None
        else _decide(named, quantity, alpha=alpha, effect=effect, better=better, label=label),
        dict(zip(names, numbers, strict=True)),
    )


def _check_computed(p_best: Any) -> None:
    if np.isnan(p_best).any():
        raise PriorError(
            "these beliefs are too wide for the integrals of a comparison: compare another"
            " quantity, such as quantity=0.5, or learn more data first"
        )


def _decide(named: Mapping[Any, Any], quantity: Any, **asked: Any) -> Decision:
    if quantity is not None:
        reason = (
            "the sequential test compares parameters, not other quantities: decide at a time that"
            " was fixed in advance, or omit the quantity"
        )
        return Decision("none", reason, asked["alpha"], None, {}, 1.0, None)
    return decide(named, **asked)


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
    """Return only the probability that each belief is the best.

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
    named = _named(beliefs)
    checked(named, better)
    with np.errstate(over="ignore", invalid="ignore"):
        found = probabilities_of_best([number_of(each, label) for each in named.values()], better)
    _check_computed(found[0])
    return dict(zip(named, found[0].tolist(), strict=True))


def _named(
    beliefs: Mapping[Any, Model | Distribution] | Sequence[Model | Distribution],
) -> Mapping[Any, Model | Distribution]:
    return beliefs if isinstance(beliefs, Mapping) else dict(enumerate(beliefs))


def checked(
    named: Mapping[Any, Any],
    better: str,
    control: Hashable = None,
    equivalence: float | None = None,
) -> tuple[Hashable, ...]:
    """Validate the parameters of a comparison, and return the beliefs by name.

    Raises
    ------
    PriorError
        If there are fewer than two, or a parameter of the comparison is invalid.
    """
    if better not in BETTER:
        raise PriorError(f"expected better to be 'higher' or 'lower', got {better!r}")
    if len(named) < 2:
        raise PriorError(f"expected two or more beliefs to compare, got {len(named)}")
    if control is not None and control not in named:
        raise PriorError(f"expected control to be one of {list(named)}, got {control!r}")
    if equivalence is not None and not 0.0 < equivalence < math.inf:
        raise PriorError(f"expected an equivalence above 0, got {equivalence!r}")
    return tuple(named)


def _finite(value: Any) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
