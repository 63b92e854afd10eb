"""Runners of a group share the partitions of a stream; every event counts exactly once."""

import dataclasses
import json
import random
import time

import pytest
from servers import Proxy

from seqbayes import Beta, Decayed, PriorError
from seqbayes.stream import Pace, group, open_store
from seqbayes.stream.config import parse_config
from seqbayes.stream.group import GroupRunner
from seqbayes.stream.schema import ConfigError
from seqbayes.stream.sources.kafka_options import numbers_of
from seqbayes.stream.stores import DeclarationError, StoreError, StoreReader, UnavailableError
from seqbayes.stream.stores.group import members_of
from seqbayes.stream.verbs.dead_letters import dead_letters
from seqbayes.stream.verbs.stored import StoredBelief


@pytest.fixture(autouse=True)
def frequent_heartbeats(monkeypatch):
    monkeypatch.setattr(group, "LONGEST_BEAT_SECONDS", 0.05)


CONFIG = """
store = '{store}'
commit = {{ every = "10 ms" }}
source = {{ kind = "file", path = '{directory}/events-{{partition}}.jsonl', follow = {follow} }}
group = {{ partitions = {partitions}, lease = "{lease}", separate_keys = {separate} }}

[belief.high]
state = "beta"
field = "high"
by = "k"

[belief.waits]
state = "gamma"
field = "n"
likelihood = "poisson"
"""


def records(n, seed=1):
    rng = random.Random(seed)
    return [
        {"i": i, "k": rng.choice("abcdef"), "high": rng.random() < 0.3, "n": rng.randrange(9)}
        for i in range(n)
    ]


def publish(directory, events, partitions, mode="w"):
    """Distribute events over the files of the partitions, whatever their keys are."""
    for p in range(partitions):
        with (directory / f"events-{p}.jsonl").open(mode) as out:
            out.writelines(
                json.dumps(each) + "\n" for each in events if each["i"] % partitions == p
            )


def configure(
    url, directory, partitions=4, follow="false", lease="30 s", more="", separate="false"
):
    text = CONFIG.format(
        store=url,
        directory=directory,
        partitions=partitions,
        follow=follow,
        lease=lease,
        separate=separate,
    )
    return parse_config((text + more).encode())


def expected(events):
    """Return the posteriors of one runner, computed by counting."""
    found = {}
    for key in {each["k"] for each in events}:
        mine = [each["high"] for each in events if each["k"] == key]
        found["high", f'["{key}"]'] = (1.0 + sum(mine), 1.0 + len(mine) - sum(mine))
    found["waits", "[]"] = (
        1.0 + sum(each["n"] for each in events),
        1.0 + len(events),
    )
    return found


def learned(url):
    """Return the posterior of every key in the store of a group."""
    from seqbayes.stream.codec import StateCodec, read_state

    with open_store(url, "read") as store, store.snapshot():
        return {
            (name, entry.key): tuple(
                StateCodec(read_state(declared["state"])).read(entry.state).posterior
            )
            for name, declared in store.beliefs().items()
            for entry in store.entries(name)
        }


def alternate(*runners, until, patience=60.0):
    """Run rounds of several runners in turn until a condition holds."""
    steps = [iter(runner) for runner in runners]
    deadline = time.monotonic() + patience
    while not until():
        for each in steps:
            next(each, None)
        assert time.monotonic() < deadline


def committed(url):
    with open_store(url, "read") as store:
        return sum(each.events for each in store.positions())


def test_two_runners_share_the_partitions_and_learn_what_one_would(group_url, tmp_path):
    events = records(400)
    publish(tmp_path, events, 4)
    config = configure(group_url, tmp_path, follow="true")
    with GroupRunner(config) as first, GroupRunner(config) as second:
        alternate(
            first,
            second,
            until=lambda: len(first.owned) == len(second.owned) == 2 and first.idle and second.idle,
        )
        with open_store(group_url, "read") as store:
            found = store.partitions()
            assert len(found) == 4
            assert all(each.runner.alive for each in found)
            assert store.runner().alive
    assert learned(group_url) == expected(events)
    assert committed(group_url) == first.events + second.events == 400
    assert first.used["waits"] + second.used["waits"] == 400
    with open_store(group_url) as store:
        assert members_of(store) == {}


def test_one_runner_reads_all_partitions_and_ends_with_finite_sources(local_url, tmp_path):
    events = records(100)
    publish(tmp_path, events, 4)
    with GroupRunner(configure(local_url, tmp_path)) as runner:
        for _ in runner:
            pass
    assert learned(local_url) == expected(events)
    publish(tmp_path, more := [each | {"i": each["i"] + 100} for each in records(100, 2)], 4, "a")
    with GroupRunner(configure(local_url, tmp_path)) as runner:
        for _ in runner:
            pass
        assert runner.idle
    assert runner.events == 100
    assert learned(local_url) == expected([*events, *more])


