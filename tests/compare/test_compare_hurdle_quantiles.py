"""Quantiles of amounts that are often zero, by integrals over the parameter of the amounts.

The p-quantile is at most x where the share times P(amount > x) is at most 1 - p. The reference
therefore uses neither levels nor quantiles of amounts.
"""

import numpy as np
import pytest
from scipy import special as sp

import cases
from seqbayes import Beta, Gamma, Hurdle, Normal, NormalInverseGamma, likelihoods
from seqbayes.compare import compare, number_of, p_best
from seqbayes.dashboard.views.compare import compare as compare_on_page
from seqbayes.dashboard.views.compare import quantities
from seqbayes.errors import PriorError

T = np.linspace(-3.4, 3.4, 501)
DOUBLE = np.pi / 2 * np.sinh(T)
STEP = T[1] - T[0]
NODES, WEIGHTS = sp.roots_legendre(12)


def normal_pdf(x, mean, variance):
    return np.exp(-((x - mean) ** 2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)


def gamma_pdf(x, shape, rate):
    return np.exp(shape * np.log(rate) + (shape - 1) * np.log(x) - rate * x - sp.gammaln(shape))


def beta_pdf(x, a, b):
    inside = np.exp((a - 1) * np.log(x) + (b - 1) * np.log1p(-x) - sp.betaln(a, b))
    return np.where(x < 1.0, inside, 0.0)


# likelihood -> P(amount > x) and the density, given its parameter
RATES = {
    "Exponential": (
        likelihoods.Exponential(),
        lambda x, rate: np.exp(-rate * x),
        lambda x, rate: rate * np.exp(-rate * x),
    ),
    "GammaShape": (
        likelihoods.GammaShape(2.5),
        lambda x, rate: sp.gammaincc(2.5, rate * x),
        lambda x, rate: gamma_pdf(x, 2.5, rate),
    ),
    "Weibull": (
        likelihoods.Weibull(1.7),
        lambda x, rate: np.exp(-rate * x**1.7),
        lambda x, rate: 1.7 * rate * x**0.7 * np.exp(-rate * x**1.7),
    ),
    "InverseGamma": (
        likelihoods.InverseGamma(3.0),
        lambda x, scale: sp.gammainc(3.0, scale / x),
        lambda x, scale: gamma_pdf(1 / x, 3.0, scale) / x**2,
    ),
    "Rayleigh": (
        likelihoods.Rayleigh(),
        lambda x, rate: np.exp(-rate * x * x / 2),
        lambda x, rate: rate * x * np.exp(-rate * x * x / 2),
    ),
    "Maxwell": (
        likelihoods.Maxwell(),
        lambda x, rate: sp.gammaincc(1.5, rate * x * x / 2),
        lambda x, rate: np.sqrt(2 / np.pi) * rate**1.5 * x * x * np.exp(-rate * x * x / 2),
    ),
    "Pareto": (
        likelihoods.Pareto(2.0),
        lambda x, shape: (x / 2) ** -shape,
        lambda x, shape: shape / x * (x / 2) ** -shape,
    ),
}


def limit(function, value, low, high):
    """Return the argument at which an increasing function has a value."""
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) < value else (low, middle)
    return (low + high) / 2


