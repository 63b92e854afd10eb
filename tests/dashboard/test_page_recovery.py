"""The page during and after an outage of its server."""

import sqlite3

import pytest
from served import Site, visit

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed").expect

# Messages that Chromium writes to the console when a connection breaks.
CONNECTION_ERRORS = ("net::ERR_",)


@pytest.fixture
def restartable(tmp_path):
    site = Site(tmp_path)
    site.feed(*(visit("control", k % 3 == 0) for k in range(30)))
    site.start()
    yield site
    site.kill()


def count(n):
    return f".card[data-belief=conversion] footer b:text-is('{n}')"


def test_a_page_reconnects_after_a_server_restart(restartable, open_page, shoot):
    page = open_page(at=restartable)
    page.watch.ignored_errors = CONNECTION_ERRORS
    page.wait_for_selector("body[data-connection=live]")
    page.wait_for_selector(count(30))
    restartable.kill()
    page.wait_for_selector("body[data-connection=lost]")
    page.get_by_text("The connection to the server is lost.").wait_for()
    assert page.locator(".state").inner_text() == "Offline"
    assert page.locator(count(30)).count() == 1  # the last known values are still shown
    shoot(page, "lost")
    restartable.feed(visit("control", True))
    restartable.start()
    page.wait_for_selector("body[data-connection=live]")
    page.get_by_text("Reconnected").wait_for()
    page.wait_for_selector(count(31))
    restartable.feed(visit("control", True))
    page.wait_for_selector(count(32))
    page.wait_for_selector(".banner", state="hidden")


def test_a_restarted_server_publishes_new_events(restartable, open_page):
    page = open_page("/beliefs/conversion/%5B%22control%22%5D", at=restartable)
    page.watch.ignored_errors = CONNECTION_ERRORS
    page.get_by_text("n 30").wait_for()
    expect(page.locator(".surprise i")).to_have_count(30)
    restartable.until_committed(30)
    restartable.kill()
    restartable.start()
    expect(page.get_by_text("No event has arrived since the server started")).to_have_count(3)
    restartable.feed(visit("control", True))
    page.get_by_text("Observed true").wait_for()
    expect(page.locator(".surprise i")).to_have_count(1)


def test_an_unresponsive_server_is_detected(restartable, open_page):
    page = open_page(at=restartable)
    page.watch.ignored_errors = CONNECTION_ERRORS
    page.wait_for_selector(count(30))
    page.wait_for_selector("body[data-connection=live]")
    restartable.suspend()
    try:
        page.wait_for_selector("body[data-connection=silent]")
        page.get_by_text("The server has not sent any message").wait_for()
    finally:
        restartable.resume()
    page.wait_for_selector("body[data-connection=live]")


def test_a_stalled_source_is_shown(restartable, open_page, shoot):
    page = open_page(at=restartable)
    page.wait_for_selector(count(30))
    page.wait_for_selector("body[data-connection=live]")
    other = sqlite3.connect(restartable.store, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")  # the pipeline waits for its turn to commit
    restartable.feed(visit("control", True))
    page.wait_for_selector("body[data-connection=stalled]")
    page.get_by_text("The source is stalled.").wait_for()
    expect(page.locator(".state")).to_have_text("Stalled")
    expect(page.locator(".card path.d-posterior[d^=M]")).not_to_have_count(0)
    shoot(page, "stalled")
    other.rollback()
    other.close()
    page.wait_for_selector("body[data-connection=live]")
    page.wait_for_selector(count(31))


def test_a_view_opened_during_an_outage_loads_when_the_server_is_back(restartable, open_page):
    page = open_page("/beliefs/conversion/%5B%22control%22%5D", at=restartable)
    page.watch.ignored_errors = CONNECTION_ERRORS
    page.wait_for_selector(".detail h1")
    page.get_by_role("link", name="Beliefs", exact=True).first.click()
    page.wait_for_selector(count(30))
    page.wait_for_selector("body[data-connection=live]")
    restartable.kill()
    page.wait_for_selector("body[data-connection=lost]")
    page.get_by_role("link", name="control").first.click()
    page.get_by_role("heading", name="This could not be loaded").wait_for()
    restartable.start()
    page.wait_for_selector(".detail h1")
    page.wait_for_selector("body[data-connection=live]")


def test_a_module_that_failed_to_load_is_reported_and_loaded_later(restartable, open_page):
    page = open_page(at=restartable)
    page.watch.ignored_errors = CONNECTION_ERRORS
    page.wait_for_selector(count(30))
    page.wait_for_selector("body[data-connection=live]")
    restartable.kill()
    page.wait_for_selector("body[data-connection=lost]")
    page.get_by_role("link", name="Health", exact=True).click()
    page.get_by_role("heading", name="This could not be loaded").wait_for()
    assert page.url.endswith("/health")
    page.get_by_role("button", name="Try again").click()
    page.get_by_role("heading", name="This could not be loaded").wait_for()
    restartable.start()
    page.get_by_role("heading", name="No problems").wait_for()


def test_a_comparison_keeps_its_content_during_an_outage(restartable, open_page):
    restartable.feed(*(visit("video", k % 2 == 0) for k in range(30)))
    for key in ("control", "video"):
        restartable.feed_history(2, visit(key, True), "conversion", f'["{key}"]')
    page = open_page("/compare?belief=conversion", at=restartable)
    page.watch.ignored_errors = CONNECTION_ERRORS
    page.wait_for_selector("body[data-connection=live]")
    page.wait_for_selector(".history canvas")
    known = page.locator(".estimates").inner_text()
    restartable.kill()
    page.wait_for_selector("body[data-connection=lost]")
    column = page.get_by_role("region", name="The keys compared").get_by_role("columnheader")
    with page.expect_event("requestfailed"):
        page.get_by_role("button", name="80 %").click()
    expect(column.last).to_have_text("95 % interval")  # that of the known numbers
    assert page.locator(".estimates").inner_text() == known
    with page.expect_event("requestfailed", lambda one: "against" in one.url):
        page.get_by_role("button", name="Differences").click()
    expect(page.get_by_role("button", name="Values")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".history canvas")).to_have_count(1)
    page.get_by_role("button", name="Remove video").click()
    expect(page.get_by_role("heading", name="This could not be loaded")).to_have_count(0)
    restartable.start()
    page.wait_for_selector("body[data-connection=live]")
    page.get_by_text("Select one more key to compare.").wait_for()
    compared = []
    page.on("request", lambda one: "/api/compare/" in one.url and compared.append(one.url))
    with page.expect_request(lambda one: "/api/stream" in one.url and "level=0.99" in one.url):
        page.get_by_role("button", name="99 %").click()
    assert compared == []  # a single key is not compared
