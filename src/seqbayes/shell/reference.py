"""The reference of the command line, generated from its parsers."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from seqbayes.console.status import MEANINGS
from seqbayes.shell.parsers import Node, Word, nodes

_HEAD = """\
# The command line

Generated from the parsers with `python -m seqbayes.shell.reference > docs/cli.md`.

Completion is available for bash, zsh and fish: `source <(seqbayes completion bash)`; see
[completion](#seqbayes-completion).

## Exit status

| status | meaning |
|---|---|
"""


def reference() -> str:
    """Return the reference as Markdown."""
    found = list(nodes())
    statuses = "\n".join(f"| {status} | {meaning} |" for status, meaning in MEANINGS.items())
    program, *commands = found
    children = "\n".join(
        f"| [`{name}`](#seqbayes-{name}) | {_cell(text)} |"
        for name, text in program.children.items()
    )
    listed = f"## Commands\n\n| command | what it does |\n|---|---|\n{children}\n"
    return "\n".join([_HEAD + statuses + "\n", listed, *map(_section, commands)])


def _section(node: Node) -> str:
    name = " ".join(["seqbayes", *node.path])
    parts = [
        f"{'#' * (len(node.path) + 1)} {name}",
        f"{node.summary[0].upper()}{node.summary[1:]}.",
    ]
    parts.append(f"```text\n{name} {' '.join(_usage(node))}\n```")
    options = [word for word in node.options if "--help" not in word.flags]
    if node.arguments or options:
        parts.append("\n".join(_rows([*node.arguments, *options])))
    if node.epilog:
        parts.append(f"```text\n{node.epilog.strip()}\n```")
    return "\n\n".join(parts) + "\n"


def _usage(node: Node) -> Iterator[str]:
    if node.children:
        yield "{" + ",".join(node.children) + "}"
    for word in node.arguments:
        shown = f"{word.value}..." if word.repeated else word.value
        yield shown if word.required else f"[{shown}]"
    yield "[OPTION...]"


def _rows(words: Iterable[Word]) -> Iterator[str]:
    yield "| argument | meaning |"
    yield "|---|---|"
    for word in words:
        value = "\\|".join(word.choices) if word.choices and word.flags else word.value
        value += "..." if word.repeated and not word.flags else ""
        name = ", ".join(f"{flag} {value}".strip() for flag in word.flags) or value
        needed = "; required" if word.flags and word.required else ""
        yield f"| `{name}` | {_cell(word.help)}{needed} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    sys.stdout.write(reference())
