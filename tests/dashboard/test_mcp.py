"""AI agents read the beliefs of a store through the Model Context Protocol."""

import asyncio
import json
import math
import random
import re
import signal
import subprocess
from contextlib import asynccontextmanager

import msgspec
import pytest

pytest.importorskip("mcp", reason="the extra 'mcp' is not installed")
import serving
from mcp import Client, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

from programs import Program, command, environment, posix
from seqbayes.agents.server import make_server
from seqbayes.agents.tools import Tools
from seqbayes.dashboard.live.providers import StoreProvider
from seqbayes.stream.config import parse_config
from seqbayes.stream.verbs.predict import predict

CONFIG = """
store = "beliefs.db"
source = { kind = "file", path = "events.jsonl" }
[belief.sales]
state = "beta"
field = "sold"
by = ["shop", "day"]
control = ["north", "Mon"]
[belief.waits]
state = "normal-inverse-gamma"
prior = { prior_mean = 4, kappa = 1, alpha = 3, beta = 2 }
field = "wait"
by = "shop"
better = "lower"
[belief.colours]
state = "dirichlet"
categories = ["red", "green"]
field = "colour"
[belief.groups]
state = "mixture"
components = { a = { state = "normal-inverse-gamma" }, b = { state = "normal-inverse-gamma" } }
field = "wait"
[belief.line]
state = "conjugate-linear-regression"
features = ["at"]
field = "wait"
"""


def learn(lines):
    """Add events to the store in the current directory."""
    with open("events.jsonl", "a", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)
    with parse_config(CONFIG.encode()).open() as pipeline:
        for _ in pipeline:
            pass


def events(n=240):
    rng = random.Random(7)
    for k in range(n):
        shop = ("north", "south")[k % 2]
        wait = round(rng.gauss(3.0 if k % 2 else 5.0, 1.0), 3)
        sold, colour = rng.random() < 0.2 + 0.5 * (k % 2), rng.choice(["red", "green"])
        yield {"shop": shop, "day": "Mon", "sold": sold, "wait": wait, "colour": colour, "at": k}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """The directory of a store that has learned some events."""
    directory = tmp_path_factory.mktemp("agents")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(directory)
        learn(events())
    return directory


@asynccontextmanager
async def connected(directory, monkeypatch):
    """Connect a client to a server in this process."""
    monkeypatch.chdir(directory)
    origin = StoreProvider("beliefs.db", every=0.0)
    try:
        async with Client(make_server(Tools(origin))) as client:
            yield client
    finally:
        origin.close()


def ask(directory, monkeypatch, *calls):
    """Return the answers to some calls: JSON values, or the text of an error."""

    async def talk():
        async with connected(directory, monkeypatch) as client:
            return [answer(await client.call_tool(name, given)) for name, given in calls]

    return asyncio.run(talk())


def answer(result):
    if result.is_error:
        return result.content[0].text
    assert json.loads(result.content[0].text) == result.structured_content
    return result.structured_content


def test_all_tools_are_read_only_and_describe_their_arguments(store, monkeypatch):
    async def list_tools():
        async with connected(store, monkeypatch) as client:
            return (await client.list_tools()).tools

    tools = {tool.name: tool for tool in asyncio.run(list_tools())}
    assert list(tools) == [
        "list_beliefs", "list_keys", "get_posterior", "compare", "explain_step", "forecast",
    ]  # fmt: skip
    for tool in tools.values():
        assert tool.annotations.read_only_hint is True
        assert len(tool.description) > 60
    described = tools["compare"].input_schema["properties"]
    assert described["best"]["anyOf"][0]["enum"] == ["highest", "lowest"]
    assert described["belief"]["description"] == "Name of a belief, from list_beliefs."


def test_beliefs_and_keys_are_listed(store, monkeypatch):
    found, keys, searched = ask(
        store,
        monkeypatch,
        ("list_beliefs", {}),
        ("list_keys", {"belief": "waits", "sort": "mean", "order": "asc"}),
        ("list_keys", {"belief": "sales", "search": "nor"}),
    )
    by = {each["name"]: each["by"] for each in found["beliefs"]}
    assert by["sales"] == ["shop", "day"]
    assert list(by) == sorted(["sales", "waits", "colours", "groups", "line"])
    assert (found["status"], found["events"], found["dead_letters"]) == ("stopped", 240, 0)
    assert [each["key"] for each in keys["keys"]] == [["south"], ["north"]]
    assert keys["keys"][0]["mean"] < keys["keys"][1]["mean"]
    assert [each["key"] for each in searched["keys"]] == [["north", "Mon"]]


