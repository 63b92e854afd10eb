"""Tail probabilities (and their logarithms) and quantiles of the beta, gamma and t distributions.

The functions of scipy.special are used, except in the regions where they fail according to
comparisons with mpmath (scipy 1.17):

* ``gammainc`` loses all digits in the lower tail of large shapes (23 % off at shape 7e7, five
  standard deviations below the mean), and so does ``gammaincinv``: Temme's expansion is used above
  1e5.
* ``betainc`` loses digits when parameters are large or unequal (3e-8 at 5 and 1e9), and
  so does ``betaincinv``: an integral of the ratio of densities (`tail_integral`) is used above 3e3.
* Inverse functions lose digits, or have no solution, at levels below 1e-20: Newton's method is
  applied to the logarithm of the tail.
* ``stdtr`` and ``stdtrit`` have nine digits near the centre: the beta distribution is used.
* Products of parameters of the beta distribution overflow: gamma variables are used beyond 1e100.

All functions accept floats or arrays. Given only floats, they return a float; arrays are broadcast.

References
----------
.. [1] N. M. Temme, "The asymptotic expansion of the incomplete gamma functions", SIAM J. Math.
   Anal. 10, 1979; https://dlmf.nist.gov/8.12 and https://dlmf.nist.gov/8.18.
"""

from seqbayes.numerics.beta_tails import beta_cdf, beta_logcdf, beta_logsf, beta_sf
from seqbayes.numerics.gamma_tails import gamma_cdf, gamma_logcdf, gamma_logsf, gamma_sf
from seqbayes.numerics.quantiles import (
    beta_isf,
    beta_odds_isf,
    beta_odds_ppf,
    beta_ppf,
    gamma_isf,
    gamma_ppf,
    t_ppf,
)
from seqbayes.numerics.student_tails import t_cdf, t_logcdf

__all__ = [
    "beta_cdf",
    "beta_isf",
    "beta_logcdf",
    "beta_logsf",
    "beta_odds_isf",
    "beta_odds_ppf",
    "beta_ppf",
    "beta_sf",
    "gamma_cdf",
    "gamma_isf",
    "gamma_logcdf",
    "gamma_logsf",
    "gamma_ppf",
    "gamma_sf",
    "t_cdf",
    "t_logcdf",
    "t_ppf",
]
