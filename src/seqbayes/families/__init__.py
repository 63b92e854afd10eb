"""The prior families, one file each."""

from typing import TYPE_CHECKING

from seqbayes import _lazy

if TYPE_CHECKING:
    from seqbayes.families.beta import Beta, BetaHyperparameters
    from seqbayes.families.dirichlet import Dirichlet, DirichletHyperparameters
    from seqbayes.families.dirichlet_process import (
        DirichletProcess,
        DirichletProcessHyperparameters,
    )
    from seqbayes.families.gamma import Gamma, GammaHyperparameters
    from seqbayes.families.hurdle import Hurdle
    from seqbayes.families.normal import Normal, NormalHyperparameters
    from seqbayes.families.normal_inverse_gamma import NormalInverseGamma
    from seqbayes.families.normal_inverse_gamma_belief import (
        NormalInverseGammaHyperparameters,
        NormalParameters,
    )
    from seqbayes.families.normal_inverse_wishart import NormalInverseWishart
    from seqbayes.families.product import Product
    from seqbayes.families.product_formulas import ProductHyperparameters
    from seqbayes.families.wishart_belief import MultivariateParameters
    from seqbayes.families.wishart_parameters import NormalInverseWishartHyperparameters

__all__ = [
    "Beta",
    "BetaHyperparameters",
    "Dirichlet",
    "DirichletHyperparameters",
    "DirichletProcess",
    "DirichletProcessHyperparameters",
    "Gamma",
    "GammaHyperparameters",
    "Hurdle",
    "MultivariateParameters",
    "Normal",
    "NormalHyperparameters",
    "NormalInverseGamma",
    "NormalInverseGammaHyperparameters",
    "NormalInverseWishart",
    "NormalInverseWishartHyperparameters",
    "NormalParameters",
    "Product",
    "ProductHyperparameters",
]

__getattr__, __dir__ = _lazy.attributes(
    __name__,
    {
        "beta": "Beta BetaHyperparameters",
        "dirichlet": "Dirichlet DirichletHyperparameters",
        "dirichlet_process": "DirichletProcess DirichletProcessHyperparameters",
        "gamma": "Gamma GammaHyperparameters",
        "hurdle": "Hurdle",
        "normal": "Normal NormalHyperparameters",
        "normal_inverse_gamma": "NormalInverseGamma",
        "normal_inverse_gamma_belief": "NormalInverseGammaHyperparameters NormalParameters",
        "normal_inverse_wishart": "NormalInverseWishart",
        "product": "Product",
        "product_formulas": "ProductHyperparameters",
        "wishart_belief": "MultivariateParameters",
        "wishart_parameters": "NormalInverseWishartHyperparameters",
    },
)
