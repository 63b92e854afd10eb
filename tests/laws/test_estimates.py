"""Estimates: MLE, MAP under the flat prior, moments, tails and intervals of the posterior."""

import functools
import math

import numpy as np
import pytest

import seqbayes as sb
from cases import CASES, agree, components, each_of, entries, rebuilt
from oracles import grid_of, has_grid, log_density
from seqbayes import PriorError
from seqbayes.distributions import Distribution

every = each_of(CASES)
FLAT = [case for case in CASES if case.has_flat]


def marginals(state):
    """Return the posterior of every component by name, with its position in a value."""
    belief = state.belief(state.posterior)
    if hasattr(belief, "marginals") and not isinstance(state.mean, dict):
        return belief.marginals._asdict()
    return {"": belief} if not isinstance(state.mean, dict) else None


def test_every_family_with_a_density_has_a_flat_prior():
    assert {case.family for case in CASES if case not in FLAT} <= {sb.DirichletProcess}


@each_of(FLAT)
def test_map_under_the_flat_prior_is_the_mle(case):
    for n in (1, 2, 3, 25):
        state = case.flat(case.observations(n, salt=40 + n))
        agree("MAP under flat() = MLE", case, "flat, belief.mode, estimate", state.map, state.mle)
    assert case.flat().map is None
    assert case.flat().mle is None


@every
def test_mle_maximises_the_likelihood(case):
    xs = case.observations(25, salt=50)
    mle = case.new(xs).mle
    best = math.fsum(log_density(case, mle, x) for x in xs)
    for other in neighbours(case, mle):
        assert math.fsum(log_density(case, other, x) for x in xs) < best, (
            f"{case.id}: {other} is more probable than the MLE {mle}; suspects: estimate, statistic"
        )


@every
def test_map_maximises_the_density(case):
    state = case.new(case.observations(25, salt=51))
    mode = state.map
    if case.family is sb.DirichletProcess:
        assert mode is None
        return
    if has_edge(case, mode):
        pytest.skip("the mode is at the edge")
    best = state.logpdf(mode)
    for other in neighbours(case, mode):
        assert state.logpdf(other) < best, f"{case.id}: {other} is denser than the MAP {mode}"
    agree("mode = MAP", case, "mode", state.mode, mode, 0.0)


def has_edge(case, mode):
    """Whether a share is almost zero."""
    if case.fields:
        return any(has_edge(inner, mode[name]) for name, inner in case.fields.items())
    return isinstance(mode, dict) and min(mode.values()) < 0.01


def neighbours(case, theta):
    """Return parameter values near `theta`, on both sides."""
    if case.fields:
        for name, inner in case.fields.items():
            yield from ({**theta, name: other} for other in neighbours(inner, theta[name]))
        return
    for step in (1e-2, 1e-4):
        for factor in (1.0 - step, 1.0 + step):
            if isinstance(theta, dict):
                first, *_, last = theta
                moved = theta[first] * (factor - 1.0)
                yield {**theta, first: theta[first] + moved, last: theta[last] - moved}
            elif isinstance(theta, tuple):
                yield theta[0] + factor - 1.0, theta[1]
                yield theta[0], theta[1] * factor
                if np.shape(theta[0]):  # each coordinate, and each pair of coordinates
                    for i, j in np.ndindex(theta[1].shape):
                        yield theta[0] + (factor - 1.0) * np.eye(len(theta[0]))[i], theta[1]
                        spread = theta[1].copy()
                        spread[i, j] = spread[j, i] = spread[i, j] * factor
                        yield theta[0], spread
            elif case.family is sb.Normal:
                yield theta + factor - 1.0
            else:
                yield theta * factor


@every
def test_there_is_no_mle_without_data(case):
    assert case.new().mle is None


@every
def test_tails_and_quantiles_agree(case):
    state = case.new(case.observations(6, salt=52))
    for q in (1e-6, 0.025, 0.5, 0.9, 1.0 - 1e-6):
        theta = state.ppf(q)
        below, above = (entries(tail(theta), theta) for tail in (state.cdf, state.sf))
        for name in below:
            # near an edge of the support, a rounded quantile alone costs 1e-9
            agree(f"cdf(ppf({q}))", case, "ppf, cdf", below[name], q, 3e-9)
            agree("sf = 1 - cdf", case, "sf, cdf", above[name], 1.0 - q, 1e-9)


