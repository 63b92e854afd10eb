"""Sums of numbers and of their squares that Spark computes: as exact as those of one process."""

import numpy as np
import pyarrow as pa
import pytest

from seqbayes import Beta, Decayed, Gamma, Normal, NormalInverseGamma
from seqbayes.errors import ObservationError
from seqbayes.likelihoods import LogNormal
from seqbayes.spark import moments
from seqbayes.spark.events import COUNT, KEY
from seqbayes.spark.moments import LearnMoments
from seqbayes.stream import Belief
from seqbayes.stream.codec import StateCodec

N = 300


def values():
    """Return numbers of different magnitudes, by key."""
    rng = np.random.default_rng(5)
    z = rng.normal(size=N)
    largest = np.nextafter(2.0**moments.HIGHEST, 0.0)
    powers = 2.0 ** np.arange(-130.0, 140.0, 1.0)
    return {
        "standard": z,
        "shifted": 1e9 + z,
        "spread": z * 10.0 ** rng.integers(-9, 9, N),
        "whole": np.round(3.0 * z),
        "powers": np.concatenate([powers, -np.nextafter(powers, 0.0)]),
        "limits": np.array([0.0, -0.0, 2.0**moments.LOWEST, largest, -largest, 5e-324, 1e150]),
    }


def one_by_one(state, xs):
    """Return the state after each of the numbers, without the rounding of `learn_many`."""
    for x in xs.tolist():
        state.learn_one(x)
    return state


def short(x):
    """Return numbers of single precision."""
    return np.clip(x, -1e30, 1e30).astype(np.float32)


@pytest.fixture(scope="module")
def frame(spark):
    columns = values()
    x = np.concatenate(list(columns.values()))
    keys = np.repeat(list(columns), [len(each) for each in columns.values()])
    rows = np.random.default_rng(6).permutation(len(x))
    table = pa.table({"key": keys[rows], "x": x[rows], "short": short(x[rows])})
    # more partitions than one group of partitions
    return spark.createDataFrame(table).repartition(40).persist()


@pytest.mark.parametrize("state", [Normal(), NormalInverseGamma()])
def test_sums_over_partitions_have_every_digit_of_one_process(frame, state):
    from seqbayes.spark import learn

    found = learn(frame, Belief("x", state, "x", by="key"))
    learned, codec = found.collect(), StateCodec(state)
    assert found.refused == 0
    assert learned.keys() == values().keys()
    for key, xs in values().items():
        alone = one_by_one(state.clone(), xs)
        assert repr(learned[key].posterior) == repr(alone.posterior)
        if key not in ("powers", "limits"):  # other sums drop digits far below the last one
            assert codec.write(learned[key]) == codec.write(alone)


def test_a_belief_without_key_and_numbers_of_fewer_digits_are_summed(frame):
    from seqbayes.spark import learn

    (state,) = learn(frame, Belief("x", NormalInverseGamma(), "short")).collect().values()
    alone = one_by_one(NormalInverseGamma(), short(np.concatenate(list(values().values()))))
    assert repr(state.posterior) == repr(alone.posterior)


def test_integers_are_summed_and_missing_ones_are_counted(spark):
    from seqbayes.spark import learn

    xs = [3, None, -(2**40), 2**62, 3, None, 0]
    table = pa.table({"key": ["a", "a", "a", "a", None, "b", "a"], "x": pa.array(xs)})
    found = learn(
        spark.createDataFrame(table),
        Belief("x", NormalInverseGamma(), "x", by="key"),
        invalid="skip",
    )
    alone = NormalInverseGamma()
    alone.learn_many([3.0, -(2.0**40), 2.0**62, 0.0])
    assert {key: repr(state.posterior) for key, state in found.collect().items()} == {
        "a": repr(alone.posterior)
    }
    assert found.refused == 3


def test_only_beliefs_that_learn_moments_of_numbers_are_summed(spark):
    frame = spark.createDataFrame(pa.table({"x": [1.0], "text": ["1"], "w": [1.0], "t": [0.0]}))
    assert moments.has_moments(frame, Belief("x", NormalInverseGamma(), "x"))
    for belief in (
        Belief("x", NormalInverseGamma(), "text"),
        Belief("x", NormalInverseGamma(), "x", weight="w"),
        Belief("x", Decayed(Normal(), 60.0, by="time"), "x", time="t"),
        Belief("x", NormalInverseGamma(likelihood=LogNormal()), "x"),
        Belief("x", Gamma(), "x"),
        Belief("x", Beta(), "x"),
    ):
        assert not moments.has_moments(frame, belief)


def batch(keys, scales, counts, sums):
    """Return the aggregates that `sum_moments` computes."""
    columns = {KEY: keys, moments.SCALE: pa.array(scales, pa.float64()), COUNT: counts}
    return pa.RecordBatch.from_pydict(columns | dict.fromkeys(moments.SUMS, pa.array(sums)))


@pytest.mark.parametrize(
    ("key", "x", "reason"),
    [
        ("a", None, "x is missing"),
        ("a", float("nan"), "expected a finite number"),
        ("a", float("inf"), "expected a finite number"),
        (None, 1.0, "the key is missing"),
    ],
)
def test_invalid_numbers_fail_or_are_counted(key, x, reason):
    belief = Belief("x", NormalInverseGamma(), "x", by="key")
    rows = batch([key], [x], [7], [0])
    with pytest.raises(ObservationError, match=reason):
        list(LearnMoments(belief, skip=False)([rows]))
    (states,) = LearnMoments(belief, skip=True)([rows])
    assert states.to_pylist() == [{"key": None, "state": None, "__refused": 7}]


def test_sums_over_too_many_events_are_refused():
    belief = Belief("x", Normal(), "x", by="key")
    rows = batch(["a"], [1.0], [(1 << 31) + 1], [0])
    with pytest.raises(ObservationError, match=r"more than 2147483648 events .*repartition"):
        list(LearnMoments(belief, skip=True)([rows]))
