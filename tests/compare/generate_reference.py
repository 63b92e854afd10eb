"""Write reference.json: comparisons by 32-digit arithmetic.

Every quantity is an integral over log odds, a logarithm, or the inverse hyperbolic sine of a
standardised number, by the trapezoidal rule with steps that are halved until 16 digits agree.
Run ``python tests/compare/generate_reference.py`` (some minutes). Intervals are of second - first,
lifts of second / first - 1.
"""

import json
from multiprocessing import Pool
from pathlib import Path

import mpmath as mp
import numpy as np

mp.mp.dps = 32
AVERAGED = ("combination", "exp-combination", "paid-exponential", "paid-log-normal")
"""Kinds without closed forms of density and tails: their quantiles are not computed."""
LEVEL = mp.mpf("0.95")
CASES = [
    # kind, the two posteriors, the equivalence
    ("beta", (22, 180), (32, 170), 0.01),
    ("beta", (316, 9686), (358, 9644), 0.002),
    ("beta", (1, 101), (51, 4951), 0.005),
    ("beta", (1, 51), (1, 101), 0.01),
    ("gamma", (3, 1), (5, 2), 0.5),
    ("gamma", (900, 900), (1000, 950), 0.02),
    ("gamma", (0.5, 1), (9, 4), 0.1),
    ("inverse-gamma", (4, 9), (7, 20), 0.2),
    ("inverse-gamma", (60, 10), (120, 121), 0.05),
    ("normal", (1, 0.5), (2, 1.5), 0.1),
    ("normal", (0, 1), (16, 1), 1),  # 5e-30
    ("student", (5, 1, 0.5), (9, 2, 1.5), 0.1),
    ("student", (60, 0, 1), (80, 23, 1.25), 1),
    # X = c Y ** p with Y gamma, as the means and quantiles of Weibull or Rayleigh observations
    ("power", (14, 4, "-0.5"), (20, 9, "-0.5"), 0.05),
    ("power", (60, 10, "-0.5"), (120, 121, "-0.5"), 0.1),
    ("log-normal", (1, 0.5), ("1.5", 0.25), 0.1),
    ("log-normal", (0, 0.25), (4, 0.25), 0.1),
    # mean, kappa, alpha, beta; multiples of the deviation and of the variance
    ("combination", (0, 13, 9, 5, "1.5", 0), ("0.5", 20, 12, 9, "1.5", 0), 0.1),
    ("combination", (0, 40, 90, 50, "1.5", 0), (3, 60, 150, 100, "1.5", 0), 0.1),
    ("exp-combination", (0, 13, 9, 5, 0, "0.5"), ("0.5", 20, 12, 9, 0, "0.5"), 0.1),
    ("exp-combination", (0, 13, 9, 5, "1.5", 0), ("0.5", 20, 12, 9, "1.5", 0), 0.1),
    # a share times an expected amount
    ("paid-exponential", (4, 13, 4, 9), (9, 23, 7, 20), 0.05),
    ("paid-exponential", (20, 450, 60, 10), (150, 450, 120, 60), 0.05),
    ("paid-log-normal", (4, 13, 1, 0.25), (9, 23, 1.5, 0.5), 0.05),
]


