"""Run a command, and record its state in files, for the probes of Kubernetes.

    python deploy/supervise.py FOLDER seqbayes run seqbayes.toml
    python deploy/supervise.py --alive FOLDER

The command reports its state as to systemd. FOLDER/ready exists from the time it has started until
it begins to stop, and FOLDER/alive changes at each sign of life; with --alive, the exit status is 1
if the last one is too old. SIGTERM is passed on, and the exit status is that of the command.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

WATCHDOG_SECONDS = 60.0
MAX_AGE_SECONDS = 2.0 * WATCHDOG_SECONDS


def record(folder: Path, message: str) -> None:
    """Record one notification of the command."""
    ready = folder / "ready"
    if message == "READY=1":
        ready.touch()
    elif message == "STOPPING=1":
        ready.unlink(missing_ok=True)
    (folder / "alive").touch()


def run(folder: Path, command: list[str]) -> int:
    """Run the command until it ends, and return its exit status."""
    folder.mkdir(parents=True, exist_ok=True)
    name = folder / "notify"
    for path in (name, folder / "ready"):
        path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as messages:
        messages.bind(str(name))

        def receive() -> None:
            while message := messages.recv(4096):
                record(folder, message.decode())

        threading.Thread(target=receive, daemon=True).start()
        variables = {"NOTIFY_SOCKET": str(name), "WATCHDOG_USEC": f"{WATCHDOG_SECONDS * 1e6:.0f}"}
        early: list[int] = []  # a signal may arrive while the command is being started
        pass_on = early.append
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, _: pass_on(number))
        process = subprocess.Popen(command, env={**os.environ, **variables})
        pass_on = process.send_signal
        for sent in early:
            process.send_signal(sent)
        status = process.wait()
    (folder / "ready").unlink(missing_ok=True)
    return status if status >= 0 else 128 - status


def is_alive(folder: Path) -> bool:
    """Return whether the last sign of life is recent."""
    try:
        return time.time() - (folder / "alive").stat().st_mtime < MAX_AGE_SECONDS
    except FileNotFoundError:
        return False


def main(words: list[str]) -> int:
    """Run the command, or check its last sign of life; return the exit status."""
    if len(words) < 2:
        sys.exit(__doc__)
    if words[0] == "--alive":
        return int(not is_alive(Path(words[1])))
    return run(Path(words[0]), words[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
