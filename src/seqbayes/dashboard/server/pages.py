"""Static files, pages, login and logout."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from collections.abc import Awaitable, Callable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from seqbayes.dashboard.server.access import (
    SESSION_SECONDS,
    Access,
    address_of,
    cookie_name,
    local_page,
    session_of,
)
from seqbayes.dashboard.server.bundle import bundle, stylesheet
from seqbayes.dashboard.server.responses import HttpError, accepts_gzip, body_of, json_response

_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".woff2": "font/woff2"}


BUNDLES = {
    "app.js": "js/main.js",
    "embed.js": "js/embed.js",
    "replay-mms.js": "js/views/mms.js",
    "replay-coins.js": "js/views/coins.js",
}
"""Bundled scripts: each contains a module and all modules that it imports, to save requests."""

AHEAD = {
    f"/replay/{story}": (
        f'<link rel="modulepreload" href="/static/replay-{story}.js" />'
        '<link rel="preload" as="style" href="/static/css/replay.css" />'
    )
    for story in ("mms", "coins")
}
"""Elements, keyed by page, that load the files requested by its scripts together with the page."""


def root() -> Path:
    """Return the directory of the static files."""
    return Path(str(resources.files("seqbayes.dashboard") / "static"))


class Files:
    """A cache of static files, which are compressed once and reloaded when they change."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._held: dict[str, tuple[float, bytes, bytes, str]] = {}

    def _load(self, name: str) -> tuple[bytes, bytes, str]:
        missing = HttpError(404, "the file does not exist")
        if "\0" in name:
            raise missing
        path = (self._folder / BUNDLES.get(name, name)).resolve()
        if not path.is_relative_to(self._folder) or not path.is_file():
            raise missing
        bundled, sheet = name in BUNDLES, path.suffix == ".css"
        parts = path.parent.rglob("*.js") if bundled else path.parent.glob(f"*{path.suffix}")
        changed = max(part.stat().st_mtime for part in parts)
        held = self._held.get(name)
        if held is None or held[0] != changed:
            main = self._folder / BUNDLES["app.js"] if name.startswith("replay-") else None
            if bundled:
                body = bundle(path, main).encode()
            else:
                body = stylesheet(path).encode() if sheet else path.read_bytes()
            held = self._held[name] = (changed, body, gzip.compress(body, 9), _tag(body))
        return held[1:]

    def page(self, request: Request, name: str, data: Mapping[str, Any]) -> Response:
        """Return a page with embedded data, so that its scripts need not request them.

        Parameters
        ----------
        request
            The request.
        name
            The file of the page.
        data
            API responses, keyed by path and query.
        """
        ahead = AHEAD.get(request.url.path, "").encode()
        if not data and not ahead:
            return self.response(request, name)
        body = self._load(name)[0].replace(b"</head>", ahead + b"</head>", 1)
        if not data:
            return _tagged(request, name, body, gzip.compress(body, 9), _tag(body))
        held = msgspec.json.encode(data).replace(b"<", b"\\u003c")  # "</script>" can occur in data
        element = b'<script type="application/json" id="data">%s</script>' % held
        head, mark, foot = body.rpartition(b"</body>")
        body = head + element + mark + foot
        headers = {"cache-control": "no-store", "vary": "accept-encoding"}
        if accepts_gzip(request):
            body = gzip.compress(body, 1)
            headers["content-encoding"] = "gzip"
        return Response(body, headers=headers, media_type="text/html")

    def response(self, request: Request, name: str) -> Response:
        """Return a file, or status 304 if the client has it.

        Raises
        ------
        HttpError
            If the file does not exist.
        """
        return _tagged(request, name, *self._load(name))


def _tag(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()[:20]}"'


def _tagged(request: Request, name: str, body: bytes, small: bytes, tag: str) -> Response:
    """Return a file, compressed if the client accepts this, or status 304 if the client has it."""
    headers = {"etag": tag, "cache-control": "no-cache", "vary": "accept-encoding"}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if accepts_gzip(request) and len(small) < len(body):
        body = small
        headers["content-encoding"] = "gzip"
    suffix = Path(name).suffix
    kind = _TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Response(body, headers=headers, media_type=kind)


class Pages:
    """The handlers for pages and the session."""

    def __init__(
        self,
        access: Access,
        log: Callable[[str, str, str], None],
        data: Callable[[Request], Awaitable[Mapping[str, Any]]],
    ) -> None:
        self._access, self._log, self._data = access, log, data
        self._files = Files(root())

    async def static(self, request: Request) -> Response:
        """Return a file."""
        return self._files.response(request, request.path_params["name"])

    async def index(self, request: Request) -> Response:
        """Return the page with embedded data; its scripts select the view for the URL."""
        return self._files.page(request, "index.html", await self._data(request))

    async def lost(self, request: Request) -> Response:
        """Return the page with status 404; it reports that the URL is unknown."""
        found = self._files.response(request, "index.html")
        if found.status_code == 200:
            found.status_code = 404
        return found

    async def embed(self, request: Request) -> Response:
        """Return the page of one belief, for embedding in a frame."""
        return self._files.page(request, "embed.html", await self._data(request))

    async def login_page(self, request: Request) -> Response:
        """Return the login form."""
        return self._files.response(request, "login.html")

    async def login(self, request: Request) -> Response:
        """Start a session if the token is correct, and redirect to the requested page."""
        body = (await body_of(request, 4096)).decode(errors="replace")
        given = parse_qs(body).get("token", [""])[0].strip()
        page = local_page(request.query_params.get("next", "/"))
        client, guesses = address_of(request.scope), self._access.guesses
        guesser = request.scope["state"]["guesser"]
        form = "text/html" in request.headers.get("accept", "")
        if not self._access.is_token(given):
            guesses.wrong(guesser, given)
            self._log("refused", f"wrong token in a login from {client}", "warning")
            if form:
                again = {"wrong": "", **({} if page == "/" else {"next": page})}
                return RedirectResponse(f"/login?{urlencode(again)}", 303)
            raise HttpError(401, "wrong token")
        guesses.right(guesser)
        self._log("login", f"login from {client}", "info")
        done = RedirectResponse(page, 303) if form else json_response(request, {"ok": True})
        self._set(done, request, self._access.make_session(), SESSION_SECONDS)
        return done

    async def logout(self, request: Request) -> Response:
        """End the session of this browser, and invalidate copies of its cookie."""
        self._access.revoke(session_of(request.headers.get("cookie", ""), request.scope))
        form = "text/html" in request.headers.get("accept", "")
        done: Response = (
            RedirectResponse("/", 303) if form else json_response(request, {"ok": True})
        )
        self._set(done, request, "", 0)
        return done

    async def session(self, request: Request) -> Response:
        """Return the permissions of this browser."""
        permissions: dict[str, Any] = {
            "session": bool(request.scope.get("state", {}).get("session")),
            "reading_is_free": self._access.reading_is_free,
        }
        return json_response(request, permissions)

    @staticmethod
    def _set(response: Response, request: Request, value: str, seconds: int) -> None:
        response.set_cookie(
            cookie_name(request.scope),
            value,
            max_age=seconds,
            path="/",
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="strict",
        )