def test_verdicts_and_posteriors_are_those_of_the_page(store, monkeypatch, serve):
    sales, waits, lowest, posterior = ask(
        store,
        monkeypatch,
        ("compare", {"belief": "sales"}),
        ("compare", {"belief": "waits"}),
        ("compare", {"belief": "waits", "best": "highest", "control": ["south"], "level": 0.9}),
        ("get_posterior", {"belief": "waits", "key": ["north"]}),
    )
    monkeypatch.chdir(store)
    page = serve(str(store / "beliefs.db"))
    for found, query in [
        (sales, "sales"),
        (waits, "waits"),
        (lowest, 'waits?best=highest&control=["south"]&level=0.9'),
    ]:
        shown = page.get(f"/api/compare/{query}")
        assert found["verdict"] == shown["verdict"]
        assert found["best"] == json.loads(shown["best"])
        assert found["reference"] == json.loads(shown["reference"])
        assert found["decision"]["p_value"] == shown["decision"]["p_value"]
        assert [a["p_best"] for a in found["arms"]] == [a["p_best"] for a in shown["arms"]]
        assert [a["contrast"] for a in found["arms"]] == [a["contrast"] for a in shown["arms"]]
    assert (sales["best"], sales["reference"]) == (["south", "Mon"], ["north", "Mon"])
    assert (waits["best"], waits["better"]) == (["south"], "lowest")
    assert (lowest["best"], lowest["better"]) == (["north"], "highest")
    shown = page.get('/api/beliefs/waits/["north"]')
    for name in ("posterior", "prior", "mean", "interval", "quantiles", "log_evidence", "text"):
        assert posterior[name] == shown[name]
    assert not {"density", "spark", "history", "id"} & set(posterior)


def test_a_step_is_explained_and_not_learned(store, monkeypatch):
    key = ["north", "Mon"]
    before, found, after, colour, mixed = ask(
        store,
        monkeypatch,
        ("get_posterior", {"belief": "sales", "key": key}),
        ("explain_step", {"belief": "sales", "key": key, "value": True}),
        ("get_posterior", {"belief": "sales", "key": key}),
        ("explain_step", {"belief": "colours", "value": "red"}),
        ("explain_step", {"belief": "groups", "value": 4.0}),
    )
    step = found["step"]
    product = step["prior"] * step["likelihood"] / step["evidence"]
    assert math.isclose(product, step["posterior"], rel_tol=1e-9)
    assert math.isclose(found["surprise"], -math.log(step["evidence"]), rel_tol=1e-9)
    alpha, beta = before["posterior"]["alpha"], before["posterior"]["beta"]
    assert math.isclose(found["before"]["mean"], alpha / (alpha + beta), rel_tol=1e-12)
    assert math.isclose(found["after"]["mean"], (alpha + 1) / (alpha + beta + 1), rel_tol=1e-12)
    assert after["n"] == before["n"] == 120
    assert colour["step"]["of"] == "red"
    shares = [each["responsibility"] for each in mixed["responsibilities"]["components"]]
    assert math.isclose(sum(shares), 1.0, rel_tol=1e-9)
    assert "step" not in mixed


def test_forecasts_are_those_of_the_command_line(store, monkeypatch):
    number, labels, mixture, line = ask(
        store,
        monkeypatch,
        ("forecast", {"belief": "waits", "key": ["north"], "values": [4, 9.5], "level": 0.8}),
        ("forecast", {"belief": "colours"}),
        ("forecast", {"belief": "groups", "values": [3.0]}),
        ("forecast", {"belief": "line", "values": [{"at": 240}]}),
    )
    url = str(store / "beliefs.db")
    expected = predict(url, "waits", "north", [4, 9.5], 0.8)
    del expected["key"]
    assert {**number, "key": None} == {**json.loads(msgspec.json.encode(expected)), "key": None}
    assert math.isclose(sum(labels["probabilities"].values()), 1.0)
    (found,) = mixture["values"]
    assert found["prediction"] in ("a", "b")
    low, high = line["values"][0]["interval"]
    assert low < line["values"][0]["prediction"] < high


