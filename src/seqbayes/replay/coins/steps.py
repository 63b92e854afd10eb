"""The story of the two coins as data: EM with known labels, then without them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from seqbayes.errors import PriorError
from seqbayes.families import Beta, Dirichlet
from seqbayes.likelihoods import Binomial
from seqbayes.mixture import Iteration, Mixture, Trace

COINS = ("A", "B")

PRIORS = {"flat": (1.0, 1.0), "beta22": (2.0, 2.0)}
"""Hyperparameters of the prior for both coins, keyed by the prior's name."""

SOURCE = "Do and Batzoglou, Nature Biotechnology 26 (2008), 897-899"

Pair = tuple[float, float]


@dataclass(frozen=True, slots=True)
class TossSet:
    """A set of tosses of one coin.

    Attributes
    ----------
    number : int
    sequence : str
        H for heads, T for tails.
    known_coin : str
        The coin that was tossed; not an input of EM.
    """

    number: int
    sequence: str
    known_coin: str

    @property
    def heads(self) -> int:
        """Number of heads."""
        return self.sequence.count("H")

    @property
    def tails(self) -> int:
        """Number of tails."""
        return self.sequence.count("T")


SETS = (
    TossSet(1, "HTTTHHTHTH", "B"),
    TossSet(2, "HHHHTHHHHH", "A"),
    TossSet(3, "HTHHHHHTHH", "A"),
    TossSet(4, "HTHTTTHHTT", "B"),
    TossSet(5, "THHHTHHHTH", "A"),
)


class CoinRule(NamedTuple):
    """Bayes' rule for one coin and one set: prior × likelihood ÷ evidence = posterior."""

    prior: float
    likelihood: float
    evidence: float
    posterior: float


class Portion(NamedTuple):
    """The responsibility of one coin for one set, and the corresponding heads and tails."""

    share: float
    heads: float
    tails: float
    rule: CoinRule | None


class SetRow(NamedTuple):
    """One set, split between coins A and B."""

    tosses: TossSet
    portions: tuple[Portion, Portion]


class CoinSums(NamedTuple):
    """Expected number of sets, heads and tails of one coin."""

    sets: float
    heads: float
    tails: float


class EmState(NamedTuple):
    """The state of EM: parameters, their log likelihood, and the resulting responsibilities.

    Attributes
    ----------
    thetas : (float, float)
        Probabilities of heads.
    weights : (float, float)
        Probabilities of picking each coin.
    log_likelihood, log_posterior : float
        Log likelihood and log posterior of all sets; EM maximises the log posterior.
    shares : tuple of float
        Probability of coin A for every set.
    """

    thetas: Pair
    weights: Pair
    log_likelihood: float
    log_posterior: float
    shares: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class CoinOpening:
    """The story before its first step."""

    sets: tuple[TossSet, ...]
    source: str
    prior: str
    hyperparameters: Pair
    start: Pair
    learn_weights: bool
    iterations: int
    known: Pair
    """Probabilities of heads, learned with the labels."""

    @property
    def flat(self) -> bool:
        """Whether the prior is flat."""
        return self.hyperparameters == (1.0, 1.0)


class StepKind(StrEnum):
    """The kind of a step."""

    ROW = "row"
    """Splits one set between the coins."""
    HIDE = "hide"
    """Removes the labels and sets initial parameters."""
    SUMS = "sums"
    """Adds up the expected counts."""
    DIVIDE = "divide"
    """Divides heads by tosses: the M-step."""


class PlannedStep(NamedTuple):
    """A planned step: kind, iteration (0 while the coins are known) and number of rows shown."""

    kind: StepKind
    iteration: int
    shown: int


@dataclass(frozen=True, slots=True)
class CoinStep:
    """One step.

    Attributes
    ----------
    number, total : int
        Number of the step, counted from 1, and total number of steps.
    kind : StepKind
    iteration : int
        Number of the iteration, counted from 1; 0 while the coins are known.
    rows : tuple of SetRow
        The sets split so far in this iteration.
    sums : (CoinSums, CoinSums) or None
        Sums of all rows, if they have been added up.
    path : tuple of EmState
        States of EM so far, starting with the initial state; empty while the coins are known.
    thetas : (float, float) or None
        The current estimates.
    """

    number: int
    total: int
    kind: StepKind
    iteration: int
    rows: tuple[SetRow, ...]
    sums: tuple[CoinSums, CoinSums] | None
    path: tuple[EmState, ...]
    thetas: Pair | None


