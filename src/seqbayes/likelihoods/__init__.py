"""The likelihoods: distributions of observations, each with its support and statistic.

A likelihood is a small immutable value. It creates the accumulators of `seqbayes.statistics`, sums
arrays, returns the predictive distribution under its conjugate prior, and samples observations.
"""

from typing import TYPE_CHECKING

from seqbayes import _lazy

if TYPE_CHECKING:
    from seqbayes.likelihoods.base import (
        Likelihood,
        PairLikelihood,
        check_parameter,
    )
    from seqbayes.likelihoods.counts import Poisson
    from seqbayes.likelihoods.failures import Geometric, NegativeBinomial
    from seqbayes.likelihoods.fields import (
        Fields,
        Hurdle,
    )
    from seqbayes.likelihoods.labels import (
        Categorical,
        LabelLikelihood,
        Multinomial,
    )
    from seqbayes.likelihoods.multivariate import (
        MultivariateNormal,
        check_matrix,
        check_vector,
    )
    from seqbayes.likelihoods.normal import (
        LogNormal,
        Normal,
    )
    from seqbayes.likelihoods.pareto import Pareto
    from seqbayes.likelihoods.rates import (
        Exponential,
        GammaShape,
        InverseGamma,
        Laplace,
        Maxwell,
        NormalPrecision,
        PowerLikelihood,
        Rayleigh,
        Weibull,
    )
    from seqbayes.likelihoods.trials import Bernoulli, Binomial

__all__ = [
    "Bernoulli",
    "Binomial",
    "Categorical",
    "Exponential",
    "Fields",
    "GammaShape",
    "Geometric",
    "Hurdle",
    "InverseGamma",
    "LabelLikelihood",
    "Laplace",
    "Likelihood",
    "LogNormal",
    "Maxwell",
    "Multinomial",
    "MultivariateNormal",
    "NegativeBinomial",
    "Normal",
    "NormalPrecision",
    "PairLikelihood",
    "Pareto",
    "Poisson",
    "PowerLikelihood",
    "Rayleigh",
    "Weibull",
    "check_matrix",
    "check_parameter",
    "check_vector",
]

__getattr__, __dir__ = _lazy.attributes(
    __name__,
    {
        "base": "Likelihood PairLikelihood check_parameter",
        "counts": "Poisson",
        "failures": "Geometric NegativeBinomial",
        "fields": "Fields Hurdle",
        "labels": "Categorical LabelLikelihood Multinomial",
        "multivariate": "MultivariateNormal check_matrix check_vector",
        "normal": "LogNormal Normal",
        "pareto": "Pareto",
        "rates": "Exponential GammaShape InverseGamma Laplace Maxwell NormalPrecision"
        " PowerLikelihood Rayleigh Weibull",
        "trials": "Bernoulli Binomial",
    },
)
