"""Beliefs as JSON values for pages.

Each kind of belief has one view class, which cards, detail pages, histories, comparisons and
embedded pages share. It is declared with `register_view` in a module of this package. The functions
here choose the view and add the parts that all kinds have in common.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from itertools import islice
from typing import Any

from seqbayes.dashboard.views.base import (
    CARD_POINTS,
    COMPARED_POINTS,
    DETAIL_POINTS,
    LEVEL,
    BeliefView,
    Metric,
    Path,
    PlottedNumber,
    Ranking,
    all_views,
    compares,
    is_numeric,
    register_view,
    scale_of,
    view_of,
    warns,
)
from seqbayes.dashboard.views.compare import (
    compare,
    drawn_shares,
    leading_label,
    probability_above,
    quantities,
)
from seqbayes.dashboard.views.figures import finite, values
from seqbayes.dashboard.views.quantiles import quantiles
from seqbayes.errors import SeqbayesError
from seqbayes.table.answers import Answers

__all__ = [
    "COMPARED_POINTS",
    "LEVEL",
    "BeliefView",
    "Metric",
    "PlottedNumber",
    "Ranking",
    "all_views",
    "card",
    "cards",
    "compare",
    "compares",
    "detail",
    "drawn_shares",
    "is_numeric",
    "leading_label",
    "metrics",
    "plottable",
    "plotted",
    "probability_above",
    "quantities",
    "rankings",
    "register_view",
    "scale_of",
    "sort_values",
    "step",
    "surprise",
    "view_of",
    "warnings_about",
    "warns",
]

_MAX_FOLLOWABLE = 60

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")


def card(
    state: Any, last: Any = None, points: int = CARD_POINTS, level: float = LEVEL
) -> dict[str, Any]:
    """Return the fields of a card.

    Parameters
    ----------
    state
        A state, a `Decayed` state, a mixture or an estimator.
    last
        The last observation, or None if it is unknown.
    points
        Maximum number of points of a density.
    level
        Level of the intervals.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> shown = card(Beta(2, 2), last=True)
    >>> shown["mean"], shown["interval"][0] > 0.05, len(shown["density"]["x"]) <= 64
    (0.5, True, True)
    """
    return dict(cards([state], [last], points, level)[0])


def cards(
    states: Sequence[Any],
    lasts: Sequence[Any],
    points: int = CARD_POINTS,
    level: float = LEVEL,
) -> list[Any]:
    """Return the cards of several states of one belief, computed together."""
    if not states:
        return []
    view, plain = view_of(states[0], level), [state.as_of() for state in states]
    made = view.cards(plain, lasts, points)
    return [{**view.head(state), **each} for state, each in zip(plain, made, strict=True)]


def rankings(states: Sequence[Any], level: float = LEVEL) -> list[Ranking]:
    """Return the sort values of several states of one belief, computed together.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> [round(each.high, 6) for each in rankings([Beta(1, 1), Beta(2, 1)])]
    [0.975, 0.987421]
    """
    if not states:
        return []
    return view_of(states[0], level).rankings([state.as_of() for state in states])


def sort_values(state: Any, answers: Answers, sort: str, level: float = LEVEL) -> Any:
    """Return the sort values of many states of one belief; NaN marks a missing value.

    Parameters
    ----------
    state
        Any of the states.
    answers
        The answers of all states.
    sort
        The name of a number of `Ranking`.
    level
        Level of the intervals.

    Returns
    -------
    array or None
        None if the values must be computed from the states.
    """
    return view_of(state, level).sort_values(state.as_of(), answers, sort)


def detail(state: Any, last: Any = None, level: float = LEVEL) -> dict[str, Any]:
    """Return a card with a finer density, hyperparameters, evidence and predictive distribution.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> detail(Beta(2, 3))["predictive"]
    {'kind': 'pmf', 'x': [0.0, 1.0], 'p': [0.6, 0.4]}
    """
    view, plain = view_of(state, level), state.as_of()
    shown = card(state, last, DETAIL_POINTS, level)
    return {
        **shown,
        **view.details(plain, last),
        "posterior": values(plain.posterior) if plain.conjugate else None,
        "prior": values(plain.prior) if plain.conjugate else None,
        "text": view.text(state),
        "warnings": view.warnings(plain),
        "log_evidence": finite(plain.log_evidence),
        "predictive": view.predictive(plain, shown),
        "quantiles": quantiles(plain, level),
    }


def plotted(state: Any, held: Path = (), level: float = LEVEL) -> PlottedNumber | None:
    """Return the number of a belief that is plotted over time, or None if it has no such number.

    For labels this is the largest share. The share plotted so far is kept until another share
    exceeds the upper end of its interval, so that two similar shares do not alternate.

    Parameters
    ----------
    state
        The state.
    held
        Path of the number plotted so far.
    level
        Level of the interval.

    Examples
    --------
    >>> from seqbayes import Dirichlet, Gamma, Product
    >>> plotted(Dirichlet({"red": 2.0, "blue": 1.0})).name
    'red'
    >>> plotted(Dirichlet({"red": 2.0, "blue": 1.0}), held=("blue",)).name
    'blue'
    >>> plotted(Product({"rate": Gamma(2, 1), "colour": Dirichlet({"red": 2, "blue": 1})})).name
    'rate'
    """
    return view_of(state, level).plotted(state.as_of(), held)


def plottable(state: Any, level: float = LEVEL) -> list[PlottedNumber]:
    """Return the numbers of a belief whose history can be requested.

    Examples
    --------
    >>> from seqbayes import Dirichlet, Gamma, Product
    >>> product = Product({"n": Gamma(2, 1), "colour": Dirichlet({"red": 2, "blue": 1})})
    >>> [found.name for found in plottable(product)]
    ['n', 'colour = red', 'colour = blue']
    """
    return list(islice(view_of(state, level).plottable(state.as_of()), _MAX_FOLLOWABLE))


def warnings_about(state: Any) -> list[str]:
    """Return reasons why a belief may be misleading.

    Examples
    --------
    >>> from seqbayes.mixture import Mixture
    >>> warnings_about(Mixture(2))
    []
    """
    return view_of(state).warnings(state.as_of())


def metrics(state: Any) -> list[Metric]:
    """Return the numbers of a belief for monitoring.

    Examples
    --------
    >>> from seqbayes import Beta, Dirichlet
    >>> metrics(Beta(1, 1))[0].mean
    0.5
    >>> [each.labels for each in metrics(Dirichlet({"red": 1, "blue": 1}))]
    [{'label': 'red'}, {'label': 'blue'}]
    """
    return view_of(state).metrics(state.as_of())


def step(state: Any, x: Any) -> dict[str, Any] | None:
    """Return the terms of Bayes' rule for an observation not yet learned, or None.

    Densities are evaluated at the posterior mean after the step. At the mean before the step, the
    likelihood and the evidence of a boolean or a label would always be equal. For a label, the
    densities are those of its share, and `of` names the label. For a new label, `of` is None, and
    the share is that of all labels that have not occurred.

    Examples
    --------
    >>> from seqbayes import Beta, Dirichlet
    >>> found = step(Beta(1, 1), True)
    >>> [round(found[term], 3) for term in ("at", "prior", "likelihood", "evidence", "posterior")]
    [0.667, 1.0, 0.667, 0.5, 1.333]
    >>> found = step(Dirichlet({"red": 1, "blue": 1}), "red")
    >>> found["of"], round(found["at"], 3), found["evidence"]
    ('red', 0.667, 0.5)
    """
    try:
        return view_of(state).step(state.as_of(), x)
    except (SeqbayesError, NotImplementedError, TypeError):  # an improper belief
        return None


def surprise(state: Any, arguments: tuple[Any, ...]) -> float | None:
    """Return the surprise of an observation before it is learned, in nats; None if unknown.

    Parameters
    ----------
    state
        The state before the observation.
    arguments
        Arguments for `learn_one`.
    """
    try:
        return finite(state.surprise(*arguments))
    except (SeqbayesError, NotImplementedError):  # no prediction yet
        return None
