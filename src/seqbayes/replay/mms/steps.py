"""The M&M story as data: an opening, then one immutable step per candy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from seqbayes.datasets import COLOURS, factory_mixes, madison
from seqbayes.errors import PriorError
from seqbayes.explanation import Explanation
from seqbayes.families import Beta, Dirichlet
from seqbayes.replay.mms.eleven import ElevenShares, learn_candy, round_shares
from seqbayes.replay.mms.priors import Prior

LEVEL = 0.95

HYPOTHESIS = "green"
"""The colour of the hypothesis. It is the same in every step, so that posteriors become priors."""


@dataclass(frozen=True, slots=True)
class ColourShare:
    """The belief about the share of one colour; an estimate that does not exist is None."""

    colour: str
    count: int
    alpha: float
    mle: float | None
    map: float | None
    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """The most probable next candy; `tied` is the number of colours with this probability."""

    colour: str
    probability: float
    tied: int


@dataclass(frozen=True, slots=True)
class RivalMix:
    """A mix from which these candies might have been drawn.

    `log_bayes_factor` is the log likelihood of the mix minus the log evidence of the learned
    belief: positive if the candies favour the mix. `probability` is its posterior probability, if
    all mixes and the learned belief ("learned mix") have equal prior probabilities.
    """

    name: str
    title: str
    log_likelihood: float
    log_bayes_factor: float
    probability: float


@dataclass(frozen=True, slots=True)
class CandyBelief:
    """The belief after a step."""

    shares: tuple[ColourShare, ...]
    next: Prediction
    log_evidence: float
    rivals: tuple[RivalMix, ...]
    other_probability: float
    """Posterior probability that the mix is not one of the rivals."""

    def share(self, colour: str) -> ColourShare:
        """Return the belief about one colour."""
        return self.shares[COLOURS.index(colour)]

    @property
    def leading_mix(self) -> RivalMix:
        """The mix with the highest likelihood."""
        return max(self.rivals, key=lambda rival: rival.log_likelihood)


@dataclass(frozen=True, slots=True)
class CandyOpening:
    """The story before the first candy."""

    prior: Prior
    seed: int | None
    """The seed of the division into bags; None for the reader's bag."""
    bags: int
    total: int
    source: str
    belief: CandyBelief
    eleven: tuple[float, ...]
    """The prior probabilities of eleven shares of `HYPOTHESIS`: the prior, rounded to them."""


@dataclass(frozen=True, slots=True)
class CandyStep:
    """One candy.

    Attributes
    ----------
    number, total : int
        Number of the candy, counted from 1, and total number of candies.
    bag, bags : int
        Number of the bag, counted from 1, and total number of bags.
    contents : tuple of str
        All candies of the bag.
    place : int
        Position of the candy in the bag, counted from 1.
    colour : str
    predicted : Prediction
        The prediction made before this candy was drawn.
    hits : int
        Number of correct predictions so far.
    rule : Explanation
        Bayes' rule for the share of `HYPOTHESIS`, evaluated at the share that Mars published; the
        observation is whether the candy has that colour. Its posterior is the next step's prior.
    next_rule : Explanation
        Bayes' rule for the next candy, if the observation is the same.
    eleven : ElevenShares
        Bayes' rule for eleven possible shares of `HYPOTHESIS`.
    belief : CandyBelief
        The belief after this candy.
    """

    number: int
    total: int
    bag: int
    bags: int
    contents: tuple[str, ...]
    place: int
    colour: str
    predicted: Prediction
    hits: int
    rule: Explanation
    next_rule: Explanation
    eleven: ElevenShares
    belief: CandyBelief

    @property
    def fits(self) -> bool:
        """Whether the candy has the colour of the hypothesis."""
        return self.colour == HYPOTHESIS

    @property
    def is_hit(self) -> bool:
        """Whether the prediction was correct."""
        return self.predicted.colour == self.colour


