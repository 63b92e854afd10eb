"""Who may do what: tokens, sessions, hosts and origins."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
import socket
import time
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

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
