"""Completion for zsh."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from seqbayes.shell.parsers import Node, Word

_HEAD = """\
#compdef seqbayes
# Completion of seqbayes for zsh; in ~/.zshrc, after compinit: source <(seqbayes completion zsh)
"""

_TAIL = """\
if [[ ${zsh_eval_context[-1]} == loadautofunc ]]; then
    _seqbayes "$@"
else
    compdef _seqbayes seqbayes
fi
"""


def script(nodes: Sequence[Node]) -> str:
    """Return a script that completes commands, options, their values and file names."""
    return "\n".join([_HEAD, *(_function(node) for node in nodes), _TAIL])


def _name(path: Sequence[str]) -> str:
    return "_".join(["_seqbayes", *path])


def _function(node: Node) -> str:
    """Return the function that completes the arguments of a command."""
    lines = [f"{_name(node.path)}() {{", "    local curcontext=$curcontext state line"]
    specs = [spec for word in node.options for spec in _option(word)]
    specs += [_argument(word) for word in node.arguments]
    if node.children:
        specs += [":command:->command", "*::argument:->argument"]
    lines.append("    _arguments -C \\")
    lines += [f"        {shlex.quote(spec)} \\" for spec in specs]
    lines[-1] = lines[-1].removesuffix(" \\")
    if node.children:
        each = (shlex.quote(f"{_escape(name)}:{text}") for name, text in node.children.items())
        lines += [
            "    case $state in",
            f"        command) local -a commands=({' '.join(each)}); _describe command commands ;;",
            "        argument) case $words[1] in",
            *(f"            {name}) {_name([*node.path, name])} ;;" for name in node.children),
            "        esac ;;",
            "    esac",
        ]
    return "\n".join([*lines, "}", ""])


def _option(word: Word) -> Iterator[str]:
    for flag in word.flags:
        repeat_marker = "*" if word.repeated else ""
        value = f":{word.value}:{_action(word)}" if word.value else ""
        yield f"{repeat_marker}{flag}[{_escape(word.help)}]{value}"


def _argument(word: Word) -> str:
    start = "*" if word.repeated else "" if word.required else ":"
    return f"{start}:{word.value}:{_action(word)}"


def _action(word: Word) -> str:
    if word.choices:
        return f"({' '.join(word.choices)})"
    return "_files" if word.is_file else " "


def _escape(text: str) -> str:
    """Escape the characters that are special in a specification."""
    return "".join(f"\\{c}" if c in "[]:\\" else c for c in text)
