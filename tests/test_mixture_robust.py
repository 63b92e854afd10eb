"""Mixtures on streams with outliers, with features that change, and in sorted order."""

from __future__ import annotations

import json
import math
import pickle
import warnings

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_iris, load_wine

from mixture_streams import long_stream
from real_data import FAITHFUL, GALAXIES
from seqbayes import NormalInverseWishart
from seqbayes.errors import PriorError
from seqbayes.mixture import Mixture

CORNERS = np.array([[0, 0], [6, 0], [0, 6]])


def corners(seed, n):
    rng = np.random.default_rng(seed)
    return CORNERS[rng.integers(0, 3, n)] + rng.normal(size=(n, 2))


def per_row(mixture, points):
    return np.mean([mixture.log_density(x) for x in points])


def learned(points, k=3, **settings):
    mixture = Mixture(k, seed=1, **settings)
    mixture.learn_many(points)
    assert mixture.n_samples == len(points)
    return mixture


@long_stream
@pytest.mark.parametrize("size", [1e2, 1e6, 1e12])
@pytest.mark.parametrize("place", [5, 3000, "1 in 100"])
def test_outliers_hardly_affect_clean_rows(size, place):
    clean, rows = corners(1, 5000), corners(2, 1000)
    outliers = np.arange(5000) % 100 == 7 if place == "1 in 100" else np.arange(5000) == place
    dirty = clean.copy()
    directions = np.random.default_rng(3).choice([-1, 1], (5000, 2))
    dirty[outliers] = size * directions[outliers]
    assert per_row(learned(dirty), rows) > per_row(learned(clean), rows) - 0.05


def test_an_outlier_while_the_buffer_fills():
    """A waiting time is recorded as 7900 instead of 79."""
    rng = np.random.default_rng(1)
    waits = np.where(rng.random(272) < 0.36, rng.normal(54.5, 5.8, 272), rng.normal(80, 6, 272))
    typo = waits.copy()
    typo[100] = 7900
    clean = np.delete(waits, 100)
    expected = per_row(learned(waits, 2), clean)
    assert per_row(learned(typo, 2), clean) > expected - 0.05


@long_stream
@pytest.mark.parametrize("change", ["constant", "missing", "larger", "smaller", "late"])
def test_a_feature_that_changes_when_the_buffer_is_full(change):
    points, rows = corners(1, 1200 * 5), corners(2, 1000)
    match change:
        case "constant":
            points[:1200, 1] = 7.0
        case "missing":
            points[:1200, 1] = np.nan
        case "larger":
            points[:1200, 1] *= 1e3
        case "smaller":
            points[:1200, 1] /= 1e3
        case "late":
            points[:600, 1] = 7.0
    mixture = learned(points)
    assert per_row(mixture, rows) > per_row(learned(corners(3, 6000)), rows) - 0.05
    assert not mixture.is_ordered


