"""Events from a Kafka topic."""

from __future__ import annotations

import itertools
import operator
import time
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from seqbayes.extras import install_command

try:
    import confluent_kafka as kafka
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"Kafka needs confluent-kafka: {install_command('kafka')}", name=error.name
    ) from None

from seqbayes.errors import PriorError
from seqbayes.events.messages import MessageFormat, messages_of
from seqbayes.stream.source import PARTITION, Batch, SourceError
from seqbayes.stream.sources.broker import Broker, Lost
from seqbayes.stream.sources.kafka_messages import LastRead, split_empty
from seqbayes.stream.sources.kafka_options import (
    SILENT,
    check_options,
    client_settings,
    secrets_in,
    select_partitions,
)
from seqbayes.stream.sources.kafka_recheck import Recheck

_POLL = 60.0
"""Seconds between two queries for newly added partitions."""
_LIST_TIMEOUT = 1.0
"""Timeout in seconds for listing the partitions, after which the request is repeated."""
_MAX_BATCH = 500
"""Maximum number of messages in a batch; larger batches do not fit into the CPU cache."""
_BATCH_WINDOW = 0.01
"""Seconds for which messages are added to a batch after its first message."""

# bound once, because these methods are called for every message
_error = kafka.Message.error
_partition, _offset = kafka.Message.partition, kafka.Message.offset

_UNREACHABLE = ("_ALL_BROKERS_DOWN", "_TRANSPORT", "_RESOLVE", "_TIMED_OUT")
"""Names of client errors that mean that there is no connection."""