class Number:
    """Density and tails of a number, and a coordinate with exponential tails."""

    def __init__(self, kind, numbers):
        self.kind, self.numbers = kind, [mp.mpf(n) for n in numbers]

    def x(self, u):
        if self.kind == "beta":
            return 1 / (1 + mp.exp(-u))
        return mp.exp(u) if "gamma" in self.kind else mp.sinh(u) * self.numbers[-1] + self.centre

    @property
    def centre(self):
        return self.numbers[-2]

    def start(self):
        if self.kind in ("normal", "student"):
            return mp.mpf(0)
        ratio = mp.log(self.numbers[0] / self.numbers[1])
        return -ratio if self.kind == "inverse-gamma" else ratio

    def width(self):
        a, b = self.numbers[:2]
        if self.kind == "beta":
            return min(mp.sqrt(1 / a + 1 / b), mp.mpf(1))
        return min(1 / mp.sqrt(a), mp.mpf(1)) if "gamma" in self.kind else mp.mpf("0.5")

    def density(self, u):
        """Return the density with respect to u."""
        n = self.numbers
        if self.kind == "beta":
            logs = -n[0] * mp.log1p(mp.exp(-u)) - n[1] * mp.log1p(mp.exp(u))
            return mp.exp(logs) / mp.beta(*n)
        if "gamma" in self.kind:
            sign = 1 if self.kind == "gamma" else -1
            v = mp.log(n[1]) + sign * u
            return mp.exp(n[0] * v - mp.exp(v) - mp.loggamma(n[0]))
        z, slope = mp.sinh(u), mp.cosh(u)
        if self.kind == "normal":
            return mp.npdf(z) * slope
        df = n[0]
        top = mp.gamma((df + 1) / 2) / (mp.sqrt(df * mp.pi) * mp.gamma(df / 2))
        return top * (1 + z * z / df) ** (-(df + 1) / 2) * slope

    def below(self, x):
        """Return P(X <= x)."""
        n = self.numbers
        if self.kind == "beta":
            return mp.betainc(*n, 0, x, regularized=True) if 0 < x < 1 else mp.mpf(x >= 1)
        if "gamma" in self.kind:
            if x <= 0:
                return mp.mpf(0)
            if self.kind == "gamma":
                return mp.gammainc(n[0], 0, n[1] * x, regularized=True)
            return mp.gammainc(n[0], n[1] / x, mp.inf, regularized=True)
        return self._tail(-(x - self.centre) / self.numbers[-1])

    def above(self, x):
        """Return P(X > x)."""
        n = self.numbers
        if self.kind == "beta":
            return (
                mp.betainc(n[1], n[0], 0, 1 - x, regularized=True) if 0 < x < 1 else mp.mpf(x <= 0)
            )
        if "gamma" in self.kind:
            if x <= 0:
                return mp.mpf(1)
            if self.kind == "gamma":
                return mp.gammainc(n[0], n[1] * x, mp.inf, regularized=True)
            return mp.gammainc(n[0], 0, n[1] / x, regularized=True)
        return self._tail((x - self.centre) / self.numbers[-1])

    def _tail(self, z):
        if self.kind == "normal":
            return mp.erfc(z / mp.sqrt(2)) / 2
        df = self.numbers[0]
        half = mp.betainc(df / 2, mp.mpf(1) / 2, 0, df / (df + z * z), regularized=True) / 2
        return half if z >= 0 else 1 - half


class Monotone:
    """A power of a number, or its exponential function: its coordinate is that of the number."""

    def __init__(self, base, power=None):
        self.base, self.power = base, power
        self.start, self.width, self.density = base.start, base.width, base.density

    def x(self, u):
        x = self.base.x(u)
        return mp.exp(x) if self.power is None else x**self.power

    def below(self, x):
        if x <= 0:
            return mp.mpf(0)
        if self.power is None:
            return self.base.below(mp.log(x))
        tail = self.base.below if self.power > 0 else self.base.above
        return tail(x ** (1 / self.power))

    def above(self, x):
        if x <= 0:
            return mp.mpf(1)
        if self.power is None:
            return self.base.above(mp.log(x))
        tail = self.base.above if self.power > 0 else self.base.below
        return tail(x ** (1 / self.power))


def nodes(number, width):
    """Return values of a number at equal steps of its coordinate, with their probabilities."""
    step, middle = min(number.width(), width) / 2, number.start()
    found, top = [], number.density(middle)
    for sign in (-1, 1):
        u = middle if sign < 0 else middle + step
        while (density := number.density(u)) > top * mp.mpf(10) ** -75:
            found.append((number.x(u), density * step))
            u += sign * step
    return found


class Paid:
    """A share times an independent positive amount."""

    def __init__(self, share, amount, width):
        self.amount = amount
        self.nodes = nodes(Number("beta", share), width)
        self.shift = mp.log(mp.fsum(value * p for value, p in self.nodes))

    def x(self, u):
        return mp.exp(u)

    def start(self):
        return self.shift + mp.log(self.amount.x(self.amount.start()))

    def width(self):
        return self.amount.width()

    def density(self, u):
        return mp.fsum(p * self.amount.log_density(u - mp.log(value)) for value, p in self.nodes)

    def below(self, x):
        return mp.fsum(p * self.amount.below(x / value) for value, p in self.nodes)

    def above(self, x):
        return mp.fsum(p * self.amount.above(x / value) for value, p in self.nodes)


