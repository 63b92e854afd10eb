"""Tumours in groups of rats."""

from __future__ import annotations

from typing import NamedTuple

_TUMOURS = """
0 0 0 0 0 0 0 0 0 0 0 0 0 0 1 1 1 1 1 1 1 1 2 2 2 2 2 2 2 2 2 1 5 2 5 3 2 7 7 3 3 2 9 10 4 4 4 4 4
4 4 10 4 4 4 5 11 12 5 5 6 5 6 6 6 6 16 15 15 9 4
"""

_RATS = """
20 20 20 20 20 20 20 19 19 19 19 18 18 17 20 20 20 20 19 19 18 18 25 24 23 20 20 20 20 20 20 10 49
19 46 27 17 49 47 20 20 13 48 50 20 20 20 20 20 20 20 48 19 19 19 22 46 49 20 20 23 19 22 20 20 20
52 46 47 24 14
"""


class RatGroup(NamedTuple):
    """Rats with a tumour, and all rats, in one group, as an observation of `Binomial`."""

    tumours: int
    rats: int


def rat_tumours() -> list[RatGroup]:
    """Return the tumours in control groups of rats from 70 earlier experiments and a current one.

    Returns
    -------
    list of RatGroup
        For each of 71 groups, the number of rats with a tumour (endometrial stromal polyps) and the
        number of rats. The current experiment's group is the last one.

    References
    ----------
    .. [1] Tarone, R. E. (1982). The use of historical control information in testing for a trend in
       proportions. Biometrics 38, 215-220.
    .. [2] Gelman, A., Carlin, J. B., Stern, H. S., Dunson, D. B., Vehtari, A. and Rubin, D. B.
       (2013). Bayesian Data Analysis, third edition, table 5.1.

    Examples
    --------
    >>> groups = rat_tumours()
    >>> len(groups), groups[-1]
    (71, RatGroup(tumours=4, rats=14))
    """
    pairs = zip(_TUMOURS.split(), _RATS.split(), strict=True)
    return [RatGroup(int(tumours), int(rats)) for tumours, rats in pairs]
