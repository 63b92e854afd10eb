"""What the demos of streams have in common: a runner that is killed, and what it leaves."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from _servers import Server
from _shared import Screen

from seqbayes import NormalInverseGamma
from seqbayes.stream import Belief, Pipeline, StoreError, open_store
from seqbayes.stream.sources import Iterated

PATIENCE = 60.0
"""Seconds in which something must happen."""
STORE = "beliefs.db"


class Runner:
    """``seqbayes run`` as a process of its own.

    Parameters
    ----------
    directory
        Where it runs.
    config
        The TOML that it is given.
    """

    def __init__(self, directory: Path, config: str) -> None:
        self.directory = directory
        (directory / "stream.toml").write_text(config)

    def start(self) -> None:
        """Start it."""
        with (self.directory / "runner.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "seqbayes", "run", "stream.toml"],
                cwd=self.directory,
                stdout=log,
                stderr=log,
            )

    @property
    def committed(self) -> int:
        """How many events are in the store."""
        try:
            with open_store(str(self.directory / STORE), "read") as store:
                return sum(place.events for place in store.places())
        except StoreError:  # it is not there yet
            return 0

    def wait_for(self, events: int) -> None:
        """Wait until so many events are in the store."""
        deadline = time.monotonic() + PATIENCE
        while self.committed < events:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self.directory / "runner.log").read_text())
            time.sleep(0.05)

    def kill(self) -> None:
        """End it at once; it can do nothing about it."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Ask it to end."""
        self._process.terminate()
        self._process.wait()

    def states(self, belief: str) -> dict[str, str]:
        """Return the stored JSON of each key's state."""
        with open_store(str(self.directory / STORE), "read") as store:
            return {json.loads(row.key)[0]: row.state for row in store.states(belief)}


def survive(
    runner: Runner, events: Sequence[bytes], publish: Callable[[Sequence[bytes]], None]
) -> None:
    """Publish events in three parts; kill the runner while it is at the second one.

    Parameters
    ----------
    runner
        What reads them.
    events
        All of them.
    publish
        Appends some of them to what is read.
    """
    first, second = len(events) // 3, 2 * len(events) // 3
    publish(events[:first])
    runner.start()
    try:
        runner.wait_for(first)
        publish(events[first:second])
    finally:
        runner.kill()
    publish(events[second:])
    runner.start()
    try:
        runner.wait_for(len(events))
    finally:
        runner.stop()


def tell(
    screen: Screen, belief: Belief, about: str, events: Sequence[bytes], states: dict[str, str]
) -> None:
    """Print what is known, and whether it is what an uninterrupted run knows.

    Parameters
    ----------
    screen
        Where to.
    belief, about
        What was learned, and what its mean is called.
    events
        All that was fed.
    states
        The stored JSON by key.
    """
    rows = []
    for key, text in sorted(states.items()):
        state = type(belief.state).from_dict(json.loads(text))
        mean, (low, high) = state.mean, state.interval()
        if isinstance(state, NormalInverseGamma):
            mean, (low, high) = state.mean.mean, state.interval().mean
        rows.append([key, f"{state.n_samples:,g}", f"{mean:.4g}", f"{low:.4g} to {high:.4g}"])
    screen.table([f"<{belief.by[0]}", "seen", f"[posterior]{about}[/]", "95 % interval"], rows)
    whole = in_one_go(belief, events)
    found = {key: json.loads(text) for key, text in states.items()}
    same = json.dumps(found, sort_keys=True) == json.dumps(whole, sort_keys=True)
    screen.say(
        f"{len(events):,} events, none lost and none counted twice: every belief is"
        f" {'the same to the last bit as' if same else 'NOT THE SAME AS'} one that learned them in"
        " one go."
    )


def in_one_go(belief: Belief, events: Sequence[bytes]) -> dict[str, Any]:
    """Return the JSON of the states that events lead to where nothing is killed."""
    source = Iterated([json.loads(event) for event in events], name="all")
    with Pipeline(source, [belief], open_store(":memory:")) as pipeline:
        for _ in pipeline:
            pass
        states = pipeline.tables[belief.name].states
        return {key: json.loads(json.dumps(state.to_dict())) for key, state in states.items()}


def present(
    about: str | None,
    show: Callable[[Screen, Path], None],
    kind: type[Server] | None = None,
    arguments: Sequence[str] | None = None,
) -> int:
    """Run a demo in a directory that is gone afterwards.

    Parameters
    ----------
    about
        The docstring of the demo; its first line is the title.
    show
        Runs and prints it.
    kind
        The server that it needs.
    arguments
        Of the command line.

    Returns
    -------
    int
        The exit status: 1 where there is no such server.
    """
    about = about or ""
    parser = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args(arguments)
    if kind is not None and kind.binary() is None:
        parser.exit(1, f"{kind.lacking}\n")
    screen = Screen()
    screen.title(about.partition("\n")[0])
    with tempfile.TemporaryDirectory(prefix="seqbayes-demo-") as directory:
        show(screen, Path(directory))
    return 0
