"""What a page about one key shows: the posterior in full, and what comes next."""

from __future__ import annotations

import math
from typing import Any

from seqbayes.dashboard.views import estimators
from seqbayes.dashboard.views.cards import card, kind_of, seen, undecayed
from seqbayes.dashboard.views.figures import finite, values
from seqbayes.dashboard.views.marginals import marginals
from seqbayes.dashboard.views.mixtures import makers
from seqbayes.dashboard.views.predictives import predictive
from seqbayes.errors import SeqbayesError
from seqbayes.mixture.answers import Answers
from seqbayes.state import State

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
    if isinstance(plain, Answers):
        shown["makers"] = None if last is None else makers(plain, last)
    if kind_of(plain) in ("product", "vector"):
        shown["marginals"] = marginals(plain, last)
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
