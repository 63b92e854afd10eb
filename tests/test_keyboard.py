"""Keys in a terminal control a story, and the shell receives no typed text."""

import os
import pty
import select
import shlex
import shutil
import signal
import sys
import termios

import pytest

from programs import command, environment
from seqbayes.console.keyboard import Keyboard
from seqbayes.console.signals import Interruption
from seqbayes.replay.player import Clock
from seqbayes.replay.story import even

pytestmark = pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals")


class Shell:
    """A program in the foreground of a pseudo-terminal, started by a parent as a shell would."""

    def __init__(self, *words):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            # like a shell, the parent outlives the program; it prints what was left unread
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            program = os.spawnvpe(
                os.P_WAIT, command()[0], command(*words), environment(COLUMNS="80", LINES="24")
            )
            settings = termios.tcgetattr(0)
            echo = bool(settings[3] & termios.ECHO and settings[3] & termios.ICANON)
            os.set_blocking(0, False)
            try:
                left = os.read(0, 1000)
            except BlockingIOError:
                left = b""
            os.write(1, f"<status {program} echo {echo} left {left!r}>".encode())
            os._exit(0)
        self.written = b""

    def wait_for(self, text):
        """Read until the program has written a string, and return what it wrote."""
        start = len(self.written)
        while text not in self.written[start:]:
            ready, _, _ = select.select([self.terminal], [], [], 60)
            assert ready, f"no {text!r} in {self.written[-2000:]!r}"
            self.written += os.read(self.terminal, 65536)
        return self.written[start:]

    def type(self, text):
        os.write(self.terminal, text)

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.terminal)


class Bash(Shell):
    """An interactive bash in a pseudo-terminal."""

    def __init__(self):
        self.written = b""
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            variables = environment(COLUMNS="80", LINES="24", PS1="$ ", TERM="xterm")
            os.execvpe("bash", ["bash", "--norc", "--noprofile", "-i"], variables)


@pytest.fixture
def shell(request):
    shells = []

    def start(*words):
        shells.append(Shell(*words))
        return shells[-1]

    yield start
    for each in shells:
        each.close()


@pytest.mark.parametrize("story", ["mms", "coins"])
def test_a_story_is_paused_stepped_and_quit(story, shell):
    terminal = shell("replay", story, "--speed", "0.01")
    terminal.wait_for(b"space pauses")
    terminal.type(b" ")
    terminal.wait_for(b"paused")
    terminal.type(b"n")
    terminal.wait_for(b" 1 of ")
    terminal.type(b"\x1b[C")
    terminal.wait_for(b" 2 of ")
    terminal.type(b"rm -rf /\rq")
    end = terminal.wait_for(b"left b''>")
    assert b"<status 0 echo True" in end
    assert b"Stopped" in end


def test_typed_text_never_reaches_the_shell(shell):
    terminal = shell("replay", "coins", "--speed", "20", "--iterations", "1")
    terminal.wait_for(b" 1 of ")
    for _ in range(20):
        terminal.type(b"ls; ls\x1b[A\x1b[B")
    assert b"<status 0 echo True" in terminal.wait_for(b"left b''>")


def test_ctrl_c_restores_the_terminal(shell):
    terminal = shell("replay", "mms", "--speed", "0.01")
    terminal.wait_for(b"space pauses")
    terminal.type(b"abc\x03")
    assert b"<status 130 echo True" in terminal.wait_for(b"left b''>")


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize("paused", [False, True])
def test_ctrl_z_restores_the_terminal_and_fg_redraws_the_screen(paused):
    terminal = Bash()
    try:
        terminal.wait_for(b"$ ")
        words = shlex.join(command("replay", "mms", "--speed", "0.01"))
        terminal.type(f"{words}\n".encode())
        terminal.wait_for(b"space pauses")
        if paused:
            terminal.type(b" ")
            terminal.wait_for(b"paused: space resumes")
        terminal.type(b"\x1a")
        end = terminal.wait_for(b"Stopped")
        assert b"\x1b[?1049l\x1b[?25h" in end
        terminal.type(b"stty -a; fg\n")
        again = terminal.wait_for(b"paused: space resumes" if paused else b"space pauses")
        modes, _, screen = again.partition(b"\x1b[?1049h\x1b[H\x1b[2J\x1b[?25l")
        assert b" icanon " in modes
        assert b" echo " in modes
        assert screen
        terminal.type(b"q")
        terminal.wait_for(b"\x1b[?1049l")
    finally:
        terminal.close()


@pytest.fixture
def pair():
    ours, theirs = os.openpty()
    yield ours, theirs
    os.close(ours)
    os.close(theirs)


def test_single_keys_are_read_without_echo(pair):
    ours, theirs = pair
    before = termios.tcgetattr(theirs)
    with Keyboard(theirs) as keyboard:
        os.write(ours, b"a \x1b[C\x1b[3~\x1bOPq")
        assert [keyboard.read(5.0) for _ in range(4)] == ["a", " ", "n", "q"]
        assert keyboard.read(0.0) == ""
        assert not select.select([ours], [], [], 0.0)[0]  # nothing was echoed
    assert termios.tcgetattr(theirs) == before


def test_unread_input_is_discarded(pair):
    ours, theirs = pair
    with Keyboard(theirs):
        os.write(ours, b"ls\n")
        assert select.select([theirs], [], [], 5.0)[0]
    assert not select.select([theirs], [], [], 0.0)[0]


class Keys:
    """A keyboard on which keys are pressed at given times."""

    def __init__(self, presses):
        self.now = 0.0
        self.presses = sorted(presses)

    def read(self, seconds):
        if self.presses and self.presses[0][0] <= self.now + seconds:
            at, key = self.presses.pop(0)
            self.now = max(at, self.now)
            return key
        self.now += max(seconds, 1e-3)
        return ""


def step_end_times(presses, steps=5, speed=1.0):
    """Return the time at which each step ended, and whether the story was stopped."""
    keys = Keys(presses)
    clock = Clock(even(speed), Interruption(), keys, lambda: keys.now)
    ends = []
    for number in range(steps):
        clock.wait(number)
        if clock.stopped:
            break
        ends.append(round(keys.now, 1))
    return ends, clock.stopped


def test_keys_control_the_clock():
    assert step_end_times([]) == ([1.0, 2.0, 3.0, 4.0, 5.0], False)
    assert step_end_times([(1.5, " "), (9.5, " ")]) == ([1.0, 10.0, 11.0, 12.0, 13.0], False)
    # n shows the next step at once and stays paused; the space bar resumes
    assert step_end_times([(0.2, "n"), (5.0, "n"), (9.0, " ")]) == (
        [0.2, 5.0, 10.0, 11.0, 12.0],
        False,
    )
    assert step_end_times([(2.5, "q")]) == ([1.0, 2.0], True)


GROUPS = """
import os
from seqbayes.console.log import Log
print("foreground", Log().can_move, flush=True)
if child := os.fork():
    os.waitpid(child, 0)
else:
    os.setpgid(0, 0)
    print("background", Log().can_move, flush=True)
"""


def test_progress_is_not_shown_over_the_prompt_by_a_background_process():
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [sys.executable, "-c", GROUPS], environment(TERM="xterm"))
    written = b""
    while b"background" not in written or not written.endswith(b"\n"):
        ready, _, _ = select.select([terminal], [], [], 60)
        assert ready, written
        written += os.read(terminal, 1000)
    os.waitpid(pid, 0)
    os.close(terminal)
    assert written.split() == [b"foreground", b"True", b"background", b"False"]
