"""Peeking: what happens if an experiment whose arms do not differ is checked every day.

Both arms convert 5 % of their visitors. They are compared every day for four weeks. One rule stops
as soon as one arm is better with 95 % probability; the other stops when a sequential test reaches a
decision.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from _shared import Screen, run_demo

from seqbayes import Beta
from seqbayes.compare import Gate
from seqbayes.console.palette import RULE
from seqbayes.likelihoods import Binomial

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RATE = 0.05
DAYS = 28
VISITORS = 500
EXPERIMENTS = 200
LIMIT = 0.95
SEED = 5


class Rates(NamedTuple):
    """Share of the experiments that were stopped on or before each day."""

    probability: np.ndarray
    test: np.ndarray


def simulate(experiments: int = EXPERIMENTS, rate: float = RATE, seed: int = SEED) -> Rates:
    """Return the share of experiments that each rule has stopped by each day.

    Both arms have the same rate.
    """
    days = np.random.default_rng(seed).binomial(VISITORS, rate, (experiments, DAYS, 2))
    p = probabilities(days.cumsum(axis=1), VISITORS * np.arange(1, DAYS + 1)[:, None])
    over_limit = np.maximum(p, 1.0 - p) >= LIMIT
    tested = np.zeros_like(over_limit)
    for stopped, each in zip(tested, days, strict=True):
        stopped[_decision_day(each) :] = True
    return Rates(np.logical_or.accumulate(over_limit, axis=1).mean(axis=0), tested.mean(axis=0))


def probabilities(conversions: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Return P(second rate > first rate) under flat priors, by integration on an even grid."""
    rate = np.linspace(0.0, 6.0 * RATE, 1201)[1:]
    logs = conversions[..., None] * np.log(rate) + (n - conversions)[..., None] * np.log1p(-rate)
    density = np.exp(logs - logs.max(axis=-1, keepdims=True))
    density /= density.sum(axis=-1, keepdims=True)
    below = density[..., 0, :].cumsum(axis=-1) - density[..., 0, :] / 2.0
    found: np.ndarray = (below * density[..., 1, :]).sum(axis=-1)
    return found


def _decision_day(days: np.ndarray) -> int:
    """Return the day on which the sequential test at alpha .05 decides; `DAYS` if it does not."""
    gate = Gate(Beta(likelihood=Binomial()), ("a", "b"), alpha=1.0 - LIMIT)
    for day, (a, b) in enumerate(days.tolist()):
        gate.learn_one("a", (a, VISITORS))
        gate.learn_one("b", (b, VISITORS))
        if gate.best is not None:
            return day
    return DAYS


def print_results(screen: Screen) -> None:
    """Print how often each rule declares a winner although the arms do not differ."""
    rates = simulate()
    rows = [
        [
            f"{day}",
            f"{100 * rates.probability[day - 1]:.1f} %",
            f"{100 * rates.test[day - 1]:.1f} %",
        ]
        for day in (1, 7, 14, 21, 28)
    ]
    screen.table(
        ["after day", "[posterior]P(better) ≥ .95[/]", "[evidence]gate, alpha .05[/]"], rows
    )
    screen.say(
        f"{EXPERIMENTS} experiments with {VISITORS} visitors a day in each arm. The probability is"
        " right on every single day: it is an average over all true differences. It does not bound"
        " the error rate when there is no difference: the more often you look, the more often the"
        " probability exceeds the limit by chance. You can check the sequential test as often as"
        " you like."
    )


def figure(canvas: Figure) -> None:
    """Draw the share of false winners over time."""
    axes = canvas.subplots()
    days = np.arange(1, DAYS + 1)
    rates = simulate()
    axes.step(days, rates.probability, color=RULE["posterior"], where="post", label="P ≥ .95")
    axes.step(days, rates.test, color=RULE["evidence"], ls="--", where="post", label="gate")
    axes.axhline(1.0 - LIMIT, color="grey", lw=0.8)
    axes.set(title="False winners", xlabel="day", ylabel="share of experiments", ylim=(0, 0.6))
    axes.legend(frameon=False)


def main(arguments: list[str] | None = None) -> int:
    """Run the demo."""
    return run_demo(__doc__, print_results, figure, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
