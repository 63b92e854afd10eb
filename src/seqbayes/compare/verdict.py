"""The conclusion of a comparison, derived from its probabilities and intervals."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqbayes.compare.coordinates import Array


def verdicts(p_best: Array, loss: Array, equivalent: Array, level: float) -> Any:
    """Return the conclusion of each comparison.

    "equivalent" if every difference from the reference is within the region of equivalence with
    probability `level`. Otherwise "best" if one number is the best with probability (1 + level) / 2
    or more, its expected loss is the smallest, and its differences from others, as far as they are
    known, are not within the region of equivalence. Otherwise "undecided".

    Parameters
    ----------
    p_best, loss
        The probability that each number is the best, and its expected loss, of shape (m, k); losses
        that do not exist are NaN.
    equivalent
        Probability that the difference from the reference is within the region of equivalence, of
        shape (m, k); NaN for the reference, and without a region.
    level
        The level.

    Examples
    --------
    >>> p_best, loss = np.array([[0.99, 0.01]] * 2), np.array([[0.0, 0.3]] * 2)
    >>> verdicts(p_best, loss, np.array([[np.nan, 0.2], [np.nan, 0.97]]), 0.95).tolist()
    ['best', 'equivalent']
    """
    known = ~np.isnan(equivalent)
    alike = known & (equivalent >= level)
    all_alike = known.any(axis=1) & (alike.sum(axis=1) == p_best.shape[1] - 1)
    best = p_best.argmax(axis=1)[:, None]
    at_best = (np.take_along_axis(each, best, axis=1)[:, 0] for each in (p_best, loss, known))
    likely, least, compared = at_best
    # the reference has no difference from itself; all other numbers are compared with it
    similar = np.where(compared, np.take_along_axis(alike, best, axis=1)[:, 0], alike.any(axis=1))
    cheapest = np.isnan(least) | (least == np.fmin.reduce(loss, axis=1))
    sure = (likely >= (1.0 + level) / 2.0) & cheapest & ~similar
    return np.where(all_alike, "equivalent", np.where(sure, "best", "undecided"))
