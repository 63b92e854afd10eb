"""The page in a real browser: overview, detail, comparison, health."""

import json
import random
import re
from urllib.parse import quote

import pytest
from served import HOSTILE, SHOPS, Site, request_all, visit

from seqbayes.dashboard.views import plotted

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed").expect

DETAIL = "/beliefs/conversion/" + quote('["control"]', safe="")
COMPARISON = "/compare?belief=conversion" + "".join(
    "&keys=" + quote(json.dumps([key]), safe="") for key in ("control", "video", "short form")
)
VIEWS = {
    "overview": ("/", ".card .density path.d-posterior[d^=M]"),
    "many": ("/?belief=shops", ".card .density path.d-posterior[d^=M]"),
    "detail": (DETAIL, ".history canvas"),
    "labels": ("/beliefs/candy/" + quote("[]", safe=""), ".shares .bar"),
    "compare": (COMPARISON, ".forest li:nth-child(2)"),
    "health": ("/health", ".vitals dd"),
    "mms": ("/replay/mms", ".factory-panel tbody tr"),
    "coins": ("/replay/coins", ".e-step tbody tr"),
    "login": ("/login", "#token"),
    "embed": ("/embed/conversion/" + quote('["control"]', safe=""), ".card path.d-posterior[d^=M]"),
}


def live(page):
    page.wait_for_selector("body[data-connection=live]")


def card(page, belief, key):
    return page.locator(f".grid .card[data-belief={belief}]", has_text=key)


def number(text):
    return int(re.sub(r"\D", "", text))


def test_every_belief_has_a_section_and_every_key_a_card(open_page, shoot):
    page = open_page()
    live(page)
    page.wait_for_selector(".card[data-belief=conversion] path.d-posterior[d^=M]")
    shoot(page, "overview")
    sections = page.locator("section.belief:not(.pinned-keys) h2")
    expect(sections).to_have_text(["conversion", "seconds", "calls", "candy", "shops"])
    expect(page.locator(".sections > .legend:first-child")).to_have_count(1)
    control = card(page, "conversion", "control")
    drawn = control.locator("svg.density path")
    for part in ("d-body", "d-interval", "d-prior", "d-posterior", "d-mle", "d-map", "d-mean"):
        assert control.locator(f"path.{part}").get_attribute("d").startswith("M"), part
    assert drawn.count() >= 7
    output = control.locator("svg.density").get_attribute("aria-label")
    assert re.fullmatch(
        r"Posterior density: mean [\d.]+ %, 95 % interval [\d.]+ to [\d.]+ %", output
    )
    candy = page.locator(".card[data-belief=candy]")
    page.get_by_role("heading", name="candy").scroll_into_view_if_needed()
    expect(candy.locator(".shares li")).to_have_count(6)


def test_an_event_appears_on_the_screen(open_page, site):
    page = open_page()
    live(page)
    seen = card(page, "conversion", "short form").locator("footer b")
    seen.wait_for()
    before = number(seen.inner_text())
    shape = card(page, "conversion", "short form").locator("path.d-posterior")
    curve = shape.get_attribute("d")
    site.feed(visit("short form", True), visit("short form", True))
    page.wait_for_function(
        "([n]) => [...document.querySelectorAll('.card[data-belief=conversion]')].some("
        "(card) => card.textContent.includes('short form')"
        " && card.querySelector('footer b').textContent === n)",
        arg=[str(before + 2)],
    )
    expect(shape).not_to_have_attribute("d", curve)


def test_a_new_key_gets_a_card(open_page, site):
    page = open_page("/?belief=conversion&sort=key")
    live(page)
    page.wait_for_selector(".card")
    site.feed(visit("brand new", False))
    page.wait_for_selector(".card .name[title='brand new']")


