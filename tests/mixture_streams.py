"""Streams for every kind of component, shared by tests of mixtures."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from river import datasets

from seqbayes import (
    Beta,
    Dirichlet,
    Gamma,
    Normal,
    NormalInverseGamma,
    NormalInverseWishart,
    Product,
)
from seqbayes.likelihoods import Binomial, Exponential, LogNormal, Multinomial, MultivariateNormal
from seqbayes.mixture import HalfLife
from seqbayes.mixture.em import engine


@pytest.fixture
def few_rows(monkeypatch):
    """Let River's checks read a quarter of the rows, or an eighth of many, of data that it has.

    They use CreditCard, which River downloads; Shuttle is part of River.
    """
    monkeypatch.setattr(datasets, "CreditCard", datasets.Shuttle)
    monkeypatch.setattr(
        datasets.base.Dataset,
        "take",
        lambda data, k: itertools.islice(data, k // (4 if k < 1000 else 8)),
    )


COIN = Beta(likelihood=Binomial(trials=10))

COMPILED = not engine.__file__.endswith(".py")
"""Whether mixtures are compiled; otherwise they take fifty times as long."""

long_stream = pytest.mark.skipif(
    not COMPILED, reason="the stream is long; it is tested with compiled code"
)


def tosses(seed, n):
    rng = np.random.default_rng(seed)
    return rng.binomial(10, np.where(rng.random(n) < 0.5, 0.8, 0.5))


def clusters(seed, n, separation=4.0):
    """Points of three Normal clusters at random."""
    rng = np.random.default_rng(seed)
    means = rng.normal(0, separation, (3, 2))
    which = rng.choice(3, n, p=rng.dirichlet([5] * 3))
    roots = [
        np.linalg.cholesky(np.cov(rng.normal(size=(2, 6))) + 0.1 * np.eye(2)) for _ in range(3)
    ]
    return np.einsum("nij,nj->ni", np.array(roots)[which], rng.normal(size=(n, 2))) + means[which]


def normal_vectors(rng, n):
    return rng.multivariate_normal([0, 3], [[1, 0.6], [0.6, 2]], n)


def streams():
    """A mixture over every kind of component, and a stream for it."""
    rng = np.random.default_rng(3)
    n = 200
    numbers = np.r_[rng.normal(-3, 1, n // 2), rng.normal(4, 0.5, n // 2)]
    rng.shuffle(numbers)
    positive = np.exp(numbers / 3)
    counts = rng.poisson(np.where(rng.random(n) < 0.4, 2, 12))
    moved = normal_vectors(rng, n // 2) + np.array([5, -4])
    vectors = np.r_[normal_vectors(rng, n // 2), moved]
    rng.shuffle(vectors)
    bits = (rng.random((n, 5)) < np.where(rng.random((n, 1)) < 0.5, 0.2, 0.8)).tolist()
    words = rng.choice(list("abc"), n).tolist()
    bags = [
        {"red": int(k), "blue": 6 - int(k)}
        for k in rng.binomial(6, np.where(rng.random(n) < 0.5, 0.2, 0.9))
    ]
    named = [{"x": x, "y": y} for x, y in vectors.tolist()]
    people = [
        {"wait": x, "page": w, "clicks": c}
        for x, w, c in zip(numbers.tolist(), words, counts.tolist(), strict=True)
    ]
    wishart = NormalInverseWishart([0, 0], 0.1, 5)
    visit = Product(
        {
            "wait": NormalInverseGamma(0, 0.1, 2, 2),
            "page": Dirichlet(dict.fromkeys("abc", 2)),
            "clicks": Gamma(2, 1),
        }
    )
    by_name = NormalInverseWishart(
        [0, 0], 0.1, 5, likelihood=MultivariateNormal(features=("x", "y"))
    )
    yield "numbers", {"components": 2}, numbers.tolist()
    yield "normal", {"components": [NormalInverseGamma(0, 0.1, 2, 2)] * 2}, numbers.tolist()
    yield (
        "log-normal",
        {"components": [NormalInverseGamma(0, 0.1, 2, 2, LogNormal())] * 2},
        positive.tolist(),
    )
    yield "known variance", {"components": [Normal(0, 50)] * 2}, numbers.tolist()
    yield "tied", {"components": [wishart] * 2, "covariance": "tied"}, vectors.tolist()
    yield "diagonal", {"components": 3, "covariance": "diagonal"}, vectors.tolist()
    yield "spherical", {"components": 2, "covariance": "spherical"}, named
    yield "mixed features", {"components": 2}, people
    yield "mixed values", {"components": 2}, [(p["wait"], p["page"]) for p in people]
    yield "student", {"components": 2, "df": "learned"}, numbers.tolist()
    yield (
        "log-student",
        {"components": [NormalInverseGamma(0, 0.1, 2, 2, LogNormal())] * 2, "df": 5.0},
        positive.tolist(),
    )
    yield "student vectors", {"components": [by_name] * 2, "df": 4.0}, named
    yield (
        "tied student",
        {"components": [wishart] * 2, "df": "learned", "covariance": "tied"},
        vectors.tolist(),
    )
    yield "student products", {"components": [visit] * 2, "df": "learned"}, people
    yield "vectors", {"components": [wishart] * 2}, vectors.tolist()
    yield "features", {"components": [by_name] * 2}, named
    yield "poisson", {"components": [Gamma(2, 1)] * 2}, counts.tolist()
    yield "coins", {"components": [COIN] * 2, "start": (0.6, 0.5)}, tosses(1, n).tolist()
    yield "bits", {"components": [Product([Beta(2, 2)] * 5)] * 2}, bits
    yield "words", {"components": [Dirichlet(dict.fromkeys("abc", 2))] * 2}, words
    yield (
        "bags",
        {"components": [Dirichlet({"red": 2, "blue": 2}, likelihood=Multinomial(6))] * 2},
        bags,
    )
    yield "products", {"components": [visit] * 2}, people
    yield (
        "different families",
        {"components": [NormalInverseGamma(5, 0.1, 2, 2), Gamma(2, 1, likelihood=Exponential())]},
        positive.tolist(),
    )
    yield "one", {"components": [Gamma(2, 1)]}, counts.tolist()
    yield "drifting", {"components": 2, "step": HalfLife(100)}, numbers.tolist()
    yield "a constant step", {"components": 2, "step": 0.02, "average": True}, numbers.tolist()