class Reference:
    """P(Q <= x), P(Q > x) and the density of a p-quantile, by integrals over a parameter.

    The parameter is a function of a coordinate in which the posterior density decreases fast.
    """

    def __init__(self, state, p, kind):
        self.a, self.b = state.share.posterior
        self.p, self.kind = p, kind
        self.amount = state.amount.posterior
        self.zero = sp.betainc(self.a, self.b, 1 - p)

    def parts(self):
        """Yield weights, and the functions of x and the coordinate: posterior, P(> x), density."""
        if self.kind in RATES:
            shape, rate = self.amount
            _, above, density = RATES[self.kind]
            yield (
                1.0,
                lambda c: gamma_pdf(np.exp(c), shape, rate) * np.exp(c),
                lambda x, c: above(x, np.exp(c)),
                lambda x, c: density(x, np.exp(c)),
                np.log(shape / rate) + np.array([-1.0, 1.0]) * (13 * shape**-0.5 + 80 / shape),
            )
            return
        if self.kind == "Normal":
            mean, variance, known = self.amount
            variances = [(1.0, known, variance)]
        else:
            mean, kappa, alpha, beta = self.amount
            ends = np.linspace(-12, 22, 33) * alpha**-0.5 + np.log(beta / alpha)
            half = np.diff(ends)[0] / 2
            logs = (ends[:-1, None] + half * (1 + NODES)).ravel()
            weights = np.tile(half * WEIGHTS, 32)
            weights *= gamma_pdf(np.exp(-logs), alpha, beta) * np.exp(-logs)
            variances = zip(weights, np.exp(logs), np.exp(logs) / kappa, strict=True)
        for weight, known, variance in variances:
            yield (
                weight,
                lambda c, v=variance: normal_pdf(c, mean, v),
                lambda x, c, v=known: sp.ndtr((c - np.log(x)) / v**0.5),
                lambda x, c, v=known: normal_pdf(np.log(x), c, v) / x,
                (mean - 40 * variance**0.5, mean + 40 * variance**0.5),
            )

    def at(self, x):
        """Return P(Q <= x), P(Q > x) and the density at x > 0."""
        found = np.zeros(3)
        for weight, posterior, above, density, (low, high) in self.parts():
            if weight < 1e-35:
                continue
            increases = above(x, high) > above(x, low)
            sign = 1.0 if increases else -1.0
            end = sign * limit(
                lambda c, s=sign, above=above: above(x, s * c),
                1 - self.p,
                *sorted((sign * low, sign * high)),
            )
            # beyond the end, the quantile is above x for some shares
            start = high if increases else low
            c = end + (start - end) / (1 + np.exp(-2 * DOUBLE))
            w = abs(start - end) * STEP * np.pi / 4 * np.cosh(T) / np.cosh(DOUBLE) ** 2
            w = weight * w * posterior(c)
            tail = above(x, c)
            needed = (1 - self.p) / tail
            with np.errstate(all="ignore"):
                rise = beta_pdf(needed, self.a, self.b) * needed * density(x, c) / tail
            found[1] += w @ sp.betaincc(self.a, self.b, np.minimum(needed, 1.0))
            found[2] += w @ np.where(np.isfinite(rise), rise, 0.0)
            other = low if increases else high
            c = end + (other - end) / (1 + np.exp(-2 * DOUBLE))
            rest = abs(other - end) * STEP * np.pi / 4 * np.cosh(T) / np.cosh(DOUBLE) ** 2
            found[0] += w @ sp.betainc(self.a, self.b, np.minimum(needed, 1.0)) + weight * (
                rest @ posterior(c)
            )
        return found


def state_of(kind, share, amount):
    if kind in RATES:
        prior = Gamma(*amount, likelihood=RATES[kind][0])
    else:
        family = Normal if kind == "Normal" else NormalInverseGamma
        prior = family(*amount, likelihood=likelihoods.LogNormal())
    return Hurdle(prior, share=Beta(*share))


# kind, p, and share and amount of two beliefs
CASES = {
    **{name: (name, 0.8, ((6, 14), (9, 11)), ((9, 14), (7, 12))) for name in RATES},
    "mostly zero": ("Exponential", 0.9, ((6, 94), (9, 81)), ((9, 14), (7, 12))),
    "hardly ever zero": ("Exponential", 0.9, ((60, 40), (50, 50)), ((9, 14), (7, 12))),
    "far apart": ("Exponential", 0.9, ((80, 40), (90, 30)), ((200, 1000), (300, 400))),
    "log-normal": ("Normal", 0.8, ((6, 14), (9, 11)), ((1.0, 0.2, 1.5), (1.3, 0.1, 0.8))),
    "log-normal, unknown variance": (
        "NormalInverseGamma",
        0.8,
        ((6, 14), (9, 11)),
        ((1.0, 8.0, 5.0, 6.0), (1.3, 12.0, 7.0, 4.0)),
    ),
}


