"""The lesson on MLE, MAP and EM as a page."""

from __future__ import annotations

from seqbayes.console.palette import LETTER
from seqbayes.datasets import madison
from seqbayes.pages.build import build_page
from seqbayes.replay.coins.steps import SETS


def estimates_page() -> str:
    """Return the lesson on MLE, MAP and EM as a self-contained HTML page.

    Returns
    -------
    str
        The document, which makes no requests.

    Examples
    --------
    >>> len(estimates_page().encode()) < 300_000
    True
    """
    data = {
        "letters": "".join(LETTER[colour] for bag in madison().deal(seed=1) for colour in bag),
        "sets": ",".join(f"{each.known_coin}{each.sequence}" for each in SETS),
    }
    return build_page("MLE, MAP and EM", "estimates.js", data)
