"""Servers of `seqbayes serve`, in a thread of this process, on a free port."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # programs, cases


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """Start servers on a configuration (its text) or a store (its path); stop them in the end."""
    import serving

    monkeypatch.chdir(tmp_path)
    started = []

    def start(what, **options):
        server = serving.Served(what, tmp_path, **options)
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop()
