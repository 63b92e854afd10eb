"""Updates from a pipeline to the board: single events if they are few."""

import copy
import random

import pytest

from seqbayes import Beta
from seqbayes.dashboard.live import feed as feeds
from seqbayes.dashboard.live.board import Board
from seqbayes.dashboard.live.descriptions import of_belief
from seqbayes.dashboard.live.feed import StateFeed
from seqbayes.stream import Belief, Pipeline, open_store
from seqbayes.stream.sources import Iterated

BELIEF = Belief("sales", Beta(2, 3), field="sold", by="shop")


def events(n, shops="abc"):
    rng = random.Random(n)
    return [{"shop": rng.choice(shops), "sold": rng.random() < 0.3} for _ in range(n)]


def shown(feed, board):
    """Receive updates as a server does."""
    opened, updates = feed.take()
    if opened:
        board.declare([of_belief(BELIEF)])
    board.apply(updates)


def run(given, size, url=":memory:", watched=(), feed=None, board=None):
    """Learn events with an update after each batch; return the board."""
    feed, board = feed or StateFeed(longest=0.0), board or Board()
    with Pipeline(Iterated(given, name="listed"), [BELIEF], open_store(url), size=size) as pipeline:
        feed.attach(pipeline)
        feed.watch({"sales": list(watched)})
        for _ in pipeline:
            feed.learned(pipeline, object())
            shown(feed, board)
    return board


def key_detail(board, shop):
    entry = board.entry("sales", f'["{shop}"]')
    return entry.detail(board.now())


def replayed(given, shop):
    """Return the step of Bayes' rule for every event of a shop."""
    state, found = Beta(2, 3), []
    for event in given:
        if event["shop"] == shop:
            before, evidence = copy.copy(state), state.explain(event["sold"]).evidence
            state.learn_one(event["sold"])
            at = state.mean
            found.append((event["sold"], before.pdf(at), evidence, state.pdf(at)))
    return found


def approx(steps):
    return [pytest.approx(step, rel=1e-12) for step in steps]


def brief(steps):
    return [(s["x"], s["prior"], s["evidence"], s["posterior"]) for s in steps]


@pytest.mark.parametrize("size", [1, 7, 400])
def test_the_last_steps_of_every_key_match_its_events(size):
    given = events(400)
    board = run(given, size)
    for shop in "abc":
        detail = key_detail(board, shop)
        right = replayed(given, shop)
        assert brief(detail["steps"]) == approx(right[-10:])
        assert [each["x"] for each in detail["recent"]] == [x for x, *_ in right][-50:]
        assert detail["n"] == len(right)


def test_events_of_watched_keys_are_recorded_at_high_rates(monkeypatch):
    monkeypatch.setattr(feeds, "FEW_EVENTS", 10)
    given = [*events(100, "ab"), {"shop": "c", "sold": True}]
    board = run(given[:40] + given, 1000, watched=['["a"]'])
    assert key_detail(board, "b")["steps"] == []
    assert key_detail(board, "c")["steps"] == []
    # clients are known from the next update
    assert key_detail(board, "a")["steps"] == []
    given = events(300, "ab")
    board = run(given, 100, watched=['["a"]'])
    assert brief(key_detail(board, "a")["steps"]) == approx(replayed(given, "a")[-10:])
    assert key_detail(board, "b")["steps"] == []


def test_all_events_are_omitted_if_there_are_too_many(monkeypatch):
    monkeypatch.setattr(feeds, "FEW_EVENTS", 10)
    monkeypatch.setattr(feeds, "MAX_EVENTS", 20)
    board = run(events(300, "a"), 100, watched=['["a"]'])
    assert key_detail(board, "a")["steps"] == []


def test_events_of_two_transfers_are_sent_together_or_omitted():
    given, feed, board = events(60), StateFeed(longest=0.0), Board()
    with Pipeline(Iterated(given, name="l"), [BELIEF], open_store(":memory:"), size=20) as pipeline:
        feed.attach(pipeline)
        shown(feed, board)
        for _ in pipeline:
            feed.learned(pipeline, object())
        shown(feed, board)
    for shop in "abc":
        assert brief(key_detail(board, shop)["steps"]) == approx(replayed(given, shop)[-10:])


def test_a_reopened_pipeline_starts_with_the_stored_states(tmp_path):
    url, feed, board = str(tmp_path / "beliefs.db"), StateFeed(longest=0.0), Board()
    given = events(90)
    run(given[:60], 10, url, feed=feed, board=board)
    assert len(key_detail(board, "a")["recent"]) > 5
    with Pipeline(Iterated(given, name="listed"), [BELIEF], open_store(url), size=10) as pipeline:
        feed.attach(pipeline)
        shown(feed, board)
        for shop in "abc":  # the events that led to these states are unknown
            detail = key_detail(board, shop)
            assert (detail["n"], detail["recent"]) == (len(replayed(given[:60], shop)), [])
        for _ in pipeline:
            feed.learned(pipeline, object())
            shown(feed, board)
    for shop in "abc":
        after = len(replayed(given[:60], shop))
        assert brief(key_detail(board, shop)["steps"]) == approx(
            replayed(given, shop)[after:][-10:]
        )


def test_the_health_of_the_source_is_recorded():
    feed = StateFeed(longest=0.0)
    with Pipeline(Iterated(events(9), name="listed"), [BELIEF], open_store(":memory:")) as pipeline:
        feed.attach(pipeline)
        assert feed.status.read_at is None
        for _ in pipeline:
            feed.learned(pipeline, object())
        assert (feed.events, feed.status.lag, feed.status.reconnects) == (9, pipeline.lag, 0)
        assert feed.status.read_at is not None
