"""The JSON form of states: every value that a prior, a label or a statistic may have."""

import json
import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

import seqbayes as sb
from seqbayes import PriorError, serialization

scalars = some.one_of(
    some.none(), some.booleans(), some.integers(), some.floats(allow_nan=False), some.text()
)
keys = some.recursive(scalars, lambda inner: some.lists(inner, max_size=3).map(tuple), max_leaves=4)
values = some.recursive(
    scalars,
    lambda inner: some.one_of(
        some.lists(inner, max_size=4).map(tuple), some.dictionaries(keys, inner, max_size=4)
    ),
)


@given(values)
def test_values_survive(value):
    text = json.dumps(serialization.encode(value), allow_nan=False)
    decoded = serialization.decode(json.loads(text))
    assert decoded == value
    assert repr(decoded) == repr(value)  # 1, 1.0 and True are distinguished


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        (np.float64(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (np.array([1.0, math.inf]), [1.0, {"number": "inf"}]),
        (-math.inf, {"number": "-inf"}),
        ({("a", 1): 2.0}, {"pairs": [[["a", 1], 2.0]]}),
    ],
)
def test_numpy_values_are_encoded_as_python_values(value, encoded):
    assert serialization.encode(value) == encoded
    json.dumps(serialization.encode(value), allow_nan=False)


@pytest.mark.parametrize("value", [b"bytes", object(), {1, 2}, 1j, np.datetime64("2020-01-01")])
def test_values_without_a_json_form_are_refused(value):
    with pytest.raises(PriorError, match="cannot be represented as JSON"):
        serialization.encode(value)
    with pytest.raises(PriorError, match="cannot be represented as JSON"):
        serialization.encode({"label": (value,)})


@pytest.mark.parametrize(
    "value",
    [
        {"number": "nan"},
        {"number": []},
        {"number": {}},
        {"pairs": 3},
        {"pairs": [[1]]},
        {"pairs": [[{"pairs": []}, 1]]},
        {"pairs": [], "number": "inf"},
        {"a": 1},
        {},
        1j,
    ],
)
def test_invalid_documents_are_rejected(value):
    with pytest.raises(PriorError):
        serialization.decode(value)


@given(some.lists(keys.filter(lambda k: k is not None), min_size=1, max_size=6))
def test_labels_of_any_type_round_trip(labels):
    state = sb.DirichletProcess()
    try:
        state.learn_many(labels)
    except sb.ObservationError:
        return  # NaN is not a label
    read = sb.State.from_dict(json.loads(json.dumps(state.to_dict(), allow_nan=False)))
    assert read == state
    assert read.predict_proba_one() == state.predict_proba_one()
    assert list(map(repr, read.categories)) == list(map(repr, state.categories))


@given(some.floats(1e-300, 1e300), some.floats(1e-300, 1e300), some.integers(0, 2**70))
def test_priors_round_trip_exactly(alpha, beta, seed):
    state = sb.Beta(alpha, beta, seed=seed)
    read = sb.Beta.from_dict(json.loads(json.dumps(state.to_dict())))
    assert (read.alpha, read.beta, read.seed) == (alpha, beta, seed)


def test_improper_priors_round_trip():
    for state in (
        sb.Normal.flat(),
        sb.NormalInverseGamma.flat(),
        sb.Gamma.flat(),
        sb.Beta.haldane(),
    ):
        state.learn_many([1, 0, 1])
        text = json.dumps(state.to_dict(), allow_nan=False)
        assert sb.State.from_dict(json.loads(text)) == state


def test_error_names_the_type_of_an_unserializable_label():
    state = sb.DirichletProcess()
    state.learn_one(frozenset("ab"))
    with pytest.raises(PriorError, match="frozenset cannot be represented as JSON"):
        state.to_dict()


def test_numpy_labels_become_plain():
    state = sb.DirichletProcess()
    state.learn_many(np.array(["x", "y", "x"]))
    state.learn_one(np.int64(3))
    read = sb.State.from_dict(json.loads(json.dumps(state.to_dict())))
    assert read == state
    assert read.categories == ("x", "y", 3)


def test_versions():
    document = sb.Beta().to_dict()
    assert document["seqbayes"] == serialization.VERSION
    for version in (serialization.VERSION + 1, 0, -1, "1", 1.0, True, None):
        with pytest.raises(PriorError):
            sb.State.from_dict({**document, "seqbayes": version})
    for key in ("seqbayes", "family", "prior", "likelihood", "statistics"):
        with pytest.raises(PriorError):
            sb.State.from_dict({k: v for k, v in document.items() if k != key})
    del document["seed"]
    assert sb.State.from_dict(document) == sb.Beta()


def test_pickles_of_earlier_versions_are_read():
    state = sb.Gamma(2, 3)
    state.learn_many([4, 5])
    decayed = sb.Decayed(state, half_life=5.0)
    decayed.learn_one(7)
    for value, new, old in (
        (state, b"cseqbayes.state\n", b"cseqbayes.family\n"),
        (decayed, b"cseqbayes.forgetting\n", b"cseqbayes.decay\n"),
    ):
        dumped = pickle.dumps(value, protocol=2)  # the protocol with module names as plain text
        assert new in dumped
        assert pickle.loads(dumped.replace(new, old)) == value
