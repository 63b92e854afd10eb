"""Delivery of the messages of alerts: each is confirmed once, under one id, however often tried."""

import hashlib
import hmac
import json
import os
import queue
import random
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from killing import KILLS, events, kill_often, toml, wait_until_committed
from memory import Listed, lines

from seqbayes import Beta
from seqbayes.stream import Belief, Pace, Pipeline, open_store
from seqbayes.stream.alerts import Alert, Alerts, Receiver, delivery, parse_condition
from seqbayes.stream.stores import StoredMessage


class Web:
    """A receiver that answers each request with the next status (0: no HTTP), then with 200."""

    def __init__(self):
        self.requests, self.statuses = queue.Queue(), queue.Queue()
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                try:
                    status = web.statuses.get_nowait()
                except queue.Empty:
                    status = 200
                web.requests.put((self.path, self.headers, body, status))
                if status == 0:
                    self.wfile.write(b"nonsense\r\n")
                    return
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def web():
    started = Web()
    yield started
    started.close()


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(delivery, "MIN_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(delivery, "MAX_PAUSE_SECONDS", 0.002)


def alert(receiver, condition="n >= 1", **options):
    belief = Belief("b", Beta(), field="x", by="k")
    return Alert("a", parse_condition(condition), condition, belief, receiver=receiver, **options)


def message(name="m1", status="firing", created=None):
    body = {
        "id": name,
        "alert": "a",
        "status": status,
        "condition": "n >= 1",
        "belief": "b",
        "key": {"k": "x"},
        "value": 1.0,
        "since": 1.0,
        "at": 2.0,
        "summary": "",
        "labels": {},
        "store": "s",
    }
    return StoredMessage(
        name, "a", json.dumps(body).encode(), time.time() if created is None else created
    )


def deliver(receiver, *messages, notes=None):
    """Deliver messages and return those that are done, when all are."""
    notes = [] if notes is None else notes
    sending = delivery.Delivery([alert(receiver)], lambda *response: notes.append(response))
    sending.send(messages)
    found = []
    while len(found) < len(messages):
        found += [sending._done.get(timeout=60.0)]  # noqa: SLF001
    sending.close()
    return found


def run(url, receiver, count=1, notes=None):
    notes = [] if notes is None else notes
    collector = Alerts([alert(receiver)], lambda *response: notes.append(response))
    source = Listed(lines(*[{"k": "x", "x": True}] * count))
    belief = Belief("b", Beta(), field="x", by="k")
    with Pipeline(source, [belief], open_store(url), Pace(), [collector]) as running:
        list(running)


def test_a_webhook_gets_signed_json(web):
    receiver = Receiver("webhook", f"{web.url}/hook", "secret")
    ((done, note),) = deliver(receiver, message())
    path, headers, body, _ = web.requests.get_nowait()
    assert (path, body, note) == ("/hook", done.body, "")
    signed = f"{headers['Seqbayes-Timestamp']}.".encode() + body
    expected = hmac.new(b"secret", signed, hashlib.sha256).hexdigest()
    assert headers["Seqbayes-Signature"] == f"sha256={expected}"
    assert headers["Seqbayes-Id"] == "m1" == json.loads(body)["id"]
    assert headers["Content-Type"] == "application/json"


def test_messages_are_delivered_in_order_with_the_same_id_until_one_is_confirmed(web, impatient):
    for status in (500, 302, 404, 503, 0):
        web.statuses.put(status)
    notes = []
    receiver = Receiver("webhook", web.url)
    deliver(receiver, message("m1"), message("m2", "resolved"), notes=notes)
    asked = [web.requests.get_nowait() for _ in range(web.requests.qsize())]
    assert [(h["Seqbayes-Id"], status) for _, h, _, status in asked] == [
        *(("m1", status) for status in (500, 302, 404, 503, 0, 200)),
        ("m2", 200),
    ]
    assert {path for path, *_ in asked} == {"/"}  # a redirection is not followed
    assert [event for event, *_ in notes] == ["alert_delayed", "alert_delivered"]
    assert "the receiver responded with 500" in notes[0][1]


def test_a_message_that_is_too_old_is_abandoned(web, impatient):
    web.statuses.put(500)
    ((_, note),) = deliver(Receiver("webhook", web.url), message(created=0.0))
    assert note.startswith("the receiver responded with 500")


def test_alertmanager_gets_alerts_in_its_form(web):
    deliver(Receiver("alertmanager", web.url), message(), message("m2", "resolved"))
    (path, _, first, _), (_, _, second, _) = web.requests.get(), web.requests.get()
    assert path == "/api/v2/alerts"
    ((firing,), (resolved,)) = json.loads(first), json.loads(second)
    assert firing["labels"] == {"alertname": "a", "belief": "b", "k": "x"} == resolved["labels"]
    assert firing["startsAt"] == resolved["startsAt"] == "1970-01-01T00:00:01.000Z"
    assert resolved["endsAt"] == "1970-01-01T00:00:02.000Z"
    assert firing["endsAt"] > "2026"
    body = json.loads(message().body) | {"key": {"9 k": "x", "alertname": "y"}}
    labels = delivery.for_alertmanager(json.dumps(body).encode())["labels"]
    assert labels == {"alertname": "a", "belief": "b", "_9_k": "x", "alertname_": "y"}
    body = json.loads(message().body) | {"labels": {"k": "all"}}
    labels = delivery.for_alertmanager(json.dumps(body).encode())["labels"]
    assert labels == {"alertname": "a", "belief": "b", "k": "x", "k_": "all"}


def test_a_firing_alert_is_sent_to_alertmanager_regularly(web, monkeypatch):
    monkeypatch.setattr(delivery, "RENEW_SECONDS", 0.01)
    sending = delivery.Delivery([alert(Receiver("alertmanager", web.url))], lambda *response: None)
    sending.renew("a", message().body)
    for _ in range(3):
        assert json.loads(web.requests.get(timeout=60.0)[2])[0]["labels"]["k"] == "x"
    sending.close()


def test_messages_do_not_postpone_the_renewal_of_a_firing_alert(web, monkeypatch):
    monkeypatch.setattr(delivery, "RENEW_SECONDS", 0.2)
    sending = delivery.Delivery([alert(Receiver("alertmanager", web.url))], lambda *response: None)
    sending.renew("a", message("old").body)
    other = message("new", "resolved")
    other = other._replace(body=other.body.replace(b'"x"', b'"y"'))
    found = ""
    deadline = time.monotonic() + 60.0
    while found != "old" and time.monotonic() < deadline:
        sending.send([other])
        found = json.loads(web.requests.get(timeout=60.0)[2])[0]["annotations"]["id"]
        time.sleep(0.01)
    assert found == "old"
    sending.close()


COMMAND = "import sys; open(sys.argv[1], 'ab').write(sys.stdin.buffer.read() + b'\\n')"


def test_a_command_gets_the_message_only_on_its_standard_input(tmp_path):
    hostile = '$(touch pwned); `touch pwned` "; touch pwned #'
    out = tmp_path / "out"
    command = (sys.executable, "-c", COMMAND, str(out))
    body = json.loads(message().body) | {"key": {"k": hostile}}
    sent = message()._replace(body=json.dumps(body).encode())
    deliver(Receiver("command", command=command), sent)
    assert json.loads(out.read_bytes())["key"] == {"k": hostile}
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (
            (sys.executable, "-c", "import sys; sys.exit('no disk')"),
            "exited with status 1: no disk",
        ),
        (("/no/such/program",), "cannot be started"),
    ],
)
def test_a_command_that_fails_is_reported(command, reason):
    with pytest.raises(delivery.DeliveryError, match=reason):
        delivery.send(Receiver("command", command=command), b"{}", lambda *response: None)


