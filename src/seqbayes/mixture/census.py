"""How many components there are: births are tried, and what is not needed retires."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from seqbayes import serialization
from seqbayes.mixture import document, revising
from seqbayes.mixture.buffering import plain
from seqbayes.mixture.forecasting import Forecast
from seqbayes.mixture.revising import Prior
from seqbayes.mixture.trial import WON, Trial
from seqbayes.mixture.working import Working
from seqbayes.statistics import read_weight

STRANGE = 5.0
"""So many observations that no component explains call for a birth at once."""

LAG = 0.05
"""What is strange is so to the components as they were, so long ago as a share of their age."""

RETRY = 1.15
"""What has lost its trial is not tried again before what was seen has grown so much."""

SMALL = 0.5
"""A component is small whose share is less than this part of an equal one."""


class Census:
    """Keeps the latest observations, proposes births and joins in them, and puts them on trial.

    Parameters
    ----------
    prior
        The truncated Dirichlet process.
    size
        How many observations to keep, and the least that a trial lasts.
    seed
        The seed of the splits.

    Attributes
    ----------
    names : tuple of int
        Names of the components that are served.
    """

    def __init__(self, prior: Prior, size: int, seed: int | None) -> None:
        self._prior, self._size, self._seed = prior, size, seed
        self.names: tuple[int, ...] = (0,)
        self._next = 1
        self._window: deque[tuple[Any, float]] = deque(maxlen=size)
        self._trials: list[Trial] = []
        self._failed: dict[tuple[int, ...], float] = {}
        self._due = self._strange = self._since = self._known_until = 0.0
        self._known: Forecast | None = None

    def begin(self, working: Working, kept: Iterable[tuple[Any, float]]) -> None:
        """Begin with components that have learned what was kept."""
        self._window.extend(kept)
        self._next = len(working.priors)
        self.names = tuple(range(self._next))
        self._due = working.engine.n + self._size / 4.0

    def learn(self, working: Working, x: Any, w: float, unborn: float) -> Working:
        """Let components learn an observation; return those that are served from now on.

        Parameters
        ----------
        working
            The components that are served.
        x, w
            The observation and its weight.
        unborn
            Its log density if a component made it that is not born.
        """
        if self._prior.is_strange(self._explained(working, x), unborn, working):
            self._strange += w
        for trial in self._trials:
            trial.learn(working, x, w, unborn)
        working.engine.learn(x, w)
        self._window.append((plain(x), w))
        working = self._judge(working)
        if working.engine.n >= self._due or self._strange >= STRANGE:
            working = self._revise(working)
        return working

    def _explained(self, working: Working, x: Any) -> float:
        """Return the log density of an observation under the components as they were lately."""
        n = working.engine.n
        if self._known is None:
            self._known = Forecast(working)
            self._known_until = n
        elif n >= self._known_until:
            self._known.renew(working)
            self._known_until = n + LAG * (n - self._since)
        return self._known.log_likelihood(x)

    def unite(self, mine: Working, theirs: Working, other: Census) -> Working:
        """Return the components of two shards as one mixture; those of `theirs` get new names."""
        working, places = revising.united(self._prior, mine, theirs)
        self._window.extend(other._window)
        fresh = itertools.count(self._next)
        known = dict(enumerate(self.names))
        names = tuple(known[k] if k in known else next(fresh) for k in places)
        return self._adopt(working, names)

    def _judge(self, working: Working) -> Working:
        """End the trials that are over."""
        going = []
        for trial in self._trials:
            if trial.outcome:
                return self._adopt(trial.challenger, trial.names)
            if trial.outcome is None:
                going.append(trial)
            else:
                self._failed[trial.key] = working.engine.n
        self._trials = going
        return working

    def _adopt(self, working: Working, names: tuple[int, ...]) -> Working:
        """Serve other components from now on."""
        self.names = names
        self._next = max(self._next, *(name + 1 for name in names))
        self._trials, self._failed, self._known = [], {}, None
        self._since = working.engine.n
        self._strange, self._due = 0.0, working.engine.n + self._size / 10.0
        return working

    def _revise(self, working: Working) -> Working:
        """Let what is empty retire, or put a birth on trial, and the joining of two components."""
        n, urgent = working.engine.n, self._strange >= STRANGE
        self._strange, self._due = 0.0, n + max(self._size / 4.0, n / 10.0)
        counts = working.engine.live * working.engine.memory
        if len(counts) > 1 and counts.min() < 1.0:
            k = int(counts.argmin())
            made = revising.without(self._prior, working, k, self._path())
            return self._adopt(made, self._names_without(k))
        self._failed = {key: at for key, at in self._failed.items() if n < RETRY * at}
        if len(self.names) < self._prior.most:
            self._try_birth(working, urgent)
        if len(self.names) > 1 and all(trial.grows for trial in self._trials):
            self._try_fewer(working)
        return working

    def _names_without(self, k: int) -> tuple[int, ...]:
        return self.names[:k] + self.names[k + 1 :]

    def _try_birth(self, working: Working, urgent: bool) -> None:
        """Put the best split on trial, if there is evidence for any.

        Where it is urgent, any component may be split, and a trial that goes on may be replaced.
        """
        running = any(trial.grows for trial in self._trials)
        if running and not urgent:
            return
        xs, w = zip(*self._window, strict=True)
        seed = None if self._seed is None else [self._seed, int(working.engine.n)]
        skip: set[int] = set()
        if not urgent:
            skip = {k for k, name in enumerate(self.names) if (name,) in self._failed}
        split = revising.best_split(
            self._prior, working, working.rows(xs), np.array(w), skip, np.random.default_rng(seed)
        )
        if split is None or split.gain <= (2.0 * WON if running else 0.0):
            return
        made = revising.grown(self._prior, working, split, self._path())
        self._trials = [trial for trial in self._trials if not trial.grows]
        self._start(working, made, (*self.names, self._next), (self.names[split.at],))

    def _try_fewer(self, working: Working) -> None:
        """Put on trial to do without a small component, or to join the two most alike.

        What was not tried lately is tried. What is needed is soon found out.
        """
        names, path = self.names, self._path()
        shares = working.served().live.tolist()
        small = [k for k, share in enumerate(shares) if share * len(names) < SMALL]
        small = [k for k in small if (names[k], names[k]) not in self._failed]
        if small:
            k = min(small, key=shares.__getitem__)
            made = revising.without(self._prior, working, k, path)
            self._start(working, made, self._names_without(k), (names[k], names[k]))
            return
        pairs = [(a, b) for a in range(len(names)) for b in range(a + 1, len(names))]
        skip = {(a, b) for a, b in pairs if (names[a], names[b]) in self._failed}
        found = revising.most_alike(self._prior, working, skip)
        if found is None:
            return
        a, b, _ = found
        made = revising.shrunk(self._prior, working, a, b)
        kept = [min(names[a], names[b]) if k == a else name for k, name in enumerate(names)]
        del kept[b]
        self._start(working, made, tuple(kept), (names[a], names[b]))

    def _start(
        self, working: Working, made: Working, names: tuple[int, ...], key: tuple[int, ...]
    ) -> None:
        least = float(self._size)
        length = max(least, working.engine.n / 4.0)
        self._trials.append(Trial(self._prior, working, made, names, key, least, length))

    def _path(self) -> float:
        return sum(w for _, w in self._window)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain numbers and lists."""
        return {
            "names": list(self.names),
            "numbers": [
                *(float(self._next), self._due, self._strange),
                *(self._since, self._known_until),
            ],
            "known": None if self._known is None else self._known.to_dict(),
            "failed": [[list(key), at] for key, at in self._failed.items()],
            "window": [[serialization.encode(x), w] for x, w in self._window],
            "trials": [trial.to_dict() for trial in self._trials],
        }

    def restore(self, seen: Mapping[str, Any], working: Working) -> None:
        """Take what `to_dict` returned, of components at work."""
        self.names = tuple(map(int, seen["names"]))
        numbers = document.finite(seen["numbers"]).tolist()
        following, self._due, self._strange, self._since, self._known_until = numbers
        self._next = int(following)
        known = seen["known"]
        self._known = None if known is None else Forecast.from_dict(known, working)
        self._failed = {tuple(map(int, key)): float(at) for key, at in seen["failed"]}
        self._window.clear()
        for each, w in seen["window"]:
            x = serialization.decode(each)
            working.reader.read(x)
            self._window.append((plain(x), read_weight(w)))
        self._trials = [Trial.from_dict(each, self._prior, working) for each in seen["trials"]]
