"""Partial pooling: keys with few data borrow strength from the others."""

from seqbayes.table.pooling.estimate import PooledPrior, estimate
from seqbayes.table.pooling.mixed import MixedBelief
from seqbayes.table.pooling.options import Pool, read_pool
from seqbayes.table.pooling.populations import Population, population_of

__all__ = [
    "MixedBelief",
    "Pool",
    "PooledPrior",
    "Population",
    "estimate",
    "population_of",
    "read_pool",
]
