"""The stateful processor that keeps one belief per key in a stream."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import Row
from pyspark.sql.streaming.stateful_processor import (
    ExpiredTimerInfo,
    MapState,
    StatefulProcessor,
    StatefulProcessorHandle,
    TimerValues,
    ValueState,
)

from seqbayes.events.belief import Belief
from seqbayes.spark.estimates import AT, STATE
from seqbayes.spark.events import EVENT_SECONDS, ID, KEY, Events, read
from seqbayes.spark.groups import learn_all
from seqbayes.stream.codec import StateCodec

PURGE_SECONDS = 3600.0
"""Interval at which ids older than the watermark are removed if `refresh` is None."""


class BeliefProcessor(StatefulProcessor):
    """Learns the events of each key, and keeps the belief in Spark's state store.

    Parameters
    ----------
    belief
        The declaration.
    columns
        The Arrow types of the events' columns.
    has_ids
        Whether events have ids, by which repeated events are recognised.
    refresh
        Seconds of event time after which a belief is emitted without new events; None for never.
    expire
        Weight of data below which a key is removed when its refresh timer expires; None to keep all
        keys.
    original
        The names of columns that were renamed, keyed by the new name.
    """

    schema = "state string, events long, refused long, duplicates long"
    """The schema of the state. Later versions may append columns: they are null in older states."""

    def __init__(
        self,
        belief: Belief,
        columns: pa.Schema,
        has_ids: bool = False,
        refresh: float | None = None,
        expire: float | None = None,
        original: Mapping[str, str] | None = None,
    ) -> None:
        self._belief = belief
        self._columns = columns
        self._has_ids = has_ids
        self._refresh = refresh
        self._expire = expire
        self._original = original or {}
        self._handle: StatefulProcessorHandle
        self._value: ValueState
        self._ids: MapState
        self._codec: StateCodec

    def init(self, handle: StatefulProcessorHandle) -> None:
        """Declare the state."""
        self._handle = handle
        self._codec = StateCodec(self._belief.state)
        self._value = handle.getValueState("belief", self.schema)
        if self._has_ids:
            self._ids = handle.getMapState("ids", "id string", "at double")

    def handleInputRows(  # noqa: N802 (a method of Spark)
        self, key: Any, rows: Any, timerValues: TimerValues
    ) -> Iterator[Row]:
        """Learn the events that a batch contains for a key; yield the belief."""
        model, (events, refused, duplicates) = self._load()
        named = self._original
        listed = [
            {named.get(name, name): value for name, value in row.asDict(recursive=True).items()}
            for row in rows
        ]
        fresh = self._without_repeated(listed) if self._has_ids else listed
        batch = pa.RecordBatch.from_pylist(fresh, self._columns)
        found = self._without_late(read(batch, self._belief), model.clock)
        bad = len(found.reasons)
        usable = found.usable()
        if usable.n:
            bad += learn_all(model, usable, skip=True)
        counts = (events + len(fresh) - bad, refused + bad, duplicates + len(listed) - len(fresh))
        text = self._codec.write(model)
        self._value.update((text, *counts))
        self._set_timer(model, timerValues, listed)
        missing = bool(self._belief.by) and key[0] is None  # all events have been refused
        yield self._row(key, None if missing else text, counts, len(listed), model.clock)

    def _load(self) -> tuple[Any, tuple[int, int, int]]:
        """Return the belief of the key, and the key's counts."""
        stored = self._value.get() if self._value.exists() else None
        if stored is None or stored[0] is None:
            return self._codec.make(), (0, 0, 0)
        model = self._codec.read(stored[0])
        # the statistics are valid only with the same prior
        model.merge(self._codec.make())
        padded = [*stored[1:], None, None, None]
        events, refused, duplicates = (int(count or 0) for count in padded[:3])
        return model, (events, refused, duplicates)

    def _without_repeated(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the events whose id is new, and store their ids."""
        fresh = []
        for row in rows:
            name = row[ID]
            if name is not None:
                if self._ids.containsKey((name,)):
                    continue
                self._ids.updateValue((name,), (row[EVENT_SECONDS],))
            fresh.append(row)
        return fresh

    def _without_late(self, events: Events, clock: float | None) -> Events:
        """Record the events that are further behind the clock than the belief allows."""
        late = self._belief.times.late
        if late is not None and clock is not None and events.ts is not None:
            for row in np.flatnonzero(events.ts < clock - late).tolist():
                events.reasons.setdefault(row, "the event is late")
        return events

    # Event-time timers.

    def _set_timer(
        self, model: Any, timer: TimerValues, rows: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        if self._refresh is None and not self._has_ids:
            return
        period = self._refresh or PURGE_SECONDS
        times = [row[EVENT_SECONDS] for row in rows if row[EVENT_SECONDS] is not None]
        latest = max([*times, timer.getCurrentWatermarkInMs() / 1000.0])
        if self._refresh is not None and model.clock is not None:
            latest = max(latest, model.clock)
        self._handle.registerTimer(int((math.floor(latest / period) + 1.0) * period * 1000.0))

    def handleExpiredTimer(  # noqa: N802 (a method of Spark)
        self, key: Any, timerValues: TimerValues, expiredTimerInfo: ExpiredTimerInfo
    ) -> Iterator[Row]:
        """Yield the belief as of the timer's time; remove old ids, and keys without data."""
        at = expiredTimerInfo.getExpiryTimeInMs() / 1000.0
        remaining = self._remove_ids(timerValues.getCurrentWatermarkInMs() / 1000.0)
        if not self._value.exists():
            return
        model, counts = self._load()
        if self._refresh is None:
            if remaining:
                self._set_timer(model, timerValues)
            return
        if model.clock is not None and at >= model.clock:
            if self._expire is not None and model.as_of(at).n_samples < self._expire:
                self._value.clear()
                if self._has_ids:
                    self._ids.clear()
                yield self._row(key, None, counts, 0, at)
                return
            yield self._row(key, self._codec.write(model), counts, 0, at)
        self._set_timer(model, timerValues)

    def _remove_ids(self, watermark: float) -> int:
        """Remove ids of events that would now be late; return the number of remaining ids."""
        if not self._has_ids:
            return 0
        stored = list(self._ids.iterator())
        old = [name for name, (at,) in stored if at is None or at < watermark]
        for name in old:
            self._ids.removeKey(name)
        return len(stored) - len(old)

    def handleInitialState(  # noqa: N802 (a method of Spark)
        self, key: Any, initialState: Any, timerValues: TimerValues
    ) -> None:
        """Start a key with the belief that a batch has learned."""
        model = self._codec.read(initialState[STATE])
        self._value.update((initialState[STATE], 0, 0, 0))
        self._set_timer(model, timerValues)

    @staticmethod
    def _row(
        key: Any, text: str | None, counts: tuple[int, int, int], new: int, at: float | None
    ) -> Row:
        events, refused, duplicates = counts
        named = {
            KEY: key[0],
            STATE: text,
            "events": events,
            "refused": refused,
            "duplicates": duplicates,
            "new": new,
            AT: at,
        }
        return Row(**named)
