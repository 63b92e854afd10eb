"""Beliefs about several numbers: the coordinates of a vector, the fields of a product."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np

from seqbayes.dashboard.views.base import BeliefView, Path, PlottedNumber, register_view, view_of
from seqbayes.dashboard.views.figures import finite, heights, pair, places
from seqbayes.dashboard.views.numbers import step_as_json
from seqbayes.dashboard.views.predictives import lines, predictive_of
from seqbayes.figures import curves

_POINTS = 100
_MAX_MARGINALS = 12


class SeveralView(BeliefView):
    """Show a belief about several numbers, with one named estimate for each."""

    def card(self, state: Any, last: Any, points: int) -> dict[str, Any]:
        """Return a named estimate for each number."""
        return {**self.empty(), "fields": self.estimates("", state)}

    def details(self, state: Any, last: Any) -> dict[str, Any]:
        """Return a small card for each number."""
        return {"marginals": list(islice(self.marginals("", state, last), _MAX_MARGINALS))}

    def predictive(self, state: Any, card: dict[str, Any]) -> dict[str, Any] | None:
        """Return a named estimate for each number of the next observation."""
        return lines(self.predictive_parts("", state), self.level)

    def step(self, state: Any, x: Any) -> dict[str, Any] | None:
        """Return the step of Bayes' rule, at the point that the state selects."""
        step = state.explain(x)
        return step_as_json(x, step.at, step.prior, step.likelihood, step.evidence, step.posterior)


@register_view
class VectorView(SeveralView):
    """Show a belief about the mean of a vector."""

    kind = "vector"

    def estimates(self, name: str, state: Any) -> list[dict[str, Any]]:
        """Return the mean and the interval of each coordinate."""
        return [
            {
                "name": within(name, feature),
                "mean": None if mean is None else finite(mean.mean),
                "interval": None if mean is None else pair(mean.interval(self.level)),
            }
            for feature, mean in state.coordinates().items()
        ]

    def plotted(self, state: Any, held: Path) -> PlottedNumber | None:
        """Return the mean of the first coordinate."""
        return next(self.plottable(state), None)

    def plottable(self, state: Any) -> Iterator[PlottedNumber]:
        """Yield the mean of each coordinate."""
        for place, (name, mean) in enumerate(state.coordinates().items()):
            if mean is not None:
                low, high = mean.interval(self.level)
                ends = finite(mean.mean), finite(low), finite(high)
                yield PlottedNumber(str(name), ("mean", place), *ends)

    def marginals(self, name: str, state: Any, last: Any) -> Iterator[dict[str, Any]]:
        """Yield the density of the mean of each coordinate."""
        before = state.clone().coordinates()
        for feature, belief in state.coordinates().items():
            if belief is None:
                continue
            prior = before[feature]
            yield {
                "name": within(name, feature),
                "family": "Normal",
                "likelihood": type(state.likelihood).__name__,
                "scale": "",
                "kind": "number",
                "n": finite(state.n_samples),
                **self.empty(),
                "mean": finite(belief.mean),
                "map": finite(belief.mode),
                "interval": pair(belief.interval(self.level)),
                "density": _density(belief, prior),
            }

    def predictive_parts(self, name: str, state: Any) -> Iterator[tuple[str, Any]]:
        """Yield the predictive distribution of each coordinate."""
        found, names = predictive_of(state), state.coordinates()
        marginals = [None] * len(names) if found is None else found.marginals
        for feature, marginal in zip(names, marginals, strict=True):
            yield within(name, feature), marginal


@register_view
class ProductView(SeveralView):
    """Show independent beliefs about the fields of an event, each with the view of its kind."""

    kind = "product"

    def estimates(self, name: str, state: Any) -> list[dict[str, Any]]:
        """Return the named estimates of all fields."""
        found: list[dict[str, Any]] = []
        for field, inner in state.parts().items():
            found += view_of(inner, self.level).estimates(within(name, field), inner)
        return found

    def plotted(self, state: Any, held: Path) -> PlottedNumber | None:
        """Return the plotted number of the first field that has one."""
        return plotted_field(state.parts().items(), held, self.level)

    def plottable(self, state: Any) -> Iterator[PlottedNumber]:
        """Yield the numbers of all fields."""
        for field, inner in state.parts().items():
            for found in view_of(inner, self.level).plottable(inner):
                yield _inside(field, inner, found)

    def marginals(self, name: str, state: Any, last: Any) -> Iterator[dict[str, Any]]:
        """Yield the small cards of all fields."""
        observed = last if isinstance(last, Mapping) else {}
        for field, inner in state.parts().items():
            view = view_of(inner, self.level)
            yield from view.marginals(within(name, field), inner, observed.get(field))

    def predictive_parts(self, name: str, state: Any) -> Iterator[tuple[str, Any]]:
        """Yield the predictive distributions of all fields."""
        for field, inner in state.parts().items():
            yield from view_of(inner).predictive_parts(within(name, field), inner)


def within(name: str, field: Any) -> str:
    """Return the name of a nested field."""
    return f"{name}.{field}" if name else str(field)


def plotted_field(beliefs: Any, held: Path, level: float) -> PlottedNumber | None:
    """Return the plotted number of the first named belief that has one."""
    for field, inner in beliefs:
        inside = held[1:] if held[:1] == (str(field),) else ()
        found = view_of(inner, level).plotted(inner, inside)
        if found is not None and found.mean is not None:
            return _inside(field, inner, found)
    return None


def _inside(field: Any, inner: Any, found: PlottedNumber) -> PlottedNumber:
    """Return a number of a field's belief, with the field added to its name and path."""
    name = f"{field}{view_of(inner).link}{found.name}".strip()
    return found._replace(name=name, path=(str(field), *found.path))


def _density(belief: Any, prior: Any) -> dict[str, Any] | None:
    x = curves.grid(belief, _POINTS)
    if x is None:
        return None
    height = np.asarray(belief.pdf(x), float)
    peak = float(height.max())
    return {
        "x": places(x),
        "posterior": heights(height, peak),
        "prior": None if prior is None else heights(prior.pdf(x), peak),
        "likelihood": None,
    }
