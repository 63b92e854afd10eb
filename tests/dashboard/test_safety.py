"""Attacks on a server."""

import asyncio
import json
import socket
import time
from urllib.parse import urljoin, urlsplit

import pytest
from serving import HTTP, TOKEN, httpx

from seqbayes.dashboard.server.access import (
    FREE_GUESSES,
    MAX_HELD_REQUESTS,
    MAX_REMEMBERED_CLIENTS,
    Access,
    Guesses,
    host_name,
    is_loopback,
    is_same_origin,
    network_of,
)

XSS = '"><img src=x onerror=alert(1)>\n</script>'


def test_every_response_has_security_headers(serve):
    server = serve(HTTP)
    paths = (
        "/",
        "/api/beliefs",
        "/api/nothing",
        "/static/icon.svg",
        "/static/none.html",
        "/login",
        "/metrics",
        "/embed/a/b",
    )
    for path in paths:
        response = server.client.get(path)
        policy = response.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert "*" not in policy
        assert response.headers["x-content-type-options"] == "nosniff"
        # without it, browsers send the form with "Origin: null", which is refused
        referrer = "same-origin" if path == "/login" else "no-referrer"
        assert response.headers["referrer-policy"] == referrer
        assert "server" not in response.headers
        ancestors = "'self'" if path.startswith("/embed/") else "'none'"
        assert f"frame-ancestors {ancestors}" in policy
        assert ("x-frame-options" in response.headers) is not path.startswith("/embed/")
        assert "access-control-allow-origin" not in response.headers


def test_static_files_have_security_headers(serve):
    server = serve(HTTP)
    for path in ("/static/js/main.js", "/static/css/base.css", "/static/none.js"):
        headers = server.client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "server" not in headers
        assert "access-control-allow-origin" not in headers


def test_frame_ancestors_are_configurable(serve):
    server = serve(HTTP, frame_ancestors="https://wall.example")
    policy = server.client.get("/embed/a/b").headers["content-security-policy"]
    assert policy.endswith("frame-ancestors https://wall.example")
    assert server.client.get("/").headers["content-security-policy"].endswith("'none'")


def test_writing_from_loopback_requires_the_token(serve):
    server = serve(HTTP)
    body = {"content": "{}", "headers": {"Content-Type": "application/json"}}
    assert server.client.post("/api/events", **body).status_code == 401
    for wrong in (
        "Bearer x",
        f"Basic {TOKEN}",
        f"Bearer {TOKEN}x",
        "Bearer",
        f"Bearer {TOKEN[:-1]}",
    ):
        headers = {**body["headers"], "Authorization": wrong}
        response = server.client.post("/api/events", content="{}", headers=headers)
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == "Bearer"


def test_reading_from_other_hosts_requires_the_token(serve):
    server = serve(HTTP, host="0.0.0.0")
    for path in ("/api/beliefs", "/api/stream", "/api/health", "/metrics", "/api/openapi.json"):
        assert server.client.get(path).status_code == 401
        if path != "/api/stream":
            assert server.client.get(path, headers=server.bearer).status_code == 200
    page = server.client.get("/", headers={"Accept": "text/html"})
    assert (page.status_code, page.headers["location"]) == (303, "/login")
    page = server.client.get("/health?a=b&c=d", headers={"Accept": "text/html"})
    assert page.headers["location"] == "/login?next=%2Fhealth%3Fa%3Db%26c%3Dd"
    assert server.client.get("/login").status_code == 200
    assert server.client.post("/api/replay/mms", json={}).status_code == 401


def test_the_session_cookie_is_strict_and_http_only(serve):
    server = serve(HTTP, host="0.0.0.0")
    client, origin = server.client, {"Origin": server.url}
    wrong = client.post("/login", data={"token": "guess"}, headers={"Accept": "text/html"})
    assert (wrong.status_code, wrong.headers["location"]) == (303, "/login?wrong=")
    assert client.post("/login", data={"token": "guess"}).status_code == 401
    done = client.post("/login", data={"token": TOKEN}, headers={"Accept": "text/html"})
    assert (done.status_code, done.headers["location"]) == (303, "/")
    cookie = done.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert TOKEN not in cookie
    assert server.get("/api/beliefs")["version"]
    assert server.get("/api/session") == {"session": True, "reading_is_free": False}
    body = {"content": '{"shop": "a", "sold": true}'}
    kind = {"Content-Type": "application/json"}
    # a session is not enough for writing: the browser must send the origin of this page
    assert client.post("/api/events", **body, headers=kind).status_code == 403
    assert client.post("/api/events", **body, headers={**kind, **origin}).status_code == 200
    client.post("/logout", headers=origin)
    assert client.get("/api/beliefs").status_code == 401


