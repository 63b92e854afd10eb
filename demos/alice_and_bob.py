"""Alice and Bob: why a point estimate is not enough.

A ball marks a random position on a table, which the players do not see. Each further ball is a
point for Alice if it lands on one side of the mark, and for Bob otherwise. Alice leads 5 to 3, and
six points win. What is the probability that Bob wins, with three points in a row? (Bayes'
billiards, after S. Eddy 2004.)
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from _shared import Screen, curve, run_demo

from seqbayes import Beta
from seqbayes.console.palette import RULE
from seqbayes.likelihoods import Binomial

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ALICE, BOB, TO_WIN = 5, 3, 6
NEEDED = TO_WIN - BOB


def belief() -> Beta:
    """Return the belief about Alice's probability of a point; the mark's prior is uniform."""
    chance = Beta.flat(likelihood=Binomial(trials=ALICE + BOB))
    chance.learn_one(ALICE)
    return chance


def plug_in() -> float:
    """Return the probability that Bob wins if Alice's probability of a point is the MLE."""
    mle = belief().mle
    assert mle is not None
    return float((1.0 - mle) ** NEEDED)


def bayes() -> float:
    """Return the probability that Bob wins, averaged over the posterior."""
    alpha, beta = belief().posterior
    rest = Beta(alpha, beta, likelihood=Binomial(trials=NEEDED))
    return float(rest.predictive.p(0))


def point_by_point() -> list[float]:
    """Return the probability of each of Bob's points, given the previous points."""
    chance = Beta(*belief().posterior)
    chances = []
    for _ in range(NEEDED):
        chances.append(chance.predict_proba_one()[False])
        chance.learn_one(False)
    return chances


def odds_against(probability: float) -> str:
    """Return the odds against an event, as "x to 1"."""
    return f"{(1.0 - probability) / probability:.3g} to 1"


def print_results(screen: Screen) -> None:
    """Print both answers, and the second one point by point."""
    posterior = belief().posterior
    screen.say(
        f"At {ALICE} to {BOB}, the posterior of Alice's probability of a point is"
        f" [posterior]Beta({posterior.alpha:g}, {posterior.beta:g})[/];"
        f" its mode, the MLE, is {belief().mle:g}."
    )
    screen.table(
        ["<Bob wins", "probability", "odds against", "<how"],
        [
            [
                "[likelihood]plug-in[/]",
                f"{plug_in():.4f}",
                odds_against(plug_in()),
                f"(1 − {ALICE}/{ALICE + BOB})^{NEEDED}, with the MLE",
            ],
            [
                "[posterior]Bayes[/]",
                f"{bayes():.4f}",
                odds_against(bayes()),
                f"{Fraction(bayes()).limit_denominator(1000)}, the average over the posterior",
            ],
        ],
    )
    steps = point_by_point()
    screen.say(
        "Point by point: "
        + " × ".join(f"{step:.4f}" for step in steps)
        + f" = [posterior]{np.prod(steps):.4f}[/]. Each of Bob's points is evidence that the mark"
        " favours him, which the plug-in estimate ignores."
    )


def figure(canvas: Figure) -> None:
    """Draw the belief about Alice's chance of a point, and Bob's chance of winning given it."""
    above, below = canvas.subplots(2, 1, sharex=True)
    chance = np.linspace(0.0, 1.0, 401)
    mle = ALICE / (ALICE + BOB)
    curve(above, "posterior", chance, belief().pdf(chance), "posterior")
    above.set(title="Belief about Alice's probability of a point, at 5 to 3", ylim=(0, 3))
    below.plot(chance, (1.0 - chance) ** NEEDED, color="black")
    below.set(
        title="Probability that Bob wins", xlabel="Alice's probability of a point", ylim=(0, 1)
    )
    for axes in (above, below):
        axes.axvline(mle, color=RULE["likelihood"], linestyle=":", label=f"MLE {mle:g}")
        axes.set(xlim=(0, 1))
    above.legend(frameon=False, loc="upper left")
    below.plot([mle], [plug_in()], "o", color=RULE["likelihood"], clip_on=False)
    below.axhline(bayes(), color=RULE["posterior"])
    for name, height, place in (("Bayes", bayes(), 0.3), ("plug-in", plug_in(), 0.5)):
        below.annotate(
            f"{name} {height:.4f}",
            (mle if name == "plug-in" else 0.8, height),
            (0.82, place),
            arrowprops={"arrowstyle": "->"},
        )


def main(arguments: list[str] | None = None) -> int:
    """Run the demo."""
    return run_demo(__doc__, print_results, figure, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
