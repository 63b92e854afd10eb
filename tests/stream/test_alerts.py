"""Alerts: their grammar, their evaluation against independent values, and their history."""

import json
import math
import re
import time
from operator import attrgetter

import mpmath
import msgspec
import pytest
from memory import Listed, lines

from seqbayes import Beta, Dirichlet, Gamma, Normal, NormalInverseGamma, cli
from seqbayes.errors import PriorError
from seqbayes.events.display import Display
from seqbayes.families import Hurdle
from seqbayes.likelihoods import Exponential, LogNormal
from seqbayes.stream import Belief, Pace, Pipeline, open_store
from seqbayes.stream.alerts import Alert, Alerts, parse_condition
from seqbayes.stream.alerts.alert import Receiver
from seqbayes.stream.alerts.evaluation import (
    StateEvidence,
    evaluate_choice,
    evaluate_key,
    probability,
)
from seqbayes.stream.alerts.grammar import Criterion, Silence, Tail
from seqbayes.stream.alerts.past import evaluate_history
from seqbayes.stream.alerts.state import Instance, advance
from seqbayes.stream.config import parse_config
from seqbayes.stream.history import History
from seqbayes.stream.schema import ConfigError
from seqbayes.stream.stores import STREAM, Runner
from seqbayes.stream.traffic import Traffic, TrafficCounts
from seqbayes.stream.verbs import check

BASE = """
store = "a.db"
source = { kind = "lines", path = "x" }
[belief.ms]
state = "normal-inverse-gamma"
field = "x"
by = "k"
unit = "ms"
[belief.sold]
state = "beta"
field = "y"
by = "k"
[belief.colour]
state = "dirichlet"
categories = ["red", "blue"]
field = "c"
[belief.fading]
state = "beta"
field = "y"
by = "k"
half_life = "100 events"
[belief.revenue]
state = "hurdle"
field = "z"
by = "k"
[belief.revenue.fields.amount]
state = "gamma"
likelihood = "exponential"
[belief.two]
state = "beta"
field = "y"
by = ["k", "m"]
[alert.a]
"""


def read(text):
    """Return the alert that the lines of a configuration declare."""
    (alert,) = parse_config((BASE + text).encode()).alerts
    return alert


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("P(mean > ) > 0.9", "expected a number at column 10, got '\\)'"),
        ("P(mean 2) > 0.9", "expected >, >=, < or <= at column 8, got '2'"),
        ("P(meen > 2) > 0.9", "expected mean, next or best at column 3, got 'meen' in"),
        ("P(meen > 2) > 0.9", "did you mean 'mean'"),
        ("P(mean > 2) > 1.5", "expected a probability from 0 to 1 at column 15, got '1.5'"),
        ("dead letters > 200 %", "expected a share from 0 to 1, or a percentage at column 16"),
        ("expected loss < -1", "expected a limit >= 0, because no expected loss is negative"),
        ("surprize > 3", "did you mean 'surprise'"),
        ("mean > 3 or n > 2", "expected 'and' or the end at column 10, got 'or'"),
        ("mean > 3 and", "at its end"),
        ("", "at its end"),
        ("P(mean > 200", r"expected '\)' at its end"),
        ("mean $ 3", "expected a name, a number or an operator at column 6, got '\\$'"),
        ("mean > 1e999", "expected a number up to"),
        ("__import__('os') > 3", "expected P"),
        ("mean > 3" + " " * 3000 + "and n > 1", "expected at most 2000 characters"),
    ],
)  # fmt: skip
def test_errors_of_conditions_name_their_column(text, error):
    with pytest.raises(PriorError, match=error):
        parse_condition(text)


