"""The distributions and the pairs of prior and likelihood whose answers accuracy.py measures."""

import math

import accuracy_oracle as exact
import mpmath as mp
import numpy as np
import scipy.stats as ss

import seqbayes as sb
from seqbayes import distributions, likelihoods


class Family:
    """A distribution of parameters in seqbayes and in other libraries, and its exact answers."""

    def __init__(self, name, ours, scipys, draw, answers, river=None):
        self.name, self.ours, self.scipys, self.draw, self.river = name, ours, scipys, draw, river
        self.tails, self.logpdf, self.moments, self.entropy, self.kl = answers


def _river_beta(p):
    from river import proba

    return proba.Beta(*p)


def _rate(rng):
    return float(10 ** rng.uniform(-3, 3))


FAMILIES = [
    Family(
        "Beta",
        distributions.Beta,
        lambda a, b: ss.beta(a, b),
        lambda shape, _: (shape(), shape()),
        (
            exact.beta_tails,
            exact.beta_logpdf,
            exact.beta_moments,
            exact.dirichlet_entropy,
            exact.dirichlet_kl,
        ),
        _river_beta,
    ),
    Family(
        "Gamma",
        distributions.Gamma,
        lambda k, r: ss.gamma(k, scale=1 / r),
        lambda shape, rng: (shape(), _rate(rng)),
        (
            exact.gamma_tails,
            exact.gamma_logpdf,
            exact.gamma_moments,
            exact.gamma_entropy,
            exact.gamma_kl,
        ),
    ),
    Family(
        "InverseGamma",
        distributions.InverseGamma,
        lambda k, s: ss.invgamma(k, scale=s),
        lambda shape, rng: (shape(), _rate(rng)),
        (
            exact.inverse_gamma_tails,
            exact.inverse_gamma_logpdf,
            exact.inverse_gamma_moments,
            exact.inverse_gamma_entropy,
            exact.gamma_kl,
        ),
    ),
    Family(
        "StudentT",
        lambda df, loc, square: distributions.StudentT(df, loc, math.sqrt(square)),
        lambda df, loc, square: ss.t(df, loc, math.sqrt(square)),
        lambda shape, rng: (max(shape(), 0.1), 0.0, 4.0 ** rng.integers(-5, 5)),
        (
            exact.student_tails,
            exact.student_logpdf,
            exact.student_moments,
            exact.student_entropy,
            None,
        ),
    ),
    Family(
        "Normal",
        distributions.Normal,
        lambda m, v: ss.norm(m, math.sqrt(v)),
        lambda shape, rng: (float(rng.normal()), shape()),
        (
            exact.normal_tails,
            exact.normal_logpdf,
            lambda p: p,
            exact.normal_entropy,
            exact.normal_kl,
        ),
    ),
]


class Pair:
    """A prior with a likelihood.

    `terms` gives an observation's statistic and log base measure, `draw` an observation, given a
    function of counts up to the end of the range, and `tails` the exact tails of the predictive,
    or None.
    """

    def __init__(self, prior, likelihood, draw, terms, tails=None, scipys=None, conjugate=None):
        self.prior, self.likelihood, self.draw, self.terms = prior, likelihood, draw, terms
        self.tails, self.scipys, self.conjugate = tails, scipys, conjugate
        self.name = f"{prior.__name__}, {type(likelihood).__name__}"

    def new(self, p):
        return self.prior(*p, likelihood=self.likelihood)

    def evidence(self, p, xs):
        formula = exact.beta_evidence if self.prior is sb.Beta else exact.gamma_evidence
        return formula(p, [self.terms(x) for x in xs])


def log_choose(n, k):
    return mp.loggamma(n + 1) - mp.loggamma(k + 1) - mp.loggamma(n - k + 1)


def _binomial(x):
    k, n = mp.mpf(x[0]), mp.mpf(x[1])
    return k, n - k, log_choose(n, k)


def _negative_binomial(x):
    return mp.mpf(3), mp.mpf(x), log_choose(mp.mpf(x) + 2, mp.mpf(x))


def _poisson(x):
    return mp.mpf(x), mp.mpf(1), -mp.loggamma(mp.mpf(x) + 1)


def _power(shape, scale, power, two_sided=False):
    """Terms of the generalised gamma distribution; see the class `PowerSums`."""
    shape, scale, power = mp.mpf(shape), mp.mpf(scale), mp.mpf(power)
    constant = shape * mp.log(scale) + mp.log(abs(power)) - mp.loggamma(shape)
    constant -= mp.log(2) if two_sided else 0

    def terms(x):
        x = abs(mp.mpf(x))
        slope = shape * power - 1
        return shape, scale * x**power, constant + (slope * mp.log(x) if slope else 0)

    return terms


