"""The login form in a real browser."""

import json
from urllib.parse import quote, urlsplit

import pytest
from serving import TOKEN

pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

EVENTS = """
store = "beliefs.db"
source = { kind = "http", linger = 0.001 }
[belief.sales]
state = "beta"
field = "sold"
by = "shop"
"""
UNAVAILABLE = ("net::ERR_",)  # the server stops before the page is closed
KEYS = ("north", "a/b?c=1#d", "50 % & more", "‮evil")


@pytest.fixture
def closed(serve):
    """A server that requires a login to read."""
    server = serve(EVENTS, host="0.0.0.0")
    server.post([{"shop": shop, "sold": True} for shop in KEYS])
    return server


def log_in(page, token=TOKEN):
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Log in").click()


def key_path(key):
    return "/beliefs/sales/" + quote(json.dumps([key], ensure_ascii=False), safe="")


@pytest.mark.parametrize("key", KEYS)
def test_a_login_leads_to_the_requested_key(open_page, closed, key):
    path = key_path(key) + "?level=0.8&x=%26#main"
    page = open_page(path, at=closed)
    page.watch.ignored_errors = UNAVAILABLE
    log_in(page, "wrong")
    page.get_by_text("That is not the token.").wait_for()
    log_in(page)
    page.wait_for_selector(".detail h1")
    assert page.url == closed.url + path


def test_a_page_whose_session_has_ended_leads_back_after_a_login(open_page, closed):
    path = key_path("north") + "?level=0.8#main"
    page = open_page(path, at=closed)
    log_in(page)
    page.wait_for_selector(".detail h1")
    page.watch.ignored_errors = ("401", *UNAVAILABLE)  # of the request without a session
    page.context.clear_cookies()
    page.evaluate(
        "() => { import('/static/js/api.js').then((m) => m.get('/api/health')).catch(() => null); }"
    )
    page.get_by_label("Token").wait_for()
    log_in(page)
    page.wait_for_selector(".detail h1")
    assert page.url == closed.url + path


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "\\\\evil.example/",
        "/\t/evil.example/",
        "///evil.example/",
        " //evil.example/",
        "javascript:alert(1)",
        "/.//evil.example/",
        "/..//evil.example/",
        "@evil.example/",
    ],
)
def test_a_login_never_leads_to_another_host(open_page, closed, target):
    page = open_page("/login?next=" + quote(target, safe=""), at=closed)
    page.watch.ignored_errors = ("404", *UNAVAILABLE)  # a page of this server may not exist
    with page.expect_navigation():
        log_in(page)
    assert urlsplit(page.url).netloc == urlsplit(closed.url).netloc
    assert page.context.cookies()
