"""Amounts that are often zero, and quantities that are functions of the parameters."""

import json
import math

import mpmath
import numpy as np
import pytest
import scipy.special as sc
import scipy.stats as st

from seqbayes import (
    Beta,
    Dirichlet,
    Gamma,
    Hurdle,
    Normal,
    NormalInverseGamma,
    PriorError,
    cli,
    likelihoods,
)
from seqbayes import distributions as d
from seqbayes.compare import compare, number_of, product
from seqbayes.dashboard import views
from seqbayes.distributions.averaged import ProductOfTwo
from seqbayes.distributions.combination import NormalCombination
from seqbayes.stream import check, open_store, run

PAID = [0, 0, 12.5, 0, 31.0, 0, 0, 0, 8.25, 0]


def revenue(paid=PAID, shape=2.0, rate=20.0):
    state = Hurdle(Gamma(shape, rate, likelihood=likelihoods.Exponential()))
    state.learn_many(paid)
    return state


def below(a, b, shape, scale, x):
    """P(S M <= x) of a Beta share S and an inverse gamma mean M."""

    def integrand(u):
        share = 1 / (1 + mpmath.exp(-u))
        logs = -a * mpmath.log1p(mpmath.exp(-u)) - b * mpmath.log1p(mpmath.exp(u))
        tail = mpmath.gammainc(shape, scale * share / x, regularized=True)
        return mpmath.exp(logs) / mpmath.beta(a, b) * tail

    centre, width = mpmath.log(a / b), mpmath.sqrt(1 / a + 1 / b)
    knots = [centre + k * width for k in (-40, -8, -3, 0, 3, 8, 40)]
    with mpmath.workdps(20):
        return mpmath.quad(integrand, knots)


@pytest.mark.parametrize("numbers", [(4, 8, 5, 71.75), (1, 300, 3, 50)])
def test_the_distribution_of_revenue_per_visitor(numbers):
    a, b, shape, scale = map(float, numbers)
    number = ProductOfTwo(d.Beta(a, b), d.InverseGamma(shape, scale))
    exact = tuple(map(mpmath.mpf, numbers))
    for end, level in zip(number.interval(0.9), (0.05, 0.95), strict=True):
        assert float(below(*exact, mpmath.mpf(end))) == pytest.approx(level, rel=1e-10)
    low = number.ppf(1e-9)
    assert number.cdf(low) == pytest.approx(float(below(*exact, mpmath.mpf(low))), rel=1e-10)
    assert number.sf(low) + number.cdf(low) == pytest.approx(1.0, abs=1e-14)
    assert number.mean == pytest.approx(a / (a + b) * scale / (shape - 1.0), rel=1e-14)
    x = number.ppf(np.array([0.1, 0.5, 0.9]))
    step = 1e-5 * x
    slopes = (number.cdf(x + step) - number.cdf(x - step)) / (2.0 * step)
    assert number.pdf(x) == pytest.approx(slopes, rel=1e-6)


def test_mean_and_variance_of_the_next_amount():
    state = revenue()
    p, amount = 4.0 / 12.0, st.lomax(5.0, scale=71.75)
    wanted = p * (amount.var() + amount.mean() ** 2) - (p * amount.mean()) ** 2
    assert state.predictive.mean == pytest.approx(p * amount.mean(), rel=1e-12)
    assert state.predictive.var == pytest.approx(wanted, rel=1e-12)
    assert state.predict_one() == pytest.approx(state.expected.mean, rel=1e-12)
    assert state.predictive.p(0.0) == pytest.approx(1.0 - p)
    assert state.predictive.p(10.0) == pytest.approx(p * amount.pdf(10.0), rel=1e-12)


