"""Merging tables with common keys equals learning everything in one table."""

import numpy as np
import pytest

from seqbayes import Beta, Gamma, NormalInverseGamma, NormalInverseWishart
from seqbayes.errors import ObservationError
from seqbayes.likelihoods import MultivariateNormal
from seqbayes.table import Table


@pytest.mark.parametrize("exponent", [0.0, 40.0])
def test_merged_sums_are_exact(exponent):
    rng = np.random.default_rng(3)
    keys = rng.integers(50, size=2000)
    xs = rng.normal(size=2000) * np.exp(rng.uniform(-exponent, exponent, 2000))
    whole, total = Table(NormalInverseGamma()), Table(NormalInverseGamma())
    whole.learn_many(keys, xs)
    for i in range(5):
        part = Table(NormalInverseGamma())
        part.learn_many(keys[i::5], xs[i::5])
        total.merge(part)
    for key in range(50):
        assert total[key].posterior == whole[key].posterior
        assert total[key].log_evidence == whole[key].log_evidence


def test_tables_without_common_columns_are_merged():
    ones, halves = Table(Gamma()), Table(Gamma())
    ones.learn_many(["a", "b"], [1, 2])
    halves.learn_many(["b", "c", "a"], [0, 0, 3], w=[0.1, 0.1, 0.1])
    both = ones + halves
    assert both.keys == ["a", "b", "c"]
    assert both["a"].n_samples == pytest.approx(1.1)
    assert (halves + ones)["b"].posterior == both["b"].posterior
    assert (Table(Beta()) + Table(Beta())).keys == []


def test_a_merge_that_overflows_changes_nothing():
    big, other = Table(Gamma()), Table(Gamma())
    big.learn_many(["a", "b"], [3, 1], w=[1.0, 1e308])
    other.learn_many(["a", "c", "b"], [1, 2, 1], w=[1.0, 1.0, 1e308])
    with pytest.raises(ObservationError, match="overflow"):
        big.merge(other)
    assert big.keys == ["a", "b"]
    assert big["a"].posterior == (4.0, 2.0)


def test_vectors_are_learned_from_columns_of_their_features():
    prior = NormalInverseWishart((0.0, 0.0), likelihood=MultivariateNormal(("x", "y")))
    rows, columns = prior.clone(), prior.clone()
    rows.learn_many([{"x": 1.0, "y": 4.0}, {"x": 2.0, "y": 3.0}])
    columns.learn_many({"y": np.array([4.0, 3.0]), "x": np.array([1.0, 2.0])})
    assert columns.statistics == rows.statistics
    listed = prior.clone()
    listed.learn_many({"x": [1, 2], "y": [4, 3]})
    assert listed.statistics == rows.statistics
    with pytest.raises(ObservationError, match="every feature, got none for 'y'"):
        prior.learn_many({"x": [1.0]})


def test_vectors_in_an_array_that_cannot_be_written_are_learned():
    xs = np.arange(8.0).reshape(4, 2) ** 2
    xs.setflags(write=False)
    state, other = NormalInverseWishart((0.0, 0.0)), NormalInverseWishart((0.0, 0.0))
    state.learn_many(xs)
    other.learn_many(xs.tolist())
    assert state.statistics == other.statistics
