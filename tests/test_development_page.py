"""The page about development agrees with the configuration of the project."""

import ast
import re
import tomllib
from collections import Counter, defaultdict
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_the_diagram_shows_the_layers_of_the_import_contract():
    with open(ROOT / "pyproject.toml", "rb") as file:
        [contract, *_] = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    layers = [layer.replace("seqbayes.", "") for layer in contract["layers"]]
    page = (ROOT / "docs/development.md").read_text(encoding="utf-8")
    diagram = page[page.index("## Layers") :].split("```")[1]
    shown = [re.split(r"  +", line)[1] for line in diagram.strip().splitlines()]
    assert shown == [layer for layer in layers if layer != "__main__"]


def test_the_files_of_the_recipes_exist():
    page = (ROOT / "docs/development.md").read_text(encoding="utf-8")
    table = page[page.index("## Where to add what") : page.index("## Tests")]
    folders = "src|tests|docs|stream|static|likelihoods|families"
    for path in re.findall(rf"`((?:{folders})/[\w/.]+)`", table):
        places = (ROOT, ROOT / "src/seqbayes", ROOT / "src/seqbayes/dashboard")
        assert any((place / path).exists() for place in places), path


def test_a_class_name_has_one_meaning():
    """A prior family, a likelihood and a distribution may share the name of a distribution."""
    shared = {"families", "likelihoods", "distributions", "predictive"}
    folders = defaultdict(list)
    package = ROOT / "src/seqbayes"
    for file in sorted(package.rglob("*.py")):
        for name in re.findall(r"^ *class (\w+)[:(]", file.read_text(encoding="utf-8"), re.M):
            folders[name].append(file.relative_to(package).parts[0])
    repeated = {
        name: places
        for name, places in folders.items()
        if len(places) > len(set(places)) or not (len(places) == 1 or set(places) <= shared)
    }
    assert not repeated


def test_a_class_name_of_a_page_has_one_meaning():
    scripts = [
        file for file in (ROOT / "src").rglob("static/**/*.js") if "vendor" not in file.parts
    ]
    names = Counter(
        name
        for file in scripts
        for name in re.findall(r"^(?:export )?class (\w+)", file.read_text(encoding="utf-8"), re.M)
    )
    assert len(names) > 50
    assert max(names.values()) == 1, names.most_common(5)


def imported_modules(source, modules):
    """Return the modules that a source imports anywhere, also in functions and for types."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in modules else node.module


def test_no_modules_import_each_other():
    """Imports for type checking and within functions count as well."""
    files = {}
    for file in sorted((ROOT / "src/seqbayes").rglob("*.py")):
        parts = file.relative_to(ROOT / "src").with_suffix("").parts
        files[".".join(parts).removesuffix(".__init__")] = file
    imports = {
        name: set(imported_modules(file.read_text(encoding="utf-8"), files)) - {name, "seqbayes"}
        for name, file in files.items()
    }
    TopologicalSorter(imports).prepare()  # raises CycleError with the modules of a cycle
