"""Comparisons as JSON values, tables and sentences."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any

from seqbayes import compare as comparisons
from seqbayes.console.plain import plain
from seqbayes.console.text import printable

if TYPE_CHECKING:
    from rich.table import Table


def to_dict(found: comparisons.Comparison) -> dict[str, Any]:
    """Return a comparison as JSON values.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> to_dict(comparisons.compare({"a": Beta(2, 1), "b": Beta(1, 1)}))["verdict"]
    'undecided'
    """
    losses, medians = found.loss_interval, found.median
    return {
        "better": found.better,
        "level": found.level,
        "best": found.best,
        "p_tie": found.p_tie,
        "verdict": found.verdict,
        "keys": {
            str(name): {
                "mean": plain(found.mean[name]),
                "median": plain(medians[name]),
                "interval": plain(found.interval[name]),
                "p_best": found.p_best[name],
                "loss": plain(found.loss[name]),
                "loss_interval": plain(losses[name]),
            }
            for name in found.names
        },
        "differences": [
            {
                "key": each.name,
                "reference": each.reference,
                "p_better": each.p_better,
                "mean": plain(each.mean),
                "interval": plain(each.interval),
                "lift": plain(each.lift),
                "lift_interval": plain(each.lift_interval),
                "p_equivalent": each.p_equivalent,
            }
            for each in found.differences.values()
        ],
        "guarantees": found.guarantees,
        "gate": None if found.decision is None else _gate(found.decision),
    }


def _gate(decision: comparisons.Decision) -> dict[str, Any]:
    """Return the result of the sequential test as JSON values."""
    return {
        "guarantee": decision.guarantee,
        "reason": decision.reason,
        "alpha": decision.alpha,
        "best": decision.best,
        "p_value": decision.p_value,
        "more": plain(decision.more),
        "e_values": [
            {"key": a, "reference": b, "e_value": plain(e)}
            for a, others in decision.e_values.items()
            for b, e in others.items()
        ],
    }


def ratio_to_dict(ratio: comparisons.SampleRatio) -> dict[str, Any]:
    """Return the test of the sample ratio as JSON values.

    Examples
    --------
    >>> ratio_to_dict(comparisons.sample_ratio({"A": 3, "B": 3}))["mismatch"]
    False
    """
    return {
        "guarantee": ratio.guarantee,
        "alpha": ratio.alpha,
        "mismatch": ratio.mismatch,
        "p_value": ratio.p_value,
        "keys": {
            str(name): {"n": ratio.counts[name], "observed": ratio.observed[name], "planned": share}
            for name, share in ratio.planned.items()
        },
    }


def gate_sentence(decision: comparisons.Decision) -> str:
    """Return the result of the sequential test as a sentence.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> first, second = Beta(), Beta()
    >>> first.learn_many([True] * 40 + [False] * 260)
    >>> second.learn_many([True] * 60 + [False] * 240)
    >>> print(gate_sentence(comparisons.decide({"A": first, "B": second})))
    anytime-valid test at alpha 0.05: too early, about 920 more observations
    """
    if decision.guarantee == "none":
        return f"no error rate is bounded: {decision.reason}"
    test = f"anytime-valid test at alpha {decision.alpha:g}"
    if decision.stop:
        best = printable(str(decision.best), 40)
        return f"{test}: {best} is best (p = {decision.p_value:.2g}); you may stop"
    if decision.more is None:
        return f"{test}: too early, no difference yet"
    digits = 10.0 ** max(math.floor(math.log10(max(decision.more, 1.0))) - 1, 0)
    more = math.ceil(decision.more / digits) * digits
    return f"{test}: too early, about {more:,.0f} more observations"


def sentence(found: comparisons.Comparison) -> str:
    """Return the verdict as a sentence.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> print(sentence(comparisons.compare({"A": Beta(80, 920), "B": Beta(130, 870)})))
    B is probably best: P(best) 99.99 %, 0.05 above A (0.02333 to 0.07689), expected loss 4.045e-07
    >>> print(sentence(comparisons.compare({"A": Beta(80, 920), "B": Beta(90, 910)})))
    undecided: P(best) of B is 78.93 %, its expected loss 0.001488
    """
    best = printable(str(found.best), 40)
    if found.verdict == "best":
        other = _closest(found)
        low, high = sorted(map(abs, other.interval))
        side = "above" if found.better == "higher" else "below"
        interval = f"{low:.4g} to {high:.4g}"
        rival = printable(str(other.name if other.reference == found.best else other.reference), 40)
        by = (
            f"{interval} {side} {rival}"
            if other.mean is None
            else f"{abs(other.mean):.4g} {side} {rival} ({interval})"
        )
        chance = _percent(found.p_best[found.best])
        return f"{best} is probably best: P(best) {chance}, {by}, {_cost(found)}"
    if found.verdict == "equivalent":
        return f"equivalent: no difference that matters in practice at level {found.level:g}"
    cost = f", {_cost(found, 'its ')}"
    if found.p_tie:
        cost += f"; a tie for the best has {_percent(found.p_tie)}"
    return f"undecided: P(best) of {best} is {_percent(found.p_best[found.best])}{cost}"


def _cost(found: comparisons.Comparison, whose: str = "") -> str:
    """Return the expected loss of choosing the best key; if it is infinite, an upper quantile."""
    loss = found.loss[found.best]
    if math.isfinite(loss):
        return f"{whose}expected loss {_number(loss)}"
    most, chance = found.loss_interval[found.best][1], 50.0 * (1.0 + found.level)
    return f"{whose}loss at most {_number(most)} with probability {chance:g} %"


def _closest(found: comparisons.Comparison) -> comparisons.Difference:
    """Return the best key's difference from the control or, by default, from the closest rival."""
    if found.best in found.differences:
        return found.differences[found.best]
    rivals: Sequence[comparisons.Difference] = list(found.differences.values())
    return max(rivals, key=lambda each: each.p_better)


