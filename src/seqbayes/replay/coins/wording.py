"""The arithmetic of the coins in words."""

from __future__ import annotations

from seqbayes.replay.coins.story import COINS, Opening, Standing, Step, Sums


def chance(p: float) -> str:
    """Return a probability in four characters, never rounded to certainty.

    Examples
    --------
    >>> chance(0.449149), chance(1.0), chance(0.9999), chance(0.001)
    ('0.45', '1.00', '>.99', '<.01')
    """
    text = f"{p:.2f}"
    if p not in (0.0, 1.0) and text in ("0.00", "1.00"):
        return "<.01" if p < 0.5 else ">.99"
    return text


def count(number: float) -> str:
    """Return a count, with one digit after the point unless it is whole.

    Examples
    --------
    >>> count(2.245745), count(24.0)
    ('2.2', '24')
    """
    return f"{number:.0f}" if number == int(number) else f"{number:.1f}"


def plural(noun: str, n: int) -> str:
    """Return so many of a thing.

    Examples
    --------
    >>> plural("tail", 1), plural("tail", 5)
    ('1 tail', '5 tails')
    """
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def division(sums: Sums, theta: float, opening: Opening) -> str:
    """Return the M-step of one coin: heads by tosses, the prior's included."""
    a, b = opening.hyperparameters
    heads, tails = count(sums.heads), count(sums.tails)
    if opening.flat:
        return f"{heads} ÷ ({heads} + {tails}) = {chance(theta)}"
    return f"({heads} + {a - 1:g}) ÷ ({heads} + {tails} + {a + b - 2:g}) = {chance(theta)}"


def picking(sums: Sums, weight: float, opening: Opening) -> str:
    """Return the M-step of one coin's weight: its sets by all sets, the prior's included."""
    a, b = opening.hyperparameters
    n = len(opening.sets)
    if opening.flat:
        return f"{sums.sets:.2f} ÷ {n} = {chance(weight)}"
    return f"({sums.sets:.2f} + {a - 1:g}) ÷ ({n} + {a + b - 2:g}) = {chance(weight)}"


def divisions(step: Step, opening: Opening) -> list[str]:
    """Return the M-step of both coins, and of their weights if they are learned."""
    assert step.sums is not None
    assert step.thetas is not None
    lines = [
        f"{coin}: {division(sums, theta, opening)}"
        for coin, sums, theta in zip(COINS, step.sums, step.thetas, strict=True)
    ]
    if opening.learn_weights and step.path:
        lines += [
            f"{coin} picked: {picking(sums, weight, opening)}"
            for coin, sums, weight in zip(COINS, step.sums, step.path[-1].weights, strict=True)
        ]
    return lines


def climbed(opening: Opening) -> str:
    """Return the name of what EM climbs."""
    return "log likelihood" if opening.flat else "log posterior"


def height(standing: Standing, opening: Opening) -> float:
    """Return what EM climbs."""
    return standing.log_likelihood if opening.flat else standing.log_posterior
