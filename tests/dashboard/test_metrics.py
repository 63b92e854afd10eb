"""Metrics: the text format of Prometheus, one series for each number of each key."""

import json
import re
from pathlib import Path

import pytest
from serving import HTTP

from seqbayes import Beta
from seqbayes.dashboard.live.descriptions import of_belief
from seqbayes.dashboard.server import pages
from seqbayes.dashboard.server.metrics import family, labels_of
from seqbayes.dashboard.server.units import unit_of
from seqbayes.events.belief import Belief

ROOT = Path(__file__).resolve().parents[2]
parser = pytest.importorskip(
    "prometheus_client.parser", reason="prometheus-client is not installed"
)


def test_metrics_are_in_the_prometheus_format(serve):
    server = serve(HTTP)
    server.post([{"shop": 'a"\\\n', "sold": True}, {"shop": "b"}])
    server.until(lambda: "seqbayes_belief_mean" in server.client.get("/metrics").text)
    lines = server.client.get("/metrics").text.splitlines()
    samples_by_name = {
        line.rpartition(" ")[0]: line.rpartition(" ")[2] for line in lines if line[0] != "#"
    }
    assert samples_by_name["seqbayes_events_total"] == "2"
    assert samples_by_name["seqbayes_dead_letters_total"] == "1"
    assert samples_by_name['seqbayes_belief_keys{belief="sales"}'] == "1"
    assert samples_by_name[r'seqbayes_belief_observations{belief="sales",shop="a\"\\\n"}'] == "1"
    assert float(
        samples_by_name[r'seqbayes_belief_mean{belief="sales",shop="a\"\\\n"}']
    ) == pytest.approx(2 / 3)
    assert samples_by_name['seqbayes_status{status="ok"}'] == "1"
    names = {line.split(" ")[2] for line in lines if line.startswith("# TYPE")}
    assert {name.partition("{")[0] for name in samples_by_name} == names
    page = (ROOT / "docs/reference/metrics.md").read_text(encoding="utf-8")
    assert not [name for name in names if f"`{name}`" not in page], "undocumented metrics"
    assert "".join(family("m", "gauge", "M.", [({}, float("nan")), ({}, 1e300)])).endswith(
        "1e300\n"
    )


SEVERAL = """
store = ":memory:"
source = { kind = "http", linger = 0.001 }
[belief.pairs]
state = "beta"
field = "sold"
by = ["shop", "belief"]
[belief.colour]
state = "dirichlet"
prior = { red = 1, blue = 1 }
field = "colour"
[belief.price]
state = "normal-inverse-gamma"
likelihood = "log-normal"
field = "price"
"""


def test_metrics_have_a_label_for_each_field_and_unique_series(serve):
    server = serve(SEVERAL)
    event = {"sold": True, "colour": "red", "price": 7.0}
    keys = [("a, b", "c"), ("a", "b, c"), ("(rest)", "")]
    server.post([{**event, "shop": shop, "belief": belief} for shop, belief in keys])
    server.until(lambda: "seqbayes_belief_median" in server.client.get("/metrics").text)
    lines = server.client.get("/metrics").text.splitlines()
    series = [line.rpartition(" ")[0] for line in lines if line[0] != "#"]
    assert len(set(series)) == len(series)
    for shop, belief in keys:
        labels = f'{{belief="pairs",shop="{shop}",belief_2="{belief}"}}'
        assert f"seqbayes_belief_mean{labels}" in series
    samples_by_name = {
        line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if line[0] != "#"
    }
    assert samples_by_name['seqbayes_belief_mean{belief="colour",label="red"}'] == pytest.approx(
        4 / 5
    )
    assert samples_by_name['seqbayes_belief_mean{belief="colour",label="blue"}'] == pytest.approx(
        1 / 5
    )
    assert 'seqbayes_belief_mean{belief="price"}' not in samples_by_name
    assert samples_by_name['seqbayes_belief_median_low{belief="price"}'] > 0.0
    # the comments of a metric come once, before all of its samples
    named = [line.split(" ")[2] for line in lines if line.startswith("# TYPE")]
    assert len(set(named)) == len(named)


