"""Choices over HTTP: stated probabilities, and rewards that count exactly once."""

import asyncio
import copy
import math
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter

import pytest
from scipy.special import betaln
from serving import TOKEN, httpx

from choice_of_layout import CONFIG
from seqbayes import Beta, Decayed
from seqbayes.bandit.rules import shares_of
from seqbayes.compare import compare
from seqbayes.dashboard.client import ApiError, Client
from seqbayes.dashboard.server.app import Direct
from seqbayes.dashboard.server.responses import HttpError
from seqbayes.events.belief import Belief
from seqbayes.stream import dead_letters, merge, open_store
from seqbayes.stream.choices import ChoiceTable, Chooser, RewardBody, post_rewards
from seqbayes.stream.config import parse_config
from seqbayes.stream.schema import ConfigError
from seqbayes.stream.stores import Changes, StoreError


def client(server, **options):
    return Client(server.url, **{"token": TOKEN, **options})


def learned(server, *key):
    cards = server.get("/api/beliefs/conversion")["cards"]
    return next((card["n"] for card in cards if card["key"] == list(key)), 0.0)


def test_a_reward_is_learned_once(serve):
    server = serve(CONFIG)
    with client(server) as http:
        (chosen,) = http.choose("layout", [{"country": "de", "age": 31}])
        assert chosen.propensity == 0.5
        assert http.reward(chosen.decision, True).accepted == 1
        again = http.reward(chosen.decision, False)
        assert (again.accepted, again.duplicates) == (0, 1)
        server.until(lambda: learned(server, "de", chosen.arm) == 1.0)
        others = http.choose("layout", [{"country": "de"}, {"country": "fr"}])
        # P(Beta(2, 1) > Beta(1, 1)) = 2/3
        share = 2 / 3 if others[0].arm == chosen.arm else 1 / 3
        assert others[0].propensity == pytest.approx(share, rel=1e-10)
        assert others[1].propensity == 0.5


def test_an_arm_that_is_not_chosen_forgets_by_time():
    state = Decayed(Beta(), half_life=10.0, by="time")
    belief = Belief("conversion", state, field="converted", by=["layout"], time="at")
    chooser = Chooser("layout", ChoiceTable("conversion", "layout", ["a", "b"]), belief)
    states = {("a",): state.clone(), ("b",): state.clone()}
    states["a",].learn_one(True, t=0.0)
    assert propensities(chooser, states) == pytest.approx({"a": 2 / 3, "b": 1 / 3})
    states["b",].learn_one(True, t=20.0)
    # a has been forgotten down to a quarter of an observation
    expected = compare({"a": Beta(1.25, 1.0), "b": Beta(2.0, 1.0)}).p_best
    assert propensities(chooser, states) == pytest.approx(expected)


def propensities(chooser, states):
    drawn = [chooser.choose({}, lambda key: copy.copy(states.get(key))) for _ in range(60)]
    return {each.arm: each.propensity for each in drawn}


def p_larger(first, second):
    """P(Beta(first) > Beta(second)) by the finite sum of Evan Miller (2015)."""
    (a, b), (c, d) = first, second
    terms = (
        math.exp(betaln(c + i, b + d) - math.log(b + i) - betaln(1 + i, b) - betaln(c, d))
        for i in range(a)
    )
    return math.fsum(terms)


def test_arms_are_chosen_by_the_probability_of_being_best(serve):
    server = serve(CONFIG)
    events = [
        {"country": "de", "layout": arm, "converted": i < successes, "id": f"{arm}{i}"}
        for arm, successes, n in (("a", 21, 200), ("b", 31, 200))
        for i in range(n)
    ]
    server.post(events)
    server.until(lambda: learned(server, "de", "b") == 200.0)
    with client(server) as http:
        chosen = http.choose("layout", [{"country": "de"}] * 2000)
    shares = {each.arm: each.propensity for each in chosen}
    assert shares["b"] == pytest.approx(p_larger((32, 170), (22, 180)), rel=1e-10)
    assert sum(shares.values()) == pytest.approx(1.0, abs=1e-12)
    counts = Counter(each.arm for each in chosen)
    assert abs(counts["b"] - 2000 * shares["b"]) < 6 * (2000 * shares["a"] * shares["b"]) ** 0.5
    assert len({each.decision for each in chosen}) == 2000