def test_keys_are_searched_sorted_and_filtered(open_page):
    page = open_page()
    page.get_by_role("searchbox", name="Search keys").fill("shop 007")
    page.get_by_role("link", name="Show all 10").wait_for()
    page.wait_for_function(
        "() => document.querySelectorAll('.grid + .nothing:not([hidden])').length === 4"
    )
    page.get_by_role("link", name="Show all 10").click()
    page.wait_for_function("() => document.querySelectorAll('.card').length === 10")
    page.get_by_role("combobox", name="Sort by").select_option("key")
    page.wait_for_function(
        "() => document.querySelector('.card .name').textContent === 'shop 0070'"
    )
    assert "q=shop+007" in page.url
    assert "sort=key" in page.url
    page.get_by_role("button", name="A to Z").click()
    page.wait_for_function(
        "() => document.querySelector('.card .name').textContent === 'shop 0079'"
    )
    page.get_by_role("button", name="Z to A").click()
    page.reload()
    page.wait_for_function(
        "() => document.querySelector('.card .name')?.textContent === 'shop 0070'"
    )
    page.get_by_role("searchbox", name="Search keys").fill("unknown")
    page.get_by_text("No key contains “unknown”").wait_for()
    page.get_by_role("searchbox", name="Search keys").fill("")
    page.get_by_role("group", name="Belief").get_by_text("conversion").click()
    page.wait_for_function(
        "() => document.querySelectorAll('section.belief:not([hidden])').length === 1"
    )
    assert "belief=conversion" in page.url


def test_pinned_keys_stay_pinned(open_page):
    page = open_page("/?belief=conversion")
    page.get_by_role("button", name="Pin: video").click()
    pinned = page.locator(".pinned-keys .card .name")
    pinned.wait_for()
    page.goto(page.url.partition("?")[0] + "?pinned=1")
    pinned.wait_for()
    expect(pinned).to_have_text(["video"])
    page.get_by_role("searchbox", name="Search keys").fill("shop")
    page.get_by_text("No pinned key contains “shop”.").wait_for()
    page.get_by_role("searchbox", name="Search keys").fill("VID")
    expect(pinned).to_have_text(["video"])
    page.get_by_role("searchbox", name="Search keys").fill("")
    page.wait_for_function("() => !location.search.includes('q=')")
    page.locator(".pinned-keys").get_by_role("button", name="Unpin: video").click()
    page.get_by_text("No key is pinned").wait_for()


def test_only_the_keys_on_screen_have_elements(open_page, shoot):
    page = open_page("/?belief=shops")
    page.wait_for_selector(".card .density path.d-posterior[d^=M]")
    page.get_by_text("1,000 keys").wait_for()
    shoot(page, "many")
    assert page.locator(".card").count() < 60
    expect(page.locator(".card").first).to_have_attribute("aria-setsize", str(SHOPS))
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    page.wait_for_selector(f".card:not(.skeleton)[aria-posinset='{SHOPS}']")
    assert page.locator(".card").count() < 60
    live(page)


@pytest.mark.parametrize("key", HOSTILE)
def test_keys_are_displayed_as_plain_text(open_page, site, key):
    shown = key.replace(
        "\u202e", "‹U+202E›"
    )  # the button that reverses the order is visible itself
    page = open_page("/?belief=conversion")
    link = page.locator(".card .name", has_text=shown)
    link.wait_for()
    assert link.text_content() == shown
    link.click()
    page.wait_for_selector(".detail h1")
    assert page.locator(".detail h1").text_content() == shown
    page.wait_for_selector("svg.density path.d-posterior[d^=M]")
    expect(page.get_by_text("not JSON <script>")).to_have_count(1)
    stored = json.dumps([key], ensure_ascii=False, separators=(",", ":"))
    page.goto(f"{site.url}/embed/conversion/{quote(stored, safe='')}")
    page.wait_for_selector(".card .name")
    assert page.locator(".card .name").text_content() == shown
    assert page.evaluate("window.hacked") is None


def test_cards_of_long_keys_show_how_they_end(open_page, site):
    prefix = "https://shop.example/en/products/gardening/tools/long-handled/"
    names = [f"{prefix}{end}" for end in ("rake", "spade")]
    for name in names:
        site.feed(visit(name, True))
    page = open_page("/?belief=conversion")
    for name in names:
        link = page.locator(f".card .name[title='{name}']")
        link.wait_for()
        assert link.text_content() == name
        end = link.locator("span").last
        card, shown = (each.bounding_box() for each in (link, end))
        assert end.text_content() == name[-10:]
        assert shown["x"] + shown["width"] <= card["x"] + card["width"] + 1.0


