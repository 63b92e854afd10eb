"""Samples of states, mixtures and tables, also for ArviZ."""

import math

import numpy as np
import pytest

import seqbayes
from seqbayes import (
    Beta,
    Dirichlet,
    Gamma,
    Normal,
    NormalInverseGamma,
    NormalInverseWishart,
    Product,
)
from seqbayes.figures.named import parts
from seqbayes.mixture import DirichletProcessMixture, Mixture, Prequential
from seqbayes.river import ConjugateNB
from seqbayes.table import Table


def test_samples_for_arviz_have_the_moments_of_the_state():
    pytest.importorskip("arviz_base", reason="the extra 'arviz' is not installed")
    state = NormalInverseGamma(1.0, 4.0, 6.0, 10.0, seed=1)
    state.learn_many([1.0, 3.0, 2.0])
    tree = state.to_arviz(draws=2000, chains=2)
    assert set(tree.children) == {"posterior", "prior", "posterior_predictive"}
    posterior = tree["posterior"]
    assert posterior["mean"].shape == (2, 2000)
    error = math.sqrt(state.var.mean / 4000)
    assert abs(float(posterior["mean"].mean()) - state.mean.mean) < 5 * error
    product = Product({"count": Gamma(2, 1), "colour": Dirichlet({"red": 1.0, "blue": 2.0})})
    vectors = NormalInverseWishart((0.0, 0.0), 1.0, 4.0, ((1.0, 0.0), (0.0, 1.0)))
    assert product.to_arviz(5, 2)["posterior"]["colour red"].shape == (2, 5)
    assert vectors.to_arviz(5, 2)["posterior"]["covariance"].shape == (2, 5, 2, 2)
    with pytest.raises(seqbayes.UnsupportedError, match="ConjugateNB has no samples"):
        ConjugateNB().to_arviz()
    with pytest.raises(seqbayes.PriorError, match="expected draws >= 1, got 0"):
        state.to_arviz(draws=0)
    with pytest.raises(seqbayes.PriorError, match="improper"):
        NormalInverseGamma.flat().to_arviz()


def averages(samples, name):
    """Return the means over chains and draws."""
    return samples.groups["posterior"][name].mean(axis=(0, 1))


def test_samples_of_a_mixture_have_the_moments_of_its_components_and_weights():
    rng = np.random.default_rng(3)
    xs = rng.permutation(np.append(rng.normal(0.0, 1.0, 300), rng.normal(9.0, 1.0, 100)))
    model = Mixture(2, seed=1)
    model.learn_many(xs)
    samples = model.samples(2, 2000)
    assert samples.coords["component"] == ["0", "1"]
    assert averages(samples, "weight") == pytest.approx(model.weights, abs=0.005)
    means = [component.mean.mean for component in model.components]
    assert averages(samples, "mean") == pytest.approx(means, abs=0.02)
    deviations = [math.sqrt(component.var.mean) for component in model.components]
    spread = samples.groups["posterior"]["mean"].std(axis=(0, 1))
    assert spread == pytest.approx(deviations, rel=0.1)
    drawn = samples.groups["posterior_predictive"]["observation"]
    expected = sum(w * mean for w, mean in zip(model.weights, means, strict=True))
    assert drawn.mean() == pytest.approx(expected, abs=0.3)
    again = model.samples(2, 2000)
    assert np.array_equal(again.groups["posterior"]["mean"], samples.groups["posterior"]["mean"])
    with pytest.raises(seqbayes.PriorError, match="before the first observation"):
        Mixture(2).samples(1, 1)
    with pytest.raises(seqbayes.UnsupportedError, match="covariance='diagonal'"):
        Mixture(2, covariance="diag").samples(1, 1)


