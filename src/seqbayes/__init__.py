"""Sequential Bayes on streams: conjugate states that learn one observation at a time."""

from seqbayes.errors import MergeError, ObservationError, PriorError, SeqbayesError
from seqbayes.families import (
    Beta,
    Dirichlet,
    DirichletProcess,
    Gamma,
    Normal,
    NormalInverseGamma,
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
    NegativeBinomial,
    NormalPrecision,
    Pareto,
    Poisson,
    Rayleigh,
    Weibull,
)
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
    "NegativeBinomial",
    "Normal",
    "NormalInverseGamma",
    "NormalPrecision",
    "ObservationError",
    "Pareto",
    "Poisson",
    "PriorError",
    "Product",
    "Rayleigh",
    "SeqbayesError",
    "State",
    "Weibull",
]
