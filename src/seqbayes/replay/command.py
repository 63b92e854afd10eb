"""``seqbayes replay``: a story, told in the terminal."""

from __future__ import annotations

import argparse
from types import ModuleType

from seqbayes.console.signals import interruptible
from seqbayes.replay.coins import command as coins
from seqbayes.replay.mms import command as mms
from seqbayes.replay.pace import even
from seqbayes.replay.telling import ascii_only, can_draw, write

EXAMPLES = """\
examples:
  seqbayes replay mms
  seqbayes replay coins --plain

exit status: 0, 2 for a wrong option, 130 after Ctrl-C
"""

STORIES: dict[str, ModuleType] = {"mms": mms, "coins": coins}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the stories and their options."""
    parser.epilog = EXAMPLES
    stories = parser.add_subparsers(dest="story", metavar="STORY", required=True)
    for story in STORIES.values():
        story.add_story(stories)


def command(args: argparse.Namespace) -> int:
    """Tell the story and return the exit status.

    Returns
    -------
    int
        0, or 128 and its number if a signal ended the story: 130 for Ctrl-C.

    Raises
    ------
    PriorError
        If the prior or the start is refused.
    """
    if args.serve:
        from seqbayes.dashboard.command import tell

        STORIES[args.story].tale(args)  # refuses what makes no story
        return tell(args, STORIES[args.story].words(args))
    with interruptible() as interruption:
        tale = STORIES[args.story].tale(args)
        pace = None if args.speed is None else even(args.speed)
        if args.json:
            write(tale.steps, tale.json(), pace, interruption)
        elif args.plain or not can_draw():
            write(tale.steps, tale.plain(ascii_only()), pace, interruption)
        else:
            from seqbayes.replay.terminal import show

            show(tale, pace, interruption)
        return interruption.status
