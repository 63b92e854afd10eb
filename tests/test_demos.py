"""The demos compute and print the numbers of the story.

Expected values come from the sources of the story, from counting, or from scipy.stats, never from
the states.
"""

import importlib
import io
import math
import os
import re
import subprocess
import sys
from fractions import Fraction
from functools import cache, partial
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
import scipy.stats as st
from scipy.integrate import quad

DEMOS = Path(__file__).resolve().parent.parent / "demos"
NAMES = sorted(path.stem for path in DEMOS.glob("[a-z]*.py") if not path.stem.startswith("stream_"))
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
DECISIVE = ("COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE")

# J. Madison 2007: 2,620 candies
MADISON = {"blue": 481, "brown": 371, "green": 483, "orange": 544, "red": 372, "yellow": 369}


@pytest.fixture(scope="module", autouse=True)
def importable():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(DEMOS))
        yield
    for name in ("_shared", *NAMES):
        sys.modules.pop(name, None)


def demo(name):
    return importlib.import_module(name)


@cache
def output(name, *arguments, **environment):
    """Run a demo as a user does, and return what it prints."""
    inherited = {key: value for key, value in os.environ.items() if key not in DECISIVE}
    done = subprocess.run(
        [sys.executable, "-W", "error", str(DEMOS / f"{name}.py"), *arguments],
        env={**inherited, "PYTHONIOENCODING": "utf-8", **environment},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def words(text):
    return " ".join(text.split())


def rows(name, label):
    """Return the other cells of the printed rows that start with a label."""
    table = [re.split(r"\s{2,}", line.strip()) for line in output(name).splitlines()]
    return [cells[1:] for cells in table if cells[0] == label]


def test_all_demos_are_tested():
    assert NAMES == [
        "alice_and_bob",
        "bags_of_110_percent",
        "cookie_cats",
        "flat_prior",
        "how_many",
        "hundred_bags",
        "linkage",
        "online_em",
        "open_bandit",
        "peeking",
        "photon_counts",
        "priors_wash_out",
        "red_runs_low",
        "three_candies",
        "two_bags",
        "two_coins",
    ]


# Three candies: green, red, red upon a prior of 8 green, 5 red, 3 yellow and 4 blue.


def test_three_candies_one_at_a_time_equal_one_batch():
    module = demo("three_candies")
    expected = {"green": 9, "red": 7, "yellow": 3, "blue": 4}
    belief, steps = module.one_by_one()
    for state in (belief, module.batch()):
        assert dict(zip(state.categories, state.posterior.alpha, strict=True)) == expected
    assert [step.x for step in steps] == ["green", "red", "red"]
    evidence = [8 / 20, 5 / 21, 6 / 22]
    assert [step.evidence for step in steps] == pytest.approx(evidence, rel=1e-12)
    assert module.batch().log_evidence == pytest.approx(math.log(math.prod(evidence)), rel=1e-12)
    for earlier, later in pairwise(steps):
        assert earlier.posterior == later.prior


def test_three_candies_densities():
    _, steps = demo("three_candies").one_by_one()
    alphas = [(8, 5, 3, 4), (9, 5, 3, 4), (9, 6, 3, 4), (9, 7, 3, 4)]
    densities = [st.dirichlet.pdf([0.25] * 4, alpha) for alpha in alphas]
    assert [step.prior for step in steps] == pytest.approx(densities[:3], rel=1e-10)
    assert [step.posterior for step in steps] == pytest.approx(densities[1:], rel=1e-10)


def test_three_candies_print():
    # blue, green, red, yellow
    assert ["4", "8", "5", "3"] in rows("three_candies", "prior")
    assert rows("three_candies", "after 3, red") == [["4", "9", "7", "3"]]
    assert rows("three_candies", "one batch of 3") == [["4", "9", "7", "3"]]
    assert words(output("three_candies")).count(f"{8 / 20 * 5 / 21 * 6 / 22:.6f}") == 2


# Four priors wash out.

PRIORS = {
    "knows nothing": dict.fromkeys(MADISON, 1.0),
    "walked in the park": {"blue": 4, "brown": 1, "green": 8, "orange": 1, "red": 5, "yellow": 3},
    # Mars' mix of 2008, with the weight of 60 candies
    "asked the factory": {
        "blue": 14.4,
        "brown": 7.8,
        "green": 9.6,
        "orange": 12,
        "red": 7.8,
        "yellow": 8.4,
    },
    "only saw red ones": {**dict.fromkeys(MADISON, 2.0), "red": 30},
}


def posteriors(times=1.0, counts=MADISON):
    return {
        name: np.array([prior[colour] + times * counts[colour] for colour in MADISON])
        for name, prior in PRIORS.items()
    }


def largest_difference(alphas):
    shares = [alpha / alpha.sum() for alpha in alphas.values()]
    return max(0.5 * np.abs(p - q).sum() for p, q in combinations(shares, 2))


def beta_distance(p, q):
    """Total variation, from where two densities cross."""
    grid = np.linspace(0.0, 1.0, 20_001)[1:-1]
    sign = np.sign(p.logpdf(grid) - q.logpdf(grid))
    edges = [0.0, *grid[:-1][np.diff(sign) != 0], 1.0]
    return 0.5 * np.abs(np.diff(p.cdf(edges)) - np.diff(q.cdf(edges))).sum()


def test_priors_wash_out_moments():
    module = demo("priors_wash_out")
    eaten = module.stream()
    assert {colour: eaten.count(colour) for colour in MADISON} == MADISON
    story = module.snapshots()
    assert [m.n for m in story] == [0, 1, 3, 10, 30, 100, 300, 1000, 2620, 26_200, 262_000]
    for m in story:
        counts = MADISON
        if m.n < 2620:
            counts = {colour: eaten[: m.n].count(colour) for colour in MADISON}
        alphas = posteriors(max(m.n / 2620, 1.0), counts)
        red = list(MADISON).index("red")
        for name, alpha in alphas.items():
            assert m.reds[name] == pytest.approx(alpha[red] / alpha.sum(), rel=1e-12)
        assert m.predictions == pytest.approx(largest_difference(alphas), rel=1e-9)
        betas = [st.beta(alpha[red], alpha.sum() - alpha[red]) for alpha in alphas.values()]
        distance = max(beta_distance(*pair) for pair in combinations(betas, 2))
        assert m.beliefs == pytest.approx(distance, abs=2e-4)


def test_priors_wash_out():
    story = demo("priors_wash_out").snapshots()
    for measure in ("predictions", "beliefs"):
        distances = [getattr(m, measure) for m in story]
        assert distances == sorted(distances, reverse=True)
        assert distances[-1] < 0.1 * distances[0]
    # the share of a prior with the weight of S candies is S / (S + n)
    for m in story[1:]:
        assert m.predictions <= 2 * 60 / (60 + m.n)


def test_priors_wash_out_print():
    red = list(MADISON).index("red")
    first, last = (
        [f"{100 * alpha[red] / alpha.sum():.1f}" for alpha in posteriors(times).values()]
        for times in (0, 1)
    )
    assert rows("priors_wash_out", "0")[0] == [*first, "none"]
    text = words(output("priors_wash_out"))
    for name, prior in PRIORS.items():
        assert f"{name} ({sum(prior.values()):g} imagined candies)" in text
    assert rows("priors_wash_out", "2,620")[0] == [*last, f"{100 * 372 / 2620:.1f}"]
    assert rows("priors_wash_out", "262,000")[1][0] == f"{largest_difference(posteriors(100)):.4f}"


# A hundred bags.


def test_hundred_bags_models():
    module = demo("hundred_bags")
    normal, binomial = module.normal_model(), module.binomial_model()
    assert normal[26] == pytest.approx(0.19, abs=0.005)
    assert binomial[26] == pytest.approx(0.090, abs=0.0005)
    for k in module.COUNTS:
        between = st.norm.cdf(k + 0.5, 26, 2.10) - st.norm.cdf(k - 0.5, 26, 2.10)
        assert normal[k] == pytest.approx(between, rel=1e-9, abs=1e-15)
        assert binomial[k] == pytest.approx(st.binom.pmf(k, 104, 0.25), rel=1e-10)


def test_hundred_bags_peak():
    module = demo("hundred_bags")
    bags = module.bags()
    assert len(bags) == 100
    assert bags.count(26) == 19
    assert max(map(bags.count, set(bags) - {26})) < 19
    # numbers of bags, each within one of the expectation under the Normal
    for k in module.COUNTS:
        assert abs(bags.count(k) - 100 * module.normal_model()[k]) < 1
    assert module.peak() == (26, 0.19, pytest.approx(sum(bags) / 100))


def test_hundred_bags_chances():
    module = demo("hundred_bags")
    for p in (0.188, 0.09):
        assert module.chance_of(19, p) == pytest.approx(st.binom.sf(18, 100, p), rel=1e-10)


def test_hundred_bags_print():
    normal = st.norm.cdf(26.5, 26, 2.10) - st.norm.cdf(25.5, 26, 2.10)
    binomial = st.binom.pmf(26, 104, 0.25)
    expected = ["19", f"{100 * normal:.1f}", f"{100 * binomial:.1f}", "#" * 19]
    assert rows("hundred_bags", "26") == [expected]
    assert "MLE: 26 red, the most common count, in 19 % of the bags" in words(
        output("hundred_bags")
    )
    for label, sd, p in (
        ("Normal, mean 26, rounded", "2.10", normal),
        ("binomial, 104 candies at 0.25", "4.42", binomial),
    ):
        chance = f"{st.binom.sf(18, 100, p):.3f}"
        assert rows("hundred_bags", label) == [[sd, f"{p:.3f}", chance]]


# Red runs low.


@pytest.mark.parametrize("beta", [1 / 26, 1.0, 5.0, 26.0])
def test_red_runs_low(beta):
    module = demo("red_runs_low")
    bags = demo("hundred_bags").bags()
    shortfalls = []
    for n in (1, 3, 10, 30, 100):
        one = module.estimates(n, beta)
        total = sum(bags[:n])
        assert one.mle == pytest.approx(total / n, rel=1e-12)
        assert one.map == pytest.approx(total / (n + beta), rel=1e-12)
        assert (one.shape, one.rate) == pytest.approx((1 + total, beta + n), rel=1e-12)
        exact = st.gamma(1 + total, scale=1 / (beta + n)).interval(0.95)
        assert one.interval == pytest.approx(exact, rel=1e-9)
        shortfalls.append(1 - one.map / one.mle)
    assert shortfalls == pytest.approx([beta / (n + beta) for n in (1, 3, 10, 30, 100)])


def test_red_runs_low_print():
    total = sum(demo("hundred_bags").bags())
    maps = [f"{total / (100 + beta):.3f}" for beta in (1 / 26, 1, 5, 26)]
    expected = [f"{total:,}", f"{total / 100:.3f}", *maps]
    assert rows("red_runs_low", "100") == [expected]
    assert f"Gamma({1 + total:,}, 101)" in words(output("red_runs_low"))


# Bags of 110 %.


def test_bags_of_110_percent_are_refused():
    module = demo("bags_of_110_percent")
    assert "sum to 1.10" in module.error_message()
    assert "sum to 1.10" in output("bags_of_110_percent")


def test_bags_of_110_percent_corrections():
    found = demo("bags_of_110_percent").corrections()
    assert len(found) == 5
    for prior in found.values():
        assert sum(prior.mean.values()) == pytest.approx(1, rel=1e-12)
    expected = {"red": 0.3, "green": 0.2, "blue": 0.25, "yellow": 0.25}
    assert found["yellow alone"].mean == pytest.approx(expected)
    expected = {"red": 3 / 11, "green": 2 / 11, "blue": 2.5 / 11, "yellow": 3.5 / 11}
    assert found["all, in proportion"].mean == pytest.approx(expected)
    shares = ["27.3 %", "18.2 %", "22.7 %", "31.8 %"]
    assert rows("bags_of_110_percent", "all, in proportion") == [shares]


# A flat prior.

PEAKS = {
    "probability of heads": [7 / 10],
    "success, from waiting times": [4 / 10],
    "shares of colours": [3 / 6, 2 / 6, 1 / 6],
    "rate of red in a bag": [108 / 4],
    "rate of waiting times": [3 / 3.5],
    "weight of an apple": [209 / 3],
    "mean and variance": [209 / 3, np.var([69.0, 71.5, 68.5])],
}


def test_flat_prior_map_is_mle():
    found = {pair.name: pair for pair in demo("flat_prior").pairs()}
    assert list(found) == list(PEAKS)
    for name, expected in PEAKS.items():
        for estimate in (found[name].mle, found[name].map):
            values = estimate.values() if isinstance(estimate, dict) else np.atleast_1d(estimate)
            assert list(values) == pytest.approx(expected, rel=1e-9)


def test_flat_prior_is_flat_in_something():
    found = demo("flat_prior").priors_of_a_coin()
    # Beta(7 + a, 3 + b): peak (6 + a) / (8 + a + b), mean (7 + a) / (10 + a + b)
    expected = [((6 + a) / (8 + 2 * a), (7 + a) / (10 + 2 * a)) for a in (1, 0, 0.5, 50)]
    assert np.array(list(found.values())) == pytest.approx(np.array(expected), rel=1e-12)


def test_flat_prior_print():
    for name, expected in PEAKS.items():
        [[_, mle, peak]] = rows("flat_prior", name)
        assert mle == peak == ", ".join(f"{value:.6g}" for value in expected)


# Two bags, Alice and Bob, photons, cats.


def test_two_bags():
    first, second = demo("two_bags").hypotheses()
    exact = Fraction(20 * 20, 20 * 20 + 14 * 10)
    assert exact == Fraction(20, 27)
    assert first.posterior == pytest.approx(float(exact), rel=1e-12)
    assert second.posterior == pytest.approx(7 / 27, rel=1e-12)
    assert first.evidence == pytest.approx(0.027, rel=1e-12)
    assert f"from 1994 with probability {exact}." in words(output("two_bags"))
    cells = ["0.500", "0.0400", "0.0270", "0.7407"]
    assert rows("two_bags", "yellow from 1994, green from 1996") == [cells]


def test_two_bags_mixes_sum_to_one():
    for mix in demo("two_bags").MIXES.values():
        assert sum(mix.values()) == pytest.approx(1, abs=1e-12)


def test_alice_and_bob():
    module = demo("alice_and_bob")
    weight = quad(lambda p: p**5 * (1 - p) ** 3, 0, 1)[0]
    average = quad(lambda p: p**5 * (1 - p) ** 6, 0, 1)[0] / weight
    assert average == pytest.approx(1 / 11, rel=1e-9)
    assert module.bayes() == pytest.approx(1 / 11, rel=1e-12)
    assert module.point_by_point() == pytest.approx([4 / 10, 5 / 11, 6 / 12], rel=1e-12)
    assert module.plug_in() == pytest.approx((3 / 8) ** 3, rel=1e-12)


def test_alice_and_bob_print():
    [plug_in], [bayes] = rows("alice_and_bob", "plug-in"), rows("alice_and_bob", "Bayes")
    assert plug_in[:2] == ["0.0527", "18 to 1"]
    assert bayes[:2] == ["0.0909", "10 to 1"]
    assert bayes[2].startswith("1/11,")


def test_photon_counts():
    module = demo("photon_counts")
    counts = module.counts()
    assert (len(counts), sum(counts)) == (50, 49_952)
    assert module.bayes() == pytest.approx((999.05, 4.47), abs=0.005)
    assert module.bayes() == pytest.approx((49_952.5 / 50, 49_952.5**0.5 / 50), rel=1e-12)
    assert module.maximum_likelihood() == pytest.approx((49_952 / 50, 49_952**0.5 / 50), rel=1e-12)
    assert module.weighted_mean().rate == pytest.approx(st.hmean(counts), rel=1e-12)


def test_photon_counts_print():
    assert "50 exposures with 49,952 photons" in words(output("photon_counts"))
    assert rows("photon_counts", "posterior, Jeffreys' prior") == [["999.05", "4.47"]]
    low, high = st.gamma(49_952.5, scale=1 / 50).interval(0.95)
    assert rows("photon_counts", "50") == [["999.05", "4.47", f"{low:.1f} to {high:.1f}"]]


def test_cookie_cats():
    found = demo("cookie_cats").comparison()
    thirty, forty = st.beta(8503, 36_199), st.beta(8280, 37_211)
    better = quad(lambda x: thirty.pdf(x) * forty.cdf(x), 0.17, 0.21, epsabs=1e-13, limit=200)[0]
    assert better == pytest.approx(0.99922, abs=5e-6)
    assert found.p_best["gate 30"] == pytest.approx(better, rel=1e-9)
    # the difference of two such beliefs is almost Normal
    normal = st.norm(thirty.mean() - forty.mean(), math.hypot(thirty.std(), forty.std()))
    difference = found.differences["gate 30"]
    assert difference.interval == pytest.approx(normal.interval(0.95), rel=1e-3)
    within = normal.cdf(0.005) - normal.cdf(-0.005)
    assert difference.p_equivalent == pytest.approx(within, rel=1e-2)
    losses = [found.loss[gate] for gate in ("gate 40", "gate 30")]
    assert losses[0] - losses[1] == pytest.approx(normal.mean(), rel=1e-9)
    assert found.verdict == "best"
    assert found.decision.best is None


def test_open_bandit():
    module = demo("open_bandit")
    n, k = np.array(module.SHOWN_AT_RANDOM), np.array(module.CLICKED_AT_RANDOM)
    shown, clicked = module.SHOWN_BY_THOMPSON, module.CLICKED_BY_THOMPSON
    totals = len(n), n.sum(), k.sum(), sum(shown), sum(clicked)
    assert totals == (34, 10_000, 46, 10_000, 69)
    policies = module.policies()
    assert list(policies) == ["uniform", "Thompson sampling", "always item 17"]
    for shares in policies.values():
        assert sum(shares) == pytest.approx(1.0, rel=1e-12)
        found, weights = module.estimate(shares), 34.0 * np.array(shares)
        assert found.normalised == pytest.approx((weights * k).sum() / (weights * n).sum())
        assert found.effective_n == pytest.approx((weights * n).sum() ** 2 / (weights**2 * n).sum())
    # P(item 17 is the best), by draws
    rng = np.random.default_rng(1)
    draws = rng.beta(1 + np.array(clicked), 100 + np.array(shown) - clicked, (40_000, 34))
    best = (draws.argmax(axis=1) == 17).mean()
    assert policies["Thompson sampling"][17] == pytest.approx(best, abs=0.01)


def test_open_bandit_print():
    assert rows("open_bandit", "uniform") == [["0.46 %", "0.33 to 0.59 %", "10,000"]]


def test_cookie_cats_print():
    text = output("cookie_cats")
    assert "0.99922" in text
    assert "0.82 points, 0.31 to 1.33" in text
    assert "p = 0.15 (anytime-valid)" in text


def test_peeking_probabilities():
    module = demo("peeking")
    came, n = np.array([[12, 30], [40, 35], [25, 25]]), np.array([[500], [700], [500]])
    for found, (a, b), m in zip(module.probabilities(came, n), came, n[:, 0], strict=True):
        first, second = st.beta(1 + a, 1 + m - a), st.beta(1 + b, 1 + m - b)
        exact = quad(lambda x, f=first, s=second: s.pdf(x) * f.cdf(x), 0.0, 0.3, points=[0.05])[0]
        assert found == pytest.approx(exact, abs=1e-4)


def test_peeking_is_wrong_in_almost_half_of_the_experiments():
    by_probability, by_test = (float(cell.removesuffix(" %")) for cell in rows("peeking", "28")[0])
    assert 40.0 < by_probability < 50.0
    assert by_test <= 5.0


# What all demos share.


@pytest.mark.parametrize("name", NAMES)
def test_output_is_the_same_without_colours(name, capsys, monkeypatch):
    for variable in DECISIVE:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    assert demo(name).main([]) == 0
    plain, coloured = output(name), capsys.readouterr().out
    assert not ESCAPE.search(plain)
    assert ESCAPE.search(coloured)
    assert words(ESCAPE.sub("", coloured)) == words(plain)


def test_narrow_screens_truncate_nothing(capsys, monkeypatch):
    module, shared = demo("red_runs_low"), demo("_shared")
    monkeypatch.setattr(shared, "_PIPE_WIDTH", 30)
    assert shared.run_demo("Narrow.", module.print_results, module.figure, []) == 0
    narrow = capsys.readouterr().out
    assert "…" not in narrow
    assert max(map(len, narrow.splitlines())) <= 30
    [cells] = rows("red_runs_low", "100")
    assert set(cells) <= set(words(narrow).split())


def test_any_encoding():
    assert "0.4000 ? 0.4545" in output("alice_and_bob", PYTHONIOENCODING="ascii")


def test_plot_without_matplotlib(capsys, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(SystemExit) as stopped:
        demo("two_bags").main(["--plot", str(tmp_path / "bags.png")])
    assert stopped.value.code == 1
    printed = capsys.readouterr()
    assert "20/27" in printed.out
    assert "[plot]" in printed.err


@pytest.mark.parametrize("name", NAMES)
def test_figure(name, monkeypatch):
    matplotlib = pytest.importorskip("matplotlib.figure")
    canvas = matplotlib.Figure(layout="constrained")
    if name == "peeking":
        monkeypatch.setattr(demo(name), "simulate", partial(demo(name).simulate, 100))
    demo(name).figure(canvas)
    canvas.savefig(io.BytesIO(), dpi=40)
    assert canvas.axes
    for axes in canvas.axes:
        assert axes.get_title() or axes.get_title("left")
        assert axes.lines or axes.patches


def test_plot(capsys, tmp_path):
    pytest.importorskip("matplotlib")
    path = tmp_path / "bags.png"
    assert demo("two_bags").main(["--plot", str(path)]) == 0
    assert path.read_bytes().startswith(b"\x89PNG")
    assert str(path) in capsys.readouterr().out


def test_plot_into_a_missing_directory(capsys, tmp_path):
    pytest.importorskip("matplotlib")
    with pytest.raises(SystemExit) as stopped:
        demo("two_bags").main(["--plot", str(tmp_path / "none" / "bags.png")])
    assert stopped.value.code == 1
    assert "none" in capsys.readouterr().err


def test_pages_show_the_output_of_the_demos():
    docs = DEMOS.parent / "docs"
    names = ("story.md", "em.md", "online-em.md", "how-many.md", "stopping.md", "bandit.md")
    pages = "".join((docs / page).read_text(encoding="utf-8") for page in names)
    shown = re.findall(r"^```console\n\$ python demos/(\w+)\.py\n(.*?)^```$", pages, re.M | re.S)
    assert sorted(name for name, _ in shown) == NAMES
    for name, text in shown:
        title, _, rest = output(name).partition("\n\n")
        assert words(text) == words(rest), title
