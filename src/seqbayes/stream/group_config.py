"""The table ``[group]`` of a configuration, and options that a group does not support."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from seqbayes.events.belief import Belief
from seqbayes.events.durations import parse_duration
from seqbayes.stream.schema import ErrorList, join
from seqbayes.stream.stores.group import Group

ONE_RUNNER = "requires a single runner: its conditions are about the whole stream"
SEPARATE = "needs separate_keys = true in [group], if all events of a key are in one partition"


class GroupTable(msgspec.Struct):
    """Several runners that share the partitions of a stream."""

    partitions: int | list[str | int]
    lease: str | int | float = 30.0
    separate_keys: bool = False


def read_group(given: Any, errors: ErrorList) -> tuple[Group | None, bool]:
    """Return the group, if one is configured without errors, and whether keys are separate."""
    if not given:
        return None, False
    table = errors.read("group", given, GroupTable)
    if table is None:
        return None, False
    lease = errors.catch("group.lease", lambda: parse_duration(table.lease)) or 1.0
    names = range(table.partitions) if isinstance(table.partitions, int) else table.partitions
    group = errors.catch("group.partitions", lambda: Group(tuple(map(str, names)), lease))
    return group, table.separate_keys


def check_group(
    separate: bool, given: Mapping[str, Any], beliefs: Sequence[Belief], errors: ErrorList
) -> None:
    """Add an error for every option that a group of runners does not support.

    Parameters
    ----------
    separate
        Whether all events of a key are in one partition.
    given
        The tables of the configuration.
    beliefs
        The beliefs.
    errors
        The errors found.
    """
    for belief in beliefs:
        for key, text in _find_errors(belief, separate):
            errors.add(join(join("belief", belief.name), key), text)
    if given.get("alert"):
        errors.add("alert", ONE_RUNNER)
    if not separate:
        if given.get("history"):
            errors.add("history", f"{SEPARATE}: a point would be about one partition only")
        if "keys" in given.get("retention", {}):
            errors.add(
                "retention.keys",
                f"{SEPARATE}: a key may be unused in one partition and used in another",
            )


def _find_errors(belief: Belief, separate: bool) -> Iterator[tuple[str, str]]:
    kind = type(belief.state).__name__
    if belief.state.mergeable:
        pass
    elif separate and not belief.by:
        yield (
            "by",
            f"a {kind} cannot be merged from several partitions, and this one has no key: run it"
            " in a configuration without [group]",
        )
    elif not separate:
        yield (
            "state",
            f"a {kind} cannot be merged exactly from several partitions: it {SEPARATE}, or another"
            " configuration without [group]",
        )
    if belief.over == "pool" or (belief.over == "drop" and not separate):
        yield (
            "over",
            f"expected 'refuse' in a group, got {belief.over!r}: the partitions would not pool or"
            " drop the same keys",
        )