@pytest.mark.parametrize("kind", ["equal-tailed", "hdi"])
@every
def test_intervals_have_their_level(case, kind):
    for level in levels_of(case, kind):
        state, intervals = intervals_of(case, level, kind)
        ends = {name: low for name, (low, _) in intervals.items()}
        tops = {name: high for name, (_, high) in intervals.items()}
        below = entries(probability(state, "cdf", ends), state.mean)
        above = entries(probability(state, "sf", tops), state.mean)
        for name, (low, high) in intervals.items():
            assert low < high
            held = 1.0 - below[name] - above[name]
            agree(f"{kind} {level} of {name}", case, "interval, cdf", held, level, 1e-8)
            if kind == "equal-tailed":
                agree("equal tails", case, "interval", below[name], above[name], 1e-8)


def levels_of(case, kind):
    """Return the levels of intervals; the search for the HDI of a covariance is expensive."""
    if kind == "hdi" and (case.dimension > 2 or getattr(case.likelihood, "features", None)):
        return ()
    return (0.9,) if case.dimension else (0.5, 0.999)


@functools.cache
def intervals_of(case, level, kind):
    """Return a state, and the intervals of its components; a search for each is expensive."""
    state = case.new(case.observations(6, salt=53))
    return state, entries(state.interval(level, kind), state.mean)


def probability(state, tail, values):
    """Return P(component below or above its value)."""
    if isinstance(state, sb.Product):
        inner = {field: {} for field in state.fields}
        for path, value in values.items():
            field, rest = path if isinstance(path, tuple) else (path, "")
            inner[field][rest] = value
        return {f: probability(state.marginal(f), tail, values) for f, values in inner.items()}
    if "" in values:
        return getattr(state, tail)(values[""])
    if isinstance(state.mean, dict):
        belief = state.belief(state.posterior)
        # any shares, whether or not they sum to one: each belongs to one marginal
        shares = np.array([values[label] for label in state.mean])
        marginal = belief.marginals
        count = len(shares)
        has_rest = np.shape(marginal.mean)[-1] > count
        at = np.append(shares, 0.5) if has_rest else shares
        return dict(zip(state.mean, getattr(marginal, tail)(at)[:count], strict=True))
    return getattr(state, tail)(rebuilt(values, state.mean))


@every
def test_the_hdi_is_the_shortest(case):
    for level in levels_of(case, "hdi"):
        _, equal = intervals_of(case, level, "equal-tailed")
        _, shortest = intervals_of(case, level, "hdi")
        for name, (low, high) in shortest.items():
            assert high - low <= (equal[name][1] - equal[name][0]) * (1.0 + 1e-9), (
                f"{case.id}: the {level} hdi of {name} is longer than the equal-tailed interval"
            )


@every
def test_moments_agree_with_draws(case):
    state = case.new(case.observations(12, salt=54), seed=20)
    draws, variances = entries(state.sample(4000), state.mean), diagonal(state)
    for name, mean in entries(state.mean, state.mean).items():
        sample, var = np.asarray(draws[name]), variances[name]
        assert sample.shape == (4000,)
        off = abs(float(sample.mean()) - mean) / (var / 4000) ** 0.5
        assert off < 5.5, f"{case.id}: draws of {name} average {sample.mean()}, not {mean}"
        assert 0.7 < float(sample.var()) / var < 1.4, f"{case.id}: variance of {name}"


def diagonal(state):
    """Return the variance of every number; for a vector of means, from the matrix."""
    var = state.var
    if isinstance(state, sb.NormalInverseWishart):
        var = var._replace(mean=np.diagonal(var.mean))
    return entries(var, state.mean)


@every
def test_draws_have_the_requested_shape(case):
    state = case.new(case.observations(6, salt=55), seed=20)
    one, shapes = components(state.sample()), components(state.mean)
    assert all(is_plain(value) for value in one.values())
    assert set(one) == set(shapes)
    for size in (1, 3, (2, 4)):
        whole = size if isinstance(size, tuple) else (size,)
        for name, values in components(state.sample(size)).items():
            assert np.shape(values) == whole + np.shape(shapes[name])


