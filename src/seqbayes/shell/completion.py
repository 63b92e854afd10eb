"""``seqbayes completion``: print a script for the completion of commands in a shell."""

from __future__ import annotations

import argparse
import sys

from seqbayes.shell import bash, fish, zsh
from seqbayes.shell.parsers import nodes

SHELLS = {"bash": bash.script, "fish": fish.script, "zsh": zsh.script}

EXAMPLES = """\
examples:
  source <(seqbayes completion bash)
  seqbayes completion zsh > ~/.zfunc/_seqbayes
  seqbayes completion fish > ~/.config/fish/completions/seqbayes.fish

exit status: 0
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLES
    parser.add_argument("shell", metavar="SHELL", choices=tuple(SHELLS), help=", ".join(SHELLS))


def command(args: argparse.Namespace) -> int:
    """Print the script and return 0."""
    sys.stdout.write(SHELLS[args.shell](list(nodes())))
    return 0
