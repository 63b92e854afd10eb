"""Following a log file through its rotation and a crash of the runner.

A meter writes the hourly flow through a pipe (River's data set WaterFlow) to a log. `seqbayes run`
follows the log and learns the mean flow at night, in the morning, in the afternoon and in the
evening. It is killed partway through, and the log is rotated before it is started again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from _shared import Screen
from _streams import Runner, print_results, run_demo, run_with_crash
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
    """Follow the log, crash, and continue."""
    log, parts = directory / "flow.jsonl", []

    def write(records: Sequence[bytes]) -> None:
        if len(parts) == 2:  # the runner was killed
            log.rename(directory / "flow.jsonl.1")
        parts.append(len(records))
        with log.open("ab") as out:
            out.write(b"".join(record + b"\n" for record in records))

    runner = Runner(directory, CONFIG)
    run_with_crash(runner, events(), write)
    first, second, third = parts
    screen.say(
        f"The first {first} events are read and committed. {second} more are written, and the"
        f" runner is killed (kill -9). Then the log is rotated, {third} more events are written to"
        " a new one, and the runner is started again."
    )
    print_results(screen, BELIEF, "mean flow, l/s", events(), runner.states("flow"))


def main(arguments: list[str] | None = None) -> int:
    """Run the demo."""
    return run_demo(__doc__, show, None, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
