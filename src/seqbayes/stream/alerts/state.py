"""The states of an alert: pending, firing, resolved."""

from __future__ import annotations

from typing import Literal

import msgspec

Status = Literal["pending", "firing", "resolved"]


class Instance(msgspec.Struct, frozen=True, omit_defaults=True):
    """The state of an alert for one key; without an instance, the condition does not hold.

    Parameters
    ----------
    status
        "pending" while the condition holds, but not for long enough; "firing"; or "resolved" during
        the cooldown.
    since
        Start time of this status, in seconds since 1970.
    value
        The last value of the first quantity of its condition.
    """

    status: Status
    since: float
    value: float | None = None


def advance(
    before: Instance | None,
    holds: bool | None,
    recovers: bool | None,
    value: float | None,
    now: float,
    lasting: float = 0.0,
    cooldown: float = 0.0,
) -> tuple[Instance | None, Literal["firing", "resolved"] | None]:
    """Return the next state of an alert, and the status to report, if any.

    Parameters
    ----------
    before
        The current state.
    holds, recovers
        Whether the condition holds, and whether the recovery condition holds; None if unknown.
    value
        The value to store.
    now
        Seconds since 1970. If the clock is set back, durations are assumed to have elapsed.
    lasting, cooldown
        See `Alert`.

    Examples
    --------
    >>> pending, report = advance(None, True, False, 0.99, 100.0, lasting=60.0)
    >>> pending.status, report
    ('pending', None)
    >>> firing, report = advance(pending, True, False, 0.99, 160.0, lasting=60.0)
    >>> firing.status, report
    ('firing', 'firing')
    >>> advance(firing, False, True, 0.5, 170.0)
    (None, 'resolved')
    """
    if before is not None and before.status == "firing":
        if not recovers:
            return _renewed(before, value), None
        after = Instance("resolved", now, value) if cooldown > 0.0 else None
        return after, "resolved"
    if before is not None and before.status == "resolved":
        if abs(now - before.since) < cooldown:
            return _renewed(before, value), None
        before = None
    if holds is None:
        return before, None
    if not holds:
        return None, None
    if before is None:
        before = Instance("pending", now, value)
    if abs(now - before.since) >= lasting:
        return Instance("firing", now, value), "firing"
    return _renewed(before, value), None


def _renewed(before: Instance, value: float | None) -> Instance:
    return before if value is None else msgspec.structs.replace(before, value=value)
