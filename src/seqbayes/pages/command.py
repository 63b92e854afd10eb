"""``--html``: write a page to a file."""

from __future__ import annotations

import argparse
import sys

from seqbayes.checks import check_level
from seqbayes.console.files import check_target, replacing
from seqbayes.console.log import Log
from seqbayes.console.summary import View
from seqbayes.pages.lessons import candies_page, coins_page, estimates_page
from seqbayes.pages.store import store_page
from seqbayes.replay.command import make_story
from seqbayes.replay.mms import CandyStory
from seqbayes.stream.verbs.export import check_store_target
from seqbayes.stream.verbs.shared import reports_errors


def write_story(args: argparse.Namespace) -> int:
    """Write the page of a story, and return the exit status.

    Parameters
    ----------
    args
        Options of the story; `html` is the file.

    Raises
    ------
    PriorError
        If the prior or the start is invalid.
    SeqbayesError
        If the file cannot be replaced.
    """
    if args.story == "estimates":
        return write_page(args.html, estimates_page())
    story = make_story(args)
    if isinstance(story, CandyStory):
        return write_page(args.html, candies_page(story, args.prior, args.strength))
    return write_page(args.html, coins_page(story))


@reports_errors
def write_store(args: argparse.Namespace, log: Log) -> int:
    """Write the page of a store, and return the exit status.

    Parameters
    ----------
    args
        Options of ``show``; `html` is the file.
    log
        The log of ``show``.
    """
    check_level(args.level, args.interval)
    view = View(args.level, args.interval, args.top)
    check_store_target(args.html, args.store)
    page = store_page(args.store, args.belief, args.key, args.rest, args.as_of, view)
    return write_page(args.html, page)


def write_page(path: str, page: str) -> int:
    """Write a page to a file, atomically, and return the exit status.

    Raises
    ------
    SeqbayesError
        If the file cannot be replaced.
    """
    target = check_target(path)
    with replacing(target) as file:
        file.write(page.encode())
    if target is not None:
        sys.stderr.write(f"wrote {path}, {len(page.encode()) / 1000:,.0f} kB\n")
    return 0
