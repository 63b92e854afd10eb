"""Check what the sdist and the wheel in a folder carry: everything that is needed, nothing else."""

import ast
import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SKIPPED = {"__pycache__"}
BINARY = {".so", ".pyd", ".c", ".pyc"}


def tracked(*folders):
    """Return the source files of some folders, relative to the root."""
    return {
        path.relative_to(ROOT).as_posix()
        for folder in folders
        for path in (ROOT / folder).rglob("*")
        if path.is_file()
        and path.suffix not in BINARY
        and not any(part in SKIPPED or part.endswith(".egg-info") for part in path.parts)
    }


def compiled_modules():
    """Return the modules that setup.py compiles, as paths without a suffix."""
    for node in ast.parse((ROOT / "setup.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "COMPILED":
            return [name.replace(".", "/") for name in ast.literal_eval(node.value)]
    raise SystemExit("setup.py lists no COMPILED modules")


def check(what, wrong):
    """Leave with a message when a list of wrong files is not empty."""
    if wrong:
        raise SystemExit(f"{what}: {', '.join(sorted(wrong))}")


def main(folder):
    """Check the one sdist and the one wheel of a folder."""
    [sdist] = folder.glob("*.tar.gz")
    [wheel] = folder.glob("*.whl")
    with tarfile.open(sdist) as archive:
        carried = {name.partition("/")[2] for name in archive.getnames()}
    top = {"LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml", "setup.py"}
    top |= {"SECURITY.md", "CITATION.cff", "mkdocs.yml", ".ci/run", ".ci/release_notes.py"}
    sources = tracked("src", "tests", "demos", "benchmarks", "docs", "deploy", ".github")
    check("missing from the sdist", (sources | top) - carried)
    check("binaries in the sdist", {name for name in carried if Path(name).suffix in BINARY})

    with zipfile.ZipFile(wheel) as archive:
        files = set(archive.namelist())
    package = {name.removeprefix("src/") for name in tracked("src")}
    check("missing from the wheel", package - files)
    built = {name.partition(".")[0] for name in files if Path(name).suffix in {".so", ".pyd"}}
    check("not compiled in the wheel", set(compiled_modules()) - built)
    extra = {name for name in files - package if ".dist-info/" not in name}
    check("not wanted in the wheel", {n for n in extra if Path(n).suffix not in {".so", ".pyd"}})
    for path in (sdist, wheel):
        print(f"{path.name}: {path.stat().st_size / 1024:.0f} kB")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