def test_lower_rewards_are_better_if_the_belief_or_the_choice_declares_it():
    states = {("de", "a"): Beta(2, 8), ("de", "b"): Beta(8, 2)}
    of_belief = CONFIG.replace("by = [", 'better = "lower"\nby = [')
    for text, best in (
        (CONFIG, "b"),
        (of_belief, "a"),
        (of_belief + 'better = "higher"\n', "b"),
        (CONFIG + 'better = "lower"\n', "a"),
    ):
        chooser = parse_config((text + 'rule = "greedy"\n').encode()).choices["layout"]
        assert chooser.choose({"country": "de"}, states.get).arm == best


def test_rewards_of_many_decisions_are_learned_together(serve, tmp_path):
    server = serve(CONFIG + "min_share = 0.1\n")
    with client(server) as http:
        chosen = http.choose("layout", [{"country": "de"}] * 20)
    rewards = [{"decision": each.decision, "reward": True} for each in chosen]
    response = server.client.post("/api/reward", json=[*rewards, rewards[0]], headers=server.bearer)
    assert response.status_code == 200
    assert (response.json()["accepted"], response.json()["duplicates"]) == (20, 1)
    counts = Counter(each.arm for each in chosen)
    for arm, n in counts.items():
        server.until(lambda arm=arm, n=n: learned(server, "de", arm) == n)


def test_a_rejected_reward_can_be_corrected(serve):
    server = serve(CONFIG)
    with client(server) as http:
        (chosen,) = http.choose("layout", [{"country": "de"}])
        refused = http.reward(chosen.decision, 7)
        assert (refused.accepted, refused.unused) == (0, 1)
        assert http.reward(chosen.decision, True).accepted == 1


