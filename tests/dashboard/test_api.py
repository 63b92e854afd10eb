"""The API of a running pipeline."""

import contextlib
import json
import math
import sqlite3
import threading
import time
from itertools import pairwise
from urllib.parse import quote, urlencode

import msgspec
import pytest

from seqbayes import Beta
from seqbayes.dashboard import schema
from seqbayes.stream import Belief, Pipeline, open_store
from seqbayes.table import Table

MANY = """
store = "beliefs.db"
source = { kind = "file", path = "events.jsonl", follow = true }
history = { every = "0.05 s" }
[belief.sales]
state = "beta"
prior = { alpha = 2, beta = 3 }
field = "sold"
by = "shop"
[belief.waits]
state = "normal-inverse-gamma"
field = "wait"
by = ["shop", "day"]
half_life = "7 days"
time = "at"
[belief.colours]
state = "dirichlet"
categories = ["red", "green"]
field = "colour"
[belief.words]
state = "dirichlet-process"
field = "colour"
[belief.pair]
state = "normal-inverse-wishart"
prior = { prior_mean = [0, 0] }
field = ["wait", "at"]
[belief.both]
state = "product"
fields = { wait = { state = "normal-inverse-gamma" }, colour = { state = "dirichlet-process" } }
[belief.kinds]
state = "mixture"
components = { a = { state = "normal-inverse-gamma" }, b = { state = "normal-inverse-gamma" } }
field = "wait"
[belief.unknown]
state = "dirichlet-process-mixture"
component = { state = "normal-inverse-gamma" }
field = "wait"
[belief.line]
state = "conjugate-linear-regression"
features = ["at"]
field = "wait"
"""

SHOPS = ["north", "south", 'a/b "<script>alert(1)</script>', "ü%2F?#"]


def event(i, shop=None):
    return {
        "shop": SHOPS[i % 4] if shop is None else shop,
        "day": str(i % 3),
        "sold": i % 3 == 0,
        "wait": 5.0 + math.sin(i),
        "colour": ["red", "green"][i % 5 == 0],
        "at": 1000.0 * i,
    }


def write(path, events):
    with path.open("a") as file:
        file.write("".join(json.dumps(each) + "\n" for each in events))


@pytest.fixture
def many(serve, tmp_path):
    write(tmp_path / "events.jsonl", [*map(event, range(200)), {"shop": "north", "sold": 7}])
    server = serve(MANY)
    server.until(lambda: server.get("/api/health")["events"] == 201)
    server.until(lambda: server.get("/api/health")["commit_age"] is not None)
    server.until(lambda: len(server.get("/api/beliefs/sales")["cards"]) == 4)
    return server


def test_every_response_matches_its_type(many):
    response = msgspec.convert(many.get("/api/beliefs"), schema.BeliefList, strict=True)
    assert [belief.name for belief in response.beliefs] == [
        "sales", "waits", "colours", "words", "pair", "both", "kinds", "unknown", "line",
    ]  # fmt: skip
    kinds = {belief.name: belief.kind for belief in response.beliefs}
    assert kinds == {
        "sales": "number", "waits": "normal", "colours": "labels", "words": "labels",
        "pair": "vector", "both": "product", "kinds": "mixture", "unknown": "mixture",
        "line": "estimator",
    }  # fmt: skip
    assert response.beliefs[0].prior == "Beta(2, 3)"
    assert response.beliefs[1].half_life == "7 days"
    for name in kinds:
        cards = msgspec.convert(many.get(f"/api/beliefs/{name}"), schema.Cards, strict=True)
        assert cards.total == len(cards.cards) == cards.belief.keys
        for card in cards.cards:
            path = f"/api/beliefs/{name}/{quote(card.id, safe='')}"
            detail = msgspec.convert(many.get(path), schema.Detail, strict=True)
            assert (detail.belief, detail.id, detail.n) == (name, card.id, card.n)
    health = msgspec.convert(many.get("/api/health"), schema.Health, strict=True)
    assert (health.events, health.source.kind) == (201, "file")
    many.until(lambda: many.get("/api/health")["status"] == "ok")
    assert health.dead_letters > 0