def test_quantiles_of_the_next_amount_invert_its_tails():
    found = revenue().predictive
    assert found.ppf(0.5) == found.isf(0.5) == found.mode == 0.0
    for q in (0.7, 0.9, 0.999):
        assert found.cdf(found.ppf(q)) == pytest.approx(q, rel=1e-12)
        assert found.sf(found.isf(1.0 - q)) == pytest.approx(1.0 - q, rel=1e-12)
    assert found.ppf([0.5, 0.9]).tolist() == pytest.approx([0.0, found.ppf(0.9)])
    assert math.exp(found.logsf(50.0)) == pytest.approx(found.sf(50.0))
    assert math.exp(found.logcdf(50.0)) == pytest.approx(found.cdf(50.0))
    assert found.cdf(-1.0) == 0.0
    assert found.sf(-1.0) == 1.0
    assert 0.2 < np.count_nonzero(found.sample(1000, np.random.default_rng(1))) / 1000 < 0.45


def test_the_share_of_amounts_and_the_amounts_are_learned_separately():
    state = revenue()
    assert state.marginal("share").posterior == (4.0, 8.0)
    assert state.marginal("amount").posterior == (5.0, 71.75)
    parts = Beta(), Gamma(2.0, 20.0, likelihood=likelihoods.Exponential())
    parts[0].learn_many([x > 0 for x in PAID])
    parts[1].learn_many([x for x in PAID if x])
    assert state.log_evidence == pytest.approx(sum(part.log_evidence for part in parts), rel=1e-12)


@pytest.mark.parametrize(
    ("amount", "share", "message"),
    [
        (Gamma(), None, "continuous amount"),
        (Beta(), None, "continuous amount"),
        (Hurdle(Normal()), None, "continuous amount"),
        (3, None, "expected a state"),
        (Normal(), Gamma(), "Beta prior on a share"),
        (revenue().amount, Beta(likelihood=likelihoods.Geometric()), "Beta prior on a share"),
    ],
)
def test_invalid_parts_are_refused(amount, share, message):
    with pytest.raises(PriorError, match=message):
        Hurdle(amount, share)


def test_comparison_of_revenues_per_visitor():
    rng = np.random.default_rng(4)
    beliefs = {
        name: revenue([0.0] * (1000 - n) + list(rng.exponential(mean, n)))
        for name, n, mean in (("a", 60, 30.0), ("b", 70, 34.0))
    }
    found = compare(beliefs, control="a", equivalence=0.2, alpha=0.05)
    numbers = {name: state.expected for name, state in beliefs.items()}
    assert found.mean["b"] == pytest.approx(numbers["b"].mean)
    # P(b > a) by an independent quadrature over the quantiles of a
    nodes, weights = np.polynomial.legendre.leggauss(60)
    u = 8.5 * nodes
    a = numbers["a"].ppf(sc.ndtr(u))
    wanted = 8.5 * weights * st.norm.pdf(u) @ numbers["b"].sf(a)
    assert found.p_best["b"] == pytest.approx(wanted, rel=1e-9)
    top = numbers["b"].isf(1e-12)
    loss = 8.5 * weights * st.norm.pdf(u) @ [tail_mean(numbers["b"], x, top) for x in a]
    assert found.loss["a"] == pytest.approx(loss, rel=1e-6)
    assert (found.decision.guarantee, found.decision.best) == ("anytime-valid", None)
    assert found.differences["b"].lift is not None


def tail_mean(number, x, top):
    """E max(number - x, 0), by quadrature."""
    nodes, weights = np.polynomial.legendre.leggauss(40)
    if top <= x:
        return 0.0
    y = x + (top - x) * (nodes + 1.0) / 2.0
    return float((top - x) / 2.0 * (weights @ number.sf(y)))


def test_a_product_of_separate_beliefs():
    state = revenue()
    share, amount = state.marginal("share"), state.marginal("amount")
    assert product(share, amount).interval() == state.expected.interval()
    assert product(amount, share).mean == pytest.approx(state.expected.mean)
    with pytest.raises(PriorError, match="positive numbers"):
        product(share, Normal())


def learned(state, xs):
    state.learn_many(xs)
    return state


XS = [3.0, 4.0, 5.5, 4.25, 3.5, 2.75]