def test_the_pooled_rest_differs_from_a_key_of_that_name():
    about = of_belief(Belief("sales", Beta(), "sold", by=["rest", "a-b", "a.b", "1"]))
    assert labels_of(None, about) == {"belief": "sales", "rest": "true"}
    assert labels_of(["w", "x", "y", "z"], about) == {
        "belief": "sales", "rest_2": "w", "a_b": "x", "a_b_2": "y", "field": "z",
    }  # fmt: skip


def test_the_grafana_dashboard_uses_existing_metrics(serve):
    board = json.loads((pages.root().parent / "grafana.json").read_text())
    server = serve(HTTP)
    server.post([{"shop": "a", "sold": True}])
    server.until(lambda: "seqbayes_belief_mean" in server.client.get("/metrics").text)
    text = server.client.get("/metrics").text
    names = {line.split(" ")[2] for line in text.splitlines() if line.startswith("# TYPE")}
    names |= {"seqbayes_lag"}  # if a source knows it
    asked = set()
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            asked |= set(re.findall(r"\bseqbayes_\w+", target["expr"]))
    assert len(asked) > 8
    assert asked <= names


EVERYTHING = """
store = ":memory:"
source = { kind = "http", linger = 0.001 }
[belief.sales]
state = "beta"
field = "sold"
by = ["le", "quantile", "shopName", "label", "__name__", "größe", "1st"]
unit = "%"
[belief.waits]
state = "normal-inverse-gamma"
field = "wait"
by = "le"
unit = "ms"
better = "lower"
[belief.hours]
state = "normal-inverse-gamma"
field = "wait"
unit = "h"
[belief.price]
state = "normal-inverse-gamma"
likelihood = "log-normal"
field = "price"
unit = "EUR"
[belief.calls]
state = "gamma"
field = "calls"
unit = "calls/min"
[belief.colour]
state = "dirichlet-process"
field = "colour"
unit = "count"
[belief.pair]
state = "normal-inverse-wishart"
prior = { prior_mean = [0, 0] }
field = ["wait", "price"]
[belief.both]
state = "product"
fields = { "a.b" = { state = "normal-inverse-gamma" }, sold = { state = "beta" } }
[belief.line]
state = "conjugate-linear-regression"
features = ["price"]
field = "wait"
"""

HOSTILE_KEYS = [
    "",
    " ",
    "a, b",
    'a"b',
    "a\\b",
    "a\nb",
    "a\r\nb",
    "}",
    '{x="1"} 2',
    "# HELP x",
    "\\n",
    "ü☃",
]


@pytest.fixture
def exported(serve):
    server = serve(EVERYTHING)
    names = ("le", "quantile", "shopName", "label", "__name__", "größe", "1st")
    events = [
        {
            **dict.fromkeys(names, text), "sold": i % 2 == 0, "wait": 1000.0 + i, "price": 2.0 + i,
            "calls": i % 4, "colour": text, "a.b": float(i),
        }
        for i, text in enumerate(HOSTILE_KEYS)
    ]  # fmt: skip
    server.post(events)
    server.until(lambda: "seqbayes_belief_median" in server.client.get("/metrics").text)
    return server.client.get("/metrics").text


def series_of(text):
    """Return the series of metrics with their values; fail if a line is not one of the format."""
    label = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\\\|\\"|\\n)*"'
    line = re.compile(
        rf"([a-zA-Z_:][a-zA-Z0-9_:]*(?:\{{{label}(?:,{label})*\}})?) (\S+)|# (?:HELP|TYPE) .+"
    )
    found = []
    for each in text.removesuffix("\n").split("\n"):
        match = line.fullmatch(each)
        assert match, each
        if match[1]:
            found.append((match[1], float(match[2])))
    return found


def test_no_series_is_exported_twice(exported):
    names = [name for name, _ in series_of(exported)]
    assert len(set(names)) == len(names)
    keys = [name for name in names if name.startswith('seqbayes_belief_mean{belief="sales"')]
    assert len(keys) == len(HOSTILE_KEYS)


UNITS = {"milliseconds", "second", "seconds", "minutes", "hours", "byte", "bytes", "megabytes"}


