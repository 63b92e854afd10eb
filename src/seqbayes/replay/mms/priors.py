"""Priors for the candy story, each with a description."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from seqbayes.datasets import COLOURS, walk_in_the_park
from seqbayes.elicit import check_proportions
from seqbayes.errors import PriorError
from seqbayes.families import Dirichlet
from seqbayes.likelihoods import check_parameter

STRENGTH = 100.0
"""Default number of imagined candies for proportions."""

UNNAMED = 1.0
"""Number of imagined candies of an omitted colour, so that the colour remains possible."""


@dataclass(frozen=True, slots=True)
class Prior:
    """A named Dirichlet prior for the shares of the six colours.

    Attributes
    ----------
    name : str
    alpha : mapping of str to float
        Concentrations, as numbers of imagined candies.
    notes : tuple of str
        Sentences about the prior's meaning and about added candies.
    unnamed : tuple of str
        The colours that the proportions omit, each with one imagined candy.

    Examples
    --------
    >>> prior = Prior.parse("green=.40,red=.25,yellow=.15,blue=.20", strength=20)
    >>> prior.alpha
    {'blue': 4.0, 'brown': 1.0, 'green': 8.0, 'orange': 1.0, 'red': 5.0, 'yellow': 3.0}
    >>> print(prior.notes[-1])
    It does not name brown and orange: 1 imagined candy of each was added, as they can occur.
    >>> Prior.parse("red=.30,green=.20,blue=.25,yellow=.35")
    Traceback (most recent call last):
    seqbayes.errors.PriorError: proportions must sum to 1, but they sum to 1.10
    """

    name: str
    alpha: Mapping[str, float]
    notes: tuple[str, ...]
    unnamed: tuple[str, ...] = ()

    @property
    def strength(self) -> float:
        """The number of imagined candies to which the prior is equivalent."""
        return math.fsum(self.alpha.values())

    def state(self) -> Dirichlet:
        """Return the belief without data."""
        return Dirichlet(self.alpha)

    @classmethod
    def uniform(cls) -> Self:
        """Return the prior under which every mix is equally probable."""
        note = "Every mix is equally probable; equivalent to 6 imagined candies, one of each."
        return cls("uniform", dict.fromkeys(COLOURS, 1.0), (note,))

    @classmethod
    def jeffreys(cls) -> Self:
        """Return Jeffreys' prior."""
        note = "Invariant under reparametrisation; equivalent to 3 imagined candies, half of each."
        return cls("Jeffreys", dict.fromkeys(COLOURS, 0.5), (note,))

    @classmethod
    def park(cls, strength: float = STRENGTH) -> Self:
        """Return the guess made on a walk in the park, with the weight of `strength` candies."""
        return cls.from_proportions(walk_in_the_park().shares, strength, "walk in the park")

    @classmethod
    def from_proportions(
        cls,
        shares: Mapping[str, float],
        strength: float = STRENGTH,
        name: str = "your proportions",
    ) -> Self:
        """Return the prior with these mean shares and the weight of `strength` imagined candies.

        Raises
        ------
        PriorError
            If the shares do not sum to 1, a share is not positive, or a colour is unknown.
        """
        for colour in shares:
            if colour not in COLOURS:
                raise PriorError(f"unknown colour {colour!r}: expected {', '.join(COLOURS)}")
        strength = check_parameter("strength", strength)
        for colour, share in check_proportions(shares).items():
            if share == 0.0:
                raise PriorError(
                    f"a share of 0 for {colour!r} could not be changed by data:"
                    " give it a positive share, or omit it"
                )
        alpha = {c: strength * shares[c] if c in shares else UNNAMED for c in COLOURS}
        mix = ", ".join(f"{c} {100 * share:.4g} %" for c, share in shares.items())
        notes = [f"{mix}: {strength:g} imagined candies."]
        unnamed = tuple(c for c in COLOURS if c not in shares)
        if unnamed:
            each = "" if len(unnamed) == 1 else " of each"
            notes.append(
                f"It does not name {' and '.join(unnamed)}: {UNNAMED:g} imagined candy{each} was"
                f" added, as {'it' if len(unnamed) == 1 else 'they'} can occur."
            )
        return cls(name, alpha, tuple(notes), unnamed)

    @classmethod
    def parse(cls, text: str, strength: float | None = None) -> Self:
        """Parse a prior from a command-line argument.

        Parameters
        ----------
        text
            ``uniform``, ``jeffreys``, ``park``, or proportions such as ``red=.3,green=.7``.
        strength
            Number of imagined candies for ``park`` and proportions, by default 100. The other
            priors have a fixed strength.

        Raises
        ------
        PriorError
            If the prior or its proportions are invalid.
        """
        name = text.strip().lower()
        if name in ("uniform", "jeffreys"):
            if strength is not None:
                raise PriorError(f"the {name} prior has a fixed strength: omit --strength")
            return cls.uniform() if name == "uniform" else cls.jeffreys()
        strength = STRENGTH if strength is None else strength
        if name == "park":
            return cls.park(strength)
        if "=" not in name:
            raise PriorError(
                f"expected uniform, jeffreys, park or proportions such as red=.3,green=.7,"
                f" got {text!r}"
            )
        return cls.from_proportions(_read(name), strength)


def _read(text: str) -> dict[str, float]:
    """Read ``colour=share,colour=share``."""
    shares: dict[str, float] = {}
    for part in text.split(","):
        colour, _, number = (piece.strip() for piece in part.partition("="))
        if colour in shares:
            raise PriorError(f"{colour} has two shares")
        try:
            shares[colour] = float(number)
        except ValueError:
            raise PriorError(f"expected colour=share, got {part.strip()!r}") from None
    return shares