def test_samples_of_other_mixtures():
    xs = np.random.default_rng(3).normal([[0.0] * 60, [9.0] * 60], 1.0).T.ravel()
    process = DirichletProcessMixture(seed=1)
    process.learn_many(xs)
    samples = process.samples(1, 4000)
    assert samples.coords["weight_of"] == [*map(str, process.names), "new"]
    *known, new = averages(samples, "weight")
    assert new == pytest.approx(process.unseen, abs=0.002)
    assert known == pytest.approx([w * (1 - new) for w in process.weights], abs=0.01)
    coins = Mixture(
        {"A": Normal(0.0, 1.0, 1.0), "B": NormalInverseGamma(3.0, 1.0, 2.0, 1.0)},
        weights=(0.5, 0.5),
    )
    assert set(coins.samples(1, 5).groups["posterior"]) == {"A theta", "B mean", "B variance"}
    compared = Prequential(1, seed=1)
    compared.learn_many(xs)
    assert compared.samples(1, 5).groups["posterior"]["mean"].shape == (1, 5, 1)


@pytest.mark.parametrize(
    ("prior", "xs"),
    [
        (Beta(2, 3, seed=1), [True, False, True]),
        (NormalInverseGamma(0, 1, 3, 2, seed=1), [1.0, 2.0, 4.0]),
        (Dirichlet({"r": 2.0, "g": 1.0}, seed=1), ["r", "g", "r"]),
    ],
    ids=lambda value: getattr(type(value), "__name__", ""),
)
def test_samples_of_a_table_have_the_moments_of_the_beliefs_of_its_keys(prior, xs):
    found = Table(prior)
    found.learn_many([("a", 1), ("b", 2), ("a", 1)], xs)
    samples = found.samples(2, 3000)
    assert samples.coords == {"key": ["a, 1", "b, 2"]}
    assert set(samples.groups) == {"posterior", "prior", "posterior_predictive"}
    for row, key in enumerate(found.keys):
        for name, value in parts(found[key].mean).items():
            assert averages(samples, name or "theta")[row] == pytest.approx(value, abs=0.1), name
    posterior = next(iter(samples.groups["posterior"].values()))
    assert abs(np.corrcoef(posterior[0, :, 0], posterior[0, :, 1])[0, 1]) < 0.1  # independent keys


def test_samples_of_tables_without_samples_of_states():
    pooled = Table(Beta(seed=1), pool="grid")
    keys = [i % 6 for i in range(120)]
    pooled.learn_many(keys, [(i // 6) % (2 + key) == 0 for i, key in enumerate(keys)])
    samples = pooled.samples(1, 500)
    assert set(samples.groups) == {"posterior"}
    assert averages(samples, "theta") == pytest.approx(pooled.mean, abs=0.03)
    flat = Table(NormalInverseGamma.flat())
    flat.learn_one("a", 1.0)
    with pytest.raises(seqbayes.PriorError, match=r"key 'a': .* improper"):
        flat.samples(1, 1)
    with pytest.raises(seqbayes.UnsupportedError, match="without keys"):
        Table(Beta()).samples(1, 1)
    with pytest.raises(seqbayes.UnsupportedError, match="choose keys with `select`"):
        pooled.samples(100, 1_000_000)


def test_samples_of_a_mixture_and_a_table_are_labelled_for_arviz():
    pytest.importorskip("arviz_base", reason="the extra 'arviz' is not installed")
    found = Table(Beta(seed=1))
    found.learn_many(["a", "b"], [True, False])
    posterior = found.to_arviz(draws=5, chains=2)["posterior"]
    assert posterior["theta"].sel(key="b").shape == (2, 5)
    vectors = np.random.default_rng(1).normal([[0.0, 0.0], [9.0, 9.0]], 1.0, (40, 2, 2))
    model = Mixture(2, seed=1)
    model.fit(vectors.reshape(-1, 2))
    posterior = model.to_arviz(draws=5, chains=2)["posterior"]
    assert posterior["covariance"].sel(component="1").shape == (2, 5, 2, 2)
    assert posterior["weight"].sel(weight_of="0").shape == (2, 5)


def test_a_table_of_shares_draws_shares():
    found = Table(Dirichlet({"r": 2.0, "g": 1.0}))
    found.learn_many(["a", "b", "a"], ["r", "g", "r"])
    drawn = found.sample(np.random.default_rng(1))
    assert drawn["r"] + drawn["g"] == pytest.approx([1.0, 1.0])
    many = [found.sample(np.random.default_rng(k))["r"] for k in range(500)]
    assert np.mean(many, axis=0) == pytest.approx(found.mean["r"], abs=0.05)
