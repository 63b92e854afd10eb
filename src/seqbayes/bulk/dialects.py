"""SQL for three engines: conversion of column values to the kinds that beliefs read."""

from __future__ import annotations

import math
from typing import NamedTuple

from seqbayes.errors import ObservationError
from seqbayes.likelihoods.sql import between, log_factorial, number

MAX_TEXT = 1000
"""Maximum number of characters in a key."""

_EXACT_INTEGER = 2.0**53

_LOG_FACTORIALS = [math.lgamma(i + 1.0) for i in range(256)]
"""Logarithms of small factorials, which are faster to look up than to compute."""


def quoted(name: str) -> str:
    """Return a column name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a string as an SQL literal."""
    if "\0" in text:
        raise ObservationError(f"expected a string without NUL characters, got {text!r}")
    return "'" + text.replace("'", "''") + "'"


class Dialect:
    """The differences between engines that are relevant to the aggregates.

    Attributes
    ----------
    name : str
        Name of the engine.
    """

    name = "SQL"
    text_type = "VARCHAR"

    def log_factorial(self, x: str) -> str:
        """Return SQL for log x!, where x is a whole number."""
        return log_factorial(x)

    def from_boolean(self, x: str) -> str:
        """Return SQL that converts a truth value to a double."""
        return f"CAST({x} AS DOUBLE PRECISION)"

    def matches(self, x: str, pattern: str) -> str:
        """Return the condition that a string matches a regular expression completely."""
        return f"regexp_full_match({x}, {literal(pattern)})"

    def epoch(self, x: str) -> str:
        """Return SQL for seconds since 1970, given a time; a time without a zone is in UTC."""
        return f"CAST(EPOCH({x}) AS DOUBLE PRECISION)"

    def parse_time(self, x: str) -> str:
        """Return SQL for seconds since 1970, given an RFC 3339 string; NULL for other strings."""
        zoned, plain = "TIMESTAMP WITH TIME ZONE", "TIMESTAMP"
        return (
            f"(CASE WHEN {self.matches(x, _TIME + _ZONE)} THEN {self.epoch(self.parse(x, zoned))}"
            f" WHEN {self.matches(x, _TIME)} THEN {self.epoch(self.parse(x, plain))} END)"
        )

    def parse(self, x: str, kind: str) -> str:
        """Return SQL that converts a value of this kind; NULL or an error for any other value."""
        return f"TRY_CAST({x} AS {kind})"


class DuckDialect(Dialect):
    """The SQL of DuckDB."""

    name = "DuckDB"

    def log_factorial(self, x: str) -> str:
        """Return SQL for log x!, where x is a whole number."""
        one, size = number(1.0), len(_LOG_FACTORIALS)
        table = ", ".join(f"{value!r}::DOUBLE" for value in _LOG_FACTORIALS)
        return (
            f"(CASE WHEN {x} < {size} THEN [{table}][CAST({x} AS INTEGER) + 1]"
            f" ELSE LGAMMA({x} + {one}) END)"
        )


class PostgresDialect(Dialect):
    """The SQL of PostgreSQL."""

    name = "PostgreSQL"
    text_type = "TEXT"

    def from_boolean(self, x: str) -> str:
        """Return SQL that converts a truth value to a double."""
        return f"CAST(CAST({x} AS INTEGER) AS DOUBLE PRECISION)"

    def matches(self, x: str, pattern: str) -> str:
        """Return the condition that a string matches a regular expression completely."""
        return f"{x} ~ {literal(f'^({pattern})$')}"

    def epoch(self, x: str) -> str:
        """Return SQL for seconds since 1970, given a time; a time without a zone is in UTC."""
        return f"CAST(EXTRACT(EPOCH FROM {x}) AS DOUBLE PRECISION)"

    def parse(self, x: str, kind: str) -> str:
        """Convert a checked value; CASE evaluates the result only for such values."""
        return f"CAST({x} AS {kind})"


class PolarsDialect(Dialect):
    """The SQL of Polars."""

    name = "Polars"

    def matches(self, x: str, pattern: str) -> str:
        """Return the condition that a string matches a regular expression completely."""
        return f"REGEXP_LIKE({x}, {literal(f'^({pattern})$')})"

    def epoch(self, x: str) -> str:
        """Return SQL for seconds since 1970, given a time; a time without a zone is in UTC."""
        return f"CAST(EXTRACT(EPOCH FROM {x}) AS DOUBLE PRECISION)"


