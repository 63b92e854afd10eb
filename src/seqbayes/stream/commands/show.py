"""``seqbayes show``: what a store has learned."""

from __future__ import annotations

import argparse
import csv
import heapq
import shlex
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from seqbayes.console.log import Log, Tracker, count_events
from seqbayes.console.options import add_intervals, add_top
from seqbayes.console.summary import View
from seqbayes.events.durations import spell_duration
from seqbayes.state import check_level
from seqbayes.stream.commands.arguments import add_as_of, add_key, add_store
from seqbayes.stream.commands.status import EPILOG, attempt
from seqbayes.stream.forms import in_words
from seqbayes.stream.store import Store, open_store
from seqbayes.stream.verbs import answers as verbs
from seqbayes.stream.verbs.answers import Answer, Kept, MissingError, timestamp
from seqbayes.stream.verbs.rows import cell, header, lines, rows

if TYPE_CHECKING:
    from rich.console import RenderableType

EXAMPLES = f"""\
examples:
  seqbayes show beliefs.db
  seqbayes show beliefs.db conversion A --interval hdi
  seqbayes show beliefs.db seconds --as-of now --csv > seconds.csv

{EPILOG}"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    add_store(parser)
    add_key(parser, optional=True)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="a JSON line for each key")
    form.add_argument(
        "--csv", action="store_true", help="a row for each number that is believed about"
    )
    add_intervals(parser)
    add_top(parser)
    add_as_of(parser)


def run(args: argparse.Namespace) -> int:
    """Show posterior, interval, estimates, counts and times of the beliefs in a store.

    Returns
    -------
    int
        The exit status.

    Raises
    ------
    ObservationError
        If the level is none.
    """
    check_level(args.level, args.interval)
    view = View(args.level, args.interval, args.top)
    return attempt(Log("text", "show"), lambda: _show(args, view))


def _show(args: argparse.Namespace, view: View) -> int:
    with open_store(args.store, "read") as store, store.snapshot():
        beliefs = verbs.kept_beliefs(store, args.belief)
        tracker = Tracker(Log("text", "show"), sum(store.entry_count(b.name) for b in beliefs))
        found = _Found(store, args, tracker)
        if args.json:
            _write_json(found.all(beliefs), view)
        elif args.csv:
            _write_csv(found.all(beliefs), view, beliefs)
        else:
            _draw(found, beliefs, view)
        tracker.done()
    if not found.count:
        raise MissingError(f"{args.store} has learned nothing yet")
    return 0


class _Found:
    """The answers of a store, counted."""

    def __init__(self, store: Store, args: argparse.Namespace, tracker: Tracker) -> None:
        self.store = store
        self.args = args
        self.count = 0
        self.tracker = tracker

    def of(self, kept: Kept) -> Iterator[Answer]:
        """Yield those of a belief."""
        args, before = self.args, self.count
        found = verbs.answers(self.store, kept, args.key, args.rest, args.as_of)
        for answer in self.tracker.track(found):
            self.count += 1
            yield answer
        if self.count == before and (args.key or args.rest):
            raise verbs.missing(kept, args.key, args.rest)

    def all(self, beliefs: Iterable[Kept]) -> Iterator[Answer]:
        """Yield those of several beliefs."""
        for kept in beliefs:
            yield from self.of(kept)


def _write_json(answers: Iterable[Answer], view: View) -> None:
    for answer in answers:
        sys.stdout.buffer.write(msgspec.json.encode(answer.to_dict(view)) + b"\n")


def _write_csv(answers: Iterable[Answer], view: View, beliefs: Iterable[Kept]) -> None:
    by = list(dict.fromkeys(name for kept in beliefs for name in kept.by))
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(header(by))
    for answer in answers:
        for *values, since, updated in rows(answer, view, by):
            writer.writerow([*map(cell, values), timestamp(since), timestamp(updated)])


def _draw(found: _Found, beliefs: Iterable[Kept], view: View) -> None:
    """Print a table for each belief, and where the sources stand."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=False)
    for kept in beliefs:
        console.print(_picture(found, kept, view, console))
    if found.args.belief is None:
        for text in _footer(found.store):
            console.print(text, markup=False, style="dim")


def _picture(found: _Found, kept: Kept, view: View, console: Any) -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    from seqbayes.console.palette import ASCII, UNICODE
    from seqbayes.console.table import draw

    first = [float("inf")]
    total = [0]

    def noted() -> Iterator[Answer]:
        for answer in found.of(kept):
            first[0] = min(first[0], answer.since)
            total[0] += 1
            yield answer

    def seen(answer: Answer) -> float:
        return float(getattr(answer.state, "n_samples", 0.0))

    chosen = heapq.nlargest(view.top, noted(), key=seen)
    title = Text.assemble((kept.name, "bold"), f" {kept.keyed}: {_counts(len(chosen), total[0])}")
    if chosen:
        title.append(f", since {timestamp(first[0])[:16].replace('T', ' ')} UTC")
    signs = ASCII if console.options.ascii_only else UNICODE
    table = draw(
        [line for each in chosen for line in lines(each, view)], view, console.width, signs
    )
    below: list[RenderableType] = [table, ""] if chosen else []
    return Group(title, _prior(kept), "", *below)


def _counts(shown: int, total: int) -> str:
    keys = f"{total:,} key{'' if total == 1 else 's'}"
    return keys if shown == total else f"{shown} of {keys}"


def _prior(kept: Kept) -> RenderableType:
    """Return the line that says prior and likelihood, each in its colour."""
    from rich.text import Text

    from seqbayes.console.palette import RULE

    likelihood = getattr(kept.prior, "likelihood", None)
    if likelihood is None:
        words = in_words(kept.prior) or " ".join(repr(kept.prior).split())
        return Text(words[:300], RULE["prior"])
    text = Text.assemble(
        (f"{str(kept.prior).partition(' + ')[0]} prior", RULE["prior"]),
        ", ",
        (f"{type(likelihood).__name__} likelihood", RULE["likelihood"]),
    )
    if hasattr(kept.prior, "half_life"):
        life, by = kept.prior.half_life, kept.prior.by
        text.append(f", half-life {spell_duration(life) if by == 'time' else f'{life:g} events'}")
    return text


def _footer(store: Store) -> Iterator[str]:
    for place in store.places():
        when = timestamp(place.updated)[:16].replace("T", " ")
        yield f"{place.source}: {count_events(place.events)}, the last commit at {when} UTC"
    letters = store.dead_letter_count()
    if letters:
        yield (
            f"{letters:,} dead letter{'' if letters == 1 else 's'}:"
            f" seqbayes dead-letters {shlex.quote(store.url)}"
        )
