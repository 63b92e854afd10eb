"""The examples in docstrings, README and docs run and print their documented output.

Modules are imported by name, not found as files, so that compiled modules are tested as installed.
"""

import doctest
import importlib
import itertools
import pkgutil
import re
from contextlib import suppress
from pathlib import Path

import pytest

import seqbayes

ROOT = Path(__file__).resolve().parent.parent
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
MODULES = ["seqbayes"] + [
    module.name
    for module in pkgutil.walk_packages(seqbayes.__path__, "seqbayes.")
    if not module.name.endswith("__main__")
]
PACKAGES = {
    "seqbayes.agents": ("mcp", "mcp"),
    "seqbayes.beam": ("apache_beam", "beam"),
    "seqbayes.dashboard": ("starlette", "dashboard"),
    "seqbayes.spark.": ("pyspark", "spark"),
    "seqbayes.widgets": ("anywidget", "notebook"),
}
"""Packages that modules need, and their extras, by the beginning of the modules' names."""

BLOCK = re.compile(r"^```(?:python|pycon)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = [
    page
    for page in (ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md")))
    if BLOCK.search(page.read_text(encoding="utf-8"))
]


def run(test):
    """Run the examples of a doctest, keeping their names, or fail with a report."""
    report = []
    doctest.DocTestRunner(optionflags=OPTIONS).run(test, out=report.append, clear_globs=False)
    if report:
        pytest.fail("".join(report), pytrace=False)


def has_examples(name):
    path = Path(seqbayes.__path__[0]).parent.joinpath(*name.split("."))
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ">>>" in source.read_text(encoding="utf-8")


def import_or_skip(name):
    for beginning, (package, extra) in PACKAGES.items():
        if name.startswith(beginning):
            pytest.importorskip(package, reason=f"the extra {extra!r} is not installed")
    return importlib.import_module(name)


@pytest.mark.parametrize("name", list(filter(has_examples, MODULES)))
def test_docstrings(name):
    module = import_or_skip(name)
    for test in doctest.DocTestFinder().find(module, name):
        run(test)


def test_modules_without_examples_can_be_imported():
    for name in itertools.filterfalse(has_examples, MODULES):
        with suppress(pytest.skip.Exception):
            import_or_skip(name)


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
