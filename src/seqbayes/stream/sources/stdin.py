"""Events from standard input and other pipes."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal

from seqbayes.events.records import MAX_RECORD_BYTES, RecordChunk, Splitter
from seqbayes.stream.source import Batch, Source, SourceError
from seqbayes.stream.sources.reading import BLOCK, Format


class Pipe(Source):
    """Reads events from an open file descriptor, which cannot be read again.

    Parameters
    ----------
    descriptor
        The file descriptor, which is not closed.
    splitter
        Splits the bytes into records.
    name
        Name of the source in the store.
    text
        Whether the splitter returns CSV rows.
    """

    def __init__(
        self, descriptor: int, splitter: Splitter, name: str = "pipe", text: bool = False
    ) -> None:
        self.name, self.text = name, text
        self._descriptor = descriptor
        self._splitter = splitter
        self._base = 0

    def seek(self, token: Any) -> None:
        """Continue counting bytes from a token; the input itself cannot be read again."""
        self._base = 0 if token is None else token

    def batches(self, size: int = 5000, timeout: float = 0.2) -> Iterator[Batch | None]:
        """Yield batches, and None whenever nothing arrives before the timeout.

        Raises
        ------
        SourceError
            If the input is closed or cannot be read.
        """
        base = self._base
        while True:
            try:
                if not _is_ready(self._descriptor, timeout):
                    yield None
                    continue
                block = os.read(self._descriptor, BLOCK)
            except (OSError, ValueError) as error:
                raise SourceError(f"cannot read {self.name}: {error}") from error
            part = self._splitter.split(block, last=not block)
            yield from _slices(part, size, base)
            if not block:
                return


class Stdin(Pipe):
    """Reads events from standard input, which cannot be read again.

    Parameters
    ----------
    format, delimiter, longest
        See `File`; by default JSON Lines.
    name
        Name of the source in the store.

    Raises
    ------
    PriorError
        If an option is invalid.

    Notes
    -----
    Each event is counted at most once: events that were read but not committed when the process is
    killed are lost. On a signal (Ctrl-C, SIGTERM), the events read so far are committed first. The
    token counts the bytes of all runs.
    """

    kind = "stdin"

    token_type: ClassVar = int

    def __init__(
        self,
        format: Literal["jsonl", "csv", "msgpack"] | None = None,  # noqa: A002
        delimiter: str | None = None,
        longest: int = MAX_RECORD_BYTES,
        name: str = "stdin",
    ) -> None:
        layout = Format(format, "-.jsonl", delimiter, longest)
        super().__init__(-1, layout.splitter(Path("-"), 0), name, layout.text)

    def batches(self, size: int = 5000, timeout: float = 0.2) -> Iterator[Batch | None]:
        """Yield batches, and None whenever nothing arrives before the timeout.

        Raises
        ------
        SourceError
            If standard input is closed or cannot be read.
        """
        self._descriptor = open_stdin()
        return super().batches(size, timeout)


def open_stdin() -> int:
    """Return the file descriptor of standard input.

    Raises
    ------
    SourceError
        If standard input is closed.
    """
    try:
        descriptor = -1 if sys.stdin is None else sys.stdin.fileno()
    except (OSError, ValueError):  # closed, or replaced by an object without a descriptor
        descriptor = -1
    if descriptor < 0:
        raise SourceError("standard input is closed")
    return descriptor


def _is_ready(descriptor: int, timeout: float) -> bool:
    if sys.platform == "win32":  # on Windows, select needs sockets
        return True
    return bool(select.select([descriptor], [], [], timeout)[0])


def _slices(part: RecordChunk, size: int, base: int) -> Iterator[Batch]:
    def line_of(position: int) -> int:
        return part.line_of(position - base)

    refused = [(base + start, raw, reason) for start, raw, reason in part.refused]
    starts = [base + start for start in part.starts]
    for first in range(0, len(starts), size):
        last = first + size
        end = starts[last] if last < len(starts) else base + part.end
        records = part.records[first:last]
        yield Batch(records, end, starts[first:last], refused, line_of=line_of)
        refused = []
    if refused:
        yield Batch([], base + part.end, [], refused, line_of=line_of)