def test_keys_with_any_characters_are_found(many):
    for i, shop in enumerate(SHOPS):
        key = json.dumps([shop], ensure_ascii=False, separators=(",", ":"))
        detail = many.get(f"/api/beliefs/sales/{quote(key, safe='')}")
        state = Beta(2, 3)
        state.learn_many([j % 3 == 0 for j in range(i, 200, 4)])
        assert detail["key"] == [shop]
        assert detail["mean"] == pytest.approx(state.mean)
        assert detail["posterior"] == {"alpha": state.posterior.alpha, "beta": state.posterior.beta}
        assert detail["prior"] == {"alpha": 2.0, "beta": 3.0}
        assert detail["log_evidence"] == pytest.approx(state.log_evidence)
        assert detail["text"] == str(state)


def test_details_of_a_pooled_belief_have_both_posteriors(serve, tmp_path):
    write(tmp_path / "events.jsonl", map(event, range(200)))
    server = serve(MANY.split("[belief.waits]")[0] + 'pool = "empirical"\n')
    server.until(lambda: server.get("/api/health")["events"] == 200)
    server.until(lambda: len(server.get("/api/beliefs/sales")["cards"]) == 4)
    table = Table(Beta(2, 3), pool="empirical")
    table.learn_many(*zip(*((e["shop"], e["sold"]) for e in map(event, range(200))), strict=True))

    def detail(shop):
        key = json.dumps([shop], ensure_ascii=False, separators=(",", ":"))
        return server.get(f"/api/beliefs/sales/{quote(key, safe='')}")

    for i, shop in enumerate(SHOPS):
        server.until(lambda: detail(shop)["pooled"]["text"].endswith("4 keys (empirical)"))  # noqa: B023
        found = detail(shop)
        assert found["pooled"]["mean"] == pytest.approx(table.mean[i])
        assert found["mean"] == pytest.approx(table.unpooled().mean[i])
        assert found["pooled"]["interval"] == pytest.approx([end[i] for end in table.interval()])
    assert server.get("/api/beliefs")["beliefs"][0]["pool"] == "empirical"


def test_cards_are_sorted_searched_and_paged(many):
    def ids(query):
        return [card["key"][0] for card in many.get(f"/api/beliefs/sales?{query}")["cards"]]

    def column(query, name):
        return [card[name] for card in many.get(f"/api/beliefs/sales?{query}")["cards"]]

    for name in ("n", "mean", "updated", "rate"):
        ascending = column(f"sort={name}&order=asc", name)
        assert ascending == sorted(ascending) or name == "rate"
        assert sorted(column(f"sort={name}", name), reverse=True) or name == "rate"
    assert ids("sort=key&order=asc") == sorted(SHOPS, key=str.casefold)
    assert ids("search=NOR") == ["north"]
    assert ids("sort=key&order=asc&offset=1&limit=2") == sorted(SHOPS, key=str.casefold)[1:3]
    assert many.get("/api/beliefs/sales?search=nothing")["total"] == 0
    cursor, found = "", []
    while cursor is not None:
        page = many.get(f"/api/beliefs/sales?sort=key&order=asc&limit=3&cursor={cursor}")
        found += [card["key"][0] for card in page["cards"]]
        cursor = page["next"]
    assert found == ids("sort=key&order=asc")
    first = many.get("/api/beliefs/sales?sort=key&order=asc&limit=1&cursor=&offset=1")
    assert first["cards"][0]["key"] == [found[1]]
    query = f"sort=key&order=asc&limit=1&cursor={first['next']}"
    for position in (2, 0):
        assert ids(f"{query}&offset={position}") == [found[position]]
    assert many.get("/api/beliefs/sales?limit=0")["cards"] == []


