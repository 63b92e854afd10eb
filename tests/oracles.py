"""Independent answers: textbook densities, and quadrature over the parameter.

Priors and densities of observations are written out from the textbooks (or are scipy.stats, which
seqbayes does not use); integrals over the parameter are sums over a grid on the whole line, where
the trapezoidal rule converges exponentially for these integrands.

References
----------
Trefethen, L. N. and Weideman, J. A. C. (2014). The exponentially convergent trapezoidal rule.
"""

import math
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import scipy.special as sc
import scipy.stats as st

from cases import extend, states_of


def log_choose(n, k):
    return math.log(math.comb(n, k))


def _bernoulli(likelihood, theta, x):
    return theta.log_p if x else theta.log_q


def _binomial(likelihood, theta, x):
    k, n = x if likelihood.trials is None else (x, likelihood.trials)
    return log_choose(n, k) + k * theta.log_p + (n - k) * theta.log_q


def _geometric(likelihood, theta, x):
    return theta.log_p + (x - likelihood.start) * theta.log_q


def _negative_binomial(likelihood, theta, x):
    r = likelihood.successes
    ways = sum(math.log((r + i) / (i + 1)) for i in range(x))
    return ways + r * theta.log_p + x * theta.log_q


def _poisson(likelihood, theta, x):
    k, exposure = x if likelihood.exposure is None else (x, likelihood.exposure)
    return st.poisson.logpmf(k, theta * exposure)


def _labels(likelihood, theta, x):
    return np.log(theta[x]) if isinstance(theta, dict) else theta.logs[x]


def _multinomial(likelihood, theta, x):
    ways = math.lgamma(sum(x.values()) + 1) - sum(math.lgamma(k + 1) for k in x.values())
    return ways + sum(k * _labels(likelihood, theta, label) for label, k in x.items())


LOG_DENSITIES = {
    "Bernoulli": _bernoulli,
    "Binomial": _binomial,
    "Geometric": _geometric,
    "NegativeBinomial": _negative_binomial,
    "Categorical": _labels,
    "Multinomial": _multinomial,
    "Poisson": _poisson,
    "Exponential": lambda _, theta, x: st.expon.logpdf(x, scale=1 / theta),
    "GammaShape": lambda known, theta, x: st.gamma.logpdf(x, known.shape, scale=1 / theta),
    "Weibull": lambda known, theta, x: st.weibull_min.logpdf(
        x, known.shape, scale=theta ** (-1 / known.shape)
    ),
    "InverseGamma": lambda known, theta, x: st.invgamma.logpdf(x, known.shape, scale=theta),
    "Pareto": lambda known, theta, x: (
        np.log(theta) + theta * math.log(known.scale) - (theta + 1) * math.log(x)
    ),
    "NormalPrecision": lambda known, theta, x: st.norm.logpdf(x, known.mean, theta**-0.5),
    "Laplace": lambda known, theta, x: st.laplace.logpdf(x, known.location, 1 / theta),
    "Rayleigh": lambda _, theta, x: st.rayleigh.logpdf(x, scale=theta**-0.5),
    "Maxwell": lambda _, theta, x: st.maxwell.logpdf(x, scale=theta**-0.5),
    "Normal": lambda _, theta, x: st.norm.logpdf(x, theta[0], np.sqrt(theta[1])),
    "LogNormal": lambda _, theta, x: (
        st.norm.logpdf(math.log(x), theta[0], np.sqrt(theta[1])) - math.log(x)
    ),
}


def _multivariate_normal(likelihood, theta, x):
    names = likelihood.features
    vector = list(x) if names is None else [x[name] for name in names]
    if isinstance(theta, Line):
        return st.norm.logpdf(vector[0], theta.mean, np.sqrt(theta.variance))
    return st.multivariate_normal.logpdf(vector, *theta)


LOG_DENSITIES["MultivariateNormal"] = _multivariate_normal


class Line(NamedTuple):
    """Means and variances of vectors of one dimension, on a grid."""

    mean: Any
    variance: Any


class Probability:
    """A probability with the logarithms of itself and of the rest, both to full precision."""

    def __init__(self, log_p, log_q):
        self.log_p, self.log_q = log_p, log_q
        self.value = np.exp(log_p)

    @classmethod
    def of(cls, p):
        return cls(math.log(p), math.log1p(-p))


class Shares:
    """Logarithms of shares by label."""

    def __init__(self, logs):
        self.logs = logs


def log_density(case, theta, x):
    """Return log p(x | theta); theta as in the interface of the family, or from `Grid`."""
    if case.fields:
        named = case.named(x)
        terms = (log_density(case.fields[name], theta[name], v) for name, v in named.items())
        return math.fsum(terms)
    if case.family.__name__ == "Beta" and not isinstance(theta, Probability):
        theta = Probability.of(theta)
    if case.family.__name__ == "Normal":
        theta = (theta, case.prior["known_variance"])
    return LOG_DENSITIES[type(case.likelihood).__name__](case.likelihood, theta, x)


