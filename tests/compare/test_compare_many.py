"""Many comparisons at once give the answers of one comparison each."""

import numpy as np
import pytest

from seqbayes import Gamma, Hurdle
from seqbayes import distributions as d
from seqbayes.compare import compare, compare_many
from seqbayes.errors import PriorError
from seqbayes.likelihoods import Exponential

COUNT = 12
"""Number of comparisons."""


def shares(rng):
    n, p = 10.0 ** rng.uniform(0.0, 5.0, COUNT), rng.beta(2.0, 5.0, COUNT)
    return d.Beta(0.5 + n * p, 0.5 + n * (1.0 - p))


def rates(rng):
    return d.Gamma(10.0 ** rng.uniform(-1.0, 3.0, COUNT), 10.0 ** rng.uniform(-1.0, 3.0, COUNT))


def means(rng):
    return d.StudentT(
        10.0 ** rng.uniform(0.5, 3.0, COUNT),
        rng.normal(size=COUNT),
        10.0 ** rng.uniform(-2.0, 1.0, COUNT),
    )


def number(value):
    return np.nan if value is None else value


@pytest.mark.parametrize("draw", [shares, rates, means])
@pytest.mark.parametrize("better", ["higher", "lower"])
def test_each_comparison_has_the_answers_of_compare(draw, better, rng):
    columns = {name: draw(rng) for name in "abc"}
    asked = {"better": better, "control": "b", "equivalence": 0.1, "level": 0.9}
    found = compare_many(columns, **asked)
    for m in range(COUNT):
        one = compare({name: each.elements()[m] for name, each in columns.items()}, **asked)
        for name in "abc":
            close = {"rel": 1e-9, "abs": 1e-60, "nan_ok": True}
            assert found.p_best[name][m] == pytest.approx(one.p_best[name], **close)
            assert found.loss[name][m] == pytest.approx(number(one.loss[name]), **close)
            assert found.mean[name][m] == pytest.approx(number(one.mean[name]), **close)
            ends = [end[m] for end in found.interval[name]]
            assert ends == pytest.approx(list(one.interval[name]), **close)
        for name in "ac":
            mine, theirs = found.differences[name], one.differences[name]
            scale = max(map(abs, theirs.interval))
            ends = [end[m] for end in mine.interval]
            assert ends == pytest.approx(list(theirs.interval), rel=1e-9, abs=1e-10 * scale)
            assert mine.p_better[m] == found.p_better[name]["b"][m]
            assert mine.p_better[m] == pytest.approx(theirs.p_better, **close)
            assert mine.lift[m] == pytest.approx(number(theirs.lift), rel=1e-8, nan_ok=True)
            assert mine.p_equivalent[m] == pytest.approx(theirs.p_equivalent, rel=1e-8, abs=1e-60)
        assert found.verdict[m] == one.verdict
        assert found.names[found.best[m]] == one.best


def test_distributions_of_different_classes_are_compared():
    columns = {"a": d.StudentT(np.array([5.0, 8.0]), 0.0, 1.0), "b": d.Normal(np.ones(2), 2.0)}
    found = compare_many(columns)
    for m, df in enumerate((5.0, 8.0)):
        one = compare({"a": d.StudentT(df, 0.0, 1.0), "b": d.Normal(1.0, 2.0)})
        assert found.p_best["a"][m] == pytest.approx(one.p_best["a"], rel=1e-10)


@pytest.mark.parametrize(
    ("beliefs", "options", "message"),
    [
        ({"a": d.Beta(np.ones(2), 1.0)}, {}, "two or more"),
        ({"a": d.Beta(np.ones(2), 1.0), "b": d.Beta(1.0, 1.0)}, {}, "arrays of equal length"),
        ({"a": d.Beta(np.ones(2), 1.0), "b": 3}, {}, "expected distributions"),
        ({"a": d.Beta(1.0, 1.0), "b": d.Beta(1.0, 1.0)}, {"control": "c"}, "control"),
        ({"a": d.Beta(1.0, 1.0), "b": d.Gamma(1.0, 1.0)}, {}, "the same kind"),
    ],
)
def test_invalid_columns_are_refused(beliefs, options, message):
    with pytest.raises(PriorError, match=message):
        compare_many(beliefs, **options)


def test_arrays_are_for_many_comparisons():
    columns = d.Beta(np.ones(2), 1.0)
    with pytest.raises(PriorError, match="compare_many"):
        compare([columns, columns])


def test_distributions_without_hyperparameters_are_refused():
    shop = Hurdle(Gamma(2, 40, likelihood=Exponential()))
    shop.learn_many([0.0, 3.0, 4.0])
    numbers = compare({"A": shop, "B": shop}, quantity=0.9).numbers
    with pytest.raises(PriorError, match=r"with hyperparameters, got .*: use compare"):
        compare_many(numbers)
