"""``seqbayes dead-letters``: the events that could not be used, and what becomes of them."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections import deque
from collections.abc import Iterable

import msgspec

from seqbayes.console.log import Log, Tracker, add_format
from seqbayes.console.options import positive_int
from seqbayes.console.text import printable, shorten
from seqbayes.stream.commands.arguments import add_store, add_yes, confirmed
from seqbayes.stream.commands.check import load_or_tell
from seqbayes.stream.commands.status import EPILOG, NOTHING, WRONG, attempt
from seqbayes.stream.store import StoredLetter
from seqbayes.stream.verbs.answers import timestamp
from seqbayes.stream.verbs.letters import dead_letters

EXAMPLES = f"""\
examples:
  seqbayes dead-letters beliefs.db
  seqbayes dead-letters beliefs.db --json > letters.jsonl
  seqbayes dead-letters beliefs.db --retry seqbayes.toml
  seqbayes dead-letters beliefs.db --drop 17 18

With --retry each event that the corrected configuration can use enters its belief, once, and leaves
the dead letters in the same transaction; others stay.

{EPILOG}"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    add_store(parser)
    parser.add_argument("--source", metavar="SOURCE", help="only those of this source")
    act = parser.add_mutually_exclusive_group()
    act.add_argument("--json", action="store_true", help="a JSON line for each, with its raw text")
    act.add_argument("--retry", metavar="CONFIG", help="learn those that can be used now")
    act.add_argument(
        "--drop",
        metavar="NUMBER",
        type=int,
        nargs="*",
        help="remove those of these numbers, all where none is given; of --source, if there is one;"
        " after a question",
    )
    parser.add_argument(
        "--top", type=positive_int, default=20, metavar="N", help="so many are shown (%(default)s)"
    )
    add_yes(parser)
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """List, retry or drop them.

    Returns
    -------
    int
        The exit status; 1 where none could be used, too.

    Raises
    ------
    OSError
        If the configuration cannot be read.
    """
    log = Log(args.log_format, "dead-letters")
    if args.retry is not None:
        return attempt(log, lambda: _retry(args, log))
    if args.drop is not None:
        return attempt(log, lambda: _drop(args))
    return attempt(log, lambda: _list(args))


def _list(args: argparse.Namespace) -> int:
    letters = dead_letters(args.store, args.source)
    if args.json:
        for letter in letters:
            sys.stdout.buffer.write(msgspec.json.encode(_document(letter)) + b"\n")
        return 0
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
    """Print the last of them, each with its reason and the beginning of its text."""
    count = 0
    last: deque[StoredLetter] = deque(maxlen=top)
    for stored in letters:
        count += 1
        last.append(stored)
    width = max(shutil.get_terminal_size().columns, 40)
    digits = len(str(last[-1].number)) if last else 0
    for stored in last:
        letter = stored.letter
        place = f"{letter.belief or 'all beliefs'}, at {letter.position}"
        sys.stdout.write(f"{stored.number:{digits}}  {place}: {letter.reason}\n")
        raw = printable(letter.raw[:1000].decode(errors="backslashreplace"), 1000)
        sys.stdout.write(f"{' ' * digits}  {shorten(raw, width - digits - 2)}\n")
    more = f", the last {len(last)} of them above" if count > len(last) else ""
    sys.stdout.write(f"{count:,} dead letter{'' if count == 1 else 's'}{more}\n")


def _retry(args: argparse.Namespace, log: Log) -> int:
    config = load_or_tell(args.retry)
    if config is None:
        return WRONG
    tracker = Tracker(log)
    try:
        done = dead_letters(args.store, args.source).retry(config, tracker)
    finally:
        tracker.done()
    log.say(
        "retried",
        f"{done.used:,} used, {done.left:,} left in {args.store}",
        used=done.used,
        left=done.left,
    )
    return 0 if done.used or not done.left else NOTHING


def _drop(args: argparse.Namespace) -> int:
    letters = dead_letters(args.store, args.source)
    numbers = args.drop or None
    count = sum(1 for letter in letters if numbers is None or letter.number in numbers)
    them = "1 dead letter" if count == 1 else f"{count:,} dead letters"
    lost = "It is" if count == 1 else "They are"
    if not confirmed(f"Drop {them} of {args.store}? {lost} lost then.", args.yes):
        return NOTHING
    dropped = letters.drop(numbers)
    sys.stdout.write(
        f"{args.store}: dropped {dropped:,} dead letter{'' if dropped == 1 else 's'}\n"
    )
    return 0 if dropped or not numbers else NOTHING
