"""What was learned, in sentences."""

from __future__ import annotations

from seqbayes.console.text import percent, probability, signed, times
from seqbayes.replay.mms.story import Opening, Snapshot, Step


def verdict(opening: Opening, step: Step | None, stopped: bool) -> list[str]:
    """Return what the story taught up to a step.

    Parameters
    ----------
    opening
        Where it started.
    step
        The last candy eaten, None before the first.
    stopped
        Whether it was interrupted.

    Returns
    -------
    list of str
        Whole sentences, each a paragraph.
    """
    if step is None:
        return ["Stopped before the first candy: the belief is still the prior."]
    return [
        _eaten(step, stopped),
        _colour(step.belief),
        _factory(step.belief),
        _predictions(step),
        _prior(opening, step),
    ]


def _eaten(step: Step, stopped: bool) -> str:
    if stopped:
        return (
            f"Stopped after {step.number:,} of {step.total:,} candies,"
            f" in bag {step.bag} of {step.bags}."
        )
    return f"{step.number:,} candies eaten, {step.bags} {_plural('bag', step.bags)} empty."


def _colour(belief: Snapshot) -> str:
    most = belief.share(belief.next.colour)
    least = min(belief.shares, key=lambda share: share.mean)
    return (
        f"The belief: {most.colour} is the most common colour, {percent(most.mean)} % of all"
        f" candies ({percent(most.low)} to {percent(most.high)} % with 95 % probability), and"
        f" {least.colour} the rarest, {percent(least.mean)} % ({percent(least.low)} to"
        f" {percent(least.high)} %)."
    )


def _factory(belief: Snapshot) -> str:
    """Say which mix made these, for a log Bayes factor of mix over learned belief."""
    best = belief.favourite
    factor = best.log_bayes_factor
    against = "likelier" if factor >= 0.0 else "less likely"
    sentence = (
        f"Which factory made these? Of the mixes compared {best.title} fits best: these candies"
        f" are {times(abs(factor))} times {against} under it than under a mix learned from the"
        f" prior (log Bayes factor {signed(factor)})."
    )
    if belief.other > best.probability:
        conclusion = f"some other mix is the likeliest now, {probability(belief.other)}."
    else:
        conclusion = f"it is the likeliest now, {probability(best.probability)}."
    return f"{sentence} All being equally probable at first, {conclusion}"


def _predictions(step: Step) -> str:
    common = max(step.belief.shares, key=lambda share: share.seen)
    return (
        f"Predictions came true {step.hits:,} {_plural('time', step.hits)} out of {step.number:,}"
        f" ({percent(step.hits / step.number)} %). Blind guessing gets 16.7 %; always saying"
        f" {common.colour}, {percent(common.seen / step.number)} %, but only who has counted them"
        " knows that."
    )


def _prior(opening: Opening, step: Step) -> str:
    strength = opening.prior.strength
    weight = strength / (strength + step.number)
    return (
        f"The prior ({opening.prior.name}) was worth {strength:g} imagined candies:"
        f" {percent(weight)} % of the belief now."
        f"{' ' + opening.prior.notes[-1] if opening.prior.unnamed else ''}"
        f" Log evidence of all that was seen: {signed(step.belief.log_evidence)}."
    )


def _plural(noun: str, n: int) -> str:
    return noun if n == 1 else f"{noun}s"