def test_quantiles_of_normal_observations_have_a_noncentral_t_distribution():
    h = learned(NormalInverseGamma(0.0, 1.0, 3.0, 3.0), XS).posterior
    found = number_of(learned(NormalInverseGamma(0.0, 1.0, 3.0, 3.0), XS), quantity=0.95)
    peer = st.nct(2.0 * h.alpha, sc.ndtri(0.95) * math.sqrt(h.kappa), loc=0.0)
    scale = math.sqrt(h.beta / (h.alpha * h.kappa))
    for x in found.ppf(np.array([0.01, 0.3, 0.7, 0.99])):
        y = (x - h.mean) / scale
        assert found.cdf(x) == pytest.approx(peer.cdf(y), rel=1e-8)
        assert found.pdf(x) == pytest.approx(peer.pdf(y) / scale, rel=1e-7)
    assert found.mean == pytest.approx(h.mean + scale * peer.mean(), rel=1e-9)
    assert found.var == pytest.approx(scale**2 * peer.var(), rel=1e-8)


def test_the_mean_of_log_normal_observations_by_simulation(rng):
    state = learned(NormalInverseGamma(0.0, 1.0, 3.0, 3.0, likelihood=likelihoods.LogNormal()), XS)
    found, h = number_of(state, quantity="mean"), state.posterior
    assert found.mean == math.inf
    variance = h.beta / rng.gamma(h.alpha, 1.0, 200_000)
    means = np.exp(rng.normal(h.mean, np.sqrt(variance / h.kappa)) + variance / 2.0)
    for q in (0.05, 0.5, 0.95):
        assert np.mean(means <= found.ppf(q)) == pytest.approx(q, abs=0.003)


@pytest.mark.parametrize(
    "likelihood",
    [
        likelihoods.Exponential(),
        likelihoods.GammaShape(2.5),
        likelihoods.Weibull(1.7),
        likelihoods.InverseGamma(3.0),
        likelihoods.Rayleigh(),
        likelihoods.Maxwell(),
        likelihoods.Poisson(2.0),
    ],
)
def test_expected_observations_are_functions_of_the_rate(likelihood, rng):
    state = Gamma(3.0, 2.0, likelihood=likelihood)
    found = state.expected
    for q in (0.1, 0.6):
        x = found.ppf(q)
        # the expected value changes monotonically with the rate
        increasing = (
            likelihood.sample(2.0, rng, 4000).mean() > likelihood.sample(1.0, rng, 4000).mean()
        )
        rate = state.ppf(q) if increasing else state.isf(q)
        drawn = likelihood.sample(rate, rng, 100_000)
        assert drawn.mean() == pytest.approx(x, abs=6.0 * drawn.std() / 300.0)
        if likelihood.continuous:
            quantile = number_of(state, quantity=0.9).ppf(q)
            assert np.mean(drawn <= quantile) == pytest.approx(0.9, abs=0.006)


@pytest.mark.parametrize(
    ("state", "quantity", "message"),
    [
        (Gamma(3.0, 1.0, likelihood=likelihoods.Pareto(1.0)), "mean", "infinite with prob"),
        (Gamma(3.0, 1.0, likelihood=likelihoods.Laplace()), "mean", "known centre"),
        (Gamma(3.0, 1.0), "median", "expected 'mean' or a probability"),
        (Gamma(3.0, 1.0), 1.5, "expected 'mean' or a probability"),
        (Hurdle(Gamma(3.0, 1.0, likelihood=likelihoods.Pareto(1.0))), None, "mean of Hurdle"),
    ],
)
def test_quantities_that_do_not_exist_are_refused(state, quantity, message):
    with pytest.raises(PriorError, match=message):
        compare([state, state], quantity=quantity)


def test_a_mean_is_best_where_the_parameter_is_lowest():
    waits = [learned(Gamma(likelihood=likelihoods.Exponential()), [x, *XS]) for x in (1.0, 2.0)]
    found = compare(waits, quantity="mean")
    assert found.p_best[1] == pytest.approx(compare(waits, better="lower").p_best[1], rel=1e-10)


