"""A hundred bags: the mode of the counts is the MLE of the count.

Of a hundred bags about nineteen hold exactly 26 red candies, the most common count. Chance alone
does not explain this: 104 candies that are each red with probability 1/4 also have a mean of 26,
but only nine such bags in a hundred. A normal distribution with standard deviation 2.10 gives
nineteen. The bags here are the expected numbers under this distribution, rounded to whole bags: no
random numbers are drawn.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from _shared import Screen, run_demo

from seqbayes import Beta, Dirichlet
from seqbayes.console.palette import RULE
from seqbayes.distributions import Beta as BetaDistribution
from seqbayes.distributions import Normal
from seqbayes.likelihoods import Binomial

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BAGS = 100
MEAN, SD = 26.0, 2.10
CANDIES, SHARE = 104, 0.25
COUNTS = range(10, 43)


def normal_model() -> dict[int, float]:
    """Return the probability of every count under a rounded normal distribution."""
    normal = Normal(MEAN, SD**2)
    return {k: float(normal.cdf(k + 0.5) - normal.cdf(k - 0.5)) for k in COUNTS}


def binomial_model() -> dict[int, float]:
    """Return the probability of every count if each candy is independently red."""
    candies = Beta(likelihood=Binomial(trials=CANDIES))
    return {k: candies.explain(k, at=SHARE).likelihood for k in COUNTS}


def tally() -> dict[int, int]:
    """Return the number of bags with each count under the normal model, by largest remainders."""
    expected = {k: BAGS * p for k, p in normal_model().items()}
    whole = {k: math.floor(bags) for k, bags in expected.items()}
    # rounded, so that equal remainders on both sides of the mean tie, and the lower count wins
    by_remainder = sorted(COUNTS, key=lambda k: (round(whole[k] - expected[k], 9), k))
    for k in by_remainder[: BAGS - sum(whole.values())]:
        whole[k] += 1
    return {k: bags for k, bags in whole.items() if bags}


def bags() -> list[int]:
    """Return the number of red candies in each bag, in an order that is not informative."""
    counts = [k for k, number in tally().items() for _ in range(number)]
    # a stride that is coprime to the number of bags visits each bag once
    return [counts[(37 * i + 50) % len(counts)] for i in range(len(counts))]


class Peak(NamedTuple):
    """The most common count, the share of the bags with this count, and the mean count."""

    reds: int
    share: float
    mean: float


def peak() -> Peak:
    """Return the MLE of the count: the mode of the counts."""
    counted = Dirichlet.flat(COUNTS)
    counted.learn_many(bags())
    shares = counted.mle
    assert shares is not None
    count = max(shares, key=shares.__getitem__)
    return Peak(count, shares[count], float(np.mean(bags())))


def chance_of(bags_at_peak: int, probability: float) -> float:
    """Return the probability that at least `bags_at_peak` bags have a given count."""
    return float(BetaDistribution(bags_at_peak, BAGS + 1 - bags_at_peak).cdf(probability))


def print_results(screen: Screen) -> None:
    """Print the counts, their mode and the two models."""
    counted, normal, binomial = tally(), normal_model(), binomial_model()
    screen.table(
        ["red", "bags", "Normal", "binomial", "<"],
        [
            [
                f"{k}",
                f"{number}",
                f"{BAGS * normal[k]:.1f}",
                f"{BAGS * binomial[k]:.1f}",
                f"[likelihood]{'#' * number}[/]",
            ]
            for k, number in counted.items()
        ],
    )
    top = peak()
    screen.say(
        "The bags are the expected numbers under the normal distribution, in whole bags;"
        " those under the binomial distribution are shown for comparison."
    )
    screen.say(
        f"MLE: [likelihood]{top.reds} red[/], the most common count, in"
        f" {100 * top.share:.0f} % of the bags. (The mean count is {top.mean:g}.)"
    )
    nineteen = counted[top.reds]
    screen.say(f"Which model makes {nineteen} of {BAGS} bags with exactly {top.reds} red?")
    screen.table(
        ["<model", "sd", f"P({top.reds})", f"P({nineteen} or more)"],
        [
            [
                f"Normal, mean {MEAN:g}, rounded",
                f"{SD:.2f}",
                f"{normal[top.reds]:.3f}",
                f"{chance_of(nineteen, normal[top.reds]):.3f}",
            ],
            [
                f"binomial, {CANDIES} candies at {SHARE:g}",
                f"{math.sqrt(CANDIES * SHARE * (1 - SHARE)):.2f}",
                f"{binomial[top.reds]:.3f}",
                f"{chance_of(nineteen, binomial[top.reds]):.3f}",
            ],
        ],
    )
    screen.say(
        "The normal distribution does, with a standard deviation that was chosen to fit. If each"
        " candy were red independently, the counts would vary more."
    )


def figure(canvas: Figure) -> None:
    """Draw the counts and the two models."""
    axes = canvas.subplots()
    counted = tally()
    axes.bar(list(counted), list(counted.values()), color="0.85", label="bags counted")
    models = (
        ("Normal, sd 2.10", "-", normal_model()),
        ("binomial, 104 × .25", "--", binomial_model()),
    )
    for label, style, model in models:
        heights = [BAGS * p for p in model.values()]
        axes.plot(list(model), heights, color=RULE["likelihood"], linestyle=style, label=label)
    top = peak()
    axes.annotate(
        f"MLE {top.reds}",
        (top.reds, counted[top.reds]),
        (top.reds + 3, counted[top.reds]),
        va="center",
        arrowprops={"arrowstyle": "->"},
    )
    axes.set(title="100 bags", xlabel="red candies in a bag", ylabel="bags", ylim=(0, 21))
    axes.set_yticks(range(0, 21, 5))
    axes.legend(frameon=False)


def main(arguments: list[str] | None = None) -> int:
    """Run the demo."""
    return run_demo(__doc__, print_results, figure, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
