"""A package that adds a likelihood and a family needs no other edit: see tests/plugin_example."""

import os
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
EXAMPLE = TESTS / "plugin_example"


def has_setuptools():
    """Read the version from the metadata: an import fails where distutils is already loaded."""
    try:
        return int(version("setuptools").partition(".")[0]) >= 77
    except PackageNotFoundError:
        return False


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Install the example into a directory of its own; return the environment that has it."""
    if not has_setuptools():
        pytest.skip("setuptools >= 77 is not installed")
    place = tmp_path_factory.mktemp("plugin")
    source = shutil.copytree(EXAMPLE, place / "source")
    program = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
    words = [sys.executable, "-c", program, str(place)]
    built = subprocess.run(words, cwd=source, capture_output=True, text=True, timeout=300)
    assert built.returncode == 0, built.stderr
    (wheel,) = place.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(place / "installed")
    path = [place / "installed", EXAMPLE, TESTS, TESTS / "dashboard"]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))}


def run_tests(environment, directory, *words):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words]
    done = subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    return done.stdout


def test_the_laws_hold_for_the_classes_of_a_package(environment):
    environment = {**environment, "SEQBAYES_LAWS": "example_oracles"}
    out = run_tests(environment, TESTS.parent, "-n", "2", "tests/laws")
    assert " passed" in out


def test_the_classes_of_a_package_work_everywhere(environment):
    run_tests(environment, TESTS.parent, "-n", "0", "tests/plugin_example/example_tests.py")


def test_a_package_is_not_imported_before_it_is_needed(environment):
    program = (
        "import sys, seqbayes\n"
        "from seqbayes import Beta, State, registry\n"
        "State.from_dict(Beta().to_dict())\n"
        "assert 'seqbayes_example' not in sys.modules\n"
        "registry.find_family('Pareto')\n"
        "assert 'seqbayes_example' in sys.modules\n"
    )
    words = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
