"""Comparisons against closed forms and mpmath, and laws that every comparison obeys."""

import math

import mpmath
import numpy as np
import pytest
import scipy.special as sc

from seqbayes import (
    Beta,
    Decayed,
    Dirichlet,
    DirichletProcess,
    Gamma,
    Hurdle,
    Normal,
    NormalInverseGamma,
    Product,
)
from seqbayes import distributions as d
from seqbayes.compare import compare, compare_many, number_of, product
from seqbayes.compare.coordinates import LogitCoordinate
from seqbayes.errors import PriorError
from seqbayes.likelihoods import Exponential, LogNormal
from seqbayes.likelihoods import Normal as NormalData
from seqbayes.mixture import Mixture


def share_above_share(a1, b1, a2, b2):
    """P(X1 > X2) for whole a1: a finite sum of positive terms."""
    terms = (
        mpmath.beta(a2 + i, b1 + b2) / ((b1 + i) * mpmath.beta(1 + i, b1) * mpmath.beta(a2, b2))
        for i in range(a1)
    )
    return mpmath.fsum(terms)


def rate_above_rate(a1, r1, a2, r2):
    share = mpmath.mpf(r2) / (mpmath.mpf(r1) + r2)
    return mpmath.betainc(a2, a1, 0, share, regularized=True)


def normal_above_normal(m1, v1, m2, v2):
    return mpmath.ncdf((mpmath.mpf(m1) - m2) / mpmath.sqrt(mpmath.mpf(v1) + v2))


def cauchy_above_cauchy(m1, s1, m2, s2):
    return (
        mpmath.mpf(1) / 2 + mpmath.atan((mpmath.mpf(m1) - m2) / (mpmath.mpf(s1) + s2)) / mpmath.pi
    )


def relative(found, expected):
    return abs(float(mpmath.mpf(found) / expected - 1))


PAIRS = [
    *(
        (d.Beta, share_above_share, each)
        for each in [
            (21, 200, 31, 200),
            (316, 9686, 358, 9644),
            (3, 1000, 40, 900),
            (3, 1000, 100, 900),  # 7e-29
            (100, 3, 900, 5),
            (1, 1, 1, 1),
            (300, 700, 500, 500),
            (2, 1000000, 9, 1000000),
            (40, 0.001, 40, 0.002),
        ]
    ),
    *(
        (d.Gamma, rate_above_rate, each)
        for each in [
            (3, 1, 5, 2),
            (0.01, 1, 50, 1),
            (2, 1, 70, 1),
            (0.001, 1, 2, 1),
            (0.2, 1, 0.3, 1e-30),
            (360, 1, 1000, 1),
            (900, 900, 1000, 950),
        ]
    ),
    *(
        (d.Normal, normal_above_normal, each)
        for each in [
            (0, 1, 1, 1),
            (0, 1, 15, 3),
            (0, 1e-12, 1e-5, 1),
            (1e9, 1, 1e9 + 3, 1),
            (0, 1, 16, 1),  # 5e-30
            (0, 1, 24.5, 1),  # 2e-67
            (0, 2e-3, 17.3, 1),
            (0, 363, 329, 3e-3),
            (0, 1e-3, 0.77, 1e-3),
        ]
    ),
    *(
        (lambda loc, scale: d.StudentT(1.0, loc, scale), cauchy_above_cauchy, each)
        for each in [(0, 1, 5, 1), (0, 1, 5, 1000)]
    ),
]


