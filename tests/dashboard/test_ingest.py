"""Events over HTTP: accepted when committed, counted once, refused with the line."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from serving import HTTP, TOKEN, httpx

from seqbayes import PriorError, cli
from seqbayes.stream import StoreError, open_store
from seqbayes.stream.sources.http import Http
from seqbayes.stream.sources.posted import BusyError, ClosedError, PostedRequest, ReusedError

IDS = HTTP.replace('kind = "http"', 'kind = "http", id = "id"')


def sold(server, shop="a"):
    cards = server.get("/api/beliefs/sales")["cards"]
    return next((card["n"] for card in cards if card["key"] == [shop]), 0.0)


def stored(directory):
    """Return how many events of the source have been committed."""
    store = open_store(str(directory / "beliefs.db"))
    events = store.events("http")
    letters = [each.letter for each in store.letters()]
    store.close()
    return events, letters


@pytest.mark.parametrize(
    ("kind", "body", "count"),
    [
        ("application/json", '{"shop": "a", "sold": true}', 1),
        ("application/json", ' [{"shop": "a", "sold": true}, {"shop": "a", "sold": false}]', 2),
        ("application/json; charset=utf-8", "[]", 0),
        ("application/x-ndjson", '{"shop": "a", "sold": 1}\r\n\n{"shop": "a", "sold": 0}', 2),
        ("application/jsonl", "", 0),
    ],
)
def test_a_body_is_one_event_an_array_or_lines(serve, kind, body, count):
    server = serve(HTTP)
    result = server.post(body, kind=kind).json()
    assert result == {"accepted": count, "duplicates": 0, "refused": 0, "refusals": [], "unused": 0}
    server.until(lambda: sold(server) == count)


def test_the_response_follows_the_commit(serve, tmp_path):
    server = serve(HTTP)
    for i in range(5):
        server.post([{"shop": "a", "sold": True}] * 3)
        assert stored(tmp_path)[0] == 3 * (i + 1)


def test_nothing_is_accepted_if_the_commit_fails(serve, monkeypatch, tmp_path):
    server = serve(HTTP)
    server.post([{"shop": "a", "sold": True}])
    from seqbayes.stream.stores.sqlite import SqliteStore

    def fail(self, changes):
        raise StoreError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(SqliteStore, "commit", fail)
        result = server.post([{"shop": "a", "sold": True}], 503, Idempotency_Key="k")
        assert "try again" in result.json()["error"]
        server.until(lambda: server.get("/api/health")["error"] == "the disk is full")
        assert server.get("/api/health")["status"] == "stopped"
    # it continues automatically from the last commit
    server.until(lambda: server.get("/api/health")["status"] == "ok")
    server.until(lambda: sold(server) == 1.0)
    server.post([{"shop": "a", "sold": True}], Idempotency_Key="k")
    assert stored(tmp_path)[0] == 2


def test_a_retry_counts_once_across_restarts(serve, tmp_path):
    first = serve(HTTP)
    events = [{"shop": "a", "sold": True}, {"shop": "a", "sold": 7}]
    result = first.post(events, Idempotency_Key="k")
    assert "idempotent-replayed" not in result.headers
    again = first.post(events, Idempotency_Key="k")
    assert again.headers["idempotent-replayed"] == "true"
    first.stop()
    second = serve(HTTP)
    later = second.post(events, Idempotency_Key="k")
    assert later.headers["idempotent-replayed"] == "true"
    assert result.json() == again.json() == later.json()
    assert result.json()["refusals"][0]["line"] == 2
    assert stored(tmp_path)[0] == 2
    other = second.post(events[:1], 422, Idempotency_Key="k")
    assert "was used for another request" in other.json()["error"]
    second.post(events, Idempotency_Key="another")
    assert stored(tmp_path)[0] == 4


def test_events_with_ids_are_learned_once(serve, tmp_path):
    server = serve(IDS)
    one = {"id": "1", "shop": "a", "sold": True}
    result = server.post([one, {**one, "id": 2}, one]).json()
    assert (result["accepted"], result["duplicates"]) == (2, 1)
    assert server.post([one]).json()["duplicates"] == 1
    server.stop()
    server = serve(IDS)
    result = server.post([{**one, "id": 2}, {**one, "id": 3}]).json()
    assert (result["accepted"], result["duplicates"]) == (1, 1)
    assert stored(tmp_path)[0] == 3
    for wrong in ({}, {"id": None}, {"id": 1.5}, {"id": ""}, {"id": True}, {"id": "x" * 201}):
        assert "line 1: expected 'id'" in server.post([wrong], 422).json()["error"]
    assert "line 1: 'id': " in server.post('{"id": 1e400}', 422).json()["error"]


def test_an_unusable_event_can_be_corrected_and_posted_again(serve, tmp_path):
    server = serve(IDS)
    result = server.post([{"id": 1, "shop": "a", "sold": 7}], 422).json()
    assert (result["accepted"], result["refused"]) == (0, 1)
    result = server.post([{"id": 1, "shop": "a", "sold": True}]).json()
    assert (result["accepted"], result["duplicates"], result["refused"]) == (1, 0, 0)
    assert server.post([{"id": 1, "shop": "a", "sold": True}]).json()["duplicates"] == 1


TWO = (
    IDS
    + """
