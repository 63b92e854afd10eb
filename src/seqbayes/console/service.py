"""Notifications to a service manager such as systemd: started, alive, stopping."""

from __future__ import annotations

import math
import os
import socket
import time
from collections.abc import Callable, MutableMapping

Warn = Callable[[str, str, str], None]


class Service:
    """Sends the notifications of sd_notify(3); does nothing outside a service of `Type=notify`.

    A socket that cannot be reached is reported once, and never stops the command.

    Parameters
    ----------
    warn
        Function that is called with the name, text and level of a warning, such as `Log.event`.
    environ
        The environment. The variables of the service manager are removed from it, so that programs
        that this process starts do not send notifications on its behalf.
    now
        Function that returns a monotonic time in seconds.

    Attributes
    ----------
    every
        Seconds between two keep-alive notifications: half of the time after which the service
        manager restarts a silent service; None if there is no watchdog.

    References
    ----------
    https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html

    Examples
    --------
    >>> service = Service(environ={"WATCHDOG_USEC": "30000000"})
    >>> service.every
    15.0
    >>> service.ready()  # without NOTIFY_SOCKET, nothing is sent
    """

    def __init__(
        self,
        warn: Warn = lambda event, text, level: None,
        environ: MutableMapping[str, str] = os.environ,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._warn, self._now = warn, now
        self._address = environ.pop("NOTIFY_SOCKET", "")
        microseconds = environ.pop("WATCHDOG_USEC", "")
        watched = environ.pop("WATCHDOG_PID", "") in ("", str(os.getpid()))
        has_watchdog = watched and microseconds.isdecimal() and int(microseconds) > 0
        self.every = int(microseconds) / 2e6 if has_watchdog else None
        self._next = math.inf

    def ready(self) -> None:
        """Report that the command has started; keep-alive notifications begin."""
        self._next = self._now()
        self._send("READY=1")

    def alive(self) -> None:
        """Report that the command is making progress, if a keep-alive notification is due."""
        if self.every is not None and self._now() >= self._next:
            self._next = self._now() + self.every
            self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """Report that the command has begun to stop."""
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        name = self._address
        # an abstract socket name on Linux
        address = f"\0{name[1:]}" if name.startswith("@") else name
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
                manager.sendto(message.encode(), address)
        except OSError as error:
            self._address = ""
            text = f"the service manager cannot be notified at {name}: {error.strerror}"
            self._warn("notice", text, "warning")
