"""The comparison of keys in a real browser."""

import csv
import io
import json
from pathlib import Path
from urllib.parse import quote

import pytest
from served import CONFIG, Site, visit

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed").expect

LONG = "a very long key of the north-western shop, second floor, behind the stairs"


def comparison(*keys, belief="conversion", more=""):
    ids = "".join("&keys=" + quote(json.dumps([key]), safe="") for key in keys)
    return f"/compare?belief={belief}{ids}{more}"


def test_keys_are_compared(open_page, shoot):
    page = open_page("/?belief=conversion")
    for key in ("control", "video"):
        page.get_by_role("button", name=f"Compare: {key}").click()
    page.reload()
    expect(page.locator(".card.chosen")).to_have_count(2)
    page.get_by_role("link", name="Compare", exact=True).last.click()
    page.wait_for_selector(".forest li")
    for line in ("path.c-line.dash-1", "path.c-line.dash-2"):
        expect(page.locator(line)).not_to_have_count(0)
    page.locator(".choose").get_by_role("button", name="short form").click()
    page.wait_for_selector(".forest li:nth-child(2)")
    shoot(page, "compare")
    chances = page.locator(".bests .value").all_inner_texts()
    assert sum(float(text.strip("<> %")) for text in chances) == pytest.approx(100, abs=0.5)
    page.get_by_role("button", name="Remove video").click()
    page.wait_for_function("() => document.querySelectorAll('.bests li').length === 2")


def test_keys_that_are_letters_are_not_confused_with_symbols(open_page, site):
    site.feed(*(visit(key, k % 9 == 0) for k in range(60) for key in ("A", "B", LONG)))
    page = open_page(comparison("B", "A"))
    page.wait_for_selector(".forest li")
    assert page.locator(".chip .key-name").all_inner_texts() == ["① B", "② A"]
    pair = page.locator(".forest:not(.estimates) .pair .key-name").all_inner_texts()
    assert sorted(pair) == ["① B", "② A"]
    assert sorted(page.locator(".curve-name").all_text_contents()) == ["① B", "② A"]


def test_the_lowest_can_be_the_best(open_page):
    page = open_page(comparison("control", "video", "short form", belief="seconds"))
    # by the configuration of the belief
    page.get_by_role("heading", name="Probability of being lowest").wait_for()
    page.wait_for_selector(".bests li")
    lowest = page.locator(".bests .key-name").all_inner_texts()
    page.get_by_role("button", name="Highest is best").click()
    page.get_by_role("heading", name="Probability of being highest").wait_for()
    expect(page.locator(".bests .key-name").first).not_to_have_text(lowest[0])
    assert "best=highest" in page.url
    page.get_by_role("button", name="Lowest is best").click()
    page.get_by_role("heading", name="Probability of being lowest").wait_for()
    assert "best=" not in page.url  # as configured
    page.reload()
    page.get_by_role("heading", name="Probability of being lowest").wait_for()
    expect(page.get_by_role("button", name="Lowest is best")).to_have_attribute(
        "aria-pressed", "true"
    )


def test_a_quantile_of_observations_is_compared(open_page, shoot):
    page = open_page(comparison("control", "video", "short form", belief="seconds"))
    estimates = page.locator(".panel", has=page.get_by_role("heading", name="Estimates"))
    densities = page.get_by_role("heading", name="Posterior densities")
    expect(densities).to_be_visible()
    choice = page.get_by_role("combobox", name="Quantity")
    expect(choice.locator("option")).to_have_text(
        ["parameter", "median", "90 % quantile", "95 % quantile", "99 % quantile"]
    )
    choice.focus()
    page.keyboard.press("End")
    expect(estimates).to_contain_text("95 % intervals of the 99 % quantile of observations")
    expect(densities).to_be_hidden()
    expect(page.get_by_role("heading", name="History")).to_be_hidden()
    page.get_by_text("this quantity depends on two unknown parameters").wait_for()
    assert "quantity=0.99" in page.url
    shoot(page, "compare-quantile")
    page.reload()
    expect(choice).to_have_value("0.99")
    expect(estimates).to_contain_text("of the 99 % quantile of observations")
    choice.focus()
    page.keyboard.press("Home")
    expect(estimates).not_to_contain_text("quantile of observations")
    expect(densities).to_be_visible()
    assert "quantity=" not in page.url


def test_a_parameter_without_other_quantities_has_no_choice(open_page):
    page = open_page(comparison("control", "video"))
    page.wait_for_selector(".forest li")
    expect(page.get_by_role("combobox", name="Quantity")).to_be_hidden()


