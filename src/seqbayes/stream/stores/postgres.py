"""A store in a PostgreSQL database, which several machines can share."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar
from urllib.parse import quote, unquote

import msgspec

from seqbayes.extras import install_command
from seqbayes.stream.stores.base import Mode
from seqbayes.stream.stores.records import PAUSES, Contents, Lease, StoreError, UnavailableError
from seqbayes.stream.stores.sql import SqlStore
from seqbayes.stream.stores.tables import Row
from seqbayes.stream.urls import check_port, expand

if TYPE_CHECKING:
    import psycopg

T = TypeVar("T")

_TYPES = {str: "text", int: "bigint", float: "float8"}

_LONGEST_NAME = 63
"""Maximum number of bytes in the name of a schema."""


class PostgresStore(SqlStore):
    """A store in tables of a PostgreSQL database.

    A lost connection is restored for up to half a minute. If the outcome of a
    commit is unknown, the database is queried for the outcome, so that changes are stored exactly
    once.

    Parameters
    ----------
    url
        A libpq URL: ``postgresql://user@host/database``. The tables are created in the first
        schema of the ``search_path``. ``${NAME}`` is replaced with the value of that environment
        variable.
    mode
        See `open_store`.

    Raises
    ------
    StoreError
        If psycopg is not installed, the server cannot be reached, or the tables have a newer
        version.
    """

    _types: ClassVar = {
        "identity": "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
        "bytes": "BYTEA",
    }
    _for_update = " FOR UPDATE"

    def __init__(self, url: str, mode: Mode = "create") -> None:
        self._psycopg = _driver()
        self._given = url
        self._conninfo = url = expand(url, quoted=True)
        self._cursors = 0
        self._unanswered = False
        super().__init__(_public(self._psycopg.conninfo.conninfo_to_dict, url), mode)
        self._connection: psycopg.Connection[Row] = self._connect()
        try:
            self._prepare(mode)
            if mode == "read":
                # this setting also covers statements outside of transactions
                self._connection.execute("SET default_transaction_read_only = on")
        except BaseException:
            self._connection.close()
            raise

    @classmethod
    def check(cls, url: str) -> None:
        """Check that a URL is valid, without connecting.

        Raises
        ------
        StoreError
            If `url` is invalid, or psycopg is not installed.
        PriorError
            If `url` contains an unknown environment variable.
        """
        parse = _driver().conninfo.conninfo_to_dict
        ports = str(_parsed(parse, expand(url, quoted=True)).get("port", ""))
        for port in filter(None, ports.split(",")):
            check_port(f"postgresql://:{port}")

    @classmethod
    def public(cls, url: str) -> str:
        """Return the URL without passwords, for messages."""
        return _public(_driver().conninfo.conninfo_to_dict, url)

    def _connect(self) -> psycopg.Connection[Row]:
        with self._translated():
            # with these options, a lost host is detected within half a minute instead of two hours
            connection: psycopg.Connection[Row] = self._psycopg.connect(
                self._conninfo,
                autocommit=True,
                connect_timeout=10,
                keepalives_idle=10,
                keepalives_interval=5,
                keepalives_count=4,
            )
            if self.mode != "read":
                self._limit_transactions(connection)
        # a second runner must read the row as the first runner has committed it
        connection.isolation_level = self._psycopg.IsolationLevel.READ_COMMITTED
        return connection

    def _limit_transactions(self, connection: psycopg.Connection[Row]) -> None:
        """End a transaction of a halted runner, which would keep the lease locked."""
        idle: Any = f"{self.lease_seconds * 1e3:.0f}"
        connection.execute("SET idle_in_transaction_session_timeout = " + idle)

    def share(self, lease_seconds: float) -> None:
        """Let the lease expire after a given time; see `WritableStore`."""
        super().share(lease_seconds)
        if self.mode != "read":
            with self._translated():
                self._limit_transactions(self._connection)

    def open_partition(self, name: str) -> PostgresStore:
        """Open the schema of a partition; create it if it is missing.

        The schema is named after that of the store: ``public_partition_0``.
        """
        ((schema,),) = self._query("SELECT current_schema()")
        schema = f"{schema}_partition_{name}"
        if len(schema.encode()) > _LONGEST_NAME:
            raise StoreError(f"{self.url}: the schema name {schema!r} is too long")
        quoted = '"' + schema.replace('"', '""') + '"'
        if self.mode == "create":
            with self._transaction():
                self._run("SELECT pg_advisory_xact_lock(7521873)")
                self._run(f"CREATE SCHEMA IF NOT EXISTS {quoted}")
        known = self._psycopg.conninfo.conninfo_to_dict(self._conninfo).get("options", "")
        path = quoted.replace("\\", "\\\\").replace(" ", "\\ ")
        options = quote(f"{known} -csearch_path={path}".strip())
        mark = "&" if "?" in self._given else "?"
        return PostgresStore(f"{self._given}{mark}options={options}", self.mode)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except self._psycopg.Error as error:
            text = " ".join(str(error).split())
            temporary = isinstance(error, self._psycopg.OperationalError)
            kind = UnavailableError if temporary else StoreError
            raise kind(f"{self.url}: {text}") from error

    def _has_tables(self) -> bool:
        # prevents two concurrent runners from both creating the tables
        self._run("SELECT pg_advisory_xact_lock(7521873)")
        ((found,),) = self._run("SELECT to_regclass('seqbayes_meta') IS NOT NULL")
        return bool(found)

    def now(self) -> float:
        """Return the time of the server, in seconds since 1970."""
        ((now,),) = self._query("SELECT extract(epoch FROM clock_timestamp())::float8")
        return float(now)

    @contextmanager
    def _transaction(self, durable: bool = True) -> Iterator[None]:
        with self._translated(), self._connection.transaction():
            if not durable:
                self._run("SET LOCAL synchronous_commit = off")
            yield

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Make all reads in this context use the same snapshot."""
        levels = self._psycopg.IsolationLevel
        self._connection.isolation_level = levels.REPEATABLE_READ
        try:
            with self._transaction():
                yield
        finally:
            if not self._connection.closed:
                self._connection.isolation_level = levels.READ_COMMITTED

    def _run(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        statement: Any = sql.replace("?", "%s") if parameters else sql
        cursor = self._connection.execute(statement, parameters or None)
        return cursor.fetchall() if cursor.description else []

    def _insert(self, table: str, rows: Sequence[Sequence[Any]], conflict: str = "") -> None:
        """Insert all rows with one statement and one parameter, the fastest method."""
        if not rows:
            return
        columns = ", ".join(
            f"(r ->> {i})::{_TYPES[type(value)]}"
            if not isinstance(value, bytes)
            else f"decode(r ->> {i}, 'base64')"
            for i, value in enumerate(rows[0])
        )
        then = f" ON CONFLICT {conflict}" if conflict else ""
        statement: Any = (
            f"INSERT INTO {table} SELECT {columns} FROM jsonb_array_elements(%s::jsonb) AS r{then}"
        )
        # rows contain JSON and numbers, in which a NUL is always escaped
        self._connection.execute(statement, [msgspec.json.encode(rows).decode()])

    def _stream(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[Row]:
        statement: Any = sql.replace("?", "%s")
        idle = self._connection.info.transaction_status == self._psycopg.pq.TransactionStatus.IDLE
        # a snapshot is already a transaction, and its reader may stop early
        alone = self._transaction() if idle else nullcontext()
        self._cursors += 1
        with alone, self._connection.cursor(name=f"seqbayes{self._cursors}") as cursor:
            cursor.itersize = 10_000
            cursor.execute(statement, parameters)
            yield from cursor

    def write_contents(self, contents: Contents) -> None:
        """Copy the contents of other stores into this empty store."""
        # merging many states can take longer than a lease
        self._run("SET idle_in_transaction_session_timeout = 0")
        super().write_contents(contents)

    def thin(self, belief: str, limit: int) -> None:
        """Delete points at the `surplus_times` of each history, unless the connection is lost."""
        try:
            super().thin(belief, limit)
        except StoreError as error:
            if not self._is_lost(error):
                raise

    def transact(self, function: Callable[[Lease, bool], T], durable: bool = True) -> T:
        """Run a function in a transaction and return its result; retry if the connection is lost.

        Raises
        ------
        StoreError
            If the transaction fails, or the outcome of an earlier attempt remains unknown.
        """
        if self._unanswered:
            raise StoreError(f"{self.url}: the connection was lost; open the store again")
        for attempt, pause in enumerate((*PAUSES, None)):
            try:
                with self.transaction(durable) as lease:
                    return function(lease, attempt > 0)
            except StoreError as error:
                if not self._is_lost(error):
                    raise
                if pause is None:
                    self._unanswered = True
                    raise
            time.sleep(pause)
            with suppress(StoreError):
                self._connection = self._connect()
        raise AssertionError("the last attempt returns or raises")

    def _is_lost(self, error: StoreError) -> bool:
        """Return whether an operation failed because the connection was lost."""
        return self._connection.broken and isinstance(error.__cause__, self._psycopg.Error)

    def _refuses_writes(self, error: StoreError) -> bool:
        errors = self._psycopg.errors
        return isinstance(
            error.__cause__, (errors.InsufficientPrivilege, errors.ReadOnlySqlTransaction)
        )


def _driver() -> Any:
    try:
        import psycopg
    except ImportError:
        raise StoreError(f"PostgreSQL needs psycopg: {install_command('postgres')}") from None
    return psycopg


def _parsed(parse: Any, url: str) -> dict[str, Any]:
    """Return the parts of a URL."""
    try:
        parts: dict[str, Any] = parse(url)
    except Exception as error:
        reason = str(error).strip()
        if not reason.startswith("invalid URI query parameter"):  # the text may be the password
            reason = re.sub('".*"', '"…"', reason, flags=re.DOTALL)
        raise StoreError(f"invalid URL of a PostgreSQL database: {reason}") from None
    return parts


def _public(parse: Any, url: str) -> str:
    """Return the URL without passwords, for messages."""
    parts = _parsed(parse, url)
    named = {key: quote(str(value), safe=",") for key, value in parts.items()}
    for secret in ("password", "sslpassword"):
        named.pop(secret, None)
    user, database = named.pop("user", ""), named.pop("dbname", "")
    at = ""
    if "%2F" not in named.get("host", ""):  # a URL has the directory of a socket in its query
        hosts = named.pop("host", "").split(",")
        ports = named.pop("port", "").split(",")
        at = ",".join(map(_at, hosts, ports if len(ports) == len(hosts) else ports * len(hosts)))
    rest = "&".join(f"{key}={value}" for key, value in named.items())
    return f"postgresql://{f'{user}@' if user else ''}{at}/{database}{f'?{rest}' if rest else ''}"


def _at(host: str, port: str) -> str:
    host = f"[{unquote(host)}]" if "%3A" in host else host
    return f"{host}:{port}" if port else host