@long_stream
@pytest.mark.parametrize("length", [800, 1200, 2000])
@pytest.mark.parametrize("value", [0.0, 7.0, np.nan])
def test_a_feature_that_starts_out_constant_is_not_an_ordered_stream(value, length):
    """Also if it is constant in some further rows, or varies in a few of the first ones."""
    rng = np.random.default_rng(1)
    wine = load_wine().data[:, :6]
    points = np.concatenate([rng.permutation(wine) for _ in range(50)])[:6000]
    points[:length, -1] = value
    few = points[: length // 200, 0].copy()
    points[:length, 0] = 3.0
    points[: len(few), 0] = few
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not learned(points, 2, buffer=800).is_ordered


@long_stream
def test_a_cluster_that_comes_late_gets_a_component():
    points = corners(1, 8000)
    late = (np.arange(8000) > 1500) & (np.random.default_rng(2).random(8000) < 0.1)
    points[late] += 40.0
    mixture = Mixture(4, seed=1)
    mixture.learn_many(points[:1500])
    mixture.learn_many(points[1500:])
    centres = np.array([parameter.mean for parameter in mixture.parameters])
    for corner in (*CORNERS, (42, 42)):
        assert np.abs(centres - corner).max(axis=1).min() < 1.5


@long_stream
@pytest.mark.parametrize("order", ["blocks", "sorted"])
def test_an_ordered_stream_is_reported_once(order):
    rng = np.random.default_rng(1)
    blocks = np.repeat(4 * CORNERS, 2000, axis=0) + rng.normal(size=(6000, 2))
    points = blocks if order == "blocks" else blocks[np.argsort(blocks[:, 0])]
    mixture = Mixture(3, seed=1)
    with pytest.warns(UserWarning, match="the stream is ordered") as caught:
        mixture.learn_many(points)
    assert len(caught) == 1
    assert mixture.is_ordered
    assert Mixture.from_dict(mixture.to_dict()).is_ordered
    if order == "blocks":
        centres = np.array([parameter.mean for parameter in mixture.parameters])
        for corner in 4 * CORNERS:  # no cluster is lost
            assert np.abs(centres - corner).max(axis=1).min() < 3.0


@long_stream
def test_a_new_fit_is_the_same_one_by_one_in_bulk_and_in_copies():
    points = corners(1, 2000)
    points[:300, 1] = 7.0
    one, bulk, copied = (Mixture(3, seed=1, buffer=300) for _ in range(3))
    bulk.learn_many(points)
    for i, x in enumerate(points):
        one.learn_one(x)
        copied.learn_one(x)
        if i % 97 == 0:
            copied = Mixture.from_dict(json.loads(json.dumps(copied.to_dict())))
    assert one == bulk == copied
    assert len(one.to_dict()["learned"]["kernels"]) == 3


def test_given_starts_and_batch_em_use_every_value():
    prior = NormalInverseWishart([0, 0], 0.1, 5)
    start = [([0.0, 0.0], np.eye(2)), ([1.0, 0.0], np.eye(2))]
    points = np.full((50, 2), 1e4)
    mixture = Mixture([prior] * 2, start=start)
    mixture.learn_many(points)
    assert mixture.parameters[mixture.ranking[0]].mean == pytest.approx([1e4, 1e4], rel=0.01)
    batch = Mixture([prior] * 2, start=start)
    trace = batch.fit(np.vstack([points, [[0.0, 0.0]]]))
    assert np.diff([step.log_posterior for step in trace]).min() > -1e-6


def test_independent_observations_are_not_ordered():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for seed in range(5):
            assert not learned(corners(seed, 400), buffer=100).is_ordered


@long_stream
@pytest.mark.parametrize("factor", [1e3, 30.0])
def test_a_feature_whose_scale_decreases_after_the_buffer(factor):
    """The values after the buffer are plausible under the wide components."""
    rng = np.random.default_rng(104)
    centres, n = rng.normal(0, 5, (3, 5)), 1200 * 21
    points = centres[rng.integers(0, 3, n)] + rng.normal(size=(n, 5))
    expected = per_row(learned(points[1200:]), points[-1000:])
    points[:1200, 4] *= factor
    assert per_row(learned(points), points[-1000:]) > expected - 0.05


@long_stream
@pytest.mark.parametrize("data", ["iris", "faithful"])
def test_sorted_real_data_are_reported(data):
    points = load_iris().data if data == "iris" else FAITHFUL
    points = points[np.argsort(points[:, 0], kind="stable")]
    with pytest.warns(UserWarning, match="the stream is ordered"):
        assert learned(points, 2, buffer=60).is_ordered


def in_random_orders(data):
    """Rows of real data, and the same rows in random orders, one after the other."""
    rows = {"faithful": FAITHFUL, "galaxies": GALAXIES[:, None], "iris": load_iris().data}[data]
    rng = np.random.default_rng(1)
    orders = [rng.permutation(rows) for _ in range(1 + 8800 // len(rows))]
    return rows, np.concatenate(orders)[:8800]


def sorted_after_the_buffer(data):
    """Rows in random orders, of which those after the buffer of two components are sorted."""
    rows, points = in_random_orders(data)
    points[800:] = points[800:][np.argsort(points[800:, 0], kind="stable")]
    return rows, points


@long_stream
@pytest.mark.parametrize("data", ["faithful", "galaxies", "iris"])
def test_rows_that_are_sorted_after_the_buffer_are_learned_as_well_as_by_batch_em(data):
    rows, points = sorted_after_the_buffer(data)
    batch = Mixture(2, seed=1)
    batch.fit(rows)
    with pytest.warns(UserWarning, match="the stream is ordered"):
        streamed = learned(points, 2)
    expected = batch.log_density_many(rows).mean()
    assert streamed.log_density_many(rows).mean() > expected - 0.1


@long_stream
@pytest.mark.filterwarnings("ignore:the stream is ordered")
def test_a_copy_of_a_mixture_of_an_ordered_stream_learns_the_same():
    _, points = sorted_after_the_buffer("faithful")
    points[:, 1][::7] = np.nan
    whole, copies = Mixture(2, seed=1), []
    whole.learn_many(points[:4000])
    assert whole.is_ordered
    for start in range(4000, 6000, 100):  # some of them are just before the next fit
        document = json.dumps(whole.to_dict(), allow_nan=False)
        copies.append(Mixture.from_dict(json.loads(document)))
        copies.append(pickle.loads(pickle.dumps(whole)))
        for each in (whole, *copies):
            each.learn_many(points[start : start + 100])
    for each in (whole, *copies):
        each.learn_many(points[6000:])
    assert all(each == whole for each in copies)


@long_stream
@pytest.mark.filterwarnings("ignore:the stream is ordered")
@pytest.mark.parametrize(
    "change",
    [
        {"rows": [[math.inf, 0.0]]},
        {"rows": [[1e200, 0.0]]},
        {"rows": [[0.0]]},
        {"rows": None},
        {"first": -1},
        {"first": 1_000_000},
        {"due": [-1.0, 1.0, 0.0]},
        {"due": [1.0, math.inf, 0.0]},
        {"due": [1.0, 0.5, 0.0]},
        {"due": [1.0]},
    ],
)
def test_an_invalid_sample_of_past_rows_is_refused(change):
    whole = Mixture(2, seed=1)
    whole.learn_many(sorted_after_the_buffer("faithful")[1][:4000])
    document = whole.to_dict()
    document["learned"]["past"] |= change
    with pytest.raises(PriorError, match="cannot read what the mixture has learned"):
        Mixture.from_dict(document)


@long_stream
def test_components_that_forget_earlier_observations_are_reported_once():
    rng = np.random.default_rng(1)
    mixture = Mixture(2, seed=1, buffer=100)
    mixture.learn_many(rng.permutation(np.repeat([0.0, 9.0], 500)) + rng.normal(size=1000))
    assert not mixture.is_ordered
    slow = np.repeat(np.linspace(0.0, 4.0, 4000), 2) + np.tile([0.0, 9.0], 4000)
    with pytest.warns(UserWarning, match="have forgotten earlier") as caught:
        mixture.learn_many(slow + rng.normal(size=8000))
    assert len(caught) == 1


@long_stream
def test_components_keep_their_names_when_a_feature_starts_late():
    points = corners(1, 2500)
    points[:600, 1] = 7.0
    mixture = learned(points[:1200])
    before = np.array([mean for mean, _ in mixture.parameters])
    mixture.learn_many(points[1200:])
    after = np.array([mean for mean, _ in mixture.parameters])
    # one component describes the constant values at first; the others stay where they are
    others = np.abs(before[:, 1] - 7.0) > 0.5
    assert others.sum() == 2
    assert np.abs(before - after).max(axis=1)[others].min() < 0.5
    assert not mixture.is_ordered


@long_stream
@pytest.mark.parametrize("size", [8.0, 15.0])
@pytest.mark.parametrize("data", ["faithful", "iris", "galaxies", "wine", "breast cancer"])
def test_moderate_outliers_hardly_affect_real_data(data, size):
    """One value in 100 rows is a few standard deviations away, which a component could describe."""
    rows = {
        "faithful": lambda: FAITHFUL,
        "iris": lambda: load_iris().data,
        "galaxies": lambda: GALAXIES[:, None],
        "wine": lambda: load_wine().data[:, :5],
        "breast cancer": lambda: load_breast_cancer().data[:, :4],
    }[data]()
    rng = np.random.default_rng(1)
    clean = np.concatenate([rng.permutation(rows) for _ in range(1 + 13200 // len(rows))])[:13200]
    dirty = clean.copy()
    places = np.flatnonzero(rng.random(len(clean)) < 0.01)
    features = rng.integers(0, rows.shape[1], len(places))
    signs = rng.choice([-1.0, 1.0], len(places))
    dirty[places, features] = (rows.mean(axis=0) + size * rows.std(axis=0))[features] * signs
    expected = learned(clean).log_density_many(rows).mean()
    assert learned(dirty).log_density_many(rows).mean() > expected - 0.1


@long_stream
def test_outliers_hardly_affect_four_components_of_real_data():
    """The start depends less on the priors, with which the best of several optima differs."""
    rows = load_breast_cancer().data[:, :5]
    rng = np.random.default_rng(0)
    clean = np.concatenate([rng.permutation(rows) for _ in range(31)])[:17600]
    dirty = clean.copy()
    outliers = rng.random(len(clean)) < 0.01
    signs = rng.choice([-1.0, 1.0], (int(outliers.sum()), 5))
    dirty[outliers] = rows.mean(axis=0) + 8.0 * rows.std(axis=0) * signs
    batch = Mixture(4, seed=1)
    batch.fit(rows)
    expected = batch.log_density_many(rows).mean()
    found = [learned(xs, 4).log_density_many(rows).mean() for xs in (clean, dirty)]
    assert min(found) > expected
    assert found[1] > found[0] - 0.1


@long_stream
def test_sorted_rows_with_equal_values_do_not_lose_the_first_rows():
    """A sorted feature with ties is not a feature that was constant at first."""
    rows, points = in_random_orders("iris")
    batch = Mixture(2, seed=1)
    batch.fit(rows)
    with pytest.warns(UserWarning, match="the stream is ordered"):
        streamed = learned(points[np.argsort(points[:, 0], kind="stable")], 2)
    expected = batch.log_density_many(rows).mean()
    assert streamed.log_density_many(rows).mean() > expected - 0.1


@long_stream
def test_rows_in_random_order_are_not_reported_after_a_new_fit():
    """The new fit has other components, but explains the past rows as well as the recent ones."""
    rows, rng = load_breast_cancer().data[:, :5], np.random.default_rng(1)
    points = np.concatenate([rng.permutation(rows) for _ in range(7)])
    mixture = Mixture(4, seed=1)
    mixture.learn_many(points)
    assert not mixture.is_ordered


def test_few_observations_of_many_components_are_not_reported_as_ordered():
    rng = np.random.default_rng(21)
    points = rng.choice([0.0, 6.0], 500) + rng.normal(size=500)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(20):
            learned(rng.permutation(points), 10, buffer=100)


@long_stream
def test_a_block_that_needs_all_components_is_reported_and_learned_nearly_as_by_batch_em():
    """After 3,000 observations of one cluster, two other clusters follow."""
    rng = np.random.default_rng(1)
    first = rng.normal(size=(3000, 2))
    rest = CORNERS[1:][rng.integers(0, 2, 3000)] * 3 + rng.normal(size=(3000, 2))
    points = np.concatenate([first, rest])
    batch, mixture = Mixture(2, seed=1), Mixture(2, seed=1)
    batch.fit(points)
    with pytest.warns(UserWarning, match="recent observations differ from earlier ones"):
        mixture.learn_many(points)
    expected = batch.log_density_many(points).mean()
    # the best pair of clusters to share a component depends on the length of the blocks so far
    assert mixture.log_density_many(points).mean() > expected - 0.3
