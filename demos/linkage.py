"""Two classes seen as one: the linkage of two genes.

197 animals fall into four classes with probabilities ½ + π/4, (1 − π)/4, (1 − π)/4 and π/4. The
first class is two, ½ and π/4, that look the same. Were they told apart, π would be a coin's chance.
(The example is C. R. Rao's, and the first in Dempster, Laird and Rubin's paper on EM, 1977.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from _shared import Screen, present

from seqbayes import Beta
from seqbayes.console.palette import RULE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLASSES = (125, 18, 20, 34)
START = 0.5


class Iteration(NamedTuple):
    """What one iteration made of π: animals of the hidden class, the belief, and its mode."""

    hidden: float
    belief: Beta
    pi: float


def expect(pi: float) -> float:
    """Return how many of the first class are of its part π/4: the E-step."""
    return CLASSES[0] * (pi / 4) / (1 / 2 + pi / 4)


def learn(hidden: float) -> Beta:
    """Return the belief in π when so many are of that part: the M-step takes its mode."""
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
    """Return the log likelihood of what is seen, up to a constant."""
    first, second, third, last = CLASSES
    total: np.ndarray = (
        first * np.log(2 + pi) + (second + third) * np.log(1 - pi) + last * np.log(pi)
    )
    return total


def tell(screen: Screen) -> None:
    """Print the iterations, and how fast they close in."""
    steps = em(8)
    end = em(100)[-1]
    hidden = f"{steps[0].hidden:g}"
    screen.say(
        f"The classes hold {', '.join(map(str, CLASSES))} animals. Guess π = {START:g}. E-step: of"
        f" the first class {hidden} are of its part π/4. M-step: π is the chance of a coin that"
        f" came up {hidden} + {CLASSES[3]} times and did not {CLASSES[1]} + {CLASSES[2]} times."
    )
    screen.table(
        ["iteration", "hidden", "<[posterior]posterior[/]", "[posterior]its mode, π[/]", "to go"],
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
        f"The end is {end.pi:.9f}. Each iteration leaves {rate:.3f} of the distance: the share of"
        " the information about π that the first class hides."
    )


def figure(canvas: Figure) -> None:
    """Draw the climb on the log likelihood, and the distance to its top."""
    left, right = canvas.subplots(1, 2)
    pi = np.linspace(0.4, 0.8, 400)
    top = em(100)[-1].pi
    seen = log_likelihood(pi) - log_likelihood(np.array(top))
    left.plot(pi, seen, color=RULE["likelihood"], linestyle=":", linewidth=2.0)
    path = np.array([START, *(step.pi for step in em(4))])
    heights = log_likelihood(path) - log_likelihood(np.array(top))
    left.plot(path, heights, "o-", color=RULE["posterior"])
    left.set(xlabel="π", title="Log likelihood, less its top")
    distance = np.abs(np.array([START, *(step.pi for step in em(10))]) - top)
    right.semilogy(distance, "o-", color=RULE["posterior"])
    right.set(xlabel="iteration", title="Distance to the end")


def main(arguments: list[str] | None = None) -> int:
    """Run the demo."""
    return present(__doc__, tell, figure, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
