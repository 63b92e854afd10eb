"""Who tossed this? Two coins with the labels, then without them, as a sequence of events."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from seqbayes.errors import PriorError
from seqbayes.families import Beta, Dirichlet
from seqbayes.likelihoods import Binomial
from seqbayes.mixture import Iteration, Mixture, Trace

COINS = ("A", "B")

PRIORS = {"flat": (1.0, 1.0), "beta22": (2.0, 2.0)}
"""Hyperparameters of both coins, by name."""

SOURCE = "Do and Batzoglou, Nature Biotechnology 26 (2008), 897-899"

Pair = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Tosses:
    """Tosses in a row with one coin.

    Attributes
    ----------
    number : int
    sequence : str
        H for heads, T for tails.
    noted : str
        The coin it was, which EM is not told.
    """

    number: int
    sequence: str
    noted: str

    @property
    def heads(self) -> int:
        """How many fell heads."""
        return self.sequence.count("H")

    @property
    def tails(self) -> int:
        """How many fell tails."""
        return self.sequence.count("T")


SETS = (
    Tosses(1, "HTTTHHTHTH", "B"),
    Tosses(2, "HHHHTHHHHH", "A"),
    Tosses(3, "HTHHHHHTHH", "A"),
    Tosses(4, "HTHTTTHHTT", "B"),
    Tosses(5, "THHHTHHHTH", "A"),
)


class Rule(NamedTuple):
    """Bayes' rule for one coin and one set: prior × likelihood ÷ evidence = posterior."""

    prior: float
    likelihood: float
    evidence: float
    posterior: float


class Portion(NamedTuple):
    """What one coin gets of one set: its responsibility, and that share of heads and tails."""

    share: float
    heads: float
    tails: float
    rule: Rule | None


class Row(NamedTuple):
    """One set, shared out between A and B."""

    tosses: Tosses
    portions: tuple[Portion, Portion]


class Sums(NamedTuple):
    """What one coin got of all sets: how many of them, and of their heads and tails."""

    sets: float
    heads: float
    tails: float


class Standing(NamedTuple):
    """Where EM stands: parameters, what they are worth, and the E-step they give.

    Attributes
    ----------
    thetas : (float, float)
        Chances of heads.
    weights : (float, float)
        How often each coin is picked.
    log_likelihood, log_posterior : float
        Of all sets; the second is what EM climbs.
    shares : tuple of float
        Probability of coin A for every set.
    """

    thetas: Pair
    weights: Pair
    log_likelihood: float
    log_posterior: float
    shares: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Opening:
    """The story before its first step."""

    sets: tuple[Tosses, ...]
    source: str
    prior: str
    hyperparameters: Pair
    start: Pair
    learn_weights: bool
    iterations: int
    known: Pair
    """Chances of heads, learned with the labels."""

    @property
    def flat(self) -> bool:
        """Whether the prior is."""
        return self.hyperparameters == (1.0, 1.0)


class Kind(StrEnum):
    """What a step does."""

    ROW = "row"
    """Shares out one set."""
    HIDE = "hide"
    """Takes the labels away and guesses."""
    SUMS = "sums"
    """Adds up the shares."""
    DIVIDE = "divide"
    """Divides heads by tosses: the M-step."""