@pytest.mark.parametrize(
    ("tool", "given", "reason"),
    [
        ("get_posterior", {"belief": "nothing"}, "there is no belief 'nothing'"),
        ("get_posterior", {"belief": "sales", "key": ["north"]}, "expected 2 values as its key"),
        ("get_posterior", {"belief": "waits", "key": ["west"]}, "has no key"),
        ("get_posterior", {"belief": "waits", "key": None}, "has no key null"),
        ("list_keys", {"belief": "sales", "sort": "luck"}, "expected 'sort' to be one of n, mean"),
        ("list_keys", {"belief": "sales", "limit": 0}, "greater than or equal to 1"),
        ("compare", {"belief": "colours"}, "expected 2 to 12 keys"),
        ("compare", {"belief": "waits", "keys": [["north"], ["north"]]}, "different keys"),
        ("compare", {"belief": "waits", "level": 2}, "less than or equal to 0.999"),
        ("compare", {"belief": "waits", "control": ["west"]}, "expected 'control' to be one of"),
        ("compare", {"belief": "waits", "label": "red"}, "only beliefs about labels"),
        ("explain_step", {"belief": "colours", "value": "blue"}, "blue"),
        ("explain_step", {"belief": "colours", "value": None}, "expected an observation, got null"),
        ("explain_step", {"belief": "waits", "key": ["north"], "value": "4"}, "quotation marks"),
        ("explain_step", {"belief": "line", "value": 4}, "is an estimator"),
        ("forecast", {"belief": "waits", "key": ["north"], "values": [[1]]}, "expected a number"),
        ("forecast", {"belief": "line", "values": [4]}, "expected an object of features"),
        ("forecast", {"belief": "colours", "values": ["red"] * 101}, "at most 100"),
    ],
)  # fmt: skip
def test_an_invalid_call_is_answered_with_the_reason(tool, given, reason, store, monkeypatch):
    (found,) = ask(store, monkeypatch, (tool, given))
    assert isinstance(found, str)
    assert found.startswith(f"Error executing tool {tool}: ")
    assert reason in found


def test_every_call_sees_the_last_commit(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    learn(events(4))

    async def talk():
        async with connected(tmp_path, monkeypatch) as client:
            asked = ("forecast", {"belief": "colours"})
            first = answer(await client.call_tool(*asked))
            await asyncio.to_thread(learn, events(6))
            second = answer(await client.call_tool(*asked))
            while second["n"] == first["n"]:  # polls follow each other after a short pause
                second = answer(await client.call_tool(*asked))
            (tmp_path / "beliefs.db").rename(tmp_path / "moved.db")
            return first, second, answer(await client.call_tool(*asked))

    first, second, last = asyncio.run(talk())
    assert (first["n"], second["n"]) == (4, 10)
    assert "beliefs.db" in last
    assert last.startswith("Error executing tool forecast")


def test_a_client_talks_to_the_command_over_stdio(store):
    program, *words = command("mcp", str(store / "beliefs.db"))
    parameters = StdioServerParameters(command=program, args=words, env=environment())

    async def talk():
        async with Client(stdio_client(parameters)) as client:
            return answer(await client.call_tool("compare", {"belief": "waits"}))

    found = asyncio.run(talk())
    assert (found["verdict"], found["best"]) == ("best", ["south"])


@posix
def test_a_client_talks_to_the_command_over_http_with_the_token(store):
    httpx2 = pytest.importorskip("httpx2")
    words = ("mcp", str(store / "beliefs.db"), "--http", "--port", "0", "--token", serving.TOKEN)
    with Program(
        command(*words), stderr=subprocess.PIPE, encoding="utf-8", env=environment()
    ) as program:
        try:
            url = re.search(r"http://\S+/mcp", program.stderr.readline()).group()

            async def talk(token):
                headers = {"Authorization": f"Bearer {token}"}
                async with (
                    httpx2.AsyncClient(headers=headers, trust_env=False) as http,
                    Client(streamable_http_client(url, http_client=http)) as client,
                ):
                    return answer(await client.call_tool("compare", {"belief": "waits"}))

            found = asyncio.run(talk(serving.TOKEN))
            message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
            statuses = [
                serving.httpx.post(url, json=message, headers=headers, trust_env=False).status_code
                for headers in (
                    {},
                    {"Authorization": "Bearer another token of tests"},
                    {"Authorization": f"Bearer {serving.TOKEN}", "Origin": "http://evil.example"},
                    {"Authorization": f"Bearer {serving.TOKEN}", "Host": "evil.example"},
                )
            ]
        finally:
            program.send_signal(signal.SIGTERM)
        assert program.wait(60) == 143
        program.stderr.read()
    assert (found["verdict"], found["best"]) == ("best", ["south"])
    assert statuses == [401, 401, 403, 421]


def test_a_missing_store_is_reported(tmp_path, monkeypatch, capsys):
    from seqbayes.cli import main

    monkeypatch.chdir(tmp_path)
    assert main(["mcp", "nothing.db"]) == 4
    assert "nothing.db" in capsys.readouterr().err
