"""``seqbayes predict``: what a belief expects of the next observation."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from seqbayes.console.log import Log
from seqbayes.console.text import printable
from seqbayes.state import check_level
from seqbayes.stream.commands.arguments import add_as_of, add_key, add_store
from seqbayes.stream.commands.status import EPILOG, attempt
from seqbayes.stream.store import open_store
from seqbayes.stream.verbs.answers import kept_beliefs
from seqbayes.stream.verbs.forecasts import predict, read_value

_DIGITS = re.compile(r"\d+\.\d{6,}(e[+-]?\d+)?")

EXAMPLES = f"""\
examples:
  seqbayes predict beliefs.db conversion A
  seqbayes predict beliefs.db seconds A --value 45 --value 90 --json
  seqbayes predict beliefs.db seconds --prior

{EPILOG}"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    add_store(parser)
    add_key(parser, optional=False)
    parser.add_argument(
        "--prior", action="store_true", help="ask the prior: what a key not yet seen is expected of"
    )
    parser.add_argument(
        "--value",
        action="append",
        default=[],
        metavar="X",
        help="tell the log predictive of this observation; JSON where it is several values, the"
        " features where an estimator is asked; repeatable",
    )
    parser.add_argument(
        "--level", type=float, default=0.95, metavar="P", help="of the interval (%(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON line")
    add_as_of(parser)


def run(args: argparse.Namespace) -> int:
    """Tell the predictive of the next observation.

    Returns
    -------
    int
        The exit status.

    Raises
    ------
    ObservationError
        If the level is none.
    """
    check_level(args.level, "equal-tailed")
    return attempt(Log("text", "predict"), lambda: _predict(args))


def _predict(args: argparse.Namespace) -> int:
    with open_store(args.store, "read") as store:
        (kept,) = kept_beliefs(store, args.belief)
    told = predict(
        args.store,
        args.belief,
        args.key,
        [read_value(text, kept.prior) for text in args.value],
        args.level,
        args.rest,
        args.prior,
        args.as_of,
    )
    if args.json:
        sys.stdout.buffer.write(msgspec.json.encode(told) + b"\n")
    else:
        for line in _sentences(told, args.level):
            sys.stdout.write(line + "\n")
    return 0


def _sentences(told: dict[str, Any], level: float) -> Iterator[str]:
    """Yield what is expected, a line for each thing."""
    seen = f": {told['n']:,.12g} seen" if "n" in told else ""
    yield f"{told['belief']} {_whose(told)}{seen}"
    if "predictive" in told:
        shown = _DIGITS.sub(lambda found: f"{float(found[0]):.6g}", told["predictive"])
        yield f"  predictive    {shown}".replace("\n", "\n                ")
    labelled = "probabilities" in told  # labels have neither mean nor interval worth a word
    for name, title in (
        ("prediction", "prediction"),
        ("mean", "mean"),
        ("var", "variance"),
        ("interval", f"{level * 100:g} % between"),
    ):
        if name in told and not (labelled and name != "prediction"):
            yield f"  {title:13} {_spell(told[name])}"
    for label, share in _most(told.get("probabilities", {})):
        yield f"  p({printable(label, 30)}) = {share:.4g}"
    for each in told.get("values", ()):
        answers = (f"{k.replace('_', ' ')} {_spell(v)}" for k, v in each.items() if k != "value")
        yield f"  {_spell(each['value'])}: {', '.join(answers)}"


def _whose(told: Mapping[str, Any]) -> str:
    """Return of what key it is told, as `show` has it."""
    if told.get("prior"):
        return "prior"
    if told["key"] is None:
        return "(rest)"
    return " / ".join(printable(text) or "(empty)" for text in told["key"].values()) or "all"


def _most(shares: Mapping[str, float]) -> list[tuple[str, float]]:
    return sorted(shares.items(), key=lambda item: -item[1])[:12]


def _spell(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return " and ".join(map(_spell, value))
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_spell(each)}" for name, each in value.items())
    return printable(str(value), 60)
