"""``GET /api/history/{name}``: the histories of several keys, with annotations and alerts."""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from seqbayes.dashboard import views
from seqbayes.dashboard.live import differences
from seqbayes.dashboard.live import history as past
from seqbayes.dashboard.live.entries import Entry, columns
from seqbayes.dashboard.live.hub import Hub
from seqbayes.dashboard.server.alerts import AlertReads
from seqbayes.dashboard.server.annotations import Annotations
from seqbayes.dashboard.server.lookup import entry_of, table_of
from seqbayes.dashboard.server.responses import (
    HttpError,
    json_response,
    level_parameter,
    path_segments,
)
from seqbayes.errors import SeqbayesError

MAX_KEYS = 12


class Histories:
    """The handler, which also provides the histories of detail pages.

    Parameters
    ----------
    hub
        The hub, whose provider reads the store.
    annotations, alerts
        The handlers of annotations and alerts.
    """

    def __init__(self, hub: Hub, annotations: Annotations, alerts: AlertReads) -> None:
        self._hub, self._board = hub, hub.board
        self._annotations, self._alerts = annotations, alerts

    async def get(self, request: Request) -> Response:
        """Return the histories of several keys."""
        (name,) = path_segments(request, "/api/history/")[:1]
        return json_response(request, await run_in_threadpool(self._read, request, name))

    def _read(self, request: Request, name: str) -> dict[str, Any]:
        keys = request.query_params.getlist("keys")
        if not 1 <= len(keys) <= MAX_KEYS or len(set(keys)) < len(keys):
            raise HttpError(422, f"expected 1 to {MAX_KEYS} different keys")
        wanted, level = request.query_params.get("part"), level_parameter(request)
        if "against" in request.query_params:
            against = request.query_params["against"]
            return self._differences(name, keys, against, wanted, level)
        curves = []
        for key in keys:
            with self._board.lock:
                entry = entry_of(table_of(self._board, name), key)
                names = entry.names
            curves.append({"id": key, "key": names, **self.curve(entry, wanted, level)})
        return {"curves": curves, "marks": self.marks(name, None)}

    def _differences(
        self, name: str, keys: list[str], against: str, label: str | None, level: float
    ) -> dict[str, Any]:
        """Return the histories of the differences between several keys and another key."""
        with self._board.lock:
            table, now = table_of(self._board, name), self._board.now()
            entries = [entry_of(table, key) for key in (against, *keys)]
            states = [entry.state for entry in entries]
        reader = self._hub.provider.reader
        try:
            pasts = [
                differences.past_of(reader, entry, state, now, label)
                for entry, state in zip(entries, states, strict=True)
            ]
        except SeqbayesError as error:
            raise HttpError(422, str(error)) from None
        found = []
        for entry, past_of_key in zip(entries[1:], pasts[1:], strict=True):
            if past_of_key is not None and pasts[0] is not None and entry.key != against:
                curve = differences.difference(past_of_key, pasts[0], level)
                found.append({"id": entry.key, "key": entry.names, **curve})
        return {"curves": found, "marks": self.marks(name, None)}

    def curve(
        self, entry: Entry, wanted: str | None = None, level: float = views.LEVEL
    ) -> dict[str, Any]:
        """Return the history of a key, or of one of its numbers, as JSON values.

        The intervals have the requested level if the store has the states of all points; otherwise
        they have the level with which they were stored. The result states the level.
        """
        with self._board.lock:
            past.seed(self._hub.provider.reader, [entry])
            now, state = self._board.now(), entry.state
            spark = entry.card(now)["spark"]
            part, others = entry.plotted, views.plottable(state)
        if part is not None and wanted not in (None, part.name):
            part = next((each for each in others if each.name == wanted), None)
            if part is None:
                raise HttpError(422, "expected 'part' to be one of the parts of the belief")
            # the sparkline shows another number, so use the store and the current value
            spark = columns([(now, part.mean, part.low, part.high)])
        reader = self._hub.provider.reader
        if level != views.LEVEL and reader is not None:
            found = past.at_level(reader, entry, state, now, part, level)
            if found is not None:
                return found
        return past.history(reader, entry.belief, entry.key, spark, part)

    def marks(self, name: str, names: list[str] | None) -> list[dict[str, Any]]:
        """Return the annotations and alerts of a belief, or only of one key, in order of time."""
        alerts = [
            {"at": each["at"], "text": _words(each, names is None), "kind": "alert"}
            for each in self._alerts.listed()["messages"]
            if each["belief"] == name and _is_about(each["key"], names)
        ]
        return sorted([*self._annotations.marks(name), *alerts], key=lambda each: each["at"])


def _words(message: dict[str, Any], named: bool) -> str:
    """Return the text of an alert, with its key if the key must be named."""
    key = " · ".join((message["key"] or {}).values()) if named else ""
    return f"{message['alert']}: {message['status']}{f' ({key})' if key else ''}"


def _is_about(key: dict[str, str] | None, names: list[str] | None) -> bool:
    return names is None or not key or list(key.values()) == names
