"""Shared code of the stream demos: a runner that is killed, and a check of its results."""

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

TIMEOUT = 60.0
"""Seconds."""
STORE = "beliefs.db"


class Runner:
    """``seqbayes run`` in a separate process.

    Parameters
    ----------
    directory
        Working directory.
    config
        The TOML configuration.
    """

    def __init__(self, directory: Path, config: str) -> None:
        self.directory = directory
        (directory / "stream.toml").write_text(config)

    def start(self) -> None:
        """Start the process."""
        with (self.directory / "runner.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "seqbayes", "run", "stream.toml"],
                cwd=self.directory,
                stdout=log,
                stderr=log,
            )

    @property
    def committed(self) -> int:
        """Number of events in the store."""
        try:
            with open_store(str(self.directory / STORE), "read") as store:
                return sum(place.events for place in store.positions())
        except StoreError:  # the store does not exist yet
            return 0

    def wait_for(self, events: int) -> None:
        """Wait until this number of events is in the store."""
        deadline = time.monotonic() + TIMEOUT
        while self.committed < events:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self.directory / "runner.log").read_text())
            time.sleep(0.05)

    def kill(self) -> None:
        """Kill the process (SIGKILL)."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Stop the process (SIGTERM)."""
        self._process.terminate()
        self._process.wait()

    def states(self, belief: str) -> dict[str, str]:
        """Return the stored JSON of each key's state."""
        with open_store(str(self.directory / STORE), "read") as store:
            return {json.loads(row.key)[0]: row.state for row in store.states(belief)}


def run_with_crash(
    runner: Runner, events: Sequence[bytes], publish: Callable[[Sequence[bytes]], None]
) -> None:
    """Publish events in three parts; kill the runner while it reads the second one.

    Parameters
    ----------
    runner
        The runner.
    events
        All events.
    publish
        Appends events to the source.
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


def print_results(
    screen: Screen, belief: Belief, about: str, events: Sequence[bytes], states: dict[str, str]
) -> None:
    """Print the states, and whether they are identical to those of an uninterrupted run.

    Parameters
    ----------
    screen
        The output.
    belief, about
        The belief, and a description of its mean.
    events
        All events.
    states
        The stored JSON of each key.
    """
    rows = []
    for key, text in sorted(states.items()):
        state = type(belief.state).from_dict(json.loads(text))
        mean, (low, high) = state.mean, state.interval()
        if isinstance(state, NormalInverseGamma):
            mean, (low, high) = state.mean.mean, state.interval().mean
        rows.append([key, f"{state.n_samples:,g}", f"{mean:.4g}", f"{low:.4g} to {high:.4g}"])
    screen.table([f"<{belief.by[0]}", "n", f"[posterior]{about}[/]", "95 % interval"], rows)
    expected = uninterrupted(belief, events)
    found = {key: json.loads(text) for key, text in states.items()}
    identical = json.dumps(found, sort_keys=True) == json.dumps(expected, sort_keys=True)
    screen.say(
        f"{len(events):,} events, each counted exactly once: every state is"
        f" {'bit-for-bit identical to' if identical else 'DIFFERENT FROM'} that of an uninterrupted"
        " run."
    )


def uninterrupted(belief: Belief, events: Sequence[bytes]) -> dict[str, Any]:
    """Return the JSON of the states after an uninterrupted run."""
    source = Iterated([json.loads(event) for event in events], name="all")
    with Pipeline(source, [belief], open_store(":memory:")) as pipeline:
        for _ in pipeline:
            pass
        states = pipeline.tables[belief.name].states
        return {key: json.loads(json.dumps(state.to_dict())) for key, state in states.items()}


def run_demo(
    about: str | None,
    show: Callable[[Screen, Path], None],
    kind: type[Server] | None = None,
    arguments: Sequence[str] | None = None,
) -> int:
    """Run a demo in a temporary directory.

    Parameters
    ----------
    about
        The docstring of the demo; its first line is the title.
    show
        Runs the demo and prints its results.
    kind
        The kind of server that the demo needs, if any.
    arguments
        Command-line arguments.

    Returns
    -------
    int
        The exit status: 1 if the server is not installed.
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
