"""Rates are shown with their meaning, and with their reciprocal beside them."""

import io
import math

import pytest
from rich.console import Console

from seqbayes import Beta, Gamma
from seqbayes.console.palette import UNICODE
from seqbayes.console.plain import describe
from seqbayes.console.summary import View, summarise
from seqbayes.console.table import draw
from seqbayes.likelihoods import Exponential, Poisson


def test_mean_duration_of_an_exponential_rate():
    state = Gamma(5.0, 12.0, likelihood=Exponential())
    found = describe({}, state, View())["reciprocal"]
    assert found["meaning"] == "duration"
    assert found["mean"] == pytest.approx(12.0 / 4.0)
    low, high = state.interval()
    assert found["interval"] == pytest.approx([1.0 / high, 1.0 / low])
    assert [line.reciprocal for line in summarise("k", state, View())] == [found["mean"]]


def test_a_duration_without_a_finite_mean():
    state = Gamma(0.5, 2.0, likelihood=Exponential())
    assert describe({}, state, View())["reciprocal"]["mean"] == "inf"
    assert summarise("k", state, View())[0].reciprocal == math.inf


def test_an_improper_posterior_has_no_reciprocal():
    assert "reciprocal" not in describe({}, Gamma(0.0, 0.0, likelihood=Poisson()), View())


def test_parameters_that_are_not_rates_have_no_reciprocal():
    assert "reciprocal" not in describe({}, Beta(2, 3), View())


@pytest.mark.parametrize(
    ("likelihood", "title"), [(Exponential(), "duration"), (Poisson(), "exposure per event")]
)
def test_the_table_has_a_column_for_the_reciprocal(likelihood, title):
    lines = summarise("k", Gamma(5.0, 12.0, likelihood=likelihood), View())
    console = Console(width=140, file=io.StringIO())
    console.print(draw(lines, View(), 140, UNICODE))
    text = console.file.getvalue()
    assert title in text
    assert "3" in text.splitlines()[-1].split()[-1]