@pytest.mark.parametrize("name", list(CASES))
def test_tails_of_the_quantile_of_a_hurdle_are_exact(name):
    kind, p, shares, amounts = CASES[name]
    for share, amount in zip(shares, amounts, strict=True):
        state = state_of(kind, share, amount)
        number, reference = number_of(state, quantity=p), Reference(state, p, kind)
        assert number.zero == pytest.approx(reference.zero, rel=1e-11, abs=0.0)
        low, middle, high = number.amount.ppf(0.01), number.amount.ppf(0.5), number.amount.isf(1e-7)
        for x in (low, middle, high):
            below, above, density = reference.at(x)
            assert number.cdf(x) == pytest.approx(below, rel=1e-9, abs=0.0)
            assert number.sf(x) == pytest.approx(above, rel=1e-9, abs=0.0)
            assert number.p(x) == pytest.approx(density, rel=1e-9, abs=0.0)
        for q in (0.03, 0.7, 0.97):
            x = number.ppf(q)
            assert number.cdf(x) == pytest.approx(max(q, number.zero), rel=1e-10)


def table(references, numbers):
    """Return numbers > 0, their weights, and the tails and densities of both beliefs there."""
    levels = 10.0 ** np.array([-30, -24, -18, -13, -9, -6, -4, -3, -2, -1.4, -1, -0.7, -0.45])
    amounts = [each.amount for each in numbers]
    ends = [f(q) for each in amounts for f in (each.ppf, each.isf) for q in levels]
    ends = np.unique(np.log(ends))
    half = np.diff(ends) / 2
    x = np.exp(((ends[:-1] + half)[:, None] + half[:, None] * NODES).ravel())
    weights = (half[:, None] * WEIGHTS).ravel() * x
    return x, weights, np.array([[each.at(point) for point in x] for each in references])


@pytest.mark.parametrize("name", ["Exponential", "far apart", "log-normal"])
def test_quantiles_of_hurdles_are_compared_exactly(name):
    kind, p, shares, amounts = CASES[name]
    states = [state_of(kind, *pair) for pair in zip(shares, amounts, strict=True)]
    references = [Reference(state, p, kind) for state in states]
    x, weights, found = table(references, [number_of(state, quantity=p) for state in states])
    below, above, density = found.transpose(2, 0, 1)
    zero = [each.zero for each in references]
    more = [density[i] * weights @ below[1 - i] for i in (0, 1)]
    less = [
        zero[i] * sp.betaincc(*shares[1 - i], 1 - p) + density[i] * weights @ above[1 - i]
        for i in (0, 1)
    ]
    for better, expected in (("higher", more), ("lower", less)):
        result = compare(states, quantity=p, better=better, equivalence=0.5, control=0)
        for i, wanted in enumerate(expected):
            assert result.p_best[i] == pytest.approx(wanted, rel=1e-9, abs=0.0)
            assert result.p_better[i][1 - i] == pytest.approx(wanted, rel=1e-9, abs=0.0)
        assert result.p_tie == pytest.approx(zero[0] * zero[1], abs=1e-9)
        # the loss is the expected distance to the better one
        a, b = (below, above) if better == "higher" else (above, below)
        for i in (0, 1):
            first = x[0] * a[i][0] * b[1 - i][0]  # from 0 to the first node
            assert result.loss[i] == pytest.approx(a[i] * b[1 - i] @ weights + first, rel=1e-9)
        check_difference(result, below, density * weights, x, zero)


