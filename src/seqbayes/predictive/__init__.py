"""Predictive distributions: distributions of observations, averaged over the parameter."""

from typing import TYPE_CHECKING

from seqbayes import _lazy

if TYPE_CHECKING:
    from seqbayes.predictive.affine import Affine
    from seqbayes.predictive.base import DiscreteDistribution
    from seqbayes.predictive.compound import CompoundGamma, Transformed
    from seqbayes.predictive.counts import BetaNegativeBinomial, NegativeBinomial
    from seqbayes.predictive.hurdle import Hurdle
    from seqbayes.predictive.labels import Categorical, DirichletMultinomial
    from seqbayes.predictive.product import Product
    from seqbayes.predictive.quantiles import CountQuantile, LabelQuantile
    from seqbayes.predictive.symmetric import Symmetric
    from seqbayes.predictive.transforms import ExponentialTransform, PowerTransform, Transform
    from seqbayes.predictive.trials import Bernoulli, BetaBinomial

__all__ = [
    "Affine",
    "Bernoulli",
    "BetaBinomial",
    "BetaNegativeBinomial",
    "Categorical",
    "CompoundGamma",
    "CountQuantile",
    "DirichletMultinomial",
    "DiscreteDistribution",
    "ExponentialTransform",
    "Hurdle",
    "LabelQuantile",
    "NegativeBinomial",
    "PowerTransform",
    "Product",
    "Symmetric",
    "Transform",
    "Transformed",
]

__getattr__, __dir__ = _lazy.attributes(
    __name__,
    {
        "affine": "Affine",
        "base": "DiscreteDistribution",
        "compound": "CompoundGamma Transformed",
        "counts": "BetaNegativeBinomial NegativeBinomial",
        "hurdle": "Hurdle",
        "labels": "Categorical DirichletMultinomial",
        "product": "Product",
        "quantiles": "CountQuantile LabelQuantile",
        "symmetric": "Symmetric",
        "transforms": "ExponentialTransform PowerTransform Transform",
        "trials": "Bernoulli BetaBinomial",
    },
)
