"""Events from a table that grows, in SQLite or PostgreSQL."""

from __future__ import annotations

import datetime
import decimal
import re
import sqlite3
import time
from collections.abc import Iterator
from typing import Any, ClassVar
from urllib.parse import quote

from seqbayes.errors import PriorError
from seqbayes.extras import install_command
from seqbayes.stream.source import Batch, Source, SourceError
from seqbayes.stream.urls import expand

_LITERAL = re.compile(r"""'[^']*'|"[^"]*\"""")


class Query(Source):
    """Events from the rows of a query, in the order of a column that only grows.

    Parameters
    ----------
    url
        An SQLite file, or ``postgresql://user@host/database``; ``${NAME}`` in it is replaced by
        that environment variable.
    query
        A SELECT statement without a semicolon, or the name of a table.
    cursor
        The column of the result that grows from row to row and is never NULL: a serial number, or
        a time without ties. Ties and NULLs stop the run.
    follow
        Whether to wait for more rows.
    every
        Seconds between two queries while waiting.
    name
        Its identity in the store; by default the query.

    Raises
    ------
    PriorError
        If an option is invalid.

    Notes
    -----
    The connection is read-only. Rows of transactions that commit out of the order of the cursor may
    be skipped: with several writers, let the query hold back the newest rows. Decimals become
    floating-point numbers, dates and times become ISO 8601 texts; bytes are refused.
    """

    kind = "query"

    token_type: ClassVar = int | float | str

    def __init__(
        self,
        url: str,
        query: str,
        cursor: str,
        follow: bool = False,
        every: float = 1.0,
        name: str | None = None,
    ) -> None:
        if not every > 0.0:
            raise PriorError(f"expected every above 0 seconds, got {every!r}")
        if not cursor:
            raise PriorError("expected the name of a column as cursor")
        if ";" in _LITERAL.sub("", query):
            raise PriorError(f"expected one SELECT statement without a semicolon, got {query!r}")
        self._query = query if " " in query.strip() else f"SELECT * FROM {_quoted(query.strip())}"
        self._postgres = url.startswith(("postgresql://", "postgres://"))
        self._url = expand(url, quoted=self._postgres)
        self._cursor = cursor
        self._every = every
        self.name = name or f"query:{query}"
        self.finite = not follow
        self._last: Any = None
        self._checked = False  # whether rows without a cursor were looked for
        self._connection: Any = None

    def seek(self, token: Any) -> None:
        """Resume after the row that had this token; None is the beginning."""
        self._last = token
        self._checked = False

    def _connect(self) -> Any:
        if not self._postgres:
            connection = sqlite3.connect(f"file:{quote(self._url)}?mode=ro", uri=True)
            connection.execute("PRAGMA query_only = ON")
            return connection
        import psycopg

        server = psycopg.connect(self._url, autocommit=True)
        server.execute("SET default_transaction_read_only = on")
        return server

    def _rows(self, size: int) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Return column names and the next rows, beginning with the one that was read last."""
        column = _quoted(self._cursor)
        if not self._checked:
            names, empty = self._execute(f"WHERE {column} IS NULL LIMIT 1")
            if empty:
                raise SourceError(f"{self.name}: its cursor {self._cursor!r} is NULL in some rows")
            self._checked = True
        order = f"ORDER BY {column} LIMIT {int(size) + 1}"
        if self._last is None:
            return self._execute(order)
        # the row that was read last shows whether another one has the same cursor
        mark = "%s" if self._postgres else "?"
        return self._execute(f"WHERE {column} >= {mark} {order}", self._last)

    def _execute(self, rest: str, *values: Any) -> tuple[list[str], list[tuple[Any, ...]]]:
        # percent signs in the user's query are not placeholders
        query = self._query.replace("%", "%%") if self._postgres and values else self._query
        try:
            if self._connection is None:
                self._connection = self._connect()
            # a prepared statement can contain only one SQL statement
            prepared = {"prepare": True} if self._postgres else {}
            text = f"SELECT * FROM ({query}) AS events {rest}"
            arguments = (values,) if values or not self._postgres else ()
            found = self._connection.execute(text, *arguments, **prepared)
            return [column[0] for column in found.description], found.fetchall()
        except ModuleNotFoundError:
            raise SourceError(f"{self.name} needs psycopg: {install_command('postgres')}") from None
        except Exception as error:
            if not isinstance(error, sqlite3.Error) and not _is_psycopg(error):
                raise
            raise SourceError(f"cannot read {self.name}: {error}") from error

    def batches(self, size: int = 5000, timeout: float = 0.2) -> Iterator[Batch | None]:
        """Yield batches; if more rows may come, None while none does.

        Raises
        ------
        SourceError
            If the query fails, or two rows have the same cursor, or none.
        """
        while True:
            names, rows = self._rows(size)
            more = len(rows) > size
            rows = self._unread(names, rows)[:size]
            if rows:
                yield self._batch(names, rows)
            if not more:
                if self.finite:
                    self.close()
                    return
                yield from self._wait(timeout)

    def _place(self, names: list[str]) -> int:
        if self._cursor not in names:
            raise SourceError(f"{self.name} has no column {self._cursor!r}: {', '.join(names)}")
        return names.index(self._cursor)

    def _unread(self, names: list[str], rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """Return the rows after the one that was read last."""
        place = self._place(names)
        if rows and self._last is not None and _plain(rows[0][place]) == self._last:
            return rows[1:]
        return rows

    def _batch(self, names: list[str], rows: list[tuple[Any, ...]]) -> Batch:
        place = self._place(names)
        records, positions, refused = [], [], []
        for row in rows:
            mark = _plain(row[place])
            if mark == self._last:
                raise SourceError(
                    f"{self.name}: its cursor {self._cursor!r} does not grow: several rows have"
                    f" {mark!r}; choose a column without ties"
                )
            self._last = mark
            record = {name: _plain(value) for name, value in zip(names, row, strict=True)}
            binary = [
                name for name, value in record.items() if isinstance(value, (bytes, memoryview))
            ]
            if binary:
                refused.append((mark, repr(record)[:1000].encode(), f"{binary[0]!r} holds bytes"))
            else:
                records.append(record)
                positions.append(mark)
        return Batch(records, self._last, positions, refused)

    def _wait(self, timeout: float) -> Iterator[None]:
        until = time.monotonic() + self._every
        while time.monotonic() < until:
            time.sleep(min(timeout, self._every))
            yield None

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _plain(value: Any) -> Any:
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    return value


def _is_psycopg(error: Exception) -> bool:
    return type(error).__module__.partition(".")[0] == "psycopg"
