"""The interface of views, and the registry that maps each kind of belief to its view."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from seqbayes.dashboard.views.figures import finite

if TYPE_CHECKING:
    from seqbayes.table.answers import Answers

LEVEL = 0.95
"""Level of intervals, unless a request selects another."""

CARD_POINTS = 64
COMPARED_POINTS = 200
DETAIL_POINTS = 400

MAX_METRICS = 12
"""Maximum number of values per key for monitoring."""

Path = tuple[str | int, ...]


class Ranking(NamedTuple):
    """The numbers by which keys are sorted; a number is None if the belief does not have it."""

    n: float
    mean: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def width(self) -> float | None:
        """Width of the interval."""
        return None if self.low is None or self.high is None else self.high - self.low


class PlottedNumber(NamedTuple):
    """A number that is plotted over time.

    Attributes
    ----------
    name
        Name of the number within its belief.
    path
        Path of the number in a stored summary.
    mean, low, high
        The current mean and interval of the number.
    share
        Whether the number is a share, which is written in percent.
    """

    name: str
    path: Path
    mean: float | None
    low: float | None = None
    high: float | None = None
    share: bool = False

    def description(self) -> dict[str, str]:
        """Return the name and the unit as JSON values."""
        return {"part": self.name, **({"unit": "share"} if self.share else {})}


class Metric(NamedTuple):
    """A number for monitoring, with the labels that distinguish it from the belief's other numbers.

    Attributes
    ----------
    labels
        Names and values of labels.
    mean, low, high
        Mean and interval.
    logarithmic
        Whether the state has learned logarithms; the mean and interval then describe the median.
    share
        Whether the number is a share, regardless of the unit of the observations.
    """

    labels: dict[str, str]
    mean: float | None
    low: float | None
    high: float | None
    logarithmic: bool = False
    share: bool = False

    @classmethod
    def of(cls, labels: dict[str, str], found: PlottedNumber) -> Metric:
        """Return a plottable number, with labels."""
        return cls(labels, found.mean, found.low, found.high, share=found.share)


class BeliefView:
    """Represents one kind of belief on cards, detail pages, histories, comparisons and in frames.

    A view has no state besides the level of its intervals. Subclasses override what is specific to
    their kind; `register_view` makes them available.

    Parameters
    ----------
    level
        Level of the intervals.
    """

    kind: ClassVar[str] = "other"

    numeric: ClassVar[bool] = False
    """Whether the belief is about one number, so that its mean and interval are the estimate."""

    compares: ClassVar[str] = ""
    """The subject of comparisons of such beliefs: "number", "share" (of a label), or empty."""

    stepwise: ClassVar[bool] = False
    """Whether the steps of Bayes' rule are shown."""

    warns: ClassVar[bool] = False
    """Whether there can be `warnings`."""

    link: ClassVar[str] = "."
    """Separator between the name of a field and the name of one of its numbers."""

    def __init__(self, level: float = LEVEL) -> None:
        self.level = level

    def empty(self) -> dict[str, Any]:
        """Return the fields of a card without an estimate."""
        return {"mean": None, "mle": None, "map": None, "interval": None, "level": self.level}

    def cards(self, states: Sequence[Any], lasts: Sequence[Any], points: int) -> list[Any]:
        """Return the card fields for several states of one belief.

        Parameters
        ----------
        states
            The states, without decay wrappers.
        lasts
            The last observation of each state, or None.
        points
            Maximum number of points of a density.
        """
        return [self.card(s, last, points) for s, last in zip(states, lasts, strict=True)]

    def card(self, state: Any, last: Any, points: int) -> dict[str, Any]:
        """Return the fields of one card."""
        return {**self.empty(), "fields": self.estimates("", state)}

    def rankings(self, states: Sequence[Any]) -> list[Ranking]:
        """Return the sort values of the keys of one belief."""
        return [Ranking(state.n_samples) for state in states]

    def sort_values(self, state: Any, answers: Answers, sort: str) -> Any:
        """Return the sort values of many states, or None if the states themselves are needed."""
        return None

    def details(self, state: Any, last: Any) -> dict[str, Any]:
        """Return the fields that the detail page has in addition to those of the card."""
        return {}

    def predictive(self, state: Any, card: dict[str, Any]) -> dict[str, Any] | None:
        """Return the distribution of the next observation, or None if it is unknown."""
        return None

    def plotted(self, state: Any, held: Path) -> PlottedNumber | None:
        """Return the number that is plotted over time, or None."""
        return None

    def plottable(self, state: Any) -> Iterator[PlottedNumber]:
        """Yield all numbers whose history can be requested."""
        return iter(())

    def metrics(self, state: Any) -> list[Metric]:
        """Return the numbers for monitoring."""
        found = islice(self.plottable(state), MAX_METRICS)
        return [Metric.of({"part": each.name}, each) for each in found]

    def estimates(self, name: str, state: Any) -> list[dict[str, Any]]:
        """Return a named estimate for each number that the belief is about."""
        return []

    def leading_estimates(self, name: str, state: Any, most: int) -> list[dict[str, Any]]:
        """Return a feature's named estimates: all of them, or the largest if there are many."""
        return self.estimates(name, state)

    def marginals(self, name: str, state: Any, last: Any) -> Iterator[dict[str, Any]]:
        """Yield a small card for each number that the belief is about."""
        description = {
            "family": type(state).__name__,
            "likelihood": type(state.likelihood).__name__,
            "scale": scale_of(state),
        }
        (card,) = self.cards([state], [last], 100)
        yield {"name": name, **description, **self.head(state), **card}

    def predictive_parts(self, name: str, state: Any) -> Iterator[tuple[str, Any]]:
        """Yield the name and predictive distribution of each number, or None if it is unknown."""
        return iter(())

    def step(self, state: Any, x: Any) -> dict[str, Any] | None:
        """Return one step of Bayes' rule in numbers, or None if it cannot be computed."""
        return None

    def warnings(self, state: Any) -> list[str]:
        """Return reasons why the belief may be misleading."""
        return []

    def text(self, state: Any) -> str:
        """Return the belief as text."""
        return str(state)

    def head(self, state: Any) -> dict[str, Any]:
        """Return the kind of a belief and the weight of its data."""
        return {"kind": state.display_kind, "n": finite(state.n_samples)}


