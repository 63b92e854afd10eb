"""Sequential Bayes on streams: conjugate states that learn one observation at a time."""

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
    from seqbayes.likelihoods import (
        Bernoulli,
        Binomial,
        Categorical,
        Exponential,
        Fields,
        GammaShape,
        Geometric,
        InverseGamma,
        Laplace,
        LogNormal,
        Maxwell,
        Multinomial,
        MultivariateNormal,
        NegativeBinomial,
        NormalPrecision,
        Pareto,
        Poisson,
        Rayleigh,
        Weibull,
    )
    from seqbayes.registry import register
    from seqbayes.state import Explanation, State

__version__ = "0.1.0"

__all__ = [
    "Bernoulli",
    "Beta",
    "Binomial",
    "Categorical",
    "Dirichlet",
    "DirichletProcess",
    "Explanation",
    "Exponential",
    "Fields",
    "Gamma",
    "GammaShape",
    "Geometric",
    "InverseGamma",
    "Laplace",
    "LogNormal",
    "Maxwell",
    "MergeError",
    "Multinomial",
    "MultivariateNormal",
    "NegativeBinomial",
    "Normal",
    "NormalInverseGamma",
    "NormalInverseWishart",
    "NormalPrecision",
    "ObservationError",
    "Pareto",
    "Poisson",
    "PriorError",
    "Product",
    "Rayleigh",
    "SeqbayesError",
    "State",
    "UnsupportedError",
    "Weibull",
    "register",
]

# Imported when first asked for: the command line's help and completion wait for none of it.
_HOMES = ("seqbayes.families", "seqbayes.likelihoods", "seqbayes.state", "seqbayes.registry")


def __getattr__(name: str) -> Any:
    if name in __all__:
        for home in map(import_module, _HOMES):
            if hasattr(home, name):
                globals()[name] = found = getattr(home, name)
                return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
