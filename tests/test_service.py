"""Notifications to systemd, over a real socket."""

import os
import signal
import socket
import subprocess

import pytest

from programs import Program, command, environment
from seqbayes.console.service import Service

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="systems without AF_UNIX")

CONFIG = """
store = "{folder}/b.db"
source = {{ kind = "file", path = "{folder}/events.jsonl", follow = true }}
[belief.conversion]
state = "beta"
field = "converted"
"""


@pytest.fixture(params=["file", "abstract"])
def manager(request, tmp_path):
    """Yield the socket of a service manager, and its address as the environment names it."""
    if request.param == "abstract":
        if not os.path.exists("/proc/net/unix"):
            pytest.skip("abstract sockets exist only on Linux")
        name, address = f"@seqbayes-{os.getpid()}", f"\0seqbayes-{os.getpid()}"
    else:
        name = address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(address)
        receiver.settimeout(60)
        yield receiver, name


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def received(receiver):
    """Return the messages that have arrived."""
    receiver.setblocking(False)
    messages = []
    while True:
        try:
            messages.append(receiver.recv(4096).decode())
        except BlockingIOError:
            return messages


def test_notifications_arrive_in_order_and_keep_alive_ones_at_half_the_interval(manager):
    receiver, name = manager
    given = {"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "8000000", "WATCHDOG_PID": str(os.getpid())}
    clock = Clock()
    service = Service(environ=given, now=clock)
    assert given == {}, "programs started by this one must not notify in its name"
    service.ready()
    for clock.now in (100.0, 103.9, 104.0, 104.1, 107.9, 108.0):
        service.alive()
    service.stopping()
    assert received(receiver) == ["READY=1", *3 * ["WATCHDOG=1"], "STOPPING=1"]


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "8000000", "WATCHDOG_PID": "1"},
    ],
    ids=["absent", "zero", "invalid", "of another process"],
)
def test_no_keep_alive_notification_without_a_watchdog(manager, more):
    receiver, name = manager
    service = Service(environ={"NOTIFY_SOCKET": name, **more})
    service.ready()
    service.alive()
    assert service.every is None
    assert received(receiver) == ["READY=1"]


def test_nothing_is_sent_without_a_service_manager():
    warnings = []
    service = Service(lambda *words: warnings.append(words), environ={"WATCHDOG_USEC": "10"})
    service.ready()
    service.alive()
    service.stopping()
    assert warnings == []


def test_an_unreachable_manager_is_reported_once(tmp_path):
    warnings = []
    path = str(tmp_path / "missing")
    given = {"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "10"}
    service = Service(lambda *words: warnings.append(words), environ=given)
    service.ready()
    service.alive()
    service.stopping()
    [(event, text, level)] = warnings
    assert (event, level) == ("notice", "warning")
    assert path in text


@pytest.mark.parametrize("manager", ["file"], indirect=True)
@pytest.mark.parametrize("verb", [["run"], ["serve", "--port", "0"]], ids=["run", "serve"])
def test_commands_notify_the_service_manager(verb, manager, tmp_path):
    if verb[0] == "serve":
        pytest.importorskip("starlette", reason="the extra 'dashboard' is not installed")
    receiver, name = manager
    (tmp_path / "events.jsonl").write_text('{"converted": true}\n')
    config = tmp_path / "c.toml"
    config.write_text(CONFIG.format(folder=tmp_path))
    given = environment(NOTIFY_SOCKET=name, WATCHDOG_USEC="100000")
    words = command(verb[0], str(config), *verb[1:])
    with Program(words, env=given, stderr=subprocess.PIPE) as program:
        try:
            assert receiver.recv(4096) == b"READY=1"
            assert receiver.recv(4096) == b"WATCHDOG=1"
            assert receiver.recv(4096) == b"WATCHDOG=1"
            program.send_signal(signal.SIGTERM)
            while (message := receiver.recv(4096)) == b"WATCHDOG=1":
                pass
            assert message == b"STOPPING=1"
            program.communicate(timeout=60)
            assert program.returncode == 128 + signal.SIGTERM
        finally:
            program.kill()
