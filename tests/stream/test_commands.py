"""`seqbayes init`, `check` and `run`: output, exit status, and stores after a kill."""

import io
import json
import os
import random
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from killing import contents, wait_until_read
from memory import Listed, lines

from programs import Program
from seqbayes import Beta, cli
from seqbayes.console.log import Log, Tracker
from seqbayes.stream import Belief, Pace, Pipeline, open_store
from seqbayes.stream.progress import Progress

HERE = str(Path(__file__).parent)

PROGRAM = """
import signal, sys
sys.path.insert(0, sys.argv.pop(1))
signal.signal(signal.SIGINT, signal.default_int_handler)
from seqbayes.cli import main
from seqbayes.stream.source import register_source
register_source("lines", "memory:Lines")
sys.exit(main(sys.argv[1:]))
"""


def config(directory, url=None, more="", source="", records=None):
    """Write a configuration, and events if given; return its path."""
    events = directory / "events.jsonl"
    if records is not None:
        events.write_bytes(b"".join(record + b"\n" for record in records))
    path = directory / "c.toml"
    path.write_text(
        f"""
        store = '{url or directory / "b.db"}'
        source = {{ kind = "lines", path = '{events}'{source} }}
        {more}
        [belief.b]
        state = "normal"
        prior = {{ prior_mean = 0, prior_variance = 100 }}
        field = "x"
        by = "k"
        """
    )
    return str(path)


def events(n, seed=1):
    rng = random.Random(seed)
    return lines(*({"x": rng.gauss(5.0, 2.0), "k": rng.choice("abcde")} for _ in range(n)))


def start(*words, **kwargs):
    command = [sys.executable, "-W", "error", "-c", PROGRAM, HERE, *words]
    return Program(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kwargs)


def test_init_check_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["init"]) == 0
    assert cli.main(["check", "seqbayes.toml"]) == 0
    assert cli.main(["run", "seqbayes.toml", "--once"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "wrote seqbayes.toml and events.jsonl; next: seqbayes run seqbayes.toml --once",
        "seqbayes.toml is valid; beliefs: conversion, seconds; store: beliefs.db",
    ]
    assert "24 events: conversion learned 24, seconds learned 24" in err
    assert cli.main(["init"]) == 2
    assert "seqbayes.toml: file exists" in capsys.readouterr().err


def test_errors_in_the_configuration_are_status_2(tmp_path, capsys):
    path = tmp_path / "c.toml"
    path.write_text("stor = 1\n")
    for verb in ("check", "run"):
        assert cli.main([verb, str(path)]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.splitlines()[:2] == [
            f"{path} has 4 errors:",
            "  stor: unknown key: did you mean 'store'?",
        ]
        assert cli.main([verb, str(tmp_path / "none.toml")]) == 2
        assert "none.toml: no such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("store", "message"),
    [
        ("no/b.db", "store: the directory no does not exist"),
        ("d", "store: d is not a regular file"),
        ("a\\u0000b", r"store: expected a file, or .*, got 'a\\x00b'"),
    ],
)
def test_check_rejects_a_store_that_cannot_be_opened(store, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "d").mkdir()
    path = config(tmp_path, records=[])
    text = (tmp_path / "c.toml").read_text().replace(f"'{tmp_path / 'b.db'}'", f'"{store}"')
    (tmp_path / "c.toml").write_text(text)
    assert cli.main(["check", path]) == 2
    assert re.search(message, capsys.readouterr().err)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("history = { points = 1000000000000000000000000000000 }", "history.points: expected"),
        ("commit = { keys = 0 }", "commit.keys: expected a number above 0, got 0"),
    ],
)
def test_check_rejects_a_number_out_of_range(more, message, tmp_path, capsys):
    assert cli.main(["check", config(tmp_path, more=more, records=[])]) == 2
    assert message in capsys.readouterr().err


def test_a_run_resumes_where_the_last_one_ended(tmp_path, capsys):
    path = config(tmp_path, records=[*events(50), b"{"])
    for read in (51, 0):
        assert cli.main(["run", path]) == 0
        err = capsys.readouterr().err
        assert f"{read} events: b learned {max(read - 1, 0)}" in err
        reason = "1 event could not be used; the last, at 50: the JSON object is incomplete"
        assert (reason in err) == (read > 0)


