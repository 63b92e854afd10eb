"""The state of the stream on the page: dead letters, unexpected silence, ages."""

import json
import signal
import subprocess
from pathlib import Path

import pytest
from served import CONFIG, Site, visit

from programs import command, environment

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed").expect

LONG = '{"type": "visit", "variant": "control", "converted": 7, "seconds": 3, "x": "' + "<b>" * 60


@pytest.fixture
def shop(tmp_path):
    site = Site(tmp_path)
    site.feed(*(visit("control", k % 3 == 0) for k in range(30)))
    site.spoil("not JSON <script>window.hacked=1</script>")
    for _ in range(3):
        site.spoil(LONG + '"}')
    site.start()
    yield site
    site.kill()


def test_dead_letters_are_one_click_away(shop, open_page, shoot):
    page = open_page(at=shop)
    dead = page.locator(".strip .dead a")
    expect(dead).to_have_text("4 dead letters")
    dead.click()
    reasons = page.get_by_role("region", name="Reasons").locator("tbody tr")
    expect(reasons).to_have_count(2)
    expect(reasons.first).to_contain_text("expected True, False, 1 or 0, got 7")
    expect(reasons.first.locator("td").last).to_have_text("3")
    newest = page.get_by_role("region", name="The newest dead letters")
    expect(newest.locator("tbody tr")).to_have_count(4)
    expect(newest).to_contain_text("not JSON <script>window.hacked=1</script>")
    assert newest.locator(".whole").first.is_hidden()
    newest.locator("summary").first.click()
    assert newest.locator(".whole").first.inner_text().count("<b>") == 60
    shoot(page, "dead-letters", full_page=True)
    shop.spoil("not JSON either")
    expect(newest.locator("tbody tr")).to_have_count(5)
    assert newest.locator(".whole").first.is_visible()  # opened details stay open
    assert page.evaluate("window.hacked") is None


def test_a_silent_stream_is_marked_quiet_and_rates_decay(shop, open_page):
    page = open_page(at=shop)
    page.wait_for_selector("body[data-connection=live]")
    for k in range(50):  # a regular stream
        shop.feed(visit("control", k % 9 == 0))
        page.wait_for_selector(f".card[data-belief=conversion] footer b:text-is('{31 + k}')")
    expect(page.locator(".state")).to_have_text("Live")
    rate = page.locator(".card[data-belief=conversion] .rate").first
    expect(rate).to_contain_text("/s")
    expect(page.locator(".state")).to_have_text("Quiet")
    page.get_by_role("link", name="Health").click()
    page.get_by_role("heading", name="Quiet").wait_for()
    page.get_by_text("which is unusually long ago for this stream").wait_for()
    shop.feed(visit("control", True))
    expect(page.locator(".state")).to_have_text("Live")
    page.get_by_role("link", name="Beliefs").click()
    rate.wait_for()
    before = rate.inner_text()
    expect(rate).not_to_have_text(before)


def test_ages_increase_while_the_server_is_unavailable(shop, open_page):
    page = open_page(at=shop)
    page.watch.ignored_errors = ("net::ERR_",)
    page.wait_for_selector("body[data-connection=live]")
    commit = page.locator(".strip .commit b")
    shop.kill()
    page.wait_for_selector("body[data-connection=lost]")
    before = commit.inner_text()
    opacity = "getComputedStyle(document.querySelector('.strip .rate')).opacity"
    assert page.evaluate(opacity) == "0.5"
    expect(commit).not_to_have_text(before)


ALERTS = """
[alert.many]
when = "n >= 20"
belief = "conversion"
[alert.soon]
when = "n >= 20"
belief = "conversion"
for = "1 hour"
"""


def test_alerts_are_listed_with_their_messages(tmp_path, open_page):
    site = Site(tmp_path, CONFIG + ALERTS)
    site.feed(*(visit("a <b>", k % 3 == 0) for k in range(30)))
    site.start()
    try:
        page = open_page("/health", at=site)
        rows = page.get_by_role("region", name="Alerts", exact=True).locator("tbody tr")
        expect(rows).to_have_count(2)
        expect(rows.first).to_contain_text("many")
        expect(rows.first).to_contain_text("firing")
        expect(rows.last).to_contain_text("pending")
        log = page.get_by_role("region", name="Messages of alerts").locator("tbody tr")
        expect(log).to_have_count(1)
        expect(log).to_contain_text("n >= 20")
        with page.expect_download() as saved:
            page.get_by_role("group", name="Download event rate").get_by_text("PNG").click()
        assert Path(saved.value.path()).read_bytes().startswith(b"\x89PNG")
        log.get_by_role("link", name="a <b>").click()
        marks = page.get_by_role("list", name="Annotations and alerts").locator("li")
        expect(marks).to_contain_text("many: firing")
        page.context.close()
    finally:
        site.kill()


GROUP = """
store = {store}
source = {{ kind = "file", path = "{{partition}}.jsonl", follow = true }}
group = {{ partitions = 3 }}
[belief.conversion]
state = "beta"
field = "converted"
by = "variant"
"""


def test_health_lists_the_partitions_of_a_group_and_their_runners(open_page, tmp_path, shoot):
    lines = "".join(json.dumps(visit("control", k % 3 == 0)) + "\n" for k in range(20))
    for partition in range(3):
        (tmp_path / f"{partition}.jsonl").write_text(lines * (partition + 1))
    site = Site(tmp_path, GROUP)
    run = command("run", str(site.config))
    runner = subprocess.Popen(
        run, cwd=tmp_path, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        site.until_committed(120)
        site.config = site.store
        site.start()
        page = open_page("/health", at=site)
        rows = page.get_by_role("region", name="Partitions").locator("tbody tr")
        expect(rows).to_have_count(3)
        for partition, row in enumerate(rows.all()):
            cells = row.locator("th, td")
            expect(cells.nth(0)).to_have_text(str(partition))
            expect(cells.nth(1)).to_contain_text(str(runner.pid))
            expect(cells.nth(3)).to_have_text(str(20 * (partition + 1)))
        shoot(page, "partitions", full_page=True)
        runner.send_signal(signal.SIGTERM)
        runner.wait(60)
        for row in rows.all():
            expect(row.locator("th, td").nth(1)).to_have_text("–")
        page.context.close()
    finally:
        runner.kill()
        runner.wait()
        if site.program is not None:  # the runner may have failed before
            site.kill()
