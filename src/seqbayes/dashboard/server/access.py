"""Access rules: tokens, sessions, hosts and origins."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import hmac
import ipaddress
import secrets
import socket
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlsplit

SESSION_SECONDS = 30 * 86400

MIN_TOKEN_LENGTH = 16

FREE_GUESSES = 10
"""Number of wrong tokens until a client has to wait; the wait is 1 s, then doubles each time."""

MAX_WAIT_SECONDS = 5.0
"""Maximum wait in seconds, after which a correct token from the same address is accepted."""

MAX_HELD_REQUESTS = 64
"""Maximum number of waiting requests of a client; additional requests are rejected."""

FORGET_SECONDS = 600.0
"""Seconds after the last wrong token until the count of a client is reset."""

MAX_REMEMBERED_CLIENTS = 10_000

MAX_PARSED = 256
"""Maximum number of host names and addresses whose parsed form is cached."""


class Access:
    """Decides who may read from and write to a server.

    Parameters
    ----------
    token
        The token required for writing; generated if None.
    host
        The address that the server is bound to. Unless it is a loopback address, reading also
        requires the token.
    names
        Additional host names of the server.

    Attributes
    ----------
    generated
        Whether the token was generated.
    guesses
        Failed attempts to authenticate, counted by client.

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
        """Return whether a string is the token; the comparison takes constant time."""
        return hmac.compare_digest(given.encode(), self.token.encode())

    def make_session(self, now: float | None = None) -> str:
        """Return the value of a session cookie, which replaces the token until it expires."""
        expires = int((time.time() if now is None else now) + SESSION_SECONDS)
        text = f"{expires}.{secrets.token_urlsafe(12)}"
        return f"{text}.{self._sign(text)}"

    def is_session(self, value: str, now: float | None = None) -> bool:
        """Return whether a cookie is a valid session."""
        expires, _, name = value.rpartition(".")[0].partition(".")
        valid = expires.isdecimal() and int(expires) > (time.time() if now is None else now)
        return valid and self.is_own(value) and name not in self._revoked

    def is_own(self, value: str) -> bool:
        """Return whether a cookie was issued by this server, even if expired or revoked."""
        text, _, signature = value.rpartition(".")
        return hmac.compare_digest(signature.encode(), self._sign(text).encode())

    def revoke(self, value: str) -> None:
        """End a session: its cookie is no longer accepted from any browser.

        Examples
        --------
        >>> access = Access()
        >>> session = access.make_session()
        >>> access.revoke(session)
        >>> access.is_session(session)
        False
        """
        now = time.time()
        if self.is_session(value, now):
            expires, name, _ = value.split(".")
            self._revoked = {n: until for n, until in self._revoked.items() if until > now}
            self._revoked[name] = float(expires)

    def _sign(self, text: str) -> str:
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()

    def is_known_host(self, header: str) -> bool:
        """Return whether a Host header names this server.

        IP addresses are accepted. A foreign page whose host name was made to resolve to this server
        (DNS rebinding) still sends that name.
        """
        name = host_name(header)
        return bool(name) and (name in self._names or _address(name) is not None)


class Guesses:
    """Counts wrong tokens by client, and delays clients that send many.

    The same wrong token counts once, so that a program with an outdated token does not lock out
    other programs at its address. The time for which a request waits is fixed when the request
    arrives, so that later wrong tokens from its client do not delay it further.

    Parameters
    ----------
    now
        Function that returns the time in seconds.
    sleep
        Function that waits for some seconds.

    Examples
    --------
    >>> guesses = Guesses(now=lambda: 0.0)
    >>> for k in range(FREE_GUESSES + 2):
    ...     guesses.wrong("192.0.2.1", f"guess {k}")
    >>> guesses.wait("192.0.2.1"), guesses.wait("192.0.2.2")
    (2.0, 0.0)
    """

    def __init__(
        self,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._now, self._sleep = now, sleep
        self._held: Counter[str] = Counter()
        self._clients: OrderedDict[str, tuple[tuple[int, ...], int, float]] = OrderedDict()

    def wrong(self, client: str, token: str) -> None:
        """Count a wrong token."""
        recent, count, until = self._clients.pop(client, ((), 0, 0.0))
        if self._now() > until + FORGET_SECONDS:
            recent, count = (), 0
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
        """Reset the count of a client that has sent the correct token."""
        self._clients.pop(client, None)

    def wait(self, client: str) -> float:
        """Return the number of seconds until another token from a client may be checked."""
        return max(self._clients.get(client, ((), 0, 0.0))[2] - self._now(), 0.0)

    async def hold(self, client: str) -> float:
        """Wait until the token of a request may be checked, and return 0.

        If too many requests of the client are waiting, return the seconds after which to retry.
        """
        wait = self.wait(client)
        if wait <= 0.0:
            return 0.0
        if self._held[client] >= MAX_HELD_REQUESTS:
            return wait
        self._held[client] += 1
        try:
            await self._sleep(wait)
        finally:
            self._held[client] -= 1
            if not self._held[client]:
                del self._held[client]
        return 0.0


@functools.lru_cache(MAX_PARSED)
def network_of(host: str) -> str:
    """Return the name under which the requests of one host are counted.

    IPv6 hosts are counted by /64 network, because a host usually has all addresses of its network.

    Examples
    --------
    >>> network_of("192.0.2.1"), network_of("::ffff:192.0.2.1"), network_of("2001:db8::1:2:3:4")
    ('192.0.2.1', '192.0.2.1', '2001:db8::')
    """
    address = _address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and not address.is_loopback:
        mapped = address.ipv4_mapped
        network = int(address) >> 64 << 64
        return str(ipaddress.IPv6Address(network) if mapped is None else mapped)
    return host


def is_loopback(host: str) -> bool:
    """Return whether a server bound to an address can be reached only from this machine.

    Examples
    --------
    >>> [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "10.0.0.1")]
    [True, True, True, False, False]
    """
    address = _address(host)
    return host.lower() == "localhost" if address is None else address.is_loopback


@functools.lru_cache(MAX_PARSED)
def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return None


@functools.lru_cache(MAX_PARSED)
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
    """Return whether a write comes from a page of this server or from a program.

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
    """Return whether a browser has sent the origin of a request."""
    return "origin" in headers or "sec-fetch-site" in headers


def address_of(scope: Any) -> str:
    """Return the address of the client of a request."""
    return str((scope.get("client") or ("unknown",))[0])


def client_of(scope: Any) -> str:
    """Return the name under which the requests of a client are counted; see `network_of`."""
    return network_of(address_of(scope))


def local_page(page: str) -> str:
    """Return the path of a page of this server; ``/`` for any other address.

    Examples
    --------
    >>> local_page("/health?x=1"), local_page("//evil.example"), local_page("https://evil.example")
    ('/health?x=1', '/', '/')
    """
    local = page.startswith("/") and not page.startswith(("//", "/\\"))
    return page if local and page.isprintable() else "/"


def cookie_name(scope: Any) -> str:
    """Return the name of the session cookie; it contains the port, since ports share cookies."""
    server = scope.get("server") or ("", 0)
    return f"seqbayes_{server[1]}"


def session_of(header: str, scope: Any) -> str:
    """Return the session in a Cookie header; empty if no session is given."""
    try:
        found = SimpleCookie(header).get(cookie_name(scope))
    except CookieError:
        return ""
    return "" if found is None else found.value
