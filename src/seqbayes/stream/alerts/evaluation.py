"""The values of alert conditions, computed from the states of beliefs."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from seqbayes.compare import compare, decide, number_of, p_best
from seqbayes.errors import SeqbayesError
from seqbayes.events.keys import REST
from seqbayes.stream.alerts.alert import Alert
from seqbayes.stream.alerts.grammar import (
    SEPARATOR,
    Best,
    Criterion,
    Loss,
    Measure,
    Quantity,
    Surprise,
    Tail,
)

MAX_COMPARED = 100
"""Maximum number of compared keys: those with the most data, and the keys of the conditions."""


class Evaluation(NamedTuple):
    """An evaluation of an alert: its first quantity, and whether its conditions hold.

    `recovers` tells whether the alert may end. Values that are not known are None.
    """

    value: float | None
    holds: bool | None
    recovers: bool | None


class StateEvidence(NamedTuple):
    """The log evidence of a state, and the weight of its data."""

    log_evidence: float
    n: float

    @classmethod
    def of(cls, state: Any) -> StateEvidence:
        """Return the log evidence and the weight of a state."""
        return cls(float(state.log_evidence), float(state.n_samples))


NO_EVIDENCE = StateEvidence(0.0, 0.0)
"""The evidence of a state without data."""


def evaluate(
    alert: Alert,
    value_of: Callable[[Quantity], float | None],
    agrees: Callable[[Quantity], bool] = lambda quantity: True,
) -> Evaluation:
    """Evaluate an alert.

    Parameters
    ----------
    alert
        The alert.
    value_of
        Function that returns the value of a quantity, or None.
    agrees
        Function that returns whether the sequential test of a quantity agrees; called only if the
        condition holds.
    """
    values = [value_of(each.quantity) for each in alert.condition]
    holds = _hold(alert.condition, values)
    if holds and not all(agrees(each.quantity) for each in alert.condition):
        holds = False
    if alert.recovery:
        recovers = _hold(alert.recovery, [value_of(each.quantity) for each in alert.recovery])
    else:
        recovers = None if holds is None else not holds
    return Evaluation(values[0], holds, recovers)


def _hold(condition: Sequence[Criterion], values: Sequence[float | None]) -> bool | None:
    known = [v for v in values if v is not None]
    if len(known) < len(values):
        return None
    return all(each.holds(v) for each, v in zip(condition, known, strict=True))


def evaluate_key(alert: Alert, state: Any, before: StateEvidence | None = None) -> Evaluation:
    """Evaluate an alert for the state of one key.

    Parameters
    ----------
    alert
        The alert.
    state
        The state.
    before
        The evidence at the previous evaluation, for the surprise since then.

    Examples
    --------
    >>> from seqbayes import Gamma
    >>> from seqbayes.stream.alerts.grammar import parse_condition
    >>> alert = Alert("slow", parse_condition("P(mean > 2) > 0.9"), "")
    >>> found = evaluate_key(alert, Gamma(30, 10))
    >>> round(found.value, 6), found.holds, found.recovers
    (0.978182, True, False)
    """

    def value_of(quantity: Quantity) -> float | None:
        try:
            return _value(quantity, alert, state, before)
        except SeqbayesError:  # the posterior is improper
            return None

    return evaluate(alert, value_of)


def _value(
    quantity: Quantity, alert: Alert, state: Any, before: StateEvidence | None
) -> float | None:
    if isinstance(quantity, Measure):
        value = state.n_samples if quantity.name == "n" else number_of(state, alert.label).mean
        return None if value is None else float(value)
    if isinstance(quantity, Surprise):
        now = StateEvidence.of(state)
        if before is None or not now.n > before.n:
            return None
        return (before.log_evidence - now.log_evidence) / (now.n - before.n)
    assert isinstance(quantity, Tail)
    return probability(quantity, state, alert.label)


def probability(tail: Tail, state: Any, label: str | None = None) -> float:
    """Return the probability of a tail.

    Raises
    ------
    PriorError
        If the state is improper, or not about one number.

    Examples
    --------
    >>> from seqbayes import Gamma
    >>> round(probability(Tail("next", ">=", 1.0), Gamma(2, 1)), 10)  # 1 - P(0) = 1 - (1 / 2) ** 2
    0.75
    """
    now, limit = state.as_of(), tail.limit
    if tail.of == "mean":
        number = number_of(now, label)
        if now.display_kind != "labels" and now.likelihood.of_logarithm:
            limit = math.log(limit)
    else:
        number = now.predictive
    if tail.op in (">=", "<"):  # a discrete distribution can have mass at the limit
        limit = math.nextafter(limit, -math.inf)
    found = number.sf(limit) if tail.op in (">", ">=") else number.cdf(limit)
    return float(found)


def name_of(key: Any) -> str:
    """Format a key as in a condition.

    Examples
    --------
    >>> name_of(("de", "blue")), name_of("blue")
    ('de / blue', 'blue')
    """
    if key is REST:
        return "(rest)"
    return SEPARATOR.join(key) if isinstance(key, tuple) else str(key)


def evaluate_choice(alert: Alert, states: Mapping[Any, Any]) -> Evaluation:
    """Evaluate an alert that compares all keys of a belief.

    Parameters
    ----------
    alert
        The alert.
    states
        Maps each key to its state.
    """
    assert alert.belief is not None
    better = alert.belief.display.better or "higher"
    named = _compared(alert, states)

    def value_of(quantity: Quantity) -> float | None:
        wanted = quantity.key if isinstance(quantity, (Best, Loss)) else None
        if len(named) < 2 or (wanted is not None and wanted not in named):
            return None
        try:
            if isinstance(quantity, Best):
                return p_best(named, better=better, label=alert.label)[wanted]
            losses = compare(named, better=better, label=alert.label).loss
        except SeqbayesError:  # a posterior is improper
            return None
        loss = min(losses.values()) if wanted is None else losses[wanted]
        return loss if math.isfinite(loss) else None

    def agrees(quantity: Quantity) -> bool:
        if not isinstance(quantity, Best) or alert.alpha is None:
            return True
        decision = decide(
            named, alpha=alert.alpha, effect=alert.effect, better=better, label=alert.label
        )
        return decision.best == quantity.key

    return evaluate(alert, value_of, agrees)


def evaluate_share(alert: Alert, share: float | None) -> Evaluation:
    """Evaluate an alert about the share of dead letters.

    Parameters
    ----------
    alert
        The alert.
    share
        The share; None if there are no events.
    """
    return evaluate(alert, lambda quantity: share)


def evaluate_silence(alert: Alert, seconds: float) -> Evaluation:
    """Evaluate an alert about a time without events.

    Parameters
    ----------
    alert
        The alert.
    seconds
        Number of seconds without events.
    """
    return evaluate(alert, lambda quantity: seconds)


def _compared(alert: Alert, states: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the states to compare, keyed by the names of their keys."""
    chosen: Iterable[Any] = states
    if len(states) > MAX_COMPARED:
        wanted = {
            getattr(each.quantity, "key", None) for each in (*alert.condition, *alert.recovery)
        }
        chosen = heapq.nlargest(MAX_COMPARED, states, key=lambda key: states[key].n_samples)
        chosen = dict.fromkeys([*chosen, *(key for key in states if name_of(key) in wanted)])
    return {name_of(key): states[key] for key in chosen}