@pytest.mark.parametrize(
    ("path", "status", "reason"),
    [
        ("/api/beliefs/none", 404, "there is no belief 'none'"),
        ("/api/beliefs/sales/none", 404, "has no key none"),
        ("/api/beliefs/sales/a/b", 404, "percent-encoded"),
        ("/api/beliefs/%FF", 422, "not UTF-8"),
        ("/api/beliefs/sales?cursor=x", 422, "expected the cursor of a previous page"),
        ("/api/beliefs/sales?sort=size", 422, "expected 'sort' to be one of n, mean"),
        ("/api/beliefs/sales?limit=-1", 422, "whole number from 0 to 1000"),
        ("/api/beliefs/sales?limit=1e3", 422, "whole number from 0 to 1000"),
        ("/api/beliefs/sales?offset=99999999999999999999", 422, "whole number"),
        ("/api/compare/none", 404, "there is no belief 'none'"),
        ("/api/compare/sales?level=1", 422, "expected 'level' to be a number from 0.5 to 0.999"),
        ("/api/compare/sales?control=x", 422, "expected 'control' to be one of the compared keys"),
        ("/api/compare/colours?keys=%5B%5D&keys=%5B%5D", 422, "different keys"),
        ("/api/compare/sales?best=reddest", 422, "expected 'best' to be one of highest, lowest"),
        ("/api/compare/sales?quantity=x", 422, "expected 'quantity' to be 'mean' or a probability"),
        ("/api/compare/sales?quantity=0.9", 422, "False or True"),
        ("/api/stream?hz=inf", 422, "expected 'hz'"),
        ("/api/stream?hz=1000", 422, "expected 'hz'"),
        ("/api/stream?top=x", 422, "expected 'top'"),
        ("/api/stream?key=x", 422, "one belief"),
        ("/api/nothing", 404, "Not Found"),
        ("/api/replay/mms-00/steps", 404, "unknown replay"),
        ("/api/replay/x/stream", 404, "unknown replay"),
    ],
)
def test_invalid_requests_are_rejected_with_the_reason(many, path, status, reason):
    assert reason in many.get(path, status)["error"]


def test_keys_are_compared(many):
    keys = "&".join(f"keys={quote(json.dumps([shop]))}" for shop in SHOPS[:2])
    response = many.get(f"/api/compare/sales?{keys}")
    assert sum(response["p_best"]) == pytest.approx(1.0)
    assert response["best"] in response["keys"] == ['["north"]', '["south"]']
    assert response["difference"] == response["differences"][0]
    assert response["difference"]["pair"][0] == response["best"]
    lowest = many.get(f"/api/compare/sales?{keys}&best=lowest")
    assert lowest["p_best"] == pytest.approx(response["p_best"][::-1])
    assert lowest["difference"]["pair"] == response["difference"]["pair"][::-1]
    refused = many.get(f"/api/compare/sales?{keys}&label=red", 422)
    assert "only beliefs about labels" in refused["error"]


def test_history_and_dead_letters_are_returned(many, tmp_path):
    for i in range(3):
        write(tmp_path / "events.jsonl", [event(i, "north")])
        wanted = 202 + i
        many.until(lambda: many.get("/api/health")["events"] == wanted)  # noqa: B023
        many.until(lambda: many.get("/api/health")["commit_age"] < 1.0)
    path = "/api/beliefs/sales/" + quote('["north"]', safe="")
    many.until(lambda: len(many.get(path)["history"]["t"]) > 1)
    history = many.get(path)["history"]
    assert history["t"] == sorted(history["t"])
    assert all(
        low < mean < high for mean, low, high in zip(*list(history.values())[1:4], strict=True)
    )
    for name, part in [
        ("colours", "red"),
        ("words", "red"),
        ("pair", "wait"),
        ("both", "wait mean"),
    ]:
        detail = many.get(f"/api/beliefs/{name}/%5B%5D")
        history = detail["history"]
        assert history["part"] == detail["spark"]["part"] == part
        assert len(history["t"]) > 1
        # the weights of points that were not stored are unknown
        assert max(n or 0 for n in history["n"]) > 0
        line = detail["shares"][0] if "shares" in detail else detail["fields"][0]
        assert history["mean"][-1] == pytest.approx(line["mean"], rel=0.1)
        for low, mean, high in zip(history["low"], history["mean"], history["high"], strict=True):
            assert low < mean < high
    both = "/api/beliefs/both/%5B%5D"
    assert many.get(path)["parts"] == []
    parts = many.get(both)["parts"]
    line = next(line for line in many.get(both)["fields"] if line["name"] == parts[-1])
    history = many.get(f"{both}?part={quote(parts[-1])}")["history"]
    assert history["part"] == parts[-1] != "wait mean"
    assert history["mean"][-1] == pytest.approx(line["mean"], rel=0.1)
    assert len(history["t"]) > 1
    many.get(f"{both}?part=nothing", 422)
    for name in ("kinds", "unknown"):
        assert many.get(f"/api/beliefs/{name}/%5B%5D")["settled"] is False
        assert many.get(f"/api/beliefs/{name}/%5B%5D")["history"]["t"] == []
    write(tmp_path / "events.jsonl", [event(i) for i in range(1000)])
    for name in ("kinds", "unknown"):
        many.until(lambda: len(many.get(f"/api/beliefs/{name}/%5B%5D")["history"]["t"]) > 0)  # noqa: B023
        history = many.get(f"/api/beliefs/{name}/%5B%5D")["history"]
        assert history["part"].startswith("share of ")
        assert all(0.0 <= share <= 1.0 for share in history["mean"])
        assert set(history["low"]) == {None}
    (letter,) = many.get(path)["dead_letters"]
    assert letter["raw"] == '{"shop": "north", "sold": 7}'
    assert letter["reason"].startswith("expected True, False, 1 or 0")


