"""A state survives JSON, pickle and copy; a clone is the empty prior."""

import copy
import functools
import itertools
import json
import pickle
import re

import numpy as np
import pytest

import seqbayes as sb
from cases import CASES, ONE_CASE_PER_LIKELIHOOD, agree, components, each_of

every = each_of(CASES)


def learned(case, **changed):
    """Return a state with a history: weights, a rollover and some forgetting."""
    xs = case.observations(12, salt=30)
    state = case.new(xs[:4], [1.0, 0.3, 2.0, 1e-3], **changed)
    state.rollover()
    state.learn_many(xs[4:])
    if "scale" not in state.unsupported:
        state.forget(0.7)
    if "unlearn" not in state.unsupported:
        state.unlearn_one(xs[4], 0.7)
    return state


def through_json(state):
    return type(state).from_dict(json.loads(json.dumps(state.to_dict(), allow_nan=False)))


COPIES = {
    "JSON": through_json,
    "JSON read by State": lambda state: sb.State.from_dict(state.to_dict()),
    "pickle": lambda state: pickle.loads(pickle.dumps(state)),
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
    "clone with the data": lambda state: state.clone(include_attributes=True),
}


@every
def test_round_trip(case):
    for way, make in itertools.product(COPIES, (case.new, functools.partial(learned, case))):
        state = make(seed=4)
        copied = COPIES[way](state)
        assert type(copied) is type(state)
        assert copied == state, f"{way} changes {case.id}: {copied!s}, not {state!s}"
        assert copied.likelihood == state.likelihood
        assert copied.seed == 4
        assert copied.log_evidence == state.log_evidence
        assert copied.to_dict() == state.to_dict()
        assert str(copied) == str(state)
        before = copied.to_dict()
        state.learn_many(case.observations(3, salt=31))
        assert copied.to_dict() == before, f"{way} of {case.id} shares its statistics"
        copied.learn_many(case.observations(3, salt=31))
        assert copied == state, f"{way} of {case.id} learns otherwise"


@every
def test_pickles_are_small(case):
    state = learned(case, seed=1)
    size = len(pickle.dumps(state))
    state.sample(3)
    assert len(pickle.dumps(state)) == size, "a pickle holds no random generator"
    assert size < 1200


@every
def test_json_is_plain(case):
    """The document has JSON types only, with unchanged numbers."""

    def check(value):
        assert value is None or type(value) in (dict, list, str, int, float, bool), value
        for item in value.values() if isinstance(value, dict) else value:
            if not isinstance(item, str):
                check(item) if isinstance(item, (dict, list)) else None
                assert item is None or type(item) in (dict, list, int, float, bool), item

    document = learned(case).to_dict()
    check(document)
    assert document["seqbayes"] == 1


@every
def test_clone_is_the_empty_prior(case):
    state = case.new(case.observations(5, salt=32))
    cloned = state.clone()
    assert cloned == case.new()
    assert cloned.n_samples == 0.0
    assert state.clone({"seed": 7}).seed == 7
    assert state.clone({"seed": 7}) == case.new()
    cloned.learn_many(case.observations(5, salt=33))
    assert state == case.new(case.observations(5, salt=32))


@every
def test_clone_after_rollover_is_the_new_prior(case):
    state = learned(case)
    state.rollover()
    assert state.clone() == state


@every
def test_clone_with_another_prior(case):
    name = next(iter(case.prior))
    value = case.prior[name]
    other = more(value)
    cloned = learned(case).clone({name: other})
    assert getattr(cloned, name) == other
    assert cloned.n_samples == 0.0


def more(value):
    """Return a different number or state in place of a value; for several, one of each."""
    if isinstance(value, dict):
        return {name: more(inner) for name, inner in value.items()}
    if isinstance(value, tuple):
        return tuple(more(inner) for inner in value)
    if not isinstance(value, sb.State):
        return value + 1
    changed = value.clone()
    changed.learn_one(value.predictive.sample())
    changed.rollover()
    return changed


@every
def test_constructor_parameters_are_the_prior(case):
    """Constructor parameters keep their names and values, and so River's repr and clone work."""
    state = case.new(seed=5)
    for name, value in case.prior.items():
        assert getattr(state, name) == value
    assert state.seed == 5
    cloned = state.clone({"seed": 6})
    assert cloned.seed == 6
    assert cloned.likelihood == case.likelihood
    for name, value in case.prior.items():
        assert getattr(cloned, name) == value
    assert case.family.__name__ in repr(state)


@every
def test_str_shows_prior_data_and_posterior(case):
    state = case.new(case.observations(3, salt=34))
    name, likelihood = case.family.__name__, type(case.likelihood).__name__
    line = rf"{name}\(.+\) \+ 3 observed \({likelihood}\) = {name}\(.+\)(, mostly prior)?"
    assert re.fullmatch(line, str(state))
    assert "\n" not in str(state)


@every
def test_equality(case):
    xs = case.observations(4, salt=35)
    assert case.new(xs) == case.new(xs)
    assert case.new(xs) != case.new(xs[:3])
    assert case.new(xs) != "something else"
    with pytest.raises(TypeError, match="unhashable"):
        hash(case.new())
    assert all(case.new() != other.new() for other in CASES if other != case)


@each_of(ONE_CASE_PER_LIKELIHOOD)
def test_seeded_draws_repeat(case):
    """The same seed draws the same; copies restart; without a seed draws differ."""
    xs = case.observations(4, salt=36)
    one, other = case.new(xs, seed=11), case.new(xs, seed=11)
    first, second = one.sample(5), one.sample(5)
    agree("same seed, same draws", case, "sample", other.sample(5), first, 0.0)
    assert flat(first) != flat(second)
    agree("a copy restarts", case, "__reduce__", copy.deepcopy(one).sample(5), first, 0.0)
    if flat(first):
        assert flat(case.new(xs).sample(5)) != flat(case.new(xs).sample(5))


def flat(draws):
    return [x for drawn in components(draws).values() for x in np.ravel(drawn).tolist()]


@every
def test_reading_changes_nothing(case):
    state, same = learned(case), learned(case)
    for name in ("posterior", "prior", "mle", "map", "mean", "var", "log_evidence", "predictive"):
        getattr(state, name)
    state.interval(0.5, "equal-tailed" if case.dimension > 2 else "hdi")
    state.sample(2)
    state.predict_one()
    _ = state + same
    assert state == same
