"""The stories in a real browser."""

import re

import pytest

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed").expect

COLOURS = ["blue", "brown", "green", "orange", "red", "yellow"]


def eaten(page):
    output = page.locator(".where").inner_text()
    return int(output.split(" of ")[0].replace(",", ""))


def in_jars(page):
    return sum(int(text.replace(",", "")) for text in page.locator(".jar b").all_inner_texts())


@pytest.fixture
def candies(open_page):
    page = open_page("/replay/mms?prior=uniform")
    page.wait_for_selector(".factory-panel tbody tr")
    return page


def test_candies_are_drawn_and_counted(candies, shoot):
    assert eaten(candies) == 0
    candies.get_by_role("button", name="Step").click()
    candies.wait_for_function(
        "() => document.querySelector('.where').textContent.startsWith('1 of')"
    )
    candies.wait_for_function("() => document.querySelector('.term b').textContent !== '–'")
    terms = [float(text) for text in candies.locator(".rule-panel .term b").all_inner_texts()]
    prior, likelihood, evidence, posterior = terms
    assert prior * likelihood / evidence == pytest.approx(posterior, rel=0.02)
    assert in_jars(candies) == 1
    candies.get_by_role("combobox", name="Speed").select_option("25")
    candies.get_by_role("button", name="Play").click()
    candies.wait_for_function("() => parseInt(document.querySelector('.where').textContent) > 12")
    candies.get_by_role("button", name="Pause").click()
    paused = eaten(candies)
    shoot(candies, "candies")
    # a later timer than that of the next step, 40 ms after the previous one
    candies.evaluate("() => new Promise((done) => setTimeout(done, 100))")
    assert eaten(candies) == paused == in_jars(candies)
    candies.keyboard.press("ArrowRight")
    candies.wait_for_function(
        "([n]) => document.querySelector('.where').textContent.startsWith(n)", arg=[str(paused + 1)]
    )
    candies.get_by_role("button", name="Reset").click()
    assert eaten(candies) == in_jars(candies) == 0


def test_all_candies_favour_cleveland(candies, shoot):
    candies.get_by_role("combobox", name="Speed").select_option("max")
    candies.locator("h1").click()
    candies.keyboard.press(" ")
    candies.get_by_role("button", name="Again").wait_for(timeout=90_000)
    assert in_jars(candies) == 2620
    assert candies.locator(".jar b").all_inner_texts() == ["481", "371", "483", "544", "372", "369"]
    candies.get_by_text("The prior has a weight of 0.2 %").wait_for()
    first = candies.locator(".factory-panel tbody tr").first.inner_text()
    assert "Cleveland" in first
    assert "+6.17" in first
    assert candies.locator(".factory-panel .mix").count() == 5
    assert candies.get_by_text("Mars 2008").count() == 2  # also in the comparison of hypotheses
    candies.locator(".belief-panel").get_by_role("button", name="orange").click()
    candies.get_by_role("heading", name="Estimates over time: orange").wait_for()
    for estimate in ("of-mle", "of-map", "of-mean"):
        assert candies.locator(f".race-panel path.{estimate}").get_attribute("d").count("L") > 50
    names = candies.locator(".race-panel text.end").all_text_contents()
    assert sorted(names) == ["MAP = MLE", "Mars 2008", "mean"]  # the prior is uniform
    assert candies.locator(".race-panel path.d-mark").count() == 3
    legend = candies.locator(".rule-panel .legend li").all_inner_texts()
    assert legend[2].startswith("after one more ")
    shoot(candies, "candies-all", full_page=True)


def slide(page, name, value):
    page.get_by_role("slider", name=name).evaluate(
        "(slider, value) => { slider.value = value;"
        " slider.dispatchEvent(new Event('input', { bubbles: true })); }",
        value,
    )


def test_error_for_a_prior_that_does_not_sum_to_one_shows_the_sum(candies):
    candies.watch.ignored_errors = ("422",)
    candies.get_by_role("button", name="Your own", exact=True).click()
    candies.get_by_text("1.00 ✓").wait_for()
    for colour in COLOURS:
        slide(candies, colour, "0.2")
    candies.get_by_text("1.20, 0.20 over").wait_for()
    candies.get_by_role("button", name="Start with this prior").click()
    refusal = candies.get_by_role("alert")
    refusal.wait_for()
    assert refusal.inner_text() == "proportions must sum to 1, but they sum to 1.20"
    candies.get_by_role("button", name="Scale to 1").click()
    candies.get_by_text("1.00 ✓").wait_for()
    shares = [candies.get_by_role("slider", name=colour).input_value() for colour in COLOURS]
    assert sorted(shares) == ["0.16", "0.16", "0.17", "0.17", "0.17", "0.17"]
    candies.get_by_role("button", name="Start with this prior").click()
    refusal.wait_for(state="hidden")
    candies.get_by_text("your proportions: 100 imagined candies").wait_for()


