"""Runs killed with SIGKILL at random moments, for all kinds of sources and stores.

They end with the same beliefs, bit for bit, as a run without interruption.
"""

import os
import random
import signal
import time

import brokers
import pytest
from killing import KILLS, contents, events, kill_often, wait_until_committed, write

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kill -9")


class FileWriter:
    """A growing file, with the interface of the servers."""

    kind = "file"

    def __init__(self, directory):
        self.directory = directory

    def make(self, stream):
        (self.directory / stream).touch()

    def publish(self, stream, records):
        with (self.directory / stream).open("ab") as out:
            out.write(b"".join(record + b"\n" for record in records))

    def source(self, stream):
        return {"kind": "file", "path": str(self.directory / stream), "follow": True}


@pytest.fixture
def feed(request, tmp_path):
    if request.param == "file":
        return FileWriter(tmp_path)
    return request.getfixturevalue("server")(request.param)


@pytest.mark.parametrize("feed", ["file", *brokers.SERVERS], indirect=True)
def test_runs_killed_at_random_give_bit_identical_results(feed, durable_url, tmp_path, process):
    stream = f"killed{random.Random(durable_url).randrange(10**9)}"
    rng = random.Random(f"{feed.kind} {durable_url.partition(':')[0]}")
    records = events(KILLS * 80, 4)
    feed.make(stream)
    source = feed.source(stream)
    config = write(tmp_path / "killed.toml", durable_url, source)

    def publish(i, end):
        """Publish while the runner reads, so that it is killed before or after a commit."""
        rest = records[80 * i : 80 * i + 80]
        for first in range(0, 80, 20):
            feed.publish(stream, rest[first : first + 20])
            time.sleep(max(0.0, rng.uniform(0.0, 0.5) * (end - time.monotonic())))

    # measures how long a runner needs, so that some are killed before and some after a commit
    process.start("run", config)
    start = time.monotonic()
    publish(0, start)
    wait_until_committed(process, durable_url, 1)
    needed = time.monotonic() - start
    assert process.kill() == -signal.SIGKILL

    def note(i, end):
        publish(i + 1, end)

    kill_often(process, ["run", config], rng, note, KILLS - 1, 2.0 * needed)
    process.run("run", config, "--once")
    whole = tmp_path / "whole.db"
    process.run("run", write(tmp_path / "whole.toml", whole, source), "--once")
    found, expected = contents(durable_url, ordered=False), contents(str(whole), ordered=False)
    assert found == expected
    assert found[2][0][2] == len(records)
    assert len(found[1]) == len(records) // 100 + (len(records) % 100 > 57)


SIGNALS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL]


def test_runs_stopped_at_random_by_any_signal_give_bit_identical_results(
    durable_url, tmp_path, process
):
    rng = random.Random(f"signals {durable_url.partition(':')[0]}")
    records = events(1200, 8)
    feed = FileWriter(tmp_path)
    source = feed.source("e.jsonl")
    config = write(tmp_path / "c.toml", durable_url, source)
    feed.make("e.jsonl")
    for i in range(12):
        number = SIGNALS[i % 4]
        process.start("run", config)
        feed.publish("e.jsonl", records[100 * i : 100 * i + 50])
        if i % 3:  # while it reads or commits; otherwise while it starts
            wait_until_committed(process, durable_url, 1)
        time.sleep(rng.uniform(0.0, 0.1))
        feed.publish("e.jsonl", records[100 * i + 50 : 100 * i + 100])
        time.sleep(rng.uniform(0.0, 0.02))
        # a signal that arrives before the command runs ends the process at once
        early = (1, -number) if number == signal.SIGINT else (-number,)
        assert process.kill(number) in (128 + number, *early), process.output.read_text()
    process.run("run", config, "--once")
    whole = tmp_path / "whole.db"
    process.run("run", write(tmp_path / "whole.toml", whole, source), "--once")
    found = contents(durable_url)
    assert found == contents(str(whole))
    assert (found[2][0][2], len(found[1])) == (1200, 12)
