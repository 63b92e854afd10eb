"""Batch EM: the published coins, their variants, and the laws that EM obeys."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from published_coins import E_STEP, HEADS, ITERATIONS
from seqbayes import Beta, Dirichlet, Gamma, NormalInverseGamma, ObservationError, PriorError
from seqbayes.families import Normal
from seqbayes.likelihoods import Binomial, Exponential
from seqbayes.mixture import Mixture


def coins(prior: Beta | None = None, **options: object) -> Mixture:
    coin = prior or Beta(likelihood=Binomial(trials=10))
    settings: dict[str, object] = {"weights": (0.5, 0.5), "start": (0.6, 0.5), **options}
    return Mixture({"A": coin, "B": coin}, **settings)  # type: ignore[arg-type]


def oracle(
    iterations: int, a: float = 1.0, b: float = 1.0, weight_prior: float | None = None
) -> list[tuple[float, float, float]]:
    """EM of two coins written out by hand: (theta A, theta B, weight A) per iteration."""
    theta, weight = [0.6, 0.5], 0.5
    steps = [(0.6, 0.5, 0.5)]
    for _ in range(iterations):
        sums = [[0.0, 0.0], [0.0, 0.0]]
        total = 0.0
        for h in HEADS:
            odds = [p**h * (1 - p) ** (10 - h) for p in theta]
            r = weight * odds[0] / (weight * odds[0] + (1 - weight) * odds[1])
            total += r
            for k, share in enumerate((r, 1 - r)):
                sums[k][0] += share * h
                sums[k][1] += share * (10 - h)
        theta = [(h + a - 1) / (h + t + a + b - 2) for h, t in sums]
        if weight_prior is not None:
            weight = (total + weight_prior - 1) / (len(HEADS) + 2 * weight_prior - 2)
        steps.append((theta[0], theta[1], weight))
    return steps


def test_the_e_step_table() -> None:
    start = coins().fit(HEADS, iterations=0)[0]
    r = start.responsibilities
    heads = np.array(HEADS)
    tails = 10 - heads
    table = np.column_stack(
        [r[:, 0], r[:, 0] * heads, r[:, 0] * tails, r[:, 1] * heads, r[:, 1] * tails]
    )
    np.testing.assert_allclose(table, E_STEP, atol=5e-7)
    np.testing.assert_allclose(start.counts[0], (21.297482, 8.572247), atol=5e-7)
    np.testing.assert_allclose(start.counts[1], (11.702518, 8.427753), atol=5e-7)


def test_ten_iterations() -> None:
    trace = coins().fit(HEADS, iterations=10, tol=0)
    for step, published, written_out in zip(trace[1:], ITERATIONS, oracle(10)[1:], strict=True):
        assert step.parameters == pytest.approx(published, abs=5e-7)
        assert step.parameters == pytest.approx(written_out[:2], abs=1e-12)
    assert trace[0].log_likelihood == pytest.approx(-11.320587, abs=5e-7)
    assert trace[1].log_likelihood == pytest.approx(-10.085982, abs=5e-7)


@pytest.mark.parametrize(
    ("prior", "weight_prior", "theta", "weight"),
    [
        (1, None, (0.796789066923, 0.519583120145), 0.5),
        (1, 1, (0.793367649613, 0.513916591214), 0.522751316897),
        (2, None, (0.763242047671, 0.519856577631), 0.5),
        (2, 2, (0.758071129653, 0.510585362399), 0.543077496819),
    ],
)
def test_limits(
    prior: int, weight_prior: int | None, theta: tuple[float, float], weight: float
) -> None:
    weights = (
        (0.5, 0.5) if weight_prior is None else Dirichlet({"A": weight_prior, "B": weight_prior})
    )
    mixture = coins(Beta(prior, prior, likelihood=Binomial(trials=10)), weights=weights)
    trace = mixture.fit(HEADS, iterations=1000, tol=0)
    assert mixture.parameters == pytest.approx(theta, abs=1e-9)
    assert mixture.weights[0] == pytest.approx(weight, abs=1e-9)
    written_out = oracle(1000, prior, prior, weight_prior)
    for step, (theta_a, theta_b, weight_a) in zip(trace, written_out, strict=True):
        assert step.parameters == pytest.approx((theta_a, theta_b), abs=1e-9)
        assert step.weights[0] == pytest.approx(weight_a, abs=1e-9)


def test_the_limit_of_the_log_likelihood() -> None:
    trace = coins().fit(HEADS, iterations=500, tol=0)
    assert trace[-1].log_likelihood == pytest.approx(-9.796924, abs=5e-7)


def test_map_iterations() -> None:
    trace = coins(Beta(2, 2, likelihood=Binomial(trials=10))).fit(HEADS, iterations=10, tol=0)
    for i, published in [
        (1, (0.699645, 0.573988)),
        (2, (0.722751, 0.565937)),
        (10, (0.763005, 0.520228)),
    ]:
        assert trace[i].parameters == pytest.approx(published, abs=5e-7)


def test_a_symmetric_start_stays_at_the_saddle() -> None:
    mixture = coins(start=(0.5, 0.5))
    mixture.fit(HEADS, iterations=50, tol=0)
    assert mixture.parameters == pytest.approx((0.66, 0.66), abs=1e-12)


def test_linkage_of_genes() -> None:
    """Dempster, Laird & Rubin (1977): the first of four cells is the sum of two."""
    pi, steps = 0.5, []
    for _ in range(60):
        hidden = 125 * (pi / 4) / (0.5 + pi / 4)
        belief = Beta.flat()
        belief.learn_one(True, w=hidden + 34)
        belief.learn_one(False, w=18 + 20)
        pi = belief.map
        steps.append(pi)
    assert steps[:4] == pytest.approx([0.608247, 0.624321, 0.626489, 0.626777], abs=5e-7)
    # the positive root of 197 pi**2 - 15 pi - 68 = 0
    assert pi == pytest.approx((15 + math.sqrt(15**2 + 4 * 197 * 68)) / (2 * 197), abs=1e-12)
    assert pi == pytest.approx(0.626821498, abs=1e-9)


def streams() -> list[tuple[str, Mixture, list[object]]]:
    rng = np.random.default_rng(1)
    normal = np.r_[rng.normal(-3, 1, 60), rng.normal(2, 0.5, 140)]
    counts = np.r_[rng.poisson(2, 80), rng.poisson(11, 40)]
    labels = rng.choice(list("aab"), 50).tolist() + rng.choice(list("bcc"), 50).tolist()
    return [
        ("normal", Mixture([NormalInverseGamma(0, 0.01, 2, 1)] * 2, seed=0), normal.tolist()),
        ("known variance", Mixture([Normal(0, 100)] * 2, seed=0), normal.tolist()),
        ("counts", Mixture([Gamma(2, 1)] * 2, seed=0), counts.tolist()),
        ("labels", Mixture([Dirichlet(dict.fromkeys("abc", 2))] * 2, seed=0), labels),
        ("coins", coins(Beta(2, 3, likelihood=Binomial(10)), weights=None), HEADS * 3),
        (
            "different families",
            Mixture([Gamma(2, 1), Gamma(3, 30)], Dirichlet([2, 2]), seed=0),
            counts.tolist(),
        ),
    ]


@pytest.mark.parametrize(("name", "mixture", "data"), streams(), ids=lambda v: str(v)[:20])
def test_em_never_decreases_the_likelihood(name: str, mixture: Mixture, data: list[object]) -> None:
    trace = mixture.fit(data, iterations=40, tol=0, keep_responsibilities=True)
    gains = np.diff([step.log_posterior for step in trace])
    assert gains.min() > -1e-9, f"{name}: the M-step does not maximise the expected log posterior"
    for step in trace:
        np.testing.assert_allclose(step.responsibilities.sum(axis=1), 1.0, atol=1e-12)
        assert math.fsum(step.weights) == pytest.approx(1.0, abs=1e-12)
    assert sum(state.n_samples for state in mixture.components) == pytest.approx(len(data))


def test_clusters_are_found_without_a_start() -> None:
    rng = np.random.default_rng(5)
    data = np.r_[rng.normal(-3, 1, 300), rng.normal(2, 0.5, 700)]
    mixture = Mixture([NormalInverseGamma(0, 0.01, 2, 1)] * 2, seed=3)
    trace = mixture.fit(data)
    assert trace.converged
    means = sorted(parameter.mean for parameter in mixture.parameters)
    assert means == pytest.approx([-3, 2], abs=0.2)
    shares = dict(zip((p.mean > 0 for p in mixture.parameters), mixture.weights, strict=True))
    assert shares[True] == pytest.approx(0.7, abs=0.03)
    assert mixture.predict_one(-3.0) != mixture.predict_one(2.0)


def test_clusters_start_with_the_prior_that_suits_them() -> None:
    """Two rates with different priors: swapped, the priors pull a rate of 20 down to 6."""
    for seed in range(4):
        x = np.random.default_rng(seed).exponential(1, 400) / np.resize([20.0, 0.05], 400)
        low, high = (Gamma(1, rate, likelihood=Exponential()) for rate in (20, 0.05))
        mixture = Mixture({"low": low, "high": high}, seed=seed)
        mixture.fit(x)
        assert mixture.parameters == pytest.approx((1 / x[1::2].mean(), 1 / x[::2].mean()), rel=0.1)


def test_log_likelihood_by_enumeration() -> None:
    """Sum over all 2**5 assignments of coins to sets."""
    theta = (0.6, 0.5)
    total = 0.0
    for assignment in itertools.product((0, 1), repeat=5):
        p = 0.5**5
        for h, k in zip(HEADS, assignment, strict=True):
            p *= math.comb(10, h) * theta[k] ** h * (1 - theta[k]) ** (10 - h)
        total += p
    assert coins().fit(HEADS, iterations=0)[0].log_likelihood == pytest.approx(math.log(total))


def test_fixed_weights_stay_fixed() -> None:
    for weights in ((0.3, 0.7), np.array([0.3, 0.7])):
        mixture = coins(weights=weights)
        trace = mixture.fit(HEADS, iterations=3)
        assert mixture.weights == trace[0].weights == (0.3, 0.7)


def test_invalid_input_is_refused() -> None:
    coin = Beta(likelihood=Binomial(trials=10))
    for components in ([], [5], 0, True, "AB", [coin, None]):
        with pytest.raises(PriorError, match="expected components to be states or their number"):
            Mixture(components)
    with pytest.raises(PriorError, match=r"sum to 1\.10"):
        Mixture([coin, coin], weights=(0.5, 0.6))
    with pytest.raises(PriorError, match="2 weights"):
        Mixture([coin, coin], weights=(1.0,))
    with pytest.raises(PriorError, match="2 parameters"):
        Mixture([coin, coin], start=(0.5,))
    with pytest.raises(PriorError, match="expected weights for"):
        Mixture([coin, coin], weights=Dirichlet({"x": 1, "y": 1}))
    with pytest.raises(ObservationError, match="got none"):
        coins().fit([])
    mixture = coins()
    with pytest.raises(ObservationError, match="from 0 to 10"):
        mixture.fit([5, 11])
    assert mixture.parameters == (0.6, 0.5)
    with pytest.raises(ObservationError):
        mixture.predict_one("heads")


def test_a_collapse_under_a_flat_prior_is_reported() -> None:
    mixture = Mixture([NormalInverseGamma.flat()] * 2, start=((0.0, 1e-8), (5.0, 1.0)))
    with pytest.raises(PriorError, match="collapsed"):
        mixture.fit([0.0, 4.0, 5.0, 6.0], tol=0)
