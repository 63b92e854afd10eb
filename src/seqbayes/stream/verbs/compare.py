"""``compare``: which key of a belief is best, and what a wrong choice would cost."""

from __future__ import annotations

import argparse
import heapq
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from seqbayes import compare as comparisons
from seqbayes.checks import check_level
from seqbayes.console.log import Log
from seqbayes.console.options import add_top, positive
from seqbayes.console.plain import plain
from seqbayes.console.text import printable
from seqbayes.stream.stores import open_store
from seqbayes.stream.verbs.shared import (
    EPILOG,
    MissingError,
    add_as_of,
    add_level,
    add_store,
    print_json,
    run_reporting_errors,
)
from seqbayes.stream.verbs.stored import key_states, stored_beliefs

if TYPE_CHECKING:
    from rich.table import Table

EXAMPLES = f"""\
examples:
  seqbayes compare beliefs.db conversion --control A
  seqbayes compare beliefs.db latency --better lower --equivalence 5
  seqbayes compare beliefs.db latency --better lower --quantity 0.95
  seqbayes compare beliefs.db candy --label red --json

{EPILOG}"""

SEPARATOR = " / "
"""Text between the values of a key of several fields."""


def compare(
    url: str,
    belief: str,
    *,
    control: str | None = None,
    better: str | None = None,
    equivalence: float | None = None,
    label: str | None = None,
    quantity: str | float | None = None,
    level: float = 0.95,
    alpha: float = 0.05,
    effect: float = 0.2,
    top: int = 20,
    as_of: float | None = None,
) -> comparisons.Comparison:
    """Compare the keys of a belief in a store.

    Parameters
    ----------
    url
        URL or path of the store.
    belief
        Name of the belief.
    control
        Key that the others are compared with; by default the configured key, if it has data, or
        else the best key. If a key has several fields, their values are separated by " / ".
    better
        Whether "higher" or "lower" values are better; by default as configured, or else "higher".
    equivalence
        Largest absolute difference that does not matter in practice; by default the one in the
        configuration of the belief.
    label
        The label whose shares are compared; only for a belief about labels.
    quantity
        "mean" for the expected observation, or p for the p-quantile of observations; by default
        the parameter.
    level
        Level of the intervals.
    alpha, effect
        Error rate and expected typical effect of the sequential test; see `Gate`.
    top
        Number of keys to compare: those with the most data, and the control.
    as_of
        Time in seconds since 1970 to which beliefs with a half-life in time are decayed.

    Raises
    ------
    MissingError
        If there is no such belief or control, or fewer than two keys.
    PriorError
        If the belief is not about one number, or an option is invalid.
    StoreError
        If the store cannot be read.

    Examples
    --------
    >>> import seqbayes, seqbayes.stream as stream, tempfile
    >>> from seqbayes.stream.sources import Iterated
    >>> path = f"{tempfile.mkdtemp()}/beliefs.db"
    >>> events = [{"shop": "north", "sold": True}, {"shop": "south", "sold": False}]
    >>> belief = stream.Belief("sales", seqbayes.Beta(), field="sold", by="shop")
    >>> with stream.Pipeline(
    ...     Iterated(events, name="sales"), [belief], stream.open_store(path)
    ... ) as pipeline:
    ...     _ = list(pipeline)
    >>> found = compare(path, "sales")
    >>> found.best, round(found.p_best["north"], 4)
    ('north', 0.8333)
    """
    with open_store(url, "read") as store, store.snapshot():
        (stored,) = stored_beliefs(store, belief)
        states = {
            "(rest)" if found.key is None else SEPARATOR.join(found.key.values()): found.state
            for found in key_states(store, stored, as_of=as_of)
        }
    display = stored.display
    if control is None and display.control_values is not None:
        configured = SEPARATOR.join(display.control_values)
        control = configured if configured in states else None
    elif control is not None and control not in states:
        raise MissingError(f"belief {belief!r} has no key {control!r}")
    if len(states) < 2:
        raise MissingError(f"belief {belief!r} has fewer than two keys to compare")
    chosen = heapq.nlargest(top, states, key=lambda name: states[name].n_samples)
    if control is not None and control not in chosen:
        chosen.append(control)
    if equivalence is None:
        equivalence = (
            display.equivalence_for(stored.prior) if quantity is None else display.equivalence
        )
    return comparisons.compare(
        {name: states[name] for name in states if name in chosen},
        better=better or display.better or comparisons.BETTER[0],
        control=control,
        equivalence=equivalence,
        label=label,
        quantity=quantity,
        level=level,
        alpha=alpha,
        effect=effect,
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLES
    add_store(parser)
    parser.add_argument("belief", metavar="BELIEF", help="name of a belief")
    parser.add_argument(
        "--control",
        metavar="KEY",
        help="the key that the others are compared with (default: as configured, or the best key)",
    )
    parser.add_argument(
        "--better",
        choices=comparisons.BETTER,
        help="whether higher or lower values are better (default: as configured, or higher)",
    )
    parser.add_argument(
        "--equivalence",
        type=positive,
        metavar="X",
        help="largest absolute difference that does not matter in practice; else as configured",
    )
    parser.add_argument(
        "--label",
        metavar="LABEL",
        help="the label whose shares are compared; only for beliefs about labels",
    )
    parser.add_argument(
        "--quantity",
        type=_quantity,
        metavar="Q",
        help="mean, to compare expected observations, or 0.95 for their 95 %% quantile; else the"
        " parameter of the likelihood, or of a hurdle the expected observation",
    )
    add_level(parser, "the intervals")
    parser.add_argument(
        "--alpha",
        type=positive,
        default=0.05,
        metavar="P",
        help="error rate of the sequential test, whenever you stop (%(default)s)",
    )
    parser.add_argument(
        "--effect",
        type=positive,
        default=0.2,
        metavar="X",
        help="typical effect for the sequential test: a difference of log odds or log rates, or of"
        " means in standard deviations (%(default)s)",
    )
    add_top(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_as_of(parser)


def _quantity(text: str) -> str | float:
    if text == "mean":
        return text
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected mean or a probability, got {text!r}") from None


def command(args: argparse.Namespace) -> int:
    """Print probabilities, losses, differences and the verdict; return the exit status.

    Raises
    ------
    PriorError
        If the level is invalid.
    """
    check_level(args.level, "equal-tailed")
    return run_reporting_errors(Log("text", "compare"), lambda: _compare(args))


def _compare(args: argparse.Namespace) -> int:
    found = compare(
        args.store,
        args.belief,
        control=args.control,
        better=args.better,
        equivalence=args.equivalence,
        label=args.label,
        quantity=args.quantity,
        level=args.level,
        alpha=args.alpha,
        effect=args.effect,
        top=args.top,
        as_of=args.as_of,
    )
    if args.json:
        document = {"belief": args.belief, **to_dict(found)}
        print_json(document)
        return 0
    from seqbayes.console.screen import make_console

    console = make_console()
    console.print(_table(found))
    console.print(sentence(found), markup=False, highlight=False)
    if found.decision is not None:
        console.print(gate_sentence(found.decision), markup=False, highlight=False)
    return 0


def to_dict(found: comparisons.Comparison) -> dict[str, Any]:
    """Return a comparison as JSON values.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> to_dict(comparisons.compare({"a": Beta(2, 1), "b": Beta(1, 1)}))["verdict"]
    'undecided'
    """
    return {
        "better": found.better,
        "level": found.level,
        "best": found.best,
        "verdict": found.verdict,
        "keys": {
            str(name): {
                "mean": plain(found.mean[name]),
                "interval": plain(found.interval[name]),
                "p_best": found.p_best[name],
                "loss": plain(found.loss[name]),
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
        return f"no anytime-valid test: {decision.reason}"
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
    B is best: P(best) 99.99 %, 0.05 above A (0.02333 to 0.07689), expected loss 4.045e-07
    >>> print(sentence(comparisons.compare({"A": Beta(80, 920), "B": Beta(90, 910)})))
    undecided: P(best) of B is 78.93 %, its expected loss 0.001488
    """
    best, loss = printable(str(found.best), 40), found.loss[found.best]
    cost = "" if loss is None else f", expected loss {loss:.4g}"
    if found.verdict == "best":
        other = _closest(found)
        low, high = sorted(map(abs, other.interval))
        side = "above" if found.better == "higher" else "below"
        by = "" if other.mean is None else f"{abs(other.mean):.4g} "
        rival = other.name if other.reference == found.best else other.reference
        return (
            f"{best} is best: P(best) {_percent(found.p_best[found.best])}, {by}{side}"
            f" {printable(str(rival), 40)} ({low:.4g} to {high:.4g}){cost}"
        )
    if found.verdict == "equivalent":
        return f"equivalent: no difference that matters in practice at level {found.level:g}"
    cost = "" if loss is None else f", its expected loss {loss:.4g}"
    return f"undecided: P(best) of {best} is {_percent(found.p_best[found.best])}{cost}"


def _closest(found: comparisons.Comparison) -> comparisons.Difference:
    """Return the difference between the best key and the control, or the closest other key."""
    if found.best in found.differences:
        return found.differences[found.best]
    rivals: Sequence[comparisons.Difference] = list(found.differences.values())
    return max(rivals, key=lambda each: each.p_better)


def _percent(p: float) -> str:
    """Return a probability with two decimals, never rounded to 0 or 100 %."""
    if 0.0 < p < 0.00005:
        return f"{100.0 * p:.2g} %"
    return "> 99.99 %" if 0.99995 < p < 1.0 else f"{100.0 * p:.2f} %"


def _table(found: comparisons.Comparison) -> Table:
    from rich import box
    from rich.table import Table

    from seqbayes.console.palette import RULE

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("key", style="bold")
    percent = f"{found.level * 100:g} % interval"
    for title in ("mean", percent, "P(best)", "loss"):
        table.add_column(title, justify="right", style=RULE["posterior"])
    reference = next(iter(found.differences.values())).reference
    shown = printable(str(reference), 20)
    for title in (f"less {shown}", percent, f"P(better than {shown})"):
        table.add_column(title, justify="right")
    for name in found.names:
        difference = found.differences.get(name)
        cells = ["", "", ""]
        if difference is not None:
            cells = [
                _number(difference.mean),
                _interval(difference.interval),
                _percent(difference.p_better),
            ]
        table.add_row(
            printable(str(name), 40),
            _number(found.mean[name]),
            _interval(found.interval[name]),
            _percent(found.p_best[name]),
            _number(found.loss[name]),
            *cells,
        )
    return table


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _interval(interval: tuple[float, float]) -> str:
    return f"{interval[0]:.4g} to {interval[1]:.4g}"
