"""Every command of the tutorial is executed, in order, in one shell, and prints what it shows."""

import doctest
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="the extra 'dashboard' is not installed")

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs/tutorial.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
END = "END OF BLOCK"


def steps():
    """Return the shell blocks, each with the text that the page shows for it, if any."""
    found = []
    for kind, text in BLOCK.findall(PAGE):
        if kind == "sh":
            found.append([text, None])
        else:
            found[-1][1] = text
    return found


def free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


@pytest.mark.skipif(os.name != "posix", reason="commands of a POSIX shell")
@pytest.mark.skipif(
    not (shutil.which("bash") and shutil.which("curl")), reason="bash or curl is not installed"
)
def test_every_command_of_the_tutorial_works(tmp_path):
    programs = tmp_path / "bin"
    programs.mkdir()
    program = programs / "seqbayes"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m seqbayes "$@"\n')
    program.chmod(0o755)
    work = tmp_path / "work"
    work.mkdir()
    # `set -m` gives background programs job numbers, as in an interactive shell
    lines = [
        "set -e -m; trap 'kill $(jobs -p) 2>/dev/null || true' EXIT",
        *(f"{block}\necho; echo '{END}'" for block, _ in steps()),
    ]
    script = "\n".join(lines).replace("8765", str(free_port())).replace("sleep 0.1", ":")
    done = subprocess.run(
        ["bash", "-c", script],
        capture_output=True,
        check=False,
        cwd=work,
        env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "COLUMNS": "80"},
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    outputs = [output.strip() for output in done.stdout.split(END)]
    checker, flags = doctest.OutputChecker(), doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    for (block, shown), output in zip(steps(), outputs, strict=False):
        if shown is not None:
            assert checker.check_output(shown.strip(), output, flags), f"{block}\n{output}"
    by_command = dict(zip((block for block, _ in steps()), outputs, strict=False))
    health = next(output for block, output in by_command.items() if "/api/health" in block)
    assert '"status":"ok"' in health
    [letters] = [output for block, output in by_command.items() if "maybe" in block]
    assert "maybe" in letters
    compared = next(output for block, output in by_command.items() if "compare" in block)
    assert "B is best: P(best) 97.64 %" in compared
    assert "about 81 more observations" in compared
    learned = re.search(r"^B +\S+ +(\d+)", outputs[-2], re.MULTILINE)
    assert learned
    assert int(learned[1]) == 12 + 50
