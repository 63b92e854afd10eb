"""The contents of a store as a page."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Any

import msgspec

from seqbayes.console.plain import plain
from seqbayes.console.summary import View
from seqbayes.dashboard import views
from seqbayes.pages.build import build_page
from seqbayes.stream.stores import Store, open_store
from seqbayes.stream.verbs.shared import MissingError
from seqbayes.stream.verbs.show import found_states, prior_text
from seqbayes.stream.verbs.stored import (
    VIEW,
    KeyState,
    StoredBelief,
    rows,
    stored_beliefs,
    timestamp,
)

LIMIT = 290_000
"""Largest size of a page in bytes; keys that do not fit are omitted."""


def store_page(
    url: str,
    belief: str | None = None,
    key: str | Sequence[str] = (),
    rest: bool = False,
    as_of: float | None = None,
    view: View = VIEW,
) -> str:
    """Return a self-contained HTML page that shows what a store has learned.

    Each belief shows the keys with the most data: at most `view.top`, and only as many as fit into
    300 kB.

    Parameters
    ----------
    url
        URL or path of the store.
    belief
        Name of a belief; all by default.
    key
        Values of a key; an incomplete key selects all keys that begin with these values.
    rest
        Whether to show only the pooled rest.
    as_of
        Time, in seconds since 1970, to which beliefs with a half-life in time are decayed.
    view
        Level and kind of the intervals in the tables, and maximum number of keys of each belief.

    Returns
    -------
    str
        The document, which makes no requests.

    Raises
    ------
    MissingError
        If the belief or the key does not exist, or the store has learned nothing.
    StoreError
        If the store cannot be read.

    Examples
    --------
    >>> from seqbayes.stream.examples import example_store
    >>> "north" in store_page(example_store())
    True
    """
    with open_store(url, "read") as store, store.snapshot():
        shown = [
            _belief(store, stored, key, rest, as_of, view)
            for stored in stored_beliefs(store, belief)
        ]
    if not any(each["total"] for each in shown):
        raise MissingError(f"{url} has learned nothing yet")
    data = {"level": view.level, "interval": view.kind, "beliefs": shown}
    room = LIMIT - len(build_page("seqbayes", "store.js", {}).encode())
    _omit(shown, room)
    return build_page("What has been learned", "store.js", data)


def _belief(
    store: Store,
    stored: StoredBelief,
    key: str | Sequence[str],
    rest: bool,
    as_of: float | None,
    view: View,
) -> dict[str, Any]:
    total = 0

    def counted() -> Any:
        nonlocal total
        for found in found_states(store, stored, key, rest, as_of):
            total += 1
            yield found

    chosen = heapq.nlargest(view.top, counted(), key=lambda found: float(found.state.n_samples))
    states = [found.state for found in chosen]
    cards = views.cards(states, [None] * len(states))
    return {
        "name": stored.name,
        "keyed": stored.keyed,
        "prior": _prior(stored, chosen),
        "scale": views.scale_of(stored.prior),
        "threshold": stored.display.threshold,
        "total": total,
        "keys": [_key(found, card, view) for found, card in zip(chosen, cards, strict=True)],
    }


def _prior(stored: StoredBelief, chosen: Sequence[KeyState]) -> str:
    """Describe the prior and, for a pooled belief, the common prior."""
    text = prior_text(stored).plain
    population = chosen[0].population if chosen else None
    return text if population is None else f"{text}; {population.in_words()}"


def _key(found: KeyState, card: dict[str, Any], view: View) -> dict[str, Any]:
    lines = [row[1:-2] for row in rows(found, view, ())]
    pooled = found.pooled(view.level)
    if pooled is not None:
        lines.append(["pooled", None, *pooled, None, None])
    return {
        "name": None if found.key is None else list(found.key.values()),
        "card": card,
        "rows": [[plain(value) for value in row] for row in lines],
        "since": timestamp(found.since),
        "updated": timestamp(found.updated),
    }


def _omit(beliefs: list[dict[str, Any]], room: int) -> None:
    """Remove the last keys of each belief until the page has the permitted size.

    Every belief keeps an equal part of the space; its first key is never removed.
    """
    each = room // max(1, len(beliefs))
    for belief in beliefs:
        used = 0
        kept: list[Any] = []
        for found in belief["keys"]:
            # "<" becomes six characters in the page
            text = msgspec.json.encode(found)
            used += len(text) + 5 * text.count(b"<")
            if kept and used > each:
                break
            kept.append(found)
        belief["keys"] = kept
