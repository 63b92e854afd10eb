"""A driver of a stream, which a test can kill: python stream_driver.py FOLDER CLUSTER BATCH.

With the batch `earlier`, it learns all files as an earlier version of seqbayes would.
"""

import os
import signal
import sys
from pathlib import Path

from seqbayes import NormalInverseGamma
from seqbayes.spark import StoreWriter, learn_stream, session, streaming
from seqbayes.spark.processor import BeliefProcessor
from seqbayes.stream import Belief

BELIEF = Belief("seconds", NormalInverseGamma(), "seconds", by=("shop", "day"))
SCHEMA = "shop string, day int, seconds double, id string, at timestamp"
SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": "2",
    "spark.default.parallelism": "2",
    "spark.log.level": "OFF",
}


class FirstColumns:
    """The values of a state whose schema has only two columns."""

    def __init__(self, value) -> None:
        self.value = value
        self.exists, self.get = value.exists, value.get

    def update(self, row) -> None:
        self.value.update(row[:2])


class EarlierProcessor(BeliefProcessor):
    """A processor whose state does not yet have the columns that were appended later."""

    schema = "state string, events long"

    def init(self, handle) -> None:
        super().init(handle)
        self._value = FirstColumns(self._value)


class FailingWriter:
    """Writes a store; after one of the batches was written, something fails."""

    def __init__(self, writer: StoreWriter, last: int, fail) -> None:
        self.writer = writer
        self.last = last
        self.fail = fail

    def __call__(self, batch, number: int) -> None:
        self.writer(batch, number)
        if number == self.last:
            self.fail()


def kill_driver() -> None:
    """Kill this process, before Spark can record that the batch is complete."""
    os.kill(os.getpid(), signal.SIGKILL)


def start(spark, folder: Path, last: int = -1, fail=kill_driver, initial=None):
    """Start the query over the files in a folder, one file per batch."""
    files = spark.readStream.schema(SCHEMA).option("maxFilesPerTrigger", 1)
    stream = learn_stream(
        files.json(str(folder / "events")),
        BELIEF,
        time="at",
        delay="1 hour",
        id="id",
        initial=initial,
    )
    writer = FailingWriter(StoreWriter(BELIEF, str(folder / "beliefs.db")), last, fail)
    return (
        stream.writeStream.outputMode("update")
        .option("checkpointLocation", str(folder / "checkpoint"))
        .foreachBatch(writer)
        .trigger(availableNow=True)
        .start()
    )


if __name__ == "__main__":
    folder, master, last = sys.argv[1:]
    if last == "earlier":
        streaming.BeliefProcessor, last = EarlierProcessor, "-1"
    started = session(master, settings=SETTINGS)
    start(started, Path(folder), int(last)).awaitTermination()
    started.stop()
