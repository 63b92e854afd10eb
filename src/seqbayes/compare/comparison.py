"""Compare beliefs about one number each."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqbayes.checks import check_level
from seqbayes.compare.differences import Contrasts
from seqbayes.compare.gate import Decision, decide
from seqbayes.compare.grid import Array, Grid
from seqbayes.compare.planning import BETTER
from seqbayes.distributions import Beta, Distribution
from seqbayes.errors import PriorError
from seqbayes.model import Model


@dataclass(frozen=True)
class Difference:
    """The difference between two numbers.

    Attributes
    ----------
    name, reference
        The names of both.
    p_better : float
        Probability that the first one is better than the reference.
    mean : float or None
        Posterior mean of the difference; None if it does not exist.
    interval : tuple of float
        Equal-tailed credible interval of the difference.
    lift : float or None
        Posterior median of the ratio minus 1; None unless both are positive.
    lift_interval : tuple of float or None
        Equal-tailed credible interval of the ratio minus 1.
    p_equivalent : float or None
        Probability that the difference is within the region of practical equivalence.
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
class Comparison:
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
        Probability that each is the best.
    p_better : dict
        Probability that each is better than each other one: ``p_better[a][b]``.
    loss : dict
        Expected loss of choosing each: the expected distance to the best one. None if a mean does
        not exist.
    mean : dict
        Posterior mean of each; None if it does not exist.
    interval : dict
        Equal-tailed credible interval of each.
    differences : dict
        Difference of each to the reference: the control, or the best one if there is no control.
    decision : Decision or None
        Answer of the sequential test; None unless `alpha` was given.
    """

    names: tuple[Hashable, ...]
    better: str
    level: float
    p_best: dict[Hashable, float]
    p_better: dict[Hashable, dict[Hashable, float]]
    loss: dict[Hashable, float | None]
    mean: dict[Hashable, float | None]
    interval: dict[Hashable, tuple[float, float]]
    differences: dict[Hashable, Difference]
    decision: Decision | None = None

    @property
    def guarantees(self) -> dict[str, str]:
        """The guarantee of each number.

        "exact": the number is exact given the model and the prior; it is not an error rate.
        "anytime-valid": the error rate is bounded, whenever the experiment is stopped. "none": no
        error rate is bounded.
        """
        exact = ("p_best", "p_better", "loss", "mean", "interval", "differences")
        decision = "none" if self.decision is None else self.decision.guarantee
        return {**dict.fromkeys(exact, "exact"), "verdict": "none", "decision": decision}

    @property
    def best(self) -> Hashable:
        """The belief that is most probably the best."""
        return max(self.names, key=self.p_best.__getitem__)

    @property
    def verdict(self) -> str:
        """The conclusion at the level.

        "best" if one is the best with probability (1 + level) / 2 or more, and its expected loss is
        the smallest; then the interval of its difference to each other one excludes 0. "equivalent"
        if every difference to the reference is within the region of equivalence with probability
        `level`. Otherwise "undecided".
        """
        best = self.best
        losses = [loss for loss in self.loss.values() if loss is not None]
        cheapest = not losses or self.loss[best] == min(losses)
        if self.p_best[best] >= (1.0 + self.level) / 2.0 and cheapest:
            return "best"
        within = [each.p_equivalent for each in self.differences.values()]
        if all(p is not None and p >= self.level for p in within):
            return "equivalent"
        return "undecided"


def compare(
    beliefs: Mapping[Any, Model | Distribution] | Sequence[Model | Distribution],
    *,
    better: str = "higher",
    control: Hashable = None,
    equivalence: float | None = None,
    label: Any = None,
    level: float = 0.95,
    alpha: float | None = None,
    effect: float = 0.2,
) -> Comparison:
    """Compare independent beliefs about one number each.

    Parameters
    ----------
    beliefs
        Two or more states with a proper posterior, or distributions, by name; a sequence is named
        0, 1, …. Of a mean and a variance, the means are compared.
    better
        Whether the "higher" or the "lower" number is better.
    control
        Name of the belief to which the others are compared; by default the best one.
    equivalence
        Largest absolute difference that does not matter in practice.
    label
        The label whose shares are compared, or its text, for beliefs about labels.
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
        If there are fewer than two beliefs, one is improper or not about one number, or a parameter
        is invalid.

    Notes
    -----
    All quantities are integrals of densities and tails [1]_,

    ``P(i is best) = ∫ f_i(x) ∏ F_j(x) dx`` and ``loss(i) = ∫ F_i(x) (1 - ∏ F_j(x)) dx`` over j ≠ i,

    computed by Gauss-Legendre quadrature without random numbers, so that probabilities have
    relative errors below 1e-10 down to 1e-30; below 1e-70 they may be 0. They are exact given the
    model. They do not bound the error rate of an experiment that is stopped when a probability is
    large.

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
    named = _named(beliefs, better)
    names = tuple(named)
    if control is not None and control not in named:
        raise PriorError(f"expected control to be one of {list(names)}, got {control!r}")
    if equivalence is not None and not 0.0 < equivalence < math.inf:
        raise PriorError(f"expected an equivalence above 0, got {equivalence!r}")
    numbers = [number_of(each, label) for each in named.values()]
    grid = Grid(numbers)
    p_best = _probabilities_of_best(grid, better)
    reference = names.index(control) if control is not None else int(np.argmax(p_best))
    p_better = _probabilities_of_pairs(grid, better)
    means = [_finite(each.mean) for each in numbers]
    positive = numbers[0].support[0] >= 0.0
    return Comparison(
        names,
        better,
        level,
        dict(zip(names, p_best.tolist(), strict=True)),
        {
            a: {b: float(p_better[i, j]) for j, b in enumerate(names) if j != i}
            for i, a in enumerate(names)
        },
        dict(zip(names, _losses(grid, better, means), strict=True)),
        dict(zip(names, means, strict=True)),
        {name: each.interval(level) for name, each in zip(names, numbers, strict=True)},
        dict(
            zip(
                (name for k, name in enumerate(names) if k != reference),
                _differences(grid, names, reference, p_better, means, positive, equivalence, level),
                strict=True,
            )
        ),
        None
        if alpha is None
        else decide(named, alpha=alpha, effect=effect, better=better, label=label),
    )


