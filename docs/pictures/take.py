"""Take the screenshots of the page for the documentation: visits to a shop, in Debian's Chromium.

Run it with Pillow and the extras `dashboard` and `test` installed; it takes two minutes.
"""

import json
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

HERE = Path(__file__).parent
SIZE = {"width": 1440, "height": 960}
CARDS = (0, 168, 1440, 562)
"""The first row of cards and its legend, for the README."""
VARIANTS = {
    "control": 0.112,
    "short form": 0.151,
    "video": 0.138,
    "two steps": 0.098,
}
PAGES = {"/": 0.42, "/pricing": 0.27, "/docs": 0.2, "/blog": 0.11}
CONFIG = """
store = "beliefs.db"
source = { kind = "file", path = "events.jsonl", follow = true, name = "visits of a shop" }
history = { every = "1 s" }
[belief.conversion]
state = "beta"
field = "bought"
by = "variant"
[belief.seconds]
state = "mixture"
components.quick = { state = "normal-inverse-gamma" }
components.slow = { state = "normal-inverse-gamma" }
field = "seconds"
[belief.basket]
state = "gamma"
prior = { shape = 2, rate = 1 }
likelihood = { name = "poisson" }
field = "items"
[belief.pages]
state = "dirichlet-process"
field = "page"
"""


def visit(rng: random.Random) -> dict[str, object]:
    """Return the event of one simulated visitor."""
    variant = rng.choice(list(VARIANTS))
    quick = rng.random() < 0.6
    return {
        "variant": variant,
        "bought": rng.random() < VARIANTS[variant],
        "seconds": round(rng.gauss(35, 9) if quick else rng.gauss(120, 22), 1),
        "items": sum(rng.random() < 0.3 for _ in range(9)),
        "page": rng.choices(list(PAGES), list(PAGES.values()))[0],
    }


def feed(path: Path, done: threading.Event) -> None:
    """Append about thirty visitor events per second until `done` is set."""
    rng = random.Random(1796)
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(visit(rng)) + "\n" for _ in range(1500))
        while not done.wait(rng.expovariate(30.0)):
            file.write(json.dumps(visit(rng)) + "\n")
            file.flush()


def save_screenshot(page: Page, name: str) -> None:
    """Save a screenshot of a page with 256 colours, and close the page."""
    path = HERE / f"{name}.png"
    page.screenshot(path=path)
    page.close()
    Image.open(path).convert("RGB").quantize(256).save(path, optimize=True)


def take_screenshots(browser: Browser, url: str) -> None:
    """Take the screenshots."""
    page = browser.new_page(viewport=SIZE)
    page.goto(url)
    page.wait_for_selector(".card")
    time.sleep(60.0)  # wait until there is enough history to show
    save_screenshot(page, "dashboard")
    Image.open(HERE / "dashboard.png").crop(CARDS).save(HERE / "cards.png", optimize=True)
    page = browser.new_page(viewport=SIZE, color_scheme="dark")
    page.goto(f"{url}beliefs/conversion/%5B%22video%22%5D")
    page.get_by_text(re.compile("^Observed ")).first.wait_for()
    time.sleep(3.0)
    save_screenshot(page, "belief")
    page = browser.new_page(viewport={**SIZE, "height": 1250})
    page.goto(f"{url}replay/mms")
    page.get_by_role("button", name="Play").click()
    time.sleep(7.0)
    page.get_by_role("button", name="Pause").click()
    time.sleep(1.0)
    save_screenshot(page, "candies")


def main() -> None:
    """Start the event feeder, the server and the browser, and stop them afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "seqbayes.toml").write_text(CONFIG, encoding="utf-8")
        Path(folder, "events.jsonl").touch()
        command = [sys.executable, "-m", "seqbayes", "serve", "seqbayes.toml", "--port", "0"]
        done = threading.Event()
        feeder = threading.Thread(target=feed, args=(Path(folder, "events.jsonl"), done))
        server = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, encoding="utf-8")
        try:
            feeder.start()
            assert server.stderr is not None
            stderr_lines = iter(server.stderr)
            url = next(
                found[0] for line in stderr_lines if (found := re.search(r"http://\S+/", line))
            )
            with sync_playwright() as playwright:
                launch = playwright.chromium.launch
                browser = launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
                take_screenshots(browser, url)
                browser.close()
        finally:
            done.set()
            feeder.join()
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
