"""The level of intervals, selected on the page."""

import json
import re
import urllib.request
from urllib.parse import quote

import pytest
from served import visit

from seqbayes import Beta

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed").expect

KEY = '["control"]'
DETAIL = "/beliefs/conversion/" + quote(KEY, safe="")


def detail(site, level):
    """Return the details of the control, after a comparison of its interval with the posterior."""
    path = f"/api/beliefs/conversion/{quote(KEY, safe='')}?level={level}"
    with urllib.request.urlopen(site.url + path, timeout=60) as answer:
        found = json.load(answer)
    state = Beta(found["posterior"]["alpha"], found["posterior"]["beta"])
    assert found["level"] == level
    assert found["interval"] == pytest.approx(state.interval(level), rel=1e-4)
    return found


def named_levels(page):
    """Return the levels in percent of the intervals that a page names, except as options."""
    return set(re.findall(r"(\d+) % interval\b", page.locator("main").inner_text()))


def test_the_level_of_cards_is_selected_and_kept(open_page, site):
    page = open_page("/?belief=conversion")
    card = page.locator(f".card[data-id='{KEY}']")
    chart = card.locator("svg[role='img']").first
    expect(chart).to_have_attribute("aria-label", re.compile("95 % interval"))
    page.get_by_role("combobox", name="Level of intervals").select_option("0.8")
    expect(chart).to_have_attribute("aria-label", re.compile("80 % interval"))
    assert "level=0.8" in page.url
    assert named_levels(page) == {"80"}  # in the legend
    # the sparkline shows the level of the stored intervals
    expect(card.locator(".spark")).to_have_attribute("aria-label", re.compile("95 % interval"))
    site.feed(visit("control", True))
    expect(chart).to_have_attribute("aria-label", re.compile("80 % interval"))  # pushed, too
    card.locator("a.name").click()
    level = page.get_by_role("combobox", name="Level of intervals")
    expect(level).to_have_value("0.8")
    page.goto(f"{site.url}/compare?belief=conversion&level=0.99")
    expect(page.get_by_role("button", name="99 %")).to_have_attribute("aria-pressed", "true")


def test_a_history_has_the_selected_level(open_page, site):
    site.feed_history(3, visit("control", True), "conversion", KEY)
    page = open_page(DETAIL + "?level=0.5")
    expect(page.get_by_role("combobox", name="Level of intervals")).to_have_value("0.5")
    page.wait_for_selector(".history canvas")
    assert named_levels(page) == {"50"}  # in the legend, with the estimates and the quantiles
    found = detail(site, 0.5)
    assert found["history"]["level"] == 0.5
    usual = detail(site, 0.95)["history"]
    assert usual["level"] == 0.95
    columns = [(each["t"], each["low"], each["high"]) for each in (usual, found["history"])]
    at, other = ({t: ends for t, *ends in zip(*each, strict=True)} for each in columns)
    shared = [(*other[t], *at[t]) for t in other.keys() & at.keys()]
    assert len(shared) >= 3
    assert all(wide < low < high < wider for low, high, wide, wider in shared)
    with page.expect_download() as started:
        panel = page.locator(".panel", has=page.get_by_role("heading", name="History"))
        panel.get_by_role("button", name="CSV").click()
    assert started.value.path().read_text().splitlines()[0] == "time,mean,low 0.5,high 0.5"


def test_curves_with_another_level_are_announced(open_page):
    page = open_page("/login")
    told = page.evaluate(
        "async () => { const { storedLevel } = await import('/static/js/charts/history.js');"
        " return [storedLevel([{ t: [1], level: 0.95 }], '0.8'),"
        " storedLevel([{ t: [1], level: 0.8 }], '0.8')]; }"
    )
    assert told[0].startswith("The history has 95 % intervals: ")
    assert told[1] == ""
