"""Commands on documentation pages have valid options; those of the introduction work."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from seqbayes import cli
from seqbayes.console.commands import build_parser
from seqbayes.stream.config import parse_config

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"^```(?:sh|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = [
    page
    for page in (
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "benchmarks/README.md")),
        *sorted(ROOT.glob("docs/**/*.md")),
    )
    if BLOCK.search(page.read_text(encoding="utf-8"))
]
SEPARATORS = {"|", "&", "&&", ";"}


def commands(page):
    """Return the commands in the shell blocks of a page, each as a list of words."""
    found = []
    for block in BLOCK.findall(page.read_text(encoding="utf-8").replace("\\\n", " ")):
        for line in block.splitlines():
            try:
                words = shlex.split(line.removeprefix("$ "), comments=True)
            except ValueError:  # output with an apostrophe
                continue
            while words:
                end = next((i for i, word in enumerate(words) if word in SEPARATORS), len(words))
                found.append(words[:end])
                words = words[end + 1 :]
    return found


def arguments(page):
    """Return the arguments of every call of seqbayes on a page."""
    return [words[1:] for words in commands(page) if words and Path(words[0]).name == "seqbayes"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_options_of_documented_commands_are_valid(page):
    for words in arguments(page):
        build_parser(words[0]).parse_args(words)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_scripts_of_documented_commands_exist(page):
    for words in commands(page):
        if words[:1] == ["python"] and words[1].endswith(".py"):
            assert (ROOT / words[1]).is_file(), words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_documented_installations_need_only_a_checkout(page):
    if page.name == "tutorial.md":  # states the path by which the name is replaced
        return
    for words in commands(page):
        if "pip" in words and "install" in words:
            assert not [each for each in words if each.startswith("seqbayes")], words


def test_documented_commands_of_a_first_session_work(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    session = [
        words for page in ("README.md", "docs/stream.md") for words in arguments(ROOT / page)
    ]
    verbs = [words[0] for words in session]
    assert [verb for verb in verbs if verb != "replay"] == [
        *("init", "check", "run", "show", "show", "predict", "export"),
        *("backup", "merge", "reset", "dead-letters"),
    ]
    for words in session:
        confirmed = ["--yes"] if words[0] == "reset" else []  # standard input is not a terminal
        if words[0] != "replay":
            assert cli.main([*words, *confirmed]) == 0, (words, capsys.readouterr().err)


SERVERS = {"serve", "mcp"}
EXECUTED_ELSEWHERE = {"README.md", "stream.md", "tutorial.md", "ab-test.md", "rolling-rate.md"}
PLACEHOLDERS = {"old.parquet"}
"""Files that a reader replaces by their own."""


def works_offline(words):
    """Whether a command ends without a signal, and needs neither a terminal nor another server."""
    if words[0] == "replay" and "--html" not in words:
        return False  # see tests/test_replay_screen.py
    others = any("://" in word or word in PLACEHOLDERS for word in words)
    return words[0] not in SERVERS and not others


def test_documented_commands_on_other_pages_work_after_a_first_session(
    tmp_path, monkeypatch, capsys
):
    pytest.importorskip("duckdb", reason="duckdb is not installed")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["init"]) == 0
    shutil.copy("events.jsonl", "visits.jsonl")
    executed = set()
    for page in PAGES:
        if page.name in EXECUTED_ELSEWHERE:
            continue
        for words in filter(works_offline, arguments(page)):
            if words[0] == "backfill":
                Path("beliefs.db").unlink(missing_ok=True)
            elif not Path("beliefs.db").exists():
                assert cli.main(["run", "seqbayes.toml", "--once"]) == 0
            assert cli.main(words) == 0, (page, words, capsys.readouterr().err)
            executed.add(words[0])
    assert {"backfill", "compare", "watch", "replay", "check", "backup", "show"} <= executed


GUIDES = sorted(ROOT.glob("docs/guides/*.md"))
TOML = re.compile(r"^ *```toml\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_configurations_of_guides_are_valid(page, monkeypatch):
    monkeypatch.setenv("KAFKA_PASSWORD", "of the tests")
    for text in TOML.findall(page.read_text(encoding="utf-8")):
        if "source" not in text:  # a part of a configuration
            text = f'store = "b.db"\nsource = {{ kind = "file", path = "e.jsonl" }}\n{text}'
        parse_config(text.encode())
