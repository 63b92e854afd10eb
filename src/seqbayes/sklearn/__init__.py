"""Mixtures with the interface of scikit-learn; they need the extra `sklearn`."""

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

__all__ = [
    "SequentialBernoulliMixture",
    "SequentialGaussianMixture",
    "SequentialMultinomialMixture",
    "SequentialPoissonMixture",
]


# imported on first use, so that seqbayes can list its modules without scikit-learn
def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise missing(__name__, name)
    try:
        from seqbayes.sklearn import counts, gaussian
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "sklearn":
            raise
        raise ImportError(str(missing_extra(__name__, "scikit-learn", "sklearn"))) from None
    return getattr(gaussian if name == "SequentialGaussianMixture" else counts, name)
