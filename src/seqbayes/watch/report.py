"""What is said when the stream has ended: one JSON line per key, and what could not be used."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import numpy as np

from seqbayes.console.summary import View
from seqbayes.state import State
from seqbayes.watch.beliefs import Beliefs
from seqbayes.watch.columns import Columns


def plain(value: Any) -> Any:
    """Return a parameter, estimate or interval as JSON values.

    What does not exist is None; numbers that JSON lacks are the strings "inf" and "-inf".

    Examples
    --------
    >>> from seqbayes import Dirichlet
    >>> plain(Dirichlet({"red": 2, "blue": 1}).posterior)
    {'alpha': {'red': 2.0, 'blue': 1.0}}
    >>> plain((0.0, math.inf)), plain(math.nan)
    ([0.0, 'inf'], None)
    """
    if isinstance(value, (np.generic, np.ndarray)):
        value = value.tolist()
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if hasattr(value, "_asdict"):
        named = dict(value._asdict())
        named.pop("families", None)  # of a product; what its fields are is said by their names
        categories = named.pop("categories", None)
        if categories is not None:
            named = {k: dict(zip(categories, v, strict=True)) for k, v in named.items()}
        return plain(named)
    if isinstance(value, (tuple, list)):
        return [plain(each) for each in value]
    return value


def describe(key: dict[str, str], state: State, view: View) -> dict[str, Any]:
    """Return one belief as JSON values."""
    return {
        "key": key,
        "n": state.n_samples,
        "posterior": plain(state.posterior),
        "mean": plain(state.mean),
        "interval": plain(state.interval(view.level, view.kind)),
        "mle": plain(state.mle),
        "map": plain(state.map),
        "log_evidence": plain(state.log_evidence),
    }


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
