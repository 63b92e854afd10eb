"""Tables whose sums an SQL engine computes, compared with tables that learn the same rows."""

import datetime
import math
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pytest

import seqbayes
from seqbayes import Beta, Decayed, Dirichlet, Gamma, Normal, NormalInverseGamma, likelihoods
from seqbayes.errors import ObservationError, SourceError, UnsupportedError
from seqbayes.table import Table

duckdb = pytest.importorskip("duckdb")
polars = pytest.importorskip("polars")

RNG = np.random.default_rng(1)
N = 300
KEYS = RNG.integers(0, 7, N)
POSITIVE = RNG.exponential(2.3, N) + 0.01
LABELS = np.array(["a", "it's", "ü"])[RNG.integers(0, 3, N)].tolist()
CASES = {
    "bernoulli": (Beta(), RNG.random(N) < 0.3),
    "bernoulli of numbers": (Beta(2, 3), (RNG.random(N) < 0.3).astype(int)),
    "binomial": (Beta(likelihood=likelihoods.Binomial(100)), RNG.binomial(100, 0.3, N)),
    "binomial pairs": (
        Beta(likelihood=likelihoods.Binomial()),
        (RNG.binomial(1000, 0.3, N), np.full(N, 1000)),
    ),
    "huge binomial": (
        Beta(likelihood=likelihoods.Binomial()),
        (RNG.binomial(10**9, 0.3, N), np.full(N, 10**9)),
    ),
    "geometric": (Beta(likelihood=likelihoods.Geometric()), RNG.geometric(0.3, N)),
    "geometric from 0": (Beta(likelihood=likelihoods.Geometric(0)), RNG.geometric(0.3, N) - 1),
    "negative binomial": (
        Beta(likelihood=likelihoods.NegativeBinomial(3)),
        RNG.negative_binomial(3, 0.1, N),
    ),
    "poisson": (Gamma(), RNG.poisson(30.3, N)),
    "poisson of an exposure": (Gamma(likelihood=likelihoods.Poisson(2.5)), RNG.poisson(3.3, N)),
    "poisson pairs": (
        Gamma(likelihood=likelihoods.Poisson(None)),
        (RNG.poisson(3.3, N), RNG.random(N) + 0.1),
    ),
    "exponential": (Gamma(likelihood=likelihoods.Exponential()), POSITIVE),
    "gamma": (Gamma(likelihood=likelihoods.GammaShape(2.5)), POSITIVE),
    "weibull": (Gamma(likelihood=likelihoods.Weibull(1.7)), POSITIVE),
    "inverse gamma": (Gamma(likelihood=likelihoods.InverseGamma(2.5)), POSITIVE),
    "precision": (Gamma(likelihood=likelihoods.NormalPrecision(1.5)), POSITIVE),
    "laplace": (Gamma(likelihood=likelihoods.Laplace(0.3)), POSITIVE),
    "rayleigh": (Gamma(likelihood=likelihoods.Rayleigh()), POSITIVE),
    "maxwell": (Gamma(likelihood=likelihoods.Maxwell()), POSITIVE),
    "pareto": (Gamma(likelihood=likelihoods.Pareto(0.01)), POSITIVE),
    "normal": (Normal(0, 1, known_variance=2), RNG.normal(0, 1, N)),
    "far values": (NormalInverseGamma(), RNG.normal(1e9, 1, N)),
    "far from each other": (NormalInverseGamma(), RNG.normal(KEYS * 1e6, 1e-3, N)),
    "equal values": (NormalInverseGamma(), KEYS * 0.1),
    "lognormal": (NormalInverseGamma(likelihood=likelihoods.LogNormal()), np.exp(POSITIVE)),
    "labels": (Dirichlet({"a": 1, "it's": 1, "ü": 1}), LABELS),
}


def relation(engine, columns):
    """Return rows and connection for `from_query`."""
    frame = polars.DataFrame(columns)
    if engine == "polars":
        return frame.lazy(), None
    connection = duckdb.connect()
    connection.register("rows", frame.to_arrow())
    return "SELECT * FROM rows", connection


def close(a, b, rel=1e-10):
    """Assert that two states and their evidence are equal."""
    for mine, theirs in zip(a.posterior, b.posterior, strict=True):
        if not isinstance(theirs, tuple):
            assert np.asarray(mine) == pytest.approx(np.asarray(theirs), rel=rel)
    assert a.log_evidence == pytest.approx(b.log_evidence, rel=rel)
    assert a.n_samples == pytest.approx(b.n_samples, rel=rel)


@pytest.mark.parametrize("engine", ["duckdb", "polars"])
@pytest.mark.parametrize("case", CASES)
def test_sums_of_an_engine_equal_those_of_learning(case, engine):
    state, xs = CASES[case]
    pairs = isinstance(xs, tuple)
    values = dict(zip("xy", xs if pairs else (xs,), strict=False))
    data, connection = relation(engine, {"k": KEYS, **values})
    expected = Table(state)
    expected.learn_many(KEYS, list(zip(*map(np.ndarray.tolist, xs), strict=True)) if pairs else xs)
    table = Table.from_query(state, data, key="k", value=list(values), connection=connection)
    assert sorted(table.keys) == sorted(expected.keys)
    for key in expected:
        close(table[key], expected[key])


