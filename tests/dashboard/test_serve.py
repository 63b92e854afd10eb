"""`seqbayes serve` and `replay --serve` as programs; the client, stories and files."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from serving import HTTP, TOKEN, httpx

import seqbayes
from seqbayes import cli
from seqbayes.dashboard.client import ApiError, Client
from seqbayes.dashboard.server import pages, stories
from seqbayes.dashboard.server.bundle import stylesheet
from seqbayes.dashboard.server.stories import _prior
from seqbayes.replay.mms import Prior
from seqbayes.stream import open_store
from seqbayes.stream.stores import StoreReader

posix = pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")


@pytest.fixture
def program(tmp_path):
    """Start ``seqbayes``; return the process and its first lines of JSON."""
    started = []

    def start(*words, lines=2, **more):
        code = (
            "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
            "from seqbayes.cli import main; sys.exit(main())"
        )
        command = [sys.executable, "-W", "error", "-c", code, *words]
        kept = {k: v for k, v in os.environ.items() if k != "SEQBAYES_TOKEN"}
        running = subprocess.Popen(
            command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, env={**kept, **more}
        )
        started.append(running)
        return running, [json.loads(running.stderr.readline()) for _ in range(lines)]

    yield start
    for running in started:
        running.kill()
        running.wait()
        running.stderr.close()


@posix
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_commits_and_stops_the_server(program, tmp_path, number, status):
    (tmp_path / "events.jsonl").write_text('{"shop": "a", "sold": true}\n' * 50)
    text = HTTP.replace('kind = "http"', 'kind = "file", path = "events.jsonl", follow = true')
    text = text.replace(", linger = 0.001", "") + '\n[commit]\nevery = "1 h"\n'
    (tmp_path / "c.toml").write_text(text)
    running, (first, second) = program("serve", "c.toml", "--port", "0", "--log-format", "json")
    assert (first["event"], second["event"]) == ("started", "token")
    with httpx.Client(base_url=first["url"], trust_env=False, timeout=60) as client:
        while client.get("/api/health").json()["events"] < 50:
            pass
        with client.stream("GET", "/api/stream") as stream:
            lines = stream.iter_lines()
            assert next(lines) == "retry: 1000"
            running.send_signal(number)
            assert running.wait(60) == status
            for _ in lines:  # the stream ends regularly
                pass
    assert json.loads(running.stderr.readline())["signal"] == number
    with contextlib.closing(StoreReader(str(tmp_path / "beliefs.db"))) as reader:
        assert [source.events for source in reader.sources()] == [50]
    store = open_store(str(tmp_path / "beliefs.db"))
    store.acquire()  # the lease was released
    store.close()


@posix
def test_tokens_come_from_an_option_the_environment_or_are_generated(program, tmp_path):
    open_store(str(tmp_path / "b.db")).close()
    words = ("serve", "b.db", "--port", "0", "--log-format", "json")
    _, (_, result) = program(*words)
    assert len(result["token"]) >= 32
    running, (result,) = program(*words, lines=1, SEQBAYES_TOKEN=TOKEN)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    response = httpx.get(f"{result['url']}api/session", headers=headers, trust_env=False)
    assert response.json() == {"session": True, "reading_is_free": True}
    running.send_signal(signal.SIGTERM)
    assert running.wait(60) == 143


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["missing.db"], 4, "missing.db: no such file"),
        (["missing.toml"], 2, "no such file"),
        (["bad.toml"], 2, "required, but missing"),
        (["other.db"], 4, "belongs to another program"),
        (["held.toml"], 3, "is held by"),
        (["missing.db", "--token", "short"], 2, "at least 16 characters"),
        (["missing.db", "--frame-ancestors", "x; script-src *"], 2, "expected sources"),
        (["missing.db", "--host", "256.0.0.1"], 2, ""),
    ],
)
def test_inputs_that_cannot_be_served_are_reported(
    tmp_path, monkeypatch, capsys, words, status, message
):
    import sqlite3

    monkeypatch.chdir(tmp_path)
    Path("bad.toml").write_text('store = "b.db"')
    Path("held.toml").write_text(HTTP.replace("beliefs.db", "held.db"))
    sqlite3.connect("other.db").execute("CREATE TABLE t (x)").connection.close()
    holder = open_store("held.db")
    holder.acquire()
    assert cli.main(["serve", *words, "--port", "0"]) == status
    assert message in capsys.readouterr().err
    holder.close()


def test_ports_are_numbers(capsys):
    for port in ("-1", "65536", "x"):
        with pytest.raises(SystemExit, match="2"):
            cli.main(["serve", "b.db", "--port", port])
        assert "expected a port from 0 to 65535" in capsys.readouterr().err


def test_error_names_the_missing_extra(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "starlette", None)
    assert cli.main(["serve", "b.db"]) == 2
    assert "[dashboard]'" in capsys.readouterr().err


def test_the_library_does_not_import_the_dashboard():
    code = "import sys, seqbayes, seqbayes.stream; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"starlette", "uvicorn", "seqbayes.dashboard"}
    code = "import sys, seqbayes.dashboard.client; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"starlette", "uvicorn"}


def test_the_client_reads_and_writes(serve):
    server = serve(HTTP)
    client = Client(server.url, TOKEN)
    events = [{"shop": "a", "sold": True}, {"shop": "a", "sold": 9}, {"shop": "b", "sold": 0}]
    result = client.post(events, key="k")
    assert (result.accepted, result.refused) == (2, 1)
    assert client.post(events, key="k") == result
    server.until(lambda: client.beliefs().beliefs[0].keys == 2)
    cards = client.cards("sales", sort="key", order="asc").cards
    assert [card.key for card in cards] == [["a"], ["b"]]
    detail = client.detail("sales", cards[0].id)
    assert (detail.n, detail.posterior) == (1.0, {"alpha": 2.0, "beta": 1.0})
    assert client.compare("sales", [card.id for card in cards]).best == cards[0].id
    assert client.compare("sales", [card.id for card in cards], "lowest").best != cards[0].id
    assert client.health().events == 3
    stream = client.stream(belief="sales", key=[cards[0].id], top=0)
    name, hello, _ = next(stream)
    assert name == "hello"
    name, result, number = next(stream)
    assert ([card["id"] for card in result["cards"]], number[:8]) == (
        [cards[0].id],
        hello["server"],
    )
    stream.close()
    with pytest.raises(ApiError, match="404: there is no belief") as caught:
        client.cards("none")
    assert caught.value.status == 404
    with pytest.raises(ApiError, match="422: line 1: expected"):
        client.post([[]])
    with Client(server.url) as stranger, pytest.raises(ApiError, match="401"):
        stranger.post(events)
    with pytest.raises(ApiError, match="422: expected 'hz'"):
        next(client.stream(hz=0))
    client.close()


def test_a_story_on_the_page_equals_the_replay(serve, capsys, monkeypatch):
    server = serve(HTTP)
    client = server.client
    begun = client.post("/api/replay/mms", json={"seed": 2, "bags": 1, "prior": "jeffreys"}).json()
    assert (
        cli.main(["replay", "mms", "--seed", "2", "--bags", "1", "--prior", "jeffreys", "--json"])
        == 0
    )
    first, *steps, _ = map(json.loads, capsys.readouterr().out.splitlines())
    assert {k: v for k, v in begun.items() if k not in ("id", "mixes")} == first
    assert begun["mixes"]["cleveland"]["shares"]["orange"] == 0.205
    result = server.get(f"/api/replay/{begun['id']}/steps?from=0&count=500")
    assert result == {"steps": steps, "total": len(steps)}
    assert server.get(f"/api/replay/{begun['id']}/steps?from=3&count=2")["steps"] == steps[3:5]
    assert server.get(f"/api/replay/{begun['id']}/steps?from=5000")["steps"] == []
    # a story that is no longer cached is computed again
    monkeypatch.setattr(stories, "MAX_STORIES", 1)
    assert client.post("/api/replay/mms", json={"seed": 3, "bags": 1}).status_code == 200
    assert server.get(f"/api/replay/{begun['id']}/steps?from=3&count=1")["steps"] == steps[3:4]
    refused = server.get(f"/api/replay/{begun['id']}/stream", 404)
    assert refused["error"] == "only the coins replay has an endless stream"


def test_the_coins_replay_continues_with_an_endless_stream(serve):
    server = serve(HTTP)
    begun = server.client.post("/api/replay/coins", json={"iterations": 3}).json()
    result = server.get(f"/api/replay/{begun['id']}/steps?count=100")
    assert [step["event"] for step in result["steps"]][-2:] == ["sums", "divide"]
    assert result["total"] == len(result["steps"])
    found = []
    with server.client.stream("GET", f"/api/replay/{begun['id']}/stream") as response:
        for line in response.iter_lines():
            if line.startswith("data: "):
                found.append(json.loads(line[6:]))
            if len(found) == 5:
                break
    assert [each["number"] for each in found] == [1, 2, 3, 4, 5]
    assert all(sum(each["responsibility"].values()) == pytest.approx(1.0) for each in found)


@pytest.mark.parametrize(
    ("story", "options", "reason"),
    [
        (
            "mms",
            {"prior": {"red": 0.5, "green": 0.6}},
            "proportions must sum to 1, but they sum to 1.10",
        ),
        ("mms", {"prior": "none"}, "expected uniform, jeffreys, park"),
        ("mms", {"bags": 49}, "expected 1 to 48 bags"),
        ("mms", {"seed": -1}, "expected a seed"),
        ("mms", {"sed": 1}, "unknown field `sed`"),
        ("mms", {"bag": "GX"}, "got 'gx'"),
        ("mms", {"bag": "G" * 3001}, "up to 3000 candies, got 3001"),
        ("coins", {"start": [0, 1]}, "between 0 and 1"),
        ("coins", {"iterations": 5000}, "1 to 1000 iterations"),
        ("coins", {"prior": "none"}, "unknown prior 'none'"),
    ],
)
def test_invalid_replay_options_are_rejected_with_the_reason(serve, story, options, reason):
    response = serve(HTTP).client.post(f"/api/replay/{story}", json=options)
    assert response.status_code == 422
    assert reason in response.json()["error"]


def test_the_walk_in_the_park_is_the_default_prior(serve):
    begun = serve(HTTP).client.post("/api/replay/mms").json()
    assert begun["prior"]["alpha"] == dict(Prior.park().alpha)


def test_a_bag_of_the_reader_is_played(serve):
    server = serve(HTTP)
    begun = server.client.post("/api/replay/mms", json={"bag": "GGR"}).json()
    assert (begun["source"], begun["candies"]) == ("your bag", 3)
    steps = server.get(f"/api/replay/{begun['id']}/steps?count=9")["steps"]
    assert [step["colour"] for step in steps] == ["green", "green", "red"]
    assert sum(steps[-1]["eleven"]) == pytest.approx(1.0)


def test_the_walk_in_the_park_is_a_prior():
    assert _prior("walk", None) == Prior.park()
    assert _prior({"red": 0.5, "green": 0.5}, 10.0) == Prior.from_proportions(
        {"red": 0.5, "green": 0.5}, 10.0
    )


def test_files_are_compressed_and_cached_by_their_tags(serve):
    client = serve(HTTP).client
    page = client.get("/replay/mms")
    assert page.headers["content-type"].startswith("text/html")
    again = client.get("/replay/mms", headers={"If-None-Match": page.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get("/").headers["cache-control"] == "no-store"  # it contains data
    for path in pages.root().rglob("*"):
        if path.is_file():
            name = path.relative_to(pages.root()).as_posix()
            response = client.get(f"/static/{name}", headers={"Accept-Encoding": "gzip"})
            whole = stylesheet(path).encode() if path.suffix == ".css" else path.read_bytes()
            assert response.content == whole
            assert b"@import" not in whole
            kind = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
            assert response.headers["content-type"].startswith(kind.get(path.suffix, ""))
    assert seqbayes.__version__ == client.get("/api/beliefs").json()["version"]


@posix
def test_replay_opens_the_page_of_its_story(program):
    words = ("replay", "mms", "--serve", "--port", "0", "--prior", "park", "--bag", "GGR")
    running, _ = program(*words, lines=0)
    url = running.stderr.readline().split()[-1]
    assert "/replay/mms?seed=1&prior=park&bag=GGR" in url
    assert httpx.get(url, trust_env=False).status_code == 200
    running.send_signal(signal.SIGINT)
    assert running.wait(60) == 130


@posix
@pytest.mark.parametrize("words", [("serve", "beliefs.db"), ("replay", "coins", "--serve")])
def test_a_browser_is_opened_on_request(program, tmp_path, words):
    browser, opened = tmp_path / "browser", tmp_path / "opened"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}.new && mv {opened}.new {opened}\n')
    browser.chmod(0o700)
    open_store(str(tmp_path / "beliefs.db")).close()
    running, _ = program(*words, "--port", "0", "--open", lines=0, BROWSER=str(browser))
    url = re.search(r"http://[^\s\"]+", running.stderr.readline())[0]
    end = time.monotonic() + 60
    while not opened.exists():
        assert time.monotonic() < end
        time.sleep(0.05)
    assert opened.read_text().strip() == url
    assert httpx.get(url, trust_env=False).status_code == 200
