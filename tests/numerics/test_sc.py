"""Functions of scipy.special, imported without the package."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import scipy.special

import seqbayes
from seqbayes.numerics import sc


def run(code):
    """Return what Python code prints in an interpreter that has not imported SciPy."""
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def names_in_use():
    for path in Path(seqbayes.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and getattr(node.value, "id", None) == "sc":
                yield node.attr


def test_functions_are_those_of_the_package():
    names = sorted(set(names_in_use()))
    assert {"betaincinv", "logsumexp"} <= set(names)
    code = (
        "import sys; from seqbayes.numerics import sc\n"
        f"found = [getattr(sc, name) for name in {names!r}]\n"
        "import scipy.special\n"
        f"print(*(f is getattr(scipy.special, name) for f, name in zip(found, {names!r})))"
    )
    assert run(code) == ["True"] * len(names)


def test_the_package_is_not_imported_for_a_compiled_function():
    code = (
        "import sys; from seqbayes.numerics import sc\n"
        "finders = list(sys.meta_path)\n"
        "print(sc.ndtr(0.0), 'scipy.special' in sys.modules, finders == sys.meta_path)\n"
        "import scipy.optimize, scipy.special, scipy.stats\n"
        "print(scipy.special.ndtr is sc.ndtr, scipy.stats.norm.cdf(0.0))"
    )
    assert run(code) == ["0.5", "False", "True", "True", "0.5"]


def test_another_thread_imports_the_whole_package_meanwhile():
    code = """
import importlib, threading
from seqbayes.numerics import sc

class Watching(sc._CompiledAlone):  # starts the other thread while the package is incomplete
    def exec_module(self, module):
        thread.start()
        super().exec_module(module)

def other():
    package = importlib.import_module("scipy.special")
    print(package.logsumexp([0.0]), package.ndtr(0.0))

thread = threading.Thread(target=other)
sc._CompiledAlone = Watching
print(sc.ndtr(0.0))
thread.join()
"""
    assert sorted(run(code)) == ["0.0", "0.5", "0.5"]


def test_unknown_names_are_refused():
    with pytest.raises(AttributeError, match="no_such_function"):
        sc.no_such_function  # noqa: B018
    with pytest.raises(AttributeError, match="__path__"):
        sc.__path__  # noqa: B018
    assert sc.zeta is scipy.special.zeta
