"""Events from a table that grows, in SQLite or PostgreSQL."""

from __future__ import annotations

import datetime
import decimal
import sqlite3
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from seqbayes.errors import PriorError
from seqbayes.extras import install_command
from seqbayes.stream.source import Batch, Source, SourceError


class Query(Source):
    """Events from the rows of a query, in the order of a column that only grows.

    Parameters
    ----------
    url
        A file of SQLite, or ``postgresql://user@host/database``.
    query
        A SELECT, without a semicolon; the name of a table is one as well.
    cursor
        The column of its result that grows from row to row, and is never empty: a serial number, or
        a time without ties.
    follow
        Whether to wait for more rows.
    every
        Seconds between two looks for more.
    name
        Its identity in the store; by default the query.

    Raises
    ------
    PriorError
        If an option is none.

    Notes
    -----
    The connection only reads. Rows of transactions that commit out of the order of the cursor may
    be passed over: with several writers let the query hold back the newest rows. Decimals become
    floating point numbers, dates and times texts of ISO 8601; bytes are refused.
    """

    kind = "query"

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
        self._query = query if " " in query.strip() else f"SELECT * FROM {_quoted(query.strip())}"
        self._postgres = url.startswith(("postgresql://", "postgres://"))
        self._url = url
        self._cursor = cursor
        self._every = every
        self.name = name or f"query:{query}"
        self.finite = not follow
        self._last: Any = None
        self._connection: Any = None

    def seek(self, token: Any) -> None:
        """Resume behind the row that had this token; None is the beginning."""
        self._last = token

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
        mark = "%s" if self._postgres else "?"
        column = _quoted(self._cursor)
        after = "" if self._last is None else f" WHERE {column} > {mark}"
        # the query is the user's own, and percent signs in it are no marks
        query = self._query.replace("%", "%%") if self._postgres else self._query
        text = f"SELECT * FROM ({query}) AS events{after} ORDER BY {column} LIMIT {int(size)}"
        values = () if self._last is None else (self._last,)
        try:
            if self._connection is None:
                self._connection = self._connect()
            # prepared: so that it can be only one statement
            prepared = {"prepare": True} if self._postgres else {}
            found = self._connection.execute(text, values, **prepared)
            names = [column[0] for column in found.description]
            return names, found.fetchall()
        except ModuleNotFoundError:
            raise SourceError(f"{self.name} needs psycopg: {install_command('postgres')}") from None
        except Exception as error:
            if not isinstance(error, sqlite3.Error) and not _is_psycopg(error):
                raise
            raise SourceError(f"cannot read {self.name}: {error}") from error

    def batches(self, size: int = 5000, timeout: float = 0.2) -> Iterator[Batch | None]:
        """Yield batches; where more rows may come, None while none does.

        Raises
        ------
        SourceError
            If the query fails, or its cursor does not grow.
        """
        while True:
            names, rows = self._rows(size)
            if rows:
                yield self._batch(names, rows)
            if len(rows) < size:
                if self.finite:
                    self.close()
                    return
                yield from self._wait(timeout)

    def _batch(self, names: list[str], rows: list[tuple[Any, ...]]) -> Batch:
        if self._cursor not in names:
            raise SourceError(f"{self.name} has no column {self._cursor!r}: {', '.join(names)}")
        place = names.index(self._cursor)
        records, positions, refused = [], [], []
        for row in rows:
            mark = _plain(row[place])
            if mark is None or mark == self._last:
                raise SourceError(
                    f"{self.name}: its cursor {self._cursor!r} does not grow: {mark!r}"
                )
            self._last = mark
            record = {name: _plain(value) for name, value in zip(names, row, strict=True)}
            odd = [name for name, value in record.items() if isinstance(value, (bytes, memoryview))]
            if odd:
                refused.append((mark, repr(record)[:1000].encode(), f"{odd[0]!r} holds bytes"))
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