@pytest.mark.parametrize(("make", "exact", "numbers"), PAIRS)
def test_probability_that_one_is_above_the_other(make, exact, numbers):
    a, b = make(*map(float, numbers[:2])), make(*map(float, numbers[2:]))
    first = exact(*numbers)
    second = exact(*numbers[2:], *numbers[:2])
    found = compare({"a": a, "b": b})
    assert relative(found.p_better["a"]["b"], first) < 1e-10
    assert relative(found.p_better["b"]["a"], second) < 1e-10
    lower = compare({"a": a, "b": b}, better="lower")
    assert relative(lower.p_best["a"], second) < 1e-10
    assert relative(lower.p_best["b"], first) < 1e-10


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (d.Normal(0.0, 0.04), d.Normal(6.0, 0.04)),
        (d.Normal(0.0, 119.0), d.Normal(503.7, 75.5)),
        (d.Gamma(65.6, 1.0), d.Gamma(147.5, 0.0035)),
        (d.Gamma(584.2, 1.0), d.Gamma(747.9, 0.1655)),
        (d.Beta(20.0, 80000.0), d.Beta(3000.0, 20000.0)),
    ],
)
def test_probabilities_below_the_limit_are_zero(first, second):
    found = compare([first, second])
    assert found.p_best == {0: 0.0, 1: 1.0}
    assert found.p_better == {0: {1: 0.0}, 1: {0: 1.0}}


def test_one_of_many_that_is_far_below_the_others():
    others, scale = 50, mpmath.sqrt(mpmath.mpf("0.1"))
    numbers = [d.Normal(0.0, 1.0), *[d.Normal(10.0, 0.1)] * others]
    steps = [mpmath.mpf(k) / 16 for k in range(140, 210)]
    with mpmath.workdps(30):
        wanted = mpmath.quad(
            lambda x: mpmath.npdf(x) * mpmath.ncdf(x, 10, scale) ** others, steps, maxdegree=8
        )
    assert relative(compare(numbers).p_best[0], wanted) < 1e-9


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        # sequential-analysis 0.1, and two published experiments
        (Beta(21, 200), Beta(31, 200), 0.9067042452),
        (Beta(1 + 315, 1 + 9685), Beta(1 + 357, 1 + 9643), 0.950246774),
        (Beta(1 + 8279, 1 + 45489 - 8279), Beta(1 + 8502, 1 + 44700 - 8502), 0.99922),
    ],
)
def test_published_probabilities(first, second, expected):
    digits = 10 if expected < 0.95 else 9 if expected < 0.99 else 5
    assert round(compare([first, second]).p_best[1], digits) == expected


def test_p_best_of_three_beliefs_equals_numerical_integral():
    numbers = [(3, 9), (5, 11), (2, 4)]
    found = compare([Beta(a, b) for a, b in numbers])

    def integrand(i):
        def f(x):
            value = x ** (numbers[i][0] - 1) * (1 - x) ** (numbers[i][1] - 1)
            value /= mpmath.beta(*numbers[i])
            for j, other in enumerate(numbers):
                if j != i:
                    value *= mpmath.betainc(*other, 0, x, regularized=True)
            return value

        return f

    for i in range(3):
        exact = mpmath.quad(integrand(i), [0, 0.1, 0.3, 0.6, 1])
        assert relative(found.p_best[i], exact) < 1e-12


def test_expected_loss_is_the_mean_of_the_positive_part():
    found = compare({"a": Normal(0.0, 1.0), "b": Normal(1.5, 4.0)})
    # of a normal difference with mean m and deviation s: m Phi(m / s) + s phi(m / s)
    mean, deviation = mpmath.mpf(1.5), mpmath.sqrt(5)
    for name, m in (("a", mean), ("b", -mean)):
        exact = m * mpmath.ncdf(m / deviation) + deviation * mpmath.npdf(m / deviation)
        assert relative(found.loss[name], exact) < 1e-10


def test_a_small_loss_is_accurate():
    mean, deviation = mpmath.mpf(-12), mpmath.sqrt(2)
    exact = mean * mpmath.ncdf(mean / deviation) + deviation * mpmath.npdf(mean / deviation)
    assert relative(compare([d.Normal(0.0, 1.0), d.Normal(12.0, 1.0)]).loss[1], exact) < 1e-9


