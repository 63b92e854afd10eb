"""The Arrow form of tables, the best key, and the eviction of inactive keys."""

from __future__ import annotations

import json
import random
from typing import Any

import numpy as np
import pytest

from seqbayes import (
    Beta,
    Decayed,
    Dirichlet,
    Gamma,
    Normal,
    NormalInverseGamma,
    PriorError,
    UnsupportedError,
    likelihoods,
)
from seqbayes.compare import p_best
from seqbayes.table import Pool, Table, best
from seqbayes.table.distinct import find_distinct
from seqbayes.table.index import Index
from seqbayes.table.integer_rows import COMPILED


def filled(state: Any, draw: Any, keys: Any, **options: Any) -> Table:
    table = Table(state, **options)
    times = np.arange(len(keys), dtype=float) if getattr(state, "timed", False) else None
    table.learn_many(keys, draw(np.random.default_rng(4)), t=times)
    return table


KEYS = {
    "integers": np.arange(60) % 7 - 3,
    "strings": [f"key {i % 7}" for i in range(60)],
    "tuples": [("é", i % 7) for i in range(60)],
    "large integers": [2**70 + i % 7 for i in range(60)],
}
TABLES = {
    "beta": (Beta(2, 3), lambda rng: rng.random(60) < 0.4),
    "labels": (Dirichlet({"a": 1, "b": 2}), lambda rng: rng.choice(["a", "b"], 60)),
    "far from zero": (NormalInverseGamma(), lambda rng: rng.normal(1e9, 1, 60)),
    "an outlier": (
        NormalInverseGamma(0, 1, 1, 1),
        lambda rng: np.where(rng.random(60) < 0.1, 1e36, rng.normal(0, 1, 60)),
    ),
    "large counts": (Gamma(), lambda rng: rng.poisson(1e6, 60)),
    "events": (Decayed(Gamma(), half_life=7.3), lambda rng: rng.poisson(3, 60)),
    "time": (Decayed(Gamma(), half_life=7.3, by="time"), lambda rng: rng.poisson(3, 60)),
}


def same(first: Table, second: Table) -> None:
    assert first.keys == second.keys
    assert repr(first) == repr(second)
    for mine, other in zip(tuple(first.posterior), tuple(second.posterior), strict=True):
        assert np.array_equal(mine, other)
    assert first.log_evidence.tolist() == second.log_evidence.tolist()


@pytest.mark.parametrize("name", TABLES)
def test_a_table_read_from_arrow_continues_identically(name: str) -> None:
    pytest.importorskip("pyarrow")
    for keys in KEYS.values():
        table = filled(*TABLES[name], keys)
        read = Table.from_arrow(table.to_arrow(statistics=True))
        same(read, table)
        x = next(iter(TABLES[name][1](np.random.default_rng(9))))
        time = {"t": 70.0} if name == "time" else {}
        for each in (table, read):
            each.learn_one("new", x, **time)
            each.learn_one(table.keys[2], x, **time)
        same(read, table)


def test_sums_whose_first_part_is_zero_survive_the_arrow_form() -> None:
    rng = random.Random(14)
    table = Table(NormalInverseGamma())
    for key in range(300):
        values = [rng.choice([1e9, 1e12, 0.5, 2.25, 3002399751580331.0]) for _ in range(6)]
        for x in values:
            table.learn_one(key, x)
        for x in rng.sample(values, 4):
            table.unlearn_one(key, x)
    copy = Table.from_arrow(table.to_arrow(statistics=True))
    assert all(copy[key] == table[key] for key in table.keys)