class Candies:
    """The candies of a story and the belief after each; see `CandyStory`."""

    def __init__(
        self,
        prior: Prior,
        seed: int = 1,
        bags: int | None = None,
        bag: Sequence[str] | None = None,
    ) -> None:
        count = madison()
        shuffled_bags = count.deal(seed) if bag is None else (tuple(bag),)
        bags = len(shuffled_bags) if bags is None else bags
        if not 1 <= bags <= len(shuffled_bags):
            raise PriorError(f"expected 1 to {len(shuffled_bags)} bags, got {bags!r}")
        self.contents = shuffled_bags[:bags]
        mixes = factory_mixes()
        self._claims = mixes["mars_2008"].shares
        even = dict.fromkeys(COLOURS, 1.0 / len(COLOURS))
        self._mixes = [(mix.name, mix.title, mix.shares) for mix in mixes.values()]
        self._mixes.append(("equal", "equal shares", even))
        self._log_shares = np.log([[mix[c] for c in COLOURS] for _, _, mix in self._mixes])
        total = sum(map(len, self.contents))
        belief = self._snapshot(prior.state(), np.zeros(len(COLOURS)))
        source = count.source if bag is None else "your bag"
        used = seed if bag is None else None
        eleven = round_shares(*_beta_of_hypothesis(belief))
        self.opening = CandyOpening(prior, used, bags, total, source, belief, eleven)

    def __iter__(self) -> Iterator[CandyStep]:
        state = self.opening.prior.state()
        counts = np.zeros(len(COLOURS))
        belief, shares = self.opening.belief, self.opening.eleven
        number = hits = 0
        for bag, contents in enumerate(self.contents, 1):
            for place, colour in enumerate(contents, 1):
                predicted = belief.next
                rule, next_rule = self._explain(belief, colour)
                eleven = learn_candy(shares, colour == HYPOTHESIS)
                shares = eleven.posterior
                state.learn_one(colour)
                counts[COLOURS.index(colour)] += 1.0
                belief = self._snapshot(state, counts)
                number += 1
                hits += predicted.colour == colour
                yield CandyStep(
                    number=number,
                    total=self.opening.total,
                    bag=bag,
                    bags=self.opening.bags,
                    contents=contents,
                    place=place,
                    colour=colour,
                    predicted=predicted,
                    hits=hits,
                    rule=rule,
                    next_rule=next_rule,
                    eleven=eleven,
                    belief=belief,
                )

    def _explain(self, belief: CandyBelief, colour: str) -> tuple[Explanation, Explanation]:
        """Apply Bayes' rule to the share of `HYPOTHESIS`, whose marginal is a Beta distribution."""
        alpha, rest = _beta_of_hypothesis(belief)
        claim, fits = self._claims[HYPOTHESIS], colour == HYPOTHESIS
        after = (alpha + 1.0, rest) if fits else (alpha, rest + 1.0)
        return Beta(alpha, rest).explain(fits, at=claim), Beta(*after).explain(fits, at=claim)

    def _snapshot(self, state: Dirichlet, counts: np.ndarray) -> CandyBelief:
        probabilities = state.predict_proba_one()
        best = max(probabilities, key=probabilities.__getitem__)
        top = probabilities[best]
        log_evidence = state.log_evidence
        if log_evidence is None:
            raise PriorError(f"an improper prior has no evidence: {state.prior}")
        log_likelihoods = self._log_shares @ counts
        factors = log_likelihoods - log_evidence
        ceiling = max(0.0, float(factors.max()))
        weights = np.exp(factors - ceiling)
        other_probability = float(np.exp(-ceiling))
        whole = weights.sum() + other_probability
        rivals = tuple(
            RivalMix(name, title, float(loglik), float(factor), float(weight / whole))
            for (name, title, _), loglik, factor, weight in zip(
                self._mixes, log_likelihoods, factors, weights, strict=True
            )
        )
        return CandyBelief(
            shares=_shares(state, counts, probabilities),
            next=Prediction(best, top, sum(p == top for p in probabilities.values())),
            log_evidence=log_evidence,
            rivals=rivals,
            other_probability=other_probability / float(whole),
        )


def _beta_of_hypothesis(belief: CandyBelief) -> tuple[float, float]:
    """Return the hyperparameters of the share of `HYPOTHESIS`, which has a Beta distribution."""
    rest = sum(share.alpha for share in belief.shares if share.colour != HYPOTHESIS)
    return belief.share(HYPOTHESIS).alpha, rest


def _shares(
    state: Dirichlet, counts: np.ndarray, probabilities: dict[str, float]
) -> tuple[ColourShare, ...]:
    mle, mode, intervals = state.mle, state.map, state.interval(LEVEL)
    assert intervals is not None  # the prior is proper
    alphas = state.posterior.alpha.tolist()
    return tuple(
        ColourShare(
            colour,
            int(counts[i]),
            alphas[i],
            None if mle is None else mle[colour],
            None if mode is None else mode[colour],
            probabilities[colour],  # the mean of a share is the probability of the next candy
            *intervals[colour],
        )
        for i, colour in enumerate(COLOURS)
    )
