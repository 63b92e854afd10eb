"""Beliefs about a window of time: exactly the observations of the window, in any order."""

import copy
import json
import math
import pickle
import random

import pytest

from cases import ONE_CASE_PER_LIKELIHOOD
from seqbayes import Beta, Dirichlet, Gamma, MergeError, NormalInverseGamma, Windowed, windowed
from seqbayes.errors import ObservationError, PriorError
from seqbayes.forgetting import Decayed
from seqbayes.stream.codec import StateCodec, read_state

FORMS = [(10.0, None), (10.0, 2.5), (60.0, 20.0), (0.3, 0.1)]
STATES = [
    (Beta(2, 3), lambda rng: rng.random() < 0.4),
    (Gamma(2, 3), lambda rng: rng.randrange(9)),
    (NormalInverseGamma(), lambda rng: rng.gauss(3.0, 2.0)),
    (Dirichlet({"a": 1, "b": 2}), lambda rng: rng.choice("ab")),
]


def stream(draw, scale, seed, n=300):
    """Return observations with times, most of which increase."""
    rng = random.Random(seed)
    return [(draw(rng), rng.choice([1.0, 2.0]), scale * (i + rng.uniform(-9, 9))) for i in range(n)]


def expected(state, events, start, end):
    """Return the state that has learned the observations of a window, one after the other."""
    found = state.clone()
    for x, w, t in events:
        if start <= t < end:
            found.learn_one(x, w)
    return found


def same(mine, theirs):
    assert mine.n_samples == theirs.n_samples
    assert mine.mean == pytest.approx(theirs.mean, rel=1e-12)
    assert mine.log_evidence == pytest.approx(theirs.log_evidence, rel=1e-10)


