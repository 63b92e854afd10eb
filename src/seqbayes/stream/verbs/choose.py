"""``choose``: choose an arm based on the beliefs in a store."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqbayes.console.log import Log
from seqbayes.console.status import USAGE_ERROR
from seqbayes.errors import SeqbayesError
from seqbayes.stream.config import Config, load_config
from seqbayes.stream.stores import LeaseError, StoreError, open_store
from seqbayes.stream.verbs.shared import (
    EPILOG,
    add_config,
    load_or_report,
    print_json,
    reports_errors,
)
from seqbayes.stream.verbs.stored import key_states, stored_beliefs

if TYPE_CHECKING:
    from seqbayes.stream.choices import Chooser, DecisionResponse

EXAMPLES = f"""\
examples:
  seqbayes choose seqbayes.toml layout --context country=de

The output is a JSON object with the arm, its propensity, and the decision id, which seqbayes reward
takes as an argument. If a server is running, use POST /api/choose/NAME.

{EPILOG}"""


def choose(
    path: str | Path, name: str, context: Mapping[str, Any] | None = None
) -> DecisionResponse:
    """Choose an arm based on the stored beliefs.

    A store that does not exist yet is created, and all arms start from the prior.

    Parameters
    ----------
    path
        The configuration.
    name
        Name of a choice in the configuration.
    context
        Values of the key fields of its belief, except the arm.

    Returns
    -------
    DecisionResponse
        The arm, the decision id and the propensity.

    Raises
    ------
    ConfigError
        If the configuration has errors.
    SeqbayesError
        If the choice does not exist, or the context is incomplete.
    StoreError
        If the store cannot be read.

    Examples
    --------
    >>> from seqbayes.stream.examples import example_choice
    >>> choose(example_choice(), "layout").propensity
    0.5
    """
    return _choose(load_config(path), name, context or {})


def _choose(config: Config, name: str, context: Mapping[str, Any]) -> DecisionResponse:
    chooser = find_choice(config, name)
    try:
        return _choose_from_store(config, chooser, context)
    except StoreError:
        if config.group is not None:
            raise
        # an invalid context raises an error before a store is created
        chooser.choose(context, lambda key: None)
        with suppress(LeaseError):
            config.open().close()
    return _choose_from_store(config, chooser, context)


def _choose_from_store(
    config: Config, chooser: Chooser, context: Mapping[str, Any]
) -> DecisionResponse:
    with open_store(config.store, "read") as store, store.snapshot():
        (stored,) = stored_beliefs(store, chooser.belief.name)

        def state_of(key: tuple[str, ...]) -> Any:
            return next((each.state for each in key_states(store, stored, key)), None)

        return chooser.choose(context, state_of)


def find_choice(config: Config, name: str) -> Chooser:
    """Return a choice of a configuration.

    Raises
    ------
    SeqbayesError
        If the choice does not exist.
    """
    if name not in config.choices:
        known = ", ".join(map(repr, config.choices)) or "no choices"
        raise SeqbayesError(f"there is no choice {name!r}; the configuration has {known}")
    return config.choices[name]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLES
    add_config(parser)
    parser.add_argument("choice", metavar="CHOICE", help="name of a choice in the configuration")
    parser.add_argument(
        "--context",
        action="append",
        default=[],
        type=_pair,
        metavar="FIELD=VALUE",
        help="value of a key field of the belief, except the arm; may be repeated",
    )


def _pair(text: str) -> tuple[str, str]:
    field, equals, value = text.partition("=")
    if not (field and equals):
        raise argparse.ArgumentTypeError(f"expected FIELD=VALUE, got {text!r}")
    return field, value


@reports_errors
def command(args: argparse.Namespace, log: Log) -> int:
    """Print the decision and return the exit status."""
    config = load_or_report(args.config)
    if config is None:
        return USAGE_ERROR
    print_json(_choose(config, args.choice, dict(args.context)))
    return 0
