"""River estimators based on conjugate states; they learn from one feature dict at a time."""

from typing import Any

from seqbayes.misplaced import missing
from seqbayes.river.anomaly import PredictiveSurprise
from seqbayes.river.mixture_discriminant import MixtureDiscriminant
from seqbayes.river.naive_bayes import ConjugateNB
from seqbayes.river.regression import ConjugateLinearRegression

__all__ = [
    "ConjugateLinearRegression",
    "ConjugateNB",
    "MixtureDiscriminant",
    "PredictiveSurprise",
]


def __getattr__(name: str) -> Any:
    raise missing(__name__, name)
