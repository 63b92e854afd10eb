"""Sequential Bayes on streams: conjugate states that learn one observation at a time.

A state holds a prior and what was learned, under a likelihood:

>>> from seqbayes import Beta
>>> belief = Beta(1, 1)
>>> belief.learn_one(True)
>>> round(belief.mean, 3)
0.667

Where to find what:

- `seqbayes`: the prior families (`Beta`, `Gamma`, `Dirichlet`, `Normal`, …), the wrappers `Product`
  (several fields) and `Decayed` (forgetting by half-life), and `register` for your own classes
- `seqbayes.likelihoods`: what observations are (`Bernoulli`, `Binomial`, `Poisson`, …)
- `seqbayes.mixture`: mixtures that learn by EM
- `seqbayes.river`: estimators with River's interface
- `seqbayes.stream`: pipelines with durable beliefs, and the verbs of the command line
- `seqbayes.datasets`: data sets that are used in the examples
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from seqbayes.errors import (
    MergeError,
    ObservationError,
    PriorError,
    SeqbayesError,
    UnsupportedError,
)

if TYPE_CHECKING:
    from seqbayes import datasets, likelihoods, mixture, river, stream
    from seqbayes.explanation import Explanation
    from seqbayes.families import (
        Beta,
        Dirichlet,
        DirichletProcess,
        Gamma,
        Normal,
        NormalInverseGamma,
        NormalInverseWishart,
        Product,
    )
    from seqbayes.forgetting import Decayed
    from seqbayes.registry import register
    from seqbayes.state import State

__version__ = "0.1.0"

__all__ = [
    "Beta",
    "Decayed",
    "Dirichlet",
    "DirichletProcess",
    "Explanation",
    "Gamma",
    "MergeError",
    "Normal",
    "NormalInverseGamma",
    "NormalInverseWishart",
    "ObservationError",
    "PriorError",
    "Product",
    "SeqbayesError",
    "State",
    "UnsupportedError",
    "datasets",
    "likelihoods",
    "mixture",
    "register",
    "river",
    "stream",
]

# Imported on first use: the command line's help and completion need none of it.
_MODULES = ("datasets", "likelihoods", "mixture", "river", "stream")
_HOMES = {
    "Decayed": "seqbayes.forgetting",
    "Explanation": "seqbayes.explanation",
    "State": "seqbayes.state",
    "register": "seqbayes.registry",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    if name in __all__:
        found = getattr(import_module(_HOMES.get(name, "seqbayes.families")), name)
        globals()[name] = found
        return found
    from seqbayes.misplaced import missing

    raise missing(__name__, name)


def __dir__() -> list[str]:
    return __all__
