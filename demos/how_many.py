"""The number of clusters: comparing mixtures, and a mixture that adds and removes components.

Every mixture predicts the next point before it learns it. The sum of the log densities is its log
score (A. P. Dawid, Journal of the Royal Statistical Society A 147, 1984), and the same score
decides whether a component is added.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from _shared import Screen, run_demo

from seqbayes.mixture import DirichletProcessMixture, Prequential

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Two kinds of eruptions of Old Faithful: the share of each, and the mean and covariance of duration
# and waiting time in minutes, as EM estimates them from the 272 eruptions of A. Azzalini and A. W.
# Bowman (Applied Statistics 39, 1990).
SHORT = (0.356, [2.04, 54.5], [[0.07, 0.44], [0.44, 33.7]])
LONG = (0.644, [4.29, 80.0], [[0.17, 0.94], [0.94, 36.0]])
ERUPTIONS = 272
MAX_COMPONENTS = 5

# Clusters that appear one after another.
CENTRES = np.array([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0], [6.0, 6.0], [3.0, 3.0]])
POINTS_PER_CLUSTER = 1_000
STOPS = tuple(
    range(POINTS_PER_CLUSTER // 4, POINTS_PER_CLUSTER * len(CENTRES) + 1, POINTS_PER_CLUSTER // 4)
)
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#404040")
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))


def eruptions(seed: int = 1) -> list[dict[str, float]]:
    """Return eruptions like those of Old Faithful, one by one."""
    rng = np.random.default_rng(seed)
    kinds = [SHORT if short else LONG for short in rng.random(ERUPTIONS) < SHORT[0]]
    drawn = [rng.multivariate_normal(mean, covariance) for _, mean, covariance in kinds]
    # Rounded, because the last digits depend on the processor.
    return [{"length": round(float(x), 3), "wait": round(float(y), 2)} for x, y in drawn]


def growing_stream(seed: int = 1) -> np.ndarray:
    """Return points, of shape (n, 2), from one cluster, then from two, and so on."""
    rng = np.random.default_rng(seed)
    which = np.concatenate(
        [rng.integers(0, k + 1, POINTS_PER_CLUSTER) for k in range(len(CENTRES))]
    )
    points: np.ndarray = CENTRES[which] + 0.8 * rng.standard_normal((len(which), 2))
    return points


@cache
def compare_mixtures() -> tuple[Prequential, np.ndarray]:
    """Return mixtures that have learned the eruptions, and their log scores after every one."""
    mixtures, scores = Prequential(MAX_COMPONENTS, seed=1), []
    for x in eruptions():
        mixtures.learn_one(x)
        scores.append(list(mixtures.log_scores.values()))
    return mixtures, np.array(scores)


class Stop(NamedTuple):
    """The names of the components after the first n points."""

    n: int
    names: tuple[int, ...]


@cache
def fit_process() -> tuple[DirichletProcessMixture, list[Stop]]:
    """Return a mixture that has learned all points, and its components at each stop."""
    mixture, stops, points = DirichletProcessMixture(seed=1), [], growing_stream()
    for first, n in zip((0, *STOPS), STOPS, strict=False):
        mixture.learn_many(points[first:n])
        stops.append(Stop(n, mixture.names))
    return mixture, stops


def print_results(screen: Screen) -> None:
    """Print log scores, and components as they are added."""
    mixtures, _ = compare_mixtures()
    screen.say(
        f"{ERUPTIONS} eruptions like those of Old Faithful arrive one by one. Mixtures of 1 to"
        f" {MAX_COMPONENTS} Normal components predict each of them and then learn it."
    )
    best = max(mixtures.log_scores.values())
    screen.table(
        ("components", "log score", "minus best", "probability"),
        [
            (f"{k}", f"{score:.2f}", f"{score - best:+.2f}", f"{mixtures.probabilities[k]:.4f}")
            for k, score in mixtures.log_scores.items()
        ],
    )
    mixture, stops = fit_process()
    screen.say(
        f"Next, a new cluster is added to the stream every {POINTS_PER_CLUSTER:,} points. A mixture"
        " with a Dirichlet process as the prior on its shares adds a component after it has won a"
        " trial. Its components:"
    )
    screen.table(
        ("points", "clusters so far", "found", "<names"),
        [
            (
                f"{stop.n:,}",
                f"{(stop.n - 1) // POINTS_PER_CLUSTER + 1}",
                f"{len(stop.names)}",
                ", ".join(map(str, stop.names)),
            )
            for stop in stops
            if stop.n % POINTS_PER_CLUSTER in (0, POINTS_PER_CLUSTER // 4)
        ],
    )
    screen.say("The final components, the largest first:")
    screen.table(
        ("name", "share", "mean"),
        [
            (f"{mixture.names[k]}", f"{mixture.weights[k]:.3f}", pair(parameters(mixture)[k].mean))
            for k in mixture.ranking
        ],
    )
    screen.say(f"The next point is from a new cluster with probability {mixture.unseen:.1e}.")


def parameters(mixture: DirichletProcessMixture) -> tuple[Any, ...]:
    """Return the parameters of a mixture that is not empty."""
    assert mixture.parameters is not None
    return mixture.parameters


def pair(numbers: Any) -> str:
    """Format two numbers."""
    return ", ".join(f"{number + 0.0:.2f}" for number in numbers)


def figure(canvas: Figure) -> None:
    """Draw log scores, the number of components, and the components themselves."""
    canvas.set_size_inches(12.0, 4.2)
    scores, component_counts, components = canvas.subplots(1, 3)
    draw_scores(scores)
    draw_component_counts(component_counts)
    draw_components(components)


def draw_scores(axes: Axes) -> None:
    """Draw the log score of every mixture relative to that of two components."""
    mixtures, scores = compare_mixtures()
    behind = scores - scores[:, [1]]
    n = np.arange(1, len(scores) + 1)
    for k, (line, ink, dashes) in enumerate(zip(behind.T, COLOURS, DASHES, strict=False), start=1):
        axes.plot(n, line, color=ink, linestyle=dashes, label=f"{k}")
    axes.set_ylim(-40.0, 6.0)
    axes.set(xlabel="eruptions", ylabel="log score minus that of 2")
    axes.set_title(f"{mixtures.best} kinds of eruptions")
    axes.legend(frameon=False, title="components", fontsize="small", ncols=3, loc="lower right")


def draw_component_counts(axes: Axes) -> None:
    """Draw the number of components and the number of clusters."""
    _, stops = fit_process()
    n = [stop.n for stop in stops]
    truth = [(each - 1) // POINTS_PER_CLUSTER + 1 for each in range(1, n[-1] + 1)]
    axes.plot(range(1, n[-1] + 1), truth, color="0.5", linestyle="--", label="clusters so far")
    axes.plot(n, [len(stop.names) for stop in stops], "o-", color=COLOURS[0], label="components")
    axes.set(xlabel="points", ylim=(0.0, None))
    axes.set_title("Components as clusters appear")
    axes.legend(frameon=False, loc="upper left")


def draw_components(axes: Axes) -> None:
    """Draw the last points, and the components as ellipses with a probability of 95 % each."""
    mixture, _ = fit_process()
    axes.scatter(*growing_stream()[-POINTS_PER_CLUSTER:].T, color="0.75", s=6)
    angles = np.linspace(0.0, 2.0 * np.pi, 100)
    circle = np.array([np.cos(angles), np.sin(angles)]) * np.sqrt(5.991)
    for k, ink in zip(mixture.ranking, COLOURS, strict=False):
        mean, covariance = parameters(mixture)[k]
        axes.plot(*(mean[:, None] + np.linalg.cholesky(covariance) @ circle), color=ink)
        axes.annotate(f"{mixture.names[k]}", mean, ha="center", va="center", weight="bold")
    axes.set_title("Final components")
    axes.set_aspect("equal")


def main(arguments: list[str] | None = None) -> int:
    """Run the demo."""
    return run_demo(__doc__, print_results, figure, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
