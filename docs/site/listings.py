"""Tables of errors, of the HTTP API and of the configuration, from the code."""

from __future__ import annotations

import ast
import inspect
import json
import types
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import msgspec

import seqbayes
from seqbayes.dashboard.server import openapi
from seqbayes.errors import SeqbayesError
from seqbayes.stream.choices import ChoiceTable
from seqbayes.stream.config import GroupTable
from seqbayes.stream.config_tables import (
    CommitTable,
    DeadLetterTable,
    HistoryTable,
    RetentionTable,
    Root,
)
from seqbayes.stream.priors import BeliefTable
from seqbayes.stream.source import load_source, source_kinds, source_parameters

PUBLIC = ("seqbayes", "seqbayes.stream", "seqbayes.dashboard.client")
"""Modules from which errors are imported, the preferred one first."""


def classes() -> dict[str, tuple[str, list[str], str]]:
    """Return the module, base classes and summary of every class of the package, keyed by name.

    The sources are parsed, not imported, because some modules need optional packages.
    """
    found = {}
    root = Path(seqbayes.__file__).parent
    for path in sorted(root.rglob("*.py")):
        module = ".".join(path.relative_to(root.parent).with_suffix("").parts)
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                bases = [base.id for base in node.bases if isinstance(base, ast.Name)]
                summary = " ".join((ast.get_docstring(node) or "").split("\n\n")[0].split())
                found[node.name] = (module.removesuffix(".__init__"), bases, summary)
    return found


def is_error(name: str, known: dict[str, tuple[str, list[str], str]]) -> bool:
    """Return whether a class is `SeqbayesError` or derives from it."""
    bases = known[name][1] if name in known else []
    return name == SeqbayesError.__name__ or any(is_error(base, known) for base in bases)


def location(name: str, module: str) -> str:
    """Return the name by which an error is imported."""
    for public in PUBLIC:
        if name in dir(import_module(public)):
            return f"{public}.{name}"
    return f"{module}.{name}"


def errors() -> str:
    """Return the page about errors."""
    known = classes()
    rows = [
        f"| `{location(name, module)}` | `{bases[0]}` | {summary} |"
        for name, (module, bases, summary) in sorted(known.items())
        if is_error(name, known)
    ]
    return "\n".join(
        [
            "# Errors",
            "",
            "Generated from the code. Every error about input is a `ValueError`, and its message names",
            "the value, what was expected and, if there is one, the remedy. Nothing changes before an",
            "error is raised: a state that refuses an observation is equal to the state before it.",
            "A command prints the message and exits with a [status](../cli.md#exit-status).",
            "",
            "| error | is a | when |",
            "| --- | --- | --- |",
            *rows,
            "",
        ]
    )


def parameters(operation: dict[str, Any]) -> str:
    """Return the parameters of an operation as a table, if there are any."""
    rows = [
        f"| `{each['name']}` | {each['in']} | {each.get('description', '')}"
        f"{default(each['schema'])} |"
        for each in operation.get("parameters", ())
    ]
    head = ["| parameter | in | meaning |", "| --- | --- | --- |"]
    return "\n".join([*head, *rows, ""]) if rows else ""


def default(schema: dict[str, Any]) -> str:
    """Return the default of a parameter as text."""
    return f" Default: `{schema['default']}`." if "default" in schema else ""


def http() -> str:
    """Return the page about the HTTP API."""
    lines = [
        "# HTTP API",
        "",
        "Generated from the OpenAPI document, which a server returns at `/api/openapi.json`.",
        "[The dashboard's page](../dashboard.md#the-api) explains the stream, tokens and retries.",
        "",
    ]
    for path, operations in openapi.document()["paths"].items():
        for method, operation in operations.items():
            if method not in ("get", "post"):
                continue
            statuses = ", ".join(f"{status}" for status in operation["responses"])
            lines += [f"## {method.upper()} `{path}`", "", operation.get("summary", ""), ""]
            lines += [parameters(operation), f"Statuses: {statuses}.", ""]
    return "\n".join(lines)


def fields(table: type) -> list[str]:
    """Return a table row for each key: its name, type and default."""
    return [
        f"| `{each.encode_name}` | {kind_of(each.type)} | {default_of(each)} |"
        for each in msgspec.structs.fields(table)
    ]


def kind_of(hint: Any) -> str:
    """Return a type hint as text.

    Examples
    --------
    >>> kind_of(str | float), kind_of(None)
    ('`str` or `float`', '')
    """
    if isinstance(hint, types.UnionType) or get_origin(hint) is Union:
        return " or ".join(kind_of(each) for each in get_args(hint) if each is not type(None))
    if get_origin(hint) is Literal:
        return ", ".join(f'`"{each}"`' for each in get_args(hint))
    if hint is None or hint is Any:
        return ""
    return f"`{getattr(hint, '__name__', hint)}`"


def default_of(field: Any) -> str:
    """Return the default of a key as text."""
    if field.required:
        return "required"
    if field.default is msgspec.NODEFAULT:
        return "empty"
    return "" if field.default is None else f"`{shown(field.default)}`"


def shown(value: Any) -> str:
    """Return a default as TOML."""
    return json.dumps(value) if isinstance(value, (str, bool)) else f"{value}"


def source_rows(kind: str) -> list[str]:
    """Return a table row for each option of a kind of source."""
    loaded = load_source(kind)
    given = inspect.signature(loaded).parameters
    rows = []
    for name, (hint, required) in source_parameters(loaded).items():
        value = given[name].default if name in given else None
        text = "required" if required else "" if value is None else f"`{shown(value)}`"
        rows.append(f"| `{name}` | {kind_of(hint)} | {text} |")
    return rows


HEAD = ["| key | type | default |", "| --- | --- | --- |"]

TABLES = {
    "Top level": Root,
    "`[commit]`": CommitTable,
    "`[history]`": HistoryTable,
    "`[dead_letters]`": DeadLetterTable,
    "`[retention]`": RetentionTable,
    "`[group]`": GroupTable,
    "`[belief.NAME]`": BeliefTable,
    "`[choice.NAME]`": ChoiceTable,
}


def configuration() -> str:
    """Return the page about the configuration."""
    lines = [
        "# Configuration",
        "",
        "Generated from the code: every key of the TOML file with its type and default.",
        "[Streams](../stream.md#configuration) explains the keys, [alerts](../alerts.md) the tables",
        "`[alert.NAME]`, and [choosing between arms](../bandit.md) the tables `[choice.NAME]`.",
        'Durations are seconds, or strings such as `"90 s"` and `"7 days"`. Where no default is',
        "given, the key is optional and has no effect if it is absent. `seqbayes check FILE` lists every error of a file.",
        "",
    ]
    for title, table in TABLES.items():
        lines += [f"## {title}", "", *HEAD, *fields(table), ""]
    lines += ["## `[source]`", "", "`kind` selects the source; the other keys are its options.", ""]
    for kind in source_kinds():
        lines += [f'### `kind = "{kind}"`', "", *HEAD, *source_rows(kind), ""]
    return "\n".join(lines)
