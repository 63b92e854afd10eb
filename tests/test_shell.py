"""Completion in real shells, and the reference of the command line."""

import os
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from seqbayes import cli
from seqbayes.shell.completion import SHELLS
from seqbayes.shell.parsers import nodes
from seqbayes.shell.reference import reference

ROOT = Path(__file__).resolve().parent.parent


def test_the_reference_matches_the_parsers():
    page = ROOT / "docs" / "cli.md"
    assert page.read_text(encoding="utf-8") == reference(), (
        "python -m seqbayes.shell.reference > docs/cli.md"
    )


def test_every_command_has_an_example_and_its_exit_status():
    for node in nodes():
        if len(node.path) == 1:
            assert f"seqbayes {node.path[0]}" in node.epilog
            assert "exit status:" in node.epilog


def script(shell, tmp_path, capsys):
    assert cli.main(["completion", shell]) == 0
    path = tmp_path / f"seqbayes.{shell}"
    path.write_text(capsys.readouterr().out)
    return path


def installed(shell):
    found = shutil.which(shell)
    if found is None and not os.environ.get("CI"):
        pytest.skip(f"{shell} is not installed")
    return found


class Terminal:
    """A shell on a pseudo-terminal."""

    def __init__(self, command, directory):
        import pty

        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.chdir(directory)
            os.execve(command[0], command, {"PATH": os.environ["PATH"], "TERM": "dumb"})
        self.seen = ""

    def type(self, text):
        os.write(self.master, text.encode())

    def wait(self, text, seconds=120.0):
        """Read until a string has been written."""
        end = time.monotonic() + seconds
        while text not in self.seen:
            ready, _, _ = select.select([self.master], [], [], max(end - time.monotonic(), 0.0))
            assert ready, f"waited for {text!r}, and there is {self.seen!r}"
            self.seen += os.read(self.master, 65536).decode(errors="replace")
        self.seen = self.seen.partition(text)[2]

    def close(self):
        os.close(self.master)
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)


START = {
    "bash": (["--norc", "--noprofile", "-i"], ""),
    "zsh": (["-f", "-i"], "autoload -U compinit; compinit -D; "),
}

TYPED = {
    "seqbayes sho\t": ["show"],
    "seqbayes dead\t--js\t": ["dead-letters", "--json"],
    "seqbayes run --log-f\tj\t": ["run", "--log-format", "json"],
    "seqbayes run a\t": ["run", "a configuration.toml"],
    "seqbayes export --what hist\tsto\t": ["export", "--what", "history", "store.db"],
    "seqbayes replay co\t": ["replay", "coins"],
    "seqbayes completion z\t": ["completion", "zsh"],
    "seqbayes merge -o out.db sto\tsto\t": ["merge", "-o", "out.db", "store.db", "store.db"],
}


@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals")
@pytest.mark.parametrize("shell", START)
def test_words_are_completed(shell, tmp_path, capsys):
    words, first = START[shell]
    program = installed(shell)
    work = tmp_path / "work"
    work.mkdir()
    for name in ("a configuration.toml", "store.db"):
        (work / name).touch()
    terminal = Terminal([program, *words], work)
    try:
        # completed words are the arguments of a function that prints them
        terminal.type(
            f"{first}source {script(shell, tmp_path, capsys)}; PS1=; "
            "seqbayes() { for word; do printf '{%s}' \"$word\"; done; printf '\\n'; };"
            " echo rea''dy\n"
        )
        terminal.wait("ready")
        for typed, wanted in TYPED.items():
            terminal.type(f"{typed}\n")
            terminal.wait("".join(f"{{{word}}}" for word in wanted))
    finally:
        terminal.close()


def test_fish_completes_the_same_words(tmp_path, capsys):
    program, path = installed("fish"), script("fish", tmp_path, capsys)
    (tmp_path / "store.db").touch()
    for typed, wanted in {
        "seqbayes sho": "show",
        "seqbayes dead-letters --js": "--json",
        "seqbayes run --log-format j": "json",
        "seqbayes show sto": "store.db",
        "seqbayes merge --output sto": "store.db",
        "seqbayes replay co": "coins",
    }.items():
        done = subprocess.run(
            [program, "--no-config", "-c", f"source {path}; complete -C '{typed}'"],
            capture_output=True,
            text=True,
            check=True,
            cwd=tmp_path,
            env={**os.environ, "HOME": str(tmp_path)},
        )
        assert [line.split("\t")[0] for line in done.stdout.splitlines()] == [wanted], typed


@pytest.mark.parametrize("shell", SHELLS)
def test_scripts_name_all_commands_and_have_valid_syntax(shell, tmp_path, capsys):
    text = script(shell, tmp_path, capsys).read_text()
    for name in cli.COMMANDS:
        assert name in text
    done = subprocess.run(
        [installed(shell), "-n", str(tmp_path / f"seqbayes.{shell}")],
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_command_line_does_not_import_the_completion():
    code = "import sys, seqbayes.cli; print('seqbayes.shell' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