[belief.cities]
state = "beta"
field = "sold"
by = "city"
"""
)


def test_an_event_valid_for_one_of_two_beliefs_is_learned(serve):
    server = serve(TWO)
    event = {"id": 1, "shop": "a", "sold": True}
    result = server.post([event]).json()
    assert (result["accepted"], result["refused"], result["unused"]) == (1, 1, 0)
    assert server.post([event]).json()["duplicates"] == 1
    result = server.post([{"id": 2, "sold": 7}], 422).json()
    assert (result["accepted"], result["refused"], result["unused"]) == (0, 1, 1)


def test_rejected_events_are_reported_by_line_and_stored(serve, tmp_path):
    server = serve(HTTP)
    result = server.post(
        [{"shop": "a", "sold": True}, {"shop": "a"}, {"shop": "a", "sold": 0}]
    ).json()
    assert (result["accepted"], result["refused"]) == (2, 1)
    reason = "field 'sold' is missing"
    assert result["refusals"] == [{"line": 2, "belief": "sales", "reason": reason}]
    (letter,) = stored(tmp_path)[1]
    assert (letter.position, letter.raw) == ("[1,2]", b'{"shop": "a"}')


@pytest.mark.parametrize(
    ("kind", "body", "reason"),
    [
        ("application/x-ndjson", '{"a": 1}\n{"a":\n{}', "line 2: the JSON object is incomplete"),
        ("application/x-ndjson", '{"a": 1}\n[1]', "line 2: expected a JSON object"),
        ("application/x-ndjson", b'{"a": 1}\n\xff', "line 2: "),
        ("application/json", '[{"a": 1}, 7]', "event 2: expected a JSON object"),
        ("application/json", '[{"a": 1}, {"a": ]', "the array: "),
        ("application/json", "", "event 1: the JSON object is incomplete"),
        ("application/json", "null", "event 1: expected a JSON object"),
        ("application/json", '{"a": 1} {"a": 2}', "event 1: "),
        ("application/json", '{"a":' + "[" * 100_000, "event 1: "),
        ("application/json", "[" * 100_000, "the array: "),
    ],
)
def test_a_malformed_body_is_rejected_completely(serve, tmp_path, kind, body, reason):
    server = serve(HTTP)
    assert server.post(body, 422, kind).json()["error"].startswith(reason)
    assert stored(tmp_path) == (0, [])


def test_bodies_of_other_types_are_rejected(serve):
    server = serve(HTTP)
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        assert "expected Content-Type" in server.post("{}", 415, kind).json()["error"]
    assert "Content-Encoding" in server.post("{}", 415, Content_Encoding="gzip").json()["error"]
    assert "Idempotency-Key" in server.post("{}", 422, Idempotency_Key="x" * 300).json()["error"]


def test_long_bodies_are_rejected_without_reading_them(serve, tmp_path):
    server = serve(HTTP.replace('kind = "http"', 'kind = "http", longest = 1000'))
    assert "at most 1,000 bytes" in server.post("x" * 1001, 413).json()["error"]

    def endless():
        while True:
            yield b"{}\n" * 1000

    headers = {"Content-Type": "application/x-ndjson", **server.bearer}
    try:
        answer = server.client.post("/api/events", content=endless(), headers=headers)
        assert answer.status_code == 413
    except (httpx.WriteError, httpx.ReadError):  # the server closed the connection
        pass
    server.post([{"shop": "a", "sold": True}])


def test_too_many_events_are_deferred(serve):
    server = serve(HTTP.replace('kind = "http"', 'kind = "http", rate = 10'))
    server.post([{"shop": "a", "sold": True}] * 10)
    result = server.post([{"shop": "a", "sold": True}] * 10, 429)
    assert "more than 10 events a second" in result.json()["error"]
    assert result.headers["retry-after"] == "1"


def offer(source, count=1, key="", ids=(), result=None, digest=""):
    received = [] if result is None else result
    record = b'{"shop": "a", "sold": true}'
    request = PostedRequest([record] * count, list(range(1, count + 1)), list(ids), key, digest)
    request.done = lambda outcome, again: received.append((outcome, again))
    source.offer(request)
    return received


def test_the_queue_is_bounded():
    source = Http(waiting=5)
    offer(source, 4)
    with pytest.raises(BusyError, match="4 events are already waiting"):
        offer(source, 2)
    offer(source, 1)
    # one larger than the queue is accepted if the queue is empty
    offer(Http(waiting=5), 100)


def test_requests_share_a_batch_and_are_never_split():
    source = Http(linger=0.0)
    for count in (3, 4, 5):
        offer(source, count)
    batches = source.batches(size=7, timeout=0.01)
    first = next(batches)
    assert first.positions == [[1, 1], [1, 2], [1, 3], *([2, i] for i in range(1, 5))]
    assert (first.token, first.prompt, first.remaining) == (2, True, 5)
    assert len(next(batches).records) == 5
    assert next(batches) is None
    offer(source, 100)
    assert len(next(batches).records) == 100


def test_waiting_requests_are_answered_when_the_source_closes():
    source = Http(linger=0.0)
    result = offer(source)
    batches = source.batches()
    next(batches)
    offer(source, result=result)
    source.close()
    assert result == [(None, False), (None, False)]
    with pytest.raises(ClosedError):
        offer(source)
    assert list(batches) == []


def test_a_retry_while_the_first_waits_gets_its_outcome():
    source = Http(linger=0.0)
    result = offer(source, key="k", digest="d")
    offer(source, key="k", digest="d", result=result)
    with pytest.raises(ReusedError):
        offer(source, key="k", digest="other")
    (batch,) = [next(source.batches())]
    assert len(batch.records) == 1
    source.close()
    assert result == [(None, False), (None, True)]


@pytest.mark.parametrize("option", ["longest", "waiting", "remember", "rate"])
def test_limits_must_be_positive(option):
    with pytest.raises(PriorError, match=f"expected {option} to be above 0"):
        Http(**{option: 0})


def test_only_the_newest_ids_are_remembered(serve, tmp_path):
    server = serve(IDS.replace('id = "id"', 'id = "id", remember = 3'))
    for i in range(5):
        server.post([{"id": i, "shop": "a", "sold": True}])
    store = open_store(str(tmp_path / "beliefs.db"))
    assert [seen.id for seen in store.ids("http")] == ["e:2", "e:3", "e:4"]
    store.close()
    assert server.post([{"id": 4, "shop": "a", "sold": True}]).json()["duplicates"] == 1
    assert server.post([{"id": 0, "shop": "a", "sold": True}]).json()["duplicates"] == 0


def test_run_rejects_an_http_source(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.toml").write_text(HTTP)
    assert cli.main(["check", "c.toml"]) == 0
    assert cli.main(["run", "c.toml"]) == 2
    assert "start it with seqbayes serve" in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix", reason="kills a process as POSIX does")
def test_acknowledged_events_survive_kill_9(tmp_path):
    """Retried with their keys, all requests count once, whenever the server is killed."""
    (tmp_path / "c.toml").write_text(HTTP)
    command = [sys.executable, "-m", "seqbayes", "serve", "c.toml", "--port", "0", "--token", TOKEN]
    answered, total = set(), 40
    for round_ in range(2):
        program = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
        url = program.stderr.readline().split()[-1]
        killer = threading.Timer(
            0.25 if round_ < 1 else 60.0, program.send_signal, [signal.SIGKILL]
        )
        killer.start()
        with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
            for i in range(total):
                if i in answered:
                    continue
                headers = {"Authorization": f"Bearer {TOKEN}", "Idempotency-Key": f"k{i}"}
                event = {"shop": "a", "sold": True}
                try:
                    response = client.post("/api/events", json=[event] * 2, headers=headers)
                except httpx.TransportError:
                    break
                assert response.status_code == 200
                answered.add(i)
                time.sleep(0.005)
        killer.cancel()
        program.kill()
        program.wait()
        program.stderr.close()
        assert stored(tmp_path)[0] >= 2 * len(answered)
    assert len(answered) == total
    assert stored(tmp_path)[0] == 2 * total
