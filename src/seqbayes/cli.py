"""The command line: one verb per command, each in a module that is imported only when chosen.

A command module has ``add_arguments(parser)`` and ``run(args)``, which returns the exit status.
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
from collections.abc import Sequence
from typing import NamedTuple

import seqbayes
from seqbayes.errors import SeqbayesError

USAGE_ERROR = 2
INTERRUPTED = 130  # 128 + SIGINT, as shells report it
PIPE_CLOSED = 141  # 128 + SIGPIPE


class Command(NamedTuple):
    """Where a command lives, what it does, and one way to call it."""

    module: str
    summary: str
    example: str


COMMANDS = {
    "check": Command(
        "seqbayes.stream.commands.check",
        "say every mistake of a configuration, and run nothing",
        "seqbayes check seqbayes.toml",
    ),
    "completion": Command(
        "seqbayes.shell.completion",
        "print a script that completes commands in bash, zsh or fish",
        "source <(seqbayes completion bash)",
    ),
    "dead-letters": Command(
        "seqbayes.stream.commands.dead_letters",
        "list the events that could not be used, retry or drop them",
        "seqbayes dead-letters beliefs.db --retry seqbayes.toml",
    ),
    "export": Command(
        "seqbayes.stream.commands.export",
        "write beliefs, history or dead letters as Parquet, CSV or JSON",
        "seqbayes export beliefs.db beliefs.parquet",
    ),
    "init": Command(
        "seqbayes.stream.commands.init",
        "write a commented configuration to start from",
        "seqbayes init seqbayes.toml",
    ),
    "merge": Command(
        "seqbayes.stream.commands.merge",
        "make one store of several shards, the prior counted once",
        "seqbayes merge a.db b.db -o c.db",
    ),
    "predict": Command(
        "seqbayes.stream.commands.predict",
        "tell what a belief expects of the next observation",
        "seqbayes predict beliefs.db conversion A --value true",
    ),
    "replay": Command(
        "seqbayes.replay.command",
        "tell a story one event at a time, with every belief in numbers",
        "seqbayes replay mms",
    ),
    "reset": Command(
        "seqbayes.stream.commands.reset",
        "let a store forget a belief, a key, or where a source stands",
        "seqbayes reset beliefs.db conversion A",
    ),
    "run": Command(
        "seqbayes.stream.commands.run",
        "keep durable beliefs on a stream, through crashes, each event once",
        "seqbayes run seqbayes.toml",
    ),
    "serve": Command(
        "seqbayes.dashboard.command",
        "show beliefs on a page as they change, and answer programs over HTTP",
        "seqbayes serve seqbayes.toml --open",
    ),
    "show": Command(
        "seqbayes.stream.commands.show",
        "show what a store has learned, by belief and key",
        "seqbayes show beliefs.db",
    ),
    "watch": Command(
        "seqbayes.watch.command",
        "keep beliefs on events from JSON Lines or CSV, a file or standard input",
        "tail -f events.jsonl | seqbayes watch - --state beta --value converted --by variant",
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    Parameters
    ----------
    argv
        Arguments without the program's name; those of the process by default.

    Examples
    --------
    >>> main(["--version"])
    Traceback (most recent call last):
    SystemExit: 0
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # a terminal or file that cannot show a character gets its escape
        sys.stdout.reconfigure(errors="backslashreplace")
    name = next((word for word in arguments if not word.startswith("-")), "")
    prefix = f"seqbayes {name}" if name in COMMANDS else "seqbayes"
    try:
        status = _run(arguments, name)
        if sys.stdout is not None:
            sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _silence()
        return PIPE_CLOSED
    except (SeqbayesError, OSError) as error:
        _silence()
        sys.stderr.write(f"{prefix}: {_line(error)}\n")
        return USAGE_ERROR
    return status


def _run(arguments: list[str], name: str) -> int:
    parser = build_parser(name)
    if not arguments:
        parser.print_help()
        return 0
    args = parser.parse_args(arguments)
    if args.command is None:
        parser.error("which command? See seqbayes --help")
    status: int = importlib.import_module(COMMANDS[args.command].module).run(args)
    return status


def build_parser(name: str = "") -> argparse.ArgumentParser:
    """Return the parser, with the arguments of the command `name` alone."""
    examples = "\n".join(f"  {command.example}" for command in COMMANDS.values())
    parser = argparse.ArgumentParser(
        prog="seqbayes",
        description="Streaming Bayes: exact beliefs that learn one observation at a time.",
        epilog=f"examples:\n{examples}\n\nseqbayes COMMAND --help says more.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"seqbayes {seqbayes.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for each, command in COMMANDS.items():
        subparser = commands.add_parser(
            each,
            help=command.summary,
            description=f"{command.summary[0].upper()}{command.summary[1:]}.",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        if each == name:
            importlib.import_module(command.module).add_arguments(subparser)
    return parser


def _line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename is not None else ""
        return f"{where}{error.strerror[0].lower()}{error.strerror[1:]}"
    return " ".join(str(error).split("\n"))


def _silence() -> None:
    """Drop what is still buffered, so that the interpreter does not complain when it ends."""
    try:
        descriptor = sys.stdout.fileno()
    except (AttributeError, OSError, ValueError):  # no stdout, or not a real file
        return
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, descriptor)
    os.close(devnull)
