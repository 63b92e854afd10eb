import itertools
import os
import shutil
import sys
import tempfile

import brokers
import pytest
from killing import Launcher
from servers import Postgres, find

from seqbayes.stream import register_source

register_source("lines", "memory:Lines")

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres():
    """A server for this session."""
    if find("initdb") is None and not os.environ.get("CI"):
        pytest.skip("PostgreSQL is not installed")
    directory = tempfile.mkdtemp(prefix="seqbayes-pg-")  # a socket's path must be short
    server = Postgres(directory)
    yield server
    server.stop()
    shutil.rmtree(directory)


@pytest.fixture
def postgres_url(postgres):
    """The URL of an empty store in a separate schema."""
    import psycopg

    name = f"s{next(_numbers)}"
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    return f"{postgres.url}&options=-csearch_path%3D{name}"


def make_url(kind, request):
    if kind == "memory":
        return f"memory:{next(_numbers)}"
    if kind == "directory":
        return f"directory:{request.getfixturevalue('tmp_path') / 'store'}"
    if kind == "sqlite":
        return str(request.getfixturevalue("tmp_path") / "beliefs.db")
    return request.getfixturevalue("postgres_url")


CONTRACT = ("test_store", "test_lease", "test_readonly")
"""Modules that also test a store of another package."""


def pytest_generate_tests(metafunc):
    if "kind_of_store" in metafunc.fixturenames:
        other = ["directory"] if metafunc.module.__name__.rpartition(".")[2] in CONTRACT else []
        metafunc.parametrize("kind_of_store", ["sqlite", "postgres", "memory", *other])


@pytest.fixture
def url(kind_of_store, request):
    """The URL of an empty store of every kind."""
    return make_url(kind_of_store, request)


@pytest.fixture(scope="session", autouse=True)
def installed_store(tmp_path_factory):
    """Install a package with a kind of store, whose URLs begin with ``directory:``."""
    site = tmp_path_factory.mktemp("site")
    information = site / "directory_store-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Name: directory-store\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(
        "[seqbayes.stores]\ndirectory = directory_store:DirectoryStore\n"
    )
    sys.path.append(str(site))
    yield
    sys.path.remove(str(site))


@pytest.fixture
def new_url(request):
    """Return the URL of an empty store of a kind."""
    return lambda kind: make_url(kind, request)


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def group_url(request, new_url):
    """The URL of an empty store of every kind that supports groups of runners."""
    return new_url(request.param)


@pytest.fixture(params=["memory", "sqlite"])
def local_url(request, new_url):
    """The URL of an empty store that needs no server and supports groups of runners."""
    return new_url(request.param)


@pytest.fixture(params=["sqlite", "postgres"])
def durable_url(request):
    """The URL of an empty store of every kind that other processes can use."""
    return make_url(request.param, request)


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """Return the server of a kind, one for the whole session."""
    running = {}

    def find_or_start(kind, durable=False, expiring=False):
        servers = brokers.EXPIRING_SERVERS if expiring else brokers.SERVERS
        server = (brokers.DURABLE_SERVERS if durable else servers)[kind]
        if server not in running:
            running[server] = brokers.start(server, tmp_path_factory.mktemp(kind))
        return running[server]

    yield find_or_start
    for each in running.values():
        each.end()


@pytest.fixture(scope="session")
def started_launcher(tmp_path_factory):
    started = Launcher(tmp_path_factory.mktemp("launcher"))
    yield started
    started.close()


@pytest.fixture
def process(started_launcher):
    """Starts runners; there is one for the whole session."""
    yield started_launcher
    started_launcher.end()