class KafkaTopic(Broker):
    """Reads events from a Kafka topic, in order within each partition.

    Parameters
    ----------
    brokers
        Bootstrap servers of the cluster, ``host:port``, separated by commas.
    topic
        Name of the topic.
    partitions
        Numbers of the partitions to read; by default all, including partitions added later.
    group
        A consumer group that assigns the partitions, instead of `partitions`. Offsets are committed
        to it for monitoring only; the store decides where reading starts.
    settings
        Additional client settings, keyed by their librdkafka names (``"security.protocol"``);
        ``${NAME}`` in a value is replaced with the value of that environment variable.
    format
        Format of the messages: "json", "msgpack", "avro" or "protobuf".
    schema, message
        See `Messages`: the file of the schema, and the name of the Protobuf message.
    registry
        URL of a schema registry, for Avro and Protobuf.
    lost
        What to do if a partition no longer has the next offset, or the topic was deleted and
        recreated: "stop" fails, "restart" starts at the partition's beginning and adds a dead
        letter about the gap.
    patience
        Maximum number of seconds without a connection; after this time, the source fails.
    name
        Name of the source in the store; by default the topic, with `partitions` if they are given.

    Attributes
    ----------
    assigned
        The partitions that are currently being read.

    Raises
    ------
    PriorError
        If an option is invalid.

    Notes
    -----
    The token contains the next offset of every partition, and a checksum of the last message read.
    That message is read again after every connection, and at intervals: if a different message is
    found at its offset, the topic was deleted and recreated. If the message has expired, this
    cannot be detected. The client reconnects automatically.
    Messages of different partitions are interleaved as they arrive. If all events of
    a belief are in one partition (as is the case for events with the same message key), reading the
    topic again gives a bit-for-bit identical belief.
    """

    kind = "kafka"
    _connection_errors = (kafka.KafkaException, OSError)

    token_type: ClassVar = dict[str, Any]

    def __init__(
        self,
        brokers: str,
        topic: str,
        partitions: Sequence[int] | None = None,
        group: str | None = None,
        settings: Mapping[str, str | int | float | bool] | None = None,
        lost: Lost = "stop",
        patience: float = 300.0,
        name: str | None = None,
        format: MessageFormat = "json",  # noqa: A002
        schema: str | None = None,
        message: str | None = None,
        registry: str | None = None,
    ) -> None:
        check_options(brokers, topic, partitions, group)
        self.settings = client_settings(brokers, group, settings or {})
        chosen = "" if partitions is None else f"/{','.join(map(str, sorted(partitions)))}"
        name = name or f"kafka:{topic}{chosen}"
        super().__init__(name, lost, patience, secrets_in(self.settings))
        self._messages = messages_of(format, schema, message, registry, topic)
        self._topic, self._group = topic, group
        self._chosen = None if partitions is None else sorted(set(partitions))
        self._consumer: Any = None
        self._next: dict[int, int] = {}
        self._last, self._recheck = LastRead(), Recheck(self.settings, topic)
        self._ends: dict[int, int] = {}  # offsets of partition ends that were reached
        self.assigned: set[int] = set()
        self._polled_at, self._answered = 0.0, False
        self._connection_error: str | None = None
        # partitions to be read from another offset
        self._reopened: set[int] = set()
        self._make_consumer().close()  # the constructor validates the settings without connecting

    @classmethod
    def partition_options(cls, options: Mapping[str, Any], partition: str) -> dict[str, Any]:
        """Return the options for a partition of the topic, or a range of partitions such as 0-7.

        Raises
        ------
        PriorError
            If the options select partitions, or the name is neither a number nor a range.
        """
        for name in ("partitions", "group"):
            if options.get(name) is not None:
                raise PriorError(
                    f"the source cannot have {name!r}: with [group], the store decides which"
                    " runner reads a partition"
                )
        if PARTITION in options["topic"]:
            return super().partition_options(options, partition)
        return select_partitions(options, partition)

    def seek(self, token: Any) -> None:
        """Resume after the messages with a given token; None means from the beginning."""
        self.close()
        token = dict(token or {})
        self._last = LastRead(token.pop("last", None))
        self._next = {int(p): offset for p, offset in token.items()}

    def _make_consumer(self) -> Any:
        try:
            return kafka.Consumer(self.settings, logger=SILENT, error_cb=self._note_error)
        except kafka.KafkaException as error:
            raise PriorError(self._describe(error.args[0])) from None

    def _open(self) -> None:
        if self._consumer is None:
            self._consumer = self._make_consumer()
        found = self._partitions(_LIST_TIMEOUT)
        if self._group is not None:
            self._consumer.subscribe(
                [self._topic], on_assign=self._assign, on_revoke=self._revoke, on_lost=self._revoke
            )
        else:
            missing = set(self._chosen or ()) - set(found)
            if missing:
                raise SourceError(
                    f"cannot read {self.name}: no partition {min(missing)}; expected one of"
                    f" {', '.join(map(str, found))}"
                )
            wanted = found if self._chosen is None else self._chosen
            self._consumer.assign([self._place(p) for p in wanted])
            self.assigned = set(wanted)
        self._ends = {}
        self._reopened = set()
        self._has_connected = True

    def _partitions(self, timeout: float) -> list[int]:
        """Return the numbers of the existing partitions."""
        self._polled_at = time.monotonic()
        topic = self._consumer.list_topics(self._topic, timeout=timeout).topics[self._topic]
        if topic.error is not None:
            unknown = topic.error.code() == kafka.KafkaError.UNKNOWN_TOPIC_OR_PART
            if topic.error.retriable() and not unknown:
                raise kafka.KafkaException(topic.error)
            raise SourceError(f"cannot read {self.name}: {self._describe(topic.error)}")
        return sorted(topic.partitions)

    def _place(self, partition: int) -> Any:
        """Return the offset at which to start reading a partition."""
        offset = self._next.get(partition, kafka.OFFSET_BEGINNING)
        if offset != kafka.OFFSET_BEGINNING:
            offset = self._last.reread_from(partition, offset)
        return kafka.TopicPartition(self._topic, partition, offset)

    def _assign(self, consumer: Any, partitions: Sequence[Any]) -> None:
        """Read the partitions assigned by the group, from the offsets in the store."""
        numbers = [each.partition for each in partitions]
        if self.settings.get("partition.assignment.strategy") == "cooperative-sticky":
            consumer.incremental_assign([self._place(p) for p in numbers])
        else:
            consumer.assign([self._place(p) for p in numbers])
            self.assigned.clear()
        self.assigned.update(numbers)
        self._ends = {p: end for p, end in self._ends.items() if p not in numbers}

    def _revoke(self, consumer: Any, partitions: Sequence[Any]) -> None:
        """Record that the group has revoked partitions; the client then drops them."""
        self.assigned.difference_update(each.partition for each in partitions)

    def _note_error(self, error: Any) -> None:
        """Record a connection error that the client reports during another call."""
        if error.name() in _UNREACHABLE and self.connection_error is None:
            self._connection_error = self._describe(error)

    def _describe(self, error: Any) -> str:
        return self._message(RuntimeError(error.str()))

    def _consume(self, size: int, timeout: float) -> list[Any]:
        """Return messages and error events; the client's callbacks run meanwhile."""
        self._connection_error, self._answered = None, False
        size = min(size, _MAX_BATCH)
        found: list[Any] = self._consumer.consume(1, timeout)
        if found and size > 1:  # waiting for `size` messages would always wait until the timeout
            found += self._consumer.consume(size - 1, _BATCH_WINDOW)
        return found

    def _read(self, size: int, timeout: float) -> Batch | None:
        if self._chosen is None and self._group is None:
            self._poll_partitions()
        found = self._consume(size, timeout)
        errors = list(map(_error, found))
        bad = any(map(operator.is_not, errors, itertools.repeat(None)))
        messages = [m for m, e in zip(found, errors, strict=True) if e is None] if bad else found
        messages, recreated = self._last.verify(messages)
        for p, (at, what) in (recreated if found else self._last.find_past_ends(self._end)).items():
            what = f"partition {p} has {what}: the topic was deleted and recreated"
            self._handle_gap(what, f"{p}:{at}")
            self._restart_partition(p, self._next)
        messages = self._take_changes(messages)
        last = dict(zip(map(_partition, messages), messages, strict=True))
        after = self._next | {p: _offset(message) + 1 for p, message in last.items()}
        for message in found if bad else ():
            if message.error() is not None:
                self._take_error(message, after)
        # update the positions only after all messages were checked: messages after an error are
        # read again
        self._next = after
        self._last.record(last)
        self._answered = self._answered or bool(messages)
        if self._answered:
            self.reconnects += self._connection_error is not None and self.connection_error is None
        elif self._connection_error or self.connection_error:
            self._probe()
        failed = self._connection_error or self.connection_error
        self.caught_up = not failed and self._is_caught_up()
        batch = self._batch(messages) if messages or self._gaps else None
        if self._reopened:
            self.close()
        return batch

    def _take_changes(self, messages: list[Any]) -> list[Any]:
        """Handle partitions that were recreated since the last check; drop what is read again."""
        for p, (at, _) in self._recheck.check(self._last.marks).items():
            what = f"partition {p} has another message at offset {at:,}, which was read before"
            if self._next.get(p) == at + 1:
                self._restart_partition(p, self._next)
                messages = [m for m in messages if m.partition() != p]
            else:
                what += f", and earlier messages that were not: reading continued after {at:,}"
            self._handle_gap(f"{what}: the topic was deleted and recreated", f"{p}:{at}")
        return messages

    def _end(self, p: int, cached: bool = False) -> int:
        place = kafka.TopicPartition(self._topic, p)
        return int(self._consumer.get_watermark_offsets(place, _LIST_TIMEOUT, cached)[1])

    def _restart_partition(self, partition: int, after: dict[int, int]) -> None:
        """Read a partition from its beginning after reconnecting."""
        after.pop(partition, None)
        self._last.forget(partition)
        self._reopened.add(partition)

    def _probe(self) -> None:
        """Periodically check whether the connection has been restored, if no message shows this."""
        if self.connection_error is not None and time.monotonic() - self._polled_at >= 1.0:
            try:
                self._partitions(0.5)
            except kafka.KafkaException as error:
                self._connection_error = self._describe(error.args[0])
            else:
                self._answered = True
                return
        self._note(self._connection_error or self.connection_error or "")

    def _mark_reconnected(self) -> bool:
        return self._answered and super()._mark_reconnected()

    def _batch(self, messages: Sequence[Any]) -> Batch:
        records, positions, refused = split_empty(messages)
        token: dict[str, Any] = {str(p): offset for p, offset in sorted(self._next.items())}
        token["last"] = self._last.token()
        return Batch(records, token, positions, refused, self._lag())

    def _take_error(self, message: Any, after: dict[int, int]) -> None:
        """Handle an error message: record a partition end or a lost offset, or raise an error."""
        error = message.error()
        p = message.partition()
        if p in self._reopened and error.name() in ("_PARTITION_EOF", "_AUTO_OFFSET_RESET"):
            return  # the error concerns the offset from which the partition was read before
        if error.name() == "_PARTITION_EOF":
            # the offset includes transaction markers, which are not delivered as messages
            self._ends[p] = message.offset()
            after[p] = max(message.offset(), after.get(p, 0))
            self._answered = True
        elif error.name() == "_AUTO_OFFSET_RESET":
            # the last message read has expired, but the next may exist
            if p in self._last.unverified:
                self._last.forget(p)
                self._reopened.add(p)
                return
            offset = after.get(p, 0)
            self._handle_gap(
                f"offset {offset:,} of partition {p} no longer exists", f"{p}:{offset}"
            )
            self._restart_partition(p, after)
        elif error.name() in _UNREACHABLE or (error.retriable() and not error.fatal()):
            self._connection_error = self._describe(error)
        else:
            raise SourceError(f"cannot read {self.name}: {self._describe(error)}")

    def _is_caught_up(self) -> bool:
        """Whether every partition has been read to its end."""
        return bool(self.assigned) and all(
            p in self._ends and self._next.get(p, 0) <= self._ends[p] for p in self.assigned
        )

    def _lag(self) -> int | None:
        """Return the number of unread messages, according to the latest report of the brokers."""
        left = 0
        for p in self.assigned:
            high = self._end(p, cached=True)
            if high < 0:
                return None
            left += max(0, high - self._next.get(p, 0))
        return left

    def _poll_partitions(self) -> None:
        """Start reading newly added partitions."""
        if time.monotonic() - self._polled_at < _POLL or self.connection_error is not None:
            return
        added = set(self._partitions(1.0)) - self.assigned
        if added:
            self._consumer.incremental_assign([self._place(p) for p in sorted(added)])
            self.assigned |= added

    def committed(self, token: Any) -> None:
        """Commit the offsets to the group."""
        if self._group is None or self._consumer is None:
            return
        places = [
            kafka.TopicPartition(self._topic, int(p), offset)
            for p, offset in token.items()
            if p != "last" and int(p) in self.assigned
        ]
        if places:
            self._consumer.commit(offsets=places, asynchronous=True)

    def _on_connection_lost(self, error: Exception) -> None:
        """Record that the client cannot connect; it continues to retry."""
        self._connected = self.caught_up = False
        reason = error.args[0] if isinstance(error, kafka.KafkaException) else None
        self._note(self._message(error) if reason is None else self._describe(reason))

    def _disconnect(self) -> None:
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None
        self.assigned.clear()
        self._last.unverified.clear()
        self._recheck.close()
