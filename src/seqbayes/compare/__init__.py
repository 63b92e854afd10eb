"""Decide between beliefs: which is best, how sure that is, and what a wrong choice would cost."""

from typing import Any

from seqbayes.compare.comparison import BETTER, Comparison, Difference, compare, number_of, p_best
from seqbayes.misplaced import missing

__all__ = ["BETTER", "Comparison", "Difference", "compare", "number_of", "p_best"]


def __getattr__(name: str) -> Any:
    raise missing(__name__, name)
