"""The server of the dashboard's tests."""

import pytest
import serving


@pytest.fixture
def serve(tmp_path):
    """Start servers on a store (its path); stop them at the end."""
    started = []

    def start(what, **options):
        started.append(serving.Served(what, tmp_path, **options))
        return started[-1]

    yield start
    for server in started:
        server.stop()
