"""A topic of Kafka with three partitions, whose offsets are kept with the beliefs.

Chicks are weighed (River's data set ChickWeights), each on one of four diets; the diet chooses the
partition. `seqbayes run` keeps what it believes of the weight that a diet leads to. In mid-work it
is killed, and the next run begins each partition where the beliefs were committed last.
"""

from __future__ import annotations

import json
from pathlib import Path

from _servers import KafkaServer
from _shared import Screen
from _streams import Runner, present, survive, tell
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
    """Return an event for every time that a chick was weighed."""
    return [
        json.dumps({"weight": weight, "diet": str(x["diet"])}).encode()
        for x, weight in datasets.ChickWeights()
    ]


def show(screen: Screen, directory: Path) -> None:
    """Read the topic, die, and go on."""
    server = KafkaServer(directory)
    try:
        server.make("chicks")
        runner = Runner(directory, CONFIG.format(url=server.url))
        parts: list[int] = []

        def publish(records: list[bytes]) -> None:
            parts.append(len(records))
            server.publish("chicks", records)

        survive(runner, events(), publish)
    finally:
        server.kill()
    first, second, third = parts
    with open_store(str(directory / "beliefs.db"), "read") as store:
        offsets = store.token("kafka:chicks")
    screen.say(
        f"{first} events are in the topic and are committed; {second} more come, and the runner is"
        f" killed (kill -9). Then {third} more come, and it is started again. In the end the store"
        f" has the offsets {', '.join(map(str, offsets.values()))}."
    )
    tell(screen, BELIEF, "mean weight, g", events(), runner.states("weight"))


def main(arguments: list[str] | None = None) -> int:
    """Run the demo."""
    return present(__doc__, show, KafkaServer, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