def test_options_and_priors_survive_the_arrow_form() -> None:
    pytest.importorskip("pyarrow")
    options = {"max_keys": 9, "policy": "inactive", "pool": Pool("empirical", 0.5)}
    table = filled(*TABLES["beta"], KEYS["integers"], **options)
    table.learn_one(-1, True)
    read = Table.from_arrow(table.to_arrow(statistics=True))
    assert (read.max_keys, read.policy, read.pool) == (9, "inactive", table.pool)
    assert read.evict(3) == table.evict(3)
    rolled = filled(*TABLES["far from zero"], KEYS["strings"])
    rolled.rollover()
    rolled.learn_one("new", 1.0)
    read = Table.from_arrow(rolled.to_arrow(statistics=True))
    same(read, rolled)
    assert read["key 3"].prior == rolled["key 3"].prior
    labels = filled(*TABLES["labels"], KEYS["strings"])
    labels.rollover()
    with pytest.raises(UnsupportedError, match="after a rollover"):
        labels.to_arrow(statistics=True)
    empty = Table.from_arrow(Table(Beta()).to_arrow(statistics=True))
    assert len(empty) == 0
    empty.learn_one("a", True)
    assert empty["a"].mean == 2 / 3


def test_keys_and_labels_with_a_lone_surrogate() -> None:
    pytest.importorskip("pyarrow")
    table = Table(Beta())
    for key in ("a", "\ud800", "b\udcff", '"c"'):
        table.learn_one(key, True)
    read = Table.from_arrow(table.to_arrow(statistics=True))
    same(read, table)
    assert read.keys == table.keys
    labels = Table(Dirichlet.flat(["\ud800", "b"]))
    labels.learn_one("a", "\ud800")
    same(Table.from_arrow(labels.to_arrow(statistics=True)), labels)
    for each in (table, labels, Dirichlet.flat(["\ud800", "b"])):
        with pytest.raises(UnsupportedError, match=r"cannot contain '\\ud800.*replace it before"):
            each.to_arrow()
        assert "\\ud800" in each._repr_html_().encode().decode()


def test_other_arrow_tables_are_refused() -> None:
    pa = pytest.importorskip("pyarrow")
    good = filled(*TABLES["events"], KEYS["integers"]).to_arrow(statistics=True)
    document = json.loads(good.schema.metadata[b"seqbayes.table"])

    def changed(**entries: Any) -> Any:
        text = json.dumps({**document, **entries})
        return good.replace_schema_metadata({b"seqbayes.table": text})

    def with_column(name: str, values: Any) -> Any:
        return good.set_column(good.column_names.index(name), name, pa.array(values))

    bad = [
        (7, "expected an Arrow table"),
        (filled(*TABLES["beta"], KEYS["integers"]).to_arrow(), "statistics=True"),
        (pa.table({"key": [1]}), "statistics=True"),
        (changed(version=2), "newer version of seqbayes"),
        (changed(version="1"), "version"),
        (changed(state={}), "expected"),
        (changed(policy="best"), "policy"),
        (changed(max_keys=0), "max_keys"),
        (changed(more=[[99, 0, [1.0]]]), "parts of a sum"),
        (changed(more="all"), "parts of a sum"),
        (good.drop_columns(["key"]), "column 'key'"),
        (good.drop_columns(["clock"]), "column 'clock'"),
        (with_column("sum_0_0", [1.0, None] * 3 + [1.0]), "missing values"),
        (with_column("sum_0_0", [1.0, np.nan] * 3 + [1.0]), "got nan"),
        (with_column("sum_0_0", [-1.0] * 7), "sums that some data can have"),
        (with_column("sum_0_0", list("abcdefg")), "expected numbers"),
        (with_column("key", [1, 1, 2, 3, 4, 5, 6]), "duplicates"),
        (with_column("key", [1.5] * 7), "expected keys"),
        (good.append_column("sum_9_0", pa.array([1.0] * 7)), "no column 'sum_9_0'"),
        (good.append_column("sum_a", pa.array([1.0] * 7)), "no column 'sum_a'"),
    ]
    for table, message in bad:
        with pytest.raises(PriorError, match=message):
            Table.from_arrow(table)


