"""Who holds a store, and whether that process still lives."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import msgspec


class Holder(msgspec.Struct, frozen=True):
    """A process, told apart from a later one that has its number.

    Examples
    --------
    >>> holder = Holder.own()
    >>> holder.local, holder.lives
    (True, True)
    """

    host: str
    boot: str
    pid: int
    started: str

    @classmethod
    def own(cls) -> Holder:
        """Return this process."""
        return cls(socket.gethostname(), _boot(), os.getpid(), _started(os.getpid()))

    @classmethod
    def read(cls, text: str) -> Holder:
        """Return the process that a store names."""
        return msgspec.json.decode(text, type=cls)

    def write(self) -> str:
        """Return the JSON that a store keeps."""
        return msgspec.json.encode(self).decode()

    @property
    def local(self) -> bool:
        """Whether the process ran where its number means something to this one."""
        # elsewhere than on POSIX nobody can be asked whether they live: leases just run out
        here = (self.host, self.boot) == (socket.gethostname(), _boot())
        return here and os.name == "posix"

    @property
    def lives(self) -> bool:
        """Whether the process, a local one, still runs."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:  # it is somebody else's, and alive
            pass
        return _started(self.pid) == self.started

    @property
    def halted(self) -> bool:
        """Whether the process, a local one, was stopped by a signal or a debugger."""
        return _state(self.pid)[:1] in ("T", "t")

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


def _started(pid: int) -> str:
    """Return when a process started and whether it is a zombie, as Linux tells it."""
    fields = _state(pid).split()
    if not fields:
        return ""
    return "zombie" if fields[0] in "ZX" else fields[19]


def _state(pid: int) -> str:
    """Return what Linux tells of a process, its state first; nothing on another system."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:  # no such file system: the number alone must do
        return ""
    return text.rpartition(")")[2].strip()


def _boot() -> str:
    """Return what tells this boot of the machine, and this space of process numbers, apart."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""
