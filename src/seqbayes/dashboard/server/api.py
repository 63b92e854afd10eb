"""Handlers of the API that read beliefs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

import seqbayes
from seqbayes.dashboard import views
from seqbayes.dashboard.live import history as past
from seqbayes.dashboard.live.entries import Entry, make_cards
from seqbayes.dashboard.live.entry_table import SORTS, EntryTable
from seqbayes.dashboard.live.hub import Hub
from seqbayes.dashboard.live.listings import Cursor
from seqbayes.dashboard.live.pooled import PooledBeliefs
from seqbayes.dashboard.server.histories import Histories
from seqbayes.dashboard.server.lookup import entry_of, table_of
from seqbayes.dashboard.server.responses import (
    HttpError,
    choice_parameter,
    integer_parameter,
    json_response,
    level_parameter,
    path_segments,
)
from seqbayes.errors import ObservationError
from seqbayes.stream.stores import DeadLetter

MAX_CARDS = 1000
MAX_LETTERS = 50
MAX_REASONS = 20
MAX_RAW_BYTES = 2000
"""Maximum number of bytes of a dead letter that are returned."""


class Reads:
    """The handlers of one server."""

    def __init__(self, hub: Hub, histories: Histories) -> None:
        self._hub, self._board, self._histories = hub, hub.board, histories
        self._pooled = PooledBeliefs(hub.board)

    async def beliefs(self, request: Request) -> Response:
        """Return the beliefs."""
        return await self._answer(request, self.listed)

    async def below(self, request: Request) -> Response:
        """Return the cards of a belief or the details of a key."""
        parts = path_segments(request, "/api/beliefs/")
        if len(parts) == 1:
            return await self._answer(request, lambda: self._searched(request, parts[0]))
        if len(parts) == 2:
            name, key = parts
            wanted, level = request.query_params.get("part"), level_parameter(request)
            return await self._answer(request, lambda: self.detail(name, key, wanted, level))
        raise HttpError(404, "expected /api/beliefs/{name}/{key}, percent-encoded")

    async def letters(self, request: Request) -> Response:
        """Return the newest dead letters, and the most common reasons."""
        limit = integer_parameter(request, "limit", MAX_LETTERS, 0, MAX_CARDS)
        return await self._answer(request, lambda: self.refused(limit))

    async def health(self, request: Request) -> Response:
        """Return the state of the pipeline."""
        return await self._answer(request, self.running)

    def running(self) -> dict[str, Any]:
        """Return the state of the pipeline as JSON values."""
        return self._hub.health()

    @staticmethod
    async def _answer(request: Request, find: Callable[[], Any]) -> Response:
        return json_response(request, await run_in_threadpool(find))

    def listed(self) -> dict[str, Any]:
        """Return the beliefs as JSON values."""
        source = self._hub.provider.health().source
        version = seqbayes.__version__
        return {"beliefs": self._board.beliefs(), "source": source, "version": version}

    def _searched(self, request: Request, name: str) -> dict[str, Any]:
        sort = choice_parameter(request, "sort", SORTS)
        descending = choice_parameter(request, "order", ("desc", "asc")) == "desc"
        offset = integer_parameter(request, "offset", 0, 0, 10**9)
        start = offset if "offset" in request.query_params else None
        limit = integer_parameter(request, "limit", 100, 0, MAX_CARDS)
        text = request.query_params.get("search", "")[:200]
        level = level_parameter(request)
        cursor = request.query_params.get("cursor")
        if cursor is None:
            return self.cards(name, sort, descending, text, offset, limit, level)
        try:
            end = Cursor.read(cursor) if cursor else None
        except ObservationError as error:
            raise HttpError(422, str(error)) from None
        if start is not None:
            end = Cursor("" if end is None else end.listing, start)
        return self.page(name, sort, descending, text, end, limit, level)

    def page(
        self,
        name: str,
        sort: str = "n",
        descending: bool = True,
        text: str = "",
        end: Cursor | None = None,
        limit: int = 100,
        level: float = views.LEVEL,
    ) -> dict[str, Any]:
        """Return cards of a belief that follow a cursor, and the next cursor, as JSON values."""
        with self._board.lock:
            table, now = table_of(self._board, name), self._board.now()
            page = table.page(text, sort, descending, now, level, end, limit)
            shown = self._shown(table, page.entries, page.total, now, level)
            return {**shown, "next": page.following}

    def cards(
        self,
        name: str,
        sort: str = "n",
        descending: bool = True,
        text: str = "",
        offset: int = 0,
        limit: int = 100,
        level: float = views.LEVEL,
    ) -> dict[str, Any]:
        """Return cards of a belief as JSON values, with intervals at a level."""
        with self._board.lock:
            table, now = table_of(self._board, name), self._board.now()
            found = table.search(text, sort, descending, now, level)
            return self._shown(table, found[offset : offset + limit], len(found), now, level)

    def _shown(
        self, table: EntryTable, chosen: Sequence[Entry], total: int, now: float, level: float
    ) -> dict[str, Any]:
        past.seed(self._hub.provider.reader, chosen)
        make_cards(chosen, level)
        return {
            "belief": table.description.as_json(len(table.entries)),
            "total": total,
            "cards": [entry.card(now, level=level) for entry in chosen],
        }

    def detail(
        self, name: str, key: str, wanted: str | None = None, level: float = views.LEVEL
    ) -> dict[str, Any]:
        """Return everything about a key as JSON values, with intervals at the given level."""
        with self._board.lock:
            entry = entry_of(table_of(self._board, name), key)
            self._hub.watch_key(name, key)
            past.seed(self._hub.provider.reader, [entry])
            now = self._board.now()
            detail = entry.detail(now, level)
            others = [] if entry.plotted is None else views.plottable(entry.state)
        pooled = self._pooled.estimate(name, key, detail["level"])
        if pooled is not None:
            detail["pooled"] = pooled
        detail["parts"] = [each.name for each in others]
        detail["history"] = self._histories.curve(entry, wanted, level)
        detail["marks"] = self._histories.marks(name, detail["key"])
        reader = self._hub.provider.reader
        letters = [] if reader is None else reader.dead_letters(name, MAX_LETTERS)
        detail["dead_letters"] = list(map(_letter, letters))
        return detail

    def refused(self, limit: int) -> dict[str, Any]:
        """Return the newest dead letters and the most common reasons, as JSON values."""
        reader = self._hub.provider.reader
        if reader is None:  # an in-memory store has no reader
            total = self._hub.provider.health().dead_letters
            return {"total": total, "reasons": [], "letters": []}
        return {
            "total": reader.dead_letter_count(),
            "reasons": [reason._asdict() for reason in reader.reasons(MAX_REASONS)],
            "letters": [_letter(each) for each in reader.dead_letters(None, limit)],
        }


def _letter(found: tuple[float, DeadLetter]) -> dict[str, Any]:
    at, letter = found
    return {
        "belief": letter.belief,
        "position": letter.position,
        "raw": letter.raw[:MAX_RAW_BYTES].decode(errors="replace"),
        "reason": letter.reason,
        "source": letter.source,
        "at": at,
    }
