"""Events from a growing table in SQLite or PostgreSQL."""

from __future__ import annotations

import datetime
import decimal
import itertools
import math
import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

from seqbayes.console.text import count_of
from seqbayes.errors import PriorError
from seqbayes.extras import install_command
from seqbayes.stream.source import Batch, SourceError
from seqbayes.stream.sources.broker import Broker, Lost
from seqbayes.stream.stores.sqlite_files import file_url
from seqbayes.stream.urls import check_port, expand

WINDOW = 500
"""Number of rows before the last row in which late rows are detected."""

_LITERAL = re.compile(r"""'[^']*'|"[^"]*\"""")


_SELECT = re.compile(
    r"(\s|\(|--[^\n]*\n|/\*.*?\*/)*(select|with|values|table)\b", re.IGNORECASE | re.DOTALL
)


class _DatabaseError(Exception):
    """The database cannot be queried at present."""


_CONNECT: dict[str, Any] = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 4,
}
"""Parameters of libpq that detect a server that does not answer."""


class Query(Broker):
    """Reads events from the rows of a query, in the order of an increasing column.

    Parameters
    ----------
    url
        An SQLite file, or ``postgresql://user@host/database``; ``${NAME}`` is replaced with the
        value of that environment variable.
    query
        A SELECT statement without a semicolon, or the name of a table.
    cursor
        A column of the result that increases from row to row and is never NULL: a serial number, or
        a time without ties. Ties and NULLs stop the run.
    follow
        Whether to wait for more rows.
    every
        Seconds between two queries while waiting.
    name
        Name of the source in the store; by default the query.
    lost
        What to do if rows became visible too late to be read: ``"stop"`` fails, ``"restart"`` adds
        a dead letter.
    patience
        Maximum number of seconds without a connection; after this time, the source fails.

    Raises
    ------
    PriorError
        If an option is invalid.

    Notes
    -----
    The connection is read-only. A transaction can be committed after rows with a larger cursor were
    read. Its rows are learned if they are among the last 500 rows in the order of the cursor;
    otherwise they are missed, which is detected when the rows are counted, at the start and
    periodically. Decimals become floating-point numbers, dates and times become ISO 8601 strings;
    bytes are rejected.
    """

    kind = "query"

    token_type: ClassVar = int | float | str | dict[str, Any]
    _connection_errors = (_DatabaseError,)

    def __init__(
        self,
        url: str,
        query: str,
        cursor: str,
        follow: bool = False,
        every: float = 1.0,
        name: str | None = None,
        lost: Lost = "stop",
        patience: float = 300.0,
    ) -> None:
        super().__init__(name or f"query:{query}", lost, patience)
        if not every > 0.0:
            raise PriorError(f"expected 'every' above 0 seconds, got {every!r}")
        if not cursor:
            raise PriorError("expected the name of a column as cursor")
        if ";" in _LITERAL.sub("", query):
            raise PriorError(f"expected one SELECT statement without a semicolon, got {query!r}")
        self._postgres = url.startswith(("postgresql://", "postgres://"))
        if "://" in url and not self._postgres:
            scheme = url.partition("://")[0]
            raise PriorError(f"expected an SQLite file or postgresql://…, got {scheme}://…")
        if not query.strip() or (" " in query.strip() and not _SELECT.match(query)):
            raise PriorError(f"expected a SELECT statement or the name of a table, got {query!r}")
        self._query = query if " " in query.strip() else f"SELECT * FROM {_quoted(query.strip())}"
        self._mark = "%s" if self._postgres else "?"
        self._url = expand(url, quoted=self._postgres)
        if self._postgres:
            check_port(self._url)
        self._cursor = cursor
        self._every = every
        self.finite = not follow
        self._connection: Any = None
        self.seek(None)

    def seek(self, token: Any) -> None:
        """Resume after the row with a given token; None means from the beginning."""
        earlier = token is not None and not isinstance(token, dict)  # written by an earlier version
        values = token if isinstance(token, dict) else {"last": token}
        self._last = values["last"]
        # the last cursors read, in order
        self._recent: list[Any] = list(values.get("recent", ()))
        # whether these are all the cursors that were read
        self._whole: bool = values.get("whole", not earlier)
        self._count: int | None = values.get("count", None if earlier else 0)
        self._begun = False
        self._next = self._next_count = -math.inf

    def end(self) -> Any:
        """Return the token of the row that now has the largest value in the cursor column.

        Raises
        ------
        SourceError
            If the query fails, or the cursor column is NULL or has ties in the last rows.
        """
        self._open()
        try:
            column = _quoted(self._cursor)
            names, rows = self._execute(f"ORDER BY {column} DESC LIMIT {WINDOW}")
            marks = self._marks(names, rows)[::-1]
            if not marks:
                raise SourceError(f"{self.name} has no rows")
            self._check_ties(marks)
            where = f"WHERE {column} <= {self._mark}"
            _, ((count,),) = self._execute(where, marks[-1], what="count(*)")
        finally:
            self._disconnect()
        whole = count == len(marks)
        return {"last": marks[-1], "count": count, "recent": marks, "whole": whole}

    @property
    def _token(self) -> dict[str, Any]:
        recent = list(self._recent)
        return {"last": self._last, "count": self._count, "recent": recent, "whole": self._whole}

    # The connection.

    def _open(self) -> None:
        """Connect."""
        self._connection = self._connected_by(self._connect)
        self._has_connected = True
        if not self._begun:
            self._check_nulls()

    def _connect(self) -> Any:
        if not self._postgres:
            connection = sqlite3.connect(file_url(self._url, "mode=ro"), uri=True)
            connection.execute("PRAGMA query_only = ON")
            return connection
        import psycopg

        server = psycopg.connect(self._url, autocommit=True, **_CONNECT)
        server.execute("SET default_transaction_read_only = on")
        return server

    def _disconnect(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected_by(self, act: Callable[[], Any]) -> Any:
        """Call a function that uses the database, and return its result.

        Raises
        ------
        SourceError
            If the call fails and a retry cannot succeed.
        """
        try:
            return act()
        except ModuleNotFoundError:
            raise SourceError(f"{self.name} needs psycopg: {install_command('postgres')}") from None
        except Exception as error:
            if not isinstance(error, sqlite3.Error) and not _is_psycopg(error):
                raise
            if self._has_connected and _is_transient(error):
                raise _DatabaseError(str(error)) from error
            if not self._postgres and not os.path.exists(self._url):
                raise SourceError(f"cannot read {self.name}: no such file: {self._url}") from None
            where = f" ({self._url})" if isinstance(error, sqlite3.Error) else ""
            raise SourceError(f"cannot read {self.name}{where}: {error}") from error

    def _execute(
        self, rest: str, *values: Any, what: str = "*"
    ) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Return the column names and rows of the user's query, with additional clauses."""
        # percent signs in the user's query are not placeholders
        query = self._query.replace("%", "%%") if self._postgres and values else self._query
        text = f"SELECT {what} FROM ({query}) AS events {rest}"

        def act() -> tuple[list[str], list[tuple[Any, ...]]]:
            # a prepared statement can contain only one SQL statement
            prepared = {"prepare": True} if self._postgres else {}
            arguments = (values,) if values or not self._postgres else ()
            found = self._connection.execute(text, *arguments, **prepared)
            return [column[0] for column in found.description], found.fetchall()

        return self._connected_by(act)  # type: ignore[no-any-return]

    # Reading.

    def batches(self, size: int = 5000, timeout: float = 0.2) -> Iterator[Batch | None]:
        """Yield batches; with `follow`, None whenever no row arrives before the timeout.

        Raises
        ------
        SourceError
            If the query fails, two rows have the same cursor, a row has no cursor, or rows became
            visible too late to be read.
        """
        for batch in super().batches(size, timeout):
            if batch is None and self.caught_up and self.finite:
                self.close()
                return
            yield batch

    def _read(self, size: int, timeout: float) -> Batch | None:
        left = self._next - time.monotonic()
        if left > 0.0:
            time.sleep(min(timeout, left))
            return None
        begun, self._begun = self._begun, True
        batch = (None if begun else self._late()) or self._page(size) or self._late()
        batch = batch or self._compare_counts()
        self.caught_up = batch is None
        if batch is None:
            self._next = time.monotonic() + self._every
        return batch

    def _page(self, size: int) -> Batch | None:
        """Return the next rows; the query includes the last row read, to detect ties."""
        column = _quoted(self._cursor)
        order = f"ORDER BY {column} LIMIT {int(size) + 1}"
        if self._last is None:
            names, rows = self._execute(order)
        else:
            names, rows = self._execute(f"WHERE {column} >= {self._mark} {order}", self._last)
        marks = self._marks(names, rows)
        if marks and self._last is not None and marks[0] == self._last:
            marks, rows = marks[1:], rows[1:]
        marks, rows = marks[:size], rows[:size]
        self._check_ties([self._last, *marks])
        if not rows:
            return None
        self._last = marks[-1]
        self._keep([*self._recent, *marks], len(rows))
        return self._batch(names, rows, marks)

    def _late(self) -> Batch | None:
        """Return rows in the window that became visible after later rows were read."""
        if not self._recent:
            return None
        column = _quoted(self._cursor)
        where, values = f"WHERE {column} < {self._mark}", [self._last]
        if not self._whole:
            where, values = f"{where} AND {column} >= {self._mark}", [self._last, self._recent[0]]
        names, rows = self._execute(f"{where} ORDER BY {column}", *values)
        marks = self._marks(names, rows)
        self._check_ties(marks)
        known = set(self._recent)
        late = [(row, mark) for row, mark in zip(rows, marks, strict=True) if mark not in known]
        if not late:
            return None
        self._keep([*marks, self._last], len(late))
        return self._batch(names, *map(list, zip(*late, strict=True)))

    def _compare_counts(self) -> Batch | None:
        """Periodically compare the number of rows up to the last row read with the number read."""
        began = time.monotonic()
        if self._last is None or began < self._next_count:
            return None
        self._check_nulls()
        where = f"WHERE {_quoted(self._cursor)} <= {self._mark}"
        _, ((visible,),) = self._execute(where, self._last, what="count(*)")
        if self._count is not None and visible > self._count:
            if (batch := self._late()) is not None:  # these rows became visible before the count
                return batch
            missed = count_of(visible - self._count, "row")
            self._count = visible
            self._handle_gap(
                f"{missed} became visible after later rows were read, up to {self._cursor} ="
                f" {self._last!r}: exclude the newest rows in the query",
                self._last,
            )
        self._count = visible  # smaller if rows were deleted
        self._next_count = began + max(60.0, 100.0 * (time.monotonic() - began))
        return Batch([], self._token, []) if self._gaps else None

    def _keep(self, cursors: Sequence[Any], count: int) -> None:
        """Store the last cursors, and count the rows."""
        self._whole = self._whole and len(cursors) <= WINDOW
        self._recent = list(cursors[-WINDOW:])
        self._count = None if self._count is None else self._count + count

    def _check_nulls(self) -> None:
        _, rows = self._execute(f"WHERE {_quoted(self._cursor)} IS NULL LIMIT 1")
        if rows:
            raise SourceError(f"{self.name}: its cursor {self._cursor!r} is NULL in some rows")

    def _check_ties(self, marks: Sequence[Any]) -> None:
        for before, mark in itertools.pairwise(marks):
            if mark == before:
                raise SourceError(
                    f"{self.name}: its cursor {self._cursor!r} does not increase: several rows have"
                    f" {mark!r}; choose a column without ties"
                )

    def _marks(self, names: list[str], rows: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Return the cursors of rows."""
        if self._cursor not in names:
            raise SourceError(
                f"{self.name} has no column {self._cursor!r}; columns: {', '.join(names)}"
            )
        place = names.index(self._cursor)
        return [_plain(row[place]) for row in rows]

    def _batch(
        self, names: list[str], rows: Sequence[tuple[Any, ...]], marks: Sequence[Any]
    ) -> Batch:
        records, positions, refused = [], [], []
        for row, mark in zip(rows, marks, strict=True):
            record = {name: _plain(value) for name, value in zip(names, row, strict=True)}
            binary = [
                name for name, value in record.items() if isinstance(value, (bytes, memoryview))
            ]
            if binary:
                refused.append((mark, repr(record)[:1000].encode(), f"{binary[0]!r} holds bytes"))
            else:
                records.append(record)
                positions.append(mark)
        return Batch(records, self._token, positions, refused)


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


def _is_transient(error: Exception) -> bool:
    """Whether a query might succeed if it is repeated."""
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        return code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    return any(
        base.__name__ in ("OperationalError", "InterfaceError") for base in type(error).mro()
    )
