"""Weights near the smallest floats, and rounding errors of weights that remain after unlearning."""

import copy
import json
import pickle

import pytest

import seqbayes as sb
from cases import ONE_CASE_PER_LIKELIHOOD
from seqbayes.forgetting import Decayed

VALUES = [0.1, 8.36709127699931, -1e12, 1e36, 1e-140]


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("weight", [1e-300, 2.5e-301, 1e-290])
def test_equal_values_of_tiny_weights_have_no_variance(value, weight):
    for state, x in ((sb.NormalInverseGamma(), value), (sb.NormalInverseWishart([0.0]), [value])):
        state.learn_one(x, weight)
        state.learn_one(x, 3.0 * weight)
        state.forget(0.9)
        state.unlearn_one(x, 0.25 * weight)
        statistic = state.statistics.value
        assert statistic.squares == 0.0
        assert state.mle is None  # there is no maximum
        assert statistic.mean == pytest.approx(value, rel=1e-12, abs=5e-324 / weight)


def test_a_value_that_decayed_for_a_thousand_half_lives_has_no_variance():
    belief = Decayed(sb.NormalInverseGamma(), half_life=1.0, by="time")
    belief.learn_one(2.792099682393714, t=0.0)
    statistic = belief.as_of(1000.0).statistics.value
    assert (statistic.mean, statistic.squares) == (2.792099682393714, 0.0)


def test_close_values_of_tiny_weights_have_their_mean():
    state = sb.NormalInverseGamma()
    state.learn_one(0.1, 1e-300)
    state.learn_one(0.1000000000000001, 2.5e-301)
    statistic = state.statistics.value
    assert (statistic.origin - 0.1) + statistic.shift == pytest.approx(1.94e-17, rel=0.01, abs=0.0)


@pytest.mark.parametrize(
    ("state", "x"), [(sb.NormalInverseGamma(), 0.7), (sb.Beta(), True), (sb.Gamma(), 3)]
)
def test_copies_of_empty_states_recognise_rounding_errors_of_weights(state, x):
    copy = type(state).from_dict(state.to_dict())
    copy.learn_one(x, 3.0)
    copy.learn_one(x, 0.3)
    copy.unlearn_one(x, 3.3)  # 3.0 + 0.3 is not 3.3
    assert copy.statistics.n == 0.0


def test_a_tiny_weight_survives_a_round_trip():
    state = sb.NormalInverseGamma()
    state.learn_one(5.0, 1.0)
    state.learn_one(2.0, 1e-200)
    copy = sb.NormalInverseGamma.from_dict(state.to_dict())
    copy.unlearn_one(5.0, 1.0)
    assert copy.statistics.n == 1e-200
    assert copy.statistics.value.mean == 2.0


@pytest.mark.parametrize(
    ("state", "early", "late"),
    [
        (sb.Beta(), True, False),
        (sb.Gamma(), 4, 0),
        (sb.NormalInverseGamma(), 1e12, 1.5),
        (sb.NormalInverseGamma(), 0.0, 1e12),
        (sb.NormalInverseWishart([0.0]), [1e12], [1.5]),
    ],
)
def test_the_last_observation_is_unlearned_despite_rounding_errors_of_weights(state, early, late):
    for w in (0.1, 0.1, 0.1):
        state.learn_one(early, w)
    state.learn_one(late, 0.7)
    state.unlearn_one(early, 0.3)  # 0.1 + 0.1 + 0.1 is not 0.3
    with pytest.raises(sb.ObservationError, match="not learned"):
        state.unlearn_one(early, 0.7)
    state.unlearn_one(late, 0.7)
    assert state.statistics.n == 0.0


def test_a_round_trip_of_vectors_keeps_a_variance_far_below_the_mean_square():
    state = sb.NormalInverseWishart([0.0, 0.0])
    state.learn_one([1000000000001.5167, 1.5], 1e-200)
    state.learn_one([999999999999.0312, 1.5], 1e-200)
    state.learn_one([999999999999.3196, 1.5], 1.0)
    state.learn_one([999999999999.8644, 1.5], 1e-12)
    squares = float(state.statistics.value.squares[0, 0])
    assert squares == pytest.approx(2.9680682718724135e-13, rel=1e-10, abs=0.0)
    copy = sb.NormalInverseWishart.from_dict(state.to_dict())
    assert float(copy.statistics.value.squares[0, 0]) == pytest.approx(squares, rel=1e-12, abs=0.0)


