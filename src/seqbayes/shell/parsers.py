"""Commands, options and arguments, read from the parsers."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from seqbayes.console import commands

FILES = ("STORE", "CONFIG", "CONFIG_OR_STORE", "FILE")
"""Metavariables of arguments that are files."""


class Word(NamedTuple):
    """An option, or an argument, which has no `flags`.

    `value` is the metavariable, empty for a flag; `choices` are the possible values. An argument
    may be `repeated`, or optional.
    """

    flags: Sequence[str]
    value: str
    choices: Sequence[str]
    help: str
    required: bool = True
    repeated: bool = False

    @property
    def is_file(self) -> bool:
        """Whether the value is a file."""
        return self.value in FILES


class Node(NamedTuple):
    """A command, identified by its path of words, and its subcommands."""

    path: Sequence[str]
    summary: str
    epilog: str
    options: Sequence[Word]
    arguments: Sequence[Word]
    children: Mapping[str, str]


def nodes() -> Iterator[Node]:
    """Yield all commands, starting with the program itself.

    Examples
    --------
    >>> {"", "check", "show"} <= {" ".join(node.path) for node in nodes()}
    True
    """
    yield from _nodes((), "", commands.build_parser(), deep=False)
    for name, command in commands.COMMANDS.items():
        parser = _Actions(commands.build_parser(name)).parsers[name]
        yield from _nodes((name,), command.summary, parser)


class _Actions(argparse.HelpFormatter):
    """A help formatter that collects the actions of a parser instead of formatting them.

    Attributes
    ----------
    actions
        Options and arguments.
    parsers, summaries
        The parsers of the subcommands, and their summaries, keyed by name.
    """

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        super().__init__(parser.prog)
        self.actions: list[argparse.Action] = []
        self.parsers: Mapping[str, argparse.ArgumentParser] = {}
        self.summaries: dict[str, str] = {}
        kind, parser.formatter_class = parser.formatter_class, lambda prog: self
        parser.format_help()
        parser.formatter_class = kind

    def add_usage(self, usage: Any, actions: Any, groups: Any, prefix: str | None = None) -> None:
        """Record the actions."""
        for action in actions:
            if action.nargs == argparse.PARSER:
                self.parsers = action.choices
            else:
                self.actions.append(action)

    def add_argument(self, action: argparse.Action) -> None:
        """Record the subcommands."""
        for each in self._iter_indented_subactions(action):
            self.summaries[each.dest] = each.help or ""


def _nodes(
    path: Sequence[str], summary: str, parser: argparse.ArgumentParser, deep: bool = True
) -> Iterator[Node]:
    found = _Actions(parser)
    options: list[Word] = []
    arguments: list[Word] = []
    for action in found.actions:
        if action.help != argparse.SUPPRESS:
            (options if action.option_strings else arguments).append(_word(action))
    yield Node(path, summary, parser.epilog or "", options, arguments, found.summaries)
    if deep:
        for name, inner in found.parsers.items():
            yield from _nodes((*path, name), found.summaries[name], inner)


_APPEND = type(argparse.ArgumentParser().add_argument("--each", action="append"))


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
        action.nargs in ("*", "+") or isinstance(action, _APPEND),
    )
