"""The exact rest after learning, unlearning, weighting, forgetting, merging and decay.

The oracle keeps every observation with its weight as exact fractions.
"""

import copy
import json
import math
import pickle
from fractions import Fraction

import numpy as np
import pytest
from river import utils

import seqbayes as sb
from cases import ONE_CASE_PER_LIKELIHOOD
from seqbayes import ObservationError, likelihoods
from seqbayes.forgetting import Decayed

FILLS = [0.0, 1e12, -1e12, 1e20, 9.97e36, 1e30, 1e9, 1e9 + 1.0, 1e-9, 3002399751580331.0]
POSITIVE = [abs(x) for x in FILLS if x] + [1e-12]
COUNTS = [0, 10**9, 10**15, 10**20]
HOSTILE = {
    "Normal": FILLS,
    "NormalPrecision": FILLS,
    "Laplace": FILLS,
    "LogNormal": POSITIVE,
    "Exponential": [0.0, *POSITIVE],
    "GammaShape": POSITIVE,
    "InverseGamma": POSITIVE,
    "Weibull": POSITIVE,
    "Rayleigh": POSITIVE,
    "Maxwell": POSITIVE,
    "Pareto": [x for x in POSITIVE if x >= 1e9],
    "NegativeBinomial": COUNTS,
    "Geometric": COUNTS[1:],
}
SIZES = [-30, -20, -9, -3, 0, 0, 0, 3, 6, 9, 12, 15, 20, 30, 36, 40, 60, 100]
WEIGHTS = [1.0, 1.0, 1.0, 0.5, 0.1, 0.3, 1e-12, 1e9, 7.25]


def observations(case, rng):
    """Return ordinary observations, and extreme ones."""
    xs = case.observations(12, salt=int(rng.integers(100)))
    name = type(case.likelihood).__name__
    if name == "MultivariateNormal":
        for value in FILLS:
            for x in xs[:2]:
                row = dict(x) if isinstance(x, dict) else list(x)
                row[next(iter(row)) if isinstance(row, dict) else 0] = value
                xs.append(row)
    if name == "Poisson":
        varies = case.likelihood.exposure is None
        xs += [(k, 1e20) if varies else k for k in COUNTS]
    if name == "Multinomial" and case.likelihood.trials is None:
        xs += [{**dict.fromkeys(xs[0], 0), next(iter(xs[0])): k} for k in COUNTS[1:]]
    return xs + [x for x in HOSTILE.get(name, []) if name != "Geometric" or x > 0]


def check(value, data, new, context):
    """Compare a statistic with the exact one of weighted observations."""
    if hasattr(value, "fields"):
        for index, (name, part) in enumerate(value.fields.items()):
            given = [(field_of(x, name, index), w) for x, w in data]
            own = [(v, w) for v, w in given if v is not None]
            check(part, own, new.fields[name], context)
    elif hasattr(value, "squares"):
        check_moments(value, data, new, context)
    else:
        wanted = {}
        for x, w in data:
            for key, part in parts(new.observe(x).value):
                wanted[key] = wanted.get(key, 0) + w * Fraction(part)
        got = dict(parts(value))
        for key in wanted.keys() | got.keys():
            exact = float(wanted.get(key, 0))
            assert got.get(key, 0.0) == pytest.approx(exact, rel=1e-10, abs=0.0), (key, context)


def field_of(x, name, index):
    """Return what a field learns from an observation; None if it learns nothing."""
    if isinstance(x, dict):
        return x.get(name)
    if isinstance(x, (list, tuple)):
        return x[index]
    return x != 0.0 if index == 0 else x or None  # of a hurdle


def parts(value):
    """Return the numbers of a statistic by name."""
    if isinstance(value, dict):
        return list(value.items())
    return list(enumerate(np.asarray(value, float).tolist()))


