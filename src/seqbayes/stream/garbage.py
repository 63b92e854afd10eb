"""Suspension of the garbage collector while many objects are created."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_suspended() -> Iterator[None]:
    """Suspend the garbage collector, which would examine the same objects repeatedly.

    Examples
    --------
    >>> with collector_suspended():
    ...     gc.isenabled()
    False
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
