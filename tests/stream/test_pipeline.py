"""From a source to durable beliefs: every event once, bit for bit, despite interruptions."""

import json
import random
import shutil
import time
from contextlib import closing

import pytest
from databases import query
from memory import Listed, lines

from cases import ONE_CASE_PER_LIKELIHOOD
from seqbayes import (
    Beta,
    Dirichlet,
    DirichletProcess,
    Gamma,
    Normal,
    NormalInverseWishart,
    PriorError,
)
from seqbayes.forgetting import Decayed
from seqbayes.likelihoods import Binomial, Multinomial, Poisson
from seqbayes.river import (
    ConjugateLinearRegression,
    ConjugateNB,
    MixtureDiscriminant,
    PredictiveSurprise,
)
from seqbayes.stream import (
    Belief,
    Collector,
    History,
    Pace,
    Pipeline,
    StoreError,
    Times,
    open_store,
)

EVERY_BATCH = Pace(seconds=0.0)
NEVER = Pace(seconds=1e9, events=10**9, keys=10**9, dead_letters=10**9)


def run(records, beliefs, url=":memory:", pace=EVERY_BATCH, size=None, text=False, **options):
    """Read all records and return the pipeline's tables and the dead letters, by position."""
    beliefs = [beliefs] if isinstance(beliefs, Belief) else beliefs
    source = Listed(records, size=size, text=text)
    with Pipeline(source, beliefs, open_store(url), pace, **options) as pipeline:
        for _ in pipeline:
            pass
        dead = [(json.loads(d.position), d.belief, d.reason) for _, d in _dead(pipeline)]
    return {name: table.states for name, table in pipeline.tables.items()}, dead


def _dead(pipeline):
    return [each[:2] for each in pipeline.store.letters()]


def test_events_become_beliefs(url):
    events = lines(
        {"shop": "north", "sold": True, "n": 3},
        {"shop": "south", "sold": 0, "n": 5.0},
        {"shop": "north", "sold": False, "n": 1},
    )
    beliefs = [
        Belief("sales", Beta(), field="sold", by="shop"),
        Belief("rate", Gamma(1, 1), field="n"),
    ]
    states, dead = run(events, beliefs, url)
    assert dead == []
    assert {key: tuple(state.posterior) for key, state in states["sales"].items()} == {
        "north": (2.0, 2.0),
        "south": (1.0, 2.0),
    }
    assert tuple(states["rate"][()].posterior) == (10.0, 4.0)


def test_the_next_run_resumes(url):
    events = lines(*({"k": str(i % 3), "x": i % 2 == 0} for i in range(100)))
    belief = Belief("b", Beta(), field="x", by="k")
    whole, _ = run(events, belief)
    source = Listed(events[:60])
    with Pipeline(source, [belief], open_store(url)) as pipeline:
        assert [step.events for step in pipeline] == [60]
    assert source.acknowledged == [60]
    assert source.closed
    states, _ = run(events, belief, url, size=7)
    assert states == whole
    states, _ = run(events, belief, url)
    assert states == whole


def observations(case):
    """Events of a law-test case, as JSON has them."""
    for x in case.observations(60):
        yield {"x": list(x) if isinstance(x, tuple) else x}


READABLE = [
    case for case in ONE_CASE_PER_LIKELIHOOD if all(isinstance(name, str) for name in case.fields)
]


@pytest.mark.parametrize(
    ("case", "half_life"),
    [(case, "time" if i % 2 else None) for i, case in enumerate(READABLE)],
    ids=lambda each: each.id if hasattr(each, "id") else str(each),
)
def test_a_run_interrupted_anywhere_is_bit_identical(case, half_life, tmp_path):
    rng = random.Random(case.id)
    state = case.new()
    if half_life:
        state = Decayed(state, 5.5, by=half_life)
    named = (isinstance(case.observations(1)[0], dict) and case.fields) or getattr(
        case.likelihood, "features", None
    )
    events = [
        {**(event["x"] if named else event), "k": rng.choice("abc"), "w": rng.random(), "t": i / 7}
        for i, event in enumerate(observations(case))
    ]
    kept = Belief(
        "b",
        state,
        field=() if named else "x",
        by="k",
        weight="w",
        time="t" if half_life == "time" else None,
    )
    wanted = run_to_json(lines(*events), kept, str(tmp_path / "whole.db"), [60])
    cuts = sorted(rng.sample(range(1, 60), 2))
    assert run_to_json(lines(*events), kept, str(tmp_path / "parts.db"), [*cuts, 60]) == wanted


