"""``/api/annotations``: notes about points in time, such as deployments."""

from __future__ import annotations

import time
import uuid
from datetime import datetime
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from seqbayes.dashboard.live.hub import Hub
from seqbayes.dashboard.schema import AnnotationBody
from seqbayes.dashboard.server.responses import HttpError, body_of, integer_parameter, json_response
from seqbayes.events.fields import explain
from seqbayes.stream.stores import Annotation

MAX_ANNOTATIONS = 1000
"""Maximum number of annotations in a response."""

MAX_BODY_BYTES = 16_384
"""Maximum number of bytes of a request."""


class Annotations:
    """The handlers; without a readable store, annotations are lost when the server stops.

    Parameters
    ----------
    hub
        The hub, whose provider reads the store.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._held: dict[str, Annotation] = {}

    async def get(self, request: Request) -> Response:
        """Return the newest annotations."""
        limit = integer_parameter(request, "limit", MAX_ANNOTATIONS, 0, MAX_ANNOTATIONS)
        found = await run_in_threadpool(self.listed)
        newest = [each._asdict() for each in found[len(found) - min(limit, len(found)) :]]
        return json_response(request, {"annotations": newest})

    async def post(self, request: Request) -> Response:
        """Store an annotation, and return it."""
        try:
            given = msgspec.json.decode(await body_of(request, MAX_BODY_BYTES), type=AnnotationBody)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise HttpError(422, explain(error)) from None
        annotation = self._read(given)
        await run_in_threadpool(self._store, annotation)
        return json_response(request, annotation._asdict())

    def _read(self, given: AnnotationBody) -> Annotation:
        belief = given.belief
        if belief and belief not in self._hub.board.tables:
            raise HttpError(422, f"there is no belief {belief[:200]!r}")
        at = time.time() if given.at is None else given.at
        seconds = at.timestamp() if isinstance(at, datetime) else float(at)
        if not abs(seconds) < 1e11:
            raise HttpError(422, "expected 'at' in seconds since 1970, or as a time with its zone")
        return Annotation(given.id or uuid.uuid4().hex, seconds, belief, given.text)

    def _store(self, annotation: Annotation) -> None:
        reader = self._hub.provider.reader
        if reader is None:
            self._held[annotation.id] = annotation
        else:
            reader.annotate(annotation)

    def listed(self) -> list[Annotation]:
        """Return all annotations in order of time."""
        reader = self._hub.provider.reader
        if reader is not None:
            return reader.annotations()
        return sorted(self._held.values(), key=lambda each: (each.at, each.id))

    def marks(self, belief: str) -> list[dict[str, Any]]:
        """Return annotations about a belief, or about all beliefs, as marks on a time axis."""
        return [
            {"at": each.at, "text": each.text, "kind": "annotation"}
            for each in self.listed()[-MAX_ANNOTATIONS:]
            if each.belief in ("", belief)
        ]