def check_moments(value, data, new, context):
    rows = [(numbers(x, new), w) for x, w in data]
    n = sum((w for _, w in rows), Fraction(0))
    assert value.n == pytest.approx(float(n), rel=1e-10), context
    if n == 0:
        return
    d = len(rows[0][0])
    origin, shift = np.atleast_1d(value.origin), np.atleast_1d(value.shift)
    squares = np.reshape(value.squares, (d, d))
    mean = [sum(w * y[i] for y, w in rows) / n for i in range(d)]
    exact = [
        [sum(w * (y[i] - mean[i]) * (y[j] - mean[j]) for y, w in rows) for j in range(d)]
        for i in range(d)
    ]
    for i in range(d):
        scale = math.sqrt(exact[i][i] / n) if exact[i][i] else abs(float(mean[i]))
        got = Fraction(float(origin[i])) + Fraction(float(shift[i]))
        assert abs(float(got - mean[i])) <= 1e-10 * scale, (i, context)
        for j in range(d):
            bound = math.sqrt(exact[i][i]) * math.sqrt(exact[j][j])
            assert abs(squares[i, j] - float(exact[i][j])) <= 1e-10 * bound, (i, j, context)


def numbers(x, new):
    """Return the values whose moments are kept, as fractions."""
    if isinstance(x, dict):
        x = [x[name] for name in new.likelihood.features]
    values = x if isinstance(x, (list, tuple)) else [x]
    if new.likelihood.of_logarithm:
        values = [math.log(v) for v in values]
    return [Fraction(v) for v in values]


def walk(case, seed, steps=40, scales=True, checked=True):
    """Do random steps, and compare the state with the oracle."""
    rng = np.random.default_rng(seed)
    xs, state, data, log = observations(case, rng), case.new(), [], []
    for _ in range(steps):
        step = rng.choice(["learn"] * 5 + ["unlearn"] * 5 + ["part", "merge", "many", "forget"])
        x, w = xs[rng.integers(len(xs))], float(rng.choice(WEIGHTS))
        whole = [i for i, (_, v) in enumerate(data) if Fraction(float(v)) == v > 0]
        if step in ("unlearn", "part") and whole:
            i = int(rng.choice(whole))
            x, v = data[i]
            w = float(v) / 4.0 if step == "part" else float(v)
            state.unlearn_one(x, w)
            data[i] = (x, v - Fraction(w))
        elif step == "merge":
            other = case.new()
            other.learn_one(x, w)
            state.merge(other)
            data.append((x, Fraction(w)))
        elif step == "many":
            some = [xs[i] for i in rng.integers(len(xs), size=3)]
            given = rng.choice(WEIGHTS, size=3).tolist()
            state.learn_many(some, given)
            data += [(x, Fraction(w)) for x, w in zip(some, given, strict=True)]
        elif step == "forget" and scales:
            factor = float(rng.choice([0.5, 0.9, 0.25]))
            state.forget(factor)
            data = [(x, v * Fraction(factor)) for x, v in data]
        else:
            state.learn_one(x, w)
            data.append((x, Fraction(w)))
        data = [(x, v) for x, v in data if v]
        log.append((str(step), x, w))
        if checked:
            check(state.statistics.value, data, case.new(), log)
    return state, data


unlearned = pytest.mark.parametrize(
    "case",
    [case for case in ONE_CASE_PER_LIKELIHOOD if case.supports("unlearn")],
    ids=lambda case: case.id,
)


@unlearned
def test_results_depend_only_on_the_remaining_data(case):
    for seed in range(2):
        walk(case, seed, scales=case.supports("scale"))


@unlearned
def test_copies_continue_exactly(case):
    state, data = walk(case, 1, 25, case.supports("scale"), checked=False)
    forms = [
        copy.copy(state),
        pickle.loads(pickle.dumps(state)),
        sb.State.from_dict(json.loads(json.dumps(state.to_dict()))),
    ]
    for copied in forms:
        assert copied == state
        left = [(x, v) for x, v in data if Fraction(float(v)) == v]
        for x, v in left[1:]:
            copied.unlearn_one(x, float(v))
        check(copied.statistics.value, [d for d in data if d not in left[1:]], case.new(), "copy")


