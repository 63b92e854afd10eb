"""Environment variables and credentials in server URLs."""

from __future__ import annotations

import os
import re
from urllib.parse import quote, unquote, urlsplit

from seqbayes.errors import PriorError

_VARIABLE = re.compile(r"\$\{(\w*)\}")


def expand(text: str, quoted: bool = False) -> str:
    """Return a string with each ``${NAME}`` replaced with that environment variable's value.

    Parameters
    ----------
    text
        The text.
    quoted
        Whether the text is a URL, in which values are percent-encoded.

    Raises
    ------
    PriorError
        If the environment variable does not exist.

    Examples
    --------
    >>> os.environ["SECRET"] = "a/b"
    >>> expand("redis://:${SECRET}@localhost", quoted=True)
    'redis://:a%2Fb@localhost'
    """

    def value(found: re.Match[str]) -> str:
        name = found[1]
        if name not in os.environ:
            raise PriorError(f"the environment has no variable {name!r}")
        return quote(os.environ[name], safe="") if quoted else os.environ[name]

    return _VARIABLE.sub(value, text)


def check_port(url: str) -> None:
    """Check that the port of a URL, if there is one, is a number that a server can have.

    The message does not repeat the URL: if a password contains an unescaped ``/`` or ``#``, what is
    parsed as the port is a part of the password.

    Raises
    ------
    PriorError
        If the port is invalid.

    Examples
    --------
    >>> check_port("redis://localhost:port")
    Traceback (most recent call last):
    seqbayes.errors.PriorError: expected a port from 1 to 65535 in the URL; percent-encode special \
characters of a password, as ${NAME} does
    """
    try:
        # a PostgreSQL URL can have several hosts
        hosts = urlsplit(url).netloc.rpartition("@")[2].split(",")
        valid = all(urlsplit(f"//{host}").port != 0 for host in hosts)
    except ValueError:
        valid = False
    if not valid:
        raise PriorError(
            "expected a port from 1 to 65535 in the URL; percent-encode special characters of a"
            " password, as ${NAME} does"
        )


def without_password(url: str) -> str:
    """Return a URL without its password, for messages.

    Examples
    --------
    >>> without_password("postgresql://me:a@b@localhost/shop"), without_password("a@b:c.db")
    ('postgresql://me@localhost/shop', 'a@b:c.db')
    """
    return re.sub(r"(://[^:@/]*):.*@", r"\1@", url, flags=re.DOTALL)


def credentials(url: str) -> tuple[str | None, str | None]:
    """Return the user and password of a URL.

    Examples
    --------
    >>> credentials("nats://me:a%2Fb@localhost:4222"), credentials("redis://localhost")
    (('me', 'a/b'), (None, None))
    """
    try:
        parts = urlsplit(url)
        user, password = parts.username, parts.password
    except ValueError:
        raise PriorError("expected a valid URL") from None
    return user and unquote(user), password and unquote(password)
