"""``show``: what a store has learned, by belief and key."""

from __future__ import annotations

import argparse
import csv
import heapq
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from seqbayes.checks import check_level
from seqbayes.console.log import Log, Tracker
from seqbayes.console.options import add_intervals, add_top
from seqbayes.console.plain import plain
from seqbayes.console.summary import View, name_key
from seqbayes.console.text import count_of
from seqbayes.events.durations import format_duration
from seqbayes.events.keys import read_key
from seqbayes.stream.stores import Store, open_store
from seqbayes.stream.verbs.shared import (
    EPILOG,
    MissingError,
    add_as_of,
    add_key,
    add_store,
    print_json,
    reports_errors,
)
from seqbayes.stream.verbs.stored import (
    KeyState,
    StoredBelief,
    header,
    key_states,
    lines,
    missing_key,
    pooled_states,
    rows,
    stored_beliefs,
    timestamp,
)

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

EXAMPLES = f"""\
examples:
  seqbayes show beliefs.db
  seqbayes show beliefs.db conversion A --interval hdi
  seqbayes show beliefs.db seconds --as-of now --csv > seconds.csv
  seqbayes show beliefs.db --html beliefs.html

{EPILOG}"""


def show(
    url: str,
    belief: str | None = None,
    key: str | Sequence[str] = (),
    rest: bool = False,
    as_of: float | None = None,
) -> Iterator[KeyState]:
    """Yield what a store has learned, ordered by the last use of each key.

    The store is read in a single snapshot; another process may write to it meanwhile.

    Parameters
    ----------
    url
        URL or path of the store.
    belief
        Name of a belief; all by default.
    key
        Values of a key; an incomplete key selects all keys that begin with these values.
    rest
        Whether to yield only the pooled rest.
    as_of
        Time in seconds since 1970 to which beliefs with a half-life in time are decayed.

    Raises
    ------
    MissingError
        If a belief or a key does not exist.
    StoreError
        If the store cannot be read.

    Examples
    --------
    >>> from seqbayes.stream.examples import example_store
    >>> path = example_store()
    >>> [(found.key, found.state.mean) for found in show(path)]
    [({'shop': 'north'}, 0.6666666666666666)]
    """
    with open_store(url, "read") as store, store.snapshot():
        for stored in stored_beliefs(store, belief):
            yield from found_states(store, stored, key, rest, as_of)


def found_states(
    store: Store,
    stored: StoredBelief,
    key: str | Sequence[str],
    rest: bool,
    as_of: float | None,
) -> Iterator[KeyState]:
    """Yield the states of a belief; raise an error if a requested key does not exist."""
    empty = True
    population = pooled_states(store, stored, as_of)
    for found in key_states(store, stored, key, rest, as_of):
        empty = False
        yield found if population is None else replace(found, population=population)
    if empty and (key or rest):
        raise missing_key(stored, key, rest)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLES
    add_store(parser)
    add_key(parser, optional=True)
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print one JSON line per key")
    output.add_argument("--csv", action="store_true", help="print one row per estimated parameter")
    output.add_argument(
        "--html",
        metavar="FILE",
        help="write one HTML file that needs no server and no network; - is standard output",
    )
    add_intervals(parser)
    add_top(parser)
    add_as_of(parser)


@reports_errors
def command(args: argparse.Namespace, log: Log) -> int:
    """Print posteriors, intervals, estimates, counts and times; return the exit status."""
    check_level(args.level, args.interval)
    view = View(args.level, args.interval, args.top)
    with open_store(args.store, "read") as store, store.snapshot(), Tracker(log) as tracker:
        beliefs = stored_beliefs(store, args.belief)
        if not args.key:
            tracker.total = sum(store.entry_count(b.name) for b in beliefs)

        def states(stored: StoredBelief) -> Iterator[KeyState]:
            return tracker.track(found_states(store, stored, args.key, args.rest, args.as_of))

        if args.json:
            for found in (found for stored in beliefs for found in states(stored)):
                print_json(found.to_dict(view))
        elif args.csv:
            _write_csv((found for stored in beliefs for found in states(stored)), view, beliefs)
        else:
            from seqbayes.console.screen import make_console

            console = make_console()
            for stored in beliefs:
                console.print(_table(states(stored), stored, view, console))
            if args.belief is None:
                for text in _footer(store):
                    console.print(text, markup=False, style="dim")
    if not tracker.count:
        raise MissingError(f"{args.store} has learned nothing yet")
    return 0


