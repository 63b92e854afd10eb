"""``/metrics``: the pipeline and the keys with the most data, in the Prometheus text format."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from seqbayes.dashboard import views
from seqbayes.dashboard.live.descriptions import BeliefDescription
from seqbayes.dashboard.live.hub import Hub
from seqbayes.dashboard.server.alerts import AlertReads
from seqbayes.dashboard.server.units import Unit, unit_of
from seqbayes.stream.stores import StoreError

TOP = 20
"""Maximum number of exported keys of a belief; the keys with the most data are exported."""

_RESERVED = ("belief", "label", "part", "rest", "le", "quantile")
"""Label names that have another meaning, here or in Prometheus."""

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_SERVER = {
    "seqbayes_events_total": ("counter", "Events read and learned.", "events"),
    "seqbayes_events_per_second": ("gauge", "Current events per second.", "rate"),
    "seqbayes_lag": (
        "gauge",
        "Unread events, bytes or messages in the source, in its unit.",
        "lag",
    ),
    "seqbayes_commit_age_seconds": ("gauge", "Seconds since the last commit.", "commit_age"),
    "seqbayes_event_age_seconds": ("gauge", "Seconds since the last event.", "event_age"),
    "seqbayes_dead_letters_total": (
        "counter",
        "Events that a belief, or all beliefs, could not use.",
        "dead_letters",
    ),
    "seqbayes_reconnects_total": ("counter", "Reconnections of the source.", "reconnects"),
    "seqbayes_quiet": ("gauge", "1 if expected events do not arrive.", "quiet"),
    "seqbayes_uptime_seconds": ("gauge", "Seconds since the server started.", "uptime"),
    "seqbayes_clients": ("gauge", "Connected pages and programs.", "clients"),
}

_MEASURES = {
    False: {
        "mean": ("mean", "Posterior mean."),
        "low": ("low", "Lower end of the 95 % interval."),
        "high": ("high", "Upper end of the 95 % interval."),
    },
    True: {
        "mean": ("median", "Posterior estimate of the median of the observations."),
        "low": ("median_low", "Lower end of the 95 % interval of the median."),
        "high": ("median_high", "Upper end of the 95 % interval of the median."),
    },
}
"""Names and help texts of the mean, low and high; True for beliefs about logarithms."""

Sample = tuple[dict[str, str], float]


class Metrics:
    """Exports metrics; the metrics of beliefs are cached until they change."""

    def __init__(self, hub: Hub, alerts: AlertReads) -> None:
        self._hub, self._alerts = hub, alerts
        self._made = (-1, "")

    async def get(self, request: Request) -> Response:
        """Return all metrics."""
        text = await run_in_threadpool(self._text)
        body = text.encode(errors="replace")
        return Response(body, 200, {"cache-control": "no-store"}, CONTENT_TYPE)

    def _text(self) -> str:
        health = self._hub.health()
        version = self._hub.board.version
        if self._made[0] != version:
            self._made = (version, "".join(self._beliefs()))
        lines = [*_server(health), *self._of_alerts(), self._made[1]]
        return "".join(lines)

    def _of_alerts(self) -> Iterator[str]:
        try:
            counts, waiting = self._alerts.counts()
        except StoreError:  # the other metrics do not need the store
            return
        samples = [({"alert": a, "status": s}, float(n)) for (a, s), n in sorted(counts.items())]
        yield from family("seqbayes_alerts", "gauge", "Keys of an alert by status.", samples)
        if samples or waiting:
            name, text = "seqbayes_alert_messages_waiting", "Messages that are not delivered yet."
            yield from family(name, "gauge", text, [({}, float(waiting))])

    def _beliefs(self) -> Iterator[str]:
        board = self._hub.board
        with board.lock:
            tables = list(board.tables.values())
            keys = [({"belief": s.description.name}, float(len(s.entries))) for s in tables]
            weights: list[Sample] = []
            exported: list[Exported] = []
            for table in tables:
                unit = unit_of(table.description.display.unit)
                for entry in table.top(TOP):
                    labels = labels_of(entry.names, table.description)
                    weights.append((labels, entry.n))
                    exported += _exported(labels, unit, views.metrics(entry.state))
        yield from family("seqbayes_belief_keys", "gauge", "Keys of a belief.", keys)
        name, help_text = "seqbayes_belief_observations", "Total weight of the observations."
        yield from family(name, "gauge", help_text, weights)
        for unit_name, logarithmic in dict.fromkeys(
            (each.unit.name, each.metric.logarithmic) for each in exported
        ):
            chosen = [
                each
                for each in exported
                if each.unit.name == unit_name and each.metric.logarithmic is logarithmic
            ]
            for field, (name, help_text) in _MEASURES[logarithmic].items():
                samples = [
                    (each.labels, value * each.unit.factor)
                    for each in chosen
                    if (value := each.metric._asdict()[field]) is not None
                ]
                full = f"seqbayes_belief_{name}_{unit_name}".rstrip("_")
                yield from family(full, "gauge", help_text, samples)


class Exported(NamedTuple):
    """A number of a key, with the labels and the unit of the number's metrics."""

    labels: dict[str, str]
    unit: Unit
    metric: views.Metric


