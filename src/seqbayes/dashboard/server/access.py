"""Who may do what: tokens, sessions, hosts and origins."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import math
import secrets
import socket
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

SESSION_SECONDS = 30 * 86400

MIN_TOKEN_LENGTH = 16

FREE_GUESSES = 10
"""Wrong tokens of a client before it has to wait: 1 s, and twice as long after each further one."""

MAX_WAIT_SECONDS = 60.0

MAX_REMEMBERED_CLIENTS = 10_000


class Access:
    """Decide who may read and write on one server.

    Parameters
    ----------
    token
        The token that writing requires; generated if it is None.
    host
        The address that the server is bound to. Unless it is a loopback address, reading requires
        the token, too.
    names
        Further host names of the server.

    Attributes
    ----------
    generated
        Whether the token was generated.
    guesses
        Failed attempts to give the token, by client.

    Examples
    --------
    >>> access = Access("a token of tests", "127.0.0.1")
    >>> access.reading_is_free, access.is_token("a token of tests"), access.is_token("guess")
    (True, True, False)
    >>> access.is_known_host("localhost:8000"), access.is_known_host("evil.example:8000")
    (True, False)
    """

    def __init__(
        self, token: str | None = None, host: str = "127.0.0.1", names: Sequence[str] = ()
    ) -> None:
        self.generated = token is None
        self.token = secrets.token_urlsafe(24) if token is None else token
        self.reading_is_free = is_loopback(host)
        self.guesses = Guesses()
        self._key = hashlib.sha256(b"seqbayes session " + self.token.encode()).digest()
        self._revoked: dict[str, float] = {}
        own = {host, "localhost"}
        if not self.reading_is_free:
            own |= {socket.gethostname(), socket.getfqdn()}
        self._names = {name.lower().rstrip(".") for name in (*own, *names)}

    def is_token(self, given: str) -> bool:
        """Compare with the token, in constant time."""
        return hmac.compare_digest(given.encode(), self.token.encode())

    def make_session(self, now: float | None = None) -> str:
        """Return the value of a session cookie, which replaces the token until it expires."""
        expires = int((time.time() if now is None else now) + SESSION_SECONDS)
        text = f"{expires}.{secrets.token_urlsafe(12)}"
        return f"{text}.{self._sign(text)}"

    def is_session(self, value: str, now: float | None = None) -> bool:
        """Return whether a cookie is a valid session."""
        text, _, signature = value.rpartition(".")
        expires, _, name = text.partition(".")
        if not hmac.compare_digest(signature.encode(), self._sign(text).encode()):
            return False
        valid = expires.isdecimal() and int(expires) > (time.time() if now is None else now)
        return valid and name not in self._revoked

    def revoke(self, value: str, now: float | None = None) -> None:
        """End a session: its cookie is refused from now on, also from other browsers.

        Examples
        --------
        >>> access = Access()
        >>> session = access.make_session()
        >>> access.revoke(session)
        >>> access.is_session(session)
        False
        """
        now = time.time() if now is None else now
        if self.is_session(value, now):
            expires, name, _ = value.split(".")
            self._revoked = {n: until for n, until in self._revoked.items() if until > now}
            self._revoked[name] = float(expires)

    def _sign(self, text: str) -> str:
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()

    def is_known_host(self, header: str) -> bool:
        """Return whether a Host header names this server.

        IP addresses are accepted. A foreign page whose name was made to resolve to this server (DNS
        rebinding) still sends its own name.
        """
        name = host_name(header)
        return bool(name) and (name in self._names or _address(name) is not None)


class Guesses:
    """Count wrong tokens by client, and make clients wait that sent many.

    The same wrong token counts once, so that a program with an outdated token does not lock out
    others at its address.

    Parameters
    ----------
    now
        Seconds.

    Examples
    --------
    >>> guesses = Guesses(now=lambda: 0.0)
    >>> for k in range(FREE_GUESSES + 2):
    ...     guesses.wrong("192.0.2.1", f"guess {k}")
    >>> guesses.wait("192.0.2.1"), guesses.wait("192.0.2.2")
    (2.0, 0.0)
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._clients: OrderedDict[str, tuple[tuple[int, ...], int, float]] = OrderedDict()

    def wrong(self, client: str, token: str) -> None:
        """Count a wrong token."""
        recent, count, until = self._clients.pop(client, ((), 0, 0.0))
        name = hash(token)
        if name not in recent:
            recent, count = (*recent[-7:], name), count + 1
            excess = count - FREE_GUESSES
            wait = min(2.0 ** min(excess - 1, 30), MAX_WAIT_SECONDS) if excess > 0 else 0.0
            until = self._now() + wait
        self._clients[client] = recent, count, until
        while len(self._clients) > MAX_REMEMBERED_CLIENTS:
            self._clients.popitem(last=False)

    def right(self, client: str) -> None:
        """Forget the wrong tokens of a client that has sent the right one."""
        self._clients.pop(client, None)

    def wait(self, client: str) -> float:
        """Return the seconds before the next token of a client is checked."""
        return max(self._clients.get(client, ((), 0, 0.0))[2] - self._now(), 0.0)


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
    """Return the name in a Host header, without its port; empty if the header is invalid.

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
    """ASGI middleware that refuses forbidden requests and adds headers to all answers.

    Parameters
    ----------
    app
        The application.
    access
        The rules.
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
        self._app, self._access, self._ancestors, self._log = app, access, frame_ancestors, log

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
            status, reason, *more = refusal
            await _refuse(status, reason, more[0] if more else {}, sending)

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

    def _refusal(self, scope: Any) -> tuple[Any, ...] | bytes | None:
        """Return status, reason and headers, or where to log in; None if the request may pass."""
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        method, path = scope["method"], scope["path"]
        if "transfer-encoding" in headers and "content-length" in headers:
            reason = "expected either Content-Length or Transfer-Encoding, got both"
            return 400, reason, {"connection": "close"}
        if not self._access.is_known_host(headers.get("host", "")):
            return 421, "this server is not known by that name; see --allow-host"
        writes = method not in SAFE
        if writes and not is_same_origin(headers):
            return 403, "a page of another origin cannot change anything here"
        wait = self._wait(scope, headers, path)
        if wait:
            reason = f"too many wrong tokens from this address: try again in {wait} s"
            return 429, reason, {"retry-after": str(wait)}
        session = self._access.is_session(session_of(headers.get("cookie", ""), scope))
        bearer = self._has_bearer(headers, scope)
        scope["state"] = {**scope.get("state", {}), "session": session or bearer}
        if path.startswith("/static/") or path in FREE:
            return None
        if writes and session and not bearer and not has_origin(headers):
            return 403, "a request with a session must have an Origin or Sec-Fetch-Site header"
        free = self._access.reading_is_free and (not writes or path.startswith(UNPRIVILEGED))
        if free or session or bearer:
            return None
        if not writes and "text/html" in headers.get("accept", ""):
            return b"/login" + _next(scope)
        return 401, "a token is needed: Authorization: Bearer TOKEN, or log in at /login"

    def _wait(self, scope: Any, headers: dict[str, str], path: str) -> int:
        """Return the seconds that a client has to wait before its next token is checked."""
        guesses = "authorization" in headers or (path == "/login" and scope["method"] == "POST")
        return math.ceil(self._access.guesses.wait(client_of(scope))) if guesses else 0

    def _has_bearer(self, headers: dict[str, str], scope: Any) -> bool:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return False
        client = client_of(scope)
        if self._access.is_token(token.strip()):
            self._access.guesses.right(client)
            return True
        self._access.guesses.wrong(client, token)
        self._log("refused", f"wrong token in a request from {client}", "warning")
        return False


