"""Every command of the tutorial and of these guides works, and prints what the page shows."""

import contextlib
import os
import random
import re
import shutil
import socket
from pathlib import Path

import pytest

from pages_as_scripts import execute

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="commands of a POSIX shell"),
    pytest.mark.skipif(
        not (shutil.which("bash") and shutil.which("curl")), reason="bash or curl is not installed"
    ),
]
DOCS = Path(__file__).resolve().parent.parent / "docs"


def free_port():
    """Return a free port below those that the system assigns to other programs."""
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as listening, contextlib.suppress(OSError):  # it is in use
            listening.bind(("127.0.0.1", port))
            return port


def test_every_command_of_the_tutorial_works(tmp_path):
    pytest.importorskip("starlette", reason="the extra 'dashboard' is not installed")
    replaced = [("8765", str(free_port())), ("sleep 0.1", ":")]
    outputs = execute(DOCS / "tutorial.md", tmp_path, replaced)
    health = next(output for block, output in outputs.items() if "/api/health" in block)
    assert '"status":"ok"' in health
    [letters] = [output for block, output in outputs.items() if "maybe" in block]
    assert "maybe" in letters
    compared = next(output for block, output in outputs.items() if "compare" in block)
    assert "B is probably best: P(best) 97.64 %" in compared
    assert "about 81 more observations" in compared
    learned = re.search(r"^B +\S+ +(\d+)", list(outputs.values())[-1], re.MULTILINE)
    assert learned
    assert int(learned[1]) == 12 + 50


@pytest.mark.parametrize("guide", ["ab-test", "anomaly-alert", "model-routing", "rolling-rate"])
def test_every_command_of_the_guide_works(guide, tmp_path):
    if guide == "model-routing":
        pytest.importorskip("starlette", reason="the extra 'dashboard' is not installed")
    execute(DOCS / f"guides/{guide}.md", tmp_path, [("8765", str(free_port()))])
