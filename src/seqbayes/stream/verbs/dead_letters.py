"""``dead-letters``: list, retry or drop the events that could not be used."""

from __future__ import annotations

import argparse
import itertools
import shutil
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext

import msgspec

from seqbayes.console.log import Log, Tracker, add_format
from seqbayes.console.options import positive_int
from seqbayes.console.status import NO_RESULT, USAGE_ERROR
from seqbayes.console.text import count_of, printable, shorten
from seqbayes.stream.config import Config
from seqbayes.stream.retry import Retried as Retried
from seqbayes.stream.retry import Retry
from seqbayes.stream.source import Source
from seqbayes.stream.stores import Store, StoredLetter, open_store
from seqbayes.stream.verbs.shared import (
    EPILOG,
    MissingError,
    add_store,
    add_yes,
    confirmed,
    load_or_report,
    print_json,
    reports_errors,
)
from seqbayes.stream.verbs.stored import timestamp

CHUNK = 2000
"""Number of letters learned per transaction."""


EXAMPLES = f"""\
examples:
  seqbayes dead-letters beliefs.db
  seqbayes dead-letters beliefs.db --json > letters.jsonl
  seqbayes dead-letters beliefs.db --retry seqbayes.toml
  seqbayes dead-letters beliefs.db --drop 17 18

With --retry, each event that the corrected configuration can use is learned exactly once: it is
removed from the dead letters in the same transaction. The others remain.

{EPILOG}"""


class DeadLetters:
    """The dead letters of a store: events that could not be used.

    Parameters
    ----------
    url
        URL or path of the store.
    source
        Name of a source; only its letters are selected.

    Raises
    ------
    StoreError
        If the store cannot be read or written, or does not contain the source.
    """

    def __init__(self, url: str, source: str | None = None) -> None:
        self.url = url
        self.source = source

    def __iter__(self) -> Iterator[StoredLetter]:
        with open_store(self.url, "read") as store, store.snapshot():
            self._check_source(store)
            yield from store.letters(self.source)

    def _check_source(self, store: Store) -> None:
        known = [position.source for position in store.positions()]
        if self.source in (None, *known):
            return
        if next(store.letters(self.source), None) is None:
            names = ", ".join(known) or "none"
            raise MissingError(f"{store.url} has no source {self.source!r}; sources: {names}")

    def drop(self, numbers: Sequence[int] | None = None) -> int:
        """Delete dead letters, all by default.

        Parameters
        ----------
        numbers
            Numbers of the letters. If a source is selected, letters of other sources are kept.

        Returns
        -------
        int
            Number of letters deleted.
        """
        if numbers is None or self.source is not None:
            given = None if numbers is None else set(numbers)
            selected = [letter.number for letter in self]
            numbers = [number for number in selected if given is None or number in given]
        with open_store(self.url, "open") as store:
            return store.remove_letters(numbers)

    def retry(self, config: Config, tracker: Tracker | None = None) -> Retried:
        """Learn the dead letters that a corrected configuration can use.

        Each event is learned exactly once, by its belief, or by all beliefs if it could not be
        decoded: the transaction that stores the belief also removes the dead letter.
        Events that still cannot be used are kept, and so are rewards for decisions so old that they
        may already have been learned. If events have ids, an event whose corrected copy was learned
        is removed without being learned. A belief with a half-life in time gives an event the
        weight it would have had at its time; a belief that depends on the order of events learns
        it as the newest event.

        Parameters
        ----------
        config
            The configuration; by default only the letters of its source are retried.
        tracker
            Reports the progress.

        Raises
        ------
        LeaseError
            If another process is using the store.
        """
        done = Retried()
        with open_store(self.url, "open") as store:
            names: list[str | None] = [each.name for each in store.partitions()]
            for name in names or [None]:
                with nullcontext(store) if name is None else store.open_partition(name) as part:
                    if name is None or part.dead_letter_count():
                        self._retry(part, config, config.open_source(name), tracker, done)
        return done

    def _retry(
        self, store: Store, config: Config, source: Source, tracker: Tracker | None, done: Retried
    ) -> None:
        """Retry the letters of a store, or of one partition of it."""
        source.close()
        retry = Retry(store, config, source, done)
        letters: Iterator[StoredLetter] = iter(list(store.letters(self.source or source.name)))
        if tracker is not None:
            letters = iter(tracker.track(letters))
        while chunk := list(itertools.islice(letters, CHUNK)):
            retry.learn(chunk)


