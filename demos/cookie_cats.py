"""Cookie Cats: two questions about one experiment, and two answers.

A gate in a game was placed at level 30 for some players and at level 40 for the others. The outcome
is whether a player came back on the seventh day. "Which gate is better, and with what probability?"
is one question. "Is there a difference at all?" is another. (Counts: the game's published A/B
test.)
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from _shared import Screen, run_demo

from seqbayes import Beta
from seqbayes.console.palette import RULE
from seqbayes.likelihoods import Binomial
from seqbayes.numerics.quadrature import beta_less

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GATES = {"gate 30": (8502, 44700), "gate 40": (8279, 45489)}
"""Players who came back, and all players."""


def beliefs() -> dict[str, Beta]:
    """Return the belief about the retention of each gate, from a flat prior."""
    rates = {gate: Beta.flat(likelihood=Binomial()) for gate in GATES}
    for gate, rate in rates.items():
        rate.learn_one(GATES[gate])
    return rates


def probability_30_is_better() -> float:
    """Return P(retention of 30 > retention of 40), by quadrature."""
    thirty, forty = beliefs().values()
    return float(beta_less(*forty.posterior, *thirty.posterior))


def log_bayes_factor() -> float:
    """Return the log evidence of two rates minus that of one rate for all players."""
    thirty, forty = beliefs().values()
    # merging two beliefs counts the prior that they share once
    evidence = [belief.log_evidence for belief in (thirty, forty, thirty + forty)]
    two, other, one = (value for value in evidence if value is not None)
    return two + other - one


def print_results(screen: Screen) -> None:
    """Print both answers."""
    rows = []
    for gate, belief in beliefs().items():
        low, high = belief.interval()
        came, players = GATES[gate]
        rows.append(
            [
                gate,
                f"{came:,}",
                f"{players:,}",
                f"{100 * belief.mean:.2f} %",
                f"{100 * low:.2f} to {100 * high:.2f} %",
            ]
        )
    screen.table(["<", "came back", "players", "[posterior]mean[/]", "95 % interval"], rows)
    factor = log_bayes_factor()
    screen.table(
        ["<question", "<answer"],
        [
            [
                "If they differ, is gate 30 better?",
                f"P(30 > 40) = [posterior]{probability_30_is_better():.5f}[/]",
            ],
            [
                "Do they differ at all?",
                f"log Bayes factor = [evidence]{factor:.2f}[/]".replace("-", "−"),
            ],
        ],
    )
    screen.say(
        f"The Bayes factor of two rates against one is {math.exp(factor):.2f}: the data favour"
        " neither, because two flat priors also spend probability on rates such as 5 % and 95 %."
        " Both answers are right. If one gate must be chosen, choose gate 30."
    )


def figure(canvas: Figure) -> None:
    """Draw both beliefs."""
    axes = canvas.subplots()
    rate = np.linspace(0.174, 0.198, 601)
    for (gate, belief), style in zip(beliefs().items(), ("-", "--"), strict=True):
        axes.plot(rate, belief.pdf(rate), color=RULE["posterior"], linestyle=style, label=gate)
    axes.set(title="Back on day 7", xlabel="share of players", ylabel="density")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)


def main(arguments: list[str] | None = None) -> int:
    """Run the demo."""
    return run_demo(__doc__, print_results, figure, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
