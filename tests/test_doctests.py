"""The examples in docstrings, README and docs run and print what they say.

Modules are imported by name, not found as files, so that compiled ones are examined as installed.
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


def failures(tests):
    """Run doctests, leaving their names for what follows, and return the report of failures."""
    report = []
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    for test in tests:
        runner.run(test, out=report.append, clear_globs=False)
    return "".join(report)


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name):
    tests = doctest.DocTestFinder().find(importlib.import_module(name), name)
    assert not failures(tests)


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
            assert not failures([test])
        else:
            exec(compile("\n" * line + block[1], page, "exec"), names)
