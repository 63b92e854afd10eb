"""Options of a Kafka source: validation, settings of the client, and selected partitions."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from seqbayes.errors import PriorError
from seqbayes.stream.urls import check_port, expand

_RESERVED_SETTINGS = {
    "bootstrap.servers": "brokers",
    "group.id": "group",
    "auto.offset.reset": "lost",
    "enable.auto.commit": "the store",
    "enable.partition.eof": "this source",
}
"""Client settings that users cannot set, with the option that determines each."""


def check_options(
    brokers: str, topic: str, partitions: Sequence[int] | None, group: str | None
) -> None:
    """Validate the options that determine what is read.

    Raises
    ------
    PriorError
        If an option is invalid.
    """
    if not brokers or not topic:
        raise PriorError("expected brokers 'host:port', and the name of a topic")
    for broker in brokers.split(","):
        check_port(broker.strip() if "://" in broker else f"kafka://{broker.strip()}")
    if partitions is not None and (
        group is not None or not partitions or any(p < 0 for p in partitions)
    ):
        raise PriorError(
            f"expected either partitions such as [0, 1] or a group,"
            f" got {partitions!r} and {group!r}"
        )


def secrets_in(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the values of settings that must not appear in messages.

    Examples
    --------
    >>> secrets_in({"sasl.username": "reader", "sasl.password": "p"})
    ('p',)
    """
    return tuple(
        str(value) for key, value in settings.items() if "password" in key or "secret" in key
    )


def client_settings(brokers: str, group: str | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the client settings; environment variables in the given settings are replaced.

    Raises
    ------
    PriorError
        If a setting is given that an option determines.
    """
    for key, decided in _RESERVED_SETTINGS.items():
        if key in given:
            raise PriorError(f"setting {key!r} cannot be set: it is determined by {decided}")
    return {
        "log_level": 0,
        "queued.max.messages.kbytes": 1 << 15,
        "topic.metadata.refresh.interval.ms": 30_000,
        **{k: expand(v) if isinstance(v, str) else v for k, v in given.items()},
        "bootstrap.servers": brokers,
        "group.id": group or "seqbayes",
        "auto.offset.reset": "error",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
    }


def _quiet() -> logging.Logger:
    """Return a silent logger: errors are raised, or recorded as `connection_error`."""
    logger = logging.getLogger("seqbayes.kafka")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    return logger


SILENT = _quiet()


def numbers_of(partition: str) -> list[int]:
    """Return the numbers in the name of a partition: a number, or a range of numbers.

    Raises
    ------
    PriorError
        If the name is neither a number nor a range.

    Examples
    --------
    >>> numbers_of("3"), numbers_of("0-2")
    ([3], [0, 1, 2])
    """
    ends = partition.split("-")
    if len(ends) <= 2 and all(map(str.isdecimal, ends)) and int(ends[0]) <= int(ends[-1]):
        return list(range(int(ends[0]), int(ends[-1]) + 1))
    raise PriorError(f"expected a partition such as 0, or a range such as 0-7, got {partition!r}")


def select_partitions(options: Mapping[str, Any], partition: str) -> dict[str, Any]:
    """Return the options that read one partition of a topic, or a range of partitions such as 0-7.

    Raises
    ------
    PriorError
        If the name is neither a number nor a range.

    Examples
    --------
    >>> select_partitions({"topic": "visits", "name": "web"}, "0-2")
    {'topic': 'visits', 'name': 'web/0-2', 'partitions': [0, 1, 2]}
    """
    found = {**options, "partitions": numbers_of(partition)}
    if options.get("name") is not None:
        found["name"] = f"{options['name']}/{partition}"
    return found
