"""Hints about memory access; compiled modules use memory.pxd."""

from __future__ import annotations

from typing import Any


def prefetch(address: Any) -> None:
    """Load memory into the cache before it is written; this does nothing in uncompiled code."""
