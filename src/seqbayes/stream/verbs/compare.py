"""``compare``: which key of a belief is best, and the expected loss of choosing it."""

from __future__ import annotations

import argparse
import heapq
from collections.abc import Mapping
from typing import Any

from seqbayes import compare as comparisons
from seqbayes.checks import check_level
from seqbayes.console.log import Log
from seqbayes.console.options import add_top, positive
from seqbayes.console.text import printable
from seqbayes.events.display import Display
from seqbayes.stream.stores import open_store
from seqbayes.stream.verbs.comparison_text import (
    gate_sentence,
    ratio_to_dict,
    sentence,
    tables,
    to_dict,
)
from seqbayes.stream.verbs.shared import (
    EPILOG,
    MissingError,
    add_as_of,
    add_level,
    add_store,
    print_json,
    reports_errors,
)
from seqbayes.stream.verbs.stored import StoredBelief, key_states, stored_beliefs

EXAMPLES = f"""\
examples:
  seqbayes compare beliefs.db conversion --control A
  seqbayes compare beliefs.db latency --better lower --equivalence 5
  seqbayes compare beliefs.db latency --better lower --quantity 0.95
  seqbayes compare beliefs.db candy --label red --json
  seqbayes compare beliefs.db conversion --planned A=1 --planned B=1

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
        Largest absolute difference that does not matter in practice; by default as configured for
        the belief.
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
        If the belief or the control does not exist, or there are fewer than two keys.
    PriorError
        If the belief is not about one number, or an option is invalid.
    StoreError
        If the store cannot be read.

    Examples
    --------
    >>> from seqbayes.stream.examples import example_store
    >>> path = example_store({"shop": "north", "sold": True}, {"shop": "south", "sold": False})
    >>> found = compare(path, "sales")
    >>> found.best, round(found.p_best["north"], 4)
    ('north', 0.8333)
    """
    stored, states = _read(url, belief, as_of)
    display = stored.display
    control = _control(display, control, states)
    if control is not None and control not in states:
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


def sample_ratio(
    url: str, belief: str, planned: Mapping[str, float] | None = None, *, alpha: float = 0.001
) -> comparisons.SampleRatio | None:
    """Test whether the keys of a belief have observations in the planned ratio.

    Parameters
    ----------
    url
        URL or path of the store.
    belief
        Name of the belief, with one event for each visitor.
    planned
        Planned weight of each key, in any unit; other keys are not counted. By default as
        configured.
    alpha
        Error rate; see `seqbayes.compare.sample_ratio`.

    Returns
    -------
    SampleRatio or None
        The result; None if no weights are given or configured.

    Raises
    ------
    MissingError
        If the belief does not exist.
    ObservationError
        If the number of observations of a key is not a whole number, as for a belief with a
        half-life.
    PriorError
        If there are fewer than two keys, or a weight is invalid.
    StoreError
        If the store cannot be read.

    Examples
    --------
    >>> from seqbayes.stream.examples import example_store
    >>> path = example_store({"shop": "north", "sold": True}, {"shop": "south", "sold": False})
    >>> sample_ratio(path, "sales", {"north": 1, "south": 1}).mismatch
    False
    """
    stored, states = _read(url, belief, None)
    planned = stored.display.planned if planned is None else planned
    if planned is None:
        return None
    counts: dict[str, Any] = {
        name: states[name].n_samples if name in states else 0 for name in planned
    }
    return comparisons.sample_ratio(counts, planned, alpha=alpha)


def _read(url: str, belief: str, as_of: float | None) -> tuple[StoredBelief, dict[str, Any]]:
    """Return a belief in a store, and its states, keyed by the text of their keys."""
    with open_store(url, "read") as store, store.snapshot():
        (stored,) = stored_beliefs(store, belief)
        return stored, {
            "(rest)" if found.key is None else SEPARATOR.join(found.key.values()): found.state
            for found in key_states(store, stored, as_of=as_of)
        }


def _control(display: Display, control: str | None, states: Mapping[str, Any]) -> str | None:
    """Return the control: by default the configured one, if it has data."""
    if control is not None or display.control_values is None:
        return control
    configured = SEPARATOR.join(display.control_values)
    return configured if configured in states else None


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
        help="largest absolute difference that does not matter in practice (default: as"
        " configured)",
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
        help="mean, to compare expected observations, or 0.95 for their 95 %% quantile (default:"
        " the parameter of the likelihood; for a hurdle, the expected observation)",
    )
    add_level(parser, "the intervals")
    _add_test_arguments(parser)
    add_top(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_as_of(parser)


def _add_test_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--alpha",
        type=positive,
        default=0.05,
        metavar="P",
        help="error rate of the sequential test, at any stopping time (%(default)s)",
    )
    parser.add_argument(
        "--effect",
        type=positive,
        default=0.2,
        metavar="X",
        help="typical effect for the sequential test: a difference of log odds or log rates, or of"
        " means in standard deviations (%(default)s)",
    )
    parser.add_argument(
        "--planned",
        type=_planned,
        action="append",
        metavar="KEY=WEIGHT",
        help="planned weight of a key, for each key of an experiment: test whether the keys have"
        " observations in this ratio (default: as configured)",
    )


def _quantity(text: str) -> str | float:
    if text == "mean":
        return text
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected 'mean' or a probability, got {text!r}"
        ) from None


def _planned(text: str) -> tuple[str, float]:
    key, _, weight = text.rpartition("=")
    try:
        return key, positive(weight)
    except (ValueError, argparse.ArgumentTypeError):
        raise argparse.ArgumentTypeError(
            f"expected KEY=WEIGHT, such as A=1, got {text!r}"
        ) from None


@reports_errors
def command(args: argparse.Namespace, log: Log) -> int:
    """Print probabilities, losses, differences and the verdict; return the exit status."""
    check_level(args.level, "equal-tailed")
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
    ratio = sample_ratio(args.store, args.belief, dict(args.planned) if args.planned else None)
    if args.json:
        document = {"belief": args.belief, **to_dict(found)}
        if ratio is not None:
            document["sample_ratio"] = ratio_to_dict(ratio)
        print_json(document)
        return 0
    from seqbayes.console.screen import make_console

    console = make_console()
    for table in tables(found):
        console.print(table)
        console.print()
    console.print(sentence(found), markup=False, highlight=False)
    if found.decision is not None:
        console.print(gate_sentence(found.decision), markup=False, highlight=False)
    if ratio is not None:
        console.print(printable(str(ratio), 400), markup=False, highlight=False)
    return 0
