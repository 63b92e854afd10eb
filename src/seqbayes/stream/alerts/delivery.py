"""Delivery of the messages of alerts to webhooks, Alertmanager, commands and the log."""

from __future__ import annotations

import datetime
import hashlib
import hmac
import http.client
import queue
import random
import re
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from seqbayes.stream.alerts.alert import Alert, Receiver
from seqbayes.stream.stores import StoredMessage
from seqbayes.stream.urls import expand

Notify = Callable[[str, str, str], None]
"""Called with the name of an event, its text and its level."""

TIMEOUT_SECONDS = 10.0
"""Time limit for the response of a receiver; three times as long for a command."""
MIN_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 1.0, 300.0
"""Pauses between attempts double, from the first to the maximum."""
GIVE_UP_SECONDS = 3 * 86400.0
"""Age at which an undelivered message is abandoned."""
RENEW_SECONDS = 300.0
"""Interval at which firing alerts are sent to Alertmanager again, in case it has restarted."""
VALID_SECONDS = 86400.0
"""Time after which Alertmanager resolves an alert of a runner that has stopped."""


class DeliveryError(Exception):
    """A message was not delivered."""


class Delivery:
    """Delivers the messages of each alert in order, with one thread per alert.

    Parameters
    ----------
    alerts
        The alerts.
    notify
        Function that logs messages and failures.
    """

    def __init__(self, alerts: Iterable[Alert], notify: Notify) -> None:
        self._done: queue.SimpleQueue[tuple[StoredMessage, str]] = queue.SimpleQueue()
        self._senders = {a.name: MessageSender(a, notify, self._done) for a in alerts}

    def send(self, messages: Iterable[StoredMessage]) -> None:
        """Deliver messages; messages of alerts that no longer exist are abandoned."""
        for message in messages:
            sender = self._senders.get(message.alert)
            if sender is None:
                self._done.put((message, "the alert is no longer in the configuration"))
            else:
                sender.put(message)

    def renew(self, alert: str, body: bytes) -> None:
        """Send the body of a firing alert periodically, if its receiver requires it."""
        self._senders[alert].renew(body)

    def done(self) -> list[tuple[StoredMessage, str]]:
        """Return the messages completed since the last call, with the reason if abandoned."""
        found = []
        while not self._done.empty():
            found.append(self._done.get())
        return found

    def close(self, patience: float = 5.0) -> None:
        """Try each alert's waiting messages until a delivery fails or the time is over."""
        deadline = time.monotonic() + patience
        for sender in self._senders.values():
            sender.stop(deadline - time.monotonic())


