"""Fixtures: servers in a thread or in a process, and a browser."""

import os
import shutil
import sys
from pathlib import Path

import pytest
from watching import Watch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # programs, cases

SCREENSHOTS = Path(__file__).resolve().parents[2] / "build" / "screenshots"


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """Start servers on a configuration (its text) or a store (its path); stop them at the end."""
    import serving

    monkeypatch.chdir(tmp_path)
    started = []

    def start(what, **options):
        server = serving.Served(what, tmp_path, **options)
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop()


def chromium():
    """Return the browser that `SEQBAYES_BROWSER` names, by default the smallest one, or None."""
    default = "chromium-headless-shell chromium chromium-browser"
    names = os.environ.get("SEQBAYES_BROWSER", default).split()
    return next(filter(None, map(shutil.which, names)), None)


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """A separate server that shows some thousand events and waits for more."""
    from served import Site, history

    site = Site(tmp_path_factory.mktemp("site"))
    site.feed(*history())
    site.spoil("not JSON <script>window.hacked=1</script>")
    site.start()
    yield site
    site.kill()


# Not session-scoped: Playwright's event loop would interfere with tests that run their own.
@pytest.fixture(scope="module")
def browser():
    """Debian's Chromium, driven by Playwright."""
    if chromium() is None:
        pytest.skip("Chromium is not installed")
    api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    sandbox = [] if os.geteuid() else ["--no-sandbox"]  # root has no sandbox
    api.expect.set_options(timeout=60_000)
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=sandbox)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser, site, request):
    """Open pages of the site, each in a separate browser profile."""
    contexts = []

    def open_one(path="/", width=1440, height=900, theme="light", at=site, **more):
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=theme, **more
        )
        watch = Watch(context, at.url)
        contexts.append((context, watch))
        context.set_default_timeout(60_000)
        page = context.new_page()
        page.watch = watch
        page.goto(at.url + path)
        return page

    yield open_one
    wrong = []
    for context, watch in contexts:
        for page in context.pages:
            page.unroute_all(behavior="ignoreErrors")  # requests may be waiting for their answer
        context.close()
        wrong += watch.verdict()
    assert wrong == []


@pytest.fixture
def shoot():
    """Save a screenshot of a page for later inspection."""

    def shoot(page, name, **options):
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SCREENSHOTS / f"{name}.png", **options)

    return shoot
