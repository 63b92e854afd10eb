"""The M&M story as text and as JSON values."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from seqbayes.console.palette import Signs
from seqbayes.console.text import count_of, density, percent, probability, signed, times
from seqbayes.replay.mms.eleven import most_probable
from seqbayes.replay.mms.steps import HYPOTHESIS, Candies, CandyBelief, CandyStep
from seqbayes.replay.story import Schedule, Story, StoryScreen


class CandyStory(Candies, Story[CandyStep]):
    """Real candies, drawn one at a time.

    Parameters
    ----------
    prior
        The prior of the belief.
    seed
        Seed for dividing the published totals into bags.
    bags
        Number of bags to use, up to 48; by default all.
    bag
        Colours of another bag's candies, in order, which replace the published ones.

    Raises
    ------
    PriorError
        If `bags` is invalid.

    Examples
    --------
    >>> from seqbayes.replay.mms import CandyStory, Prior
    >>> story = CandyStory(Prior.uniform(), seed=1, bags=1)
    >>> *_, last = story
    >>> story.total == last.number
    True
    """

    name = "mms"

    @property
    def total(self) -> int:  # type: ignore[override]
        """Number of candies."""
        return self.opening.total

    @property
    def schedule(self) -> Schedule:
        """A schedule that starts slowly and ends within a minute."""
        return accelerating

    def screen(self, signs: Signs) -> StoryScreen[CandyStep]:
        """Return a screen that draws the story with this character set."""
        from seqbayes.replay.mms.screen import CandyScreen  # imports rich

        return CandyScreen(self.opening, signs)

    def opening_lines(self) -> Iterator[str]:
        """Yield the lines printed before the first candy."""
        opening = self.opening
        bags = "bag" if opening.bags == 1 else "bags"
        yield f"{opening.total:,} M&M's from {opening.bags:,} real {bags}"
        divided = f"; randomly divided into bags with seed {opening.seed}"
        yield f"totals: {opening.source}{'' if opening.seed is None else divided}"
        yield f"Prior: {opening.prior.name}."
        yield from opening.prior.notes
        yield (
            f"Eleven shares: first, the share of {HYPOTHESIS} is one of 0 %, 10 %, ..., 100 %, so"
            " that a belief has eleven probabilities; later, it is any number, and a belief is a"
            " density"
        )
        yield (
            f"Hypothesis: {percent(self._claims[HYPOTHESIS], 0)} % of all candies are {HYPOTHESIS},"
            " as Mars published in 2008. Its density is"
            " prior × likelihood ÷ evidence, and is the prior for the next candy"
        )
        yield (
            "MLE: the shares under which the eaten candies are most probable. MAP: the most"
            " probable shares. Mean: their average over the posterior, used for predictions"
        )

    def step_lines(self, step: CandyStep) -> Iterator[str]:
        """Yield the line of one candy."""
        rule, share = step.rule, step.belief.share(step.colour)
        likely, chance = most_probable(step.eleven.posterior)
        leading_mix = step.belief.leading_mix
        outcome = ", as predicted" if step.is_hit else f" (predicted: {step.predicted.colour})"
        yield (
            f"{step.number} bag {step.bag}: {step.colour}{outcome}."
            f" Of eleven shares of {HYPOTHESIS}, {percent(likely, 0)} % is the most probable"
            f" (probability {probability(chance)})."
            f" Density at {percent(rule.at, 0)} % {HYPOTHESIS}:"
            f" {density(rule.prior)} × {density(rule.likelihood)} ÷ {density(rule.evidence)}"
            f" = {density(rule.posterior)}. Mean share of {step.colour}: {percent(share.mean)} %"
            f" [{percent(share.low)}, {percent(share.high)}]."
            f" Log evidence: {signed(step.belief.log_evidence)}."
            f" Log Bayes factor of {leading_mix.title}: {signed(leading_mix.log_bayes_factor)}"
        )

    def opening_event(self) -> dict[str, Any]:
        """Return the event before the first candy."""
        opening = self.opening
        return {
            "event": "start",
            "story": self.name,
            "source": opening.source,
            "seed": opening.seed,
            "bags": opening.bags,
            "candies": opening.total,
            "prior": {
                "name": opening.prior.name,
                "alpha": dict(opening.prior.alpha),
                "notes": list(opening.prior.notes),
            },
            "eleven": list(opening.eleven),
            "belief": _belief(opening.belief),
        }

    def step_event(self, step: CandyStep) -> dict[str, Any]:
        """Return the event of one candy."""
        rule, predicted = step.rule, step.predicted
        return {
            "event": "candy",
            "number": step.number,
            "bag": step.bag,
            "colour": step.colour,
            "predicted": {
                "colour": predicted.colour,
                "probability": predicted.probability,
                "tied": predicted.tied,
                "came_true": step.is_hit,
            },
            "hits": step.hits,
            "rule": {
                "colour": HYPOTHESIS,
                "observed": step.fits,
                "share": rule.at,
                "prior": rule.prior,
                "likelihood": rule.likelihood,
                "evidence": rule.evidence,
                "posterior": rule.posterior,
                "next_posterior": step.next_rule.posterior,
            },
            "eleven": list(step.eleven.posterior),
            "belief": _belief(step.belief),
        }

    def closing_event(self, step: CandyStep | None) -> dict[str, Any]:
        """Return the belief after the last candy shown."""
        return {
            "candies": 0 if step is None else step.number,
            "hits": 0 if step is None else step.hits,
            "belief": _belief(self.opening.belief if step is None else step.belief),
        }

    def summary(self, step: CandyStep | None, stopped: bool) -> list[str]:
        """Return the results in sentences."""
        if step is None:
            return ["Stopped before the first candy: the belief is still the prior."]
        return [
            _eaten(step, stopped),
            _colours(step.belief),
            _factory(step.belief),
            _predictions(step),
            self._prior(step),
        ]

    def _prior(self, step: CandyStep) -> str:
        prior = self.opening.prior
        weight = prior.strength / (prior.strength + step.number)
        return (
            f"The prior ({prior.name}) has the weight of {prior.strength:g} imagined candies:"
            f" now {percent(weight)} % of the belief."
            f"{' ' + prior.notes[-1] if prior.unnamed else ''}"
            f" Log evidence of all candies: {signed(step.belief.log_evidence)}."
        )


def accelerating(number: int) -> float:
    """Return when a step is due: every two seconds at first, twice as fast every five seconds.

    A belief changes roughly with the logarithm of the number of observations.

    Examples
    --------
    >>> print(", ".join(f"{accelerating(n):.0f} s" for n in (1, 55, 550, 2620)))
    4 s, 22 s, 38 s, 49 s
    """
    first, growth = 0.5, 0.14
    return 2.0 if number < 1 else 2.0 + math.log1p(number * growth / first) / growth


def _belief(belief: CandyBelief) -> dict[str, Any]:
    shares = belief.shares
    return {
        "alpha": {share.colour: share.alpha for share in shares},
        "seen": {share.colour: share.count for share in shares},
        "mle": {share.colour: share.mle for share in shares},
        "map": {share.colour: share.map for share in shares},
        "mean": {share.colour: share.mean for share in shares},
        "interval": {share.colour: [share.low, share.high] for share in shares},
        "next": {"colour": belief.next.colour, "probability": belief.next.probability},
        "log_evidence": belief.log_evidence,
        "mixes": {
            rival.name: {
                "log_likelihood": rival.log_likelihood,
                "log_bayes_factor": rival.log_bayes_factor,
                "probability": rival.probability,
            }
            for rival in belief.rivals
        },
        "some_other_mix": belief.other_probability,
    }


def _eaten(step: CandyStep, stopped: bool) -> str:
    if stopped:
        return (
            f"Stopped after {step.number:,} of {step.total:,} candies,"
            f" in bag {step.bag} of {step.bags}."
        )
    return f"{step.number:,} candies eaten, {count_of(step.bags, 'bag')} empty."


def _colours(belief: CandyBelief) -> str:
    most = belief.share(belief.next.colour)
    least = min(belief.shares, key=lambda share: share.mean)
    return (
        f"The belief: {most.colour} is the most common colour, {percent(most.mean)} % of all"
        f" candies ({percent(most.low)} to {percent(most.high)} % with 95 % probability), and"
        f" {least.colour} the rarest, {percent(least.mean)} % ({percent(least.low)} to"
        f" {percent(least.high)} %)."
    )


def _factory(belief: CandyBelief) -> str:
    """Compare the mixes by their Bayes factors against the learned belief."""
    best = belief.leading_mix
    factor = best.log_bayes_factor
    against = "more probable" if factor >= 0.0 else "less probable"
    sentence = (
        f"Which factory made these? Of the mixes compared, {best.title} fits best: these candies"
        f" are {times(abs(factor))} times {against} under it than under a mix learned from the"
        f" prior (log Bayes factor {signed(factor)})."
    )
    if belief.other_probability > best.probability:
        conclusion = (
            f"the learned mix is now the most probable, {probability(belief.other_probability)}."
        )
    else:
        conclusion = f"it is now the most probable, {probability(best.probability)}."
    return f"{sentence} With equal prior probabilities, {conclusion}"


def _predictions(step: CandyStep) -> str:
    common = max(step.belief.shares, key=lambda share: share.count)
    return (
        f"{step.hits:,} of {step.number:,} predictions were correct"
        f" ({percent(step.hits / step.number)} %). Random guessing gets 16.7 %; always predicting"
        f" {common.colour} would have got {percent(common.count / step.number)} %."
    )
