"""The functions that Spark runs in its workers, called in this process with Arrow batches."""

import itertools

import cloudpickle
import numpy as np
import pyarrow as pa
import pytest

from cases import ONE_CASE_PER_LIKELIHOOD
from seqbayes import Beta, Decayed, Gamma, Normal, NormalInverseGamma
from seqbayes.errors import ObservationError, PriorError
from seqbayes.mixture import Mixture
from seqbayes.spark.events import COUNT, KEY, TIME, WEIGHT, check_belief, key_values
from seqbayes.spark.workers import LearnKeys, LearnPartition, MergeBuckets
from seqbayes.stream import Belief
from seqbayes.stream.codec import StateCodec

SHOPS = ("north", "süd", "")


def run(belief, *partitions, skip=False, buckets=3):
    """Return the states by key, and the number of refused events, as Spark would compute them."""
    learn, merge = (
        cloudpickle.loads(cloudpickle.dumps(each))
        for each in (LearnPartition(belief, skip, buckets), MergeBuckets(belief))
    )
    partial = [batch for part in partitions for batch in learn(iter(part))]
    return collect(belief, merge(iter(partial)))


def collect(belief, batches):
    """Return the states by key, and the number of refused events, of the columns of states."""
    codec, found, total = StateCodec(belief.state), {}, 0
    for batch in batches:
        for *key, text, refused in zip(*(c.to_pylist() for c in batch.columns), strict=True):
            if text is None:
                total += refused
            else:
                assert tuple(key) not in found
                found[tuple(key)] = codec.read(text)
    return found, total


def columns_of(belief, xs):
    """Return observations as columns."""
    names = [name for name, _ in belief.values]
    if belief.mapped:
        return {name: [x.get(name) for x in xs] for name in names}
    if belief.counted:
        return {name: [x.get(name, 0) for x in xs] for name in names}
    if len(names) == 1:
        return {names[0]: xs}
    return dict(zip(names, map(list, zip(*xs, strict=True)), strict=True))


def batches(columns, size):
    """Return columns as Arrow batches of a number of rows."""
    return pa.table(columns).to_batches(max_chunksize=size)


def declare(case):
    """Return a declaration of a belief of this case."""
    state, kind = case.new(), case.likelihood.observation_kind
    fields = {"pair": ("a", "b"), "counts": tuple(state.categories)}.get(kind, ("a",))
    return Belief("each", state, () if case.likelihood.observation_fields else fields, by="shop")


def named(case):
    return all(isinstance(name, str) for name in case.likelihood.observation_fields)


@pytest.mark.parametrize(
    "case", list(filter(named, ONE_CASE_PER_LIKELIHOOD)), ids=lambda case: case.id
)
def test_partitions_have_exactly_the_posterior_of_one_process(case):
    belief = declare(case)
    xs = case.observations(90)
    if belief.mapped and case.fields:
        xs = [case.named(x) for x in xs]
    shops = [SHOPS[i % 3] for i in range(90)]
    columns = {KEY: shops, **columns_of(belief, xs)}
    parts = [
        batches({name: column[i::4] for name, column in columns.items()}, 7) for i in (2, 0, 3, 1)
    ]
    found, refused = run(belief, *parts)
    assert refused == 0
    assert found.keys() == {(shop,) for shop in SHOPS}
    for shop in SHOPS:
        alone = case.new(x for s, x in zip(shops, xs, strict=True) if s == shop)
        if alone.open_ended:  # labels have no order
            assert found[shop,].mean == alone.mean
        else:
            assert repr(found[shop,].posterior) == repr(alone.posterior)
        assert found[shop,].n_samples == alone.n_samples


def test_weights_and_times_are_learned():
    belief = Belief("rate", Decayed(Gamma(), 60.0, "time"), "n", by="shop", weight="w", time="at")
    ns, ws, at = [1, 2, 3, 4, 5, 6], [1.0, 0.5, 2.0, 0.0, 1.0, 3.0], [0.0, 30, 90, 10, 200, 60]
    columns = {KEY: ["a", "b"] * 3, "n": ns, WEIGHT: ws, TIME: at}
    parts = [batches({name: c[i:j] for name, c in columns.items()}, 2) for i, j in ((3, 6), (0, 3))]
    found, _ = run(belief, *parts)
    for i, key in enumerate("ab"):
        alone = belief.state.clone()
        for x, w, t in zip(ns[i::2], ws[i::2], at[i::2], strict=True):
            alone.learn_one(x, w, t)
        assert found[key,].clock == alone.clock
        assert found[key,].as_of(300.0).posterior == pytest.approx(
            alone.as_of(300.0).posterior, rel=1e-14
        )


