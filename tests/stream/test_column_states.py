"""States of a pipeline in columns equal a dictionary of states, bit for bit."""

import json
import random

import pytest
from memory import Listed, lines

from cases import CASES
from seqbayes import Beta, Decayed, Dirichlet, NormalInverseGamma
from seqbayes.errors import ObservationError
from seqbayes.events.keys import write_key
from seqbayes.events.loops import only_updates_statistics
from seqbayes.statistics.column_loops import LEARNS_KEYED
from seqbayes.statistics.columns import Columns
from seqbayes.stream import Belief, Pipeline, open_store
from seqbayes.stream.codec import StateCodec
from seqbayes.stream.column_states import ColumnStates
from seqbayes.stream.stored_columns import read_columns
from seqbayes.stream.stores import Changes, StateRows, StoredState, StoreError


def is_column(case):
    """Whether the states of a case can be rows of numbers, as the table of a pipeline decides."""
    state = case.new()
    try:
        Columns(state.new_statistics)
    except ValueError:
        return False
    return only_updates_statistics(state)


COLUMN_CASES = [case for case in CASES if is_column(case)]


def accept(key, x):
    return True


def learn(states, keys, xs, new):
    """Learn as the table of a pipeline does; refused observations are skipped."""
    i = 0
    while (i := states.learn(keys, xs, i, accept)) < len(keys):
        state = states.get(keys[i], new())
        try:
            state.learn_one(xs[i])
            states[keys[i]] = state
        except ObservationError:
            pass
        i += 1


@pytest.mark.parametrize("case", COLUMN_CASES, ids=lambda case: case.id)
def test_columns_equal_a_dictionary_of_states(case):
    rng = random.Random(3)
    template = case.new()
    codec = StateCodec(template)
    columns, objects = ColumnStates(codec, template), {}
    data = case.observations(60)
    data[20:20] = [None, "invalid", data[0], float("nan")]
    keys = [f"key {rng.randrange(7)}" for _ in data]
    for start in range(0, len(data), 16):
        batch = slice(start, start + 16)
        learn(columns, keys[batch], data[batch], codec.make)
        for key, x in zip(keys[batch], data[batch], strict=True):
            state = objects.get(key, codec.make())
            try:
                state.learn_one(x)
                objects[key] = state
            except ObservationError:
                pass
        if start == 16:  # a row is removed, and the last one takes its place
            gone = next(iter(objects))
            del columns[gone], objects[gone]
            columns.committed(None)
    assert {key: codec.write(state) for key, state in columns.items()} == {
        key: codec.write(state) for key, state in objects.items()
    }
    changed = set(keys[32:])
    assert {each.key: each.state for each in columns.changes(0)} == {
        f'["{key}"]': codec.write(objects[key]) for key in changed
    }


def test_there_are_columns_for_all_scalar_families_and_fixed_categories():
    assert {"Beta", "Gamma", "Normal", "NormalInverseGamma", "Dirichlet"} <= {
        case.family.__name__ for case in COLUMN_CASES
    }


def run(path, records, belief):
    with Pipeline(Listed(records), [belief], open_store(path), size=7) as pipeline:
        for step in pipeline:
            step.commit()
        table = pipeline.tables["b"]
        return {key: table.codec.write(state) for key, state in table.states.items()}


def test_restored_columns_continue_as_if_the_run_had_not_ended(tmp_path):
    rng = random.Random(5)
    belief = Belief("b", Beta(2, 3), field="x", by="k")
    records = lines(*({"x": rng.random() < 0.3, "k": f"k{rng.randrange(40)}"} for _ in range(500)))
    split = str(tmp_path / "split.db")
    run(split, records[:230], belief)
    assert run(split, records, belief) == run(str(tmp_path / "whole.db"), records, belief)
    with open_store(split, "read") as one, open_store(str(tmp_path / "whole.db"), "read") as other:
        stored = [{row.key: row.state for row in store.states("b")} for store in (one, other)]
    assert stored[0] == stored[1]
    assert len(stored[0]) == 40


