"""A Kafka topic with three partitions, whose offsets are stored with the beliefs.

Events are the weights of chicks on four diets (River's data set ChickWeights); the diet determines
the partition. `seqbayes run` learns the mean weight for each diet. It is killed partway through,
and the next run resumes each partition at the offset of the last commit.
"""

from __future__ import annotations

import json
from pathlib import Path

from _servers import KafkaServer
from _shared import Screen
from _streams import Runner, print_results, run_demo, run_with_crash
from river import datasets

from seqbayes import NormalInverseGamma
from seqbayes.stream import Belief, open_store

CONFIG = """\
store = "beliefs.db"
commit = {{ every = "0.1 s" }}
source = {{ kind = "kafka", brokers = "{url}", topic = "chicks" }}

[belief.weight]
state = "normal-inverse-gamma"
field = "weight"
by = "diet"
"""
BELIEF = Belief("weight", NormalInverseGamma(), field="weight", by="diet")


def events() -> list[bytes]:
    """Return an event for every weighing."""
    return [
        json.dumps({"weight": weight, "diet": str(x["diet"])}).encode()
        for x, weight in datasets.ChickWeights()
    ]


def show(screen: Screen, directory: Path) -> None:
    """Read the topic, crash, and continue."""
    server = KafkaServer(directory)
    try:
        server.make("chicks")
        runner = Runner(directory, CONFIG.format(url=server.url))
        parts: list[int] = []

        def publish(records: list[bytes]) -> None:
            parts.append(len(records))
            server.publish("chicks", records)

        run_with_crash(runner, events(), publish)
    finally:
        server.kill()
    first, second, third = parts
    with open_store(str(directory / "beliefs.db"), "read") as store:
        token = store.token("kafka:chicks")
        offsets = [offset for name, offset in token.items() if name.isdigit()]
    screen.say(
        f"The first {first} events are read and committed. {second} more are published, and the"
        f" runner is killed (kill -9). Then {third} more are published, and it is started again. At"
        f" the end, the store has the offsets {', '.join(map(str, offsets))}."
    )
    print_results(screen, BELIEF, "mean weight, g", events(), runner.states("weight"))


def main(arguments: list[str] | None = None) -> int:
    """Run the demo."""
    return run_demo(__doc__, show, KafkaServer, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