@pytest.mark.parametrize("engine", ["duckdb", "polars"])
def test_squares_are_accurate_far_from_zero(engine):
    state, xs = NormalInverseGamma(), CASES["far values"][1]
    data, connection = relation(engine, {"k": KEYS, "x": xs})
    table = Table.from_query(state, data, key="k", value="x", connection=connection)
    for key in set(KEYS.tolist()):
        chosen = [int(x * 2**23) for x in xs[key == KEYS]]  # exact: values are multiples of 2**-23
        assert all(v == x * 2**23 for v, x in zip(chosen, xs[key == KEYS], strict=True))
        n = len(chosen)
        squares = (n * sum(v * v for v in chosen) - sum(chosen) ** 2) / n / 2**46
        assert table[key].mle.variance * n == pytest.approx(squares, rel=1e-13)


@pytest.mark.parametrize("engine", ["duckdb", "polars"])
@pytest.mark.parametrize("state", [NormalInverseGamma(), Beta()])
def test_weights_and_times_of_an_engine_equal_those_of_learning(state, engine):
    xs = RNG.normal(0, 1, N) if isinstance(state, NormalInverseGamma) else RNG.random(N) < 0.4
    ws, ts = RNG.random(N), np.round(1.7e9 + RNG.random(N) * 86400)
    belief = Decayed(state, 777.7, by="time")
    expected = Table(belief)
    expected.learn_many(KEYS, xs, ws, ts)
    moments = [datetime.datetime.fromtimestamp(t, datetime.UTC) for t in ts]
    for times in (ts, moments, [m.isoformat() for m in moments]):
        data, connection = relation(engine, {"k": KEYS, "x": xs, "w": ws, "t": times})
        table = Table.from_query(
            belief, data, key="k", value="x", weight="w", time="t", connection=connection
        )
        for key in expected:
            assert table[key].clock == expected[key].clock
            close(table[key], expected[key])


@pytest.mark.parametrize("engine", ["duckdb", "polars"])
def test_invalid_rows_are_rejected_with_the_reason(engine):
    columns = {"k": ["a", "b", None, "c", "a"], "x": [1.0, math.nan, 2.0, -1.0, 3.0]}
    data, connection = relation(engine, columns)
    rejected = []
    table = Table.from_query(
        Gamma(),
        data,
        key="k",
        value="x",
        connection=connection,
        refuse=lambda row, error: rejected.append((row, str(error).partition(" (")[0])),
    )
    assert table.keys == ["a"]
    assert table["a"].posterior == (5.0, 3.0)
    expected = "expected a whole number of events >= 0"
    assert [row["k"] for row, _ in rejected] == ["b", None, "c"]
    assert [why for _, why in rejected][::2] == [expected, expected]
    with pytest.raises(ObservationError, match=expected):
        Table.from_query(Gamma(), data, key="k", value="x", connection=connection)


def test_integer_keys_stay_integers_and_several_columns_make_tuples():
    query = "SELECT * FROM (VALUES (1, 'x', true), (1, 'y', false)) AS t(i, s, v)"
    table = Table.from_query(Beta(), query, key=["i", "s"], value="v")
    assert sorted(table.keys) == [(1, "x"), (1, "y")]
    table.learn_one((1, "x"), True)
    assert table[1, "x"].posterior == (3.0, 1.0)


def test_a_parquet_file_is_a_query(tmp_path):
    path = tmp_path / "rows.parquet"
    polars.DataFrame({"k": [1, 2, 1], "x": [True, False, True]}).write_parquet(path)
    table = Table.from_query(Beta(), path, key="k", value="x")
    assert table[1].posterior == (3.0, 1.0)


def test_an_empty_query_gives_an_empty_table():
    query = "SELECT 1 AS k, true AS v WHERE false"
    assert len(Table.from_query(Beta(), query, key="k", value="v")) == 0


def test_names_and_labels_with_quotes_are_not_sql():
    query = 'SELECT \'a\' AS "k ""x""", \'it\'\'s\' AS "v;"'
    table = Table.from_query(Dirichlet({"it's": 1, "b": 1}), query, key='k "x"', value="v;")
    assert table["a"].posterior.alpha.tolist() == [2.0, 1.0]


@pytest.mark.parametrize(
    ("state", "error", "match"),
    [
        (Decayed(Beta(), 10.0), UnsupportedError, "order of rows"),
        (Dirichlet({1: 1, 2: 1}), UnsupportedError, "not strings"),
        (
            Beta(likelihood=likelihoods.NegativeBinomial(2.5)),
            UnsupportedError,
            "whole number of successes",
        ),
        (
            Dirichlet({"a": 1, "b": 1}, likelihood=likelihoods.Multinomial()),
            UnsupportedError,
            "Multinomial observations have no aggregates in SQL",
        ),
    ],
)
def test_beliefs_without_a_form_in_sql_are_refused_with_the_reason(state, error, match):
    with pytest.raises(error, match=match):
        Table.from_query(state, "SELECT 1 AS k, 1 AS v", key="k", value="v")