def test_a_runner_that_joins_gets_its_share_and_a_runner_that_leaves_returns_it(
    local_url, tmp_path
):
    events = records(300)
    publish(tmp_path, events[:100], 4)
    config = configure(local_url, tmp_path, follow="true")
    with GroupRunner(config) as first:
        alternate(first, until=lambda: first.idle and len(first.owned) == 4)
        with GroupRunner(config) as second:
            alternate(first, second, until=lambda: len(second.owned) == 2)
            publish(tmp_path, events[100:200], 4, "a")
            alternate(first, second, until=lambda: committed(local_url) == 200)
        alternate(first, until=lambda: len(first.owned) == 4)
        publish(tmp_path, events[200:], 4, "a")
        alternate(first, until=lambda: committed(local_url) == 300)
    assert learned(local_url) == expected(events)


@pytest.mark.parametrize(
    "message", [b"search_path", b"FROM seqbayes_beliefs", b"FROM seqbayes_sources"]
)
def test_a_claim_is_repeated_after_a_lost_connection(
    message, postgres, postgres_url, tmp_path, monkeypatch
):
    monkeypatch.setattr(group, "PAUSES", (0.01,) * 10)
    events = records(60)
    publish(tmp_path, events, 2)
    notices = []
    with Proxy(postgres.directory) as proxy:
        config = configure(proxy.route(postgres_url), tmp_path, partitions=2)
        with GroupRunner(config, notify=lambda *notice: notices.append(notice)) as runner:
            proxy.lose_answer_to(message)
            for _ in runner:
                pass
    assert proxy.lost == 1
    assert [event for event, _, _ in notices].count("retrying") == 1
    assert learned(postgres_url) == expected(events)


def test_a_claim_that_keeps_failing_stops_the_runner(local_url, tmp_path, monkeypatch):
    monkeypatch.setattr(group, "PAUSES", (0.0, 0.0))
    publish(tmp_path, records(4), 2)
    attempts = []

    def fail(name):
        attempts.append(name)
        raise UnavailableError("too many clients")

    with GroupRunner(configure(local_url, tmp_path, partitions=2)) as runner:
        monkeypatch.setattr(runner.store, "open_partition", fail)
        with pytest.raises(UnavailableError, match="too many clients"):
            for _ in runner:
                pass
        monkeypatch.undo()
    assert len(attempts) == 3


def test_a_runner_stopped_beyond_its_lease_discards_what_it_has_not_committed(
    local_url, tmp_path, monkeypatch
):
    """The first runner has learned events without committing them when it is stopped."""
    events = records(200)
    publish(tmp_path, events[:100], 4)
    config = configure(local_url, tmp_path, follow="true")
    slow = dataclasses.replace(config, pace=Pace(1e9))
    lost = []
    first = GroupRunner(slow, notify=lambda event, text, level: lost.append(event))
    alternate(first, until=lambda: first.idle and len(first.owned) == 4)
    assert committed(local_url) == 0
    later = time.time() + 1000.0  # the first one makes no step meanwhile
    monkeypatch.setattr(time, "time", lambda: later)
    with GroupRunner(config) as second:
        alternate(second, until=lambda: committed(local_url) == 100)
        alternate(first, until=lambda: lost.count("lost") == 4)
        first.close(commit=True)
        assert committed(local_url) == 100
        publish(tmp_path, events[100:], 4, "a")
        alternate(second, until=lambda: committed(local_url) == 200)
    assert learned(local_url) == expected(events)


def test_a_runner_without_a_share_waits_until_another_one_leaves(local_url, tmp_path):
    publish(tmp_path, records(20), 1)
    config = configure(local_url, tmp_path, partitions=1, follow="true")
    first, second = GroupRunner(config), GroupRunner(config)
    alternate(first, second, until=lambda: bool(first.owned or second.owned))
    owner, other = (first, second) if first.owned else (second, first)
    owner.close(commit=True)
    alternate(other, until=lambda: bool(other.owned) and other.idle)
    other.close(commit=True)
    assert committed(local_url) == 20


def test_dead_letters_are_retried_in_their_partitions(local_url, tmp_path):
    events = records(40)
    spoiled = [each | {"high": "perhaps"} if each["i"] < 8 else each for each in events]
    publish(tmp_path, spoiled, 4)
    with GroupRunner(configure(local_url, tmp_path)) as runner:
        list(runner)
    letters = dead_letters(local_url)
    assert len(list(letters)) == 8
    done = letters.retry(configure(local_url, tmp_path))
    assert (done.used, done.left) == (0, 8)
    config = configure(local_url, tmp_path)
    high, waits = config.beliefs
    corrected = dataclasses.replace(config, beliefs=[dataclasses.replace(high, field="i"), waits])
    done = letters.retry(corrected)
    assert (done.used, done.left) == (2, 6)  # the events 0 and 1, as False and True
    assert len(list(letters)) == 6
    with open_store(local_url, "read") as store:
        counted = sum(
            high
            for high in (
                StoredBelief("high", store.declarations()["high"]).decode(entry).n_samples
                for entry in store.entries("high")
            )
        )
    assert counted == 34


