"""What a page about one key shows: the posterior in full, what comes next, what just happened."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from seqbayes.dashboard.views import curves, estimators
from seqbayes.dashboard.views.cards import card, kind_of, seen, undecayed
from seqbayes.dashboard.views.figures import decimals, finite, heights, places, values
from seqbayes.dashboard.views.mixtures import support
from seqbayes.errors import SeqbayesError
from seqbayes.mixture.answers import Answers
from seqbayes.predictive.labels import Categorical
from seqbayes.state import State

POINTS = 400
MOST_LABELS = 50


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
    return {
        **card(state, last, POINTS),
        "posterior": values(plain.posterior) if known else None,
        "prior": values(plain.prior) if known else None,
        "text": estimators.text(plain) if kind_of(plain) == "estimator" else str(state),
        "log_evidence": _evidence(plain),
        "predictive": _predictive(plain),
    }


def _evidence(state: Any) -> float | None:
    return finite(getattr(state, "log_evidence", None))


def _predictive(state: Any) -> dict[str, Any] | None:
    """Return the distribution of the next observation, where it can be drawn."""
    if kind_of(state) in ("mixture", "estimator", "product", "vector"):
        return None  # a mixture's is the total of its components
    try:
        predictive = state.predictive
    except SeqbayesError:  # improper
        return None
    if isinstance(predictive, Categorical):
        return _of_labels(predictive)
    try:
        mean = predictive.mean
    except NotImplementedError:
        return None
    if not hasattr(predictive, "interval") or isinstance(mean, dict):
        return None
    x = support([predictive], 120) if predictive.discrete else curves.grid(predictive, 120)
    if x is None:
        return None
    p = np.asarray(predictive.p(x), float)
    top = float(np.nanmax(np.where(np.isfinite(p), p, np.nan))) if np.isfinite(p).any() else 0.0
    kind = "pmf" if predictive.discrete else "pdf"
    return {"kind": kind, "x": places(x), "p": heights(p, top)}


def _of_labels(predictive: Categorical) -> dict[str, Any]:
    ranked = sorted(predictive.probabilities.items(), key=lambda each: -each[1])[:MOST_LABELS]
    return {
        "kind": "pmf",
        "x": [str(label) for label, _ in ranked],
        "p": [round(p, decimals(p, 6)) if p > 0.0 else 0.0 for _, p in ranked],
        "unseen": predictive.unseen,
    }


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


def told_step(state: Any, x: Any) -> dict[str, Any] | None:
    """Return one step of Bayes' rule in numbers, before it is taken; None where it has none."""
    plain = undecayed(state)
    if not isinstance(plain, State):
        return None
    try:
        step = plain.explain(x)
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