def restore(columns, states):
    """Restore states as rows of a store: place, key, state and use."""
    rows = [(each.place, *each[1:4]) for each in states]
    return columns.restore([StateRows("", "", rows[:2]), StateRows("", "", rows[2:])])


def test_restored_states_are_those_that_were_stored():
    """The sums of the second key need more than one float each."""
    template = NormalInverseGamma()
    codec = StateCodec(template)
    stored = {}
    for key, xs in {"a": [1.0, 2.0], "b": [1e17, 3.0, -1e17, 1e-9], "c": [4.0, 4.0]}.items():
        stored[key] = codec.make()
        stored[key].learn_many(xs)
    columns = ColumnStates(codec, template)
    rows = [
        StoredState("b", f'["{key}"]', codec.write(state), used, used + 20)
        for used, (key, state) in enumerate(stored.items())
    ]
    used, others = restore(columns, rows)
    assert (used, list(others)) == (2, [])
    assert (len(columns), list(columns), "b" in columns) == (3, ["a", "b", "c"], True)
    assert dict(columns) == stored
    learn(columns, ["c"], [5.0], codec.make)
    assert [(each.key, each.place) for each in columns.changes(9)] == [('["c"]', 22)]


def test_restoring_stops_at_a_state_with_another_prior():
    codec = StateCodec(Beta())
    texts = [codec.write(Beta()), StateCodec(Beta(2, 3)).write(Beta(2, 3)), codec.write(Beta())]
    rows = [StoredState("b", f'["{i}"]', text, i) for i, text in enumerate(texts)]
    columns = ColumnStates(codec, Beta(), "b")
    used, others = restore(columns, rows)
    assert (used, list(others), list(columns)) == (1, rows[1:], ["0"])


@pytest.mark.parametrize("case", COLUMN_CASES, ids=lambda case: case.id)
def test_stored_rows_are_restored_and_written_as_the_codec_does(case):
    """States with many events, one, or none; keys with escapes, of two fields, and the rest."""
    template, data = case.new(), case.observations(40)
    codec = StateCodec(template)
    states = [codec.make() for _ in range(5)]
    for state, xs in zip(states, (data, data[:1], [], data[:7], data[5:30]), strict=True):
        state.learn_many(xs)
    states[3].learn_one(data[0], 0.3)
    names = ["a", 'quoted "b"', ("c", "d"), "\u00fc\\", None]
    rows = [
        (place, write_key(name), codec.common_statistics(codec.write(state)), place)
        for place, (name, state) in enumerate(zip(names, states, strict=True), 5)
    ]
    columns = ColumnStates(codec, template)
    used, others = columns.restore([StateRows(codec.head, codec.tail, rows)])
    assert (used, list(others)) == (9, [])
    assert dict(columns) == dict(zip(names, states, strict=True))
    for name in names:
        columns[name] = columns[name]
    assert list(columns.changes(9)) == [
        ("", key, codec.write(state), used + 5, place)
        for (place, key, _, used), state in zip(rows, states, strict=True)
    ]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_stored_states_are_read_together_as_columns(case):
    codec, states = StateCodec(case.new()), [case.new() for _ in range(3)]
    states[0].learn_many(case.observations(30))
    states[2].learn_one(case.observations(1)[0], 0.3)
    columns = read_columns(codec, list(map(codec.write, states)))
    assert (columns is not None) == is_column(case)
    for row, state in enumerate(states if columns else ()):
        assert columns.dump(row) == state.statistics.dump()


def test_invalid_states_are_not_read_together():
    codec = StateCodec(Beta())
    impossible = f"{codec.head}[-1.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0]{codec.tail}"
    good = codec.write(Beta())
    for bad in ("{}", "", impossible, StateCodec(Beta(2, 3)).write(Beta(2, 3))):
        assert read_columns(codec, [good, bad]) is None
        assert read_columns(codec, [bad]) is None
    assert read_columns(StateCodec(Decayed(Beta(), 5.0)), [good]) is None


