"""Frames: computed once for all clients, resumable, and never blocking."""

import asyncio
import copy
import json
import random
import threading

import pytest

from seqbayes import Beta, Decayed
from seqbayes.dashboard import views
from seqbayes.dashboard.live import entry_table
from seqbayes.dashboard.live import hub as hubs
from seqbayes.dashboard.live.board import Board, StreamHealth
from seqbayes.dashboard.live.descriptions import of_belief
from seqbayes.dashboard.live.entries import Entry, Update
from seqbayes.dashboard.live.hub import Hub, Subscription
from seqbayes.dashboard.live.listings import MAX_LISTINGS, Cursor
from seqbayes.dashboard.live.recent import RECENT
from seqbayes.errors import ObservationError
from seqbayes.mixture import Mixture
from seqbayes.stream import Belief

ALL = Subscription(frozenset(), frozenset())


class Provider:
    reader = source = None

    def refresh(self, board, timeout):
        pass

    def watch(self, keys):
        self.watched = keys

    def health(self):
        return StreamHealth()


def made(state=None, keys=3, **options):
    board = Board()
    board.declare([of_belief(Belief("b", state or Beta(), field="x", by="k"))])
    learn(board, [f'["{i}"]' for i in range(keys)])
    return Hub(board, Provider(), **options)


def learn(board, keys, gone=(), happened=(), watched=True):
    states = {}
    for key in keys:
        entry = board.entry("b", key)
        state = Beta() if entry is None else copy.copy(entry.state)
        for (x,) in happened or [(True,)]:
            state.learn_one(x)
        states[key] = Update(state, board.now(), None, (True,), 1.0, happened, watched)
    board.apply({"b": {**states, **{key: Update(None, 0.0) for key in gone}}})


def cards(data):
    found = []
    for part in data.decode().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in part.splitlines())
        if lines.get("event") == "cards":
            found.append(json.loads(lines["data"]))
    return found


async def _connected(hub, subscription=ALL, last=""):
    client = hub.connect(subscription)
    number, data = hub.opening(subscription, last)
    return client, number, cards(data)[0]


def run(coroutine):
    return asyncio.run(coroutine)


def test_a_frame_contains_only_changes():
    async def main():
        hub = made()
        hub.attach()
        _, number, first = await _connected(hub)
        assert len(first["cards"]) == 3
        assert hub.frames(ALL)[0] == b""
        learn(hub.board, ['["1"]'])
        data, later = hub.frames(ALL)
        assert later > number
        (sent,) = cards(data)
        assert [card["id"] for card in sent["cards"]] == ['["1"]']
        assert hub.frames(ALL)[0] == b""
        learn(hub.board, [], gone=['["0"]'])
        (sent,) = cards(hub.frames(ALL)[0])
        assert sent["gone"] == [{"belief": "b", "id": '["0"]'}]

    run(main())


def test_all_clients_of_a_subscription_get_the_same_bytes():
    async def main():
        hub = made()
        hub.attach()
        clients = [(await _connected(hub))[0] for _ in range(3)]
        other, *_ = await _connected(hub, ALL._replace(top=1))
        learn(hub.board, ['["1"]'])
        hub.tick()
        await asyncio.sleep(0)
        frames = [await client.next() for client in clients]
        assert frames[0][1] is frames[1][1] is frames[2][1]
        assert (await other.next())[1] is not frames[0][1]

    run(main())


def test_a_slow_client_is_dropped_and_the_others_continue():
    clock = [0.0]

    async def main():
        hub = made(now=lambda: clock[-1])
        hub.attach()
        slow, *_ = await _connected(hub)
        quick, *_ = await _connected(hub)
        for _ in range(hubs.MAX_FRAMES + 2):
            learn(hub.board, ['["1"]'])
            clock.append(clock[-1] + 0.11)
            hub.tick()
            await asyncio.sleep(0)
            assert await quick.next() is not None
        assert slow.closed
        assert await slow.next() is None
        assert not quick.closed
        hub.disconnect(ALL, slow)
        assert hub.clients == {quick}
        hub.disconnect(ALL, quick)
        assert not hub.subscriptions

    run(main())