def _exported(
    labels: dict[str, str], unit: Unit, metrics: Iterable[views.Metric]
) -> Iterator[Exported]:
    """Yield the numbers of a key; repeated names get a suffix, so that series are unique."""
    taken: set[tuple[str, ...]] = set()
    for metric in metrics:
        own, k = metric.labels, 1
        while tuple(own.values()) in taken:
            k += 1
            own = {name: f"{text} {k}" for name, text in metric.labels.items()}
        taken.add(tuple(own.values()))
        yield Exported({**labels, **own}, Unit("", 1.0) if metric.share else unit, metric)


def labels_of(names: Sequence[str] | None, description: BeliefDescription) -> dict[str, str]:
    """Return the labels of a key: the belief, and the value of each of its fields.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> from seqbayes.events.belief import Belief
    >>> from seqbayes.dashboard.live.descriptions import of_belief
    >>> description = of_belief(Belief("sales", Beta(), "sold", by=["shop no.", "belief"]))
    >>> labels_of(["7", "a"], description)
    {'belief': 'sales', 'shop_no_': '7', 'belief_2': 'a'}
    >>> labels_of(None, description)
    {'belief': 'sales', 'rest': 'true'}
    """
    if names is None:
        return {"belief": description.name, "rest": "true"}
    labels, taken = {"belief": description.name}, set(_RESERVED)
    for field, value in zip(description.by, names, strict=True):
        snake = re.sub(r"([a-z])([A-Z])", lambda case: f"{case[1]}_{case[2].lower()}", field)
        label = plain = re.sub(r"[^a-zA-Z0-9_]", "_", snake).lstrip("_0123456789") or "field"
        k = 1
        while label in taken:
            k += 1
            label = f"{plain}_{k}"
        taken.add(label)
        labels[label] = value
    return labels


def _server(health: dict[str, Any]) -> Iterator[str]:
    for name, (kind, meaning, field) in _SERVER.items():
        if health[field] is not None:
            yield from family(name, kind, meaning, [({}, float(health[field]))])
    up = [({"status": s}, float(s == health["status"])) for s in ("ok", "stalled", "stopped")]
    yield from family("seqbayes_status", "gauge", "1 for the current status.", up)


def family(name: str, kind: str, text: str, samples: Iterable[Sample]) -> Iterator[str]:
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
        yield f"# HELP {name} {text}\n# TYPE {name} {kind}\n"
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
    if math.isfinite(value):
        return msgspec.json.encode(value).decode()
    return "NaN" if math.isnan(value) else "+Inf" if value > 0.0 else "-Inf"
