"""The entries of pages: the key of a belief, with a copy of its state and the state's JSON."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec

from seqbayes.dashboard import views
from seqbayes.dashboard.live.descriptions import BeliefDescription
from seqbayes.dashboard.live.recent import EventEffect, RecentEvents
from seqbayes.dashboard.views.figures import significant, values
from seqbayes.errors import SeqbayesError
from seqbayes.stream.codec import unreadable_state
from seqbayes.stream.stores import StoreError

RATE_SECONDS = 10.0
"""Time constant of the average rate of a key."""

LEAST_RATE = 0.01
"""Rates below this number of events per second are shown as 0."""

_CHUNK = 10_000
"""Number of states that are decoded at once to rank their keys."""

MAX_LEVELS = 4
"""Maximum number of levels of intervals for which the card of a key is kept."""

NO_CARDS: dict[float, dict[str, Any]] = {}
"""The cards of all keys for which no card is kept; this empty dict is never changed."""

SPARK = 60
STEPS = 10


@dataclass
class Update:
    """A newer copy of a key's state, or its stored JSON text; None if the key was deleted.

    Parameters
    ----------
    state
        The copy.
    updated, since
        Times of the key's last and first update, in seconds since 1970.
    last
        The last arguments of `learn_one`, if they are known.
    events
        Number of events that the key has learned since the previous copy.
    happened
        These events in order, if all of them are known.
    watched
        Whether a client is watching the key.
    """

    state: Any
    updated: float
    since: float | None = None
    last: tuple[Any, ...] | None = None
    events: float = 0.0
    happened: Sequence[tuple[Any, ...]] = ()
    watched: bool = False


class Entry:
    """A key: a copy of its state and its recent history.

    Attributes
    ----------
    stored
        The state, or its JSON if it has not been decoded. Neither is ever modified.
    """

    __slots__ = (
        "_about",
        "_before",
        "_followed",
        "_gap",
        "_rate",
        "key",
        "known_cards",
        "known_n",
        "known_ranking",
        "last",
        "rated",
        "recent_events",
        "seeded",
        "since",
        "spark",
        "stored",
        "updated",
        "version",
    )

    def __init__(self, description: BeliefDescription, key: str, since: float) -> None:
        self._about = description
        self.key = key
        self.stored: Any = None
        self.since = self.updated = self.rated = since
        self.last: Any = None
        self._rate = 0.0
        self.version = 0
        self.spark: list[tuple[float | None, ...]] = []
        self._followed: views.PlottedNumber | None = None
        self._gap = 1.0
        self.seeded = False
        self.recent_events: RecentEvents | None = None
        self.known_n: float | None = None
        # the weight of the data at the last update, and the time of that update
        self._before: tuple[float, float] | None = None
        self.known_ranking: views.Ranking | None = None
        self.known_cards: dict[float, dict[str, Any]] = NO_CARDS

    @property
    def belief(self) -> str:
        """The name of the belief."""
        return self._about.name

    def replace(self, update: Update) -> None:
        """Replace the state by a newer copy."""
        self._rate = self._decayed_rate(update.updated) + update.events / RATE_SECONDS
        if update.events == 0.0 and self._before is None and self.stored is not None:
            # a store does not contain the number of new events
            with suppress(StoreError):  # if the replaced state is damaged
                self._before = (self.n, self.updated)
        self.rated = self.updated = update.updated
        self.stored, self.known_n, self.known_ranking = update.state, None, None
        self.known_cards = NO_CARDS
        if update.last is not None:
            self.last = update.last[0]

    def trace(self, update: Update) -> list[EventEffect]:
        """Keep the events that led to a newer copy; return the effects if a client is watching."""
        if not update.happened:
            if not update.watched:  # events after the stored ones are unknown
                self.recent_events = None
            return []
        before = self._about.make() if self.stored is None else self.state
        self.recent_events = self.recent_events or RecentEvents()
        taken = before, update.state, update.happened, update.updated
        if update.watched:
            return self.recent_events.live(*taken)
        self.recent_events.add(*taken)
        return []

    def rate(self, now: float) -> float:
        """Return the recent number of events per second."""
        if self._before is not None:
            (before, at), self._before = self._before, None
            with suppress(StoreError):  # the card of the key reports the error
                self._rate += _recent_rate(max(self.n - before, 0.0), self.updated - at)
        rate = self._decayed_rate(now)
        return rate if rate > LEAST_RATE else 0.0

    def _decayed_rate(self, now: float) -> float:
        return self._rate * math.exp(-max(now - self.rated, 0.0) / RATE_SECONDS)

    @property
    def state(self) -> Any:
        """The state.

        Raises
        ------
        StoreError
            If the stored JSON cannot be read.
        """
        self.stored = self.peek()
        return self.stored

    def peek(self) -> Any:
        """Return the state; if it had to be decoded, do not keep it.

        Sorting needs the states of all keys, and a decoded state is several times as large as its
        JSON.

        Raises
        ------
        StoreError
            If the stored JSON cannot be read.
        """
        if type(self.stored) is not str:
            return self.stored
        try:
            return self._about.read(self.stored)
        except (SeqbayesError, msgspec.MsgspecError) as error:
            raise unreadable_state(self._about.name, self.key, error) from None

    def read(self, text: str) -> Any:
        """Decode the JSON of a state of the belief."""
        return self._about.read(text)

    @property
    def n(self) -> float:
        """The total weight of the observed data."""
        if self.known_n is None:
            self.known_n = self.peek().n_samples
        return self.known_n

    @property
    def uncounted(self) -> bool:
        """Whether the rate requires the weight of the data, which must be read from JSON."""
        return self._before is None and self.known_n is None and type(self.stored) is str

    @property
    def ranking(self) -> views.Ranking:
        """The numbers by which keys are ranked."""
        if self.known_ranking is None:
            make_rankings([self])
            assert self.known_ranking is not None
        return self.known_ranking

    @property
    def kind(self) -> str:
        """The kind of the belief."""
        return self._about.kind

    def follow(self) -> views.PlottedNumber | None:
        """Return the number that the sparkline shows, with its current value, or None."""
        if views.is_numeric(self.kind):
            ranking = self.ranking
            return views.PlottedNumber("", (), ranking.mean, ranking.low, ranking.high)
        held = self._followed
        found = views.plotted(self.state, () if held is None else held.path)
        if found is not None and held is not None and found.path != held.path:
            # the stored history is that of another number
            self.spark, self._gap, self.seeded = [], 1.0, False
        self._followed = found or held
        return found

    @property
    def plotted(self) -> views.PlottedNumber | None:
        """The latest number in the sparkline of a belief about several numbers."""
        return self._followed

    def begin(self, points: list[tuple[float | None, ...]]) -> None:
        """Prepend older points to the sparkline, as many as fit.

        Examples
        --------
        >>> entry = Entry(None, "[]", 0.0)
        >>> entry.spark = [(5.0, 0.5, 0.4, 0.6)]
        >>> entry.begin([(4.0, 0.6, 0.3, 0.9), (6.0, 0.5, 0.4, 0.6)])
        >>> [t for t, *_ in entry.spark]
        [4.0, 5.0]
        """
        room = SPARK - 1 - len(self.spark)
        first = self.spark[0][0] if self.spark else None
        older = [p for p in points if first is None or (p[0] or 0.0) < first]
        if room > 0:
            self.spark = older[-room:] + self.spark

    @property
    def sparked(self) -> float:
        """Time of the last point of the sparkline; 0 if it has no points."""
        return self.spark[-1][0] or 0.0 if self.spark else 0.0

    def note(self, now: float) -> None:
        """Add a point to the sparkline if one is due; downsample it if it is long."""
        if now - self.sparked < self._gap:
            return
        found = self.follow()
        if found is None or found.mean is found.low is None:
            return
        if len(self.spark) >= SPARK:
            self.spark = self.spark[::2]
            self._gap *= 2.0
        ends = map(significant, (found.mean, found.low, found.high))
        self.spark.append((round(now, 1), *ends))

    def card(self, now: float, since: float = 0.0, level: float = views.LEVEL) -> dict[str, Any]:
        """Return the card as JSON values.

        Parameters
        ----------
        now
            Seconds since 1970.
        since
            The sparkline is omitted unless it has a newer point.
        level
            Level of the intervals. The sparkline has a separate level, which the card states.
        """
        if level not in self.known_cards:
            make_cards([self], level)
        self.note(now)
        card = {
            "belief": self._about.name,
            "key": self.names,
            "id": self.key,
            "rate": round(self.rate(now), 3),
            "updated": self.updated,
            "since": self.since,
            **self.known_cards[level],
        }
        if self.sparked > since or since == 0.0:
            card["spark"] = {**columns(self.spark), "level": views.LEVEL}
            if self._followed is not None:
                card["spark"] |= self._followed.description()
        return card

    def keep_card(self, card: dict[str, Any], level: float) -> None:
        """Keep a card with intervals at a level until the state changes."""
        known = self.known_cards if len(self.known_cards) < MAX_LEVELS else NO_CARDS
        self.known_cards = {**known, level: self.with_threshold(card)}

    def with_threshold(self, card: dict[str, Any]) -> dict[str, Any]:
        """Return a card with the probability of exceeding the threshold, if there is one."""
        threshold = self._about.display.threshold
        if threshold is None or not views.is_numeric(self.kind):
            return card
        return {**card, "p_above": views.probability_above(self.state, threshold)}

    def detail(self, now: float, level: float = views.LEVEL) -> dict[str, Any]:
        """Return everything about the key as JSON values, with intervals at a level."""
        detail = {**self.card(now, level=level), **views.detail(self.state, self.last, level)}
        recent = [] if self.recent_events is None else self.recent_events.recent()
        detail["recent"] = [
            {"at": each.at, "x": values(each.x), "surprise": each.surprise} for each in recent
        ]
        detail["steps"] = [
            {**each.step, "surprise": each.surprise} for each in recent if each.step is not None
        ][-STEPS:]
        return detail

    @property
    def names(self) -> list[str] | None:
        """The values of the key's fields; None for the pooled rest (all keys beyond the limit)."""
        names: list[str] | None = msgspec.json.decode(self.key)
        return names