def p_best(
    beliefs: Mapping[Any, Model | Distribution] | Sequence[Model | Distribution],
    *,
    better: str = "higher",
    label: Any = None,
) -> dict[Any, float]:
    """Return the probability that each belief is the best, without the rest of a comparison.

    Parameters
    ----------
    beliefs, better, label
        As for `compare`.

    Raises
    ------
    PriorError
        As by `compare`.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> round(p_best({"blue": Beta(22, 180), "green": Beta(32, 170)})["green"], 6)
    0.930062
    """
    named = _named(beliefs, better)
    grid = Grid([number_of(each, label) for each in named.values()])
    return dict(zip(named, _probabilities_of_best(grid, better).tolist(), strict=True))


def _named(
    beliefs: Mapping[Any, Model | Distribution] | Sequence[Model | Distribution], better: str
) -> Mapping[Any, Model | Distribution]:
    if better not in BETTER:
        raise PriorError(f"expected better to be 'higher' or 'lower', got {better!r}")
    named = beliefs if isinstance(beliefs, Mapping) else dict(enumerate(beliefs))
    if len(named) < 2:
        raise PriorError(f"expected two or more beliefs to compare, got {len(named)}")
    return named


def number_of(belief: Model | Distribution, label: Any = None) -> Distribution:
    """Return the distribution of the number that a belief is about.

    Parameters
    ----------
    belief
        A state with a proper posterior, or a distribution.
    label
        The label whose share is compared, for a belief about labels.

    Raises
    ------
    PriorError
        If the belief is improper, or not about one number.

    Examples
    --------
    >>> from seqbayes import Dirichlet
    >>> number_of(Dirichlet({"red": 2, "blue": 1, "green": 1}), "red")
    Beta(alpha=2.0, beta=2.0)
    """
    if isinstance(belief, Distribution):
        return belief
    if not isinstance(belief, Model):
        raise PriorError(f"expected beliefs to compare, got {belief!r}")
    state = belief.as_of()
    if not state.conjugate or state.display_kind not in ("number", "normal", "labels"):
        raise PriorError(f"expected a belief about one number to compare, got {belief}")
    if state.display_kind == "labels":
        return _share(state, label)
    if not state.is_proper(state.posterior):
        raise PriorError(f"{state.posterior} is improper: it cannot be compared before more data")
    number: Distribution = state.plotted(state.posterior)
    return number


