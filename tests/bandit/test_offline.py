"""Estimates by inverse propensity are those of the definition."""

import math
import random
from fractions import Fraction

import numpy as np
import pytest

from seqbayes import Beta, ObservationError, PriorError
from seqbayes.bandit import Bandit, Greedy, InversePropensity

LOGGED = {"a": 0.5, "b": 0.3, "c": 0.2}
TARGET = {"a": 0.1, "b": 0.2, "c": 0.7}
MEAN = {"a": 0.2, "b": 0.5, "c": 0.4}


def estimate(rng, n, **options):
    found = InversePropensity(**options)
    for arm in rng.choices(list(LOGGED), list(LOGGED.values()), k=n):
        found.learn_one(float(rng.random() < MEAN[arm]), LOGGED[arm], TARGET[arm])
    return found


def test_the_estimates_are_sums_of_weighted_rewards():
    rng = random.Random(4)
    rows = [(rng.randint(-3, 9), rng.randint(1, 8), rng.randint(0, 8)) for _ in range(50)]
    found = InversePropensity(max_weight=4)
    for reward, logged, target in rows:
        found.learn_one(reward, logged / 8, target / 8)
    w = [min(Fraction(target, logged), Fraction(4)) for _, logged, target in rows]
    values = [each * row[0] for each, row in zip(w, rows, strict=True)]
    assert found.n == 50
    assert found.mean == pytest.approx(float(sum(values) / 50), rel=1e-12)
    centre = sum(values) / sum(w)
    assert found.normalised == pytest.approx(float(centre), rel=1e-12)
    squares = sum(each * each for each in w)
    assert found.effective_n == pytest.approx(float(sum(w) ** 2 / squares), rel=1e-12)
    mean = sum(values) / 50
    variance = sum((value - mean) ** 2 for value in values) / 49 / 50
    half = 1.959963984540054 * math.sqrt(variance)
    assert found.interval() == pytest.approx((float(mean) - half, float(mean) + half), rel=1e-12)
    spread = sum((each * (row[0] - centre)) ** 2 for each, row in zip(w, rows, strict=True))
    half = 1.959963984540054 * math.sqrt(spread) / float(sum(w))
    low, high = found.interval(normalised=True)
    assert (low, high) == pytest.approx((float(centre) - half, float(centre) + half), rel=1e-12)


def test_intervals_cover_the_mean_reward_of_the_target():
    rng, true = random.Random(8), sum(TARGET[arm] * MEAN[arm] for arm in TARGET)
    covered = np.zeros(2)
    for _ in range(300):
        found = estimate(rng, 300)
        for i, normalised in enumerate((False, True)):
            low, high = found.interval(0.9, normalised=normalised)
            covered[i] += low <= true <= high
    assert all(0.84 <= share <= 0.95 for share in covered / 300)


def test_a_greedy_policy_is_estimated_from_the_choices_of_thompson_sampling():
    rng, logging = random.Random(3), Bandit(Beta(), min_share=0.2, seed=2)
    logging.update("a", True)
    target = Bandit(Beta(), rule=Greedy())
    for arm, rewards in {"a": [1, 0, 0], "b": [1, 1, 0]}.items():
        for reward in rewards:
            target.update(arm, reward)
    found = InversePropensity()
    for _ in range(2000):
        arm, propensity = logging.choose("ab")
        reward = rng.random() < MEAN[arm]
        found.learn_one(reward, propensity, target.shares("ab")[arm])
    low, high = found.interval(0.999)
    assert low < MEAN["b"] < high
    assert high - low < 0.2


def test_nothing_is_estimated_without_data():
    found = InversePropensity()
    assert found.mean is None
    assert found.normalised is None
    assert found.effective_n == 0.0
    for reward, logged, target in [
        (math.nan, 0.5, 0.5),
        (1.0, 0.0, 0.5),
        (1.0, 0.5, 1.5),
        (1.0, math.nan, 0.5),
    ]:
        with pytest.raises(ObservationError):
            found.learn_one(reward, logged, target)
    found.learn_one(1.0, 0.5, 0.5)
    with pytest.raises(ObservationError, match="too large"):
        found.learn_one(1e200, 0.5, 0.5)
    assert found.n == 1
    found = InversePropensity()
    for _ in range(2):
        found.learn_one(1.0, 0.5, 0.0)
    with pytest.raises(ObservationError, match="two or more"):
        found.interval()
    with pytest.raises(PriorError):
        found.interval(2.0)
    with pytest.raises(ValueError, match="max_weight"):
        InversePropensity(max_weight=0.0)


def test_the_normalised_interval_is_accurate_for_large_rewards():
    rng, near, far = random.Random(6), InversePropensity(), InversePropensity()
    for _ in range(500):
        reward, target = rng.choice((-1.0, 1.0)), rng.choice((0.5, 1.0))
        near.learn_one(reward, 0.5, target)
        far.learn_one(1e9 + reward, 0.5, target)
    widths = [high - low for low, high in (e.interval(normalised=True) for e in (near, far))]
    assert widths[0] == pytest.approx(widths[1], rel=1e-5)