def dead_letters(url: str, source: str | None = None) -> DeadLetters:
    """Return the dead letters of a store, to iterate over, retry or drop.

    Parameters
    ----------
    url
        URL or path of the store.
    source
        Name of a source; only its letters are selected.
    """
    return DeadLetters(url, source)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLES
    add_store(parser)
    parser.add_argument("--source", metavar="SOURCE", help="select only the letters of this source")
    action = parser.add_mutually_exclusive_group()
    action.add_argument(
        "--json", action="store_true", help="print one JSON line per letter, with its raw text"
    )
    action.add_argument(
        "--retry",
        metavar="CONFIG",
        help="retry with this configuration: learn the events that are now valid",
    )
    action.add_argument(
        "--drop",
        metavar="NUMBER",
        type=int,
        nargs="*",
        help="delete letters with these numbers, or all (limited by --source), after confirmation",
    )
    parser.add_argument(
        "--top",
        type=positive_int,
        default=20,
        metavar="N",
        help="number of letters shown (%(default)s)",
    )
    add_yes(parser)
    add_format(parser)


@reports_errors
def command(args: argparse.Namespace, log: Log) -> int:
    """List, retry or drop dead letters; return the exit status, 1 if none could be used.

    Raises
    ------
    OSError
        If the configuration cannot be read.
    """
    if args.retry is not None:
        return _retry(args, log)
    if args.drop is not None:
        return _drop(args)
    letters = dead_letters(args.store, args.source)
    if args.json:
        for letter in letters:
            print_json(_document(letter))
    else:
        _draw(letters, args.top)
    return 0


def _document(stored: StoredLetter) -> dict[str, object]:
    letter = stored.letter
    return {
        "number": stored.number,
        "source": letter.source,
        "position": msgspec.Raw(letter.position.encode()),
        "belief": letter.belief or None,
        "reason": letter.reason,
        "raw": letter.raw.decode(errors="backslashreplace"),
        "at": timestamp(stored.at),
    }


def _draw(letters: Iterable[StoredLetter], top: int) -> None:
    """Print the last letters, each with its reason and the beginning of its text."""
    count = 0
    last: deque[StoredLetter] = deque(maxlen=top)
    for stored in letters:
        count += 1
        last.append(stored)
    width = max(shutil.get_terminal_size().columns, 40)
    digits = len(str(last[-1].number)) if last else 0
    for stored in last:
        letter = stored.letter
        position = f"{letter.belief or 'all beliefs'}, at {letter.position}"
        sys.stdout.write(f"{stored.number:{digits}}  {position}: {letter.reason}\n")
        raw = printable(letter.raw[:1000].decode(errors="backslashreplace"), 1000)
        sys.stdout.write(f"{' ' * digits}  {shorten(raw, width - digits - 2)}\n")
    more = f", the last {len(last)} shown" if count > len(last) else ""
    sys.stdout.write(f"{count_of(count, 'dead letter')}{more}\n")


def _retry(args: argparse.Namespace, log: Log) -> int:
    config = load_or_report(args.retry)
    if config is None:
        return USAGE_ERROR
    with Tracker(log) as tracker:
        done = dead_letters(args.store, args.source).retry(config, tracker)
    again = f", {done.duplicates:,} were learned before" if done.duplicates else ""
    log.event(
        "retried",
        f"{done.used:,} used{again}, {done.left:,} left in {args.store}",
        used=done.used,
        left=done.left,
        duplicates=done.duplicates,
    )
    return 0 if done.used or done.duplicates or not done.left else NO_RESULT


def _drop(args: argparse.Namespace) -> int:
    letters = dead_letters(args.store, args.source)
    numbers = args.drop or None
    count = sum(1 for letter in letters if numbers is None or letter.number in numbers)
    if not count:
        sys.stdout.write(f"{args.store}: no such dead letters\n")
        return NO_RESULT if numbers else 0
    question = f"Delete {count_of(count, 'dead letter')} from {args.store}? This cannot be undone."
    if not confirmed(question, args.yes):
        return NO_RESULT
    dropped = letters.drop(numbers)
    sys.stdout.write(f"{args.store}: deleted {count_of(dropped, 'dead letter')}\n")
    return 0 if dropped or not numbers else NO_RESULT