def test_an_empty_key_is_visible(open_page, site):
    site.feed(visit("", True))
    page = open_page("/?belief=conversion&sort=key")
    link = page.get_by_role("link", name="(empty)")
    link.click()
    expect(page.locator("h1.nameless")).to_have_text("(empty)")
    page.get_by_role("link", name="Compare", exact=True).last.click()
    expect(page.locator(".chip bdi.nameless")).to_have_text("(empty)")


def test_frames_beyond_the_browser_connection_limit_still_update(open_page, site):
    first = open_page(VIEWS["embed"][0])
    frames = [first, *(first.context.new_page() for _ in range(7))]
    for page in frames:
        page.goto(site.url + VIEWS["embed"][0])
        page.wait_for_selector(VIEWS["embed"][1])
    before = number(first.locator("footer b").inner_text())
    site.feed(visit("control", True))
    for page in frames:
        expect(page.locator("footer b")).to_have_text(str(before + 1))


HIDE_TAB_SCRIPT = """
let hidden = false;
Object.defineProperty(document, "hidden", { get: () => hidden });
window.setHidden = (now) => {
  hidden = now;
  document.dispatchEvent(new Event("visibilitychange"));
};
window.closedStreams = 0;
const close = EventSource.prototype.close;
EventSource.prototype.close = function () { window.closedStreams += 1; close.call(this); };
"""


def test_hidden_tabs_close_their_connections(open_page, site):
    context = open_page("/login").context
    context.add_init_script(HIDE_TAB_SCRIPT)  # all tabs of a headless browser are visible
    tabs = [context.new_page() for _ in range(8)]
    for k, tab in enumerate(tabs):
        tab.goto(f"{site.url}/?belief=conversion")
        live(tab)
        tab.evaluate("(now) => { closedStreams = 0; setHidden(now); }", k < 7)
        if k == 3:  # a browser has six connections
            for hidden in tabs[:4]:
                hidden.wait_for_function("() => closedStreams > 0", polling=100)
    seen = [card(tab, "conversion", "video").locator("footer b") for tab in tabs]
    before = number(seen[0].inner_text())
    site.feed(visit("video", True))
    expect(seen[7]).to_have_text(str(before + 1))
    assert number(seen[0].inner_text()) == before
    tabs[0].evaluate("setHidden(false)")
    expect(seen[0]).to_have_text(str(before + 1))


def test_key_detail_page(open_page, site, shoot):
    page = open_page(DETAIL)
    expect(page.locator("h1")).to_have_text("control")
    terms = page.locator(".figures dt")
    for place, name in enumerate(("mean", "95 % interval", "MAP", "MLE", "log evidence")):
        expect(terms.nth(place)).to_contain_text(name)
    expect(terms.nth(4)).to_be_hidden()
    page.get_by_text("Details", exact=True).click()
    expect(terms.nth(4)).to_be_visible()
    live(page)
    site.feed(visit("control", False))
    page.get_by_text("Observed false").wait_for()
    site.feed(visit("control", True))
    page.get_by_text("Observed true").wait_for()
    terms = page.locator(".rule .term b").all_inner_texts()
    prior, likelihood, evidence, posterior = map(float, terms)
    assert prior * likelihood / evidence == pytest.approx(posterior, rel=0.02)
    page.wait_for_selector(".history canvas")
    shoot(page, "detail", full_page=True)
    page.get_by_role("button", name="prior", exact=True).click()
    expect(page.locator(".density path.d-prior")).to_have_attribute("d", "")
    page.get_by_text("As a table").first.click()
    page.get_by_role("region", name="Densities").wait_for()


def test_events_are_shown_only_with_a_live_pipeline(open_page, site, tmp_path):
    unchanged_key = "/beliefs/shops/" + quote('["shop 0005"]', safe="")
    page = open_page(unchanged_key)
    steps = page.get_by_role("region", name="Last steps of Bayes’ rule").locator("tbody tr")
    expect(steps).to_have_count(1)  # learned before the page was opened
    parts = page.get_by_role("list", name="Curves").locator("li")
    expect(parts).to_have_count(7)
    store = Site(tmp_path)
    store.config = site.store
    store.start()
    try:
        page = open_page(unchanged_key, at=store)
        expect(page.get_by_text("A store does not keep individual events")).to_have_count(1)
        for title in ("Bayes’ rule, last event", "Surprise", "Last steps of Bayes’ rule"):
            expect(page.get_by_role("heading", name=title)).to_have_count(0)
        expect(page.get_by_role("list", name="Curves").locator("li")).to_have_count(6)
        page.goto(f"{store.url}/?belief=shops")
        expect(page.locator(".legend li")).to_have_count(6)
        page.context.close()
    finally:
        store.kill()


