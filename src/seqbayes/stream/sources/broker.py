"""Base class of sources that read from a server: credentials and broken connections."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

from seqbayes.errors import PriorError
from seqbayes.stream.source import Batch, Source, SourceError

FIRST = 10.0
"""Seconds allowed for the first connection; later ones have `patience` seconds."""

Lost = Literal["stop", "restart"]

_PAUSE, _LONGEST = 0.1, 10.0


class Broker(Source):
    """A source that reads from a server without end, and reconnects when the connection breaks.

    Subclasses connect in `_open`, read in `_read`, and disconnect in `_disconnect`. If one of these
    raises one of `_troubles`, the source reconnects after pauses that double.

    Parameters
    ----------
    name
        Identity in the store.
    lost
        What to do if the server no longer has the next record.
    patience
        Seconds without a connection after which the source fails.
    secrets
        Texts that must not appear in messages.

    Attributes
    ----------
    caught_up
        Whether there was nothing more when the server was last asked.
    trouble
        Why there is no connection at present; None if there is one.

    Raises
    ------
    PriorError
        If an option is invalid.
    """

    finite = False
    _troubles: tuple[type[Exception], ...] = (OSError,)

    def __init__(
        self, name: str, lost: Lost, patience: float, secrets: tuple[str, ...] = ()
    ) -> None:
        if lost not in ("stop", "restart"):
            raise PriorError(f"expected lost 'stop' or 'restart', got {lost!r}")
        if not patience > 0.0:
            raise PriorError(f"expected patience above 0 seconds, got {patience!r}")
        self.name = name
        self.caught_up = False
        self._restart = lost == "restart"
        self._gaps: list[tuple[Any, bytes, str]] = []  # dead letters for the next batch
        self._patience = patience
        self._secrets = tuple(each for each in secrets if each)
        self._connected = self._ever = False
        self._since = 0.0

    def _open(self) -> None:
        """Connect, and prepare to read after the last record that was yielded."""
        raise NotImplementedError

    def _read(self, size: int, timeout: float) -> Batch | None:
        """Return the next batch, or None if nothing arrived within the timeout."""
        raise NotImplementedError

    def _disconnect(self) -> None:
        """Close the connection, if there is one."""
        raise NotImplementedError

    def batches(self, size: int = 5000, timeout: float = 0.2) -> Iterator[Batch | None]:
        """Yield batches, and None while nothing arrives.

        Raises
        ------
        SourceError
            If there has been no connection for too long, or the server no longer has the next
            record.
        """
        failures = 0
        while True:
            try:
                if not self._connected:
                    self._open()
                    self._connected = True
                batch = self._read(size, timeout)
            except self._troubles as error:
                self._lose(error)
                yield from _wait(min(_LONGEST, _PAUSE * 2.0 ** min(failures, 20)), timeout)
                failures += 1
                continue
            if self.trouble is None or self._is_mended():
                failures = 0
            if batch is not None and self._gaps:
                batch = replace(batch, refused=[*self._gaps, *batch.refused])
                self._gaps = []
            yield batch

    def _lose(self, error: Exception) -> None:
        """Note that the connection is lost."""
        self._connected = self.caught_up = False
        self._disconnect()
        self._note(self._message(error))

    def _note(self, trouble: str) -> None:
        """Note a connection problem; fail if it has lasted for too long."""
        now = time.monotonic()
        if self.trouble is None:
            self._since = now
        self.trouble = trouble
        limit = self._patience if self._ever else min(FIRST, self._patience)
        if now - self._since >= limit:
            raise SourceError(f"cannot read {self.name}: {trouble}; gave up after {limit:g} s")

    def _is_mended(self) -> bool:
        """Note that there is a connection again."""
        self.reconnects += self._ever
        self.trouble = None
        return True

    def _message(self, error: Exception) -> str:
        """Return the message of an error without secrets."""
        text = " ".join(str(error).split()) or type(error).__name__
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

    def _lack(self, what: str, position: Any) -> None:
        """Note a gap, or fail, since events were lost.

        Parameters
        ----------
        what
            What is missing.
        position
            Position for the dead letter about the gap.
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
    """Wait for at least half of this time; the caller may act between two items."""
    # runners that lost the same server must not all reconnect at once
    until = time.monotonic() + seconds * random.uniform(0.5, 1.0)
    while (left := until - time.monotonic()) > 0.0:
        time.sleep(min(left, timeout))
        yield None
