"""The sequential test: its e-values have mean 1 under every null hypothesis."""

import json
import math

import numpy as np
import pytest
import scipy.stats as st
from scipy.integrate import quad

from seqbayes import (
    Beta,
    Decayed,
    Dirichlet,
    DirichletProcess,
    Gamma,
    Hurdle,
    Normal,
    NormalInverseGamma,
    ObservationError,
    PriorError,
    Product,
    UnsupportedError,
)
from seqbayes.compare import Gate, compare, decide, p_best, plan
from seqbayes.compare.evidence import (
    Sample,
    effect_prior,
    log_beta_binomial_mean,
    log_e_values,
    log_factors,
    sample_of,
)
from seqbayes.likelihoods import (
    Binomial,
    Exponential,
    Geometric,
    LogNormal,
    NegativeBinomial,
    Poisson,
)

PRIOR = effect_prior(0.2)


def e_values(kind, mine, theirs):
    return np.exp(log_e_values(kind, Sample(*mine), Sample(*theirs), PRIOR))


@pytest.mark.parametrize(("n", "others", "total"), [(1, 1, 1), (5, 9, 6), (40, 30, 12), (3, 50, 9)])
def test_mean_of_e_values_of_trials_is_one_given_any_total(n, others, total):
    k = np.arange(max(0, total - others), min(n, total) + 1)
    shares = st.hypergeom(n + others, total, n).pmf(k)
    each = [e_values("trials", (n, s, n - s), (others, total - s, others - total + s)) for s in k]
    assert shares @ np.array(each) == pytest.approx([1.0, 1.0], rel=1e-10)


@pytest.mark.parametrize(
    ("mine", "theirs", "total"), [(1.0, 1.0, 3), (0.3, 7.0, 20), (5.0, 2.0, 1)]
)
def test_mean_of_e_values_of_events_is_one_given_any_total(mine, theirs, total):
    k = np.arange(total + 1)
    shares = st.binom(total, mine / (mine + theirs)).pmf(k)
    each = [e_values("events", (1, s, mine), (1, total - s, theirs)) for s in k]
    assert shares @ np.array(each) == pytest.approx([1.0, 1.0], rel=1e-10)


@pytest.mark.parametrize(
    ("mine", "theirs", "total"), [(1.0, 1.0, 1), (3.0, 3.0, 7), (4.0, 1.5, 30), (50.0, 80.0, 40)]
)
def test_mean_of_e_values_of_failures_is_one_given_any_total(mine, theirs, total):
    k = np.arange(total + 1)
    shares = st.betabinom(total, mine, theirs).pmf(k)
    each = [e_values("failures", (1, mine, x), (1, theirs, total - x)) for x in k]
    assert shares @ np.array(each) == pytest.approx([1.0, 1.0], rel=1e-10)


@pytest.mark.parametrize(("a", "b"), [(3.0, 4.0), (5000.0, 3000.0), (2.0, 900.0)])
def test_means_of_many_failures_are_integrals(a, b, monkeypatch):
    tilts = np.linspace(-2.0, 2.0, 9)
    summed = log_beta_binomial_mean(3000.0, a, b, tilts)
    monkeypatch.setattr("seqbayes.compare.evidence.MAX_SUMMED_TERMS", 10)
    assert log_beta_binomial_mean(3000.0, a, b, tilts) == pytest.approx(summed, rel=1e-8, abs=1e-8)


@pytest.mark.parametrize("likelihood", [Geometric(), NegativeBinomial(2.0)])
def test_numbers_of_failures_have_a_sequential_test(likelihood, rng):
    gate = Gate(Beta(likelihood=likelihood), ["A", "B"])
    assert Gate.from_dict(gate.to_dict()).kind == gate.kind == "failures"
    planned = plan(Beta(likelihood=likelihood), {"A": 0.2, "B": 0.3})
    for arm, p in (("A", 0.2), ("B", 0.3)):
        gate.learn_many(arm, likelihood.sample(p, rng, round(planned)))
    assert gate.best == "B"
    lower = Gate(Beta(likelihood=likelihood), ["A", "B"], better="lower")
    for arm, p in (("A", 0.2), ("B", 0.3)):
        lower.learn_many(arm, likelihood.sample(p, rng, round(planned)))
    found = lower.decision()
    assert (found.best, found.guarantee) == ("A", "anytime-valid")