def client_of(scope: Any) -> str:
    """Return the address of the client of a request."""
    return str((scope.get("client") or ("unknown",))[0])


def _next(scope: Any) -> bytes:
    """Return the query that lets a login return to the page of a request."""
    page = scope["path"]
    if scope.get("query_string"):
        page += f"?{scope['query_string'].decode('latin-1')}"
    return b"" if page == "/" else f"?{urlencode({'next': page})}".encode()


def local_page(page: str) -> str:
    """Return the path of a page of this server; ``/`` instead of any other address.

    Examples
    --------
    >>> local_page("/health?x=1"), local_page("//evil.example"), local_page("https://evil.example")
    ('/health?x=1', '/', '/')
    """
    local = page.startswith("/") and not page.startswith(("//", "/\\"))
    return page if local and page.isprintable() else "/"


def cookie_name(scope: Any) -> str:
    """Return the name of the session's cookie: cookies do not tell ports apart."""
    server = scope.get("server") or ("", 0)
    return f"seqbayes_{server[1]}"


def session_of(header: str, scope: Any) -> str:
    """Return the session in a Cookie header; empty if it has none."""
    try:
        found = SimpleCookie(header).get(cookie_name(scope))
    except CookieError:
        return ""
    return "" if found is None else found.value


async def _refuse(status: int, reason: str, more: Mapping[str, str], send: Any) -> None:
    body = msgspec.json.encode({"error": reason})
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    headers += [(name.encode(), value.encode()) for name, value in more.items()]
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _redirect(where: bytes, send: Any) -> None:
    headers = [(b"location", where), (b"content-length", b"0"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 303, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
