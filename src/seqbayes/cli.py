"""The command line."""

from __future__ import annotations

import argparse
import errno
import gc
import importlib
import os
import sys
from collections.abc import Sequence
from types import ModuleType

from seqbayes.console import streams
from seqbayes.console.commands import COMMANDS, build_parser
from seqbayes.console.signals import ended_by_interrupts
from seqbayes.console.status import INTERRUPTED, PIPE_CLOSED, USAGE_ERROR
from seqbayes.errors import SeqbayesError


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    Parameters
    ----------
    argv
        Arguments without the program name; by default those of the process.

    Examples
    --------
    >>> main(["--version"])
    Traceback (most recent call last):
    SystemExit: 0
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if "numpy" not in sys.modules:
        # NumPy would start a thread for each core; the matrices of the commands are small
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    streams.prepare()
    name = next((word for word in arguments if not word.startswith("-")), "")
    prefix = f"seqbayes {name}" if name in COMMANDS else "seqbayes"
    try:
        status = _run(arguments, name)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        streams.discard_output()
        return PIPE_CLOSED
    except UnicodeEncodeError as error:
        streams.discard_output()
        sys.stderr.write(f"{prefix}: expected names and arguments in UTF-8, got {error.object!r}\n")
        return USAGE_ERROR
    except (SeqbayesError, OSError) as error:
        streams.discard_output()
        sys.stderr.write(f"{prefix}: {_one_line(error)}\n")
        return USAGE_ERROR
    return status


def _run(arguments: list[str], name: str) -> int:
    with ended_by_interrupts():
        known = name in COMMANDS and name == arguments[0]
        parser = _parser(name, others=not known)
        if not arguments:
            parser.print_help()
            return 0
        try:
            args = parser.parse_args(arguments)
        finally:
            sys.stdout.flush()  # flush the help here, so that output errors are still reported
        if args.command is None:
            parser.error("no command given; see seqbayes --help")
        command = COMMANDS[args.command]
        module = importlib.import_module(command.module)
        if command.runs_until_signal:  # the command handles interrupts itself as soon as it starts
            return _call(module, args)
    return _call(module, args)


def _parser(name: str, others: bool) -> argparse.ArgumentParser:
    """Return the parser; in a new process, import the command without garbage collection.

    The imported objects remain until the process ends. Examining them repeatedly, and once more
    when the process ends, takes a tenth of the time of a short command.
    """
    if "numpy" in sys.modules or not gc.isenabled():
        return build_parser(name, others)
    gc.disable()
    try:
        return build_parser(name, others)
    finally:
        gc.freeze()
        gc.enable()


def _call(module: ModuleType, args: argparse.Namespace) -> int:
    if args.command == "replay" and args.serve:
        from seqbayes.dashboard.command import serve_story

        return serve_story(args, module.page_options(args))
    if args.command in ("replay", "show") and args.html is not None:
        from seqbayes.pages.command import write_store, write_story

        return write_story(args) if args.command == "replay" else write_store(args)
    status: int = module.command(args)
    return status


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        output = error.errno in (errno.EBADF, errno.ENOSPC)
        where = error.filename or ("standard output" if output else "")
        return f"{where}{': ' if where else ''}{error.strerror[0].lower()}{error.strerror[1:]}"
    return " ".join(str(error).split("\n"))
