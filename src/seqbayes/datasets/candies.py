"""M&M's: counts from bags, mixes published by the factories, and a guess."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

import numpy as np

from seqbayes.elicit import check_proportions
from seqbayes.errors import PriorError

COLOURS = ("blue", "brown", "green", "orange", "red", "yellow")
"""The six colours since 1995, in alphabetical order."""


@dataclass(frozen=True, slots=True)
class Mix:
    """Published shares of the colours.

    Attributes
    ----------
    name, title, source : str
    shares : mapping of str to float
        Share of each colour that the source names; the shares sum to 1.

    Raises
    ------
    PriorError
        If the shares do not sum to 1.
    """

    name: str
    title: str
    source: str
    shares: Mapping[str, float]

    def __post_init__(self) -> None:
        object.__setattr__(self, "shares", MappingProxyType(check_proportions(self.shares)))


@dataclass(frozen=True, slots=True)
class CandyCounts:
    """Published counts of candies.

    Attributes
    ----------
    name, title, source : str
    counts : mapping of str to int
        Number of candies of each colour.
    bags : int or None
        Number of bags, if published.
    bag_size : (int, int) or None
        Sizes of the smallest and the largest bag.
    """

    name: str
    title: str
    source: str
    counts: Mapping[str, int]
    bags: int | None = None
    bag_size: tuple[int, int] | None = None

    @property
    def total(self) -> int:
        """Total number of candies."""
        return sum(self.counts.values())

    def deal(self, seed: int | None = None) -> tuple[tuple[str, ...], ...]:
        """Distribute all candies at random over the published number of bags.

        Only the totals are published. The order is random, as are the bag sizes, which lie between
        the smallest and the largest: each place beyond the smallest size of a bag is filled with
        the same probability.

        Parameters
        ----------
        seed
            Seed for the random generator; the same seed returns the same bags.

        Returns
        -------
        tuple of bags, each a tuple of colours

        Raises
        ------
        PriorError
            If the number of bags was not published.

        Examples
        --------
        >>> bags = madison().deal(seed=1)
        >>> len(bags), sum(map(len, bags)), set(map(len, bags)) <= set(range(52, 58))
        (48, 2620, True)
        """
        if self.bags is None or self.bag_size is None:
            raise PriorError(f"the number of bags of {self.title} was not published")
        rng = np.random.default_rng(seed)
        smallest, largest = self.bag_size
        free = [largest - smallest] * self.bags
        extra = rng.multivariate_hypergeometric(free, self.total - smallest * self.bags)
        order = np.repeat(np.arange(len(self.counts)), list(self.counts.values()))
        rng.shuffle(order)
        colours = list(self.counts)
        bags = np.split(order, np.cumsum(smallest + extra)[:-1])
        return tuple(tuple(colours[i] for i in bag) for bag in bags)


@cache
def _published() -> dict[str, Any]:
    text = resources.files("seqbayes.datasets").joinpath("candies.toml").read_text("utf-8")
    return tomllib.loads(text)


def _colours(entry: dict[str, Any]) -> dict[str, Any]:
    return {colour: entry[colour] for colour in COLOURS if colour in entry}


def _count(name: str) -> CandyCounts:
    entry = _published()["counts"][name]
    size = entry.get("bag_size")
    return CandyCounts(
        name,
        entry["title"],
        entry["source"],
        MappingProxyType(_colours(entry)),
        entry.get("bags"),
        None if size is None else (size[0], size[1]),
    )


def _mix(group: str, name: str) -> Mix:
    entry = _published()[group][name]
    return Mix(name, entry["title"], entry["source"], _colours(entry))


@cache
def madison() -> CandyCounts:
    """Return the totals of J. Madison's 48 bags.

    Examples
    --------
    >>> count = madison()
    >>> count.total, count.bags, count.counts["orange"]
    (2620, 48, 544)
    """
    return _count("madison")


@cache
def wicklin() -> CandyCounts:
    """Return the totals that R. Wicklin counted.

    Examples
    --------
    >>> wicklin().total
    712
    """
    return _count("wicklin")


@cache
def factory_mixes() -> Mapping[str, Mix]:
    """Return the published mixes, keyed by name: Cleveland, Mars 2008 and Hackettstown.

    Examples
    --------
    >>> for mix in factory_mixes().values():
    ...     print(mix.title, mix.shares["blue"])
    Cleveland 0.207
    Mars 2008 0.24
    Hackettstown 0.25
    """
    return MappingProxyType({name: _mix("mixes", name) for name in _published()["mixes"]})


@cache
def walk_in_the_park() -> Mix:
    """Return the guess from the story on Cross Validated; it includes only four colours.

    Examples
    --------
    >>> dict(walk_in_the_park().shares)
    {'blue': 0.2, 'green': 0.4, 'red': 0.25, 'yellow': 0.15}
    """
    return _mix("guesses", "walk_in_the_park")
