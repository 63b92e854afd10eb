"""Signals that stop a command."""

import signal
import sys
import threading

import pytest

from seqbayes.console import signals
from seqbayes.console.signals import Interruption


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