class Coins:
    """The steps of the story of two coins; see `CoinStory`."""

    def __init__(
        self,
        iterations: int = 10,
        start: Sequence[float] = (0.6, 0.5),
        prior: str = "flat",
        learn_weights: bool = False,
    ) -> None:
        if prior not in PRIORS:
            raise PriorError(f"unknown prior {prior!r}: expected {' or '.join(PRIORS)}")
        if len(start) != 2 or not all(0.0 < theta < 1.0 for theta in start):
            raise PriorError(f"expected two probabilities of heads between 0 and 1, got {start!r}")
        if iterations < 1:
            raise PriorError(f"expected at least one iteration, got {iterations!r}")
        a, b = PRIORS[prior]
        guess = (float(start[0]), float(start[1]))
        self._coin = Beta(a, b, likelihood=Binomial(trials=len(SETS[0].sequence)))
        self.opening = CoinOpening(
            SETS, SOURCE, prior, (a, b), guess, learn_weights, iterations, self._known_coins()
        )
        mixture = Mixture(
            dict.fromkeys(COINS, self._coin),
            weights=Dirichlet({"A": a, "B": b}) if learn_weights else (0.5, 0.5),
            start=start,
        )
        heads = [tosses.heads for tosses in SETS]
        self.trace: Trace = mixture.fit(
            heads, iterations=iterations, tol=0.0, keep_responsibilities=True
        )
        self._path = tuple(map(_em_state, self.trace))
        self.plan = tuple(_plan(iterations))

    def __iter__(self) -> Iterator[CoinStep]:
        for number, (kind, iteration, shown) in enumerate(self.plan, 1):
            rows = self._rows(iteration) if shown else ()
            adds = kind in (StepKind.SUMS, StepKind.DIVIDE)
            reached = iteration + (kind == StepKind.DIVIDE) if iteration else 0
            path = self._path[:reached]
            thetas = path[-1].thetas if path else None
            if (kind, iteration) == (StepKind.DIVIDE, 0):
                thetas = self.opening.known
            yield CoinStep(
                number=number,
                total=len(self.plan),
                kind=kind,
                iteration=iteration,
                rows=rows[:shown],
                sums=_sums(rows) if adds else None,
                path=path,
                thetas=thetas,
            )

    def _known_coins(self) -> Pair:
        """Return the estimates of the coins from their labelled sets."""
        a, b = (self._coin.clone() for _ in COINS)
        for tosses in SETS:
            (a if tosses.known_coin == "A" else b).learn_one(tosses.heads)
        assert a.map is not None
        assert b.map is not None
        return a.map, b.map

    def _rows(self, iteration: int) -> tuple[SetRow, ...]:
        if iteration == 0:
            return tuple(
                _row(tosses, (float(tosses.known_coin == "A"), float(tosses.known_coin == "B")))
                for tosses in SETS
            )
        step = self.trace[iteration - 1]
        return tuple(
            _row(tosses, (float(shares[0]), float(shares[1])), self._rules(step, tosses, shares))
            for tosses, shares in zip(SETS, step.responsibilities, strict=True)
        )

    def _rules(self, step: Iteration, tosses: TossSet, shares: Pair) -> tuple[CoinRule, CoinRule]:
        """Return Bayes' rule for both coins and one set."""
        one = self._coin.observe(tosses.heads)
        a, b = (
            math.exp(self._coin.log_likelihood(theta, one.value) + one.log_base)
            for theta in step.parameters
        )
        evidence = step.weights[0] * a + step.weights[1] * b
        return (
            CoinRule(step.weights[0], a, evidence, float(shares[0])),
            CoinRule(step.weights[1], b, evidence, float(shares[1])),
        )


def _plan(iterations: int) -> Iterator[PlannedStep]:
    """Yield the steps: each row of the first tables, then two steps per iteration."""
    n = len(SETS)
    rows = range(1, n + 1)
    yield from (PlannedStep(StepKind.ROW, 0, shown) for shown in rows)
    yield PlannedStep(StepKind.DIVIDE, 0, n)
    yield PlannedStep(StepKind.HIDE, 1, 0)
    yield from (PlannedStep(StepKind.ROW, 1, shown) for shown in rows)
    for iteration in range(1, iterations + 1):
        yield PlannedStep(StepKind.SUMS, iteration, n)
        yield PlannedStep(StepKind.DIVIDE, iteration, n)


def _row(tosses: TossSet, shares: Pair, rules: tuple[CoinRule, CoinRule] | None = None) -> SetRow:
    a, b = (
        Portion(share, share * tosses.heads, share * tosses.tails, rule)
        for share, rule in zip(shares, rules or (None, None), strict=True)
    )
    return SetRow(tosses, (a, b))


def _sums(rows: Iterable[SetRow]) -> tuple[CoinSums, CoinSums]:
    """Add up the portions of each coin."""
    a, b = (
        CoinSums(*(math.fsum(column) for column in list(zip(*portions, strict=True))[:3]))
        for portions in zip(*(row.portions for row in rows), strict=True)
    )
    return a, b


def _em_state(step: Iteration) -> EmState:
    return EmState(
        thetas=(float(step.parameters[0]), float(step.parameters[1])),
        weights=(float(step.weights[0]), float(step.weights[1])),
        log_likelihood=step.log_likelihood,
        log_posterior=step.log_posterior,
        shares=tuple(step.responsibilities[:, 0].tolist()),
    )