def test_combinations_without_a_mean():
    assert NormalCombination(0.0, 1.0, 0.5, 1.0, deviations=1.0).mean is None
    assert NormalCombination(0.0, 1.0, 1.0, 1.0, variances=0.5).mean == math.inf
    assert NormalCombination(0.0, 1.0, 1.0, 1.0, deviations=1.0).var == math.inf


CONFIG = """
store = "beliefs.db"
source = { kind = "file", path = "events.jsonl" }
[belief.revenue]
state = "hurdle"
field = "paid"
by = "page"
control = "a"
[belief.revenue.fields.amount]
state = "gamma"
likelihood = "exponential"
prior = { shape = 2, rate = 20 }
"""


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.toml").write_text(CONFIG)
    events = [{"page": page, "paid": x * k} for page, k in (("a", 1), ("b", 2)) for x in PAID]
    (tmp_path / "events.jsonl").write_text("".join(json.dumps(each) + "\n" for each in events))
    run("c.toml")
    return "beliefs.db"


def test_a_hurdle_in_a_configuration_is_stored_shown_and_compared(store, capsys):
    assert cli.main(["show", store, "--json"]) == 0
    shown = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    of_a = next(each for each in shown if each.get("key") == {"page": "a"})
    assert of_a["expected"]["mean"] == pytest.approx(revenue().expected.mean)
    assert of_a["expected"]["interval"] == pytest.approx(list(revenue().expected.interval()))
    assert cli.main(["show", store]) == 0
    assert "expected" in capsys.readouterr().out
    assert cli.main(["compare", store, "revenue", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    wanted = compare({"a": revenue(), "b": revenue([2 * x for x in PAID])})
    assert found["keys"]["b"]["p_best"] == pytest.approx(wanted.p_best["b"])
    with open_store(store, "read") as opened:
        assert len(list(opened.entries("revenue"))) == 2


def test_the_fields_of_a_hurdle_are_checked(tmp_path):
    path = tmp_path / "c.toml"
    path.write_text(CONFIG.replace("fields.amount", "fields.money"))
    with pytest.raises(Exception, match="expected amount and, optionally, share"):
        check(path)


def test_the_page_shows_the_expected_value():
    state = revenue()
    (card,) = views.cards([state], [None], 40)
    low, high = state.expected.interval()
    assert card["mean"] == pytest.approx(state.expected.mean)
    assert card["interval"] == pytest.approx([low, high], rel=1e-4)
    density = card["density"]
    x, y = np.array(density["x"]), np.array(density["posterior"])
    assert y == pytest.approx(state.expected.pdf(x), abs=1e-3 * y.max())
    assert len(density["prior"]) == len(x)
    assert [each["name"] for each in card["fields"]] == ["share", "mean amount", "amount"]
    assert views.rankings([state])[0].mean == pytest.approx(state.expected.mean)
    assert views.plotted(state, ()).mean == pytest.approx(state.expected.mean)
    empty = Hurdle(Gamma(0.0, 0.0, likelihood=likelihoods.Exponential()))
    (card,) = views.cards([empty], [None], 40)
    assert card["mean"] is None
    compared = views.compare([state, revenue([2 * x for x in PAID])])
    assert compared["best"] == 1


def test_a_quantity_is_not_ignored_where_it_does_not_exist():
    numbers = [d.Gamma(2.0, 3.0), d.Gamma(3.0, 3.0)]
    with pytest.raises(PriorError, match="expected a state"):
        compare(numbers, quantity=0.95)
    colours = [Dirichlet({"red": 2.0, "blue": 1.0})] * 2
    with pytest.raises(PriorError, match="a quantile is computed over all labels"):
        compare(colours, label="red", quantity=0.95)
    assert repr(number_of(colours[0], "red", "mean")) == "Beta(alpha=2.0, beta=1.0)"


@pytest.mark.parametrize("amounts", [[5.0], [5.0, 6.0], [5.0, 6.0, 9.0, 2.0, 3.0]])
def test_a_belief_of_a_few_log_normal_amounts_is_shown(amounts):
    state = Hurdle(NormalInverseGamma(likelihood=likelihoods.LogNormal()))
    state.learn_many([0.0, *amounts])
    assert "<svg" in state._repr_html_()
    if len(amounts) == 1:  # the variance of the logarithms is unknown
        assert state.expected is None
        assert state.summary() == (None, None)
    else:
        low, high = state.summary().interval
        assert 0.0 < low < high


@pytest.mark.parametrize("amounts", [[5.0, 6.0], [5.0, 6.0, 9.0]])
def test_revenue_with_few_log_normal_amounts_agrees_with_an_integral_over_share_and_variance(
    amounts,
):
    state = Hurdle(NormalInverseGamma(likelihood=likelihoods.LogNormal()))
    state.learn_many([0.0] * 20 + amounts)
    a, b = state.posterior.fields["share"]
    mean, kappa, alpha, beta = state.posterior.fields["amount"]
    # the trapezoidal rule in the log odds of the share and in the logarithm of the variance
    u, v = np.arange(-30.0, 12.0, 0.02), np.arange(-9.0, 60.0, 0.1)
    shares = np.exp(-a * np.logaddexp(0.0, -u) - b * np.logaddexp(0.0, u))
    variance = np.exp(v)
    variances = np.exp(-alpha * v - beta / variance)
    shares, variances = shares / shares.sum(), variances / variances.sum()
    log_share = -np.logaddexp(0.0, -u)[:, None]
    for x in (1e-3, 30.0):
        score = (math.log(x) - log_share - mean - variance / 2.0) / np.sqrt(variance / kappa)
        assert state.expected.cdf(x) == pytest.approx(shares @ sc.ndtr(score) @ variances, rel=1e-9)
        assert state.expected.sf(x) == pytest.approx(shares @ sc.ndtr(-score) @ variances, rel=1e-9)


@pytest.mark.parametrize("amounts", [[], [8.0]])
def test_one_log_normal_amount_is_compared_under_a_prior_of_the_variance(amounts, rng):
    prior = NormalInverseGamma(2.0, 0.5, 3.0, 2.0, likelihood=likelihoods.LogNormal())
    shops = {"a": Hurdle(prior), "b": Hurdle(prior)}
    shops["a"].learn_many([0.0] * 20 + amounts)
    shops["b"].learn_many([0.0] * 20 + [5.0, 6.0, 9.0])
    found, draws = compare(shops), {}
    for name, shop in shops.items():
        (a, b), (mean, kappa, alpha, beta) = (
            shop.posterior.fields["share"],
            shop.posterior.fields["amount"],
        )
        variance = beta / rng.gamma(alpha, 1.0, 400_000)
        logs = rng.normal(mean + variance / 2.0, np.sqrt(variance / kappa))
        draws[name] = np.log(rng.beta(a, b, 400_000)) + logs
    assert (draws["a"] > draws["b"]).mean() == pytest.approx(found.p_best["a"], abs=0.004)


def test_beliefs_that_are_too_wide_or_negative_are_refused_with_the_remedy():
    one, two = (Hurdle(NormalInverseGamma(likelihood=likelihoods.LogNormal())) for _ in range(2))
    one.learn_many([0.0, 5.0])
    two.learn_many([0.0, 5.0, 6.0])
    with pytest.raises(PriorError, match="little about their variance: learn more of them, use a"):
        compare([one, two])
    with pytest.raises(PriorError, match="may be negative"):
        compare([Hurdle(Normal(0.0, 1.0, 1.0))] * 2)


def test_the_page_draws_the_density_of_log_normal_amounts():
    views = pytest.importorskip("seqbayes.dashboard.views")
    state = Hurdle(NormalInverseGamma(1.0, 1.0, 2.0, 1.0, likelihood=likelihoods.LogNormal()))
    state.learn_many([0.0, 5.0, 6.0, 9.0, 2.0, 3.0])
    density = views.card(state)["density"]
    x, y = np.array(density["x"]), np.array(density["posterior"])
    some = slice(None, None, 16)
    np.testing.assert_allclose(y[some], state.expected.pdf(x[some]), atol=0.02 * y.max())
