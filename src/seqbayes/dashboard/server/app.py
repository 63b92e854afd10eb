"""The application: routes and handlers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from seqbayes.dashboard.live.board import Board
from seqbayes.dashboard.live.hub import Hub
from seqbayes.dashboard.live.providers import Provider
from seqbayes.dashboard.server import openapi
from seqbayes.dashboard.server.access import Access
from seqbayes.dashboard.server.alerts import AlertReads
from seqbayes.dashboard.server.annotations import Annotations
from seqbayes.dashboard.server.api import Reads
from seqbayes.dashboard.server.comparisons import ComparisonHandler
from seqbayes.dashboard.server.decide import Decide
from seqbayes.dashboard.server.first import FirstData
from seqbayes.dashboard.server.guard import Guard
from seqbayes.dashboard.server.histories import Histories
from seqbayes.dashboard.server.ingest import Commits, Ingest
from seqbayes.dashboard.server.metrics import Metrics
from seqbayes.dashboard.server.pages import Pages
from seqbayes.dashboard.server.responses import HttpError, json_response
from seqbayes.dashboard.server.stories import Stories
from seqbayes.dashboard.server.streams import Streams
from seqbayes.stream.stores import StoreError

Handler = Callable[[Request], Awaitable[Response]]

PAGES = ("/", "/beliefs/{rest:path}", "/compare", "/health", "/replay/mms", "/replay/coins")
"""Paths of the pages that the client renders."""


class Direct:
    """ASGI application that passes frequent requests directly to their handlers.

    The router and its middleware take as much time as a choice.

    Parameters
    ----------
    app
        The application that handles all other requests.
    handlers
        Handlers of POST requests, keyed by path; a path that ends with a slash is a prefix.
    """

    def __init__(self, app: Any, handlers: Mapping[str, Handler]) -> None:
        self._app = app
        self._exact = {path: each for path, each in handlers.items() if not path.endswith("/")}
        self._prefixes = [(path, each) for path, each in handlers.items() if path.endswith("/")]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Handle a request."""
        handler = self._handler(scope) if scope["type"] == "http" else None
        if handler is None:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            response = await handler(request)
        except HttpError as error:
            response = await _refused(request, error)
        except StoreError as error:
            response = await _unreadable(request, error)
        await response(scope, receive, send)

    def _handler(self, scope: Any) -> Handler | None:
        if scope["method"] != "POST":
            return None
        path = scope["path"]
        for prefix, handler in self._prefixes:
            if path.startswith(prefix):
                return handler
        return self._exact.get(path)


class Site:
    """Connects the source of the beliefs, the access rules and the HTTP handlers.

    Parameters
    ----------
    origin
        The source of the beliefs.
    access
        The access rules.
    frame_ancestors
        Pages that may show ``/embed/`` in a frame.
    log
        Called with the name of an event, its text and its level.
    """

    def __init__(
        self,
        provider: Provider,
        access: Access,
        frame_ancestors: str = "'self'",
        log: Callable[[str, str, str], None] = lambda event, text, level: None,
    ) -> None:
        self.board = Board()
        self.hub = Hub(self.board, provider)
        self.stories = Stories()
        self.access = access
        alerts, annotations = AlertReads(self.hub), Annotations(self.hub)
        histories = Histories(self.hub, annotations, alerts)
        reads, comparisons = Reads(self.hub, histories), ComparisonHandler(self.hub)
        self._pages = Pages(access, log, FirstData(reads, comparisons, alerts).get)
        got = self._get_handlers(reads, comparisons, histories, annotations, alerts)
        posted = self._post_handlers(annotations)
        self.routes = [
            *(Route(path, handler, methods=["GET"]) for path, handler in got.items()),
            *(Route(path, handler, methods=["POST"]) for path, handler in posted.items()),
        ]
        frequent = {
            "/api/choose/": posted["/api/choose/{rest:path}"],
            "/api/reward": posted["/api/reward"],
        }
        inner = Starlette(
            routes=self.routes,
            lifespan=self._lifespan,
            exception_handlers={
                HttpError: _refused,
                HTTPException: self._failed,
                StoreError: _unreadable,
            },
        )
        self.app = Guard(Direct(inner, frequent), access, frame_ancestors, log)

    def _get_handlers(
        self,
        reads: Reads,
        comparisons: ComparisonHandler,
        histories: Histories,
        annotations: Annotations,
        alerts: AlertReads,
    ) -> dict[str, Handler]:
        pages, stories = self._pages, self.stories
        return {
            "/api/alerts": alerts.get,
            "/api/annotations": annotations.get,
            "/api/history/{rest:path}": histories.get,
            "/api/beliefs": reads.beliefs,
            "/api/beliefs/{rest:path}": reads.below,
            "/api/compare/{rest:path}": comparisons.get,
            "/api/dead-letters": reads.letters,
            "/api/health": reads.health,
            "/api/stream": Streams(self.hub).stream,
            "/api/session": pages.session,
            "/api/openapi.json": openapi.get,
            "/metrics": Metrics(self.hub, alerts).get,
            "/api/replay/{id}/steps": stories.steps,
            "/api/replay/{id}/stream": stories.stream,
            "/static/{name:path}": pages.static,
            "/login": pages.login_page,
            "/embed/{rest:path}": pages.embed,
            **dict.fromkeys(PAGES, pages.index),
        }

    def _post_handlers(self, annotations: Annotations) -> dict[str, Handler]:
        commits = Commits()
        decide = Decide(self.hub, commits)
        return {
            "/api/choose/{rest:path}": decide.choose,
            "/api/reward": decide.reward,
            "/api/annotations": annotations.post,
            "/api/replay/{story}": self.stories.begin,
            "/api/events": Ingest(lambda: self.hub.provider.source, commits).post,
            "/login": self._pages.login,
            "/logout": self._pages.logout,
        }

    @asynccontextmanager
    async def _lifespan(self, app: Any) -> AsyncIterator[None]:
        self.hub.provider.begin(self.board)
        self.hub.start()
        try:
            yield
        finally:
            self.hub.stop()

    async def _failed(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        reads = request.method == "GET" and "text/html" in request.headers.get("accept", "")
        if error.status_code == 404 and reads and not request.url.path.startswith("/api/"):
            return await self._pages.lost(request)
        return json_response(request, {"error": error.detail}, error.status_code, error.headers)

    def close_clients(self) -> None:
        """Close all streams; call on the event loop."""
        self.hub.close_clients()
        self.stories.closing.set()


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HttpError)
    return json_response(request, {"error": error.reason}, error.status, error.headers)


async def _unreadable(request: Request, error: Exception) -> Response:
    return json_response(request, {"error": str(error)}, 500)
