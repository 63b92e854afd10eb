"""``seqbayes watch``: keep beliefs on the events of a file or of standard input."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from seqbayes.console.options import add_intervals, add_top, positive, positive_int
from seqbayes.console.signals import Interruption, interruptible
from seqbayes.console.summary import View
from seqbayes.errors import SeqbayesError
from seqbayes.events import spec
from seqbayes.events.columns import Columns, choose_columns
from seqbayes.state import State, check_level
from seqbayes.watch.beliefs import Beliefs
from seqbayes.watch.lines import Lines, file_reader, file_ready
from seqbayes.watch.readers import Reader, find_form, reader_for
from seqbayes.watch.report import json_lines, losses

if TYPE_CHECKING:
    from seqbayes.watch.display import LiveScreen, Screen

NOTHING_USED = 1

_EXAMPLES = """\
examples:
  seqbayes watch events.jsonl --state beta --value converted --by variant
  tail -f events.jsonl | seqbayes watch - --state gamma --value errors --by host
  seqbayes watch shops.csv --state beta --likelihood binomial --value sold --value shown --json
  seqbayes watch sweets.csv --state dirichlet --prior green=40,red=25,blue=20 --value colour
  seqbayes watch waits.csv --state gamma --likelihood exponential --prior jeffreys --value seconds