def test_the_history_of_another_label_can_be_selected(open_page):
    page = open_page(VIEWS["labels"][0])
    choice = page.get_by_role("combobox", name="History of")
    choice.select_option("yellow")
    page.locator(".history canvas").wait_for()
    with page.expect_response(lambda answer: "part=red" in answer.url) as response_data:
        choice.select_option("red")
    history = response_data.value.json()["history"]
    assert history["part"] == "red"
    assert history["mean"][-1] == pytest.approx(0.13, abs=0.05)


def test_intervals_of_labels_are_shown_as_text(open_page):
    page = open_page(VIEWS["labels"][0])
    ranges = page.locator(".shares .range")
    expect(ranges).to_have_count(6)
    for output in ranges.all_inner_texts():
        assert re.fullmatch(r"[\d.]+ to [\d.]+ %", output)
    # the ends of a whisker are longer than the marks on it
    heights = page.evaluate(
        "() => ['.whisker', '.tick'].map((part) => { const one = document.querySelector(part);"
        " const end = part === '.whisker' ? '::before' : null;"
        " return parseFloat(getComputedStyle(one, end).height); })"
    )
    assert heights[0] > heights[1]


def test_each_hyperparameter_has_a_row(open_page):
    page = open_page("/login")
    posterior = {
        "fields": {
            "ok": {"alpha": 1, "beta": 3},
            "p": {"alpha": {"a": 1, "b": 2}},
            "v": {"mean": [1, 2], "df": 4, "scale": [[1, 5], [5, 2]]},
        }
    }
    rows = page.evaluate(
        "async (posterior) => {"
        " const { parameters } = await import('/static/js/views/tables.js');"
        " return [...parameters(null, posterior).querySelectorAll('tbody tr')]"
        "  .map((row) => [...row.children].map((cell) => cell.textContent).join('|')); }",
        posterior,
    )
    assert rows == [
        *("ok alpha|–|1", "ok beta|–|3", "p alpha a|–|1", "p alpha b|–|2", "v mean 0|–|1"),
        *("v mean 1|–|2", "v df|–|4", "v scale 0, 0|–|1", "v scale 0, 1|–|5", "v scale 1, 1|–|2"),
    ]


def test_history_zooms_in_and_out(open_page, site):
    page = open_page(DETAIL)
    live(page)
    site.feed_history(4, visit("control", False), "conversion", '["control"]')
    page.reload()
    page.wait_for_selector(".history canvas")
    whole = page.get_by_role("button", name="Whole history")
    assert whole.is_disabled()
    over = page.locator(".history .u-over")
    width = over.evaluate("(over) => over.clientWidth")
    over.hover(position={"x": 0.3 * width, "y": 40})  # relative to the chart, wherever it is
    page.mouse.down()
    over.hover(position={"x": 0.7 * width, "y": 40})
    page.mouse.up()
    page.wait_for_function("() => !document.querySelector('.tools button').disabled")
    whole.click()
    assert whole.is_disabled()
    page.get_by_role("button", name="Zoom in").click()
    assert whole.is_enabled()
    page.get_by_role("button", name="Events", exact=True).click()
    page.wait_for_function(  # the line of the mean is coloured
        "() => { const canvas = document.querySelector('.history canvas');"
        " const { data } = canvas.getContext('2d')"
        ".getImageData(canvas.width / 4, 0, canvas.width / 2, 200);"
        " return data.filter((red, i) => i % 4 === 0 && red - data[i + 2] > 60).length > 50; }"
    )