def _draw_power(shape, scale, power, two_sided=False):
    """Return a function that draws observations near and far from the mean."""

    def draw(p, _, rng):
        typical = p[1] * min(shape, 1.0) / p[0] * 10 ** rng.uniform(-2, 2)
        sign = rng.choice([-1.0, 1.0]) if two_sided else 1.0
        return float(sign * (typical / scale) ** (1 / power))

    return draw


def _compound_tails(terms, power, two_sided=False):
    """Tails of a predictive: those of a beta distribution at the odds of the observation."""

    def tails(p, x):
        shape, rate, _ = terms(x)
        lower, upper = exact.odds_tails(shape, p[0], rate / p[1])
        if two_sided:
            near = upper - mp.log(2)
            far = exact.complement(near)
            return (near, far) if x < 0 else (far, near)
        return (lower, upper) if power > 0 else (upper, lower)

    return tails


def _generalised_gamma(likelihood, shape, scale, power, two_sided=False, **libraries):
    terms = _power(shape, scale, power, two_sided)
    return Pair(
        sb.Gamma,
        likelihood,
        _draw_power(shape, scale, power, two_sided),
        terms,
        _compound_tails(terms, power, two_sided),
        **libraries,
    )


def _draw_pareto(p, _, rng):
    return float(2.0 * math.exp(min(max(p[1] / p[0] * 10 ** rng.uniform(-1, 1), 1e-12), 600.0)))


def _pareto_terms(x):
    return mp.mpf(1), mp.log(mp.mpf(x) / 2), -mp.log(mp.mpf(x))


def _draw_trials(p, count, rng):
    trials = count()
    return float(np.floor(trials * rng.beta(0.5, 0.5))), trials


def _geometric_tails(p, x):
    """P(X > x) is the chance of x failures."""
    upper = exact.log_beta(p[0], p[1] + x) - exact.log_beta(*p)
    return exact.complement(upper), upper


def _negative_binomial_tails(p, x):
    """P(X > x) is the chance of at most two successes in x + 3 trials."""
    with mp.workdps(400):  # the complement may be tiny
        n = x + 3
        upper = mp.log(
            sum(mp.exp(log_choose(n, k) + exact.log_beta(p[0] + k, p[1] + n - k)) for k in range(3))
        ) - exact.log_beta(*p)
        return exact.complement(upper), upper


def _conjugate_exponential(p):
    from conjugate import distributions as parameters
    from conjugate import models

    return models.exponential_gamma_predictive(distribution=parameters.Gamma(*p)).dist


def _conjugate_poisson(p):
    from conjugate import distributions as parameters
    from conjugate import models

    return models.poisson_gamma_predictive(distribution=parameters.Gamma(*p), n=1).dist


PAIRS = [
    Pair(sb.Beta, likelihoods.Bernoulli(), lambda *_: True, lambda x: (mp.mpf(1), mp.mpf(0), 0)),
    Pair(sb.Beta, likelihoods.Binomial(), _draw_trials, _binomial),
    Pair(
        sb.Beta,
        likelihoods.Geometric(),
        lambda p, count, rng: count() + 1,
        lambda x: (mp.mpf(1), mp.mpf(x) - 1, mp.mpf(0)),
        _geometric_tails,
    ),
    Pair(
        sb.Beta,
        likelihoods.NegativeBinomial(3),
        lambda p, count, rng: count(),
        _negative_binomial,
        _negative_binomial_tails,  # scipy sums probabilities, up to 1e15 of them
    ),
    Pair(
        sb.Gamma,
        likelihoods.Poisson(),
        lambda p, count, rng: count(),
        _poisson,
        lambda p, x: exact.odds_tails(p[0], mp.mpf(x) + 1, p[1]),
        lambda p: ss.nbinom(p[0], p[1] / (p[1] + 1)),
        _conjugate_poisson,
    ),
    _generalised_gamma(
        likelihoods.Exponential(),
        1,
        1,
        1,
        scipys=lambda p: ss.lomax(p[0], scale=p[1]),
        conjugate=_conjugate_exponential,
    ),
    _generalised_gamma(
        likelihoods.GammaShape(2.5), 2.5, 1, 1, scipys=lambda p: ss.betaprime(2.5, p[0], scale=p[1])
    ),
    _generalised_gamma(likelihoods.Weibull(1.5), 1, 1, 1.5),
    _generalised_gamma(likelihoods.InverseGamma(2.5), 2.5, 1, -1),
    _generalised_gamma(likelihoods.Rayleigh(), 1, 0.5, 2),
    _generalised_gamma(likelihoods.Maxwell(), 1.5, 0.5, 2),
    _generalised_gamma(likelihoods.Laplace(0.0), 1, 1, 1, True),
    _generalised_gamma(likelihoods.NormalPrecision(0.0), 0.5, 0.5, 2, True),
    Pair(
        sb.Gamma,
        likelihoods.Pareto(2.0),
        _draw_pareto,
        _pareto_terms,
        _compound_tails(_pareto_terms, 1),
    ),
]
