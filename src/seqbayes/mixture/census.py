"""How many components there are: births are tried, and what is one or empty retires."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from seqbayes import codec
from seqbayes.mixture import document, revising
from seqbayes.mixture.buffering import plain
from seqbayes.mixture.revising import Prior
from seqbayes.mixture.trial import WON, Trial
from seqbayes.mixture.working import Working
from seqbayes.statistics import read_weight

STRANGE = 5.0
"""So many observations that no component explains call for a birth at once."""


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
        self._due = self._strange = 0.0

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
        engine = working.engine
        working.reader.read(x)
        if self._prior.is_strange(engine.expect()[1], unborn, working):
            self._strange += w
        for trial in self._trials:
            trial.learn(working, x, w, unborn)
        engine.learn(x, w)
        self._window.append((plain(x), w))
        working = self._judge(working)
        if working.engine.n >= self._due or self._strange >= STRANGE:
            working = self._revise(working)
        return working

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
        self._trials, self._failed = [], {}
        self._strange, self._due = 0.0, working.engine.n + self._size / 10.0
        return working

    def _revise(self, working: Working) -> Working:
        """Let what is empty retire, or put a birth on trial, and the joining of two components."""
        n, urgent = working.engine.n, self._strange >= STRANGE
        self._strange, self._due = 0.0, n + max(self._size / 4.0, n / 10.0)
        counts = working.engine.live * working.engine.memory
        if len(counts) > 1 and counts.min() < 1.0:
            return self._retire(working, int(counts.argmin()))
        self._failed = {key: at for key, at in self._failed.items() if n < 1.5 * at}
        if len(self.names) < self._prior.most:
            self._try_birth(working, urgent)
        if len(self.names) > 1 and all(trial.grows for trial in self._trials):
            self._try_join(working)
        return working

    def _retire(self, working: Working, k: int) -> Working:
        """Let a component take in another that is empty: the one that is most alike."""
        others = set(range(len(self.names))) - {k}
        skip = {(a, b) for a in others for b in others}
        found = revising.most_alike(self._prior, working, skip)
        assert found is not None
        a, b = sorted(found[:2], key=lambda each: each == k)
        made = revising.shrunk(self._prior, working, a, b, self._path())
        return self._adopt(made, self.names[:b] + self.names[b + 1 :])

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

    def _try_join(self, working: Working) -> None:
        """Put the joining of the two most alike on trial, if they may be one."""
        names = self.names
        pairs = [(a, b) for a in range(len(names)) for b in range(a + 1, len(names))]
        skip = {(a, b) for a, b in pairs if (names[a], names[b]) in self._failed}
        found = revising.most_alike(self._prior, working, skip)
        if found is None or found[2] <= 0.0:
            return
        a, b, _ = found
        made = revising.shrunk(self._prior, working, a, b, self._path())
        kept = list(names)
        kept[a] = min(names[a], names[b])
        del kept[b]
        self._start(working, made, tuple(kept), (names[a], names[b]))

    def _start(
        self, working: Working, made: Working, names: tuple[int, ...], key: tuple[int, ...]
    ) -> None:
        length = max(float(self._size), working.engine.n / 4.0)
        self._trials.append(Trial(self._prior, working, made, names, key, length))

    def _path(self) -> float:
        return sum(w for _, w in self._window)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain numbers and lists."""
        return {
            "names": list(self.names),
            "numbers": [float(self._next), self._due, self._strange],
            "failed": [[list(key), at] for key, at in self._failed.items()],
            "window": [[codec.encode(x), w] for x, w in self._window],
            "trials": [trial.to_dict() for trial in self._trials],
        }

    def restore(self, seen: Mapping[str, Any], working: Working) -> None:
        """Take what `to_dict` returned, of components at work."""
        self.names = tuple(map(int, seen["names"]))
        following, self._due, self._strange = document.finite(seen["numbers"]).tolist()
        self._next = int(following)
        self._failed = {tuple(map(int, key)): float(at) for key, at in seen["failed"]}
        self._window.clear()
        for each, w in seen["window"]:
            x = codec.decode(each)
            working.reader.read(x)
            self._window.append((plain(x), read_weight(w)))
        self._trials = [Trial.from_dict(each, self._prior, working) for each in seen["trials"]]
