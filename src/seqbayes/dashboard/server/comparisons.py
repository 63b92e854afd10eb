"""The handler of the API that compares keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from seqbayes.compare import sample_ratio
from seqbayes.dashboard import views
from seqbayes.dashboard.live import history as past
from seqbayes.dashboard.live.entries import Entry, make_cards
from seqbayes.dashboard.live.entry_table import EntryTable
from seqbayes.dashboard.live.hub import Hub
from seqbayes.dashboard.server.lookup import entry_of, table_of
from seqbayes.dashboard.server.responses import (
    HttpError,
    json_response,
    level_parameter,
    path_segments,
)
from seqbayes.errors import SeqbayesError
from seqbayes.events.display import Display
from seqbayes.events.keys import write_key

BEST = ("highest", "lowest")

CHOSEN = 6
"""Number of keys to compare if a request does not name any."""

LEAST_SHARE = 0.01
"""Keys with less than this share of the largest key's data are not compared by default."""


class ComparisonHandler:
    """The handler of one server."""

    def __init__(self, hub: Hub) -> None:
        self._hub, self._board = hub, hub.board

    async def get(self, request: Request) -> Response:
        """Compare several keys."""
        (name,) = path_segments(request, "/api/compare/")[:1]
        return json_response(request, await run_in_threadpool(lambda: self.read(request, name)))

    def read(self, request: Request, name: str) -> dict[str, Any]:
        """Return the comparison requested by a query, as JSON values."""
        query = request.query_params
        return self.compared(
            name,
            query.getlist("keys"),
            best=query.get("best"),
            control=query.get("control"),
            label=query.get("label"),
            level=level_parameter(request),
            quantity=query.get("quantity"),
        )

    def compared(
        self,
        name: str,
        keys: Sequence[str] = (),
        *,
        best: str | None = None,
        control: str | None = None,
        label: str | None = None,
        level: float = views.LEVEL,
        quantity: str | None = None,
    ) -> dict[str, Any]:
        """Return a comparison as JSON values.

        Parameters
        ----------
        name
            The name of the belief.
        keys
            The keys, each as JSON; by default the control and the keys with the most data.
        best
            Whether the "highest" or the "lowest" number is the best; by default as configured.
        control
            The key with which the others are compared, or "best"; by default the configured one.
        label
            The label whose shares are compared; by default the most frequent label.
        level
            Level of the intervals and of the verdict.
        quantity
            "mean", or the probability of a quantile as a string, to compare the expected
            observations or their quantiles instead of the parameter.

        Raises
        ------
        HttpError
            If the belief or a key does not exist, or the keys cannot be compared.
        """
        with self._board.lock:
            table = table_of(self._board, name)
            display = table.description.display
            entries = _entries(table, keys)
            chosen = [entry.key for entry in entries]
            # states are immutable, so the lock is no longer needed
            states = [entry.state for entry in entries]
            cards = self._cards(entries, level)
            ratio = _sample_ratio(table)
        _check(chosen, best, control)
        control = _control(table) if control is None else control
        compared = _quantity(quantity)
        if label is None and not isinstance(compared, float):
            label = views.leading_label(states)
        lowest = (best or BEST[display.better == "lower"]) == "lowest"
        reference = chosen.index(control) if control in chosen else None
        return {
            **_named(_compare(states, lowest, label, level, reference, display, compared), chosen),
            "quantity": quantity,
            "quantities": views.quantities(states[0]),
            "sample_ratio": ratio,
            "lowest": lowest,
            "label": label,
            "cards": cards,
        }

    def _cards(self, entries: list[Entry], level: float) -> list[dict[str, Any]]:
        past.seed(self._hub.provider.reader, entries)
        make_cards(entries, level)
        now = self._board.now()
        return [
            {
                **entry.card(now, level=level),
                **views.card(entry.state, entry.last, views.COMPARED_POINTS, level),
            }
            for entry in entries
        ]


def _check(chosen: list[str], best: str | None, control: str | None) -> None:
    if len(set(chosen)) < len(chosen):
        raise HttpError(422, "expected different keys to compare")
    if control is not None and control not in (*chosen, "best"):
        raise HttpError(422, "expected 'control' to be one of the compared keys, or 'best'")
    if best not in (None, *BEST):
        raise HttpError(422, f"expected 'best' to be one of {', '.join(BEST)}")


def _quantity(text: str | None) -> str | float | None:
    if text in (None, "mean"):
        return text
    try:
        return float(text)
    except ValueError:
        raise HttpError(
            422, f"expected 'quantity' to be 'mean' or a probability, got {text!r}"
        ) from None


def _compare(
    states: list[Any],
    lowest: bool,
    label: str | None,
    level: float,
    control: int | None,
    display: Display,
    quantity: str | float | None,
) -> dict[str, Any]:
    try:
        compared = views.compare(
            states,
            lowest,
            label=label,
            level=level,
            control=control,
            equivalence=display.equivalence,
            threshold=display.threshold,
            quantity=quantity,
        )
        shares = {} if label is None else {"shares": views.drawn_shares(states, label, level)}
    except SeqbayesError as error:
        raise HttpError(422, str(error)) from None
    return {**compared, **shares}


def _entries(table: EntryTable, keys: Sequence[str]) -> list[Entry]:
    """Return the requested keys; by default the control and the keys with the most data."""
    if not keys:
        top = table.top(CHOSEN)
        least = max(LEAST_SHARE * top[0].n, 2.0) if top else 0.0
        known = [entry for entry in top if entry.n >= least]
        control = _control(table)
        first = [] if control is None else [table.entries[control]]
        most = [entry for entry in (known if len(known) > 1 else top) if entry.key != control]
        return [*first, *most][:CHOSEN]
    return [entry_of(table, key) for key in keys]


def _control(table: EntryTable) -> str | None:
    """Return the configured control if it is an existing key."""
    values = table.description.display.control_values
    key = None if values is None else msgspec.json.encode(values).decode()
    return key if key in table.entries else None


def _sample_ratio(table: EntryTable) -> dict[str, Any] | None:
    """Return the test of the planned shares; None without a plan or if events have weights."""
    planned = table.description.display.planned
    if planned is None:
        return None
    counts = {}
    for name in planned:
        entry = table.entries.get(write_key((name,)))
        counts[name] = 0.0 if entry is None else entry.n
    if not all(n.is_integer() for n in counts.values()):
        return None
    found = sample_ratio({name: int(n) for name, n in counts.items()}, planned)
    return {"mismatch": found.mismatch, "p_value": found.p_value, "text": str(found)}


def _named(compared: dict[str, Any], keys: list[str]) -> dict[str, Any]:
    """Return a comparison with its indices replaced by keys."""
    differences = [
        {**each, "pair": [keys[k] for k in each["pair"]]} for each in compared["differences"]
    ]
    arms = [{"key": key, **arm} for key, arm in zip(keys, compared["arms"], strict=True)]
    decision = compared["decision"]
    decided = None if decision["best"] is None else keys[decision["best"]]
    return {
        **compared,
        "decision": {**decision, "best": decided},
        "keys": keys,
        "best": keys[compared["best"]],
        "reference": keys[compared["reference"]],
        "difference": differences[0],
        "differences": differences,
        "arms": arms,
    }
