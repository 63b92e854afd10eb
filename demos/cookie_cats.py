"""Cookie Cats: which gate is better, and whether the experiment may stop.

A gate in a game was placed at level 30 for some players and at level 40 for the others. The outcome
is whether a player came back on the seventh day. "Which gate is better, and with what probability?"
is one question. "Do the data suffice for a decision with an error rate of 5 %, no matter when the
experiment is stopped?" is another. (Counts: the game's published A/B test.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from _shared import Screen, run_demo

from seqbayes import Beta
from seqbayes.compare import Comparison, compare
from seqbayes.console.palette import RULE
from seqbayes.likelihoods import Binomial

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GATES = {"gate 30": (8502, 44700), "gate 40": (8279, 45489)}
"""For each gate, the numbers of players who came back and of all players."""

EQUIVALENCE = 0.005
"""Largest difference that does not matter in practice."""

ALPHA = 0.05
"""Largest error rate of the sequential test."""


def beliefs() -> dict[str, Beta]:
    """Return the belief about the retention of each gate, from a uniform prior."""
    rates = {gate: Beta(likelihood=Binomial()) for gate in GATES}
    for gate, rate in rates.items():
        rate.learn_one(GATES[gate])
    return rates


def comparison() -> Comparison:
    """Return the comparison, with the previous gate 40 as the control, and the sequential test."""
    return compare(beliefs(), control="gate 40", equivalence=EQUIVALENCE, alpha=ALPHA)


def print_results(screen: Screen) -> None:
    """Print both answers."""
    found = comparison()
    rows = []
    for gate, (came, players) in GATES.items():
        low, high = found.interval[gate]
        rows.append(
            [
                gate,
                f"{came:,}",
                f"{players:,}",
                f"{100 * (found.mean[gate] or 0.0):.2f} %",
                f"{100 * low:.2f} to {100 * high:.2f} %",
                f"{found.p_best[gate]:.5f}",
            ]
        )
    screen.table(
        ["<", "came back", "players", "[posterior]mean[/]", "95 % interval", "P(best)"], rows
    )
    screen.table(["<gate 30 and gate 40", "<answer"], answers(found))
    decision = found.decision
    assert decision is not None  # alpha was given
    screen.say(
        f"The verdict is {found.verdict!r}: if one gate must be chosen now, choose gate 30. The"
        " sequential test answers a different question. It may be checked after every player, and"
        f" declares the wrong gate the best in at most {100 * ALPHA:g} % of all experiments. It has"
        f" not reached a decision: about {round(decision.more or 0.0, -3):,.0f} more players are"
        " needed."
    )


def answers(found: Comparison) -> list[list[str]]:
    """Return the table rows for the difference between the gates and for the test."""
    difference, decision = found.differences["gate 30"], found.decision
    assert decision is not None  # alpha was given
    ends = [100 * end for end in difference.interval]
    lifts = [100 * end for end in difference.lift_interval or ()]
    return [
        ["P(30 is better)", f"[posterior]{difference.p_better:.5f}[/]"],
        [
            "difference",
            f"{100 * (difference.mean or 0.0):.2f} points, {ends[0]:.2f} to {ends[1]:.2f}",
        ],
        ["ratio", f"+{100 * (difference.lift or 0.0):.1f} %, {lifts[0]:.1f} to {lifts[1]:.1f} %"],
        [
            f"P(less than {100 * EQUIVALENCE:g} points apart)",
            f"{difference.p_equivalent:.3f}",
        ],
        [
            "expected loss of gate 30, of gate 40",
            ", ".join(f"{100 * (found.loss[gate] or 0.0):.5f} points" for gate in GATES),
        ],
        ["sequential test", f"p = {decision.p_value:.2f} ({decision.guarantee})"],
    ]


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
