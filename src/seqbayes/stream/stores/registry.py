"""Kinds of stores, identified by the scheme of their URLs."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from seqbayes.stream.stores.base import Mode, Store
from seqbayes.stream.stores.records import GROUP, StoreError
from seqbayes.stream.urls import without_password

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

ENTRY_POINTS = "seqbayes.stores"
"""The entry-point group in which installed packages register kinds of stores."""

_targets: dict[str, str | type[Store]] = {}


def register_store(scheme: str, store: str | type[Store]) -> None:
    """Make a kind of store available under a URL scheme.

    The class is called with the URL and the mode of `open_store`. Installed packages can register
    kinds with an entry point in the group ``seqbayes.stores`` instead.

    Parameters
    ----------
    scheme
        The part of the URL before the first colon.
    store
        The class, or ``"module:Class"``, which is imported only when such a URL is used.

    Raises
    ------
    ValueError
        If the scheme is already registered with another class.

    Examples
    --------
    >>> register_store("memory", "seqbayes.stream.stores.memory:MemoryStore")
    >>> open_store("memory:").declarations()
    {}
    """
    known = _targets.setdefault(scheme, store)
    if _name(known) != _name(store):
        raise ValueError(f"store scheme {scheme!r} is already registered as {_name(known)}")


def _name(store: str | type[Store]) -> str:
    return store if isinstance(store, str) else f"{store.__module__}:{store.__qualname__}"


def _entry_points() -> dict[str, EntryPoint]:
    from importlib import metadata  # a slow import, rarely needed

    return {point.name: point for point in metadata.entry_points(group=ENTRY_POINTS)}


def store_schemes() -> list[str]:
    """Return all URL schemes, including those of installed packages."""
    return sorted({*_targets, *_entry_points()})


def store_kind(url: str) -> type[Store]:
    """Return the class of the store that a URL names; a path names an SQLite file.

    Raises
    ------
    StoreError
        If the scheme of `url` is unknown.
    """
    # a single letter is a Windows drive
    scheme, slashes = match.groups() if (match := _SCHEME.match(url)) else ("sqlite", "")
    if scheme not in _targets and (point := _entry_points().get(scheme)) is not None:
        register_store(scheme, point.value)
    if scheme not in _targets:
        if slashes:
            known = ", ".join(store_schemes())
            raise StoreError(
                f"expected a file, or a URL with one of the schemes {known},"
                f" got {without_password(url)!r}"
            )
        scheme = "sqlite"
    target = _targets[scheme]
    if isinstance(target, str):
        module, _, name = target.partition(":")
        loaded: type[Store] = getattr(importlib.import_module(module), name)
        return loaded
    return target


_SCHEME = re.compile("([a-z][a-z0-9+.-]+):(//)?")


def open_store(url: str, mode: Mode = "create") -> Store:
    """Open a store.

    Parameters
    ----------
    url
        A path or ``sqlite:PATH`` for an SQLite file, ``postgresql://user@host/database`` for a
        server, ``memory:`` for an in-memory store, or a registered scheme.
    mode
        "create" creates the store if it does not exist, "open" requires that it exists, and "read"
        opens it read-only. With "open" and "read", the store of a group of runners contains the
        beliefs of all its partitions.

    Raises
    ------
    StoreError
        If the store cannot be opened, has a newer version, or the file is not a store.

    Examples
    --------
    >>> with open_store("memory:") as store:
    ...     store.positions()
    []
    """
    kind = store_kind(url)
    kind.check(url)
    store = kind(url, mode)
    if mode == "create" or GROUP not in store.settings():
        return store
    from seqbayes.stream.stores.partitioned import Partitioned

    return Partitioned(store)


def check_url(url: str) -> None:
    """Check that a URL names a store, without opening it.

    Raises
    ------
    StoreError
        If `url` is invalid, or a dependency is not installed.

    Examples
    --------
    >>> check_url("beliefs.db")
    """
    store_kind(url).check(url)


def store_path(url: str) -> Path | None:
    """Return the file that contains a store; None if it is not a file.

    Examples
    --------
    >>> store_path("sqlite:beliefs.db"), store_path("memory:")
    (PosixPath('beliefs.db'), None)
    """
    return store_kind(url).path(url)


for _scheme, _target in {
    "memory": "memory:MemoryStore",
    "postgres": "postgres:PostgresStore",
    "postgresql": "postgres:PostgresStore",
    "sqlite": "sqlite:SqliteStore",
}.items():
    register_store(_scheme, f"seqbayes.stream.stores.{_target}")
