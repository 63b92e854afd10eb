"""Signals that stop a command."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from programs import environment
from seqbayes.console import signals
from seqbayes.console.commands import COMMANDS
from seqbayes.console.signals import Interruption

IMPORT = """
import os, signal, sys
from seqbayes.cli import main

class IgnoresInterrupts:
    def find_spec(self, name, path, target=None):
        if name == sys.argv[1]:
            try:
                os.kill(os.getpid(), signal.SIGINT)
            except KeyboardInterrupt:
                pass

sys.meta_path.insert(0, IgnoresInterrupts())
sys.exit(main([sys.argv[2]]))
"""
"""Starts a command; it is interrupted while a module is imported that ignores the exception."""


def stop_during_wait(interruption, instruction):
    """Wait, and receive a signal before an instruction of the wait; return how many there were."""
    count = 0

    def trace(frame, event, argument):
        nonlocal count
        frame.f_trace_opcodes = True
        if event == "opcode":
            if count == instruction:
                sys.settrace(None)
                interruption.stop(signal.SIGTERM)
            count += 1
        return trace

    sys.settrace(trace)
    interruption.wait(0.01)
    sys.settrace(None)
    return count


def test_a_signal_at_any_instruction_of_a_wait_ends_it(monkeypatch):
    # in another thread, which the test does not wait for if it is blocked
    monkeypatch.setattr(signals.signal, "signal", lambda number, handler: None)
    instruction, ended = 0, False
    while not ended:
        interruption, counts = Interruption(), []
        thread = threading.Thread(
            target=lambda *args: args[-1].append(stop_during_wait(*args[:-1])),
            args=(interruption, instruction, counts),
            daemon=True,
        )
        thread.start()
        thread.join(30.0)
        assert not thread.is_alive(), f"blocked by a signal at instruction {instruction}"
        ended = counts[0] <= instruction
        assert bool(interruption) is not ended
        instruction += 1
    assert instruction > 10


@pytest.mark.parametrize("times", [1, 2])
def test_a_wait_after_a_signal_returns_at_once(monkeypatch, times):
    monkeypatch.setattr(signals.signal, "signal", lambda number, handler: None)
    interruption = Interruption()
    for _ in range(times):
        interruption.stop(signal.SIGTERM)
    for _ in range(3):
        interruption.wait(1e9)
    assert interruption.status == 143


@pytest.mark.skipif(os.name != "posix", reason="signals as in POSIX")
@pytest.mark.parametrize("name", ["run", "serve", "show", "watch"])
def test_an_interrupt_during_an_import_ends_the_process(name):
    words = [sys.executable, "-c", IMPORT, COMMANDS[name].module, name]
    ended = subprocess.run(words, env=environment(), capture_output=True, timeout=60)
    assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGINT, b"", b"")


def test_interrupts_raise_exceptions_again_after_the_start():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with signals.ended_by_interrupts():
            assert signal.getsignal(signal.SIGINT) == signal.SIG_DFL
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        with signals.ended_by_interrupts():
            assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
