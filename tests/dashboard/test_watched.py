"""The page of a store that another process writes."""

import json
import signal
import subprocess
import sys
import time

from programs import command, environment, posix
from seqbayes import Beta
from seqbayes.stream import StoreError, open_store
from seqbayes.stream.stores import Changes, HistoryPoint, StoredState

SALES = """
store = "beliefs.db"
source = { kind = "file", path = "events.jsonl", follow = true }
[belief.sales]
state = "beta"
field = "sold"
by = "shop"
"""

SHOPS = ["north", "south", "east", "west"]

WIRE = """
import sys, time
from pathlib import Path
from seqbayes import Beta
from seqbayes.stream import Belief, Pipeline, open_store, Source

class Wire(Source):
    name, finite, reconnects = "wire", False, 2

    def seek(self, token): pass

    @property
    def connection_error(self):
        return "no route to host" if Path("cut").exists() else None

    def batches(self, size=5000, timeout=0.2):
        while True:
            while Path("hangs").exists():
                time.sleep(0.05)
            time.sleep(0.05)
            yield None

for _ in Pipeline(Wire(), [Belief("sales", Beta(), field="sold")], open_store(sys.argv[1])):
    pass
"""


def event(i, shop=None):
    return {"shop": SHOPS[i % 4] if shop is None else shop, "sold": i % 3 == 0}


def write(path, events):
    with path.open("a") as file:
        file.write("".join(json.dumps(each) + "\n" for each in events))


def test_a_store_is_followed(serve, tmp_path):
    url = str(tmp_path / "beliefs.db")
    writer = open_store(url)
    writer.acquire()
    writer.declare("sales", json.dumps({"state": Beta().to_dict(), "by": ["shop"]}))
    server = serve(url)
    assert server.get("/api/beliefs")["beliefs"][0]["keys"] == 0
    assert server.get("/api/health")["status"] in ("ok", "stalled")  # there is no runner
    state = Beta()

    def commit(token, keys, gone=()):
        state.learn_one(True)
        text = json.dumps(state.to_dict())
        history = [
            HistoryPoint("sales", k, float(token), '{"mean":0.5,"interval":[0.4,0.6]}')
            for k in keys
        ]
        states = [StoredState("sales", key, text, token) for key in keys]
        writer.commit(Changes("s", token, 1, states, gone, history=history))

    commit(1, ['["a"]', '["b"]'])
    stream = server.stream("hz=20")
    next(stream)
    server.until(lambda: server.get("/api/beliefs/sales")["total"] == 2)
    detail = server.get('/api/beliefs/sales/%5B"a"%5D')
    assert detail["history"]["mean"][0] == detail["spark"]["mean"][0] == 0.5
    commit(2, ['["a"]'])
    server.until(lambda: server.get("/api/beliefs/sales")["cards"][0]["n"] == 2.0)
    commit(3, ['["c"]'], gone=[("sales", '["b"]')])
    server.until(
        lambda: {c["id"] for c in server.get("/api/beliefs/sales")["cards"]} == {'["a"]', '["c"]'}
    )
    gone = next(d for name, d, _ in stream if name == "cards" and d["gone"])
    assert gone["gone"] == [{"belief": "sales", "id": '["b"]'}]
    stream.close()
    assert server.get("/api/health")["events"] == 3
    assert "pipeline" not in server.get("/api/beliefs")["source"]["mode"]
    # this process does not read events
    assert "http" in server.post([{"sold": True}], 409).json()["error"]
    writer.close()
    server.until(lambda: server.get("/api/health")["status"] == "stopped")


@posix
def test_a_store_reports_the_health_of_its_runner(serve, tmp_path):
    (tmp_path / "c.toml").write_text(SALES, encoding="utf-8")
    write(tmp_path / "events.jsonl", [event(i) for i in range(8)])
    run = subprocess.Popen(
        command("run", "c.toml"), cwd=tmp_path, stderr=subprocess.DEVNULL, env=environment()
    )
    try:
        store = tmp_path / "beliefs.db"
        wait_until(lambda: store.exists() and committed(store) == 8)
        server = serve(str(store))
        server.until(lambda: server.get("/api/health")["status"] == "ok")
        assert len(server.get("/api/beliefs/sales")["cards"]) == 4
        write(tmp_path / "events.jsonl", [event(0, shop="north")] * 30)
        server.until(lambda: server.get("/api/health")["events"] == 38)
        north = "/api/beliefs/sales?search=north"
        # the rate decreases with time; its numbers are tested without a clock
        server.until(lambda: server.get(north)["cards"][0]["rate"] > 0.0)
        run.send_signal(signal.SIGSTOP)
        server.until(lambda: server.get("/api/health")["status"] == "stalled")
        assert server.get("/api/health")["error"].endswith("is stopped")
        run.send_signal(signal.SIGCONT)
        server.until(lambda: server.get("/api/health")["status"] == "ok")
    finally:
        run.kill()
        run.wait()
    server.until(lambda: server.get("/api/health")["status"] == "stopped")


def test_a_hanging_runner_and_a_failing_source_are_reported_by_the_store(serve, tmp_path):
    store = tmp_path / "beliefs.db"
    run = subprocess.Popen([sys.executable, "-c", WIRE, str(store)], cwd=tmp_path)
    try:
        wait_until(lambda: declared(store))
        server = serve(str(store))
        server.until(lambda: server.get("/api/health")["status"] == "ok")
        server.until(lambda: server.get("/api/health")["reconnects"] == 2)
        (tmp_path / "cut").touch()
        server.until(lambda: server.get("/api/health")["status"] == "stalled")
        assert server.get("/api/health")["error"] == "no route to host"
        (tmp_path / "cut").unlink()
        server.until(lambda: server.get("/api/health")["status"] == "ok")
        (tmp_path / "hangs").touch()
        server.until(lambda: server.get("/api/health")["status"] == "stalled")
        assert server.get("/api/health")["error"].endswith("makes no progress")
        (tmp_path / "hangs").unlink()
        server.until(lambda: server.get("/api/health")["status"] == "ok")
    finally:
        run.kill()
        run.wait()
    server.until(lambda: server.get("/api/health")["status"] == "stopped")


def wait_until(found, seconds=60):
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end
        time.sleep(0.05)


def committed(path):
    try:
        with open_store(str(path), "read") as store:
            return sum(position.events for position in store.positions())
    except StoreError:  # another process is creating it
        return 0


def declared(path):
    try:
        with open_store(str(path), "read") as store:
            return bool(store.beliefs())
    except StoreError:
        return False