def test_intervals_of_normal_differences():
    found = compare({"a": d.Normal(3.0, 1.0), "b": d.Normal(1.0, 3.0)}, control="b", level=0.9)
    low, high = found.differences["a"].interval
    assert low == pytest.approx(2.0 + 2.0 * sc.ndtri(0.05), rel=1e-10)
    assert high == pytest.approx(2.0 + 2.0 * sc.ndtri(0.95), rel=1e-10)
    assert found.differences["a"].mean == 2.0
    assert found.differences["a"].lift is None


def test_ratios_of_rates_are_scaled_f_variables():
    found = compare({"a": d.Gamma(6.0, 3.0), "b": d.Gamma(4.0, 1.0)}, control="b")
    difference = found.differences["a"]
    quantiles = [sc.fdtri(12.0, 8.0, q) * (6.0 / 3.0) / 4.0 - 1.0 for q in (0.5, 0.025, 0.975)]
    assert [difference.lift, *difference.lift_interval] == pytest.approx(quantiles, rel=1e-9)


def test_equivalence_of_normals():
    found = compare([d.Normal(0.0, 1.0), d.Normal(0.4, 1.0)], control=0, equivalence=0.5)
    deviation = math.sqrt(2.0)
    exact = sc.ndtr(0.1 / deviation) - sc.ndtr(-0.9 / deviation)
    assert found.differences[1].p_equivalent == pytest.approx(exact, rel=1e-10)


def random_beliefs(rng, kind, k):
    if kind == "share":
        counts = 10.0 ** rng.uniform(0.0, 5.0, k)
        shares = rng.beta(2.0, 5.0) * np.exp(0.3 * rng.normal(size=k))
        shares = np.clip(shares, 1e-4, 1 - 1e-4)
        return [
            d.Beta(0.5 + n * p, 0.5 + n * (1.0 - p)) for n, p in zip(counts, shares, strict=True)
        ]
    if kind == "rate":
        return [d.Gamma(*(10.0 ** rng.uniform(-1.0, 3.0, 2))) for _ in range(k)]
    return [
        d.StudentT(10.0 ** rng.uniform(0.5, 3.0), rng.normal(), 10.0 ** rng.uniform(-2.0, 1.0))
        for _ in range(k)
    ]


@pytest.mark.parametrize("kind", ["share", "rate", "number"])
def test_probabilities_intervals_losses_and_verdicts_agree(kind, rng):
    for _ in range(10):
        beliefs = random_beliefs(rng, kind, int(rng.integers(2, 6)))
        better = ("higher", "lower")[int(rng.integers(2))]
        found = compare(beliefs, better=better, equivalence=0.05)
        sign = 1.0 if better == "higher" else -1.0
        assert math.fsum(found.p_best.values()) == pytest.approx(1.0, abs=1e-10)
        for name, difference in found.differences.items():
            p = difference.p_better
            assert p == found.p_better[name][difference.reference]
            assert p + found.p_better[difference.reference][name] == pytest.approx(1.0, abs=1e-10)
            # the interval excludes 0 on one side exactly if the probability is beyond its tail
            low, high = sorted(sign * end for end in difference.interval)
            assert (low > 0.0) == (p > 0.975)
            assert (high < 0.0) == (p < 0.025)
            assert found.p_best[name] <= p * (1.0 + 1e-9) + 1e-70
            if difference.lift_interval is not None:
                low, high = sorted(sign * end for end in difference.lift_interval)
                assert (low > 0.0) == (p > 0.975)
                assert (high < 0.0) == (p < 0.025)
        means = [each.mean for each in beliefs]
        if None not in means:
            # losses differ by the differences of the means
            loss = list(found.loss.values())
            assert min(loss) >= 0.0
            scale = max(map(abs, means)) + max(loss)
            for mean, each in zip(means, loss, strict=True):
                assert each + sign * mean == pytest.approx(
                    loss[0] + sign * means[0], abs=1e-8 * scale
                )
        if found.verdict == "best":
            assert all(
                max(sign * end for end in each.interval) < 0.0
                for each in found.differences.values()
            )
            assert None in means or found.loss[found.best] == min(found.loss.values())


