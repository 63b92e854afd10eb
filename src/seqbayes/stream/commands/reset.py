"""``seqbayes reset``: a store forgets a belief, a key, or where a source stands."""

from __future__ import annotations

import argparse
import sys

from seqbayes.console.log import Log
from seqbayes.errors import SeqbayesError
from seqbayes.stream.commands.arguments import add_key, add_store, add_yes, confirmed
from seqbayes.stream.commands.status import EPILOG, NOTHING, attempt
from seqbayes.stream.verbs.resets import reset

EXAMPLES = f"""\
examples:
  seqbayes reset beliefs.db conversion A
  seqbayes reset beliefs.db conversion --yes
  seqbayes reset beliefs.db --source file:/var/log/events.jsonl

A belief is forgotten with its declaration, so that it can be declared anew. A source whose place
was forgotten is read from its beginning: what beliefs have learned from it would count twice, so
forget these as well.

{EPILOG}"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    add_store(parser)
    add_key(parser, optional=True)
    parser.add_argument("--source", metavar="SOURCE", help="a source by its name, not a belief")
    add_yes(parser)


def run(args: argparse.Namespace) -> int:
    """Forget, after a question on a terminal.

    Returns
    -------
    int
        The exit status; 1, too, if the answer was no.
    """
    return attempt(Log("text", "reset"), lambda: _reset(args))


def _reset(args: argparse.Namespace) -> int:
    if (args.belief is None) == (args.source is None):
        raise SeqbayesError(
            "name what is to be forgotten: a belief, with a key or --rest for no more than that, or"
            " a source, by --source"
        )
    what = _name(args)
    if not confirmed(f"Forget {what} in {args.store}? It cannot be undone.", args.yes):
        return NOTHING
    count = reset(args.store, args.belief, args.key, args.rest, args.source)
    keys = (
        ""
        if args.source or args.key or args.rest
        else f", {count:,} key{'' if count == 1 else 's'}"
    )
    sys.stdout.write(f"{args.store}: forgot {what}{keys}\n")
    return 0


def _name(args: argparse.Namespace) -> str:
    if args.source is not None:
        return f"where source {args.source!r} stands"
    if args.rest:
        return f"the pooled rest of belief {args.belief!r}"
    if args.key:
        return f"{' / '.join(args.key)!r} of belief {args.belief!r}"
    return f"belief {args.belief!r} with all its keys"
