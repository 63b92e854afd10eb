"""The installation: metadata, files, compiled modules and a fast import."""

import ast
import importlib
import os
import re
import subprocess
import sys
from importlib import metadata, resources
from pathlib import Path

import pytest

import seqbayes
from seqbayes import registry

ROOT = Path(__file__).resolve().parent.parent
SETUP = ROOT / "setup.py"


def compiled_modules():
    """Return the names listed in setup.py, which cannot be imported without building."""
    for node in ast.parse(SETUP.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "COMPILED":
            return ast.literal_eval(node.value)
    raise AssertionError("setup.py lists no COMPILED modules")


def test_version_is_the_same_everywhere():
    assert metadata.version("seqbayes") == seqbayes.__version__, "reinstall: the version changed"


def test_the_changelog_describes_this_version():
    """Its first section is of this version, unless fragments wait for the release."""
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    fragments = [*(ROOT / "docs/changelog.d").glob("*.*.md")]
    assert headings[0] == seqbayes.__version__ or fragments


def test_a_fragment_of_the_changelog_is_one_item_of_a_known_type():
    kinds = {"highlights", "added", "changed", "fixed", "removed"}
    for path in (ROOT / "docs/changelog.d").glob("*.md"):
        assert path.name.split(".")[1] in kinds, f"{path.name}: expected one of {sorted(kinds)}"
        text = path.read_text("utf-8")
        assert not re.search(r"^\s*[-*#] ", text, re.MULTILINE), (
            f"{path.name} has a list or heading"
        )


@pytest.mark.parametrize(
    ("code", "error"),
    [("import seqbayes", "ImportError: "), (f"exec(open({str(SETUP)!r}).read())", "")],
)
def test_an_older_python_is_told_which_version_is_required(code, error):
    code = f"import sys; sys.version_info = (3, 10, 13, 'final', 0); {code}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"{error}seqbayes requires Python 3.11 or later; this is Python 3.10"
    )


def test_exactly_five_dependencies_in_ranges():
    required = [line for line in metadata.requires("seqbayes") if "extra ==" not in line]
    names = {re.match(r"[\w-]+", line).group() for line in required}
    assert names == {"numpy", "scipy", "river", "msgspec", "rich"}
    assert not [line for line in required if "==" in line or ">=" not in line]


def test_metadata_names_license_and_python():
    about = metadata.metadata("seqbayes")
    assert about["License-Expression"] == "BSD-3-Clause"
    assert about["License-File"] == "LICENSE"
    assert about["Requires-Python"] == ">=3.11"
    assert {"test", "dev", "plot", "bench"} <= set(about.get_all("Provides-Extra"))


def test_license_is_installed():
    licences = [file for file in metadata.files("seqbayes") if file.name == "LICENSE"]
    [path] = [file for file in licences if "dist-info" in str(file.parent)]
    assert "BSD 3-Clause" in path.read_text()


def test_package_is_typed():
    assert resources.files("seqbayes").joinpath("py.typed").is_file()


def test_console_script_is_the_command_line():
    [script] = metadata.entry_points(group="console_scripts", name="seqbayes")
    assert script.value == "seqbayes.cli:main"
    assert callable(script.load())


@pytest.mark.parametrize("name", compiled_modules())
def test_module_is_compiled_as_asked(name):
    path = Path(importlib.import_module(name).__file__)
    asked = os.environ.get("SEQBAYES_PURE")
    if asked == "1":
        assert path.suffix == ".py"
    elif asked == "0":
        assert path.suffix in {".so", ".pyd"}
    elif path.suffix == ".py":
        pytest.skip("installed without a C compiler")
    source = path.with_name(f"{name.rpartition('.')[2]}.py")
    if ROOT / "src" in source.parents:  # in place, so that an edit leaves an outdated binary
        assert path.stat().st_mtime >= source.stat().st_mtime, f"reinstall: {source} is newer"


@pytest.mark.parametrize("name", compiled_modules())
def test_module_runs_uncompiled_without_cython(name):
    """The sources run without a compiler and without Cython."""
    code = f"""
import importlib, sys
from importlib.machinery import FileFinder, SourceFileLoader

class Sources:
    @staticmethod
    def find_spec(name, path=None, target=None):
        for folder in path or () if name.startswith("seqbayes.") else ():
            if spec := FileFinder(folder, (SourceFileLoader, [".py"])).find_spec(name):
                return spec

sys.modules["cython"] = None
sys.meta_path.insert(0, Sources)
module = importlib.import_module({name!r})
used = vars(module).get("cython")  # not in modules without C types
print(module.__file__.rpartition(".")[2], getattr(used, "__name__", None))
"""
    assert run(code) in ("py seqbayes._cython", "py None")


def test_import_is_light():
    heavy = {"scipy.stats", "pandas", "sklearn", "matplotlib", "rich", "asyncio"}
    code = f"import sys, seqbayes; seqbayes.Beta; print(*sorted({heavy!r} & set(sys.modules)))"
    assert run(code) == ""


# modules that a keyed Beta does not need, and that are slow to import or use much memory
UNNEEDED = {
    *("asyncio", "difflib", "email", "importlib.metadata", "numpy.polynomial", "numpy.testing"),
    *("pandas", "rich", "scipy.optimize", "scipy.special", "scipy.stats"),
    *("seqbayes.dashboard", "seqbayes.families.gamma", "seqbayes.mixture", "seqbayes.river"),
}


def test_verbs_import_only_what_their_beliefs_need(tmp_path):
    Path(tmp_path, "e.jsonl").write_text('{"shop": "north", "sold": true}\n')
    Path(tmp_path, "c.toml").write_text(
        f"store = '{tmp_path}/b.db'\n"
        f"source = {{ kind = 'file', path = '{tmp_path}/e.jsonl' }}\n"
        "[belief.sold]\nstate = 'beta'\nfield = 'sold'\nby = 'shop'\n"
    )
    code = """
import io, sys
from contextlib import redirect_stdout
from seqbayes import cli
with redirect_stdout(io.StringIO()):
    assert cli.main(sys.argv[1:]) == 0
print(*sorted(UNNEEDED & set(sys.modules)))
"""
    for words in (("run", f"{tmp_path}/c.toml"), ("show", f"{tmp_path}/b.db", "--csv")):
        assert run(f"UNNEEDED = {UNNEEDED!r}\nimport sys\nsys.argv[1:] = {words!r}\n{code}") == ""


def run(code):
    """Run Python code in a fresh interpreter and return what it prints."""
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT / "tests")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("module", ["seqbayes", "seqbayes.forgetting", "seqbayes.events.spec"])
def test_readers_of_documents_know_every_family(module):
    known = run(
        f"import {module} as m; getattr(m, 'State', None);"
        "from seqbayes import registry; print(sorted(registry.families()))"
    )
    assert known == str(sorted(registry.families()))


def test_commands_of_a_new_process_do_not_collect_garbage_among_imported_objects():
    code = """
import gc
from seqbayes import cli

counts = []
gc.callbacks.append(lambda phase, info: counts.append(gc.get_freeze_count()))
cli._parser("run", others=False)
print(0 in counts, gc.isenabled(), gc.get_freeze_count() > 1000)
before = gc.get_freeze_count()
cli._parser("show", others=False)  # this process is not new
print(gc.get_freeze_count() == before)
"""
    assert run(code).split() == ["False", "True", "True", "True"]


def test_the_command_line_starts_without_numpy():
    assert run("import sys, seqbayes.cli; print('numpy' in sys.modules)") == "False"
