"""The same data set learned from a CSV file on a laptop and on a Spark cluster.

A CSV file has the hourly flow of a water meter (River's data set WaterFlow). `seqbayes run` learns
the mean flow of four parts of the day in one process. Then Spark learns the same file on a local
cluster with two worker processes, and writes a store with the same format. The posteriors are equal
to the last digit.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from _shared import Screen
from river import datasets

from seqbayes import NormalInverseGamma
from seqbayes.errors import SeqbayesError
from seqbayes.spark import learn, session
from seqbayes.stream import Belief, show

CONFIG = """\
store = "laptop.db"
source = { kind = "file", path = "flow.csv" }

[belief.flow]
state = "normal-inverse-gamma"
field = "flow"
by = "part"
"""
PARTS = ("1 night", "2 morning", "3 afternoon", "4 evening")
BELIEF = Belief("flow", NormalInverseGamma(), field="flow", by="part")
SETTINGS = {"spark.ui.enabled": "false", "spark.log.level": "OFF"}


def write_csv(path: Path) -> int:
    """Write the events, and return their number."""
    rows = [(PARTS[x["Time"].hour // 6], flow) for x, flow in datasets.WaterFlow()]
    with path.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(("part", "flow"))
        writer.writerows(rows)
    return len(rows)


def learn_on_cluster(folder: Path) -> None:
    """Learn the file on a local cluster, and write a store."""
    os.environ.setdefault("SPARK_SCALA_VERSION", "2.13")
    spark = session("local-cluster[2,1,1024]", settings=SETTINGS)
    try:
        frame = spark.read.csv(str(folder / "flow.csv"), header=True).repartition(4)
        learn(frame, BELIEF).write(str(folder / "cluster.db"))
    finally:
        spark.stop()


def main() -> int:
    """Run the demo and return the exit status."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    screen = Screen()
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        count = write_csv(folder / "flow.csv")
        (folder / "laptop.toml").write_text(CONFIG, encoding="utf-8")
        screen.say(f"One process learns {count} events of a CSV file: seqbayes run laptop.toml")
        subprocess.run(
            [sys.executable, "-m", "seqbayes", "run", "laptop.toml"],
            cwd=folder,
            check=True,
            capture_output=True,
        )
        screen.say("Spark learns the same file in four partitions, on two worker processes.")
        try:
            learn_on_cluster(folder)
        except SeqbayesError as error:
            sys.stderr.write(f"{error}\n")
            return 1
        stores = [
            {each.key["part"]: each.state for each in show(str(folder / name))}
            for name in ("laptop.db", "cluster.db")
        ]
    rows = []
    for part in PARTS:
        laptop, cluster = (found[part] for found in stores)
        equal = "equal" if laptop.posterior == cluster.posterior else "DIFFERENT"
        rows.append((part, *(repr(s.mean.mean) for s in (laptop, cluster)), equal))
    screen.table(("part", "one process", "Spark", "posterior"), rows)
    return 0 if all(row[-1] == "equal" for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
