"""``init``: write a commented configuration to start from."""

from __future__ import annotations

import argparse
import errno
import sys
from importlib import resources
from pathlib import Path

EVENTS = "events.jsonl"

EXAMPLES = """\
examples:
  seqbayes init
  seqbayes init clicks.toml && seqbayes check clicks.toml && seqbayes run clicks.toml --once

exit status: 0, or 2 if the file exists or cannot be written
"""


def init(path: str | Path = "seqbayes.toml") -> list[Path]:
    """Write a commented configuration and, unless they exist, a few example events.

    Parameters
    ----------
    path
        The configuration file; the events are written to ``events.jsonl`` next to it.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    OSError
        If the configuration exists or cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> [path.name for path in init(f"{tempfile.mkdtemp()}/clicks.toml")]
    ['clicks.toml', 'events.jsonl']
    """
    target = Path(path)
    written = [_write(target, "init.toml")]
    events = target.parent / EVENTS
    if not events.exists():
        written.append(_write(events, "init.jsonl"))
    return written


def _write(path: Path, template: str) -> Path:
    text = (resources.files("seqbayes.stream") / template).read_text(encoding="utf-8")
    with path.open("x", encoding="utf-8", newline="\n") as file:
        file.write(text)
    return path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLES
    parser.add_argument(
        "config", metavar="CONFIG", nargs="?", default="seqbayes.toml", help="(%(default)s)"
    )


def command(args: argparse.Namespace) -> int:
    """Write the files and return 0.

    Raises
    ------
    FileExistsError
        If the configuration exists.
    """
    if Path(args.config).exists():
        text = "file exists; choose another name: seqbayes init other.toml"
        raise FileExistsError(errno.EEXIST, text, args.config)
    written = " and ".join(map(str, init(args.config)))
    sys.stdout.write(f"wrote {written}; next: seqbayes run {args.config} --once\n")
    return 0