MEAN = 'when = "mean > 1"\nbelief = "ms"\n'
URL = MEAN + 'to = "webhook"\nurl = "http://x"\n'


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('when = "mean > 1"', "alert.a.belief: required, but missing"),
        ('when = "mean > 1"\nbelief = "msx"', "alert.a.belief: unknown belief: did you mean 'ms'?"),
        ('when = "meen > 1"\nbelief = "ms"', "alert.a.when: expected P"),
        ('wen = "mean > 1"', "alert.a.wen: unknown key: did you mean 'when'?"),
        ('belief = "ms"', "alert.a: expected either 'when'"),
        ('when = "mean > 1"\nquiet = 3\nbelief = "ms"', "alert.a: expected either 'when'"),
        (MEAN + 'key = ["a", "b"]', "alert.a.key: belief 'ms' is keyed"),
        (MEAN + 'for = "soon"', "alert.a.for: expected a duration"),
        (MEAN + 'to = "webhok"', "did you mean 'webhook'?"),
        (MEAN + 'to = "webhook"', "alert.a.url: required for to"),
        (URL.replace("http", "ftp"), "alert.a.url: expected"),
        (MEAN + 'url = "http://x"', "alert.a.url: cannot be combined"),
        (MEAN + 'to = "command"', "alert.a.command: required for to"),
        (URL + 'secret = "${NO_SUCH}"', "alert.a.secret: the environment has no variable"),
        ('when = "P(mean > 2 s) > 0.9"\nbelief = "ms"', "alert.a.when: unknown unit 's': the unit"),
        ('when = "P(best = a) > 0.9"\nbelief = "colour"', "has no keys to compare"),
        ('when = "P(mean > 0.5) > 0.9"\nbelief = "colour"', "requires 'label'"),
        ('when = "mean > 0.5"\nbelief = "sold"\nlabel = "x"', "only a belief about labels"),
        ('when = "P(best = a) > 0.9"\nbelief = "fading"', "set anytime = false"),
        ('when = "surprise > 3"\nbelief = "fading"', "alert.a.when: surprise needs"),
        ('when = "dead letters > 1 %"\nbelief = "ms"\nkey = "a"', "alert.a.key: dead letters are"),
        ('when = "n > 1 and dead letters > 1 %"\nbelief = "ms"', "cannot combine each key and"),
        (MEAN + 'recovery = "dead letters < 1 %"', "alert.a.recovery: expected a condition about"),
        ('quiet = "1 h"\nrecovery = "n > 1"', "alert.a.recovery: an alert about silence"),
        (URL.replace("//x", "//x:99999"), "alert.a.url: expected a URL such as"),
        (MEAN + 'to = "command"\ncommand = ["/no/such"]', "there is no program '/no/such'"),
        ('when = "mean > 0.5"\nbelief = "colour"\nlabel = "x"', "has no label 'x'; its labels"),
        ('when = "P(best = a) > 0.5"\nbelief = "two"', "each field of the key, 'k / m', got 'a'"),
        (MEAN + 'alpha = 2.0', "alert.a.alpha: expected"),
        ('quiet = 0', "alert.a.quiet: expected a duration"),
        ('when = "dead letters > 1 %"\nover = 0', "alert.a.over: expected a duration"),
    ],
)  # fmt: skip
def test_errors_of_alerts_name_their_path(text, error):
    with pytest.raises(ConfigError) as caught:
        parse_config((BASE + text).encode())
    assert any(error in found for found in caught.value.errors)


def test_an_unknown_belief_is_listed_beside_the_errors_of_beliefs():
    text = BASE.replace('state = "beta"', 'state = "betta"', 1) + 'when = "mean > 1"\n'
    assert "betta" in text
    for belief, expected in (("none", True), ("sold", False)):
        with pytest.raises(ConfigError) as caught:
            parse_config(f'{text}belief = "{belief}"'.encode())
        assert any("betta" in each for each in caught.value.errors)
        unknown = any("alert.a.belief: unknown belief" in each for each in caught.value.errors)
        assert unknown is expected


