"""Replacements for the names of Cython's pure-Python mode, for modules that run uncompiled.

Cython is needed to build seqbayes, not to run it. Modules that can be compiled import the real
``cython`` when it is there and this module otherwise::

    try:
        import cython
    except ImportError:
        from seqbayes import _cython as cython

In a compiled class a declared number starts at 0. An uncompiled one has no storage for it, so
``__init__`` sets every field.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

compiled = False


class _Nothing:
    """A decorator that changes nothing; also the result of a decorator's arguments."""

    def __call__(self, decorated: T) -> T:
        return decorated


def _directive(*arguments: Any, **keywords: Any) -> _Nothing:
    """Take the arguments of a decorator and return one that changes nothing."""
    return _Nothing()


cclass = cfunc = ccall = final = inline = _Nothing()
annotation_typing = binding = boundscheck = cdivision = _directive
exceptval = freelist = infer_types = initializedcheck = _directive
locals = nonecheck = returns = wraparound = _directive  # noqa: A001 - Cython's name


class _CType:
    """A C type: a conversion when called, and itself again when indexed for an array of it."""

    def __init__(self, convert: Callable[..., Any]) -> None:
        self._convert = convert

    def __call__(self, *value: Any) -> Any:
        return self._convert(*value)

    def __getitem__(self, index: Any) -> _CType:
        return self


bint = _CType(builtins.bool)
double = _CType(builtins.float)
int = longlong = Py_ssize_t = size_t = _CType(builtins.int)  # noqa: A001 - Cython's name


def void() -> None:
    """Stand for the return type of a function that returns nothing."""


def pointer(base: Any) -> _CType:
    """Stand for the type of a pointer to `base`, which needs compilation to be used."""
    return _CType(base)


def cast(to: Any, value: Any, typecheck: builtins.bool = False) -> Any:
    """Convert `value` to the C type `to`; a Python object is not changed."""
    return to(value) if isinstance(to, _CType) else value


def declare(to: Any = None, value: Any = None, visibility: str = "private") -> Any:
    """Return `value` as `to`; without a value, the zero of a C type or None for an object."""
    if value is not None:
        return cast(to, value)
    return to() if isinstance(to, _CType) else None