@pytest.mark.parametrize("case", ONE_CASE_PER_LIKELIHOOD, ids=lambda case: case.id)
def test_many_observations_are_learned_like_each(case):
    rng = np.random.default_rng(5)
    xs = observations(case, rng)
    some = [xs[i] for i in rng.integers(len(xs), size=40)]
    for weights in (None, rng.choice(WEIGHTS, size=40).tolist(), [1e-12, 0.1] * 20):
        each, many = case.new(), case.new()
        for i, x in enumerate(some):
            each.learn_one(x, 1.0 if weights is None else weights[i])
        many.learn_many(some, weights)
        exact = [(x, Fraction(1.0 if weights is None else weights[i])) for i, x in enumerate(some)]
        check(each.statistics.value, exact, case.new(), "each")
        check(many.statistics.value, exact, case.new(), "many")


HISTORIES = {
    "a weight after the parts of a sum have cancelled": [
        ("learn", -2.6474929637930844e19, 1.0),
        ("learn", 8.973381138855392e-21, 0.001),
        ("unlearn", -2.6474929637930844e19, 1.0),
        ("forget", 0.9),
    ],
    "parts of a sum that lie far apart": [
        ("learn", -3.0238496693766628, 0.13458040880762456),
        ("learn", 4.7306421460272016e-30, 1.0),
        ("unlearn", -3.0238496693766628, 0.13458040880762456),
    ],
    "small values that are merged into large ones": [
        ("learn", 4.909162124229102e60, 72.96697105181687),
        ("many", (5.798888767275966e36, 1.9054841026087164, 0.9523553734790743), (1e9, 1e9, 1.0)),
        ("unlearn", 5.798888767275966e36, 1e9),
        ("unlearn", 4.909162124229102e60, 72.96697105181687),
        ("unlearn", 1.9054841026087164, 1e9),
    ],
    "a negligible weight of equal values": [
        ("learn", 0.5816632237473123, 0.75),
        ("learn", 0.5816632237473123, 1.0),
        ("learn", 0.5816632237473123, 1e-20),
        ("forget", 0.9),
        ("unlearn", 0.5816632237473123, 0.9),
    ],
    "squares near the largest float": [
        ("learn", 9.99999999998862e151, 1.0),
        ("merge", 1.0000000000009166e152, 1.0),
        ("learn", 1.0000000000016705e152, 0.1),
        ("merge", 9.999999999991909e151, 0.25),
        ("unlearn", 1.0000000000009166e152, 1.0),
        ("forget", 0.9),
        ("learn", 1.25, 3.0),
    ],
    "a spike beyond the square root of the largest float over the count": [
        *[("learn", float(i % 7), 1.0) for i in range(1500)],
        ("learn", 1e153, 1.0),
        ("unlearn", 3.0, 1.0),
        ("unlearn", 1e153, 1.0),
    ],
}


def play(state, history, read=lambda x: x):
    """Apply steps, and return the observations that remain with their exact weights."""
    data = []
    for verb, *given in history:
        if verb == "forget":
            state.forget(given[0])
            data = [(x, v * Fraction(given[0])) for x, v in data]
            continue
        if verb == "many":
            state.learn_many(list(map(read, given[0])), given[1])
            data += [(read(x), Fraction(w)) for x, w in zip(*given, strict=True)]
            continue
        x, w = read(given[0]), given[1]
        if verb == "merge":
            other = state.clone()
            other.learn_one(x, w)
            state.merge(other)
        elif verb == "learn":
            state.learn_one(x, w)
        else:
            state.unlearn_one(x, w)
            i = next(i for i, (v, _) in enumerate(data) if v == x and data[i][1] >= w * 0.8)
            data[i] = (x, data[i][1] - Fraction(w))
        if verb != "unlearn":
            data.append((x, Fraction(w)))
    return [(x, v) for x, v in data if v]


@pytest.mark.parametrize("name", HISTORIES)
def test_histories_of_extreme_values_leave_no_trace(name):
    history = HISTORIES[name]
    state = sb.NormalInverseGamma()
    data = play(state, history)
    check(state.statistics.value, data, state.clone(), "one number")
    if "largest" not in name:
        vectors = sb.NormalInverseWishart([0.0, 0.0])
        data = play(vectors, history, lambda x: [x, 1.5])
        check(vectors.statistics.value, data, vectors.clone(), "a vector")
    if "merged" in name:
        rates = sb.Gamma(2.0, 1.0, likelihood=likelihoods.Rayleigh())
        data = play(rates, history)
        exact = sum(v * Fraction(x * x / 2.0) for x, v in data)
        assert rates.statistics.value.b == pytest.approx(float(exact), rel=1e-10)


