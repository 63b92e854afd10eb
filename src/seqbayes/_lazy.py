"""Packages whose public names are imported from their modules on first use."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from seqbayes.misplaced import missing


def attributes(
    package: str, homes: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the functions `__getattr__` and `__dir__` for a package.

    Parameters
    ----------
    package
        Name of the package.
    homes
        The public names that each module defines, keyed by the name of the module in the package.

    Examples
    --------
    >>> get, names = attributes("seqbayes.families", {"beta": "Beta BetaHyperparameters"})
    >>> get("Beta").__module__, names()
    ('seqbayes.families.beta', ['Beta', 'BetaHyperparameters'])
    """
    home_of = {name: home for home, names in homes.items() for name in names.split()}

    def get(name: str) -> Any:
        if name not in home_of:
            raise missing(package, name)
        found = getattr(import_module(f"{package}.{home_of[name]}"), name)
        setattr(sys.modules[package], name, found)
        return found

    return get, lambda: sorted(home_of)
