"""Laws of every broker: each event counts once, whatever happens to the server."""

import json
import os
import signal
import time
from contextlib import closing

import pytest
from brokers import SERVERS, make, numbers, proceed, read, servers
from killing import committed, contents, events, wait_until_committed, wait_until_read, write

from seqbayes import Beta, NormalInverseGamma
from seqbayes.stream import Belief, Pace, Pipeline, SourceError, open_store

BELIEFS = [
    Belief("level", NormalInverseGamma(), field="x", by="k"),
    Belief("high", Beta(), field="high", by="k"),
]


@pytest.fixture(params=SERVERS)
def broker(request, server):
    return server(request.param, durable=True)


@pytest.fixture
def stream(broker, request):
    """An empty stream."""
    name = f"s{abs(hash(request.node.nodeid))}"
    broker.make(name)
    return name


def learned(source, store, count, size=5000, during_run=lambda pipeline: None):
    """Return the states after this number of events."""
    deadline = time.monotonic() + 60.0
    with Pipeline(source, BELIEFS, store, Pace(seconds=0.02), size=size) as pipeline:
        for step in pipeline:
            during_run(step)
            if step.events >= count:
                break
            assert time.monotonic() < deadline, (source.connection_error, step.events)
        return {name: dict(table.states) for name, table in pipeline.tables.items()}


def test_a_source_resumes_from_any_token(broker, stream):
    records = events(50, 1)
    broker.publish(stream, records)
    with closing(make(broker.source(stream))) as source:
        source.seek(None)
        batches = read(source, 50, size=7)
    assert numbers(batches) == list(range(50))
    assert all(len(batch.records) == len(batch.positions) <= 7 for batch in batches)
    positions = [position for batch in batches for position in batch.positions]
    assert len(set(map(str, positions))) == 50
    for i in (0, len(batches) // 2, len(batches) - 2):
        with closing(make(broker.source(stream))) as source:
            source.seek(json.loads(json.dumps(batches[i].token)))
            rest = read(source, 50 - sum(len(b.records) for b in batches[: i + 1]))
        assert numbers(batches[: i + 1] + rest) == list(range(50))


def test_a_server_crash_during_a_stream_loses_nothing(broker, stream):
    records = events(3000, 2)
    broker.publish(stream, records[:2000])
    source, died = make(broker.source(stream)), []

    def die(step):
        if len(died) < 3 and step.events >= 600 * (len(died) + 1):
            died.append(step.events)
            broker.restart()
            if len(died) == 3:
                broker.publish(stream, records[2000:])

    found = learned(source, open_store(":memory:"), 3000, size=100, during_run=die)
    assert len(died) == 3
    assert source.reconnects >= 1
    assert source.connection_error is None
    expected = learned(make(broker.source(stream)), open_store(":memory:"), 3000)
    assert found == expected
    for name, states in expected.items():
        for key, state in states.items():
            assert json.dumps(found[name][key].to_dict()) == json.dumps(state.to_dict())
    assert sum(state.n_samples for state in expected["level"].values()) == 3000
    assert sum(state.n_samples for state in expected["high"].values()) == 2970


def test_read_events_are_committed_during_a_server_outage(broker, stream):
    broker.publish(stream, events(20, 3))
    store, source = open_store(":memory:"), make(broker.source(stream))
    with Pipeline(source, BELIEFS, store, Pace(seconds=1e9)) as pipeline:
        steps = iter(pipeline)
        proceed(steps, lambda _: pipeline.events >= 20, "20 events were not read")
        broker.kill()
        try:
            proceed(
                steps,
                lambda _: source.connection_error is not None,
                "the source did not report that the server is down",
            )
            assert not pipeline.idle
            pipeline.commit()
            assert store.events(source.name) == 20
        finally:
            broker.start()
        broker.publish(stream, events(5, 4))
        proceed(
            steps,
            lambda _: pipeline.events >= 25 and source.connection_error is None,
            "five more events were not read from the restarted server",
        )
        proceed(steps, lambda _: pipeline.idle, "the source did not become idle")
    assert source.reconnects >= 1


def test_a_wrong_address_is_reported_without_secrets(broker, stream):
    options = broker.source(stream, patience=0.3)
    key = "brokers" if broker.kind == "kafka" else "url"
    options[key] = options[key].replace(str(broker.port), str(servers.free_port()))
    with (
        closing(make(options)) as source,
        pytest.raises(SourceError, match=rf"{source.name}: .*gave up after 0.3 s") as response,
    ):
        read(source, 1)
    assert not source.caught_up
    assert "cret" not in str(response.value)


def test_dead_letters_contain_the_position_of_the_message(broker, stream, tmp_path):
    good, bad = events(1, 1)[0], b'{"x": "none"' + b" " * 10 + b'"k"}'
    broker.publish(stream, [good, bad])
    url = str(tmp_path / "b.db")
    learned(make(broker.source(stream)), open_store(url), 2)
    (letter,) = contents(url)[1]
    assert letter.raw == bad
    position = json.loads(letter.position)
    with closing(make(broker.source(stream))) as source:
        source.seek(None)
        (response,) = [
            p
            for b in read(source, 2)
            for p, r in zip(b.positions, b.records, strict=True)
            if r == bad
        ]
    assert position == response


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.skipif(os.name != "posix", reason="signals as in POSIX")
def test_a_signal_commits_the_events_read(broker, stream, number, tmp_path, process):
    records = events(90, 5)
    broker.publish(stream, records[:60])
    store = str(tmp_path / "b.db")
    path = write(tmp_path / "c.toml", store, broker.source(stream))
    text = (tmp_path / "c.toml").read_text().replace('"10 ms"', '"1 h", events = 60')
    (tmp_path / "c.toml").write_text(text)
    process.start("run", path, "--log-format", "json")
    wait_until_committed(process, store, 60)
    published = time.time()
    broker.publish(stream, records[60:])
    wait_until_read(store, published)
    assert committed(store) == 60
    assert process.kill(number) == 128 + number
    printed = [json.loads(line) for line in process.output.read_text().splitlines()]
    assert [line["event"] for line in printed] == ["started", "dead_letters", "stopped"]
    read = printed[-1]["events"]
    assert 60 < read <= 90  # the broker may not have delivered all
    assert contents(store)[2][0][2] == read
    assert "cret" not in process.output.read_text()


@pytest.mark.skipif(os.name != "posix", reason="signals as in POSIX")
def test_a_lost_server_is_reported(broker, stream, tmp_path, process):
    broker.publish(stream, events(9, 5))
    path = write(tmp_path / "c.toml", str(tmp_path / "b.db"), broker.source(stream))
    process.start("run", path)

    def wait(text):
        deadline = time.monotonic() + 60.0
        while text not in process.output.read_text():
            time.sleep(0.05)
            assert time.monotonic() < deadline, process.output.read_text()

    store = str(tmp_path / "b.db")
    wait_until_committed(process, store, 9)
    broker.restart()
    broker.publish(stream, events(9, 6))
    if broker.kind != "kafka":  # its client may reconnect before it reports the outage
        wait("cannot be reached, retrying")
        wait("can be reached again")
    wait_until_committed(process, store, 18)
    assert process.kill(signal.SIGTERM) == 143
    assert "18 events: level learned 18" in process.output.read_text()
    assert "cret" not in process.output.read_text()