def test_shares_are_computed_once_for_all_requests_until_a_belief_changes(monkeypatch):
    belief = Belief("conversion", Beta(), field="converted", by=["country", "layout"])
    chooser = Chooser("layout", ChoiceTable("conversion", "layout", ["a", "b"]), belief)
    states = {("de", "a"): Beta(3, 2), ("de", "b"): Beta(2, 2)}
    computed, waiting = [], threading.Barrier(4)

    def counted(*arguments):
        computed.append(arguments)
        return shares_of(*arguments)

    def choose():
        waiting.wait(timeout=60)
        chooser.choose({"country": "de"}, states.get)

    monkeypatch.setattr("seqbayes.stream.choices.shares_of", counted)
    assert chooser.choose_at_once({"country": "de"}, states.get) is None
    threads = [threading.Thread(target=choose) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(computed) == 1
    decided = chooser.choose_at_once({"country": "de"}, states.get)
    assert decided.propensity == compare(list(states.values())).p_best["ab".index(decided.arm)]
    states["de", "a"] = Beta(4, 2)
    assert chooser.choose_at_once({"country": "de"}, states.get) is None
    newer = chooser.choose({"country": "de"}, states.get)
    assert newer.propensity == compare(list(states.values())).p_best["ab".index(newer.arm)]
    assert len(computed) == 2


def test_the_board_is_not_locked_while_shares_are_computed(serve, monkeypatch):
    server = serve(CONFIG)
    lock, free = server.site.hub.board.lock, []

    def take():
        if lock.acquire(timeout=60):
            lock.release()
            free.append(True)

    def observed(*arguments):
        thread = threading.Thread(target=take)  # the lock can be taken twice by one thread
        thread.start()
        thread.join()
        return shares_of(*arguments)

    monkeypatch.setattr("seqbayes.stream.choices.shares_of", observed)
    with client(server) as http:
        http.choose("layout", [{"country": "de"}])
    assert free == [True]


def test_the_reward_of_a_retired_arm_is_learned(serve):
    server = serve(CONFIG)
    with client(server) as http:
        decisions = http.choose("layout", [{"country": "de"}] * 40)
    old = next(each for each in decisions if each.arm == "a")
    server.stop()
    server = serve(CONFIG.replace('["a", "b"]', '["b", "c"]'))
    with client(server) as http:
        assert http.reward(old.decision, True).accepted == 1
        assert {each.arm for each in http.choose("layout", [{"country": "de"}] * 40)} == {"b", "c"}
    server.until(lambda: learned(server, "de", "a") == 1.0)


def test_a_reward_that_may_have_been_forgotten_is_rejected(serve):
    few = CONFIG.replace('id = "id"', 'id = "id", remember = 3')
    server = serve(few)
    with client(server) as http:
        decisions = [http.choose("layout", [{"country": "de"}])[0].decision for _ in range(6)]
        before = time.time_ns() // 10**6
        while time.time_ns() // 10**6 <= before:  # decisions have times in ms
            pass
        late = http.choose("layout", [{"country": "de"}])[0].decision
        for decision in decisions:
            assert http.reward(decision, True).accepted == 1
        with pytest.raises(ApiError, match="too old to detect"):
            http.reward(decisions[0], True)
        assert http.reward(decisions[-1], True).duplicates == 1
        assert http.reward(late, True).accepted == 1
    server.stop()
    server = serve(few)
    with client(server) as http:
        with pytest.raises(ApiError, match="too old to detect"):
            http.reward(decisions[0], True)
        assert http.reward(late, True).duplicates == 1
    cards = server.get("/api/beliefs/conversion")["cards"]
    assert sum(card["n"] for card in cards) == 7.0


def test_forged_decisions_are_rejected(serve, monkeypatch):
    monkeypatch.setenv("CHOICE_SECRET", "pepper")
    server = serve(CONFIG + 'secret = "${CHOICE_SECRET}"\n')
    with client(server) as http:
        (chosen,) = http.choose("layout", [{"country": "de"}])
        assert chosen.decision.startswith("d")  # never "-", which begins options
        changed = chosen.decision[:-3] + ("A" if chosen.decision[-3] != "A" else "B")
        changed += chosen.decision[-2:]
        for wrong in (changed, "", "?", "\N{SNOWMAN}", chosen.decision[:-4], chosen.decision * 2):
            with pytest.raises(ApiError, match="was not issued by 'layout', or was changed"):
                http.reward(wrong, True)
    server.stop()
    server = serve(CONFIG + 'secret = "another"\n')
    with client(server) as http, pytest.raises(ApiError, match="was not issued by"):
        http.reward(chosen.decision, True)


@pytest.mark.parametrize(
    ("path", "body", "status", "reason"),
    [
        ("/api/choose/colour", {}, 404, "no choice 'colour'"),
        ("/api/choose/layout", {}, 422, "context 1: field 'country' of the context is missing"),
        ("/api/choose/layout", [{"country": "de"}, {"country": [1]}], 422, "context 2: "),
        ("/api/choose/layout", [3], 422, "xpected"),
        ("/api/choose/layout", {"country": "x" * 1001}, 422, "longer than 1000 characters"),
        ("/api/reward", {"decision": "x"}, 422, "reward"),
        ("/api/reward", "x", 422, "xpected"),
        ("/api/reward", {"decision": "x", "reward": 1, "at": 5}, 422, "unknown field `at`"),
        ("/api/choose/layout/x", {"country": "de"}, 404, "no choice 'layout/x'; the choices are"),
    ],
)
def test_invalid_requests_are_rejected(serve, path, body, status, reason):
    server = serve(CONFIG)
    answer = server.client.post(path, json=body, headers=server.bearer)
    assert answer.status_code == status, answer.text
    assert reason in answer.json()["error"]


def test_choices_need_a_token_and_a_configuration(serve):
    server = serve(CONFIG)
    assert server.client.post("/api/choose/layout", json={"country": "de"}).status_code == 401
    server.stop()
    server = serve(CONFIG.partition("[choice")[0])
    answer = server.client.post("/api/choose/layout", json={}, headers=server.bearer)
    assert answer.status_code == 409
    assert "has no choices" in answer.json()["error"]


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ('belief = "conversion"', 'belief = "conversions"', "did you mean 'conversion'"),
        ('arm = "layout"', 'arm = "city"', "arm: 'city' is not a key field"),
        ('["a", "b"]', "[]", "expected 1 to 1000 arms"),
        ('["a", "b"]', '["a", "a"]', "expected distinct arms"),
        ('["a", "b"]', '["a", ""]', "expected names of 1 to"),
        ('arm = "layout"', 'arm = "layout"\nmin_share = 0.6', "min_share: expected from 0 to"),
        ('arm = "layout"', 'arm = "layout"\nburn_in = -1', "burn_in: expected a number >= 0"),
        ('arm = "layout"', 'arm = "layout"\nrule = "thomson"', "did you mean 'thompson'"),
        ('arm = "layout"', 'arm = "layout"\nsecret = "${UNSET_}"', "no variable 'UNSET_'"),
        (', id = "id"', "", "choice: requires a source of kind = 'http' with an id"),
        (
            'id = "id"',
            'id = "country"',
            "source.id: belief 'conversion' uses this field for another purpose",
        ),
    ],
)
def test_errors_in_the_configuration_are_listed(old, new, error):
    with pytest.raises(ConfigError) as raised:
        parse_config(CONFIG.replace(old, new).encode())
    assert error in str(raised.value)


