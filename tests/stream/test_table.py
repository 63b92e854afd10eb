"""Tables of beliefs: all loops that learn events give the same results."""

import dataclasses
import json
import re

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqbayes import Beta, Dirichlet, DirichletProcess, NormalInverseGamma
from seqbayes.events.fields import Layout
from seqbayes.forgetting import Decayed
from seqbayes.mixture import Mixture
from seqbayes.stream import Belief
from seqbayes.stream.codec import StateCodec
from seqbayes.stream.table import KeyedStates

KEYS = st.sampled_from(["north", "south", "3", 3, 3.5, None, True, [], "x" * 1001, "east"])
VALUES = st.sampled_from([True, False, 1, 0, 0.25, -2.5, None, "red", "green", 7, "7", [], 1e400])
EVENTS = st.lists(
    st.fixed_dictionaries({}, optional={"shop": KEYS, "x": VALUES, "kind": st.integers(0, 1)}),
    max_size=25,
)
STATES = [
    Beta(2, 3),
    NormalInverseGamma(),
    Dirichlet.flat(["red", "green", "7"]),
    Decayed(Beta(), 5.0),
    Mixture([NormalInverseGamma(-1.0), NormalInverseGamma(1.0)], buffer=4, seed=1),
]


def learned(belief, events, explains=True):
    """Return the contents of a table after it has learned events in two batches."""
    layout = Layout(belief.slots)
    table = KeyedStates(belief, layout, explains)
    refused = []
    half = len(events) // 2
    for part in (events[:half], events[half:]):
        records = [json.dumps(event).encode() for event in part]
        decoded, index = layout.decode(records, lambda i, why: refused.append((i, why)))
        table.learn(decoded, index, lambda i, why: refused.append((i, why)))
    states = {key: table.codec.write(state) for key, state in table.states.items()}
    counts = {
        "refused": table.refused,
        "used": table.used,
        "filtered": table.filtered,
        "incomplete": table.counts.incomplete,
        "over limit": table.counts.over_limit,
        "missing": table.counts.missing,
        "absent": table.counts.absent,
    }
    return states, refused, set(table.changed_keys), counts


def by_columns(belief, events, explains=True):
    """Learn the same with a second key that is always the same, so that columns are read."""
    belief = dataclasses.replace(belief, by=[*belief.by, "constant"])
    events = [event | {"constant": "1"} for event in events]
    states, refused, changed, counts = learned(belief, events, explains)

    def shorten(key):
        return None if key is None else key[0] if len(key) == 2 else ()

    return (
        {shorten(key): text for key, text in states.items()},
        [(i, why.replace(',"1"]', "]")) for i, why in refused],
        set(map(shorten, changed)),
        counts,
    )


def with_weights(belief, events, explains=True):
    """Learn the same with the weight 1, so that each event is learned by a call."""
    events = [event | {"weight": 1.0} for event in events]
    return learned(dataclasses.replace(belief, weight="weight"), events, explains)


OPTIONS = [{"by": "shop"}, {}, {"by": "shop", "max_keys": 2}, {"where": {"kind": 1}}]


@pytest.mark.parametrize("other", [by_columns, with_weights])
@pytest.mark.parametrize("state", STATES, ids=lambda state: type(state).__name__)
@given(options=st.sampled_from(OPTIONS), events=EVENTS)
def test_all_loops_give_the_same_result(state, other, options, events):
    belief = Belief("b", state, field="x", **options)
    assert learned(belief, events) == other(belief, events)


@pytest.mark.parametrize("way", [learned, by_columns, with_weights])
@pytest.mark.parametrize("state", [*STATES, DirichletProcess(1.0)], ids=lambda x: type(x).__name__)
@settings(max_examples=10)
@given(events=EVENTS)
def test_without_reasons_the_same_events_are_counted(state, way, events):
    belief = Belief("b", state, field="x", by="shop", max_keys=2)
    states, refused, changed, counts = way(belief, events)
    counted = way(belief, events, explains=False)
    assert (counted[0], counted[2], counted[3]) == (states, changed, counts)
    malformed = [
        each for each in refused if not re.search("reached its limit|is (missing|null)", each[1])
    ]
    assert counted[1] == malformed


def test_keys_beyond_the_limit_are_pooled_by_all_loops():
    belief = Belief("b", Beta(), field="x", by="shop", max_keys=2, over="pool")
    events = [{"shop": f"shop {i % 4}", "x": i % 3 == 0} for i in range(40)]
    found = learned(belief, events)
    assert found == by_columns(belief, events) == with_weights(belief, events)
    assert set(found[0]) == {"shop 0", "shop 1", None}


@pytest.mark.parametrize("label", ["\0", "statistics", '"statistics":null', '"statistics":'])
def test_labels_may_contain_the_json_of_a_state(label):
    codec = StateCodec(Dirichlet({label: 1.0, "b": 2.0}))
    state = codec.make()
    state.learn_one(label)
    assert msgspec.json.decode(codec.write(state)) == state.to_dict()
    assert codec.read(codec.write(state)) == state
