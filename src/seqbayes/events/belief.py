"""The declaration of a belief: what it observes, by which keys, and with what limits."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from river import base

from seqbayes.errors import PriorError, SeqbayesError
from seqbayes.events.columns import Columns, choose_columns, kind_of
from seqbayes.events.fields import Slot
from seqbayes.forgetting import Decayed
from seqbayes.state import State

POLICIES = ("refuse", "drop", "pool")


@dataclass(frozen=True)
class Times:
    """What is done with event times.

    Parameters
    ----------
    unit
        Seconds in a unit of a time that is a number.
    missing
        "refuse" an event without a time, or let it enter at the "clock" of its belief.
    late
        Seconds behind the clock of its belief after which an event is refused; None for never.
    future
        Seconds ahead of this machine's clock after which an event is refused; None for never. One
        wrong time far ahead would make a belief forget all that came before.
    """

    unit: float = 1.0
    missing: str = "refuse"
    late: float | None = None
    future: float | None = 3600.0

    def __post_init__(self) -> None:
        if self.missing not in ("refuse", "clock"):
            raise PriorError(f"expected missing times to 'refuse' or 'clock', got {self.missing!r}")


@dataclass(frozen=True)
class Belief:
    """A belief about events, one for each value of its keys.

    Parameters
    ----------
    name
        Its name in the store.
    state
        The prior, never changed: a state, one in a `Decayed`, or whatever has `learn_one`, `clone`,
        `to_dict` and `from_dict`, such as a `Mixture` or an estimator.
    field
        The field that is observed; several for a pair, or for counts.
    by
        Fields whose values are the key; none for one belief over all.
    weight
        Field of the weight.
    time
        Field of the event time, which a `Decayed` by time needs.
    times
        What is done with event times.
    where
        Values that fields must have for the event to count; a sequence is any of them.
    features
        Fields that an estimator learns from, as a dictionary; `field` is then its target, if any.
    max_keys
        Most keys. With an open vocabulary, most labels, too, over all keys.
    over
        What becomes of events with further keys: "refuse" them as dead letters; "drop" the key that
        was used least recently, with all it has learned; "pool" them in one belief about the rest.

    Raises
    ------
    PriorError
        If these do not go together.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> belief = Belief("conversion", Beta(), field="converted", by=["variant"])
    >>> belief.slots
    [('converted', 'boolean'), ('variant', 'text')]
    """

    name: str
    state: Any
    field: str | Sequence[str] = ()
    by: str | Sequence[str] = ()
    weight: str | None = None
    time: str | None = None
    times: Times = Times()
    where: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    features: Sequence[str] = ()
    max_keys: int = 100_000
    over: str = "refuse"

    def __post_init__(self) -> None:
        for name in ("field", "by", "features"):
            given = getattr(self, name)
            object.__setattr__(self, name, (given,) if isinstance(given, str) else tuple(given))
        if not (self.name and self.name.isprintable()):
            raise PriorError(f"expected a belief with a printable name, got {self.name!r}")
        if self.over not in POLICIES:
            raise PriorError(f"expected over to be {' or '.join(POLICIES)}, got {self.over!r}")
        for key, text in odd_parts(self.by, self.features, self.where, self.max_keys):
            raise PriorError(f"belief {self.name!r}, {key}: {text}")
        timed = isinstance(self.state, Decayed) and self.state.by == "time"
        if timed != (self.time is not None):
            raise PriorError(
                f"belief {self.name!r} forgets by event time, and has no field for it"
                if timed
                else f"belief {self.name!r} has an event time, and no half-life that needs it"
            )
        if not (self.field or self.features or self.named):
            raise PriorError(f"belief {self.name!r} has no field to observe")
        self.columns  # noqa: B018 - refuses what does not go together
        for name, _ in self.slots:
            if any(c in '"\\' or c < " " for c in name):
                raise PriorError(
                    f"expected fields without quotes, backslashes and control characters, got"
                    f" {name!r}"
                )

    @property
    def likelihood(self) -> Any:
        """The likelihood of the observed field; None of an estimator."""
        if isinstance(self.state, (State, Decayed)):
            return self.state.likelihood
        if self.features:
            return None
        components = getattr(self.state, "components", None)
        first = components[0] if components else getattr(self.state, "component", None)
        return None if first is None else first.likelihood

    @property
    def named(self) -> list[Slot]:
        """The slots of an observation that is several named values by itself."""
        likelihood = self.likelihood
        fields = getattr(likelihood, "fields", None)
        if isinstance(fields, Mapping):
            return [(str(name), kind_of(each)) for name, each in fields.items()]
        return [(str(name), "number") for name in getattr(likelihood, "features", None) or ()]

    @property
    def mapped(self) -> bool:
        """Whether an observation is a dictionary of fields."""
        return bool(self.features or self.named or self.likelihood is None)

    @property
    def columns(self) -> Columns | None:
        """How an observation is read from its fields; None where it is a dictionary of them."""
        if self.mapped:
            return None
        try:
            return choose_columns(self.likelihood, self.field, (), None)
        except SeqbayesError as error:
            text = str(error).replace("--value column", "field")
            raise PriorError(f"belief {self.name!r}: {text}") from None

    @property
    def values(self) -> list[Slot]:
        """The slots of the observation."""
        columns = self.columns
        if columns is not None:
            return [(column.name, column.kind) for column in columns.values]
        return self.named or self._learned

    @property
    def _learned(self) -> list[Slot]:
        """The slots of what an estimator, or a mixture without priors, learns from."""
        if not self.features:
            return [(name, "feature") for name in self.field]
        target = "number" if isinstance(self.state, base.Regressor) else "label"
        models = getattr(self.state, "features", None) or {}
        features = [(name, _kind_of_feature(models.get(name))) for name in self.features]
        return [*features, *((name, target) for name in self.field)]

    @property
    def slots(self) -> list[Slot]:
        """All that is read from an event."""
        slots = [*self.values, *((name, "text") for name in self.by)]
        if self.weight is not None:
            slots.append((self.weight, "number"))
        if self.time is not None:
            slots.append((self.time, "time"))
        return [*slots, *((name, "any") for name in self.where)]


def odd_parts(
    by: str | Sequence[str], features: Sequence[str], where: Mapping[str, Any], max_keys: int
) -> Iterator[tuple[str, str]]:
    """Yield the mistakes of a declaration that are none of its state, each with its key.

    Examples
    --------
    >>> list(odd_parts(["k", "k"], [], {}, 1))
    [('by', "expected every field once, got 'k' again")]
    """
    for key, names in (("by", by), ("features", features)):
        for name, times in Counter([names] if isinstance(names, str) else names).items():
            if times > 1:
                yield key, f"expected every field once, got {name!r} again"
    for name, wanted in where.items():
        if isinstance(wanted, (list, tuple)) and not wanted:
            yield "where", f"expected some values of {name!r}: no event has one of none"
    if type(max_keys) is not int or max_keys < 1:
        yield "max_keys", f"expected a whole number above 0, got {max_keys}"


def _kind_of_feature(model: Any) -> str:
    """Return how a feature is read of which an estimator was told a model; None of no model.

    A label may look like a number, such as 01234, and must not become one.
    """
    if isinstance(model, State):
        model = "categorical" if kind_of(model.likelihood) == "text" else None
    return "label" if model == "categorical" else "feature"
