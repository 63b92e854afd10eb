"""What the coins taught, in sentences."""

from __future__ import annotations

from seqbayes.console.text import signed
from seqbayes.replay.coins.story import COINS, Kind, Opening, Standing, Step
from seqbayes.replay.coins.wording import chance, climbed, height, plural


def verdict(opening: Opening, step: Step | None, stopped: bool) -> list[str]:
    """Return what the story taught up to a step.

    Parameters
    ----------
    opening
        Where it started.
    step
        The last step told, None before the first.
    stopped
        Whether it was interrupted.

    Returns
    -------
    list of str
        Whole sentences, each a paragraph.
    """
    if step is None:
        return ["Stopped before the first set."]
    if not step.path:
        told = "Stopped where it is still noted which coin was tossed."
        return [told if stopped else "It is noted which coin was tossed.", *_known(step)]
    first, last = step.path[0], step.path[-1]
    taken = len(step.path) - 1
    if taken == 0:
        return [f"Stopped in the first iteration of {opening.iterations}: {_coins(last)}, a guess."]
    return [
        _done(opening, step, taken, stopped),
        _climb(opening, first, last, taken),
        _clusters(opening, last),
        _prior(opening, last),
    ]


def _coins(standing: Standing) -> str:
    return " and ".join(
        f"{chance(theta)} for coin {coin}"
        for coin, theta in zip(COINS, standing.thetas, strict=True)
    )


def _known(step: Step) -> list[str]:
    if step.kind != Kind.DIVIDE or step.thetas is None:
        return []
    a, b = map(chance, step.thetas)
    return [f"Heads by tosses of each coin: {a} for coin A and {b} for coin B."]


def _done(opening: Opening, step: Step, taken: int, stopped: bool) -> str:
    last = step.path[-1]
    if stopped:
        of = f"Stopped after {plural('iteration', taken)} of {opening.iterations}"
    else:
        of = f"EM took {plural('iteration', taken)}"
    start = " and ".join(f"{theta:g}" for theta in opening.start)
    known = " and ".join(map(chance, opening.known))
    return f"{of} from {start}: the chance of heads is {_coins(last)} (with labels: {known})."


def _climb(opening: Opening, first: Standing, last: Standing, taken: int) -> str:
    was, now = height(first, opening), height(last, opening)
    if opening.start[0] == opening.start[1]:
        return (
            f"The {climbed(opening)} went from {signed(was)} to {signed(now)} and stays there. Both"
            " coins began alike, so that every set is shared alike between them: this is a saddle,"
            " not a peak. Start them apart, however little."
        )
    return (
        f"The {climbed(opening)} rose from {signed(was)} to {signed(now)}. No iteration can lower"
        " it; where it ends depends on where it starts."
    )


def _clusters(opening: Opening, last: Standing) -> str:
    shares = [
        f"{chance(share)} (set {tosses.number})"
        for tosses, share in zip(opening.sets, last.shares, strict=True)
    ]
    said = f"Who tossed which set? Coin A with probability {', '.join(shares)}."
    if last.thetas[0] == last.thetas[1]:
        return said
    likelier = ["A" if share > 0.5 else "B" for share in last.shares]
    agree = sum(c == tosses.noted for c, tosses in zip(likelier, opening.sets, strict=True))
    n = len(opening.sets)
    if agree < n - agree:
        return (
            f"{said} The likelier coins are the noted ones for {n - agree} of {n} sets, with A and"
            " B exchanged: nothing but the start tells EM which coin has which name."
        )
    return f"{said} The likelier coin is the noted one for {agree} of {n} sets."


def _prior(opening: Opening, last: Standing) -> str:
    a, b = opening.hyperparameters
    picked = "Both coins are picked equally often, and this is not learned."
    if opening.learn_weights:
        picked = f"Coin A is picked with probability {chance(last.weights[0])}, learned too."
    if opening.flat:
        return f"{picked} The prior is flat, so that its MAP is the maximum of the likelihood."
    return (
        f"{picked} The prior of either coin is Beta({a:g}, {b:g}): as if each had shown"
        f" {a - 1:g} head and {b - 1:g} tail before. The M-step takes the posterior's mode (MAP)."
    )
