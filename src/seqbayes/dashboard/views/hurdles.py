"""Beliefs about amounts that are often zero: expected value, share of nonzero amounts, amounts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from seqbayes.dashboard.views.base import (
    BeliefView,
    Metric,
    Path,
    PlottedNumber,
    Ranking,
    register_view,
    view_of,
)
from seqbayes.dashboard.views.figures import finite, pair, rounded
from seqbayes.dashboard.views.predictives import curve, predictive_of
from seqbayes.distributions import Distribution
from seqbayes.distributions.averaged import ProductOfTwo


@register_view
class HurdleView(BeliefView):
    """Show the expected value of an observation, such as the revenue per visitor."""

    kind = "hurdle"
    numeric = True
    compares = "number"
    link = " "

    def card(self, state: Any, last: Any, points: int) -> dict[str, Any]:
        """Return the mean, interval and density of the expected value, and the parts.

        If the mean is infinite, the card shows the median instead.
        """
        expected = state.expected
        card: dict[str, Any] = {
            **self.empty(),
            "density": None,
            "fields": _parts(state, expected, self.level),
        }
        if expected is None:
            return card
        found = self._number(expected)
        card["mean"], card["interval"] = found.mean, pair((found.low, found.high))
        if found.mean is None:
            card["median"] = finite(expected.ppf(0.5))
        if found.low is not None and found.high is not None and found.low < found.high:
            prior = state.clone().expected
            card["density"] = _density(expected, prior, found.low, found.high, points)
        return card

    def rankings(self, states: Sequence[Any]) -> list[Ranking]:
        """Return the mean and the interval of the expected value of each state."""
        found = [(state.n_samples, self.plotted(state, ())) for state in states]
        return [
            Ranking(n) if each is None else Ranking(n, each.mean, each.low, each.high)
            for n, each in found
        ]

    def predictive(self, state: Any, card: dict[str, Any]) -> dict[str, Any] | None:
        """Return the curve of the next amount."""
        return curve(predictive_of(state.marginal("amount")))

    def plotted(self, state: Any, held: Path) -> PlottedNumber | None:
        """Return the expected value and its interval."""
        expected = state.expected
        return None if expected is None else self._number(expected)

    def _number(self, expected: Distribution) -> PlottedNumber:
        low, high = map(finite, expected.interval(self.level))
        return PlottedNumber("", (), finite(expected.mean), low, high)

    def plottable(self, state: Any) -> Iterator[PlottedNumber]:
        """Yield the expected value."""
        found = self.plotted(state, ())
        if found is not None:
            yield found

    def metrics(self, state: Any) -> list[Metric]:
        """Return the mean and the interval of the expected value."""
        return [Metric.of({}, each) for each in self.plottable(state)]

    def estimates(self, name: str, state: Any) -> list[dict[str, Any]]:
        """Return the expected value, the share and the amounts."""
        expected = state.expected
        found = None if expected is None else self._number(expected)
        ends = (None, None) if found is None else (found.low, found.high)
        mean = None if found is None else found.mean
        return [
            {"name": name, "mean": mean, "interval": None if None in ends else list(ends)},
            *(
                {**each, "name": f"{name} {each['name']}"}
                for each in _parts(state, expected, self.level)
            ),
        ]


def _parts(state: Any, expected: Distribution | None, level: float) -> list[dict[str, Any]]:
    """Return estimates for the share, the mean amount and the parameters of the amounts."""
    parts = state.parts()
    share, amount = (
        view_of(parts[name], level).estimates(name, parts[name]) for name in ("share", "amount")
    )
    if not isinstance(expected, ProductOfTwo):
        return [*share, *amount]
    mean = expected.second
    interval = pair(tuple(map(finite, mean.interval(level))))
    found = {"name": "mean amount", "mean": finite(mean.mean), "interval": interval}
    return [*share, found, *amount]


def _density(
    expected: Distribution, prior: Distribution | None, low: float, high: float, points: int
) -> dict[str, Any]:
    """Return the posterior and prior densities of the expected value."""
    reach = (high - low) / 2.0
    ends = max(expected.ppf(1e-3), low - reach), min(expected.isf(1e-3), high + reach)
    x = np.linspace(*ends, points)
    posterior = expected.pdf(x)
    lines = {"posterior": posterior, "prior": None if prior is None else prior.pdf(x)}
    return {
        "x": rounded(x, x[-1] - x[0]).tolist(),
        **{
            name: None if y is None else rounded(y, posterior.max()).tolist()
            for name, y in lines.items()
        },
        "likelihood": None,
    }