def run_to_json(records, belief, url, cuts):
    """Read up to each cut in a separate run, and return the contents of the store."""
    for cut in cuts:
        with Pipeline(Listed(records[:cut], size=13), [belief], open_store(url)) as pipeline:
            for _ in pipeline:
                pass
            assert pipeline.dead_letters == []
            assert _dead(pipeline) == []
    store = open_store(url)
    found = sorted((row.key, row.state) for row in store.states(belief.name))
    store.close()
    assert found
    return found


def test_a_crash_at_any_commit_neither_loses_nor_repeats_events(tmp_path):
    rng = random.Random(4)
    events = [{"k": rng.choice("abcdef"), "x": rng.gauss(3.0, 1.0)} for _ in range(400)]
    records = lines(*events)
    records[50:50] = [b"{broken", b""]
    belief = Belief("b", Normal(0, 10), field="x", by="k")

    def contents(url):
        store = open_store(url)
        found = (
            sorted((row.key, row.state) for row in store.states("b")),
            [each.letter for each in store.letters()],
            store.token("listed"),
            store.events("listed"),
        )
        store.close()
        return found

    path = tmp_path / "whole.db"
    copies = []
    with Pipeline(Listed(records, size=29), [belief], open_store(str(path)), EVERY_BATCH) as steps:
        for step in steps:
            copy = tmp_path / f"crashed{step.commits}.db"
            for suffix in ("", "-wal"):  # left by a killed process
                shutil.copy(f"{path}{suffix}", f"{copy}{suffix}")
            copies.append(copy)
    wanted = contents(str(path))
    assert len(wanted[1]) == 2
    assert len(copies) == 14
    for copy in copies:
        # this process is alive, unlike one that crashed
        query(str(copy), "UPDATE seqbayes_lease SET holder = NULL, crc = NULL")
        run(records, belief, str(copy), size=31)
        assert contents(str(copy)) == wanted


