"""One belief for each of many keys, stored in columns."""

from seqbayes.table.answers import Answers
from seqbayes.table.pooling import Pool, PooledPrior
from seqbayes.table.table import Table

__all__ = ["Answers", "Pool", "PooledPrior", "Table"]
