"""Pages of notebooks: their text, code and stored outputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def joined(text: str | list[str]) -> str:
    """Return the text of a cell of a notebook, which may be a list of lines."""
    return text if isinstance(text, str) else "".join(text)


def fenced(text: str, language: str) -> str:
    """Return a block of code."""
    return f"```{language}\n{text.rstrip()}\n```\n"


def one_line(html: str) -> str:
    """Return HTML without line breaks, so that Markdown does not interpret it."""
    return f'<div class="output">{" ".join(html.split())}</div>\n'


def output(found: dict[str, Any]) -> str:
    """Return a stored output as Markdown: the richest of its forms."""
    if found["output_type"] == "stream":
        return fenced(joined(found["text"]), "text")
    if found["output_type"] == "error":
        return fenced(f"{found['ename']}: {found['evalue']}", "text")
    data = found["data"]
    for kind in ("image/svg+xml", "text/html"):
        if kind in data:
            return one_line(joined(data[kind]))
    if "image/png" in data:
        encoded = "".join(joined(data["image/png"]).split())
        return f'<img alt="Plot drawn by the code above" src="data:image/png;base64,{encoded}">\n'
    return fenced(joined(data["text/plain"]), "text")


def page(path: Path) -> str:
    """Return a notebook as Markdown."""
    parts = []
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        text = joined(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(f"{text}\n")
        elif cell["cell_type"] == "code" and text.strip():
            parts += [fenced(text, "python"), *map(output, cell["outputs"])]
    return "\n".join(parts)