NUMBERS = [
    0.0,
    1.0,
    -3.0,
    1e15 + 1,
    2.0**53,
    1e22,
    0.1,
    -1 / 3,
    5e-324,
    1.7976931348623157e308,
    1e-7,
]


def test_numbers_are_read_and_written_exactly():
    template = NormalInverseGamma()
    codec = StateCodec(template)
    rows = []
    for i, x in enumerate(NUMBERS):
        values = [5.0, 0.0, 0.0, x, x * 2.0**-60, 2.0**1000, 0.0, 0.0, 0.0]
        rows.append((None, f'["{i}"]', json.dumps(values).replace(" ", ""), 1))
    columns = ColumnStates(codec, template)
    columns["first"] = learned_as(template, [1.5, 0.1])  # so that there are columns
    columns.restore([StateRows(codec.head, codec.tail, rows)])
    for i, x in enumerate(NUMBERS[:-2]):
        sums = columns[str(i)].statistics.dump()
        assert sums[3:5] == (x, x * 2.0**-60)
        columns[str(i)] = columns[str(i)]
    texts = {each.key: each.state for each in columns.changes(0)}
    for i in range(len(NUMBERS[:-2])):
        assert texts[f'["{i}"]'] == codec.write(columns[str(i)])


@pytest.mark.parametrize(
    ("state", "statistics"),
    [
        (Beta(), [-1.0, 0.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0]),
        (Beta(), [3.0, 0.0, 1.0, 0.0, -2.0, 0.0, 0.0, 0.0]),
        (Dirichlet.flat(["x", "y"]), [["x", "y"], [-1.0, 2.0], [0.0, 0.0], 1.0, 0.0, 0.0, 0.0]),
        (NormalInverseGamma(), [2.0, 0.0, 0.0, 4.0, 0.0, 1.0, 0.0, 0.0, 0.0]),
        (NormalInverseGamma(), [0.0, 0.0, 0.0, 4.0, 0.0, 1.0, 0.0, 0.0, 0.0]),
    ],
)
def test_a_restored_state_that_no_data_have_raises_an_error_when_it_is_used(state, statistics):
    codec = StateCodec(state)
    good = codec.write(learned_as(state, ["x", "y"] if isinstance(state, Dirichlet) else [1, 0]))
    bad = f"{codec.head}{json.dumps(statistics).replace(' ', '')}{codec.tail}"
    columns = ColumnStates(codec, state, "sold")
    texts = {"a": good, "b": bad, "c": good, "d": good}
    restore(columns, [StoredState("sold", write_key(key), texts[key], 1, 1) for key in texts])
    assert len(columns) == 4
    assert columns["a"] == columns["d"] == codec.read(good)
    with pytest.raises(StoreError, match=r'state of \["b"\] of belief .sold. cannot be read'):
        columns["b"]
    with pytest.raises(StoreError, match="cannot be read"):
        columns.learn(["b"], [1], 0, accept)


def learned_as(template, xs):
    state = template.clone()
    state.learn_many(xs)
    return state


def learned(xs):
    state = Beta()
    state.learn_many(xs)
    return state


@pytest.mark.skipif(not LEARNS_KEYED, reason="rows learn only if the package is compiled")
def test_restored_states_count_towards_the_limit_of_keys():
    codec = StateCodec(Beta())
    columns = ColumnStates(codec, Beta())
    text = codec.write(learned([True, False]))
    restore(columns, [StoredState("b", f'["{key}"]', text, 1) for key in "abc"])
    xs = [True] * 4
    assert columns.learn(["a", "d", "e", "c"], xs, 0, accept, max_keys=4) == 2
    beyond = []
    assert columns.learn(["e", "b", "f"], xs, 0, accept, max_keys=4, beyond=beyond) == 3
    assert beyond == [0, 2]
    assert {key: state.n_samples for key, state in columns.items()} == {
        "a": 3.0,
        "b": 3.0,
        "c": 2.0,
        "d": 1.0,
    }
    del columns["c"]
    assert (len(columns), "c" in columns) == (3, False)


