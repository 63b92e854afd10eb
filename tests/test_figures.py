"""Beliefs in notebooks, plots and data frames."""

import copy
import math
import re
from xml.etree import ElementTree

import numpy as np
import pytest

import seqbayes
from cases import ONE_CASE_PER_LIKELIHOOD
from seqbayes import (
    Beta,
    Decayed,
    Dirichlet,
    DirichletProcess,
    Gamma,
    Hurdle,
    Normal,
    NormalInverseGamma,
    NormalInverseWishart,
    Product,
    likelihoods,
)
from seqbayes.compare import compare
from seqbayes.figures import models, svg
from seqbayes.figures.colours import RULE
from seqbayes.figures.panels import Curves, IntervalRows
from seqbayes.mixture import Mixture
from seqbayes.river import ConjugateLinearRegression, ConjugateNB, PredictiveSurprise
from seqbayes.table import Table

matplotlib = pytest.importorskip("matplotlib", reason="the extra 'plot' is not installed")
from matplotlib.figure import Figure  # noqa: E402


def learned(state, xs):
    state.learn_many(xs)
    return state


def mixture():
    found = Mixture(2, seed=0)
    rng = np.random.default_rng(3)
    found.learn_many(np.concatenate([rng.normal(0.0, 1.0, 60), rng.normal(8.0, 1.0, 40)]))
    return found


def regression():
    found = ConjugateLinearRegression()
    for k in range(9):
        found.learn_one({"width": float(k)}, 2.0 * k + (-1) ** k)
    return found


def classifier():
    found = ConjugateNB()
    for k in range(9):
        found.learn_one({"legs": k % 3}, "ab"[k % 2])
    return found


def detector():
    found = PredictiveSurprise()
    found.learn_one({"weight": 0.9})
    return found


MODELS = {
    "beta": lambda: learned(Beta(2, 3), [True, True, False]),
    "binomial": lambda: learned(Beta(likelihood=likelihoods.Binomial(10)), [3, 4]),
    "gamma": lambda: learned(Gamma(2, 1), [3, 4, 2]),
    "exponential": lambda: learned(Gamma(2, 1, likelihoods.Exponential()), [0.5, 2.0]),
    "normal": lambda: learned(Normal(0, 1), [0.3, 1.2]),
    "normal-inverse-gamma": lambda: learned(NormalInverseGamma(0, 1, 2, 2), [1.0, 3.0, 2.0]),
    "dirichlet": lambda: learned(Dirichlet({"red": 1, "blue": 2}), ["red", "blue", "red"]),
    "process": lambda: learned(DirichletProcess(), ["x", "y", "x"]),
    "wishart": lambda: learned(NormalInverseWishart([0, 0], 1, 5, np.eye(2)), np.eye(2)),
    "product": lambda: Product({"rate": Gamma(2, 1), "colour": Dirichlet({"red": 1, "blue": 1})}),
    "hurdle": lambda: learned(Hurdle(NormalInverseGamma(0, 1, 2, 2)), [0, 0, 3.0]),
    "decayed": lambda: learned(Decayed(Beta(2, 2), half_life=3), [True, False]),
    "mixture": mixture,
    "unstarted mixture": lambda: Mixture(2),
    "regression": regression,
    "classifier": classifier,
    "detector": detector,
    "improper": NormalInverseGamma.flat,
    "table": lambda: table(["home", "shop", "home"], [True, False, True]),
    "empty table": lambda: Table(Beta()),
    "comparison": lambda: compare({"A": Beta(8, 92), "B": Beta(13, 87)}),
}
STATES = [name for name in MODELS if "table" not in name and name != "comparison"]


def table(keys, xs):
    found = Table(Beta())
    found.learn_many(keys, xs)
    return found


def drawings(html):
    return [ElementTree.fromstring(each) for each in re.findall(r"<svg.*?</svg>", html, re.DOTALL)]