class InverseGamma(Number):
    """The expected amount of exponential amounts; its coordinate is the logarithm."""

    def __init__(self, numbers):
        super().__init__("inverse-gamma", numbers)
        self.log_density = self.density


class LogNormal(Monotone):
    """The expected amount of log-normal amounts with a known variance."""

    def __init__(self, mean, deviation):
        super().__init__(Number("normal", (mean, deviation)))
        self.numbers = self.base.numbers

    def width(self):
        return self.numbers[1] / 2

    def log_density(self, v):
        return mp.npdf(v, *self.numbers)


class Combination:
    """A mean plus multiples of the standard deviation and the variance of Normal data."""

    def __init__(self, numbers):
        mean, kappa, alpha, beta, deviations, variances = map(mp.mpf, numbers)
        change = deviations * mp.sqrt(kappa) / 2 + variances * mp.sqrt(kappa * beta / alpha)
        self.nodes = [
            (mean + deviations * mp.sqrt(v) + variances * v, mp.sqrt(v / kappa), p)
            for v, p in nodes(Number("inverse-gamma", (alpha, beta)), 1 / max(change, mp.mpf(1)))
        ]
        v = beta / alpha
        self.centre = mean + deviations * mp.sqrt(v) + variances * v
        spread = v / kappa + (deviations**2 * v + variances**2 * v * v) / alpha
        self.spread = mp.sqrt(spread)

    def x(self, u):
        return self.centre + self.spread * mp.sinh(u)

    def start(self):
        return mp.mpf(0)

    def width(self):
        return mp.mpf("0.5")

    def density(self, u):
        x, slope = self.x(u), self.spread * mp.cosh(u)
        return slope * mp.fsum(p * mp.npdf(x, m, s) for m, s, p in self.nodes)

    def below(self, x):
        return mp.fsum(p * mp.erfc((m - x) / s / mp.sqrt(2)) for m, s, p in self.nodes) / 2

    def above(self, x):
        return mp.fsum(p * mp.erfc((x - m) / s / mp.sqrt(2)) for m, s, p in self.nodes) / 2


def number(kind, numbers):
    if kind == "power":
        return Monotone(Number("gamma", numbers[:2]), mp.mpf(numbers[2]))
    if kind == "log-normal":
        return LogNormal(*numbers)
    if kind == "combination":
        return Combination(numbers)
    if kind == "exp-combination":
        return Monotone(Combination(numbers))
    if kind == "paid-exponential":
        return Paid(numbers[:2], InverseGamma(numbers[2:]), 1 / mp.sqrt(numbers[2]))
    if kind == "paid-log-normal":
        return Paid(numbers[:2], LogNormal(*numbers[2:]), mp.mpf(numbers[3]))
    return Number(kind, numbers)


def trapezoid(function, start, width, digits=16):
    """Integrate a function that decreases exponentially on both sides."""

    def side(u, step):
        total, largest = mp.mpf(0), mp.mpf(0)
        while True:
            term = function(u)
            total += term
            largest = max(largest, abs(term))
            if abs(term) < largest * mp.mpf(10) ** -27:
                return total
            u += step

    step = width / 2
    total = (side(start, step) + side(start - step, -step)) * step
    for _ in range(7):
        middle = side(start + step / 2, step) + side(start - step / 2, -step)
        finer = total / 2 + middle * step / 2
        if abs(finer - total) <= abs(finer) * mp.mpf(10) ** -digits:
            return finer
        total, step = finer, step / 2
    raise ValueError("no convergence")