def test_a_stream_starts_with_all_cards_and_continues_with_changes(many, tmp_path):
    key = quote('["south"]')
    stream = many.stream(f"belief=sales&key={key}&top=2&hz=20")
    name, hello, _ = next(stream)
    assert name == "hello"
    assert hello["health"]["status"] in ("ok", "stalled")  # the machine may be busy
    name, first, number = next(stream)
    assert name == "cards"
    assert number == f"{hello['server']}.{first['seq']}"
    assert len(first["cards"]) in (2, 3)
    # the first event after the key is watched may arrive before single events are sent
    write(tmp_path / "events.jsonl", [event(2, "south")])
    n = next(card["n"] for card in first["cards"] if card["key"] == ["south"])
    changed = _await(stream, "cards")
    assert [card["key"] for card in changed["cards"]] == [["south"]]
    assert changed["cards"][0]["n"] == n + 1.0
    assert changed["cards"][0]["density"]["likelihood"] is not None
    many.until(lambda: many.provider.feed.watched("sales"))
    before = changed["cards"][0]
    write(tmp_path / "events.jsonl", [event(3, "south"), event(4, "south")])
    step = next(d for name, d, _ in stream if name == "step" and d["x"] is True)
    assert (step["belief"], step["id"]) == ("sales", '["south"]')
    after = before["mean"] * (n + 6.0) + 1.0  # of Beta(2, 3) and n + 1 events, and this one
    assert step["at"] == pytest.approx(after / (n + 7.0))
    assert step["prior"] * step["likelihood"] / step["evidence"] == pytest.approx(step["posterior"])
    assert step["surprise"] == pytest.approx(-math.log(step["evidence"]))
    detail = many.get(f"/api/beliefs/sales/{quote(json.dumps(['south']), safe='')}")
    assert [each["x"] for each in detail["steps"]][-2:] == [True, False]
    assert len(detail["recent"]) >= 2


def _await(stream, wanted):
    return next(data for name, data, _ in stream if name == wanted)


def test_a_stream_resumes_after_the_last_event(many, tmp_path):
    stream = many.stream("belief=sales")
    next(stream)
    _, whole, number = next(stream)
    assert len(whole["cards"]) == 4
    stream.close()
    (_, hello, _), (_, none, again) = _first_two(many.stream("belief=sales", Last_Event_ID=number))
    assert none["cards"] == []
    write(tmp_path / "events.jsonl", [event(0, "north")])
    many.until(lambda: many.get("/api/health")["events"] == 202)
    many.until(lambda: many.site.board.version > none["seq"])
    _, (_, one, _) = _first_two(many.stream("belief=sales", Last_Event_ID=again))
    assert [card["key"] for card in one["cards"]] == [["north"]]
    # ids of another server, or invalid ones: all data are sent
    for last in ("0000.5", "nonsense", f"{hello['server']}.x"):
        _, (_, whole, _) = _first_two(many.stream("belief=sales", Last_Event_ID=last))
        assert len(whole["cards"]) == 4


def _first_two(stream):
    found = next(stream), next(stream)
    stream.close()
    return found


def test_health_is_sent_every_second(many):
    stream = many.stream("top=0")
    times = [data["uptime"] for name, data, _ in _some(stream, 6) if name == "health"]
    assert len(times) >= 3
    assert all(later > earlier for earlier, later in pairwise(times))


def _some(stream, count):
    found = [next(stream) for _ in range(count)]
    stream.close()
    return found


def belief(**options):
    return Belief("sales", Beta(), field="sold", by="shop", **options)


