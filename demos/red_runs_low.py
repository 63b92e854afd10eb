"""Red runs low: how a prior shifts the mode.

The number of red candies in a bag is Poisson with rate λ. A claim that the factory runs low on red
is an exponential prior on λ with rate β, which is Gamma(1, β). The MLE is the mean count x̄; the
MAP is Σx / (n + β). The prior is therefore equivalent to β bags without any red candy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from _shared import Screen, curve, run_demo
from hundred_bags import bags

from seqbayes import Gamma
from seqbayes.console.palette import RULE
from seqbayes.distributions import Gamma as GammaDistribution
from seqbayes.likelihoods import Poisson

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIZES = (1, 3, 10, 30, 100)
BETAS = (1 / 26, 1.0, 5.0, 26.0)


class Estimates(NamedTuple):
    """Estimates of the rate of red from n bags, under one prior."""

    n: int
    total: int
    mle: float
    map: float
    shape: float
    rate: float
    interval: tuple[float, float]


def estimates(n: int, beta: float) -> Estimates:
    """Return MLE, MAP and posterior after the first n bags, under an Exponential(beta) prior."""
    counts = bags()[:n]
    belief = Gamma(1.0, beta, likelihood=Poisson())
    belief.learn_many(counts)
    shape, rate = belief.posterior
    mle, map_estimate = belief.mle, belief.map
    return Estimates(n, sum(counts), mle, map_estimate, shape, rate, belief.interval())


def print_results(screen: Screen) -> None:
    """Print how the MAP approaches the MLE."""
    screen.say(
        "The MAP of λ after n bags. β is the rate of the exponential prior; the prior mean of λ"
        " is 1 / β."
    )
    names = ["1/26" if beta < 1 else f"{beta:g}" for beta in BETAS]
    rows = []
    for n in SIZES:
        found = [estimates(n, beta) for beta in BETAS]
        maps = [f"[posterior]{one.map:.3f}[/]" for one in found]
        rows.append([f"{n}", f"{found[0].total:,}", f"[likelihood]{found[0].mle:.3f}[/]", *maps])
    screen.table(["n", "Σx", "[likelihood]MLE[/]", *(f"β = {name}" for name in names)], rows)
    one = estimates(SIZES[-1], 1.0)
    low, high = one.interval
    screen.say(
        f"With β = 1 and all {one.n} bags the posterior is Gamma({one.shape:,.0f}, {one.rate:g}):"
        f" MAP {one.shape - 1:,.0f} / {one.rate:g} = [posterior]{one.map:.3f}[/], and λ lies"
        f" between {low:.2f} and {high:.2f} with 95 % probability."
    )
    screen.say(
        "The prior adds a constant β to the growing n, so its influence vanishes. (The interval"
        " assumes Poisson counts; the actual counts vary less, so it is too wide. The point"
        " estimates are not affected.)"
    )


def figure(canvas: Figure) -> None:
    """Draw the prior, likelihood and posterior for three bags, and the MAP for more bags."""
    left, right = canvas.subplots(1, 2)
    n, beta = 3, 1.0
    one = estimates(n, beta)
    rate = np.linspace(0.01, 40.0, 800)
    posterior = GammaDistribution(one.shape, one.rate)
    curve(left, "prior", rate, GammaDistribution(1.0, beta).pdf(rate), "prior, β = 1")
    # scaled to area 1, the likelihood is the posterior under the flat prior
    likelihood = GammaDistribution(1.0 + one.total, float(n)).pdf(rate)
    curve(left, "likelihood", rate, likelihood, "likelihood, scaled")
    curve(left, "posterior", rate, posterior.pdf(rate), "posterior")
    left.set(title=f"{n} bags", xlabel="λ, red in a bag", ylabel="density", ylim=(0, 0.26))
    left.legend(frameon=False, loc="upper right")

    sizes = np.arange(1, len(bags()) + 1)
    styles: list[object] = ["-", "--", "-.", (0, (1, 1))]
    for style, beta in zip(styles, BETAS, strict=True):
        maps = [estimates(int(size), beta).map for size in sizes]
        name = "1/26" if beta < 1 else f"{beta:g}"
        right.plot(sizes, maps, color=RULE["posterior"], linestyle=style, label=f"MAP, β = {name}")
    mles = [estimates(int(size), 1.0).mle for size in sizes]
    right.plot(sizes, mles, color=RULE["likelihood"], linestyle="none", marker=".", label="MLE")
    right.set(title="As more bags are counted", xlabel="bags", ylim=(0, 30))
    right.legend(frameon=False, loc="lower right")


def main(arguments: list[str] | None = None) -> int:
    """Run the demo."""
    return run_demo(__doc__, print_results, figure, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
