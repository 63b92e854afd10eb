"""Completion for bash."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence

from seqbayes.shell.parsers import Node, Word

_SCRIPT = """\
# Completion of seqbayes for bash; in ~/.bashrc: source <(seqbayes completion bash)
_seqbayes() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}}
    local path= place=0 skip= each i
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        each=${{COMP_WORDS[i]}}
        if [[ $skip ]]; then skip=; continue; fi
        case "$path:$each" in
{walk}
            *:-*) ;;
            *) ((place += 1)) ;;
        esac
    done
    [[ $skip ]] && case "$path:$before" in
{values}
        *) return ;;
    esac
    [[ $word == -* ]] && case "$path" in
{options}
        *) return ;;
    esac
    case "$path:$place" in
{arguments}
    esac
}}
complete -F _seqbayes seqbayes
"""


def script(nodes: Sequence[Node]) -> str:
    """Return a script that completes commands, options, their values and file names."""
    walk, values, options, arguments = [], [], [], []
    for node in nodes:
        path = " ".join(node.path)
        for child in node.children:
            walk.append(_case(f"{path}:{child}", f"path={_quote(f'{path} {child}'.strip())}"))
        for option in node.options:
            if option.value:
                names = [f"{path}:{flag}" for flag in option.flags]
                walk.append(_case(names, "skip=1"))
                values.append(_case(names, f"{_reply(option)}; return"))
        flags = [flag for option in node.options for flag in option.flags]
        options.append(_case(path, f"{_words(flags)}; return"))
        if node.children:
            arguments.append(_case(f"{path}:0", _words(node.children)))
        for place, argument in enumerate(node.arguments):
            where = f"{path}:{place}"
            arguments.append(_case(where, _reply(argument), "*" if argument.repeated else ""))
    return _SCRIPT.format(
        walk="\n".join(f"            {line}" for line in walk),
        values="\n".join(f"        {line}" for line in values),
        options="\n".join(f"        {line}" for line in options),
        arguments="\n".join(f"        {line}" for line in arguments),
    )


def _case(names: str | Sequence[str], act: str, more: str = "") -> str:
    names = [names] if isinstance(names, str) else names
    if more:  # a repeated argument can be at any position
        names = [names[0].rpartition(":")[0] + ":"]
    return f"{' | '.join(_quote(name) + more for name in names)}) {act} ;;"


def _reply(word: Word) -> str:
    if word.choices:
        return _words(word.choices)
    return "compopt -o default" if word.is_file else ":"


def _words(words: Iterable[str]) -> str:
    return f'COMPREPLY=($(compgen -W {_quote(" ".join(words))} -- "$word"))'


def _quote(text: str) -> str:
    return shlex.quote(text)