@pytest.mark.parametrize("name", MODELS)
def test_html_is_self_contained_and_its_drawings_are_valid(name):
    model = MODELS[name]()
    before = str(model)
    html = model._repr_html_()
    assert html.startswith('<div class="seqbayes"')
    assert not re.search(
        r"<script|<link|<img|url\(|javascript:|nan|inf[^\w]", html.split("<table")[0]
    )
    assert set(re.findall(r"https?://\S+?(?=\")", html)) <= {"http://www.w3.org/2000/svg"}
    for drawing in drawings(html):
        assert drawing.get("role") == "img"
        assert len(drawing.get("aria-label")) > 5
        for path in drawing.iter("{http://www.w3.org/2000/svg}path"):
            numbers = re.findall(r"-?\d+\.?\d*", path.get("d"))
            assert all(-20.0 <= float(number) <= 700.0 for number in numbers)
    assert len(html) < 60_000
    assert str(model) == before


@pytest.mark.parametrize("case", ONE_CASE_PER_LIKELIHOOD, ids=lambda case: case.id)
def test_every_family_is_shown_under_each_of_its_likelihoods(case):
    state = case.new(case.observations(6))
    shown = state.figure_panels()
    assert shown
    assert models.predicted(state)
    assert len(drawings(state._repr_html_())) == len(shown)
    columns = state.as_columns()
    assert len({len(column) for column in columns.values()}) == 1
    for low, high in zip(columns["low"], columns["high"], strict=True):
        assert low is None or low < high
    for panel in shown:
        for line in panel.lines if isinstance(panel, Curves) else ():
            assert len(line.x) == len(line.y)
            assert np.isfinite(line.y).any()


def test_labels_and_keys_are_escaped():
    hostile = '<script>alert("x")</script>'
    shares = learned(DirichletProcess(), [hostile, "x"])
    for model in (shares, table([hostile], [True]), compare({hostile: Beta(2, 1), "b": Beta()})):
        html = model._repr_html_()
        assert "<script" not in html
        assert "&lt;script&gt;" in html
        assert drawings(html)


def test_the_panel_of_a_number_has_prior_likelihood_and_posterior_in_their_colours():
    state = learned(Beta(2, 3), [True] * 7 + [False] * 3)
    (panel,) = models.panels(state, 0.9)
    lines = {line.role: line for line in panel.lines}
    assert list(lines) == ["prior", "likelihood", "posterior"]
    assert {line.dash for line in panel.lines} == {"dashed", "dotted", "solid"}
    x = lines["posterior"].x
    assert np.allclose(lines["posterior"].y, state.pdf(x), rtol=1e-12)
    assert np.allclose(lines["prior"].y, Beta(2, 3).pdf(x), rtol=1e-12)
    peak = lines["likelihood"].y / (x**7 * (1 - x) ** 3)  # proportional to the likelihood
    assert np.allclose(peak, peak[0], rtol=1e-9)
    assert math.isclose(lines["likelihood"].y.max(), lines["posterior"].y.max(), rel_tol=1e-12)
    assert lines["posterior"].shaded == state.interval(0.9)
    marks = {mark.label: mark.x for mark in panel.marks}
    assert marks == {"MLE": 0.7, "MAP": state.map, "mean": state.mean}
    drawn = svg.svg(panel)
    assert all(RULE[role] in drawn for role in ("prior", "likelihood", "posterior"))


def test_the_panel_of_labels_has_each_share_with_its_interval():
    state = learned(Dirichlet({"red": 1, "blue": 3}), ["red"] * 6)
    (panel,) = models.panels(state)
    assert isinstance(panel, IntervalRows)
    red, blue = panel.rows
    assert (red.name, red.mean, red.prior, red.mle) == ("red", 0.7, 0.25, 1.0)
    assert (red.low, red.high) == state.interval()["red"]
    assert blue.name == "blue"


def test_the_curves_of_a_mixture_sum_to_its_density():
    found = mixture()
    (panel,) = models.panels(found)
    total, *parts = panel.lines
    assert np.allclose(np.sum([each.y for each in parts], axis=0), total.y)
    areas = [float(np.trapezoid(each.y, each.x)) for each in parts]
    assert sorted(areas) == pytest.approx(sorted(found.weights), abs=0.02)


