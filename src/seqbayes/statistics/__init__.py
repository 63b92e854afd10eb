"""Compiled sums of sufficient statistics.

The source is plain Python that Cython compiles; it also runs uncompiled, but slower. An accumulator
reads one observation: it checks that the observation is in the support, and computes its sufficient
statistic and log base measure. It can add and remove observations, merge with another accumulator,
and be scaled. Sums are exact, so removed observations leave no rounding error, and merges and long
streams are fully accurate.
"""

from typing import TYPE_CHECKING

from seqbayes import _lazy

if TYPE_CHECKING:
    from seqbayes.statistics.base import Learner, Statistics
    from seqbayes.statistics.factorials import LARGE_COUNT, log_choose
    from seqbayes.statistics.fields import FieldStatistic, FieldSums, HurdleSums
    from seqbayes.statistics.labels import LabelCounts
    from seqbayes.statistics.moment_statistic import MomentStatistic
    from seqbayes.statistics.moments import Moments
    from seqbayes.statistics.multinomial import MultinomialCounts
    from seqbayes.statistics.pairs import PairStatistic, PairSums
    from seqbayes.statistics.python_statistics import PythonStatistics
    from seqbayes.statistics.rates import ParetoSums, PoissonSums, PowerSums
    from seqbayes.statistics.reading import (
        as_real,
        is_missing,
        plain_label,
        raise_invalid,
        read_weight,
    )
    from seqbayes.statistics.scan import count_ones, scan_floats
    from seqbayes.statistics.scatter import Scatter
    from seqbayes.statistics.scatter_statistic import ScatterStatistic
    from seqbayes.statistics.trials import BernoulliSums, BinomialSums, NegativeBinomialSums

__all__ = [
    "LARGE_COUNT",
    "BernoulliSums",
    "BinomialSums",
    "FieldStatistic",
    "FieldSums",
    "HurdleSums",
    "LabelCounts",
    "Learner",
    "MomentStatistic",
    "Moments",
    "MultinomialCounts",
    "NegativeBinomialSums",
    "PairStatistic",
    "PairSums",
    "ParetoSums",
    "PoissonSums",
    "PowerSums",
    "PythonStatistics",
    "Scatter",
    "ScatterStatistic",
    "Statistics",
    "as_real",
    "count_ones",
    "is_missing",
    "log_choose",
    "plain_label",
    "raise_invalid",
    "read_weight",
    "scan_floats",
]

__getattr__, __dir__ = _lazy.attributes(
    __name__,
    {
        "base": "Learner Statistics",
        "factorials": "LARGE_COUNT log_choose",
        "fields": "FieldStatistic FieldSums HurdleSums",
        "labels": "LabelCounts",
        "moment_statistic": "MomentStatistic",
        "moments": "Moments",
        "multinomial": "MultinomialCounts",
        "pairs": "PairStatistic PairSums",
        "python_statistics": "PythonStatistics",
        "rates": "ParetoSums PoissonSums PowerSums",
        "reading": "as_real is_missing plain_label raise_invalid read_weight",
        "scan": "count_ones scan_floats",
        "scatter": "Scatter",
        "scatter_statistic": "ScatterStatistic",
        "trials": "BernoulliSums BinomialSums NegativeBinomialSums",
    },
)