@unlearned
def test_results_depend_only_on_the_remaining_data_at_any_size(case, monkeypatch):
    rng = np.random.default_rng(17)
    signs, sizes = rng.choice([-1.0, 1.0], 8), rng.choice(SIZES, 8)
    fills = [0.0, *(signs * rng.uniform(1.0, 10.0, 8) * 10.0**sizes).tolist()]
    positive = [abs(x) for x in fills if x]
    monkeypatch.setattr(f"{__name__}.FILLS", fills)
    for name in HOSTILE:
        if name in ("Normal", "NormalPrecision", "Laplace"):
            monkeypatch.setitem(HOSTILE, name, fills)
        elif name == "Pareto":
            monkeypatch.setitem(HOSTILE, name, [x for x in positive if 1e9 <= x < 1e60])
        elif isinstance(HOSTILE[name][0], float):
            monkeypatch.setitem(HOSTILE, name, positive)
    weights = [1.0, 1.0, 0.1, float(rng.uniform()), float(10.0 ** rng.uniform(-20.0, 12.0))]
    monkeypatch.setattr(f"{__name__}.WEIGHTS", weights)
    walk(case, 5, scales=case.supports("scale"))


@pytest.mark.parametrize("distance", [0.0, 1e7, 1e8, 1e9, 1.7e12, 1e15])
@pytest.mark.parametrize("by", ["events", "time"])
def test_a_first_zero_decays(by, distance):
    xs = [0.0, *np.random.default_rng(0).normal(distance, 1.0, 2000).tolist()]
    decayed = Decayed(sb.NormalInverseGamma(), half_life=10.0, by=by)
    vectors = Decayed(sb.NormalInverseWishart([0.0, 0.0]), half_life=10.0, by=by)
    forgotten = sb.NormalInverseGamma()
    for t, x in enumerate(xs):
        when = {"t": float(t)} if by == "time" else {}
        decayed.learn_one(x, **when)
        vectors.learn_one([x, (-1.0) ** t], **when)
        forgotten.forget(0.9)
        forgotten.learn_one(x)
    ages = len(xs) - 1 - np.arange(len(xs))
    exact = [(x, Fraction(2.0 ** -(age / 10.0))) for x, age in zip(xs, ages, strict=True)][-700:]
    wanted = moments(exact)
    assert decayed.mle.variance == pytest.approx(wanted[1], rel=1e-10)
    assert decayed.mle.mean == pytest.approx(wanted[0], rel=1e-15)
    assert vectors.mle.covariance[0, 0] == pytest.approx(wanted[1], rel=1e-10)
    recent = list(zip(xs, ages, strict=True))[-260:]
    exact = [(x, Fraction(0.9 ** int(age))) for x, age in recent]
    assert forgotten.mle.variance == pytest.approx(moments(exact)[1], rel=1e-10)


def moments(data):
    """Return the mean and the variance."""
    n = sum(w for _, w in data)
    mean = sum(w * Fraction(x) for x, w in data) / n
    return float(mean), float(sum(w * (Fraction(x) - mean) ** 2 for x, w in data) / n)


@pytest.mark.parametrize("fill", [1e20, 1e30, 9.97e36, 1e100])
@pytest.mark.parametrize("spread", [1.0, 1e-6])
def test_fill_values_are_removed_from_decayed_data(fill, spread):
    xs = np.random.default_rng(1).normal(5.0, spread, 60).tolist()
    decayed = Decayed(sb.NormalInverseGamma(), half_life=7.0, by="time")
    for t, x in enumerate(xs):
        decayed.learn_one(fill if t in (3, 20) else x, t=float(t))
    for t in (3, 20):
        decayed.unlearn_one(fill, t=float(t))
    exact = [(x, Fraction(2.0 ** ((t - 59) / 7.0))) for t, x in enumerate(xs) if t not in (3, 20)]
    mean, variance = moments(exact)
    assert decayed.mle.mean == pytest.approx(mean, rel=1e-13)
    assert decayed.mle.variance == pytest.approx(variance, rel=1e-10)


