"""EM in one pass: a stream of points from three clusters, each processed once and not stored.

The E-step is Bayes' rule for the latest point; the M-step moves the expected statistics toward it.
The result is compared with batch EM, which keeps all points and uses them in every iteration. (The
algorithm is by O. Cappé and E. Moulines, Journal of the Royal Statistical Society B 71, 2009.)
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from _shared import Screen, run_demo

from seqbayes import NormalInverseWishart
from seqbayes.likelihoods import MultivariateNormal
from seqbayes.mixture import Mixture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHARES = (0.5, 0.3, 0.2)
MEANS = np.array([[0.0, 0.0], [4.0, 1.0], [1.0, 4.5]])
COVARIANCES = np.array(
    [[[1.0, 0.6], [0.6, 1.0]], [[1.4, -0.7], [-0.7, 0.8]], [[0.5, 0.0], [0.0, 1.5]]]
)
# distinguishable with any colour vision (Okabe and Ito)
COLOURS = ("#0072b2", "#d55e00", "#009e73")
MARKS = ("o", "s", "^")
LEARNED, HELD_OUT = 5_000, 2_000
STOPS = (30, 60, 100, 200, 300, 500, 1_000, 2_000, LEARNED)


def points(n: int, seed: int) -> np.ndarray:
    """Return points from the three clusters, of shape (n, 2)."""
    rng = np.random.default_rng(seed)
    which = rng.choice(3, n, p=SHARES)
    roots = np.linalg.cholesky(COVARIANCES)
    noise = np.einsum("nij,nj->ni", roots[which], rng.standard_normal((n, 2)))
    clustered: np.ndarray = MEANS[which] + noise
    return clustered


class Stop(NamedTuple):
    """The mixture after the first n points."""

    n: int
    online: Mixture
    per_point: float


def score(mixture: Mixture, held_out: np.ndarray) -> float:
    """Return the mean log density of the points that no mixture has learned."""
    return float(np.mean([mixture.log_density(x) for x in held_out]))


def new_mixture() -> Mixture:
    """Return a mixture with vague priors and a buffer of a hundred points."""
    named = MultivariateNormal(features=("x", "y"))
    vague = NormalInverseWishart([0.0, 0.0], 0.01, 4.0, likelihood=named)
    return Mixture([vague] * 3, seed=1, buffer=100)


@cache
def one_pass() -> list[Stop]:
    """Learn the stream, and keep a copy of the mixture at each stop."""
    stream, held_out = points(LEARNED, 1), points(HELD_OUT, 2)
    mixture, stops, done = new_mixture(), [], 0
    for n in STOPS:
        for x in stream[done:n]:
            mixture.learn_one(x)
        done = n
        stops.append(Stop(n, mixture.clone(include_attributes=True), score(mixture, held_out)))
    return stops


@cache
def all_passes() -> tuple[float, int]:
    """Return the score of batch EM on the same points, and its number of iterations."""
    batch = new_mixture()
    trace = batch.fit(points(LEARNED, 1), tol=1e-7)
    return score(batch, points(HELD_OUT, 2)), len(trace)


def print_results(screen: Screen) -> None:
    """Print the accuracy of one pass, and the clusters that it found."""
    best, passes = all_passes()
    stops = one_pass()
    screen.say(
        f"{LEARNED:,} points of three clusters arrive one by one. The first hundred are kept, and"
        " every answer comes from a fit to them; after that, each point is learned and discarded."
        f" Batch EM uses all points {passes} times. The table compares the mean log density of"
        f" {HELD_OUT:,} points that neither has learned."
    )
    screen.table(
        ("points", "log density", "minus batch", "shares"),
        [
            (
                f"{stop.n:,}",
                f"{stop.per_point:.4f}",
                f"{stop.per_point - best:+.4f}",
                ", ".join(f"{stop.online.weights[k]:.2f}" for k in stop.online.ranking),
            )
            for stop in stops
        ],
    )
    screen.say(f"Batch EM: {best:.4f}. The clusters found by one pass, the largest first:")
    online = stops[-1].online
    screen.table(
        ("share", "truth", "mean", "truth", "variances", "truth"),
        [
            (
                f"{online.weights[k]:.3f}",
                f"{SHARES[i]:g}",
                pair(online.parameters[k].mean),
                pair(MEANS[i]),
                pair(np.diagonal(online.parameters[k].covariance)),
                pair(np.diagonal(COVARIANCES[i])),
            )
            for i, k in enumerate(online.ranking)
        ],
    )
    print_missing(screen, online)


def print_missing(screen: Screen, online: Mixture) -> None:
    """Print the responsibilities for a point, with and without one of its coordinates."""
    first, second = online.ranking[:2]
    whole = online.predict_proba_one({"x": 2.0, "y": 0.2})
    half = online.predict_proba_one({"x": 2.0})
    screen.say(
        f"The point x = 2, y = 0.2 belongs to the first cluster with probability {whole[first]:.2f}"
        f" and to the second with {whole[second]:.2f}. If y is missing: {half[first]:.2f} and"
        f" {half[second]:.2f}."
    )


def pair(numbers: Any) -> str:
    """Format two numbers."""
    return ", ".join(f"{number + 0.0:.2f}" for number in numbers)


def figure(canvas: Figure) -> None:
    """Draw responsibilities, components and the log likelihood."""
    canvas.set_size_inches(12.0, 4.2)
    responsibilities, components, likelihood = canvas.subplots(1, 3)
    draw_responsibilities(responsibilities)
    draw_components(components)
    draw_likelihood(likelihood)


def draw_responsibilities(axes: Axes) -> None:
    """Draw points in the colours of the components, mixed by their responsibilities."""
    online = one_pass()[-1].online
    rgb = np.array([[int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)] for c in COLOURS])
    shown = points(600, 3)
    shares = np.array([list(online.predict_proba_one(x).values()) for x in shown])
    shares = shares[:, online.ranking]
    axes.scatter(*shown.T, c=shares @ rgb, s=12)
    for mean, mark, ink in zip(MEANS, MARKS, COLOURS, strict=True):
        axes.plot(*mean, mark, color=ink, markeredgecolor="white", markersize=11)
    axes.set_title("E-step: responsibilities")
    axes.set_aspect("equal")


def draw_components(axes: Axes) -> None:
    """Draw the components at a few stops as ellipses with a probability of 95 % each."""
    stops = [stop for stop in one_pass() if stop.n in (30, 300, LEARNED)]
    circle = np.array(
        [np.cos(np.linspace(0, 2 * np.pi, 100)), np.sin(np.linspace(0, 2 * np.pi, 100))]
    )
    last = stops[-1].online
    for stop, dashes in zip(stops, (":", "--", "-"), strict=True):
        for ink, target in zip(COLOURS, last.ranking, strict=True):
            goal = last.parameters[target].mean
            near = min(stop.online.parameters, key=lambda p: np.linalg.norm(p.mean - goal))
            root = np.linalg.cholesky(near.covariance) * np.sqrt(5.991)
            label = f"{stop.n:,} points" if ink == COLOURS[0] else None
            axes.plot(*(near.mean[:, None] + root @ circle), dashes, color=ink, label=label)
    for mean in MEANS:
        axes.plot(*mean, "k+")
    axes.set_title("M-step: components")
    axes.set_aspect("equal")
    axes.legend(frameon=False, loc="upper right", fontsize="small")


def draw_likelihood(axes: Axes) -> None:
    """Draw the log density against the number of points, with a line for a fit by batch EM."""
    best, passes = all_passes()
    stops = one_pass()
    axes.semilogx(
        [s.n for s in stops], [s.per_point for s in stops], "o-", color=COLOURS[0], label="one pass"
    )
    axes.axhline(best, color="0.4", linestyle="--", label=f"batch EM, {passes} passes")
    axes.set(xlabel="points learned", ylabel="log density of held-out points")
    axes.set_title("One pass is as accurate")
    axes.legend(frameon=False, loc="lower right")


def main(arguments: list[str] | None = None) -> int:
    """Run the demo."""
    return run_demo(__doc__, print_results, figure, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
