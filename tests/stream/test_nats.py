"""NATS JetStream: requests, missing messages, and streams that lose data."""

import asyncio
import contextlib
import itertools
import time
from contextlib import closing

import pytest
from brokers import make, numbers, read
from killing import events

from seqbayes.stream import SourceError
from seqbayes.stream.sources import nats as module
from seqbayes.stream.sources import nats_feed

_numbers = itertools.count()


@pytest.fixture
def nats(server):
    return server("nats")


@pytest.fixture
def stream(nats):
    name = f"n{next(_numbers)}"
    nats.make(name)
    return name


def test_only_the_selected_subject_is_read(nats, stream):
    async def publish(js):
        for i, record in enumerate(events(20, 1)):
            await js.publish(f"{stream}.{'ab'[i % 2]}", record)

    nats.do(publish)
    with closing(make(nats.source(stream, subject=f"{stream}.b"))) as source:
        source.seek(None)
        batches = read(source, 10, size=4)
        assert numbers(batches) == list(range(1, 20, 2))
        assert batches[-1].positions[-1] == batches[-1].token["sequence"] == 20
        count = len(batches[0].records)
        assert (batches[0].remaining, batches[-1].remaining) == (10 - count, 0)
        source.seek(batches[0].token)
        assert numbers(read(source, 10 - count)) == list(range(1 + 2 * count, 20, 2))


def test_requests_are_bounded_by_the_free_space(nats, stream, monkeypatch):
    monkeypatch.setattr(nats_feed, "REQUEST", 10)
    nats.publish(stream, events(100, 1))

    def delivered():
        counts = []

        async def look(js):
            counts.extend(
                consumer.delivered.consumer_seq for consumer in await js.consumers_info(stream)
            )

        nats.do(look)
        return max(counts, default=0)

    with closing(make(nats.source(stream))) as source:
        source.seek(None)
        found, batches = [], source.batches(size=7)
        deadline = time.monotonic() + 60.0
        while len(found) < 100:
            batch = next(batches)
            assert time.monotonic() < deadline, f"only {len(found)} of 100 messages were read"
            found += [] if batch is None else numbers([batch])
            assert delivered() <= len(found) + 20
    assert found == list(range(100))


def test_requests_are_repeated_after_a_long_pause(nats, stream, monkeypatch):
    monkeypatch.setattr(nats_feed, "_EXPIRES", 0.3)
    monkeypatch.setattr(nats_feed, "_HEARTBEAT", 0.1)
    with closing(make(nats.source(stream))) as source:
        source.seek(None)
        until = time.monotonic() + 1.0
        for batch in source.batches(timeout=0.05):
            assert batch is None
            if time.monotonic() > until:
                break
        assert source.connection_error is None
        nats.publish(stream, events(5, 1))
        assert numbers(read(source, 5)) == list(range(5))
        assert source.reconnects == 0


def test_a_lost_consumer_is_created_again(nats, stream):
    nats.publish(stream, events(10, 1))
    with closing(make(nats.source(stream))) as source:
        source.seek(None)
        assert numbers(read(source, 10)) == list(range(10))

        async def drop(js):
            for consumer in await js.consumers_info(stream):
                await js.delete_consumer(stream, consumer.name)

        nats.do(drop)
        nats.publish(stream, events(15, 1)[10:])
        assert numbers(read(source, 5)) == list(range(10, 15))
        assert source.reconnects >= 1


def test_a_message_lost_in_transit_is_requested_again(nats, stream, monkeypatch):
    nats.publish(stream, events(50, 1))
    receive, dropped = nats_feed.NatsSubscription.receive, []

    async def drop(self, message):
        if ".31.31." in message.reply and not dropped:
            dropped.append(message)
        else:
            await receive(self, message)

    monkeypatch.setattr(nats_feed.NatsSubscription, "receive", drop)
    with closing(make(nats.source(stream))) as source:
        source.seek(None)
        assert numbers(read(source, 50)) == list(range(50))
        assert source.reconnects >= 1
    assert dropped


def test_streams_that_delete_acknowledged_messages(nats, stream):
    with (
        closing(make(nats.source("none"))) as source,
        pytest.raises(SourceError, match="no stream"),
    ):
        read(source, 1)
    nats.make(f"{stream}w", retention="workqueue")
    with (
        closing(make(nats.source(f"{stream}w"))) as source,
        pytest.raises(SourceError, match="retention 'workqueue'"),
    ):
        read(source, 1)
    nats.do(lambda js: js.delete_stream(f"{stream}w"))


def test_deleted_messages_are_reported_as_lost(nats, stream):
    nats.publish(stream, events(10, 1))
    with closing(make(nats.source(stream))) as source:
        source.seek(None)
        token = read(source, 5, size=1)[-1].token  # a larger batch may come in parts
    nats.do(lambda js: js.purge_stream(stream, seq=8))
    with closing(make(nats.source(stream))) as source:
        source.seek(token)
        with pytest.raises(SourceError, match=r"read up to message 5, and begins at 8; events may"):
            read(source, 1)
    with closing(make(nats.source(stream, lost="restart"))) as source:
        source.seek(token)
        batches = read(source, 4)
        assert numbers(batches) == [7, 8, 9]
        assert "events may be lost" in batches[0].refused[0][2]
    nats.do(lambda js: js.delete_stream(stream))
    nats.make(stream)
    nats.publish(stream, events(2, 1))
    with closing(make(nats.source(stream))) as source:
        source.seek(token)
        with pytest.raises(SourceError, match=r"read up to message 5, and ends at 2; events may"):
            read(source, 1)
    with closing(make(nats.source(stream, lost="restart"))) as source:
        source.seek(token)
        batches = read(source, 3)
        assert numbers(batches) == [0, 1]
        assert "events may be lost" in batches[0].refused[0][2]


