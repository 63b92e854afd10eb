"""Replacements for the names of Cython's pure-Python mode, for modules that run uncompiled.

Cython is needed to build seqbayes, not to run it. Modules that can be compiled import the real
``cython`` if it is installed, and this module otherwise::

    try:
        import cython
    except ImportError:
        from seqbayes import _cython as cython

In a compiled class, a declared number starts at 0. In an uncompiled class it does not exist until
it is set, so ``__init__`` sets every field.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

compiled = False


class _NoOperation:
    """A decorator that returns its argument unchanged."""

    def __call__(self, decorated: T) -> T:
        return decorated


def _directive(*arguments: Any, **keywords: Any) -> _NoOperation:
    """Ignore the arguments of a decorator factory, and return a decorator that changes nothing."""
    return _NoOperation()


cclass = cfunc = ccall = final = inline = _NoOperation()
annotation_typing = binding = boundscheck = cdivision = _directive
exceptval = freelist = infer_types = initializedcheck = _directive
locals = nonecheck = returns = wraparound = _directive  # noqa: A001 - Cython's name


class _CType:
    """A C type: a call converts a value; indexing (for an array type) returns the type itself."""

    def __init__(self, convert: Callable[..., Any]) -> None:
        self._convert = convert

    def __call__(self, *value: Any) -> Any:
        return self._convert(*value)

    def __getitem__(self, index: Any) -> _CType:
        return self


bint = _CType(builtins.bool)
double = _CType(builtins.float)
char = int = longlong = Py_ssize_t = size_t = ulonglong = _CType(builtins.int)  # noqa: A001 - Cython's name


def void() -> None:
    """Stand in for the C return type `void`."""


def pointer(base: Any) -> _CType:
    """Stand in for the type of a pointer to `base`; pointers are usable only in compiled code."""
    return _CType(base)


def cast(to: Any, value: Any, typecheck: builtins.bool = False) -> Any:
    """Convert `value` to the C type `to`; a Python object is not changed."""
    return to(value) if isinstance(to, _CType) else value


def declare(to: Any = None, value: Any = None, visibility: str = "private") -> Any:
    """Return `value` as `to`; without a value, the zero of a C type or None for an object."""
    if value is not None:
        return cast(to, value)
    return to() if isinstance(to, _CType) else None
