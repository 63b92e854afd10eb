"""What the API tells of beliefs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

import seqbayes
from seqbayes.dashboard import past, views
from seqbayes.dashboard.answers import Refusal, answer, choice, segments, whole
from seqbayes.dashboard.hub import Hub
from seqbayes.dashboard.shelf import SORTS, Entry, Shelf, make_cards
from seqbayes.errors import SeqbayesError
from seqbayes.stream.readonly import StoreReader

BEST = ("highest", "lowest")
MOST_CARDS = 1000
MOST_LETTERS = 50
LONGEST_RAW = 2000
"""Characters of a dead letter that are told."""


class Reads:
    """The handlers of one server.

    Parameters
    ----------
    hub
        Has the board, and where it comes from.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub, self._board = hub, hub.board

    async def beliefs(self, request: Request) -> Response:
        """Tell what beliefs there are."""
        return await self._answer(request, self._beliefs)

    async def below(self, request: Request) -> Response:
        """Tell the cards of a belief, or all of one key."""
        parts = segments(request, "/api/beliefs/")
        if len(parts) == 1:
            return await self._answer(request, lambda: self._cards(request, parts[0]))
        if len(parts) == 2:
            return await self._answer(request, lambda: self._detail(*parts))
        raise Refusal(404, "expected /api/beliefs/{name}/{key}, percent-encoded")

    async def compare(self, request: Request) -> Response:
        """Tell which of several keys is best, and by how much."""
        (name,) = segments(request, "/api/compare/")[:1]
        return await self._answer(request, lambda: self._compare(request, name))

    async def health(self, request: Request) -> Response:
        """Tell how the pipeline does."""
        return await self._answer(request, self._hub.health)

    @staticmethod
    async def _answer(request: Request, find: Callable[[], Any]) -> Response:
        return answer(request, await run_in_threadpool(find))

    def _beliefs(self) -> dict[str, Any]:
        source = self._hub.origin.health().source
        version = seqbayes.__version__
        return {"beliefs": self._board.beliefs(), "source": source, "version": version}

    def _shelf(self, name: str) -> Shelf:
        shelf = self._board.shelves.get(name)
        if shelf is None:
            raise Refusal(404, f"there is no belief {name[:200]!r}")
        return shelf

    def _cards(self, request: Request, name: str) -> dict[str, Any]:
        sort = choice(request, "sort", SORTS)
        descending = choice(request, "order", ("desc", "asc")) == "desc"
        offset = whole(request, "offset", 0, 0, 10**9)
        limit = whole(request, "limit", 100, 0, MOST_CARDS)
        text = request.query_params.get("search", "")[:200]
        with self._board.lock:
            shelf, now = self._shelf(name), self._board.now()
            found = shelf.search(text, sort, descending, now)
            chosen = found[offset : offset + limit]
            past.seed(self._hub.origin.reader, chosen)
            make_cards(chosen)
            cards = [entry.card(now) for entry in chosen]
            return {
                "belief": shelf.about.told(len(shelf.entries)),
                "total": len(found),
                "cards": cards,
            }

    def _entry(self, shelf: Shelf, key: str) -> Entry:
        entry = shelf.entries.get(key)
        if entry is None:
            raise Refusal(404, f"belief {shelf.about.name!r} has no key {key[:200]}")
        return entry

    def _detail(self, name: str, key: str) -> dict[str, Any]:
        with self._board.lock:
            entry = self._entry(self._shelf(name), key)
            self._hub.look_at(name, key)
            past.seed(self._hub.origin.reader, [entry])
            told = entry.detail(self._board.now())
            part = entry.followed
        reader = self._hub.origin.reader
        told["history"] = past.history(reader, name, key, told["spark"], part)
        told["dead_letters"] = [] if reader is None else _letters(reader, name)
        return told

    def _compare(self, request: Request, name: str) -> dict[str, Any]:
        keys = request.query_params.getlist("keys")
        lowest = choice(request, "best", BEST) == "lowest"
        label = request.query_params.get("label")
        with self._board.lock:
            shelf = self._shelf(name)
            # they are replaced, never changed, so that the lock need not be kept
            states = [self._entry(shelf, key).state for key in keys]
        if len(set(keys)) < len(keys):
            raise Refusal(422, "expected different keys to compare")
        try:
            if label is not None:
                states = [views.share_of(state, label) for state in states]
            told = views.compare(states, lowest)
        except SeqbayesError as error:
            raise Refusal(422, str(error)) from None
        differences = [
            {**each, "pair": [keys[k] for k in each["pair"]]} for each in told["differences"]
        ]
        return {
            "keys": keys,
            "p_best": told["p_best"],
            "best": keys[told["best"]],
            "difference": differences[0],
            "differences": differences,
            **({} if label is None else {"shares": views.drawn_shares(states)}),
        }


def _letters(reader: StoreReader, name: str) -> list[dict[str, Any]]:
    return [
        {
            "position": letter.position,
            "raw": letter.raw[:LONGEST_RAW].decode(errors="replace"),
            "reason": letter.reason,
            "source": letter.source,
            "at": at,
        }
        for at, letter in reader.dead_letters(name, MOST_LETTERS)
    ]
