"""Retention: stale keys and old dead letters are removed in commits, and nothing else."""

import os
import random

import pytest
from killing import KILLS, contents, events, kill_often, toml, wait_until_committed
from memory import Listed, lines

from seqbayes import Beta, DirichletProcess
from seqbayes.stream import Belief, Pace, Pipeline, open_store
from seqbayes.stream.config import parse_config
from seqbayes.stream.history import History
from seqbayes.stream.retention import Retention
from seqbayes.stream.schema import ConfigError

BELIEF = Belief("b", Beta(), field="x", by="k")

RUNS = max(KILLS // 2, 2)


class Clock:
    """The clock of the store and of the pipeline, which the test moves."""

    def __init__(self, monkeypatch):
        self.now = 1_000_000.0
        monkeypatch.setattr("seqbayes.stream.stores.readable.time.time", self)
        monkeypatch.setattr("seqbayes.stream.retention.CHECKS", 10**9)
        monkeypatch.setattr(
            "seqbayes.stream.stores.postgres.PostgresStore.now", lambda store: self.now
        )

    def __call__(self):
        return self.now


def learn(url, told, retention, clock, idle=(), belief=BELIEF):
    source = Listed(lines(*told), size=1, idle=idle)
    collectors = [History(every=1.0, now=clock), retention]
    return Pipeline(source, [belief], open_store(url), Pace(seconds=0.0), collectors)


def sold(*keys):
    return [{"k": key, "x": True} for key in keys]


def stored(url):
    with open_store(url, "read") as store:
        keys = [row.key for row in store.states("b")]
        points = {point.key for point in store.points("b")}
        return sorted(keys), points, [each.letter.raw for each in store.letters()]


def test_keys_are_removed_after_their_time_with_their_history(url, monkeypatch):
    clock = Clock(monkeypatch)
    told = [*sold("a", "b", "a", "a"), {"k": "a", "x": 7}, *sold("a", "a")]
    retention = Retention(keys=100.0, dead_letters=50.0, now=clock)
    with learn(url, told, retention, clock) as pipeline:
        for i, step in enumerate(pipeline):
            clock.now += 40.0
            found = sorted(step.tables["b"].states)
            # b was used at 40, and is stale at the commit at 160 = 4 * 40
            assert found == (["a"] if i == 0 or i >= 4 else ["a", "b"]), i
    # the dead letter of 160 is removed at 240
    assert stored(url) == (['["a"]'], {'["a"]'}, [])
    with learn(url, told + sold("b"), retention, clock) as pipeline:
        list(pipeline)
        assert pipeline.tables["b"].states["b"].n_samples == 1.0  # it starts from the prior


def test_keys_are_removed_while_no_events_arrive_and_after_a_restart(url, monkeypatch):
    clock = Clock(monkeypatch)
    with learn(url, sold("a", "b"), Retention(keys=100.0, now=clock), clock) as pipeline:
        list(pipeline)
    clock.now += 101.0
    told = [*sold("a", "b"), *sold("c")]
    retention = Retention(keys=100.0, now=clock)
    with learn(url, told, retention, clock, idle=[2]) as pipeline:
        next(iter(pipeline))
        assert pipeline.events == 0
        assert stored(url) == ([], set(), [])
        assert pipeline.store.events("listed") == 2


def test_dead_letters_that_are_removed_make_room(url, monkeypatch):
    clock = Clock(monkeypatch)
    source = Listed(lines(*[{"k": "a", "x": 7}] * 5), size=1)
    retention = Retention(dead_letters=8.0, now=clock)
    with Pipeline(
        source, [BELIEF], open_store(url), Pace(seconds=0.0), [retention], most_dead_letters=2
    ) as pipeline:
        for _ in pipeline:
            clock.now += 9.0
    assert len(stored(url)[2]) == 1


def test_labels_of_removed_keys_make_room(url, monkeypatch):
    clock = Clock(monkeypatch)

    belief = Belief("b", DirichletProcess(1.0), field="x", by="k", max_keys=2)
    told = [{"k": "a", "x": "red"}, {"k": "b", "x": "red"}, {"k": "c", "x": "blue"}]
    retention = Retention(keys=50.0, now=clock)
    with learn(url, told, retention, clock, belief=belief) as pipeline:
        for _ in pipeline:
            clock.now += 40.0
    assert stored(url)[2] != []
    with learn(url, [*told, *told[2:]], retention, clock, belief=belief) as pipeline:
        list(pipeline)
        assert list(pipeline.tables["b"].states) == ["c"]


def test_the_configuration_sets_retention():
    base = 'store = "a.db"\nsource = { kind = "lines", path = "x" }\n'
    belief = '[belief.b]\nstate = "beta"\nfield = "x"\n'
    config = parse_config(
        f'{base}retention = {{ keys = "90 days", dead_letters = "1 h" }}\n{belief}'.encode()
    )
    assert config.retention == {"keys": 90 * 86400.0, "dead_letters": 3600.0}
    assert parse_config(f"{base}{belief}".encode()).retention == {}
    with pytest.raises(ConfigError) as caught:
        parse_config(f'{base}retention = {{ key = "1 d", dead_letters = 0 }}\n{belief}'.encode())
    assert caught.value.errors == [
        "retention.key: unknown key: did you mean 'keys'?",
        'retention.dead_letters: expected a duration such as 30, "90 s", "1.5 h" or "7d", got 0',
    ]


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
def test_runs_with_retention_killed_at_random_moments_count_each_event_once(
    durable_url, tmp_path, process
):
    """Dead letters older than a millisecond are removed; states and positions are not affected."""
    rng = random.Random(f"retention {durable_url.partition(':')[0]}")
    path, config = tmp_path / "e.jsonl", tmp_path / "c.toml"
    records = events(100 * RUNS, 7)
    belief = "[belief.high]\nstate = 'beta'\nfield = 'high'\nby = 'k'\n"
    source = toml({"kind": "file", "path": str(path), "follow": True})
    text = "store = '{}'\ncommit = {{ every = '10 ms' }}\nhistory = false\nsource = {}\n"
    kept = "retention = { keys = '1 h', dead_letters = '1 ms' }\n"
    config.write_text(text.format(durable_url, source) + kept + belief)

    def publish(i):
        with path.open("ab") as out:
            out.write(b"".join(record + b"\n" for record in records[100 * i : 100 * i + 100]))

    publish(0)
    process.start("run", str(config))
    wait_until_committed(process, durable_url, 1)
    process.kill()
    kill_often(process, ["run", str(config)], rng, lambda i, end: publish(i + 1), RUNS - 1)
    process.run("run", str(config), "--once")
    whole = tmp_path / "whole.db"
    other = tmp_path / "whole.toml"
    other.write_text(text.format(whole, source) + belief)
    process.run("run", str(other), "--once")
    found, expected = contents(durable_url), contents(str(whole))
    assert (found[0], found[2]) == (expected[0], expected[2])
    assert len(found[1]) < len(expected[1]) == len(records) // 100