def test_an_error_within_a_batch_commits_nothing(tmp_path, monkeypatch):
    url = str(tmp_path / "beliefs.db")
    belief = Belief("b", Beta(), field="x")

    class Failing(Listed):
        def batches(self, size, timeout=0.2):
            yield from super().batches(size, timeout)
            raise OSError("the network is down")

    records = lines({"x": True}, {"x": False})
    with (
        pytest.raises(OSError, match="network"),
        Pipeline(Failing(records), [belief], open_store(url), NEVER) as pipeline,
    ):
        list(pipeline)
    store = open_store(url)
    assert store.token("listed") is None
    assert list(store.states("b")) == []
    store.close()

    def fail(*args):
        raise RuntimeError("a bug")

    pipeline = Pipeline(Listed(records), [belief], open_store(url), NEVER)
    monkeypatch.setattr(pipeline.tables["b"], "learn", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        list(pipeline)
    with pytest.raises(StoreError, match="learned only partially"):
        pipeline.commit()
    pipeline.close()
    states, _ = run(records, belief, url)
    assert states["b"][()].n_samples == 2.0


BAD = [
    (b"", "the record is empty"),
    (b"{", "the JSON object is incomplete"),
    (b"[1]", "Expected `object`"),
    (b'{"x": tru}', "malformed"),
    (b'{"x": true} {}', "trailing characters"),
    (b'{"x": true, "k": "\xff"}', "not UTF-8"),
    (b'{"x": true, "k": "\x00"}', "invalid character"),
    (b'{"x": true, "k":' + b"[" * 100_000, "nested too deeply"),
    (b'{"k": "a"}', "field 'x' is missing"),
    (b'{"x": null, "k": "a"}', "field 'x' is null"),
    (b'{"x": true}', "field 'k' is missing"),
    (b'{"x": true, "k": null}', "field 'k' is null"),
    (b'{"x": true, "k": {}}', "field 'k': expected a string, got {}"),
    (b'{"x": true, "k": "%s"}' % (b"a" * 1001), "at most 1000 characters, got 1001"),
    (b'{"x": "true", "k": "a"}', "field 'x': expected true, false, 1 or 0 without"),
    (b'{"x": 2, "k": "a"}', "expected True, False, 1 or 0, got 2.0"),
    (b'{"x": 1e999, "k": "a"}', "a number is too large"),
]


def test_only_invalid_records_become_dead_letters():
    good = lines(*({"x": i % 2 == 0, "k": "ab"[i % 3 == 0]} for i in range(40)))
    belief = Belief("b", Beta(), field="x", by="k")
    wanted, _ = run(good, belief)
    rng = random.Random(1)
    records = list(good)
    for raw, _ in BAD:
        records.insert(rng.randrange(len(records)), raw)
    for size in (1, 7, 5000):
        source = Listed(records, size=size)
        with Pipeline(source, [belief], open_store(":memory:"), NEVER) as pipeline:
            list(pipeline)
            letters = {d.raw: (json.loads(d.position), d.reason) for _, d in _dead(pipeline)}
            assert pipeline.tables["b"].states == wanted["b"]
            assert (pipeline.tables["b"].used, pipeline.events) == (40, 57)
        assert len(letters) == len(BAD)
        for raw, reason in BAD:
            position, why = letters[raw]
            assert records[position] == raw
            assert reason in why


def test_an_event_rejected_by_one_belief_is_learned_by_the_others():
    events = lines({"x": "yes", "k": "a"}, {"x": True, "k": "a"})
    beliefs = [Belief("b", Beta(), field="x"), Belief("labels", DirichletProcess(), field="k")]
    states, dead = run(events, beliefs)
    assert states["b"][()].n_samples == 1.0
    assert states["labels"][()].n_samples == 2.0
    reason = "expected true, false, 1 or 0 without quotation marks, got the string 'yes'"
    assert dead == [(0, "b", f"field 'x': {reason}")]


def test_a_field_can_be_read_as_two_kinds():
    events = lines({"x": 1, "k": True}, {"x": 2.5, "k": 7})
    beliefs = [
        Belief("mean", Normal(0, 1), field="x"),
        Belief("label", DirichletProcess(), field="x", by="k"),
    ]
    states, dead = run(events, beliefs)
    assert dead == []
    assert states["mean"][()].n_samples == 2.0
    assert {key: list(state.mean) for key, state in states["label"].items()} == {
        "true": ["1"],
        "7": ["2.5"],
    }


def test_keys_are_strings():
    events = lines(
        *({"k": k, "x": True} for k in (1, "1", 1.0, True, "true", 10**30, 0.5, "", -0.0, 0))
    )
    states, dead = run(events, Belief("b", Beta(), field="x", by="k"))
    assert dead == []
    counts = {key: state.n_samples for key, state in states["b"].items()}
    assert counts == {"1": 3, "true": 2, str(10**30): 1, "0.5": 1, "": 1, "0": 2}


def test_several_keys_and_filters(url):
    events = lines(
        {"a": "x", "b": 1, "kind": "click", "ok": True, "n": 1},
        {"a": "x", "b": 2, "kind": "click", "ok": 1, "n": 1},
        {"a": "x", "b": 1, "kind": "view", "ok": True, "n": 0},
        {"a": "x", "b": 1, "ok": True, "n": 1},
        {"a": "y", "b": 1, "kind": "tap", "ok": True, "n": 0},
    )
    belief = Belief(
        "b", Beta(), field="n", by=["a", "b"], where={"kind": ["click", "tap"], "ok": True}
    )
    for _ in range(2):
        states, dead = run(events, belief, url)
        assert dead == []
        counts = {key: state.n_samples for key, state in states["b"].items()}
        assert counts == {("x", "1"): 1.0, ("y", "1"): 1.0}


@pytest.mark.parametrize(
    ("state", "field", "event", "wanted"),
    [
        (Gamma(1, 1, Poisson(exposure=None)), "x", {"x": [3, 2.5]}, (4.0, 3.5)),
        (Gamma(1, 1, Poisson(exposure=None)), ("a", "b"), {"a": 3, "b": 2.5}, (4.0, 3.5)),
        (Gamma(1, 1), "x", {"x": 3, "w": 2}, (7.0, 3.0)),
    ],
)
def test_pairs_and_weights(state, field, event, wanted):
    weight = "w" if "w" in event else None
    states, dead = run(lines(event), Belief("b", state, field=field, weight=weight))
    assert dead == []
    assert tuple(states["b"][()].posterior) == wanted
    if weight:
        for unusual in ({"x": 3}, {"x": 3, "w": -1}, {"x": 3, "w": "1"}):
            _, dead = run(lines(unusual), Belief("b", state, field=field, weight=weight))
            assert len(dead) == 1


def test_csv_cells_are_parsed():
    rows = [
        {"x": "yes", "k": "7", "w": "2.5", "flag": "TRUE"},
        {"x": "maybe", "k": "7", "w": "1", "flag": "true"},
        {"x": "0", "k": "", "w": "1", "flag": "true"},
        {"x": "0", "k": "7", "w": "1", "flag": "false"},
    ]
    belief = Belief("b", Beta(), field="x", by="k", weight="w", where={"flag": True})
    states, dead = run(rows, belief, text=True)
    assert states["b"]["7"].n_samples == 2.5
    assert [(position, reason) for position, _, reason in dead] == [
        (1, "field 'x': expected true, false, yes, no, 1 or 0, got 'maybe'"),
        (2, "field 'k' is null"),
    ]
    _, dead = run(rows[:1], belief)
    assert dead == []  # a string is not True, so the filter ignores it


def counts(states):
    return {key: state.n_samples for key, state in states.items()}


def test_keys_over_the_limit_are_rejected():
    events = lines(*({"k": k, "x": True} for k in "abcab"))
    states, dead = run(events, Belief("b", Beta(), field="x", by="k", max_keys=2))
    assert counts(states["b"]) == {"a": 2.0, "b": 2.0}
    assert dead == [(2, "b", "belief 'b' has reached its limit of 2 keys: no room for [\"c\"]")]


def test_keys_over_the_limit_are_pooled(url):
    events = lines(*({"k": k, "x": True} for k in "abcabcd"))
    belief = Belief("b", Beta(), field="x", by="k", max_keys=2, over="pool")
    for cut in (4, 7):
        states, dead = run(events[:cut], belief, url)
        assert dead == []
    assert counts(states["b"]) == {"a": 2.0, "b": 2.0, None: 3.0}


@pytest.mark.parametrize("seed", range(3))
def test_the_least_recently_used_key_is_dropped(url, seed):
    rng = random.Random(seed)
    keys = [rng.choice("abcdefgh") for _ in range(60)]
    wanted = {}
    for key in keys:
        wanted[key] = wanted.pop(key, 0.0) + 1.0
        if len(wanted) > 4:
            del wanted[next(iter(wanted))]
    events = lines(*({"k": k, "x": True} for k in keys))
    belief = Belief("b", Beta(), field="x", by="k", max_keys=4, over="drop")
    for cut in (*sorted(rng.sample(range(60), 4)), 60):
        states, dead = run(events[:cut], belief, url, size=3)
        assert dead == []
    assert list(counts(states["b"]).items()) == list(wanted.items())
    store = open_store(url)
    assert sorted(row.key for row in store.states("b")) == sorted(f'["{key}"]' for key in wanted)
    store.close()


@pytest.mark.parametrize("half_life", [None, 3.0])
def test_labels_over_the_limit_are_rejected(half_life, tmp_path):
    url = str(tmp_path / "b.db")
    state = DirichletProcess() if half_life is None else Decayed(DirichletProcess(), half_life)
    belief = Belief("b", state, field="x", by="k", max_keys=3)
    events = [("a", "x"), ("a", "y"), ("b", "x"), ("a", "z"), ("b", "x"), ("a", "y" * 1001)]
    records = lines(*({"k": k, "x": x} for k, x in events))
    run(records[:2], belief, url)
    _, dead = run(records, belief, url)
    assert [position for position, _, _ in dead] == [3, 5]
    assert dead[0][2] == "belief 'b' has reached its limit of 3 labels"


def test_unknown_labels_of_a_closed_vocabulary_are_rejected():
    events = lines({"x": "red"}, {"x": "mauve"}, {"x": 3}, {})
    states, dead = run(events, Belief("b", Dirichlet({"red": 1, "3": 1}), field="x"))
    assert states["b"][()].n_samples == 2.0
    assert [position for position, _, _ in dead] == [1, 3]


def timed(times=None, **options):
    state = Decayed(Beta(), 10.0, by="time")
    return Belief("b", state, field="x", by="k", time="t", times=times or Times(), **options)


@pytest.mark.parametrize(("unit", "scale"), [("ms", 1e3), ("us", 1e6), ("ns", 1e9)])
def test_times_in_another_unit_are_explained(unit, scale):
    rows = [{"x": True, "k": "a", "t": 1710054000 * scale}, {"x": True, "k": "a", "t": 1e30}]
    _, dead = run(lines(*rows), timed())
    reasons = [reason for _, _, reason in dead]
    assert reasons[0].endswith(f"is in the future: if it is in {unit}, set time_unit = '{unit}'")
    assert reasons[1].endswith("is in the future")


def test_times_are_numbers_or_dates():
    rows = [
        {"x": True, "k": "a", "t": 1704067200},
        {"x": True, "k": "a", "t": "2024-01-01T00:00:10Z"},
        {"x": True, "k": "a", "t": "2024-01-01T01:00:20+01:00"},
        {"x": True, "k": "a", "t": "2024-01-01 00:00:30"},
    ]
    states, dead = run(lines(*rows), timed())
    assert dead == []
    assert states["b"]["a"].clock == 1704067230.0
    assert states["b"]["a"].n_samples == 1.875
    rows = [
        {"x": True, "k": "a", "t": 1704067200000},
        {"x": True, "k": "a", "t": "x"},
        {"x": True, "k": "a", "t": 10**400},
        {"x": True, "k": "a", "t": [1]},
    ]
    states, dead = run(lines(*rows), timed(Times(unit=1e-3)))
    assert [position for position, _, _ in dead] == [1, 2, 3]
    assert states["b"]["a"].clock == 1704067200.0
    assert "expected a time in RFC 3339, got 'x'" in dead[0][2]


def test_missing_late_and_future_times():
    now = time.time()
    rows = [
        {"x": True, "k": "a"},
        {"x": True, "k": "a", "t": now},
        {"x": True, "k": "a"},
        {"x": True, "k": "a", "t": None},
        {"x": True, "k": "a", "t": now - 100},
        {"x": True, "k": "a", "t": now + 7200},
        {"x": True, "k": "a", "t": now + 60},
    ]
    records = lines(*rows)
    _, dead = run(records, timed())
    assert [position for position, _, _ in dead] == [0, 2, 3, 5]
    assert "field 't' is missing" in dead[0][2]
    assert "is in the future" in dead[3][2]
    states, dead = run(records, timed(Times(missing="clock", late=99.0, future=None)))
    assert [position for position, _, _ in dead] == [0, 4, 6]
    assert "is late: the clock is at" in dead[1][2]
    assert states["b"]["a"].clock == now + 7200


def test_too_many_dead_letters_stop_the_pipeline(tmp_path):
    url = str(tmp_path / "b.db")
    records = [*lines({"x": True}), *[b"{"] * 5, *lines({"x": False})]
    belief = Belief("b", Beta(), field="x")
    with pytest.raises(StoreError, match="the last one is 'the JSON object is incomplete"):
        run(records, belief, url, size=2, most_dead_letters=3)
    store = open_store(url)
    assert (store.token("listed"), store.dead_letter_count()) == (4, 3)
    store.close()
    _, dead = run(records, belief, url, size=2, most_dead_letters=5)
    assert [position for position, _, _ in dead] == [1, 2, 3, 4, 5]


def test_records_rejected_by_a_source_become_dead_letters(tmp_path):
    class Refusing(Listed):
        def batches(self, size, timeout=0.2):
            for batch in super().batches(size, timeout):
                object.__setattr__(batch, "refused", [({"line": 9}, b"\xff\xfe", "a bad line")])
                yield batch

    belief = Belief("b", Beta(), field="x")
    with Pipeline(Refusing(lines({"x": 1})), [belief], open_store(":memory:")) as pipeline:
        list(pipeline)
        ((_, letter),) = _dead(pipeline)
    assert letter == ("listed", '{"line":9}', "", b"\xff\xfe", "a bad line")


@pytest.mark.parametrize(
    ("pace", "commits"),
    [
        (NEVER, 1),
        (EVERY_BATCH, 10),
        (Pace(seconds=1e9, events=30), 4),
        (Pace(seconds=1e9, keys=50), 2),
        (Pace(seconds=1e9, dead_letters=5), 2),
        (Pace(seconds=1e9, raw=4), 3),
    ],
)
def test_commits_follow_the_configured_limits(pace, commits):
    records = [b"{" if i % 10 == 9 else b'{"x": true, "k": "%d"}' % i for i in range(100)]
    source = Listed(records, size=10, idle=[20])
    belief = Belief("b", Beta(), field="x", by="k")
    with Pipeline(source, [belief], open_store(":memory:"), pace) as pipeline:
        assert len(list(pipeline)) == 11
        assert pipeline.commits == commits == len(source.acknowledged)
        pipeline.commit()
        assert pipeline.commits == commits


class Clock:
    """A clock that is advanced by hand; it replaces the module `time` in a pipeline."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now

    time = monotonic


@pytest.mark.parametrize(
    ("cost", "seconds", "commits"),
    [
        (0.0, 1.0, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),  # every batch takes a second
        (0.5, 1.0, [1, 3, 5, 7, 9, 11, 12]),  # twice 0.5 s, four times
        (9.0, 1.0, [1, 11, 12]),  # at most ten times the pace
        (11.0, 1.0, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),  # a third of a lease of 30 s
        (9.0, 0.0, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
    ],
)
def test_expensive_commits_are_delayed_up_to_ten_times_the_pace(
    cost, seconds, commits, monkeypatch
):
    clock = Clock()
    monkeypatch.setattr("seqbayes.stream.pipeline.time", clock)
    monkeypatch.setattr("seqbayes.stream.pipeline.SIGNIFICANT_KEYS", 10)

    class Committed(Collector):
        def __init__(self):
            self.at = []

        def learned(self, pipeline, batch):
            clock.now += 1.0

        def committing(self, pipeline, changes):
            self.at.append(pipeline.events // 10)
            clock.now += cost

    seen = Committed()
    records = lines(*({"x": True, "k": f"k{i % 10}"} for i in range(120)))
    belief = Belief("b", Beta(), field="x", by="k")
    pace = Pace(seconds)
    source = Listed(records, size=10)
    with Pipeline(source, [belief], open_store(":memory:"), pace, [seen]) as pipeline:
        list(pipeline)
    assert seen.at == commits


def test_collectors_are_called_for_every_step():
    class Notes(Collector):
        def __init__(self):
            self.seen = []

        def learned(self, pipeline, batch):
            self.seen.append("idle" if batch is None else len(batch.records))

        def committing(self, pipeline, changes):
            self.seen.append(changes.token)

        def committed(self, pipeline):
            self.seen.append("done")

    notes = Notes()
    source = Listed(lines({"x": 1}, {"x": 0}), size=1, idle=[1])
    with Pipeline(
        source, [Belief("b", Beta(), field="x")], open_store(":memory:"), EVERY_BATCH, [notes]
    ) as pipeline:
        list(pipeline)
    assert notes.seen == [1, 1, "done", "idle", 1, 2, "done"]


def test_history_is_kept_at_intervals(url):
    clock = iter([0.0, 30.0, 60.0, 5.0])
    history = History(every=60.0, keys=1, now=lambda: next(clock))
    records = lines(*({"x": True, "k": "aab"[i % 3]} for i in range(12)))
    belief = Belief("b", Beta(), field="x", by="k")
    with Pipeline(
        Listed(records, size=3), [belief], open_store(url), EVERY_BATCH, [history]
    ) as pipeline:
        list(pipeline)
        points = pipeline.store.history("b", '["a"]')
        assert pipeline.store.history("b", '["b"]') == []
    assert [point.at for point in points] == [0.0, 60.0]
    first = json.loads(points[0].summary)
    assert (first["n_samples"], first["mean"]) == (2.0, 0.75)
    assert first["interval"] == pytest.approx(list(Beta(3, 1).interval()))


def test_invalid_declarations_are_rejected():
    for options, reason in [
        ({"over": "explode"}, "over"),
        ({"max_keys": 0}, "max_keys"),
        ({"field": ()}, "no field"),
        ({"time": "t"}, "requires a half-life"),
        (
            {"state": Decayed(Beta(), 1.0, by="time")},
            "requires 'time', the field of the event time",
        ),
        ({"field": ("x", "y")}, "belief 'b': an observation of Bernoulli has one field, not 2"),
        (
            {"field": ("x", "x"), "state": Beta(likelihood=Binomial())},
            "expected each field once, got 'x' twice",
        ),
    ]:
        with pytest.raises(PriorError, match=reason):
            Belief("b", **{"state": Beta(), "field": "x", **options})
    store = open_store(":memory:")
    with closing(store), pytest.raises(PriorError, match="different names"):
        Pipeline(Listed([]), [Belief("b", Beta(), field="x")] * 2, store)
    with pytest.raises(PriorError, match="'refuse' or 'clock'"):
        Times(missing="guess")


def test_estimators_learn_from_a_stream(url):
    rng = random.Random(5)
    rows = [{"a": rng.gauss(0, 1), "b": rng.choice("uv"), "w": 2, "k": "x"} for _ in range(50)]
    for row in rows:
        row["y"] = "hi" if row["a"] > 0 else "lo"
        row["z"] = 3.0 * row["a"] + rng.gauss(0, 0.1)
    unusual = [
        {"a": 1.0, "b": "u", "w": 2, "k": "x"},
        {"a": [], "y": "hi", "z": "x", "w": 1, "k": "x"},
    ]
    records = lines(*rows, *unusual)
    beliefs = [
        Belief("class", ConjugateNB(), field="y", features=["a", "b"], by="k", weight="w"),
        Belief("line", ConjugateLinearRegression(), field="z", features=["a"]),
        Belief("unusual", PredictiveSurprise(), features=["a", "b"]),
        Belief("mix", MixtureDiscriminant(2, buffer=8, seed=1), field="y", features=["a", "b"]),
    ]
    states, dead = run(records, beliefs)
    dead.sort()
    assert [(position, name) for position, name, _ in dead] == [
        (50, "class"),
        (50, "line"),
        (50, "mix"),
        (51, "class"),
        (51, "line"),
        (51, "mix"),
        (51, "unusual"),
    ]
    assert dead[0][2] == "field 'y' is missing"
    assert states["class"]["x"].predict_one({"a": 2.0}) == "hi"
    assert states["line"][()].weights["a"] == pytest.approx(3.0, abs=0.1)
    assert states["unusual"][()].score_one({"a": 50.0}) > 10.0
    assert states["mix"][()].mixture("hi").n_samples > 8
    assert states["mix"][()].predict_one({"a": -2.0}) == "lo"
    for cut in (7, 31, 52):
        again, _ = run(records[:cut], beliefs, url)
    for name in ("class", "line", "unusual", "mix"):
        ((key, state),) = states[name].items()
        assert again[name][key].to_dict() == state.to_dict()


def test_a_stored_state_that_cannot_be_read_stops_the_pipeline(durable_url):
    belief = Belief("b", Beta(), field="x", by="k")
    records = lines({"x": True, "k": "a"}, {"x": True, "k": "b"}, {"x": True, "k": "a"})
    run(records[:2], belief, durable_url)
    query(
        durable_url,
        """UPDATE seqbayes_states SET state = '{"seqbayes":9}', crc = NULL WHERE key = '["a"]'""",
    )
    pipeline = Pipeline(Listed(records), [belief], open_store(durable_url))
    with pytest.raises(
        StoreError, match=r'state of \["a"\] of belief .b. cannot be read: .*upgrade'
    ):
        list(pipeline)
    assert pipeline.store.dead_letter_count() == 0
    assert pipeline.tables["b"].state("b").n_samples == 1.0
    with pytest.raises(StoreError, match="cannot be read"):
        pipeline.tables["b"].states  # noqa: B018
    pipeline.close()


def test_estimators_learn_numbers_from_csv_cells():
    typed = [{"a": i % 7 / 2, "b": "uv"[i % 2], "zip": f"0{i % 3}"} for i in range(40)]
    typed = [{**row, "y": row["b"], "z": 2 * row["a"], "k": i % 4} for i, row in enumerate(typed)]
    cells = [{name: str(value) for name, value in row.items()} for row in typed]
    names, zips = ["a", "b", "zip"], Dirichlet.flat(["00", "01", "02"])
    naive = ConjugateNB({"zip": "categorical"})
    beliefs = [
        Belief("nb", naive, field="y", features=names, where={"k": [1, 2]}),
        Belief("line", ConjugateLinearRegression(), field="z", features=["a"]),
        Belief("unusual", PredictiveSurprise({"zip": zips}), features=["a", "zip"]),
        Belief("mda", MixtureDiscriminant(2, buffer=8, seed=1), field="k", features=["a", "b"]),
    ]
    wanted, _ = run(typed, beliefs[:3])
    wanted |= run([{**row, "k": str(row["k"])} for row in typed], beliefs[3:])[0]
    states, dead = run(cells, beliefs, text=True)
    assert dead == []
    for name, found in states.items():
        assert found[()].to_dict() == wanted[name][()].to_dict()


def test_empty_and_unusual_cells_of_estimators():
    rows = [
        {"a": "1.5", "b": "", "y": "1"},
        {"a": " ", "b": "2", "y": "1"},
        {"a": "3", "b": "4", "y": ""},
        {"a": "north", "b": "2", "y": "x"},
    ]
    beliefs = [
        Belief("nb", ConjugateNB(), field="y", features=["a", "b"]),
        Belief("line", ConjugateLinearRegression(), field="y", features=["a", "b"]),
    ]
    states, dead = run(rows, beliefs, text=True)
    assert set(states["nb"][()].predict_proba_one({})) == {"1"}
    assert sorted((position, name, reason) for position, name, reason in dead) == [
        (2, "line", "field 'y' is missing"),
        (2, "nb", "field 'y' is missing"),
        (3, "line", "field 'y': expected a number, got 'x'"),
        (3, "nb", "feature 'a': expected a finite number, got 'north' (str)"),
    ]


@pytest.mark.parametrize(
    "bad",
    ["\ud800", "a\udfffb", 10**5000, -(10**5000), ("u", "\ud800")],
    ids=["half", "inside", "long", "negative", "tuple"],
)
def test_a_value_that_cannot_be_stored_is_a_dead_letter(bad):
    good = {"k": "a", "x": 1, "y": "u", "n": 2.0, "v": [1.0, 2.0], "c": {"u": 1}}
    events = [good, *({**good, name: bad} for name in good), {**good, "v": [1.0, bad]}]
    events += [{**good, "c": {bad: 1}}, {**good, "c": {"u": bad}}, good]
    beliefs = [
        Belief("key", Beta(), field="x", by="k"),
        Belief("keys", Beta(), field="x", by=["k", "y"], where={"x": 1}),
        Belief("closed", Dirichlet.flat(["u", "v"]), field="y"),
        Belief("open", DirichletProcess(), field="y"),
        Belief("counts", Dirichlet.flat(["u", "v"], likelihood=Multinomial()), field="c"),
        Belief("number", Normal(0, 1), field="n", weight="n"),
        Belief("vector", NormalInverseWishart([0, 0]), field="v"),
        Belief("class", ConjugateNB(), field="y", features=["n", "k"]),
        Belief("line", ConjugateLinearRegression(), field="n", features=["x"]),
        Belief("unusual", PredictiveSurprise(), features=["n", "k"]),
    ]
    states, dead = run(events, beliefs)
    refused = {name: sorted(i for i, belief, _ in dead if belief == name) for name in states}
    assert refused == {
        "key": [1, 2],
        "keys": [1, 3],  # unselected events are not refused
        "closed": [3],
        "open": [3],
        "counts": [6, 8, 9],
        "number": [4],
        "vector": [5, 7],
        "class": [1, 3, 4],
        "line": [2, 4],
        "unusual": [1, 4],
    }
    assert len(dead) == sum(map(len, refused.values()))
    for name, positions in refused.items():
        good = [event for i, event in enumerate(events) if i not in positions]
        again, _ = run(good, [belief for belief in beliefs if belief.name == name])
        for key, state in again[name].items():
            assert state.to_dict() == states[name][key].to_dict()
        assert set(again[name]) == set(states[name])