def learn(belief, events):
    """Learn what is not late, and return it."""
    learned = []
    for x, w, t in events:
        try:
            belief.learn_one(x, w, t)
        except ObservationError:
            late = (t // belief.every + 1.0) * belief.every + belief.length - belief.every
            assert late + belief.lateness <= belief.clock + 1e-9
        else:
            learned.append((x, w, t))
    return learned


@pytest.mark.parametrize(("state", "draw"), STATES)
@pytest.mark.parametrize(("length", "every"), FORMS)
def test_the_state_is_that_of_the_observations_of_the_present_window(state, draw, length, every):
    belief = Windowed(state, length, every)
    every = every or length
    events, learned = stream(draw, length / 40.0, 1), []
    for each in events:
        learned += learn(belief, [each])
        end = belief.pane_of(belief.clock) + 1
        if len(learned) % 20 == 0:
            start = end - round(length / every)
            same(belief, expected(state, learned, start * every, end * every))
            assert belief.mean == belief.now.mean
    assert len(learned) > 250
    assert belief.as_of(belief.clock + 2.0 * length).n_samples == 0.0


@pytest.mark.parametrize("length", [0.1, 0.3, 1.0 / 3.0, 0.7, 60.0, 86400.0])
def test_a_window_contains_the_times_from_its_start_to_before_its_end(length):
    for k in [*range(1, 60), *range(10**6, 10**6 + 60)]:
        boundary = k * length
        for t in (math.nextafter(boundary, 0.0), boundary, math.nextafter(boundary, math.inf)):
            for time in (t, -t):
                belief = Windowed(Beta(), length)
                belief.learn_one(True, t=time)
                (window,) = belief.take_ended(time + 2.0 * length)
                assert window.start <= time < window.end
                assert belief.n_samples == 1.0


@pytest.mark.parametrize(("length", "every"), FORMS[:3])
@pytest.mark.parametrize("lateness", [0.0, 7.0])
def test_windows_that_were_taken_are_exact_however_often_they_are_taken(length, every, lateness):
    events = stream(lambda rng: rng.random() < 0.4, length / 40.0, 2)
    results = []
    for pause in (1, 7, 1000):
        belief, taken, learned = Windowed(Beta(), length, every, lateness), {}, []
        for i, each in enumerate(events):
            learned += learn(belief, [each])
            if i % pause == 0:
                taken |= {w.end: w for w in belief.take_ended(belief.clock)}
            if pause == 7 and i % 70 == 0:  # as if a run was resumed
                belief = Windowed.from_dict(json.loads(json.dumps(belief.to_dict())))
        taken |= {w.end: w for w in belief.take_ended(belief.clock + 2.0 * length)}
        for window in taken.values():
            assert window.end - window.start == length
            same(window.state, expected(Beta(), learned, window.start, window.end))
        ends = {
            end
            for _, _, t in learned
            for k in range(-1, int(length / (every or length)) + 2)
            if (end := (every or length) * (t // (every or length) + k)) - length <= t < end
        }
        assert set(taken) == {end for end in ends if end <= belief.clock + 2.0 * length}
        results.append({end: window.state.posterior for end, window in taken.items()})
    assert results[0] == results[1] == results[2]


def test_an_observation_is_learned_until_its_last_window_and_the_lateness_have_passed():
    for lateness, refused in ((0.0, 20.0), (5.0, 25.0)):
        belief = Windowed(Beta(), 20.0, 10.0, lateness)
        belief.learn_one(True, t=refused - 0.001)
        belief.learn_one(True, t=5.0)
        belief.learn_one(True, t=refused + 5.0)
        before = belief.to_dict()
        with pytest.raises(ObservationError, match=r"0\.5 is late: its last window ended"):
            belief.learn_one(True, t=0.5)
        assert belief.to_dict() == before


def test_refused_observations_leave_the_belief_unchanged():
    belief = Windowed(Beta(), 10.0)
    belief.learn_one(True, t=1.0)
    before = belief.to_dict()
    for x, w, t in ((2, 1.0, 3.0), (True, -1.0, 3.0), (True, 1.0, None), (True, 1.0, 1e300),
                    (True, 1.0, float("nan")), (2, 1.0, 33.0)):  # fmt: skip
        with pytest.raises(ObservationError):
            belief.learn_one(x, w, t)
        assert belief.to_dict() == before
    with pytest.raises(ObservationError):
        belief.learn_many([True, 2], t=[2.0, 3.0])
    with pytest.raises(ObservationError, match="expected 2 times, got 1"):
        belief.learn_many([True, True], t=[2.0])
    with pytest.raises(ObservationError, match="expected 3 weights, got 2"):
        belief.learn_many([True] * 3, [1.0, 2.0], [2.0, 3.0, 4.0])
    with pytest.raises(ObservationError, match=r"got 2\.0"):
        belief.learn_many([True], t=2.0)
    assert belief.to_dict() == before
    belief.learn_many([True, False], [1.0, 2.0], [2.0, 3.0])
    assert belief.n_samples == 4.0


def test_shards_merge_to_the_whole():
    events = stream(lambda rng: rng.gauss(0.0, 1.0), 0.25, 3)
    events.sort(key=lambda each: each[2])
    state = NormalInverseGamma()
    whole, *shards = (Windowed(state, 10.0, 2.5) for _ in range(3))
    learn(whole, events)
    for i, shard in enumerate(shards):
        learn(shard, events[i::2])
    shards[0].merge(shards[1])
    same(shards[0], whole)
    same(sum(shards[1:], Windowed(state, 10.0, 2.5)), shards[1])
    assert shards[0].clock == whole.clock
    for other in (Windowed(state, 10.0), Windowed(Beta(), 10.0, 2.5), state):
        with pytest.raises(MergeError):
            shards[0].merge(other)


def test_a_belief_with_windows_has_no_methods_that_would_change_only_one_window():
    belief = Windowed(Beta(), 10.0)
    belief.learn_one(True, t=1.0)
    for name in ("unlearn_one", "forget", "rollover", "update", "revert"):
        assert not hasattr(belief, name)


def test_copies_are_independent_and_round_trips_equal():
    belief = Windowed(Gamma(2, 3), 10.0, 5.0, 1.0)
    learn(belief, stream(lambda rng: rng.randrange(9), 0.25, 4))
    other = copy.copy(belief)
    for same_ in (
        other,
        pickle.loads(pickle.dumps(belief)),
        read_state(json.loads(json.dumps(belief.to_dict()))),
        StateCodec(belief).read(StateCodec(belief).write(belief)),
    ):
        assert same_ == belief
        assert same_.posterior == belief.posterior
    other.learn_one(3, t=belief.clock)
    assert other != belief
    assert belief.clone() == Windowed(Gamma(2, 3), 10.0, 5.0, 1.0)
    assert belief.clone().n_samples == 0.0
    assert "length=10.0" in repr(belief)


@pytest.mark.parametrize("case", ONE_CASE_PER_LIKELIHOOD, ids=lambda case: case.id)
def test_beliefs_about_any_state_survive_round_trips_and_continue_identically(case):
    belief = Windowed(case.new(), 10.0, 5.0, 5.0)
    xs = case.observations(12, salt=70)
    for i, x in enumerate(xs[:8]):
        belief.learn_one(x, 0.3 if i % 3 else 1.0, 3.0 * i)
    copies = [
        pickle.loads(pickle.dumps(belief)),
        read_state(json.loads(json.dumps(belief.to_dict()))),
        StateCodec(belief).read(StateCodec(belief).write(belief)),
    ]
    for copied in [belief, *copies]:
        assert copied == belief
        assert copied.to_dict() == belief.to_dict()
    for i, x in enumerate(xs[8:]):
        for copied in [belief, *copies]:
            copied.learn_one(x, 1.0, 20.0 + 2.0 * i)
    for copied in copies:
        assert copied.to_dict() == belief.to_dict()
        assert copied.now == belief.now


def test_panes_that_no_window_needs_are_removed(monkeypatch):
    monkeypatch.setattr(windowed, "MOST_UNREPORTED", 100)
    belief = Windowed(Beta(), 4.0, 1.0)
    for i in range(2000):
        belief.learn_one(True, t=float(i))
        assert len(belief.to_dict()["panes"]) <= 8
    assert len(pickle.dumps(belief)) < 3000
    taken = belief.take_ended(2000.0)
    ends = [window.end for window in taken]
    assert ends == sorted(ends)
    assert 4 <= len(ends) <= 101
    assert all(window.state.n_samples == 4.0 for window in taken)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((Beta(), 0.0), "length"),
        ((Beta(), 10.0, 3.0), "a multiple of 3"),
        ((Beta(), 10.0, 20.0), "a multiple of 20"),
        ((Beta(), 10.0, None, -1.0), "a lateness >= 0"),
        ((Beta(), 1000.0, 1.0), "choose a longer time between windows"),
        ((Decayed(Beta(), 3.0), 10.0), "expected a state for a window"),
    ],
)
def test_invalid_parameters_are_refused(arguments, error):
    with pytest.raises(PriorError, match=error):
        Windowed(*arguments)


OTHER_PRIOR = {"prior": {"alpha": 9.0, "beta": 9.0}}


@pytest.mark.parametrize(
    "change",
    [
        {"windowed": None},
        {"panes": 3},
        {"panes": [[0, "x"]]},
        {"panes": [[0, OTHER_PRIOR]]},
        {"clock": "x"},
        {"state": {}},
        {"every": 0.3},
    ],
)
def test_invalid_documents_are_refused(change):
    belief = Windowed(Beta(), 10.0)
    belief.learn_one(True, t=1.0)
    with pytest.raises(PriorError):
        Windowed.from_dict({**belief.to_dict(), **change})
