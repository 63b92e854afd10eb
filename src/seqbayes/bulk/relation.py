"""Rows read by DuckDB (which also reads files), Polars or PostgreSQL."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from seqbayes.bulk.dialects import (
    Column,
    Dialect,
    DuckDialect,
    PolarsDialect,
    PostgresDialect,
    literal,
    quoted,
)
from seqbayes.errors import SeqbayesError, SourceError
from seqbayes.extras import missing_extra

CHUNK = 10_000
"""Number of rows that are fetched at once."""

NUMBER = "sb_row"
"""The column with the row number, from 1; 0 if the rows have no order."""

_CATEGORIES = (
    ("boolean", r"bool(ean)?"),
    ("integer", r"u?(tiny|small|big|huge)?int(eger)?\d*|int\d"),
    ("decimal", r"decimal.*|numeric"),
    ("float", r"float\d*|double|real"),
    ("text", r"varchar|text|string|bpchar|enum.*|categorical.*"),
    ("date", r"date"),
    ("time", r"timestamp.*|datetime.*"),
)


def category(kind: str) -> str:
    """Return the category of a column, given the name of its type in any of the engines.

    Examples
    --------
    >>> category("BIGINT"), category("timestamptz"), category("List(Float64)")
    ('integer', 'time', 'other')
    """
    lower = kind.lower()
    found = (name for name, pattern in _CATEGORIES if re.fullmatch(pattern, lower))
    return next(found, "other")


class Relation:
    """Rows with named columns in an engine that executes SQL.

    A subclass defines `select`, `records` and `count`.

    Attributes
    ----------
    columns : mapping
        The expression and the category of every column, keyed by name.
    dialect : Dialect
        The SQL dialect of the engine.
    """

    dialect: Dialect
    columns: Mapping[str, Column]
    certain: str = ""
    """The condition under which a stream would read the same values from a row."""
    table = "sb_rows"
    """The name of the rows in queries."""

    def select(self, sql: str) -> dict[str, Any]:
        """Execute a query and return its columns, as arrays or lists, keyed by name."""
        raise NotImplementedError

    def records(self, sql: str) -> Iterator[Mapping[str, Any]]:
        """Execute a query and yield its rows."""
        raise NotImplementedError

    def doubtful(self, inner: str, condition: str) -> Iterator[tuple[Any, Any]]:
        """Yield the number and the record of each row for which a condition is not true.

        Parameters
        ----------
        inner
            Expressions that the condition uses, as items of a SELECT list.
        condition
            The condition.
        """
        names = ", ".join(map(quoted, self.columns))
        sql = (
            f"SELECT {NUMBER}, {names} FROM (SELECT *, {inner} FROM {self.numbered}) AS sb_all"
            f" WHERE NOT COALESCE({condition}, FALSE)"
        )
        for record in self.records(sql):
            number, *values = record.values()
            yield number, dict(zip(self.columns, values, strict=True))

    @property
    def numbered(self) -> str:
        """A table expression for the rows with their numbers in the column `NUMBER`."""
        return f"(SELECT *, ROW_NUMBER() OVER () AS {NUMBER} FROM {self.table}) AS sb_numbered"

    def count(self) -> int:
        """Return the number of rows."""
        (n,) = self.select(f"SELECT COUNT(*) AS n FROM {self.table}")["n"]
        return int(n)

    def column(self, name: str) -> Column:
        """Return a column.

        Raises
        ------
        SourceError
            If no column has this name.
        """
        if name not in self.columns:
            known = ", ".join(list(self.columns)[:20])
            raise SourceError(f"the rows have no column {name!r}; columns: {known}")
        return self.columns[name]

    def close(self) -> None:
        """Release the connection, if this relation opened it."""


def plain_columns(types: Mapping[str, str]) -> dict[str, Column]:
    """Return the columns of a relation, given the names of their types."""
    return {name: Column(quoted(name), category(kind)) for name, kind in types.items()}


class DatabaseRelation(Relation):
    """Rows that are read through a connection to a database."""

    _connection: Any
    _own: bool
    """Whether this relation opened the connection."""

    def _run(self, sql: str) -> Any:
        """Execute a query and return the cursor."""
        raise NotImplementedError

    def records(self, sql: str) -> Iterator[Mapping[str, Any]]:
        """Execute a query and yield its rows."""
        cursor = self._run(sql)
        names = [column[0] for column in cursor.description]
        while rows := cursor.fetchmany(CHUNK):
            for row in rows:
                yield dict(zip(names, row, strict=True))

    def close(self) -> None:
        """Close the connection, if this relation opened it."""
        if self._own:
            self._connection.close()


class DuckRelation(DatabaseRelation):
    """Rows that DuckDB reads.

    Parameters
    ----------
    query
        A query, or the name of a table.
    connection
        The connection; by default a new one, in memory.
    """

    def __init__(self, query: str, connection: Any = None) -> None:
        self.dialect = DuckDialect()
        self._own = connection is None
        self._connection = _duckdb().connect() if self._own else connection
        self.table = _as_table(query)
        self.columns = plain_columns(self._types())

    def _types(self) -> dict[str, str]:
        described = self._run(f"DESCRIBE SELECT * FROM {self.table}").fetchall()
        return {name: kind for name, kind, *_ in described}

    def _run(self, sql: str) -> Any:
        try:
            return self._connection.execute(sql)
        except _duckdb().Error as error:
            raise SourceError(f"DuckDB cannot read the rows: {error}") from error

    def select(self, sql: str) -> dict[str, Any]:
        """Execute a query and return its columns, keyed by name."""
        found = self._run(sql).fetchnumpy()
        return {name: _unmasked(values) for name, values in found.items()}


class PolarsRelation(Relation):
    """Rows of a Polars data frame, read lazily.

    Parameters
    ----------
    frame
        A `LazyFrame` or `DataFrame`.
    """

    def __init__(self, frame: Any) -> None:
        import polars

        self.dialect = PolarsDialect()
        kinds = (polars.Categorical, polars.Enum)  # lack functions of strings
        self._frame = frame.lazy().with_columns(
            polars.selectors.by_dtype(kinds).cast(polars.String)
        )
        self._context = polars.SQLContext(
            {self.table: self._frame, "sb_numbered": self._frame.with_row_index(NUMBER, 1)}
        )
        schema = self._frame.collect_schema()
        self.columns = plain_columns({name: str(kind) for name, kind in schema.items()})

    @property
    def numbered(self) -> str:
        """A table expression for the rows with their numbers."""
        return "sb_numbered"

    def _run(self, sql: str) -> Any:
        import polars

        try:
            return self._context.execute(sql).collect(engine="streaming")
        except polars.exceptions.PolarsError as error:
            raise SourceError(f"Polars cannot read the rows: {error}") from error

    def select(self, sql: str) -> dict[str, Any]:
        """Execute a query and return its columns, keyed by name."""
        found = self._run(sql)
        return {
            name: found[name].to_numpy()
            if found[name].dtype.is_numeric()
            else found[name].to_list()
            for name in found.columns
        }

    def records(self, sql: str) -> Iterator[Mapping[str, Any]]:
        """Execute a query and yield its rows."""
        yield from self._run(sql).iter_rows(named=True)


class PostgresRelation(DatabaseRelation):
    """Rows of a query that PostgreSQL executes, in one snapshot.

    Parameters
    ----------
    query
        A query, or the name of a table.
    connection
        A psycopg connection, or the URL of a database.
    """

    def __init__(self, query: str, connection: Any) -> None:
        try:
            import psycopg
        except ModuleNotFoundError:
            raise missing_extra("reading from PostgreSQL", "psycopg", "postgres") from None
        self.dialect = PostgresDialect()
        self._error = psycopg.Error
        self._own = isinstance(connection, str)
        try:
            self._connection = (
                psycopg.connect(connection, connect_timeout=10) if self._own else connection
            )
        except psycopg.Error as error:
            raise SourceError(f"cannot connect to PostgreSQL: {error}") from None
        self.table = _as_table(query)
        if self._own:
            self._connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            self._connection.read_only = True
        described = self._run(f"SELECT * FROM {self.table} LIMIT 0").description
        types = self._connection.adapters.types
        names = {each.name: types.get(each.type_code) for each in described}
        self.columns = plain_columns(
            {name: "other" if info is None else info.name for name, info in names.items()}
        )

    def _run(self, sql: str) -> Any:
        try:
            return self._connection.execute(sql, prepare=True)
        except self._error as error:
            if self._own:
                self._connection.rollback()
            raise SourceError(f"PostgreSQL cannot read the rows: {error}") from error

    def select(self, sql: str) -> dict[str, Any]:
        """Execute a query and return its columns, keyed by name."""
        cursor = self._run(sql)
        names = [column.name for column in cursor.description]
        rows = cursor.fetchall()
        columns = zip(*rows, strict=True) if rows else ((),) * len(names)
        return dict(zip(names, map(list, columns), strict=True))


def open_relation(data: Any, connection: Any = None) -> Relation:
    """Return the rows of a query, a file or a data frame.

    Parameters
    ----------
    data
        A SELECT statement or the name of a table; the path of a Parquet file; or a Polars data
        frame.
    connection
        The engine that executes a query: a DuckDB or psycopg connection, or ``postgresql://…``;
        by default a new DuckDB connection.

    Raises
    ------
    SeqbayesError
        If the engine is not installed, or `data` has another type.
    SourceError
        If the engine cannot read the data.
    """
    module = type(data).__module__.partition(".")[0]
    if module == "polars":
        return PolarsRelation(data)
    if isinstance(data, Path) or (isinstance(data, str) and data.endswith(".parquet")):
        return DuckRelation(f"SELECT * FROM read_parquet({literal(str(data))})", connection)
    if not isinstance(data, str):
        raise SeqbayesError(f"expected a query, a Parquet file or a data frame, got {data!r}")
    engine = type(connection).__module__.partition(".")[0]
    if engine == "psycopg" or isinstance(connection, str):
        return PostgresRelation(data, connection)
    return DuckRelation(data, connection)


def _as_table(query: str) -> str:
    """Return a table expression for a query or the name of a table."""
    query = query.strip()
    if " " in query or "\n" in query:
        return f"({query}) AS sb_rows"
    return quoted(query)


def _duckdb() -> Any:
    try:
        import duckdb
    except ModuleNotFoundError:
        raise missing_extra("reading rows in bulk", "duckdb", "bulk") from None
    return duckdb


def _unmasked(values: Any) -> Any:
    """Return a column without NULLs as a list or array."""
    data = (
        values.filled(np.nan)
        if isinstance(values, np.ma.MaskedArray) and values.dtype.kind == "f"
        else values
    )
    return data.tolist() if data.dtype.kind == "O" else np.asarray(data)


def as_seconds(value: Any) -> Any:
    """Convert a `datetime` to seconds since 1970; return other values unchanged.

    A `datetime` without a zone is in UTC.

    Examples
    --------
    >>> as_seconds(datetime.datetime(2024, 1, 1))
    1704067200.0
    """
    if not isinstance(value, datetime.datetime):
        return value
    return (value if value.tzinfo else value.replace(tzinfo=datetime.UTC)).timestamp()


def as_key(value: Any) -> Any:
    """Convert a value to the string that is its key in a stream; keep strings and integers.

    Examples
    --------
    >>> as_key(True), as_key(2.0), as_key(0.5), as_key(datetime.date(2024, 5, 1)), as_key(7)
    ('true', '2', '0.5', '2024-05-01', 7)
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and math.isfinite(value):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        value = value.astimezone(datetime.UTC)
    return str(value) if isinstance(value, (Decimal, datetime.date)) else value


def as_floats(values: Sequence[Any]) -> Any:
    """Return a column of numbers as an array of floats; NULL becomes NaN."""
    return np.asarray(values, float)
