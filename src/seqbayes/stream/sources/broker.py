"""Base class of sources that read from a server: handles credentials and lost connections."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

from seqbayes.errors import PriorError
from seqbayes.events.messages import Messages
from seqbayes.events.records import MAX_KEPT_BYTES
from seqbayes.stream.source import Batch, Source, SourceError

FIRST_CONNECTION_TIMEOUT = 10.0
"""Timeout of the first connection, in seconds; for later connections, it is `patience`."""

Lost = Literal["stop", "restart"]

_MIN_BACKOFF, _MAX_BACKOFF = 0.1, 10.0


class Broker(Source):
    """A source that reads from a server indefinitely, and reconnects if the connection is lost.

    Subclasses connect in `_open`, read in `_read`, and disconnect in `_disconnect`. If one of these
    methods raises one of `_connection_errors`, the source reconnects with exponential backoff.

    Parameters
    ----------
    name
        Name of the source in the store.
    lost
        What to do if the server no longer has the next record.
    patience
        Maximum number of seconds without a connection; after this time, the source fails.
    secrets
        Strings that must not appear in messages.

    Attributes
    ----------
    caught_up
        Whether there were no unread records at the last request to the server.
    connection_error
        Reason why there is no connection at present; None if there is one.

    Raises
    ------
    PriorError
        If an option is invalid.
    """

    finite = False
    _messages: Messages | None = None
    """Decodes the messages; None for JSON."""
    _connection_errors: tuple[type[Exception], ...] = (OSError,)

    def __init__(
        self, name: str, lost: Lost, patience: float, secrets: tuple[str, ...] = ()
    ) -> None:
        if lost not in ("stop", "restart"):
            raise PriorError(f"expected 'lost' to be 'stop' or 'restart', got {lost!r}")
        if not patience > 0.0:
            raise PriorError(f"expected 'patience' above 0 seconds, got {patience!r}")
        self.name = name
        self.caught_up = False
        self._restart = lost == "restart"
        self._gaps: list[tuple[Any, bytes, str]] = []  # dead letters for the next batch
        self._patience = patience
        self._secrets = tuple(each for each in secrets if each)
        self._connected = self._has_connected = False
        self._since = 0.0

    def _open(self) -> None:
        """Connect, and prepare to read after the last yielded record."""
        raise NotImplementedError

    def _read(self, size: int, timeout: float) -> Batch | None:
        """Return the next batch, or None if nothing arrived within the timeout."""
        raise NotImplementedError

    def _disconnect(self) -> None:
        """Close the connection, if there is one."""
        raise NotImplementedError

    def batches(self, size: int = 5000, timeout: float = 0.2) -> Iterator[Batch | None]:
        """Yield batches, and None whenever nothing arrives before the timeout.

        Raises
        ------
        SourceError
            If there has been no connection for too long, or the next record no longer exists on the
            server.
        """
        failures = 0
        while True:
            try:
                if not self._connected:
                    self._open()
                    self._connected = True
                batch = self._read(size, timeout)
            except self._connection_errors as error:
                self._on_connection_lost(error)
                yield from _wait(
                    min(_MAX_BACKOFF, _MIN_BACKOFF * 2.0 ** min(failures, 20)), timeout
                )
                failures += 1
                continue
            if self.connection_error is None or self._mark_reconnected():
                failures = 0
            if batch is not None and self._gaps:
                batch = replace(batch, refused=[*self._gaps, *batch.refused])
                self._gaps = []
            yield batch if batch is None else self._decoded(batch)

    def _decoded(self, batch: Batch) -> Batch:
        """Return a batch in which messages in a format other than JSON are decoded."""
        if self._messages is None or not batch.records:
            return batch
        raw: Any = batch.records
        records, index, refused = self._messages.decode(raw)
        letters = [(batch.positions[i], bytes(raw[i])[:MAX_KEPT_BYTES], why) for i, why in refused]
        positions = [batch.positions[i] for i in index]
        return replace(
            batch, records=records, positions=positions, refused=[*batch.refused, *letters]
        )

    def _on_connection_lost(self, error: Exception) -> None:
        """Record that the connection was lost."""
        self._connected = self.caught_up = False
        self._disconnect()
        self._note(self._message(error))

    def _note(self, connection_error: str) -> None:
        """Record a connection error; raise an error if it has lasted too long."""
        now = time.monotonic()
        if self.connection_error is None:
            self._since = now
        self.connection_error = connection_error
        limit = (
            self._patience if self._has_connected else min(FIRST_CONNECTION_TIMEOUT, self._patience)
        )
        if now - self._since >= limit:
            raise SourceError(
                f"cannot read {self.name}: {connection_error}; gave up after {limit:g} s"
            )

    def _mark_reconnected(self) -> bool:
        """Record that the connection has been restored; return True."""
        self.reconnects += self._has_connected
        self.connection_error = None
        return True

    def _message(self, error: Exception) -> str:
        """Return the error message with secrets masked."""
        text = " ".join(str(error).split()) or type(error).__name__
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

    def _handle_gap(self, what: str, position: Any) -> None:
        """Record a gap because events were lost, or fail, depending on the option `lost`.

        Parameters
        ----------
        what
            Description of what is missing.
        position
            Position of the dead letter about the gap.
        """
        if not self._restart:
            raise SourceError(
                f"cannot continue with {self.name}: {what}; events may be lost. lost = 'restart'"
                " continues with the events that are available"
            )
        self._gaps.append((position, b"", f"{what}; events may be lost"))

    def close(self) -> None:
        """Disconnect."""
        self._connected = False
        self._disconnect()


def _wait(seconds: float, timeout: float) -> Iterator[None]:
    """Wait for a random time of at least half of `seconds`, and yield None at intervals."""
    # random, so that the runners of one server do not all reconnect at the same time
    until = time.monotonic() + seconds * random.uniform(0.5, 1.0)
    while (left := until - time.monotonic()) > 0.0:
        time.sleep(min(left, timeout))
        yield None
