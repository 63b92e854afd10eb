"""Decide between beliefs: which one is best, with what probability, and when to stop."""

from typing import Any

from seqbayes.compare.comparison import compare, p_best
from seqbayes.compare.decision import Decision
from seqbayes.compare.gate import Gate, decide
from seqbayes.compare.many import Comparisons, Differences, compare_many
from seqbayes.compare.numbers import number_of, product
from seqbayes.compare.planning import BETTER, plan
from seqbayes.compare.results import Comparison, Difference
from seqbayes.compare.sample_ratio import SampleRatio, sample_ratio
from seqbayes.misplaced import missing

__all__ = [
    "BETTER",
    "Comparison",
    "Comparisons",
    "Decision",
    "Difference",
    "Differences",
    "Gate",
    "SampleRatio",
    "compare",
    "compare_many",
    "decide",
    "number_of",
    "p_best",
    "plan",
    "product",
    "sample_ratio",
]


def __getattr__(name: str) -> Any:
    raise missing(__name__, name)