@pytest.mark.parametrize(
    ("values", "family", "texts"),
    [
        ([0.1, 0.125, 0.15], "share", ["10.0 %", "12.5 %", "15.0 %"]),
        ([0.1, 0.2, 0.30000000000000004], "share", ["10 %", "20 %", "30 %"]),
        ([1000.2, 1000.4], "Normal", ["1,000.2", "1,000.4"]),
        ([-2000, 0, 2000], "Gamma", ["−2,000", "0", "2,000"]),
        ([5e9, 7.5e9], "Gamma", ["5.0e+9", "7.5e+9"]),
        ([], "share", []),
    ],
)
def test_ticks_have_correct_labels(open_page, values, family, texts):
    page = open_page("/login")
    output = page.evaluate(
        "async ([values, family]) =>"
        " (await import('/static/js/format.js')).tickTexts(values, family)",
        [values, family],
    )
    assert output == texts


@pytest.mark.parametrize(
    ("interval", "mean", "texts"),
    [
        ([0.0004, 0.22], 0.07, ["7 %", "< 0.1 to 22 %"]),
        ([0.004, 0.22], 0.07, ["7 %", "0.4 to 22 %"]),
        ([0.0, 1.0], 1.0, ["100 %", "0 to 100 %"]),
        ([0.99999, 0.9999999], 1 - 1e-10, ["> 99.999999 %", "99.99900 to 99.99999 %"]),
    ],
)
def test_no_share_is_rounded_to_certainty(open_page, interval, mean, texts):
    page = open_page("/login")
    output = page.evaluate(
        "async ([interval, mean]) => {"
        " const written = (await import('/static/js/format.js')).scale('share', interval);"
        " return [written.text(mean), written.range(interval)]; }",
        [interval, mean],
    )
    assert output == texts


@pytest.mark.parametrize(
    ("surprises", "rare"),
    [
        ([0.067] * 40, 0),  # a run of expected events
        ([0.067] * 40 + [3.4], 1),
        ([6.2] * 40 + [6.6], 0),  # a label among very many
        ([-7.0] * 40 + [-3.0], 1),  # densities have units
        ([None, 0.1], 0),
    ],
)
def test_rare_events_are_much_less_probable_than_average(open_page, surprises, rare):
    page = open_page("/login")
    events = [{"at": 1.0, "x": True, "surprise": surprise} for surprise in surprises]
    bars, heights, output = page.evaluate(
        "async (events) => {"
        " const { Surprise } = await import('/static/js/charts/surprise.js');"
        " const chart = new Surprise(String); chart.update(events);"
        " const bars = [...chart.plot.querySelectorAll('.surprise i')];"
        " return [bars.filter((bar) => bar.className === 'high').length,"
        "  bars.map((bar) => parseFloat(bar.style.height)),"
        "  chart.plot.querySelector('.hint').textContent]; }",
        events,
    )
    assert bars == rare
    if not rare:
        assert max(heights) < 75
        assert "none of the last" in output


def test_log_scale_beliefs_are_shown_on_the_original_scale(open_page):
    page = open_page("/login")
    output = page.evaluate(
        "async () => { const format = await import('/static/js/format.js');"
        " const { ticksOf } = await import('/static/js/charts/axis.js');"
        " const { forest } = await import('/static/js/charts/forest.js');"
        " const measure = format.measure({ scale: 'log' });"
        " const written = format.scale(measure, [3.54, 3.79]);"
        " const ends = (low, high) =>"
        "  format.tickTexts(ticksOf([Math.log(low), Math.log(high)], 4, measure), measure);"
        " const pairs = [{ pair: ['a', 'b'], mean: Math.log(2), interval: [0.1, 1] }];"
        " const ratio = forest(pairs, String, format.scale(measure, [0.1, 1]));"
        " return [written.mean, written.text(3.67), written.range([3.54, 3.79]),"
        "  ends(30, 50), ends(0.9, 2000), ratio.querySelector('.pair').textContent,"
        "  ratio.querySelector('.lead').textContent]; }"
    )
    assert output[:3] == ["median", "39.3", "34.5 to 44.3"]
    assert output[3] == ["30", "35", "40", "45", "50"]
    assert output[4] == ["1", "10", "100", "1,000"]
    assert output[5:] == ["a ÷ b", "2.0"]


