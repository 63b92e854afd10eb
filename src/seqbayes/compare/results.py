"""The results of a comparison."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seqbayes.compare.decision import Decision
from seqbayes.compare.integrals import loss_ends
from seqbayes.compare.verdict import verdicts
from seqbayes.distributions import Distribution
from seqbayes.figures.panels import IntervalRow, IntervalRows, Panel
from seqbayes.figures.shown import Tabular

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
        Posterior median of the ratio minus 1; None unless both numbers are positive. For quantiles
        that may be 0, the ratio of two zeros is 1, and that of any other number to zero is
        infinite.
    lift_interval : tuple of float or None
        Equal-tailed credible interval of the ratio minus 1.
    p_equivalent : float or None
        Probability that the difference is within the region of practical equivalence. For numbers
        that can be equal, without such a region, it is the probability that they are equal.
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
    """Probabilities, differences and losses for a choice between beliefs.

    Attributes
    ----------
    names : tuple
        Names of the beliefs, in the order in which they were given.
    better : str
        "higher" or "lower".
    level : float
        Level of the intervals.
    p_best : dict
        Probability that each belief is the best, which means better than all others: ties are not
        included.
    p_better : dict
        Probability that each belief is better than each of the others: ``p_better[a][b]``.
    loss : dict
        Expected loss from choosing each belief: the expected distance to the best belief. It is
        infinite if it depends on a mean that is infinite or does not exist.
    mean : dict
        Posterior mean of each belief; None if it does not exist.
    interval : dict
        Equal-tailed credible interval of each belief.
    differences : dict
        Difference between each belief and the reference, which is the control, or the best belief
        if there is no control.
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
    def median(self) -> dict[Hashable, float]:
        """Posterior median of each belief, which exists even if its mean is infinite."""
        return {name: float(number.ppf(0.5)) for name, number in self.numbers.items()}

    @property
    def loss_interval(self) -> dict[Hashable, tuple[float, float]]:
        """Equal-tailed credible interval of the loss from choosing each belief.

        The loss is the distance to the best belief, which is 0 for the best belief. The intervals
        are computed on first use.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            ends = loss_ends(list(self.numbers.values()), self.better, self.level)[0].tolist()
        return {name: (low, high) for name, (low, high) in zip(self.names, ends, strict=True)}

    @property
    def guarantees(self) -> dict[str, str]:
        """What is guaranteed for each of the numbers.

        "exact": the number is exact given the model and the prior; it is not an error rate.
        "anytime-valid": the error rate is bounded, no matter when the experiment is stopped.
        "none": no error rate is bounded.
        """
        exact = ["p_best", "p_better", "loss", "loss_interval", "mean", "median", "interval"]
        decision = "none" if self.decision is None else self.decision.guarantee
        return {
            **dict.fromkeys([*exact, "differences"], "exact"),
            "verdict": "none",
            "decision": decision,
        }

    @property
    def p_tie(self) -> float:
        """Probability that two or more beliefs share the first place.

        A tie is impossible unless the numbers are discrete, or may be 0 like quantiles of a
        `Hurdle`.
        """
        rest = 1.0 - math.fsum(self.p_best.values())
        return rest if rest > _ROUNDING else 0.0

    @property
    def best(self) -> Hashable:
        """The belief that is most probably the best."""
        return max(self.names, key=self.p_best.__getitem__)

    @property
    def verdict(self) -> str:
        """The conclusion at the level of the intervals.

        "equivalent" if every difference from the reference is within the region of equivalence with
        probability `level`. Otherwise "best" if one belief is the best with probability (1 + level)
        / 2 or more, its expected loss is the smallest, and it is not equivalent to any belief with
        which `differences` compares it. In this case, the interval of the difference between it and
        each of the others excludes 0. Otherwise "undecided".
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
        """Return the mean and interval of each belief, and its difference from the reference.

        If a mean does not exist, the medians are shown instead of the means.
        Intervals have the level of the comparison.
        """
        estimates = self.median if None in self.mean.values() else self.mean
        rows = [
            IntervalRow(str(name), estimates[name], *self.interval[name]) for name in self.names
        ]
        differences = [
            IntervalRow(f"{each.name} − {each.reference}", each.mean, *each.interval)
            for each in self.differences.values()
        ]
        return [IntervalRows("", "value", rows), IntervalRows("", "difference", differences)]

    def as_columns(self, level: float = 0.95) -> dict[str, Sequence[Any]]:
        """Return one row for each belief. Intervals have the level of the comparison."""
        others = [self.differences.get(name) for name in self.names]
        losses = self.loss_interval
        return {
            "name": list(map(str, self.names)),
            "mean": [self.mean[name] for name in self.names],
            "median": list(self.median.values()),
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
