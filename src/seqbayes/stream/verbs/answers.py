"""``show``: what a store has learned, belief by belief and key by key."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from seqbayes.console.plain import describe, plain
from seqbayes.console.summary import View
from seqbayes.decay import Decayed
from seqbayes.errors import SeqbayesError
from seqbayes.events.keys import REST, read_key, write_key
from seqbayes.mixture.answers import Answers
from seqbayes.stream.forms import Forms, read_state
from seqbayes.stream.store import Store, StoredEntry, StoreError, open_store

VIEW = View()


class MissingError(StoreError):
    """A store does not hold what is asked for."""


class Kept:
    """A belief as a store keeps it.

    Parameters
    ----------
    name
        Its name.
    declaration
        The JSON that the store has of it.

    Attributes
    ----------
    prior
        The state that has seen nothing.
    by
        The fields that it is keyed by.

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
        except (SeqbayesError, msgspec.MsgspecError, KeyError, TypeError) as error:
            raise StoreError(
                f"the declaration of belief {name!r} cannot be read: {error}"
            ) from None
        self.forms = Forms(self.prior)

    def state(self, entry: StoredEntry) -> Any:
        """Return the state of an entry.

        Raises
        ------
        StoreError
            If it cannot be read.
        """
        try:
            return self.forms.read(entry.state)
        except (SeqbayesError, msgspec.MsgspecError) as error:
            what = f"{entry.key[:200]} of belief {self.name!r}"
            raise StoreError(f"the stored state of {what} cannot be read: {error}") from None

    def named(self, key: Any) -> dict[str, str] | None:
        """Return the fields of a key by name; None for the pooled rest."""
        if key is REST:
            return None
        return dict(zip(self.by, key if isinstance(key, tuple) else (key,), strict=True))

    def texts(self, key: str | Sequence[str]) -> tuple[str, ...]:
        """Return a key, or the first fields of one, as a tuple.

        Raises
        ------
        SeqbayesError
            If the belief is not keyed by so many fields.
        """
        texts = (key,) if isinstance(key, str) else tuple(key)
        if len(texts) > len(self.by):
            raise SeqbayesError(f"belief {self.name!r} is {self.keyed}, got the key {list(texts)}")
        return texts

    @property
    def keyed(self) -> str:
        """By what it is keyed, as a phrase."""
        return f"by {', '.join(self.by)}" if self.by else "one belief over all events"

    def stored(self, key: str | Sequence[str]) -> str:
        """Return the JSON of a whole key.

        Raises
        ------
        SeqbayesError
            If it has not a text for each of the fields.
        """
        texts = self.texts(key)
        if len(texts) < len(self.by):
            raise SeqbayesError(f"belief {self.name!r} is {self.keyed}, got the key {list(texts)}")
        return write_key(texts)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a store has learned under one key of a belief.

    Parameters
    ----------
    belief
        The name of the belief.
    key
        The values of its fields by name; None for the pooled rest.
    state
        What was learned.
    since, updated
        Times of its first and of its last commit, in seconds since 1970.
    """

    belief: str
    key: Mapping[str, str] | None
    state: Any
    since: float
    updated: float

    def to_dict(self, view: View = VIEW) -> dict[str, Any]:
        """Return it as JSON values: posterior, interval, estimates, counts and times."""
        found: dict[str, Any] = {"belief": self.belief, "key": self.key}
        clock = getattr(self.state, "clock", None)
        found |= describe_any(self.state, view)
        if isinstance(self.state, Decayed) and self.state.by == "time" and clock is not None:
            found["clock"] = timestamp(clock)
        return {**found, "since": timestamp(self.since), "updated": timestamp(self.updated)}


def describe_any(state: Any, view: View) -> dict[str, Any]:
    """Return a state, a mixture or an estimator as JSON values."""
    if hasattr(state, "posterior"):
        found = describe({}, state, view)
        del found["key"]
        return found
    if isinstance(state, Answers):
        return {
            "n": state.n_samples,
            "components": {
                str(name): {"weight": weight, **describe_any(component, view)}
                for name, weight, component in mixed(state)
            },
        }
    return {"n": getattr(state, "n_samples", None), "document": plain(state.to_dict())}


def mixed(mixture: Any) -> Iterator[tuple[Any, float, Any]]:
    """Yield name, weight and state of each component of a mixture, the heaviest first."""
    weights, components = mixture.weights, mixture.components
    for k in mixture.ranking:
        yield mixture.names[k], float(weights[k]), components[k]


def timestamp(seconds: float) -> str:
    """Return seconds since 1970 as RFC 3339 has them.

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


