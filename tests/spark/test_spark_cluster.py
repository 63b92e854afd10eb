"""Beliefs learned on a local cluster, as answers, in stores, and as Arrow tables."""

import numpy as np
import pyarrow as pa
import pytest

from seqbayes import (
    Beta,
    Dirichlet,
    Gamma,
    Normal,
    NormalInverseGamma,
    NormalInverseWishart,
    Product,
)
from seqbayes.errors import PriorError
from seqbayes.mixture import Mixture
from seqbayes.stream import Belief, StoreError, compare, show

FIELDS = {
    "sold": Beta(1, 9),
    "visits": Gamma(),
    "size": Normal(),
    "seconds": NormalInverseGamma(),
    "colour": Dirichlet.flat(["red", "green"]),
}


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    return [
        {
            "shop": ("north", "south")[int(rng.integers(2))],
            "day": int(rng.integers(3)),
            "sold": bool(rng.random() < 0.3),
            "visits": int(rng.poisson(3.0)),
            "size": float(rng.normal()),
            "seconds": 1e7 + float(rng.normal()),
            "colour": ("red", "green")[int(rng.random() < 0.2)],
            "at": [float(rng.normal()), float(rng.normal())],
            "reply": ("yes", "no", "perhaps")[i % 3],
        }
        for i in range(600)
    ]


@pytest.fixture(scope="module")
def frame(spark, rows):
    table = pa.Table.from_pylist(rows)
    return spark.createDataFrame(table).repartition(3).persist()


def test_the_posteriors_of_many_keys_are_those_of_one_process(frame, rows):
    from seqbayes.spark import learn

    belief = Belief("all", Product(FIELDS), by=["shop", "day"])
    found = learn(frame, belief)
    states = found.collect()
    assert len(states) == len(found) == 6
    for (shop, day), state in states.items():
        alone = Product(FIELDS)
        for row in rows:
            if row["shop"] == shop and row["day"] == int(day):
                alone.learn_one({name: row[name] for name in FIELDS})
        assert repr(state.posterior) == repr(alone.posterior)


def test_answers_and_stores_have_the_posteriors(frame, rows, tmp_path):
    from seqbayes.spark import learn

    belief = Belief("seconds", NormalInverseGamma(), "seconds", by="day")
    found = learn(frame, belief)
    table = found.to_arrow(0.9)
    assert table.column_names == ["day", "part", "n", "mean", "low", "high", "mle", "map"]
    assert table["day"].to_pylist() == [0, 0, 1, 1, 2, 2]
    url = str(tmp_path / "beliefs.db")
    assert found.write(url) == 3
    for day in range(3):
        alone = NormalInverseGamma()
        alone.learn_many([row["seconds"] for row in rows if row["day"] == day])
        (stored,) = show(url, "seconds", key=str(day))
        assert stored.state.posterior == alone.posterior
        assert table["mean"][2 * day].as_py() == alone.mean.mean
    assert compare(url, "seconds") is not None
    with pytest.raises(StoreError, match="has data of belief 'seconds'"):
        found.write(url)


def test_vectors_and_mixtures_are_learned_without_a_key(frame, rows):
    from seqbayes.spark import learn

    prior = NormalInverseWishart((0.0, 0.0))
    (state,) = learn(frame, Belief("at", prior, "at")).collect().values()
    prior.learn_many([row["at"] for row in rows])
    assert repr(state.posterior) == repr(prior.posterior)
    mixture = Mixture([Gamma(), Gamma()], seed=1)
    (learned,) = learn(frame, Belief("kinds", mixture, "visits")).collect().values()
    assert learned.n_samples == 600.0
    whole = sum(w * c.mean for w, c in zip(learned.weights, learned.components, strict=True))
    assert whole == pytest.approx(np.mean([row["visits"] for row in rows]), rel=0.05)


@pytest.mark.parametrize(
    ("field", "state"), [("reply", Beta()), ("visits", Gamma()), ("colour", FIELDS["colour"])]
)
def test_equal_observations_are_counted_without_changing_a_digit(frame, rows, field, state):
    from seqbayes.spark import learn

    found = learn(frame, Belief(field, state, field, by="shop"), invalid="skip")
    for shop, learned in found.collect().items():
        xs = [row[field] for row in rows if row["shop"] == shop]
        alone = state.clone()
        alone.learn_many([{"yes": True, "no": False}.get(x, x) for x in xs if x != "perhaps"])
        assert repr(learned.posterior) == repr(alone.posterior)
    assert found.refused == sum(row[field] == "perhaps" for row in rows)


def test_columns_that_do_not_exist_are_named(frame):
    from seqbayes.spark import learn

    with pytest.raises(PriorError, match="no column 'price'; columns: shop, day"):
        learn(frame, Belief("x", Normal(), "price"))
    with pytest.raises(PriorError, match="invalid"):
        learn(frame, Belief("x", Normal(), "size"), invalid="ignore")
