"""The stateful processor of a stream, with Spark's tester instead of a cluster."""

import pyarrow as pa
import pytest
from pyspark.sql import Row
from pyspark.sql.streaming.tws_tester import TwsTester

from seqbayes import Beta, Decayed, Gamma, NormalInverseGamma
from seqbayes.errors import MergeError
from seqbayes.spark.events import EVENT_SECONDS, ID, KEY, TIME
from seqbayes.spark.processor import BeliefProcessor
from seqbayes.stream import Belief, Times
from seqbayes.stream.codec import StateCodec

A, B = "a", "b"


def simulate(belief, columns, **options):
    """Return a tester of the processor of a belief, with timers if events have times."""
    timed = EVENT_SECONDS in columns
    return TwsTester(
        BeliefProcessor(belief, pa.schema({KEY: pa.string(), **columns}), **options),
        timeMode="EventTime" if timed else "None",
        outputMode="Update",
        eventTimeExtractor=(lambda row: int(row[EVENT_SECONDS] * 1000)) if timed else None,
    )


def rows(key, **columns):
    """Return rows of a key with these columns."""
    return [
        Row(**{KEY: key[0], **dict(zip(columns, values, strict=True))})
        for values in zip(*columns.values(), strict=True)
    ]


def timed_rows(key, at, **columns):
    return rows(key, **columns, **{EVENT_SECONDS: at})


def test_each_key_learns_its_events_over_several_batches():
    belief = Belief("x", NormalInverseGamma(), "x", by="shop")
    test, xs = simulate(belief, {"x": pa.float64()}), [1e7 + i * 0.3 for i in range(20)]
    for i in range(0, 20, 5):
        test.test(A, rows(A, x=xs[i : i + 5]))
        (row,) = test.test(B, rows(B, x=[-x for x in xs[i : i + 5]]))
    alone = NormalInverseGamma()
    alone.learn_many([-x for x in xs])
    assert StateCodec(belief.state).read(row.state).posterior == alone.posterior
    assert (row[KEY], row.events, row.refused, row.new) == ("b", 20, 0, 5)


def test_invalid_events_are_counted_and_change_nothing():
    belief = Belief("x", Beta(), "x", by="shop")
    test = simulate(belief, {"x": pa.string()})
    (row,) = test.test(A, rows(A, x=["true", "much", None, "0"]))
    assert StateCodec(belief.state).read(row.state).posterior == (2.0, 2.0)
    assert (row.events, row.refused, row.new) == (2, 2, 4)


def test_repeated_ids_count_once_until_the_watermark_passes():
    belief = Belief("x", Gamma(), "x", by="shop")
    columns = {"x": pa.int64(), EVENT_SECONDS: pa.float64(), ID: pa.string()}
    test = simulate(belief, columns, has_ids=True)
    test.test(A, timed_rows(A, [10.0, 11.0, 10.0], x=[1, 2, 1], **{ID: ["p", "q", "p"]}))
    (row,) = test.test(A, timed_rows(A, [12.0, 13.0], x=[2, 3], **{ID: ["q", None]}))
    assert (row.events, row.duplicates) == (3, 2)
    (row,) = test.test(B, timed_rows(B, [12.0], x=[2], **{ID: ["q"]}))
    assert (row.events, row.duplicates) == (1, 0)
    assert len(test.peekMapState("ids", A)) == 2
    assert test.setWatermark(3_700_000) == []
    assert test.peekMapState("ids", A) == {}


def test_a_belief_decays_with_event_time_and_is_removed_without_data():
    belief = Belief("x", Decayed(Gamma(), 100.0, "time"), "x", by="shop", time="at")
    columns = {"x": pa.int64(), TIME: pa.float64(), EVENT_SECONDS: pa.float64()}
    test = simulate(belief, columns, refresh=100.0, expire=0.2)
    test.test(A, timed_rows(A, [10.0, 50.0], x=[4, 6], **{TIME: [10.0, 50.0]}))
    (row,) = test.setWatermark(150_000)
    assert (row.at, row.new) == (100.0, 0)
    alone = belief.state.clone()
    alone.learn_many([4, 6], t=[10.0, 50.0])
    assert StateCodec(belief.state).read(row.state) == alone
    gone = [row for t in range(200, 1000, 100) for row in test.setWatermark(t * 1000 + 50_000)]
    assert [row.state is None for row in gone] == [False] * (len(gone) - 1) + [True]
    assert alone.as_of(gone[-1].at).n_samples < 0.2 <= alone.as_of(gone[-2].at).n_samples
    assert test.peekValueState("belief", A) is None


def test_events_too_far_behind_the_clock_are_refused():
    times = Times(late=60.0)
    belief = Belief("x", Decayed(Gamma(), 100.0, "time"), "x", by="shop", time="at", times=times)
    test = simulate(belief, {"x": pa.int64(), TIME: pa.float64()})
    test.test(A, rows(A, x=[1], **{TIME: [500.0]}))
    (row,) = test.test(A, rows(A, x=[1, 1], **{TIME: [439.0, 440.0]}))
    assert (row.events, row.refused) == (2, 1)


def test_a_key_starts_with_the_state_of_a_batch():
    belief = Belief("x", Gamma(), "x", by="shop")
    batch = Gamma()
    batch.learn_many([3, 4])
    started = TwsTester(
        BeliefProcessor(belief, pa.schema({KEY: pa.string(), "x": pa.int64()})),
        initialStateRow=[(A, Row(**{KEY: "a", "state": StateCodec(belief.state).write(batch)}))],
        outputMode="Update",
    )
    (row,) = started.test(A, rows(A, x=[5]))
    batch.learn_one(5)
    assert StateCodec(belief.state).read(row.state).posterior == batch.posterior
    assert row.events == 1


def test_older_states_with_fewer_columns_are_read():
    belief = Belief("x", Gamma(), "x", by="shop")
    test, old = simulate(belief, {"x": pa.int64()}), Gamma()
    old.learn_one(7)
    test.updateValueState("belief", A, (StateCodec(belief.state).write(old),))
    (row,) = test.test(A, rows(A, x=[5]))
    old.learn_one(5)
    assert StateCodec(belief.state).read(row.state).posterior == old.posterior
    assert (row.events, row.refused, row.duplicates) == (1, 0, 0)


def test_a_state_with_another_prior_is_refused():
    belief = Belief("x", Gamma(), "x", by="shop")
    test = simulate(belief, {"x": pa.int64()})
    test.updateValueState("belief", A, (StateCodec(Gamma(2, 2)).write(Gamma(2, 2)), 0, 0, 0))
    with pytest.raises(MergeError, match="priors differ"):
        test.test(A, rows(A, x=[5]))
