"""The order of keys in listings: computed for all keys together, as from the state of each."""

import json
import math
import random

import pytest

from cases import CASES
from seqbayes import Beta
from seqbayes.dashboard import views
from seqbayes.dashboard.live.collation import natural_order
from seqbayes.dashboard.live.descriptions import of_declaration
from seqbayes.dashboard.live.entries import Update
from seqbayes.dashboard.live.entry_table import EntryTable
from seqbayes.dashboard.live.sorting import collated
from seqbayes.events.keys import write_key
from seqbayes.stream.codec import StateCodec

PARTS = [
    *"aBbAzZ019",
    "10",
    "007",
    "é",
    "Ü",
    " ",
    "-",
    '"',
    "\\",
    "\0",
    "\1",
    "①",
    "ß",
    "\x7f",
    "中",
]


def sorted_one_at_a_time(keys):
    names = [json.loads(key) for key in keys]
    return sorted(range(len(keys)), key=lambda i: collated(names[i]))


@pytest.mark.parametrize("fields", [1, 2])
@pytest.mark.parametrize("parts", [PARTS, "aB012 -"], ids=["any", "plain"])
def test_the_natural_order_of_many_keys_is_that_of_the_collation(parts, fields):
    rng = random.Random(1)

    def name():
        return "".join(rng.choice(parts) for _ in range(rng.randrange(9)))

    keys = {write_key(tuple(name() for _ in range(fields))) for _ in range(1500)}
    listed = sorted({*keys, "null"}, key=lambda key: rng.random())
    assert natural_order(listed).tolist() == sorted_one_at_a_time(listed)


def test_the_natural_order_of_few_keys():
    assert natural_order([]).tolist() == []
    assert natural_order(['["a"]']).tolist() == [0]
    assert natural_order(["null", "[]"]).tolist() == [1, 0]
    long = [f'["{"x" * 100}{i}{"y" * 3000}"]' for i in (10, 9, 1)]
    assert natural_order(long).tolist() == [2, 1, 0]


def table_of(state, states):
    codec = StateCodec(state)
    table = EntryTable(of_declaration("b", {"state": codec.empty, "by": ["k"]}))
    for i, each in enumerate(states):
        table.put(f'["{i}"]', Update(codec.write(each), float(i)))
    return table


def numbers(state, level):
    (ranking,) = views.rankings([state], level)
    return {"n": state.n_samples, **{name: getattr(ranking, name) for name in SORTED}}


SORTED = ("mean", "low", "width")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_stored_states_are_sorted_as_states_are(case):
    states = [case.new() for _ in range(4)]
    xs = case.observations(9)
    for n, state in enumerate(states):
        state.learn_many(xs[: 3 * n])
    table = table_of(case.new(), states)
    assert table.entries['["2"]'].state.n_samples > 0  # it is now decoded
    for level in (0.95, 0.5):
        found = [numbers(state, level) for state in states]
        for sort in ("n", *SORTED):
            values = [-math.inf if each[sort] is None else each[sort] for each in found]
            order = sorted(range(4), key=values.__getitem__, reverse=True)
            shown = table.search("", sort, True, 0.0, level)
            known = [values[int(json.loads(entry.key)[0])] for entry in shown]
            assert known == pytest.approx([values[i] for i in order], rel=1e-9), sort


def test_equal_keys_stay_in_their_order_and_those_without_a_value_are_last():
    states = [Beta() for _ in range(5)]
    states[1].learn_one(True)
    states[3].learn_one(True)
    table = table_of(Beta(), states)
    for descending, order in ((True, "13024"), (False, "02413")):
        found = table.search("", "mean", descending, 0.0)
        assert "".join(json.loads(entry.key)[0] for entry in found) == order
    assert [entry.key for entry in table.top(2)] == ['["1"]', '["3"]']
    assert table.search("3", "n", True, 0.0)[0].key == '["3"]'
