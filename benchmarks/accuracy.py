"""Accuracy of every function of the distributions, next to other libraries on the same cases.

Run ``python benchmarks/accuracy.py`` to write accuracy.md. The oracle is mpmath: closed forms in
log gamma functions of 50 digits, and tails by quadrature of the density. It shares no code with
seqbayes. Errors are relative; those of logarithms and entropies are absolute over max(1, |value|).
Cases are drawn with a fixed seed, log-uniformly over the ordinary and over the hard range.
"""

import math
import sys
import warnings
from pathlib import Path

import mpmath as mp
import numpy as np
import scipy.stats as ss

import seqbayes as sb
from seqbayes import distributions, likelihoods

ORDINARY, HARD = (0.5, 1e3), (1e-3, 1e15)
"""Ranges of shapes, degrees of freedom and counts."""

LEVELS = {ORDINARY: 1e-6, HARD: 1e-300}
"""Smallest levels of quantiles and tails."""

BOUND = 1e-10
"""Largest documented error in the ordinary and in the hard range."""

LOGARITHMS = ("logpdf", "logcdf", "logsf", "entropy", "log_predictive", "log_evidence")


def log_gamma_density(shape, x):
    return shape * mp.log(x) - x - mp.loggamma(shape)


def log_beta(*alpha):
    return sum(map(mp.loggamma, alpha)) - mp.loggamma(sum(alpha))


def log_tail(log_density, u, slope, curvature, upper):
    """Log of the integral of a log-concave density from u to the far side."""
    side = 1 if upper else -1
    at = log_density(u)
    slope = max(-side * slope, mp.mpf(0))
    unit = 120 / (slope + mp.sqrt(slope**2 + 120 * curvature))
    ends = [0, unit / 8, unit / 4, unit / 2, unit, 2 * unit, 4 * unit, 16 * unit, 64 * unit]
    return at + mp.log(mp.quad(lambda t: mp.exp(log_density(u + side * t) - at), ends))


def gamma_log_tail(shape, x, upper):
    """Log of a tail of Gamma(shape, 1), from the density of log X."""
    u = mp.log(x)
    return log_tail(lambda v: log_gamma_density(shape, mp.exp(v)), u, shape - x, x, upper)


def beta_log_tail(a, b, odds, upper):
    """Log of a tail of Beta(a, b) at these odds, from the density of logit X."""
    constant, n, x = log_beta(a, b), a + b, odds / (1 + odds)
    return log_tail(
        lambda v: a * v - n * mp.log1p(mp.exp(v)) - constant,
        mp.log(odds),
        a - n * x,
        n * x * (1 - x),
        upper,
    )


def complement(log_p):
    return mp.log(-mp.expm1(log_p))


def both_tails(log_of, mean_is_above):
    """Return the logs of both tails, computed from the smaller one."""
    if mean_is_above:
        lower = log_of(False)
        return lower, complement(lower)
    upper = log_of(True)
    return complement(upper), upper


class Family:
    """A distribution of seqbayes, the same one of scipy, and its exact tails and density."""

    def __init__(self, name, ours, scipys, draw, tails, logpdf, entropy, river=None):
        self.name, self.ours, self.scipys, self.draw = name, ours, scipys, draw
        self.tails, self.logpdf, self.entropy, self.river = tails, logpdf, entropy, river


def _exact(parameters):
    return [mp.mpf(float(p)) for p in parameters]


def _gamma_tails(p, x):
    return both_tails(lambda upper: gamma_log_tail(p[0], p[1] * x, upper), p[1] * x < p[0])


def _inverse_gamma_tails(p, x):
    lower, upper = _gamma_tails((p[0], p[1]), 1 / x)
    return upper, lower


def _beta_tails(p, x):
    odds = x / (1 - x)
    return both_tails(lambda upper: beta_log_tail(*p, odds, upper), x < p[0] / (p[0] + p[1]))


def _student_tails(p, x):
    odds = x * x / p[0]
    half = mp.mpf(1) / 2
    inside_is_small = odds / (1 + odds) < 1 / (1 + p[0])
    if inside_is_small:
        tail = half - mp.exp(beta_log_tail(half, p[0] / 2, odds, False)) / 2
        near = mp.log(tail)
    else:
        near = beta_log_tail(half, p[0] / 2, odds, True) - mp.log(2)
    return (near, complement(near)) if x < 0 else (complement(near), near)


def _normal_tails(p, x):
    z = (x - p[0]) / mp.sqrt(p[1])
    near = mp.log(mp.erfc(abs(z) / mp.sqrt(2)) / 2)
    return (near, complement(near)) if z < 0 else (complement(near), near)


def _beta_entropy(p):
    (a, b), psi = p, mp.digamma
    return log_beta(a, b) - (a - 1) * psi(a) - (b - 1) * psi(b) + (a + b - 2) * psi(a + b)


def _student_entropy(p):
    half, one_half = p[0] / 2, mp.mpf(1) / 2
    gap = mp.digamma(half + one_half) - mp.digamma(half)
    return (half + one_half) * gap + mp.log(p[0]) / 2 + log_beta(half, one_half)


