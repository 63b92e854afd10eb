"""Posted events: an identity is remembered only if a belief learned its event, and counts once."""

import json

import pytest

from seqbayes import Beta, cli, stream
from seqbayes.stream import Belief, Pipeline, open_store
from seqbayes.stream.config import parse_config
from seqbayes.stream.sources.http import Http
from seqbayes.stream.sources.posted import PostedRequest
from seqbayes.stream.verbs import dead_letters

BELIEFS = [
    Belief("north", Beta(), field="sold", where={"shop": "north"}),
    Belief("south", Beta(), field="sold", where={"shop": "south"}),
]


class Server:
    """Posts requests to a source, and takes steps of its pipeline."""

    def __init__(self, store, beliefs=BELIEFS):
        self.source = Http(id="id", linger=0.0)
        self.pipeline = Pipeline(self.source, beliefs, store)
        self.steps = iter(self.pipeline)

    def offer(self, *events):
        answers = []
        records = [json.dumps(event).encode() for event in events]
        ids = [str(event["id"]) for event in events]
        request = PostedRequest(records, list(range(1, len(events) + 1)), ids)
        request.done = lambda outcome, again: answers.append(outcome)
        self.source.offer(request)
        return answers

    def step(self):
        next(self.steps)

    def post(self, *events):
        answers = self.offer(*events)
        self.step()
        (outcome,) = answers
        return outcome

    @property
    def learned(self):
        return sum(table.used for table in self.pipeline.tables.values())


@pytest.fixture
def server():
    return Server(open_store(":memory:"))


GOOD = {"id": 1, "shop": "north", "sold": True}
REFUSED = {"id": 1, "shop": "north", "sold": 7}
UNSELECTED = {"id": 1, "shop": "nroth", "sold": True}


@pytest.mark.parametrize(
    ("event", "refused", "reason"),
    [
        (REFUSED, 1, "expected"),
        (UNSELECTED, 0, "no belief selects this event"),
        ({"id": 1, "shop": 5}, 0, "no belief selects this event"),
    ],
)
def test_an_unused_event_is_reported_and_can_be_posted_again(server, event, refused, reason):
    outcome = server.post(event)
    assert (outcome.accepted, outcome.refused, outcome.unused) == (0, refused, 1)
    assert reason in outcome.refusals[0]["reason"]
    outcome = server.post(GOOD)
    assert (outcome.accepted, outcome.duplicates, outcome.unused) == (1, 0, 0)
    outcome = server.post(GOOD)
    assert (outcome.accepted, outcome.duplicates) == (0, 1)
    assert server.learned == 1


CONFIG = """
store = "unused.db"
source = { kind = "http", id = "id" }
[belief.north]
state = "beta"
field = "bought"
where = { shop = "north" }
[belief.south]
state = "beta"
field = "bought"
where = { shop = "south" }
"""


def test_an_event_that_is_learned_by_a_retry_is_not_learned_again(tmp_path):
    url = str(tmp_path / "b.db")
    events = [REFUSED | {"id": i, "bought": i % 2 == 0} for i in range(3)]
    server = Server(open_store(url))
    assert server.post(*events[:2]).refused == 2
    server.pipeline.close()
    config = parse_config(CONFIG.encode())
    done = stream.dead_letters(url).retry(config)
    assert (done.used, done.left) == (2, 0)
    again = Server(open_store(url), config.beliefs)
    outcome = again.post(*events)
    assert (outcome.accepted, outcome.duplicates, outcome.refused) == (1, 2, 0)
    again.pipeline.close()
    (found,) = stream.show(url, "north")
    assert found.state.posterior == (3.0, 2.0)


def serve(url, *requests, beliefs=BELIEFS):
    """Post requests to a server and stop it; return the numbers of learned events."""
    server = Server(open_store(url), beliefs)
    counts = [server.post(*events).accepted for events in requests]
    server.pipeline.close()
    return counts


def retry(url, config):
    done = stream.dead_letters(url).retry(parse_config(config.encode()))
    return done.used, done.duplicates, done.left


