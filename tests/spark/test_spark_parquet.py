"""Beliefs of Parquet files equal those of a data frame of the same files."""

import collections
import datetime

import cloudpickle
import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from seqbayes import Beta, Decayed, Dirichlet, Gamma, Normal, NormalInverseGamma
from seqbayes.errors import PriorError
from seqbayes.spark import parquet
from seqbayes.spark.events import COUNT, KEY, TIME, WEIGHT, key_values
from seqbayes.spark.parquet import LearnFragments, check_types
from seqbayes.spark.workers import LearnPartition
from seqbayes.stream import Belief, Times

START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(3)
    n = 900
    return pa.table(
        {
            "shop": pa.array(rng.choice(["north", 'so"uth', ""], n)).dictionary_encode(),
            "day": pa.array(rng.integers(0, 3, n), pa.int32()),
            "open": pa.array([None if i % 90 == 5 else i % 7 < 3 for i in range(n)]),
            "sold": pa.array(rng.random(n) < 0.3),
            "visits": pa.array(rng.poisson(3.0, n), pa.uint16()),
            "seconds": pa.array([None if i % 300 == 7 else 1e7 + i / 7 for i in range(n)]),
            "colour": pa.array(rng.choice(["red", "green"], n), pa.large_string()),
            "visit": pa.array(range(n)),
            "worth": pa.array(rng.integers(1, 4, n), pa.int64()),
            "at": pa.array([START + datetime.timedelta(minutes=i) for i in range(n)]),
        }
    )


@pytest.fixture(scope="module")
def folder(table, tmp_path_factory):
    """Two directories with files of several row groups."""
    root = tmp_path_factory.mktemp("events")
    for i, year in enumerate((2025, 2026)):
        folder = root / f"year={year}"
        folder.mkdir()
        (folder / "_SUCCESS").touch()
        for j in range(2):
            part = table.slice(450 * i + 225 * j, 225)
            pq.write_table(part, folder / f"{j}.parquet", row_group_size=60)
    return str(root)


def read(folder, belief):
    """Return the columns that a belief reads, from one task."""
    return pa.Table.from_batches(read_batches(folder, belief))


def read_batches(folder, belief):
    """Return the batches that a belief reads, from one task."""
    dataset = ds.dataset(folder, format="parquet", partitioning="hive")
    tasks = parquet.divide(dataset, 1)
    reader = LearnFragments(LearnPartition(belief, True, 2), dataset, tasks)
    return list(cloudpickle.loads(cloudpickle.dumps(reader)).read(tasks[0]))


@pytest.mark.parametrize(("rows", "n"), [(1 << 24, 2), (300, 3), (10, 6)])
def test_every_row_is_in_one_task_and_tasks_have_similar_sizes(folder, monkeypatch, rows, n):
    monkeypatch.setattr(parquet, "_ROWS_PER_TASK", rows)
    tasks = parquet.divide(ds.dataset(folder, format="parquet", partitioning="hive"), 2)
    sizes = [sum(group.num_rows for part in task for group in part.row_groups) for task in tasks]
    assert len(tasks) == n
    assert sum(sizes) == 900
    assert max(sizes) <= 900 / n + 60


def test_many_files_are_not_split(folder):
    files = ds.dataset(folder, format="parquet").files * 8
    tasks = parquet.divide(ds.dataset(files, format="parquet"), 1)
    assert [len(task) for task in tasks] == [11, 10, 11]
    assert [part.path for task in tasks for part in task] == files


def test_columns_are_read_as_from_a_data_frame(folder, table):
    belief = Belief(
        "seconds", Decayed(NormalInverseGamma(), 3600.0, by="time"), "seconds",
        by=["shop", "day", "open"], weight="worth", time="at",
    )  # fmt: skip
    found = read(folder, belief)
    assert found.column_names == [KEY, "seconds", WEIGHT, TIME]
    assert found["seconds"].to_pylist() == table["seconds"].to_pylist()
    assert found[WEIGHT].to_pylist() == table["worth"].to_pylist()
    assert found[TIME].to_pylist() == [at.timestamp() for at in table["at"].to_pylist()]
    rows = zip(*(table[name].to_pylist() for name in ("shop", "day", "open")), strict=True)
    for key, (shop, day, is_open) in zip(found[KEY].to_pylist(), rows, strict=True):
        if is_open is None:
            assert key is None
        else:
            assert key_values(key, belief) == (shop, str(day), str(is_open).lower())


