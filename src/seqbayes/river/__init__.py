"""River estimators on top of the conjugate states: they learn from feature dicts, one at a time."""

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
