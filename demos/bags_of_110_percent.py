"""Bags of 110 %: shares that do not sum to 1 are rejected, not rescaled.

A hundred bags were reported as 30 % red, 20 % green, 25 % blue and 35 % yellow, which sum to 110 %.
Dividing by 1.10 would assume that all four shares are wrong by the same factor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from _shared import Screen, run_demo

from seqbayes import Dirichlet, PriorError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PUBLISHED = {"red": 0.30, "green": 0.20, "blue": 0.25, "yellow": 0.35}
STRENGTH = 100.0


def error_message() -> str:
    """Return the error message of a prior with the published shares."""
    try:
        Dirichlet.from_proportions(PUBLISHED, STRENGTH)
    except PriorError as error:
        return str(error)
    raise AssertionError("shares of 110 % were accepted")


def corrections() -> dict[str, Dirichlet]:
    """Return the corrected priors, keyed by the share that is assumed to be wrong."""
    total = sum(PUBLISHED.values())
    corrected = {"all, in proportion": {name: share / total for name, share in PUBLISHED.items()}}
    for slip in PUBLISHED:
        others = sum(share for name, share in PUBLISHED.items() if name != slip)
        corrected[f"{slip} alone"] = {**PUBLISHED, slip: 1.0 - others}
    return {
        slip: Dirichlet.from_proportions(shares, STRENGTH) for slip, shares in corrected.items()
    }


def print_results(screen: Screen) -> None:
    """Print the error, and the prior after each correction."""
    screen.say(
        "Published: "
        + ", ".join(f"{n} {100 * share:.0f} %" for n, share in PUBLISHED.items())
        + "."
    )
    screen.say(f"PriorError: [prior]{error_message()}[/]")
    screen.say(
        "The shares cannot be corrected automatically, because each correction gives a different"
        " prior:"
    )
    screen.table(
        ["<if the error is in …", *PUBLISHED],
        [
            [slip, *(f"{100 * prior.mean[name]:.1f} %" for name in PUBLISHED)]
            for slip, prior in corrections().items()
        ],
    )
    predicted = {prior.predict_one() for prior in corrections().values()}
    screen.say(
        f"They do not even agree on the most probable candy ({' or '.join(sorted(predicted))})."
        " Only the author of the data can tell which one is right."
    )


def figure(canvas: Figure) -> None:
    """Draw the published shares and the corrections as stacked bars."""
    axes = canvas.subplots()
    rows = {
        "published": PUBLISHED,
        **{f"error in {slip}": prior.mean for slip, prior in corrections().items()},
    }
    greys = {"red": "0.35", "green": "0.55", "blue": "0.72", "yellow": "0.88"}
    for y, shares in enumerate(rows.values()):
        left = 0.0
        for name, grey in greys.items():
            axes.barh(y, shares[name], left=left, color=grey, edgecolor="white")
            ink = "white" if float(grey) < 0.5 else "black"
            label = f"{name}\n{100 * shares[name]:.0f} %"
            middle = left + shares[name] / 2
            axes.text(middle, y, label, color=ink, ha="center", va="center", fontsize=9)
            left += shares[name]
    axes.axvline(1.0, color="black", linestyle="--")
    axes.set(title="The dashed line is 100 %", xlim=(0, 1.12), xlabel="share")
    axes.set_yticks(range(len(rows)), list(rows))
    axes.invert_yaxis()


def main(arguments: list[str] | None = None) -> int:
    """Run the demo."""
    return run_demo(__doc__, print_results, figure, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
