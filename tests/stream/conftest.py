import itertools
import os
import shutil
import tempfile

import pytest
from servers import Postgres, find

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres():
    """A server of this session's own."""
    if find("initdb") is None and not os.environ.get("CI"):
        pytest.skip("PostgreSQL is not installed")
    directory = tempfile.mkdtemp(prefix="seqbayes-pg-")  # a socket's path must be short
    server = Postgres(directory)
    yield server
    server.stop()
    shutil.rmtree(directory)


@pytest.fixture
def postgres_url(postgres):
    """The URL of an empty store in a schema of its own."""
    import psycopg

    name = f"s{next(_numbers)}"
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    return f"{postgres.url}&options=-csearch_path%3D{name}"


@pytest.fixture(params=["sqlite", "postgres"])
def url(request, tmp_path):
    """The URL of an empty store of every kind."""
    if request.param == "sqlite":
        return str(tmp_path / "beliefs.db")
    return request.getfixturevalue("postgres_url")
