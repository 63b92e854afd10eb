"""Search for the number of components on a stream by trials of splits, merges and removals."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from seqbayes import serialization
from seqbayes.mixture.components.rows import as_observation
from seqbayes.mixture.counting import SplitSearch
from seqbayes.mixture.em import split_merge
from seqbayes.mixture.em.documents import finite
from seqbayes.mixture.em.loop import EMModel
from seqbayes.mixture.em.split_merge import ProcessPrior
from seqbayes.mixture.forecast import DECISIVE_LEAD, Forecast, Trial
from seqbayes.statistics import read_weight

URGENT_COUNT = 5.0
"""Number of unexplained observations that starts a trial of a split immediately."""

URGENT_TURNS = 4
"""Number of turns that the search for a split takes per observation if a split is urgent."""

RECENT_LAG = 0.05
"""Share of the age by which the components used for comparisons lag behind the current ones."""

HOPELESS_LOSS = 20.0
"""Components are not merged in a trial if the expected loss during it exceeds this."""

RETRY_AFTER = 1.15
"""A lost trial is repeated when the number of observations has grown by this factor."""

REEXAMINE_AFTER = 1.5
"""A change that did not improve the model is examined again when the number of observations has
grown by this factor times `RETRY_AFTER`."""

SMALL_SHARE = 0.5
"""A component is small if its share is below this fraction of an equal share."""


class ComponentSearch:
    """Keeps recent observations, proposes splits, merges and removals, and tests each of them.

    Parameters
    ----------
    prior
        The truncated Dirichlet process.
    size
        Number of observations to keep, and minimum length of a trial.
    seed
        The seed of the splits.

    Attributes
    ----------
    names : tuple of int
        Names of the current components.
    """

    def __init__(self, prior: ProcessPrior, size: int, seed: int | None) -> None:
        self._prior, self._size, self._seed = prior, size, seed
        self.names: tuple[int, ...] = (0,)
        self._next_name = 1
        self._window: deque[tuple[Any, float]] = deque(maxlen=size)
        self._trials: list[Trial] = []
        self._failed: dict[tuple[int, ...], float] = {}
        self._due = self._unexplained = self._since = self._recent_until = 0.0
        self._recent: Forecast | None = None
        self._untested: list[int] = []  # names of components whose split is to be examined
        self._examined: SplitSearch | None = None
        self._best: SplitSearch | None = None  # the split with the most evidence so far
        self._urgent = False

    def start(self, model: EMModel, kept: Iterable[tuple[Any, float]]) -> None:
        """Start with a model that has learned the observations in `kept`."""
        self._window.extend(kept)
        self._next_name = len(model.priors)
        self.names = tuple(range(self._next_name))
        self._due = model.engine.n + self._size / 4.0

    def learn(self, model: EMModel, x: Any, w: float, new: float) -> EMModel:
        """Let the current model learn an observation; return the model that is current afterwards.

        Parameters
        ----------
        model
            The current model.
        x, w
            The observation and its weight.
        new
            The log density of the observation under a new component.
        """
        recent = self._recent
        if recent is None or model.engine.n >= self._recent_until:
            recent = self._renew_recent(model)
        if self._prior.is_new(recent.log_likelihood(x), new, model):
            self._unexplained += w
        for trial in self._trials:
            trial.learn(model, x, w, new)
        model.engine.learn(x, w)
        self._window.append((as_observation(x), w))
        if self._trials:
            model = self._end_trials(model)
        examining = self._examined is not None or bool(self._untested)
        urgent = self._unexplained >= URGENT_COUNT and not (examining and self._urgent)
        if urgent or (model.engine.n >= self._due and not examining):
            model = self._propose(model)
        elif examining:  # examined in steps, so that no observation is delayed for long
            self._examine(model)
        return model

    def _renew_recent(self, model: EMModel) -> Forecast:
        """Return a forecast by the current components, for comparisons with later observations."""
        n = model.engine.n
        if self._recent is None:
            self._recent = Forecast(model)
            self._recent_until = n
        else:
            self._recent.renew(model)
            self._recent_until = n + RECENT_LAG * (n - self._since)
        return self._recent

    def unite(self, mine: EMModel, theirs: EMModel, other: ComponentSearch) -> EMModel:
        """Return the model of two shards; the components of `theirs` get new names."""
        model, positions = split_merge.united(self._prior, mine, theirs)
        self._window.extend(other._window)
        fresh = itertools.count(self._next_name)
        known = dict(enumerate(self.names))
        names = tuple(known[k] if k in known else next(fresh) for k in positions)
        return self._adopt(model, names)

    def _end_trials(self, model: EMModel) -> EMModel:
        """End the trials that are decided; return the winner."""
        continuing = []
        for trial in self._trials:
            if trial.outcome and not trial.grows and self._removes_kept(model, trial):
                self._failed[trial.key] = model.engine.n
            elif trial.outcome:
                return self._adopt(trial.challenger, trial.names)
            elif trial.outcome is None:
                continuing.append(trial)
            else:
                self._failed[trial.key] = model.engine.n
        self._trials = continuing
        return model

    def _adopt(self, model: EMModel, names: tuple[int, ...]) -> EMModel:
        """Make another model the current one."""
        self.names = names
        self._next_name = max(self._next_name, *(name + 1 for name in names))
        self._trials, self._failed, self._recent = [], {}, None
        self._forget_splits()
        self._since = model.engine.n
        self._unexplained, self._due = 0.0, model.engine.n + self._size / 10.0
        return model

    def _propose(self, model: EMModel) -> EMModel:
        """Remove an empty component, or start the trial of a split, a merge or a removal."""
        n, urgent = model.engine.n, self._unexplained >= URGENT_COUNT
        self._unexplained, self._due = 0.0, n + max(self._size / 4.0, n / 8.0)
        counts = model.engine.live * model.engine.memory
        kept = self._kept(model)
        empty = [k for k, count in enumerate(counts) if count < 1.0 and k not in kept]
        if len(counts) > 1 and empty:
            k = min(empty, key=counts.__getitem__)
            smaller = split_merge.without(self._prior, model, k, self._window_weight())
            return self._adopt(smaller, self._names_without(k))
        self._failed = {key: at for key, at in self._failed.items() if n < RETRY_AFTER * at}
        self._urgent = urgent
        self._forget_splits()
        if len(self.names) < self._prior.most:
            failed = () if urgent else self._failed
            self._untested = [name for name in self.names if (name,) not in failed]
        if len(self.names) > 1 and all(trial.grows for trial in self._trials):
            self._try_fewer(model, kept)
        return model

    def _removes_kept(self, model: EMModel, trial: Trial) -> bool:
        """Whether the challenger of a trial lacks a component that must be kept."""
        return any(self.names[k] in trial.key for k in self._kept(model))

    def _kept(self, model: EMModel) -> set[int]:
        """Return the positions of components that must not be removed or joined.

        While step sizes decrease, past data have full weight. A component that explained them is
        kept even if recent observations do not need it, because a trial cannot show that it was
        needed.
        """
        if self._prior.settings.fading:
            return set()
        return split_merge.dormant(model, float(self._size))

    def _names_without(self, k: int) -> tuple[int, ...]:
        return self.names[:k] + self.names[k + 1 :]

    def _examine(self, model: EMModel) -> None:
        """Examine the split of the next component; after the last one, try the best split.

        If a split is urgent, every component may be split, and a running trial may be replaced.
        """
        running = any(trial.grows for trial in self._trials)
        if (running and not self._urgent) or len(self.names) >= self._prior.most:
            self._forget_splits()
            return
        if self._examined is None:
            name, seed = self._untested.pop(0), (self._seed or 0, int(model.engine.n))
            at = self.names.index(name)
            self._examined = SplitSearch.of_component(
                self._prior, model, name, at, self._window, seed
            )
        else:
            self._examined.advance(URGENT_TURNS if self._urgent else 1)
        found = self._examined
        if found is not None and found.gain is not None:
            self._examined = None
            if found.gain < -DECISIVE_LEAD:
                self._failed[(found.name,)] = model.engine.n * REEXAMINE_AFTER
            best = 2.0 * DECISIVE_LEAD if running else 0.0
            if self._best is not None and self._best.gain is not None:
                best = self._best.gain
            if found.gain > best:
                self._best = found
        if self._examined is None and not self._untested and self._best is not None:
            self._split(model, self._best)

    def _forget_splits(self) -> None:
        self._untested, self._examined, self._best = [], None, None

    def _split(self, model: EMModel, found: SplitSearch) -> None:
        """Start the trial of a split."""
        at = self.names.index(found.name)
        larger = split_merge.split(self._prior, model, found.halves, at, self._window_weight())
        self._trials = [trial for trial in self._trials if not trial.grows]
        self._start_trial(model, larger, (*self.names, self._next_name), (found.name,))
        self._forget_splits()

    def _try_fewer(self, model: EMModel, kept: set[int]) -> None:
        """Start a trial without a small component, or with the two most similar components merged.

        Changes that have recently lost a trial, and components to be kept, are skipped.
        """
        names = self.names
        shares = model.predicting().live.tolist()
        small = [k for k, share in enumerate(shares) if share * len(names) < SMALL_SHARE]
        small = [k for k in small if k not in kept and (names[k], names[k]) not in self._failed]
        if small:
            k = min(small, key=shares.__getitem__)
            smaller = split_merge.without(self._prior, model, k, self._window_weight())
            self._start_trial(model, smaller, self._names_without(k), (names[k], names[k]))
            return
        pairs = [(a, b) for a in range(len(names)) for b in range(a + 1, len(names))]
        skip = {pair for pair in pairs if kept & set(pair)}
        skip |= {(a, b) for a, b in pairs if (names[a], names[b]) in self._failed}
        found = None
        if len(skip) < len(pairs):
            found = split_merge.most_similar(self._prior, model, skip)
        if found is None:
            return
        a, b, gain = found
        if gain * self._trial_length(model) < -HOPELESS_LOSS * model.engine.memory:
            self._failed[names[a], names[b]] = model.engine.n * REEXAMINE_AFTER
            return
        smaller = split_merge.joined(self._prior, model, a, b)
        after = [min(names[a], names[b]) if k == a else name for k, name in enumerate(names)]
        del after[b]
        self._start_trial(model, smaller, tuple(after), (names[a], names[b]))

    def _start_trial(
        self, model: EMModel, challenger: EMModel, names: tuple[int, ...], key: tuple[int, ...]
    ) -> None:
        least, length = float(self._size), self._trial_length(model)
        self._trials.append(Trial(self._prior, model, challenger, names, key, least, length))

    def _trial_length(self, model: EMModel) -> float:
        return max(float(self._size), model.engine.n / 4.0)

    def _window_weight(self) -> float:
        return sum(w for _, w in self._window)

    def to_dict(self) -> dict[str, Any]:
        """Return the search as plain numbers and lists."""
        return {
            "names": list(self.names),
            "numbers": [
                *(float(self._next_name), self._due, self._unexplained),
                *(self._since, self._recent_until),
            ],
            "untested": [self._urgent, *self._untested],
            "splits": [
                None if each is None else each.to_dict() for each in (self._examined, self._best)
            ],
            "known": None if self._recent is None else self._recent.to_dict(),
            "failed": [[list(key), at] for key, at in self._failed.items()],
            "window": [[serialization.encode(x), w] for x, w in self._window],
            "trials": [trial.to_dict() for trial in self._trials],
        }

    def load(self, data: Mapping[str, Any], model: EMModel) -> None:
        """Restore the data that `to_dict` returned, for the current model."""
        self.names = tuple(map(int, data["names"]))
        numbers = finite(data["numbers"]).tolist()
        following, self._due, self._unexplained, self._since, self._recent_until = numbers
        self._next_name = int(following)
        recent = data["known"]
        self._recent = None if recent is None else Forecast.from_dict(recent, model)
        self._failed = {tuple(map(int, key)): float(at) for key, at in data["failed"]}
        self._window.clear()
        for each, w in data["window"]:
            x = serialization.decode(each)
            model.row(x)  # this raises an error for an invalid observation
            self._window.append((as_observation(x), read_weight(w)))
        self._urgent, *untested = data.get("untested", [False])  # new in version 0.2
        self._untested = [name for name in map(int, untested) if name in self.names]
        self._examined, self._best = (  # documents before version 0.2 do not contain this key
            None if each is None else SplitSearch.from_dict(each, self._prior, model)
            for each in data.get("splits", [None, None])
        )
        self._trials = [Trial.from_dict(each, self._prior, model) for each in data["trials"]]
