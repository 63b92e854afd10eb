"""The distributions of parameters: beta, gamma, inverse gamma, normal and Student's t.

Each is a set of pure functions of hyperparameters, which may be floats or arrays, so a single
belief and a table of many keys call the same formulas. Given only floats, they return a float;
arrays are broadcast against each other and against the argument.
"""

from typing import TYPE_CHECKING

from seqbayes import _lazy

if TYPE_CHECKING:
    from seqbayes.distributions.base import Distribution
    from seqbayes.distributions.beta import Beta
    from seqbayes.distributions.gamma import Gamma, InverseGamma
    from seqbayes.distributions.multivariate import Covariance, MultivariateT
    from seqbayes.distributions.normal import Normal, StudentT
    from seqbayes.distributions.product import Product

__all__ = [
    "Beta",
    "Covariance",
    "Distribution",
    "Gamma",
    "InverseGamma",
    "MultivariateT",
    "Normal",
    "Product",
    "StudentT",
]

__getattr__, __dir__ = _lazy.attributes(
    __name__,
    {
        "base": "Distribution",
        "beta": "Beta",
        "gamma": "Gamma InverseGamma",
        "multivariate": "Covariance MultivariateT",
        "normal": "Normal StudentT",
        "product": "Product",
    },
)