def test_no_usable_event_is_status_1(tmp_path):
    assert cli.main(["run", config(tmp_path, records=[b"{", b"[]"])]) == 1


def test_a_store_in_use_is_status_3(tmp_path, capsys):
    path = config(tmp_path, records=events(3))
    holder = open_store(str(tmp_path / "b.db"))
    holder.acquire()
    assert cli.main(["run", path]) == 3
    assert "one runner at a time" in capsys.readouterr().err
    holder.close()
    assert cli.main(["run", path]) == 0


def test_failures_are_status_4(tmp_path, capsys):
    path = config(tmp_path, url=tmp_path / "no" / "b.db", records=[])
    assert cli.main(["run", path]) == 4
    assert "unable to open database file" in capsys.readouterr().err
    path = config(tmp_path, more="dead_letters = { most = 1 }", records=[b"{"] * 3)
    assert cli.main(["run", path]) == 4
    assert "no room for more dead letters" in capsys.readouterr().err
    (tmp_path / "events.jsonl").unlink()
    assert cli.main(["run", path]) == 4
    assert "events.jsonl" in capsys.readouterr().err


def test_once_stops_at_the_current_end_of_an_unbounded_source(tmp_path):
    path = config(tmp_path, records=events(9), source=", endless = true")
    assert cli.main(["run", path, "--once"]) == 0
    assert contents(str(tmp_path / "b.db"))[2] == [(str(tmp_path / "events.jsonl"), "9", 9)]


def test_json_logs(tmp_path, capsys):
    path = config(tmp_path, records=[*events(5), b"{"])
    assert cli.main(["run", path, "--log-format", "json"]) == 0
    output = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["event"] for line in output] == ["started", "dead_letters", "stopped"]
    assert [line["level"] for line in output] == ["info", "warning", "info"]
    assert output[1]["position"] == "5"
    assert (output[2]["events"], output[2]["used"], output[2]["signal"]) == (6, {"b": 5}, None)


@pytest.mark.skipif(os.name != "posix", reason="signals as in POSIX")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_commits_everything_read(tmp_path, number):
    path = config(
        tmp_path, more='commit = { every = "1 h" }', records=events(40), source=", endless = true"
    )
    with start("run", path, "--log-format", "json") as runner:
        assert b"started" in runner.stderr.readline()
        wait_until_read(str(tmp_path / "b.db"))
        runner.send_signal(number)
        _, err = runner.communicate(timeout=60)
    assert runner.returncode == 128 + number
    stopped = json.loads(err)
    assert (stopped["event"], stopped["signal"], stopped["events"]) == ("stopped", number, 40)
    assert contents(str(tmp_path / "b.db"))[2] == [(str(tmp_path / "events.jsonl"), "40", 40)]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_is_shown_on_terminals_only(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    clock = iter(range(100))
    for out, moving in ((Terminal(), True), (io.StringIO(), False)):
        progress = Progress(Log("text", "run", out), now=lambda: float(next(clock)))
        belief = Belief("b", Beta(), field="x")
        source = Listed([b'{"x": true}'] * 400, size=100)
        with Pipeline(
            source, [belief], open_store(":memory:"), Pace(seconds=1e9), [progress]
        ) as pipeline:
            list(pipeline)
        assert ("400 events" in out.getvalue()) == moving
    line = progress.line(pipeline)
    assert line.startswith("[####################] 100 %  400 events  ")
    assert line.endswith("0 behind  0:00 left")
    out = Terminal()
    tracker = Tracker(Log("text", "merge", out), 300, now=lambda: float(next(clock)))
    assert list(tracker.track(range(150))) == list(range(150))
    line = tracker.line()
    assert line.startswith("[##########..........]  50 %  150 of 300  ")
    assert line.endswith(" left")
    assert "128 of 300" in out.getvalue().rpartition("\r\x1b[K")[2]
    tracker.done()
    assert out.getvalue().endswith("\r\x1b[K")
    assert not Log("json", "run", Terminal()).can_move
    monkeypatch.setenv("TERM", "dumb")
    assert not Log("text", "run", Terminal()).can_move