def test_an_alert_is_read_completely():
    alert = read(
        'when = "P(mean > 200 ms) > 99 %"\nbelief = "ms"\nkey = "a"\nfor = "10 minutes"\n'
        'cooldown = "1 h"\nrecovery = "P(mean > 200) < 0.5"\nto = "webhook"\n'
        'url = "https://example.org/x"\nsecret = "s"\nsummary = "Slow"\nlabels = { team = "web" }'
    )
    assert (alert.lasting, alert.cooldown, alert.key) == (600.0, 3600.0, '["a"]')
    assert alert.condition[0].limit == 0.99
    assert alert.receiver == Receiver("webhook", "https://example.org/x", "s")
    assert "s" not in repr(alert.receiver).split()
    assert (alert.summary, alert.labels) == ("Slow", {"team": "web"})
    assert read('quiet = "5 minutes"').text == "quiet for 5 minutes"
    assert read('when = "P(best = a) > 0.9"\nbelief = "fading"\nanytime = false').alpha is None
    assert read('when = "P(best = a) > 0.9"\nbelief = "revenue"').alpha == 0.05


def test_probabilities_are_those_of_an_independent_source():
    def upper(shape, rate, x):
        return float(mpmath.gammainc(shape, rate * x, mpmath.inf, regularized=True))

    state = Gamma(30, 10)
    for op, expected in ((">", upper(30, 10, 2)), (">=", upper(30, 10, 2))):
        assert probability(Tail("mean", op, 2.0), state) == pytest.approx(expected, rel=1e-12)
    for op in ("<", "<="):
        lower = float(mpmath.gammainc(30, 0, 20, regularized=True))
        assert probability(Tail("mean", op, 2.0), state) == pytest.approx(lower, rel=1e-12)
    # the next count is negative binomial: P(k) = C(k + 29, k) (10/11)^30 (1/11)^k
    mass = [math.comb(k + 29, k) * (10 / 11) ** 30 / 11**k for k in range(4)]
    for op, below in ((">", 4), (">=", 3)):
        expected = 1.0 - sum(mass[:below])
        assert probability(Tail("next", op, 3.0), state) == pytest.approx(expected, rel=1e-12)
    for op, below in (("<", 3), ("<=", 4)):
        expected = sum(mass[:below])
        assert probability(Tail("next", op, 3.0), state) == pytest.approx(expected, rel=1e-12)
    assert probability(Tail("next", ">=", 2.5), state) == probability(Tail("next", ">", 2), state)
    money = Hurdle(Gamma(2, 1, likelihood=Exponential()), share=Beta(1, 3))
    for op, expected in ((">", 0.25), (">=", 1.0), ("<", 0.0), ("<=", 0.75)):
        assert probability(Tail("next", op, 0.0), money) == pytest.approx(expected, rel=1e-12)
    share = probability(Tail("mean", ">", 0.5), Dirichlet({"a": 3, "b": 1, "c": 1}), "a")
    assert share == pytest.approx(float(mpmath.betainc(3, 2, 0.5, 1, regularized=True)), rel=1e-12)
    slow = NormalInverseGamma(0.0, 2.0, 3.0, 1.0, likelihood=LogNormal())
    same = NormalInverseGamma(0.0, 2.0, 3.0, 1.0)
    expected = probability(Tail("mean", ">", math.log(1.5)), same)
    assert probability(Tail("mean", ">", 1.5), slow) == expected


def test_surprise_is_the_mean_of_minus_the_log_predictive_since_the_last_evaluation():
    alert = Alert("a", parse_condition("surprise > 3"), "")
    state = Normal(0.0, 1.0)
    state.learn_many([0.3, -0.2])
    before, total = StateEvidence.of(state), 0.0
    for x in (4.0, 5.0):
        total -= state.log_predictive(x)
        state.learn_one(x)
    evaluate = evaluate_key(alert, state, before)
    assert evaluate.value == pytest.approx(total / 2.0, rel=1e-12)
    assert evaluate.holds is (total / 2.0 > 3.0)
    assert evaluate_key(alert, state, StateEvidence.of(state)).holds is None


def choice(condition, **options):
    belief = Belief("b", Beta(), field="y", by="k", display=Display(**options))
    return Alert("a", parse_condition(condition), "", belief)


