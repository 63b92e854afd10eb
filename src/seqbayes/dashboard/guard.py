"""What every request passes: known hosts, tokens, same-origin writes; and headers of answers."""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from typing import Any

import msgspec

from seqbayes.dashboard.auth import Access, has_origin, is_same_origin

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'"
)

SAFE = ("GET", "HEAD", "OPTIONS")

PARTS = (".js", ".css", ".woff2")
"""Static files that are part of a page, and none by themselves: its headers hold for them."""

PARTS_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
]

FREE = ("/login", "/logout", "/favicon.ico")
"""Besides static files, what is open to all: how one comes by a session."""

UNPRIVILEGED = ("/api/replay/", *FREE)
"""What may be posted without a token where reading is free: it changes no belief."""


class Guard:
    """ASGI middleware.

    Parameters
    ----------
    app
        What answers.
    access
        The rules.
    frame_ancestors
        Which pages may show ``/embed/`` in a frame, as Content-Security-Policy says it.
    """

    def __init__(self, app: Any, access: Access, frame_ancestors: str = "'self'") -> None:
        self._app, self._access, self._ancestors = app, access, frame_ancestors

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        extra = self._headers(scope["path"])

        async def sending(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *extra]
            await send(message)

        refusal = self._refusal(scope)
        if refusal is None:
            await self._app(scope, receive, sending)
        elif isinstance(refusal, bytes):
            await _redirect(refusal, sending)
        else:
            await _refuse(*refusal, sending)

    def _headers(self, path: str) -> list[tuple[bytes, bytes]]:
        if path.startswith("/static/") and path.endswith(PARTS):
            return PARTS_HEADERS
        embedded = path.startswith("/embed/")
        ancestors = self._ancestors if embedded else "'none'"
        headers = {
            "content-security-policy": f"{POLICY}; frame-ancestors {ancestors}",
            "x-content-type-options": "nosniff",
            # Without any referrer a browser names no origin either when it sends the form.
            "referrer-policy": "same-origin" if path == "/login" else "no-referrer",
            "cross-origin-opener-policy": "same-origin",
            "cross-origin-resource-policy": "cross-origin" if embedded else "same-origin",
            "permissions-policy": "camera=(), geolocation=(), microphone=()",
        }
        if not embedded:
            headers["x-frame-options"] = "DENY"
        return [(name.encode(), value.encode()) for name, value in headers.items()]

    def _refusal(self, scope: Any) -> tuple[int, str] | bytes | None:
        """Return status and reason, or where to log in; None where all is well."""
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        method, path = scope["method"], scope["path"]
        if not self._access.is_known_host(headers.get("host", "")):
            return 421, "this server is not known by that name; see --allow-host"
        writes = method not in SAFE
        if writes and not is_same_origin(headers):
            return 403, "a page of another origin cannot change anything here"
        session = self._access.is_session(_cookie(headers, scope))
        bearer = self._has_bearer(headers)
        scope["state"] = {**scope.get("state", {}), "session": session or bearer}
        if path.startswith("/static/") or path in FREE:
            return None
        if writes and session and not bearer and not has_origin(headers):
            return 403, "a browser that has logged in says where a request comes from"
        free = self._access.reading_is_free and (not writes or path.startswith(UNPRIVILEGED))
        if free or session or bearer:
            return None
        if not writes and "text/html" in headers.get("accept", ""):
            return b"/login"
        return 401, "a token is needed: Authorization: Bearer TOKEN, or log in at /login"

    def _has_bearer(self, headers: dict[str, str]) -> bool:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and self._access.is_token(token.strip())


def cookie_name(scope: Any) -> str:
    """Return the name of the session's cookie: cookies do not tell ports apart."""
    server = scope.get("server") or ("", 0)
    return f"seqbayes_{server[1]}"


def _cookie(headers: dict[str, str], scope: Any) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(cookie_name(scope))
    except CookieError:
        return ""
    return "" if found is None else found.value


async def _refuse(status: int, reason: str, send: Any) -> None:
    body = msgspec.json.encode({"error": reason})
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _redirect(where: bytes, send: Any) -> None:
    headers = [(b"location", where), (b"content-length", b"0"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 303, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