@pytest.mark.parametrize("spike", [3002399751580331.0, 1e20, 1e30, 9.97e36, -1e100])
def test_spikes_leave_rolling_windows(spike):
    rolling = utils.Rolling(sb.Normal, window_size=3, prior_mean=0, prior_variance=1e6)
    for x in (spike, 0.0, 0.0, 0.0, 0.0, 0.0):
        rolling.update(x)
    assert rolling.mle == 0.0
    rolling = utils.Rolling(sb.NormalInverseGamma, window_size=3)
    for x in (1.0, spike, 2.0, spike, 0.1, 0.2, 0.4):
        rolling.update(x)
    mean, variance = moments([(x, Fraction(1)) for x in (0.1, 0.2, 0.4)])
    assert rolling.mle == pytest.approx((mean, variance), rel=1e-14)


def test_a_spike_leaves_vectors():
    for spike in (1e20, 1e30, 9.97e36):
        state = sb.NormalInverseWishart([0.0, 0.0])
        for x in ([spike, 0.0], [1.0, 1.0], [2.0, 1.0], [1.5, 2.5]):
            state.learn_one(x)
        state.unlearn_one([spike, 0.0])
        assert state.mle.mean.tolist() == [1.5, 1.5]
        assert state.mle.covariance == pytest.approx(np.array([[1 / 6, 0.0], [0.0, 0.5]]))


def test_equal_values_have_no_variance():
    for value in (0.1, 1e9 + 0.1, 1e-9, -3e15):
        for weights in ([1.0] * 7, [0.3, 0.1, 1e-9, 7.0]):
            state = sb.NormalInverseGamma()
            state.learn_one(1e20)
            state.learn_many([value] * len(weights), weights)
            state.unlearn_one(1e20)
            assert state.mle is None
            assert state.statistics.value.mean == value
            assert state.statistics.value.squares == 0.0


@pytest.mark.parametrize("large", [1e155, -1e155, 1.797e308])
def test_the_first_observation_is_checked_like_all_others(large):
    states = [
        (sb.NormalInverseGamma(), large, 1.0),
        (sb.Normal(0, 1, 1), large, 1.0),
        (sb.NormalInverseWishart([0.0, 0.0]), [1.0, math.copysign(1e154, large)], [1.0, 2.0]),
        (sb.Product([sb.Beta(), sb.NormalInverseGamma()]), [True, large], [True, 1.0]),
    ]
    for state, bad, good in states:
        for w in (1.0, 1e-3):
            with pytest.raises(ObservationError, match="overflow"):
                state.learn_one(bad, w)
        with pytest.raises(ObservationError, match="overflow"):
            state.learn_many([good, bad])
        assert state == state.clone()
        state.learn_one(good)
        assert state.n_samples == 1.0


def test_documents_of_earlier_versions_are_read():
    """Earlier versions stored sums relative to the first value, with one rounding error each."""
    document = sb.NormalInverseGamma(0, 1, 1, 1).to_dict()
    document["statistics"] = [3.0, 0.0, 1e9, 6.0, 0.0, 20.0, 0.0, 0.0, 0.0]
    state = sb.State.from_dict(document)
    wanted = sb.NormalInverseGamma(0, 1, 1, 1)
    wanted.learn_many([1e9, 1e9 + 2.0, 1e9 + 4.0])
    assert state == wanted
    document = sb.NormalInverseWishart([0.0, 0.0]).to_dict()
    sums = [6.0, -6.0, 0.0, 0.0, 20.0, -20.0, 20.0, 0.0, 0.0, 0.0]
    document["statistics"] = [3.0, 0.0, 0.0, 0.0, 1e9, 2.0, *sums]
    state = sb.State.from_dict(document)
    wanted = sb.NormalInverseWishart([0.0, 0.0])
    wanted.learn_many([[1e9, 2.0], [1e9 + 2.0, 0.0], [1e9 + 4.0, -2.0]])
    assert state == wanted
    document = sb.Gamma(likelihood=likelihoods.Exponential()).to_dict()
    document["statistics"] = [3.0, 0.0, 3.0, 0.0, 6.5, 1e-17, 0.0, 0.0]
    assert sb.State.from_dict(document).posterior == (4.0, 7.5)
