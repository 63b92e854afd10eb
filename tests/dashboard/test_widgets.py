"""The widgets for notebooks: the live card and the lessons."""

import base64
from pathlib import Path

import pytest

import seqbayes
from seqbayes import Beta, Gamma, PriorError, SeqbayesError
from seqbayes.compare import compare

pytest.importorskip("anywidget", reason="the extra 'notebook' is not installed")
from seqbayes import widgets
from seqbayes.widgets.lesson import LESSONS

FOLDER = Path(widgets.__file__).parent

# What anywidget does in a notebook: it imports the module and calls `render` with a model.
RENDER = """async ([source, values]) => {
  const module = await import("data:text/javascript;base64," + source);
  const listeners = {};
  const model = {
    values,
    get: (name) => values[name],
    set: (name, value) => {
      values[name] = value;
      listeners["change:" + name]?.forEach((listener) => listener());
    },
    on: (event, listener) => (listeners[event] ??= new Set()).add(listener),
    off: (event, listener) => listeners[event].delete(listener),
    save_changes: () => { values.saved = (values.saved ?? 0) + 1; },
  };
  window.model = model;
  window.listening = () => Object.values(listeners).reduce((n, each) => n + each.size, 0);
  window.cleanup = module.default.render({ model, el: document.body });
}"""


def source(name):
    return base64.b64encode((FOLDER / name).read_bytes()).decode()


def test_a_card_shows_what_its_belief_has_learned():
    card = widgets.LiveCard(Beta(2, 3))
    assert "Beta(2, 3)" in card.html
    changes = []
    card.observe(lambda change: changes.append(change["new"]), "html")
    card.learn_one(True)
    card.learn_many([True, False])
    card.follow(iter([False] * 5), every=1e9)
    assert card.belief.posterior == (4, 9)
    assert len(changes) == 3
    assert "Beta(4, 9)" in changes[-1]
    assert card.html == changes[-1]
    assert "<svg" in card.html


def test_an_invalid_observation_leaves_the_card_at_the_last_valid_one():
    card = widgets.LiveCard(Gamma(2, 1))
    with pytest.raises(seqbayes.ObservationError):
        card.follow([3, 4, -1, 5], every=1e9)
    assert card.belief.n_samples == 2
    assert "Gamma(9, 3)" in card.html
    with pytest.raises(seqbayes.ObservationError):
        card.learn_many([1, "x"])
    assert card.belief.n_samples == 2


def test_the_level_of_a_card_is_that_of_its_interval():
    card = widgets.LiveCard(Beta(20, 30), level=0.5)
    low, _ = card.belief.interval(0.5)
    assert f"{low:.6g}" in card.html
    card.level = 0.9
    assert "90 % interval" in card.html
    assert f"{card.belief.interval(0.9)[0]:.6g}" in card.html
    for level in (0.2, 0.999, float("nan")):
        with pytest.raises(PriorError):
            card.level = level
    assert card.level == 0.9
    assert "<table" in widgets.LiveCard(compare({"a": Beta(2, 1), "b": Beta()})).html


def test_an_unknown_lesson_is_refused():
    with pytest.raises(SeqbayesError, match="expected one of the lessons estimates, mms, coins"):
        widgets.Lesson("poker")


def test_the_card_in_the_browser_follows_the_model_and_sends_the_level(browser):
    with browser.new_context() as context:
        page = context.new_page()
        page.evaluate(RENDER, [source("card.js"), {"html": "<b>one</b>", "level": 0.95}])
        assert page.inner_text("b") == "one"
        assert page.inner_text("label").endswith("95 %")
        page.evaluate("model.set('html', '<b>two</b>')")
        assert page.inner_text("b") == "two"
        slider = page.get_by_label("credible interval")
        slider.focus()
        slider.press("ArrowLeft")
        assert page.evaluate("[model.get('level'), model.values.saved]") == [0.94, 1]
        assert page.inner_text("label").endswith("94 %")
        page.evaluate("cleanup()")
        assert page.evaluate("listening()") == 0


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_runs_in_an_isolated_frame_without_errors(name, browser):
    lesson = widgets.Lesson(name)
    with browser.new_context() as context:
        page = context.new_page()
        wrong = []
        context.on("weberror", lambda error: wrong.append(str(error.error)))
        context.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
        context.on("request", lambda request: wrong.append(request.url))
        values = {"page": lesson.page, "height": lesson.height}
        page.evaluate(RENDER, [source("lesson.js"), values])
        assert page.get_attribute("iframe", "sandbox") == "allow-scripts"
        frame = page.frame_locator("iframe")
        frame.locator("h1").first.wait_for()
        frame.locator("button:visible").first.wait_for()
        wrong = [each for each in wrong if not each.startswith(("data:", "about:", "blob:"))]
        assert wrong == []