@every
def test_estimates_are_plain_numbers(case):
    state = case.new(case.observations(6, salt=56))
    for name in ("mean", "var", "map", "mle", "mode"):
        value = getattr(state, name)
        if value is not None:
            assert all(is_plain(v) for v in components(value).values()), (name, value)
    for low, high in components(state.interval()).values():
        assert is_plain(low)
        assert is_plain(high)
    assert type(state.log_evidence) is type(state.n_samples) is float
    assert type(state.log_predictive(case.observations(1, salt=57)[0])) is float
    assert type(state.pdf(state.mean)) is float


def is_plain(value):
    """Whether a value is a Python number, or an array for a parameter that is an array."""
    return type(value) is float or (type(value) is np.ndarray and value.dtype == float)


@every
def test_densities_integrate_and_vanish_outside(case):
    state = case.new(case.observations(6, salt=58))
    assert state(state.mean) == state.pdf(state.mean)
    agree("logpdf", case, "pdf", math.exp(state.logpdf(state.mean)), state.pdf(state.mean))
    outside = {"Beta": [-0.1, 1.1], "Gamma": [-1.0], "NormalInverseGamma": [(0.0, -1.0)]}
    if case.dimension:
        outside["NormalInverseWishart"] = [(np.zeros(case.dimension), -np.eye(case.dimension))]
    for theta in outside.get(case.family.__name__, []):
        assert state.pdf(theta) == 0.0
        assert state.logpdf(theta) == -math.inf


@each_of(FLAT)
def test_improper_beliefs_have_no_answers(case):
    """Under an improper prior estimates are None, and other questions raise an error."""
    state = case.flat()
    if state.is_proper(state.prior):
        pytest.skip("the flat prior of this family is proper")
    estimates = [state.mean, state.var, state.mle, state.map, state.interval()]
    for estimate in [*estimates, state.predict_one()]:
        assert is_silent(case, estimate)
    assert state.log_evidence is None
    x = case.outcomes(1, salt=59)[0][1]
    questions = {
        "pdf": lambda: state.pdf(1.0),
        "cdf": lambda: state.cdf(1.0),
        "sf": lambda: state.sf(1.0),
        "ppf": lambda: state.ppf(0.5),
        "sample": state.sample,
        "log_predictive": lambda: state.log_predictive(x),
        "predictive": lambda: state.predictive,
        "explain": lambda: state.explain(x),
    }
    for question in questions.values():
        with pytest.raises(PriorError, match="improper"):
            question()
    assert state == case.flat()
    for x in case.observations(30, salt=60):
        state.learn_one(x)
    assert state.is_proper(state.posterior)
    assert state.mean is not None
    assert state.log_evidence is None
    assert state.predictive is not None


def is_silent(case, estimate):
    """Whether the fields with an improper flat prior have no estimate."""
    if case.fields and estimate is not None:
        return all(
            is_silent(inner, estimate[name])
            for name, inner in case.fields.items()
            if not inner.flat().is_proper(inner.flat().prior)
        )
    return estimate is None


@pytest.mark.parametrize("level", [0.0, 1.0, -0.5, 95, math.nan, "0.9", None])
def test_levels_are_checked(level):
    for family in {case.family for case in CASES}:
        case = next(case for case in CASES if case.family is family)
        with pytest.raises(PriorError, match="level"):
            case.new().interval(level)
        with pytest.raises(PriorError, match="kind"):
            case.new().interval(0.9, "shortest")


@every
def test_order_is_that_of_river(case):
    """Bandit arms are ranked by their means; an arm without a mean is the lowest."""
    state = case.new(case.observations(5, salt=61))
    if isinstance(state.mean, float):
        other = case.new(case.observations(5, salt=62))
        assert (state > other) == (state.mean > other.mean)
        assert (other > state) == (other.mean > state.mean)
        assert not state > case.new(case.observations(5, salt=61))
    with pytest.raises(TypeError):
        _ = state > 0.5


def test_grids_and_families_name_the_same_components():
    for case in CASES:
        if has_grid(case):
            mean = case.new(case.observations(9)).mean
            assert set(grid_of(case).components) == set(entries(mean, mean))


@every
def test_values_that_are_not_parameters_are_rejected(case):
    state = case.new(case.observations(3))
    if isinstance(state.belief(state.posterior), Distribution):
        return  # one number: NumPy converts it
    for name in ("pdf", "logpdf", "cdf", "sf", "logcdf", "logsf"):
        for theta in ("abc", None, [0.1] * 7):
            with pytest.raises(PriorError, match="expected"):
                getattr(state, name)(theta)
