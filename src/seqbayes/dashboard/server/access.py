"""Who may do what: tokens, sessions, hosts and origins."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
import socket
import time
from collections.abc import Mapping, Sequence
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlsplit

import msgspec

SESSION_SECONDS = 30 * 86400


class Access:
    """The rules of one server.

    Parameters
    ----------
    token
        What writing asks for; made at random if none is given.
    host
        What the server is bound to. Anything but loopback asks for the token for reading, too.
    names
        Host names by which it is reached besides.

    Examples
    --------
    >>> access = Access("secret", "127.0.0.1")
    >>> access.reading_is_free, access.is_token("secret"), access.is_token("guess")
    (True, True, False)
    >>> access.is_known_host("localhost:8000"), access.is_known_host("evil.example:8000")
    (True, False)
    """

    def __init__(
        self, token: str | None = None, host: str = "127.0.0.1", names: Sequence[str] = ()
    ) -> None:
        self.made = token is None
        self.token = secrets.token_urlsafe(24) if token is None else token
        self.reading_is_free = is_loopback(host)
        self._key = hashlib.sha256(b"seqbayes session " + self.token.encode()).digest()
        own = {host, "localhost"}
        if not self.reading_is_free:
            own |= {socket.gethostname(), socket.getfqdn()}
        self._names = {name.lower().rstrip(".") for name in (*own, *names)}

    def is_token(self, given: str) -> bool:
        """Whether it is the token; takes the same time for any of its length."""
        return hmac.compare_digest(given.encode(), self.token.encode())

    def make_session(self, now: float | None = None) -> str:
        """Return the value of a cookie that stands for the token, until it expires."""
        expires = int((time.time() if now is None else now) + SESSION_SECONDS)
        return f"{expires}.{self._sign(str(expires))}"

    def is_session(self, value: str, now: float | None = None) -> bool:
        """Whether a cookie stands for the token."""
        expires, _, signature = value.partition(".")
        if not hmac.compare_digest(signature.encode(), self._sign(expires).encode()):
            return False
        return expires.isdecimal() and int(expires) > (time.time() if now is None else now)

    def _sign(self, text: str) -> str:
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()

    def is_known_host(self, header: str) -> bool:
        """Whether a Host header is one of this server's names.

        Addresses are: a page of somebody else's that gives its own name this server's address (DNS
        rebinding) still says its own name.
        """
        name = host_name(header)
        return bool(name) and (name in self._names or _address(name) is not None)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server that is bound to this.

    Examples
    --------
    >>> [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "10.0.0.1")]
    [True, True, True, False, False]
    """
    address = _address(host)
    return host.lower() == "localhost" if address is None else address.is_loopback


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return None


def host_name(header: str) -> str:
    """Return the name in a Host header, without its port; empty if it is none.

    Examples
    --------
    >>> host_name("Localhost:8000"), host_name("[::1]:8000"), host_name("a b")
    ('localhost', '::1', '')
    """
    try:
        name = urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""
    return name.rstrip(".") if not any(c.isspace() or c in "/\\@" for c in header) else ""


def is_same_origin(headers: Mapping[str, str]) -> bool:
    """Whether a request that changes something comes from a page of this server, or from no page.

    Parameters
    ----------
    headers
        By lower-case name.

    Examples
    --------
    >>> is_same_origin({"host": "localhost:80", "origin": "http://localhost:80"})
    True
    >>> is_same_origin({"host": "localhost:80", "origin": "https://evil.example"})
    False
    >>> is_same_origin({"host": "localhost:80", "sec-fetch-site": "cross-site"})
    False
    """
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    if origin is None:
        return True
    try:
        netloc = urlsplit(origin).netloc
    except ValueError:
        return False
    return bool(netloc) and netloc.lower() == headers.get("host", "").lower()


def has_origin(headers: Mapping[str, str]) -> bool:
    """Whether a browser said where a request comes from."""
    return "origin" in headers or "sec-fetch-site" in headers


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