def test_numbers_of_failures_rarely_stop_without_a_difference(rng):
    stopped = 0
    for p in (0.02, 0.3, 0.8):
        for _ in range(7):
            gate = Gate(Beta(likelihood=Geometric()), ["A", "B"])
            for _ in range(12):
                for arm in "AB":
                    gate.learn_many(arm, rng.geometric(p, 10))
                stopped += gate.best is not None
                if gate.best is not None:
                    break
    assert stopped <= 5  # at most 1 is expected


def mean_after(density, e_of, low, high, points=()):
    return [
        quad(lambda x, i=i: density(x) * e_of(x)[i], low, high, points=points, limit=400)[0]
        for i in range(2)
    ]


def test_mean_of_e_values_after_one_more_duration_is_the_e_value_now():
    # the next one of exponential durations, given the ratios of the earlier ones, is Lomax
    for (a, b), (c, d) in [((3, 2.0), (2, 5.0)), ((1, 1.0), (1, 4.0)), ((20, 30.0), (9, 8.0))]:
        now = e_values("scale", (a, a, b), (c, c, d))

        def density(share, shape=a + c):
            return shape * share ** (shape - 1)

        def after(share, a=a, b=b, c=c, d=d):
            x = (b + d) * (1.0 / share - 1.0)
            return e_values("scale", (a + 1, a + 1, b + x), (c, c, d))

        assert mean_after(density, after, 0.0, 1.0) == pytest.approx(list(now), rel=1e-7)


def test_mean_of_e_values_after_one_more_number_is_the_e_value_now():
    for n, mean, m, other in [(3, 0.5, 2, -0.4), (1, 0.0, 1, 1.0), (30, 0.3, 10, 0.1)]:
        now = e_values("normal", (n, mean, 0), (m, other, 0))
        common = (n * mean + m * other) / (n + m)
        following = st.norm(common, math.sqrt(1.0 + 1.0 / (n + m)))

        def after(x, n=n, mean=mean, m=m, other=other):
            return e_values("normal", (n + 1, (n * mean + x) / (n + 1), 0), (m, other, 0))

        found = mean_after(following.pdf, after, common - 14.0, common + 14.0)
        assert found == pytest.approx(list(now), rel=1e-7)


def test_mean_of_e_values_after_one_more_number_of_unknown_variance_is_the_e_value_now():
    for n, mean, s, m, other, t in [(3, 0.5, 2.0, 2, -0.4, 0.3), (10, 0.3, 9.0, 12, 0.1, 14.0)]:
        now = e_values("student", (n, mean, s), (m, other, t))
        whole = n + m
        common = (n * mean + m * other) / whole
        squares = s + t + n * m / whole * (mean - other) ** 2
        following = st.t(whole - 1, common, math.sqrt(squares / (whole - 1) * (1 + 1 / whole)))

        def after(x, n=n, mean=mean, s=s, m=m, other=other, t=t):
            more = s + n / (n + 1) * (x - mean) ** 2
            return e_values("student", (n + 1, (n * mean + x) / (n + 1), more), (m, other, t))

        # substituting x = common + sinh(u) for the heavy tails
        found = mean_after(
            lambda u, f=following, c=common: f.pdf(c + math.sinh(u)) * math.cosh(u),
            lambda u, c=common, after=after: after(c + math.sinh(u)),
            -14.0,
            14.0,
            points=(-3.0, 0.0, 3.0),
        )
        assert found == pytest.approx(list(now), rel=1e-6)


@pytest.mark.parametrize(("n", "m"), [(1, 2), (6, 9), (60, 40)])
def test_ratio_of_students_t_is_that_of_its_densities(n, m, rng):
    x, y = rng.normal(0.5, 2.0, n), rng.normal(0.0, 2.0, m)
    mine, theirs = (Sample(len(v), v.mean(), ((v - v.mean()) ** 2).sum()) for v in (x, y))
    weight = n * m / (n + m)
    t = (mine.a - theirs.a) * math.sqrt(weight * (n + m - 2) / (mine.b + theirs.b))
    found = log_factors("student", mine, theirs, PRIOR)
    for effect, log_ratio in zip(PRIOR.effects, found[0], strict=True):
        if 0.02 < effect < 3.0:
            exact = st.nct(n + m - 2, effect * math.sqrt(weight)).logpdf(t)
            exact -= st.t(n + m - 2).logpdf(t)
            assert log_ratio == pytest.approx(exact, rel=1e-8, abs=1e-9)


