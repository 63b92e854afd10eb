"""``seqbayes replay coins``: its options, and the tale that they ask for."""

from __future__ import annotations

import argparse
from functools import partial
from itertools import accumulate
from typing import Any

from seqbayes.console.options import speed, whole
from seqbayes.console.palette import Signs
from seqbayes.replay.coins.lines import Json, Plain
from seqbayes.replay.coins.story import PRIORS, Kind, Moment, Opening, Step, Story
from seqbayes.replay.coins.summary import verdict
from seqbayes.replay.options import add_forms
from seqbayes.replay.pace import Pace
from seqbayes.replay.telling import Screen, Tale


def add_story(stories: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the story and its options."""
    coins = stories.add_parser(
        "coins",
        help="two coins, and nobody noted which was tossed: EM, step by step",
        description="Five sets of ten tosses, each with one of two coins. First it is known which;"
        " then EM has to find out: share every set between the coins (E-step), divide heads by"
        " tosses (M-step), and again.",
        allow_abbrev=False,
    )
    coins.add_argument(
        "--speed",
        type=speed("steps"),
        metavar="N",
        help="steps a second, or max; by default slow at first, and over within a minute",
    )
    coins.add_argument(
        "--iterations", type=whole(1, 1000), default=10, metavar="N", help="of EM, up to 1000 (10)"
    )
    coins.add_argument(
        "--start",
        type=_start,
        default=(0.6, 0.5),
        metavar="A,B",
        help="chances of heads to begin with (.6,.5)",
    )
    coins.add_argument(
        "--prior",
        choices=PRIORS,
        default="flat",
        help="of either coin: flat (the default) for maximum likelihood, beta22 for MAP-EM under"
        " Beta(2, 2)",
    )
    coins.add_argument(
        "--learn-weights",
        action="store_true",
        help="learn how often each coin is picked, too, instead of holding it at one half",
    )
    add_forms(coins, "step")


def tale(args: argparse.Namespace) -> Tale[Step]:
    """Return the story that the options ask for.

    Raises
    ------
    PriorError
        If the start is refused.
    """
    story = Story(args.iterations, args.start, args.prior, args.learn_weights)
    opening = story.opening
    return Tale(
        steps=story,
        plain=partial(Plain, opening),
        json=partial(Json, opening),
        screen=partial(_screen, opening),
        verdict=partial(verdict, opening),
        pace=reading(story.plan),
    )


def words(args: argparse.Namespace) -> dict[str, Any]:
    """Return the options as a page takes them."""
    return {
        "iterations": args.iterations,
        "start": ",".join(map(str, args.start)),
        "prior": args.prior,
        "learn_weights": str(args.learn_weights).lower(),
    }


def reading(plan: tuple[Moment, ...]) -> Pace:
    """Return the pace that leaves time to read what is new, and less for every repetition."""
    until = list(accumulate(map(_seconds, plan), initial=4.0))
    return lambda number: until[number]


def _seconds(moment: Moment) -> float:
    kind, iteration, shown = moment
    if iteration > 1:
        return 3.0 / iteration
    if kind == Kind.ROW:
        return (5.0 if shown == 1 else 2.5) if iteration else 1.2
    return {Kind.HIDE: 5.0, Kind.SUMS: 3.0, Kind.DIVIDE: 4.0}[kind]


def _screen(opening: Opening, signs: Signs) -> Screen[Step]:
    from seqbayes.replay.coins.screen import Screen  # rich is imported where it is drawn with

    return Screen(opening, signs)


def _start(text: str) -> tuple[float, float]:
    try:
        a, b = map(float, text.split(","))
    except ValueError:
        message = f"expected two chances of heads such as .6,.5, got {text!r}"
        raise argparse.ArgumentTypeError(message) from None
    return a, b