def test_closing_ends_every_client():
    async def main():
        hub = made()
        client, *_ = await _connected(hub)
        waiting = asyncio.ensure_future(client.next())
        await asyncio.sleep(0)
        hub.close_clients()
        assert await waiting is None
        assert hub.connect(ALL) is None

    run(main())


def test_the_top_keys_and_the_requested_ones_are_sent():
    async def main():
        hub = made(keys=10)
        for _ in range(3):
            learn(hub.board, ['["7"]'])
        learn(hub.board, ['["8"]'])
        wanted = Subscription(frozenset(["b"]), frozenset([("b", '["2"]')]), top=2)
        _, _, sent = await _connected(hub, wanted)
        assert [card["id"] for card in sent["cards"]] == ['["7"]', '["8"]', '["2"]']
        assert hub.watched() == {"b": ['["2"]']}
        # a key that enters the selection is sent completely
        for _ in range(5):
            learn(hub.board, ['["5"]'])
        (sent,) = cards(hub.frames(wanted)[0])
        assert [card["id"] for card in sent["cards"]] == ['["5"]']

    run(main())


def test_steps_are_those_of_the_events_in_order():
    async def main():
        hub = made(keys=1)
        key = ("b", '["0"]')
        wanted = Subscription(frozenset(["b"]), frozenset([key]), top=0)
        await _connected(hub, wanted)
        before = hub.board.entry(*key).state
        learn(hub.board, ['["0"]'], happened=[(True,), (False,)])
        data, _ = hub.frames(wanted)
        steps = [
            json.loads(part.split("data: ")[1])
            for part in data.decode().split("\n\n")
            if part.startswith("event: step")
        ]
        assert [step["x"] for step in steps] == [True, False]
        assert steps[0]["evidence"] == before.explain(True).evidence
        after = copy.copy(before)
        after.learn_one(True)
        assert steps[1]["evidence"] == after.explain(False).evidence
        assert len(hub.board.entry(*key).recent_events.recent()) == 2

    run(main())


def recent_events_of(board, key='["0"]'):
    detail = board.entry("b", key).detail(board.now())
    return [each["x"] for each in detail["recent"]], detail["steps"]


def test_events_of_a_key_are_recorded_before_it_is_requested():
    board = made(keys=0).board
    learn(board, ['["0"]'], happened=[(True,), (False,)], watched=False)
    learn(board, ['["0"]'], happened=[(True,)], watched=False)
    assert not board.steps
    xs, steps = recent_events_of(board)
    assert xs == [True, False, True]
    state = Beta()
    for x, step in zip(xs, steps, strict=True):
        assert step["evidence"] == state.explain(x).evidence
        state.learn_one(x)
    learn(board, ['["0"]'], happened=[(False,)], watched=True)
    learn(board, ['["0"]'], happened=[(True,)], watched=False)
    assert recent_events_of(board)[0] == [*xs, False, True]
    assert len(recent_events_of(board)[1]) == 5


def test_the_last_of_many_events_are_sent_with_their_effects():
    board = made(keys=0).board
    state = Beta()
    for i in range(300):
        learn(board, ['["0"]'], happened=[(i % 3 == 0,)], watched=False)
        state.learn_one(i % 3 == 0)
    events = board.entry("b", '["0"]').recent_events
    assert events.pending <= 2 * RECENT
    xs, steps = recent_events_of(board)
    assert xs == [i % 3 == 0 for i in range(300)][-RECENT:]
    last = steps[-1]
    assert last["posterior"] == pytest.approx(state.pdf(last["at"]), rel=1e-12)
    assert events.pending == 0


def test_events_before_a_gap_are_not_returned_as_the_last():
    board = made(keys=0).board
    learn(board, ['["0"]'], happened=[(True,)], watched=False)
    learn(board, ['["0"]'], watched=False)
    assert recent_events_of(board) == ([], [])
    learn(board, ['["0"]'], happened=[(False,)], watched=False)
    assert recent_events_of(board)[0] == [False]


def test_a_key_dropped_in_between_has_no_stale_events():
    board = made(keys=0).board
    learn(board, ['["0"]'], happened=[(True,)] * 5, watched=False)
    recent_events_of(board)
    again = Beta()
    again.learn_one(True)
    update = Update(again, board.now(), None, (True,), 3.0, [(True,)] * 3)
    board.apply({"b": {'["0"]': update}})
    assert recent_events_of(board)[0] == [True] * 5