def _share(state: Any, label: Any) -> Distribution:
    weights, unknown = state.label_weights()
    if label is None:
        raise PriorError(f"a belief about labels is compared by the share of one: {list(weights)}")
    # a label may be given as its text, as on the command line
    mine = {name for name in weights if name == label or str(name) == label}
    weight = math.fsum(weights[name] for name in mine)
    rest = math.fsum([unknown, *(each for name, each in weights.items() if name not in mine)])
    if not (weight > 0.0 and rest > 0.0):
        raise PriorError(f"a belief has no information about the share of {label!r}")
    return Beta(weight, rest)


def _finite(value: Any) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _products_of_others(tails: Array) -> Array:
    """Return the product of all other rows, for each row."""
    ones = np.ones((1, tails.shape[1]))
    before = np.concatenate([ones, np.cumprod(tails[:-1], axis=0)])
    after = np.concatenate([np.cumprod(tails[:0:-1], axis=0)[::-1], ones])
    products: Array = before * after
    return products


def _probabilities_of_best(grid: Grid, better: str) -> Array:
    tails = grid.below if better == "higher" else grid.above
    raw = (grid.density * grid.weights * _products_of_others(tails)).sum(axis=1)
    probabilities: Array = raw / raw.sum()
    return probabilities


def _probabilities_of_pairs(grid: Grid, better: str) -> Array:
    tails = grid.below if better == "higher" else grid.above
    raw = (grid.density * grid.weights) @ tails.T
    probabilities: Array = raw / (raw + raw.T)
    return probabilities


def _losses(grid: Grid, better: str, means: Sequence[float | None]) -> list[float | None]:
    if None in means:
        return [None] * len(means)
    worse, other = (grid.below, grid.above) if better == "higher" else (grid.above, grid.below)
    masses = worse * _any_of_others(other) * grid.weights * grid.slope
    losses: list[float | None] = masses.sum(axis=1).tolist()
    return losses


def _any_of_others(tails: Array) -> Array:
    """Return, for each row, the probability that at least one event of the other rows occurs."""

    def accumulate(rows: Array) -> list[Array]:
        found = [np.zeros(rows.shape[1])]
        for row in rows:
            found.append(found[-1] + row * (1.0 - found[-1]))
        return found

    before, after = accumulate(tails[:-1]), accumulate(tails[:0:-1])[::-1]
    return np.stack([b + a * (1.0 - b) for b, a in zip(before, after, strict=True)])


def _differences(
    grid: Grid,
    names: Sequence[Hashable],
    reference: int,
    p_better: Array,
    means: Sequence[float | None],
    positive: bool,
    equivalence: float | None,
    level: float,
) -> list[Difference]:
    tail = (1.0 - level) / 2.0
    others = [k for k in range(len(names)) if k != reference]
    contrasts = Contrasts(grid, others, [reference] * len(others))
    ends = contrasts.quantiles([tail, 1.0 - tail]).tolist()
    lifts: list[list[float]] = []
    if positive:
        ratios = Contrasts(grid, others, [reference] * len(others), ratio=True)
        with np.errstate(over="ignore"):
            lifts = np.expm1(ratios.quantiles([0.5, tail, 1.0 - tail])).tolist()
    within: list[float] = []
    if equivalence is not None:
        within = contrasts.probabilities(-equivalence, equivalence).tolist()
    found = []
    for i, k in enumerate(others):
        mine, theirs = means[k], means[reference]
        found.append(
            Difference(
                names[k],
                names[reference],
                float(p_better[k, reference]),
                None if mine is None or theirs is None else mine - theirs,
                (ends[i][0], ends[i][1]),
                lifts[i][0] if positive else None,
                (lifts[i][1], lifts[i][2]) if positive else None,
                within[i] if within else None,
            )
        )
    return found
