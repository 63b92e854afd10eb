"""Environment variables and credentials in server URLs."""

from __future__ import annotations

import os
import re
from urllib.parse import quote, unquote, urlsplit

from seqbayes.errors import PriorError

_VARIABLE = re.compile(r"\$\{(\w*)\}")


def expand(text: str, quoted: bool = False) -> str:
    """Return a string with each ``${NAME}`` replaced by that environment variable.

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
