"""Detection of Kafka topics that are deleted and recreated while they are read."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import confluent_kafka as kafka

from seqbayes.stream.sources.kafka_messages import Mark, mark_of
from seqbayes.stream.sources.kafka_options import SILENT

_INTERVAL = 10.0
"""Seconds between two checks."""


class Recheck:
    """Reads again, at intervals, the messages that were the last ones at the preceding check.

    A consumer that stays connected does not notice that a topic was recreated if the new topic
    has more messages than it has read: it continues at its offset.

    Parameters
    ----------
    settings
        The settings of the client.
    topic
        Name of the topic.
    """

    def __init__(self, settings: Mapping[str, Any], topic: str) -> None:
        self._settings, self._topic = settings, topic
        self._consumer: Any = None
        self._marks: Mapping[int, Mark] = {}
        self._waiting: dict[int, Mark] = {}
        self._due = 0.0

    def check(self, marks: Mapping[int, Mark]) -> dict[int, Mark]:
        """Return the marks that are no longer those of the messages at their offsets.

        Parameters
        ----------
        marks
            The marks of the last messages read, keyed by partition.
        """
        now = time.monotonic()
        if now >= self._due and not self._waiting:
            self._due = now + _INTERVAL
            self._waiting = {p: mark for p, mark in self._marks.items() if p in marks}
            self._marks = dict(marks)
            if self._waiting:
                self._start()
        changed: dict[int, Mark] = {}
        for message in self._consumer.consume(len(self._waiting), 0.0) if self._waiting else ():
            mark = self._waiting.pop(message.partition(), None)
            # an offset that no longer exists is found by the consumer that reads the topic
            if mark and message.error() is None and mark_of(message) != mark:
                changed[message.partition()] = mark
        return changed

    def _start(self) -> None:
        if self._consumer is None:
            self._consumer = kafka.Consumer(self._settings, logger=SILENT)
        places = [kafka.TopicPartition(self._topic, p, at) for p, (at, _) in self._waiting.items()]
        self._consumer.assign(places)

    def close(self) -> None:
        """Close the consumer, and forget the marks."""
        if self._consumer is not None:
            self._consumer.close()
        self._consumer, self._marks, self._waiting = None, {}, {}
