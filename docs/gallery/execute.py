"""Execute the notebooks of the gallery in one kernel, and store their outputs.

python docs/gallery/execute.py writes the outputs into the notebooks, and the page with a picture
of each. tests/test_gallery.py executes them as well, and compares the outputs with the stored ones.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).resolve().parent
TIMEOUT = 120

RESET = """\
%reset -f
%matplotlib inline
%config InlineBackend.figure_formats = ["svg"]
names = ["Creator", "Date", "Format", "Type"]
%config InlineBackend.print_figure_kwargs = {"metadata": dict.fromkeys(names)}
%config InlineBackend.rc = {"svg.fonttype": "none", "svg.hashsalt": "gallery"}
"""
"""Run before each notebook: figures are drawn as SVG, which is the same in every run."""

HEADING = """\
# Gallery

Each notebook shows one use of seqbayes, with its outputs. The tests execute them. To run one,
install [Jupyter](https://jupyter.org) and the extras `plot`, `frames` and `arviz`, and open it. The
A/B test is also a [marimo](https://marimo.io) notebook, a Python script:
`docs/gallery/ab_test_marimo.py`.

"""


def notebooks() -> list[Path]:
    """Return the notebooks in alphabetical order."""
    return sorted(HERE.glob("*.ipynb"))


def executed(paths: list[Path]) -> dict[Path, Any]:
    """Return the notebooks with new outputs; all are executed by one kernel, one after the other.

    Raises
    ------
    CellExecutionError
        If a cell fails.
    """
    found = {path: nbformat.read(path, as_version=4) for path in paths}
    together = nbformat.v4.new_notebook()
    for notebook in found.values():
        reset = nbformat.v4.new_code_cell(RESET)
        together.cells += [reset, *(c for c in notebook.cells if c.cell_type == "code")]
    client = NotebookClient(
        together,
        timeout=TIMEOUT,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(HERE)}},
    )
    client.execute()
    for notebook in found.values():
        for count, cell in enumerate(_code(notebook), start=1):
            cell.execution_count = count
            for output in cell.outputs:
                if "execution_count" in output:
                    output.execution_count = count
    return found


def _code(notebook: Any) -> Iterator[Any]:
    return (cell for cell in notebook.cells if cell.cell_type == "code")


def texts(notebook: Any) -> list[list[str]]:
    """Return the texts that each code cell of a notebook has printed or returned."""
    return [
        [output.text if "text" in output else output.data["text/plain"] for output in cell.outputs]
        for cell in _code(notebook)
    ]


def title_and_lead(notebook: Any) -> tuple[str, str]:
    """Return the heading of a notebook and its first paragraph."""
    heading, lead = notebook.cells[0].source.split("\n\n", 1)
    return heading.removeprefix("# "), lead


def picture(path: Path, notebook: Any) -> str:
    """Write the first figure of a notebook beside it, and return its file name, or ""."""
    for cell in _code(notebook):
        for output in cell.outputs:
            data = output.get("data", {})
            text = data.get("image/svg+xml", data.get("text/html", ""))
            drawing = re.search(r"<svg.*?</svg>", text, re.DOTALL)
            if drawing is not None:
                file = path.with_suffix(".svg")
                file.write_text(drawing[0] + "\n", encoding="utf-8")
                return file.name
    return ""


def main() -> None:
    """Write outputs, pictures and the page."""
    entries = []
    for path, notebook in executed(notebooks()).items():
        nbformat.write(notebook, path)
        title, lead = title_and_lead(notebook)
        drawn = picture(path, notebook)
        shown = f"\n\n[![{title}]({drawn})]({path.name})" if drawn else ""
        entries.append(f"## [{title}]({path.name})\n\n{lead}{shown}\n")
    (HERE / "README.md").write_text(HEADING + "\n".join(entries), encoding="utf-8")
    sys.stderr.write(f"executed {len(entries)} notebooks\n")


if __name__ == "__main__":
    main()
