"""Priors wash out: four people with different priors eat the same candies and come to agree.

The candies are real: 2,620 M&M's that J. Madison counted in 2007. Only their totals are published,
so the order is random, with a fixed seed; the final beliefs do not depend on it. Afterwards the
same 48 bags are repeated.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from _shared import Screen, run_demo

from seqbayes import Dirichlet
from seqbayes.console.palette import RULE
from seqbayes.datasets import COLOURS, factory_mixes, madison, walk_in_the_park
from seqbayes.distributions import Beta

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SEED = 1
CHECKPOINTS = (0, 1, 3, 10, 30, 100, 300, 1000, 2620)
ROUNDS = (10, 100)
"""Numbers of times that the 48 bags have been eaten at the last two snapshots."""


def priors_by_person() -> dict[str, Dirichlet]:
    """Return the four priors, keyed by name; their concentrations are imagined candies."""
    park = {colour: 20 * share for colour, share in walk_in_the_park().shares.items()}
    return {
        "knows nothing": Dirichlet.flat(COLOURS),
        # the guess names four of the six colours
        "walked in the park": Dirichlet({colour: park.get(colour, 1.0) for colour in COLOURS}),
        "asked the factory": Dirichlet.from_proportions(
            {colour: factory_mixes()["mars_2008"].shares[colour] for colour in COLOURS}, 60
        ),
        "only saw red ones": Dirichlet(
            {colour: 30 if colour == "red" else 2 for colour in COLOURS}
        ),
    }


def stream() -> list[str]:
    """Return the candies in the order in which they are eaten."""
    return [candy for bag in madison().deal(SEED) for candy in bag]


class Snapshot(NamedTuple):
    """The four beliefs after some candies.

    `reds` has the mean share of red for each person. `predictions` and `beliefs` are the largest
    total variation distances between any two people, for their predictions of the next candy and
    for their beliefs about the share of red.
    """

    n: int
    reds: dict[str, float]
    mle: float | None
    predictions: float
    beliefs: float


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """Return the total variation distance between two lists of probabilities."""
    return 0.5 * float(np.abs(one - other).sum())


def belief_in_red(belief: Dirichlet) -> Beta:
    """Return the belief about the share of red."""
    alpha = belief.posterior.alpha
    red = alpha[belief.categories.index("red")]
    return Beta(red, alpha.sum() - red)


def snapshot(n: int, people: dict[str, Dirichlet]) -> Snapshot:
    """Return a snapshot of the beliefs and the distances between them."""
    share = np.linspace(0.0, 1.0, 20_001)[1:-1]
    width = share[1] - share[0]
    predicted = [np.array(list(belief.predict_proba_one().values())) for belief in people.values()]
    believed = [belief_in_red(belief).pdf(share) * width for belief in people.values()]
    mle = people["knows nothing"].mle
    return Snapshot(
        n,
        {name: belief.mean["red"] for name, belief in people.items()},
        None if mle is None else mle["red"],
        max(distance(*pair) for pair in combinations(predicted, 2)),
        max(distance(*pair) for pair in combinations(believed, 2)),
    )


def snapshots(checkpoints: tuple[int, ...] = CHECKPOINTS) -> list[Snapshot]:
    """Return snapshots at the checkpoints and after the repetitions."""
    candies, people = stream(), priors_by_person()
    seen, result = 0, []
    for n in checkpoints:
        for belief in people.values():
            belief.learn_many(candies[seen:n])
        seen = n
        result.append(snapshot(n, people))
    past = 1
    for rounds in ROUNDS:
        for belief in people.values():
            belief.learn_many(candies, w=rounds - past)
        past = rounds
        result.append(snapshot(rounds * len(candies), people))
    return result


def print_results(screen: Screen) -> None:
    """Print how the four beliefs converge."""
    story = snapshots()
    last = CHECKPOINTS[-1]
    names = list(story[0].reds)
    descriptions = [
        f"{name} ({sum(belief.alpha.values()):g} imagined candies)"
        for name, belief in priors_by_person().items()
    ]
    screen.say(
        f"One {descriptions[0]}, one {descriptions[1]}, one {descriptions[2]}, one"
        f" {descriptions[3]}. The guess made in the park names neither brown nor orange, so one"
        " imagined candy of each is added."
    )
    screen.say("The expected share of red in percent, after n candies:")
    screen.table(
        ["n", *names, "[likelihood]MLE[/]"],
        [
            [
                f"{m.n:,}",
                *(f"{100 * m.reds[name]:.1f}" for name in names),
                "none" if m.mle is None else f"{100 * m.mle:.1f}",
            ]
            for m in story
        ],
    )
    screen.say(
        f"The first {last:,} candies are real data in random order (seed {SEED}); the last two rows"
        f" repeat the same bags {ROUNDS[0]} and {ROUNDS[1]} times."
    )
    screen.say(
        "The largest total variation distance between two people (0 = identical, 1 = disjoint), for"
        " their predictions of the next candy and their beliefs about the share of red:"
    )
    screen.table(
        ["n", "predictions", "beliefs"],
        [[f"{m.n:,}", f"{m.predictions:.4f}", f"{m.beliefs:.4f}"] for m in story],
    )
    screen.say(
        "The predictions converge first: a prior with the weight of S candies contributes a share"
        " of S / (S + n) to them. The beliefs converge later, about as 1 / √n, because they become"
        " narrower while they approach each other."
    )


def figure(canvas: Figure) -> None:
    """Draw the four shares of red, and their distances."""
    story = snapshots((0, *np.unique(np.geomspace(1, CHECKPOINTS[-1], 60).astype(int)).tolist()))
    n = [m.n for m in story]
    left, right = canvas.subplots(1, 2)
    styles: list[object] = ["-", "--", "-.", (0, (1, 1))]
    for style, name in zip(styles, story[0].reds, strict=True):
        shares = [m.reds[name] for m in story]
        left.plot(n, shares, color=RULE["posterior"], linestyle=style, label=name)
    mles = [np.nan if m.mle is None else m.mle for m in story]
    dots = {"linestyle": "none", "marker": "o", "markersize": 3}
    left.plot(n, mles, color=RULE["likelihood"], label="MLE", **dots)
    left.set(title="Mean share of red", ylim=(-0.02, 0.8))
    right.plot(n, [m.predictions for m in story], color="black", label="predictions")
    right.plot(n, [m.beliefs for m in story], color="black", linestyle="--", label="beliefs")
    right.set(title="Largest total variation distance", ylim=(0, 1.02))
    for axes in (left, right):
        axes.axvspan(CHECKPOINTS[-1], n[-1], color="0.95")
        axes.set_xscale("symlog", linthresh=1)
        axes.set(xlabel="candies eaten (grey: the same bags again)", xlim=(0, n[-1]))
        axes.legend(frameon=False)


def main(arguments: list[str] | None = None) -> int:
    """Run the demo."""
    return run_demo(__doc__, print_results, figure, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
