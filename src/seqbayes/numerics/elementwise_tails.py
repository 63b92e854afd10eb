"""What the tails of all distributions share."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqbayes.numerics.special import Real, is_array

SMALLEST_TAIL = 1e-290
"""Of large parameters; smaller levels are read as this one."""


def select(large: Any, replaced: Any, usual: Real, *args: Real) -> Real:
    """Use `replaced` at those elements of `args` where `large`, and `usual` elsewhere."""
    if not is_array(*args):
        return float(replaced(*args) if large else usual)
    if not np.any(large):
        return usual
    large, usual, *columns = np.broadcast_arrays(large, usual, *args)
    result = np.array(usual, dtype=float)
    result[large] = replaced(*(column[large] for column in columns))
    return result
