"""Bundles a page's modules into one file, and its style sheets into another, to save requests."""

from __future__ import annotations

import re
from pathlib import Path

_IMPORT = re.compile(r'^import (?:\{([^}]*)\}|\* as (\w+)) from "(\.[^"]+)";\n', re.MULTILINE)
_DYNAMIC = re.compile(r'\bimport\("(\.[^"]+)"\)')
_COMMENT = re.compile(r"^ *(?://.*|/\*\*(?:[^*]|\*(?!/))*\*/)\n", re.MULTILINE)
_SHEET = re.compile(r'^@import "\./([^"]+)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export ((?:async )?(?:class|function\*?|const) (\w+))", re.MULTILINE)


LAZY = {"./views/mms.js": "/static/replay-mms.js", "./views/coins.js": "/static/replay-coins.js"}
"""The dynamic imports that have a separate script, with its URL."""


def bundle(entry: Path, main: Path | None = None) -> str:
    """Return one script with the code of a module and of all the modules that it imports.

    Each module becomes a function that returns its exports. Dynamic imports are resolved from the
    same script, except those in `LAZY`.

    Parameters
    ----------
    entry
        The file of the module.
    main
        The module of the script that loads this one, ``/static/app.js``; its modules are
        imported from there.

    Raises
    ------
    ValueError
        If there is an import cycle, or an unsupported form of import or export.
    """
    numbers: dict[Path, int] = {}
    parts: list[str] = []
    if main is not None:
        _add(main.resolve(), numbers, [], ())
    shared = ", ".join(f"m{k}" for k in numbers.values())
    _add(entry.resolve(), numbers, parts, ())
    head = "" if main is None else f'import {{ {shared} }} from "/static/app.js";\n'
    if main is not None:
        exports = ", ".join(match[2] for match in _EXPORT.finditer(entry.read_text("utf-8")))
        foot = f"export const {{ {exports} }} = m{numbers[entry.resolve()]};\n"
    else:
        foot = f"export {{ {', '.join(f'm{k}' for k in numbers.values())} }};\n"
    return head + "".join(parts) + foot


def stylesheet(path: Path) -> str:
    """Return a style sheet that includes the style sheets it imports."""
    text = path.read_text(encoding="utf-8")
    return _SHEET.sub(lambda match: stylesheet(path.parent / match[1]), text)


def modules(entry: Path) -> list[Path]:
    """Return the files in a bundle."""
    numbers: dict[Path, int] = {}
    _add(entry.resolve(), numbers, [], ())
    return list(numbers)


def _add(path: Path, numbers: dict[Path, int], parts: list[str], within: tuple[Path, ...]) -> None:
    if path in numbers:
        return
    if path in within:
        raise ValueError(f"import cycle: {path.name}")
    text = path.read_text(encoding="utf-8")
    dynamic = [name for name in _DYNAMIC.findall(text) if name not in LAZY]
    for name in [match[3] for match in _IMPORT.finditer(text)] + dynamic:
        _add((path.parent / name).resolve(), numbers, parts, (*within, path))

    def number(name: str) -> int:
        return numbers[(path.parent / name).resolve()]

    def imported(match: re.Match[str]) -> str:
        names, whole, source = match.groups()
        if whole:
            return f"const {whole} = m{number(source)};\n"
        pairs = re.sub(r"(\w+) as (\w+)", r"\1: \2", " ".join(names.split()))
        return f"const {{ {pairs} }} = m{number(source)};\n"

    text = _COMMENT.sub("", text)
    exports = ", ".join(match[2] for match in _EXPORT.finditer(text))
    text = _IMPORT.sub(imported, text)
    text = _DYNAMIC.sub(
        lambda match: (
            f'import("{LAZY[match[1]]}")'
            if match[1] in LAZY
            else f"Promise.resolve(m{number(match[1])})"
        ),
        text,
    )
    text = _EXPORT.sub(r"\1", text)
    if re.search(r"^(import|export)\b", text, re.MULTILINE):
        raise ValueError(f"{path.name} has an import or export that cannot be bundled")
    numbers[path] = len(numbers)
    parts.append(f"const m{numbers[path]} = (() => {{\n{text}\nreturn {{ {exports} }};\n}})();\n")