def _write_csv(states: Iterable[KeyState], view: View, beliefs: Sequence[StoredBelief]) -> None:
    by = list(dict.fromkeys(name for stored in beliefs for name in stored.by))
    pooled = any(stored.display.pool for stored in beliefs)
    columns = header(by, pooled)
    times = [columns.index("since"), columns.index("updated")]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    for found in states:
        for row in rows(found, view, by, pooled):
            values = list(map(plain, row))
            for i in times:
                values[i] = timestamp(row[i])
            writer.writerow(values)


def _table(
    states: Iterable[KeyState], stored: StoredBelief, view: View, console: Console
) -> RenderableType:
    """Return the table of a belief: its keys with the most data."""
    from rich.console import Group
    from rich.text import Text

    from seqbayes.console.palette import ASCII, UNICODE
    from seqbayes.console.table import draw

    first, total = float("inf"), 0

    def counted() -> Iterator[KeyState]:
        nonlocal first, total
        for found in states:
            first = min(first, found.since)
            total += 1
            yield found

    def n_samples(found: KeyState) -> float:
        return float(found.state.n_samples)

    chosen = heapq.nlargest(view.top, counted(), key=n_samples)
    keys = count_of(total, "key")
    shown = keys if len(chosen) == total else f"{len(chosen)} of {keys}"
    title = Text.assemble((stored.name, "bold"), f" {stored.keyed}: {shown}")
    prior = _describe_prior_of(stored, chosen)
    if not chosen:
        return Group(title, prior, "")
    title.append(f", since {timestamp(first)[:16].replace('T', ' ')} UTC")
    signs = ASCII if console.options.ascii_only else UNICODE
    table = draw(
        [line for each in chosen for line in lines(each, view)], view, console.width, signs
    )
    return Group(title, prior, "", table, "")


def _describe_prior_of(stored: StoredBelief, chosen: Sequence[KeyState]) -> Text:
    """Return the line about the prior: its weight in these keys, and the pooling of keys."""
    prior = prior_text(stored)
    prior_dominated = sum(
        (each.state.prior_share or 0.0) > 0.5 for each in chosen if each.state.n_samples > 0.0
    )
    if prior_dominated:
        prior.append(f", has more weight than the data for {count_of(prior_dominated, 'key')}")
    if chosen and chosen[0].population is not None:
        prior.append(f"; {chosen[0].population.in_words()}")
    return prior


def prior_text(stored: StoredBelief) -> Text:
    """Return the line with the prior and the likelihood, each in its colour."""
    from rich.text import Text

    from seqbayes.console.palette import RULE
    from seqbayes.console.table import describe_prior

    if not stored.prior.conjugate:
        return Text(stored.prior.in_words()[:300], RULE["prior"])
    text = describe_prior(stored.prior)
    life = stored.prior.half_life
    if life is not None:
        timed = stored.prior.timed
        text.append(f", half-life {format_duration(life) if timed else f'{life:g} events'}")
    if stored.prior.windowed:
        text.append(f", window of {format_duration(stored.prior.length)}")
    return text


def _footer(store: Store) -> Iterator[str]:
    """Yield the progress of each source, the alerts, and the number of dead letters."""
    for position in store.positions():
        when = timestamp(position.updated)[:16].replace("T", " ")
        yield f"{position.source}: {count_of(position.events, 'event')}, last commit at {when} UTC"
    for alert in store.alerts():
        instance = msgspec.json.decode(alert.state)
        key = f" for {name_key(read_key(alert.key))}" if alert.key else ""
        since = timestamp(instance["since"])[:16].replace("T", " ")
        yield f"alert {alert.alert} is {instance['status']}{key} since {since} UTC"
    letters = store.dead_letter_count()
    if letters:
        yield (
            f"{count_of(letters, 'dead letter')}: seqbayes dead-letters {shlex.quote(store.url)}"
        )
