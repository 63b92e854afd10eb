"""The functions of `scipy.special`, which is imported when one of them is first used.

This import takes more time and memory than all others combined, and learning does not need it.

Examples
--------
>>> from seqbayes.numerics import sc
>>> float(sc.expit(0.0))
0.5
"""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    import scipy.special

    found = globals()[name] = getattr(scipy.special, name)
    return found
