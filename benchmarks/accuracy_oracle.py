"""Exact values for accuracy.py, by mpmath: closed forms in log gamma functions, and quadrature.

No code is shared with seqbayes. Parameters are tuples of mpmath numbers; tails are pairs of
logarithms, of P(X <= x) and of P(X > x), computed from the smaller one.
"""

import itertools

import mpmath as mp
from mpmath.calculus.quadrature import GaussLegendre

HALF = mp.mpf(1) / 2
RULE = GaussLegendre(mp.mp)


def log_gamma_density(shape, x):
    return shape * mp.log(x) - x - mp.loggamma(shape)


def log_beta(*alpha):
    return sum(map(mp.loggamma, alpha)) - mp.loggamma(sum(alpha))


def log_tail(log_density, u, slope, curvature, upper, bend=None):
    """Log of the integral of a log-concave density from u to the far side.

    Around `bend`, the density changes more than its derivatives at u show.
    """
    side = 1 if upper else -1
    at = log_density(u)
    slope = max(-side * slope, mp.mpf(0))
    unit = 120 / (slope + mp.sqrt(slope**2 + 120 * curvature))
    ends = [0, unit / 8, unit / 4, unit / 2, unit, 2 * unit, 4 * unit, 16 * unit, 64 * unit]
    if bend is not None and 0 < (away := side * (bend - u)) < ends[-1]:
        near = [away + step for step in (-40, -10, -3, -1, 0, 1, 3, 10, 40)]
        ends = sorted([*ends, *(each for each in near if 0 < each < ends[-1])])
    parts = [(low, high - low) for low, high in itertools.pairwise(ends)]

    def integrand(t):  # over all parts at once
        return sum(
            length * mp.exp(log_density(u + side * (low + length * t)) - at)
            for low, length in parts
        )

    # degree 5: 48 nodes of every interval
    nodes = RULE.get_nodes(0, 1, 5, mp.mp.prec)
    return at + mp.log(mp.fdot((weight, integrand(t)) for t, weight in nodes))


def complement(log_p):
    return mp.log(-mp.expm1(log_p))


def both_tails(log_of, mean_is_above):
    if mean_is_above:
        lower = log_of(False)
        return lower, complement(lower)
    upper = log_of(True)
    return complement(upper), upper


def gamma_tails(p, x):
    """Tails of Gamma(shape, rate), from the density of log X."""
    shape, x = p[0], p[1] * x
    constant = mp.loggamma(shape)
    return both_tails(
        lambda upper: log_tail(
            lambda v: shape * v - mp.exp(v) - constant, mp.log(x), shape - x, x, upper
        ),
        x < shape,
    )


def inverse_gamma_tails(p, x):
    return gamma_tails(p, 1 / x)[::-1]


def odds_log_tail(a, b, odds, upper):
    """Log of a tail of X / (1 - X), X Beta(a, b), from the density of its logarithm."""
    constant, n, x = log_beta(a, b), a + b, odds / (1 + odds)
    return log_tail(
        lambda v: a * v - n * mp.log1p(mp.exp(v)) - constant,
        mp.log(odds),
        a - n * x,
        n * x / (1 + odds),
        upper,
        mp.mpf(0),
    )


def odds_tails(a, b, odds):
    return both_tails(lambda upper: odds_log_tail(a, b, odds, upper), odds < a / b)


def beta_tails(p, x):
    return odds_tails(*p, x / (1 - x))


def student_tails(p, x):
    """Tails of Student's t, (df, location, squared scale)."""
    df, location, square = p
    x -= location
    odds = x * x / square / df
    if odds == 0:
        return mp.log(HALF), mp.log(HALF)
    if odds / (1 + odds) < 1 / (1 + df):
        near = mp.log(HALF - mp.exp(odds_log_tail(HALF, df / 2, odds, False)) / 2)
    else:
        near = odds_log_tail(HALF, df / 2, odds, True) - mp.log(2)
    return (near, complement(near)) if x < 0 else (complement(near), near)


def normal_tails(p, x):
    z = (x - p[0]) / mp.sqrt(p[1])
    near = mp.log(mp.erfc(abs(z) / mp.sqrt(2)) / 2)
    return (near, complement(near)) if z < 0 else (complement(near), near)


def student_logpdf(p, x):
    df, location, square = p
    return (
        -log_beta(df / 2, HALF)
        - mp.log(df * square) / 2
        - (df + 1) / 2 * mp.log1p((x - location) ** 2 / square / df)
    )


def normal_logpdf(p, x):
    return -((x - p[0]) ** 2) / p[1] / 2 - mp.log(2 * mp.pi * p[1]) / 2


def beta_logpdf(p, x):
    return (p[0] - 1) * mp.log(x) + (p[1] - 1) * mp.log1p(-x) - log_beta(*p)


def gamma_logpdf(p, x):
    return log_gamma_density(p[0], p[1] * x) - mp.log(x)


def inverse_gamma_logpdf(p, x):
    return log_gamma_density(p[0], p[1] / x) - mp.log(x)


def dirichlet_logpdf(p, x):
    return sum((a - 1) * mp.log(v) for a, v in zip(p, x, strict=True)) - log_beta(*p)


def beta_moments(p):
    a, n = p[0], p[0] + p[1]
    return a / n, a * p[1] / n**2 / (n + 1)


def gamma_moments(p):
    return p[0] / p[1], p[0] / p[1] ** 2


def inverse_gamma_moments(p):
    mean = p[1] / (p[0] - 1) if p[0] > 1 else None
    return mean, mean**2 / (p[0] - 2) if p[0] > 2 else None


