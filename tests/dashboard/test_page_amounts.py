"""Beliefs with long keys and infinite means in a real browser, on a phone and on paper."""

import json
import math
import random
import re
import urllib.request

import pytest
from served import Site

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed").expect

CONFIG = """
store = {store}
source = {{ kind = "file", path = {events}, follow = true }}
history = {{ every = "1 s" }}
commit = {{ every = "0.1 s" }}
[belief.revenue]
state = "hurdle"
field = "spent"
by = "variant"
unit = "EUR"
fields = {{ amount = {{ state = "normal-inverse-gamma", likelihood = "log-normal" }} }}
[belief.items]
state = "gamma"
prior = {{ shape = 2, rate = 1 }}
likelihood = {{ name = "poisson" }}
field = "items"
[belief.bought]
state = "beta"
field = "bought"
by = "variant"
control = "a very long name of a variant that was chosen some years ago"
"""
LONG = "a very long name of a variant that was chosen some years ago"
DETAIL = "/beliefs/revenue/%5B%22control%22%5D"
OUTSIDE = """() => {
  const width = document.documentElement.clientWidth;
  return [...document.querySelectorAll("main *")].filter((one) => {
    const { left, right, height } = one.getBoundingClientRect();
    return height && (right > width + 1 || left < -1) && !one.closest(".scroll, .toolbar, svg");
  }).map((one) => one.outerHTML.slice(0, 80));
}"""
CUT = "(all) => all.filter((one) => one.scrollHeight > one.clientHeight + 1).length"


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    site, rng = Site(tmp_path_factory.mktemp("shop"), CONFIG), random.Random(3)
    for variant in ("control", LONG, "third") * 100:
        bought = rng.random() < 0.3
        spent = round(rng.lognormvariate(3, 0.6), 2) if bought else 0
        site.feed({"variant": variant, "bought": bought, "spent": spent, "items": int(bought)})
    site.start()
    site.until_events(300)
    yield site
    site.kill()


def test_an_infinite_loss_is_not_shown_as_a_small_one(shop, open_page):
    page = open_page("/compare?belief=revenue", at=shop)
    verdict = page.locator(".verdict-text")
    expect(verdict).to_contain_text(
        re.compile(r"the loss is at most .* EUR with probability 97.5 %")
    )
    expect(verdict).to_contain_text("a difference of ")
    costs = page.get_by_role("region", name="What a choice costs")
    expect(costs.get_by_role("cell", name="infinite")).to_have_count(3)
    differences = page.locator(".forest:not(.estimates)")
    expect(differences.locator(".whisker")).to_have_count(2)
    expect(differences.locator(".tick")).to_have_count(0)  # the mean does not exist


def test_medians_are_shown_where_means_are_infinite(shop, open_page):
    with urllib.request.urlopen(f"{shop.url}/api{DETAIL}", timeout=60) as answer:
        card = json.load(answer)
    assert card["mean"] is None
    low, high = card["interval"]
    median = f"{card['median']:.{max(0, 1 - math.floor(math.log10(high - low)))}f}"
    page = open_page("/compare?belief=revenue", at=shop)
    page.get_by_role("columnheader", name="Median").wait_for()
    numbers = page.get_by_role("region", name="The keys compared")
    row = numbers.get_by_role("row").filter(has_text="control")
    expect(row).to_contain_text(median)
    expect(page.locator(".estimates .tick")).to_have_count(3)
    page = open_page(at=shop)
    shown = page.locator(".card", has_text="control").filter(has_text="median")
    expect(shown.locator(".value")).to_have_text(median)
    page = open_page(DETAIL, at=shop)
    figures = page.locator("dl.figures").first
    expect(figures).to_contain_text(f"median{median} EUR")
    expect(figures).to_contain_text(re.compile("share.* %.*mean amount.* to "))


def test_the_history_of_an_infinite_mean_has_its_intervals(shop, open_page):
    shop.feed_history(3, {"variant": "control", "spent": 9.5}, "revenue", '["control"]')
    page = open_page(DETAIL, at=shop)
    page.wait_for_selector(".history canvas")
    over = page.locator(".history .u-over")
    box = over.evaluate("(over) => [over.clientWidth, over.clientHeight]")
    over.hover(position={"x": box[0] - 3, "y": box[1] / 2})
    expect(page.locator(".cursor-hint")).to_contain_text("mean –, interval ")


def test_steps_of_bayes_rule_are_announced_only_where_they_exist(shop, open_page):
    page = open_page(DETAIL, at=shop)
    page.get_by_role("heading", name="Next observation").wait_for()
    expect(page.get_by_role("heading", name="Last steps of Bayes’ rule")).to_have_count(0)
    page = open_page("/beliefs/bought/%5B%22control%22%5D", at=shop)
    page.get_by_role("heading", name="Last steps of Bayes’ rule").wait_for()


@pytest.mark.parametrize("belief", ["bought", "revenue"])
def test_a_comparison_of_long_keys_fits_a_phone(shop, open_page, shoot, belief):
    page = open_page(f"/compare?belief={belief}", at=shop, width=390, height=844)
    page.wait_for_selector(".estimates li")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate(OUTSIDE) == []
    names = page.locator("main .key-name")
    assert names.count() > 9
    assert names.evaluate_all(CUT) == 0
    shoot(page, f"phone-compare-{belief}", full_page=True)


def put_on_paper(page):
    """Lay the page out for A4 with margins; charts adapt to the width some time later."""
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 718, "height": 1000})


@pytest.mark.parametrize("path", ["/", "/compare?belief=bought", DETAIL, "/health"])
def test_nothing_is_beside_the_paper(shop, open_page, path):
    page = open_page(path, at=shop)
    page.wait_for_selector(".card .value, .estimates li, .detail h1, .vitals", state="attached")
    put_on_paper(page)
    page.wait_for_function(f"() => ({OUTSIDE})().length === 0")


def test_printed_sections_do_not_overlap(shop, open_page):
    page = open_page(at=shop)
    page.wait_for_selector(".card .value")
    page.wait_for_function("() => document.querySelectorAll('.packed').length > 0")
    put_on_paper(page)
    page.wait_for_function(
        """() => {
          const parts = [...document.querySelectorAll(".sections > *")];
          const rects = parts.map((part) => part.getBoundingClientRect());
          const boxes = rects.filter((box) => box.height);
          boxes.sort((a, b) => a.top - b.top);
          return boxes.length === 4 && boxes.slice(1).every((box, i) => boxes[i].bottom <= box.top);
        }"""
    )
