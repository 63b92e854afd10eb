"""Two coins with unknown labels.

Five sets of ten tosses were each made with one of two coins. With labels, each coin is estimated by
dividing heads by tosses. Without them, EM alternates between estimating the labels and estimating
the coins. (The example is by C. B. Do and S. Batzoglou, Nature Biotechnology 26, 2008.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from _shared import Screen, run_demo

from seqbayes import Beta, Dirichlet
from seqbayes.console.palette import COIN, RULE
from seqbayes.likelihoods import Binomial
from seqbayes.mixture import Iteration, Mixture, Trace

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SETS = ("HTTTHHTHTH", "HHHHTHHHHH", "HTHHHHHTHH", "HTHTTTHHTT", "THHHTHHHTH")
LABELS = "BAABA"
HEADS = [tosses.count("H") for tosses in SETS]
START = (0.6, 0.5)


def coin(a: float = 1.0, b: float = 1.0) -> Beta:
    """Return the prior on a coin's probability of heads."""
    return Beta(a, b, likelihood=Binomial(trials=10))


def labelled_beliefs() -> dict[str, Beta]:
    """Return the beliefs about both coins with known labels."""
    coins = {"A": coin(), "B": coin()}
    for name, heads in zip(LABELS, HEADS, strict=True):
        coins[name].learn_one(heads)
    return coins


def em(
    prior: tuple[float, float] = (1.0, 1.0),
    learn_weights: bool = False,
    start: tuple[float, float] = START,
    iterations: int = 10,
) -> Trace:
    """Return the trace of EM with unknown labels."""
    weights = Dirichlet({"A": prior[0], "B": prior[1]}) if learn_weights else (0.5, 0.5)
    names = dict.fromkeys("AB", coin(*prior))
    return Mixture(names, weights, start).fit(
        HEADS, iterations, tol=0.0, keep_responsibilities=True
    )


def divide_tosses(step: Iteration) -> list[list[float]]:
    """Return the responsibility of each coin for every set, and its share of heads and tails."""
    return [
        [number for r in shares for number in (r, r * heads, r * (10 - heads))]
        for heads, shares in zip(HEADS, step.responsibilities.tolist(), strict=True)
    ]


def variants() -> dict[str, Iteration]:
    """Return the results of EM, keyed by prior, weights and start."""
    return {
        "flat prior, equal weights": em(iterations=500)[-1],
        "flat prior, weights learned": em(learn_weights=True, iterations=500)[-1],
        "Beta(2, 2) prior (MAP-EM), equal weights": em((2.0, 2.0), iterations=500)[-1],
        "Beta(2, 2) prior (MAP-EM), weights learned": em((2.0, 2.0), True, iterations=500)[-1],
        "flat prior, start 0.5 and 0.6": em(start=(0.5, 0.6), iterations=500)[-1],
        "flat prior, start 0.5 and 0.5": em(start=(0.5, 0.5), iterations=500)[-1],
    }


def coloured(name: str, text: str) -> str:
    """Return markup in the colour of a coin."""
    return f"[{COIN[name]}]{text}[/]"


def print_results(screen: Screen) -> None:
    """Print the case with labels, the first iteration in detail, and all iterations."""
    print_labelled(screen)
    trace = em()
    print_e_step(screen, trace[0])
    print_m_step(screen, trace)
    screen.table(
        [
            "iteration",
            coloured("A", "coin A"),
            coloured("B", "coin B"),
            "[evidence]log likelihood[/]",
        ],
        [
            [str(i), *(f"{theta:.6f}" for theta in step.parameters), f"{step.log_likelihood:.6f}"]
            for i, step in enumerate(trace)
        ],
    )
    shares = trace[-1].responsibilities[:, 0]
    found = ", ".join(f"{share:.2f}" for share in shares)
    assigned = "".join("A" if share > 0.5 else "B" for share in shares)
    screen.say(
        f"The responsibilities of coin A are {found}. The most probable coins are {assigned}; the"
        f" true ones are {LABELS}."
    )
    screen.table(
        ["<result of EM", coloured("A", "coin A"), coloured("B", "coin B"), "A picked"],
        [
            [name, *(f"{theta:.6f}" for theta in step.parameters), f"{step.weights[0]:.6f}"]
            for name, step in variants().items()
        ],
    )
    screen.say(
        "If both coins start with the same value, every set is divided evenly and they stay equal:"
        " a saddle point. If the initial values are exchanged, so are the results."
    )