def test_an_alert_about_the_best_key_needs_the_sequential_test():
    few = {"A": Beta(6, 14), "B": Beta(13, 7)}  # P(best = B) = 0.985, but without any data
    assert evaluate_choice(choice("P(best = B) > 0.95"), few).value > 0.95
    assert evaluate_choice(choice("P(best = B) > 0.95"), few).holds is False
    many = {"A": Beta(), "B": Beta()}
    for key, sold in (("A", 80), ("B", 170)):
        many[key].learn_many([True] * sold + [False] * (400 - sold))
    assert evaluate_choice(choice("P(best = B) > 0.95"), many).holds
    # enumeration of the closed form for integer parameters: P(B > A) for Beta(1, 1), Beta(2, 1)
    simple = {"A": Beta(1, 1), "B": Beta(2, 1)}
    evaluate = evaluate_choice(choice("P(best = B) > 0.5 and expected loss of B < 1"), simple)
    assert evaluate.value == pytest.approx(2 / 3, rel=1e-12)
    assert evaluate_choice(choice("P(best = A) > 0.5", better="lower"), simple).value == (
        pytest.approx(2 / 3, rel=1e-12)
    )
    # loss of B is E[max(A - B, 0)] = the integral of (a - b) 2b over b < a = 1/12
    loss = evaluate_choice(choice("expected loss < 0.1"), simple)
    assert (loss.value, loss.holds) == (pytest.approx(1 / 12, rel=1e-9), True)
    assert evaluate_choice(choice("expected loss of C < 0.1"), simple).holds is None
    assert evaluate_choice(choice("P(best = B) > 0.5"), {"B": Beta()}).holds is None


def test_the_course_of_an_alert():
    def after(before, holds, now, **options):
        return advance(before, holds, not holds, 1.0, now, **options)

    pending, report = after(None, True, 0.0, lasting=10.0)
    assert (pending.status, report) == ("pending", None)
    assert after(pending, False, 5.0, lasting=10.0) == (None, None)
    assert after(pending, True, 9.0, lasting=10.0) == (pending, None)
    firing, report = after(pending, True, 10.0, lasting=10.0)
    assert (firing, report) == (Instance("firing", 10.0, 1.0), "firing")
    assert after(firing, True, 99.0) == (firing, None)
    assert advance(firing, None, None, None, 99.0) == (firing, None)
    resolved, report = after(firing, False, 20.0, cooldown=30.0)
    assert (resolved, report) == (Instance("resolved", 20.0, 1.0), "resolved")
    assert after(resolved, True, 49.0, cooldown=30.0) == (resolved, None)
    assert after(resolved, False, 50.0, cooldown=30.0) == (None, None)
    assert after(resolved, True, 50.0, cooldown=30.0)[1] == "firing"
    # a clock that is set back does not stop an alert
    assert after(pending, True, -1000.0, lasting=10.0)[1] == "firing"


class Clock:
    """A clock that the test moves."""

    def __init__(self):
        self.now = 1_000_000.0

    def __call__(self):
        return self.now


def alert(condition, **options):
    belief = Belief("b", Beta(), field="x", by="k")
    return Alert("a", parse_condition(condition), condition, belief, **options)


def pipeline(url, events, alerts, clock, size=1, notes=None):
    notes = [] if notes is None else notes
    collector = Alerts(alerts, lambda *response: notes.append(response), clock)
    belief = Belief("b", Beta(), field="x", by="k")
    source = Listed(lines(*events), size=size)
    return Pipeline(source, [belief], open_store(url), Pace(seconds=0.0), [collector])


EVENTS = [{"k": "a", "x": True}] * 3 + [{"k": "b", "x": True}] * 2 + [{"k": "a", "x": False}] * 2