def _river_beta(a, b):
    from river import proba

    return proba.Beta(a, b)


FAMILIES = [
    Family(
        "Beta",
        distributions.Beta,
        lambda a, b: ss.beta(a, b),
        lambda shape, _: (shape(), shape()),
        _beta_tails,
        lambda p, x: (p[0] - 1) * mp.log(x) + (p[1] - 1) * mp.log1p(-x) - log_beta(*p),
        _beta_entropy,
        _river_beta,
    ),
    Family(
        "Gamma",
        distributions.Gamma,
        lambda k, r: ss.gamma(k, scale=1 / r),
        lambda shape, rng: (shape(), 10 ** rng.uniform(-3, 3)),
        _gamma_tails,
        lambda p, x: log_gamma_density(p[0], p[1] * x) - mp.log(x),
        lambda p: p[0] - mp.log(p[1]) + mp.loggamma(p[0]) + (1 - p[0]) * mp.digamma(p[0]),
    ),
    Family(
        "InverseGamma",
        distributions.InverseGamma,
        lambda k, s: ss.invgamma(k, scale=s),
        lambda shape, rng: (shape(), 10 ** rng.uniform(-3, 3)),
        _inverse_gamma_tails,
        lambda p, x: log_gamma_density(p[0], p[1] / x) - mp.log(x),
        lambda p: p[0] + mp.log(p[1]) + mp.loggamma(p[0]) - (1 + p[0]) * mp.digamma(p[0]),
    ),
    Family(
        "StudentT",
        distributions.StudentT,
        lambda df: ss.t(df),
        lambda shape, _: (max(shape(), 0.1),),
        _student_tails,
        lambda p, x: (
            -log_beta(p[0] / 2, mp.mpf(1) / 2)
            - mp.log(p[0]) / 2
            - (p[0] + 1) / 2 * mp.log1p(x * x / p[0])
        ),
        _student_entropy,
    ),
    Family(
        "Normal",
        distributions.Normal,
        lambda m, v: ss.norm(m, math.sqrt(v)),
        lambda shape, rng: (float(rng.normal()), shape()),
        _normal_tails,
        lambda p, x: -((x - p[0]) ** 2) / p[1] / 2 - mp.log(2 * mp.pi * p[1]) / 2,
        lambda p: (mp.log(2 * mp.pi * p[1]) + 1) / 2,
    ),
]


def error(name, got, wanted):
    """Error as defined above; infinite if the answer is not finite."""
    got = float(got)
    if not math.isfinite(got):
        return math.inf
    gap = abs(mp.mpf(got) - wanted)
    if name in LOGARITHMS:
        return float(gap / max(1, abs(wanted)))
    return float(gap / abs(wanted)) if wanted else float(gap)