def test_a_state_is_restored_if_only_a_vector_of_tiny_weight_remains():
    state = sb.NormalInverseWishart([0.0, 0.0], 1.0, 4.0, [[2.0, 0.3], [0.3, 1.0]])
    state.learn_one([1000000000.8806208, 0.16694201721817936], 0.1)
    state.learn_one([-0.5269327592040647, -1.2474642239877982], 2.848139132652347e-257)
    state = type(state).from_dict(state.to_dict())
    state.learn_one([999999999.7125443, 1.2042431426414277])
    state.unlearn_one([1000000000.8806208, 0.16694201721817936], 0.1)
    state.unlearn_one([999999999.7125443, 1.2042431426414277])
    restored = type(state).from_dict(state.to_dict())
    assert restored == state
    assert restored.n_samples == 2.848139132652347e-257


def test_no_part_of_the_sums_of_vectors_is_lost_in_a_round_trip():
    belief = Decayed(sb.NormalInverseWishart([0.0, 0.0]), half_life=1.0, by="time")
    for x, w, t in [
        ([0.7353406339173139, -1.3097255872503974], 1e-12, 0.0),
        ([1e-09, -1.0394450762754708], 1e-12, 1.2458795666735571),
        ([3002399751580331.0, -1.0394450762754708], 0.5, 3.729683709652387),
        ([1.0152552577857927, -1.7623768202194074], 0.1, 5.988624338738159),
        ([1.0152552577857927, -1.7623768202194074], 1.0, 1.8961133157725283),
        ([-0.6843504392616793, -3.212849134227479], 1e9, 10.241001594310802),
    ]:
        belief.learn_one(x, w, t)
    before = belief.to_dict()
    assert Decayed.from_dict(before).to_dict() == before
    with pytest.raises(sb.ObservationError):
        belief.learn_one([float("nan"), 1.0], t=100.0)
    assert belief.to_dict() == before


def through_json(state):
    return type(state).from_dict(json.loads(json.dumps(state.to_dict())))


@pytest.mark.parametrize("case", ONE_CASE_PER_LIKELIHOOD, ids=lambda case: case.id)
@pytest.mark.parametrize(("large", "small"), [(1e9, 1e-12), (1.0, 1e-20), (1e15, 0.3)])
def test_small_weights_remain_when_large_ones_are_unlearned_from_a_copy(case, large, small):
    first, second = case.observations(2, salt=71)
    if "unlearn" in case.new().unsupported:
        pytest.skip("cannot unlearn")
    state = case.new([first, second], [small, large])
    copies = [state, through_json(state), pickle.loads(pickle.dumps(state)), copy.copy(state)]
    for each in copies:
        each.unlearn_one(second, large)
        assert each.n_samples == small
        assert each.mle == case.new([first], [small]).mle


def test_small_counts_remain_when_large_ones_are_unlearned_from_a_copy():
    state = sb.Dirichlet({"a": 1.0, "b": 1.0}, likelihood=sb.likelihoods.Multinomial())
    state.learn_one({"a": 2, "b": 1})
    state.learn_one({"a": 10**15}, 1e9)
    for each in (through_json(state), state):
        each.unlearn_one({"a": 10**15}, 1e9)
        assert each.posterior.alpha.tolist() == [3.0, 2.0]


@pytest.mark.parametrize("restore", [copy.copy, through_json])
def test_counts_that_are_rounding_errors_of_weights_are_removed(restore):
    state = sb.Dirichlet({"a": 1.0, "b": 1.0}, likelihood=sb.likelihoods.Multinomial())
    for _ in range(3):
        state.learn_one({"a": 5}, 0.1)
    state.learn_one({"b": 3}, 0.7)
    state = restore(state)
    state.unlearn_one({"a": 5}, 0.3)  # 0.1 + 0.1 + 0.1 is not 0.3
    assert state.posterior.alpha[0] == 1.0
