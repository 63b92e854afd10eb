"""Events from standard input."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from seqbayes.events.records import LONGEST, Part
from seqbayes.stream.source import Batch, Source, SourceError
from seqbayes.stream.sources.reading import BLOCK, Format


class Stdin(Source):
    """Events from a pipe, which cannot be read again.

    Parameters
    ----------
    format, delimiter, longest
        As of a file; by default JSON Lines.
    name
        Its identity in the store.

    Raises
    ------
    PriorError
        If an option is none.

    Notes
    -----
    An event counts at most once: what was read and not committed when the process is killed is
    lost. A signal (Ctrl-C, SIGTERM) commits first. The token counts bytes over all runs.
    """

    kind = "stdin"

    def __init__(
        self,
        format: Literal["jsonl", "csv"] | None = None,  # noqa: A002
        delimiter: str | None = None,
        longest: int = LONGEST,
        name: str = "stdin",
    ) -> None:
        layout = Format(format, "-.jsonl", delimiter, longest)
        self.name = name
        self.text = layout.text
        self._splitter = layout.splitter(Path("-"), 0)
        self._base = 0

    def seek(self, token: Any) -> None:
        """Count on from a token; what was read before is not read again."""
        self._base = 0 if token is None else token

    def batches(self, size: int = 5000, timeout: float = 0.2) -> Iterator[Batch | None]:
        """Yield batches, and None while nothing comes.

        Raises
        ------
        SourceError
            If standard input is closed or cannot be read.
        """
        base = self._base
        while True:
            try:
                descriptor = sys.stdin.fileno()
                if not select.select([descriptor], [], [], timeout)[0]:
                    yield None
                    continue
                block = os.read(descriptor, BLOCK)
            except (OSError, ValueError, AttributeError) as error:
                raise SourceError(f"cannot read standard input: {error}") from error
            part = self._splitter.split(block, last=not block)
            yield from _slices(part, size, base)
            if not block:
                return


def _slices(part: Part, size: int, base: int) -> Iterator[Batch]:
    refused = [(base + start, raw, why) for start, raw, why in part.refused]
    starts = [base + start for start in part.starts]
    for first in range(0, len(starts), size):
        last = first + size
        end = starts[last] if last < len(starts) else base + part.end
        yield Batch(part.records[first:last], end, starts[first:last], refused)
        refused = []
    if refused:
        yield Batch([], base + part.end, [], refused)
