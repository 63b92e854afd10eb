"""Forgetting by half-life: exact, whatever the order of arrival."""

import itertools
import json
import math
import pickle

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases import ONE_CASE_PER_LIKELIHOOD, agree
from seqbayes import Beta, Gamma, MergeError, Normal, ObservationError, PriorError
from seqbayes.forgetting import Decayed

SUSPECTS = "decay.Decayed, Statistics.scale"


def weights(times, half_life, clock):
    """The weights to 50 digits."""
    with mpmath.workdps(50):
        ages = [(mpmath.mpf(clock) - mpmath.mpf(t)) / mpmath.mpf(half_life) for t in times]
        return [float(mpmath.mpf(2) ** -age) for age in ages]


def answers(state):
    return {"n": state.n_samples, "posterior": tuple(state.posterior), "mle": state.mle}


def ordinary(posterior):
    """Whether hyperparameters can be compared number by number."""
    return {name: value for name, value in posterior._asdict().items() if name != "categories"}


@pytest.mark.parametrize("case", ONE_CASE_PER_LIKELIHOOD, ids=lambda case: case.id)
@pytest.mark.parametrize("start", [-40.3, 1.7e9])
def test_every_state_weights_observations_by_age(case, start):
    xs = case.observations(12)
    times = start + case.rng(3).permutation(np.cumsum(case.rng(2).exponential(5.0, len(xs))))
    decayed = Decayed(case.new(), half_life=7.3, by="time")
    for x, t in zip(xs, times.tolist(), strict=True):
        decayed.learn_one(x, 1.0, t)
    wanted = case.new(xs, weights(times.tolist(), 7.3, times.max()))
    agree("decay", case, SUSPECTS, ordinary(decayed.posterior), ordinary(wanted.posterior), 1e-12)
    agree("decay", case, SUSPECTS, decayed.n_samples, wanted.n_samples, 1e-13)


@pytest.mark.parametrize("case", ONE_CASE_PER_LIKELIHOOD, ids=lambda case: case.id)
def test_the_order_of_arrival_does_not_matter(case):
    xs = case.observations(5)
    times = [1.7e9 + t for t in (0.0, 0.1, 500.0, 90.7, 3.0)]
    beliefs = []
    for order in itertools.islice(itertools.permutations(range(5)), 0, None, 7):
        decayed = Decayed(case.new(), half_life=11.1, by="time")
        for i in order:
            decayed.learn_one(xs[i], 0.5 + i, times[i])
        beliefs.append(decayed)
    for decayed in beliefs:
        agree(
            "any order",
            case,
            SUSPECTS,
            ordinary(decayed.posterior),
            ordinary(beliefs[0].posterior),
            1e-12,
        )
        assert decayed.clock == beliefs[0].clock


@given(
    st.lists(
        st.tuples(st.floats(-1e10, 1e10), st.floats(-1e3, 1e3), st.floats(0.0, 9.0)),
        min_size=1,
        max_size=8,
    ),
    st.floats(1e-2, 1e9),
    st.randoms(),
)
def test_the_order_of_arrival_does_not_matter_for_any_state(events, half_life, random):
    def learn(events):
        decayed = Decayed(Normal(0.0, 1.0), half_life, by="time")
        for t, x, w in events:
            decayed.learn_one(x, w, t)
        return decayed

    shuffled = random.sample(events, len(events))
    one, other = learn(events), learn(shuffled)
    agree("any order", "Normal", SUSPECTS, one.n_samples, other.n_samples, 1e-12, 1e-300)
    agree("any order", "Normal", SUSPECTS, one.posterior[0], other.posterior[0], 1e-12, 1e-10)


