"""Independent values by mpmath: continued fractions, quadrature and direct sums."""

from __future__ import annotations

import itertools

import mpmath as mp

DIGITS = 60


def relative_error(got, want):
    want = mp.mpf(want)
    return float(abs((mp.mpf(float(got)) - want) / want)) if want else abs(float(got))


def log_beta(a, b):
    return mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)


def _fraction(a, b, x):
    """Lentz's evaluation of DLMF 8.17.22."""
    c, d = mp.mpf(1), 1 / (1 - (a + b) * x / (a + 1))
    h = d
    for m in range(1, 1_000_000):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d, c = 1 / (1 + term * d), 1 + term / c
            h *= c * d
        if abs(c * d - 1) < mp.mpf(10) ** -45:
            return h
    raise ArithmeticError("no convergence")


def beta_tails(a, b, x, y=None):
    """P(X <= x) and P(X > x), for parameters up to about 1e7; y = 1 - x."""
    with mp.workdps(DIGITS):
        a, b, x = mp.mpf(a), mp.mpf(b), mp.mpf(x)
        y = 1 - x if y is None else mp.mpf(y)
        front = mp.exp(a * mp.log(x) + b * mp.log(y) - log_beta(a, b))
        if x < (a + 1) / (a + b + 2):
            lower = front * _fraction(a, b, x) / a
            return lower, 1 - lower
        upper = front * _fraction(b, a, y) / b
        return 1 - upper, upper


def _tail_integral(log_density, at, mode, sd):
    """Both tails by quadrature from `at` outwards, for a log-concave density."""
    side = 1 if at > mode else -1
    step = side * sd / max((at - mode) / sd * side, 1)
    knots = [at + step * k for k in (0, 1, 2, 4, 8, 16, 32, 64, 100)]
    with mp.workdps(35):
        tail = side * mp.quad(lambda s: mp.exp(log_density(s)), knots)
    return (1 - tail, tail) if side > 0 else (tail, 1 - tail)


def large_beta_tails(a, b, x):
    with mp.workdps(DIGITS):
        a, b, x = mp.mpf(a), mp.mpf(b), mp.mpf(x)
        norm = log_beta(a, b)

        def log_density(s):
            return -a * mp.log1p(mp.exp(-s)) - b * mp.log1p(mp.exp(s)) - norm

        logit = mp.log(x) - mp.log(1 - x)
        return _tail_integral(log_density, logit, mp.log(a / b), mp.sqrt(1 / a + 1 / b))


def gamma_tails(shape, x):
    with mp.workdps(DIGITS):
        a, x = mp.mpf(shape), mp.mpf(x)
        if a < 300 and x < 3000:
            lower = mp.gammainc(a, 0, x, regularized=True)
            return lower, mp.gammainc(a, x, mp.inf, regularized=True)
        norm = mp.loggamma(a)
        return _tail_integral(
            lambda s: a * s - mp.exp(s) - norm, mp.log(x), mp.log(a), 1 / mp.sqrt(a)
        )


def t_lower_tail(df, t):
    """P(T <= t) for t < 0."""
    with mp.workdps(DIGITS):
        df, square = mp.mpf(df), mp.mpf(t) ** 2
        x, y = df / (df + square), square / (df + square)
        return beta_tails(df / 2, mp.mpf(1) / 2, x, y)[0] / 2


def log_beta_pdf(x, a, b):
    a, b, x = mp.mpf(a), mp.mpf(b), mp.mpf(x)
    return (a - 1) * mp.log(x) + (b - 1) * mp.log1p(-x) - log_beta(a, b)


def log_gamma_pdf(x, shape, rate):
    a, b, x = mp.mpf(shape), mp.mpf(rate), mp.mpf(x)
    return a * mp.log(b) + (a - 1) * mp.log(x) - b * x - mp.loggamma(a)


def log_t_pdf(t, df):
    n, t = mp.mpf(df), mp.mpf(t)
    front = mp.loggamma((n + 1) / 2) - mp.loggamma(n / 2) - mp.log(n * mp.pi) / 2
    return front - (n + 1) / 2 * mp.log1p(t * t / n)


def log_compound_gamma_pdf(x, k, alpha, beta):
    k, a, b, x = (mp.mpf(v) for v in (k, alpha, beta, x))
    return (k - 1) * mp.log(x) + a * mp.log(b) - (k + a) * mp.log(b + x) - log_beta(k, a)


def log_beta_binomial_pmf(k, n, alpha, beta):
    k, n, a, b = (mp.mpf(v) for v in (k, n, alpha, beta))
    choose = mp.loggamma(n + 1) - mp.loggamma(k + 1) - mp.loggamma(n - k + 1)
    return choose + log_beta(a + k, b + n - k) - log_beta(a, b)


def log_beta_negative_binomial_pmf(k, r, alpha, beta):
    k, r, a, b = (mp.mpf(v) for v in (k, r, alpha, beta))
    choose = mp.loggamma(r + k) - mp.loggamma(k + 1) - mp.loggamma(r)
    return choose + log_beta(a + r, b + k) - log_beta(a, b)


def log_negative_binomial_pmf(k, shape, rate, exposure):
    k, a, b, e = (mp.mpf(v) for v in (k, shape, rate, exposure))
    choose = mp.loggamma(a + k) - mp.loggamma(k + 1) - mp.loggamma(a)
    return choose + a * mp.log(b / (b + e)) + k * mp.log(e / (b + e))


# the ratio of the masses at k + 1 and at k
RATIOS = {
    log_beta_binomial_pmf: lambda k, n, a, b: (n - k) * (a + k) / ((k + 1) * (b + n - k - 1)),
    log_beta_negative_binomial_pmf: lambda k, r, a, b: (
        (r + k) * (b + k) / ((k + 1) * (a + r + b + k))
    ),
    log_negative_binomial_pmf: lambda k, a, b, e: (a + k) * e / ((k + 1) * (b + e)),
}


def masses(log_pmf, start, step, *args):
    """Yield the masses at start, start + step, ..., for a step of 1 or -1, each from the last."""
    ratio, args = RATIOS[log_pmf], tuple(map(mp.mpf, args))
    mass = mp.exp(log_pmf(start, *args))
    for k in itertools.count(mp.mpf(start), step):
        yield mass
        mass = mass * ratio(k, *args) if step > 0 else mass / ratio(k - 1, *args)


def summed_tails(log_pmf, k, *args, digits=320):
    """P(X <= k) and P(X > k) by summing the lower one to very many digits."""
    with mp.workdps(digits):
        lower = mp.fsum(itertools.islice(masses(log_pmf, 0, 1, *args), k + 1))
        return lower, 1 - lower