@pytest.mark.parametrize(
    ("name", "total"),
    [("beta", 1.0), ("gamma", 1.0), ("exponential", 1.0), ("normal", 1.0), ("hurdle", 1.0)],
)
def test_predictive_probabilities_sum_to_about_one(name, total):
    (panel,) = models.predicted(MODELS[name]())
    (line,) = panel.lines
    assert line.role == "evidence"
    area = line.y.sum() if line.bars else np.trapezoid(line.y, line.x)
    assert float(area) == pytest.approx(total, abs=0.06)


@pytest.mark.parametrize("name", STATES)
def test_plots_have_one_panel_per_axes_and_leave_the_state_unchanged(name):
    model = MODELS[name]()
    before = copy.deepcopy(model.to_dict())
    for panels, plot in (
        (model.figure_panels(), model.plot),
        (models.predicted(model), model.plot_predictive),
    ):
        if not panels:
            with pytest.raises(seqbayes.SeqbayesError, match="nothing to plot"):
                plot()
            continue
        axes = Figure().subplots(len(panels), squeeze=False).ravel()
        plot(axes)
        for panel, ax in zip(panels, axes, strict=True):
            assert ax.get_xlabel() == panel.x_label
            assert ax.get_legend() is not None
            if isinstance(panel, Curves) and not panel.lines[0].bars:
                drawn = {line.get_label(): line for line in ax.get_lines()}
                for line in panel.lines:
                    assert drawn[line.label].get_color() == RULE[line.role]
                    assert np.array_equal(drawn[line.label].get_ydata(), line.y, equal_nan=True)
    assert model.to_dict() == before


def test_a_plot_without_axes_is_a_new_figure(monkeypatch):
    matplotlib.use("Agg")
    from matplotlib import pyplot

    ax = learned(Beta(2, 3), [True]).plot()
    assert ax.figure.axes == [ax]
    axes = MODELS["wishart"]().plot()
    assert len(axes) == 2
    with pytest.raises(seqbayes.SeqbayesError, match="expected 2 axes, one for each number, got 1"):
        MODELS["wishart"]().plot(ax)
    pyplot.close("all")


def test_a_history_records_the_state_after_every_observation():
    xs = [True, False, True, True]
    state = learned(Beta(2, 2), [False])
    (panel,) = models.history(state, xs, 0.8)
    lines = {line.role: line for line in panel.lines}
    expected = [copy.copy(state)]
    for x in xs:
        following = copy.copy(expected[-1])
        following.learn_one(x)
        expected.append(following)
    assert lines["posterior"].y.tolist() == [each.mean for each in expected]
    assert lines["likelihood"].y.tolist() == [each.mle for each in expected]
    low, high = lines["posterior"].band
    assert list(zip(low.tolist(), high.tolist(), strict=True)) == [
        e.interval(0.8) for e in expected
    ]
    assert state.n_samples == 1
    ax = state.plot_history(xs, Figure().add_subplot())
    assert ax.get_xlabel() == "observations"
    with pytest.raises(seqbayes.ObservationError):
        state.plot_history([True, "yes"])


def test_a_long_history_is_thinned_and_ends_at_the_last_observation():
    (panel,) = models.history(Gamma(1, 1), [1] * 1001)
    n = panel.lines[-1].x
    assert len(n) <= models.MAX_RECORDED + 2
    assert (n[0], n[-1]) == (0.0, 1001.0)


@pytest.mark.parametrize("name", [name for name in MODELS if name != "empty table"])
def test_data_frames_of_all_libraries_are_equal(name):
    for library in ("narwhals", "pandas", "polars", "pyarrow"):
        pytest.importorskip(library)
    model = MODELS[name]()
    columns = model.as_columns()
    frames = model.to_pandas(), model.to_polars(), model.to_arrow()
    assert [list(frame.columns) for frame in frames[:2]] == [list(columns)] * 2
    assert frames[2].column_names == list(columns)
    listed = (
        {name: frames[0][name].tolist() for name in columns},
        frames[1].to_dict(as_series=False),
    )
    for found in (*listed, frames[2].to_pydict()):
        for column, values in columns.items():
            for value, given in zip(found[column], values, strict=True):
                missing = given is None or given != given
                assert (value is None or value != value) if missing else value == given


def test_a_data_frame_has_the_requested_level():
    state = learned(Gamma(2, 1), [3, 4])
    row = state.to_pandas(0.5).iloc[0]
    assert (row["low"], row["high"]) == state.interval(0.5)
    assert (row["mean"], row["mle"], row["map"]) == (state.mean, state.mle, state.map)


