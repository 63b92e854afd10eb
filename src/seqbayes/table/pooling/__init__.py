"""Partial pooling: keys with little data borrow strength from the others."""

from seqbayes.table.pooling.options import Pool, PooledPrior

__all__ = ["Pool", "PooledPrior"]
