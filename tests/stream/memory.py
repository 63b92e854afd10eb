"""A source over a list, and helpers for the tests of streams."""

import json
import time
from pathlib import Path

from seqbayes.stream.source import Batch, Source


class Listed(Source):
    """Raw records or mappings from a list; the token is the number of records read."""

    token_type = int

    def __init__(self, records, name="listed", size=None, idle=(), text=False):
        self.records = records
        self.name = name
        self.text = text
        self.acknowledged = []
        self.closed = False
        self._size = size
        self._idle = set(idle)
        self._place = 0

    def seek(self, token):
        self._place = 0 if token is None else token

    def batches(self, size=5000, timeout=0.2):
        size = self._size or size
        while self._place < len(self.records):
            if self._place in self._idle:
                yield None
            start, self._place = self._place, min(self._place + size, len(self.records))
            positions = list(range(start, self._place))
            rest = len(self.records) - self._place
            yield Batch(self.records[start : self._place], self._place, positions, (), rest)

    def committed(self, token):
        self.acknowledged.append(token)

    def close(self):
        self.closed = True


def lines(*events):
    return [json.dumps(event).encode() for event in events]


class Lines(Listed):
    """The lines of a file, read once; the token is the number of lines read."""

    def __init__(self, path: str, pause: float = 0.0, endless: bool = False) -> None:
        super().__init__([], name=path)
        self.finite = not endless
        self._pause = pause

    def seek(self, token):
        super().seek(token)
        self.records = Path(self.name).read_bytes().splitlines()

    def batches(self, size=5000, timeout=0.2):
        for batch in super().batches(7 if self._pause else size):
            yield batch
            time.sleep(self._pause)
        while not self.finite:
            yield None
            time.sleep(0.01)
