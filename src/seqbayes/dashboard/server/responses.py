"""JSON responses and errors, and parsing of request parameters."""

from __future__ import annotations

import asyncio
import gzip
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from seqbayes.dashboard.views import LEVEL

BODY_TIMEOUT_SECONDS = 30.0
"""Timeout in seconds for a request body."""

LEVELS = (0.5, 0.999)
"""Lowest and highest level of intervals."""

_SMALL = 4096


class HttpError(Exception):
    """An HTTP error response, with a status and a reason."""

    def __init__(self, status: int, reason: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status, self.reason, self.headers = status, reason, dict(headers or {})


def json_response(
    request: Request, data: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a JSON response, compressed if it is large; bytes are taken to be JSON."""
    body = data if isinstance(data, bytes) else msgspec.json.encode(data)
    given = {"cache-control": "no-store", **(headers or {})}
    if len(body) > _SMALL and accepts_gzip(request):
        body = gzip.compress(body, 1)
        given |= {"content-encoding": "gzip", "vary": "accept-encoding"}
    return Response(body, status, given, "application/json")


def accepts_gzip(request: Request) -> bool:
    """Return whether the client accepts compressed responses."""
    return "gzip" in request.headers.get("accept-encoding", "")


def path_segments(request: Request, prefix: str) -> list[str]:
    """Return a path's segments after a prefix, decoded one by one: keys can contain slashes.

    Raises
    ------
    HttpError
        If a segment is not UTF-8.
    """
    raw = request.scope.get("raw_path") or request.url.path.encode()
    rest = raw.partition(b"?")[0].decode("latin-1")[len(prefix) :]
    try:
        return [unquote_to_bytes(part).decode() for part in rest.split("/")]
    except UnicodeDecodeError:
        raise HttpError(422, "the path is not UTF-8") from None


def integer_parameter(request: Request, name: str, default: int, low: int, high: int) -> int:
    """Parse an integer query parameter.

    Raises
    ------
    HttpError
        If the parameter is invalid or out of range.
    """
    text = request.query_params.get(name)
    if text is None:
        return default
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else low - 1
    if not low <= number <= high:
        raise HttpError(422, f"expected {name!r} to be a whole number from {low} to {high}")
    return number


def number_parameter(request: Request, name: str, default: float, low: float, high: float) -> float:
    """Parse a floating-point query parameter.

    Raises
    ------
    HttpError
        If the parameter is invalid or out of range.
    """
    text = request.query_params.get(name)
    if text is None:
        return default
    number = float(text) if re.fullmatch(r"[0-9]{0,4}(\.[0-9]{1,6})?(?<=[0-9])", text) else low - 1
    if not low <= number <= high:
        raise HttpError(422, f"expected {name!r} to be a number from {low:g} to {high:g}")
    return number


def level_parameter(request: Request) -> float:
    """Return the requested level of the intervals.

    Raises
    ------
    HttpError
        If the level is invalid.
    """
    return number_parameter(request, "level", LEVEL, *LEVELS)


def choice_parameter(request: Request, name: str, choices: Sequence[str]) -> str:
    """Return a query parameter that must be one of `choices`; the first is the default.

    Raises
    ------
    HttpError
        If the parameter is not one of `choices`.
    """
    word = request.query_params.get(name, choices[0])
    if word not in choices:
        raise HttpError(422, f"expected {name!r} to be one of {', '.join(choices)}")
    return word


async def body_of(request: Request, most: int) -> bytes:
    """Return the body of a request.

    Raises
    ------
    HttpError
        If the body is too long, or is not received in time.
    """
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > most:
        raise _too_long(most)
    parts, size, more = [], 0, True
    try:
        async with asyncio.timeout(BODY_TIMEOUT_SECONDS):
            while more:
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise HttpError(400, "the client closed the connection")
                part, more = message.get("body", b""), message.get("more_body", False)
                size += len(part)
                if size > most:
                    raise _too_long(most)
                parts.append(part)
    except TimeoutError:
        slow = f"expected the body within {BODY_TIMEOUT_SECONDS:g} s"
        raise HttpError(408, slow, {"connection": "close"}) from None
    return b"".join(parts)


def _too_long(most: int) -> HttpError:
    return HttpError(413, f"expected a body of at most {most:,} bytes", {"connection": "close"})
