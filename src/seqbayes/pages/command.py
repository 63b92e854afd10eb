"""``--html``: write a page to a file."""

from __future__ import annotations

import argparse
import sys

from seqbayes.console.files import check_target, replacing
from seqbayes.pages.candies import candies_page
from seqbayes.pages.coins import coins_page
from seqbayes.replay.coins import CoinStory
from seqbayes.replay.mms import CandyStory


def write_story(args: argparse.Namespace, story: CandyStory | CoinStory) -> int:
    """Write the page of a story, and return the exit status.

    Parameters
    ----------
    args
        Options of the story; `html` is the file.
    story
        The story that the options describe.

    Raises
    ------
    SeqbayesError
        If the file cannot be replaced.
    """
    if isinstance(story, CandyStory):
        return write_page(args.html, candies_page(story, args.prior, args.strength))
    return write_page(args.html, coins_page(story))


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
