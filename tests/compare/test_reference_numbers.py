"""Comparisons agree with 32-digit arithmetic to ten digits, and their quantiles to seven.

generate_reference.py has written the reference numbers, with quantiles to about eight digits.
"""

import json
import math
from pathlib import Path

import pytest
from scipy.special import ndtr

from seqbayes import Beta, Gamma, Hurdle, Normal, NormalInverseGamma
from seqbayes import distributions as d
from seqbayes.compare import compare
from seqbayes.likelihoods import Exponential, LogNormal
from seqbayes.predictive import PowerTransform, Transformed

CASES = json.loads(Path(__file__).with_name("reference.json").read_text())


def normal(*numbers):
    """Return a belief about data with mean and variance; its last two numbers are multiples."""
    return NormalInverseGamma(*numbers[:4])


def log_normal(*numbers):
    return NormalInverseGamma(*numbers[:4], likelihood=LogNormal())


def paid_exponential(a, b, shape, rate):
    amount = Gamma(shape, rate, likelihood=Exponential())
    return Hurdle(share=Beta(a, b), amount=amount)


def paid_log_normal(a, b, mean, deviation):
    """Return a belief about amounts of which exp(mean + variance / 2) has this log mean."""
    amount = Normal(mean - 0.5, deviation**2, 1.0, likelihood=LogNormal())
    return Hurdle(share=Beta(a, b), amount=amount)


KINDS = {
    "beta": d.Beta,
    "gamma": d.Gamma,
    "inverse-gamma": d.InverseGamma,
    "normal": lambda mean, deviation: d.Normal(mean, deviation**2),
    "student": d.StudentT,
    "power": lambda shape, rate, power: Transformed(d.Gamma(shape, rate), PowerTransform(power)),
    "log-normal": lambda mean, deviation: Normal(
        mean - 0.5, deviation**2, 1.0, likelihood=LogNormal()
    ),
    "combination": normal,
    "exp-combination": log_normal,
    "paid-exponential": paid_exponential,
    "paid-log-normal": paid_log_normal,
}


def quantity_of(case):
    """Return the compared quantity: for combinations it follows from the multiples."""
    if case["kind"] == "log-normal":
        return "mean"
    if "combination" not in case["kind"]:
        return None
    deviations, variances = map(float, case["first"][4:])
    return "mean" if variances else float(ndtr(deviations))


def named(case):
    return f"{case['kind']}{case['first']}{case['second']}"


@pytest.mark.parametrize("case", CASES, ids=named)
def test_comparisons_agree_with_multiple_precision(case):
    make, quantity = KINDS[case["kind"]], quantity_of(case)
    beliefs = {name: make(*map(float, case[name])) for name in ("first", "second")}
    found = compare(beliefs, control="first", equivalence=case["equivalence"], quantity=quantity)
    difference = found.differences["second"]
    numbers = {
        "p_above": found.p_better["second"]["first"],
        "p_below": found.p_better["first"]["second"],
        "p_equivalent": difference.p_equivalent,
        "loss_first": found.loss["first"],
        "loss_second": found.loss["second"],
    }
    for name, number in numbers.items():
        if name not in case:  # the mean is infinite
            assert number == math.inf
            continue
        assert number == pytest.approx(float(case[name]), rel=1e-10, abs=0.0), name
    if "interval" in case:
        ends = list(map(float, case["interval"]))
        assert list(difference.interval) == pytest.approx(ends, rel=1e-7)
    if "lift" in case:
        lifts = [difference.lift, *difference.lift_interval]
        # relative to the ratio
        assert [1 + x for x in lifts] == pytest.approx(
            [1 + float(x) for x in case["lift"]], rel=1e-7
        )
    lower = compare(beliefs, better="lower", quantity=quantity)
    assert lower.p_best["first"] == pytest.approx(float(case["p_above"]), rel=1e-10, abs=0.0)
