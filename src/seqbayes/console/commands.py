"""The table of commands and their parser; a command is imported only when it is parsed or run.

A command module has ``add_arguments(parser)`` and ``command(args)``, which returns the exit status.
"""

from __future__ import annotations

import argparse
import importlib
import re
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, NoReturn

import seqbayes
from seqbayes.console.suggestions import did_you_mean

_CHOICE = re.compile(r"invalid choice: (.+?) \(choose from (.*)\)")


class Command(NamedTuple):
    """A command: its module, its summary, an example, and whether it waits for a signal to end."""

    module: str
    summary: str
    example: str
    runs_until_signal: bool = False


COMMANDS = {
    "backfill": Command(
        "seqbayes.stream.verbs.backfill",
        "learn a whole table or file, with sums computed by an SQL engine",
        "seqbayes backfill events.jsonl -c seqbayes.toml",
    ),
    "backup": Command(
        "seqbayes.stream.verbs.backup",
        "write a consistent copy of a store that may be in use, and verify it",
        "seqbayes backup beliefs.db monday.db",
    ),
    "check": Command(
        "seqbayes.stream.verbs.check",
        "list every error in a configuration file",
        "seqbayes check seqbayes.toml",
    ),
    "choose": Command(
        "seqbayes.stream.verbs.choose",
        "choose an arm based on the beliefs about the rewards",
        "seqbayes choose seqbayes.toml layout --context country=de",
    ),
    "compare": Command(
        "seqbayes.stream.verbs.compare",
        "determine which key of a belief is best, and with what probability",
        "seqbayes compare beliefs.db conversion --control A",
    ),
    "completion": Command(
        "seqbayes.shell.completion",
        "print a script that completes commands in bash, zsh or fish",
        "source <(seqbayes completion bash)",
    ),
    "dead-letters": Command(
        "seqbayes.stream.verbs.dead_letters",
        "list, retry or delete the events that could not be used",
        "seqbayes dead-letters beliefs.db --retry seqbayes.toml",
    ),
    "export": Command(
        "seqbayes.stream.verbs.export",
        "write beliefs, history or dead letters as Parquet, CSV or JSON",
        "seqbayes export beliefs.db beliefs.parquet",
    ),
    "init": Command(
        "seqbayes.stream.verbs.init",
        "write a commented configuration to start from",
        "seqbayes init seqbayes.toml",
    ),
    "mcp": Command(
        "seqbayes.agents.command",
        "let AI agents read the beliefs of a store (Model Context Protocol)",
        "seqbayes mcp beliefs.db",
    ),
    "merge": Command(
        "seqbayes.stream.verbs.merge",
        "combine several stores into one; the prior is counted once",
        "seqbayes merge a.db b.db -o c.db",
    ),
    "predict": Command(
        "seqbayes.stream.verbs.predict",
        "print the predictive distribution of the next observation",
        "seqbayes predict beliefs.db conversion A --value true",
    ),
    "replay": Command(
        "seqbayes.replay.command",
        "play a story one event at a time, showing every belief in numbers",
        "seqbayes replay mms",
        runs_until_signal=True,
    ),
    "reset": Command(
        "seqbayes.stream.verbs.reset",
        "delete a belief, a key or the offset of a source from a store",
        "seqbayes reset beliefs.db conversion A",
    ),
    "reward": Command(
        "seqbayes.stream.verbs.reward",
        "learn the reward of a decision, exactly once",
        'seqbayes reward seqbayes.toml "$DECISION" true',
    ),
    "run": Command(
        "seqbayes.stream.verbs.run",
        "learn durable beliefs from a stream, each event exactly once",
        "seqbayes run seqbayes.toml",
        runs_until_signal=True,
    ),
    "serve": Command(
        "seqbayes.dashboard.command",
        "show beliefs on a live page, and serve an HTTP API",
        "seqbayes serve seqbayes.toml --open",
        runs_until_signal=True,
    ),
    "show": Command(
        "seqbayes.stream.verbs.show",
        "show what a store has learned, by belief and key",
        "seqbayes show beliefs.db",
    ),
    "status": Command(
        "seqbayes.stream.verbs.status",
        "show which process writes a store or partition, and how far behind it is",
        "seqbayes status beliefs.db",
    ),
    "watch": Command(
        "seqbayes.stream.watch",
        "learn beliefs from JSON Lines or CSV, in a file or on standard input",
        "tail -f events.jsonl | seqbayes watch - --state beta --value converted --by variant",
        runs_until_signal=True,
    ),
}


class _CommandParser(argparse.ArgumentParser):
    """A parser that suggests the correct spelling of options and commands.

    The parser also reports a closed output pipe, which argparse ignores.
    """

    commands: Mapping[str, _CommandParser] = MappingProxyType({})

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        found, unknown = self.parse_known_args(args, namespace)
        if unknown:
            self.commands.get(found.command, self).refuse(unknown)
        return found

    def refuse(self, unknown: Sequence[str]) -> None:
        """Report unknown arguments."""
        known = [each[2:] for each in self._option_string_actions if each.startswith("--")]
        words = [each[2:].partition("=")[0] for each in unknown if each.startswith("--")]
        hint = next(filter(None, (did_you_mean(each, known) for each in words)), "")
        self.error(f"unrecognized arguments: {' '.join(unknown)}" + hint.replace("'", "'--", 1))

    def error(self, message: str) -> NoReturn:
        if (found := _CHOICE.search(message)) is not None:
            known = [each.strip("' ") for each in found[2].split(",")]
            message += did_you_mean(found[1].strip("'"), known)
        super().error(message)

    def _print_message(self, message: str, file: Any = None) -> None:
        (sys.stderr if file is None else file).write(message)


def version() -> str:
    """Return the version, and whether the installation is compiled.

    Examples
    --------
    >>> version().startswith(seqbayes.__version__)
    True
    """
    module = Path(seqbayes.__file__).parent / "statistics" / "base"
    compiled = any(Path(f"{module}{suffix}").exists() for suffix in EXTENSION_SUFFIXES)
    return f"{seqbayes.__version__} ({'compiled' if compiled else 'not compiled'})"


def build_parser(name: str = "", others: bool = True) -> argparse.ArgumentParser:
    """Return the parser, with the arguments of the command `name` alone.

    Parameters
    ----------
    name
        The command.
    others
        Whether the other commands are listed in the help and in errors about the command.
    """
    examples = "\n".join(f"  {command.example}" for command in COMMANDS.values())
    parser = _CommandParser(
        prog="seqbayes",
        description="Streaming Bayes: exact beliefs that learn one observation at a time.",
        epilog=f"examples:\n{examples}\n\nRun seqbayes COMMAND --help for details.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"seqbayes {version()}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for each, command in COMMANDS.items() if others else [(name, COMMANDS[name])]:
        subparser = commands.add_parser(
            each,
            help=command.summary,
            description=f"{command.summary[0].upper()}{command.summary[1:]}.",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        if each == name:
            importlib.import_module(command.module).add_arguments(subparser)
    parser.commands = commands.choices
    return parser
