"""The table at every width, and the live one in a terminal."""

import io
import json
import math
import os
import re
import struct
import subprocess
import sys

import pytest
from rich.cells import cell_len
from rich.console import Console

from programs import Program, open_pipe
from seqbayes import Beta, Dirichlet, DirichletProcess, Gamma, Normal, NormalInverseGamma
from seqbayes.console.live import Screen
from seqbayes.console.palette import ASCII, UNICODE
from seqbayes.console.summary import PARTS, View, summarise
from seqbayes.console.table import draw
from seqbayes.likelihoods import Binomial


def rendered(lines, width, signs=UNICODE, view=None):
    console = Console(file=io.StringIO(), width=width, legacy_windows=False)
    console.print(draw(lines, view or View(), width, signs))
    return console.file.getvalue().splitlines()


def lines_of(state, key="a", **view):
    return summarise(key, state, View(**view))


BETA = Beta()
BETA.learn_many([1, 0, 1, 1, 1, 0, 1])


@pytest.mark.parametrize("width", [24, 40, 60, 80, 120, 200])
@pytest.mark.parametrize("key", ["a", "a long key of several words", "日本語のとても長いキー", ""])
def test_the_table_fits_the_width(width, key):
    shown = rendered(lines_of(BETA, key), width)
    assert max(map(cell_len, shown)) <= width
    assert "mean" in shown[0]
    assert "95 % interval" in shown[0] or width < 30


def test_a_wide_table_has_every_column_and_a_narrow_one_the_main_ones():
    assert rendered(lines_of(BETA), 120)[0].split()[:5] == ["key", "n", "mean", "95", "%"]
    assert rendered(lines_of(BETA), 120)[0].split()[-2:] == ["MLE", "MAP"]
    assert rendered(lines_of(BETA), 30)[0].split() == ["key", "mean", "95", "%", "interval"]
    assert rendered(lines_of(BETA), 40, view=View(kind="hdi"))[0].split()[-1] == "HDI"


def test_the_table_shows_the_numbers_of_the_state():
    row = rendered(lines_of(BETA), 120)[2]
    low, high = BETA.interval()
    for number in (BETA.mean, low, high, BETA.mle, BETA.map):
        assert f"{number:.4g}" in row


def test_digits_distinguish_the_ends_of_a_narrow_interval():
    state = Normal.flat(known_variance=4.0)
    state.learn_many([1e6 + 1, 1e6 + 2.5] * 5000)
    row = rendered(lines_of(state), 120)
    # from 1.71 to 1.79 above a million: a width of .08
    assert row[2].split()[2:6] == ["1000001.750", "1000001.711", "to", "1000001.789"]
    assert row[0].split()[-4:-2] == ["1000001.71", "1000001.79"]
    rates = Beta(likelihood=Binomial())
    rates.learn_one((100_000, 1_000_000))
    assert rendered(lines_of(rates), 120)[2].split()[2:6] == ["0.1", "0.09941", "to", "0.1006"]


def test_bars_share_a_scale():
    other = Beta()
    other.learn_many([0] * 7)
    shown = rendered([*lines_of(BETA), *lines_of(other, "b")], 120)
    low, high = (min(BETA.interval() + other.interval()), max(BETA.interval() + other.interval()))
    assert f"{low:.3g}" in shown[0]
    assert f"{high:.3g}" in shown[0]
    assert shown[2].index("●") > shown[3].index("●")


def test_mean_and_variance_have_separate_scales():
    state = NormalInverseGamma()
    state.learn_many([1e6, 1e6 + 1, 1e6 + 2])
    parts = {line.part: line.scale for line in lines_of(state)}
    assert parts == {"mean": "mean", "variance": "variance"}
    assert "●" in rendered(lines_of(state), 120)[3]


def test_each_share_has_its_own_line_up_to_a_limit():
    assert [line.part for line in lines_of(Dirichlet({"red": 1, "blue": 2}))] == ["red", "blue"]
    words = DirichletProcess()
    words.learn_many([f"w{i}" for i in range(50) for _ in range(i + 1)])
    shown = [line.part for line in lines_of(words)]
    assert shown == [f"w{49 - i}" for i in range(PARTS)]


def test_a_missing_estimate_is_a_dash():
    shown = rendered(lines_of(Gamma.flat()), 120)
    assert "nan" not in "".join(shown).lower()
    assert shown[2].split()[:4] == ["a", "0", "-", "-"]
    state = NormalInverseGamma.jeffreys()
    assert all(line.mean is None for line in lines_of(state))
    assert all(math.isfinite(cell_len(row)) for row in rendered(lines_of(state), 120))


def test_ascii():
    assert "".join(rendered(lines_of(BETA, "é"), 120, ASCII)).isascii()


def test_a_screen_fits_the_height_and_counts_unused_events():
    states = {f"key {k}": Beta() for k in range(100)}
    for state in states.values():
        state.learn_one(True)
    for k in range(30):
        states[f"key {k}"].learn_one(True)
    others = {"malformed": 1, "incomplete": 1, "beyond --max-keys": 20}
    for height in (8, 12, 40):
        console = Console(file=io.StringIO(), width=60, height=height, legacy_windows=False)
        screen = Screen(states, lambda: (130, others), Beta(), View(top=50), console)
        console.print(screen.picture(1234.5, "a notice", fit=True))
        shown = console.file.getvalue().splitlines()
        assert len(shown) <= height
        text = " ".join(" ".join(shown).split())
        for printed in (
            "130 events (1,234/s)",
            "1 malformed",
            "1 incomplete",
            "20 beyond --max-keys",
        ):
            assert printed in text
        assert "a notice" in text
        assert "of 100 keys" in text
        assert "Beta(1, 1) prior, Bernoulli likelihood" in text
        assert "key 0" in text  # one of the keys with the most events