def _recent_rate(events: float, seconds: float) -> float:
    """Return the contribution of events spread evenly over the last `seconds` to a decaying rate.

    Examples
    --------
    >>> round(_recent_rate(3400.0, 1000.0), 2), round(_recent_rate(1.0, 0.0), 2)
    (3.4, 0.1)
    """
    if seconds <= 0.0:
        return events / RATE_SECONDS
    return -events * math.expm1(-seconds / RATE_SECONDS) / seconds


def columns(points: Iterable[tuple[float | None, ...]]) -> dict[str, Any]:
    """Return points over time as columns."""
    listed = list(points)
    t, mean, low, high = zip(*listed, strict=True) if listed else ((), (), (), ())
    return {"t": list(t), "mean": list(mean), "low": list(low), "high": list(high)}


def make_cards(entries: Iterable[Entry], level: float = views.LEVEL) -> None:
    """Compute the missing cards of one belief's entries together, with intervals at a level."""
    bare = [entry for entry in entries if level not in entry.known_cards]
    made = views.cards([entry.state for entry in bare], [entry.last for entry in bare], level=level)
    for entry, card in zip(bare, made, strict=True):
        entry.keep_card(card, level)
        if level == views.LEVEL and entry.known_ranking is None and views.is_numeric(card["kind"]):
            ends = card["interval"] or (None, None)
            entry.known_ranking = views.Ranking(card["n"], card["mean"], *ends)


def make_rankings(entries: Iterable[Entry]) -> None:
    """Compute the missing rankings of one belief's entries together."""
    bare = [entry for entry in entries if entry.known_ranking is None]
    for entry, ranking in zip(bare, rankings_of(bare), strict=True):
        entry.known_ranking = ranking


def rankings_of(entries: Sequence[Entry], level: float = views.LEVEL) -> Iterator[views.Ranking]:
    """Yield the rankings of one belief's entries, with intervals at a level."""
    for start in range(0, len(entries), _CHUNK):
        chunk = entries[start : start + _CHUNK]
        yield from views.rankings([entry.peek() for entry in chunk], level)
