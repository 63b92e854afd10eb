"""The HTML files of lessons in a real browser, opened from disk."""

import json
import re

import pytest
from watching import Watch

import lesson_vectors
from seqbayes import Beta, Dirichlet, stream
from seqbayes.cli import main
from seqbayes.console.summary import View
from seqbayes.errors import SeqbayesError
from seqbayes.pages.store import store_page
from seqbayes.stream.sources import Iterated

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed").expect

LIMIT = 300_000
"""Largest size of a page, in bytes."""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The page of each story."""
    folder = tmp_path_factory.mktemp("pages")
    for name in ("mms", "coins", "estimates"):
        assert main(["replay", name, "--html", str(folder / f"{name}.html")]) == 0
    store = str(folder / "beliefs.db")
    events = [{"shop": "<b>&amp;", "sold": i % 4 == 0, "candy": "red"} for i in range(40)]
    beliefs = [
        stream.Belief("sales", Beta(), field="sold", by="shop"),
        stream.Belief("candies", Dirichlet.flat(["red", "green"]), field="candy"),
    ]
    with stream.Pipeline(Iterated(events, name="e"), beliefs, stream.open_store(store)) as pipeline:
        list(pipeline)
    assert main(["show", store, "--html", str(folder / "show.html")]) == 0
    return folder


@pytest.fixture
def open_file(browser, files):
    """Open a page from disk; it must make no requests and log no errors."""
    contexts = []

    def open_one(name, place="", width=1280, theme="light", **more):
        context = browser.new_context(
            viewport={"width": width, "height": 844}, color_scheme=theme, **more
        )
        address = f"file://{files / name}.html"
        watch = Watch(context, address)
        contexts.append((context, watch))
        context.set_default_timeout(60_000)
        page = context.new_page()
        page.goto(address + place)
        page.wait_for_selector("h1")
        return page

    yield open_one
    wrong = []
    for context, watch in contexts:
        context.close()
        wrong += watch.verdict()
    assert wrong == []


def violations(page):
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe is not installed"
    )
    found = axe.Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return ["{}: {html}".format(one["id"], **one["nodes"][0]) for one in found]


def where(page):
    return page.locator(".where").inner_text()


def test_pages_are_small_and_complete(files):
    for path in files.glob("*.html"):
        text = path.read_text("utf-8")
        assert len(text.encode()) <= LIMIT
        assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
        assert not [word for word in ('src="', "@import", "url(../") if word in text]


def test_chromium_agrees_with_python(browser):
    page = browser.new_page()
    found = page.evaluate(f"() => {{ {lesson_vectors.program()} return calculated; }}")
    page.close()
    committed = json.loads(lesson_vectors.FILE.read_text("utf-8"))
    assert list(lesson_vectors.differences(json.loads(found), committed)) == []


@pytest.mark.parametrize("name", ["mms", "coins"])
def test_axe_finds_no_violations_and_phones_show_all_content(open_file, name):
    for theme, place in (("light", "#step=9"), ("dark", "#step=0")):
        page = open_file(name, place, theme=theme, width=1280 if theme == "light" else 390)
        assert violations(page) == []
        for width in (page.viewport_size["width"], 240):
            page.set_viewport_size({"width": width, "height": 800})
            page.wait_for_function(f"() => document.documentElement.scrollWidth <= {width}")


def test_steps_go_forward_and_back_by_keys_and_buttons(open_file):
    page = open_file("mms", "#step=2", reduced_motion="reduce")
    assert where(page) == "Candy 2 of 2,620"
    page.keyboard.press("ArrowRight")
    page.get_by_role("button", name="Forward").click()
    assert where(page) == "Candy 4 of 2,620"
    before = page.locator(".rivals tbody tr").first.locator("td").last.inner_text()
    page.keyboard.press("ArrowRight")
    # the posterior is the prior of the next candy
    assert page.locator(".rivals tbody tr").first.locator("td").first.inner_text() == before
    page.keyboard.press("Home")
    expect(page.get_by_role("button", name="Back")).to_be_disabled()
    page.keyboard.press("End")
    assert where(page) == "Candy 2,620 of 2,620"
    assert page.evaluate("document.getAnimations().length") == 0


def test_a_link_leads_to_the_same_step_with_prior_and_bag(open_file):
    page = open_file("mms", "#prior=uniform")
    page.get_by_role("button", name="Your own bag").click()
    page.get_by_label("Or type letters").fill("green, R R brown")
    assert where(page) == "Candy 4 of 4"
    page.get_by_role("button", name="A walk in the park").click()
    page.get_by_role("button", name="Start with this prior").click()
    page.get_by_role("group", name="Colour").get_by_role("button", name="red").click()
    page.keyboard.press("End")
    link = page.get_by_role("link", name="Link to this step").get_attribute("href")
    narration = page.locator(".narration").inner_text()
    assert "Candy 4 is brown" in narration
    other = open_file("mms", link)
    assert where(other) == "Candy 4 of 4"
    assert other.locator(".narration").inner_text() == narration
    table = other.get_by_role("region", name="The shares of all colours")
    expect(other.get_by_text("Mars stated in 2008: 13.0 % are red")).to_be_visible()
    red = table.locator("tr", has_text="red").inner_text().split()
    assert red[2:5] == ["2", "50.0", "%"]  # eaten, MLE
    # the prior, worth 102 candies, has 25 red ones
    assert f"{100 * 27 / 106:.1f} %" in table.locator("tr", has_text="red").inner_text()


def test_an_invalid_prior_or_bag_is_explained_and_changes_nothing(open_file):
    page = open_file("mms", "#step=3")
    page.get_by_role("button", name="Your own", exact=True).click()
    page.get_by_role("slider", name="red").fill("0.9")
    page.get_by_role("button", name="Start with this prior").click()
    alert = page.get_by_role("alert").filter(visible=True)
    expect(alert).to_have_text("proportions must sum to 1, but they sum to 1.70")
    page.get_by_role("button", name="Your own bag").click()
    page.get_by_label("Or type letters").fill("g purple")
    expect(page.get_by_text("got purple")).to_be_visible()
    assert where(page) == "Candy 1 of 1"
    page = open_file("mms", "#bag=pink&prior=park&strength=many")
    expect(page.get_by_text("got pink")).to_be_visible()
    expect(page.get_by_text("up to a million candies, got no number")).to_be_visible()


def test_a_page_can_be_written_for_a_bag(open_file, files):
    path = files / "bag.html"
    assert main(["replay", "mms", "--bag", "rrg", "--html", str(path)]) == 0
    page = open_file("bag", "#step=9")
    assert where(page) == "Candy 3 of 3"
    page.get_by_role("button", name="48 real bags").click()
    assert where(page) == "Candy 0 of 2,620"
    page.reload()
    assert where(page) == "Candy 0 of 2,620"


def test_print_hides_the_controls(open_file):
    page = open_file("mms", "#step=5")
    page.emulate_media(media="print")
    expect(page.get_by_role("button", name="Forward")).to_be_hidden()
    expect(page.get_by_role("heading", name="Every share")).to_be_visible()


def test_the_coins_show_mle_map_and_em_on_the_same_tosses(open_file):
    page = open_file("coins", "#step=99")
    rows = page.get_by_role("region", name="Estimates").locator("tbody tr").all_inner_texts()
    assert [row.split("\t")[-2:] for row in rows] == [
        ["0.800", "0.450"],
        ["0.781", "0.455"],
        ["0.797", "0.520"],
    ]
    page.get_by_role("slider", name="Prior").fill("6")
    assert "0.725" in page.get_by_role("region", name="Estimates").inner_text()  # (24+5)/(30+10)
    page.get_by_label("Sets of tosses").fill("AHHHT\nBxT")
    expect(page.get_by_role("alert")).to_contain_text("got BXT")
    page.get_by_label("Sets of tosses").fill("AHHHT\nBTTTT")
    assert (
        "A 0.750"
        in open_file("coins", "#step=3&sets=AHHHT,BTTTT").locator(".narration").inner_text()
    )


def test_every_step_of_mle_map_and_em_has_an_interactive_chart(open_file):
    page = open_file("estimates")
    steps = page.locator(".lesson-step")
    assert steps.count() == 16
    for number in range(1, 17):
        step = page.locator(".lesson-step:visible")
        assert step.locator("h2").inner_text().startswith(f"{number}. ")
        assert step.locator(".sentence").inner_text().count(". ") == 0  # one sentence
        step.get_by_role("slider").first.focus()
        page.keyboard.press("End")
        dragged = step.inner_text()
        page.keyboard.press("Home")
        assert step.inner_text() != dragged, number
        if number in (7, 14):
            assert violations(page) == []
        page.get_by_role("button", name="Forward").click(force=True)
    assert where(page) == "16 of 16"


def test_the_estimates_of_the_page_are_those_of_closed_forms(open_file):
    page = open_file("estimates", "#step=4", width=390)
    step = page.locator(".lesson-step:visible")
    assert "12.0 ÷ 30 = 40.0 %; MLE = 30 %" in step.inner_text()
    below = "(parts) => Math.max(...parts.map((part) => part.getBBox().y + part.getBBox().height))"
    above = "(parts) => Math.min(...parts.map((part) => part.getBBox().y))"
    names = step.locator("svg.plot text").filter(has_text=re.compile("MLE|MAP"))
    assert names.count() == 2
    assert names.evaluate_all(below) <= step.locator("svg.plot .curve").evaluate_all(above) + 1.0
    step.get_by_role("slider", name="Its weight").fill("0")
    assert "6.0 ÷ 20 = 30.0 %" in step.inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    other = open_file("estimates", "#step=16", theme="dark")
    other.get_by_role("button", name="Labels hidden").click()
    assert "EM for the MLE, A 0.797, B 0.520" in other.locator(".lesson-step:visible").inner_text()
    other.emulate_media(media="print")
    assert other.locator(".lesson-step:visible").count() == 16


def test_a_store_is_shown_with_a_chart_and_a_table_for_each_key(open_file):
    page = open_file("show", theme="dark", width=390)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    key = page.get_by_role("article").filter(has_text="<b>&amp;")
    assert key.locator("path.d-posterior").get_attribute("d").startswith("M")
    cells = key.locator("tbody tr td").all_inner_texts()
    assert cells[:2] == ["40", "0.2619"]  # (1 + 10) / (2 + 40)
    assert cells[3] == "0.2500"
    assert page.get_by_role("article").count() == 2
    key.get_by_role("link").click()
    assert page.url.endswith("#belief=sales&key=%3Cb%3E%26amp%3B")
    assert violations(page) == []


def test_a_page_of_many_keys_has_those_that_fit(tmp_path):
    path = str(tmp_path / "many.db")
    events = [{"key": f"<{i}>" * 10, "sold": True} for i in range(400)]
    belief = stream.Belief("sales", Beta(), field="sold", by="key")
    with stream.Pipeline(Iterated(events, name="e"), [belief], stream.open_store(path)) as pipeline:
        list(pipeline)
    view = View(top=400)
    text = store_page(path, view=view)
    assert 200_000 < len(text.encode()) <= LIMIT
    assert '"total":400' in text
    with pytest.raises(SeqbayesError, match="has no"):
        store_page(path, "sales", "missing", view=view)


def test_a_page_never_replaces_the_store(files, capsys):
    store = str(files / "beliefs.db")
    assert main(["show", store, "--html", store]) == 2
    assert "belongs to the store" in capsys.readouterr().err
