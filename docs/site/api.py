"""Pages of the reference of the Python interface, one per public module, from the docstrings."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any

import seqbayes

MODULES = (
    "seqbayes",
    "seqbayes.likelihoods",
    "seqbayes.table",
    "seqbayes.compare",
    "seqbayes.bandit",
    "seqbayes.mixture",
    "seqbayes.river",
    "seqbayes.sklearn",
    "seqbayes.stream",
    "seqbayes.datasets",
)


def names(module: Any) -> list[str]:
    """Return the public names of a module that are not modules."""
    return [name for name in module.__all__ if not inspect.ismodule(getattr(module, name))]


def page(module: Any) -> str:
    """Return the page of a module."""
    directives = "\n\n".join(f"::: {module.__name__}.{name}" for name in names(module))
    summary = (inspect.getdoc(module) or "").split("\n\n")[0]
    return f"# {module.__name__}\n\n{summary}\n\n{directives}\n"


def pages() -> dict[str, str]:
    """Return the pages by their path on the site."""
    assert seqbayes.__name__ == MODULES[0]
    return {f"reference/api/{name}.md": page(import_module(name)) for name in MODULES}
