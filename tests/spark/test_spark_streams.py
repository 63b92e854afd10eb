"""A stream on a local cluster counts every event once, also after processes were killed."""

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from stream_driver import BELIEF, start

from seqbayes import NormalInverseGamma
from seqbayes.errors import PriorError
from seqbayes.stream import show

BATCHES = 4


@pytest.fixture
def events(tmp_path):
    """Events in files, some of them twice; those that count."""
    rng = random.Random(1)
    unique = []
    (tmp_path / "events").mkdir()
    for batch in range(BATCHES):
        new = [
            {
                "shop": rng.choice("ab"),
                "day": rng.randrange(2),
                "seconds": 1e7 + rng.random(),
                "id": f"{batch}-{i}",
                "at": f"2024-01-01T00:{batch:02}:{i % 60:02}Z",
            }
            for i in range(40)
        ]
        unique += new
        write(tmp_path, batch, new + unique[:5])
    return unique


def write(folder, batch, rows):
    """Write a file of events, newer than those before it."""
    path = folder / "events" / f"{batch}.json"
    path.write_text("\n".join(map(json.dumps, rows)))
    os.utime(path, (1e9 + batch, 1e9 + batch))


def check(url, events):
    """Assert that the store has the posteriors of one process."""
    found = {tuple(each.key.values()): each.state for each in show(url)}
    assert len(found) == 4
    for key, state in found.items():
        alone = NormalInverseGamma()
        alone.learn_many([e["seconds"] for e in events if (e["shop"], str(e["day"])) == key])
        assert state.posterior == alone.posterior


def kill_an_executor(application):
    """Kill one of the executors of this application of Spark."""
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = each.read_bytes()
        except OSError:  # it has ended
            continue
        if b"CoarseGrainedExecutorBackend" in command and application.encode() in command:
            os.kill(int(each.parent.name), signal.SIGKILL)
            return
    raise AssertionError("no executor")


def drive(folder, last) -> int:
    """Run the driver of the stream in another process; return its exit status."""
    driver = Path(__file__).with_name("stream_driver.py")
    done = subprocess.run(
        [sys.executable, str(driver), str(folder), "local[2]", last],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=900,
        check=False,
    )
    return done.returncode


def test_nothing_is_lost_or_doubled_when_driver_and_executor_are_killed(spark, events, tmp_path):
    assert drive(tmp_path, "1") == -signal.SIGKILL
    commits = tmp_path / "checkpoint" / "commits"
    assert not (commits / "1").exists()  # the batch was written, but is not complete
    fail = lambda: kill_an_executor(spark.sparkContext.applicationId)  # noqa: E731
    start(spark, tmp_path, 2, fail).awaitTermination()
    assert (commits / str(BATCHES - 1)).exists()
    check(str(tmp_path / "beliefs.db"), events)


def test_a_checkpoint_whose_states_have_fewer_columns_is_continued(spark, events, tmp_path):
    later = [tmp_path / "events" / f"{batch}.json" for batch in (2, 3)]
    for path in later:
        path.rename(tmp_path / path.name)
    assert drive(tmp_path, "earlier") == 0
    check(str(tmp_path / "beliefs.db"), events[:80])
    for path in later:
        (tmp_path / path.name).rename(path)
    query = start(spark, tmp_path)
    query.awaitTermination()
    check(str(tmp_path / "beliefs.db"), events)
    states = spark.read.format("statestore").option("stateVarName", "belief")
    states = states.load(str(tmp_path / "checkpoint"))
    assert states.select("value.*").columns == ["state", "events", "refused", "duplicates"]


def test_a_stream_continues_the_beliefs_of_a_batch(spark, events, tmp_path):
    from seqbayes.spark import learn

    schema = "shop string, day int, seconds double, id string, at timestamp"
    (tmp_path / "events" / "0.json").rename(tmp_path / "first.json")
    first = spark.read.schema(schema).json(str(tmp_path / "first.json"))
    batch = learn(first.dropDuplicates(["id"]), BELIEF)
    for number in (2, 3):
        (tmp_path / "events" / f"{number}.json").unlink()
    write(tmp_path, 1, events[40:80])
    start(spark, tmp_path, initial=batch).awaitTermination()
    check(str(tmp_path / "beliefs.db"), events[:80])


def test_incompatible_options_are_refused(spark):
    from seqbayes.spark import learn_stream

    frame = (
        spark.readStream.format("rate")
        .load()
        .selectExpr("timestamp as at", "value as seconds", "'a' as shop", "1 as day", "'x' as id")
    )
    for options, message in [
        ({"id": "id"}, "requires 'time'"),
        ({"time": "shop"}, "expected a column of timestamps"),
        ({"time": "when"}, "no column 'when'"),
        ({"refresh": 10.0}, "half-life in time"),
        ({"expire": 1.0}, "requires 'refresh'"),
    ]:
        with pytest.raises(PriorError, match=message):
            learn_stream(frame, BELIEF, **options)