def test_large_totals_agree_with_the_sum():
    counts = [(30000, 2400, 27600), (41000, 3500, 37500)]
    exact = log_factors("trials", *(Sample(*each) for each in counts), PRIOR)
    from seqbayes.compare import evidence

    approximate = evidence.log_mean_of_large(
        30000.0, 41000.0, 5900.0, np.stack([PRIOR.effects, -PRIOR.effects])
    )
    summed = np.stack([PRIOR.effects, -PRIOR.effects]) * 2400 - exact
    assert approximate == pytest.approx(summed, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("kind", ["trials", "events", "scale", "normal", "student"])
def test_better_data_of_the_first_arm_raise_its_e_value(kind):
    # so that the error is also bounded where the first parameter is below the second one
    if kind == "trials":
        steps = [((20, s, 20 - s), (30, 9, 21)) for s in range(21)]
    elif kind == "events":
        steps = [((20, s, 4.0), (30, 9, 7.0)) for s in range(21)]
    elif kind == "scale":
        steps = [((20, 20, 40.0 / (1 + s)), (30, 30, 7.0)) for s in range(21)]
    else:
        within = 0 if kind == "normal" else 15.0
        steps = [((20, s / 4 - 3.0, within), (30, 0.1, within)) for s in range(21)]
    larger, smaller = np.array(
        [log_e_values(kind, Sample(*a), Sample(*b), PRIOR) for a, b in steps]
    ).T
    assert (np.diff(larger) > 0.0).all()
    assert (np.diff(smaller) < 0.0).all()


@pytest.mark.parametrize("p", [0.01, 0.2, 0.5])
def test_equal_arms_are_rarely_called_different(p, rng):
    stops = 0
    for _ in range(40):
        gate, arms = Gate(Beta(likelihood=Binomial()), "AB"), rng.binomial(400, p, (15, 2))
        for a, b in arms.tolist():
            gate.learn_one("A", (a, 400))
            gate.learn_one("B", (b, 400))
            if gate.best is not None:
                stops += 1
                break
    assert stops <= 2  # 5 % of 40


def test_three_arms_with_a_tie_for_the_best(rng):
    stops = 0
    for _ in range(40):
        gate, means = Gate(Normal(known_variance=1.0), range(3)), (0.0, 0.5, 0.5)
        for _ in range(10):
            for arm, mean in enumerate(means):
                gate.learn_many(arm, rng.normal(mean, 1.0, 40))
            if gate.best is not None:
                stops += 1
                break
    assert stops <= 2


LIKELIHOODS = [
    (Beta(), lambda rng, high: rng.random(4000) < (0.5 if high else 0.4)),
    (Gamma(1, 1), lambda rng, high: rng.poisson(3.5 if high else 3.0, 2000)),
    (
        Gamma(1, 1, likelihood=Exponential()),
        lambda rng, high: rng.exponential(1.0 if high else 1.4, 2000),
    ),
    (Normal(known_variance=4.0), lambda rng, high: rng.normal(1.5 if high else 1.0, 2.0, 2000)),
    (NormalInverseGamma(), lambda rng, high: rng.normal(1.5 if high else 1.0, 2.0, 2000)),
    (
        NormalInverseGamma(likelihood=LogNormal()),
        lambda rng, high: rng.lognormal(1.5 if high else 1.0, 2.0, 2000),
    ),
]


@pytest.mark.parametrize(("state", "draw"), LIKELIHOODS)
@pytest.mark.parametrize("better", ["higher", "lower"])
def test_the_better_arm_of_every_likelihood_is_found(state, draw, better, rng):
    gate = Gate(state, ["high", "low", "lower"], better=better)
    for arm in gate.names:
        gate.learn_many(arm, draw(rng, arm == "high"))
    found = gate.decision()
    assert found.guarantee == "anytime-valid"
    assert found.best == ("high" if better == "higher" else None)
    if found.best:
        assert min(found.e_values["high"].values()) >= 3 / 0.05
        assert found.p_value <= 0.05
        assert found.more == 0.0


def test_states_are_tested_like_their_observations(rng):
    for state, draw in LIKELIHOODS:
        states = {name: state.clone() for name in "ab"}
        gate = Gate(state, "ab")
        for name in "ab":
            xs = draw(rng, name == "a")
            states[name].learn_many(xs)
            gate.learn_many(name, xs)
        assert decide(states).e_values == gate.decision().e_values


def test_shares_of_a_label_are_tested():
    first, second = Dirichlet({"x": 1, "y": 1, "z": 1}), Dirichlet({"x": 1, "y": 1, "z": 1})
    first.learn_many(["x"] * 60 + ["y"] * 40)
    second.learn_many(["x"] * 30 + ["z"] * 70)
    mine, theirs = Beta(), Beta()
    mine.learn_many([True] * 60 + [False] * 40)
    theirs.learn_many([True] * 30 + [False] * 70)
    expected = decide({1: mine, 2: theirs}).e_values
    assert decide({1: first, 2: second}, label="x").e_values == expected
    opened = [DirichletProcess(1.0), DirichletProcess(1.0)]
    opened[0].learn_many(["x"] * 60 + ["y"] * 40)
    opened[1].learn_many(["x"] * 30 + ["z"] * 70)
    assert decide(dict(enumerate(opened, 1)), label="x").e_values == expected


def test_a_gate_continues_from_its_document(rng):
    for state, draw in LIKELIHOODS:
        gate = Gate(state, ["a", "b", "c"], alpha=0.01, effect=0.3, better="lower")
        xs = {name: draw(rng, name == "a") for name in gate.names}
        for name in gate.names:
            gate.learn_many(name, xs[name][:900])
        gate.decision()
        document = json.loads(json.dumps(gate.to_dict()))
        size = len(json.dumps(document))
        restored = Gate.from_dict(document)
        for each in (gate, restored):
            for name in gate.names:
                for x in xs[name][900:1000]:
                    each.learn_one(name, x)
        assert restored.decision() == gate.decision()
        assert len(json.dumps(gate.to_dict())) < size * 1.2


def test_the_strongest_evidence_so_far_decides():
    gate = Gate(Normal(known_variance=1.0), "ab")
    for x in [2.0] * 20:
        gate.learn_one("a", x)
        gate.learn_one("b", -x)
    assert gate.decision().best == "a"
    gate.learn_many("a", [-2.0] * 30)
    assert gate.decision().best == "a"


def test_look_uses_the_increments_of_states(rng):
    gate, states = Gate(Beta(), "ab"), {name: Beta() for name in "ab"}
    for _ in range(10):
        states["a"].learn_many(rng.random(100) < 0.3)
        states["b"].learn_many(rng.random(150) < 0.5)
        gate.look(states)
    assert gate.decision().best == "b"
    with pytest.raises(ObservationError, match="data of the previous call"):
        gate.look({name: Beta() for name in "ab"})
    for missing in ({"a": Beta()}, None, [Beta(), Beta()]):
        with pytest.raises(ObservationError, match="expected states for the arms"):
            gate.look(missing)
    for other in (Gamma(1, 1), Beta(likelihood=Geometric()), None):
        with pytest.raises(ObservationError, match="expected a Beta state of Bernoulli"):
            gate.look({**states, "b": other})


@pytest.mark.parametrize(
    ("states", "reason"),
    [
        ([Product({"x": Beta()})] * 2, "no sequential test for Fields"),
        ([Hurdle(NormalInverseGamma())] * 2, "test the share of observations"),
        ([Decayed(Beta(), 10.0)] * 2, "only the data of states"),
        ([Gamma(1, 1), Gamma(1, 1, likelihood=Exponential())], "the likelihoods differ"),
        ([Normal(known_variance=1.0), Normal(known_variance=2.0)], "known variances differ"),
        ([Normal(known_variance=1.0), NormalInverseGamma()], "the families of the priors differ"),
    ],
)
def test_data_without_a_test_have_no_guarantee(states, reason):
    found = decide(states)
    assert found == decide(dict(enumerate(states)))
    assert found.guarantee == "none"
    assert reason in found.reason
    assert not found.stop


def test_weighted_data_have_no_guarantee():
    first, second = Beta(), Beta()
    first.learn_one(True, w=0.5)
    assert "weights" in decide({"a": first, "b": second}).reason


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((Beta(), ["a"]), {}, "two or more"),
        ((Beta(), 5), {}, "two or more"),
        ((None, "ab"), {}, "expected a state"),
        ((Beta(), ["a", "a"]), {}, "two or more"),
        ((Beta(), "ab"), {"better": "up"}, "'higher' or 'lower'"),
        ((Beta(), "ab"), {"alpha": 0.0}, "alpha > 0"),
        ((Beta(), "ab"), {"effect": -1.0}, "effect > 0"),
        ((Dirichlet.flat(["x", "y"]), "ab"), {}, "pass a label"),
    ],
)
def test_invalid_gates_are_refused(arguments, options, message):
    with pytest.raises(PriorError, match=message):
        Gate(*arguments, **options)


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        (None, {}, "values for two or more arms"),
        ([0.1, 0.2], {}, "values for two or more arms"),
        ({"A": 0.1, "B": math.nan}, {}, "expected a finite probability"),
        ({"A": 0.1, "B": 0.2}, {"better": "up"}, "'higher' or 'lower'"),
        ({"A": 0.1, "B": 0.2}, {"alpha": 2.0}, "expected alpha > 0"),
    ],
)
def test_invalid_plans_are_refused(values, options, message):
    with pytest.raises(PriorError, match=message):
        plan(Beta(), values, **options)