exit status: 0 if events were used, 1 if none could be, 2 for a wrong option, file or column,
130 after Ctrl-C (what was learned so far is printed first)
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; families and likelihoods name their own."""
    parser.epilog = _EXAMPLES
    parser.add_argument("file", metavar="FILE", help="events, or - for standard input")
    belief = parser.add_argument_group("the belief")
    belief.add_argument("--state", required=True, metavar="FAMILY", help=", ".join(spec.families()))
    belief.add_argument(
        "--likelihood", metavar="NAME", help="how events are made; the family's first by default"
    )
    for name, owners in spec.fixed_parameters().items():
        belief.add_argument(
            f"--{name}", dest=f"fixed_{name}", metavar="X", help=f"of {', '.join(owners)}"
        )
    belief.add_argument(
        "--prior",
        metavar="PRIOR",
        help="alpha=2,beta=3, or a named one: flat, jeffreys, from-mean:mean=.2,strength=9",
    )
    belief.add_argument(
        "--categories", metavar="A,B,…", help="labels of a dirichlet whose prior does not name them"
    )
    _add_input(parser.add_argument_group("the events"))
    _add_output(parser.add_argument_group("the answer"))


def _add_input(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--value",
        action="append",
        required=True,
        metavar="COLUMN",
        help="the observation; twice for a pair, such as successes and trials",
    )
    group.add_argument(
        "--by", action="append", default=[], metavar="COLUMN", help="a belief for each; repeatable"
    )
    group.add_argument("--weight", metavar="COLUMN", help="the weight of the event, >= 0")
    group.add_argument(
        "--format", choices=("jsonl", "csv"), help="by default as the input's name or start says"
    )
    group.add_argument("--delimiter", metavar="C", help="of CSV cells: a character, or tab")
    group.add_argument(
        "--max-keys",
        type=positive_int,
        default=100_000,
        metavar="N",
        help="events of keys (or labels of an open vocabulary) after the first N are counted, and"
        " not used (%(default)s)",
    )


def _add_output(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--json", action="store_true", help="one JSON line per key at the end")
    add_intervals(group)
    add_top(group)
    group.add_argument(
        "--every",
        type=positive,
        default=0.5,
        metavar="S",
        help="seconds between two pictures in a terminal (%(default)s)",
    )
    group.add_argument(
        "--progress", action="store_true", help="a line on standard error every ten seconds"
    )


def command(args: argparse.Namespace) -> int:
    """Read the events, and print the beliefs.

    Returns
    -------
    int
        0; 1 if no event could be used; 128 and its number if a signal ended it.

    Raises
    ------
    SeqbayesError
        If an option or a column makes no sense.
    OSError
        If the input cannot be read.
    """
    check_level(args.level, args.interval)
    prior, columns = _prepare(args)
    with _opened(args.file) as descriptor, interruptible() as interruption:
        return _Watch(args, prior, columns).run(descriptor, interruption)


def _prepare(args: argparse.Namespace) -> tuple[State, Columns]:
    """Return the empty state and the columns that the options ask for."""
    families = spec.families()
    family = families.get(spec.spell(args.state))
    if family is None:
        raise SeqbayesError(f"no state {args.state!r}: expected one of {', '.join(families)}")
    fixed = {
        name.removeprefix("fixed_"): text
        for name, text in vars(args).items()
        if name.startswith("fixed_") and text is not None
    }
    likelihood = spec.make_likelihood(family, args.likelihood, fixed, len(args.value))
    columns = choose_columns(likelihood, args.value, args.by, args.weight)
    categories = None if args.categories is None else args.categories.split(",")
    if categories is None and args.prior is None and len(args.value) > 1:
        categories = columns.labels
    return spec.make_prior(family, args.prior, likelihood, categories), columns


@contextmanager
def _opened(name: str) -> Iterator[int]:
    """Open a file, or take standard input."""
    if name == "-":
        if sys.stdin is None:
            raise SeqbayesError("standard input is closed")
        if sys.stdin.isatty():
            _say("reading events from the terminal; Ctrl-D ends them")
        yield sys.stdin.fileno()
        return
    with open(name, "rb", buffering=0) as file:
        yield file.fileno()


class _Watch:
    """One run of the command."""

    _progress_every = 10.0
    _patience = 1000  # lines without a column before that is worth a word

    def __init__(self, args: argparse.Namespace, prior: State, columns: Columns) -> None:
        self._args = args
        self._prior = prior
        self._columns = columns
        self._beliefs = Beliefs(spec.factory(prior), columns, args.max_keys)
        self._view = View(args.level, args.interval, args.top)
        self._reader: Reader | None = None
        self._started = self._reported = time.monotonic()
        self._warned: set[str] = set()

    def run(self, descriptor: int, interruption: Interruption) -> int:
        live = _can_draw() and not os.isatty(descriptor)  # nobody types into a live table
        screen = None if self._args.json and not live else self._screen()
        with self._live(screen) if live and screen else nullcontext() as picture:
            self._consume(descriptor, interruption, picture)
        try:
            if self._reader is not None and not interruption:
                self._reader.finish()
            if self._beliefs.used:
                self._answer(screen, live)
        finally:
            for text in losses(self._beliefs, self._args.max_keys):
                _say(text)
        if interruption:
            return interruption.status
        if not self._beliefs.used:
            _say("no event could be used" if self._reader else "the input is empty")
            return NOTHING_USED
        return 0

    def _answer(self, screen: Screen | None, live: bool) -> None:
        """Print the beliefs, as a table or as JSON lines."""
        if self._args.json or screen is None:
            for line in json_lines(self._beliefs, self._columns, self._view):
                sys.stdout.buffer.write(line)
        else:
            elapsed = max(time.monotonic() - self._started, 1e-9)
            screen.console.print(screen.picture(self._beliefs.used / elapsed if live else None))
        sys.stdout.flush()

    def _screen(self) -> Screen:
        from rich.console import Console

        from seqbayes.watch.display import Screen

        console = Console(highlight=False, soft_wrap=False)
        return Screen(self._beliefs, self._prior, self._view, console)

    def _live(self, screen: Screen) -> LiveScreen:
        from seqbayes.watch.display import LiveScreen

        return LiveScreen(screen, lambda: self._beliefs.used, self._args.every)

    def _consume(
        self, descriptor: int, interruption: Interruption, picture: LiveScreen | None
    ) -> None:
        """Read to the end, or to an interruption."""
        lines = Lines(
            file_reader(descriptor),
            self._beliefs.refuse,
            file_ready(descriptor, min(self._args.every, 0.2)),
        )
        for first, batch in lines:
            if interruption:
                break
            if batch:
                self._feed(first, batch)
            if picture is not None:
                picture.tick(self._notice())
            else:
                self._speak(first)

    def _feed(self, first: int, batch: list[bytes]) -> None:
        if first == 1:
            batch[0] = batch[0].removeprefix(b"\xef\xbb\xbf")
        if self._reader is None:
            start = next((line for line in batch if line.strip()), None)
            if start is None:
                return
            self._reader = self._make_reader(start)
        self._reader.feed(first, batch)

    def _make_reader(self, start: bytes) -> Reader:
        args = self._args
        form = find_form(args.file, start)
        delimiter = args.delimiter or ("\t" if args.file.lower().endswith(".tsv") else ",")
        if delimiter in ("tab", "\\t"):
            delimiter = "\t"
        if len(delimiter) != 1 or delimiter in '"\r\n':
            raise SeqbayesError(f"expected one character as delimiter, got {delimiter!r}")
        return reader_for(args.format or form, self._columns, self._beliefs, delimiter)

    def _notice(self) -> str:
        """Return what should be known before the end."""
        if self._reader is not None and (unknown := self._reader.unknown(self._patience)):
            return f"so far {unknown}"
        if self._beliefs.over_limit:
            return f"--max-keys {self._args.max_keys:,} is reached: later ones are not used"
        return ""

    def _speak(self, line: int) -> None:
        """Say on standard error what a picture would show."""
        notice = self._notice()
        if notice and notice not in self._warned:
            self._warned.add(notice)
            _say(notice)
        now = time.monotonic()
        if self._args.progress and now >= self._reported + self._progress_every:
            self._reported = now
            used, malformed = self._beliefs.used, self._beliefs.malformed
            rate = used / (now - self._started)
            _say(f"line {line:,}: {used:,} events ({rate:,.0f}/s), {malformed:,} malformed")


def _can_draw() -> bool:
    return sys.stdout.isatty() and os.environ.get("TERM", "") not in ("", "dumb", "unknown")


def _say(text: str) -> None:
    sys.stderr.write(f"{text if text.startswith(' ') else f'seqbayes watch: {text}'}\n")