def test_recent_events_are_kept_for_the_most_recently_updated_keys(monkeypatch):
    monkeypatch.setattr(entry_table, "MAX_KEYS_WITH_EVENTS", 3)
    board = made(keys=0).board
    for i in (0, 1, 2, 0, 3, 4):
        learn(board, [f'["{i}"]'], happened=[(True,)], watched=False)
    kept = [key for key, entry in board.tables["b"].entries.items() if entry.recent_events]
    assert kept == ['["0"]', '["3"]', '["4"]']
    learn(board, [], gone=['["3"]'])
    assert list(board.tables["b"].with_events) == ['["0"]', '["4"]']


def test_a_failure_is_reported_and_the_hub_continues():
    failing, called = [True], threading.Event()

    class Failing(Provider):
        def refresh(self, board, timeout):
            called.set()
            if failing:
                failing.clear()
                raise ZeroDivisionError("division by zero")

    async def main():
        hub = made()
        hub.provider = Failing()
        hub.start()
        while hub.health()["error"] is None:
            await asyncio.sleep(0.01)
        assert hub.health()["error"] == "ZeroDivisionError: division by zero"
        assert hub.health()["status"] == "stalled"
        while hub.health()["error"] is not None:
            await asyncio.sleep(0.01)
        assert hub.health()["status"] == "ok"
        hub.stop()

    run(asyncio.wait_for(main(), 30))


def test_decayed_states_and_rates_are_sent():
    hub = made(Decayed(Beta(), 10.0))
    entry = hub.board.entry("b", '["0"]')
    assert entry.rate(entry.updated) > 0.0
    assert entry.rate(entry.updated + 1000.0) == 0.0


def test_the_rate_of_an_unwatched_key_follows_its_events():
    entry = Entry(of_belief(Belief("sales", Beta(), "sold")), "[]", 0.0)

    def commit(at, n):
        entry.replace(Update(stored(n), at))

    def stored(n):
        state = Beta()
        state.learn_many([True] * n)
        return state

    commit(0.0, 0)
    assert entry.n == 0.0
    for at in range(1, 301):  # 3.4 events a second for five minutes, unwatched
        commit(float(at), round(3.4 * at))
    assert entry.rate(300.0) == pytest.approx(3.4, rel=1e-3)
    for at in range(301, 400):  # watched: each commit is counted
        commit(float(at), round(3.4 * at))
        entry.rate(float(at))
    assert entry.rate(399.0) == pytest.approx(3.4, rel=0.1)


@pytest.mark.parametrize("damaged", [False, True])
def test_the_rates_of_keys_whose_data_were_not_counted_follow_their_events(damaged):
    belief, board = Belief("sales", Beta(), "sold"), Board()
    board.declare([of_belief(belief)])

    def commit(at, n):
        state = Beta()
        state.learn_many([True] * n)
        text = json.dumps(state.to_dict())
        updates = {f'["{key}"]': Update(text, at) for key in ("north", "south")}
        if damaged and n == 0:
            updates['["south"]'] = Update("{", at)
        board.apply({"sales": updates})

    commit(0.0, 0)
    commit(1.0, 30)
    rates = [entry.rate(1.0) for entry in board.tables["sales"]]
    expected = pytest.approx(2.85, rel=0.01)
    assert rates == [expected, 0.0 if damaged else expected]


def test_a_mixture_of_an_ordered_stream_is_reported():
    mixture, rng = Mixture(2, seed=1), random.Random(1)
    events = [rng.gauss(100.0 * (k >= 500), 1.0) for k in range(1000)]
    with pytest.warns(UserWarning, match="the stream is ordered"):
        mixture.learn_many(events)
    board = Board()
    board.declare([of_belief(Belief("size", Mixture(2, seed=1), "size"))])
    sizes = board.tables["size"]
    board.apply({"size": {"[]": Update(Mixture(2, seed=1), 1.0)}})
    assert sizes.warnings() == []
    board.apply({"size": {"[]": Update(mixture, 2.0)}})
    (warning,) = sizes.warnings()
    assert (warning["belief"], warning["id"]) == ("size", "[]")
    assert "sorted or arrive in blocks" in warning["text"]
    assert views.detail(mixture)["warnings"] == [warning["text"]]


