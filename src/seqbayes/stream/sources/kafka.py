"""Events from a topic of Kafka."""

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
from seqbayes.stream.source import Batch, SourceError
from seqbayes.stream.sources.broker import Broker, Lost
from seqbayes.stream.sources.kafka_messages import SILENT, Positions, mark_of, setting

_POLL = 60.0
"""Seconds between two queries for added partitions."""
_PATIENCE = 1.0
"""Seconds within which the server must list the partitions; otherwise it is asked again."""
_MOST = 500
"""Maximum number of messages of a batch: more do not fit into the processor's cache."""
_GATHER = 0.01
"""Seconds for which a batch is collected after its first message."""

# bound once: each is called for every message
_error, _value = kafka.Message.error, kafka.Message.value
_partition, _offset = kafka.Message.partition, kafka.Message.offset

_OWN = {
    "bootstrap.servers": "brokers",
    "group.id": "group",
    "auto.offset.reset": "lost",
    "enable.auto.commit": "the store",
    "enable.partition.eof": "this source",
}
"""Client settings that other options determine."""

_UNREACHABLE = ("_ALL_BROKERS_DOWN", "_TRANSPORT", "_RESOLVE", "_TIMED_OUT")
"""Names of the client's errors that mean that there is no connection."""

Partition = int