def test_the_mean_stays_inside_the_plot(open_page):
    page = open_page("/login")
    ends = page.evaluate(
        "async () => {"
        " const { Spark } = await import('/static/js/charts/spark.js');"
        " const { room } = await import('/static/js/charts/history.js');"
        " const spark = new Spark(); spark.resize(200, 34);"
        " const t = Array.from({ length: 40 }, (_, i) => i);"
        " const mean = t.map((i) => (i < 6 ? 5 - i : 0.1));"
        " const null_ = t.map(() => null);"
        " spark.update({ t, mean, low: mean.map((y) => y - 9), high: null_ });"
        " const ys = [...spark.mean.getAttribute('d').matchAll(/,(-?[\\d.]+)/g)]"
        "  .map((found) => Number(found[1]));"
        " return [Math.min(...ys), Math.max(...ys), ...room([0.4, null, 0.4], null)]; }"
    )
    assert 0 <= ends[0] < ends[1] <= 34
    assert ends[2] < 0.4 < ends[3]


def test_health_describes_the_stream(open_page, site, shoot):
    page = open_page("/health")
    live(page)
    page.get_by_role("heading", name=re.compile("No problems|Quiet|dead letter")).wait_for()
    page.get_by_text("no events are arriving at present; the last one arrived").wait_for()
    site.feed(visit("control", False))
    page.get_by_text("Events are arriving; the last commit was").wait_for()
    assert page.locator(".vitals dt").all_inner_texts()[:2] == ["Event rate", "Events"]
    expect(page.locator(".beliefs-table tbody tr")).to_have_count(5)
    expect(page.locator(".strip .dead b")).to_have_text("1")
    shoot(page, "health")


def kinds():
    """Return beliefs of all kinds that a configuration does not name, by name."""
    from seqbayes import Beta, DirichletProcess, Gamma, NormalInverseWishart, Product
    from seqbayes.likelihoods import Poisson
    from seqbayes.mixture import DirichletProcessMixture, Mixture

    rng = random.Random(3)
    waits, unknown = Mixture(2, seed=1, buffer=50), DirichletProcessMixture(seed=1, buffer=400)
    parts = {"few": Gamma(2, 1, likelihood=Poisson()), "many": Gamma(24, 2)}
    counts = Mixture(parts, seed=1, buffer=50)
    points, both = NormalInverseWishart([0.0, 0.0]), Product({"rate": Gamma(2, 1), "ok": Beta()})
    pages, precise = DirichletProcess(1.0), Beta(1e6, 1e6)
    for k in range(300):
        waits.learn_one(rng.gauss(54, 6) if k % 3 else rng.gauss(80, 6))
        unknown.learn_one(rng.gauss(0, 1) if k % 3 else rng.gauss(9, 1))
        counts.learn_one(rng.randint(0, 3) if k % 3 else rng.randint(9, 15))
        points.learn_one([rng.gauss(1, 2), rng.gauss(-3, 1)])
        both.learn_one({"rate": rng.randint(1, 5), "ok": k % 2 == 0})
        pages.learn_one(rng.choice(["/", "/docs", "/pricing"]))
    precise.learn_one(True)
    named = locals()
    names = ("waits", "unknown", "counts", "points", "both", "pages", "precise")
    return {name: named[name] for name in names}


def spark_of(state):
    found = plotted(state)
    if found is None:  # a mixture before its start
        return {"t": [], "mean": [], "low": [], "high": []}
    response_data = {"t": [1.0, 2.0]}
    for name in ("mean", "low", "high"):
        response_data[name] = [getattr(found, name)] * 2
    unit = {"unit": "share"} if found.share else {}
    return response_data | ({"part": found.name} if found.name else {}) | unit


