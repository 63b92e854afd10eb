"""The stream demos count every event once; expected values are computed from River's data sets."""

import importlib
import os
import re
import subprocess
import sys
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest
from river import datasets

DEMOS = Path(__file__).resolve().parent.parent / "demos"
PAGE = DEMOS.parent / "docs" / "stream.md"
HELPERS = ("_servers", "_shared", "_streams")
DECISIVE = ("COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE")

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kill -9")


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    monkeypatch.syspath_prepend(str(DEMOS))
    yield
    for name in (*HELPERS, "stream_file", "stream_redis", "stream_kafka"):
        sys.modules.pop(name, None)


@cache
def output(name):
    """Run a demo as a user does, and return its output; skip if its server is not installed."""
    inherited = {key: value for key, value in os.environ.items() if key not in DECISIVE}
    done = subprocess.run(
        [sys.executable, "-W", "error", str(DEMOS / f"{name}.py")],
        env={**inherited, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode == 1 and re.search(r"install", done.stderr):
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stderr
    return done.stdout


def rows(name):
    """Return the cells of each printed row by its first one."""
    table = [re.split(r"\s{2,}", line.strip()) for line in output(name).splitlines()]
    return {cells[0]: cells[1:] for cells in table if len(cells) == 4}


def grouped(pairs):
    groups = defaultdict(list)
    for key, value in pairs:
        groups[key].append(float(value))
    return groups


def hour(x):
    return ("1 night", "2 morning", "3 afternoon", "4 evening")[x["Time"].hour // 6]


def certificate(x):
    return {1.0: "trusted", 0.5: "not trusted", 0.0: "none"}[x["https"]]


# posterior means: the default prior of a mean has no weight, that of a share counts as one success
# in two observations
FACTS = {
    "stream_file": (datasets.WaterFlow, hour, lambda xs: sum(xs) / len(xs)),
    "stream_redis": (datasets.Phishing, certificate, lambda xs: (sum(xs) + 1) / (len(xs) + 2)),
    "stream_kafka": (
        datasets.ChickWeights,
        lambda x: str(x["diet"]),
        lambda xs: sum(xs) / len(xs),
    ),
}


@pytest.mark.parametrize("name", FACTS)
def test_every_event_counts_once(name):
    data, key, mean = FACTS[name]
    groups = grouped((key(x), y) for x, y in data())
    printed = rows(name)
    assert {each: cells[0] for each, cells in printed.items() if each in groups} == {
        each: str(len(xs)) for each, xs in groups.items()
    }
    for each, xs in groups.items():
        assert float(printed[each][1]) == pytest.approx(mean(xs), rel=1e-3)
    text = " ".join(output(name).split())
    total = sum(map(len, groups.values()))
    assert f"{total:,} events, each counted exactly once" in text
    assert "every state is bit-for-bit identical to that" in text
    page = PAGE.read_text(encoding="utf-8")
    (shown,) = re.findall(
        rf"^```console\n\$ python demos/{name}\.py\n(.*?)^```$", page, re.M | re.S
    )
    assert shown.split() == output(name).partition("\n\n")[2].split()


@pytest.mark.parametrize("name", ["stream_redis", "stream_kafka"])
def test_the_error_names_the_package_to_install(name, monkeypatch, capsys):
    module = importlib.import_module(name)
    servers = importlib.import_module("_servers")
    monkeypatch.setattr(servers, "find", lambda program: None)
    monkeypatch.setattr(servers.importlib.util, "find_spec", lambda package: None)
    with pytest.raises(SystemExit) as stopped:
        module.main([])
    assert stopped.value.code == 1
    assert "install" in capsys.readouterr().err