class MessageSender:
    """Delivers the messages of one alert, in order.

    Parameters
    ----------
    alert
        The alert.
    notify
        Function that logs messages and failures.
    done
        Receives each message with the reason why it was abandoned, or an empty string.
    """

    def __init__(
        self, alert: Alert, notify: Notify, done: queue.SimpleQueue[tuple[StoredMessage, str]]
    ) -> None:
        self._alert, self._notify, self._done = alert, notify, done
        self._waiting: queue.SimpleQueue[StoredMessage | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._firing: dict[bytes, bytes] = {}
        self._thread: threading.Thread | None = None

    def put(self, message: StoredMessage) -> None:
        """Deliver a message after all earlier messages."""
        self._waiting.put(message)
        self._start()

    def renew(self, body: bytes) -> None:
        """Send a firing alert periodically, if the receiver is Alertmanager."""
        if self._alert.receiver.kind == "alertmanager":
            self._firing[_subject(body)] = body
            self._start()

    def _start(self) -> None:
        if self._thread is None:
            name = f"alert {self._alert.name}"
            self._thread = threading.Thread(target=self._run, name=name, daemon=True)
            self._thread.start()

    def stop(self, patience: float) -> None:
        """Try the waiting messages until a delivery fails or the time is over, and stop."""
        self._stopping.set()
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join(max(patience, 0.0))

    def _run(self) -> None:
        renewal = time.monotonic() + RENEW_SECONDS
        while True:
            try:
                left = renewal - time.monotonic()
                message = self._waiting.get(timeout=max(left, 0.0) if self._firing else None)
            except queue.Empty:
                self._renew_all()
                renewal = time.monotonic() + RENEW_SECONDS
                continue
            if message is None:
                return
            reason = self._deliver(message)
            if reason is None:  # the message stays in the store, and the next run delivers it
                return
            self._done.put((message, reason))

    def _deliver(self, message: StoredMessage) -> str | None:
        """Deliver a message; return the reason if it is abandoned, otherwise None."""
        attempt = 0
        while True:
            try:
                send(self._alert.receiver, message.body, self._notify)
            except DeliveryError as error:
                if abs(time.time() - message.created) > GIVE_UP_SECONDS:
                    text = f"alert {message.alert} could not be delivered: {error}"
                    self._notify("alert_abandoned", text, "error")
                    return str(error)
                if attempt == 0:
                    text = f"alert {message.alert} could not be delivered, retrying: {error}"
                    self._notify("alert_delayed", text, "warning")
                if self._stopping.wait(pause(attempt)):
                    return None
                attempt += 1
                continue
            if attempt:
                self._notify("alert_delivered", f"alert {message.alert} was delivered", "info")
            self._remember(message.body)
            return ""

    def _remember(self, body: bytes) -> None:
        if self._alert.receiver.kind == "alertmanager":
            if msgspec.json.decode(body)["status"] == "firing":
                self._firing[_subject(body)] = body
            else:
                self._firing.pop(_subject(body), None)

    def _renew_all(self) -> None:
        for body in list(self._firing.values()):
            try:
                send(self._alert.receiver, body, self._notify)
            except DeliveryError:
                return  # retry at the next interval


def pause(attempt: int) -> float:
    """Return the partly random number of seconds to wait after an attempt."""
    full = min(MIN_PAUSE_SECONDS * 2.0 ** min(attempt, 20), MAX_PAUSE_SECONDS)
    return full * random.uniform(0.5, 1.0)


def _subject(body: bytes) -> bytes:
    """Return the subject of a message: the key of its belief, as JSON."""
    return msgspec.json.encode(msgspec.json.decode(body)["key"])


def send(receiver: Receiver, body: bytes, notify: Notify) -> None:
    """Deliver the body of a message once.

    Raises
    ------
    DeliveryError
        If the receiver does not confirm the message.
    """
    if receiver.kind == "log":
        message = msgspec.json.decode(body)
        notify("alert", in_words(message), "warning" if message["status"] == "firing" else "info")
    elif receiver.kind == "command":
        _run(receiver.command, body)
    elif receiver.kind == "alertmanager":
        url = expand(receiver.url, quoted=True).rstrip("/").removesuffix("/api/v2/alerts")
        _post(f"{url}/api/v2/alerts", msgspec.json.encode([for_alertmanager(body)]), {})
    else:
        _post(expand(receiver.url, quoted=True), body, signed(body, expand(receiver.secret)))


def in_words(message: Mapping[str, Any]) -> str:
    """Return a message as a sentence.

    Examples
    --------
    >>> in_words({"alert": "slow", "status": "firing", "belief": "latency", "key": {"page": "home"},
    ...           "condition": "P(mean > 200) > 0.99", "value": 0.995})
    'alert slow is firing for latency home: P(mean > 200) > 0.99, the value is 0.995'
    """
    about = [message["belief"] or "", *(message["key"] or {}).values()]
    subject = f" for {' '.join(filter(None, about))}" if any(about) else ""
    value = message["value"]
    shown = "" if value is None else f", the value is {value:.6g}"
    return (
        f"alert {message['alert']} is {message['status']}{subject}: {message['condition']}{shown}"
    )


def signed(body: bytes, secret: str, now: float | None = None) -> dict[str, str]:
    """Return the headers of a webhook: id, time, and the HMAC-SHA256 of ``time.body``.

    Parameters
    ----------
    body
        The body.
    secret
        The secret; if empty, there is no signature.
    now
        Seconds since 1970; by default the current time.

    Examples
    --------
    >>> signed(b'{"id":"a"}', "secret", 1700000000.0)["Seqbayes-Signature"][:20]
    'sha256=24d16fb59a06b'
    """
    at = str(int(time.time() if now is None else now))
    headers = {"Seqbayes-Id": msgspec.json.decode(body)["id"], "Seqbayes-Timestamp": at}
    if secret:
        digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256)
        headers["Seqbayes-Signature"] = f"sha256={digest.hexdigest()}"
    return headers


def for_alertmanager(body: bytes) -> dict[str, Any]:
    """Convert a message to the format of version 2 of Alertmanager's API."""
    message = msgspec.json.decode(body)
    labels = {"alertname": message["alert"]}
    if message["belief"]:
        labels["belief"] = message["belief"]
    for field, value in [*(message["key"] or {}).items(), *message["labels"].items()]:
        label = re.sub(r"\W", "_", field, flags=re.ASCII)
        label = label if re.match("[a-zA-Z_]", label) else f"_{label}"
        while label in labels:
            label += "_"
        labels[label] = value
    ends = time.time() + VALID_SECONDS
    return {
        "labels": labels,
        "annotations": {"summary": message["summary"] or in_words(message), "id": message["id"]},
        "startsAt": _rfc3339(message["since"]),
        "endsAt": _rfc3339(ends if message["status"] == "firing" else message["at"]),
    }


def _rfc3339(seconds: float) -> str:
    when = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Treats a redirection as an error, because the redirected request would have no body."""

    def redirect_request(self, *arguments: Any) -> None:
        return None


def _post(url: str, body: bytes, headers: Mapping[str, str]) -> None:
    request = urllib.request.Request(
        url, body, {"Content-Type": "application/json", **headers}, method="POST"
    )
    try:
        opener = urllib.request.build_opener(_NoRedirect)
        with opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
            answer.read(1 << 16)
    except urllib.error.HTTPError as error:
        error.close()
        raise DeliveryError(f"the receiver responded with {error.code} {error.reason}") from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise DeliveryError(f"the receiver cannot be reached: {reason}") from None


def _run(command: Sequence[str], body: bytes) -> None:
    """Run a command with the message on its standard input, without a shell."""
    try:
        found = subprocess.run(
            command, input=body, capture_output=True, timeout=3.0 * TIMEOUT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise DeliveryError(f"{command[0]} took longer than {error.timeout:.0f} s") from None
    except OSError as error:
        raise DeliveryError(f"{command[0]} cannot be started: {error}") from None
    if found.returncode:
        last = found.stderr.decode(errors="replace").strip().rpartition("\n")[2][:200]
        raise DeliveryError(f"{command[0]} exited with status {found.returncode}: {last}")
