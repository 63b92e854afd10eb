"""A log file that is followed, through its rotation and the death of who follows it.

A meter writes what flows through a pipe (River's data set WaterFlow), hour by hour, into a log.
`seqbayes run` follows it and keeps what it believes of the flow at night, in the morning, in the
afternoon and in the evening. In mid-work it is killed, and while it is dead the log is rotated.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from _shared import Screen
from _streams import Runner, present, survive, tell
from river import datasets

from seqbayes import NormalInverseGamma
from seqbayes.stream import Belief

CONFIG = """\
store = "beliefs.db"
commit = { every = "0.1 s" }
source = { kind = "file", path = "flow.jsonl", follow = true }

[belief.flow]
state = "normal-inverse-gamma"
field = "flow"
by = "part"
"""
PARTS = ("1 night", "2 morning", "3 afternoon", "4 evening")
BELIEF = Belief("flow", NormalInverseGamma(), field="flow", by="part")


def events() -> list[bytes]:
    """Return an event for every hour."""
    return [
        json.dumps({"part": PARTS[x["Time"].hour // 6], "flow": flow}).encode()
        for x, flow in datasets.WaterFlow()
    ]


def show(screen: Screen, directory: Path) -> None:
    """Follow the log, die, and go on."""
    log, parts = directory / "flow.jsonl", []

    def write(records: Sequence[bytes]) -> None:
        if len(parts) == 2:  # the runner is dead
            log.rename(directory / "flow.jsonl.1")
        parts.append(len(records))
        with log.open("ab") as out:
            out.write(b"".join(record + b"\n" for record in records))

    runner = Runner(directory, CONFIG)
    survive(runner, events(), write)
    first, second, third = parts
    screen.say(
        f"{first} events are in the log and are committed; {second} more come, and the runner is"
        f" killed (kill -9). Then the log is rotated, {third} more come into a new one, and the"
        " runner is started again."
    )
    tell(screen, BELIEF, "mean flow, l/s", events(), runner.states("flow"))


def main(arguments: list[str] | None = None) -> int:
    """Run the demo."""
    return present(__doc__, show, None, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