def test_sessions_expire_and_cannot_be_forged():
    access = Access(TOKEN, "0.0.0.0")
    value = access.make_session(now=0.0)
    assert access.is_session(value, now=100.0)
    assert not access.is_session(value, now=1e9)
    expires, name, signature = value.split(".")
    for forged in (
        *("", "1.2", f"{int(expires) + 1}.{name}.{signature}", f"{expires}.{name}.", "x" * 1000),
        *(f"{expires}.x.{signature}", "é.é.é"),
    ):
        assert not access.is_session(forged, now=100.0)
    assert not Access("another token").is_session(value, now=100.0)
    assert Access(TOKEN).is_session(value, now=100.0)  # sessions survive a restart
    assert Access().token != Access().token


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_pages_of_other_origins_cannot_write(serve, headers):
    server = serve(HTTP)
    given = {**server.bearer, "Content-Type": "application/json", **headers}
    for path in ("/api/events", "/api/replay/mms", "/login", "/logout"):
        assert server.client.post(path, content="{}", headers=given).status_code == 403


def test_unknown_host_names_are_rejected(serve):
    server = serve(HTTP)
    for name in (
        "evil.example",
        "evil.example:80",
        "127.0.0.1.evil.example",
        "a b",
        "",
        "localhost.x",
    ):
        response = server.client.get("/api/beliefs", headers={"Host": name})
        assert response.status_code in (400, 421), name
    for name in ("localhost", "localhost:1", "127.0.0.1:9", "[::1]:80"):
        assert server.client.get("/api/beliefs", headers={"Host": name}).status_code == 200


def test_host_names_and_origins_are_parsed_strictly():
    assert [host_name(h) for h in ("a@b", "a/b", "[::1", "A.b.:8")] == ["", "", "", "a.b"]
    assert not is_loopback("example.org")
    assert is_same_origin({"host": "x:1", "origin": "https://x:1"})
    assert not is_same_origin({"host": "x:1", "origin": "http://[x"})
    assert not is_same_origin({"host": "", "origin": "null"})


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2Fapp.py", "/static//etc/passwd",
        "/static/%00", "/static/", "/static/index.html%00.js", "/static/..\\app.py",
    ],
)  # fmt: skip
def test_files_outside_the_static_directory_are_not_served(serve, path):
    server = serve(HTTP)
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as raw:
        raw.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: raw.recv(65536), b""))
    assert answer.split(b" ")[1] in (b"404", b"400")
    assert b"Route(" not in answer


def test_keys_and_labels_are_escaped_everywhere(serve):
    server = serve(HTTP)
    server.post([{"shop": XSS, "sold": True}, {"shop": XSS, "sold": XSS}])
    server.until(lambda: server.get("/api/beliefs/sales")["total"] == 1)
    for path in ("/api/beliefs/sales", "/api/nothing" + "<script>", "/api/beliefs/<script>"):
        assert server.client.get(path).headers["content-type"] == "application/json"
    page = server.client.get("/").text  # the data that it contains end no element
    data = page.partition('<script type="application/json" id="data">')[2].partition("</script>")[0]
    (cards,) = (result for path, result in json.loads(data).items() if "/sales?" in path)
    assert cards["cards"][0]["key"] == [XSS]
    assert page.count("<script") == 3
    text = server.client.get("/metrics").text
    assert server.client.get("/metrics").headers["content-type"].startswith("text/plain")
    assert json.dumps(XSS)[1:-1] in text
    assert all(line[0] in "#s" for line in text.splitlines())  # no label contains a line break


def test_a_client_that_does_not_read_is_dropped(serve, monkeypatch):
    from seqbayes.dashboard.live import hub

    monkeypatch.setattr(hub, "MAX_FRAMES", 3)
    server = serve(HTTP)
    keys = [f"k{i}" for i in range(50)]
    server.post([{"shop": key, "sold": True} for key in keys])
    host, port = server.url.removeprefix("http://").split(":")
    stalled_client = socket.socket()
    stalled_client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stalled_client.connect((host, int(port)))
    stalled_client.sendall(b"GET /api/stream?hz=20 HTTP/1.1\r\nHost: localhost\r\n\r\n")
    server.until(lambda: server.get("/api/health")["clients"] == 1)
    stream = server.stream("hz=20")
    next(stream)
    end = time.monotonic() + 100.0
    while server.get("/api/health")["clients"] > 1:
        assert time.monotonic() < end
        server.post([{"shop": key, "sold": True} for key in keys])
        next(d for name, d, _ in stream if name == "cards")
        time.sleep(0.03)
    stream.close()
    stalled_client.close()


