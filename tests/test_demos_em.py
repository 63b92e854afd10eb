"""The demos of EM compute and print the published numbers.

Expected values come from the papers, or from EM and Bayes' rule written out here.
"""

import importlib
import io
import math
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

DEMOS = Path(__file__).resolve().parent.parent / "demos"
DECISIVE = ("COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE")


@pytest.fixture(scope="module", autouse=True)
def importable():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(DEMOS))
        yield
    for name in ("_shared", "two_coins", "linkage", "online_em", "how_many"):
        sys.modules.pop(name, None)


@cache
def output(name):
    """Run a demo as a user does, and return what it prints."""
    inherited = {key: value for key, value in os.environ.items() if key not in DECISIVE}
    done = subprocess.run(
        [sys.executable, "-W", "error", str(DEMOS / f"{name}.py")],
        env={**inherited, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def row(name, label):
    """Return the cells of the one printed row that starts with a label."""
    lines = [line.strip() for line in output(name).splitlines()]
    [line] = [line for line in lines if line.startswith(f"{label}  ")]
    return re.split(r"\s{2,}", line)[1:]


def words(text):
    return " ".join(text.split())


# Two coins (Do and Batzoglou 2008).

HEADS = [5, 9, 8, 4, 7]


def by_hand(start, a=1, dirichlet=None, iterations=500):
    """EM written out: probabilities of heads, and of picking coin A."""
    theta, weight = list(start), 0.5
    for _ in range(iterations):
        sums = np.zeros((2, 2))
        sets = 0.0
        for h in HEADS:
            odds = [p**h * (1 - p) ** (10 - h) for p in theta]
            r = weight * odds[0] / (weight * odds[0] + (1 - weight) * odds[1])
            sums += np.outer((r, 1 - r), (h, 10 - h))
            sets += r
        theta = [(h + a - 1) / (h + t + 2 * a - 2) for h, t in sums]
        if dirichlet is not None:
            weight = (sets + dirichlet - 1) / (len(HEADS) + 2 * dirichlet - 2)
    return [*theta, weight]


def test_coins_with_known_labels():
    module = importlib.import_module("two_coins")
    assert module.HEADS == HEADS
    coins = module.labelled_beliefs()
    assert {name: coin.mle for name, coin in coins.items()} == {"A": 0.8, "B": 0.45}
    assert row("two_coins", "coin A") == ["24", "6", "0.80"]
    assert row("two_coins", "coin B") == ["9", "11", "0.45"]


def test_e_step():
    module = importlib.import_module("two_coins")
    table = module.divide_tosses(module.em()[0])
    assert table[0] == pytest.approx(
        [0.449149, 2.245745, 2.245745, 0.550851, 2.754255, 2.754255], abs=5e-7
    )
    assert [numbers[0] for numbers in table] == pytest.approx(
        [0.449149, 0.804986, 0.733467, 0.352156, 0.647215], abs=5e-7
    )
    for tosses, printed in {
        "HTTTHHTHTH": ["0.45", "2.2", "2.2", "0.55", "2.8", "2.8"],
        "HHHHTHHHHH": ["0.80", "7.2", "0.8", "0.20", "1.8", "0.2"],
        "HTHHHHHTHH": ["0.73", "5.9", "1.5", "0.27", "2.1", "0.5"],
        "HTHTTTHHTT": ["0.35", "1.4", "2.1", "0.65", "2.6", "3.9"],
        "THHHTHHHTH": ["0.65", "4.5", "1.9", "0.35", "2.5", "1.1"],
        "sum": ["21.3", "8.6", "11.7", "8.4"],
    }.items():
        assert row("two_coins", tosses) == printed


def test_m_step_and_ten_iterations():
    printed = words(output("two_coins"))
    assert "A: 21.3 / (21.3 + 8.6) = 0.71." in printed
    assert "B: 11.7 / (11.7 + 8.4) = 0.58." in printed
    assert row("two_coins", "0") == ["0.600000", "0.500000", "-11.320587"]
    assert row("two_coins", "1") == ["0.713012", "0.581339", "-10.085982"]
    for i in range(1, 11):
        theta_a, theta_b, _ = by_hand((0.6, 0.5), iterations=i)
        assert row("two_coins", str(i))[:2] == [f"{theta_a:.6f}", f"{theta_b:.6f}"]
    assert row("two_coins", "10")[:2] == ["0.796744", "0.519659"]


def test_clusters_of_the_coins():
    theta_a, theta_b, _ = by_hand((0.6, 0.5), iterations=10)
    shares = []
    for h in HEADS:
        a, b = (p**h * (1 - p) ** (10 - h) for p in (theta_a, theta_b))
        shares.append(f"{a / (a + b):.2f}")
    printed = words(output("two_coins"))
    assert f"responsibilities of coin A are {', '.join(shares)}." in printed
    assert "most probable coins are BAABA; the true ones are BAABA" in printed


@pytest.mark.parametrize(
    ("name", "start", "a", "dirichlet", "published"),
    [
        ("flat prior, equal weights", (0.6, 0.5), 1, None, (0.796789, 0.519583)),
        ("flat prior, weights learned", (0.6, 0.5), 1, 1, (0.793368, 0.513917)),
        ("Beta(2, 2) prior (MAP-EM), equal weights", (0.6, 0.5), 2, None, (0.763242, 0.519857)),
        (
            "Beta(2, 2) prior (MAP-EM), weights learned",
            (0.6, 0.5),
            2,
            2,
            (0.758071, 0.510585),
        ),
        ("flat prior, start 0.5 and 0.6", (0.5, 0.6), 1, None, (0.519583, 0.796789)),
        ("flat prior, start 0.5 and 0.5", (0.5, 0.5), 1, None, (0.66, 0.66)),
    ],
)
def test_limits_of_em(name, start, a, dirichlet, published):
    step = importlib.import_module("two_coins").variants()[name]
    expected = by_hand(start, a, dirichlet)
    assert [*step.parameters, step.weights[0]] == pytest.approx(expected, abs=1e-9)
    assert step.parameters == pytest.approx(published, abs=6e-7)
    assert row("two_coins", name) == [f"{number:.6f}" for number in expected]


def test_em_converges_to_the_maximum_of_the_surface():
    module = importlib.import_module("two_coins")
    theta_a, theta_b, _ = by_hand((0.6, 0.5))
    offsets = np.linspace(-0.01, 0.01, 5)
    surface = module.log_likelihood(*np.meshgrid(theta_a + offsets, theta_b + offsets))
    assert np.unravel_index(surface.argmax(), surface.shape) == (2, 2)
    saddle = module.log_likelihood(*np.meshgrid([0.65, 0.66, 0.67], [0.65, 0.66, 0.67]))
    assert saddle[0, 0] < saddle[1, 1] > saddle[2, 2]
    assert saddle[0, 2] > saddle[1, 1] < saddle[2, 0]


# Linkage (Dempster, Laird and Rubin 1977).

# the positive root of 197 pi**2 - 15 pi - 68 = 0, where the derivative of the likelihood vanishes
TOP = (15 + math.sqrt(15**2 + 4 * 197 * 68)) / (2 * 197)


def test_linkage():
    module = importlib.import_module("linkage")
    steps = module.em(60)
    assert [step.pi for step in steps[:4]] == pytest.approx(
        [0.608247, 0.624321, 0.626489, 0.626777], abs=5e-7
    )
    assert steps[0].hidden == 25
    assert steps[-1].pi == pytest.approx(TOP, abs=1e-12)
    assert pytest.approx(0.626821498, abs=5e-10) == TOP
    assert steps[0].belief.posterior == pytest.approx((25 + 34 + 1, 18 + 20 + 1))
    start_elsewhere = module.em(60, start=0.01)[-1]
    assert start_elsewhere.pi == pytest.approx(TOP, abs=1e-12)


def test_linkage_increases_its_likelihood():
    module = importlib.import_module("linkage")
    path = [0.5, *(step.pi for step in module.em(5))]
    heights = module.log_likelihood(np.array(path))
    assert np.all(np.diff(heights) > 0)
    around = module.log_likelihood(np.array([TOP - 1e-4, TOP, TOP + 1e-4]))
    assert around.argmax() == 1


def test_linkage_prints_the_share_of_missing_information():
    """The rate is the missing information divided by the complete one, at the limit."""
    share = (TOP / 4) / (1 / 2 + TOP / 4)
    missing = 125 * share * (1 - share) / TOP**2
    complete = (125 * share + 34) / TOP**2 + 38 / (1 - TOP) ** 2
    assert f"multiplies the distance by {missing / complete:.3f}" in words(output("linkage"))
    assert f"The limit is {TOP:.9f}." in words(output("linkage"))
    pi = 0.5
    for i in range(1, 9):
        hidden = 125 * pi / (2 + pi)
        pi = (hidden + 34) / (hidden + 72)
        hidden_printed, posterior, printed, to_go = row("linkage", str(i))
        assert [hidden_printed, printed] == [f"{hidden:.6f}", f"{pi:.9f}"]
        assert posterior == f"Beta({hidden + 35:.3f}, 39)"
        assert to_go == f"{TOP - pi:.1e}"


@pytest.mark.parametrize("name", ["two_coins", "linkage"])
def test_figures(name):
    matplotlib = pytest.importorskip("matplotlib.figure")
    canvas = matplotlib.Figure(layout="constrained")
    importlib.import_module(name).figure(canvas)
    canvas.savefig(io.BytesIO(), dpi=40)
    lines = [line for axes in canvas.axes for line in axes.lines]
    ends = {"two_coins": by_hand((0.6, 0.5), iterations=30)[:2], "linkage": None}[name]
    if ends is not None:
        assert np.array(lines[0].get_xydata())[-1] == pytest.approx(ends, abs=1e-9)
    else:
        start = lines[1].get_xydata()[0]
        assert start[0] == 0.5
        assert start[1] < 0


# One pass over a stream.


def test_one_pass_is_as_accurate_as_batch_em():
    from sklearn.mixture import GaussianMixture

    module = importlib.import_module("online_em")
    batch, passes = module.all_passes()
    peer = GaussianMixture(3, tol=1e-6, max_iter=1000, random_state=0)
    peer.fit(module.points(module.LEARNED, 1))
    assert batch == pytest.approx(peer.score(module.points(module.HELD_OUT, 2)), abs=5e-4)
    stops = module.one_pass()
    assert stops[-1].per_point == pytest.approx(batch, abs=2e-3)
    assert [stop.online.n_samples for stop in stops] == list(module.STOPS)
    assert f"Batch EM uses all points {passes} times" in words(output("online_em"))
    assert row("online_em", "5,000")[:2] == [
        f"{stops[-1].per_point:.4f}",
        f"{stops[-1].per_point - batch:+.4f}",
    ]


def test_responsibilities_for_a_point_with_a_missing_coordinate():
    module = importlib.import_module("online_em")
    densities = [
        share * math.exp(-((2.0 - mean[0]) ** 2) / 2 / spread[0, 0]) / math.sqrt(spread[0, 0])
        for share, mean, spread in zip(module.SHARES, module.MEANS, module.COVARIANCES, strict=True)
    ]
    said = re.search(r"If y is missing: (\S+) and (\S+)\.", words(output("online_em")))
    for printed, density in zip(said.groups(), densities, strict=False):
        assert float(printed) == pytest.approx(density / sum(densities), abs=0.06)


# How many clusters.


def test_the_number_of_clusters_is_found():
    module = importlib.import_module("how_many")
    rivals, scores = module.compare_mixtures()
    assert rivals.best == 2
    assert scores[-1].tolist() == list(rivals.log_scores.values())
    best = max(rivals.log_scores.values())
    weights = {k: math.exp(score - best) / 150**k for k, score in rivals.log_scores.items()}
    printed = words(output("how_many"))
    for k, score in rivals.log_scores.items():
        share = weights[k] / math.fsum(weights.values())
        assert f" {k} {score:.2f} {score - best:+.2f} {share:.4f} " in printed
    mixture, stops = module.fit_process()
    assert len(mixture.names) == len(module.CENTRES)
    assert [len(stop.names) for stop in stops if stop.n % module.POINTS_PER_CLUSTER == 0] == [
        1,
        2,
        3,
        4,
        5,
    ]
    called = {mixture.predict_one(place) for place in module.CENTRES.tolist()}
    assert called == set(mixture.names)
