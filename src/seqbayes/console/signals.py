"""Handles signals that stop a command between two steps."""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")

STOP_SIGNALS = tuple(each for each in signal.Signals if each.name in _NAMES)
"""Signals that stop a command; Windows has no SIGHUP."""


class Interruption:
    """Whether the command received a signal to stop, and which one."""

    def __init__(self) -> None:
        # A signal handler runs between two instructions of the main thread. Most locks, such as the
        # lock of `threading.Event`, would never be released if the main thread held them then.
        self._received: queue.SimpleQueue[int] = queue.SimpleQueue()
        self.signal: int | None = None

    def __bool__(self) -> bool:
        return self.signal is not None

    @property
    def status(self) -> int:
        """The exit status: 0, or 128 plus the signal number."""
        return 0 if self.signal is None else 128 + self.signal

    def wait(self, seconds: float) -> None:
        """Sleep in the main thread, unless interrupted."""
        if seconds > 0.0 and not self:
            with suppress(queue.Empty):
                self._received.get(timeout=seconds)

    def stop(self, number: int, frame: FrameType | None = None) -> None:
        """Record a signal; a second one has its default effect."""
        self.signal = number
        signal.signal(
            number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        )
        self._received.put(number)


@contextmanager
def ended_by_interrupts() -> Iterator[None]:
    """Let Ctrl-C end the process instead of raising an exception.

    An extension module that is being imported may ignore a `KeyboardInterrupt`: the process would
    continue until a second interrupt.
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """Let Ctrl-C, SIGTERM and SIGHUP stop a command between two steps.

    Signals that were ignored when the process started, such as SIGHUP under nohup, stay ignored.
    """
    interruption = Interruption()
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for number in STOP_SIGNALS:
            handler = signal.getsignal(number)
            if handler is not signal.SIG_IGN:
                before[number] = handler
                signal.signal(number, interruption.stop)
    try:
        yield interruption
    finally:
        for caught, handler in before.items():
            signal.signal(caught, handler)


@contextmanager
def suspendable(leave: Callable[[], None], enter: Callable[[], None]) -> Iterator[None]:
    """Restore the terminal while Ctrl-Z suspends this process; contexts can be nested.

    Parameters
    ----------
    leave
        Function that is called before the process stops.
    enter
        Function that is called after the process continues, even after a SIGSTOP, which cannot be
        caught.
    """
    if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
        yield
        return
    stop, resume = signal.getsignal(signal.SIGTSTP), signal.getsignal(signal.SIGCONT)

    def suspend(number: int, frame: FrameType | None) -> None:
        leave()
        if callable(stop):
            stop(number, frame)  # the handler of an outer context
        elif stop == signal.SIG_DFL:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        signal.signal(number, suspend)

    def handle_resume(number: int, frame: FrameType | None) -> None:
        if callable(resume):
            resume(number, frame)
        enter()

    if stop != signal.SIG_IGN:
        signal.signal(signal.SIGTSTP, suspend)
    signal.signal(signal.SIGCONT, handle_resume)
    try:
        yield
    finally:
        signal.signal(signal.SIGTSTP, stop)
        signal.signal(signal.SIGCONT, resume)