def test_beliefs_of_every_kind_are_drawn(open_page, shoot):
    from seqbayes.dashboard.views import card as shown_as

    beliefs = kinds()
    response_data = {
        name: {"belief": name, "key": [], "id": "[]", "rate": 0, "updated": None}
        | {"spark": spark_of(state)}
        | shown_as(state)
        for name, state in beliefs.items()
    }
    about = {"family": "", "likelihood": "", "prior": "", "by": [], "keys": 1, "half_life": None}
    listed = [about | {"name": name, "kind": card["kind"]} for name, card in response_data.items()]

    def answer(route):
        name = route.request.url.partition("/api/beliefs/")[2].partition("?")[0]
        route.fulfill(
            json={"total": 1, "cards": [response_data[name]]} if name else {"beliefs": listed}
        )

    page = open_page("/login")
    request_all(page)
    page.route(re.compile("/api/beliefs"), answer)
    page.goto(page.url.removesuffix("login"))
    shown = {
        "waits": "path.m-total[d^=M]",
        "unknown": "path.m-total[d^=M]",
        "counts": "path.m-part.stems[d^=M]",
        "points": ".fields td",
        "both": ".fields th[title=ok]",
        "pages": ".shares .whisker",
        "precise": "path.d-posterior[d^=M]",
    }
    for name, part in shown.items():
        page.wait_for_selector(f".card[data-belief={name}] {part}", state="attached")
    for name, (value, what) in {
        "points": (r"[\d.]+", "0"),
        "both": (r"3\.\d+", "rate"),
        "waits": (r"[\d.]+ %", "share of"),
        "counts": (r"[\d.]+ %", "share of"),
    }.items():
        headline = page.locator(f".card[data-belief={name}] .headline")
        expect(headline.locator(".value")).to_have_text(re.compile(value))
        expect(headline.locator(".range")).to_contain_text(what)
        expect(page.locator(f".card[data-belief={name}] .s-name")).to_contain_text(what)
    expect(page.locator(".card[data-belief=unknown] .headline")).to_have_text("300events")
    # a very narrow density has as many points as any other
    curve = page.locator(".card[data-belief=precise] path.d-posterior").get_attribute("d")
    assert curve.count("L") > 40
    shoot(page, "kinds", full_page=True)


def test_all_functions_are_available_by_keyboard(open_page):
    page = open_page("/?belief=conversion&sort=key")
    page.wait_for_selector(".card .name")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.type") == "search"
    page.keyboard.press("Tab")
    page.locator(".card .name").first.focus()
    first = page.evaluate("document.activeElement.textContent")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.textContent") != first
    page.keyboard.press("p")
    page.wait_for_selector(".pinned-keys .card")
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Keyboard").wait_for()
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    page.locator(".card .name", has_text="control").last.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".detail h1")


def test_the_theme_is_selected_and_stored(open_page):
    page = open_page(theme="dark")
    page.wait_for_selector("html[data-theme=dark]")
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    assert page.evaluate(ground) == "rgb(13, 15, 19)"
    page.get_by_role("button", name="Light theme").click()
    assert page.evaluate(ground) == "rgb(245, 245, 242)"
    page.reload()
    page.wait_for_selector("html[data-theme=light]")


def test_an_unknown_address_is_reported(open_page):
    page = open_page("/nowhere")
    page.watch.ignored_errors = ("404",)
    page.get_by_text("The page /nowhere does not exist.").wait_for()
    page.get_by_role("link", name="All beliefs").click()
    page.wait_for_selector(".card")


def test_content_that_cannot_be_shown_is_reported(open_page):
    page = open_page("/beliefs/conversion/" + quote('["unknown"]', safe=""))
    page.watch.ignored_errors = ("404", "500")
    request_all(page)
    page.get_by_role("heading", name="Not found").wait_for()
    page.goto(page.url.partition("/beliefs")[0] + "/beliefs/nope")
    page.get_by_role("heading", name="Not found").wait_for()
    page.get_by_text("There is no belief “nope”.").wait_for()
    page.route("**/api/beliefs", lambda route: route.fulfill(json={"beliefs": []}))
    page.get_by_role("link", name="All beliefs").click()
    page.get_by_role("heading", name="No beliefs yet").wait_for()
    live(page)
    page.unroute("**/api/beliefs")
    page.route(
        "**/api/beliefs",
        lambda route: route.fulfill(status=500, json={"error": "the store was deleted"}),
    )
    page.reload()
    page.get_by_text("the store was deleted").wait_for()
    page.unroute("**/api/beliefs")
    page.get_by_role("button", name="Try again").click()
    page.wait_for_selector(".card")


