"""Real data that ship with seqbayes, each with its source."""

from seqbayes.datasets.candies import (
    COLOURS,
    Count,
    Mix,
    factory_mixes,
    madison,
    walk_in_the_park,
    wicklin,
)

__all__ = [
    "COLOURS",
    "Count",
    "Mix",
    "factory_mixes",
    "madison",
    "walk_in_the_park",
    "wicklin",
]
