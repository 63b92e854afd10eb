"""Commands, options and arguments, read from the parsers."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from seqbayes.console import commands

FILES = ("STORE", "CONFIG", "CONFIG_OR_STORE", "FILE")
"""Names of arguments that are files."""


class Word(NamedTuple):
    """An option, or an argument without `flags`.

    `value` is the name of its value, empty for a switch; `choices` are the possible values. An
    argument may be `repeated`, or optional.
    """

    flags: Sequence[str]
    value: str
    choices: Sequence[str]
    help: str
    required: bool = True
    repeated: bool = False

    @property
    def is_file(self) -> bool:
        """Whether its value is a file."""
        return self.value in FILES


class Node(NamedTuple):
    """A command by its path of words, and its subcommands."""

    path: Sequence[str]
    summary: str
    epilog: str
    options: Sequence[Word]
    arguments: Sequence[Word]
    children: Mapping[str, str]


def nodes() -> Iterator[Node]:
    """Yield all commands, the program itself first.

    Examples
    --------
    >>> [" ".join(node.path) for node in nodes()][:4]
    ['', 'check', 'completion', 'dead-letters']
    """
    yield from _nodes((), "", commands.build_parser(), deep=False)
    for name, command in commands.COMMANDS.items():
        parser = _subparsers(commands.build_parser(name))[0].choices[name]
        yield from _nodes((name,), command.summary, parser)


def _nodes(
    path: Sequence[str], summary: str, parser: argparse.ArgumentParser, deep: bool = True
) -> Iterator[Node]:
    below = _subparsers(parser)
    children = {
        choice.dest: choice.help or "" for group in below for choice in group._choices_actions
    }
    options: list[Word] = []
    arguments: list[Word] = []
    for action in parser._actions:
        if action not in below and action.help != argparse.SUPPRESS:
            (options if action.option_strings else arguments).append(_word(action))
    yield Node(path, summary, parser.epilog or "", options, arguments, children)
    if deep:
        for group in below:
            for name, inner in group.choices.items():
                yield from _nodes((*path, name), children[name], inner)


def _subparsers(
    parser: argparse.ArgumentParser,
) -> list[argparse._SubParsersAction[argparse.ArgumentParser]]:
    return [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]


def _word(action: argparse.Action) -> Word:
    metavar = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    choices = tuple(map(str, action.choices or ()))
    text = (action.help or "") % {**vars(action), "prog": "seqbayes"}
    return Word(
        tuple(action.option_strings),
        "" if action.nargs == 0 else metavar,
        choices,
        text,
        action.required and action.nargs not in ("*", "?"),
        action.nargs in ("*", "+") or isinstance(action, argparse._AppendAction),
    )
