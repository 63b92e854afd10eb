"""The command line: help, version, errors, streams and imports."""

import importlib
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import seqbayes
from seqbayes import cli, extras
from seqbayes.console import streams
from seqbayes.errors import PriorError
from seqbayes.statistics import base


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
    compiled = "not compiled" if base.__file__.endswith(".py") else "compiled"
    assert capsys.readouterr().out == f"seqbayes {seqbayes.__version__} ({compiled})\n"


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
def test_a_usage_error_has_status_2(words, capsys):
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
def test_errors_are_printed_on_one_line(error, status, message, capsys, monkeypatch):
    module = importlib.import_module(cli.COMMANDS["watch"].module)

    def command(args):
        raise error

    monkeypatch.setattr(module, "command", command)
    monkeypatch.setattr(streams, "discard_output", lambda: None)  # pytest reads it
    assert cli.main(["watch", "-", "--state", "beta", "--value", "c"]) == status
    assert capsys.readouterr().err == message


@pytest.mark.parametrize(
    ("words", "end"),
    [
        (["wach", "e.jsonl"], "): did you mean 'watch'?"),
        (
            ["run", "c.toml", "--onec"],
            "arguments: --onec: did you mean '--once'?",
        ),
        (["show", "b.db", "--levle=.9"], "--levle=.9: did you mean '--level'?"),
        (["show", "b.db", "--wat"], "unrecognized arguments: --wat"),
        (["export", "b.db", "x", "--format=parqet"], "): did you mean 'parquet'?"),
    ],
)
def test_misspelt_commands_and_options_get_a_suggestion(words, end, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(words)
    assert stopped.value.code == 2
    assert capsys.readouterr().err.strip().endswith(end)


def test_help_imports_neither_commands_nor_large_packages():
    code = (
        "import sys\nfrom seqbayes.cli import main\nmain([])\n"
        "print([name for name in sys.modules if name.split('.')[0] in"
        " ('rich', 'msgspec', 'pandas', 'sklearn', 'matplotlib', 'asyncio')"
        " or name.startswith(('scipy.stats', 'seqbayes.watch', 'seqbayes.replay'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_json_output_does_not_import_rich():
    code = (
        "import sys\nfrom seqbayes.cli import main\n"
        "main(['watch', '-', '--state', 'beta', '--value', 'c', '--json'])\n"
        "print([name for name in sys.modules if name.split('.')[0] == 'rich'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input='{"c": 1}', capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_package_can_be_run_as_a_module():
    done = run("--version")
    assert done.returncode == 0
    assert done.stdout.startswith(f"seqbayes {seqbayes.__version__} (")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs Linux's full device")
def test_a_full_disk_is_reported_on_one_line():
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
    assert done.stderr == b"seqbayes watch: standard output: no space left on device\n"


@pytest.mark.skipif(os.name != "posix", reason="a shell and signals")
@pytest.mark.parametrize("words", ["--help", "watch --help", "completion bash", "replay mms"])
def test_a_closed_output_pipe_is_status_141(words):
    # the reader ends before the program writes
    shell = f"{sys.executable} -m seqbayes {words}"
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        shell.split(), stdout=write, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, check=False
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.skipif(os.name != "posix", reason="a shell and signals")
@pytest.mark.parametrize("form", ["", "--json"])
def test_watch_into_a_closed_pipe_is_status_141(form, tmp_path):
    events = tmp_path / "events.jsonl"
    events.write_text('{"x": true}\n')
    words = ["watch", str(events), "--state", "beta", "--value", "x", *form.split()]
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "seqbayes", *words],
        stdout=write,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.skipif(os.name != "posix", reason="descriptors")
def test_a_closed_standard_output_is_reported_on_one_line():
    code = "import sys; from seqbayes.cli import main; sys.exit(main(['completion', 'bash']))"
    done = subprocess.run(
        ["sh", "-c", '"$0" -c "$1" >&-', sys.executable, code], capture_output=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr == b"seqbayes completion: standard output: bad file descriptor\n"


def test_an_install_command_names_this_interpreter_and_its_source(monkeypatch, tmp_path):
    class Recorded:
        def __init__(self, text):
            self.text = text

        def read_text(self, name):
            return self.text

    def command(text, pip):
        monkeypatch.setattr(metadata, "distribution", lambda name: Recorded(text))
        monkeypatch.setattr(extras.importlib.util, "find_spec", lambda name: pip)
        return extras.install_command("kafka")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "executable", str(tmp_path / ".venv/bin/python"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    monkeypatch.setattr(extras.shutil, "which", lambda name: "/usr/bin/python3")
    here = f'{{"url": "{tmp_path.as_uri()}", "dir_info": {{"editable": true}}}}'
    assert command(here, None) == "python3 -m pip --python .venv/bin/python install -e '.[kafka]'"
    assert command(None, "pip") == ".venv/bin/python -m pip install 'seqbayes[kafka]'"
    monkeypatch.setattr(extras.shutil, "which", lambda name: str(tmp_path / ".venv/bin/python3"))
    monkeypatch.setattr(sys, "base_prefix", "/opt/python")
    moved = f'{{"url": "{(tmp_path / "gone").as_uri()}", "dir_info": {{}}}}'
    expected = "/opt/python/bin/python3 -m pip --python .venv/bin/python install 'seqbayes[kafka]'"
    assert command(moved, None) == expected


def test_install_commands_are_created_by_one_function():
    sources = Path(seqbayes.__file__).parent.rglob("*.py")
    found = [path for path in sources if "pip install" in path.read_text("utf-8")]
    assert [path.name for path in found if path.name != "extras.py"] == []
