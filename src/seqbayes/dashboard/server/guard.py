"""ASGI middleware that rejects forbidden requests and adds security headers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, quote, urlencode

import msgspec

from seqbayes.dashboard.server.access import (
    Access,
    address_of,
    client_of,
    has_origin,
    is_same_origin,
    local_page,
    session_of,
)
from seqbayes.dashboard.server.responses import HttpError

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'"
)

SAFE = ("GET", "HEAD", "OPTIONS")

PARTS = (".js", ".css", ".woff2")
"""Suffixes of static files that are parts of pages, and therefore need fewer headers."""

PARTS_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
]

PUBLIC = ("/login", "/logout", "/favicon.ico")
"""Paths that do not require a token, in addition to static files."""

HARMLESS = ("/api/replay/", *PUBLIC)
"""Paths that accept POST without a token if reading needs none, as they do not change beliefs."""


class Guard:
    """ASGI middleware that rejects forbidden requests and adds headers to all responses.

    Parameters
    ----------
    app
        The application.
    access
        The access rules.
    frame_ancestors
        Pages that may show ``/embed/`` in a frame, as in Content-Security-Policy.
    log
        Called with the name of an event, its text and its level.
    """

    def __init__(
        self,
        app: Any,
        access: Access,
        frame_ancestors: str = "'self'",
        log: Callable[[str, str, str], None] = lambda event, text, level: None,
    ) -> None:
        self._app, self._access, self._log = app, access, log
        self._page_headers = _headers("'none'", embedded=False)
        # without a referrer, browsers do not send the origin of a form either
        self._login_headers = _headers("'none'", embedded=False, referrer="same-origin")
        self._embedded_headers = _headers(frame_ancestors, embedded=True)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Handle or reject a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        extra = self._headers(scope["path"])

        async def sending(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *extra]
            await send(message)

        try:
            login = await self._login_of(scope)
        except HttpError as refusal:
            await _refuse(refusal, sending)
        else:
            if login:
                await _redirect(login, sending)
            else:
                await self._app(scope, receive, sending)

    def _headers(self, path: str) -> list[tuple[bytes, bytes]]:
        if path.startswith("/static/") and path.endswith(PARTS):
            return PARTS_HEADERS
        if path == "/login":
            return self._login_headers
        return self._embedded_headers if path.startswith("/embed/") else self._page_headers

    async def _login_of(self, scope: Any) -> str:
        """Return the URL of the login page to redirect to; empty if the request is allowed.

        Raises
        ------
        HttpError
            If the request is forbidden.
        """
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        path, writes = scope["path"], scope["method"] not in SAFE
        self._check_form(headers, writes)
        cookie = session_of(headers.get("cookie", ""), scope)
        guesser = self._guesser(scope, cookie)
        wait = await self._wait(scope, headers, guesser)
        if wait and writes and path == "/login" and "text/html" in headers.get("accept", ""):
            return f"/login?{urlencode({'wait': wait, **_next_of(scope)})}"
        if wait:
            reason = f"too many wrong tokens from this address: try again in {wait} s"
            raise HttpError(429, reason, {"retry-after": str(wait)})
        session, bearer = self._access.is_session(cookie), self._has_bearer(headers, scope, guesser)
        scope["state"] = {
            **scope.get("state", {}), "session": session or bearer, "guesser": guesser,
        }  # fmt: skip
        if path.startswith("/static/") or path in PUBLIC:
            return ""
        if writes and session and not bearer and not has_origin(headers):
            reason = "a request with a session must have an Origin or Sec-Fetch-Site header"
            raise HttpError(403, reason)
        free = self._access.reading_is_free and (not writes or path.startswith(HARMLESS))
        if free or session or bearer:
            return ""
        if not writes and "text/html" in headers.get("accept", ""):
            page = _page_of(scope)
            return "/login" if page == "/" else f"/login?{urlencode({'next': page})}"
        what = "the token is wrong" if "authorization" in headers else "a token is required"
        reason = f"{what}: send Authorization: Bearer TOKEN, or log in at /login"
        raise HttpError(401, reason, {"www-authenticate": "Bearer"})

    def _check_form(self, headers: Mapping[str, str], writes: bool) -> None:
        """Reject ambiguous lengths, unknown hosts, and writes from pages of other origins."""
        if "transfer-encoding" in headers and "content-length" in headers:
            reason = "expected either Content-Length or Transfer-Encoding, got both"
            raise HttpError(400, reason, {"connection": "close"})
        if not self._access.is_known_host(headers.get("host", "")):
            raise HttpError(421, "this host name is not allowed; see --allow-host")
        if writes and not is_same_origin(headers):
            raise HttpError(403, "pages of other origins cannot write")

    def _guesser(self, scope: Any, cookie: str) -> str:
        """Return the name under which wrong tokens are counted.

        A browser that has logged in before is counted separately, so that others at its address
        cannot lock it out.
        """
        client = client_of(scope)
        return f"{client} {cookie}" if cookie and self._access.is_own(cookie) else client

    async def _wait(self, scope: Any, headers: Mapping[str, str], guesser: str) -> int:
        """Hold a request until its token may be checked, or return the seconds to wait."""
        login = scope["path"] == "/login" and scope["method"] == "POST"
        given = "authorization" in headers or login
        return math.ceil(await self._access.guesses.hold(guesser)) if given else 0

    def _has_bearer(self, headers: Mapping[str, str], scope: Any, guesser: str) -> bool:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return False
        if self._access.is_token(token.strip()):
            self._access.guesses.right(guesser)
            return True
        self._access.guesses.wrong(guesser, token)
        self._log("refused", f"wrong token in a request from {address_of(scope)}", "warning")
        return False


def _headers(
    ancestors: str, *, embedded: bool, referrer: str = "no-referrer"
) -> list[tuple[bytes, bytes]]:
    headers = {
        "content-security-policy": f"{POLICY}; frame-ancestors {ancestors}",
        "x-content-type-options": "nosniff",
        "referrer-policy": referrer,
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "cross-origin" if embedded else "same-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=()",
    }
    if not embedded:
        headers["x-frame-options"] = "DENY"
    return [(name.encode(), value.encode()) for name, value in headers.items()]


def _page_of(scope: Any) -> str:
    """Return the path and query of a request, encoded as the client sent them."""
    query = scope.get("query_string", b"").decode("latin-1")
    raw = scope.get("raw_path") or quote(scope["path"]).encode()
    path = str(raw.partition(b"?")[0].decode("latin-1"))
    return f"{path}?{query}" if query else path


def _next_of(scope: Any) -> dict[str, str]:
    """Return the page to which a login returns, as a query parameter."""
    page = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("next", ["/"])[0]
    return {} if local_page(page) == "/" else {"next": page}


async def _refuse(refusal: HttpError, send: Any) -> None:
    body = msgspec.json.encode({"error": refusal.reason})
    headers = {
        "content-type": "application/json",
        "cache-control": "no-store",
        **refusal.headers,
        "content-length": str(len(body)),
    }
    await _send(refusal.status, headers, body, send)


async def _redirect(where: str, send: Any) -> None:
    headers = {"location": where, "content-length": "0", "cache-control": "no-store"}
    await _send(303, headers, b"", send)


async def _send(status: int, headers: Mapping[str, str], body: bytes, send: Any) -> None:
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})