def test_pages_of_a_listing_have_every_key_once_while_events_arrive():
    board = made(keys=30).board
    learn(board, ['["7"]', '["7"]', '["9"]'])
    keys = board.tables["b"]
    of = ("", "n", True, 0.0)
    expected = [entry.key for entry in keys.search(*of)]
    page = keys.page(*of, 0.95, None, 8)
    found, sizes = [], []
    while True:
        found += [entry.key for entry in page.entries]
        sizes.append((len(page.entries), page.total))
        if page.following is None:
            break
        learn(board, [expected[-len(sizes)]] * 9)  # moves to the front
        page = keys.page(*of, 0.95, Cursor.read(page.following), 8)
    assert found == expected
    assert sizes == [(8, 30), (8, 30), (8, 30), (6, 30)]
    assert keys.page("no such key", "n", True, 0.0, 0.95, None, 8) == ([], 0, None)


def test_a_page_leaves_out_keys_that_were_deleted():
    board = made(keys=30).board
    keys = board.tables["b"]
    of = ("", "key", False, 0.0)
    first = keys.page(*of, 0.95, None, 10)
    learn(board, ['["3"]'], gone=['["11"]', '["29"]'])
    second = keys.page(*of, 0.95, Cursor.read(first.following), 19)
    assert [entry.key for entry in second.entries] == [f'["{i}"]' for i in range(10, 29) if i != 11]
    assert second.following is None


def test_a_cursor_of_a_listing_that_was_dropped_continues_after_its_last_key():
    board = made(keys=30).board
    keys = board.tables["b"]
    of = ("", "key", False, 0.0)
    cursor = Cursor.read(keys.page(*of, 0.95, None, 10).following)
    for _ in range(MAX_LISTINGS):
        keys.page(*of, 0.95, None, 10)
    learn(board, ['["3"]'], gone=['["1"]'])
    assert keys.page(*of, 0.95, cursor, 1).entries[0].key == '["10"]'
    again = keys.page("", "key", True, 0.0, 0.95, cursor, 1)  # another order is another listing
    assert again.entries[0].key == '["8"]'
    learn(board, ['["3"]'], gone=['["9"]'])
    other = Cursor("", 10, '["9"]')
    assert keys.page(*of, 0.95, other, 1).entries[0].key == '["12"]'
    assert keys.page(*of, 0.95, Cursor("", 10), 1).entries[0].key == '["12"]'


def test_any_page_of_a_listing_is_read_in_the_same_order():
    board = made(keys=30).board
    keys = board.tables["b"]
    of = ("", "n", True, 0.0, 0.95)
    first = keys.page(*of, Cursor("", 0), 10)
    order = [entry.key for entry in keys.search(*of)]
    learn(board, [order[-1]] * 9)  # now it has the most data
    assert [entry.key for entry in keys.search(*of)] != order
    listing = Cursor.read(first.following).listing
    for start in (20, 0, 5):
        page = keys.page(*of, Cursor(listing, start), 10)
        assert [entry.key for entry in page.entries] == order[start : start + 10]


@pytest.mark.parametrize("text", ["x", "00", "7b7d", "5b22222c2d312c22225d", "5b5d"])
def test_an_invalid_cursor_is_refused(text):
    with pytest.raises(ObservationError, match="expected the cursor of a previous page"):
        Cursor.read(text)


def test_the_order_of_keys_is_kept_until_a_key_changes():
    board = made(keys=30).board
    learn(board, ['["7"]', '["7"]', '["9"]'])
    learn(board, ['["7"]'])
    keys = board.tables["b"]

    def first(sort="n", text=""):
        return [entry.key for entry in keys.search(text, sort, True, 0.0)[:2]]

    assert first() == ['["7"]', '["9"]']
    assert keys.search("", "n", True, 0.0) is keys.search("", "n", True, 1.0)
    assert keys.search("", "rate", True, 0.0) is not keys.search("", "rate", True, 1.0)
    assert (first("key"), first("n", "9")) == (['["29"]', '["28"]'], ['["9"]', '["19"]'])
    learn(board, ['["9"]'] * 3)
    learn(board, ['["9"]'])
    learn(board, ['["9"]'], gone=['["7"]'])
    assert first()[0] == '["9"]'
    assert '["7"]' not in [entry.key for entry in keys.search("", "n", True, 0.0)]
