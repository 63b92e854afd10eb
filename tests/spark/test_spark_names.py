"""Columns with unusual names, and names that results already have."""

import datetime
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqbayes import Beta, Decayed, Normal, NormalInverseGamma
from seqbayes.errors import PriorError
from seqbayes.stream import Belief, show

ODD = "a.b`c d"
ALIASES = ("__x", "__size", "__i", "__a", "__b", "__aa", "__ab", "__bb", "__scale", "__group")


def test_names_that_need_quotes_are_read_estimated_and_stored(spark, tmp_path):
    from seqbayes.spark import learn

    frame = spark.createDataFrame([(1, 2.5), (1, 3.5), (2, 4.5)], ["k", "x"])
    frame = frame.selectExpr("k", f"k AS `{ODD.replace('`', '``')}`", "x AS `order.price`")
    found = learn(frame, Belief("x", Normal(), "order.price", by=["k", ODD]))
    assert found.to_arrow()[ODD].to_pylist() == [1, 2]
    weighted = Belief("x", Normal(), "order.price", by=ODD, weight="order.price")
    assert len(learn(frame, weighted).collect()) == 2
    assert found.write(url := str(tmp_path / "beliefs.db")) == 2
    assert [each.key for each in show(url)] == [{"k": "1", ODD: "1"}, {"k": "2", ODD: "2"}]


@pytest.mark.parametrize("name", ALIASES)
@pytest.mark.parametrize("kind", ["double", "long"])
def test_fields_with_the_names_of_aliases_are_summed(spark, name, kind):
    from seqbayes.spark import learn

    xs = [1.0, -7.0, 3000.0]
    frame = spark.createDataFrame([(x,) for x in xs], "x double")
    frame = frame.selectExpr(f"CAST(x AS {kind}) AS {name}", f"1 AS {name}2")
    (state,) = learn(frame, Belief("x", NormalInverseGamma(), name)).collect().values()
    alone = NormalInverseGamma()
    alone.learn_many(xs)
    assert repr(state.posterior) == repr(alone.posterior)


def test_names_of_added_columns_are_refused(spark):
    from seqbayes.spark import answers, learn, learn_stream

    frame = spark.range(3).selectExpr("id", "id < 2 AS sold", "id AS n", "id AS State")
    for column in ("__key", "__count", "__refused", "__TIME"):
        renamed = frame.withColumnRenamed("id", column)
        with pytest.raises(PriorError, match=f"adds a column '{column.lower()}'"):
            learn(renamed, Belief("sold", Beta(), "sold", by=column))
    found = learn(frame, Belief("sold", Beta(), "sold", by="n"))
    assert len(found.collect()) == 3
    with pytest.raises(PriorError, match="rename the key field 'n'"):
        found.to_arrow()
    by_state = Belief("sold", Beta(), "sold", by="State")
    found = learn(frame, by_state)
    assert len(found.collect()) == 3
    for act in (
        found.states,
        lambda: answers(frame, by_state),
        lambda: learn_stream(frame, by_state),
    ):
        with pytest.raises(PriorError, match="another column 'state': rename"):
            act()


def test_times_without_a_zone_do_not_depend_on_the_session(spark, tmp_path):
    from seqbayes.spark import learn, learn_parquet

    start = datetime.datetime(2026, 3, 7, 12)  # before clocks were changed in New York
    times = [start + datetime.timedelta(hours=hours) for hours in (0, 14.5, 15.5, 23)]
    pq.write_table(pa.table({"x": [1.0, 2.0, 4.0, 8.0], "at": times}), tmp_path / "a.parquet")
    belief = Belief("x", Decayed(Normal(), 3600.0, by="time"), "x", time="at")
    before = spark.conf.get("spark.sql.session.timeZone")
    spark.conf.set("spark.sql.session.timeZone", "America/New_York")
    try:
        (naive,) = learn(spark.read.parquet(str(tmp_path)), belief).collect().values()
    finally:
        spark.conf.set("spark.sql.session.timeZone", before)
    (expected,) = learn_parquet(spark, str(tmp_path), belief).collect().values()
    assert naive.clock == expected.clock == times[-1].replace(tzinfo=datetime.UTC).timestamp()
    assert repr(naive.posterior) == repr(expected.posterior)


def test_the_largest_integers_are_keys(spark, tmp_path):
    from seqbayes.spark import learn, learn_parquet

    keys = pa.array([2**64 - 1, 5, 5], pa.uint64())
    pq.write_table(pa.table({"k": keys, "x": [1.0, 2.0, 4.0]}), tmp_path / "a.parquet")
    belief = Belief("x", Normal(), "x", by="k")
    files = learn_parquet(spark, str(tmp_path), belief)
    frame = learn(spark.read.parquet(str(tmp_path)), belief)
    assert set(files.collect()) == {str(2**64 - 1), "5"}
    assert files.to_arrow().equals(frame.to_arrow())


def test_a_stream_with_odd_names_refuses_events_without_a_key(spark, tmp_path):
    from pyspark.sql.types import (
        DoubleType,
        LongType,
        StringType,
        StructField,
        StructType,
        TimestampType,
    )

    from seqbayes.spark import StoreWriter, learn_stream

    rows = [("a", 1, 1.5), (None, 1, 2.5), ("b", None, 3.5), ("a", 1, 4.5), ("b", 2, None)]
    start = datetime.datetime(2026, 3, 7, tzinfo=datetime.UTC)
    events = [
        {"shop.id": shop, ODD: number, "order.price": x, "a.t": start.isoformat(), "i.d": str(i)}
        for i, (shop, number, x) in enumerate(rows)
    ]
    (tmp_path / "events").mkdir()
    text = "\n".join(map(json.dumps, [*events, events[0]]))
    (tmp_path / "events" / "0.json").write_text(text)
    belief = Belief("x", NormalInverseGamma(), "order.price", by=["shop.id", ODD])
    fields = [("shop.id", StringType()), (ODD, LongType()), ("order.price", DoubleType())]
    fields += [("a.t", TimestampType()), ("i.d", StringType())]
    schema = StructType([StructField(*field) for field in fields])
    frame = spark.readStream.schema(schema).json(str(tmp_path / "events"))
    found = []
    writer = StoreWriter(belief, url := str(tmp_path / "beliefs.db"))

    def write(batch, number):
        found.extend(batch.select("state", "refused", "duplicates").collect())
        writer(batch, number)

    stream = learn_stream(frame, belief, time="a.t", delay="1 hour", id="i.d")
    query = stream.writeStream.outputMode("update").foreachBatch(write)
    query = query.option("checkpointLocation", str(tmp_path / "checkpoint"))
    query.trigger(availableNow=True).start().awaitTermination()
    assert sorted((state is None, *counts) for state, *counts in found) == [
        (False, 0, 1),
        (False, 1, 0),
        (True, 2, 0),
    ]
    states = {tuple(each.key.values()): each.state for each in show(url)}
    alone = NormalInverseGamma()
    alone.learn_many([1.5, 4.5])
    assert set(states) == {("a", "1"), ("b", "2")}
    assert repr(states["a", "1"].posterior) == repr(alone.posterior)
