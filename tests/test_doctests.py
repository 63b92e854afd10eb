"""The examples in docstrings, README and docs run and print their documented output.

Modules are imported by name, not found as files, so that compiled modules are tested as installed.
"""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import seqbayes

ROOT = Path(__file__).resolve().parent.parent
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
MODULES = ["seqbayes"] + [
    module.name
    for module in pkgutil.walk_packages(seqbayes.__path__, "seqbayes.")
    if not module.name.endswith("__main__")
]
BLOCK = re.compile(r"^```(?:python|pycon)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def run(test):
    """Run the examples of a doctest, keeping their names, or fail with a report."""
    report = []
    doctest.DocTestRunner(optionflags=OPTIONS).run(test, out=report.append, clear_globs=False)
    if report:
        pytest.fail("".join(report), pytrace=False)


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name):
    if name.startswith("seqbayes.dashboard"):
        pytest.importorskip("starlette", reason="the extra 'dashboard' is not installed")
    if name.startswith("seqbayes.widgets"):
        pytest.importorskip("anywidget", reason="the extra 'notebook' is not installed")
    if name.startswith("seqbayes.agents"):
        pytest.importorskip("mcp", reason="the extra 'mcp' is not installed")
    if name == "seqbayes.beam":
        pytest.importorskip("apache_beam", reason="the extra 'beam' is not installed")
    if name.startswith("seqbayes.spark."):
        pytest.importorskip("pyspark", reason="the extra 'spark' is not installed")
    for test in doctest.DocTestFinder().find(importlib.import_module(name), name):
        run(test)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_pages(page):
    """The Python blocks of a page, in order and in one namespace."""
    text = page.read_text(encoding="utf-8")
    names = {}
    for block in BLOCK.finditer(text):
        line = text.count("\n", 0, block.start(1))
        if ">>>" in block[1]:
            test = doctest.DocTestParser().get_doctest(block[1], {}, page.name, str(page), line)
            test.globs = names
            run(test)
        else:
            exec(compile("\n" * line + block[1], page, "exec"), names)