class Pair:
    """A second number compared with a first one."""

    def __init__(self, kind, first, second):
        self.a, self.b = number(kind, first), number(kind, second)
        self.width = min(self.a.width(), self.b.width())

    def over(self, number, function):
        return trapezoid(
            lambda u: number.density(u) * function(number.x(u)), number.start(), self.width
        )

    def less(self, c):
        """Return P(b - a <= c) and P(b - a > c), by the integral that has no kink."""
        if c < 0:
            p = self.over(self.b, lambda x: self.a.above(x - c))
            return p, 1 - p
        q = self.over(self.a, lambda x: self.b.above(x + c))
        return 1 - q, q

    def between(self, e):
        """Return P(|b - a| < e)."""
        found = 1 - self.less(-e)[0] - self.less(e)[1]
        if found > mp.mpf("1e-3"):
            return found
        return self.over(self.a, lambda x: interval(self.b, x - e, x + e))

    def ratio_above(self, r):
        """Return P(b > r a)."""
        return self.over(self.a, lambda x: self.b.above(r * x))

    def loss(self, higher, lower):
        """Return E max(higher - lower, 0)."""
        a = self.a

        def integrand(u):
            x = a.x(u)
            slope = (a.x(u + SMALL) - a.x(u - SMALL)) / (2 * SMALL)
            return lower.below(x) * higher.above(x) * abs(slope)

        return trapezoid(integrand, (a.start() + self.b.start()) / 2, self.width)


SMALL = mp.mpf(10) ** -12


def interval(number, low, high):
    """Return P(low < X <= high), from the smaller tail."""
    below, above = number.below(high), number.above(low)
    return below - number.below(low) if below < above else above - number.above(high)


def solve(tails, level, low, high):
    """Return where the upper tail is a level, to about eight digits."""
    return mp.findroot(
        lambda c: mp.log(tails(c) / level), (low, high), solver="anderson", tol=1e-17, maxsteps=60
    )


def case(kind, first, second, equivalence):
    pair = Pair(kind, first, second)
    p = pair.over(pair.b, lambda x: pair.a.below(x))
    q = pair.over(pair.a, lambda x: pair.b.below(x))
    found = {
        "kind": kind, "first": first, "second": second, "equivalence": equivalence,
        "p_above": text(p), "p_below": text(q),
        "p_equivalent": text(pair.between(mp.mpf(equivalence))),
    }  # fmt: skip
    if kind != "exp-combination":  # its mean is infinite
        found |= {
            "loss_first": text(pair.loss(pair.b, pair.a)),
            "loss_second": text(pair.loss(pair.a, pair.b)),
        }
    return found | ({} if kind in AVERAGED else quantiles(pair, kind, first, second))


def quantiles(pair, kind, first, second):
    """Return the intervals of difference and ratio."""
    tail = (1 - LEVEL) / 2
    draws = guess(kind, first, second)
    ends = []
    for level, (low, high) in zip((1 - tail, tail), draws[:2], strict=True):
        ends.append(solve(lambda c: pair.less(c)[1], level, low, high))
    found = {"interval": [text(end) for end in ends]}
    if kind not in ("normal", "student"):
        levels = zip((mp.mpf("0.5"), 1 - tail, tail), draws[2:], strict=True)
        found["lift"] = [
            text(solve(pair.ratio_above, level, low, high) - 1) for level, (low, high) in levels
        ]
    return found


def guess(kind, first, second):
    """Return brackets of the quantiles of difference and ratio, by random draws."""
    rng = np.random.default_rng(1)
    n = 200_000

    def draw(numbers):
        numbers = [float(each) for each in numbers]
        if kind == "power":
            return rng.gamma(numbers[0], 1.0 / numbers[1], n) ** numbers[2]
        if kind == "log-normal":
            return np.exp(rng.normal(*numbers, n))
        if kind == "beta":
            return rng.beta(*numbers, n)
        if "gamma" in kind:
            x = rng.gamma(numbers[0], 1.0 / numbers[1], n)
            return x if kind == "gamma" else 1.0 / x
        if kind == "normal":
            return rng.normal(*numbers, n)
        return numbers[1] + numbers[2] * rng.standard_t(numbers[0], n)

    a, b = draw(first), draw(second)
    brackets = [np.quantile(b - a, (q - w, q + w)) for q, w in ((0.025, 0.005), (0.975, 0.005))]
    if kind not in ("normal", "student"):
        brackets += [np.quantile(b / a, (q - 0.005, q + 0.005)) for q in (0.5, 0.025, 0.975)]
    return [tuple(map(mp.mpf, pair.tolist())) for pair in brackets]


def text(number):
    return mp.nstr(number, 17)


if __name__ == "__main__":
    with Pool() as pool:
        found = pool.starmap(case, CASES, 1)
    path = Path(__file__).with_name("reference.json")
    path.write_text(json.dumps(found, indent=1) + "\n")