def test_the_token_grants_access(open_page, site):
    page = open_page("/login")
    page.get_by_label("Token").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    page.get_by_text("That is not the token.").wait_for()
    page.get_by_label("Token").fill(site.token)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_selector(".card")
    assert page.context.cookies()[0]["httpOnly"] is True


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_serious_violations(open_page, theme):
    # The dark and light themes differ only in colours.
    skipped = {"many"} if theme == "light" else {"many", "compare", "health", "login", "embed"}
    rules = {"resultTypes": ["violations"]} | (
        {"runOnly": ["color-contrast"]} if theme == "dark" else {}
    )
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe is not installed"
    )
    page = open_page("/health", theme=theme)
    base = page.url.removesuffix("/health")
    found = {}
    for name, (path, ready) in VIEWS.items():
        if name in skipped:
            continue
        page.goto(base + path)
        page.wait_for_selector(ready, state="attached")
        response_data = axe.Axe().run(page, options=rules)
        serious = [
            "{}: {html} {failureSummary}".format(one["id"], **one["nodes"][0])
            for one in response_data.response["violations"]
            if one["impact"] in ("serious", "critical")
        ]
        if serious:
            found[name] = serious
    assert found == {}


def test_a_phone_shows_all_content(open_page, shoot):
    page = open_page("/health", width=390, height=844, theme="dark")
    base = page.url.removesuffix("/health")
    for name, (path, ready) in VIEWS.items():
        page.goto(base + path)
        page.wait_for_selector(ready, state="attached")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, name
        shoot(page, f"phone-{name}")


def test_a_large_screen_is_filled_and_legible_from_a_distance(open_page, shoot):
    page = open_page("/?belief=shops", width=2560, height=1300)
    page.wait_for_selector(".card path.d-posterior[d^=M]")
    cards = page.locator(".card")
    assert cards.count() >= 18
    assert page.evaluate("parseFloat(getComputedStyle(document.body).fontSize)") >= 17
    # measured in one call: the page may scroll between two
    boxes = cards.evaluate_all("cards => cards.map(card => card.getBoundingClientRect().toJSON())")
    assert max(box["right"] for box in boxes) > 2500
    assert {round(box["height"]) for box in boxes} == {375}
    shoot(page, "wall")


def test_beliefs_with_few_keys_are_placed_side_by_side(open_page):
    page = open_page(width=2560, height=1440)
    page.wait_for_selector(".card path.d-posterior[d^=M]")
    request_all(page)
    page.route("**/api/beliefs/seconds?*", lambda route: route.fulfill(json=few(route)))
    page.reload()
    heads = page.get_by_role("heading", name=re.compile("^(seconds|calls)$"), level=2)
    expect(page.locator("section[aria-label=seconds]").get_by_text("2 keys")).to_be_visible()
    page.wait_for_function("() => document.querySelectorAll('.packed').length === 3")
    # measured in one call: the page may scroll between two
    tops = heads.evaluate_all("heads => heads.map(head => head.getBoundingClientRect().top)")
    assert len(tops) == 2
    assert tops[0] == tops[1]


def few(route):
    """Return the answer for two keys only."""
    response_data = route.fetch().json()
    return {**response_data, "total": 2, "cards": response_data["cards"][:2]}


FILE_SIZES = """() => performance.getEntriesByType("resource")
  .filter(({ name }) => name.includes("/static/"))
  .map(({ encodedBodySize }) => encodedBodySize)"""


def test_the_page_is_small(open_page):
    page = open_page("/login")
    base = page.url.removesuffix("/login")
    for path, ready in (VIEWS["overview"], VIEWS["detail"]):
        page.goto(base + path)
        page.wait_for_selector(ready, state="attached")
        page.wait_for_load_state("load")
        sizes = page.evaluate(FILE_SIZES)
        assert 20_000 < sum(sizes) < 120_000, (path, sizes)


IDLE = """
window.messages = 0;  // about health since a frame was requested
const ask = requestAnimationFrame;
window.requestAnimationFrame = (job) => { window.messages = 0; return ask(job); };
const listen = EventSource.prototype.addEventListener;
EventSource.prototype.addEventListener = function (type, act) {
  listen.call(this, type, (event) => { act(event); if (type === "health") window.messages += 1; });
};
"""


def test_an_idle_page_does_not_redraw(open_page):
    page = open_page("/login")
    page.add_init_script(IDLE)
    page.goto(page.url.replace("/login", "/beliefs/calls/" + quote("[]", safe="")))
    page.wait_for_selector(VIEWS["detail"][1])
    page.wait_for_function("() => messages >= 3", polling=200)  # not in every frame
    assert page.evaluate("document.getAnimations().length") == 0
