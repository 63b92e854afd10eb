"""``reward``: learn the reward of a decision, once."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from seqbayes.console.log import Log
from seqbayes.console.status import NO_RESULT, USAGE_ERROR
from seqbayes.errors import SeqbayesError
from seqbayes.stream.config import Config, load_config
from seqbayes.stream.stores import LeaseError
from seqbayes.stream.verbs.shared import (
    EPILOG,
    add_config,
    load_or_report,
    print_json,
    reports_errors,
)

if TYPE_CHECKING:
    from seqbayes.stream.sources.posted import Outcome

EXAMPLES = f"""\
examples:
  seqbayes reward seqbayes.toml "$DECISION" true
  seqbayes reward seqbayes.toml "$DECISION" 12.5 --event '{{"at": 1714521600}}'

A reward that was learned before is not learned again. While a server uses the store, post rewards
to its /api/reward.

{EPILOG}"""


def reward(
    path: str | Path, decision: str, value: Any, event: Mapping[str, Any] | None = None
) -> Outcome:
    """Learn the reward for a decision and commit it.

    Parameters
    ----------
    path
        The configuration.
    decision
        The decision id.
    value
        The observed value.
    event
        Additional fields of the event, such as a timestamp.

    Returns
    -------
    Outcome
        Whether the reward was accepted, already learned, or rejected, with the reason.

    Raises
    ------
    ConfigError
        If the configuration has errors.
    DecisionError
        If the decision is not valid, or too old.
    LeaseError
        If another process is using the store.
    StoreError
        If the store cannot be written.

    Examples
    --------
    >>> from seqbayes import stream
    >>> from seqbayes.stream.examples import example_choice
    >>> path = example_choice()
    >>> chosen = stream.choose(path, "layout")
    >>> reward(path, chosen.decision, True).accepted
    1
    >>> reward(path, chosen.decision, True).duplicates
    1
    """
    return _reward(load_config(path), decision, value, event or {})


def _reward(config: Config, decision: str, value: Any, event: Mapping[str, Any]) -> Outcome:
    from seqbayes.stream.choices import RewardBody, post_rewards
    from seqbayes.stream.sources.http import Http

    outcomes: list[Outcome | None] = []
    try:
        opened = config.open()
    except LeaseError as error:
        raise LeaseError(
            f"{error}; if it is a server, post the reward to its /api/reward"
        ) from None
    with opened as pipeline:
        source = pipeline.source
        if not config.choices or not isinstance(source, Http):
            raise SeqbayesError("the configuration has no choices")
        posted = post_rewards(config.choices, [RewardBody(decision, value, dict(event))], source)
        posted.done = lambda outcome, repeated: outcomes.append(outcome)
        source.offer(posted)
        for _ in pipeline:
            if outcomes:
                break
    (outcome,) = outcomes
    assert outcome is not None  # without a commit, an error was raised
    return outcome


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLES
    add_config(parser)
    parser.add_argument(
        "decision", metavar="DECISION", help="the decision id printed by seqbayes choose"
    )
    parser.add_argument("value", metavar="VALUE", type=_value, help="the reward: JSON, or a string")
    parser.add_argument(
        "--event",
        type=_fields,
        default={},
        metavar="JSON",
        help="additional fields of the event, such as a timestamp, as a JSON object",
    )


def _value(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.MsgspecError:
        return text


def _fields(text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError:
        raise argparse.ArgumentTypeError(f"expected a JSON object, got {text!r}") from None


@reports_errors
def command(args: argparse.Namespace, log: Log) -> int:
    """Learn the reward, print the outcome, and return the exit status."""
    config = load_or_report(args.config)
    if config is None:
        return USAGE_ERROR
    outcome = _reward(config, args.decision, args.value, args.event)
    print_json(outcome)
    return NO_RESULT if outcome.unused else 0
