"""One step of Bayes' rule in numbers: what an event did."""

from __future__ import annotations

from typing import Any

from seqbayes import distributions
from seqbayes.dashboard.views.cards import kind_of, undecayed
from seqbayes.dashboard.views.figures import finite, values
from seqbayes.dashboard.views.labels import concentrations
from seqbayes.errors import SeqbayesError
from seqbayes.state import Explanation, State


def told_step(state: Any, x: Any) -> dict[str, Any] | None:
    """Return one step of Bayes' rule in numbers, before it is taken; None where it has none.

    The densities are those at the mean that it leads to: at the one before, likelihood and evidence
    of a yes or no, or of a label, would always be the same. Of a label they are those of its share
    alone, and `of` says which label; None says that it is a new one, with the share of all that
    were not seen.

    Examples
    --------
    >>> from seqbayes import Beta, Dirichlet
    >>> step = told_step(Beta(1, 1), True)
    >>> [round(step[term], 3) for term in ("at", "prior", "likelihood", "evidence", "posterior")]
    [0.667, 1.0, 0.667, 0.5, 1.333]
    >>> step = told_step(Dirichlet({"red": 1, "blue": 1}), "red")
    >>> step["of"], round(step["at"], 3), step["evidence"]
    ('red', 0.667, 0.5)
    """
    plain = undecayed(state)
    if not isinstance(plain, State):
        return None
    try:
        if kind_of(plain) == "labels" and plain.likelihood.labelled:
            return _of_label(plain, x)
        step = plain.explain(x)
        place = _mean_after(plain, step)
        if place is not None:
            step = plain.explain(x, place)
    except (SeqbayesError, NotImplementedError, TypeError):  # improper: no density anywhere
        return None
    terms = step.prior, step.likelihood, step.evidence, step.posterior
    return _told(x, step.at, *terms)


def _mean_after(state: Any, step: Explanation) -> Any:
    """Return the posterior mean behind a step of a number, or of mean and variance, if any."""
    if kind_of(state) not in ("number", "normal"):
        return None
    mean = state.belief(step.after).mean
    numbers = mean if isinstance(mean, tuple) else (mean,)
    return None if None in [finite(number) for number in numbers] else mean


def _of_label(state: Any, x: Any) -> dict[str, Any] | None:
    """Return the step of one label's share, or of the share of all that were not seen."""
    state.observe(x)  # is it one that can come?
    weights, unseen = concentrations(state)
    known = x in weights
    weight = weights[x] if known else unseen
    rest = sum(weights.values()) + unseen - weight
    if not (weight > 0.0 and rest > 0.0):
        return None
    at = (weight + 1.0) / (weight + 1.0 + rest)
    before = distributions.Beta(weight, rest).pdf(at)
    after = distributions.Beta(weight + 1.0, rest).pdf(at)
    step = _told(x, at, before, at, weight / (weight + rest), after)
    return {**step, "of": str(x) if known else None}


def _told(x: Any, at: Any, *terms: Any) -> dict[str, Any]:
    names = ("prior", "likelihood", "evidence", "posterior")
    told = {name: finite(term) for name, term in zip(names, terms, strict=True)}
    return {"x": values(x), **told, "at": values(at)}
