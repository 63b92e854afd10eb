"""EM without a mixture: the linkage of two genes.

197 animals fall into four classes with probabilities ½ + π/4, (1 − π)/4, (1 − π)/4 and π/4. The
first class combines two classes, with the probabilities ½ and π/4, that cannot be distinguished.
If they could be, π would be the probability of a Bernoulli variable. (The example is C. R.
Rao's, and the first in Dempster, Laird and Rubin's paper on EM, 1977.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from _shared import Screen, run_demo

from seqbayes import Beta
from seqbayes.console.palette import RULE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLASSES = (125, 18, 20, 34)
START = 0.5


class Iteration(NamedTuple):
    """One iteration: the expected size of the hidden class, the posterior, and its mode."""

    hidden: float
    belief: Beta
    pi: float


def expect(pi: float) -> float:
    """Return the expected number of animals in the part π/4 of the first class: the E-step."""
    return CLASSES[0] * (pi / 4) / (1 / 2 + pi / 4)


def learn(hidden: float) -> Beta:
    """Return the posterior of π given this number; the M-step takes its mode."""
    belief = Beta.flat()
    belief.learn_one(True, w=hidden + CLASSES[3])
    belief.learn_one(False, w=CLASSES[1] + CLASSES[2])
    return belief


def em(iterations: int, start: float = START) -> list[Iteration]:
    """Return the iterations of EM."""
    pi, steps = start, []
    for _ in range(iterations):
        hidden = expect(pi)
        belief = learn(hidden)
        pi = belief.map
        steps.append(Iteration(hidden, belief, pi))
    return steps


def log_likelihood(pi: np.ndarray) -> np.ndarray:
    """Return the log likelihood of the observed classes, up to a constant."""
    first, second, third, last = CLASSES
    total: np.ndarray = (
        first * np.log(2 + pi) + (second + third) * np.log(1 - pi) + last * np.log(pi)
    )
    return total


def print_results(screen: Screen) -> None:
    """Print the iterations, and their rate of convergence."""
    steps = em(8)
    end = em(100)[-1]
    hidden = f"{steps[0].hidden:g}"
    screen.say(
        f"The classes have {', '.join(map(str, CLASSES))} animals. Start with π = {START:g}."
        f" E-step: {hidden} animals of the first class are expected in its part π/4."
        f" M-step: π is estimated from {hidden} + {CLASSES[3]} successes and {CLASSES[1]} +"
        f" {CLASSES[2]} failures."
    )
    screen.table(
        [
            "iteration",
            "hidden",
            "<[posterior]posterior[/]",
            "[posterior]its mode, π[/]",
            "distance",
        ],
        [
            [
                str(i),
                f"{step.hidden:.6f}",
                "Beta({:.3f}, {:g})".format(*step.belief.posterior),
                f"{step.pi:.9f}",
                f"{abs(step.pi - end.pi):.1e}",
            ]
            for i, step in enumerate(steps, 1)
        ],
    )
    rate = (steps[5].pi - end.pi) / (steps[4].pi - end.pi)
    screen.say(
        f"The limit is {end.pi:.9f}. Each iteration multiplies the distance by {rate:.3f}, which is"
        " the share of the information about π that is lost because the first class combines two."
    )


def figure(canvas: Figure) -> None:
    """Draw the iterations on the log likelihood, and the distance to its maximum."""
    left, right = canvas.subplots(1, 2)
    pi = np.linspace(0.4, 0.8, 400)
    top = em(100)[-1].pi
    seen = log_likelihood(pi) - log_likelihood(np.array(top))
    left.plot(pi, seen, color=RULE["likelihood"], linestyle=":", linewidth=2.0)
    path = np.array([START, *(step.pi for step in em(4))])
    heights = log_likelihood(path) - log_likelihood(np.array(top))
    left.plot(path, heights, "o-", color=RULE["posterior"])
    left.set(xlabel="π", title="Log likelihood relative to its maximum")
    distance = np.abs(np.array([START, *(step.pi for step in em(10))]) - top)
    right.semilogy(distance, "o-", color=RULE["posterior"])
    right.set(xlabel="iteration", title="Distance to the limit")


def main(arguments: list[str] | None = None) -> int:
    """Run the demo."""
    return run_demo(__doc__, print_results, figure, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