@pytest.mark.parametrize("chunk", [1, 2000])
@pytest.mark.parametrize("copies", [1, 2])
def test_a_retry_skips_an_event_whose_corrected_copy_was_learned(
    chunk, copies, tmp_path, monkeypatch
):
    monkeypatch.setattr(dead_letters, "CHUNK", chunk)
    url = str(tmp_path / "b.db")
    refused = REFUSED | {"bought": True}
    other = refused | {"id": 2}
    assert serve(url, *[[refused, other]] * copies, [GOOD]) == [0] * copies + [1]
    # event 1 was corrected; of the copies of event 2 one counts
    assert retry(url, CONFIG) == (1, 2 * copies - 1, 0)
    assert retry(url, CONFIG) == (0, 0, 0)
    (found,) = stream.show(url, "north")
    assert found.state.posterior == (3.0, 1.0)
    assert serve(url, [GOOD, GOOD | {"id": 2}]) == [0]


SHARED = [Belief("all", Beta(), field="bought"), BELIEFS[0]]
SHARED_CONFIG = CONFIG.replace("[belief.south]", "[belief.all]").replace(
    'where = { shop = "south" }', ""
)
PARTLY_LEARNED = REFUSED | {"bought": True}
CORRECTED = PARTLY_LEARNED | {"sold": True}


def posteriors(url):
    return {name: next(iter(stream.show(url, name))).state.posterior for name in ("all", "north")}


@pytest.mark.parametrize(
    ("requests", "accepted", "retried"),
    [
        ([[PARTLY_LEARNED]], [1], (1, 0, 0)),
        ([[PARTLY_LEARNED], [CORRECTED]], [1, 1], (0, 1, 0)),
        ([[PARTLY_LEARNED], [PARTLY_LEARNED], [CORRECTED], [CORRECTED]], [1, 0, 1, 0], (0, 1, 0)),
        ([[PARTLY_LEARNED, CORRECTED]], [1], (1, 0, 0)),
    ],
)
def test_each_belief_learns_one_copy_of_an_event(requests, accepted, retried, tmp_path):
    url = str(tmp_path / "b.db")
    for events, expected in zip(requests, accepted, strict=True):
        assert serve(url, events, beliefs=SHARED) == [expected]  # after a restart, too
    assert retry(url, SHARED_CONFIG) == retried
    assert posteriors(url) == {"all": (2.0, 1.0), "north": (2.0, 1.0)}
    assert retry(url, SHARED_CONFIG) == (0, 0, 0)
    assert serve(url, [CORRECTED], beliefs=SHARED) == [0]


def test_a_corrected_event_is_learned_only_by_the_beliefs_that_rejected_it():
    server = Server(open_store(":memory:"), SHARED)
    assert server.post(PARTLY_LEARNED).refusals[0]["belief"] == "north"
    outcome = server.post(CORRECTED | {"bought": False}, GOOD | {"id": 2, "bought": True})
    assert (outcome.accepted, outcome.duplicates, outcome.refused, outcome.unused) == (2, 0, 0, 0)
    assert server.post(CORRECTED).duplicates == 1
    states = {name: table.state(()) for name, table in server.pipeline.tables.items()}
    assert {name: s.posterior for name, s in states.items()} == {
        "all": (3.0, 1.0),
        "north": (3.0, 1.0),
    }


def test_the_same_copy_of_a_partly_learned_event_is_a_duplicate():
    server = Server(open_store(":memory:"), [*SHARED, Belief("city", Beta(), field="city")])
    for copy in (PARTLY_LEARNED, CORRECTED, CORRECTED | {"city": 7}):
        assert server.post(copy).duplicates == 0
        outcome = server.post(copy)
        assert (outcome.duplicates, outcome.refused, outcome.unused) == (1, 0, 0)
    assert server.post(CORRECTED | {"city": True}).accepted == 1
    assert server.post(CORRECTED | {"city": False}).duplicates == 1


def test_a_copy_in_the_same_request_as_a_rejected_event_is_sent_again():
    server = Server(open_store(":memory:"), SHARED)
    outcome = server.post(PARTLY_LEARNED, CORRECTED)
    assert (outcome.accepted, outcome.duplicates, outcome.unused) == (1, 0, 1)
    assert "send this event again" in outcome.refusals[-1]["reason"]
    assert server.post(CORRECTED).accepted == 1