def test_a_pipeline_resumes_from_its_store(serve, tmp_path):
    write(tmp_path / "events.jsonl", map(event, range(8)))
    first = serve(MANY)
    first.until(lambda: first.get("/api/health")["events"] == 8)
    cards = first.until(lambda: first.get("/api/beliefs/sales")["cards"])
    first.stop()
    second = serve(MANY)
    again = second.get("/api/beliefs/sales")["cards"]
    same = ("id", "n", "mean", "interval")
    assert sorted([c[k] for k in same] for c in again) == sorted(
        [c[k] for k in same] for c in cards
    )
    write(tmp_path / "events.jsonl", [event(8)])
    second.until(lambda: second.get("/api/health")["events"] == 9)


@pytest.mark.parametrize("key", ["A", "1", '["a"', '{"a": 1}', "[1]", "[" * 3000])
def test_invalid_keys_in_requests_are_ignored(many, tmp_path, key):
    many.get(f"/api/beliefs/sales/{quote(key, safe='')}", 404)
    other = many.stream("top=0&" + urlencode({"belief": "sales", "key": key}))
    next(other)
    write(tmp_path / "events.jsonl", [event(8, shop="brand new")])
    many.until(lambda: len(many.get("/api/beliefs/sales")["cards"]) == 5)
    assert many.get("/api/health")["error"] is None
    other.close()


def test_connection_errors_of_a_source_are_reported(many):
    many.runner.source.connection_error = "no route to host"
    many.until(lambda: many.get("/api/health")["status"] == "stalled")
    assert many.get("/api/health")["error"] == "no route to host"
    del many.runner.source.connection_error
    many.until(lambda: many.get("/api/health")["status"] == "ok")


def test_dead_letters_of_all_beliefs_are_returned_with_their_reasons(many, tmp_path):
    with (tmp_path / "events.jsonl").open("a") as file:
        file.write('no JSON\n{"shop": "north", "sold": 7}\n')
    many.until(lambda: many.get("/api/dead-letters")["total"] == 19)
    response = many.get("/api/dead-letters")
    sales = next(each for each in response["reasons"] if each["belief"] == "sales")
    assert sales["n"] == 2
    assert sales["reason"] == "expected True, False, 1 or 0, got 7 (int)"
    assert len(response["letters"]) == response["total"]
    newest = next(letter for letter in response["letters"] if letter["belief"] == "sales")
    assert newest["raw"] == '{"shop": "north", "sold": 7}'
    (malformed,) = [letter for letter in response["letters"] if letter["belief"] == ""]
    assert malformed["raw"] == "no JSON"
    assert len(many.get("/api/dead-letters?limit=1")["letters"]) == 1
    many.get("/api/dead-letters?limit=-1", 422)


def test_a_hanging_pipeline_is_reported(many, monkeypatch):
    stream = many.stream("top=0&belief=sales")
    next(stream)
    held = threading.Event()
    monkeypatch.setattr(many.provider.feed, "learned", lambda *_: held.wait(120))
    deadline = time.monotonic() + 100.0
    for name, data, _ in stream:
        if name == "health" and data["status"] == "stalled":
            break
        assert time.monotonic() < deadline
    held.set()
    stream.close()


def test_an_error_of_the_pipeline_is_reported_and_it_continues(many, monkeypatch, tmp_path):
    with monkeypatch.context() as patch:
        patch.setattr(many.provider.feed, "learned", lambda *_: 1 / 0)
        many.until(lambda: many.get("/api/health")["error"] == "division by zero")
        assert many.get("/api/health")["status"] == "stopped"
    many.until(lambda: many.get("/api/health")["status"] == "ok")
    write(tmp_path / "events.jsonl", [event(0)])
    many.until(lambda: many.get("/api/health")["events"] == 202)


def test_a_damaged_state_is_a_separate_error(serve, tmp_path):
    url = str(tmp_path / "beliefs.db")
    from memory_source import Events

    with Pipeline(Events([{"sold": True, "shop": "a"}]), [belief()], open_store(url)) as pipeline:
        for _ in pipeline:
            pass
    with contextlib.closing(sqlite3.connect(url)) as database, database:
        database.execute("UPDATE seqbayes_states SET state = '{}'")
    server = serve(url)
    assert "cannot be read" in server.get("/api/beliefs/sales", 500)["error"]
    assert server.get("/api/beliefs")["beliefs"][0]["keys"] == 1
