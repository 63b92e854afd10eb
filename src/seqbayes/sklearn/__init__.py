"""Mixtures with the scikit-learn interface; they need the extra `sklearn`."""

import importlib
from typing import TYPE_CHECKING, Any

from seqbayes.extras import missing_extra
from seqbayes.misplaced import missing

if TYPE_CHECKING:
    from seqbayes.sklearn.counts import (
        SequentialBernoulliMixture,
        SequentialMultinomialMixture,
        SequentialPoissonMixture,
    )
    from seqbayes.sklearn.gaussian import SequentialGaussianMixture
    from seqbayes.sklearn.supervised import SequentialLinearRegression, SequentialNaiveBayes

_MODULES = {
    "SequentialBernoulliMixture": "counts",
    "SequentialGaussianMixture": "gaussian",
    "SequentialLinearRegression": "supervised",
    "SequentialMultinomialMixture": "counts",
    "SequentialNaiveBayes": "supervised",
    "SequentialPoissonMixture": "counts",
}

__all__ = [
    "SequentialBernoulliMixture",
    "SequentialGaussianMixture",
    "SequentialLinearRegression",
    "SequentialMultinomialMixture",
    "SequentialNaiveBayes",
    "SequentialPoissonMixture",
]


# imported on first use, so that seqbayes can list its modules without scikit-learn
def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise missing(__name__, name)
    try:
        module = importlib.import_module(f"{__name__}.{_MODULES[name]}")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "sklearn":
            raise
        raise ImportError(str(missing_extra(__name__, "scikit-learn", "sklearn"))) from None
    return getattr(module, name)
