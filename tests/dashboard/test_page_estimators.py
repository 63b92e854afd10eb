"""Estimators, and mixtures of several things, in a real browser."""

import json
import random
import re
import time

import pytest
from served import Site

from seqbayes import Dirichlet, Gamma, NormalInverseGamma, Product, river
from seqbayes.likelihoods import Poisson
from seqbayes.mixture import Mixture
from seqbayes.stream import open_store
from seqbayes.stream.history import summarise
from seqbayes.stream.stores import Changes, HistoryPoint, StoredState

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed").expect

EVENTS = 240


def mixture(call, **options):
    return Mixture({"day": call, "night": call}, seed=1, **options)


def beliefs():
    """Return models by name, each with the fields of an event that it reads."""
    call = Product(
        {
            "wait": NormalInverseGamma(),
            "n": Gamma(2, 1, likelihood=Poisson()),
            "site": Dirichlet.flat(["north", "south"]),
        }
    )
    return {
        "kind": (river.MixtureDiscriminant(2, buffer=20, seed=1), ["x", "site"], ["kind"]),
        "bayes": (river.ConjugateNB(), ["x", "site"], ["kind"]),
        "price": (river.ConjugateLinearRegression(), ["x", "n"], ["y"]),
        "anomaly": (river.PredictiveSurprise(), ["x", "site"], []),
        "calls": (mixture(call, buffer=40), ["wait", "n", "site"], []),
        "young": (mixture(call), ["wait", "n", "site"], []),
        "waits": (Mixture([NormalInverseGamma(m) for m in (50, 80)], seed=1), "wait", []),
    }


def event(rng):
    red, day = rng.random() < 0.6, rng.random() < 0.6
    x = rng.gauss(9.0 if red else 2.0, 1.0)
    return {
        "kind": "red" if red else "blue",
        "x": x,
        "y": 3.0 * x + rng.gauss(0.0, 2.0),
        "wait": rng.gauss(54 if day else 80, 6),
        "site": "north" if day else "south",
        "n": rng.randrange(4) if day else rng.randint(9, 20),
    }


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A server that shows a store with a history of each belief."""
    site, learning, rng = Site(tmp_path_factory.mktemp("store")), beliefs(), random.Random(1)
    history, now = [], time.time()
    for i in range(EVENTS):
        row = event(rng)
        for name, (model, taken, target) in learning.items():
            x = row[taken] if isinstance(taken, str) else {field: row[field] for field in taken}
            model.learn_one(x, *(row[field] for field in target))
            if i % 20 == 19:
                text = json.dumps(summarise(model))
                history.append(HistoryPoint(name, "[]", now - EVENTS + i, text))
    with open_store(str(site.store)) as kept:
        kept.acquire()
        for name, (model, *_) in learning.items():
            kept.declare(name, json.dumps({"state": model.clone().to_dict(), "by": []}))
        states = [
            StoredState(name, "[]", json.dumps(model.to_dict()), now)
            for name, (model, *_) in learning.items()
        ]
        kept.commit(Changes("s", 1, EVENTS, states, history=history))
    site.config = site.store
    site.start()
    yield site
    site.kill()


def test_cards_of_estimators_plot_a_number(open_page, store, shoot):
    page = open_page(at=store)
    for name, followed in {
        "kind": "share of class red",
        "bayes": "share of class red",
        "price": "weight of x",
        "anomaly": "x mean",
        "calls": "share of (day|night)",
    }.items():
        card = page.locator(f".card[data-belief={name}]")
        card.scroll_into_view_if_needed()
        spark = card.get_by_role("img", name=re.compile(f"of {followed} over time"))
        spark.locator("path.s-mean[d^=M]").wait_for(state="attached")
        expect(card.locator("footer b")).to_have_text(str(EVENTS))
        # the text is within the card
        # measured in one call: the page may scroll between two
        assert (
            card.evaluate(
                """card => {
                const bottom = element => element.getBoundingClientRect().bottom;
                return bottom(card) - bottom(card.querySelector("footer"));
            }"""
            )
            >= 0
        )
    page.evaluate("scrollTo(0, 0)")
    shoot(page, "estimators", full_page=True)


def test_the_details_of_an_estimator(open_page, store, shoot):
    page = open_page("/beliefs/kind/%5B%5D", at=store)
    page.get_by_role("heading", name="History of share of class red").wait_for()
    page.wait_for_selector(".history canvas")
    rows = page.locator(".fields tbody tr")
    expect(rows).to_have_count(6)
    expect(rows.nth(2)).to_contain_text(": component ")
    expect(rows.nth(2).locator(".text")).to_contain_text("site ")
    shoot(page, "estimator", full_page=True)


@pytest.mark.parametrize("name", ["calls", "waits"])
def test_the_predictions_of_a_mixture(open_page, store, shoot, name):
    page = open_page(f"/beliefs/{name}/%5B%5D", at=store)
    page.get_by_role("heading", name="Next observation").wait_for()
    panel = page.locator(".panel", has=page.get_by_role("heading", name="Next observation"))
    if name == "calls":
        names = ["wait", "n", "site = north", "site = south"]
        expect(panel.locator("tr").nth(2)).to_contain_text(" %")
        expect(panel.locator("th")).to_have_text(names)
        expect(panel.locator("tr").nth(0)).to_contain_text(" to ")
        page.wait_for_selector(".history canvas")
        shoot(page, "mixture", full_page=True)
        # a line without an interval has a margin on both sides
        page.wait_for_selector(".history canvas")
        rows = page.locator(".history canvas").evaluate(
            "(canvas) => { const { width, height } = canvas;"
            " const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);"
            " const rows = []; for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) {"
            "  const at = 4 * (y * width + x);"
            "  if (data[at] - data[at + 2] > 60) { rows.push(y); break; } }"
            " return [rows[0], rows.at(-1), height]; }"
        )
        over = page.locator(".history .u-over").bounding_box()
        assert rows[0] > 12 + 4
        assert rows[1] < 12 + over["height"] - 4
    else:
        panel.locator("path.p-line[d^=M]").wait_for()
        expect(panel.locator(".hint")).to_contain_text("95 % interval")


def test_a_mixture_without_settled_components_plots_no_component(open_page, store):
    page = open_page("/beliefs/young/%5B%5D", at=store)
    page.get_by_text("Still starting up: 240 of 800 events").wait_for()
    page.get_by_text("begins when its components have settled").wait_for()
    expect(page.locator(".figures .main dd")).to_have_text("240")
    assert page.locator(".history canvas").count() == 0
