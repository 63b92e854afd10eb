"""How one finds one's way over the cards, in a real browser."""

import pytest

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed").expect

FOCUSED = "document.activeElement.closest('.card')?.dataset.id"


def test_going_back_leads_to_where_one_was(open_page):
    page = open_page("/?belief=shops&sort=key&order=asc")
    page.wait_for_selector(".card path.d-posterior[d^=M]")
    page.evaluate("scrollTo(0, 20_000)")
    page.wait_for_function("() => document.querySelectorAll('.card:not(.skeleton)').length > 8")
    page.wait_for_timeout(400)
    card = page.locator(".card[data-id*='shop 02']:not(.skeleton) .name").nth(8)
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
    page.get_by_role("heading", name="All is well").wait_for()
    assert page.evaluate("document.activeElement.id") == "main"
    style = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert style == "none"
