"""Predictive distributions: distributions of observations, averaged over the parameter."""

from seqbayes.distributions import Normal, StudentT
from seqbayes.predictive.base import DiscreteDistribution
from seqbayes.predictive.compound import CompoundGamma, Symmetric, Transformed
from seqbayes.predictive.counts import BetaNegativeBinomial, NegativeBinomial
from seqbayes.predictive.hurdle import Hurdle
from seqbayes.predictive.labels import Categorical, DirichletMultinomial
from seqbayes.predictive.product import Product
from seqbayes.predictive.transforms import Exponential, Power, Transform
from seqbayes.predictive.trials import Bernoulli, BetaBinomial

__all__ = [
    "Bernoulli",
    "BetaBinomial",
    "BetaNegativeBinomial",
    "Categorical",
    "CompoundGamma",
    "DirichletMultinomial",
    "DiscreteDistribution",
    "Exponential",
    "Hurdle",
    "NegativeBinomial",
    "Normal",
    "Power",
    "Product",
    "StudentT",
    "Symmetric",
    "Transform",
    "Transformed",
]
