"""Partial results are merged in the driver or by workers, with the same results."""

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql.classic.dataframe import DataFrame

from seqbayes import Beta, Dirichlet, Gamma, NormalInverseGamma, Product
from seqbayes.spark import partials
from seqbayes.spark.events import COUNT, KEY, booleans
from seqbayes.stream import Belief

N = 400


@pytest.fixture(scope="module")
def frame(spark):
    rng = np.random.default_rng(3)
    missing = rng.random(N) < 0.05
    table = pa.table(
        {
            "shop": rng.integers(7, size=N),
            "open": pa.array(rng.random(N) < 0.5, mask=rng.random(N) < 0.05),
            "sold": pa.array(rng.random(N) < 0.3, mask=missing),
            "visits": pa.array(rng.poisson(3.0, N), mask=missing),
            "seconds": pa.array(1e6 + rng.normal(size=N), mask=missing),
            "colour": pa.array(rng.choice(["red", "green"], N), mask=missing),
        }
    )
    return spark.createDataFrame(table).repartition(3).persist()


@pytest.fixture
def merged(monkeypatch):
    """Return a list of the types of all results that are computed."""
    types, compute = [], partials.Partials.merged

    def note(self):
        found = compute(self)
        types.append(type(found))
        return found

    monkeypatch.setattr(partials.Partials, "merged", note)
    return types


@pytest.mark.parametrize(
    "belief",
    [
        Belief("sold", Beta(1, 9), "sold", by="shop"),
        Belief("all", Beta(1, 9), "sold"),
        Belief("visits", Gamma(), "visits", by=["shop", "open"]),
        Belief("seconds", NormalInverseGamma(), "seconds", by="open"),
        Belief("colour", Dirichlet.flat(["red", "green"]), "colour", by="shop"),
        Belief("both", Product({"sold": Beta(), "seconds": NormalInverseGamma()}), by="shop"),
    ],
    ids=lambda belief: belief.name,
)
def test_the_driver_and_the_workers_merge_to_the_same_states(frame, belief, merged, monkeypatch):
    from seqbayes.spark import learn

    few, many = (learn(frame, belief, invalid="skip") for _ in range(2))
    found = few.collect()
    for limit in ("_FEW_ROWS", "_FEW_BYTES"):
        monkeypatch.setattr(partials, limit, 0)
    assert found.keys() == many.collect().keys()
    assert merged == [pa.Table, DataFrame]
    for key, state in many.collect().items():
        assert state.to_dict() == found[key].to_dict()
    assert len(few) == len(many) == few.states().count() == many.states().count()
    assert few.refused == many.refused > 0
    assert few.to_arrow().equals(many.to_arrow())
    assert few.states().schema == many.states().schema
    again = many.unpersist().collect()
    assert again.keys() == few.unpersist().collect().keys()


def test_many_partial_beliefs_are_merged_by_workers(frame, merged, monkeypatch):
    from seqbayes.spark import learn

    belief = Belief("seconds", NormalInverseGamma(), "seconds", by="shop", weight="visits")
    few = learn(frame, belief, invalid="skip").collect()
    monkeypatch.setattr(partials, "_FEW_BELIEFS", 2)
    many = learn(frame, belief, invalid="skip").collect()
    assert merged == [pa.Table, DataFrame]
    assert {key: repr(state.posterior) for key, state in few.items()} == {
        key: repr(state.posterior) for key, state in many.items()
    }


def test_an_invalid_event_raises_the_same_error_in_the_driver(frame):
    from seqbayes.errors import ObservationError
    from seqbayes.spark import learn

    with pytest.raises(ObservationError, match=r"belief 'sold': sold is missing .*invalid=\"skip"):
        learn(frame, Belief("sold", Beta(), "sold", by="shop")).collect()


def test_counts_of_booleans_are_rows_of_distinct_events():
    columns = {KEY: ["a", "b", None], "__all": [5, 2, 1], "__present": [4, 2, 0]}
    batch = pa.RecordBatch.from_pydict(columns | {"__true": [1, 2, 0]})
    found = booleans(batch, "x").to_pylist()
    assert [(row[KEY], row["x"], row[COUNT]) for row in found] == [
        ("a", True, 1.0),
        ("b", True, 2.0),
        ("a", False, 3.0),
        ("a", None, 1.0),
        (None, None, 1.0),
    ]
