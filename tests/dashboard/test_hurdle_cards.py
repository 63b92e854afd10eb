"""Cards of amounts that are often zero."""

import numpy as np
import pytest

from seqbayes import Gamma, Hurdle, NormalInverseGamma
from seqbayes.dashboard import views
from seqbayes.distributions import tabulated
from seqbayes.likelihoods import Exponential, LogNormal


@pytest.fixture
def revenue():
    state = Hurdle(NormalInverseGamma(0, 1, 2, 1, likelihood=LogNormal()))
    state.learn_many([0.0] * 90 + [12.0, 19.5, 27.0, 8.25, 31.0] * 2)
    return state


def test_a_card_prepares_each_distribution_once(revenue, monkeypatch):
    """A table of a density takes most of the time of a card."""
    built = []
    original = tabulated.DensityTable.__init__

    def counted(self, *arguments, **options):
        built.append(self)
        original(self, *arguments, **options)

    monkeypatch.setattr(tabulated.DensityTable, "__init__", counted)
    views.card(revenue)
    # of the mean amount and of the expected value, and of the mean amount a priori
    assert len(built) == 3


def test_the_curves_of_a_card_are_the_densities_of_the_expected_value(revenue):
    card = views.card(revenue)["density"]
    x = np.array(card["x"])
    posterior, prior = revenue.expected.pdf(x), revenue.clone().expected.pdf(x)
    assert card["posterior"] == pytest.approx(posterior, abs=2e-3 * posterior.max())
    assert card["prior"] == pytest.approx(prior, abs=2e-3 * posterior.max())


def test_a_card_has_the_median_if_the_mean_is_infinite(revenue):
    card = views.card(revenue)
    assert card["mean"] is None
    assert card["median"] == pytest.approx(revenue.expected.ppf(0.5))
    rates = Hurdle(Gamma(3, 40, likelihood=Exponential()))
    rates.learn_many([0.0, 12.0, 19.5])
    assert "median" not in views.card(rates)


def test_a_card_has_the_share_and_the_mean_amount(revenue):
    share, amount, *parameters = views.card(revenue)["fields"]
    assert (share["name"], share["mean"]) == ("share", pytest.approx(11 / 102))
    assert (amount["name"], amount["mean"]) == ("mean amount", None)
    assert amount["interval"] == pytest.approx(revenue.expected.second.interval())
    assert [each["name"] for each in parameters] == [
        "amount mean of the log",
        "amount variance of the log",
    ]


def test_comparisons_have_a_sequential_test(revenue):
    other = Hurdle(NormalInverseGamma(0, 1, 2, 1, likelihood=LogNormal()))
    other.learn_many([0.0, 5.0, 8.0, 7.0] * 500)
    found = views.compare([revenue, other])["decision"]
    assert (found["guarantee"], found["reason"], found["best"]) == ("anytime-valid", "", None)
    assert 0.0 < found["p_value"] <= 1.0
