"""Alerts over HTTP: `/api/alerts`, the typed client and the metrics."""

from serving import HTTP

ALERT = """
[alert.sold]
when = "n >= 1"
belief = "sales"
[alert.never]
when = "n >= 100"
belief = "sales"
[alert.soon]
when = "n >= 1"
belief = "sales"
for = "1 hour"
"""


def test_alerts_are_returned_with_their_messages(serve):
    server = serve(HTTP + ALERT)
    empty = {"alerts": [], "messages": [], "waiting": 0}
    assert server.get("/api/alerts") == empty
    assert "seqbayes_alerts" not in server.client.get("/metrics").text
    server.post([{"shop": "north", "sold": True}])
    server.until(lambda: any(m["delivered"] for m in server.get("/api/alerts")["messages"]))
    response = server.get("/api/alerts")
    found = [(a["alert"], a["status"], a["key"], a["value"]) for a in response["alerts"]]
    assert found == [("sold", "firing", ["north"], 1.0), ("soon", "pending", ["north"], 1.0)]
    (message,) = response["messages"]
    assert (message["alert"], message["status"], message["belief"]) == ("sold", "firing", "sales")
    assert message["key"] == {"shop": "north"}
    assert (message["condition"], message["abandoned"], response["waiting"]) == ("n >= 1", None, 0)
    assert message["at"] <= message["delivered"]
    assert server.get("/api/alerts?limit=0")["messages"] == []
    server.get("/api/alerts?limit=-1", 422)
    lines = server.client.get("/metrics").text.splitlines()
    assert 'seqbayes_alerts{alert="sold",status="firing"} 1' in lines
    assert 'seqbayes_alerts{alert="soon",status="pending"} 1' in lines
    assert "seqbayes_alert_messages_waiting 0" in lines


def test_a_store_in_memory_shows_no_alerts(serve):
    server = serve(HTTP.replace("beliefs.db", "memory:") + ALERT)
    assert server.get("/api/alerts") == {"alerts": [], "messages": [], "waiting": 0}
