"""Sufficient statistics of many keys, computed by a database or data frame engine."""

from seqbayes.bulk.plan import Plan, aggregate
from seqbayes.bulk.relation import Relation, as_key, as_seconds, open_relation
from seqbayes.bulk.selection import Selection
from seqbayes.bulk.sums import Aggregated

__all__ = [
    "Aggregated",
    "Plan",
    "Relation",
    "Selection",
    "aggregate",
    "as_key",
    "as_seconds",
    "open_relation",
]