@pytest.mark.parametrize("call", [compare, decide, p_best])
def test_missing_beliefs_are_refused(call):
    for beliefs in ({}, [], None, 5, {"a": Beta()}):
        with pytest.raises(PriorError, match="beliefs to compare"):
            call(beliefs)


@pytest.mark.parametrize("equivalence", ["x", 0.0, math.nan, math.inf])
def test_invalid_regions_and_controls_are_refused(equivalence):
    with pytest.raises(PriorError, match="equivalence > 0"):
        compare([Beta(), Beta()], equivalence=equivalence)
    with pytest.raises(PriorError, match="'control' to be one of"):
        compare([Beta(), Beta()], control=["x"])


def test_unknown_arms_and_invalid_documents_are_refused():
    gate = Gate(Beta(), "ab")
    with pytest.raises(ObservationError, match="expected one of the arms"):
        gate.learn_one("c", True)
    document = gate.to_dict()
    for changes in ({"pairs": []}, {"arms": []}, {"gate": {"alpha": 2.0}}, {"seqbayes": 99}):
        with pytest.raises(PriorError):
            Gate.from_dict({**document, **changes})


@pytest.mark.parametrize("effect", [0.15, 0.4])
def test_planned_numbers_lead_to_a_decision_with_the_given_probability(effect, rng):
    count = plan(Normal(known_variance=1.0), {"a": 0.0, "b": effect})
    n = np.linspace(0.0, count / 2.0, 81)[1:]
    decided = 0
    for _ in range(150):
        steps = rng.normal(effect, math.sqrt(2.0), 80) * math.sqrt(n[0])
        steps += effect * (n[0] - math.sqrt(n[0]))
        difference = np.cumsum(steps) / n
        logs = (
            log_e_values("normal", Sample(m, d, 0.0), Sample(m, 0.0, 0.0), PRIOR)[0]
            for m, d in zip(n, difference, strict=True)
        )
        decided += any(log_e >= math.log(2 / 0.05) for log_e in logs)
    assert 0.72 < decided / 150 < 0.86