def _percent(p: float) -> str:
    """Format a probability as a percentage with two decimals, never rounded to 0 % or 100 %."""
    if 0.0 < p < 0.00005:
        return f"{100.0 * p:.2g} %"
    return "> 99.99 %" if 0.99995 < p < 1.0 else f"{100.0 * p:.2f} %"


def tables(found: comparisons.Comparison) -> list[Table]:
    """Return a comparison as two tables: the keys, and their differences from the reference."""
    interval = f"{found.level * 100:g} % interval"
    infinite = None in found.mean.values()
    estimates: dict[Hashable, Any] = {**(found.median if infinite else found.mean)}
    keys = _table("key", ["median" if infinite else "mean", interval, "P(best)", "loss"])
    for name in found.names:
        keys.add_row(
            printable(str(name), 40),
            _number(estimates[name]),
            _interval(found.interval[name]),
            _percent(found.p_best[name]),
            _number(found.loss[name]),
        )
    reference = printable(str(next(iter(found.differences.values())).reference), 20)
    differences = _table("key", [f"less {reference}", interval, f"P(better than {reference})"])
    for each in found.differences.values():
        differences.add_row(
            printable(str(each.name), 40),
            _number(each.mean),
            _interval(each.interval),
            _percent(each.p_better),
        )
    return [keys, differences]


def _table(first: str, titles: Sequence[str]) -> Table:
    """Return an empty table of numbers."""
    from rich import box
    from rich.table import Table

    from seqbayes.console.palette import RULE

    rows = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    rows.add_column(first, style="bold")
    for title in titles:
        rows.add_column(title, justify="right", style=RULE["posterior"])
    return rows


def _number(value: float | None) -> str:
    if value is not None and math.isinf(value):
        return "infinite"
    return "-" if value is None else f"{value:.4g}"


def _interval(interval: tuple[float, float]) -> str:
    return f"{interval[0]:.4g} to {interval[1]:.4g}"
