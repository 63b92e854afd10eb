"""What a page about one key shows: the posterior in full, what comes next, what just happened."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from seqbayes.dashboard.views import estimators
from seqbayes.dashboard.views.cards import card, kind_of, seen, undecayed
from seqbayes.dashboard.views.figures import finite, values
from seqbayes.dashboard.views.predictives import predictive
from seqbayes.errors import SeqbayesError
from seqbayes.families import DirichletProcess
from seqbayes.mixture.answers import Answers
from seqbayes.state import Explanation, State

POINTS = 400


def detail(state: Any, last: Any = None) -> dict[str, Any]:
    """Return a card in finer detail, with hyperparameters, evidence and predictive.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> detail(Beta(2, 3))["predictive"]
    {'kind': 'pmf', 'x': [0.0, 1.0], 'p': [0.6, 0.4]}
    """
    plain = undecayed(state)
    known = isinstance(plain, State)
    shown = card(state, last, POINTS)
    return {
        **shown,
        "posterior": values(plain.posterior) if known else None,
        "prior": values(plain.prior) if known else None,
        "text": estimators.text(plain) if kind_of(plain) == "estimator" else str(state),
        "log_evidence": _evidence(plain),
        "predictive": predictive(plain, shown),
    }


def _evidence(state: Any) -> float | None:
    return finite(getattr(state, "log_evidence", None))


def surprise(state: Any, arguments: tuple[Any, ...]) -> float | None:
    """Return the surprise at an observation before it was learned, in nats; None if unknown.

    Parameters
    ----------
    state
        As it was before.
    arguments
        What `learn_one` is told.
    """
    if isinstance(state, Answers) and seen(state) == 0.0:
        return None
    try:
        if hasattr(state, "log_predictive"):
            taken = arguments[:2] if kind_of(state) == "estimator" else arguments[:1]
            return finite(-undecayed(state).log_predictive(*taken))
        if hasattr(state, "score_one"):
            return finite(state.score_one(arguments[0]))
        if hasattr(state, "predict_proba_one") and len(arguments) > 1:
            share = state.predict_proba_one(arguments[0]).get(arguments[1], 0.0)
            return -math.log(share) if share > 0.0 else None
    except (SeqbayesError, NotImplementedError):  # nothing can be said yet
        return None
    return None


def _mean_after(state: Any, step: Explanation) -> Any:
    """Return the posterior mean behind a step; None where there is none, or it has more labels."""
    if kind_of(state) not in ("number", "normal", "labels"):
        return None
    if isinstance(state, DirichletProcess) and step.x not in step.before.atoms:
        return None
    mean = state.belief(step.after).mean
    several = tuple(mean.values()) if isinstance(mean, Mapping) else mean
    numbers = several if isinstance(several, tuple) else (several,)
    return None if None in [finite(number) for number in numbers] else mean


def told_step(state: Any, x: Any) -> dict[str, Any] | None:
    """Return one step of Bayes' rule in numbers, before it is taken; None where it has none.

    The densities are those at the mean that it leads to: at the one before, likelihood and evidence
    of a yes or no, or of a label, would always be the same.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> step = told_step(Beta(1, 1), True)
    >>> [round(step[term], 3) for term in ("at", "prior", "likelihood", "evidence", "posterior")]
    [0.667, 1.0, 0.667, 0.5, 1.333]
    """
    plain = undecayed(state)
    if not isinstance(plain, State):
        return None
    try:
        step = plain.explain(x)
        place = _mean_after(plain, step)
        if place is not None:
            step = plain.explain(x, place)
    except (SeqbayesError, NotImplementedError, TypeError):  # improper: no density anywhere
        return None
    return {
        "x": values(x),
        "prior": finite(step.prior),
        "likelihood": finite(step.likelihood),
        "evidence": finite(step.evidence),
        "posterior": finite(step.posterior),
        "at": values(step.at),
    }