def test_each_change_is_reported_once_however_often_the_run_is_resumed(url, monkeypatch):
    """P(mean > 0.6) > 0.75: 1 - .6^4 = .87 after 3 successes, 1 - .6^3 = .784 after two."""
    monkeypatch.setattr("seqbayes.stream.alerts.outbox.EVALUATION_SECONDS", 0.0)
    clock, notes, watched = Clock(), [], alert("P(mean > 0.6) > 0.75")
    for count in range(1, len(EVENTS) + 1):
        with pipeline(url, EVENTS[:count], [watched], clock, notes=notes) as running:
            list(running)
        clock.now += 1.0
    with open_store(url, "read") as store:
        bodies = [json.loads(each.body) for each in store.messages()]
        assert all(each.done and not each.note for each in store.messages())
        found = [(b["status"], b["key"]["k"], b["value"]) for b in bodies]
        stored = [(each.key, json.loads(each.state)["status"]) for each in store.alerts()]
    assert found == [
        ("firing", "a", pytest.approx(1 - 0.6**3)),
        ("firing", "b", pytest.approx(1 - 0.6**3)),
        # Beta(4, 2): 1 - I(0.6; 4, 2) = 1 - (5 * .6^4 * .4 + .6^5)
        ("resolved", "a", pytest.approx(1 - (5 * 0.6**4 * 0.4 + 0.6**5))),
    ]
    assert stored == [('["b"]', "firing")]
    assert [(event, level) for event, _, level in notes] == [
        ("alert", "warning"),
        ("alert", "warning"),
        ("alert", "info"),
    ]
    assert "alert a is firing for b a: P(mean > 0.6) > 0.75" in notes[0][1]
    assert len({b["id"] for b in bodies}) == 3


def test_an_alert_needs_its_duration_and_fires_while_no_events_arrive(url, monkeypatch):
    monkeypatch.setattr("seqbayes.stream.alerts.outbox.EVALUATION_SECONDS", 0.0)
    clock = Clock()
    watched = [alert("n >= 1", lasting=60.0)]
    with pipeline(url, EVENTS[:1], watched, clock) as running:
        list(running)
    with open_store(url, "read") as store:
        (stored,) = store.alerts()
        assert json.loads(stored.state)["status"] == "pending"
        assert store.messages() == []
    clock.now += 60.0
    belief = Belief("b", Beta(), field="x", by="k")
    notes = []
    collector = Alerts(watched, lambda *response: notes.append(response), clock)
    source = Listed(lines(*EVENTS[:2]), idle=[1])
    source.caught_up = False  # it is not needed: the time of the alert has passed
    with Pipeline(source, [belief], open_store(url), Pace(), [collector]) as running:
        next(iter(running))
        (message,) = running.store.messages()
        assert running.events == 0
        assert json.loads(message.body)["since"] == clock.now
    assert [response[0] for response in notes] == ["alert"]


def test_silence_is_noticed_by_stream_and_by_key(url, monkeypatch):
    monkeypatch.setattr("seqbayes.stream.alerts.outbox.EVALUATION_SECONDS", 0.0)
    text = BASE.replace("[alert.a]", "").replace("by =", "max_keys = 9\nby =")
    alerts = parse_config(
        (
            text + '[alert.key]\nquiet = 60\nbelief = "sold"\n'
            '[alert.one]\nquiet = 60\nbelief = "sold"\nkey = "c"\n[alert.all]\nquiet = "1 h"'
        ).encode()
    ).alerts
    clock = Clock()
    collector = Alerts(alerts, now=clock)
    belief = Belief("sold", Beta(), field="x", by="k")
    source = Listed(lines(*EVENTS), size=3, idle=[3, 5])
    source.caught_up = True
    with Pipeline(source, [belief], open_store(url), Pace(seconds=0.0), [collector]) as running:
        steps = iter(running)
        next(steps)  # three events of a
        running.read_at = clock.now
        clock.now += 61.0
        next(steps)  # nothing
        clock.now += 1.0
        next(steps)  # two of b, and one of a
        list(steps)
        bodies = [json.loads(each.body) for each in running.store.messages()]
    found = {(b["alert"], b["status"], (b["key"] or {}).get("k")) for b in bodies}
    assert found >= {
        ("key", "firing", "a"),
        ("key", "resolved", "a"),
        ("one", "firing", "c"),
    }
    assert not {each for each in found if each[0] == "key" and each[2] == "b"}


