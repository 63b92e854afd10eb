"""The lessons as pages: M&M's, two coins, and MLE, MAP and EM."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from seqbayes.console.palette import LETTER
from seqbayes.datasets import COLOURS, factory_mixes, madison, walk_in_the_park
from seqbayes.pages.build import build_page
from seqbayes.replay.coins import CoinStory
from seqbayes.replay.coins.steps import SETS
from seqbayes.replay.mms import CandyStory
from seqbayes.replay.mms.priors import STRENGTH

_IMAGINED = 2.0
"""The initial prior Beta(2, 2) of the coins: one imagined head and one imagined tail."""


def candies_page(story: CandyStory, prior: str = "park", strength: float | None = None) -> str:
    """Return the lesson on M&M's as a self-contained HTML page.

    Parameters
    ----------
    story
        The candies.
    prior
        The initial prior: ``uniform``, ``jeffreys``, ``park``, or proportions.
    strength
        The weight of ``park`` or of the proportions, as a number of imagined candies; 100 by
        default.

    Returns
    -------
    str
        The document, which makes no requests.

    Examples
    --------
    >>> from seqbayes.replay.mms import CandyStory, Prior
    >>> page = candies_page(CandyStory(Prior.park(), bags=1))
    >>> len(page.encode()) < 300_000
    True
    """
    equal = dict.fromkeys(COLOURS, 1.0 / len(COLOURS))
    mixes = [(mix.title, mix.source, mix.shares) for mix in factory_mixes().values()]
    mixes.append(("equal shares", "An assumption.", equal))
    own = story.opening.seed is None
    data = {
        "letters": _letters(madison().deal(1) if own else story.contents),
        "bag": _letters(story.contents) if own else None,
        "source": madison().source,
        "prior": prior.strip().lower(),
        "strength": STRENGTH if strength is None else strength,
        "park": dict(walk_in_the_park().shares),
        "claims": dict(factory_mixes()["mars_2008"].shares),
        "mixes": [
            {"title": title, "source": source, "shares": _in_order(shares)}
            for title, source, shares in mixes
        ],
    }
    return build_page("M&M's, one candy at a time", "mms.js", data)


def _letters(bags: Iterable[Iterable[str]]) -> str:
    return "".join(LETTER[colour] for bag in bags for colour in bag)


def _in_order(shares: Mapping[str, float]) -> list[float]:
    return [shares[colour] for colour in COLOURS]


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
