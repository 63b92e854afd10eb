"""``GET /api/alerts``: the alerts that are pending, firing or resolved, and their messages."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from seqbayes.dashboard.live.hub import Hub
from seqbayes.dashboard.server.responses import integer_parameter, json_response
from seqbayes.events.keys import read_key
from seqbayes.stream.stores import StoredAlert, StoredMessage

MAX_MESSAGES = 50
MAX_LISTED = 1000


class AlertReads:
    """The handler.

    Parameters
    ----------
    hub
        The hub, whose provider reads the store.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def get(self, request: Request) -> Response:
        """Return the alerts and their newest messages."""
        limit = integer_parameter(request, "limit", MAX_MESSAGES, 0, MAX_LISTED)
        return json_response(request, await run_in_threadpool(self.listed, limit))

    def listed(self, limit: int = MAX_MESSAGES) -> dict[str, Any]:
        """Return the alerts and messages as JSON values."""
        reader = self._hub.provider.reader
        if reader is None:  # an in-memory store has no reader
            return {"alerts": [], "messages": [], "waiting": 0}
        alerts, messages = reader.alerts()
        newest = messages[::-1][:limit]
        return {
            "alerts": list(map(_alert, alerts)),
            "messages": list(map(_message, newest)),
            "waiting": sum(not each.done for each in messages),
        }

    def counts(self) -> tuple[Counter[tuple[str, str]], int]:
        """Return the number of keys by alert and status, and the number of undelivered messages."""
        found = self.listed(0)
        return Counter((a["alert"], a["status"]) for a in found["alerts"]), found["waiting"]


def _alert(stored: StoredAlert) -> dict[str, Any]:
    names: Any = read_key(stored.key) if stored.key else ()
    return {
        "alert": stored.alert,
        "key": None if names is None else [names] if isinstance(names, str) else list(names),
        "value": None,
        **msgspec.json.decode(stored.state),
    }


def _message(stored: StoredMessage) -> dict[str, Any]:
    body = msgspec.json.decode(stored.body)
    names = ("id", "alert", "status", "condition", "belief", "key", "value", "since", "at")
    return {
        **{name: body[name] for name in names},
        "delivered": stored.done if stored.done and not stored.note else None,
        "abandoned": stored.note or None,
    }
