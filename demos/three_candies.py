"""Three candies: learning them one at a time or all at once gives the same belief.

A guess about the colours is the prior. For each candy, it is multiplied by the likelihood and
divided by the evidence, and the posterior is the prior for the next candy.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from _shared import Screen, curve, run_demo

from seqbayes import Dirichlet, Explanation
from seqbayes.datasets import walk_in_the_park
from seqbayes.distributions import Beta

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CANDIES = ("green", "red", "red")
STRENGTH = 20.0
"""Weight of the guess, as a number of imagined candies."""

EVEN = {"green": 0.25, "red": 0.25, "yellow": 0.25, "blue": 0.25}
"""Shares at which the densities of Bayes' rule are evaluated: a factory with equal shares."""


def guess() -> Dirichlet:
    """Return the belief before any candy."""
    return Dirichlet.from_proportions(walk_in_the_park().shares, STRENGTH)


def one_by_one() -> tuple[Dirichlet, list[Explanation]]:
    """Return the final belief, and Bayes' rule for every candy."""
    belief = guess()
    steps = []
    for candy in CANDIES:
        steps.append(belief.explain(candy, at=EVEN))
        belief.learn_one(candy)
        belief.rollover()  # this candy's posterior is the next one's prior
    return belief, steps


def batch() -> Dirichlet:
    """Return the belief after all candies at once."""
    belief = guess()
    belief.learn_many(CANDIES)
    return belief


def print_results(screen: Screen) -> None:
    """Print the three single steps and the batch."""
    belief, steps = one_by_one()
    whole = batch()
    names = belief.categories
    screen.say(
        f"The guess, with the weight of {STRENGTH:g} candies: "
        + ", ".join(f"{name} {100 * share:.0f} %" for name, share in guess().mean.items())
        + "."
    )
    screen.table(
        ["<belief", *names],
        [
            ["[prior]prior[/]", *(f"{alpha:g}" for alpha in steps[0].before.alpha)],
            *(
                [f"after {n}, {step.x}", *(f"{alpha:g}" for alpha in step.after.alpha)]
                for n, step in enumerate(steps, 1)
            ),
            ["[posterior]one batch of 3[/]", *(f"{alpha:g}" for alpha in whole.posterior.alpha)],
        ],
    )
    screen.say("Bayes' rule for equal shares of the four colours:")
    screen.table(
        [
            "<candy",
            "[prior]prior[/]",
            "× [likelihood]likelihood[/]",
            "÷ [evidence]evidence[/]",
            "= [posterior]posterior[/]",
        ],
        [
            [
                step.x,
                f"{step.prior:.4f}",
                f"{step.likelihood:.4f}",
                f"{step.evidence:.4f}",
                f"{step.posterior:.4f}",
            ]
            for step in steps
        ],
    )
    product = math.prod(step.evidence for step in steps)
    assert whole.log_evidence is not None
    screen.say(
        f"Every posterior is the prior for the next row. The product of the three evidences is"
        f" [evidence]{product:.6f}[/], and the evidence of the whole batch is"
        f" [evidence]{math.exp(whole.log_evidence):.6f}[/]."
    )


def figure(canvas: Figure) -> None:
    """Draw the belief about red after each candy."""
    axes = canvas.subplots()
    share = np.linspace(0.0, 0.7, 351)
    _, steps = one_by_one()
    red = guess().categories.index("red")

    def density(alpha: np.ndarray) -> object:
        return Beta(alpha[red], alpha.sum() - alpha[red]).pdf(share)

    curve(axes, "prior", share, density(steps[0].before.alpha), "prior")
    for n, step in enumerate(steps, 1):
        label = f"posterior of candy {n}, {step.x}"
        curve(axes, "posterior", share, density(step.after.alpha), label, linewidth=0.8 * n)
    axes.set(title="Belief about the share of red", xlabel="share of red", ylabel="density")
    axes.legend(frameon=False)


def main(arguments: list[str] | None = None) -> int:
    """Run the demo."""
    return run_demo(__doc__, print_results, figure, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