def test_the_time_of_silence_is_stored_less_often_than_it_is_evaluated(monkeypatch):
    monkeypatch.setattr("seqbayes.stream.alerts.outbox.EVALUATION_SECONDS", 0.0)
    text = BASE.replace("[alert.a]", '[alert.all]\nquiet = 60\nfor = "1 h"')
    clock = Clock()
    collector = Alerts(parse_config(text.encode()).alerts, now=clock)
    source = Listed(lines(*EVENTS))
    source.caught_up = True
    belief, store = Belief("sold", Beta(), field="x", by="k"), open_store(":memory:")
    with Pipeline(source, [belief], store, Pace(seconds=0.0), [collector]) as running:
        next(iter(running))
        read_at = running.read_at = clock.now

        def stored_after(seconds):
            clock.now = read_at + seconds
            collector.learned(running, None)
            return [json.loads(each.state).get("value") for each in store.alerts()]

        assert [stored_after(seconds) for seconds in (59, 61, 62, 63)] == [[], [61], [61], [61]]
        monkeypatch.setattr("seqbayes.stream.alerts.outbox.time.monotonic", lambda: 1e12)
        assert stored_after(64) == [64]


def test_alerts_that_are_removed_leave_the_store(url):
    clock, notes = Clock(), []
    with pipeline(url, EVENTS[:1], [alert("n >= 1")], clock) as running:
        list(running)
    other = Alert("other", parse_condition("n >= 99"), "", alert("n > 1").belief)
    with pipeline(url, EVENTS[:2], [other], clock, notes=notes) as running:
        list(running)
        assert running.store.alerts() == []
        assert len(running.store.messages()) == 1


@pytest.mark.parametrize(
    "other",
    [
        Alert("a", parse_condition("expected loss > 9"), "", alert("n > 1").belief),
        Alert("a", parse_condition("dead letters > 99 %"), ""),
        alert("n >= 1", key='["z"]'),
        Alert("a", parse_condition("n >= 9"), "", Belief("c", Beta(), field="x", by=("k", "x"))),
    ],
)
def test_alerts_that_change_their_subject_leave_the_former_one(url, other):
    """In both directions: from each key to another subject, and back."""
    clock = Clock()
    beliefs = [alert("n > 1").belief, Belief("c", Beta(), field="x", by=("k", "x"))]

    def learn(count, watched):
        source, collector = Listed(lines(*EVENTS[:count])), Alerts([watched], now=clock)
        store = open_store(url)
        with Pipeline(source, beliefs, store, Pace(seconds=0.0), [collector]) as running:
            list(running)
            return {each.key for each in store.alerts()}

    assert learn(1, alert("n >= 1")) == {'["a"]'}
    assert learn(2, other) == set()
    whole = Alert("a", parse_condition("expected loss < 9"), "", beliefs[0])
    assert learn(5, whole) == {""}
    assert learn(6, alert("n >= 1")) == {'["a"]'}


def test_the_surprise_of_a_key_that_was_removed_is_that_of_its_new_data(url):
    clock, watched = Clock(), alert("surprise > 0")
    belief = Belief("b", Beta(), field="x", by="k", max_keys=1, over="drop")
    events = [{"k": "a", "x": True}, {"k": "b", "x": True}, *[{"k": "a", "x": False}] * 2]
    collector, seen = Alerts([watched], now=clock), []
    source = Listed(lines(*events), size=1)
    with Pipeline(source, [belief], open_store(url), Pace(seconds=0.0), [collector]) as running:
        for step in running:
            seen += [json.loads(each.state)["value"] for each in step.store.alerts()]
    # each first value has probability 1/2, and a second failure 2/3
    assert seen == pytest.approx([*[math.log(2.0)] * 3, math.log(1.5)])