def test_a_receiver_that_cannot_be_reached_is_reported():
    with pytest.raises(delivery.DeliveryError, match="cannot be reached"):
        delivery.send(Receiver("webhook", "http://127.0.0.1:1"), message().body, lambda *t: None)


def test_pauses_double_up_to_a_limit():
    assert all(0.5 <= delivery.pause(0) <= 1.0 for _ in range(9))
    assert all(150.0 <= delivery.pause(99) <= 300.0 for _ in range(9))


def test_messages_that_a_run_did_not_deliver_are_delivered_by_the_next_one(web, url, monkeypatch):
    monkeypatch.setattr(delivery, "MIN_PAUSE_SECONDS", 3600.0)
    monkeypatch.setattr(delivery, "MAX_PAUSE_SECONDS", 3600.0)
    web.statuses.put(503)
    receiver = Receiver("webhook", web.url)
    run(url, receiver)
    with open_store(url, "read") as store:
        assert [each.done for each in store.messages()] == [0.0]
    run(url, receiver)
    with open_store(url, "read") as store:
        (stored,) = store.messages()
        assert stored.done > 0.0
        assert stored.note == ""
    first, second = web.requests.get(), web.requests.get()
    assert first[1]["Seqbayes-Id"] == second[1]["Seqbayes-Id"] == stored.id
    run(url, receiver)
    assert web.requests.empty()


