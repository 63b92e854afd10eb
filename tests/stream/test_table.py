"""One attribute by another, learned in one loop: the same as field by field, whatever comes."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqbayes import Beta, Dirichlet, NormalInverseGamma
from seqbayes.events.fields import Layout
from seqbayes.forgetting import Decayed
from seqbayes.mixture import Mixture
from seqbayes.stream import Belief
from seqbayes.stream.forms import Forms
from seqbayes.stream.table import Table

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


def learned(belief, events, whole):
    """Return all that a table knows after it has learned events in two batches."""
    layout = Layout(belief.slots)
    table = Table(belief, layout)
    assert table._reader.simple is not None
    if not whole:
        table._reader.simple = None
    refused = []
    half = len(events) // 2
    for part in (events[:half], events[half:]):
        records = [json.dumps(event).encode() for event in part]
        decoded, index = layout.decode(records, lambda i, why: refused.append(why))
        table.learn(decoded, index, lambda i, why: refused.append((i, why)))
    states = {key: table.forms.write(state) for key, state in table.states.items()}
    return states, refused, set(table.changed_keys), (table.used, table.refused, table.filtered)


@pytest.mark.parametrize("state", STATES, ids=lambda state: type(state).__name__)
@pytest.mark.parametrize(
    "options", [{"by": "shop"}, {}, {"by": "shop", "max_keys": 2}, {"where": {"kind": 1}}], ids=str
)
@given(events=EVENTS)
def test_the_single_loop_learns_the_same_as_the_columns(state, options, events):
    belief = Belief("b", state, field="x", **options)
    fast, slow = (learned(belief, events, whole) for whole in (True, False))
    assert fast == slow


def test_keys_beyond_the_limit_are_pooled_in_both_ways():
    belief = Belief("b", Beta(), field="x", by="shop", max_keys=2, over="pool")
    events = [{"shop": f"shop {i % 4}", "x": i % 3 == 0} for i in range(40)]
    fast, slow = (learned(belief, events, whole) for whole in (True, False))
    assert fast == slow
    assert set(fast[0]) == {"shop 0", "shop 1", None}


@pytest.mark.parametrize("label", ["\0", "statistics", '"statistics":null', '"statistics":'])
def test_labels_may_look_like_the_text_of_a_state(label):
    forms = Forms(Dirichlet({label: 1.0, "b": 2.0}))
    state = forms.make()
    state.learn_one(label)
    assert msgspec.json.decode(forms.write(state)) == state.to_dict()
    assert forms.read(forms.write(state)) == state
