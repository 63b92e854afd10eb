"""Join the modules of a page into one script, so that a browser needs one request for them."""

from __future__ import annotations

import re
from pathlib import Path

_IMPORT = re.compile(r'^import (?:\{([^}]*)\}|\* as (\w+)) from "(\.[^"]+)";\n', re.MULTILINE)
_DYNAMIC = re.compile(r'\bimport\("(\.[^"]+)"\)')
_EXPORT = re.compile(r"^export ((?:async )?(?:class|function\*?|const) (\w+))", re.MULTILINE)


def bundle(entry: Path) -> str:
    """Return one script with the code of a module and of all modules that it imports.

    Each module becomes a function that returns its exports. Dynamic imports are resolved from the
    same script.

    Parameters
    ----------
    entry
        The file of the module.

    Raises
    ------
    ValueError
        If modules import each other in a circle, or use another form of import or export.
    """
    numbers: dict[Path, int] = {}
    parts: list[str] = []
    _add(entry.resolve(), numbers, parts, ())
    return "".join(parts)


def modules(entry: Path) -> list[Path]:
    """Return the files that a bundle consists of."""
    numbers: dict[Path, int] = {}
    _add(entry.resolve(), numbers, [], ())
    return list(numbers)


def _add(path: Path, numbers: dict[Path, int], parts: list[str], within: tuple[Path, ...]) -> None:
    if path in numbers:
        return
    if path in within:
        raise ValueError(f"modules import each other in a circle: {path.name}")
    text = path.read_text(encoding="utf-8")
    found = [match[3] for match in _IMPORT.finditer(text)] + _DYNAMIC.findall(text)
    for name in found:
        _add((path.parent / name).resolve(), numbers, parts, (*within, path))

    def number(name: str) -> int:
        return numbers[(path.parent / name).resolve()]

    def imported(match: re.Match[str]) -> str:
        names, whole, source = match.groups()
        if whole:
            return f"const {whole} = m{number(source)};\n"
        pairs = re.sub(r"(\w+) as (\w+)", r"\1: \2", " ".join(names.split()))
        return f"const {{ {pairs} }} = m{number(source)};\n"

    exports = ", ".join(match[2] for match in _EXPORT.finditer(text))
    text = _IMPORT.sub(imported, text)
    text = _DYNAMIC.sub(lambda match: f"Promise.resolve(m{number(match[1])})", text)
    text = _EXPORT.sub(r"\1", text)
    if re.search(r"^(import|export)\b", text, re.MULTILINE):
        raise ValueError(f"{path.name} has an import or export that cannot be bundled")
    numbers[path] = len(numbers)
    parts.append(f"const m{numbers[path]} = (() => {{\n{text}\nreturn {{ {exports} }};\n}})();\n")
