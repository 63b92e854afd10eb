"""Real data sets included in seqbayes, each with its source."""

from typing import Any

from seqbayes.datasets.candies import (
    COLOURS,
    CandyCounts,
    Mix,
    factory_mixes,
    madison,
    walk_in_the_park,
    wicklin,
)
from seqbayes.datasets.rats import RatGroup, rat_tumours
from seqbayes.misplaced import missing

__all__ = [
    "COLOURS",
    "CandyCounts",
    "Mix",
    "RatGroup",
    "factory_mixes",
    "madison",
    "rat_tumours",
    "walk_in_the_park",
    "wicklin",
]


def __getattr__(name: str) -> Any:
    raise missing(__name__, name)