def test_a_key_that_a_condition_names_is_compared_though_it_has_little_data():
    states = {str(i): Beta(1, 1) for i in range(102)}
    for state in list(states.values())[:101]:
        state.learn_one(True)
    found = choice("expected loss < 1")
    found = Alert("a", found.condition, "", found.belief, recovery=parse_condition(
        "expected loss of 101 > 0"))  # fmt: skip
    assert evaluate_choice(found, states).recovers is True


def test_alerts_see_the_keys_that_the_retention_removes_in_the_same_commit(tmp_path):
    (tmp_path / "x").write_bytes(b"")
    text = BASE.replace("a.db", "memory:").replace('"x" }', f'"{tmp_path}/x" }}', 1)
    config = parse_config(
        ("retention = { keys = 9 }\n" + text + 'when = "n > 5"\nbelief = "sold"\n').encode()
    )
    with config.open() as running:
        names = [type(each).__name__ for each in running.collectors]
    assert names.index("Retention") < names.index("Alerts")


def test_a_store_that_keeps_no_alerts_is_refused(url, monkeypatch):
    monkeypatch.setattr("seqbayes.stream.stores.sql.SqlStore.keeps_alerts", False)
    monkeypatch.setattr("seqbayes.stream.stores.memory.MemoryStore.keeps_alerts", False)
    with (
        pytest.raises(ValueError, match="does not support alerts"),
        pipeline(url, EVENTS, [alert("n >= 1")], Clock()) as running,
    ):
        list(running)


def test_alerts_over_the_history_are_those_of_the_run(url):
    clock = Clock()
    watched = [alert("P(mean > 0.6) > 0.75"), alert("surprise > 0.9")]
    belief = Belief("b", Beta(), field="x", by="k")
    collectors = [History(every=0.5, now=clock), Alerts(watched[:1], now=clock)]
    source = Listed(lines(*EVENTS), size=1)
    with Pipeline(source, [belief], open_store(url), Pace(seconds=0.0), collectors) as running:
        for _ in running:
            clock.now += 1.0
    with open_store(url, "read") as store:
        found, surprised = (evaluate_history(each, store) for each in watched)
        expected = [json.loads(each.body) for each in store.messages()]
        other = evaluate_history(Alert("s", parse_condition("dead letters > 1 %"), ""), store)
    assert [(c.status, c.at, c.value) for c in found.changes] == [
        (b["status"], b["at"], b["value"]) for b in expected
    ]
    assert (found.points, found.stateless) == (7, 0)
    # after 3 successes, a failure has probability 1/5, and then 2/6
    assert [c.value for c in surprised.changes] == [pytest.approx(math.log(5.0))]
    assert "no event counts" in other.reason


def run_with_traffic(url, events, alerts, pauses=(), keep=lambda running: None, at=0.0):
    """Read one event a second, with pauses before some, and return the messages of a run."""
    clock = Clock()
    clock.now += at
    collectors = [Traffic(0.5, clock), Alerts(alerts, now=clock)]
    belief = Belief("b", Beta(), field="x", by="k")
    source = Listed(lines(*events), size=1, idle=pauses)
    source.caught_up = True
    with Pipeline(source, [belief], open_store(url), Pace(seconds=0.0), collectors) as running:
        for step in running:
            step.read_at = clock.now if not step.idle else step.read_at
            clock.now += 500.0 if step.idle else 1.0
            if step.idle:  # the alerts are evaluated during the pause
                collectors[1].learned(step, None)
        keep(running)
        return [json.loads(each.body) for each in running.store.messages()]


