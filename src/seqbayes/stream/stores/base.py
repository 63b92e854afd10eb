"""The interface of stores for runners and administration, without SQL."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from seqbayes.stream.stores.records import Annotation, Contents, StoreError
from seqbayes.stream.stores.writable import WritableStore
from seqbayes.stream.urls import without_password

Mode = Literal["create", "open", "read"]
"""How to open a store: create it if it does not exist, require that it exists, or only read it."""


class Store(WritableStore):
    """Base class of stores: durable beliefs with the positions of sources.

    A subclass implements the methods that raise NotImplementedError, and is made available with
    `register_store`. Methods raise `StoreError` if the store fails.

    Parameters
    ----------
    url
        The URL passed to `open_store`; a subclass removes secrets.
    mode
        See `open_store`. In a store that is opened for reading, `transaction` raises an error.
    """

    def __init__(self, url: str, mode: Mode = "create") -> None:
        super().__init__(url)
        self.mode = mode

    @classmethod
    def check(cls, url: str) -> None:
        """Check that a URL is valid, without opening the store.

        Raises
        ------
        StoreError
            If `url` is invalid, or a dependency is not installed.
        """

    @classmethod
    def public(cls, url: str) -> str:
        """Return the URL without secrets, for messages."""
        return without_password(url)

    @classmethod
    def path(cls, url: str) -> Path | None:
        """Return the file that contains the store; None if it is not a file."""
        return None

    def open_partition(self, name: str) -> Store:
        """Open the store of a partition of this store, and create it if it does not exist.

        A store that supports groups of runners overrides this method.

        Parameters
        ----------
        name
            Name of the partition; see `Group`.

        Raises
        ------
        StoreError
            If the partition cannot be opened, or this kind of store does not support groups.
        """
        raise StoreError(
            f"{self.url} does not support groups of runners; use a PostgreSQL database"
        )

    def fill(self, contents: Contents) -> None:
        """Copy the contents of other stores into this one, atomically.

        Raises
        ------
        StoreError
            If this store is not empty, or the contents cannot be stored.
        """
        with self.transaction():
            if self.declarations() or self.positions() or self.dead_letter_count():
                raise StoreError(f"{self.url} is not empty: merge into a new store")
            self.write_contents(contents)

    def write_contents(self, contents: Contents) -> None:
        """Copy the contents of other stores into this empty store, within a transaction.

        Dead letters get new numbers; their order does not change.
        """
        raise NotImplementedError

    def remove_belief(self, belief: str, key: str | None = None) -> int:
        """Remove a belief with its declaration and history, or only one of its keys.

        The store must hold the lease; see `fenced_transaction`.

        Returns
        -------
        int
            Number of states removed.
        """
        raise NotImplementedError

    def remove_position(self, source: str) -> int:
        """Remove the position and the ids of a source.

        The store must hold the lease; see `fenced_transaction`.

        Returns
        -------
        int
            Number of positions removed.
        """
        raise NotImplementedError

    def annotate(self, annotation: Annotation) -> None:
        """Store an annotation, and replace the one with the same id; no lease is required.

        Raises
        ------
        StoreError
            If the annotation cannot be stored, or the store does not support annotations.
        """
        raise StoreError(f"{self.url} does not support annotations")

    def remove_letters(self, numbers: Sequence[int]) -> int:
        """Remove dead letters by number; return the number of letters removed."""
        raise NotImplementedError
