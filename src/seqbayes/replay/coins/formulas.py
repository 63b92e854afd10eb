"""Quantities of EM on two coins as text: probabilities, counts, and divisions in the M-step."""

from __future__ import annotations

from seqbayes.replay.coins.steps import COINS, CoinOpening, CoinStep, CoinSums, EmState


def chance(p: float) -> str:
    """Format a probability in four characters, never rounded to certainty.

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
    """Format a count, with one decimal unless it is a whole number.

    Examples
    --------
    >>> count(2.245745), count(24.0)
    ('2.2', '24')
    """
    return f"{number:.0f}" if number == int(number) else f"{number:.1f}"


def division(sums: CoinSums, theta: float, opening: CoinOpening) -> str:
    """Format the M-step for one coin: heads divided by tosses, including those of the prior."""
    a, b = opening.hyperparameters
    heads, tails = count(sums.heads), count(sums.tails)
    if opening.flat:
        return f"{heads} ÷ ({heads} + {tails}) = {chance(theta)}"
    return f"({heads} + {a - 1:g}) ÷ ({heads} + {tails} + {a + b - 2:g}) = {chance(theta)}"


def picking(sums: CoinSums, weight: float, opening: CoinOpening) -> str:
    """Format the M-step for a weight: a coin's sets divided by all sets, including the prior."""
    a, b = opening.hyperparameters
    n = len(opening.sets)
    if opening.flat:
        return f"{sums.sets:.2f} ÷ {n} = {chance(weight)}"
    return f"({sums.sets:.2f} + {a - 1:g}) ÷ ({n} + {a + b - 2:g}) = {chance(weight)}"


def divisions(step: CoinStep, opening: CoinOpening) -> list[str]:
    """Format the M-step for both coins and, if their weights are learned, for the weights."""
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


def objective_name(opening: CoinOpening) -> str:
    """Return the name of the quantity that EM maximises."""
    return "log likelihood" if opening.flat else "log posterior"


def objective(state: EmState, opening: CoinOpening) -> float:
    """Return the quantity that EM maximises."""
    return state.log_likelihood if opening.flat else state.log_posterior
