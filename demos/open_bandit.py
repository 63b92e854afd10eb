"""Open Bandit: estimate the click rates of policies that were never used.

The shop ZOZOTOWN showed 34 items for men: in one log uniformly at random, in the other by
Thompson sampling. What would the policies below have earned in place of the random one?
Only the random log is used for the estimate, and only the other log for learning. (10,000 records
of each log, counted by item: Saito et al., 2021, Open Bandit Dataset; from the package obp
0.4.1, Apache License 2.0.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from _shared import Screen, run_demo

from seqbayes import Beta
from seqbayes.bandit import InversePropensity
from seqbayes.compare import p_best
from seqbayes.console.palette import RULE
from seqbayes.likelihoods import Binomial

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# fmt: off
SHOWN_AT_RANDOM = [
    272, 302, 304, 298, 285, 313, 290, 316, 260, 290, 309, 345, 295, 273, 303, 249, 296,
    276, 293, 284, 298, 311, 304, 296, 263, 334, 285, 299, 294, 328, 279, 321, 249, 286,
]
CLICKED_AT_RANDOM = [
    4, 0, 1, 2, 0, 0, 2, 1, 0, 1, 0, 3, 1, 1, 1, 1, 0, 1, 2, 1, 3, 1, 1, 2, 0, 3, 2, 2, 2, 0, 4, 1,
    0, 3,
]
SHOWN_BY_THOMPSON = [
    1265, 116, 80, 194, 54, 24, 590, 84, 59, 311, 411, 91, 94, 2026, 152, 32, 45,
    515, 54, 120, 37, 99, 58, 1472, 59, 58, 120, 997, 40, 114, 78, 461, 38, 52,
]
CLICKED_BY_THOMPSON = [
    9, 0, 0, 2, 0, 0, 3, 0, 0, 1, 2, 0, 1, 16, 2, 0, 0, 11, 0, 1, 0, 1, 0, 8, 0, 0, 0, 9, 0, 0, 0,
    3, 0, 0,
]
# fmt: on
ITEMS = range(len(SHOWN_AT_RANDOM))
PRIOR = 1.0, 100.0
"""Clicks are rare: about one in a hundred."""


def beliefs() -> list[Beta]:
    """Return the belief about the click rate of each item, from the log of Thompson sampling."""
    rates = [Beta(*PRIOR, likelihood=Binomial()) for _ in ITEMS]
    for rate, clicked, shown in zip(rates, CLICKED_BY_THOMPSON, SHOWN_BY_THOMPSON, strict=True):
        rate.learn_one((clicked, shown))
    return rates


def policies() -> dict[str, list[float]]:
    """Return the probability of each item under each policy."""
    rates = beliefs()
    best = max(ITEMS, key=lambda item: float(rates[item].mean))
    shares = p_best(rates)
    return {
        "uniform": [1.0 / len(ITEMS) for _ in ITEMS],
        "Thompson sampling": [shares[item] for item in ITEMS],
        f"always item {best}": [float(item == best) for item in ITEMS],
    }


def estimate(shares: list[float]) -> InversePropensity:
    """Estimate the click rate of a policy from the random log."""
    found = InversePropensity()
    for item, share in zip(ITEMS, shares, strict=True):
        clicked, shown = CLICKED_AT_RANDOM[item], SHOWN_AT_RANDOM[item]
        for record in range(shown):
            found.learn_one(record < clicked, 1.0 / len(ITEMS), share)
    return found


def published_rate() -> Beta:
    """Return the belief about the click rate of the published policy, from its own log."""
    belief = Beta.jeffreys(likelihood=Binomial())
    belief.learn_one((sum(CLICKED_BY_THOMPSON), sum(SHOWN_BY_THOMPSON)))
    return belief


def percent(low: float, high: float) -> str:
    """Return a formatted interval of a rate."""
    return f"{100.0 * max(low, 0.0):.2f} to {100.0 * high:.2f} %"


def print_results(screen: Screen) -> None:
    """Print the estimates."""
    rows = []
    for name, shares in policies().items():
        found = estimate(shares)
        rows.append(
            [
                name,
                f"{100.0 * float(found.normalised or 0.0):.2f} %",
                percent(*found.interval(normalised=True)),
                f"{found.effective_n:,.0f}",
            ]
        )
    screen.table(["<policy", "click rate", "95 % interval", "effective n"], rows)
    own = published_rate()
    screen.say(
        f"In its own log, the published Thompson sampling had {100.0 * float(own.mean):.2f} %"
        f" ({percent(*own.interval())}). Of the 10,000 random records, only"
        " those with an item that a policy prefers count, so a policy that always shows one item"
        " is estimated from about 300 records. The data do not suffice to say that any policy is"
        " better."
    )


def figure(canvas: Figure) -> None:
    """Draw the probability of each item under Thompson sampling."""
    axes = canvas.subplots()
    axes.bar(ITEMS, policies()["Thompson sampling"], color=RULE["posterior"])
    axes.set(title="Exact probability of being the best", xlabel="item", ylabel="probability")


def main(arguments: list[str] | None = None) -> int:
    """Run the demo."""
    return run_demo(__doc__, print_results, figure, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