def test_errors_name_the_column_or_the_query():
    with pytest.raises(SourceError, match="no column 'y'; columns: k, x"):
        Table.from_query(Beta(), "SELECT 1 AS k, true AS x", key="k", value="y")
    with pytest.raises(SourceError, match="DuckDB cannot read the rows: Parser Error"):
        Table.from_query(Beta(), "SELEC 1", key="k", value="x")
    with pytest.raises(seqbayes.SeqbayesError, match="expected a query, a Parquet file or a data"):
        Table.from_query(Beta(), 3, key="k", value="x")


def test_a_sum_that_overflows_is_an_error():
    query = "SELECT 1 AS k, 1.7e308 AS x FROM range(2)"
    state = Gamma(likelihood=likelihoods.Exponential())
    with pytest.raises(ObservationError, match="a sum over the rows overflows"):
        Table.from_query(state, query, key="k", value="x")


def test_keys_of_a_query_are_pooled():
    query = "SELECT range % 5 AS k, range % 5 > range % 7 AS x FROM range(60)"
    rows = [(i % 5, i % 5 > i % 7) for i in range(60)]
    table = Table.from_query(Beta(), query, key="k", value="x", pool="empirical")
    learned = Table(Beta(), pool="empirical")
    learned.learn_many(*map(list, zip(*rows, strict=True)))
    assert table.select(learned.keys).mean.tolist() == learned.mean.tolist()
    assert table.pooled_prior.method == "empirical"


KEY_COLUMNS = {
    "truth values": ([True, False, None], ["true", "false"]),
    "floats": ([1.0, -0.0, 2.5, math.nan, math.inf, None], ["1", "0", "2.5"]),
    "dates": ([datetime.date(2024, 5, 1), None], ["2024-05-01"]),
    "times": ([datetime.datetime(2024, 5, 1, 6), None], ["2024-05-01 06:00:00"]),
    "times in a zone": (
        [datetime.datetime(2024, 5, 1, 6, tzinfo=ZoneInfo("Asia/Tokyo")), None],
        ["2024-04-30 21:00:00+00:00"],
    ),
    "decimals": ([Decimal("1.5"), Decimal("2.0"), None], ["1.5", "2.0"]),
    "integers": ([2**62, -1, None], [2**62, -1]),
    "strings": (["", "a ", "it's", "é" * 2000, None], ["", "a ", "it's", "é" * 2000]),
}


@pytest.mark.parametrize("engine", ["DuckDB", "Polars"])
@pytest.mark.parametrize("kind", KEY_COLUMNS)
def test_keys_of_any_type_are_those_of_a_stream(kind, engine):
    """Rows that the engine cannot verify have the same keys as the others."""
    values, wanted = KEY_COLUMNS[kind]
    keys = [key for key in values for _ in range(3)]
    frame = polars.DataFrame({"k": keys, "x": [0, 1, None] * len(values)})
    connection = None
    if engine == "DuckDB":
        connection = duckdb.connect()
        connection.register("events", frame.to_arrow())
    data = frame if engine == "Polars" else "events"
    refused = []
    table = Table.from_query(
        Beta(),
        data,
        key="k",
        value="x",
        connection=connection,
        refuse=lambda row, error: refused.append(row),
    )
    assert sorted(table.keys, key=str) == sorted(wanted, key=str)
    assert np.all(table.posterior.alpha == 2.0)
    assert np.all(table.posterior.beta == 2.0)
    assert len(refused) == 3 * len(values) - 2 * len(wanted)


@pytest.mark.parametrize("kind", ["Categorical", "Enum", "ENUM"])
def test_keys_and_labels_may_be_categories(kind):
    rows = {"k": ["a", "b", "a", None], "x": ["u", "v", "u", "u"]}
    connection, data, enums = None, polars.DataFrame(rows), {}
    if kind == "ENUM":
        connection = duckdb.connect()
        connection.sql("CREATE TYPE letter AS ENUM ('a', 'b', 'u', 'v')")
        connection.register("events", data.to_arrow())
        data = "SELECT k::letter AS k, x::letter AS x FROM events"
    else:
        make = getattr(polars, kind)
        enums = {name: make(["a", "b", "u", "v"]) if kind == "Enum" else make for name in rows}
        data = data.with_columns(polars.col(name).cast(each) for name, each in enums.items())
    table = Table.from_query(
        Dirichlet.flat(["u", "v"]),
        data,
        key="k",
        value="x",
        connection=connection,
        refuse=lambda row, error: None,
    )
    found = {key: table[key].posterior.alpha.tolist() for key in table.keys}
    assert found == {"a": [3.0, 1.0], "b": [1.0, 2.0]}