def test_a_large_table_shows_the_keys_with_the_most_data():
    keys = [f"k{k % 90}" for k in range(900)] + ["heavy"] * 50
    found = table(keys, [k % 3 == 0 for k in range(len(keys))])
    html = found._repr_html_()
    assert html.count("<tr>") == 21
    assert "91 keys), 20 with the most data" in html
    assert found.to_pandas().shape == (91, 7)
    (panel,) = found.figure_panels()
    assert panel.rows[0].name == "heavy"
    ends = panel.rows[0].low, panel.rows[0].high
    assert ends == pytest.approx(found["heavy"].interval(), rel=1e-12)


def test_a_table_that_pools_its_keys_shows_their_pooled_estimates():
    keys = [f"k{k % 30}" for k in range(300)] + ["heavy"] * 50
    found = Table(Beta(), pool=True)
    found.learn_many(keys, [k % 3 == 0 for k in range(len(keys))])
    (panel,) = found.figure_panels()
    assert len(panel.rows) == 20
    heavy, mean = panel.rows[0], dict(zip(found.keys, found.mean, strict=True))
    assert (heavy.name, heavy.mean) == ("heavy", mean["heavy"])
    assert [row.mean for row in panel.rows] == [mean[row.name] for row in panel.rows]
    assert "heavy" in found._repr_html_()
    assert found.to_pandas()["map"].isna().all()


@pytest.mark.parametrize(
    ("package", "call", "extra"),
    [
        ("matplotlib", lambda state: state.plot(), "plot"),
        ("narwhals", lambda state: state.to_pandas(), "frames"),
        ("arviz_base", lambda state: state.to_arviz(), "arviz"),
    ],
)
def test_a_missing_library_is_named_with_the_command_that_installs_it(
    package, call, extra, monkeypatch
):
    import sys

    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(seqbayes.SeqbayesError, match=rf"needs {package}.*\[{extra}\]"):
        call(Beta(2, 2))


def test_the_history_in_a_store_is_plotted_over_time(tmp_path):
    from seqbayes.stream import (
        Belief,
        History,
        MissingError,
        Pace,
        Pipeline,
        open_store,
        plot_history,
    )
    from seqbayes.stream.sources import Iterated

    path = str(tmp_path / "beliefs.db")
    events = [{"shop": "north", "sold": k % 2 == 0, "colour": "red"} for k in range(4)]
    beliefs = [
        Belief("sales", Beta(), field="sold", by="shop"),
        Belief("colours", Dirichlet({"red": 1, "blue": 1}), field="colour"),
    ]
    clock = iter(range(1_700_000_000, 1_700_000_100)).__next__
    source = Iterated(events, name="visits")
    recorder = History(every=0.5, now=clock)
    store, pace = open_store(path), Pace(events=1)
    with Pipeline(source, beliefs, store, pace, [recorder], size=1) as pipeline:
        list(pipeline)
    expected = [Beta(1, 1) for _ in events]
    for k, belief in enumerate(expected):
        belief.learn_many([event["sold"] for event in events[: k + 1]])
    ax = plot_history(path, "sales", "north", ax=Figure().add_subplot())
    (line,) = ax.get_lines()
    drawn = line.get_ydata().tolist()
    assert drawn == pytest.approx([each.mean for each in expected][: len(drawn)])
    assert len(drawn) == len(expected)
    assert str(line.get_xdata()[0]).startswith("2023-11-14T22:13")
    ax = plot_history(path, "colours", part="blue", ax=Figure().add_subplot())
    assert ax.get_lines()[0].get_ydata()[-1] == pytest.approx(1 / 6)
    assert plot_history(path, "colours", ax=Figure().add_subplot()).get_lines()
    for call in (
        lambda: plot_history(path, "nothing"),
        lambda: plot_history(path, "sales", "west"),
        lambda: plot_history(path, "colours", part="green"),
    ):
        with pytest.raises(MissingError):
            call()
    with pytest.raises(seqbayes.SeqbayesError, match="expected 1 value as its key"):
        plot_history(path, "sales")
