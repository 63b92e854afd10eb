"""The lesson on two coins as a page."""

from __future__ import annotations

from seqbayes.pages.build import build_page
from seqbayes.replay.coins import CoinStory

_IMAGINED = 2.0
"""The initial prior Beta(2, 2): one imagined head and one imagined tail."""


def coins_page(story: CoinStory) -> str:
    """Return the lesson on two coins as a self-contained HTML page.

    Parameters
    ----------
    story
        The sets, the initial parameters, and whether EM maximises the posterior.

    Returns
    -------
    str
        The document, which makes no requests.

    Examples
    --------
    >>> from seqbayes.replay.coins import CoinStory
    >>> len(coins_page(CoinStory()).encode()) < 300_000
    True
    """
    opening = story.opening
    data = {
        "source": opening.source,
        "sets": ",".join(f"{each.known_coin}{each.sequence}" for each in opening.sets),
        "start": list(opening.start),
        "prior": _IMAGINED if opening.flat else opening.hyperparameters[0],
        "objective": "likelihood" if opening.flat else "posterior",
        "iterations": opening.iterations,
        "learnWeights": opening.learn_weights,
    }
    return build_page("Two coins", "coins.js", data)
