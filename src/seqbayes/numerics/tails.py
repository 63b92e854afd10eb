"""Tail probabilities and quantiles of the beta, gamma and Student t distributions.

These are scipy.special's functions, checked against mpmath, with the regions replaced where they
fail (scipy 1.17):

* ``gammainc`` loses all digits in the lower tail of large shapes (23 % off at shape 7e7, five
  standard deviations below the mean), and with it ``gammaincinv``: Temme's expansion from 1e5 on.
* ``betainc`` keeps only nine digits when both parameters exceed 1e12: Temme's expansion.
* ``betaincinv`` loses digits when parameters exceed 1e8, and some quantiles altogether: Newton's
  steps.
* ``betaincinv`` and ``stdtrit`` stop at about 2e-308 and 1e153, and the first finds none at some
  levels below 1e-100: power laws beyond.
* Products of parameters of the beta distribution overflow: beyond 1e100, gamma variables.

All take floats or arrays: floats in, float out; arrays broadcast.

References
----------
.. [1] N. M. Temme, "The asymptotic expansion of the incomplete gamma functions", SIAM J. Math.
   Anal. 10, 1979; https://dlmf.nist.gov/8.12 and https://dlmf.nist.gov/8.18.
"""

from seqbayes.numerics.beta_tails import (
    beta_cdf,
    beta_isf,
    beta_odds_isf,
    beta_odds_ppf,
    beta_ppf,
    beta_sf,
)
from seqbayes.numerics.gamma_tails import gamma_cdf, gamma_isf, gamma_ppf, gamma_sf
from seqbayes.numerics.student_tails import t_cdf, t_ppf

__all__ = [
    "beta_cdf",
    "beta_isf",
    "beta_odds_isf",
    "beta_odds_ppf",
    "beta_ppf",
    "beta_sf",
    "gamma_cdf",
    "gamma_isf",
    "gamma_ppf",
    "gamma_sf",
    "t_cdf",
    "t_ppf",
]
