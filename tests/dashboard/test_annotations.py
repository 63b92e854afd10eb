"""Annotations over HTTP, and the histories that show them with alerts."""

import pytest
from serving import HTTP, TOKEN

from seqbayes.dashboard.client import Client

ALERT = """
[alert.sold]
when = "n >= 1"
belief = "sales"
"""


@pytest.mark.parametrize("store", ["beliefs.db", "memory:"])
def test_an_annotation_is_stored_and_replaced(serve, store):
    server = serve(HTTP.replace("beliefs.db", store))
    assert server.get("/api/annotations") == {"annotations": []}
    with Client(server.url, TOKEN) as client:
        second = client.annotate("release <2>", at=1.7e9)
        first = client.annotate("release 1", at=1.6e9, belief="sales", name="r1")
        assert client.annotate("release 1.0", at=1.6e9, belief="sales", name="r1") != first
        told = client.annotations().annotations
        assert [each.text for each in told] == ["release 1.0", "release <2>"]
        assert told[1] == second
        assert client.annotations(limit=1).annotations == [second]
        now = client.annotate("now")
        assert client.annotations().annotations[-1] == now


def post(server, body, status, **headers):
    headers = {**server.bearer, **headers}
    response = server.client.post("/api/annotations", json=body, headers=headers)
    assert response.status_code == status, response.text
    return response.json()


def test_invalid_annotations_are_refused(serve):
    server = serve(HTTP)
    assert post(server, {"text": "x", "at": "2026-01-02T03:04:05Z"}, 200)["at"] == 1767323045.0
    for body in (
        {},
        {"text": ""},
        {"text": "x" * 501},
        {"text": "x", "at": "2026-01-02T03:04:05"},
        {"text": "x", "at": 1e300},
        {"text": "x", "belief": "other"},
        {"text": "x", "colour": "red"},
        [],
    ):
        assert post(server, body, 422)["error"]
    post(server, {"text": "x" * 20_000}, 413)
    post(server, {"text": "x"}, 401, Authorization="Bearer another token")
    assert len(server.get("/api/annotations")["annotations"]) == 1


def test_a_server_on_a_store_stores_annotations(serve):
    serve(HTTP).post([{"shop": "north", "sold": True}])
    server = serve("beliefs.db")
    post(server, {"text": "release", "at": 5.0}, 200)
    mark = {"at": 5.0, "text": "release", "kind": "annotation"}
    assert server.get("/api/beliefs/sales/%5B%22north%22%5D")["marks"] == [mark]


def test_histories_of_several_keys_have_annotations_and_alerts(serve):
    server = serve(HTTP + ALERT)
    server.post([{"shop": shop, "sold": shop == "north"} for shop in ("north", "south") * 3])
    server.until(lambda: len(server.get("/api/alerts")["messages"]) == 2)
    post(server, {"text": "release", "at": 5.0, "belief": "sales"}, 200)
    told = server.get("/api/history/sales?keys=%5B%22south%22%5D&keys=%5B%22north%22%5D")
    assert [(each["id"], each["key"]) for each in told["curves"]] == [
        ('["south"]', ["south"]),
        ('["north"]', ["north"]),
    ]
    for each in told["curves"]:
        lengths = {len(each[name]) for name in ("t", "mean", "low", "high", "n")}
        assert len(lengths) == 1
        assert lengths.pop() >= 1
        assert each["t"] == sorted(each["t"])
    kinds = [(mark["kind"], mark["text"]) for mark in told["marks"]]
    assert kinds[0] == ("annotation", "release")
    keys = ("north", "south")
    assert sorted(kinds[1:]) == [("alert", f"sold: firing ({key})") for key in keys]
    detail = server.get("/api/beliefs/sales/%5B%22south%22%5D")
    assert [mark["kind"] for mark in detail["marks"]] == ["annotation", "alert"]
    query = "keys=%5B%22north%22%5D&keys=%5B%22south%22%5D&against=%5B%22south%22%5D"
    (curve,) = server.get(f"/api/history/sales?{query}")["curves"]
    assert curve["key"] == ["north"]
    assert curve["mean"][-1] == pytest.approx(4 / 5 - 1 / 5)
    assert curve["low"][-1] < curve["mean"][-1] < curve["high"][-1]
    server.get(f"/api/history/sales?{query}&part=label", 422)
    server.get("/api/history/sales?keys=%5B%22north%22%5D&against=none", 404)
    server.get("/api/history/sales", 422)
    server.get("/api/history/sales?keys=%5B%5D", 404)
    server.get("/api/history/other?keys=%5B%5D", 404)
    server.get("/api/history/sales?keys=%5B%22south%22%5D&keys=%5B%22south%22%5D", 422)