def test_only_the_newest_delivered_messages_are_kept(url, monkeypatch):
    monkeypatch.setattr("seqbayes.stream.alerts.outbox.MAX_DONE", 2)
    belief = Belief("b", Beta(), field="x", by="k")
    response = [{"k": str(i), "x": True} for i in range(6)]
    collector = Alerts([alert(Receiver())])
    source = Listed(lines(*response), size=1)
    with Pipeline(source, [belief], open_store(url), Pace(seconds=0.0), [collector]) as running:
        list(running)
    with open_store(url, "read") as store:
        keys = [json.loads(each.body)["key"]["k"] for each in store.messages()]
    assert keys == ["4", "5"]


ALERT = """
[alert.many]
when = "n >= 40"
belief = "high"
to = "webhook"
url = "{url}"
secret = "s"
"""


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
def test_runs_killed_at_random_moments_report_each_change_once(web, durable_url, tmp_path, process):
    """Eight keys reach 40 events each; every message arrives, under one id for each key."""
    rng = random.Random(f"alerts {durable_url.partition(':')[0]}")
    records, path = events(80 * KILLS, 5), tmp_path / "e.jsonl"
    for i in range(400):  # one request in three fails
        web.statuses.put(503 if i % 3 == 1 else 200)
    config = tmp_path / "c.toml"
    source = toml({"kind": "file", "path": str(path), "follow": True})
    text = f"store = '{durable_url}'\ncommit = {{ every = '10 ms' }}\nsource = {source}\n"
    belief = "[belief.high]\nstate = 'beta'\nfield = 'high'\nby = 'k'\n"
    config.write_text(text + belief + ALERT.format(url=web.url))

    def publish(i):
        with path.open("ab") as out:
            out.write(b"".join(record + b"\n" for record in records[80 * i : 80 * i + 80]))

    publish(0)
    process.start("run", str(config))
    wait_until_committed(process, durable_url, 1)
    process.kill()
    kill_often(process, ["run", str(config)], rng, lambda i, end: publish(i + 1), KILLS - 1)
    for _ in range(20):
        process.run("run", str(config), "--once")
        with open_store(durable_url, "read") as store:
            messages = store.messages()
        if all(each.done for each in messages):
            break
    expected = {json.loads(each)["k"] for each in records}
    found = [json.loads(each.body)["key"]["k"] for each in messages]
    assert sorted(found) == sorted(expected)
    assert all(each.done and not each.note for each in messages)
    confirmed = {}
    while not web.requests.empty():
        _, headers, body, status = web.requests.get()
        if status == 200:
            confirmed.setdefault(json.loads(body)["key"]["k"], set()).add(headers["Seqbayes-Id"])
    assert {key: len(ids) for key, ids in confirmed.items()} == dict.fromkeys(expected, 1)
