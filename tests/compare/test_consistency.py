"""Verdict, probabilities, intervals and losses never contradict each other, whatever is compared.

`benchmarks/compare.py` does so for 10,000 comparisons.
"""

import zlib
from dataclasses import replace

import numpy as np
import pytest
from consistency import QUANTITIES, contradictions, generated

import cases
from seqbayes import Beta
from seqbayes.compare import compare

COMPARED = [
    case
    for case in cases.ONE_CASE_PER_LIKELIHOOD
    if case.family.display_kind in ("number", "normal", "labels")
    or case.family.display_kind == "hurdle"
]


@pytest.mark.parametrize("case", COMPARED, ids=lambda case: case.id)
def test_the_answers_of_a_comparison_do_not_contradict_each_other(case):
    rng = np.random.default_rng(zlib.crc32(case.id.encode()))
    found = [generated(case, rng, quantity, arms=3) for quantity in QUANTITIES]
    assert any(found)
    for each in filter(None, found):
        assert not list(contradictions(*each)), each


def test_contradictions_are_found():
    result = compare({"a": Beta(20, 80), "b": Beta(60, 40)}, control="a", equivalence=0.01)
    assert not list(contradictions(result, 0.01))
    difference = result.differences["b"]
    wrong = [
        {"p_best": {"a": 0.5, "b": 0.4}},
        {"loss": {"a": 0.1, "b": 0.2}},
        {"loss": {"a": 0.4, "b": -0.001}},
        {"p_better": {"a": {"b": 0.3}, "b": {"a": 0.8}}},
        {"differences": {"b": replace(difference, interval=(-0.1, 0.3))}},
        {"differences": {"b": replace(difference, lift_interval=(-0.1, 0.3))}},
        {"differences": {"b": replace(difference, interval=(-0.001, 0.001))}},
        {"differences": {"b": replace(difference, p_better=0.4)}},
    ]
    for change in wrong:
        assert list(contradictions(replace(result, **change), 0.01)), change
