"""``seqbayes replay mms``: its options, and the tale that they ask for."""

from __future__ import annotations

import argparse
from functools import partial
from typing import Any

from seqbayes.console.options import speed, whole
from seqbayes.console.palette import Signs
from seqbayes.replay.mms.lines import Json, Plain
from seqbayes.replay.mms.priors import Prior
from seqbayes.replay.mms.story import Opening, Step, Story
from seqbayes.replay.mms.summary import verdict
from seqbayes.replay.options import add_forms
from seqbayes.replay.pace import gathering
from seqbayes.replay.telling import Screen, Tale


def add_story(stories: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the story and its options."""
    mms = stories.add_parser(
        "mms",
        help="2,620 real M&M's, eaten one at a time",
        description="Eat real M&M's one at a time and watch Bayes' rule at work: what is believed"
        " about every colour, what comes next, and which factory made them.",
        allow_abbrev=False,
    )
    mms.add_argument(
        "--speed",
        type=speed("candies"),
        metavar="N",
        help="candies a second, or max; by default slow at first, and over within a minute",
    )
    mms.add_argument("--seed", type=whole(0), default=1, help="deals the candies into bags (1)")
    mms.add_argument(
        "--bags", type=whole(1, 48), metavar="N", help="how many of the 48 bags to eat"
    )
    mms.add_argument(
        "--prior",
        default="uniform",
        help="uniform (the default), jeffreys, park (a walk in the park), or proportions that sum"
        " to 1, such as green=.40,red=.25,yellow=.15,blue=.20",
    )
    mms.add_argument(
        "--strength",
        type=float,
        metavar="N",
        help="how many imagined candies the park or the proportions are worth (100)",
    )
    add_forms(mms, "candy")


def tale(args: argparse.Namespace) -> Tale[Step]:
    """Return the story that the options ask for.

    Raises
    ------
    PriorError
        If the prior is refused.
    """
    story = Story(Prior.parse(args.prior, args.strength), args.seed, args.bags)
    opening = story.opening
    return Tale(
        steps=story,
        plain=partial(Plain, opening),
        json=partial(Json, opening),
        screen=partial(_screen, opening),
        verdict=partial(verdict, opening),
        pace=gathering(),
    )


def words(args: argparse.Namespace) -> dict[str, Any]:
    """Return the options as a page takes them."""
    given = {"seed": args.seed, "bags": args.bags, "prior": args.prior, "strength": args.strength}
    return {name: value for name, value in given.items() if value is not None}


def _screen(opening: Opening, signs: Signs) -> Screen[Step]:
    from seqbayes.replay.mms.screen import Screen  # rich is imported where it is drawn with

    return Screen(opening, signs)
