"""First use: representations, sums, and errors with a remedy."""

import importlib
import math
import re

import numpy as np
import pytest

import seqbayes as sb
from cases import CASES, each_of
from seqbayes import misplaced
from seqbayes.likelihoods import Binomial, Exponential
from seqbayes.river import (
    ConjugateLinearRegression,
    ConjugateNB,
    MixtureDiscriminant,
    PredictiveSurprise,
)


def test_repr_shows_the_data_and_the_posterior():
    state = sb.Beta(2, 3)
    state.learn_many([True, True, False])
    assert repr(state) == "Beta(2, 3) + 3 observed (Bernoulli) = Beta(4, 4), mostly prior"
    state.rollover()
    assert "Beta(4, 4)" in repr(sb.Decayed(state, half_life=5.0))


@pytest.mark.parametrize(
    ("mean", "deviation"), [(1000.0, 7.0), (1e9, 0.1), (-3e-8, 1e-9), (1e12, 1.0), (0.0, 1e150)]
)
def test_the_default_prior_of_mean_and_variance_is_weak_at_any_scale(mean, deviation):
    xs = np.random.default_rng(12).normal(mean, deviation, 12)
    state = sb.NormalInverseGamma()
    for x in xs:
        state.learn_one(x)
    assert state.mean.mean == pytest.approx(xs.mean(), abs=1e-3 * deviation)
    assert state.mean.variance == pytest.approx(xs.var(ddof=1), rel=1e-4)
    assert state.prior_share < 1e-3
    assert "mostly prior" not in str(state)


def test_a_prior_that_outweighs_the_data_is_reported():
    strong = sb.NormalInverseGamma(0, 1, 1, 1)
    strong.learn_many(np.random.default_rng(12).normal(1000.0, 7.0, 12))
    assert strong.mean.variance > 50_000
    assert strong.prior_share > 0.99
    assert str(strong).endswith("mostly prior")
    single = sb.NormalInverseGamma()
    single.learn_one(1000.0)
    assert str(single).endswith("mostly prior")
    assert "mostly prior" not in str(sb.Beta(50, 50))


@each_of(CASES)
def test_the_share_of_the_prior_falls_with_the_data(case):
    state = case.new()
    if state.prior_share is None:
        pytest.skip("the family has no measure of its prior's weight")
    shares = []
    for n in (3, 30, 3000):
        state.learn_many(case.observations(n, salt=n))
        shares.append(state.prior_share)
    assert all(0.0 <= share <= 1.0 for share in shares)
    assert shares[2] < min(shares[0], 0.2)


@each_of(CASES)
def test_predictions_before_any_data_are_those_of_the_prior(case):
    state = case.new()
    if not state.is_proper(state.prior):
        assert state.predict_one() is None
        return
    expected = state.predict_one()
    if state.likelihood.labelled:
        probabilities = state.predict_proba_one()
        assert probabilities.get(expected) == max(probabilities.values(), default=None)
    elif state.display_kind == "number":
        assert expected == pytest.approx(state.predictive.mean)
        assert state.get() == pytest.approx(expected)


def test_the_default_prior_of_mean_and_variance_predicts_nothing_before_any_data():
    state = sb.NormalInverseGamma()
    assert (state.predict_one(), state.get(), state.mean.mean) == (None, None, None)
    state.learn_one(1000.0)
    assert state.predict_one() == state.get() == 1000.0


@each_of(CASES)
def test_sum_merges(case):
    xs = case.observations(6, salt=95)
    parts = [case.new(xs[:2]), case.new(xs[2:3]), case.new(xs[3:])]
    assert sum(parts) == parts[0] + parts[1] + parts[2]
    assert sum(parts[:1]) == parts[0]
    with pytest.raises(TypeError):
        sum(parts, 1)


@pytest.mark.parametrize(
    ("make", "remedy"),
    [
        (lambda: sb.Beta(likelihood=Binomial), r"write Binomial\(\), from seqbayes.likelihoods"),
        (lambda: sb.Beta(likelihood="binomial"), r"write Binomial\(\)"),
        (lambda: sb.Beta(likelihood="poisson"), "supports the likelihoods Bernoulli, Binomial"),
        (lambda: sb.Dirichlet(3), r"write Dirichlet\(\[1, 1, 1\]\)"),
        (lambda: sb.Dirichlet(["red", "green"]), r"write Dirichlet.flat\(\['red', 'green'\]\)"),
        (lambda: sb.Dirichlet("red"), "expected concentrations keyed by label"),
        (lambda: sb.Dirichlet.flat("red"), "expected a sequence of categories"),
        (lambda: sb.Dirichlet.flat(3), "expected a sequence of categories"),
        (lambda: sb.Dirichlet.flat(["red", "red"]), "'red' is given twice"),
        (lambda: sb.Gamma().learn_one(0.7), r"likelihood=Exponential\(\)"),
        (lambda: sb.Gamma().learn_many([1, 0.7]), r"likelihood=Exponential\(\)"),
    ],
)
def test_errors_name_the_remedy(make, remedy):
    with pytest.raises(sb.SeqbayesError, match=remedy):
        make()


