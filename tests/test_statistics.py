"""Accumulators against exact arithmetic: long windows, extreme scales, any order of steps."""

import math
from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

import seqbayes as sb
from seqbayes import ObservationError, statistics


class Oracle:
    """The data of a learner as exact fractions, one entry per observation."""

    def __init__(self):
        self.seen = []

    def learn(self, x, w):
        self.seen.append((x, Fraction(w)))

    def unlearn(self, i, w):
        x, weight = self.seen[i]
        self.seen[i] = (x, weight - Fraction(w))

    def scale(self, factor):
        self.seen = [(x, w * Fraction(factor)) for x, w in self.seen]

    @property
    def n(self):
        return sum(w for _, w in self.seen)

    def total(self, function):
        return sum(w * Fraction(function(x)) for x, w in self.seen)

    def moments(self):
        """Return the mean and the sum of squares about it."""
        n = self.n
        mean = self.total(lambda x: x) / n
        return mean, sum(w * (Fraction(x) - mean) ** 2 for x, w in self.seen)


weights = some.one_of(
    some.sampled_from([1.0, 0.5, 2.0, 0.1, 0.3, 1e-3, 7.25]), some.floats(1e-6, 1e6)
)
steps = some.lists(
    some.tuples(
        some.sampled_from(
            ["learn", "learn", "learn", "unlearn", "part", "forget", "merge", "many"]
        ),
        some.integers(0, 2**30),
        weights,
    ),
    min_size=1,
    max_size=40,
)


def run(new, draw, steps):
    """Do random steps to a state and to the oracle; return both, and the largest weight so far."""
    state, oracle, peak = new(), Oracle(), 0.0
    for what, i, w in steps:
        x = draw(i)
        live = [j for j, (_, v) in enumerate(oracle.seen) if v > 0]
        if what == "learn" or (what in ("unlearn", "part") and not live):
            state.learn_one(x, w)
            oracle.learn(x, w)
        elif what == "unlearn":
            j = live[i % len(live)]
            x, v = oracle.seen[j]
            if Fraction(float(v)) == v:  # a weight that a float represents exactly
                state.unlearn_one(x, float(v))
                oracle.unlearn(j, float(v))
        elif what == "part":
            j = live[i % len(live)]
            x, v = oracle.seen[j]
            part = float(v) / 4.0
            state.unlearn_one(x, part)
            oracle.unlearn(j, part)
        elif what == "forget":
            factor = (i % 8) / 8.0
            state.forget(factor)
            oracle.scale(factor)
            if factor == 0.0:
                oracle.seen = []
        elif what == "merge":
            other = new()
            other.learn_one(x, w)
            state.merge(other)
            oracle.learn(x, w)
        else:
            xs = [draw(i), draw(i + 1)]
            state.learn_many(xs, w=[w, 2.0])
            oracle.learn(xs[0], w)
            oracle.learn(xs[1], 2.0)
        peak = max(peak, float(oracle.n))
    return state, oracle, peak


@given(steps)
def test_trials_under_random_operations(steps):
    state, oracle, peak = run(sb.Beta, lambda i: i % 3 == 0, steps)
    a, b = state.statistics.value
    assert a == pytest.approx(float(oracle.total(bool)), rel=1e-12, abs=1e-14 * peak)
    assert b == pytest.approx(float(oracle.total(lambda x: not x)), rel=1e-12, abs=1e-14 * peak)
    assert state.n_samples == pytest.approx(float(oracle.n), rel=1e-12, abs=1e-14 * peak)


@given(steps)
def test_counts_under_random_operations(steps):
    state, oracle, peak = run(sb.Gamma, lambda i: i % 50, steps)
    a, b = state.statistics.value
    assert a == pytest.approx(float(oracle.total(lambda x: x)), rel=1e-12, abs=1e-12 * peak)
    assert b == pytest.approx(float(oracle.n), rel=1e-12, abs=1e-14 * peak)


@given(steps)
def test_labels_under_random_operations(steps):
    state, oracle, peak = run(sb.DirichletProcess, lambda i: "abcdefg"[i % 7], steps)
    counts = state.statistics.value
    for label in "abcdefg":
        wanted = float(oracle.total(lambda x, label=label: x == label))
        assert counts.get(label, 0.0) == pytest.approx(wanted, rel=1e-12, abs=1e-14 * peak)
    assert all(count > 0.0 for count in counts.values())


