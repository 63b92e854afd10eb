"""``POST /api/events``: events for the pipeline; the response is sent after the commit."""

from __future__ import annotations

import asyncio
import hashlib
import math
import threading
from collections.abc import Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from seqbayes.dashboard.server.responses import HttpError, body_of, json_response
from seqbayes.events.fields import explain
from seqbayes.stream.sources import http, posted

ONE = ("application/json",)
LINES = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonl")

PATIENCE = 60.0
"""Maximum number of seconds to wait for a commit."""

MAX_KEY_LENGTH = 255
MAX_ID_LENGTH = 200

_objects = msgspec.json.Decoder(dict[str, msgspec.Raw])
_array = msgspec.json.Decoder(list[msgspec.Raw])


_Result = tuple[posted.Outcome | None, bool]


class Ingest:
    """The handler.

    Parameters
    ----------
    source
        Returns the current source.
    commits
        Waits for the commits.
    """

    def __init__(self, source: Callable[[], Any], commits: Commits) -> None:
        self._source, self._commits = source, commits

    async def post(self, request: Request) -> Response:
        """Accept one event, an array of events, or lines of JSON."""
        source = http_source(self._source())
        kind = _kind(request)
        body = await body_of(request, source.longest)
        given = _request(body, kind, source.id, _key(request))
        outcome, again = await self._commits.commit(source, given)
        refused = outcome.unused > 0 and outcome.accepted == 0
        headers = {"idempotent-replayed": "true"} if again else {}
        return json_response(request, outcome, 422 if refused else 200, headers)


def http_source(source: Any) -> http.Http:
    """Return the source that accepts posted events.

    Raises
    ------
    HttpError
        If the source of this server does not accept posted events.
    """
    if not isinstance(source, http.Http):
        raise HttpError(
            409, "this server does not accept events: this requires a source of kind = 'http'"
        )
    return source


class Commits:
    """Waits for the commits of posted requests.

    The source reports outcomes on the thread of the pipeline. The outcomes of one commit are passed
    to the event loop together, because waking the loop for each would make both threads wait often.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._settled: list[tuple[asyncio.Future[_Result], _Result]] = []

    async def commit(
        self, source: http.Http, given: posted.PostedRequest
    ) -> tuple[posted.Outcome, bool]:
        """Return a request's outcome after its commit, and whether it repeats an earlier request.

        Raises
        ------
        HttpError
            If the request is not committed.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[_Result] = loop.create_future()
        given.done = lambda outcome, again: self._settle(loop, done, (outcome, again))
        try:
            source.offer(given)
            timer = loop.call_later(PATIENCE, _expire, done)
            try:
                outcome, again = await done
            finally:
                timer.cancel()
        except posted.BusyError as busy:
            headers = {"retry-after": str(max(1, math.ceil(busy.seconds)))}
            raise HttpError(429, str(busy), headers) from None
        except posted.ReusedError as reused:
            raise HttpError(422, str(reused)) from None
        except posted.ClosedError:
            outcome = None
        if outcome is None:
            reason = "the commit is uncertain: try again with the same Idempotency-Key"
            raise HttpError(503, reason, {"retry-after": "1"})
        return outcome, again

    def _settle(
        self, loop: asyncio.AbstractEventLoop, done: asyncio.Future[_Result], result: _Result
    ) -> None:
        with self._lock:
            first = not self._settled
            self._settled.append((done, result))
        if first and not loop.is_closed():
            loop.call_soon_threadsafe(self._answer)

    def _answer(self) -> None:
        with self._lock:
            settled, self._settled = self._settled, []
        for done, result in settled:
            if not done.done():
                done.set_result(result)


def _expire(done: asyncio.Future[_Result]) -> None:
    if not done.done():
        done.set_result((None, False))


def _kind(request: Request) -> str:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in (*ONE, *LINES):
        raise HttpError(415, f"expected Content-Type: {ONE[0]} or {LINES[0]}, got {kind[:100]!r}")
    if "content-encoding" in request.headers:
        raise HttpError(415, "expected a body without Content-Encoding")
    return kind


def _key(request: Request) -> str:
    key = request.headers.get("idempotency-key", "")
    if len(key) > MAX_KEY_LENGTH or not key.isprintable():
        raise HttpError(422, f"expected an Idempotency-Key of at most {MAX_KEY_LENGTH} characters")
    return key


def _request(body: bytes, kind: str, field: str | None, key: str) -> posted.PostedRequest:
    """Return the events of a body, after checking that each is a JSON object.

    Raises
    ------
    HttpError
        If an event is not a JSON object; the error names its line or position, counted from 1.
    """
    records = _lines(body) if kind in LINES else _events(body)
    name = "line" if kind in LINES else "event"
    ids = []
    for line, record in records:
        try:
            values = _objects.decode(record)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise HttpError(422, f"{name} {line}: {_reason(error)}") from None
        if field is not None:
            ids.append(_identity(values.get(field), field, f"{name} {line}"))
    return posted.PostedRequest(
        [record for _, record in records],
        [line for line, _ in records],
        ids,
        key,
        hashlib.sha256(body).hexdigest() if key else "",
    )


def _lines(body: bytes) -> list[tuple[int, bytes]]:
    return [(i, line) for i, line in enumerate(body.split(b"\n"), 1) if line.strip()]


def _events(body: bytes) -> list[tuple[int, bytes]]:
    if not body.lstrip().startswith(b"["):
        return [(1, body)]
    try:
        return [(i, bytes(raw)) for i, raw in enumerate(_array.decode(body), 1)]
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise HttpError(422, f"the array: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    if isinstance(error, msgspec.ValidationError):
        return "expected a JSON object"
    return explain(error)


def _identity(raw: msgspec.Raw | None, field: str, where: str) -> str:
    try:
        value = None if raw is None else msgspec.json.decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise HttpError(422, f"{where}: {field!r}: {explain(error)}") from None
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not 0 < len(value) <= MAX_ID_LENGTH:
        expected = "to be a string or a whole number"
        raise HttpError(422, f"{where}: expected {field!r}, the id of the event, {expected}")
    return value
