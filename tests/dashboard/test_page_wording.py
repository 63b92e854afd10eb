"""Statements of the page: content during failures, states, warnings, priors and plurals."""

import pytest
from served import CONFIG, Site, visit

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed").expect


def test_cards_stay_on_screen_when_a_reload_fails(open_page):
    page = open_page()
    page.watch.ignored_errors = ("net::ERR_",)
    page.wait_for_selector(".card[data-belief=conversion] .value")
    cards = page.locator(".card:not(.skeleton)").count()
    page.route("**/api/beliefs/**", lambda route: route.abort())
    page.get_by_role("combobox", name="Sort by").select_option("mean")
    page.wait_for_selector("section.outdated .outdated-note")
    assert page.locator(".card:not(.skeleton)").count() == cards
    assert page.get_by_text("This could not be loaded").count() == 0
    page.unroute("**/api/beliefs/**")
    page.get_by_role("combobox", name="Sort by").select_option("n")
    expect(page.locator("section.outdated")).to_have_count(0)


def test_the_prior_in_the_address_is_the_one_that_is_selected(open_page):
    page = open_page("/replay/mms?prior=park")
    park = page.get_by_role("button", name="A walk in the park")
    expect(park).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("button", name="Uniform")).to_have_attribute("aria-pressed", "false")
    page.get_by_text("walk in the park: 102 imagined candies").wait_for()


def test_the_prior_of_bayes_rule_is_drawn_completely(open_page):
    page = open_page("/login")
    tops = page.evaluate(
        "async () => { const { Update } = await import('/static/js/charts/update.js');"
        " const plot = new Update(); document.body.replaceChildren(plot.element);"
        " plot.element.style.width = '400px';"
        " const rule = { share: 0.2, prior: 12, posterior: 4, next_posterior: 3 };"
        " plot.update(rule, 9, 30, 0.6);"
        " const ys = (path) => [...path.getAttribute('d').matchAll(/,([-.0-9]+)/g)]"
        "   .map(([, y]) => Number(y));"
        " return [Math.min(...ys(plot.prior)), Math.min(...ys(plot.posterior))]; }"
    )
    assert 0 <= tops[0] < tops[1]


@pytest.fixture
def ended(tmp_path):
    site = Site(tmp_path, CONFIG.replace("follow = true", "follow = false"))
    site.feed(*(visit("control", k % 3 == 0) for k in range(339)))
    for _ in range(26):
        site.spoil("not JSON")
    site.start()
    yield site
    site.kill()


def test_a_source_that_was_read_to_its_end_has_ended_without_an_error(ended, open_page):
    page = open_page(at=ended)
    page.watch.ignored_errors = ("ERR_",)
    expect(page.locator(".state")).to_have_text("Ended")
    expect(page.locator(".banner")).not_to_have_class("banner bad")
    page.get_by_text("The source has ended.").wait_for()


def test_many_dead_letters_are_shown_as_a_warning(ended, open_page):
    page = open_page("/health", at=ended)
    page.watch.ignored_errors = ("ERR_",)
    page.get_by_text("There are 26 dead letters of 365 events (7 %)").wait_for()
    assert page.get_by_text("No problems").count() == 0


def test_few_dead_letters_are_stated_instead_of_no_problems(tmp_path, open_page):
    site = Site(tmp_path)
    try:
        site.feed(*(visit("control", k % 3 == 0) for k in range(399)))
        site.spoil("not JSON")
        site.start()
        page = open_page("/health", at=site)
        page.watch.ignored_errors = ("ERR_",)
        expect(page.locator(".verdict")).to_contain_text(
            "There is 1 dead letter of 400 events (0.3 %)"
        )
        page.get_by_role("heading", name="1 dead letter", exact=True).wait_for()
    finally:
        site.kill()


def test_a_count_of_one_uses_the_singular(open_page):
    page = open_page("/login")
    output = page.evaluate(
        "async () => { const { Wash } = await import('/static/js/views/candies.js');"
        " const { Surprise } = await import('/static/js/charts/surprise.js');"
        " const colours = ['blue', 'brown', 'green', 'orange', 'red', 'yellow'];"
        " const prior = { name: 'uniform', alpha: {} };"
        " for (const one of colours) prior.alpha[one] = 1;"
        " const wash = new Wash(), surprise = new Surprise(String);"
        " const say = (n) => { wash.update(prior, n); return wash.says.textContent; };"
        " const texts = [0, 1, 2].map(say);"
        " surprise.update([{ at: 1, x: true, surprise: 0.7 }]);"
        " return [...texts, surprise.element.textContent]; }"
    )
    assert "0 real ones." in output[0]
    assert "1 real one." in output[1]
    assert "2 real ones." in output[2]
    assert "the last event was not rare" in output[3]
    assert "1 events" not in output[3]


def test_a_computed_probability_is_never_certain_and_one_thing_is_singular(open_page):
    page = open_page("/login")
    texts = page.evaluate(
        "async () => { const { probability, proportion, things } ="
        " await import('/static/js/format.js');"
        " return [probability(0), probability(1), probability(1, 0), proportion(1),"
        " proportion(0.5), things(1, 'key'), things(1200, 'key')]; }"
    )
    assert texts == ["< 0.1 %", "> 99.9 %", "> 99 %", "100 %", "50.0 %", "1 key", "1,200 keys"]
