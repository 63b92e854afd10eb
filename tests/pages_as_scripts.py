"""Execute the shell commands of a page in order, in one shell, and compare what it shows."""

import doctest
import os
import re
import subprocess
import sys

BLOCK = re.compile(r"^```(sh|text|toml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
END = "END OF BLOCK"
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def execute(page, folder, replaced=()):
    """Execute a page; return the output of each block of commands.

    A configuration is saved as `seqbayes.toml`. The text after a block is what the block prints.
    """
    programs = folder / "bin"
    programs.mkdir()
    for name, command in (("seqbayes", "-m seqbayes "), ("python", "")):
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec {sys.executable} {command}"$@"\n')
        program.chmod(0o755)
    work = folder / "work"
    work.mkdir()
    blocks, shown = [], {}
    for kind, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        if kind == "toml":
            (work / "seqbayes.toml").write_text(text)
        elif kind == "sh":
            blocks.append(text)
        else:
            shown[blocks[-1]] = text
    # `set -m` gives background programs job numbers, as in an interactive shell
    lines = [
        "set -e -m; trap 'kill $(jobs -p) 2>/dev/null || true' EXIT",
        *(f"{block}\necho; echo '{END}'" for block in blocks),
    ]
    script = "\n".join(lines)
    for old, new in replaced:
        script = script.replace(old, new)
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
    outputs = [output.strip() for output in done.stdout.split(END)][: len(blocks)]
    checker = doctest.OutputChecker()
    for block, output in zip(blocks, outputs, strict=True):
        if block in shown:
            assert checker.check_output(shown[block].strip(), output, FLAGS), f"{block}\n{output}"
    return dict(zip(blocks, outputs, strict=True))
