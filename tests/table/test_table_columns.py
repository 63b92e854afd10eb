"""Keys, observations and weights of a table in columns of Arrow and Polars."""

from __future__ import annotations

import numpy as np
import pytest

from seqbayes import Beta, Normal, ObservationError
from seqbayes.table import Table

WORDS = ["b", "a", "b", ""]
COLUMNS = {
    "categorical": lambda pa, pl: pl.Series(WORDS, dtype=pl.Categorical),
    "enum": lambda pa, pl: pl.Series(WORDS, dtype=pl.Enum(["", "b", "a"])),
    "dictionary": lambda pa, pl: pa.array(["x", *WORDS]).dictionary_encode().slice(1),
    "dictionary of views": lambda pa, pl: pa.DictionaryArray.from_arrays(
        pa.array([0, 1, 0, 2]), pa.array(["b", "a", ""], pa.string_view())
    ),
    "dictionary with duplicates and unused nulls": lambda pa, pl: pa.DictionaryArray.from_arrays(
        pa.array([0, 1, 2, 3]), pa.array(["b", "a", "b", "", None])
    ),
    "chunks": lambda pa, pl: pa.chunked_array(
        [pa.array(WORDS[:1]), pa.array([], pa.string()), pa.array(WORDS[1:])]
    ),
}


@pytest.mark.parametrize("form", COLUMNS)
def test_columns_of_strings_have_the_rows_of_a_list(form: str) -> None:
    column = COLUMNS[form](pytest.importorskip("pyarrow"), pytest.importorskip("polars"))
    xs, weights = [True, False, True, False], [1.5, 0.0, 2.0, 1.0]
    table, other = Table(Beta()), Table(Beta())
    table.learn_many(column, xs, weights)
    other.learn_many(WORDS, xs, weights)
    assert table.keys == other.keys
    assert table.posterior.alpha.tolist() == other.posterior.alpha.tolist()


def test_integers_of_a_type_that_arrow_lacks_are_keys_and_observations() -> None:
    pl = pytest.importorskip("polars")
    column = pl.Series([2**70, 1], dtype=pl.Int128)
    table, other = Table(Normal(0, 1, 1)), Table(Normal(0, 1, 1))
    table.learn_many(column, column)
    other.learn_many(column.to_list(), column.to_list())
    assert table.keys == [2**70, 1]
    assert table.mean.tolist() == other.mean.tolist()


def test_missing_and_masked_keys_are_refused() -> None:
    pa = pytest.importorskip("pyarrow")
    texts = pa.DictionaryArray.from_arrays(pa.array([0, 1]), pa.array(["a", None]))
    masked = np.ma.array([1, 2], mask=[False, True])
    table = Table(Beta())
    for keys in (texts, pa.chunked_array([texts]), masked):
        with pytest.raises(ObservationError, match=r"got 1 (missing|masked) keys"):
            table.learn_many(keys, [True, True])
    table.learn_many(np.ma.array([1, 2]), [True, True])
    assert table.keys == [1, 2]


@pytest.mark.parametrize("form", ["Arrow", "Polars", "iterator"])
def test_weights_may_be_a_column(form: str) -> None:
    pa, pl = pytest.importorskip("pyarrow"), pytest.importorskip("polars")
    make = {"Arrow": pa.array, "Polars": pl.Series, "iterator": iter}[form]
    table, state = Table(Beta()), Beta()
    table.learn_many(["a", "a"], [True, False], make([1.5, 0.25]))
    state.learn_many([True, False], make([1.5, 0.25]))
    assert table["a"].posterior == state.posterior == (2.5, 1.25)
    if form != "iterator":
        with pytest.raises(ObservationError, match="got nan at position 1"):
            state.learn_many([True, False], make([1.5, None]))