def test_metrics_follow_the_rules_of_prometheus(exported):
    """The rules are those of ``promtool check metrics``."""
    names = set()
    for found in parser.text_string_to_metric_families(exported):
        assert found.name not in names  # all samples of a metric stand together
        names.add(found.name)
        assert found.documentation
        assert found.type in ("counter", "gauge")
        for sample in found.samples:
            assert re.fullmatch("[a-z][a-z0-9_]*", sample.name)
            assert sample.name.endswith("_total") is (found.type == "counter")
            words = sample.name.split("_")
            assert not {"gauge", "counter", "histogram", "summary"} & set(words)
            assert not sample.name.endswith(("_count", "_sum", "_bucket"))
            assert UNITS & set(words) <= {"seconds", "second", "bytes"}
        series = [(each.name, *sorted(each.labels.items())) for each in found.samples]
        assert len(set(series)) == len(series)
    assert len(names) > 20


def test_comments_precede_the_samples_of_their_metric(exported):
    name = None
    lines = iter(exported.removesuffix("\n").split("\n"))
    for line in lines:
        if line.startswith("# HELP "):
            name = line.split(" ")[2]
            assert next(lines).split(" ")[:3] == ["#", "TYPE", name]
        else:
            assert re.split("[{ ]", line)[0] == name


def test_display_settings_are_read_from_the_store(serve, tmp_path):
    server = serve(EVERYTHING.replace(":memory:", "kept.db"))
    server.post([{"wait": 1000.0, "price": 2.0}])
    server.stop()
    stored = serve(str(tmp_path / "kept.db"))
    text = stored.client.get("/metrics").text
    assert "\nseqbayes_belief_mean_seconds{" in text
    assert "\nseqbayes_belief_median_eur{" in text
    listed = {each["name"]: each for each in stored.get("/api/beliefs")["beliefs"]}
    assert (listed["waits"]["unit"], listed["waits"]["better"]) == ("ms", "lower")
    assert listed["hours"]["better"] == ""  # not guessed from the name of its field


def test_metric_names_contain_the_base_unit_of_the_configured_unit(exported):
    found = dict(series_of(exported))
    (mean,) = (
        value for name, value in found.items()
        if name.startswith('seqbayes_belief_mean_seconds{belief="hours"')
    )  # fmt: skip
    plain = next(
        value for name, value in found.items()
        if name == 'seqbayes_belief_mean{belief="pair",part="wait"}'
    )  # fmt: skip
    # the same values in hours, pooled with a prior whose weight is that of a fraction of one value
    assert mean == pytest.approx(3600.0 * plain, rel=0.2)
    names = {re.split("[{ ]", name)[0] for name in found}
    assert {
        "seqbayes_belief_mean_seconds", "seqbayes_belief_low_seconds",
        "seqbayes_belief_median_eur", "seqbayes_belief_median_high_eur",
        "seqbayes_belief_mean_calls_per_second",
    } <= names  # fmt: skip
    # shares have no unit
    assert any(name.startswith('seqbayes_belief_mean{belief="sales"') for name in found)
    assert any(name.startswith('seqbayes_belief_mean{belief="colour"') for name in found)


@pytest.mark.parametrize(
    ("text", "name", "factor"),
    [
        ("", "", 1.0), ("s", "seconds", 1.0), ("Seconds", "seconds", 1.0), ("ms", "seconds", 1e-3),
        ("µs", "seconds", 1e-6), ("minutes", "seconds", 60.0), ("kB", "bytes", 1e3),
        ("MiB", "bytes", 2.0**20), ("kg", "grams", 1e3), ("%", "ratio", 0.01), ("€", "eur", 1.0),
        ("page views", "page_views", 1.0), ("1/s", "per_second", 1.0),
        ("events per hour", "events_per_second", 1 / 3600), ("total", "totals", 1.0),
        ("MB/s", "bytes_per_second", 1e6), ("☃", "", 1.0),
    ],
)  # fmt: skip
def test_units_are_converted_to_plural_base_units(text, name, factor):
    assert unit_of(text) == (name, pytest.approx(factor, rel=1e-15))
