"""``seqbayes replay``: a story, told in the terminal."""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Iterable

from seqbayes.replay.lines import Json, Plain
from seqbayes.replay.pace import Clock, Interruption, Pace, even, gathering, interruptible
from seqbayes.replay.priors import Prior
from seqbayes.replay.story import Step, Story


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the stories and their options."""
    stories = parser.add_subparsers(dest="story", metavar="STORY", required=True)
    mms = stories.add_parser(
        "mms",
        help="2,620 real M&M's, eaten one at a time",
        description="Eat real M&M's one at a time and watch Bayes' rule at work: what is believed"
        " about every colour, what comes next, and which factory made them.",
    )
    mms.add_argument(
        "--speed",
        type=_speed,
        metavar="N",
        help="candies a second, or max; by default slow at first, and over within a minute",
    )
    mms.add_argument("--seed", type=_seed, default=1, help="deals the candies into bags (1)")
    mms.add_argument("--bags", type=_bags, metavar="N", help="how many of the 48 bags to eat")
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
    form = mms.add_mutually_exclusive_group()
    form.add_argument("--plain", action="store_true", help="one line a candy; so in a pipe")
    form.add_argument("--json", action="store_true", help="one JSON event a line")


def run(args: argparse.Namespace) -> int:
    """Tell the story and return the exit status.

    Returns
    -------
    int
        0, or 128 and its number if a signal ended the story: 130 for Ctrl-C.

    Raises
    ------
    PriorError
        If the prior is refused.
    """
    with interruptible() as interruption:
        story = Story(Prior.parse(args.prior, args.strength), args.seed, args.bags)
        pace = None if args.speed is None else even(args.speed)
        if args.json:
            _lines(story, Json(), pace, interruption)
        elif args.plain or not _can_draw():
            _lines(story, Plain(_ascii_only()), pace, interruption)
        else:
            from seqbayes.replay.terminal import show

            show(story, pace or gathering(), interruption)
        return interruption.status


def _can_draw() -> bool:
    return sys.stdout.isatty() and os.environ.get("TERM", "").lower() not in ("", "dumb", "unknown")


def _ascii_only() -> bool:
    return not (sys.stdout.encoding or "ascii").lower().startswith("utf")


def _lines(story: Story, form: Plain | Json, pace: Pace | None, interruption: Interruption) -> None:
    """Write every event as lines; at a given pace each as soon as it happens."""
    clock = Clock(pace or even(0.0), interruption)
    watched = pace is not None or sys.stdout.isatty()
    last: Step | None = None
    _write(form.opening(story.opening), watched)
    clock.hold(0)
    for step in story:
        if interruption:
            break
        _write(form.step(step), watched)
        last = step
        clock.hold(step.number)
    stopped = bool(interruption) and (last is None or last.number < last.total)
    _write(form.closing(story.opening, last, stopped), watched)


def _write(lines: Iterable[str], flush: bool) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")
    if flush:
        sys.stdout.flush()


def _speed(text: str) -> float:
    if text == "max":
        return math.inf
    try:
        speed = float(text)
    except ValueError:
        speed = math.nan
    if not speed >= 0.0:
        raise argparse.ArgumentTypeError(f"expected candies a second or max, got {text!r}")
    return speed


def _seed(text: str) -> int:
    return _whole(text, 0, None)


def _bags(text: str) -> int:
    return _whole(text, 1, 48)


def _whole(text: str, low: int, high: int | None) -> int:
    try:
        number = int(text)
    except ValueError:
        number = low - 1
    if number < low or (high is not None and number > high):
        wanted = f"from {low} to {high}" if high is not None else f">= {low}"
        raise argparse.ArgumentTypeError(f"expected a whole number {wanted}, got {text!r}")
    return number