def test_a_state_that_differs_in_more_than_its_statistics_is_kept(tmp_path):
    """A store of another program may contain a state with another prior under the same belief."""
    path = str(tmp_path / "b.db")
    belief = Belief("b", Beta(2, 3), field="x", by="k")
    run(path, lines({"x": True, "k": "a"}, {"x": True, "k": "b"}), belief)
    with open_store(path) as store:
        rows = {row.key: row for row in store.states("b")}
        other = Beta(5, 5)
        other.learn_one(False)
        store.acquire()
        changes = rows['["a"]']._replace(state=StateCodec(Beta(5, 5)).write(other))
        store.commit(Changes(None, None, states=[changes]))
    with Pipeline(Listed([]), [belief], open_store(path)) as pipeline:
        states = pipeline.tables["b"].states
        assert states["a"] == other
        assert states["b"].posterior == (3.0, 3.0)


@pytest.mark.skipif(not LEARNS_KEYED, reason="rows learn only if the package is compiled")
def test_keys_are_dropped_and_appear_again_in_any_order():
    """The rows of dropped keys are reused, for keys of any form, as in a dictionary."""
    rng = random.Random(6)
    codec = StateCodec(Beta())
    columns, objects = ColumnStates(codec, Beta(), "b"), {}
    names = (
        [f"k{i}" for i in range(40)] + [(f"k{i}", "2") for i in range(9)] + ["\0", "", (), "\"'"]
    )
    for _ in range(60):
        keys = [rng.choice(names) for _ in range(rng.randrange(200))]
        xs = [rng.random() < 0.5 for _ in keys]
        learn(columns, keys, xs, codec.make)
        for key, x in zip(keys, xs, strict=True):
            objects.setdefault(key, codec.make()).learn_one(x)
        for key in rng.sample(list(objects), len(objects) // 3):
            del columns[key], objects[key]
            assert key not in columns
            with pytest.raises(KeyError):
                columns[key]
        if objects and rng.random() < 0.5:
            key = next(iter(objects))
            columns[key] = objects[key]
        assert dict(columns) == objects
        assert len(columns) == len(objects)
        changes = {each.key: each.state for each in columns.changes(0)}
        assert set(changes) <= set(map(write_key, objects))
        assert changes.items() <= {write_key(k): codec.write(objects[k]) for k in objects}.items()
        columns.committed(None)


def test_the_heaviest_changes_are_those_of_a_dictionary_of_states():
    codec = StateCodec(Beta())
    columns = ColumnStates(codec, Beta())
    learn(columns, list("abcabcbd"), [True] * 8, codec.make)
    assert columns.heaviest_changes(3) == ["b", "a", "c"]
    assert columns.heaviest_changes(9) == ["b", "a", "c", "d"]
    columns.committed(None)
    learn(columns, ["d", "a"], [False, True], codec.make)
    assert columns.heaviest_changes(1) == ["a"]


@pytest.mark.parametrize(
    "names",
    [
        [f"shop {i}" for i in range(300)],
        ["", "a", "ab", "b", "\x01", "é", "☂", "z" * 70],
        ["a"],
        [],
    ],
    ids=len,
)
def test_new_states_are_written_in_the_order_of_their_keys(names):
    """Stores write them faster in this order."""
    rng = random.Random(3)
    columns = ColumnStates(StateCodec(Beta()), Beta(), "b")
    for name in rng.sample(names, len(names)):
        columns[name] = learned([True])
    written = [each.key for each in columns.changes(0)]
    assert written == [write_key(name) for name in sorted(names, key=str.encode)]
    columns.committed(1)
    for name in ("new", *names[:1]):
        columns[name] = learned([False])
    found = [(each.key, each.place is None) for each in columns.changes(0)]
    assert found == [*((write_key(name), False) for name in names[:1]), ('["new"]', True)]