class Grid:
    """Nodes over the parameter with the log of prior density times weight.

    `theta` is the argument for `log_density`; `components` the values by name, for moments.
    """

    def __init__(self, theta, components, log_weights):
        self.theta, self.components, self.log_weights = theta, components, log_weights

    def log_sum(self, more=0.0):
        return float(sc.logsumexp(self.log_weights + more))

    def log_evidence(self, case, xs, w=None):
        """Return the log of the integral of the likelihood over the prior."""
        return self.log_sum(self.log_likelihood(case, xs, w)) - self.log_sum()

    def log_likelihood(self, case, xs, w=None):
        terms = (log_density(case, self.theta, x) for x in xs)
        weights = [1.0] * len(xs) if w is None else w
        return sum(v * term for v, term in zip(weights, terms, strict=True))

    def posterior_weights(self, case, xs):
        terms = self.log_weights + self.log_likelihood(case, xs)
        weights = np.exp(terms - terms.max())
        return weights / weights.sum()

    def posterior(self, case, xs):
        """Return the values of every component, and their posterior weights."""
        weights = self.posterior_weights(case, xs)
        return {name: (values, weights) for name, values in self.components.items()}


class Grids:
    """A grid for every field: integrals over independent parameters are products."""

    def __init__(self, case):
        self.fields = {name: grid_of(inner) for name, inner in case.fields.items()}

    @property
    def components(self):
        return {
            (name, path) if path != "" else name: values
            for name, grid in self.fields.items()
            for path, values in grid.components.items()
        }

    def log_sum(self):
        return math.fsum(grid.log_sum() for grid in self.fields.values())

    def log_evidence(self, case, xs, w=None):
        total = 0.0
        for name, grid in self.fields.items():
            weights = [1.0] * len(xs) if w is None else w
            seen, kept = self._of(name, list(map(case.named, xs)), weights)
            total += grid.log_evidence(case.fields[name], seen, kept)
        return total

    def posterior(self, case, xs):
        return {
            (name, path) if path != "" else name: found
            for name, grid in self.fields.items()
            for path, found in grid.posterior(
                case.fields[name], self._of(name, list(map(case.named, xs)), [1.0] * len(xs))[0]
            ).items()
        }

    @staticmethod
    def _of(name, xs, w):
        pairs = [(x[name], v) for x, v in zip(xs, w, strict=True) if name in x]
        return [x for x, _ in pairs], [v for _, v in pairs]


def grid_of(case):
    """Return the grid of a case, or the grids of its fields."""
    return Grids(case) if case.fields else GRIDS[case.family.__name__](case.prior)


def _beta_grid(prior):
    u = np.linspace(-90.0, 90.0, 3601)
    theta = Probability(-np.logaddexp(0.0, -u), -np.logaddexp(0.0, u))
    a, b = prior["alpha"], prior["beta"]
    log_z = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    log_weights = a * theta.log_p + b * theta.log_q - log_z + math.log(u[1] - u[0])
    return Grid(theta, {"": theta.value}, log_weights)


def _gamma_grid(prior):
    u = np.linspace(-130.0, 12.0, 5681)
    theta = np.exp(u)
    log_weights = st.gamma.logpdf(theta, prior["shape"], scale=1 / prior["rate"]) + u
    return Grid(theta, {"": theta}, log_weights + math.log(u[1] - u[0]))


def _normal_grid(prior):
    u = np.linspace(-14.0, 14.0, 8001)
    theta = prior["prior_mean"] + math.sqrt(prior["prior_variance"]) * u
    return Grid(theta, {"": theta}, st.norm.logpdf(u) + math.log(u[1] - u[0]))


def _normal_inverse_gamma_grid(prior):
    u, t = np.meshgrid(np.linspace(-8.0, 40.0, 961), np.linspace(-20.0, 20.0, 401), indexing="ij")
    variance = prior["beta"] * np.exp(u)
    mean = prior["prior_mean"] + t * np.sqrt(variance / prior["kappa"])
    log_weights = st.norm.logpdf(t) + u + math.log(prior["beta"])
    log_weights += st.invgamma.logpdf(variance, prior["alpha"], scale=prior["beta"])
    return Grid(
        (mean, variance), {"mean": mean, "variance": variance}, log_weights + math.log(0.005)
    )


