"""Comparisons agree with 32-digit arithmetic to ten digits, and their quantiles to seven.

generate_reference.py has written the reference numbers, with quantiles to about eight digits.
"""

import json
from pathlib import Path

import pytest

from seqbayes import distributions as d
from seqbayes.compare import compare

CASES = json.loads(Path(__file__).with_name("reference.json").read_text())
KINDS = {
    "beta": d.Beta,
    "gamma": d.Gamma,
    "inverse-gamma": d.InverseGamma,
    "normal": lambda mean, deviation: d.Normal(mean, deviation**2),
    "student": d.StudentT,
}


def named(case):
    return f"{case['kind']}{case['first']}{case['second']}"


@pytest.mark.parametrize("case", CASES, ids=named)
def test_comparisons_agree_with_multiple_precision(case):
    make = KINDS[case["kind"]]
    beliefs = {name: make(*map(float, case[name])) for name in ("first", "second")}
    found = compare(beliefs, control="first", equivalence=case["equivalence"])
    difference = found.differences["second"]
    numbers = {
        "p_above": found.p_better["second"]["first"],
        "p_below": found.p_better["first"]["second"],
        "p_equivalent": difference.p_equivalent,
        "loss_first": found.loss["first"],
        "loss_second": found.loss["second"],
    }
    for name, number in numbers.items():
        assert number == pytest.approx(float(case[name]), rel=1e-10, abs=0.0), name
    assert list(difference.interval) == pytest.approx(list(map(float, case["interval"])), rel=1e-7)
    if "lift" in case:
        lifts = [difference.lift, *difference.lift_interval]
        # relative to the ratio
        assert [1 + x for x in lifts] == pytest.approx(
            [1 + float(x) for x in case["lift"]], rel=1e-7
        )
    lower = compare(beliefs, better="lower")
    assert lower.p_best["first"] == pytest.approx(float(case["p_above"]), rel=1e-10, abs=0.0)