def test_equal_observations_are_counted_if_few_are_distinct(folder, table):
    found = read(folder, Belief("visits", Gamma(), "visits", by="day"))
    assert found.num_rows < 450
    pairs = zip(table["day"].to_pylist(), table["visits"].to_pylist(), strict=True)
    counted = collections.Counter()
    for key, x, n in zip(*(column.to_pylist() for column in found.columns), strict=True):
        counted[key, x] += n
    assert counted == collections.Counter(pairs)
    first, *others = read_batches(folder, Belief("sold", Beta(), "sold", by="visit"))
    assert COUNT in first.schema.names
    assert others
    assert all(COUNT not in batch.schema.names for batch in others)


def test_times_are_in_seconds(tmp_path):
    at = START + datetime.timedelta(microseconds=250_000)
    path = tmp_path / "a.parquet"
    columns = {"x": [1.0], "naive": [at.replace(tzinfo=None)], "ms": [at.timestamp() * 1000.0]}
    pq.write_table(pa.table(columns), path)
    state = Decayed(Normal(), 60.0, by="time")
    assert read(str(path), Belief("x", state, "x", time="naive"))[TIME].to_pylist() == [
        at.timestamp()
    ]
    milliseconds = Belief("x", state, "x", time="ms", times=Times(unit=0.001))
    assert read(str(path), milliseconds)[TIME].to_pylist() == [at.timestamp()]


@pytest.mark.parametrize(
    "belief",
    [
        Belief("sold", Beta(), "sold", by="seconds"),
        Belief("sold", Beta(), "sold", by=["day", "at"]),
        Belief("label", Dirichlet.flat(["1.0", "2.0"]), "seconds"),
    ],
    ids=lambda belief: belief.name,
)
def test_keys_and_labels_that_spark_would_write_differently_are_refused(belief, table):
    with pytest.raises(PriorError, match="expected integers, strings or booleans"):
        check_types(belief, table.schema)


@pytest.mark.parametrize(
    "belief",
    [
        Belief("sold", Beta(), "sold", by="shop"),
        Belief("visits", Gamma(), "visits", by="day"),
        Belief("seconds", NormalInverseGamma(), "seconds", by=["shop", "year"]),
        Belief("colour", Dirichlet.flat(["red", "green"]), "colour", by=["day", "open"]),
        Belief("all", NormalInverseGamma(), "seconds", weight="worth"),
        Belief("old", Decayed(Beta(), 3600.0, by="time"), "sold", by="shop", time="at"),
    ],
    ids=lambda belief: belief.name,
)
def test_the_states_are_those_of_a_data_frame(spark, folder, belief):
    from seqbayes.spark import learn, learn_parquet

    files = learn_parquet(spark, folder, belief, invalid="skip")
    frame = learn(spark.read.parquet(folder), belief, invalid="skip")
    found, expected = files.collect(), frame.collect()
    assert len(expected) > 1 or belief.name == "all"
    assert {key: repr(state.posterior) for key, state in found.items()} == {
        key: repr(state.posterior) for key, state in expected.items()
    }
    assert files.refused == frame.refused
    assert files.to_arrow().equals(frame.to_arrow())


def test_errors_name_the_path_and_the_column(spark, folder, tmp_path):
    from seqbayes.spark import learn_parquet

    belief = Belief("sold", Beta(), "sold")
    with pytest.raises(PriorError, match=r"cannot read .*nowhere"):
        learn_parquet(spark, str(tmp_path / "nowhere"), belief)
    with pytest.raises(PriorError, match="no Parquet files"):
        learn_parquet(spark, str(tmp_path), belief)
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(PriorError, match=r"cannot read .*broken"):
        learn_parquet(
            spark, [f"{folder}/year=2025/0.parquet", f"{tmp_path}/broken.parquet"], belief
        )
    with pytest.raises(PriorError, match="no column 'price'; columns: shop"):
        learn_parquet(spark, folder, Belief("x", Normal(), "price"))
    with pytest.raises(PriorError, match="invalid"):
        learn_parquet(spark, folder, belief, invalid="ignore")


def test_files_without_rows_have_no_keys(spark, table, tmp_path):
    from seqbayes.spark import learn_parquet

    path = tmp_path / "empty.parquet"
    pq.write_table(table.slice(0, 0), path)
    found = learn_parquet(spark, str(path), Belief("sold", Beta(), "sold", by="shop"))
    assert len(found) == found.refused == 0
    assert found.collect() == {}
