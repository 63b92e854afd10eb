"""Two bags: which candy is from which bag.

The colours of M&M's changed in 1995, when blue was introduced. One candy is taken from a bag of
1994 and one from a bag of 1996: one is yellow, one green. Either the yellow one is from 1994 and
the green one from 1996, or vice versa. (Allen Downey's M&M problem, from Think Bayes.)
"""

from __future__ import annotations

from collections.abc import Hashable
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from _shared import Screen, run_demo

from seqbayes.console.palette import RULE
from seqbayes.predictive import Categorical

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MIXES: dict[int, dict[Hashable, float]] = {
    1994: {"brown": 0.30, "yellow": 0.20, "red": 0.20, "green": 0.10, "orange": 0.10, "tan": 0.10},
    1996: {
        "blue": 0.24,
        "green": 0.20,
        "orange": 0.16,
        "yellow": 0.14,
        "red": 0.13,
        "brown": 0.13,
    },
}


class Hypothesis(NamedTuple):
    """A hypothesis, and Bayes' rule for it."""

    name: str
    prior: float
    likelihood: float
    evidence: float
    posterior: float


def hypotheses() -> list[Hypothesis]:
    """Return Bayes' rule for both hypotheses, with equal priors."""
    bags = {year: Categorical(mix) for year, mix in MIXES.items()}
    likelihoods = {
        f"yellow from {yellow}, green from {green}": bags[yellow].p("yellow")
        * bags[green].p("green")
        for yellow, green in ((1994, 1996), (1996, 1994))
    }
    prior = 1.0 / len(likelihoods)
    evidence = sum(prior * likelihood for likelihood in likelihoods.values())
    return [
        Hypothesis(name, prior, likelihood, evidence, prior * likelihood / evidence)
        for name, likelihood in likelihoods.items()
    ]


def print_results(screen: Screen) -> None:
    """Print the table of both hypotheses."""
    both = hypotheses()
    screen.table(
        [
            "<hypothesis",
            "[prior]prior[/]",
            "× [likelihood]likelihood[/]",
            "÷ [evidence]evidence[/]",
            "= [posterior]posterior[/]",
        ],
        [
            [
                one.name,
                f"{one.prior:.3f}",
                f"{one.likelihood:.4f}",
                f"{one.evidence:.4f}",
                f"{one.posterior:.4f}",
            ]
            for one in both
        ],
    )
    exact = Fraction(both[0].posterior).limit_denominator(1000)
    screen.say(
        f"The yellow candy is from 1994 with probability [posterior]{exact}[/]. Both candies are"
        " evidence for this: yellow was more common in 1994, and green in 1996."
    )


def figure(canvas: Figure) -> None:
    """Draw the prior, likelihood and posterior of both hypotheses."""
    both = hypotheses()
    likelihoods = sum(one.likelihood for one in both)
    for axes, part, title, heights in zip(
        canvas.subplots(1, 3, sharey=True),
        ("prior", "likelihood", "posterior"),
        ("prior", "likelihood, scaled", "posterior"),
        (
            [one.prior for one in both],
            [one.likelihood / likelihoods for one in both],
            [one.posterior for one in both],
        ),
        strict=True,
    ):
        bars = axes.bar(["yellow of 1994", "yellow of 1996"], heights, color=RULE[part], width=0.6)
        axes.bar_label(bars, fmt="%.3f")
        axes.set(title=title, ylim=(0, 1))


def main(arguments: list[str] | None = None) -> int:
    """Run the demo."""
    return run_demo(__doc__, print_results, figure, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