def test_curves_reach_the_axis(open_page):
    page = open_page(comparison("control", "video"))
    page.wait_for_selector(".compare-plot path.c-line", state="attached")
    for path in page.locator(".compare-plot path.c-line").all():
        points = path.get_attribute("d").strip("M").split("L")
        ys = [float(point.split(",")[1]) for point in points]
        assert ys[0] == pytest.approx(294, abs=1.5)
        assert ys[-1] == pytest.approx(294, abs=1.5)


@pytest.mark.parametrize("width", [390, 1440])
def test_numbers_are_not_truncated_beside_a_long_key(open_page, site, width):
    site.feed(*(visit(LONG, k % 9 == 0) for k in range(30)))
    page = open_page("/beliefs/conversion?q=" + LONG[:20], width=width)
    page.wait_for_selector(".card .name")  # its events have been read
    page.goto(site.url + comparison(LONG, "video"))
    page.wait_for_selector(".forest li")
    table = page.get_by_role("region", name="The keys compared")
    assert table.evaluate("(one) => one.scrollWidth <= one.clientWidth")
    heights = table.locator("tbody td").evaluate_all(  # of the texts
        "cells => cells.map(cell => { const range = document.createRange();"
        " range.selectNodeContents(cell); return range.getBoundingClientRect().height; })"
    )
    assert 10 < max(heights) < 30


def test_a_belief_with_a_single_key_explains_what_a_comparison_needs(open_page):
    page = open_page("/compare?belief=calls")
    page.get_by_role("heading", name="Nothing to compare yet").wait_for()
    page.get_by_text("calls has only one key so far").wait_for()
    expect(page.locator(".more-keys")).to_be_hidden()
    page.get_by_role("combobox", name="Belief").select_option("conversion")
    page.wait_for_selector(".forest li")
    page.goto(page.url.partition("?")[0])
    expect(page.get_by_role("combobox", name="Belief")).to_have_value("conversion")


def test_label_beliefs_are_compared_by_the_share_of_a_selected_label(open_page, tmp_path):
    site = Site(tmp_path, CONFIG.replace('field = "candy"', 'field = "candy"\nby = "bag"'))
    bags = {"one": ["red", "red", "blue"], "two": ["blue", "blue", "red"]}
    for bag, candies in bags.items():
        site.feed(*({"type": "candy", "bag": bag, "candy": candy} for candy in candies * 20))
    site.start()
    try:
        page = open_page(comparison("one", "two", belief="candy", more="&label=red"), at=site)
        page.watch.ignored_errors = ("ERR_",)  # the server stops before the page is closed
        expect(page.locator(".bests .key-name").first).to_have_text("① one")
        expect(page.locator(".compare-plot path.c-line")).to_have_count(2)
        page.get_by_role("combobox", name="Share of").select_option("blue")
        expect(page.locator(".bests .key-name").first).to_have_text("② two")
        assert "label=blue" in page.url
    finally:
        site.kill()


CONFIG_WITH_DECISION_OPTIONS = CONFIG.replace(
    "[belief.seconds]",
    'title = "Checkout"\nbetter = "higher"\ncontrol = "control"\nthreshold = 0.3\n'
    "equivalence = 0.01\nplanned = {{ control = 1, green-button = 1, video = 1, new = 1 }}\n"
    '[belief.seconds]\nunit = "s"',
)


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    """A site with a control, a better key, a similar one, and one with a single event."""
    site = Site(tmp_path_factory.mktemp("experiment"), CONFIG_WITH_DECISION_OPTIONS)
    for variant, period in (("control", 10), ("green-button", 5), ("video", 9)):
        site.feed(*(visit(variant, k % period == 0, 30.0 + k % 7) for k in range(1000)))
    site.feed(visit("new", True))
    site.start()
    site.until_events(3001)
    yield site
    site.kill()


def test_a_comparison_starts_with_a_verdict(open_page, experiment, shoot):
    page = open_page("/compare?belief=conversion", at=experiment)
    verdict = page.locator(".verdict-text")
    expect(verdict).to_contain_text(
        "Ship green-button: > 99.9 % likely highest, +10.0 points (6.9 to 13.1)"
    )
    expect(verdict).to_contain_text("against control, expected loss < 0.001 points.")
    expect(verdict).to_contain_text("The anytime-valid test agrees: you may stop.")
    # those with data, and not the one with a single event
    assert set(page.locator(".chip .key-name").all_inner_texts()) == {
        "① control", "② green-button", "③ video",
    }  # fmt: skip
    expect(page.get_by_role("combobox", name="Against")).to_have_value('["control"]')
    expect(page.get_by_text("Checkout", exact=True)).to_be_visible()
    # the best by its lower bound comes first, on one axis with the threshold
    rows = page.locator(".estimates li")
    expect(rows.first).to_contain_text("green-button")
    lefts = rows.locator(".limit").evaluate_all(
        "lines => lines.map(line => line.getBoundingClientRect().left)"
    )
    assert len(lefts) == 3
    assert len(set(lefts)) == 1
    # the fourth variant has hardly any data
    expect(page.get_by_text("Sample ratio mismatch (p = ")).to_contain_text("Find the cause")
    numbers = page.get_by_role("region", name="The keys compared")
    expect(numbers.get_by_role("row", name="control")).to_contain_text("100 of 1,000")
    shoot(page, "verdict", full_page=True)


