"""Navigation on the overview in a real browser."""

import json
import re
import urllib.request

import pytest
from served import CONFIG, Site

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed").expect

POSTED = re.sub(
    r"\[source\].*?true\n", 'source = {{ kind = "http", id = "event_id" }}\n', CONFIG, flags=re.S
)
FOCUSED = "document.activeElement.closest('.card')?.dataset.id"
BELIEF = "document.activeElement.closest('.card')?.dataset.belief"


def press(page, key):
    """Move the focus to another card, and return its belief."""
    focused = f"[{BELIEF}, {FOCUSED}].join()"
    before = page.evaluate(focused)
    page.keyboard.press(key)
    page.wait_for_function(f"(before) => {BELIEF} && {focused} !== before", arg=before)
    return page.evaluate(BELIEF)


def test_going_back_restores_the_position(open_page):
    page = open_page("/?belief=shops&sort=key")
    page.wait_for_selector(".card path.d-posterior[d^=M]")
    page.evaluate("scrollTo(0, 20_000)")
    page.wait_for_function(
        "() => { const cards = [...document.querySelectorAll('.card')];"
        " return cards.length > 8 && cards.every((card) => card.dataset.id?.includes('shop 02')); }"
    )
    card = page.locator(".card[data-id*='shop 02'] .name").nth(8)
    name = card.inner_text()
    card.click()
    page.wait_for_selector(".detail h1")
    assert page.evaluate("scrollY") == 0
    page.go_back()
    page.wait_for_function(f"(name) => {FOCUSED}?.includes(name)", arg=name)
    assert page.evaluate("scrollY") == pytest.approx(20_000, abs=900)
    page.go_forward()
    page.wait_for_selector(".detail h1")
    page.go_back()
    page.wait_for_function("() => scrollY > 15_000")
    page.reload()
    page.wait_for_function("() => scrollY > 15_000")


def test_the_content_has_no_frame_when_it_is_focused(open_page):
    page = open_page()
    page.wait_for_selector(".card")
    page.get_by_role("link", name="Health", exact=True).focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name=re.compile("No problems|Quiet|dead letter")).wait_for()
    assert page.evaluate("document.activeElement.id") == "main"
    style = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert style == "none"


def test_no_results_are_reported_once(open_page):
    page = open_page()
    page.wait_for_selector(".card path.d-posterior[d^=M]")
    search = page.get_by_role("searchbox", name="Search keys")
    for text in ("zzzz", "yyyy"):
        search.fill(text)
        page.get_by_role("heading", name=f"No key contains “{text}”").wait_for()
        expect(page.locator(".blank")).to_have_count(1)
        expect(page.locator("section.belief:visible")).to_have_count(0)
    search.fill("shop 001")
    expect(page.locator("section.belief:visible h2")).to_have_text(["shops"])
    expect(page.locator(".card:not(.skeleton)")).not_to_have_count(0)
    expect(page.locator(".blank:visible")).to_have_count(0)
    search.fill("")
    expect(page.locator("section.belief:visible")).to_have_count(5)


def test_pinned_cards_show_their_belief_and_are_filtered_by_it(open_page):
    page = open_page("/?belief=conversion")
    card = page.locator(".grid .card", has_text="video")
    card.wait_for()
    before = card.bounding_box()["y"]
    card.get_by_role("button", name="Pin: video").click()
    page.wait_for_selector(".pinned-keys .card")
    page.wait_for_function(
        "(y) => [...document.querySelectorAll('.grid .card')].some((card) =>"
        " card.textContent.includes('video')"
        " && Math.abs(card.getBoundingClientRect().top - y) <= 1)",
        arg=before,
    )
    expect(page.locator(".pinned-keys .card .of")).to_have_text("conversion")
    page.get_by_role("group", name="Belief").get_by_text("shops").click()
    page.get_by_role("heading", name="shops").wait_for()
    expect(page.locator(".pinned-keys")).to_be_hidden()
    page.get_by_role("button", name="Pinned", exact=True).click()
    page.get_by_text("No key of shops is pinned.").wait_for()
    page.get_by_role("group", name="Belief").get_by_text("All", exact=True).click()
    expect(page.locator(".pinned-keys .card .name")).to_have_text(["video"])


def test_a_frame_shows_the_name_of_its_belief(open_page):
    page = open_page("/embed/conversion/%5B%22video%22%5D")
    expect(page.locator(".card .of")).to_have_text("conversion")


