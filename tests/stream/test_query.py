"""Queries: every row once, in any order in which rows become visible."""

import json
import random
import socket
import sqlite3
from contextlib import closing

import brokers
import pytest

from seqbayes.stream import SourceError
from seqbayes.stream.sources import Query, broker, query


def numbers(batches):
    return [record["i"] for batch in batches for record in batch.records]


def open_table(kind, request, tmp_path):
    """Return the URL and a connection of a database with an empty table e (i, at)."""
    if kind == "sqlite":
        url = str(tmp_path / "events.db")
        connection = sqlite3.connect(url, isolation_level=None)
    else:
        import psycopg

        url = request.getfixturevalue("postgres_url")
        connection = psycopg.connect(url, autocommit=True)
    connection.execute("CREATE TABLE e (i INTEGER, at REAL)")
    return url, connection


class Table:
    """Reads a table step by step, and commits after each step; `stop` ends the run."""

    def __init__(self, url, size=5000, **options):
        self.make = lambda: Query(url, "e", "at", follow=True, every=1e-4, **options)
        self.size, self.token, self.found, self.refused = size, None, [], []
        self.source = None

    def poll(self):
        """Read until no row arrives."""
        if self.source is None:
            self.source = self.make()
            self.source.seek(self.token)
            self.batches = self.source.batches(self.size, timeout=1e-4)
        for batch in self.batches:
            if batch is not None:
                self.found += numbers([batch])
                self.refused += batch.refused
                self.token = json.loads(json.dumps(batch.token))
            elif self.source.caught_up:
                return

    def stop(self):
        self.batches.close()
        self.source.close()
        self.source = None


DATABASES = pytest.mark.parametrize("kind", ["sqlite", "postgres"])


@DATABASES
@pytest.mark.parametrize("seed", range(3))
def test_rows_that_become_visible_late_are_read_once(kind, seed, request, tmp_path, monkeypatch):
    """Rows are committed in another order than that of the cursor, and old ones are deleted."""
    monkeypatch.setattr(query, "WINDOW", 20)
    rng = random.Random(seed)
    url, connection = open_table(kind, request, tmp_path)
    table = Table(url, size=rng.choice([1, 3, 50]))
    waiting = list(range(60))
    with closing(connection):
        while waiting:
            for _ in range(rng.randrange(1, 8)):
                if waiting:  # at most 15 rows late
                    overdue = waiting[0] < max(table.found, default=0) - 8
                    i = waiting.pop(0 if overdue else rng.randrange(min(6, len(waiting))))
                    connection.execute(f"INSERT INTO e VALUES ({i}, {i / 4})")
            table.poll()
            if rng.random() < 0.3:
                connection.execute(f"DELETE FROM e WHERE at < {max(table.found) / 4 - 3}")
            if rng.random() < 0.3:
                table.stop()
        table.poll()
        table.source.close()
    assert sorted(table.found) == list(range(60))
    assert table.found != sorted(table.found)


@DATABASES
@pytest.mark.parametrize("stopped", [False, True])
def test_a_late_tie_stops_the_run(kind, stopped, request, tmp_path):
    for cursor in range(4):
        url, connection = open_table(kind, request, tmp_path)
        with closing(connection):
            connection.execute("INSERT INTO e VALUES (0, 0), (1, 1), (2, 2), (3, 3)")
            table = Table(url)
            table.poll()
            if stopped:
                table.stop()
            connection.execute(f"INSERT INTO e VALUES (9, {cursor})")
            with pytest.raises(SourceError, match=f"several rows have {cursor}"):
                table.poll()
            table.source.close()
            connection.execute("DROP TABLE e")


@DATABASES
@pytest.mark.parametrize("lost", ["stop", "restart"])
def test_rows_that_become_visible_too_late_are_reported(kind, lost, request, tmp_path, monkeypatch):
    monkeypatch.setattr(query, "WINDOW", 3)
    url, connection = open_table(kind, request, tmp_path)
    with closing(connection):
        for i in range(8):
            connection.execute(f"INSERT INTO e VALUES ({i}, {i})")
        table = Table(url, lost=lost)
        table.poll()
        connection.execute("INSERT INTO e VALUES (8, 0.5), (9, 6.5)")
        table.poll()
        assert table.found == [*range(8), 9]
        table.stop()
        if lost == "stop":
            with pytest.raises(SourceError, match=r"1 row became visible .* exclude the newest"):
                table.poll()
        else:
            for _ in range(2):
                table.poll()
                table.stop()
            ((position, _, reason),) = table.refused
            assert (position, table.found) == (7.0, [*range(8), 9])
            assert "events may be lost" in reason
        if table.source:
            table.source.close()


def test_a_cursor_of_earlier_versions_is_read(tmp_path, request):
    url, connection = open_table("sqlite", request, tmp_path)
    with closing(connection):
        connection.execute("INSERT INTO e VALUES (0, 0), (1, 1), (2, 2), (3, 3)")
        table = Table(url)
        table.token = 1.0
        table.poll()
        connection.execute("INSERT INTO e VALUES (4, 2.5), (5, 4)")
        table.poll()
        table.source.close()
    assert sorted(table.found) == [2, 3, 4, 5]


@DATABASES
def test_a_query_is_repeated_after_a_connection_problem(kind, request, tmp_path, monkeypatch):
    """At every page boundary, with a tie that was removed meanwhile."""
    connect = sqlite3.connect
    monkeypatch.setattr(
        query.sqlite3, "connect", lambda *args, **options: connect(*args, timeout=0, **options)
    )
    monkeypatch.setattr(broker, "_MIN_BACKOFF", 1e-3)
    url, connection = open_table(kind, request, tmp_path)
    with closing(connection):
        connection.execute("INSERT INTO e VALUES (0, 0), (1, 1), (2, 2), (3, 3)")
        source = Query(url, "e", "at")
        found = []
        for batch in source.batches(1, timeout=1e-3):
            if batch is None:
                connection.execute("ROLLBACK") if kind == "sqlite" else None
                assert source.connection_error
                continue
            found += numbers([batch])
            if kind == "sqlite":
                connection.execute("BEGIN EXCLUSIVE")
            else:
                connection.execute(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                    " WHERE query LIKE '%AS events%' AND pid <> pg_backend_pid()"
                )
        assert found == [0, 1, 2, 3]
        assert source.reconnects == 4


def test_a_server_that_accepts_connections_and_does_not_answer(monkeypatch):
    pytest.importorskip("psycopg")
    monkeypatch.setattr(query, "_CONNECT", {"connect_timeout": 2})
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://me@127.0.0.1:{silent.getsockname()[1]}/d"
        source = Query(url, "e", "i", follow=True, patience=0.1)
        with pytest.raises(SourceError, match="connection timeout expired"):
            brokers.proceed(source.batches(), lambda _: False, "the source did not give up")