def test_plans_of_every_likelihood():
    conversion = plan(Beta(), {"A": 0.05, "B": 0.06})
    assert 20_000 < conversion < 35_000
    assert plan(Beta(), {"A": 0.05, "B": 0.06}, better="lower") == conversion
    assert plan(Beta(), {"A": 0.05, "B": 0.05}) is None
    # a rate counted in ten times the exposure needs a tenth of the observations
    once, tenfold = Gamma(1, 1), Gamma(1, 1, likelihood=Poisson(exposure=10.0))
    rates = {"A": 1.0, "B": 1.2}
    assert plan(once, rates) == pytest.approx(10.0 * plan(tenfold, rates), rel=0.02)
    assert plan(Gamma(1, 1, likelihood=Exponential()), rates) > 0.0
    with pytest.raises(UnsupportedError, match="known_variance"):
        plan(NormalInverseGamma(), {"A": 0.0, "B": 1.0})
    with pytest.raises(PriorError, match="probability"):
        plan(Beta(), {"A": 0.0, "B": 1.5})


def test_more_observations_shrink_as_evidence_grows():
    def states(n):
        found = {"a": Beta(likelihood=Binomial()), "b": Beta(likelihood=Binomial())}
        found["a"].learn_one((int(0.10 * n), n))
        found["b"].learn_one((int(0.12 * n), n))
        return found

    more = [decide(states(n)).more for n in (1000, 3000, 6000, 20000)]
    assert more == sorted(more, reverse=True)
    assert more[-1] == 0.0
    assert decide({"a": Beta(), "b": Beta()}).more is None


def test_samples_hold_what_states_have_learned():
    state = Beta(likelihood=Binomial())
    state.learn_one((3, 10))
    assert sample_of(state) == (10.0, 3.0, 7.0)
    rates = Gamma(2, 1)
    rates.learn_many([3, 4])
    assert sample_of(rates) == (2.0, 7.0, 2.0)