def check_difference(result, below, masses, x, zero):
    """The ends of the intervals have the right probabilities, by sums over the second belief."""
    tail, grid = (1.0 - result.level) / 2.0, np.log(x)

    def at_most(y):  # P(first belief <= y), interpolated
        inside = np.interp(np.log(np.maximum(y, 1e-300)), grid, below[1])
        return np.where(y < 0.0, 0.0, np.where(y < x[0], zero[1], inside))

    def probability(d):
        return zero[0] * at_most(np.float64(d)) + masses[0] @ at_most(x + d)

    difference = result.differences[1]
    for end, q in zip(difference.interval, (tail, 1.0 - tail), strict=True):
        if end != 0.0:
            assert probability(end) == pytest.approx(q, abs=2e-3)
        else:
            assert probability(-1e-9) - 2e-3 <= q <= probability(1e-9) + 2e-3
    within = probability(0.5) - probability(-0.5)
    assert difference.p_equivalent == pytest.approx(within, abs=2e-3)


def test_the_best_of_several_and_losses_agree_with_draws():
    rng = np.random.default_rng(1)
    states = [state_of("Exponential", (3 + i, 9), (4 + i, 60 - 10 * i)) for i in range(4)]
    draws = np.stack([number_of(each, quantity=0.85).sample(100_000, rng) for each in states])
    for better, sign in (("higher", 1.0), ("lower", -1.0)):
        found = compare(states, quantity=0.85, better=better, control=0)
        order = np.sort(sign * draws, axis=0)
        won = order[-1] > order[-2]
        winner = (sign * draws).argmax(axis=0)
        losses = order[-1] - sign * draws
        for i in range(4):
            assert found.p_best[i] == pytest.approx(np.mean(won & (winner == i)), abs=7e-3)
            assert found.loss[i] == pytest.approx(losses[i].mean(), rel=0.04)
            for end, q in zip(found.loss_interval[i], (0.025, 0.975), strict=True):
                assert end == pytest.approx(np.quantile(losses[i], q), rel=0.04, abs=0.02)
            assert found.interval[i] == pytest.approx(
                number_of(states[i], quantity=0.85).interval(), rel=1e-9
            )
        assert found.p_tie == pytest.approx(1.0 - won.mean(), abs=7e-3)
        assert p_best(list(map(number, states)), better=better) == pytest.approx(found.p_best)
        ratios = np.where(draws[2] == draws[0], 1.0, draws[2] / np.where(draws[0], draws[0], 1e-99))
        each = found.differences[2]
        for end, q in zip((each.lift, *each.lift_interval), (0.5, 0.025, 0.975), strict=True):
            expected = np.quantile(ratios, q) - 1.0
            assert end == pytest.approx(expected if expected < 1e50 else np.inf, rel=0.05)


def number(state):
    return number_of(state, quantity=0.85)


def test_every_hurdle_of_positive_amounts_has_quantiles():
    hurdles = [case for case in cases.CASES if case.family is Hurdle]
    assert hurdles
    for case in hurdles:
        found = number_of(case.new(), quantity=0.9)
        assert 0.0 < found.zero < 1.0
        assert found.amount.ppf(0.5) > 0.0


def test_a_quantile_that_is_certainly_zero_is_compared():
    states = [state_of("Exponential", (2 + i, 2000), (4, 60)) for i in range(2)]
    found = compare(states, quantity=0.5)
    assert found.verdict == "equivalent"
    assert found.p_tie == 1.0
    assert found.interval == {0: (0.0, 0.0), 1: (0.0, 0.0)}
    assert max(found.loss.values()) < 1e-100


def test_quantiles_of_amounts_that_may_be_negative_are_refused():
    with pytest.raises(PriorError, match="may be negative"):
        number_of(Hurdle(Normal(1.0, 4.0, 2.25)), quantity=0.9)


def test_the_page_compares_quantiles_of_hurdles():
    states = [state_of("Exponential", (3 + i, 9), (4, 60)) for i in range(2)]
    assert quantities(states[0]) == ["0.5", "0.9", "0.95", "0.99"]
    assert quantities(Hurdle(Normal(1.0, 4.0, 2.25))) == []
    shown = compare_on_page(states, quantity=0.9, threshold=20.0)
    numbers = [number_of(each, quantity=0.9) for each in states]
    assert [arm["p_above"] for arm in shown["arms"]] == [each.sf(20.0) for each in numbers]
    assert sum(shown["p_best"]) < 1.0
