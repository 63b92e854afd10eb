"""A package that adds a likelihood and a family needs no other edit: see tests/plugin_example."""

import os
import re
import shutil
import subprocess
import sys
import venv
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from site import getsitepackages

import pytest

TESTS = Path(__file__).resolve().parent
EXAMPLE = TESTS / "plugin_example"


def has_setuptools():
    """Read the version from the metadata: an import fails where distutils is already loaded."""
    try:
        return int(version("setuptools").partition(".")[0]) >= 77
    except PackageNotFoundError:
        return False


def find_pip():
    """Return a command of pip, which may belong to another Python; None without pip."""
    for python in (sys.executable, f"{sys.base_prefix}/bin/python3", shutil.which("python3")):
        if (
            python
            and not subprocess.run([python, "-m", "pip", "-V"], capture_output=True).returncode
        ):
            return [python, "-m", "pip"]
    return None


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """Install the example with pip into a new environment; return that environment's Python.

    The environment sees the packages that are installed for the tests, so that nothing is
    downloaded.
    """
    if not has_setuptools():
        pytest.skip("setuptools >= 77 is not installed")
    pip = find_pip()
    if pip is None:
        pytest.skip("pip is not installed")
    place = tmp_path_factory.mktemp("plugin")
    source = shutil.copytree(EXAMPLE, place / "source")
    venv.create(place / "env", with_pip=False)
    python = place / "env" / "bin" / "python"
    (packages,) = (place / "env").glob("lib/*/site-packages")
    seen = "".join(f"import site; site.addsitedir({path!r})\n" for path in getsitepackages())
    (packages / "tests.pth").write_text(seen)
    options = ["--no-index", "--no-build-isolation", "--quiet", "--disable-pip-version-check"]
    words = [*pip, "--python", str(python), "install", *options, str(source)]
    installed = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert installed.returncode == 0, installed.stderr
    return python


def environment(**variables):
    """Return the environment variables of a process that finds the modules of the tests."""
    path = [EXAMPLE, TESTS, TESTS / "dashboard"]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path)), **variables}


def run_tests(python, *words, **variables):
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words]
    done = subprocess.run(
        command,
        cwd=TESTS.parent,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    return done.stdout


def test_the_laws_hold_for_the_classes_of_a_package(python):
    out = run_tests(python, "-n", "2", "tests/laws", SEQBAYES_LAWS="example_oracles")
    assert " passed" in out


def test_the_classes_of_a_package_work_everywhere(python):
    run_tests(python, "-n", "0", "tests/plugin_example/example_tests.py")


def test_a_package_is_not_imported_before_it_is_needed(python):
    program = (
        "import sys, seqbayes\n"
        "from seqbayes import Beta, State, registry\n"
        "State.from_dict(Beta().to_dict())\n"
        "assert 'seqbayes_example' not in sys.modules\n"
        "registry.find_family('Pareto')\n"
        "assert 'seqbayes_example' in sys.modules\n"
    )
    words = [python, "-W", "error", "-c", program]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_the_worked_example_of_the_contributing_guide_is_the_package():
    guide = (TESTS.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    sections = re.findall(r"^### `(\S+)`\n(.*?)(?=^##)", guide, re.M | re.S)
    assert {name for name, _ in sections} == {
        str(file.relative_to(EXAMPLE))
        for file in EXAMPLE.rglob("*.*")
        if file.suffix in (".py", ".toml") and file.name not in ("conftest.py", "example_tests.py")
    }
    for name, text in sections:
        blocks = re.findall(r"^```(?:python|toml)\n(.*?)\n```$", text, re.M | re.S)
        assert "\n\n\n".join(blocks) + "\n" == (EXAMPLE / name).read_text(encoding="utf-8"), name
