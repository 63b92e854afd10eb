"""The reader's own bag of candies."""

from __future__ import annotations

import re

from seqbayes.console.palette import LETTER
from seqbayes.datasets import COLOURS
from seqbayes.errors import ObservationError

_COLOURS = {letter.lower(): colour for colour, letter in LETTER.items()}


def read_bag(text: str) -> tuple[str, ...]:
    """Read the candies of a bag, in order, from letters or names of colours.

    Parameters
    ----------
    text
        Letters B, N (brown), G, O, R, Y, or names, separated by commas or spaces.

    Returns
    -------
    tuple of str
        The colours.

    Raises
    ------
    ObservationError
        If a word is neither letters nor the name of a colour, or there are no candies.

    Examples
    --------
    >>> read_bag("GGR, brown")
    ('green', 'green', 'red', 'brown')
    """
    bag: list[str] = []
    for word in re.split(r"[\s,;]+", text.lower().strip()):
        if word in COLOURS:
            bag.append(word)
        elif word and all(letter in _COLOURS for letter in word):
            bag += [_COLOURS[letter] for letter in word]
        elif word:
            raise ObservationError(
                f"expected letters {', '.join(LETTER.values())} or names of colours, got {word!r}"
            )
    if not bag:
        raise ObservationError("expected the candies of a bag, such as GGRBN, got none")
    return tuple(bag)
