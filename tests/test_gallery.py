"""The notebooks of the gallery run, and their stored outputs are current."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

for name in ("nbclient", "ipykernel", "matplotlib", "pandas", "narwhals", "arviz_base"):
    pytest.importorskip(name, reason="the gallery needs the extra test (see CONTRIBUTING.md)")

GALLERY = Path(__file__).resolve().parent.parent / "docs" / "gallery"
NUMBER = re.compile(r"\d+\.\d+(?:e[+-]?\d+)?")


def run(code):
    """Return what a program in the directory of the gallery prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=GALLERY
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def rounded(text):
    """Return a string whose numbers have at most six digits, since the last ones may differ."""
    return NUMBER.sub(lambda found: f"{float(found[0]):.6g}", text)


def test_all_notebooks_run_and_return_their_stored_outputs():
    code = """
import json
import execute
found = execute.executed(execute.notebooks())
print(json.dumps({p.name: [execute.texts(n), str(n)] for p, n in found.items()}))
"""
    found = json.loads(run(code))
    assert len(found) >= 12
    for name, (texts, everything) in found.items():
        stored = json.loads((GALLERY / name).read_text(encoding="utf-8"))
        cells = [cell for cell in stored["cells"] if cell["cell_type"] == "code"]
        expected = [
            [
                "".join(o["text"] if "text" in o else o["data"]["text/plain"])
                for o in cell["outputs"]
            ]
            for cell in cells
        ]
        for fresh, old in zip(texts, expected, strict=True):
            assert list(map(rounded, fresh)) == list(map(rounded, old)), name
        shown = [o for cell in cells for o in cell["outputs"] if "text/html" in o.get("data", {})]
        assert ("text/html" in everything) is bool(shown), name


def test_the_page_lists_every_notebook_and_picture():
    page = (GALLERY / "README.md").read_text(encoding="utf-8")
    for path in GALLERY.glob("*.ipynb"):
        source = json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"]
        heading, lead = "".join(source).split("\n\n", 1)
        assert f"## [{heading.removeprefix('# ')}]({path.name})\n\n{lead}\n" in page
    pictures = {path.name for path in GALLERY.iterdir() if path.suffix in (".svg", ".png")}
    assert pictures == set(re.findall(r"\]\((\w+\.(?:svg|png))\)", page))


def test_the_marimo_notebook_shows_the_same_verdict():
    pytest.importorskip("marimo", reason="marimo is not installed")
    code = """
from ab_test_marimo import app
outputs, names = app.run()
print(names["found"].verdict, names["found"].best)
"""
    assert run(code).split() == ["best", "B"]