VIEWS: dict[str, BeliefView] = {}
"""All views, keyed by kind; see `register_view`."""


def register_view(view: type[BeliefView]) -> type[BeliefView]:
    """Make a view available for the beliefs of its kind; usable as a decorator."""
    VIEWS[view.kind] = view()
    return view


def all_views() -> dict[str, BeliefView]:
    """Return all views, keyed by kind in alphabetical order."""
    return dict(sorted(VIEWS.items()))


def is_numeric(kind: str) -> bool:
    """Return whether beliefs of a kind are about one number."""
    return kind in VIEWS and VIEWS[kind].numeric


def compares(kind: str) -> str:
    """Return what comparisons of beliefs of a kind are about; empty if they cannot be compared."""
    return VIEWS[kind].compares if kind in VIEWS else ""


def warns(kind: str) -> bool:
    """Return whether beliefs of a kind can have warnings."""
    return kind in VIEWS and VIEWS[kind].warns


def view_of(state: Any, level: float = LEVEL) -> BeliefView:
    """Return the view for a belief; kinds without a view are shown as text.

    Parameters
    ----------
    state
        The belief.
    level
        Level of the intervals.
    """
    view = VIEWS.get(state.display_kind) or BeliefView()
    return view if level == view.level else type(view)(level)


def scale_of(state: Any) -> str:
    """Return how a belief's numbers are written: "share", "log", or an empty string."""
    if not state.conjugate:
        return ""
    return "log" if state.likelihood.of_logarithm else str(state.unit)
