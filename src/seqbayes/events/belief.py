"""The declaration of a belief: its observed fields, its keys and its limits."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from river import base

from seqbayes.console.text import encodable
from seqbayes.errors import PriorError
from seqbayes.events.derived import Slot, derive, raw_slots
from seqbayes.events.display import Display
from seqbayes.events.expressions import Expression
from seqbayes.events.fields import Layout
from seqbayes.model import Model

POLICIES = ("refuse", "drop", "pool")


@dataclass(frozen=True)
class Times:
    """How event times are used.

    Parameters
    ----------
    unit
        Length of one time unit in seconds, for numeric times.
    missing
        "refuse" rejects an event without a time; "clock" gives it the current time of the belief's
        clock.
    late
        An event that is more than this many seconds behind the clock of its belief is rejected;
        None for no limit.
    future
        An event that is more than this many seconds ahead of the system clock is rejected; None for
        no limit. A single wrong time far ahead would make a belief forget all earlier data.
    """

    unit: float = 1.0
    missing: str = "refuse"
    late: float | None = None
    future: float | None = 3600.0

    def __post_init__(self) -> None:
        if self.missing not in ("refuse", "clock"):
            raise PriorError(f"expected 'missing' to be 'refuse' or 'clock', got {self.missing!r}")


@dataclass(frozen=True)
class Belief:
    """A declaration of beliefs about events, one for each key.

    Parameters
    ----------
    name
        Name of the belief in the store.
    state
        The prior, which is never modified: a state, a `Decayed`, a mixture or an estimator.
    field
        The observed field; several fields for a pair or for counts.
    by
        Fields whose values form the key; by default one belief learns from all events.
    weight
        Field of the weight.
    time
        Field of the event time, required for a `Decayed` whose half-life is in time.
    times
        How event times are used.
    where
        Values that fields must have for the event to be learned; a sequence lists alternatives.
        Alternatively, the text of an `Expression` that must be true.
    features
        Fields that an estimator learns from, as a dictionary; `field` is then its target, if any.
    max_keys
        Maximum number of keys. With an open vocabulary, also the maximum number of labels across
        all keys.
    over
        How events with new keys are handled at this limit: "refuse" makes them dead letters; "drop"
        removes the least recently used key with its state; "pool" learns them in one belief that
        all further keys share.
    display
        Display options, and options for decisions based on the belief.
    derive
        Expressions of derived fields, keyed by field name. A field whose name is an expression
        needs no entry.

    Raises
    ------
    PriorError
        If the parameters are invalid or inconsistent.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> belief = Belief("conversion", Beta(), field="converted", by=["variant"])
    >>> belief.slots
    [('converted', 'boolean'), ('variant', 'text')]
    """

    name: str
    state: Model
    field: str | Sequence[str] = ()
    by: str | Sequence[str] = ()
    weight: str | None = None
    time: str | None = None
    times: Times = Times()
    where: Mapping[str, Any] | str = dataclasses.field(default_factory=dict)
    features: Sequence[str] = ()
    max_keys: int = 100_000
    over: str = "refuse"
    display: Display = dataclasses.field(default_factory=Display)
    derive: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("field", "by", "features"):
            given = getattr(self, name)
            object.__setattr__(self, name, (given,) if isinstance(given, str) else tuple(given))
        if not isinstance(self.state, Model):
            raise PriorError(
                f"belief {self.name!r}: expected a seqbayes state, mixture or estimator,"
                f" got {self.state!r}"
            )
        if not (self.name and self.name.isprintable()):
            raise PriorError(f"expected a belief with a printable name, got {self.name!r}")
        if self.over not in POLICIES:
            raise PriorError(f"expected 'over' to be {' or '.join(POLICIES)}, got {self.over!r}")
        for key, text in find_errors(
            self.field, self.by, self.features, self.where, self.max_keys, self.derive
        ):
            raise PriorError(f"belief {self.name!r}, {key}: {text}")
        for key, text in self.display.find_errors(self.by, self.state):
            raise PriorError(f"belief {self.name!r}, {key}: {text}")
        self._check_time()
        self._check_fields()

    def _check_time(self) -> None:
        """Check that the belief has an event time if and only if its state requires one."""
        timed = self.state.timed
        if timed != (self.time is not None):
            raise PriorError(
                f"belief {self.name!r} has a half-life in time or windows, and requires 'time',"
                " the field of the event time"
                if timed
                else f"belief {self.name!r} has an event time, which requires a half-life in time"
                " or a window"
            )

    def _check_fields(self) -> None:
        """Check the fields of the observation."""
        if not (self.field or self.features or self._mapping_slots):
            raise PriorError(f"belief {self.name!r} has no field to observe")
        supervised = isinstance(self.state, (base.Regressor, base.Classifier))
        if self.likelihood is None and supervised and not (self.features and len(self.field) == 1):
            raise PriorError(
                f"belief {self.name!r}: {type(self.state).__name__} learns one field from its"
                f" features, got field {list(self.field)} and features {list(self.features)}"
            )
        for name, _ in (*raw_slots(self.derived), *self._read_slots):
            if any(c in '"\\' or c < " " for c in name):
                raise PriorError(
                    f"expected fields without quotes, backslashes or control characters, got"
                    f" {name!r}"
                )

    @property
    def likelihood(self) -> Any:
        """The likelihood of the observed field; None for an estimator."""
        return self.state.likelihood

    @property
    def _mapping_slots(self) -> list[Slot]:
        """The slots of the observation if it is a mapping; otherwise empty."""
        likelihood = self.likelihood
        fields = {} if likelihood is None else likelihood.observation_fields
        return [(str(name), kind) for name, kind in fields.items()]

    @property
    def mapped(self) -> bool:
        """Whether `learn_one` takes a dictionary of fields."""
        return bool(self.features or self._mapping_slots or self.likelihood is None)

    @property
    def counted(self) -> bool:
        """Whether an observation consists of several fields, each with the count of one label."""
        return (
            not self.mapped and len(self.field) > 1 and self.likelihood.observation_kind == "counts"
        )

    @property
    def values(self) -> list[Slot]:
        """The slots of the observation.

        Raises
        ------
        PriorError
            If the number of fields does not match the likelihood.
        """
        if self.mapped:
            return self._mapping_slots or self._estimator_slots
        kind = self.likelihood.observation_kind
        if len(self.field) == 1:
            return [(self.field[0], kind)]
        expected = {"pair": 2, "counts": len(self.field)}.get(kind, 1)
        if len(self.field) == expected:
            return [(name, "number") for name in self.field]
        raise PriorError(
            f"belief {self.name!r}: an observation of {type(self.likelihood).__name__} has"
            f" {'one field' if expected == 1 else 'two fields'}, not {len(self.field)}"
        )

    @property
    def _estimator_slots(self) -> list[Slot]:
        """The slots of an estimator or of a mixture without priors: features and target."""
        if not self.features:
            return [(name, "feature") for name in self.field]
        target = "number" if isinstance(self.state, base.Regressor) else "label"
        models = self.state.feature_models
        features = [(name, _kind_of_feature(models.get(name))) for name in self.features]
        return [*features, *((name, target) for name in self.field)]

    @property
    def slots(self) -> list[Slot]:
        """All fields that are read from an event."""
        slots = [*self.values, *((name, "text") for name in self.by)]
        if self.weight is not None:
            slots.append((self.weight, "number"))
        if self.time is not None:
            slots.append((self.time, "time"))
        names = self.where if self.condition is None else self.condition.names
        return [*slots, *((name, "any") for name in names)]

    @property
    def read_fields(self) -> frozenset[str]:
        """Names of the fields that an event must have to be learned."""
        return frozenset(name for name, _ in (*raw_slots(self.derived), *self._read_slots))

    @property
    def _read_slots(self) -> list[Slot]:
        """The slots that are read from the event, not derived."""
        derived = self.derived
        return [slot for slot in self.slots if slot[0] not in derived]

    @property
    def condition(self) -> Expression | None:
        """The expression of `where`; None if it is a mapping."""
        return Expression(self.where) if isinstance(self.where, str) else None

    @property
    def derived(self) -> dict[str, Expression]:
        """The expressions of the fields that are computed from other fields, keyed by name."""
        return derive((name for name, _ in self.slots), self.derive)


def layout_of(beliefs: Iterable[Belief], text: bool = False) -> Layout:
    """Return the layout that decodes events for beliefs.

    Parameters
    ----------
    beliefs
        The beliefs.
    text
        Whether values are text, as in CSV; see `Layout`.

    Raises
    ------
    PriorError
        If two beliefs derive a field with different expressions.
    """
    slots: list[Slot] = []
    derived: dict[str, Expression] = {}
    for belief in beliefs:
        slots += belief.slots
        for name, expression in belief.derived.items():
            if derived.setdefault(name, expression) != expression:
                raise PriorError(f"two beliefs derive the field {name!r} differently")
    if any(
        name in derived and name not in belief.derived
        for belief in beliefs
        for name, _ in belief.slots
    ):
        raise PriorError("a field is derived for one belief, and read from the event by another")
    return Layout(slots, text, derived)


def find_errors(
    field: str | Sequence[str],
    by: str | Sequence[str],
    features: Sequence[str],
    where: Mapping[str, Any] | str,
    max_keys: int,
    derived: Mapping[str, str] | None = None,
) -> Iterator[tuple[str, str]]:
    """Yield the errors of a declaration that do not concern its state, as pairs of key and message.

    Examples
    --------
    >>> list(find_errors("x", ["k", "k"], [], {}, 1))
    [('by', "expected each field once, got 'k' twice")]
    """
    for key, names in (("field", field), ("by", by), ("features", features)):
        for name, count in Counter([names] if isinstance(names, str) else names).items():
            if count > 1:
                yield key, f"expected each field once, got {name!r} twice"
            if encodable(name) != name:
                yield key, f"expected the name of a field in UTF-8, got {name!r}"
    for key, names in (("field", field), ("by", by), ("features", features)):
        try:
            derive([names] if isinstance(names, str) else names, derived or {})
        except PriorError as error:
            yield key, str(error)
    if isinstance(where, str):
        try:
            derive(Expression(where).names, derived or {})
        except PriorError as error:
            yield "where", str(error)
        where = {}
    for name, required in where.items():
        if isinstance(required, (list, tuple)) and not required:
            yield "where", f"expected a value for {name!r}: an empty list matches no event"
    if type(max_keys) is not int or max_keys < 1:
        yield "max_keys", f"expected a whole number above 0, got {max_keys}"


def _kind_of_feature(model: Any) -> str:
    """Return the kind of a feature, given the model that an estimator has for it, if any.

    A label that looks like a number, such as 01234, must remain a string.
    """
    if isinstance(model, Model) and model.conjugate:
        model = "categorical" if model.likelihood.observation_kind == "text" else None
    return "label" if model == "categorical" else "feature"