def test_a_wrong_password_is_reported_without_the_password(nats, stream):
    options = nats.source(stream, patience=0.2)
    options["url"] = options["url"].replace("s3%2Fcret", "gu%2Fess")
    with closing(make(options)) as source, pytest.raises(SourceError) as response:
        read(source, 1)
    assert "uthoriz" in str(response.value)
    assert "gu/ess" not in str(response.value)


@pytest.mark.parametrize("size", [1, 3, 5000])
def test_individually_deleted_messages_become_dead_letters(nats, stream, size):
    nats.publish(stream, events(10, 1))
    for sequence in (4, 5, 8, 10):
        nats.do(lambda js, sequence=sequence: js.delete_msg(stream, sequence))
    nats.publish(stream, events(11, 1)[10:])
    with closing(make(nats.source(stream))) as source:
        source.seek(None)
        batches = read(source, 10, size=size)
    assert numbers(batches) == [0, 1, 2, 5, 6, 8, 10]
    assert [each for batch in batches for each in batch.refused] == [
        (5, b"", "messages 4 to 5 were deleted before reading"),
        (8, b"", "message 8 was deleted before reading"),
        (10, b"", "message 10 was deleted before reading"),
    ]


@pytest.mark.parametrize("subject", [None, "a"])
@pytest.mark.parametrize("lost", ["stop", "restart"])
def test_messages_purged_during_a_run(nats, stream, lost, subject, monkeypatch):
    monkeypatch.setattr(nats_feed, "REQUEST", 5)
    monkeypatch.setattr(module, "_POLL_BEHIND", 0.0)
    nats.publish(stream, events(60, 1))
    subject = subject and f"{stream}.>"
    nats_source = nats.source(stream, lost=lost, subject=subject)
    with closing(make(nats_source)) as source:
        source.seek(None)
        batches = source.batches(5)
        first = next(batches)
        nats.do(lambda js: js.purge_stream(stream, seq=50))
        if lost == "stop":
            with pytest.raises(SourceError, match="and begins at 50; events may be lost"):
                list(itertools.islice(batches, 30))
            return
        found = [first]
        deadline = time.monotonic() + 60.0
        while not source.caught_up:  # the server does not say that fewer messages are left
            batch = next(batches)
            assert time.monotonic() < deadline, "the end of the purged stream was not noticed"
            found += [] if batch is None else [batch]
        assert numbers(found)[-11:] == list(range(49, 60))
        ((_, _, reason),) = [each for batch in found for each in batch.refused]
        assert "events may be lost" in reason


@pytest.mark.parametrize("lost", ["stop", "restart"])
def test_a_recreated_stream_that_is_longer(nats, stream, lost):
    nats.publish(stream, events(10, 1))
    with closing(make(nats.source(stream))) as source:
        source.seek(None)
        token = read(source, 5, size=1)[-1].token
    nats.do(lambda js: js.delete_stream(stream))
    nats.make(stream)
    nats.publish(stream, events(20, 1))
    with closing(make(nats.source(stream, lost=lost))) as source:
        source.seek(token)
        if lost == "stop":
            with pytest.raises(SourceError, match="was deleted and recreated; events may be"):
                read(source, 1)
        else:
            assert numbers(read(source, 21)) == list(range(20))
    with closing(make(nats.source(stream))) as source:  # a token of an earlier version
        source.seek(token["sequence"])
        assert numbers(read(source, 15)) == list(range(5, 20))


def test_deleted_messages_of_other_subjects_are_ignored(nats, stream, monkeypatch):
    monkeypatch.setattr(module, "_POLL", 0.0)

    async def publish(js):
        await js.publish(f"{stream}.a", b'{"i": 0}')
        for _ in range(9):
            await js.publish(f"{stream}.b", b"{}")

    nats.do(publish)
    options = nats.source(stream, subject=f"{stream}.a")
    with closing(make(options)) as source:
        source.seek(None)
        first, *_ = read(source, 1)
        empty = next(batch for batch in source.batches(timeout=0.05) if batch is not None)
        assert (empty.records, empty.token["sequence"]) == ([], 10)
    nats.do(lambda js: js.purge_stream(stream, seq=11))
    with closing(make(options)) as source:
        source.seek(empty.token)
        assert next(source.batches(timeout=0.05)) is None
    with closing(make(options)) as source:
        source.seek(first.token)
        with pytest.raises(SourceError, match="events may be lost"):
            read(source, 1)


def test_a_task_that_ignores_its_cancellation_does_not_delay_the_end(nats, stream, monkeypatch):
    monkeypatch.setattr(nats_feed, "_PATIENCE", 0.5)

    async def ignore():
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(3600)

    with closing(make(nats.source(stream))) as source:
        nats.publish(stream, events(1, 1))
        source.seek(None)
        read(source, 1)
        loop = source._feed._loop  # noqa: SLF001
        asyncio.run_coroutine_threadsafe(ignore(), loop)
        source.close()
        assert loop.is_closed()
