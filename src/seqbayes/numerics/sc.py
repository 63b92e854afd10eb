"""The functions of `scipy.special`, which are imported when one of them is first used.

Importing the package takes more time and memory than all other imports combined, and most of it
serves array libraries other than NumPy. The functions themselves are in one compiled module, which
is imported without the package. The package is imported for the few functions that are not in it.

Examples
--------
>>> from seqbayes.numerics import sc
>>> float(sc.expit(0.0))
0.5
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any, cast

_PACKAGE = "scipy.special"
_COMPILED = "scipy.special._ufuncs"


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = _compiled()
    if not hasattr(module, name):
        module = import_module(_PACKAGE)
    found = globals()[name] = getattr(module, name)
    return found


def _compiled() -> ModuleType:
    if not {_PACKAGE, _COMPILED} & sys.modules.keys():
        finder = _CompiledAlone()
        sys.meta_path.insert(0, finder)
        try:
            with suppress(_StoppedError):
                import_module(_PACKAGE)
        finally:
            sys.meta_path.remove(finder)
    return import_module(_COMPILED)


class _StoppedError(ImportError):
    """Raised to stop the import of the package, after the compiled functions were imported."""


class _CompiledAlone:
    """Import the compiled functions instead of the package, in the thread that creates this object.

    The import of the package then fails, so that Python forgets the package. Another thread that
    imports it at the same time waits for the failure, and then imports the whole package. This
    finder and loader has no base class, because `importlib.abc` is slow to import.
    """

    def __init__(self) -> None:
        self._thread = threading.get_ident()

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != _PACKAGE or threading.get_ident() != self._thread:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None:
            spec.loader = cast("Any", self)
        return spec

    def create_module(self, spec: ModuleSpec) -> None:
        """Let Python create the package."""

    def exec_module(self, module: ModuleType) -> None:
        import_module(_COMPILED)
        raise _StoppedError