def test_dead_letters_over_the_history_are_those_of_the_run(url):
    events = [{"k": "a", "x": x} for x in (True, 7, 7, True, True, True, 7, "?", True, True, True)]
    whole = Alert("a", parse_condition("dead letters >= 60 %"), "", over=2.5)
    one = Alert("b", whole.condition, "", Belief("b", Beta(), field="x", by="k"), over=2.5)
    bodies = run_with_traffic(url, events, [whole, one])
    assert [b["status"] for b in bodies if b["alert"] == "a"] == ["firing", "resolved"] * 2
    with open_store(url, "read") as store:
        for watched in (whole, one):
            found = evaluate_history(watched, store)
            assert found.points == len(events)
            assert [(c.status, c.at, c.value) for c in found.changes] == [
                (b["status"], b["at"], b["value"]) for b in bodies if b["alert"] == watched.name
            ]
    # a second run continues the counts
    run_with_traffic(url, [*events, {"k": "a", "x": 7}], [], at=100.0)
    with open_store(url, "read") as store:
        newest = max(store.points(STREAM), key=attrgetter("at"))
        counts = msgspec.json.decode(newest.summary, type=TrafficCounts)
        assert (counts.events, counts.refused, counts.refused_by) == (12, 5, {"b": 5})


def test_silences_over_the_history_fire_after_their_limit(url, monkeypatch):
    monkeypatch.setattr("seqbayes.stream.alerts.outbox.EVALUATION_SECONDS", 0.0)
    quiet = [Criterion(Silence(), ">=", 60.0)]
    stream, late = Alert("stream", quiet, ""), Alert("late", quiet, "", lasting=450.0)
    keyed = Alert("keyed", quiet, "", Belief("b", Beta(), field="x", by="k"))
    alerts, ongoing = [stream, late, keyed], []

    def evaluate_later(running):
        """Evaluate the history while the runner is alive, and no more events have arrived."""
        monkeypatch.setattr(type(running.store), "now", lambda store: time.time() + 1e9)
        monkeypatch.setattr(type(running.store), "runner", lambda store: Runner("a runner", True))
        ongoing.append(evaluate_history(stream, running.store).changes[-1].status)
        ongoing.append(evaluate_history(keyed, running.store).changes[-1].status)
        monkeypatch.undo()

    bodies = run_with_traffic(url, EVENTS, alerts, pauses=[2, 5], keep=evaluate_later)
    with open_store(url, "read") as store:
        found = {
            each.name: [
                (c.key, c.at - Clock().now, c.status) for c in evaluate_history(each, store).changes
            ]
            for each in alerts
        }
        short = evaluate_history(Alert("short", [Criterion(Silence(), ">=", 0.1)], ""), store)
    with open_store(url, "read") as store:
        monkeypatch.setattr("seqbayes.stream.alerts.past.MAX_KEYS", 1)
        assert "at most 1 keys" in evaluate_history(keyed, store).reason
    # events at 0, 1, 502, 503, 504, 1005 and 1006 s: those at 503 and 504 s are of b
    times = [(61.0, "firing"), (502.0, "resolved"), (564.0, "firing"), (1005.0, "resolved")]
    assert found["stream"] == [("", *each) for each in times]
    assert found["late"] == []
    assert found["keyed"] == [('["a"]', at - 2.0 * (at == 564.0), status) for at, status in times]
    assert ongoing == ["firing", "firing"]
    assert "are not stored" in short.reason
    for name in ("stream", "keyed"):
        reported = sorted((b["at"], b["status"]) for b in bodies if b["alert"] == name)
        assert [status for _, status in reported][:2] == ["firing", "resolved"]


def test_check_reports_past_alerts(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x").write_bytes(b"\n".join(lines(*[{"k": "a", "y": True}] * 9)))
    (tmp_path / "c.toml").write_text(BASE + 'when = "n > 5"\nbelief = "sold"\n')
    assert cli.main(["run", "c.toml"]) == 0
    assert "alert a is firing for sold a: n > 5, the value is 9" in capsys.readouterr().err
    assert cli.main(["check", "c.toml", "--alerts"]) == 0
    response = capsys.readouterr().out
    assert "alert a: would have fired 1 time in 1 point of the history" in response
    assert re.search("firing +a +9", response)
    assert cli.main(["show", "a.db"]) == 0
    assert "alert a is firing for a since" in capsys.readouterr().out
    assert cli.main(["check", "c.toml", "--alerts", "none.db"]) == 4
    assert check.past_alerts(check.check("c.toml"))[0].points == 1