def test_an_event_learned_by_a_retry_is_not_learned_from_a_later_copy(tmp_path):
    url = str(tmp_path / "b.db")
    serve(url, [PARTLY_LEARNED], beliefs=SHARED)
    assert retry(url, SHARED_CONFIG) == (1, 0, 0)
    assert serve(url, [CORRECTED], beliefs=SHARED) == [0]
    assert posteriors(url) == {"all": (2.0, 1.0), "north": (2.0, 1.0)}


def test_a_dead_letter_that_no_belief_selects_remains_after_a_retry(tmp_path):
    url = str(tmp_path / "b.db")
    serve(url, [REFUSED | {"bought": True}])
    assert retry(url, CONFIG.replace('"north"', '"elsewhere"')) == (0, 0, 1)
    assert retry(url, CONFIG) == (1, 0, 0)


def test_the_command_reports_duplicates(tmp_path, capsys):
    url = str(tmp_path / "b.db")
    serve(url, [REFUSED | {"bought": True}], [GOOD])
    (tmp_path / "c.toml").write_text(CONFIG)
    assert cli.main(["dead-letters", url, "--retry", str(tmp_path / "c.toml")]) == 0
    assert "0 used, 1 were learned before, 0 left" in capsys.readouterr().err


@pytest.mark.parametrize("event", [REFUSED, UNSELECTED])
def test_an_unused_event_is_not_remembered_by_the_store(tmp_path, event):
    url = str(tmp_path / "b.db")
    first = Server(open_store(url))
    first.post(event)
    first.post({**GOOD, "id": 2})
    first.pipeline.close()
    second = Server(open_store(url))
    assert second.post({**GOOD, "id": 2}).duplicates == 1
    assert second.post(GOOD).duplicates == 0
    second.pipeline.close()


@pytest.mark.parametrize("event", [REFUSED, UNSELECTED])
def test_a_corrected_copy_counts_while_the_first_one_waits(server, event):
    first, corrected, repeated = server.offer(event), server.offer(GOOD), server.offer(GOOD)
    for _ in range(3):
        server.step()
    (first,), (corrected,), (repeated,) = first, corrected, repeated
    assert (first.unused, corrected.duplicates, repeated.duplicates) == (1, 0, 1)
    assert server.learned == 1


@pytest.mark.parametrize("event", [REFUSED, UNSELECTED])
def test_a_corrected_copy_in_the_same_request_is_reported(server, event):
    outcome = server.post(event, GOOD)
    assert (outcome.accepted, outcome.duplicates, outcome.unused) == (0, 0, 2)
    assert outcome.refusals[-1]["line"] == 2
    assert "send this event again" in outcome.refusals[-1]["reason"]
    assert server.post(GOOD).duplicates == 0
    assert server.learned == 1


def test_an_event_learned_by_one_belief_is_remembered():
    beliefs = [Belief("all", Beta(), field="sold"), *BELIEFS]
    server = Server(open_store(":memory:"), beliefs)
    assert server.post(UNSELECTED).unused == 0
    assert server.post(GOOD).duplicates == 1


def test_unused_events_are_counted():
    server = Server(open_store(":memory:"))
    server.post(GOOD, {**REFUSED, "id": 2}, {**UNSELECTED, "id": 3})
    assert (server.pipeline.unused_events, server.pipeline.events) == (2, 3)


def test_a_run_reports_events_that_no_belief_selects(tmp_path, capsys):
    (tmp_path / "e.jsonl").write_text("".join(json.dumps(e) + "\n" for e in (GOOD, UNSELECTED)))
    (tmp_path / "c.toml").write_text(
        f"""
        store = "{tmp_path}/b.db"
        source = {{ kind = "file", path = "{tmp_path}/e.jsonl" }}
        belief.north = {{ state = "beta", field = "sold", where = {{ shop = "north" }} }}
        """
    )
    assert cli.main(["run", str(tmp_path / "c.toml")]) == 0
    assert "north learned 1; no belief learned 1" in capsys.readouterr().err