class Moment(NamedTuple):
    """What happens in a step; iteration 0 knows the coins."""

    kind: Kind
    iteration: int
    shown: int


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Attributes
    ----------
    number, total : int
        Which step of how many, from 1.
    kind : Kind
    iteration : int
        From 1; 0 where the coins are known.
    rows : tuple of Row
        The sets shared out so far in this iteration.
    sums : (Sums, Sums) or None
        Of all rows, once they are added up.
    path : tuple of Standing
        Where EM has been, the start first; empty where the coins are known.
    thetas : (float, float) or None
        The present estimates.
    """

    number: int
    total: int
    kind: Kind
    iteration: int
    rows: tuple[Row, ...]
    sums: tuple[Sums, Sums] | None
    path: tuple[Standing, ...]
    thetas: Pair | None


class Story:
    """Two coins, learned with their labels and then without.

    Parameters
    ----------
    iterations
        How many EM takes.
    start
        Chances of heads of A and B to begin with.
    prior
        ``flat``, or ``beta22`` for MAP-EM.
    learn_weights
        Whether how often a coin is picked is learned too, under the same kind of prior.

    Raises
    ------
    PriorError
        If there is no such prior, or the start is not two chances between 0 and 1.

    Examples
    --------
    >>> *_, last = Story()
    >>> print("A {:.2f}, B {:.2f}".format(*last.thetas))
    A 0.80, B 0.52
    """

    def __init__(
        self,
        iterations: int = 10,
        start: Sequence[float] = (0.6, 0.5),
        prior: str = "flat",
        learn_weights: bool = False,
    ) -> None:
        if prior not in PRIORS:
            raise PriorError(f"no prior is {prior!r}: expected {' or '.join(PRIORS)}")
        if len(start) != 2 or not all(0.0 < theta < 1.0 for theta in start):
            raise PriorError(f"expected two chances of heads between 0 and 1, got {start!r}")
        if iterations < 1:
            raise PriorError(f"expected at least one iteration, got {iterations!r}")
        a, b = PRIORS[prior]
        guess = (float(start[0]), float(start[1]))
        self._coin = Beta(a, b, likelihood=Binomial(trials=len(SETS[0].sequence)))
        self.opening = Opening(
            SETS, SOURCE, prior, (a, b), guess, learn_weights, iterations, self._known_coins()
        )
        mixture = Mixture(
            dict.fromkeys(COINS, self._coin),
            weights=Dirichlet({"A": a, "B": b}) if learn_weights else (0.5, 0.5),
            start=start,
        )
        heads = [tosses.heads for tosses in SETS]
        self.trace: Trace = mixture.fit(heads, iterations=iterations, tol=0.0)
        self._path = tuple(map(_standing, self.trace))
        self.plan = tuple(_plan(iterations))

    def __iter__(self) -> Iterator[Step]:
        for number, (kind, iteration, shown) in enumerate(self.plan, 1):
            rows = self._rows(iteration) if shown else ()
            adds = kind in (Kind.SUMS, Kind.DIVIDE)
            reached = iteration + (kind == Kind.DIVIDE) if iteration else 0
            path = self._path[:reached]
            thetas = path[-1].thetas if path else None
            if (kind, iteration) == (Kind.DIVIDE, 0):
                thetas = self.opening.known
            yield Step(
                number=number,
                total=len(self.plan),
                kind=kind,
                iteration=iteration,
                rows=rows[:shown],
                sums=self._sums(iteration) if adds else None,
                path=path,
                thetas=thetas,
            )

    def _known_coins(self) -> Pair:
        """Learn each coin from the sets that are noted as its own."""
        a, b = (self._coin.clone() for _ in COINS)
        for tosses in SETS:
            (a if tosses.noted == "A" else b).learn_one(tosses.heads)
        return a.map, b.map

    def _rows(self, iteration: int) -> tuple[Row, ...]:
        if iteration == 0:
            return tuple(
                _row(tosses, (float(tosses.noted == "A"), float(tosses.noted == "B")))
                for tosses in SETS
            )
        step = self.trace[iteration - 1]
        return tuple(
            _row(tosses, (float(shares[0]), float(shares[1])), self._rules(step, tosses, shares))
            for tosses, shares in zip(SETS, step.responsibilities, strict=True)
        )

    def _rules(self, step: Iteration, tosses: Tosses, shares: Pair) -> tuple[Rule, Rule]:
        """Take the E-step of one set apart."""
        one = self._coin.observe(tosses.heads)
        a, b = (
            math.exp(self._coin.log_likelihood(theta, one.value) + one.log_base)
            for theta in step.parameters
        )
        evidence = step.weights[0] * a + step.weights[1] * b
        return (
            Rule(step.weights[0], a, evidence, float(shares[0])),
            Rule(step.weights[1], b, evidence, float(shares[1])),
        )

    def _sums(self, iteration: int) -> tuple[Sums, Sums]:
        if iteration == 0:
            a, b = (_sums([row.portions[coin] for row in self._rows(0)]) for coin in range(2))
            return a, b
        step = self.trace[iteration - 1]
        sets = step.responsibilities.sum(axis=0).tolist()
        a, b = (
            Sums(n, float(counts.a), float(counts.b))
            for n, counts in zip(sets, step.counts, strict=True)
        )
        return a, b


def _plan(iterations: int) -> Iterator[Moment]:
    """Yield the moments: every row of the first table, then two moments an iteration."""
    n = len(SETS)
    rows = range(1, n + 1)
    yield from (Moment(Kind.ROW, 0, shown) for shown in rows)
    yield Moment(Kind.DIVIDE, 0, n)
    yield Moment(Kind.HIDE, 1, 0)
    yield from (Moment(Kind.ROW, 1, shown) for shown in rows)
    for iteration in range(1, iterations + 1):
        yield Moment(Kind.SUMS, iteration, n)
        yield Moment(Kind.DIVIDE, iteration, n)


def _row(tosses: Tosses, shares: Pair, rules: tuple[Rule, Rule] | None = None) -> Row:
    a, b = (
        Portion(share, share * tosses.heads, share * tosses.tails, rule)
        for share, rule in zip(shares, rules or (None, None), strict=True)
    )
    return Row(tosses, (a, b))


def _sums(portions: Sequence[Portion]) -> Sums:
    return Sums(
        sum(portion.share for portion in portions),
        sum(portion.heads for portion in portions),
        sum(portion.tails for portion in portions),
    )


def _standing(step: Iteration) -> Standing:
    return Standing(
        thetas=(float(step.parameters[0]), float(step.parameters[1])),
        weights=(float(step.weights[0]), float(step.weights[1])),
        log_likelihood=step.log_likelihood,
        log_posterior=step.log_posterior,
        shares=tuple(step.responsibilities[:, 0].tolist()),
    )
