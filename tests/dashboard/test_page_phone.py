"""The page on a phone."""

import json
from urllib.parse import quote

import pytest

pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

FITS = "(one) => one.scrollWidth <= one.clientWidth"
DETAIL = "/beliefs/conversion/" + quote(json.dumps(["control"]), safe="")


@pytest.fixture
def phone(open_page):
    return open_page("/health", width=390, height=844)


def show(page, path, ready):
    page.goto(page.url.removesuffix("/health") + path)
    page.wait_for_selector(ready, state="attached")


def test_factory_probabilities_are_visible(phone):
    show(phone, "/replay/mms", ".factory-panel tbody tr")
    phone.get_by_role("button", name="Step").click()
    assert phone.locator(".factory-panel .scroll").evaluate(FITS)
    assert phone.locator(".factory-panel tbody tr td:last-child").first.is_visible()


def test_the_whole_e_step_is_visible(phone):
    show(phone, "/replay/coins", ".e-step tbody tr")
    assert phone.get_by_role("region", name="E-step").evaluate(FITS)


def test_dead_letters_are_last_and_steps_fit_the_screen(phone):
    show(phone, DETAIL, ".history canvas")
    tops = "(all) => all.map((one) => [one.getBoundingClientRect().top, one.innerText])"
    panels = phone.locator(".detail .panel h2").evaluate_all(tops)
    assert max(panels)[1] == "Dead letters of conversion"
    steps = phone.get_by_role("region", name="Last steps of Bayes’ rule")
    assert steps.evaluate(FITS)


def test_hidden_content_is_marked_by_a_shadow(phone):
    show(phone, "/", ".card")
    row = phone.locator(".toolbar .filter")
    assert not row.evaluate(FITS)
    fade = row.evaluate("(one) => getComputedStyle(one, '::after').backgroundImage")
    assert fade.startswith("linear-gradient")
    last = row.locator("button").last
    last.focus()
    assert last.evaluate("button => button.getBoundingClientRect().right") <= 390 - 14
