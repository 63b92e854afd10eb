"""Rates of events, and unexpected silence."""

import random

import pytest

from seqbayes.dashboard.live.arrivals import EventRate


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


def looked(arrivals, clock, counts, every=0.25):
    """Read counts at regular intervals."""
    found = []
    for count in counts:
        clock.now += every
        found.append(arrivals(count))
    return found


def test_the_rate_is_measured_over_the_last_seconds():
    clock = Clock()
    arrivals = EventRate(clock)
    paces = looked(arrivals, clock, range(0, 400, 10))
    assert paces[-1].rate == pytest.approx(40.0)
    assert looked(arrivals, clock, [390] * 22)[-1].rate == 0.0
    assert looked(arrivals, clock, [0])[-1].rate == 0.0  # a restarted pipeline


def test_a_fast_stream_that_stops_is_quiet_within_three_seconds():
    clock = Clock()
    arrivals = EventRate(clock)
    assert not any(pace.quiet for pace in looked(arrivals, clock, range(0, 4000, 10)))
    after = looked(arrivals, clock, [3990] * 20)
    first = next(i for i, pace in enumerate(after) if pace.quiet)
    assert 1.5 < 0.25 * (first + 1) < 3.0
    assert not looked(arrivals, clock, [4000])[0].quiet


@pytest.mark.parametrize("gap", [2.0, 10.0, 30.0])
def test_a_slow_stream_is_not_quiet_between_two_events(gap):
    clock, rng = Clock(), random.Random(7)
    arrivals = EventRate(clock)
    counts, count, due = [], 0, 0.0
    for i in range(4000):
        while due <= 0.25 * i:
            count += 1
            due += rng.uniform(0.5, 1.5) * gap
        counts.append(count)
    assert sum(pace.quiet for pace in looked(arrivals, clock, counts)) == 0


def test_a_stream_without_events_is_not_quiet():
    clock = Clock()
    arrivals = EventRate(clock)
    assert not any(pace.quiet for pace in looked(arrivals, clock, [0] * 5000))
    assert not any(pace.quiet for pace in looked(arrivals, clock, [5] * 5000))
