"""``seqbayes replay``: play a story in the terminal."""

from __future__ import annotations

import argparse
from contextlib import nullcontext
from typing import Any

from seqbayes.console.keyboard import open_keyboard
from seqbayes.console.options import add_server, speed, whole
from seqbayes.console.signals import interruptible
from seqbayes.console.streams import ascii_only, can_draw
from seqbayes.replay.coins import CoinStory
from seqbayes.replay.coins.steps import PRIORS
from seqbayes.replay.mms import CandyStory, Prior
from seqbayes.replay.mms.bag import read_bag
from seqbayes.replay.player import LineOutput, Output, play
from seqbayes.replay.story import Story, even

HTML = "write the story as one HTML file that needs no server and no network; - is standard output"

EXAMPLES = """\
examples:
  seqbayes replay mms
  seqbayes replay coins --plain
  seqbayes replay mms --html mms.html
  seqbayes replay estimates --html estimates.html

keys in a terminal: space pauses and resumes, n or → shows the next step, q quits

exit status: 0, 2 for an invalid option, 130 after Ctrl-C
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the stories and their options."""
    parser.epilog = EXAMPLES
    stories = parser.add_subparsers(dest="story", metavar="STORY", required=True)
    _add_candies(
        stories.add_parser(
            "mms",
            help="2,620 real M&M's, drawn one at a time",
            description="Draw real M&M's one at a time and follow Bayes' rule: the belief"
            " about each colour, the prediction of the next candy, and the factory they came from.",
            allow_abbrev=False,
        )
    )
    _add_coins(
        stories.add_parser(
            "coins",
            help="two coins with unknown labels: EM, step by step",
            description="Five sets of ten tosses, each made with one of two coins. First the coins"
            " are known; then EM estimates them: split each set between the coins (E-step), divide"
            " heads by tosses (M-step), repeat.",
            allow_abbrev=False,
        )
    )

    _add_estimates(
        stories.add_parser(
            "estimates",
            help="MLE, MAP and EM: an interactive page",
            description="What MLE, MAP and EM are and how they are related, as one HTML file with"
            " an interactive chart in each step.",
            allow_abbrev=False,
        )
    )


def _add_estimates(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--html", metavar="FILE", required=True, help=HTML)
    parser.set_defaults(serve=False)


def _add_candies(parser: argparse.ArgumentParser) -> None:
    _add_speed(parser, "candies")
    parser.add_argument(
        "--seed", type=whole(0), default=1, help="seed for dividing the candies into bags (1)"
    )
    parser.add_argument(
        "--bags", type=whole(1, 48), metavar="N", help="number of bags, up to 48 (default: 48)"
    )
    parser.add_argument(
        "--prior",
        default="park",
        help="park (the default: a guess made on a walk in the park), uniform, jeffreys, or"
        " proportions that sum to 1, such as green=.40,red=.25,yellow=.15,blue=.20",
    )
    parser.add_argument(
        "--strength",
        type=float,
        metavar="N",
        help="weight of park or the proportions, as a number of candies (100)",
    )
    parser.add_argument(
        "--bag",
        metavar="CANDIES",
        help="candies of your bag in order, such as GGRBN (N is brown), instead of the real ones",
    )
    _add_forms(parser, "candy")


def _add_coins(parser: argparse.ArgumentParser) -> None:
    _add_speed(parser, "steps")
    parser.add_argument(
        "--iterations",
        type=whole(1, 1000),
        default=10,
        metavar="N",
        help="number of EM iterations, up to 1000 (10)",
    )
    parser.add_argument(
        "--start",
        type=_start,
        default=(0.6, 0.5),
        metavar="A,B",
        help="initial probabilities of heads (.6,.5)",
    )
    parser.add_argument(
        "--prior",
        choices=PRIORS,
        default="flat",
        help="prior for each coin: flat (the default) for maximum likelihood, beta22 for MAP-EM"
        " with Beta(2, 2)",
    )
    parser.add_argument(
        "--learn-weights",
        action="store_true",
        help="also learn the probabilities of picking each coin, instead of fixing them at one"
        " half",
    )
    _add_forms(parser, "step")


def _add_speed(parser: argparse.ArgumentParser, steps: str) -> None:
    parser.add_argument(
        "--speed",
        type=speed(steps),
        metavar="N",
        help=f"{steps} per second, or max; by default slow at first, ending within a minute",
    )


def _add_forms(parser: argparse.ArgumentParser, step: str) -> None:
    """Declare the output options of a story, given the name of its steps."""
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "--plain", action="store_true", help=f"print one line per {step}; the default in a pipe"
    )
    form.add_argument("--json", action="store_true", help="print one JSON event per line")
    form.add_argument("--serve", action="store_true", help="show the story in the browser")
    form.add_argument("--html", metavar="FILE", help=HTML)
    add_server(parser, sparing=True)


def _start(text: str) -> tuple[float, float]:
    try:
        a, b = map(float, text.split(","))
    except ValueError:
        message = f"expected two probabilities of heads such as .6,.5, got {text!r}"
        raise argparse.ArgumentTypeError(message) from None
    return a, b


def make_story(args: argparse.Namespace) -> CandyStory | CoinStory:
    """Return the story that the options describe.

    Raises
    ------
    PriorError
        If the prior or the start is invalid.
    """
    if args.story == "mms":
        prior = Prior.parse(args.prior, args.strength)
        bag = None if args.bag is None else read_bag(args.bag)
        return CandyStory(prior, args.seed, args.bags, bag)
    return CoinStory(args.iterations, args.start, args.prior, args.learn_weights)


def page_options(args: argparse.Namespace) -> dict[str, Any]:
    """Return the options in the form that the story's page accepts.

    Raises
    ------
    PriorError
        If the prior or the start is invalid.
    """
    make_story(args)
    if args.story == "mms":
        names = ("seed", "bags", "prior", "strength", "bag")
        return {name: value for name, value in vars(args).items() if name in names and value}
    return {
        "iterations": args.iterations,
        "start": ",".join(map(str, args.start)),
        "prior": args.prior,
        "learn_weights": str(args.learn_weights).lower(),
    }


def command(args: argparse.Namespace) -> int:
    """Play the story and return the exit status.

    Returns
    -------
    int
        0, or 128 plus the number of the signal that ended the story: 130 after Ctrl-C.

    Raises
    ------
    PriorError
        If the prior or the start is invalid.
    """
    with interruptible() as interruption:
        story: Story[Any] = make_story(args)
        drawn = can_draw() and not (args.json or args.plain)
        keyboard = open_keyboard()
        schedule = story.schedule if drawn else even(0.0)
        if args.speed is not None:
            schedule = even(args.speed)
        output: Output[Any]
        if drawn:
            from seqbayes.replay.screen import ScreenOutput

            output = ScreenOutput(story)
        else:
            flush = args.speed is not None or keyboard is not None
            output = LineOutput(story, args.json, ascii_only(), flush)
        with keyboard or nullcontext():
            play(story, output, schedule, interruption, keyboard)
        return interruption.status
