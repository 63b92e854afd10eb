"""Completion for fish."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from seqbayes.shell.parsers import Node, Word

_HEAD = """\
# Completion of seqbayes for fish:
# seqbayes completion fish > ~/.config/fish/completions/seqbayes.fish
complete -c seqbayes -f
"""


def script(nodes: Sequence[Node]) -> str:
    """Return a script that completes commands, options, their values and file names."""
    return _HEAD + "\n".join(line for node in nodes for line in _lines(node)) + "\n"


def _lines(node: Node) -> Iterator[str]:
    where = " && ".join(f"__fish_seen_subcommand_from {name}" for name in node.path)
    inner = " ".join(node.children)
    here = where
    if node.children:
        unseen = f"not __fish_seen_subcommand_from {inner}"
        here = f"{where} && {unseen}" if where else unseen
    for name, text in node.children.items():
        yield f"complete -c seqbayes -n {_quote(here)} -a {name} -d {_quote(text)}"
    for word in node.options:
        names = " ".join(f"-{'l' if f[:2] == '--' else 's'} {f.lstrip('-')}" for f in word.flags)
        yield f"complete -c seqbayes -n {_quote(here)} {names} -d {_quote(word.help)}{_value(word)}"
    if any(word.is_file for word in node.arguments):
        yield f"complete -c seqbayes -n {_quote(here)} -F"
    for word in node.arguments:
        if word.choices:
            yield f"complete -c seqbayes -n {_quote(here)} -a {_quote(' '.join(word.choices))}"


def _value(word: Word) -> str:
    if not word.value:
        return ""
    if word.choices:
        return f" -x -a {_quote(' '.join(word.choices))}"
    return " -r -F" if word.is_file else " -x"


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
