"""Photon counts: the photons of a star of constant brightness, counted fifty times.

Each count is Poisson with the same rate F. Bayesian and frequentist estimates nearly agree; a
common approximation is biased. (The example and its seed are J. VanderPlas', 2014; the true rate is
1000.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from _shared import Screen, curve, run_demo

from seqbayes import Gamma
from seqbayes.console.palette import RULE
from seqbayes.likelihoods import Poisson

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TRUTH, EXPOSURES, SEED = 1000.0, 50, 1


def counts() -> list[int]:
    """Return the photon count of each exposure, drawn with numpy's frozen legacy generator."""
    drawn = np.random.RandomState(SEED).poisson(TRUTH, EXPOSURES)
    return [int(count) for count in drawn]


class Estimate(NamedTuple):
    """A rate and its standard deviation."""

    rate: float
    sd: float


def bayes(n: int = EXPOSURES) -> Estimate:
    """Return the posterior mean and standard deviation after n exposures, under Jeffreys' prior."""
    belief = brightness(n)
    return Estimate(belief.mean, belief.var**0.5)


def brightness(n: int) -> Gamma:
    """Return the belief about the rate after n exposures."""
    belief = Gamma.jeffreys(likelihood=Poisson())
    for count in counts()[:n]:
        belief.learn_one(count)
    return belief


def weighted_mean() -> Estimate:
    """Return the mean of the counts weighted by 1 / count, as if √count were its error."""
    weights = 1.0 / np.array(counts())
    return Estimate(float(EXPOSURES / weights.sum()), float(weights.sum() ** -0.5))


def maximum_likelihood() -> Estimate:
    """Return the MLE, the mean count, and its standard error."""
    rate = brightness(EXPOSURES).mle
    assert rate is not None
    return Estimate(rate, (rate / EXPOSURES) ** 0.5)


def print_results(screen: Screen) -> None:
    """Print the estimates, and the posterior as it narrows."""
    shape, rate = brightness(EXPOSURES).posterior
    screen.say(
        f"{EXPOSURES} exposures with {sum(counts()):,} photons."
        f" Posterior: [posterior]Gamma({shape:,}, {rate:g})[/]."
    )
    screen.table(
        ["<estimate of the rate", "mean", "± sd"],
        [
            [name, f"{one.rate:.2f}", f"{one.sd:.2f}"]
            for name, one in (
                ("[posterior]posterior, Jeffreys' prior[/]", bayes()),
                ("[likelihood]maximum likelihood[/]", maximum_likelihood()),
                ("weighted by 1 / count", weighted_mean()),
            )
        ],
    )
    screen.say(
        "The approximation in the last line gives low counts more weight, because their estimated"
        " errors are smaller, so its result is too low by about one photon."
    )
    screen.say("The posterior after different numbers of exposures:")
    screen.table(
        ["exposures", "mean", "± sd", "95 % interval"],
        [
            [f"{n}", f"{bayes(n).rate:.2f}", f"{bayes(n).sd:.2f}", f"{low:.1f} to {high:.1f}"]
            for n in (1, 2, 5, 10, 20, 50)
            for low, high in [brightness(n).interval()]
        ],
    )


def figure(canvas: Figure) -> None:
    """Draw the counts, and the posterior as it narrows."""
    left, right = canvas.subplots(1, 2)
    seen, n = counts(), np.arange(1, EXPOSURES + 1)
    left.errorbar(n, seen, np.sqrt(seen), fmt=".", color="0.5", label="count ± √count")
    bands = [brightness(int(size)).interval() for size in n]
    lows, highs = zip(*bands, strict=True)
    left.fill_between(n, lows, highs, color=RULE["posterior"], alpha=0.3, label="95 % interval")
    left.axhline(TRUTH, color="black", linestyle="--", linewidth=1, label="true rate")
    left.set(title="Counts and belief", xlabel="exposure", ylabel="photons", ylim=(890, 1190))
    left.legend(frameon=False)
    rate = np.linspace(940.0, 1060.0, 601)
    for size in (1, 5, 50):
        density = brightness(size).pdf(rate)
        width = {1: 0.8, 5: 1.6, 50: 2.6}[size]
        curve(right, "posterior", rate, density, f"after {size}", linewidth=width)
    right.axvline(TRUTH, color="black", linestyle="--", linewidth=1)
    right.set(title="Posterior of the rate", xlabel="photons", ylabel="density", ylim=(0, 0.1))
    right.legend(frameon=False)


def main(arguments: list[str] | None = None) -> int:
    """Run the demo."""
    return run_demo(__doc__, print_results, figure, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