def test_the_order_of_beliefs_does_not_matter():
    beliefs = {"a": Beta(3, 9), "b": Beta(5, 11), "c": Beta(2, 4)}
    forward, backward = compare(beliefs), compare(dict(reversed(beliefs.items())))
    for name in beliefs:
        assert forward.p_best[name] == pytest.approx(backward.p_best[name], rel=1e-12)
        assert forward.loss[name] == pytest.approx(backward.loss[name], rel=1e-12)


def test_beliefs_of_every_kind_are_compared():
    normal, other = NormalInverseGamma(), NormalInverseGamma()
    normal.learn_many([1.0, 2.0, 1.5, 1.8])
    other.learn_many([3.0, 4.0, 3.5, 3.8])
    assert compare([normal, other]).best == 1
    fast, slow = Decayed(Gamma(2, 1), half_life=10.0), Decayed(Gamma(2, 1), half_life=10.0)
    fast.learn_one(9)
    slow.learn_one(1)
    assert compare({"fast": fast, "slow": slow}, better="lower").best == "slow"
    red, blue = Dirichlet({"red": 8, "blue": 2}), Dirichlet({"red": 3, "blue": 7})
    assert compare([red, blue], label="blue").p_best == pytest.approx(
        compare([Beta(2, 8), Beta(7, 3)]).p_best
    )
    process = DirichletProcess(1.0)
    process.learn_many(["red", "red", "blue"])
    assert compare([process, red], label="red").p_better[0][1] == pytest.approx(
        compare([Beta(2, 2), Beta(8, 2)]).p_better[0][1]
    )


def test_a_label_may_be_given_as_its_text():
    numbers = [Dirichlet({1: 8, 2: 2}), Dirichlet({1: 3, 2: 7})]
    assert compare(numbers, label="2").p_best == compare(numbers, label=2).p_best


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (d.Gamma(40.46694415977144, 569.8806538310387), d.Gamma(0.5557783326805981, 0.8424218876)),
        (d.Beta(386.59726296802364, 3684.292261181691), d.Beta(0.6817164472890841, 2.467771084)),
        (d.Beta(79.01595213304142, 846.4785171671668), d.Beta(0.7336861937974333, 3.0508183605)),
    ],
)
def test_intervals_of_a_narrow_number_less_one_with_an_infinite_density(first, second, rng):
    low, high = compare([first, second], control=1).differences[0].interval
    drawn = first.sample(400_000, rng) - second.sample(400_000, rng)
    assert (drawn < low).mean() == pytest.approx(0.025, abs=0.002)
    assert (drawn > high).mean() == pytest.approx(0.025, abs=0.002)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (d.Gamma(3.9681389705791914, 0.545793824), d.Gamma(23.67894700229, 1.1241898586)),
        (d.Gamma(837.43, 161.978), d.Gamma(0.70258, 112.853)),
        (d.Beta(22.0, 180.0), d.Beta(32.0, 170.0)),
        (d.StudentT(30.0, 1.0, 2.0), d.StudentT(6.0, 0.0, 0.5)),
    ],
)
def test_ends_of_intervals_agree_with_direct_integration(first, second):
    found = compare([first, second], control=1).differences[0].interval
    ends = [float(second.ppf(10.0**-k)) for k in range(1, 14)]
    ends += [float(second.isf(10.0**-k)) for k in range(1, 14)]
    ends = np.sort(ends)
    nodes, weights = np.polynomial.legendre.leggauss(60)
    half = np.diff(ends)[:, None] / 2.0
    y = ((ends[1:] + ends[:-1]) / 2.0)[:, None] + half * nodes
    # P(first <= end + y), integrated over the second number
    below, above = (
        float((half * weights * second.pdf(y) * tail(end + y)).sum())
        for tail, end in zip((first.cdf, first.sf), found, strict=True)
    )
    assert [below, above] == pytest.approx([0.025, 0.025], rel=1e-8)


