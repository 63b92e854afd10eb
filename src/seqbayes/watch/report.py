"""The output at the end: one JSON line per key, and what could not be used."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from seqbayes.console.plain import describe
from seqbayes.console.summary import View
from seqbayes.events.columns import Columns
from seqbayes.watch.beliefs import Beliefs


def json_lines(beliefs: Beliefs, columns: Columns, view: View) -> Iterator[bytes]:
    """Return one line per key, in the order in which the keys first came."""
    names = [column.name for column in columns.keys]
    for key, state in beliefs.states.items():
        texts = key if isinstance(key, tuple) else (key,)
        named = dict(zip(names, texts, strict=True))
        yield msgspec.json.encode(describe(named, state, view)) + b"\n"


def losses(beliefs: Beliefs, most: int) -> list[str]:
    """Return what could not be used, and why, as lines of text."""
    said = []
    if beliefs.malformed:
        said.append(f"{_times(beliefs.malformed, 'malformed line')} not used:")
        for number, reason, start in beliefs.first_malformed:
            said.append(f"  line {number:,}: {reason}" + (f" in {start}" if start else ""))
        rest = beliefs.malformed - len(beliefs.first_malformed)
        said += [f"  and {rest:,} more"] if rest else []
    if beliefs.incomplete:
        columns = ", ".join(f"{name!r} {n:,}" for name, n in beliefs.missing.items())
        said.append(
            f"{_times(beliefs.incomplete, 'incomplete event')} not used; missing: {columns}"
        )
    if beliefs.over_limit:
        said.append(
            f"{_times(beliefs.over_limit, 'event')} not used: their keys or labels came after the"
            f" first {most:,} (--max-keys)"
        )
    return said


def _times(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