def test_arrow_keys_move_through_all_sections(open_page):
    page = open_page("/?sort=key")
    page.wait_for_selector(".card[data-belief=conversion] path.d-posterior[d^=M]")
    page.locator("section[aria-label=shops]").get_by_text("1,000 keys").wait_for()
    page.locator(".grid .card .name").first.focus()
    seen = [page.evaluate(BELIEF)]
    while seen[-1] != "shops":
        seen.append(press(page, "ArrowDown"))
    positions = [list(dict.fromkeys(seen)).index(one) for one in seen]
    assert seen[0] == "conversion"
    assert positions == sorted(positions)
    assert len(set(positions)) == 4  # calls and candy are side by side
    inside = page.evaluate(
        "(() => { const { top, bottom } ="
        " document.activeElement.closest('.card').getBoundingClientRect();"
        " return top >= 92 && bottom <= innerHeight; })()"
    )
    assert inside
    while press(page, "ArrowUp") != "conversion":
        continue


def test_an_arrow_key_moves_to_cards_that_do_not_exist_yet(open_page):
    page = open_page("/?belief=shops&sort=key")
    page.wait_for_selector(".card path.d-posterior[d^=M]")
    page.locator(".grid .card .name").first.focus()
    for row in range(1, 25):
        page.keyboard.press("ArrowDown")
        page.wait_for_function(f"(wanted) => {FOCUSED} === wanted", arg=f'["shop {4 * row:04d}"]')


@pytest.fixture
def fresh(tmp_path):
    sites = []

    def start(config):
        site = Site(tmp_path, config)
        site.start()
        sites.append(site)
        return site

    yield start
    for site in sites:
        site.kill()


def test_empty_page_shows_a_command_that_posts_the_first_event(open_page, fresh, shoot):
    site = fresh(POSTED)
    page = open_page(at=site)
    page.watch.ignored_errors = ("ERR_",)  # the server stops before the page is closed
    page.get_by_role("heading", name="Waiting for the first event").wait_for()
    command = page.locator(".blank pre").inner_text()
    shoot(page, "waiting")
    headers = dict(re.findall(r'-H "([\w-]+): (.+)"', command))
    headers["Authorization"] = headers["Authorization"].replace("$SEQBAYES_TOKEN", site.token)
    body = re.search(r"-d '(.+)'", command, re.S)[1]
    assert json.loads(body)["event_id"] == 1
    url = re.search(r"curl (\S+)", command)[1]
    urllib.request.urlopen(urllib.request.Request(url, body.encode(), headers), timeout=60)
    page.wait_for_selector(".card[data-belief=conversion]")
    expect(page.locator(".blank:visible")).to_have_count(0)


def test_empty_page_names_the_file_it_waits_for(open_page, fresh):
    site = fresh(CONFIG)
    page = open_page(at=site)
    page.watch.ignored_errors = ("ERR_",)
    page.get_by_text(f"Waiting for new lines in {site.events}").wait_for()
    page.goto(f"{site.url}/compare")
    page.get_by_text("conversion has no keys yet").wait_for()
    site.feed({"type": "visit", "variant": "a", "converted": True, "seconds": 1.0})
    page.get_by_text("conversion has only one key so far").wait_for()
    site.feed({"type": "visit", "variant": "b", "converted": True, "seconds": 1.0})
    page.wait_for_selector(".estimates li:nth-child(2)")


def test_dark_theme_prints_with_the_light_theme(open_page):
    page = open_page(theme="dark")
    page.wait_for_selector(".card .value")
    theme = "document.documentElement.dataset.theme"
    assert page.evaluate(theme) == "dark"
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(theme) == "light"
    page.emulate_media(media="print")
    assert page.locator(".top button:visible").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(theme) == "dark"


def test_cards_are_printed(open_page):
    page = open_page("/beliefs/shops")
    page.wait_for_selector(".card .value")
    page.emulate_media(media="print")
    drawn = page.evaluate(  # in one call, so that no frame is drawn
        "() => { dispatchEvent(new Event('beforeprint'));"
        " return [...document.querySelectorAll('.grid .card')].map("
        "card => card.querySelector('.name').textContent && card.querySelector('path').matches"
        "('[d]') && card.querySelector('.value').textContent); }"
    )
    assert all(drawn)
    # measured in one call: the page may scroll between two
    boxes = page.locator(".grid .card").evaluate_all(
        "cards => cards.map(card => card.getBoundingClientRect().toJSON())"
    )
    assert len(boxes) == 60  # all cards that are loaded
    assert len({(round(box["x"]), round(box["y"])) for box in boxes}) == 60
    assert page.locator(".grid .card:visible").count() == 60
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")
    assert page.locator(".grid .card").count() < 60