@given(steps, some.sampled_from([0.0, 1e3, -1e9]), some.sampled_from([1.0, 1e-3, 1e6]))
def test_moments_under_random_operations(steps, centre, spread):
    values = np.random.default_rng(0).normal(centre, spread, 64).tolist()
    state, oracle, peak = run(sb.NormalInverseGamma, lambda i: values[i % 64], steps)
    seen = state.statistics.value
    # relative to the largest sum: differences below that are rounding
    if float(oracle.n) <= 1e-9 * peak:
        return
    mean, squares = oracle.moments()
    scale = float(oracle.n) * spread**2
    lost = peak / float(oracle.n)
    assert seen.n == pytest.approx(float(oracle.n), rel=1e-12, abs=1e-14 * peak)
    assert abs(Fraction(seen.origin) + Fraction(seen.shift) - mean) <= 1e-13 * spread * lost
    assert seen.squares == pytest.approx(float(squares), rel=1e-9, abs=1e-11 * scale * lost)


@pytest.mark.parametrize("w", [1.0, 0.1])
def test_long_windows_are_summed_accurately(w):
    """100,000 events through a window of 100, against exact fractions at the end."""
    rng = np.random.default_rng(7)
    xs = (1e6 + np.cumsum(rng.normal(0.0, 1.0, 100_000))).tolist()
    labels = rng.integers(0, 5, 100_000).tolist()
    normal, shares = sb.NormalInverseGamma(), sb.DirichletProcess()
    waits = sb.Gamma(likelihood=sb.likelihoods.Exponential())
    for i, (x, label) in enumerate(zip(xs, labels, strict=True)):
        for state, seen in ((normal, xs), (shares, labels), (waits, xs)):
            state.learn_one(x if seen is xs else label, w)
            if i >= 100:
                state.unlearn_one(seen[i - 100], w)
    last = [Fraction(x) for x in xs[-100:]]
    mean = sum(last) / 100
    squares = sum((x - mean) ** 2 for x in last) * Fraction(w)
    seen = normal.statistics.value
    assert seen.mean == pytest.approx(float(mean), rel=1e-15)
    assert seen.squares == pytest.approx(float(squares), rel=1e-12)
    assert normal.n_samples == pytest.approx(100 * w, rel=1e-15)
    assert waits.statistics.value.b == pytest.approx(float(sum(last) * Fraction(w)), rel=1e-15)
    for label, count in shares.statistics.value.items():
        assert count == pytest.approx(labels[-100:].count(label) * w, rel=1e-15)
    for x, label in zip(xs[-100:], labels[-100:], strict=True):
        normal.unlearn_one(x, w)
        shares.unlearn_one(label, w)
        waits.unlearn_one(x, w)
    assert normal == sb.NormalInverseGamma()
    assert shares == sb.DirichletProcess()
    assert waits == sb.Gamma(likelihood=sb.likelihoods.Exponential())


def test_long_streams_are_summed_accurately():
    """A hundred thousand tenths are ten thousand; a small number beside a large one is kept."""
    tenths = sb.Gamma(likelihood=sb.likelihoods.Exponential())
    for _ in range(100_000):
        tenths.learn_one(0.1)
    exact = 100_000 * Fraction(0.1)
    assert tenths.statistics.value.b == pytest.approx(float(exact), rel=1e-15)
    mixed = sb.Gamma(likelihood=sb.likelihoods.Exponential())
    for x in (1.0, 1e100, 1.0):
        mixed.learn_one(x)
    mixed.unlearn_one(1e100)
    assert mixed.statistics.value == (2.0, 2.0)
    near = sb.Gamma(likelihood=sb.likelihoods.Exponential())
    for x in (1.0, 1e16, 1.0):
        near.learn_one(x)
    near.unlearn_one(1e16)
    assert near.statistics.value == (2.0, 2.0)


def test_merging_distant_data_is_accurate():
    """Moved to another origin and back, the sums lose nothing."""
    near = [1e6 + x / 7.0 for x in (0.3, -1.2, 2.5, 0.1, 7.7)]
    far = [-3e6 + x / 3.0 for x in (1.0, 2.0, 5.0)]
    state, other = sb.NormalInverseGamma(), sb.NormalInverseGamma()
    for x in far:
        state.learn_one(x, 0.3)
    for x in near:
        other.learn_one(x)
    state.merge(other)
    for x in far:
        state.unlearn_one(x, 0.3)
    oracle = Oracle()
    for x in near:
        oracle.learn(x, 1)
    mean, squares = oracle.moments()
    seen = state.statistics.value
    assert seen.mean == pytest.approx(float(mean), rel=1e-15)
    assert seen.squares == pytest.approx(float(squares), rel=1e-13)


