"""The options of ``watch``, and the belief and the source that they define."""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import stat
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from seqbayes import registry
from seqbayes.console.options import add_intervals, add_top, positive, positive_int
from seqbayes.console.suggestions import did_you_mean
from seqbayes.errors import PriorError, SeqbayesError
from seqbayes.events import spec
from seqbayes.events.belief import Belief
from seqbayes.events.records import MAX_RECORD_BYTES
from seqbayes.events.rows import Sniffed, find_format
from seqbayes.stream.source import Source
from seqbayes.stream.sources.file import File
from seqbayes.stream.sources.handle import Handle
from seqbayes.stream.sources.reading import BLOCK, FORMATS, Format
from seqbayes.stream.sources.stdin import Pipe, open_stdin

_EXAMPLES = """\
examples:
  seqbayes watch events.jsonl --state beta --value converted --by variant
  tail -f events.jsonl | seqbayes watch - --state gamma --value errors --by host
  seqbayes watch shops.csv --state beta --likelihood binomial --value sold --value shown --json
  seqbayes watch sweets.csv --state dirichlet --prior green=40,red=25,blue=20 --value colour
  seqbayes watch waits.csv --state gamma --likelihood exponential --prior jeffreys --value seconds

keys in a terminal, unless events come from standard input: the space bar pauses and resumes, q
stops the command and prints the current beliefs

exit status: 0 if events were used, 1 if none could be used, 2 for a wrong option, file or column,
130 after Ctrl-C (the current beliefs are printed first)
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options; those of families and likelihoods come from their signatures."""
    parser.epilog = _EXAMPLES
    parser.add_argument("file", metavar="FILE", help="input file, or - for standard input")
    belief = parser.add_argument_group("the belief")
    belief.add_argument("--state", required=True, metavar="FAMILY", help=", ".join(spec.families()))
    belief.add_argument(
        "--likelihood",
        metavar="NAME",
        help="the distribution of an observation; by default the first of the family",
    )
    for name, owners in spec.fixed_parameters().items():
        belief.add_argument(
            f"--{name}", dest=f"fixed_{name}", metavar="X", help=f"parameter of {', '.join(owners)}"
        )
    belief.add_argument(
        "--prior",
        metavar="PRIOR",
        help="alpha=2,beta=3, or a named prior: flat, jeffreys, from-mean:mean=.2,strength=9",
    )
    belief.add_argument(
        "--categories", metavar="A,B,…", help="labels of a dirichlet whose prior does not name them"
    )
    _add_input(parser.add_argument_group("the events"))
    _add_output(parser.add_argument_group("the answer"))


def _add_input(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--value",
        action="append",
        required=True,
        metavar="COLUMN",
        help="column of the observation; twice for a pair, such as successes and trials; also an"
        " expression such as 'bytes / seconds'",
    )
    group.add_argument(
        "--by",
        action="append",
        default=[],
        metavar="COLUMN",
        help="column of the key: one belief for each value; repeatable",
    )
    group.add_argument(
        "--where", metavar="CONDITION", help='use only events such as "status in [200, 204]"'
    )
    group.add_argument("--weight", metavar="COLUMN", help="column of the weight of the event, >= 0")
    group.add_argument(
        "--format",
        choices=("jsonl", "csv", "msgpack", "parquet", "avro"),
        help="input format (default: from the suffix or the first character)",
    )
    group.add_argument(
        "--delimiter", metavar="C", help="delimiter of CSV cells: a character, or tab"
    )
    group.add_argument(
        "--max-keys",
        type=positive_int,
        default=100_000,
        metavar="N",
        help="maximum number of keys, or labels of an open vocabulary; events with additional ones"
        " are skipped and counted (%(default)s)",
    )


def _add_output(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--json", action="store_true", help="print one JSON line per key at the end")
    add_intervals(group)
    add_top(group)
    group.add_argument(
        "--every",
        type=positive,
        default=0.5,
        metavar="S",
        help="seconds between two updates in a terminal (%(default)s)",
    )
    group.add_argument(
        "--progress", action="store_true", help="print a line on standard error every ten seconds"
    )


def declare(args: argparse.Namespace) -> Belief:
    """Return the belief that the options describe."""
    families = spec.families()
    family = families.get(spec.option_name(args.state))
    if family is None:
        hint = did_you_mean(args.state, families).replace(":", ";", 1)
        if spec.option_name(args.state) in map(spec.option_name, registry.families()):
            hint = "; declare it in a configuration file, for seqbayes run"
        raise SeqbayesError(f"no state {args.state!r}: expected one of {', '.join(families)}{hint}")
    fixed = {
        name.removeprefix("fixed_"): text
        for name, text in vars(args).items()
        if name.startswith("fixed_") and text is not None
    }
    named = [*args.value, *args.by, *([] if args.weight is None else [args.weight])]
    name, times = Counter(named).most_common(1)[0]
    if times > 1:
        raise SeqbayesError(f"column {name!r} is requested {times} times")
    likelihood = spec.make_likelihood(family, args.likelihood, fixed, len(args.value))
    categories = None if args.categories is None else args.categories.split(",")
    counted = likelihood.observation_kind == "counts" and len(args.value) > 1
    if categories is None and args.prior is None and counted:
        categories = args.value
    state = spec.make_prior(family, args.prior, likelihood, categories)
    try:
        return Belief(
            "watch",
            state,
            args.value,
            args.by,
            args.weight,
            where=args.where or {},
            max_keys=args.max_keys,
        )
    except PriorError as error:
        text = str(error).removeprefix("belief 'watch': ").removeprefix("belief 'watch', ")
        text = text.replace("one field", "one --value column")
        raise SeqbayesError(text.replace("two fields", "two --value columns")) from None


@contextlib.contextmanager
def open_input(args: argparse.Namespace) -> Iterator[Source]:
    """Open a file, a pipe or standard input as a source."""
    path, delimiter = args.file, args.delimiter
    form = args.format
    if path != "-" and stat.S_ISREG(_mode(path)):
        if form is None and not any(suffix in FORMATS for suffix in Path(path.lower()).suffixes):
            form = _format_of(Path(path))
        source = File(path, format=form, delimiter=delimiter)
        try:
            yield source
        finally:
            source.close()
        return
    layout = Format(form, path.lower(), delimiter)
    splitter = (
        layout.splitter(Path("-"), 0) if form else Sniffed(MAX_RECORD_BYTES, layout.delimiter)
    )
    if path != "-":
        with open(path, "rb", buffering=0) as pipe:
            yield Pipe(pipe.fileno(), splitter, path)
        return
    descriptor = open_stdin()
    if os.isatty(descriptor):
        print_error("reading events from the terminal; Ctrl-D ends them")
    yield Pipe(descriptor, splitter, "standard input")


def _format_of(path: Path) -> str | None:
    """Return the format of a file, after decompression; None if all of it is blank."""
    form = None
    with Handle(path) as handle:
        while form is None and handle.offset < MAX_RECORD_BYTES and (block := handle.read(BLOCK)):
            form = find_format(block)
    return form


def _mode(path: str) -> int:
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    return mode


def print_error(text: str) -> None:
    """Print a line on standard error."""
    sys.stderr.write(f"{text if text.startswith(' ') else f'seqbayes watch: {text}'}\n")