def print_labelled(screen: Screen) -> None:
    """Print the estimates with known labels."""
    sets = ", ".join(f"{name} {tosses}" for name, tosses in zip(LABELS, SETS, strict=True))
    screen.say(f"With labels: {sets}.")
    rows = []
    for name, belief in labelled_beliefs().items():
        heads, tails = belief.posterior.alpha - 1.0, belief.posterior.beta - 1.0
        rows.append(
            [coloured(name, f"coin {name}"), f"{heads:g}", f"{tails:g}", f"{belief.mle:.2f}"]
        )
    screen.table(["<", "heads", "tails", "[likelihood]MLE[/]"], rows)


def print_e_step(screen: Screen, step: Iteration) -> None:
    """Print the E-step as a table with its sums."""
    a, b = step.parameters
    screen.say(
        f"Without labels, start from the probabilities of heads {a:g} for A and {b:g} for B."
        " E-step: Bayes' rule gives the probability of each coin for each set, and the set is"
        " divided accordingly."
    )
    head = [
        coloured(name, column)
        for name in "AB"
        for column in (f"P({name})", f"{name} heads", f"{name} tails")
    ]
    rows = [
        [tosses, *(f"{number:.{2 if i % 3 == 0 else 1}f}" for i, number in enumerate(numbers))]
        for tosses, numbers in zip(SETS, divide_tosses(step), strict=True)
    ]
    sums = [f"{part:.1f}" for counts in step.counts for part in counts]
    rows.append(["sum", "", *sums[:2], "", *sums[2:]])
    screen.table(["<tosses", *head], rows)


def print_m_step(screen: Screen, trace: Trace) -> None:
    """Print the divisions of the first M-step."""
    divisions = [
        coloured(name, f"{counts.a:.1f} / ({counts.a:.1f} + {counts.b:.1f}) = {theta:.2f}")
        for name, counts, theta in zip("AB", trace[0].counts, trace[1].parameters, strict=True)
    ]
    screen.say(
        "M-step: divide heads by tosses, with the sums as counts."
        f" A: {divisions[0]}. B: {divisions[1]}. Repeat:"
    )


def log_likelihood(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the log likelihood of pairs of coins, up to a constant."""
    heads = np.array(HEADS)[:, None, None]
    sets = [theta**heads * (1.0 - theta) ** (10 - heads) for theta in (a, b)]
    total: np.ndarray = np.log(0.5 * sets[0] + 0.5 * sets[1]).sum(axis=0)
    return total


def figure(canvas: Figure) -> None:
    """Draw the paths of EM on the log likelihood of the two coins."""
    axes = canvas.subplots()
    grid = np.linspace(0.2, 0.98, 300)
    surface = log_likelihood(*np.meshgrid(grid, grid))
    levels = surface.max() - np.array([20, 10, 5, 3, 2, 1, 0.5, 0.2, 0.05])
    axes.contour(grid, grid, surface, levels, colors="silver", linestyles="solid")
    for start, style in (
        (START, "o-"),
        ((0.5, 0.6), "s--"),
        ((0.95, 0.9), "^-."),
        ((0.3, 0.3), "D:"),
    ):
        path = np.array(em(start=start, iterations=30).parameters)
        label = f"from {start[0]:g}, {start[1]:g}"
        axes.plot(*path.T, style, color=RULE["posterior"], markersize=4, label=label)
        axes.plot(*path[-1], "k*", markersize=11)
    axes.set(xlabel="coin A", ylabel="coin B", aspect="equal")
    axes.set_title("Each iteration of EM increases the likelihood; the limit depends on the start")
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))


def main(arguments: list[str] | None = None) -> int:
    """Run the demo."""
    return run_demo(__doc__, print_results, figure, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