def answers(function, *arguments):
    """Return the answer of a library; None if it raises an error."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return function(*arguments)
        except Exception:
            return math.nan


def family_errors(family, bounds, n, rng):
    """Yield (function, library, error) for `n` random cases of one family."""
    low, high = map(math.log10, bounds)

    def shape():
        return float(10 ** rng.uniform(low, high))

    for _ in range(n):
        parameters = family.draw(shape, rng)
        p = _exact(parameters)
        libraries = {"seqbayes": family.ours(*parameters), "scipy": family.scipys(*parameters)}
        if family.river is not None:
            libraries["River"] = family.river(*parameters)
        level = float(10 ** -(rng.uniform(0.31, -math.log10(LEVELS[bounds]))))
        upper = bool(rng.random() < 0.5)
        ours = libraries["seqbayes"]
        quantile = "isf" if upper else "ppf"
        x = float(getattr(ours, quantile)(level))
        inside = ours.support[0] < x < ours.support[1] and 1e-290 < abs(x) < 1e290
        if inside:
            lower, above = family.tails(p, mp.mpf(x))
            density = family.logpdf(p, mp.mpf(x))
            wanted = {
                "logpdf": density,
                "cdf": mp.exp(lower),
                "sf": mp.exp(above),
                "logcdf": lower,
                "logsf": above,
            }
            for name, value in wanted.items():
                for library, each in libraries.items():
                    function = getattr(each, name, None)
                    if function is not None and value > mp.mpf("-1e300"):
                        small = name in ("cdf", "sf") and value < mp.mpf("1e-290")
                        if not small:
                            yield name, library, error(name, answers(function, x), value)
            tail = above if upper else lower
            for library, each in libraries.items():
                function = getattr(each, quantile, None)
                if function is None:
                    continue
                y = x if library == "seqbayes" else float(answers(function, level))
                # the exact quantile for all libraries: a Newton step from that of seqbayes
                exact = x + (mp.log(level) - tail) * mp.exp(tail - density) * (-1 if upper else 1)
                yield quantile, library, error(quantile, y, exact)
        for library in ("seqbayes", "scipy"):
            value = answers(libraries[library].entropy)
            yield "entropy", library, error("entropy", value, family.entropy(p))


def evidence_errors(bounds, n, rng):
    """Yield (family, function, library, error) for counts."""
    low, high = map(math.log10, bounds)
    for _ in range(n):
        a, b = (float(10 ** rng.uniform(max(low, -3), high)) for _ in range(2))
        trials = float(np.floor(10 ** rng.uniform(0.5, high)))
        k = float(np.floor(trials * rng.beta(0.5, 0.5)))
        A, B, N, K = _exact((a, b, trials, k))
        choose = mp.loggamma(N + 1) - mp.loggamma(K + 1) - mp.loggamma(N - K + 1)
        wanted = choose + log_beta(A + K, B + N - K) - log_beta(A, B)
        belief = sb.Beta(a, b, likelihood=likelihoods.Binomial())
        yield (
            "Beta, binomial",
            "log_predictive",
            "seqbayes",
            error("log_predictive", belief.log_predictive((k, trials)), wanted),
        )
        belief.learn_many([(k, trials)])
        yield (
            "Beta, binomial",
            "log_evidence",
            "seqbayes",
            error("log_evidence", belief.log_evidence, wanted),
        )
        value = answers(ss.betabinom.logpmf, k, trials, a, b)
        yield "Beta, binomial", "log_predictive", "scipy", error("log_predictive", value, wanted)
        value = answers(_conjugate_binomial, k, trials, a, b)
        yield (
            "Beta, binomial",
            "log_predictive",
            "conjugate-models",
            error("log_predictive", value, wanted),
        )
        wanted = mp.loggamma(A + K) - mp.loggamma(A) - mp.loggamma(K + 1)
        wanted += A * mp.log(B / (B + 1)) - K * mp.log(B + 1)
        poisson = sb.Gamma(a, b)
        yield (
            "Gamma, Poisson",
            "log_predictive",
            "seqbayes",
            error("log_predictive", poisson.log_predictive(k), wanted),
        )
        poisson.learn_many([k])
        yield (
            "Gamma, Poisson",
            "log_evidence",
            "seqbayes",
            error("log_evidence", poisson.log_evidence, wanted),
        )
        value = answers(ss.nbinom.logpmf, k, a, b / (b + 1))
        yield "Gamma, Poisson", "log_predictive", "scipy", error("log_predictive", value, wanted)
        value = answers(_conjugate_poisson, k, a, b)
        yield (
            "Gamma, Poisson",
            "log_predictive",
            "conjugate-models",
            error("log_predictive", value, wanted),
        )


def _conjugate_binomial(k, n, a, b):
    from conjugate import models
    from conjugate.distributions import Beta

    return models.binomial_beta_predictive(n=n, distribution=Beta(a, b)).dist.logpmf(k)


def _conjugate_poisson(k, a, b):
    from conjugate import models
    from conjugate.distributions import Gamma

    return models.poisson_gamma_predictive(distribution=Gamma(a, b), n=1).dist.logpmf(k)


def worst_errors(n, seed=1, families=FAMILIES):
    """Return the worst error by (family, function), range and library, over `n` cases of each."""
    worst = {}
    with mp.workdps(50):
        for bounds in (ORDINARY, HARD):
            rng = np.random.default_rng(seed)
            found = [
                (family.name, *each)
                for family in families
                for each in family_errors(family, bounds, n, rng)
            ]
            for family, name, library, size in [*found, *evidence_errors(bounds, 5 * n, rng)]:
                key = (family, name), bounds, library
                worst[key] = max(size, worst.get(key, 0.0))
    return worst


def table(worst):
    """Return the errors as a Markdown table."""
    libraries = ["seqbayes", "scipy", "River", "conjugate-models"]
    head = [f"{library}, {kind}" for kind in ("ordinary", "hard") for library in libraries]
    lines = [
        "| family | function | " + " | ".join(head) + " |",
        "|---|---|" + "---|" * len(head),
    ]
    for family, name in dict.fromkeys(key for key, _, _ in worst):
        cells = []
        for bounds in (ORDINARY, HARD):
            for library in libraries:
                size = worst.get(((family, name), bounds, library))
                cells.append("" if size is None else "fails" if size > 1e3 else f"{size:.0e}")
        lines.append(f"| {family} | `{name}` | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main():
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    low, high = HARD
    Path(__file__).with_suffix(".md").write_text(
        "# Accuracy\n\n"
        f"Written by `python benchmarks/accuracy.py`: the worst error of {n} random cases a family "
        f"(five times as many of counts). Ordinary: shapes, degrees of freedom and counts from "
        f"{ORDINARY[0]:g} to {ORDINARY[1]:g}, levels down to {LEVELS[ORDINARY]:g}. Hard: from "
        f"{low:g} to {high:g}, levels down to {LEVELS[HARD]:g}. Errors are relative; those of "
        "logarithms and entropies are absolute over max(1, |value|). The oracle is mpmath with 50 "
        'digits. "fails" means an error above 1000, a result that is not a number, or an '
        "exception. conjugate-models "
        "uses scipy's distributions for parameters; its predictive distributions are listed.\n\n"
        + table(worst_errors(n))
        + "\n"
    )


if __name__ == "__main__":
    main()