class Column(NamedTuple):
    """A column of a relation.

    Parameters
    ----------
    expression
        The SQL expression for the values of the column.
    category
        "boolean", "integer", "decimal", "float", "text" or "other"; "date" and "time" for
        times; "cell" for CSV cells; "json" for JSON values.
    """

    expression: str
    category: str


_NUMBER = r"[ \t]*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?[ \t]*"
_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?"
_ZONE = r"(Z|[+-][0-9]{2}:[0-9]{2})"


def as_number(column: Column, dialect: Dialect) -> str:
    """Return SQL for the number in a column; NULL unless the value is certain to be a number."""
    x = column.expression
    if column.category in ("integer", "decimal", "float"):
        return f"CAST({x} AS DOUBLE PRECISION)"
    if column.category == "cell":
        cast = dialect.parse(x, "DOUBLE PRECISION")
        return f"(CASE WHEN {dialect.matches(x, _NUMBER)} THEN {cast} END)"
    if column.category == "json":
        kinds = "('DOUBLE', 'BIGINT', 'UBIGINT')"
        return f"(CASE WHEN json_type({x}) IN {kinds} THEN CAST({x} AS DOUBLE) END)"
    return _nothing("DOUBLE PRECISION")


def as_boolean(column: Column, dialect: Dialect) -> str:
    """Return SQL for a column's truth value as a number; NULL if it may not be a truth value."""
    x, yes, no = column.expression, number(1.0), number(0.0)
    if column.category == "boolean":
        return dialect.from_boolean(x)
    if column.category == "cell":
        trimmed = f"LOWER(TRIM({x}))"
        true, false = "('true', 'yes', '1')", "('false', 'no', '0')"
        return f"(CASE WHEN {trimmed} IN {true} THEN {yes} WHEN {trimmed} IN {false} THEN {no} END)"
    if column.category == "json":
        # compared as text, which is faster than the conversion of JSON
        text = f"CAST({x} AS VARCHAR)"
        return (
            f"(CASE WHEN {text} IN ('true', '1', '1.0') THEN {yes}"
            f" WHEN {text} IN ('false', '0', '0.0') THEN {no} END)"
        )
    return as_number(column, dialect)


def as_text(column: Column, dialect: Dialect) -> str:
    """Return SQL for the text in a column; NULL unless the value is certain to be text."""
    x, to = column.expression, dialect.text_type
    if column.category == "text":
        return f"(CASE WHEN {_short(x)} THEN CAST({x} AS {to}) END)"
    if column.category == "cell":
        return f"(CASE WHEN {_starts_without_space(x)} AND {_short(x)} THEN {x} END)"
    if column.category == "boolean":
        return f"(CASE WHEN {x} THEN 'true' WHEN NOT {x} THEN 'false' END)"
    if column.category in ("integer", "date"):
        return f"CAST({x} AS {to})"
    if column.category == "float":
        limit = between(x, -_EXACT_INTEGER, _EXACT_INTEGER)
        whole = dialect.parse(x, "BIGINT")  # DuckDB may also evaluate it for NaN
        return f"(CASE WHEN {limit} AND {x} = FLOOR({x}) THEN CAST({whole} AS {to}) END)"
    if column.category == "json":
        kinds = "('VARCHAR', 'BIGINT', 'UBIGINT', 'BOOLEAN')"
        return f"(CASE WHEN json_type({x}) IN {kinds} AND {_short(f'{x}')} THEN {x} ->> '$' END)"
    return _nothing(to)


def _short(x: str) -> str:
    return f"LENGTH({x}) <= {MAX_TEXT}"


def _starts_without_space(x: str) -> str:
    """Return the condition that a cell does not begin with whitespace of any kind."""
    spaces = "(133, 160, 5760, 8232, 8233, 8239, 8287, 12288)"
    code = f"UNICODE({x})"
    return f"({code} > 32 AND {code} NOT IN {spaces} AND {code} NOT BETWEEN 8192 AND 8202)"


def as_time(column: Column, unit: float, dialect: Dialect) -> str:
    """Return SQL for a column's time in seconds since 1970; NULL if it may not be a time."""
    x = column.expression
    if column.category == "time":
        return dialect.epoch(x)
    text = f"{x} ->> '$'" if column.category == "json" else x
    plain = as_number(column, dialect)
    if unit != 1.0:
        plain = f"{plain} * {number(unit)}"
    if column.category in ("text", "cell", "json"):
        parsed = dialect.parse_time(text)
        return parsed if column.category == "text" else f"COALESCE({plain}, {parsed})"
    return plain


def _nothing(kind: str) -> str:
    return f"CAST(NULL AS {kind})"