@pytest.mark.skipif(sys.platform == "win32", reason="a terminal as POSIX has it")
class TestTerminal:
    """The command with a pseudo-terminal as its standard output."""

    def watch(self, events, *words, size=(40, 120), **environment):
        import fcntl
        import pty
        import termios

        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
        command = [sys.executable, "-m", "seqbayes", "watch", "-", *words]
        base = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS", "LINES")}
        process = Program(
            command,
            stdin=subprocess.PIPE,
            stdout=theirs,
            stderr=subprocess.PIPE,
            env={**base, "TERM": "xterm-256color", **environment},
        )
        os.close(theirs)
        with process:
            process.stdin.write(events)
            process.stdin.close()
            output = b""
            while chunk := self.read(ours):
                output += chunk
            os.close(ours)
            return process.wait(), output.decode(), process.stderr.read().decode()

    @staticmethod
    def read(descriptor):
        try:
            return os.read(descriptor, 4096)
        except OSError:  # Linux: the other end is closed
            return b""

    EVENTS = b"".join(
        b'{"c": %d, "k": "%s"}\n' % (i % 3 == 0, b"xy"[i % 2 :][:1]) for i in range(90)
    )

    def test_the_last_live_table_remains_on_the_terminal(self):
        words = ("--state=beta", "--value=c", "--by=k", "--every=0.001")
        status, output, err = self.watch(self.EVENTS, *words)
        assert (status, err) == (0, "")
        assert output.count("\x1b[?1049h") == output.count("\x1b[?1049l") == 1
        assert output.count("\x1b[?25l") == output.count("\x1b[?25h")
        assert "\x1b[38;5;" in output
        final = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", output.split("\x1b[?1049l")[1])
        assert "90 events" in final
        assert f"{Beta(16, 31).mean:.4g}" in final

    def watch_fifo(self, tmp_path, act):
        """Watch a FIFO in a terminal that is standard input, too; return status and output.

        `act` is called with functions that write events, type keys and wait for an output.
        """
        import pty

        path = tmp_path / "events.jsonl"
        os.mkfifo(path)
        ours, theirs = pty.openpty()
        words = ["watch", str(path), "--state=beta", "--value=c", "--every=0.001"]
        process = Program(
            [sys.executable, "-m", "seqbayes", *words],
            stdin=theirs,
            stdout=theirs,
            stderr=subprocess.PIPE,
            env={**os.environ, "TERM": "xterm-256color"},
        )
        os.close(theirs)
        output = []

        def wait_for(text):
            seen = len(output)
            while text not in "".join(output[seen:]):
                chunk = self.read(ours)
                assert chunk, "".join(output)
                output.append(chunk.decode(errors="replace"))

        with process, open_pipe(path, process) as fifo:
            act(fifo.write, lambda keys: os.write(ours, keys), wait_for)
            fifo.close()
            while chunk := self.read(ours):
                output.append(chunk.decode(errors="replace"))
            os.close(ours)
            return process.wait(), "".join(output), process.stderr.read().decode()

    def test_q_ends_the_command_with_the_final_table(self, tmp_path):
        def act(write, press, wait_for):
            write(self.EVENTS)
            wait_for("90 events")
            press(b"xq rm -rf")
            wait_for("\x1b[?1049l")  # the key ended the command, not the end of the input

        status, output, err = self.watch_fifo(tmp_path, act)
        assert (status, err) == (0, "")
        assert "90 events" in output.split("\x1b[?1049l")[1]
        assert "rm -rf" not in output

    def test_the_space_bar_pauses_and_resumes(self, tmp_path):
        def act(write, press, wait_for):
            write(self.EVENTS)
            wait_for("90 events")
            press(b" ")
            wait_for("paused")
            write(self.EVENTS)
            press(b" ")
            wait_for("180 events")

        status, output, err = self.watch_fifo(tmp_path, act)
        assert (status, err) == (0, "")
        assert "180 events" in output.split("\x1b[?1049l")[1]

    def test_no_color(self):
        words = ("--state=beta", "--value=c", "--by=k")
        _, output, _ = self.watch(self.EVENTS, *words, NO_COLOR="1")
        assert "\x1b[38;5;" not in output
        assert "90 events" in output

    def test_a_dumb_terminal_gets_only_the_last_table(self):
        _, output, _ = self.watch(self.EVENTS, "--state=beta", "--value=c", TERM="dumb")
        assert "\x1b[?1049h" not in output
        assert "90 events" in output

    def test_json_follows_the_live_table(self):
        words = ("--state=beta", "--value=c", "--by=k", "--json")
        _, output, _ = self.watch(self.EVENTS, *words, size=(10, 40))
        after = output.split("\x1b[?1049l")[1]
        printed = [json.loads(line) for line in re.findall(r"\{.*\}", after)]
        assert [line["key"] for line in printed] == [{"k": "x"}, {"k": "y"}]
        assert sum(line["n"] for line in printed) == 90

    def test_the_live_screen_is_closed_before_an_error_is_printed(self):
        status, output, err = self.watch(b"a,b\n1,2\n", "--state=beta", "--value=c")
        assert status == 2
        assert output.count("\x1b[?1049h") == output.count("\x1b[?1049l") == 1
        assert "its columns are: a, b" in err