def student_moments(p):
    return p[1] if p[0] > 1 else None, p[2] * p[0] / (p[0] - 2) if p[0] > 2 else None


def dirichlet_entropy(p):
    total = mp.digamma(sum(p))
    return log_beta(*p) - sum((a - 1) * (mp.digamma(a) - total) for a in p)


def dirichlet_kl(p, q):
    total = mp.digamma(sum(p))
    gaps = sum((a - b) * (mp.digamma(a) - total) for a, b in zip(p, q, strict=True))
    return log_beta(*q) - log_beta(*p) + gaps


def gamma_entropy(p):
    return p[0] - mp.log(p[1]) + mp.loggamma(p[0]) + (1 - p[0]) * mp.digamma(p[0])


def gamma_kl(p, q):
    (a, b), (c, d) = p, q
    return (
        (a - c) * mp.digamma(a)
        - mp.loggamma(a)
        + mp.loggamma(c)
        + c * mp.log(b / d)
        + a * (d - b) / b
    )


def inverse_gamma_entropy(p):
    return p[0] + mp.log(p[1]) + mp.loggamma(p[0]) - (1 + p[0]) * mp.digamma(p[0])


def student_entropy(p):
    half = p[0] / 2
    gap = mp.digamma(half + HALF) - mp.digamma(half)
    return (half + HALF) * gap + mp.log(p[0] * p[2]) / 2 + log_beta(half, HALF)


def normal_entropy(p):
    return (mp.log(2 * mp.pi * p[1]) + 1) / 2


def normal_kl(p, q):
    (m, v), (n, w) = p, q
    return (mp.log(w / v) + (v + (m - n) ** 2) / w - 1) / 2


def normal_inverse_gamma_entropy(p):
    """Of (mean, kappa, alpha, beta)."""
    _, kappa, alpha, beta = p
    expected_log = mp.log(beta) - mp.digamma(alpha)
    return normal_entropy((0, 1 / kappa)) + expected_log / 2 + inverse_gamma_entropy((alpha, beta))


def normal_inverse_gamma_kl(p, q):
    (m, k, a, b), (n, k_q, c, d) = p, q
    of_mean = (mp.log(k / k_q) + k_q / k - 1 + k_q * (m - n) ** 2 * a / b) / 2
    return of_mean + gamma_kl((a, b), (c, d))


def quantile(tails, logpdf, p, x, log_level, upper):
    """The quantile at a log level near x, by a Newton step in the logarithm of the tail."""
    tail = tails(p, x)[1 if upper else 0]
    return x + (log_level - tail) * mp.exp(tail - logpdf(p, x)) * (-1 if upper else 1)


def highest_density(tails, logpdf, p, low, high, level):
    """The shortest interval with this probability, by a Newton step from one near it."""

    def slope(x):
        step = min(high - low, abs(x) if x else high - low) * mp.mpf(10) ** -12
        return (logpdf(p, x + step) - logpdf(p, x - step)) / (2 * step)

    at, to = tails(p, low), tails(p, high)
    if at[0] < mp.log(HALF):
        mass = mp.exp(to[0]) - mp.exp(at[0])
    else:
        mass = mp.exp(at[1]) - mp.exp(to[1])
    gap = logpdf(p, high) - logpdf(p, low)
    # f(high) dh - f(low) dl = level - mass;  s(high) dh - s(low) dl = -gap
    at_low, at_high = mp.exp(logpdf(p, low)), mp.exp(logpdf(p, high))
    rises, falls = slope(low), slope(high)
    determinant = at_high * rises - at_low * falls
    low_step = ((level - mass) * falls + gap * at_high) / determinant
    high_step = (gap * at_low + (level - mass) * rises) / determinant
    return low + low_step, high + high_step


# Log marginal likelihoods: `before` and `after` are hyperparameters.


def beta_evidence(p, terms):
    """Of Beta, from (successes, failures, log base measure) of each observation."""
    s, f, h = map(sum, zip(*terms, strict=True))
    return log_beta(p[0] + s, p[1] + f) - log_beta(*p) + h


def gamma_evidence(p, terms):
    """Of Gamma, from (shape, rate, log base measure) of each observation."""
    a, b, h = map(sum, zip(*terms, strict=True))
    shape, rate = p
    risen = mp.loggamma(shape + a) - mp.loggamma(shape)
    return risen - a * mp.log(rate) - (shape + a) * mp.log1p(b / rate) + h


def normal_inverse_gamma_after(p, xs):
    mean, kappa, alpha, beta = p
    n = len(xs)
    centre = sum(xs) / n
    squares = sum((x - centre) ** 2 for x in xs) + kappa * n / (kappa + n) * (centre - mean) ** 2
    return (
        (kappa * mean + n * centre) / (kappa + n),
        kappa + n,
        alpha + HALF * n,
        beta + squares / 2,
    )


def normal_inverse_gamma_evidence(p, xs):
    after = normal_inverse_gamma_after(p, xs)
    (_, k, a, b), (_, kn, an, bn) = p, after
    gammas = mp.loggamma(an) - mp.loggamma(a) + mp.log(k / kn) / 2
    return gammas + a * mp.log(b) - an * mp.log(bn) - mp.log(2 * mp.pi) * len(xs) / 2


def normal_evidence(p, variance, xs):
    """Of Normal(mean, variance) and data of known variance, one at a time."""
    total, (mean, spread) = mp.mpf(0), p
    for x in xs:
        total += normal_logpdf((mean, spread + variance), x)
        mean = (mean * variance + x * spread) / (spread + variance)
        spread = spread * variance / (spread + variance)
    return total, (mean, spread)
