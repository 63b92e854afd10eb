"""``/metrics``: the pipeline and the beliefs that have seen most, as Prometheus reads them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from seqbayes.dashboard.live.entries import Entry
from seqbayes.dashboard.live.hub import Hub

TOP = 20
"""Keys of a belief that are told, those that have seen most: labels must not be without bound."""

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_SERVER = {
    "seqbayes_events_total": ("counter", "Events read and learned.", "events"),
    "seqbayes_events_per_second": ("gauge", "Events a second, lately.", "rate"),
    "seqbayes_lag": ("gauge", "What is left in the source, in its units.", "lag"),
    "seqbayes_commit_age_seconds": ("gauge", "Seconds since the last commit.", "commit_age"),
    "seqbayes_event_age_seconds": ("gauge", "Seconds since the last event.", "event_age"),
    "seqbayes_dead_letters_total": ("counter", "Events that could not be used.", "dead_letters"),
    "seqbayes_reconnects_total": ("counter", "Times the source was lost.", "reconnects"),
    "seqbayes_quiet": ("gauge", "Whether events that were to be expected fail to come.", "quiet"),
    "seqbayes_uptime_seconds": ("gauge", "Seconds since the server began.", "uptime"),
    "seqbayes_clients": ("gauge", "Pages and programs that watch.", "clients"),
}

_KEYS: dict[str, tuple[str, Callable[[Entry], float | None]]] = {
    "seqbayes_belief_observations": ("Weight of what was seen.", lambda e: e.n),
    "seqbayes_belief_mean": ("Posterior mean.", lambda e: e.summary.mean),
    "seqbayes_belief_low": ("Lower end of the 95 % interval.", lambda e: e.summary.low),
    "seqbayes_belief_high": ("Upper end of the 95 % interval.", lambda e: e.summary.high),
}


class Metrics:
    """The handler; the part about beliefs is made anew when they have changed.

    Parameters
    ----------
    hub
        Has the board, and where it comes from.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._made = (-1, "")

    async def get(self, request: Request) -> Response:
        """Tell all metrics."""
        text = await run_in_threadpool(self._text)
        return Response(text, 200, {"cache-control": "no-store"}, CONTENT_TYPE)

    def _text(self) -> str:
        health = self._hub.health()
        version = self._hub.board.version
        if self._made[0] != version:
            self._made = (version, "".join(self._beliefs()))
        lines = [*_server(health), self._made[1]]
        return "".join(lines)

    def _beliefs(self) -> Iterator[str]:
        board = self._hub.board
        with board.lock:
            chosen = [(n, s.top(TOP), len(s.entries)) for n, s in board.shelves.items()]
            keys = (({"belief": name}, float(count)) for name, _, count in chosen)
            yield from family("seqbayes_belief_keys", "gauge", "Keys of a belief.", keys)
            for name, (told, value) in _KEYS.items():
                samples = [
                    ({"belief": belief, "key": _key(entry)}, number)
                    for belief, entries, _ in chosen
                    for entry in entries
                    if (number := value(entry)) is not None
                ]
                yield from family(name, "gauge", told, samples)


def _server(health: dict[str, Any]) -> Iterator[str]:
    for name, (kind, told, field) in _SERVER.items():
        if health[field] is not None:
            yield from family(name, kind, told, [({}, float(health[field]))])
    up = [({"status": s}, float(s == health["status"])) for s in ("ok", "stalled", "stopped")]
    yield from family("seqbayes_status", "gauge", "1 for the present status.", up)


def _key(entry: Entry) -> str:
    names = entry.names
    return "(rest)" if names is None else ", ".join(names)


def family(
    name: str, kind: str, told: str, samples: Iterable[tuple[dict[str, str], float]]
) -> Iterator[str]:
    r"""Return the lines of one metric.

    Examples
    --------
    >>> print("".join(family("keys", "gauge", "Keys.", [({"belief": 'a"b\n'}, 2.0)])), end="")
    # HELP keys Keys.
    # TYPE keys gauge
    keys{belief="a\"b\n"} 2
    """
    lines = [f"{name}{_labels(labels)} {_number(value)}\n" for labels, value in samples]
    if lines:
        yield f"# HELP {name} {told}\n# TYPE {name} {kind}\n"
        yield from lines


def _labels(labels: dict[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escape(value)}"' for name, value in labels.items()) + "}"


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return msgspec.json.encode(value).decode() if math.isfinite(value) else "NaN"