def test_a_coordinate_outside_the_unit_interval_has_no_warning():
    u, slope = LogitCoordinate().locate(np.array([-1e200, 0.5, 1e200]))
    assert u.tolist() == [-math.inf, 0.0, math.inf]
    assert slope.tolist() == [1.0, 0.25, 1.0]


@pytest.mark.parametrize(
    ("beliefs", "options", "message"),
    [
        ([Beta()], {}, "two or more"),
        ([Beta(), Gamma(2, 1)], {}, "the same kind"),
        ([Beta(), Beta()], {"better": "up"}, "'higher' or 'lower'"),
        ([Beta(), Beta()], {"control": "a"}, r"one of \[0, 1\]"),
        ([Beta(), Beta()], {"equivalence": -1.0}, "equivalence > 0"),
        ([Beta(), Beta()], {"equivalence": math.nan}, "equivalence > 0"),
        ([Beta(), Beta()], {"level": 1.0}, "level between 0 and 1"),
        ([Gamma(0, 0), Gamma(1, 1)], {}, "improper"),
        ([Mixture(2), Mixture(2)], {}, "about one number"),
        ([Product({"x": Beta()}), Product({"x": Beta()})], {}, "about one number"),
        ([Dirichlet({"a": 1, "b": 1})] * 2, {}, "share of one"),
        ([Dirichlet({"a": 1, "b": 1})] * 2, {"label": "c"}, "no information"),
        ([Beta(), 0.5], {}, "got 0.5"),
        ([Beta(), Beta()], {"label": "red"}, "only a belief about labels"),
    ],
)
def test_invalid_comparisons_are_refused(beliefs, options, message):
    with pytest.raises(PriorError, match=message):
        compare(beliefs, **options)


def test_a_share_of_a_label_is_multiplied_by_a_number():
    amount = Gamma(11, 200, likelihood=Exponential())
    share = product(Dirichlet({"buy": 3, "no": 7}), amount, label="buy")
    assert share.mean == pytest.approx(product(Beta(3, 7), amount).mean, rel=1e-12)
    with pytest.raises(PriorError, match="only a belief about labels has a label"):
        product(Beta(3, 7), amount, label="buy")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((-0.44, 3.0, 2.0, 0.38), (0.52, 3.0, 2.0, 0.91)),  # three observations
        ((2.6658, 11.0, 7.0, 10.812), (2.7352, 11.0, 7.0, 6.6516)),
    ],
)
def test_means_of_few_log_normal_observations(first, second):
    beliefs = {
        name: NormalInverseGamma(*numbers, likelihood=LogNormal())
        for name, numbers in (("a", first), ("b", second))
    }
    found = compare(beliefs, quantity="mean", control="b", equivalence=0.5)
    # given the variances, the logarithm of the ratio of the means is Normal
    log_variance = np.linspace(-9.0, 25.0, 1500)
    variance, weights = np.exp(log_variance), []
    for _, _, alpha, beta in (first, second):
        logs = -alpha * log_variance - beta / variance
        weights.append(np.exp(logs) / np.exp(logs).sum())
    mean = (first[0] + variance[:, None] / 2.0) - (second[0] + variance / 2.0)
    deviation = np.sqrt(variance[:, None] / first[1] + variance / second[1])

    def above(log_ratio):
        return float(weights[0] @ sc.ndtr((mean - log_ratio) / deviation) @ weights[1])

    assert found.p_best["a"] == pytest.approx(above(0.0), rel=1e-9)
    difference = found.differences["a"]
    ends = [above(math.log1p(end)) for end in difference.lift_interval]
    assert ends == pytest.approx([0.975, 0.025], rel=1e-6)
    assert 0.0 < difference.p_equivalent < 1.0
    assert found.loss == {"a": math.inf, "b": math.inf}
    assert found.mean == {"a": None, "b": None}