def test_integer_keys_and_keys_of_several_fields_are_distributed_without_loss():
    integers = np.arange(1000) * 7 - 300
    belief = Belief("x", Normal(), "x", by="id")
    parts = [batches({KEY: integers, "x": integers * 1.0}, 100)] * 2
    found, _ = run(belief, *parts, buckets=16)
    assert found.keys() == {(str(i),) for i in integers}
    assert all(state.n_samples == 2.0 for state in found.values())
    belief = Belief("x", Normal(), "x", by=("shop", "day"))
    found, _ = run(belief, batches({KEY: ['["a\\"b","1"]', '["é","2"]'], "x": [1.0, 2.0]}, 9))
    assert found.keys() == {('a"b', "1"), ("é", "2")}
    assert key_values('["a\\"b","1"]', belief) == ('a"b', "1")


def test_a_belief_without_key_learns_all_events():
    belief = Belief("x", NormalInverseGamma(), "x")
    xs = np.random.default_rng(0).normal(1e7, 1.0, 400)
    found, _ = run(belief, *(batches({"x": xs[i::3]}, 50) for i in range(3)), buckets=1)
    alone = NormalInverseGamma()
    alone.learn_many(xs)
    assert found[()].posterior == alone.posterior


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        ({KEY: ["a", None], "x": [1.0, 2.0]}, "the key is missing"),
        ({KEY: ["a", "a"], "x": [1.0, None]}, "x is missing"),
        ({KEY: ["a", "a"], "x": ["1.5", "much"]}, "expected a number, got 'much'"),
        ({KEY: ["a", "a"], "x": [1.0, float("inf")]}, "inf"),
    ],
)
@pytest.mark.parametrize("state", [NormalInverseGamma(), Normal()])
def test_invalid_events_fail_or_are_counted_and_skipped(column, reason, state):
    belief = Belief("x", state, "x", by="shop")
    with pytest.raises(ObservationError, match=reason):
        run(belief, batches(column, 9))
    found, refused = run(belief, batches(column, 9), batches(column, 1), skip=True)
    assert refused == 2
    assert found["a",].n_samples == 2.0


@pytest.mark.parametrize("by", ["shop", ()])
def test_counted_events_are_learned_and_refused_that_number_of_times(by):
    belief = Belief("x", Gamma(), "x", by=by)
    column = {KEY: ["a", "a", "a", "a"], "x": [3, -1, 5, None], COUNT: [4.0, 6.0, 3.0, 2.0]}
    if not by:
        del column[KEY]
    alone = Gamma()
    alone.learn_many([3] * 4 + [5] * 3)
    parts = run(belief, batches(column, 9), skip=True, buckets=3 if by else 1)
    whole = collect(belief, LearnKeys(belief, skip=True)(iter(batches(column, 9))))
    for found, refused in (parts, whole):
        (state,) = found.values()
        assert (state.posterior, refused) == (alone.posterior, 8)
        assert state.log_evidence == pytest.approx(alone.log_evidence, rel=1e-13)


def test_a_null_field_of_a_product_is_marginalised_out():
    from seqbayes import Product

    belief = Belief("both", Product({"x": Normal(), "y": Beta()}), by="shop")
    column = {KEY: ["a"] * 3, "x": [1.0, None, 2.0], "y": [True, False, None]}
    found, _ = run(belief, batches(column, 9))
    assert found["a",].marginal("x").n_samples == 2.0
    assert found["a",].marginal("y").posterior == (2.0, 2.0)
    with pytest.raises(ObservationError, match="x, y are missing"):
        run(belief, batches({KEY: ["a"], "x": [None], "y": [None]}, 9))


def test_a_mixture_makes_one_pass_over_each_partition_and_is_merged():
    rng = np.random.default_rng(1)
    parts = [np.concatenate([rng.normal(0, 1, 200), rng.normal(8, 1, 200)]) for _ in range(3)]
    for xs in parts:
        rng.shuffle(xs)
    belief = Belief("kinds", Mixture([NormalInverseGamma(), NormalInverseGamma()], seed=1), "x")
    found, _ = run(belief, *(batches({"x": xs}, 100) for xs in parts), buckets=1)
    alone = None
    for xs in parts:
        mixture = belief.state.clone()
        mixture.learn_many(xs)
        if alone is None:
            alone = mixture
        else:
            alone.merge(mixture)
    assert found[()].n_samples == 1200.0
    assert np.allclose(found[()].weights, alone.weights, rtol=1e-12)
    for mine, theirs in zip(found[()].components, alone.components, strict=True):
        assert mine.posterior == pytest.approx(theirs.posterior, rel=1e-12)


def test_beliefs_that_cannot_be_learned_in_parts_are_refused():
    beliefs = [
        (Belief("x", Decayed(Beta(), 9.0), "x"), "use a half-life in time: Decayed"),
        (Belief("x", Beta(), "x", where={"a": "b"}), "DataFrame.where"),
    ]
    for belief, message in beliefs:
        with pytest.raises(PriorError, match=message):
            check_belief(belief)


def test_an_empty_partition_adds_nothing():
    belief = Belief("x", Normal(), "x", by="shop")
    full = batches({KEY: ["a"], "x": [1.0]}, 9)
    found, _ = run(belief, [], full, itertools.repeat(full[0].slice(0, 0), 2))
    assert found["a",].n_samples == 1.0
