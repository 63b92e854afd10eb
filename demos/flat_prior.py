"""A flat prior adds nothing: its MAP is the MLE.

Whatever is counted or measured, the posterior under a flat prior is the likelihood, scaled. So both
peak at the same place, and MLE is MAP with a flat prior. Flat in what, though?
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from _shared import Screen, curve, present

from seqbayes import Beta, Dirichlet, Gamma, Normal, NormalInverseGamma, State
from seqbayes.distributions import Beta as BetaDistribution
from seqbayes.likelihoods import Exponential, Geometric, Poisson

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TOSSES = [True] * 7 + [False] * 3


class Pair(NamedTuple):
    """Peak of the likelihood and peak of the posterior of one model."""

    name: str
    data: str
    mle: Any
    map: Any


def models() -> list[tuple[str, State, list[Any]]]:
    """Return models with flat priors, by name, and data for each."""
    return [
        ("probability of heads", Beta.flat(), TOSSES),
        ("probability, by waiting", Beta.flat(likelihood=Geometric()), [3, 1, 4, 2]),
        ("shares of colours", Dirichlet.flat(["red", "green", "blue"]), [*"rrrggb"]),
        ("rate of red in a bag", Gamma.flat(likelihood=Poisson()), [25, 27, 26, 30]),
        ("rate of waiting times", Gamma.flat(likelihood=Exponential()), [0.5, 1.0, 2.0]),
        ("weight of an apple", Normal.flat(), [69.0, 71.5, 68.5]),
        ("mean and variance", NormalInverseGamma.flat(), [69.0, 71.5, 68.5]),
    ]


def pairs() -> list[Pair]:
    """Return MLE and MAP of every model."""
    letters = {"r": "red", "g": "green", "b": "blue"}
    found = []
    for name, state, data in models():
        state.learn_many([letters.get(x, x) for x in data])
        shown = "7 heads, 3 tails" if data is TOSSES else ", ".join(str(x) for x in data)
        found.append(Pair(name, shown, state.mle, state.map))
    return found


def priors_of_a_coin() -> dict[str, tuple[float, float]]:
    """Return MAP and mean of a coin's seven heads in ten, by prior."""
    found = {}
    for name, coin in (
        ("flat in the probability, Beta(1, 1)", Beta.flat()),
        ("flat in the log odds, Beta(0, 0)", Beta.haldane()),
        ("Jeffreys', Beta(½, ½)", Beta.jeffreys()),
        ("a fair coin, surely: Beta(50, 50)", Beta(50, 50)),
    ):
        coin.learn_many(TOSSES)
        found[name] = (coin.map, coin.mean)
    return found


def written(estimate: Any) -> str:
    """Return a number, or each number of several."""
    if isinstance(estimate, dict):
        estimate = tuple(estimate.values())
    if isinstance(estimate, tuple):
        return ", ".join(f"{value:.6g}" for value in estimate)
    return f"{estimate:.6g}"


def tell(screen: Screen) -> None:
    """Print the peaks side by side."""
    screen.table(
        ["<unknown", "<data", "<[likelihood]MLE[/]", "<[posterior]MAP, flat prior[/]"],
        [[pair.name, pair.data, written(pair.mle), written(pair.map)] for pair in pairs()],
    )
    screen.say(
        "But a prior is flat in something. Seven heads in ten have one MLE, and as many MAPs as"
        " there are ideas of knowing nothing:"
    )
    screen.table(
        ["<prior", "[posterior]MAP[/]", "mean"],
        [[name, f"{peak:.4f}", f"{mean:.4f}"] for name, (peak, mean) in priors_of_a_coin().items()],
    )
    screen.say("The prior that is flat in the log odds has its mean, not its peak, at the MLE.")


def figure(canvas: Figure) -> None:
    """Draw the posteriors of the coin under the flat prior and under a stubborn one."""
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
        # a wide and pale line stays visible where the other covers it
        band = {"linewidth": 7.0, "alpha": 0.4}
        curve(axes, "posterior", p, coin.pdf(p), f"posterior, MAP {coin.map:.3g}", **band)
        curve(axes, "likelihood", p, likelihood, f"likelihood, MLE {coin.mle:.3g}")
        axes.set(title=name, xlabel="probability of heads", ylim=(0, 6))
        axes.legend(frameon=False, loc="upper left")


def main(arguments: list[str] | None = None) -> int:
    """Run the demo."""
    return present(__doc__, tell, figure, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