@pytest.mark.parametrize(
    ("likelihood", "quantity"), [(LogNormal(), "mean"), (LogNormal(), 0.9), (NormalData(), 0.9)]
)
def test_intervals_are_those_of_the_number_itself(likelihood, quantity, rng):
    beliefs = [NormalInverseGamma(likelihood=likelihood) for _ in range(3)]
    for belief, n in zip(beliefs, (4, 12, 200), strict=True):
        belief.learn_many(rng.lognormal(1.0, 0.5, n))
    found = compare(beliefs, quantity=quantity, level=0.9)
    for name, belief in enumerate(beliefs):
        own = number_of(belief, quantity=quantity).interval(0.9)
        assert found.interval[name] == pytest.approx(own, rel=1e-9)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (d.Gamma(0.4, 1.0), d.Gamma(0.9, 1.3)),
        (d.Gamma(0.2, 0.1), d.Gamma(50.0, 100.0)),
        (d.Gamma(1.1, 0.5), d.Gamma(1.0, 3.0)),
    ],
)
def test_intervals_of_differences_of_small_counts(first, second):
    low, high = compare({"a": first, "b": second}, control="b").differences["a"].interval

    def at_most(by):
        # in powers of the first number, whose density is infinite at 0
        start = max(0.0, by)
        edge = start + np.concatenate([[0.0], np.geomspace(1e-90, 2000.0, 500)])
        half = np.diff(edge) / 2.0
        nodes, weights = sc.roots_legendre(20)
        x = ((edge[1:] + edge[:-1]) / 2.0)[:, None] + half[:, None] * nodes
        mass = (half[:, None] * weights) * first.pdf(x) * second.sf(x - by)
        return first.cdf(start) + mass.sum()

    assert at_most(low) == pytest.approx(0.025, abs=1e-9)
    assert at_most(high) == pytest.approx(0.975, abs=1e-9)


@pytest.mark.parametrize("shape", [1.05, 1.5, 3.0])
def test_losses_of_numbers_with_heavy_tails(shape):
    def integrand(u):
        # P(X <= x) P(X > x) dx at x = exp(u), as the tail itself is a power of x
        above = mpmath.gammainc(shape, 0, mpmath.exp(-u), regularized=True)
        return above * (1 - above) * mpmath.exp(u)

    knots = [-8, -3, 0, 3, 10, 50, 200, 1000, 4000]
    with mpmath.workdps(25):
        exact = mpmath.quad(integrand, knots)
    for better in ("higher", "lower"):
        found = compare([d.InverseGamma(shape, 1.0)] * 2, better=better)
        assert relative(found.loss[0], exact) < 1e-10
        assert found.loss[1] == found.loss[0]


def test_losses_of_means_after_few_observations():
    # the characteristic function is exp(-c |t|) (1 + c |t|) with c = sqrt(3)
    found = compare([d.StudentT(3.0, 0.0, 1.0)] * 2)
    assert relative(found.loss[0], 3 * mpmath.sqrt(3) / (2 * mpmath.pi)) < 1e-10
    lower = compare([d.StudentT(3.0, 0.0, 1.0), d.StudentT(2.5, 0.5, 2.0)], better="lower")
    assert lower.loss[1] - lower.loss[0] == pytest.approx(0.5, rel=1e-10)


@pytest.mark.parametrize("variance", [9.0, 100.0])
def test_losses_of_log_normal_means_of_a_wide_prior(variance):
    arms = [
        Normal(mean, variance, known_variance=1.0, likelihood=LogNormal()) for mean in (0.0, 0.3)
    ]
    found = compare(arms, quantity="mean")
    scale = math.sqrt(2.0 * variance)
    # E[max(X - Y, 0)] of log-normal numbers with means m and n
    m, n = (found.mean[name] for name in (0, 1))
    ratio = 0.3 / scale
    exact = n * sc.ndtr(ratio + scale / 2.0) - m * sc.ndtr(ratio - scale / 2.0)
    assert found.loss[0] == pytest.approx(exact, rel=1e-9)


