"""Histories in a real browser: gaps, time ranges, annotations and several keys."""

import json
import urllib.request
from urllib.parse import quote

import pytest
from served import visit

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed").expect

DETAIL = "/beliefs/conversion/" + quote('["control"]', safe="")
GAPS = "async (xs) => (await import('/static/js/charts/gaps.js')).gaps(xs)"


@pytest.mark.parametrize(
    ("xs", "found"),
    [
        ([0, 1, 2, 3, 100, 101, 102], [4]),
        ([0, 64, 128, 192, 193, 194, 195], []),  # a history is denser at its end
        ([0, 1, 2, 50, 100, 101, 102], [3, 4]),
        ([0, 5], []),
        ([], []),
    ],
)
def test_gaps_are_distances_that_are_long_compared_with_those_nearby(open_page, xs, found):
    page = open_page("/login")
    assert page.evaluate(GAPS, xs) == found


def test_no_line_crosses_a_gap(open_page):
    page = open_page("/login")
    told = page.evaluate(
        "async () => { const { broken, isolated } = await import('/static/js/charts/gaps.js');"
        " const columns = broken([[0, 1, 2, 50, 100, 101, 102], [5, 6, 7, 8, 9, 10, 11]]);"
        " return [...columns, [...isolated(columns)]]; }"
    )
    assert told == [[0, 1, 2, 26, 50, 75, 100, 101, 102], [5, 6, 7, None, 8, None, 9, 10, 11], [50]]


def annotate(site, text, **more):
    request = urllib.request.Request(
        f"{site.url}/api/annotations",
        json.dumps({"text": text, **more}).encode(),
        {"Authorization": f"Bearer {site.token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def test_a_history_shows_annotations_and_a_time_range(open_page, site):
    site.feed_history(3, visit("control", True), "conversion", '["control"]')
    annotate(site, "release <b>2</b>", id="page")
    annotate(site, "of another belief", belief="calls", id="calls")
    page = open_page(DETAIL)
    page.wait_for_selector(".history canvas")
    marks = page.get_by_role("list", name="Annotations and alerts").locator("li")
    expect(marks).to_have_count(1)
    expect(marks).to_contain_text("Annotation, ")
    expect(marks).to_contain_text("release <b>2</b>")
    choice = page.get_by_role("combobox", name="Time range")
    whole = page.get_by_role("button", name="Whole history")
    assert choice.input_value() == ""
    choice.select_option("custom")
    start, end = page.get_by_label("From", exact=True), page.get_by_label("To", exact=True)
    start.fill("2020-01-02T03:04:05")
    end.fill("2030-01-02T03:04:05")
    expect(choice).to_have_value("custom")
    for _ in range(2):  # the first one shows all points
        page.get_by_role("button", name="Zoom in").click()
    expect(choice).to_have_value("zoomed")
    whole.click()
    expect(choice).to_have_value("")
    expect(start).to_be_hidden()
    choice.select_option("Last 24 hours")
    expect(choice).to_have_value("86400")
    site.feed(visit("control", True))
    page.get_by_text("Observed true").wait_for()
    expect(choice).to_have_value("86400")  # new points keep the range


def test_a_comparison_has_one_history_of_all_keys(open_page, site):
    for key in ("control", "video"):
        site.feed_history(3, visit(key, True), "conversion", json.dumps([key]))
    keys = "".join("&keys=" + quote(json.dumps([key]), safe="") for key in ("control", "video"))
    page = open_page("/compare?belief=conversion" + keys)
    panel = page.locator(".panel", has=page.get_by_role("heading", name="History"))
    panel.locator("canvas").wait_for()
    over = panel.locator(".u-over")
    box = over.evaluate("(over) => [over.clientWidth, over.clientHeight]")
    over.hover(position={"x": box[0] - 3, "y": box[1] / 2})
    expect(panel.locator(".hint")).to_contain_text("control ")
    expect(panel.locator(".hint")).to_contain_text("; video ")
    with page.expect_download() as started:
        panel.get_by_role("button", name="CSV").click()
    rows = started.value.path().read_text().splitlines()
    assert rows[0] == "key,time,mean,low,high,level"
    assert {row.partition(",")[0] for row in rows[1:]} == {"control", "video"}
    panel.get_by_role("button", name="Differences").click()
    panel.get_by_text("Difference in percentage points").wait_for()
    with page.expect_download() as started:
        panel.get_by_role("button", name="CSV").click()
    rows = [row.split(",") for row in started.value.path().read_text().splitlines()]
    (name,) = {row[0] for row in rows[1:]}
    assert name in ("control − video", "video − control")
    low, mean, high = (float(rows[-1][i]) for i in (3, 2, 4))
    assert low < mean < high
    sign = 1 if name.startswith("control") else -1
    with urllib.request.urlopen(
        f"{site.url}/api/compare/conversion?{keys[1:]}", timeout=60
    ) as answer:
        means = [arm["mean"] for arm in json.load(answer)["arms"]]
    assert mean == pytest.approx(sign * (means[0] - means[1]), abs=1e-4)
