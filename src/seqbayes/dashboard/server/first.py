"""Data embedded in a page, so that its scripts need not request them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from seqbayes.dashboard import views
from seqbayes.dashboard.live.entry_table import SORTS
from seqbayes.dashboard.server.alerts import AlertReads
from seqbayes.dashboard.server.api import Reads
from seqbayes.dashboard.server.comparisons import ComparisonHandler
from seqbayes.dashboard.server.responses import HttpError, path_segments
from seqbayes.stream.stores import StoreError

MAX_BELIEFS = 6
"""Maximum number of beliefs whose cards are included; the scripts request the others."""

PAGE, FIRST = 60, 12
"""Number of cards that ``grid.js`` requests for a single belief, and for each of several."""

COMPARED = ("keys", "best", "label", "level", "control")
"""Parameters of a comparison, in the order in which ``compare.js`` sends them."""

LETTERS = 25
"""Number of dead letters that ``letters.js`` requests."""


class FirstData:
    """The API responses that a URL's view requests first, keyed by path and query.

    If the scripts need the response of an API URL that is not embedded, they request it.
    """

    def __init__(self, reads: Reads, comparisons: ComparisonHandler, alerts: AlertReads) -> None:
        self._reads, self._comparisons, self._alerts = reads, comparisons, alerts

    async def get(self, request: Request) -> dict[str, Any]:
        """Return the data of a page; data that cannot be read are omitted."""
        return await run_in_threadpool(lambda: self._read(request))

    def _read(self, request: Request) -> dict[str, Any]:
        data: dict[str, Any] = {}
        with suppress(HttpError, StoreError):  # the page will request the data and show the error
            for path, find in self._needed(request):
                data[path] = find()
        return data

    def _needed(self, request: Request) -> Iterator[tuple[str, Callable[[], Any]]]:
        reads, path = self._reads, request.url.path
        page, *rest = path_segments(request, "/")
        if page == "replay":
            return
        yield "/api/beliefs", reads.listed
        yield "/api/health", reads.running
        if page in ("beliefs", "embed") and len(rest) == 2:
            name, key = rest
            yield f"/api/beliefs/{_part(name)}/{_part(key)}", lambda: reads.detail(name, key)
        elif page == "health":
            yield f"/api/dead-letters?limit={LETTERS}", lambda: reads.refused(LETTERS)
            yield f"/api/alerts?limit={LETTERS}", lambda: self._alerts.listed(LETTERS)
        elif page == "compare":
            yield from self._comparison(request)
        elif path == "/" or (page == "beliefs" and len(rest) == 1):
            yield from self._cards(request, rest[0] if rest else request.query_params.get("belief"))

    def _comparison(self, request: Request) -> Iterator[tuple[str, Callable[[], Any]]]:
        parameters = request.query_params
        beliefs = [each for each in self._reads.listed()["beliefs"] if views.compares(each["kind"])]
        several = [each for each in beliefs if each["keys"] > 1] or beliefs
        named = [each for each in beliefs if each["name"] == parameters.get("belief")] or several
        if named and len(parameters.getlist("keys")) != 1:
            name = named[0]["name"]
            pairs = [(key, text) for key, text in parameters.multi_items() if key in COMPARED]
            pairs.sort(key=lambda pair: COMPARED.index(pair[0]))
            query = f"?{_query(pairs)}" if pairs else ""
            find = partial(self._comparisons.read, request, name)
            yield f"/api/compare/{_part(name)}{query}", find

    def _cards(self, request: Request, only: str | None) -> Iterator[tuple[str, Callable[[], Any]]]:
        parameters = request.query_params
        if "q" in parameters or "pinned" in parameters:
            return
        sort = parameters.get("sort", SORTS[0])
        order = parameters.get("order", "asc" if sort == "key" else "desc")
        names = [each["name"] for each in self._reads.listed()["beliefs"]]
        shown = [name for name in names if only in (None, name)]
        limit = PAGE if len(shown) == 1 else FIRST
        query = urlencode({"sort": sort, "order": order, "offset": 0, "limit": limit, "cursor": ""})
        if sort in SORTS:
            for name in shown[:MAX_BELIEFS]:
                find = partial(self._reads.page, name, sort, order == "desc", limit=limit)
                yield f"/api/beliefs/{_part(name)}?{query}", find


def _part(text: str) -> str:
    """Return a segment of a path, encoded as by JavaScript's encodeURIComponent."""
    return quote(text, safe="-_.!~*'()")


def _query(pairs: list[tuple[str, str]]) -> str:
    """Return a query, encoded as by JavaScript's URLSearchParams."""
    return urlencode(pairs).replace("~", "%7E").replace("%2A", "*")
