"""Stored beliefs, and their representation as rows and JSON values."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from seqbayes.console.plain import describe, plain
from seqbayes.console.summary import Line, View, name_key, summarise
from seqbayes.console.text import count_of
from seqbayes.errors import SeqbayesError
from seqbayes.events.display import Display
from seqbayes.events.keys import REST, read_key, write_key
from seqbayes.stream.codec import StateCodec, read_state
from seqbayes.stream.partials import read_entry
from seqbayes.stream.pooling import PooledEstimate, PooledStates
from seqbayes.stream.stores import Store, StoredEntry, StoreError
from seqbayes.stream.verbs.shared import MissingError

VIEW = View()

COLUMNS = ("part", "n", "mean", "low", "high", "mle", "map", "since", "updated")
"""Columns of a row after belief and key."""

POOLED_COLUMNS = ("pooled_mean", "pooled_low", "pooled_high")


class StoredBelief:
    """A belief as declared in a store.

    Parameters
    ----------
    name
        Name of the belief.
    declaration
        The stored JSON of its declaration.

    Attributes
    ----------
    prior
        The state without data.
    by
        The key fields.
    display
        Display options.

    Raises
    ------
    StoreError
        If the declaration cannot be read.
    """

    def __init__(self, name: str, declaration: str) -> None:
        self.name = name
        try:
            found = msgspec.json.decode(declaration)
            self.prior = read_state(found["state"])
            self.by: list[str] = list(found["by"])
            self.display = Display.of(found.get("display", {}))
        except (SeqbayesError, msgspec.MsgspecError, KeyError, TypeError) as error:
            raise StoreError(
                f"the declaration of belief {name!r} cannot be read: {error}"
            ) from None
        self.codec = StateCodec(self.prior)

    def decode(self, entry: StoredEntry) -> Any:
        """Return the state of an entry.

        Raises
        ------
        StoreError
            If the stored state cannot be read.
        """
        return read_entry(self.codec, entry)

    def key_fields(self, key: Any) -> dict[str, str] | None:
        """Return the values of a key, keyed by field; None for the pooled rest."""
        if key is REST:
            return None
        return dict(zip(self.by, key if isinstance(key, tuple) else (key,), strict=True))

    def key_values(self, key: str | Sequence[str]) -> tuple[str, ...]:
        """Return a key, or its first values, as a tuple.

        Raises
        ------
        SeqbayesError
            If the key has more values than the belief has key fields.
        """
        values = (key,) if isinstance(key, str) else tuple(key)
        if len(values) > len(self.by):
            raise self._wrong_length(values)
        return values

    def encode_key(self, key: str | Sequence[str]) -> str:
        """Return the JSON of a complete key.

        Raises
        ------
        SeqbayesError
            If the key does not have one value for each key field.
        """
        values = self.key_values(key)
        if len(values) < len(self.by):
            raise self._wrong_length(values)
        return write_key(values)

    def _wrong_length(self, values: tuple[str, ...]) -> SeqbayesError:
        expected = count_of(len(self.by), "value")
        got = ", ".join(map(repr, values)) or "none"
        return SeqbayesError(
            f"belief {self.name!r} is {self.keyed}: expected {expected} as its key, got {got}"
        )

    @property
    def keyed(self) -> str:
        """The key fields in words, such as "by shop, day"."""
        return f"by {', '.join(self.by)}" if self.by else "one belief over all events"


@dataclass(frozen=True, slots=True)
class KeyState:
    """The stored state of one key of a belief.

    Attributes
    ----------
    belief
        Name of the belief.
    key
        Values of the key, keyed by field; None for the pooled rest.
    state
        The state.
    since, updated
        Times of its first and last commit, in seconds since 1970.
    population
        The pooled posteriors of all keys, if the belief is pooled.
    """

    belief: str
    key: Mapping[str, str] | None
    state: Any
    since: float
    updated: float
    population: PooledStates | None = None

    def pooled(self, level: float = 0.95) -> PooledEstimate | None:
        """Return the pooled estimate; None if the belief is not pooled, and for the pooled rest.

        Parameters
        ----------
        level
            Probability of the interval.
        """
        if self.population is None or self.key is None:
            return None
        values = tuple(self.key.values())
        return self.population.estimate(values[0] if len(values) == 1 else values, level)

    def to_dict(self, view: View = VIEW) -> dict[str, Any]:
        """Return the posterior, interval, estimates, counts and times as JSON values."""
        found: dict[str, Any] = {"belief": self.belief, "key": self.key}
        found |= describe_any(self.state, view)
        if self.state.timed and self.state.clock is not None:
            found["clock"] = timestamp(self.state.clock)
        pooled = self.pooled(view.level)
        if pooled is not None:
            found["pooled"] = {"mean": pooled.mean, "interval": [pooled.low, pooled.high]}
        return {**found, "since": timestamp(self.since), "updated": timestamp(self.updated)}


def describe_any(state: Any, view: View) -> dict[str, Any]:
    """Return a state, a mixture or an estimator as JSON values."""
    if state.conjugate:
        found = describe({}, state, view)
        del found["key"]
        return found
    if state.display_kind == "mixture":
        return {
            "n": state.n_samples,
            "components": {
                str(name): {"weight": weight, **describe_any(component, view)}
                for name, weight, component in ranked_components(state)
            },
            **dict.fromkeys(state.labels[len(state.names) :], state.background_weight),
        }
    return {"n": state.n_samples, "document": plain(state.to_dict())}


def ranked_components(mixture: Any) -> Iterator[tuple[Any, float, Any]]:
    """Yield the name, weight and state of each mixture component, in descending weight order."""
    weights, components = mixture.weights, mixture.components
    for k in mixture.ranking:
        yield mixture.names[k], float(weights[k]), components[k]


def timestamp(seconds: float) -> str:
    """Format seconds since 1970 as an RFC 3339 time.

    Examples
    --------
    >>> timestamp(1704067200.25), timestamp(1e18)
    ('2024-01-01T00:00:00.250Z', '1e+18 s')
    """
    try:
        when = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    except (ValueError, OverflowError, OSError):
        return f"{seconds:g} s"
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def stored_beliefs(store: Store, belief: str | None = None) -> list[StoredBelief]:
    """Return the beliefs of a store, or only the belief with a given name.

    Raises
    ------
    MissingError
        If there is no belief of this name.
    """
    declared = store.declarations()
    if belief is not None and belief not in declared:
        names = ", ".join(declared) or "none"
        raise MissingError(f"{store.url} has no belief {belief!r}; beliefs: {names}")
    return [StoredBelief(name, declared[name]) for name in declared if belief in (None, name)]


def missing_key(stored: StoredBelief, key: str | Sequence[str], rest: bool) -> MissingError:
    """Return the error for a key that a belief does not have."""
    name = "pooled rest" if rest else f"key {' / '.join(stored.key_values(key))!r}"
    return MissingError(f"belief {stored.name!r} has no {name}")


def key_states(
    store: Store,
    stored: StoredBelief,
    key: str | Sequence[str] = (),
    rest: bool = False,
    as_of: float | None = None,
) -> Iterator[KeyState]:
    """Yield the stored state of each key of a belief.

    Parameters
    ----------
    store
        The store.
    stored
        The belief.
    key
        Values of a key; an incomplete key selects all keys that begin with these values.
    rest
        Whether to yield only the pooled rest.
    as_of
        Time in seconds since 1970 to which beliefs with a half-life in time are decayed, unless
        their clocks are later.
    """
    selected = stored.key_values(key)
    complete = "null" if rest else write_key(selected) if len(selected) == len(stored.by) else None
    for entry in store.entries(stored.name, complete):
        found = read_key(entry.key)
        values = found if isinstance(found, tuple) else (found,)
        if complete is None and values[: len(selected)] != selected:
            continue
        state = _decayed(stored.decode(entry), as_of)
        yield KeyState(stored.name, stored.key_fields(found), state, entry.since, entry.updated)


def pooled_states(
    store: Store, stored: StoredBelief, as_of: float | None = None
) -> PooledStates | None:
    """Return the pooled posteriors of a belief, from all its keys; None if it is not pooled."""
    if not stored.display.pool:
        return None
    states = {
        read_key(entry.key): _decayed(stored.decode(entry), as_of)
        for entry in store.entries(stored.name)
    }
    return PooledStates(states, stored.prior, stored.display.pool)


def _decayed(state: Any, as_of: float | None) -> Any:
    """Decay a state with a half-life in time to a time later than its clock."""
    if as_of is None or not state.timed:
        return state
    clock = state.clock
    return state if clock is None or as_of <= clock else state.as_of(as_of)


def lines(found: KeyState, view: View) -> list[Line]:
    """Return the table lines of a key, one for each estimated parameter."""
    since = timestamp(found.since)[:10]
    key = None if found.key is None else tuple(text or "(empty)" for text in found.key.values())
    pooled = found.pooled(view.level)
    return [line._replace(since=since, pooled=pooled) for line in _lines(key, found.state, view)]


def _lines(key: Any, state: Any, view: View) -> Iterator[Line]:
    if state.display_kind == "mixture":
        for name, weight, component in ranked_components(state):
            share = f"{name} weight"
            yield Line(*_line_start(key, state), weight, None, None, None, share)._replace(
                part=share
            )
            for line in summarise(key, component, view):
                part = f"{name} {line.part or 'mean'}"
                yield line._replace(part=part, scale=line.scale or "component")
    elif state.conjugate:
        yield from summarise(key, state, view)
    else:
        yield Line(*_line_start(key, state), None, None, None, None)


def _line_start(key: Any, state: Any) -> tuple[str, str, float | None]:
    return name_key(key), type(state).__name__, state.n_samples


def header(by: Sequence[str], pooled: bool = False) -> list[str]:
    """Return the names of the columns, for beliefs keyed by these fields.

    With `pooled`, the last columns are those of the pooled estimate.
    """
    pooled_columns = POOLED_COLUMNS if pooled else ()
    return ["belief", *(f"key.{name}" for name in by), *COLUMNS, *pooled_columns]


def rows(
    found: KeyState, view: View, by: Sequence[str], pooled: bool = False
) -> Iterator[list[Any]]:
    """Yield the values of the columns of `header`, one row for each estimated parameter.

    Key fields are None for the pooled rest, and if the belief is not keyed by the field; pooled
    estimates are None if the belief is not pooled.
    """
    key = found.key or {}
    estimate = found.pooled(view.level) or (None, None, None)
    for line in lines(found, view):
        low, high = line.interval or (None, None)
        numbers = (line.n, line.mean, low, high, line.mle, line.map)
        yield [
            found.belief,
            *(key.get(name) for name in by),
            line.part,
            *(None if number is None else float(number) for number in numbers),
            found.since,
            found.updated,
            *(estimate if pooled else ()),
        ]