def test_losses_are_infinite_only_where_a_mean_is():
    finite, infinite = d.InverseGamma(3.0, 1.0), d.InverseGamma(0.9, 1.0)
    found = compare({"finite": finite, "infinite": infinite})
    assert found.loss["finite"] == math.inf
    assert 0.0 < found.loss["infinite"] < finite.mean
    lower = compare({"finite": finite, "infinite": infinite}, better="lower")
    assert lower.loss["infinite"] == math.inf
    assert 0.0 < lower.loss["finite"] < finite.mean
    many = compare_many(
        {"finite": d.InverseGamma(np.array([3.0]), 1.0), "infinite": d.InverseGamma(0.9, 1.0)}
    )
    for name in many.names:
        assert many.loss[name][0] == pytest.approx(found.loss[name], rel=1e-9)


def test_revenue_of_few_log_normal_amounts(rng):
    shops = {name: Hurdle(NormalInverseGamma(likelihood=LogNormal())) for name in "ab"}
    shops["a"].learn_many([0.0] * 9 + [3.0, 8.0, 21.0])
    shops["b"].learn_many([0.0] * 12 + [4.0, 5.0, 30.0, 11.0])
    found, draws = compare(shops), {}
    for name, shop in shops.items():
        (a, b), amount = shop.posterior.fields["share"], shop.posterior.fields["amount"]
        mean, kappa, alpha, beta = amount
        variance = beta / rng.gamma(alpha, 1.0, 400_000)
        logs = rng.normal(mean, np.sqrt(variance / kappa)) + variance / 2.0
        draws[name] = np.log(rng.beta(a, b, 400_000)) + logs
        ends = np.log(found.interval[name])
        assert (draws[name] < ends[0]).mean() == pytest.approx(0.025, abs=0.002)
        assert (draws[name] < ends[1]).mean() == pytest.approx(0.975, abs=0.002)
    assert (draws["a"] > draws["b"]).mean() == pytest.approx(found.p_best["a"], abs=0.004)


@pytest.mark.parametrize("control", [None, "a", "b"])
def test_a_certain_difference_that_does_not_matter_is_equivalence(control):
    beliefs = {"a": Beta(5e6, 95e6), "b": Beta(5.03e6, 94.97e6)}
    found = compare(beliefs, equivalence=0.01, control=control)
    assert found.p_best["b"] > 0.975
    assert found.verdict == "equivalent"
    columns = {name: d.Beta(np.array([b.prior.alpha]), b.prior.beta) for name, b in beliefs.items()}
    assert compare_many(columns, equivalence=0.01, control=control).verdict == ["equivalent"]
    assert compare(beliefs).verdict == "best"


def test_a_number_that_is_equivalent_to_another_one_is_not_called_the_best():
    beliefs = {"a": Beta(5e6, 95e6), "b": Beta(5.03e6, 94.97e6), "c": Beta(1e6, 99e6)}
    found = compare(beliefs, equivalence=0.01)
    assert found.p_best["b"] > 0.975
    assert found.differences["a"].p_equivalent > 0.95
    assert found.verdict == "undecided"
    # compared with c alone, the difference matters
    assert compare(beliefs, equivalence=0.01, control="c").verdict == "best"
    assert compare(beliefs, equivalence=0.001, control="a").verdict == "undecided"
    assert compare(beliefs, equivalence=0.0001).verdict == "best"


def test_the_probability_of_equivalence_is_at_most_one():
    found = compare({"a": Beta(5e6, 95e6), "b": Beta(5.03e6, 94.97e6)}, equivalence=0.01)
    assert [each.p_equivalent for each in found.differences.values()] == [1.0]
