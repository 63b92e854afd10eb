"""The holder of a lease, and whether its process is still running."""

from __future__ import annotations

import os
import socket
import uuid
from pathlib import Path

import msgspec

_held: set[str] = set()
"""Tokens of the leases held by this process."""


class Holder(msgspec.Struct, frozen=True):
    """The holder of a lease: a process, and a unique token.

    The start time distinguishes a process from a later process with the same id. Leases written
    before version 4 of the tables have no token.

    Examples
    --------
    >>> holder = Holder.own()
    >>> holder.keep()
    >>> holder.local, holder.is_running
    (True, True)
    >>> holder.drop()
    >>> holder.is_running
    False
    """

    host: str
    boot: str
    pid: int
    started: str
    token: str = ""

    @classmethod
    def own(cls) -> Holder:
        """Return this process with a new token."""
        pid = os.getpid()
        return cls(socket.gethostname(), _boot(), pid, _started(pid), uuid.uuid4().hex)

    def keep(self) -> None:
        """Record that this process holds a lease with this token."""
        _held.add(self.token)

    def drop(self) -> None:
        """Record that this process no longer holds the lease, even if it is still in the store."""
        _held.discard(self.token)

    @classmethod
    def read(cls, text: str) -> Holder:
        """Read a holder from JSON."""
        return msgspec.json.decode(text, type=cls)

    def write(self) -> str:
        """Write the holder as JSON."""
        return msgspec.json.encode(self).decode()

    @property
    def local(self) -> bool:
        """Whether the process was started on this machine after its last boot."""
        # only on POSIX can a process be tested for existence; elsewhere leases have to expire
        here = (self.host, self.boot) == (socket.gethostname(), _boot())
        return here and os.name == "posix"

    @property
    def is_running(self) -> bool:
        """Whether a local process is still running and has not dropped the lease."""
        if self.token and self.pid == os.getpid():
            return self.token in _held
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:  # the process is running, and belongs to another user
            pass
        return _started(self.pid) == self.started

    @property
    def halted(self) -> bool:
        """Whether a local process was stopped by a signal or a debugger."""
        return _state(self.pid)[:1] in ("T", "t")

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


def _started(pid: int) -> str:
    """Return the start time of a process on Linux, or "zombie"."""
    fields = _state(pid).split()
    if not fields:
        return ""
    return "zombie" if fields[0] in "ZX" else fields[19]


def _state(pid: int) -> str:
    """Return the status of a process on Linux, beginning with its state; empty on other systems."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:  # on other systems, only the process id is compared
        return ""
    return text.rpartition(")")[2].strip()


def _boot() -> str:
    """Return an identifier of this boot and of the namespace of process ids."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""