def _dirichlet_grid(prior):
    """Stick breaking, with the logit of each stick on the real line."""
    alpha = prior["alpha"]
    sticks = np.linspace(-70.0, 70.0, 701)
    axes = np.meshgrid(*[sticks] * (len(alpha) - 1), indexing="ij")
    rest = 0.0
    logs, log_weights = {}, math.lgamma(sum(alpha.values()))
    for label, u in zip(alpha, [*axes, None], strict=True):
        log_p = 0.0 if u is None else -np.logaddexp(0.0, -u)
        log_q = 0.0 if u is None else -np.logaddexp(0.0, u)
        logs[label] = rest + log_p
        # d share = (rest of the stick) p q du
        jacobian = 0.0 if u is None else rest + log_p + log_q + math.log(sticks[1] - sticks[0])
        log_weights = log_weights + (alpha[label] - 1) * logs[label] + jacobian
        log_weights -= math.lgamma(alpha[label])
        rest = rest + log_q
    return Grid(Shares(logs), {k: np.exp(v) for k, v in logs.items()}, log_weights)


def _normal_inverse_wishart_grid(prior):
    """In one dimension the covariance is a variance, and inverse gamma."""
    ((scale,),) = prior["scale"]
    (mean,) = prior["prior_mean"]
    halves = {"alpha": prior["df"] / 2.0, "beta": scale / 2.0}
    grid = _normal_inverse_gamma_grid({"prior_mean": mean, "kappa": prior["kappa"], **halves})
    mean, variance = grid.theta
    named = {("mean", (0,)): mean, ("covariance", (0, 0)): variance}
    return Grid(Line(mean, variance), named, grid.log_weights)


GRIDS = {
    "Beta": _beta_grid,
    "Gamma": _gamma_grid,
    "Normal": _normal_grid,
    "NormalInverseGamma": _normal_inverse_gamma_grid,
    "Dirichlet": _dirichlet_grid,
    "NormalInverseWishart": _normal_inverse_wishart_grid,
}


def has_grid(case):
    """Whether there is a grid over the parameter, or for every field over its parameter."""
    return bool(case.fields) or (case.family.__name__ in GRIDS and case.dimension < 2)


def _sample_normal_inverse_gamma(prior, rng, n):
    variance = prior["beta"] / rng.gamma(prior["alpha"], 1.0, n)
    mean = rng.normal(prior["prior_mean"], np.sqrt(variance / prior["kappa"]))
    return list(zip(mean.tolist(), variance.tolist(), strict=True))


def _sample_normal_inverse_wishart(prior, rng, n):
    mean, kappa, df, scale = (prior[k] for k in ("prior_mean", "kappa", "df", "scale"))
    covariances = st.invwishart.rvs(df, np.array(scale), n, rng).reshape(n, len(mean), len(mean))
    return [(rng.multivariate_normal(mean, v / kappa), v) for v in covariances]


def _sample_dirichlet(prior, rng, n):
    rows = rng.dirichlet(list(prior["alpha"].values()), n).tolist()
    return [dict(zip(prior["alpha"], row, strict=True)) for row in rows]


def _sample_product(prior, rng, n):
    columns = {
        name: PRIOR_DRAWS[type(s).__name__]({p: getattr(s, p) for p in s.parameters}, rng, n)
        for name, s in states_of(prior).items()
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


PRIOR_DRAWS = {
    "Beta": lambda prior, rng, n: rng.beta(prior["alpha"], prior["beta"], n).tolist(),
    "Gamma": lambda prior, rng, n: rng.gamma(prior["shape"], 1 / prior["rate"], n).tolist(),
    "Normal": lambda prior, rng, n: rng.normal(
        prior["prior_mean"], prior["prior_variance"] ** 0.5, n
    ).tolist(),
    "NormalInverseGamma": _sample_normal_inverse_gamma,
    "NormalInverseWishart": _sample_normal_inverse_wishart,
    "Dirichlet": _sample_dirichlet,
    "Product": _sample_product,
    "Hurdle": _sample_product,
}


def urn(prior, labels):
    """Return the exact probability of a sequence of labels (Blackwell and MacQueen 1973).

    An unknown label has the probability of any new one.
    """
    if "alpha" in prior:
        weights = {label: Fraction(a) for label, a in prior["alpha"].items()}
        fresh = Fraction(0)
    else:
        weights = {label: Fraction(a) for label, a in (prior.get("atoms") or {}).items()}
        fresh = Fraction(prior["concentration"])
    probability = Fraction(1)
    for label in labels:
        probability *= weights.get(label, fresh) / (sum(weights.values()) + fresh)
        weights[label] = weights.get(label, Fraction(0)) + 1
    return probability


for _settings, _name in (
    (LOG_DENSITIES, "LOG_DENSITIES"),
    (GRIDS, "GRIDS"),
    (PRIOR_DRAWS, "PRIOR_DRAWS"),
):
    extend(_settings, _name)
