"""Run ``seqbayes`` as a separate process, in a pipe or on a terminal."""

import errno
import os
import select
import signal
import subprocess
import sys
import threading
import time

import pytest

posix = pytest.mark.skipif(os.name != "posix", reason="signals and pseudo-terminals as in POSIX")

# Interrupts reach the program even if the tests run in the background and ignore them.
PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from seqbayes.cli import main
sys.exit(main())
"""


PATIENCE = 120.0
"""Seconds after which a program of `Program` is killed, so that every test ends."""


class Program(subprocess.Popen):
    """A program that is killed if the test fails, or if it has not ended after `PATIENCE`.

    Reading from a program that was killed returns the end of its output, so the test fails there.
    """

    def __enter__(self):
        self._timer = threading.Timer(PATIENCE, self._give_up)
        self._timer.daemon = True
        self._timer.start()
        return super().__enter__()

    def _give_up(self):
        sys.stderr.write(f"killed, because it did not end within {PATIENCE:g} s: {self.args}\n")
        self.kill()

    def __exit__(self, kind, *error):
        if kind is not None:
            self.kill()
        try:
            super().__exit__(kind, *error)
        finally:
            self._timer.cancel()


def open_pipe(path, reader):
    """Open a named pipe for writing when a program has opened it for reading."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            pipe = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
            break
        except OSError as error:
            if error.errno != errno.ENXIO:  # which means that there is no reader yet
                raise
            assert reader.poll() is None, f"{reader.args} ended without reading {path}"
            assert time.monotonic() < deadline, f"{reader.args} did not open {path}"
            time.sleep(0.01)
    os.set_blocking(pipe, True)
    return open(pipe, "wb", buffering=0)


def command(*words):
    return [sys.executable, "-W", "error", "-c", PROGRAM, *words]


def environment(**more):
    kept = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS", "LINES")}
    return kept | {"PYTHONIOENCODING": "utf-8", "TERM": "xterm-256color"} | more


def replay(story, *args, **more):
    """Run the program; return the completed process."""
    return subprocess.run(
        command("replay", story, *args),
        capture_output=True,
        check=False,
        env=environment(**more),
        encoding="utf-8",
    )


def on_a_terminal(story, *args, columns=80, lines=24, until=None, **more):
    """Run the program on a pseudo-terminal; return its exit status and its output.

    It is interrupted as soon as it has written `until`.
    """
    ours, theirs = os.openpty()
    size = {"COLUMNS": str(columns), "LINES": str(lines)}
    program = subprocess.Popen(
        command("replay", story, *args),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment(**size | more),
    )
    os.close(theirs)
    written = b""
    while True:
        ready, _, _ = select.select([ours], [], [], 60)
        assert ready, "the program is silent"
        try:
            chunk = os.read(ours, 65536)
        except OSError:  # Linux reports a closed other end in this way
            break
        if not chunk:
            break
        written += chunk
        if until is not None and until in written:
            program.send_signal(signal.SIGINT)
            until = None
    os.close(ours)
    return program.wait(), written.decode("utf-8")