class KafkaTopic(Broker):
    """Events from the messages of a Kafka topic: those of a partition in their order.

    Parameters
    ----------
    brokers
        Some hosts of the cluster, ``host:port``, with commas between them.
    topic
        The topic.
    partitions
        The numbers of the partitions that are read; all by default, those that are added later
        included.
    group
        A consumer group that assigns the partitions, instead of `partitions`. Offsets are committed
        to it for monitoring only; the store decides where reading starts.
    settings
        Further settings of the client by librdkafka's names (``"security.protocol"``); ``${NAME}``
        in a value is replaced by that environment variable.
    lost
        What to do if a partition no longer has the next offset, or the topic was deleted and made
        again: "stop" fails, "restart" starts at the partition's beginning and adds a dead letter
        about the gap.
    patience
        Seconds without a connection after which the source fails.
    name
        Its identity in the store; by default the topic, with `partitions` if they are given.

    Attributes
    ----------
    assigned
        The partitions that are read at present.

    Raises
    ------
    PriorError
        If an option is invalid.

    Notes
    -----
    The token holds the next offset of every partition, and a checksum of the message read last.
    That message is read again after every connection: another one in its place shows that the topic
    was deleted and recreated. If it has expired, this cannot be detected. The client reconnects
    automatically.
    Messages of different partitions are interleaved as they arrive. A belief whose events are all
    in one partition, as those of a message key are, is the same to the last bit however often the
    topic is read.
    """

    kind = "kafka"
    _troubles = (kafka.KafkaException, OSError)

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
    ) -> None:
        if not brokers or not topic:
            raise PriorError("expected brokers 'host:port', and the name of a topic")
        if partitions is not None and (
            group is not None or not partitions or any(p < 0 for p in partitions)
        ):
            raise PriorError(
                f"expected partitions such as [0, 1] or a group, got {partitions!r} and {group!r}"
            )
        given = {key: setting(value) for key, value in (settings or {}).items()}
        for key, decided in _OWN.items():
            if key in given:
                raise PriorError(f"setting {key!r} is determined by {decided}")
        chosen = "" if partitions is None else f"/{','.join(map(str, sorted(partitions)))}"
        secrets = tuple(
            str(value) for key, value in given.items() if "password" in key or "secret" in key
        )
        super().__init__(name or f"kafka:{topic}{chosen}", lost, patience, secrets)
        self._topic, self._group = topic, group
        self._chosen = None if partitions is None else sorted(set(partitions))
        self.settings: dict[str, Any] = {
            "log_level": 0,
            "queued.max.messages.kbytes": 1 << 15,
            "topic.metadata.refresh.interval.ms": 30_000,
            **given,
            "bootstrap.servers": brokers,
            "group.id": group or "seqbayes",
            "auto.offset.reset": "error",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
        self._consumer: Any = None
        self._next: dict[Partition, int] = {}
        self._last: dict[Partition, tuple[int, int]] = {}  # the message read last, as `mark_of`
        self._unverified: set[Partition] = set()  # partitions whose last message is read again
        self._ends: dict[Partition, int] = {}  # offsets of the ends that were reached
        self.assigned: set[Partition] = set()
        self._polled_at = 0.0
        self._answered = False
        self._trouble: str | None = None
        self._restarts = False
        self._make_consumer().close()  # which checks the settings, and connects to nothing

    def seek(self, token: Any) -> None:
        """Resume after the messages that had this token; None is the beginning."""
        self.close()
        token = dict(token or {})
        self._last = {int(p): (offset, mark) for p, (offset, mark) in token.pop("last", {}).items()}
        self._next = {int(p): offset for p, offset in token.items()}

    def _make_consumer(self) -> Any:
        try:
            return kafka.Consumer(self.settings, logger=SILENT, error_cb=self._note_error)
        except kafka.KafkaException as error:
            raise PriorError(self._describe(error.args[0])) from None

    def _open(self) -> None:
        if self._consumer is None:
            self._consumer = self._make_consumer()
        found = self._partitions(_PATIENCE)
        if self._group is not None:
            self._consumer.subscribe(
                [self._topic], on_assign=self._assign, on_revoke=self._revoke, on_lost=self._revoke
            )
        else:
            missing = set(self._chosen or ()) - set(found)
            if missing:
                raise SourceError(
                    f"cannot read {self.name}: no partition {min(missing)}; there are"
                    f" {', '.join(map(str, found))}"
                )
            wanted = found if self._chosen is None else self._chosen
            self._consumer.assign([self._place(p) for p in wanted])
            self.assigned = set(wanted)
        self._ends = {}
        self._ever, self._restarts = True, False

    def _partitions(self, timeout: float) -> list[Partition]:
        """Return the numbers of the existing partitions."""
        self._polled_at = time.monotonic()
        topic = self._consumer.list_topics(self._topic, timeout=timeout).topics[self._topic]
        if topic.error is not None:
            if (
                topic.error.retriable()
                and topic.error.code() != kafka.KafkaError.UNKNOWN_TOPIC_OR_PART
            ):
                raise kafka.KafkaException(topic.error)
            raise SourceError(f"cannot read {self.name}: {self._describe(topic.error)}")
        return sorted(topic.partitions)

    def _place(self, partition: Partition) -> Any:
        """Return where to start reading a partition."""
        offset = self._next.get(partition, kafka.OFFSET_BEGINNING)
        if offset != kafka.OFFSET_BEGINNING and partition in self._last:
            offset = self._last[partition][0]
            self._unverified.add(partition)
        return kafka.TopicPartition(self._topic, partition, offset)

    def _assign(self, consumer: Any, partitions: Sequence[Any]) -> None:
        """Read the partitions that the group assigned from the place in the store."""
        numbers = [each.partition for each in partitions]
        if self.settings.get("partition.assignment.strategy") == "cooperative-sticky":
            consumer.incremental_assign([self._place(p) for p in numbers])
        else:
            consumer.assign([self._place(p) for p in numbers])
            self.assigned.clear()
        self.assigned.update(numbers)
        for p in numbers:
            self._ends.pop(p, None)

    def _revoke(self, consumer: Any, partitions: Sequence[Any]) -> None:
        """Note that the group has revoked partitions; the client then drops them."""
        self.assigned.difference_update(each.partition for each in partitions)

    def _note_error(self, error: Any) -> None:
        """Note a connection error that the client reports during another call."""
        if error.name() in _UNREACHABLE and self.trouble is None:
            self._trouble = self._describe(error)

    def _describe(self, error: Any) -> str:
        return self._message(RuntimeError(error.str()))

    def _consume(self, size: int, timeout: float) -> list[Any]:
        """Return messages and error events; the client's callbacks run meanwhile."""
        self._trouble, self._answered = None, False
        size = min(size, _MOST)
        found: list[Any] = self._consumer.consume(1, timeout)
        if found and size > 1:  # to wait for all would be to wait for the timeout, always
            found += self._consumer.consume(size - 1, _GATHER)
        return found

    def _read(self, size: int, timeout: float) -> Batch | None:
        if self._chosen is None and self._group is None:
            self._poll_partitions()
        found = self._consume(size, timeout)
        errors = list(map(_error, found))
        bad = any(map(operator.is_not, errors, itertools.repeat(None)))
        messages = [m for m, e in zip(found, errors, strict=True) if e is None] if bad else found
        if self._unverified:
            messages = self._verify(messages)
        last = dict(zip(map(_partition, messages), messages, strict=True))
        after = self._next | {p: _offset(message) + 1 for p, message in last.items()}
        for message in found if bad else ():
            if message.error() is not None:
                self._take_error(message, after)
        self._next = after  # only after all are checked: messages after an error are read again
        self._last |= {p: mark_of(message) for p, message in last.items()}
        self._answered = self._answered or bool(messages)
        if self._answered:
            self.reconnects += self._trouble is not None and self.trouble is None
        elif self._trouble or self.trouble:
            self._probe()
        self.caught_up = self._trouble is None and self.trouble is None and self._is_caught_up()
        batch = self._batch(messages) if messages else None
        if self._restarts:
            self.close()
        return batch

    def _verify(self, messages: Sequence[Any]) -> list[Any]:
        """Return the messages that were not read before; check those that were read last."""
        kept = []
        lost: set[Partition] = set()
        for message in messages:
            p, offset = message.partition(), message.offset()
            if p in self._unverified and offset <= self._last[p][0]:
                if mark_of(message) != self._last[p]:
                    what = f"partition {p} has another message at offset {offset:,}, up to which it"
                    self._lack(
                        f"{what} was read: the topic was deleted and recreated", f"{p}:{offset}"
                    )
                    lost.add(p)
            elif p not in lost:
                kept.append(message)
            self._unverified.discard(p)
        for p in lost:
            self._forget(p, self._next)
        return kept

    def _forget(self, partition: Partition, after: dict[Partition, int]) -> None:
        """Read a partition from its beginning after the next connection."""
        after.pop(partition, None)
        self._last.pop(partition, None)
        self._restarts = True

    def _probe(self) -> None:
        """Check periodically whether there is a connection again, if nothing else shows it."""
        if self.trouble is not None and time.monotonic() - self._polled_at >= 1.0:
            try:
                self._partitions(0.5)
            except kafka.KafkaException as error:
                self._trouble = self._describe(error.args[0])
            else:
                self._answered = True
                return
        self._note(self._trouble or self.trouble or "")

    def _is_mended(self) -> bool:
        return self._answered and super()._is_mended()

    def _batch(self, messages: Sequence[Any]) -> Batch:
        records = list(map(_value, messages))
        positions: Sequence[Any] = Positions(messages)
        refused: list[tuple[Any, bytes, str]] = []
        if None in records:
            refused = [
                (position, message.key() or b"", "the message has no value")
                for position, message in zip(positions, messages, strict=True)
                if message.value() is None
            ]
            positions = Positions([m for m in messages if m.value() is not None])
            records = [record for record in records if record is not None]
        token: dict[str, Any] = {str(p): offset for p, offset in sorted(self._next.items())}
        token["last"] = {str(p): list(mark) for p, mark in sorted(self._last.items())}
        return Batch(records, token, positions, refused, self._lag())

    def _take_error(self, message: Any, after: dict[Partition, int]) -> None:
        """Note the end of a partition or a lost offset, or fail."""
        error = message.error()
        p = message.partition()
        if error.name() == "_PARTITION_EOF":
            # all before the end has come, markers of transactions included, which are no messages
            self._ends[p] = message.offset()
            after[p] = max(message.offset(), after.get(p, 0))
            self._answered = True
        elif error.name() == "_AUTO_OFFSET_RESET":
            if p in self._unverified:  # the message read last has expired; the next may be there
                del self._last[p]
                self._restarts = True
                return
            offset = after.get(p, 0)
            self._lack(f"partition {p} does not have offset {offset:,}", f"{p}:{offset}")
            self._forget(p, after)
        elif error.name() in _UNREACHABLE or (error.retriable() and not error.fatal()):
            self._trouble = self._describe(error)
        else:
            raise SourceError(f"cannot read {self.name}: {self._describe(error)}")

    def _is_caught_up(self) -> bool:
        """Whether every partition has been read to its end."""
        return bool(self.assigned) and all(
            p in self._ends and self._next.get(p, 0) <= self._ends[p] for p in self.assigned
        )

    def _lag(self) -> int | None:
        """Return how many messages are left, as the brokers reported last."""
        left = 0
        for p in self.assigned:
            place = kafka.TopicPartition(self._topic, p)
            _, high = self._consumer.get_watermark_offsets(place, cached=True)
            if high < 0:
                return None
            left += max(0, high - self._next.get(p, 0))
        return left

    def _poll_partitions(self) -> None:
        """Read partitions that were added."""
        if time.monotonic() - self._polled_at < _POLL or self.trouble is not None:
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

    def _lose(self, error: Exception) -> None:
        """Note that the client cannot connect; it keeps trying."""
        self._connected = self.caught_up = False
        reason = error.args[0] if isinstance(error, kafka.KafkaException) else None
        self._note(self._message(error) if reason is None else self._describe(reason))

    def _disconnect(self) -> None:
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None
        self.assigned.clear()
        self._unverified.clear()