def test_a_group_keeps_its_declarations(local_url, tmp_path):
    publish(tmp_path, records(20), 4)
    GroupRunner(configure(local_url, tmp_path)).close()
    changed = configure(local_url, tmp_path, more="prior = { shape = 7 }")
    with pytest.raises(DeclarationError, match="another belief 'waits'"):
        GroupRunner(changed)
    with pytest.raises(ConfigError, match="start its runners with seqbayes run"):
        configure(local_url, tmp_path).open()


DECAYED = """
[belief.recent]
state = "beta"
field = "high"
half_life = "5 events"
"""


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            DECAYED,
            "belief.recent.state: Decayed cannot be merged exactly from several partitions",
        ),
        ('[alert.high]\nwhen = "mean > 0.5"\nbelief = "high"', "alert: requires a single runner"),
        ("[history]\nkeys = 3", "history: needs separate_keys = true"),
        ('[retention]\nkeys = "1 day"', "retention.keys: needs separate_keys = true"),
        ('[belief.c]\nstate = "beta"\nfield = "high"\nby = "k"\nover = "pool"', "would not pool"),
    ],
)
def test_what_cannot_be_merged_is_refused_with_the_remedy(more, message, tmp_path):
    publish(tmp_path, records(4), 4)
    with pytest.raises(ConfigError) as caught:
        configure("memory:x", tmp_path, more=more)
    assert message in str(caught.value)


def test_beliefs_that_cannot_be_merged_need_keys_that_are_in_one_partition(tmp_path):
    keyed = DECAYED + 'by = "k"\n'
    events = [each | {"k": "abcd"[each["i"] % 4]} for each in records(80)]
    publish(tmp_path, events, 4)
    separate = configure("memory:sep", tmp_path, more=keyed, separate="true")
    with GroupRunner(separate) as runner:
        assert len(list(runner)) > 0
    found = {key: value for (name, key), value in learned("memory:sep").items() if name == "recent"}
    for key in "abcd":
        alone = Decayed(Beta(), 5)
        alone.learn_many([each["high"] for each in events if each["k"] == key])
        assert found[f'["{key}"]'] == tuple(alone.posterior)
    with pytest.raises(ConfigError, match=r"belief\.recent\.by: Decayed cannot be merged"):
        configure("memory:sep", tmp_path, more=DECAYED, separate="true")
    publish(tmp_path, [each | {"k": "a", "i": each["i"] + 1} for each in events], 4, "a")
    with GroupRunner(separate) as runner:
        list(runner)
    with pytest.raises(StoreError, match="in several partitions, and Decayed cannot be merged"):
        learned("memory:sep")
    with StoreReader("memory:sep") as reader:
        states = {row.key: row.state for row in reader.rows("recent")}
    assert [key for key, state in states.items() if not state] == ['["a"]']


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ('{ kind = "file", path = "events.jsonl" }', "expected {partition} in an option"),
        ('{ kind = "http" }', "a http source has no partitions"),
        (
            '{ kind = "kafka", brokers = "h:1", topic = "t", group = "g" }',
            "the source cannot have 'group'",
        ),
        (
            '{ kind = "kafka", brokers = "h:1", topic = "t", partitions = [1] }',
            "cannot have 'partitions'",
        ),
        (
            '{ kind = "redis", url = "redis://h", stream = "s:{partition}", group = "g" }',
            "the source cannot have 'group'",
        ),
    ],
)
def test_sources_without_partitions_are_refused(source, message, tmp_path):
    text = f"store = 'memory:x'\nsource = {source}\n[group]\npartitions = 2\n"
    belief = '[belief.b]\nstate = "beta"\nfield = "x"\n'
    with pytest.raises(ConfigError) as caught:
        parse_config((text + belief).encode())
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("group", "message"),
    [
        ("partitions = 0", "from 1 to 1,024 partitions"),
        ('partitions = ["a", "a"]', "'a' twice"),
        ('partitions = 1\nlease = "soon"', "group.lease"),
        ("lease = 3", "partitions"),
        ("partitions = 1\nleas = 3", "did you mean 'lease'"),
    ],
)
def test_an_invalid_group_is_refused(group, message):
    text = "store = 'memory:x'\n[source]\nkind = 'kafka'\nbrokers = 'h:1'\ntopic = 't'\n"
    text += f"[belief.b]\nstate = 'beta'\nfield = 'x'\n[group]\n{group}\n"
    with pytest.raises(ConfigError) as caught:
        parse_config(text.encode())
    assert message in str(caught.value)


def test_partitions_of_kafka_are_numbers_or_ranges():
    text = "store = 'memory:x'\n[belief.b]\nstate = 'beta'\nfield = 'x'\n"
    text += "[source]\nkind = 'kafka'\nbrokers = 'h:1'\ntopic = 't'\nname = 'clicks'\n"
    config = parse_config(f"{text}[group]\npartitions = ['0-2', 3]\n".encode())
    sources = [config.open_source(name) for name in config.group.partitions]
    assert [source.name for source in sources] == ["clicks/0-2", "clicks/3"]
    for source in sources:
        source.close()
    for wrong in ("a", "3-1", "1-2-3", "-"):
        with pytest.raises(PriorError, match="expected a partition such as 0"):
            numbers_of(wrong)