def test_bars_and_the_selected_tab_are_visible_in_forced_colours(open_page, shoot):
    page = open_page("/beliefs/candy", forced_colors="active")
    page.wait_for_selector(".shares .bar")
    shoot(page, "forced-colours")
    background = "(one) => getComputedStyle(one).backgroundColor"
    canvas = page.locator("body").evaluate(background)
    for selector in (".track .whisker", ".track .tick"):
        assert page.locator(selector).first.evaluate(background) != canvas, selector
    bar = page.locator(".track .bar").first
    assert bar.evaluate("(one) => getComputedStyle(one).borderTopWidth") == "1px"
    page.get_by_role("link", name="Health", exact=True).click()
    page.wait_for_selector(".vitals")
    chosen, other = page.locator(".top nav a[aria-current]"), page.locator(".top nav a").first
    assert chosen.evaluate(background) != other.evaluate(background)


def test_predictive_bars_share_a_baseline(open_page):
    page = open_page("/login")
    words = ["a", "a much longer name of a label", "x y", "b"] * 5
    bottoms = page.evaluate(
        "async (words) => { const { predictive } = await import('/static/js/charts/predictive.js');"
        " const x = words.map((word, i) => word + i), p = x.map((_, i) => (i + 1) / 500);"
        " const { sheet } = await import('/static/js/dom.js');"
        " for (const name of ['charts', 'views']) await sheet(`/static/css/${name}.css`);"
        " document.body.replaceChildren(predictive({ kind: 'pmf', x, p }));"
        " return [...document.querySelectorAll('.pmf i')].map((bar) =>"
        " bar.getBoundingClientRect().bottom); }",
        words,
    )
    assert len(bottoms) == 20
    assert max(bottoms) - min(bottoms) < 0.5


def test_cards_of_a_belief_have_one_axis(open_page, site):
    """The pixels of the means of all cards are one linear function of the means."""
    page = open_page("/beliefs/conversion")
    page.wait_for_selector(".card path.d-posterior[d^=M]")
    with urllib.request.urlopen(f"{site.url}/api/beliefs/conversion", timeout=60) as answer:
        means = {card["id"]: card["mean"] for card in json.load(answer)["cards"]}
    ranked = sorted(means.items(), key=lambda each: each[1])
    page.wait_for_function(
        "(means) => { const stem = ([id]) => Number([...document.querySelectorAll('.card')]"
        " .find((card) => card.dataset.id === id)?.querySelector('.d-stem')?.getAttribute('x1'));"
        " const [first, last] = [means[0], means.at(-1)];"
        " const slope = (stem(last) - stem(first)) / (last[1] - first[1]);"
        " return slope > 0 && means.every((each) =>"
        "  Math.abs(stem(first) + slope * (each[1] - first[1]) - stem(each)) < 0.2); }",
        arg=ranked,
    )


def test_an_extremely_wide_card_does_not_determine_the_axis(open_page):
    page = open_page("/login")
    axis = page.evaluate(
        "async () => { const { sharedAxis } = await import('/static/js/charts/shared.js');"
        " const chart = { extent: ([low, high, mean]) => ({ low, high, mean }) };"
        " const cards = [[0, 1, 0.5], [0.2, 1.4, 0.8], [-100, 100, 2]];"
        " const first = sharedAxis(cards, chart, null);"
        " const kept = sharedAxis(cards.slice(0, 2), chart, first);"
        " const bars = sharedAxis([[0, 0.9], [0, 0.05]], chart, null);"
        " const alone = sharedAxis(cards.slice(0, 1), chart, null);"
        " return [first.domain, kept === first, bars.domain, alone]; }"
    )
    assert axis == [[0, 2], True, [0, 0.9], None]


def test_cards_can_be_downloaded(open_page):
    page = open_page("/?belief=conversion")
    card = page.locator(".card[data-id='[\"control\"]']").first
    card.get_by_role("button", name="Download: control").click()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Chart (CSV)").click()
    assert saved.value.suggested_filename == "conversion-control-chart.csv"
    rows = saved.value.path().read_text().splitlines()
    assert rows[0] == "value,posterior,prior,likelihood of the last event"
    assert len(rows) > 30
    card.get_by_role("button", name="Download: control").click()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Plot over time (CSV)").click()
    assert saved.value.path().read_text().startswith("time,mean,low 0.95,high 0.95")
    card.get_by_role("button", name="Download: control").click()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Image (PNG)").click()
    assert saved.value.path().read_bytes().startswith(b"\x89PNG")