@pytest.mark.parametrize("exponent", [-150, -100, -8, 0, 8, 100, 150])
@pytest.mark.parametrize("offset", [0.0, 1e7])
def test_moments_at_any_scale(exponent, offset):
    if exponent == 150 and offset > 0.0:
        return  # the squares overflow
    unit = 10.0**exponent
    xs = [(offset + x) * unit for x in (0.3, -1.2, 2.5, 0.1, 7.7)]
    oracle = Oracle()
    for x in xs:
        oracle.learn(x, 1)
    mean, squares = oracle.moments()
    for learn in ("one", "many"):
        state = sb.NormalInverseGamma.flat()
        if learn == "one":
            for x in xs:
                state.learn_one(x)
        else:
            state.learn_many(xs)
        assert state.mle.mean == pytest.approx(float(mean), rel=1e-15)
        assert state.mle.variance == pytest.approx(float(squares / 5), rel=1e-13, abs=0.0)


@pytest.mark.parametrize("exponent", [-150, -8, 8, 150])
def test_rates_at_any_scale(exponent):
    unit = 10.0**exponent
    state = sb.Gamma.flat(sb.likelihoods.Exponential())
    state.learn_many([0.5 * unit, 1.5 * unit])
    assert state.mle == pytest.approx(1.0 / unit, rel=1e-15)
    assert state.map == pytest.approx(1.0 / unit, rel=1e-15)
    low, high = state.interval()
    assert 0.0 < low < 1.0 / unit < high < math.inf


def test_overflow_is_refused_and_changes_nothing():
    for state, first, bad in (
        (sb.NormalInverseGamma(), 1e150, -1e155),
        (sb.Normal(0, 1), 1e153, 1e155),
        (sb.NormalInverseWishart([0, 0]), [1.0, 1e140], [1.0, 1e154]),
        (sb.Gamma(likelihood=sb.likelihoods.Rayleigh()), 1.0, 1e200),
        (sb.Gamma(likelihood=sb.likelihoods.Weibull(3.0)), 1.0, 1e200),
        (sb.Gamma(likelihood=sb.likelihoods.InverseGamma(2.0)), 1.0, 1e-320),
        (sb.Gamma(likelihood=sb.likelihoods.Exponential()), 1e308, 1e308),
        (sb.Gamma(), 3, 10**307),
    ):
        state.learn_one(first)
        before = state.to_dict()
        with pytest.raises(ObservationError):
            state.learn_one(bad)
        with pytest.raises(ObservationError):
            state.learn_many([bad, bad])
        assert state.to_dict() == before


@given(some.integers(0, 10**6), some.integers(0, 10**6))
def test_log_choose_is_exact(n, k):
    n, k = max(n, k), min(n, k)
    got = statistics.log_choose(float(n), float(k))
    # by lgamma of integers through exact logarithms where the numbers are small
    if n <= 2000:
        assert got == pytest.approx(math.log(math.comb(n, k)), rel=1e-13, abs=1e-15)
    else:
        terms = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
        assert got == pytest.approx(terms, rel=1e-8, abs=1e-7)


@pytest.mark.parametrize(("n", "k"), [(1e15, 1.0), (1e15, 40.0), (1e15, 5e14), (1e10, 1e10 - 3)])
def test_log_choose_of_large_numbers(n, k):
    with mp.workdps(50):
        exact = mp.loggamma(n + 1) - mp.loggamma(k + 1) - mp.loggamma(mp.mpf(n) - k + 1)
        assert statistics.log_choose(n, k) == pytest.approx(float(exact), rel=1e-12)


@pytest.mark.parametrize("k", [0, 1, 20, 255, 256, 257, 1000, 10**6, 10**15, 10**300])
def test_log_factorials_of_counts(k):
    with mp.workdps(40):
        exact = -float(mp.loggamma(mp.mpf(k) + 1))
    assert sb.Gamma().observe(k).log_base == pytest.approx(exact, rel=1e-14)


def test_accumulators_print_their_contents():
    state = sb.Beta()
    state.learn_one(True)
    assert repr(state.statistics).startswith("BernoulliSums(1.0, ")
    assert state.statistics != sb.Gamma().statistics
    assert state.statistics != 3


@pytest.mark.parametrize("value", [True, False, None, math.nan])
def test_missing_labels(value):
    missing = value is None or value != value
    assert statistics.is_missing(value) == missing
