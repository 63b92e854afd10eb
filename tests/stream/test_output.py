"""Problems with output never cost an event: the runner continues, or commits and ends."""

import os
import signal
import subprocess
import sys

import pytest

from programs import Program
from seqbayes import stream

pytestmark = pytest.mark.skipif(os.name != "posix", reason="shells and signals")

EVENTS = 6_000
SEQBAYES = f"{sys.executable} -m seqbayes"


@pytest.fixture
def configuration(tmp_path):
    events = tmp_path / "events.jsonl"
    # one event in a thousand cannot be used, so that there is something to log
    events.write_text(
        "".join(
            f'{{"x": {"7" if i % 1000 == 0 else "true" if i % 3 else "false"}}}\n'
            for i in range(EVENTS)
        )
    )
    path = tmp_path / "c.toml"
    path.write_text(
        f"""
        store = '{tmp_path / "b.db"}'
        source = {{ kind = "file", path = '{events}', follow = FOLLOW }}
        [belief.b]
        state = "beta"
        field = "x"
        """
    )
    return path


def learned(configuration):
    (found,) = stream.show(str(configuration.parent / "b.db"))
    return found.state.n_samples


def choose(configuration, follow):
    configuration.write_text(configuration.read_text().replace("FOLLOW", follow))


@pytest.mark.parametrize(
    ("redirection", "form"),
    [
        ("2>&-", "json"),
        (">&- 2>&-", "text"),
        ("<&- >&- 2>&-", "text"),
        ("2>/dev/full", "json"),
        (">/dev/full 2>&1", "text"),
    ],
)
def test_a_runner_continues_without_its_output(redirection, form, configuration):
    if "/dev/full" in redirection and not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full")
    choose(configuration, "false")
    done = subprocess.run(
        f"{SEQBAYES} run {configuration} --log-format {form} {redirection}", shell=True, check=False
    )
    assert done.returncode == 0
    assert learned(configuration) == EVENTS - EVENTS // 1000


def test_a_runner_continues_after_the_reader_of_its_output_exits(configuration):
    choose(configuration, "false")
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [*SEQBAYES.split(), "run", configuration], stdout=write, stderr=write, check=False
    )
    os.close(write)
    assert done.returncode == 0
    assert learned(configuration) == EVENTS - EVENTS // 1000


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
def test_a_signal_commits_and_stops(number, configuration):
    choose(configuration, "true")
    program = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
        # a parent such as nohup may ignore it
        "signal.signal(signal.SIGHUP, signal.SIG_DFL);"
        "from seqbayes.cli import main; sys.exit(main())"
    )
    words = [sys.executable, "-c", program, "run", configuration, "--log-format", "json"]
    with Program(words, stderr=subprocess.PIPE) as runner:
        assert b'"started"' in runner.stderr.readline()
        assert b'"dead_letters"' in runner.stderr.readline()
        runner.send_signal(number)
        assert b'"stopped"' in runner.stderr.read()
        assert runner.wait() == 128 + number
    with stream.open_store(str(configuration.parent / "b.db"), "read") as store:
        (position,) = store.positions()
        letters = store.dead_letter_count()
    assert learned(configuration) == position.events - letters > 0


def test_an_ignored_hangup_stays_ignored(configuration):
    choose(configuration, "false")
    done = subprocess.run(
        ["sh", "-c", f"trap '' HUP; {SEQBAYES} run {configuration} & kill -HUP $!; wait $!"],
        check=False,
        stderr=subprocess.DEVNULL,
    )
    assert done.returncode == 0
    assert learned(configuration) == EVENTS - EVENTS // 1000


@pytest.mark.parametrize("form", ["", "--json"])
def test_show_into_a_closed_pipe_is_status_141(form, configuration):
    choose(configuration, "false")
    stream.run(configuration)
    read, write = os.pipe()
    os.close(read)
    words = [*SEQBAYES.split(), "show", str(configuration.parent / "b.db"), *form.split()]
    done = subprocess.run(words, stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")
