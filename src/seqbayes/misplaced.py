"""Errors about public names that are imported from the wrong module."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

PUBLIC = (
    "seqbayes",
    "seqbayes.likelihoods",
    "seqbayes.mixture",
    "seqbayes.river",
    "seqbayes.stream",
    "seqbayes.table",
    "seqbayes.bandit",
    "seqbayes.compare",
    "seqbayes.datasets",
    "seqbayes.sklearn",
    "seqbayes.families",
    "seqbayes.distributions",
    "seqbayes.predictive",
    "seqbayes.stream.sources",
    "seqbayes.stream.stores",
)
"""The modules that are searched for a missing name, in this order."""


def missing(module: str, name: str) -> Exception:
    """Return the error for a missing name; it gives the public module that defines the name.

    The error is an ImportError, because Python replaces the message of an AttributeError in a
    `from` import.

    Examples
    --------
    >>> from seqbayes import Poisson
    Traceback (most recent call last):
    ImportError: cannot import name 'Poisson' from 'seqbayes': it is in seqbayes.likelihoods
    """
    if not name.startswith("_") and find_spec(f"{module}.{name}") is None:
        for home in PUBLIC:
            if home != module and name in import_module(home).__all__:
                return ImportError(
                    f"cannot import name {name!r} from {module!r}: it is in {home}", name=name
                )
    return AttributeError(f"module {module!r} has no attribute {name!r}")