def kept_beliefs(store: Store, belief: str | None = None) -> list[Kept]:
    """Return the beliefs of a store, or the one of a name.

    Raises
    ------
    MissingError
        If there is none of this name.
    """
    declared = store.declarations()
    if belief is not None and belief not in declared:
        known = ", ".join(declared) or "none"
        raise MissingError(f"{store.url} has no belief {belief!r}; it has {known}")
    return [Kept(name, declared[name]) for name in declared if belief in (None, name)]


def missing(kept: Kept, key: str | Sequence[str], rest: bool) -> MissingError:
    """Return what is to be raised of a key that a belief does not have."""
    what = "pooled rest" if rest else f"key {' / '.join(kept.texts(key))!r}"
    return MissingError(f"belief {kept.name!r} has no {what}")


def answers(
    store: Store,
    kept: Kept,
    key: str | Sequence[str] = (),
    rest: bool = False,
    as_of: float | None = None,
) -> Iterator[Answer]:
    """Yield what a store has learned of a belief.

    Parameters
    ----------
    store
        The store.
    kept
        The belief.
    key
        A key, or the first fields of some.
    rest
        Whether to yield the pooled rest alone.
    as_of
        Time until which beliefs that forget are let forget, in seconds since 1970. Those whose
        clocks are later are as of their clocks.
    """
    wanted = kept.texts(key)
    whole = "null" if rest else write_key(wanted) if len(wanted) == len(kept.by) else None
    for entry in store.entries(kept.name, whole):
        found = read_key(entry.key)
        texts = found if isinstance(found, tuple) else (found,)
        if whole is None and texts[: len(wanted)] != wanted:
            continue
        state = forgotten(kept.state(entry), as_of)
        yield Answer(kept.name, kept.named(found), state, entry.since, entry.updated)


def forgotten(state: Any, as_of: float | None) -> Any:
    """Return a state as it will be at a time, if it forgets by time and the time is not past."""
    if as_of is None or not isinstance(state, Decayed) or state.by != "time":
        return state
    clock = state.clock
    return state if clock is None or as_of <= clock else state.as_of(as_of)


def show(
    url: str,
    belief: str | None = None,
    key: str | Sequence[str] = (),
    rest: bool = False,
    as_of: float | None = None,
) -> Iterator[Answer]:
    """Yield what a store has learned, in the order in which keys were last used.

    It is read as of one moment; a runner may be at work on it meanwhile.

    Parameters
    ----------
    url
        Of the store.
    belief
        A belief by its name; all by default.
    key
        A key of it, or the first fields of some.
    rest
        Whether to yield the pooled rest alone.
    as_of
        Time until which beliefs that forget are let forget, in seconds since 1970.

    Raises
    ------
    MissingError
        If there is no such belief or key.
    StoreError
        If the store cannot be read.

    Examples
    --------
    >>> import seqbayes, seqbayes.stream as stream, tempfile
    >>> from seqbayes.stream.sources import Iterated
    >>> path = f"{tempfile.mkdtemp()}/beliefs.db"
    >>> source = Iterated([{"shop": "north", "sold": True}], name="sales")
    >>> belief = stream.Belief("sales", seqbayes.Beta(), field="sold", by="shop")
    >>> with stream.Pipeline(source, [belief], stream.open_store(path)) as pipeline:
    ...     _ = list(pipeline)
    >>> [(answer.key, answer.state.mean) for answer in show(path)]
    [({'shop': 'north'}, 0.6666666666666666)]
    """
    with open_store(url, "read") as store, store.snapshot():
        for kept in kept_beliefs(store, belief):
            none = True
            for answer in answers(store, kept, key, rest, as_of):
                none = False
                yield answer
            if none and (key or rest):
                raise missing(kept, key, rest)