@pytest.mark.parametrize("split", [0, 1, 4, 7, 8])
@pytest.mark.parametrize("by", ["time", "events"])
def test_merge_aligns_clocks(split, by):
    xs = [3, 0, 2, 5, 1, 1, 9, 4]
    times = [1e6, 3.0, 8.5e5, 1e6 + 7, 9.9e5, 12.0, 1e6 - 3, 1e6 + 2]
    parts = []
    for chosen in (range(split), range(split, 8)):
        decayed = Decayed(Gamma(1, 1), half_life=1000.0, by=by)
        for i in chosen:
            decayed.learn_one(xs[i], t=times[i] if by == "time" else None)
        parts.append(decayed)
    total = parts[0] + parts[1]
    assert (parts[1] + parts[0]).mean == pytest.approx(total.mean, rel=1e-14)
    clock = max(times) if by == "time" else 8.0
    if by == "time":
        w = weights(times, 1000.0, clock)
    else:
        w = weights(range(1, split + 1), 1000.0, split)
        w += weights(range(split + 1, 9), 1000.0, 8)
    seen = sum(a * b for a, b in zip(w, xs, strict=True))
    assert total.clock == clock
    assert total.posterior.shape == pytest.approx(1 + seen, rel=1e-13)
    assert total.posterior.rate == pytest.approx(1 + sum(w), rel=1e-13)


def test_half_life_in_events():
    decayed = Decayed(Beta(), half_life=2.0)
    for x in (True, False, True, True):
        decayed.learn_one(x)
    assert decayed.clock == 4.0
    assert decayed.posterior.alpha == pytest.approx(1 + 2**-1.5 + 2**-0.5 + 1, rel=1e-15)
    assert decayed.posterior.beta == pytest.approx(1 + 2**-1, rel=1e-15)
    assert decayed.n_samples == pytest.approx(sum(2 ** (-i / 2) for i in range(4)), rel=1e-15)


@pytest.mark.parametrize("by", ["time", "events"])
def test_learning_many_equals_learning_one_at_a_time(by, rng):
    xs = rng.poisson(4.0, 300)
    w = rng.uniform(0.0, 2.0, 300)
    times = rng.uniform(0.0, 1e5, 300) if by == "time" else None
    one, many = (Decayed(Gamma(1, 1), half_life=777.0, by=by) for _ in range(2))
    for i in range(300):
        one.learn_one(int(xs[i]), w[i], None if times is None else times[i])
    for part in (slice(0, 100), slice(100, 100), slice(100, 300)):
        many.learn_many(xs[part], w[part], None if times is None else times[part])
    assert one.clock == many.clock
    agree("many", "Gamma", SUSPECTS, tuple(many.posterior), tuple(one.posterior), 1e-12)


def test_a_million_half_lives_lose_no_precision():
    decayed = Decayed(Normal(0.0, 1.0), half_life=1.0, by="time")
    for t in range(0, 1_000_000, 250):
        decayed.learn_one(5.0, t=float(t))
    decayed.learn_one(7.0, t=1e12)
    decayed.learn_one(1.0, t=-1e12)
    assert decayed.n_samples == 1.0
    assert decayed.mle == 7.0
    assert decayed.as_of(1e15).posterior == Normal(0.0, 1.0).prior


def test_a_later_time_decays_and_an_earlier_one_is_refused():
    decayed = Decayed(Beta(), half_life=10.0, by="time")
    assert decayed.as_of(5.0) == Beta()
    decayed.learn_one(True, t=100.0)
    assert decayed.as_of(110.0).posterior.alpha == 1.5
    assert decayed.as_of().posterior.alpha == 2.0
    with pytest.raises(ObservationError, match="cannot go back to 99"):
        decayed.as_of(99.0)


@pytest.mark.parametrize("case", ONE_CASE_PER_LIKELIHOOD, ids=lambda case: case.id)
@pytest.mark.parametrize("by", ["time", "events"])
def test_json_contains_the_whole_state(case, by):
    xs = case.observations(9)
    first, again = (Decayed(case.new(), half_life=3.7, by=by) for _ in range(2))
    for i, x in enumerate(xs):
        t = 1.7e9 + (i * 7 % 5) / 3 if by == "time" else None
        first.learn_one(x, 1.0, t)
        again.learn_one(x, 1.0, t)
        again = Decayed.from_dict(json.loads(json.dumps(again.to_dict())))
        assert json.dumps(first.to_dict()) == json.dumps(again.to_dict())
    assert first == again == pickle.loads(pickle.dumps(first))
    assert first.clone() == Decayed(case.new(), half_life=3.7, by=by)
    assert str(first) == str(again)