def test_the_number_of_clients_is_limited(serve, monkeypatch):
    from seqbayes.dashboard.live import hub

    monkeypatch.setattr(hub, "MAX_CLIENTS", 2)
    server = serve(HTTP)
    streams = [server.stream() for _ in range(2)]
    for stream in streams:
        next(stream)
    response = server.client.get("/api/stream")
    assert (response.status_code, response.headers["retry-after"]) == (503, "5")
    streams[0].close()
    server.until(lambda: server.get("/api/health")["clients"] < 2)
    next(server.stream())


def test_silent_connections_are_closed(serve, monkeypatch):
    from seqbayes.dashboard.server import protocol, responses

    monkeypatch.setattr(protocol, "PATIENCE", 0.2)
    monkeypatch.setattr(responses, "BODY_TIMEOUT_SECONDS", 0.2)
    served = serve(HTTP)
    host, port = served.url.removeprefix("http://").split(":")

    def output(*parts):
        with socket.create_connection((host, int(port)), timeout=60) as raw:
            for part in parts:
                raw.sendall(part.encode())
            return b"".join(iter(lambda: raw.recv(65536), b""))

    assert output() == b""
    assert output("GET / HTTP/1.1\r\nHost: local") == b""
    head = "POST /api/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    slow = output(head, f"Authorization: Bearer {TOKEN}\r\nContent-Length: 10\r\n\r\n", "{")
    assert slow.startswith(b"HTTP/1.1 408")
    # a stream may last longer
    stream = served.stream("top=0")
    assert [name for name, _, _ in (next(stream) for _ in range(4))].count("health") >= 2
    stream.close()


@pytest.mark.parametrize(
    "garbage",
    [b"\x16\x03\x01\x02\x00\x01\x00", b"\r\n" * 100, b"GET / HTTP/9.9\r\n\r\n", b"\0" * 5000,
     b"GET /" + b"a" * 100_000, b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 20_000],
)  # fmt: skip
def test_invalid_requests_are_rejected(serve, garbage):
    server = serve(HTTP)
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as raw:
        try:
            raw.sendall(garbage)
            raw.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: raw.recv(65536), b""))
        except (ConnectionError, BrokenPipeError):
            answer = b""  # the server closed the connection
    assert answer == b"" or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4"))
    assert server.get("/api/health")["clients"] == 0


CHUNKED = (
    f"POST /api/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
    "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
).encode()


@pytest.mark.parametrize(
    ("beginning", "part"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nA: ", b"a" * 1000),
        (b"GET /", b"a" * 1000),
        (CHUNKED + b"0\r\n", b"a: b\r\n" * 200),
        (CHUNKED + b"0\r\nA: ", b"a" * 1000),
        (CHUNKED + b"1;a=", b"a" * 1000),
        (b"", b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20),
    ],
    ids=["header", "path", "trailers", "trailer", "chunk extension", "pipelined requests"],
)
def test_a_request_without_an_end_is_rejected(serve, beginning, part):
    server = serve(HTTP)
    host, port = server.url.removeprefix("http://").split(":")
    sent = 0
    with socket.create_connection((host, int(port)), timeout=60) as raw:
        raw.sendall(beginning)
        try:
            while sent < 1 << 25:  # more than the buffers of the two sockets
                sent += raw.send(part)
        except (ConnectionError, TimeoutError):
            pass
        else:
            pytest.fail("the server has read everything")
    assert server.get("/api/health")["status"] == "ok"