@pytest.mark.parametrize("x", [[1, 2], "ab", 3.0, None])
@pytest.mark.parametrize(
    "call",
    [
        lambda x: ConjugateNB().learn_one(x, "a"),
        lambda x: ConjugateNB().predict_proba_one(x),
        lambda x: MixtureDiscriminant().learn_one(x, "a"),
        lambda x: MixtureDiscriminant().predict_proba_one(x),
        lambda x: ConjugateLinearRegression().learn_one(x, 1.0),
        lambda x: ConjugateLinearRegression().predict_one(x),
        lambda x: PredictiveSurprise().learn_one(x),
        lambda x: PredictiveSurprise().score_one(x),
    ],
)
def test_estimators_reject_features_without_names(call, x):
    with pytest.raises(sb.ObservationError, match=r"write dict\(enumerate\(values\)\)"):
        call(x)


@pytest.mark.parametrize(
    ("state", "x"),
    [
        (sb.Beta(2, 2), True),
        (sb.Beta(1, 1), False),
        (sb.Gamma(3, 1), 3),
        (sb.Gamma(2, 1, likelihood=Exponential()), 0.5),
        (sb.Normal(0, 1, 1), 0.0),
        (sb.Dirichlet([1, 1, 1]), 0),
    ],
    ids=str,
)
def test_an_explanation_shows_a_change(state, x):
    step = state.explain(x)
    assert abs(math.log(step.posterior / step.prior)) > 0.05
    assert step.posterior == pytest.approx(step.prior * step.likelihood / step.evidence)


@pytest.mark.parametrize(
    ("state", "x", "at"),
    [
        (sb.Beta(2, 2), True, 2),
        (sb.Beta(2, 2), True, -0.1),
        (sb.Beta(2, 2), True, math.nan),
        (sb.Gamma(2, 2), 1, -1.0),
        (sb.NormalInverseGamma(), 1.0, (0.0, -1.0)),
        (sb.Dirichlet([1, 1]), 0, {0: 0.7, 1: 0.7}),
    ],
    ids=str,
)
def test_an_explanation_rejects_values_outside_the_range(state, x, at):
    with pytest.raises(sb.PriorError, match="at"):
        state.explain(x, at=at)


def test_public_names():
    listed = dir(sb)
    assert {
        "Beta",
        "Product",
        "Decayed",
        "register",
        "mixture",
        "river",
        "sklearn",
        "stream",
    } <= set(listed)
    assert all(not name.startswith("_") for name in listed)
    for name in listed:
        assert getattr(sb, name) is not None
    assert "Poisson" not in listed


@pytest.mark.parametrize(
    ("module", "name", "home"),
    [
        ("seqbayes", "Poisson", "seqbayes.likelihoods"),
        ("seqbayes", "Mixture", "seqbayes.mixture"),
        ("seqbayes", "ConjugateNB", "seqbayes.river"),
        ("seqbayes", "SequentialGaussianMixture", "seqbayes.sklearn"),
        ("seqbayes", "Pipeline", "seqbayes.stream"),
        ("seqbayes.likelihoods", "Gamma", "seqbayes"),
        ("seqbayes.mixture", "Beta", "seqbayes"),
        ("seqbayes.river", "StudentT", "seqbayes.distributions"),
        ("seqbayes.stream.stores", "Table", "seqbayes.table"),
    ],
)
def test_an_import_from_the_wrong_module_names_the_right_one(module, name, home):
    with pytest.raises(ImportError, match=f"it is in {home}$"):
        exec(f"from {module} import {name}", {})


def test_every_public_name_is_found_from_another_module():
    for home in misplaced.PUBLIC[1:]:
        for name in importlib.import_module(home).__all__:
            if name not in sb.__all__:
                assert re.search(
                    r"it is in seqbayes\.\w+", str(misplaced.missing("seqbayes", name))
                )


def test_two_classes_of_one_name_are_rejected_with_both_places():
    Poisson = type("Poisson", (sb.likelihoods.Exponential,), {"__module__": "elsewhere"})
    with pytest.raises(sb.PriorError, match=r"elsewhere\.Poisson .*seqbayes\.likelihoods\.counts"):
        sb.register(Poisson, under=sb.Gamma)
    Beta = type("Beta", (sb.Beta,), {"__module__": "elsewhere"})
    with pytest.raises(sb.PriorError, match=r"elsewhere\.Beta .*seqbayes\.families\.beta\.Beta"):
        sb.register(Beta)


@pytest.mark.parametrize(
    ("cls", "under"), [(int, None), (Exponential, None), (Exponential, int), (3, sb.Gamma)]
)
def test_only_families_and_likelihoods_are_registered(cls, under):
    with pytest.raises(sb.PriorError, match="expected"):
        sb.register(cls, under=under)


def test_a_subclass_that_is_not_registered_reads_its_own_documents():
    class Rate(sb.Gamma):
        pass

    state = Rate(2, 3)
    state.learn_one(4)
    copied = Rate.from_dict(state.to_dict())
    assert type(copied) is Rate
    assert copied == state