def offered(config, *rewards):
    """Return the outcomes of rewards that are posted one after another to a source."""
    outcomes = []
    with config.open() as pipeline:
        for reward in rewards:
            posted = post_rewards(config.choices, [RewardBody(reward, True)], pipeline.source)
            posted.done = lambda outcome, again: outcomes.append(outcome)
            before = len(outcomes)
            pipeline.source.offer(posted)
            for _ in pipeline:
                if len(outcomes) > before:
                    break
    return outcomes


def decisions(config, n):
    """Return decisions with different times."""
    chooser = config.choices["layout"]
    return [chooser.choose({"country": "de"}, {}.get, now=1e9 + i).decision for i in range(n)]


def test_a_retry_of_dead_letters_does_not_repeat_a_forgotten_reward(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    few = CONFIG.replace('id = "id"', 'id = "id", remember = 2')
    narrow = parse_config(few.replace("by = [", "max_keys = 1\nby = [").encode())
    wide = parse_config(few.encode())
    chosen = decisions(wide, 60)
    arms = [wide.choices["layout"].ids.decode(each).arm for each in chosen]
    first = chosen.pop(0)
    other = chosen.pop(next(i for i, arm in enumerate(arms[1:]) if arm != arms[0]))
    (_, refused) = offered(narrow, first, other)
    assert refused.unused == 1  # the second key is beyond the limit
    assert offered(wide, other)[0].accepted == 1
    offered(wide, *chosen[-4:])  # the identity is forgotten
    done = dead_letters("beliefs.db").retry(wide)
    assert (done.used, done.left) == (0, 1)


def test_a_merged_store_rejects_rewards_forgotten_by_one_input(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    few = CONFIG.replace('id = "id"', 'id = "id", remember = 2')
    chosen = decisions(parse_config(few.encode()), 8)
    for store, some in (("1.db", chosen[:4]), ("2.db", chosen[4:])):
        offered(parse_config(few.replace("beliefs.db", store).encode()), *some)
    for order in (["1.db", "2.db"], ["2.db", "1.db"]):
        merge(order, f"{order[0]}.merged.db")
        with open_store(f"{order[0]}.merged.db", "read") as store:
            notes = {each.id: each.note for each in store.ids("http")}
        newest = parse_config(few.encode()).choices["layout"].ids.decode(chosen[5]).issued
        assert int(notes["h:rewards"]) == newest


def test_a_reward_that_becomes_too_late_while_it_waits_is_reported():
    config = parse_config(CONFIG.replace('id = "id"', 'id = "id", remember = 1').encode())
    chosen = decisions(config, 3)
    outcomes = []
    source = config.open_source()
    for reward in (chosen[1], chosen[2], chosen[0]):
        posted = post_rewards(config.choices, [RewardBody(reward, True)], source)
        posted.done = lambda outcome, again: outcomes.append(outcome)
        source.offer(posted)
    for _ in range(3):
        next(source.batches(size=1))
        source.committing(Changes("http", 1, 1))
        source.committed(1)
    assert [(each.accepted, each.unused) for each in outcomes] == [(1, 0), (1, 0), (0, 1)]
    assert outcomes[2].refusals[0]["reason"] == "not read: its decision is too old"


@pytest.mark.server
def test_rewards_are_learned_once_even_if_the_server_is_killed(tmp_path):
    (tmp_path / "c.toml").write_text(CONFIG)
    command = [sys.executable, "-m", "seqbayes", "serve", "c.toml", "--port", "0", "--token", TOKEN]
    rng, decisions, answered = random.Random(5), [], set()
    for kill_at in (12, 25, None):
        program = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
        url = program.stderr.readline().split()[-1]
        with Client(url.rstrip("/"), token=TOKEN) as http:
            if not decisions:
                decisions = [
                    each.decision for each in http.choose("layout", [{"country": "x"}] * 40)
                ]
            left = [each for each in decisions if each not in answered]
            for posted, decision in enumerate(left):
                if kill_at is not None and posted == kill_at:
                    os.kill(program.pid, signal.SIGKILL)
                try:
                    outcome = http.reward(decision, True)
                except (OSError, httpx.HTTPError, ApiError):
                    break
                except Exception as error:  # http.client's errors of a closed connection
                    assert type(error).__module__ == "http.client"  # noqa: PT017
                    break
                assert outcome.accepted + outcome.duplicates == 1
                answered.add(decision)
            if kill_at is None:
                for decision in rng.sample(decisions, 10):
                    assert http.reward(decision, True).duplicates == 1
        program.kill()
        program.wait()
        program.stderr.close()
    assert len(answered) == 40
    with open_store(str(tmp_path / "beliefs.db"), "read") as store:
        assert store.events("http") == 40


def test_a_reward_is_learned_by_the_beliefs_whose_fields_it_has(serve):
    further = """
    [belief.speed]
    state = "gamma"
    prior = { shape = 2, rate = 1 }
    likelihood = { name = "exponential" }
    field = "ms"
    by = "layout"
    [belief.overall]
    state = "beta"
    field = "converted"
    [belief.visits]
    state = "beta"
    field = "converted"
    where = { kind = "visit" }
    """
    server = serve(CONFIG + further)
    with client(server) as http:
        first, second = http.choose("layout", [{"country": "de"}] * 2)
        assert http.reward(first.decision, True).refused == 0
        events = {"ms": 12.5, "kind": "visit"}
        assert http.reward(second.decision, True, event=events).refused == 0
    counts = {"speed": 1.0, "overall": 2.0, "visits": 1.0}

    def learned_by():
        cards = {name: server.get(f"/api/beliefs/{name}")["cards"] for name in counts}
        return {name: sum(card["n"] for card in found) for name, found in cards.items()}

    server.until(lambda: learned_by() == counts)
    assert server.get("/api/health")["dead_letters"] == 0


@pytest.mark.parametrize(
    ("error", "status"), [(HttpError(404, "no"), 404), (StoreError("no"), 500)]
)
def test_frequent_requests_answer_errors_like_all_others(error, status):
    async def handler(request):
        raise error

    async def post():
        transport = httpx.ASGITransport(Direct(None, {"/api/choose/": handler}))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
            return await http.post("/api/choose/layout")

    response = asyncio.run(post())
    assert (response.status_code, response.json()) == (status, {"error": "no"})
