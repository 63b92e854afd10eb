"""The command line's manners: help, versions, errors, and nothing imported too early."""

import importlib
import os
import subprocess
import sys

import pytest

import seqbayes
from seqbayes import cli
from seqbayes.console import streams
from seqbayes.errors import PriorError


def run(*words, **kwargs):
    command = [sys.executable, "-m", "seqbayes", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, **kwargs)


def test_no_arguments_print_help(capsys):
    assert cli.main([]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("usage: seqbayes")
    assert err == ""
    for name, command in cli.COMMANDS.items():
        assert name in out
        assert command.example in out


def test_version(capsys):
    with pytest.raises(SystemExit, match="0"):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"seqbayes {seqbayes.__version__}\n"


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_is_a_module_with_help(name, capsys):
    module = importlib.import_module(cli.COMMANDS[name].module)
    assert callable(module.add_arguments)
    assert callable(module.command)
    with pytest.raises(SystemExit, match="0"):
        cli.main([name, "--help"])
    assert capsys.readouterr().out.startswith(f"usage: seqbayes {name}")


@pytest.mark.parametrize(
    "words", [["nonsense"], ["--nonsense"], ["watch"], ["watch", "--nonsense"]]
)
def test_wrong_words_are_status_2(words, capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main(words)
    assert "usage: seqbayes" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (PriorError("expected\nsense"), 2, "seqbayes watch: expected sense\n"),
        (FileNotFoundError(2, "No such file", "x.csv"), 2, "seqbayes watch: x.csv: no such file\n"),
        (OSError("odd"), 2, "seqbayes watch: odd\n"),
        (KeyboardInterrupt(), 130, ""),
        (BrokenPipeError(), 141, ""),
    ],
)
def test_errors_are_one_line(error, status, message, capsys, monkeypatch):
    module = importlib.import_module(cli.COMMANDS["watch"].module)

    def command(args):
        raise error

    monkeypatch.setattr(module, "command", command)
    monkeypatch.setattr(streams, "discard_output", lambda: None)  # pytest reads it
    assert cli.main(["watch", "-", "--state", "beta", "--value", "c"]) == status
    assert capsys.readouterr().err == message


def test_help_imports_no_command_and_nothing_heavy():
    code = (
        "import sys\nfrom seqbayes.cli import main\nmain([])\n"
        "print([name for name in sys.modules if name.split('.')[0] in"
        " ('rich', 'msgspec', 'pandas', 'sklearn', 'matplotlib', 'asyncio')"
        " or name.startswith(('scipy.stats', 'seqbayes.watch', 'seqbayes.replay'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_json_imports_no_terminal():
    code = (
        "import sys\nfrom seqbayes.cli import main\n"
        "main(['watch', '-', '--state', 'beta', '--value', 'c', '--json'])\n"
        "print([name for name in sys.modules if name.split('.')[0] == 'rich'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input='{"c": 1}', capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_module_is_the_command():
    done = run("--version")
    assert (done.returncode, done.stdout) == (0, f"seqbayes {seqbayes.__version__}\n")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs Linux's full device")
def test_a_full_disk_is_one_line():
    words = ["watch", "-", "--state", "beta", "--value", "c"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "seqbayes", *words],
            input=b'{"c": 1}',
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr == b"seqbayes watch: no space left on device\n"