def test_a_login_returns_to_the_requested_page(serve):
    server = serve(HTTP, host="0.0.0.0")
    form = {"Accept": "text/html"}
    wrong = server.client.post("/login?next=/health", data={"token": "x"}, headers=form)
    assert wrong.headers["location"] == "/login?wrong=&next=%2Fhealth"
    for page, reached in (
        ("/health?a=b", "/health?a=b"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/a\r\nSet-Cookie: b", "/"),
    ):
        done = server.client.post(
            "/login", params={"next": page}, data={"token": TOKEN}, headers=form
        )
        assert (done.status_code, done.headers["location"]) == (303, reached)


def test_a_logout_ends_the_session_for_copies_of_its_cookie(serve):
    server = serve(HTTP, host="0.0.0.0")
    client, origin = server.client, {"Origin": server.url}
    client.post("/login", data={"token": TOKEN})
    (name, value) = next(iter(client.cookies.items()))
    copy = {"Cookie": f"{name}={value}"}
    assert client.get("/api/beliefs").status_code == 200
    client.post("/logout", headers=origin)
    client.cookies.clear()
    assert client.get("/api/beliefs", headers=copy).status_code == 401


class Clock:
    """A clock that moves only while a request waits."""

    def __init__(self):
        self.now = 0.0
        self.waits = []

    def __call__(self):
        return self.now

    async def sleep(self, seconds):
        self.waits.append(seconds)
        self.now += seconds


def test_wrong_tokens_are_logged_and_delayed(serve):
    logged, clock = [], Clock()
    server = serve(HTTP, host="0.0.0.0", log=lambda *result: logged.append(result))
    server.site.access.guesses = Guesses(clock, clock.sleep)
    answers = [server.client.post("/login", data={"token": f"guess {k}"}) for k in range(16)]
    assert [answer.status_code for answer in answers] == [401] * 16
    assert clock.waits == [1.0, 2.0, 4.0, 5.0, 5.0]
    assert len(logged) == 16
    event, text, level = logged[0]
    assert (event, level) == ("refused", "warning")
    assert "127.0.0.1" in text
    assert "guess" not in text
    # the right token waits as long, in a form as in a header
    assert server.get("/api/beliefs", headers=server.bearer)["version"]
    assert clock.waits[5:] == [5.0]
    server.client.post("/login", data={"token": "another guess"})
    assert server.client.post("/login", data={"token": TOKEN}).status_code == 200


def test_a_flood_of_wrong_tokens_delays_the_right_token_by_a_bounded_time():
    clock = Clock()

    async def arrive():
        ends = asyncio.Event()

        async def sleep(seconds):
            clock.waits.append(seconds)
            await ends.wait()

        held = Guesses(clock, sleep)
        for k in range(FREE_GUESSES + 5):
            held.wrong("flood", f"guess {k}")
        right = asyncio.create_task(held.hold("flood"))
        await asyncio.sleep(0)
        for k in range(1000):  # further guesses while it waits
            held.wrong("flood", f"later guess {k}")
            clock.now += 0.01
        assert await held.hold("another host") == 0.0
        assert not right.done()
        ends.set()
        return await right

    assert asyncio.run(arrive()) == 0.0
    assert clock.waits == [5.0]  # fixed when it arrived, regardless of later tokens


def test_the_number_of_waiting_requests_per_client_is_limited():
    clock = Clock()

    async def flood():
        ends = asyncio.Event()
        guesses = Guesses(clock, lambda seconds: ends.wait())
        for k in range(FREE_GUESSES + 5):
            guesses.wrong("flood", f"guess {k}")
        waiting = [asyncio.create_task(guesses.hold("flood")) for _ in range(MAX_HELD_REQUESTS)]
        await asyncio.sleep(0)
        assert await guesses.hold("flood") == 5.0
        assert await guesses.hold("another host") == 0.0
        ends.set()
        assert set(await asyncio.gather(*waiting)) == {0.0}
        ends.clear()
        again = asyncio.create_task(guesses.hold("flood"))
        await asyncio.sleep(0)
        assert not again.done()  # there is room again
        ends.set()
        await again

    asyncio.run(flood())


def test_too_many_waiting_requests_are_rejected(serve, monkeypatch):
    server = serve(HTTP, host="0.0.0.0")
    server.client.post("/login", data={"token": TOKEN})
    monkeypatch.setattr("seqbayes.dashboard.server.access.MAX_HELD_REQUESTS", 0)
    with httpx.Client(base_url=server.url, trust_env=False) as attacker:
        answers = [attacker.post("/login", data={"token": f"guess {k}"}) for k in range(20)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert 1 <= int(refused[0].headers["retry-after"]) <= 5
        form = attacker.post(
            "/login?next=/health", data={"token": "x"}, headers={"Accept": "text/html"}
        )
        assert form.status_code == 303
        assert form.headers["location"].startswith("/login?wait=")
        assert form.headers["location"].endswith("&next=%2Fhealth")
        accept = {"Accept": "text/html", "Authorization": "Bearer x"}
        assert attacker.get("/login", headers=accept).status_code == 429  # no redirection loop
    # a browser that has logged in before is counted separately
    assert server.client.post("/login", data={"token": TOKEN}).status_code == 200


def test_waits_double_and_the_same_wrong_token_counts_once():
    now = [0.0]
    guesses = Guesses(now=lambda: now[0])
    for _ in range(100):
        guesses.wrong("a", "an old token")
    assert guesses.wait("a") == 0.0
    waits = []
    for k in range(FREE_GUESSES + 9):
        guesses.wrong("a", f"guess {k}")
        waits.append(guesses.wait("a"))
        now[0] += waits[-1]
    assert waits == [0.0] * (FREE_GUESSES - 1) + [1, 2, 4, 5, 5, 5, 5, 5, 5, 5]
    guesses.right("a")
    guesses.wrong("a", "x")
    assert guesses.wait("a") == 0.0


def test_wrong_tokens_are_forgotten_after_ten_minutes():
    now = [0.0]
    guesses = Guesses(now=lambda: now[0])
    for k in range(FREE_GUESSES + 5):
        guesses.wrong("a", f"guess {k}")
    assert guesses.wait("a") == 5.0
    now[0] = 700.0
    guesses.wrong("a", "another guess")
    assert guesses.wait("a") == 0.0


def test_only_the_latest_clients_with_wrong_tokens_are_remembered():
    guesses = Guesses(now=lambda: 0.0)
    for k in range(FREE_GUESSES + 1):
        guesses.wrong("first", f"guess {k}")
    assert guesses.wait("first") == 1.0
    for k in range(MAX_REMEMBERED_CLIENTS):
        guesses.wrong(f"client {k}", "x")
    assert guesses.wait("first") == 0.0


@pytest.mark.parametrize(
    "page",
    [
        *("//evil.example", "///evil.example", "/\\evil.example", "\\/evil.example"),
        *("http:evil.example", "http:/evil.example", "javascript:alert(1)", "evil.example"),
        *("/\t/evil.example", "/\n/evil.example", "\t//evil.example", " //evil.example", ""),
        *("data:text/html,x", "@evil.example", "/\u2028/evil.example", "\x00//evil.example"),
    ],
)
def test_a_login_never_leads_to_another_host(serve, page):
    server = serve(HTTP, host="0.0.0.0")
    done = server.client.post(
        "/login", params={"next": page}, data={"token": TOKEN}, headers={"Accept": "text/html"}
    )
    assert done.status_code == 303
    target = urljoin(server.url + "/login", done.headers["location"])
    assert urlsplit(target).netloc == urlsplit(server.url).netloc
    assert done.headers["location"] == "/"
    twice = server.client.post(
        "/login", params=[("next", "/health"), ("next", page)], data={"token": TOKEN},
        headers={"Accept": "text/html"},
    )  # fmt: skip
    assert urlsplit(urljoin(server.url, twice.headers["location"])).netloc in server.url


def test_hosts_are_counted_by_their_network():
    assert network_of("127.0.0.1") == "127.0.0.1"
    assert network_of("::1") == "::1"
    assert network_of("::ffff:10.0.0.1") == "10.0.0.1"
    assert network_of("2001:db8:1:2:3::4") == network_of("2001:db8:1:2::ffff") == "2001:db8:1:2::"
    assert network_of("2001:db8:1:3::4") != network_of("2001:db8:1:2::4")
    assert network_of("fe80::1%eth0") == "fe80::"
    assert network_of("unknown") == "unknown"


BOTH = [
    ["Content-Length: 4", "Transfer-Encoding: chunked"],
    ["CONTENT-LENGTH: 4", "TRANSFER-ENCODING: CHUNKED"],
    ["content-length:4", "tRaNsFeR-eNcOdInG:chunked"],
    ["Content-Length: 4", "Content-Length: 4", "Transfer-Encoding: chunked"],
    ["Content-Length: 4, 4", "Transfer-Encoding: chunked"],
    ["Content-Length: 4", "Transfer-Encoding: identity"],
    ["Content-Length: 4", "Transfer-Encoding: gzip, chunked"],
    ["Content-Length: 4", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
    ["Content-Length: 4", "Transfer-Encoding:\tchunked"],
    ["Content-Length: 4", "Transfer-Encoding: "],
    ["Content-Length: 4", "Transfer-Encoding : chunked"],
    ["Content-Length: 4", " Transfer-Encoding: chunked"],
    ["Content-Length: 4", "Transfer-Encoding: xchunked"],
    ["Content-Length: +4", "Transfer-Encoding: chunked"],
    ["Content-Length: 4", "Content-Length: 5"],
]  # fmt: skip


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("both", BOTH)
def test_ambiguous_lengths_of_a_body_are_rejected(serve, both, reverse):
    server = serve(HTTP)
    host, port = server.url.removeprefix("http://").split(":")
    lines = [
        *("POST /api/events HTTP/1.1", "Host: localhost", f"Authorization: Bearer {TOKEN}"),
        *("Content-Type: application/json", *(both[::-1] if reverse else both)),
        *("", "0\r\n\r\nGET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    ]
    with socket.create_connection((host, int(port)), timeout=60) as raw:
        raw.sendall("\r\n".join(lines).encode())
        answer = b"".join(iter(lambda: raw.recv(65536), b""))  # the connection is closed, too
    # a folded line belongs to the Content-Type before it: 415
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 415", b"HTTP/1.1 501"))
    assert b"uptime" not in answer  # the rest is not read as another request


@pytest.mark.parametrize(
    "part", [b"", b"GET / HTTP/1.1\r\nHost: l", b"POST /login HTTP/1.1\r\nHost: localhost\r\n"
             b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 9\r\n\r\na"],
)  # fmt: skip
def test_incomplete_requests_of_one_host_do_not_block_others(serve, monkeypatch, part):
    from seqbayes.dashboard.server import protocol

    monkeypatch.setattr(protocol, "MAX_CLIENT_WAITING", 20)
    server = serve(HTTP)
    host, port = server.url.removeprefix("http://").split(":")
    sockets = []
    try:
        for _ in range(150):
            sockets.append(socket.create_connection((host, int(port)), timeout=60))
            sockets[-1].sendall(part)
        for _ in range(5):
            assert server.get("/api/health")["status"] == "ok"
        with socket.socket() as other:
            other.settimeout(60)
            other.bind(("127.0.0.2", 0))
            other.connect((host, int(port)))
            other.sendall(b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert other.recv(100).startswith(b"HTTP/1.1 200")
        # the oldest are closed
        assert sockets[0].recv(10) in (b"",)
    except ConnectionResetError:
        pass  # also a proper end
    finally:
        for each in sockets:
            each.close()


def test_incomplete_requests_of_many_hosts_do_not_block_others(serve, monkeypatch):
    from seqbayes.dashboard.server import protocol

    monkeypatch.setattr(protocol, "MAX_CLIENT_WAITING", 20)
    monkeypatch.setattr(protocol, "MAX_WAITING", 30)
    monkeypatch.setattr(protocol, "PATIENCE", 600.0)
    server = serve(HTTP)
    host, port = server.url.removeprefix("http://").split(":")
    sockets = []

    def is_open(connection):
        try:
            return connection.recv(10) != b""
        except BlockingIOError:
            return True
        except ConnectionResetError:
            return False

    try:
        for k in range(100):
            sockets.append(socket.socket())
            sockets[-1].settimeout(60)
            sockets[-1].bind((f"127.0.0.{2 + k % 10}", 0))
            sockets[-1].connect((host, int(port)))
            sockets[-1].sendall(b"GET / HTTP/1.1\r\nHost: l")
            sockets[-1].setblocking(False)
        for _ in range(5):
            assert server.get("/api/health")["status"] == "ok"
        server.until(lambda: sum(map(is_open, sockets)) <= 31)
        assert sum(map(is_open, sockets)) > 20  # only the oldest are closed
    finally:
        for each in sockets:
            each.close()


def test_a_host_with_many_streams_makes_room_for_another_host():
    from seqbayes.dashboard.live import hub
    from seqbayes.dashboard.live.board import Board
    from seqbayes.dashboard.live.providers import Provider

    site = hub.Hub(Board(), Provider())
    every = hub.Subscription(frozenset(), frozenset())
    clients = [site.connect(every, "192.0.2.1") for _ in range(hub.MAX_CLIENTS)]
    assert None not in clients
    assert site.connect(every, "192.0.2.1") is None
    newcomers = [site.connect(every, "192.0.2.2") for _ in range(hub.MAX_CLIENTS)]
    granted = [each for each in newcomers if each is not None]
    assert len(granted) == hub.MAX_CLIENTS // 2
    assert len(site.clients) == hub.MAX_CLIENTS
    assert sum(each.dropped.is_set() for each in clients) == len(granted)
    assert site.connect(every, "192.0.2.3") is not None
