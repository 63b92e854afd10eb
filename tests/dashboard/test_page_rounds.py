"""The number of round trips before a page shows its content, which determines its time to load."""

import json
import re
import urllib.request
from urllib.parse import quote, urlsplit

import pytest
from served import visit

pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

DETAIL = "/beliefs/conversion/" + quote('["short form"]', safe="")
COMPARISON = "/compare?belief=conversion" + "".join(
    "&keys=" + quote(json.dumps([key]), safe="") for key in ("control", "video")
)
EMBEDDED = "/embed/conversion/" + quote('["short form"]', safe="")
CHART = ("/static/vendor/uplot/uPlot.min.css", "/static/vendor/uplot/uPlot.iife.min.js")


def named_in(site, path):
    """Return the files that a page names; a browser requests them together."""
    with urllib.request.urlopen(site.url + path, timeout=60) as answer:
        return re.findall(r'(?:src|href)="(/static/[^"]+)"', answer.read().decode())


def load(page, site, path, ready, *rounds):
    """Load a page in these rounds of requests after the page and the files that it names.

    A round is answered when all of its requests have been sent, and others are never answered.
    """
    files, waiting = named_in(site, path), [{} for _ in rounds]
    assert len(files) == len(set(files))

    def answer(route):
        wanted = urlsplit(route.request.url).path
        if wanted in files or route.request.resource_type == "document":
            route.continue_()
            return
        for expected, held in zip(rounds, waiting, strict=True):
            if wanted in expected:
                held[wanted] = route
                if len(held) == len(expected):
                    for each in held.values():
                        each.continue_()

    page.route("**", answer)
    page.goto(site.url + path, wait_until="commit")
    page.wait_for_selector(ready, state="attached")


@pytest.mark.parametrize(
    ("path", "ready"),
    [
        ("/", ".card .value"),
        ("/?sort=key&order=desc", ".card .value"),
        ("/beliefs/shops", ".card .value"),
        (DETAIL, ".detail h1"),
        (COMPARISON, ".estimates li"),
        ("/health", ".letters"),
        (EMBEDDED, ".card .value"),
    ],
)
def test_content_loads_in_two_round_trips(open_page, site, path, ready):
    load(open_page("/login"), site, path, ready)


@pytest.mark.parametrize("story", ["mms", "coins"])
def test_a_replay_loads_in_three_round_trips(open_page, site, story):
    load(open_page("/login"), site, f"/replay/{story}", ".replay h1", [f"/api/replay/{story}"])


def test_a_history_loads_in_one_more_round_trip(open_page, site):
    keys = ("control", "video", "short form")
    for key in keys:
        site.feed_history(2, visit(key, True), "conversion", json.dumps([key]))
    ready = ".history canvas"
    load(open_page("/login"), site, DETAIL, ready, CHART)
    history = "/api/history/conversion"
    load(open_page("/login"), site, COMPARISON, ready, [history, *CHART])


def test_data_embedded_in_the_page_is_used_only_once(open_page, site):
    page = open_page()
    page.wait_for_selector(".card .value")
    page.get_by_role("link", name="Health", exact=True).click()
    page.wait_for_selector(".vitals")
    with page.expect_request("**/api/beliefs"):
        page.get_by_role("link", name="Beliefs", exact=True).first.click()
    page.wait_for_selector(".card .value")