@pytest.mark.parametrize("better", ["higher", "lower"])
@pytest.mark.parametrize(
    ("state", "draw"),
    [
        (Beta(), lambda rng: rng.random(40) < 0.3),
        (Gamma(), lambda rng: rng.poisson(3, 40)),
        (Normal(0, 10, 4), lambda rng: rng.normal(5, 2, 40)),
        (NormalInverseGamma(0, 1, 2, 1), lambda rng: rng.normal(5, 2, 40)),
    ],
    ids=["beta", "gamma", "normal", "normal inverse gamma"],
)
def test_the_probability_of_the_best_key_is_that_of_a_comparison(
    state: Any, draw: Any, better: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = filled(state, draw, np.arange(40) % 5)
    expected = p_best({key: table[key] for key in table.keys}, better=better)
    assert table.p_best(better).tolist() == pytest.approx(list(expected.values()), abs=1e-12)
    if better == "higher":  # the method for many keys
        monkeypatch.setattr(best, "_FEW", 0)
    assert table.p_best(better).tolist() == pytest.approx(list(expected.values()), abs=1e-9)


def test_equal_keys_are_equally_likely_to_be_the_best_of_thousands() -> None:
    table = Table(Beta(1, 3))
    table.learn_many(np.arange(6000) // 3, np.arange(6000) % 3 == 0)
    found = table.p_best()
    assert found == pytest.approx(np.full(2000, 1 / 2000), rel=1e-9)
    table.learn_many(np.zeros(3000, int), np.ones(3000))
    found = table.p_best()
    assert found[0] > 0.999
    assert found.sum() == pytest.approx(1.0, abs=1e-9)
    assert Table(Beta()).p_best().tolist() == []
    one = Table(Beta())
    one.learn_one("a", True)
    assert one.p_best().tolist() == [1.0]


def test_beliefs_without_one_number_have_no_best_key() -> None:
    labels = filled(*TABLES["labels"], KEYS["integers"])
    with pytest.raises(PriorError, match="several numbers"):
        labels.p_best()
    with pytest.raises(PriorError, match="'higher' or 'lower'"):
        filled(*TABLES["beta"], KEYS["integers"]).p_best("best")
    improper = Table(Gamma.flat(likelihood=likelihoods.Exponential()))
    improper.learn_many(["a", "b"], [2.0, 1.0], [1.0, 0.0])
    with pytest.raises(PriorError, match="improper"):
        improper.p_best()


def test_inactive_keys_are_evicted_first() -> None:
    table = Table(Gamma(), policy="inactive", max_keys=3)
    table.learn_many(["a", "b", "a", "c"], [1, 1, 1, 1])
    table.learn_one("b", 1)
    table.learn_one("d", 1)
    assert table.keys == ["b", "c", "d"]
    assert table.select(["d", "b", "c"]).evict(2) == ["b", "c"]
    assert table.evict(1) == ["c"]
    other = Table(Gamma(), policy="inactive", max_keys=3)
    other.learn_many(["x", "b"], [1, 1])
    table.merge(other)
    assert table.keys == ["b", "d", "x"]
    assert table.evict(2) == ["d", "x"]
    with pytest.raises(PriorError, match="policy"):
        Table(Gamma(), policy="newest")


@pytest.mark.parametrize("kind", [int, str, lambda i: (i, str(i))], ids=["int", "str", "tuple"])
def test_an_index_equals_a_list_of_distinct_keys(kind) -> None:
    """Keys are added and dropped in any order; the others keep their rows."""
    rng = random.Random(4)
    index, known = Index(), []
    for _ in range(300):
        keys = [kind(rng.randrange(2000)) for _ in range(rng.randrange(1, 40))]
        known += [key for key in dict.fromkeys(keys) if key not in known]
        assert index.rows(keys, add=True).tolist() == [known.index(key) for key in keys]
        if rng.random() < 0.5:
            known = known[: rng.randrange(len(known) // 2, len(known) + 1)]
            index.truncate(len(known))
        asked = [kind(rng.randrange(2000)) for _ in range(20)]
        rows = [known.index(key) if key in known else -1 for key in asked]
        assert index.rows(asked, add=False).tolist() == rows
        assert index.keys == known


@pytest.mark.parametrize("state", [Beta(2, 3), Gamma(2, 1), NormalInverseGamma()])
def test_answers_of_many_equal_posteriors_are_those_of_each(state: Any) -> None:
    """Equal posteriors are evaluated once; the rows are many enough that they are recognised."""
    rng = np.random.default_rng(3)
    size = 12_000
    xs = rng.integers(0, 2, 3 * size)
    table = Table(state)
    table.learn_many(np.arange(3 * size) % size, xs.astype(float))
    assert find_distinct(table.posterior) is not None or not COMPILED
    few = np.unique(table.posterior[-1], return_index=True)[1][:5]
    answers: list[Any] = [
        lambda each: each.interval(0.9),
        lambda each: each.interval(0.9, "hdi"),
        lambda each: each.ppf(0.2),
        lambda each: each.isf(0.1),
        lambda each: each.cdf(0.4),
        lambda each: each.sf(0.4),
    ]
    for single in answers[: 2 if isinstance(state, NormalInverseGamma) else None]:
        found = single(table.answers())
        for row in few.tolist():
            expected = single(table[row])
            for column, value in zip(_parts(found), _parts(expected), strict=True):
                assert column[row] == pytest.approx(value, rel=1e-9)
    draws = table.sample(np.random.default_rng(1))
    assert len(np.unique(_parts(draws)[0])) > size // 2  # not one draw for equal posteriors


def _parts(value: Any) -> list[Any]:
    if isinstance(value, tuple):
        return [part for each in value for part in _parts(each)]
    return [value]


@pytest.mark.parametrize(
    ("column", "value"),
    [("sum_0_0", -5.0), ("sum_2_0", -1e9), ("sum_3_0", -1.0), ("sum_3_0", -1e-3)],
)
def test_sums_that_no_data_have_are_refused(column: str, value: float) -> None:
    pa = pytest.importorskip("pyarrow")
    table = Table(Beta())
    table.learn_many(["a", "b"], [True, False])
    stored = table.to_arrow(statistics=True)
    numbers = stored.column(column).to_pylist()
    place = stored.schema.names.index(column)
    changed = stored.set_column(place, column, pa.array([numbers[0], value]))
    with pytest.raises(
        PriorError, match=rf"sums that some data can have, .*{column}={value}.* row 1"
    ):
        Table.from_arrow(changed)


def test_a_table_has_no_keys_of_other_types() -> None:
    table = Table(Beta())
    table.learn_many(["a", "b"], [True, False])
    assert "a" in table
    for key in (3.5, None, float("nan"), [1], (), True, ("a", None), b"a", 7, ("a",)):
        assert key not in table


@pytest.mark.parametrize("k", [-1, 2.5, None, True, "3"])
def test_the_number_of_top_keys_is_checked(k: Any) -> None:
    table = Table(Beta())
    table.learn_many(["a", "b"], [True, False])
    assert [key for key, _ in table.top(np.int64(1))] == ["a"]
    assert table.top(0) == []
    with pytest.raises(PriorError, match="expected k >= 1"):
        table.top(k)


@pytest.mark.parametrize("xs", [[1e-300] * 100, [1e-300, 1e300] * 50, [1e300] * 100])
def test_extreme_amounts_are_pooled_without_warnings(xs: list[float]) -> None:
    table = Table(Gamma(1, 1, likelihood=likelihoods.Exponential()), pool=True)
    table.learn_many([i % 7 for i in range(len(xs))], xs)
    assert (table.mean > 0.0).all()
    assert (table.interval()[0] > 0.0).all()
