"""With a flat prior, the MAP is the MLE.

For any data, the posterior under a flat prior is the normalised likelihood. Both have the same
mode, so the MLE is the MAP with a flat prior. But which parametrisation is the prior flat in?
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from _shared import Screen, curve, run_demo

from seqbayes import Beta, Dirichlet, Gamma, Normal, NormalInverseGamma, State
from seqbayes.distributions import Beta as BetaDistribution
from seqbayes.likelihoods import Exponential, Geometric, Poisson

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TOSSES = [True] * 7 + [False] * 3


class Pair(NamedTuple):
    """MLE and MAP of one model."""

    name: str
    data: str
    mle: Any
    map: Any


def models() -> list[tuple[str, State, list[Any]]]:
    """Return models with flat priors, and data for each, keyed by name."""
    return [
        ("probability of heads", Beta.flat(), TOSSES),
        ("success, from waiting times", Beta.flat(likelihood=Geometric()), [3, 1, 4, 2]),
        ("shares of colours", Dirichlet.flat(["red", "green", "blue"]), [*"rrrggb"]),
        ("rate of red in a bag", Gamma.flat(likelihood=Poisson()), [25, 27, 26, 30]),
        ("rate of waiting times", Gamma.flat(likelihood=Exponential()), [0.5, 1.0, 2.0]),
        ("weight of an apple", Normal.flat(), [69.0, 71.5, 68.5]),
        ("mean and variance", NormalInverseGamma.flat(), [69.0, 71.5, 68.5]),
    ]


def pairs() -> list[Pair]:
    """Return the MLE and the MAP of every model."""
    letters = {"r": "red", "g": "green", "b": "blue"}
    found = []
    for name, state, data in models():
        state.learn_many([letters.get(x, x) for x in data])
        shown = "7 heads, 3 tails" if data is TOSSES else ", ".join(str(x) for x in data)
        found.append(Pair(name, shown, state.mle, state.map))
    return found


def priors_of_a_coin() -> dict[str, tuple[float, float]]:
    """Return the MAP and mean after seven heads in ten tosses, keyed by prior."""
    found = {}
    for name, coin in (
        ("flat in the probability, Beta(1, 1)", Beta.flat()),
        ("flat in the log odds, Beta(0, 0)", Beta.haldane()),
        ("Jeffreys', Beta(½, ½)", Beta.jeffreys()),
        ("strong prior for a fair coin, Beta(50, 50)", Beta(50, 50)),
    ):
        coin.learn_many(TOSSES)
        found[name] = (coin.map, coin.mean)
    return found


def format_estimate(estimate: Any) -> str:
    """Format one or several numbers."""
    if isinstance(estimate, dict):
        estimate = tuple(estimate.values())
    if isinstance(estimate, tuple):
        return ", ".join(f"{value:.6g}" for value in estimate)
    return f"{estimate:.6g}"


def print_results(screen: Screen) -> None:
    """Print the MLE and the MAP of every model."""
    screen.table(
        ["<unknown", "<data", "<[likelihood]MLE[/]", "<[posterior]MAP, flat prior[/]"],
        [
            [pair.name, pair.data, format_estimate(pair.mle), format_estimate(pair.map)]
            for pair in pairs()
        ],
    )
    screen.say(
        "But flatness depends on the parametrisation. Seven heads in ten tosses have one MLE, and a"
        " different MAP under each of these priors:"
    )
    screen.table(
        ["<prior", "[posterior]MAP[/]", "mean"],
        [[name, f"{peak:.4f}", f"{mean:.4f}"] for name, (peak, mean) in priors_of_a_coin().items()],
    )
    screen.say(
        "With the prior that is flat in the log odds, the posterior mean, not its mode, is the MLE."
    )


def figure(canvas: Figure) -> None:
    """Draw the posteriors of the coin under a flat and under an informative prior."""
    p = np.linspace(0.001, 0.999, 500)
    # scaled to area 1
    likelihood = BetaDistribution(8.0, 4.0).pdf(p)
    for axes, coin, name in zip(
        canvas.subplots(1, 2, sharey=True),
        (Beta.flat(), Beta(10, 10)),
        ("Flat prior: MAP = MLE", "Beta(10, 10) prior: MAP between"),
        strict=True,
    ):
        curve(axes, "prior", p, coin.pdf(p), "prior")
        coin.learn_many(TOSSES)
        # a wide, pale line remains visible where the other line covers it
        band = {"linewidth": 7.0, "alpha": 0.4}
        curve(axes, "posterior", p, coin.pdf(p), f"posterior, MAP {coin.map:.3g}", **band)
        curve(axes, "likelihood", p, likelihood, f"likelihood, MLE {coin.mle:.3g}")
        axes.set(title=name, xlabel="probability of heads", ylim=(0, 6))
        axes.legend(frameon=False, loc="upper left")


def main(arguments: list[str] | None = None) -> int:
    """Run the demo."""
    return run_demo(__doc__, print_results, figure, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
