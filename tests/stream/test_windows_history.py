"""Windows in a stream: the history has exactly the windows that have ended, through crashes."""

import json
import os
import random

import pytest
from killing import KILLS, contents, kill_often, toml, wait_until_committed
from memory import Listed, lines

from seqbayes import Beta, Windowed
from seqbayes.stream import Belief, Pace, Pipeline, Times, open_store
from seqbayes.stream.config import parse_config
from seqbayes.stream.history import History, Windows
from seqbayes.stream.schema import ConfigError

TIMES = Times(future=None)

RUNS = max(KILLS // 2, 2)


def told(n, seed):
    rng = random.Random(seed)
    return [
        {"k": rng.choice("abc"), "x": rng.random() < 0.4, "t": i + round(rng.uniform(-8, 8), 3)}
        for i in range(n)
    ]


def learn(url, events, windows, size, count=None):
    """Learn some events in batches, each with a commit."""
    belief = Belief("b", windows, field="x", by="k", time="t", times=TIMES)
    source = Listed(lines(*events[:count]), size=size)
    collectors = [History(), Windows()]
    with Pipeline(source, [belief], open_store(url), Pace(seconds=0.0), collectors) as pipeline:
        list(pipeline)


def history(url):
    with open_store(url, "read") as store:
        return {(point.key, point.at): json.loads(point.summary) for point in store.points("b")}


def expected(events, length, every):
    """Return the number and mean of each window that has ended, from the events themselves."""
    clocks, learned, until = {}, [], 0.0
    for event in events:
        k, t = event["k"], event["t"]
        until = max(until, t)
        clock = clocks.get(k, -1e9)
        if (t // every) * every + length > clock:  # its last window has not ended
            learned.append(event)
            clocks[k] = max(clock, t)
    found = {}
    for k in clocks:
        for m in range(-5, int(until // every) + 1):
            end = m * every
            xs = [e["x"] for e in learned if e["k"] == k and end - length <= e["t"] < end]
            if xs:
                found[f'["{k}"]', end] = (len(xs), (1 + sum(xs)) / (2 + len(xs)))
    return found


@pytest.mark.parametrize(("length", "every"), [(20.0, 20.0), (20.0, 5.0)])
def test_the_history_has_each_window_that_has_ended(url, length, every):
    events = told(600, 1)
    for count in (100, 101, 350, 600):  # resumed runs
        learn(url, events, Windowed(Beta(), length, every), 37, count)
        found = {
            key: (point["n_samples"], pytest.approx(point["mean"], rel=1e-12))
            for key, point in history(url).items()
        }
        assert found == expected(events[:count], length, every)
    assert all(p["end"] - p["start"] == length for p in history(url).values())


def test_the_size_of_batches_does_not_matter(tmp_path, monkeypatch):
    monkeypatch.setattr("seqbayes.stream.history.COLLECTED", 50)
    events, found = told(150, 2), []
    for size in (1, 13, 150):
        url = str(tmp_path / f"{size}.db")
        learn(url, events, Windowed(Beta(), 10.0, 5.0), size)
        found.append((contents(url)[0], history(url)))
    assert found[0] == found[1] == found[2]


BELIEF = """
[belief.b]
state = "beta"
field = "x"
by = "k"
time = "t"
window = "20 s"
"""


def test_the_configuration_declares_windows():
    base = 'store = "a.db"\nsource = { kind = "lines", path = "x" }\n'

    def read(text):
        return parse_config((base + BELIEF + text).encode())

    assert read("").beliefs[0].state == Windowed(Beta(), 20.0)
    config = read('slide = "5 s"\nlate = "1 minute"\n[history]\nwindows = 7')
    assert config.beliefs[0].state == Windowed(Beta(), 20.0, 5.0, 60.0)
    assert config.beliefs[0].times.late is None
    assert config.windows == 7
    for text, error in (
        ('half_life = "1 h"', "belief.b.half_life: cannot be combined with 'window'"),
        ('slide = "7 s"', "belief.b.window: expected a window length that is a multiple of 7"),
        ('slide = "soon"', "belief.b.slide: expected a duration"),
        ("[history]\nwindows = 0", "history.windows: expected a number above 0"),
    ):
        with pytest.raises(ConfigError) as caught:
            read(text)
        assert any(error in each for each in caught.value.errors), caught.value.errors
    for old, new, error in (
        ('time = "t"\n', "", "requires 'time', the field of the event time"),
        ('window = "20 s"', 'slide = "20 s"', "belief.b.slide: requires 'window'"),
        ('state = "beta"', 'state = "conjugate-nb"\nfeatures = ["y"]', "cannot be combined with"),
    ):
        with pytest.raises(ConfigError) as caught:
            parse_config((base + BELIEF.replace(old, new)).encode())
        assert any(error in each for each in caught.value.errors), caught.value.errors


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
def test_windows_of_runs_killed_at_random_moments_are_exact(durable_url, tmp_path, process):
    rng = random.Random(f"windows {durable_url.partition(':')[0]}")
    path, config = tmp_path / "e.jsonl", tmp_path / "c.toml"
    events = told(100 * RUNS, 3)
    source = toml({"kind": "file", "path": str(path), "follow": True})
    text = f"store = '{durable_url}'\ncommit = {{ every = '10 ms' }}\nsource = {source}\n"
    config.write_text(text + BELIEF)

    def publish(i):
        with path.open("ab") as out:
            out.write(b"".join(r + b"\n" for r in lines(*events[100 * i : 100 * i + 100])))

    publish(0)
    process.start("run", str(config))
    wait_until_committed(process, durable_url, 1)
    process.kill()
    kill_often(process, ["run", str(config)], rng, lambda i, end: publish(i + 1), RUNS - 1)
    process.run("run", str(config), "--once")
    found = {
        key: (point["n_samples"], pytest.approx(point["mean"], rel=1e-12))
        for key, point in history(durable_url).items()
    }
    assert found == expected(events, 20.0, 20.0)
