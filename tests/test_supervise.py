"""The script that records the state of a runner in files, for the probes of Kubernetes."""

import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parent.parent / "deploy/supervise.py"
DEADLINE_SECONDS = 120.0

COMMAND = """
import signal, sys, threading
from seqbayes.console.service import Service

stopped = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stopped.set())
service = Service()
assert service.every == 30.0
service.ready()
while not stopped.wait(0.01):
    service.alive()
service.stopping()
sys.stdin.read()
sys.exit(7)
"""


@pytest.fixture(scope="module")
def supervise():
    spec = importlib.util.spec_from_file_location("supervise", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def wait_for(condition) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_runner_is_ready_until_it_begins_to_stop(supervise, tmp_path):
    folder = tmp_path / "state"
    folder.mkdir()
    (folder / "ready").touch()  # of a runner that was killed
    words = [sys.executable, str(SCRIPT), str(folder), sys.executable, "-c", COMMAND]
    process = subprocess.Popen(words, stdin=subprocess.PIPE)
    try:
        wait_for(lambda: (folder / "alive").exists() and (folder / "ready").exists())
        assert supervise.main(["--alive", str(folder)]) == 0
        process.send_signal(signal.SIGTERM)
        wait_for(lambda: not (folder / "ready").exists())
        assert process.poll() is None  # it is still committing
        process.stdin.close()
        assert process.wait(DEADLINE_SECONDS) == 7
    finally:
        process.kill()
        process.wait()


def test_a_runner_without_a_recent_sign_of_life_is_not_alive(supervise, tmp_path):
    assert supervise.main(["--alive", str(tmp_path)]) == 1
    supervise.record(tmp_path, "WATCHDOG=1")
    assert supervise.main(["--alive", str(tmp_path)]) == 0
    assert not (tmp_path / "ready").exists()
    old = time.time() - supervise.MAX_AGE_SECONDS - 1.0
    os.utime(tmp_path / "alive", (old, old))
    assert supervise.main(["--alive", str(tmp_path)]) == 1


def test_a_signal_while_the_command_is_being_started_is_passed_on(supervise, tmp_path, monkeypatch):
    start = subprocess.Popen

    def interrupted(*arguments, **options):
        process = start(*arguments, **options)
        os.kill(os.getpid(), signal.SIGTERM)
        return process

    monkeypatch.setattr(supervise.subprocess, "Popen", interrupted)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        wait = "import time; time.sleep(600)"
        assert supervise.run(tmp_path, [sys.executable, "-c", wait]) == 128 + signal.SIGTERM
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def test_a_killed_command_has_the_status_of_its_signal(supervise, tmp_path):
    kill = "import os; os.kill(os.getpid(), 9)"
    words = [sys.executable, str(SCRIPT), str(tmp_path), sys.executable, "-c", kill]
    assert subprocess.run(words, check=False).returncode == 137


def test_missing_arguments_are_reported_with_the_usage(supervise):
    with pytest.raises(SystemExit, match="FOLDER seqbayes run"):
        supervise.main(["folder"])
