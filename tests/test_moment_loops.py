"""The loop for unweighted values adds exactly what the general loop adds."""

import numpy as np
import pytest

from seqbayes import NormalInverseGamma
from seqbayes.errors import ObservationError
from seqbayes.statistics.columns import Columns

RNG = np.random.default_rng(5)
N = 3000
VALUES = {
    "prices": 1e6 + np.arange(N) % 1000 / 1000,
    "standard": RNG.normal(size=N),
    "zeros": np.where(RNG.random(N) < 0.5, 0.0, -0.0),
    "scales": RNG.normal(size=N) * 10.0 ** RNG.integers(-20, 20, N),
    "large": RNG.normal(size=N) * np.where(np.arange(N) % 500, 1e139, 1e141),
    "tiny": RNG.normal(size=N) * 1e-160,
}


def learned(rows, xs, weights):
    columns = Columns(NormalInverseGamma().new_statistics)
    columns.resize(7)
    for part in np.array_split(np.arange(len(xs)), 4):
        ws = None if weights is None else weights[part]
        columns.learn(rows[part], xs[part], xs[part], ws, None)
    return columns


@pytest.mark.parametrize("name", VALUES)
def test_sums_are_those_of_the_general_loop(name):
    xs, rows = VALUES[name], RNG.integers(0, 7, N)
    fast, general = learned(rows, xs, None), learned(rows, xs, np.ones(N))
    assert [fast.dump(row) for row in range(7)] == [general.dump(row) for row in range(7)]
    alone = NormalInverseGamma()
    alone.learn_many(xs[rows == 3])
    mine = NormalInverseGamma().with_statistics(fast.statistics(3))
    assert repr(mine.posterior) == repr(alone.posterior)


def test_an_overflow_changes_nothing():
    rows = np.zeros(3, np.int64)
    columns = learned(rows, np.array([1.0, 2.0, 3.0]), None)
    before = columns.dump(0)
    xs = np.array([1.0, 1e200, 2.0])
    with pytest.raises(ObservationError, match="position 1"):
        columns.learn(rows, xs, xs, None, None)
    assert columns.dump(0) == before
