"""Events from Python iterables, including the streams and data sets of River."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, ClassVar

from seqbayes.console.suggestions import did_you_mean
from seqbayes.stream.source import Batch, Source, SourceError


class Iterated(Source):
    """Reads events from an iterable of mappings, or of pairs (x, y) like River's streams.

    Parameters
    ----------
    events
        The iterable, or a function that returns it. To resume after a restart, it must be possible
        to iterate again: use a list, a data set or a function, not an iterator.
    name
        Name of the source in the store.
    target
        Name of the field that contains y, if the events are pairs.

    Examples
    --------
    >>> sales = Iterated([{"sold": True}, {"sold": False}], name="sales")
    >>> [batch.records for batch in sales.batches()]
    [[{'sold': True}, {'sold': False}]]
    """

    token_type: ClassVar = int

    def __init__(
        self,
        events: Iterable[Any] | Callable[[], Iterable[Any]],
        name: str,
        target: str = "target",
    ) -> None:
        self.name = name
        self._events = events
        self._target = target
        self._place = 0

    def seek(self, token: Any) -> None:
        """Resume after the event with a given token, by skipping all events up to it.

        Raises
        ------
        SourceError
            If the iterable cannot be iterated again.
        """
        self._place = 0 if token is None else token
        if self._place and not callable(self._events) and iter(self._events) is self._events:
            raise SourceError(
                f"{self.name!r} has been read up to event {self._place:,}, and an iterator cannot"
                " be restarted: pass a function that returns it"
            )

    def batches(self, size: int = 5000, timeout: float = 0.2) -> Iterator[Batch | None]:
        """Yield batches.

        Raises
        ------
        SourceError
            If there are fewer events than have already been read.
        """
        events = iter(self._events() if callable(self._events) else self._events)
        for _ in range(self._place):
            if next(events, _END) is _END:
                raise SourceError(f"{self.name!r} ends before event {self._place:,}")
        while chunk := list(islice(events, size)):
            start, self._place = self._place, self._place + len(chunk)
            places = range(start, self._place)
            kept, positions, refused = [], [], []
            for place, event in zip(places, chunk, strict=True):
                mapping = self._mapping(event)
                if mapping is None:
                    refused.append((place, repr(event)[:1000].encode(), "no mapping"))
                else:
                    kept.append(mapping)
                    positions.append(place)
            yield Batch(kept, self._place, positions, refused)

    def _mapping(self, event: Any) -> Mapping[str, Any] | None:
        if isinstance(event, Mapping):
            return event
        if isinstance(event, tuple) and len(event) == 2 and isinstance(event[0], Mapping):
            return {**event[0], self._target: event[1]}
        return None


_END = object()


class Dataset(Iterated):
    """Reads events from a data set of River.

    Parameters
    ----------
    dataset
        Name of the class of the data set, such as ``"Phishing"``.
    target
        Name of the field for the target.
    name
        Name of the source in the store; by default the name of the data set.

    Raises
    ------
    SourceError
        If River does not have this data set.

    Examples
    --------
    >>> (batch,) = Dataset("ChickWeights").batches()
    >>> len(batch.records), batch.records[0]
    (578, {'time': 0, 'chick': 1, 'diet': 1, 'target': 42})
    """

    kind = "dataset"

    def __init__(self, dataset: str, target: str = "target", name: str | None = None) -> None:
        from river import datasets

        known = [n for n, kind in vars(datasets).items() if inspect.isclass(kind)]
        if dataset not in known:
            hint = did_you_mean(dataset, known)
            raise SourceError(f"River has no data set {dataset!r}{hint}")
        super().__init__(getattr(datasets, dataset), name or f"dataset:{dataset}", target)