def test_reading_changes_nothing():
    first, read = (Decayed(Gamma(1, 1), half_life=3.7) for _ in range(2))
    for x in range(20):
        first.learn_one(x)
        read.learn_one(x)
        assert read.mean > 0.0
        assert read.interval()[0] < read.predict_one() + 1
    assert first.to_dict() == read.to_dict()


@pytest.mark.parametrize(
    ("x", "w", "t"),
    [
        (True, 1.0, None),
        (True, 1.0, math.nan),
        (True, 1.0, "2020-01-01"),
        (True, 1.0, 1e300),
        (True, -1.0, 5.0),
        (True, math.inf, 5e9),
        (True, "2", 5.0),
        (2, 1.0, 5.0),
        (2, 1.0, 5e9),
        (None, 1.0, 5.0),
    ],
)
def test_refused_observations_change_nothing(x, w, t):
    decayed = Decayed(Beta(), half_life=10.0, by="time")
    for seen in ([], [(True, 3.0), (False, 8.0)]):
        for value, at in seen:
            decayed.learn_one(value, t=at)
        before = decayed.to_dict()
        with pytest.raises(ObservationError):
            decayed.learn_one(x, w, t)
        with pytest.raises(ObservationError):
            decayed.learn_many([True, x], [1.0, w] if w != 1.0 else None, [5.0, t])
        assert decayed.to_dict() == before
        assert decayed == Decayed.from_dict(before)


def test_invalid_half_lives_are_refused():
    with pytest.raises(PriorError, match="half_life"):
        Decayed(Beta(), half_life=0.0)
    with pytest.raises(PriorError, match="by='events' or by='time'"):
        Decayed(Beta(), half_life=1.0, by="days")
    with pytest.raises(PriorError, match="expected a State"):
        Decayed(3, half_life=1.0)
    with pytest.raises(ObservationError, match="does not accept a time"):
        Decayed(Beta(), half_life=1.0).learn_one(True, t=3.0)
    with pytest.raises(AttributeError):
        Decayed(Beta(), half_life=1.0).update(True)


def test_refused_merges_change_nothing():
    decayed = Decayed(Beta(), half_life=1.0, by="time")
    decayed.learn_one(True, t=1.0)
    before = decayed.to_dict()
    for other in (
        Decayed(Beta(), half_life=2.0, by="time"),
        Decayed(Beta(), half_life=1.0),
        Decayed(Beta(2, 2), half_life=1.0, by="time"),
        Beta(),
    ):
        with pytest.raises(MergeError):
            decayed.merge(other)
    assert decayed.to_dict() == before


@pytest.mark.parametrize(
    "change",
    [{"seqbayes": 99}, {"decayed": "days"}, {"half_life": -1}, {"clock": "x"}, {"state": 3}],
)
def test_invalid_documents_raise_an_error(change):
    with pytest.raises(PriorError):
        Decayed.from_dict({**Decayed(Beta(), half_life=1.0).to_dict(), **change})


def test_windows_forgetting_and_rollover():
    decayed = Decayed(Beta(), half_life=1.0, by="time")
    decayed.learn_one(True, t=1.0)
    kept = decayed.to_dict()["state"]["statistics"]
    decayed.learn_one(False, 2.0, t=0.5)
    decayed.unlearn_one(False, 2.0, t=0.5)
    assert decayed.to_dict()["state"]["statistics"] == pytest.approx(kept)
    decayed.forget(0.5)
    assert decayed.posterior.alpha == 1.5
    decayed.rollover()
    assert (decayed.prior.alpha, decayed.n_samples) == (1.5, 0.0)