def test_the_level_and_the_control_of_a_comparison_are_selected(open_page, experiment):
    page = open_page("/compare?belief=conversion", at=experiment)
    interval = page.locator(".estimates .value").first
    interval.wait_for()
    wide = interval.inner_text()
    page.get_by_role("button", name="80 %").click()
    expect(page.get_by_text("80 % intervals")).to_be_visible()
    expect(interval).not_to_have_text(wide)
    page.get_by_role("combobox", name="Against").select_option("best")
    expect(page.locator(".verdict-text")).to_contain_text("against video")
    assert "level=0.8" in page.url
    assert "control=best" in page.url
    page.reload()
    expect(page.locator(".verdict-text")).to_contain_text("against video")
    expect(page.get_by_text("80 % intervals")).to_be_visible()


def test_negligible_differences_lead_to_no_decision(open_page, experiment):
    page = open_page(comparison("control", "video"), at=experiment)
    expect(page.locator(".verdict-text")).to_contain_text("Too early to decide: video is")
    costs = page.get_by_role("region", name="What a choice costs")
    expect(costs.get_by_role("columnheader", name="P(> 30.0 %)")).to_be_visible()
    expect(costs.get_by_role("columnheader", name="P(equivalent)")).to_be_visible()


def test_terms_are_explained_in_place(open_page, experiment):
    page = open_page("/compare?belief=conversion", at=experiment)
    page.get_by_role("button", name="What is expected loss?").click()
    expect(page.get_by_text("the expected cost of choosing it")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_text("the expected cost of choosing it")).to_be_hidden()


def test_the_page_includes_the_data_of_a_comparison(open_page, experiment):
    for path in ("/compare", comparison("video", "control", more="&level=0.9&control=best")):
        page = open_page("/login", at=experiment)
        page.route("**/api/**", lambda route: None)
        page.goto(experiment.url + path, wait_until="commit")
        page.wait_for_selector(".estimates li")


def test_charts_can_be_downloaded_as_images_and_data(open_page, experiment):
    page = open_page("/compare?belief=conversion", at=experiment)
    group = page.get_by_role("group", name="Download conversion estimates")
    with page.expect_download() as saved:
        group.get_by_role("button", name="CSV").click()
    assert saved.value.suggested_filename == "conversion-estimates.csv"
    rows = list(csv.reader(Path(saved.value.path()).read_text().splitlines()))
    assert rows[0][:4] == ["key", "n", "observed", "mean"]
    means = {row[0]: float(row[3]) for row in rows[1:]}
    assert means["green-button"] == pytest.approx(201 / 1002)  # under a uniform prior
    with page.expect_download() as saved:
        group.get_by_role("button", name="PNG").click()
    picture = Path(saved.value.path()).read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 5000
    group = page.get_by_role("group", name="Download conversion differences")
    with page.expect_download() as saved:
        group.get_by_role("button", name="CSV").click()
    rows = list(csv.reader(Path(saved.value.path()).read_text().splitlines()))
    assert rows[0] == ["key", "against", "difference", "low 0.95", "high 0.95"]
    found = {tuple(row[:2]): float(row[2]) for row in rows[1:]}
    pair = ("green-button", "control")
    assert found[pair] == pytest.approx(means["green-button"] - means["control"])


def test_downloaded_cells_are_not_formulas(open_page):
    page = open_page("/login")
    response = page.evaluate(
        "async () => (await import('/static/js/exports.js')).csv("
        """[["a", 1.5, null], ['=HYPERLINK("x")', "b,c", "-2+3"], ["line\\nbreak", -1, "ok"]])"""
    )
    rows = list(csv.reader(io.StringIO(response)))
    assert rows[0] == ["a", "1.5", ""]
    assert rows[1] == ['\'=HYPERLINK("x")', "b,c", "'-2+3"]
    assert rows[2][1:] == ["-1", "ok"]
