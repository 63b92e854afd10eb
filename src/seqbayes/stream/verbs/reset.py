"""``reset``: delete a belief, a key, or the offset of a source from a store."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from seqbayes.console.log import Log
from seqbayes.console.status import NO_RESULT
from seqbayes.console.text import count_of
from seqbayes.errors import SeqbayesError
from seqbayes.stream.stores import Store, open_store
from seqbayes.stream.verbs.shared import (
    EPILOG,
    MissingError,
    add_key,
    add_store,
    add_yes,
    confirmed,
    reports_errors,
)
from seqbayes.stream.verbs.stored import missing_key, stored_beliefs

EXAMPLES = f"""\
examples:
  seqbayes reset beliefs.db conversion A
  seqbayes reset beliefs.db conversion --yes
  seqbayes reset beliefs.db --source file:/var/log/events.jsonl

Resetting a belief also deletes its declaration, so that it can be redeclared. Resetting a source
makes the next run read it from its beginning: also reset the beliefs that have learned from it, or
its events are counted twice.

{EPILOG}"""


def reset(
    url: str,
    belief: str | None = None,
    key: str | Sequence[str] = (),
    rest: bool = False,
    source: str | None = None,
) -> int:
    """Delete a belief with its declaration, one of its keys, or the offset of a source.

    The history is deleted, too; dead letters are kept. A deleted belief can be redeclared with
    another prior; it learns from the current offset of the source. A source whose offset was
    deleted is read from its beginning: also reset the beliefs that have learned from it, or its
    events are counted twice.

    Parameters
    ----------
    url
        URL or path of the store.
    belief
        Name of a belief.
    key
        Values of one of its keys; by default, the whole belief is deleted.
    rest
        Whether to delete only the pooled rest.
    source
        Name of a source, instead of a belief.

    Returns
    -------
    int
        Number of states, or offsets, deleted.

    Raises
    ------
    MissingError
        If the belief, the key or the source does not exist.
    LeaseError
        If another process is using the store.
    StoreError
        If the store cannot be written.
    """
    if (belief is None) == (source is None):
        raise SeqbayesError("expected either a belief or a source to reset")
    with open_store(url, "open") as store:
        store.acquire()
        if source is not None:
            return _reset_source(store, source)
        (stored,) = stored_beliefs(store, belief)
        one = "null" if rest else stored.encode_key(key) if key else None
        count = store.remove_belief(stored.name, one)
        if one is not None and not count:
            raise missing_key(stored, key, rest)
        return count


def _reset_source(store: Store, source: str) -> int:
    known = [position.source for position in store.positions()]
    if source not in known:
        names = ", ".join(known) or "none"
        raise MissingError(f"{store.url} has no source {source!r}; sources: {names}")
    return store.remove_position(source)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLES
    add_store(parser)
    add_key(parser, optional=True)
    parser.add_argument("--source", metavar="SOURCE", help="name of a source, instead of a belief")
    add_yes(parser)


@reports_errors
def command(args: argparse.Namespace, log: Log) -> int:
    """Reset after confirmation; return the exit status, 1 if it was not confirmed."""
    if (args.belief is None) == (args.source is None):
        raise SeqbayesError(
            "name what to reset: a belief, optionally with a key or --rest; or a source, with"
            " --source"
        )
    what = _name(args)
    if not confirmed(f"Reset {what} in {args.store}? This cannot be undone.", args.yes):
        return NO_RESULT
    count = reset(args.store, args.belief, args.key, args.rest, args.source)
    keys = "" if args.source or args.key or args.rest else f", {count_of(count, 'key')}"
    sys.stdout.write(f"{args.store}: reset {what}{keys}\n")
    return 0


def _name(args: argparse.Namespace) -> str:
    if args.source is not None:
        return f"the offset of source {args.source!r}"
    if args.rest:
        return f"the pooled rest of belief {args.belief!r}"
    if args.key:
        return f"{' / '.join(args.key)!r} of belief {args.belief!r}"
    return f"belief {args.belief!r} with all its keys"