def test_eleven_shares_come_before_densities_and_estimates_are_defined(candies):
    panels = candies.locator(".board > .panel h2").all_inner_texts()
    assert panels.index("Which of eleven shares?") < panels.index(
        "Every share is possible: densities"
    )
    candies.get_by_role("button", name="Step").click()
    eleven = candies.locator(".eleven-panel")
    eleven.get_by_text("The most probable share, ").wait_for()
    prior, likelihood, evidence, posterior = map(float, eleven.locator(".term b").all_inner_texts())
    assert prior * likelihood / evidence == pytest.approx(posterior, rel=0.02)
    described = eleven.locator("[role=img]").get_attribute("aria-label")
    assert "10 %: " in described
    assert "100 %: " in described
    defined = candies.locator(".belief-panel .definitions dt").all_inner_texts()
    assert defined == ["MLE", "MAP", "mean"]


def test_a_bag_that_the_reader_enters_is_played(candies):
    candies.watch.ignored_errors = ("422",)
    panel = candies.locator(".bag-panel")
    panel.get_by_role("button", name="Your own bag").click()
    panel.get_by_role("textbox").fill("GX")
    panel.get_by_role("button", name="Play this bag").click()
    panel.get_by_role("alert").get_by_text("got 'gx'").wait_for()
    panel.get_by_role("textbox").fill("GG")
    panel.get_by_role("button", name="red").click()
    panel.get_by_role("button", name="Play this bag").click()
    candies.get_by_role("heading", name="3 M&M’s, drawn one at a time").wait_for()
    assert panel.get_by_role("alert").count() == 0
    for _ in range(3):
        candies.get_by_role("button", name="Step").click()
    candies.get_by_role("button", name="Again").wait_for()
    assert candies.locator(".jar b").all_inner_texts() == ["0", "0", "2", "0", "1", "0"]
    panel.get_by_role("button", name="Real bags").click()
    candies.get_by_role("heading", name="2,620 real M&M’s").wait_for()


def test_the_walk_in_the_park_omits_two_colours(candies):
    candies.get_by_role("button", name="A walk in the park").click()
    candies.get_by_role("button", name="Start with this prior").click()
    candies.get_by_text("walk in the park: 102 imagined candies").wait_for()


def test_reduced_motion_disables_the_animation(open_page):
    page = open_page("/replay/mms", reduced_motion="reduce")
    page.wait_for_selector(".factory-panel tbody tr")
    page.get_by_role("button", name="Step").click()
    page.wait_for_function("() => document.querySelector('.where').textContent.startsWith('1 of')")
    assert page.evaluate("document.getAnimations().length") == 0
    assert in_jars(page) == 1


def test_names_of_lines_do_not_overlap(open_page):
    page = open_page("/login")
    at = page.evaluate(
        "async () => {"
        " const { apart } = await import('/static/js/charts/lines.js');"
        " return apart([60, 90, 61, 62, 199, 200].map((y) => ({ y })), 188)"
        "  .map(({ y, at }) => [y, at]); }"
    )
    assert at == [[60, 47], [61, 61], [62, 75], [90, 90], [199, 174], [200, 188]]


def test_the_coins_are_distinguishable(open_page, shoot):
    page = open_page("/replay/coins")
    page.wait_for_selector(".e-step tbody tr")
    step = page.get_by_role("button", name="Step")
    for taken in range(1, 33):
        step.click()
        page.wait_for_function(
            "([n]) => document.querySelector('.where').textContent.startsWith(n + ' of')",
            arg=[str(taken)],
        )
        if taken == 7:  # a dot marks the start of the iterations
            expect(page.locator("circle.dot-of")).to_have_count(1)
        if taken == 6:  # with known labels, one division is enough
            page.get_by_text("= 0.800").wait_for()
        if taken == 8:  # the first row of the first E-step
            page.locator(".e-step tr.now td", has_text="0.45").wait_for()
            cells = page.locator(".e-step tbody tr").first.locator("td.num").all_inner_texts()
            assert cells == ["0.45", "0.55", "2.2", "2.2", "2.8", "2.8"]
            posteriors = page.locator(".rule .c-posterior b").all_inner_texts()
            assert posteriors == ["0.449", "0.551"]
    assert step.is_disabled()
    page.get_by_text("= 0.797").wait_for()
    page.get_by_text("= 0.520").wait_for()
    page.get_by_text("log likelihood −9.797").wait_for()
    assert page.locator(".toss.for-A").count() + page.locator(".toss.for-B").count() == 50
    page.get_by_role("button", name="Continue: an endless stream").click()
    stop = page.get_by_role("button", name="Stop the stream")
    expect(stop).to_be_focused()
    expect(stop).to_be_in_viewport()
    latest = page.locator(".latest")
    page.get_by_text("20 sets are collected first").wait_for()
    page.wait_for_function(
        "() => /^Set [3-9]\\d/.test(document.querySelector('.latest').textContent)"
    )
    assert re.search(r"coin A with a probability of [<>\d. ]+ %; it was [AB]", latest.inner_text())
    shoot(page, "coins", full_page=True)
    stop.click()
    seen = int(re.search(r"Set (\d+)", latest.inner_text())[1])
    page.locator(".endless-panel").get_by_role("button", name="Continue").click()
    page.wait_for_function(
        "(n) => Number(/^Set (\\d+)/.exec(document.querySelector('.latest').textContent)[1]) > n",
        arg=seen,
    )
    assert page.locator(".endless-panel path.of-A").get_attribute("d").count("L") >= seen
    stop.click()
    page.get_by_role("combobox", name="Start at").select_option("0.5,0.5")
    page.wait_for_function("() => document.querySelector('.where').textContent.startsWith('0 of')")
