"""Pages of the reference of the Python interface, one per public module, from the docstrings."""

from __future__ import annotations

import ast
from pathlib import Path

import seqbayes

MODULES = (
    "seqbayes",
    "seqbayes.likelihoods",
    "seqbayes.distributions",
    "seqbayes.predictive",
    "seqbayes.table",
    "seqbayes.table.pooling",
    "seqbayes.compare",
    "seqbayes.bandit",
    "seqbayes.mixture",
    "seqbayes.river",
    "seqbayes.sklearn",
    "seqbayes.stream",
    "seqbayes.stream.sources",
    "seqbayes.stream.stores",
    "seqbayes.stream.alerts",
    "seqbayes.dashboard.client",
    "seqbayes.dashboard.views",
    "seqbayes.pages",
    "seqbayes.bulk",
    "seqbayes.spark",
    "seqbayes.beam",
    "seqbayes.widgets",
    "seqbayes.datasets",
    "seqbayes.replay.mms",
    "seqbayes.replay.coins",
    "seqbayes.statistics",
)


def parse(module: str) -> ast.Module:
    """Return the syntax tree of a module, because importing some modules needs an extra."""
    path = Path(seqbayes.__file__).parent.joinpath(*module.split(".")[1:])
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(file.read_text(encoding="utf-8"))


def names(module: str) -> list[str]:
    """Return the public names of a module that are not modules."""
    [public] = [
        ast.literal_eval(node.value)
        for node in parse(module).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    ]
    return [name for name in public if f"{module}.{name}" not in MODULES]


def page(module: str) -> str:
    """Return the page of a module."""
    directives = "\n\n".join(f"::: {module}.{name}" for name in names(module))
    summary = (ast.get_docstring(parse(module)) or "").split("\n\n")[0]
    return f"# {module}\n\n{summary}\n\n{directives}\n"


def pages() -> dict[str, str]:
    """Return the pages, keyed by their path on the site."""
    return {f"reference/api/{module}.md": page(module) for module in MODULES}
