"""Choices between the keys of a belief; each reward of a decision is learned exactly once."""

from __future__ import annotations

import math
import random
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from seqbayes.bandit.bandit import belief_about_number, newest_clock
from seqbayes.bandit.candidates import Candidates, sample
from seqbayes.bandit.rules import RULES, shares_of
from seqbayes.compare import BETTER
from seqbayes.errors import PriorError
from seqbayes.events.belief import Belief
from seqbayes.events.fields import Layout
from seqbayes.events.keys import MAX_NAME_LENGTH
from seqbayes.events.values import InvalidValue
from seqbayes.stream.decisions import DecisionError, DecisionIds, IssuedDecision
from seqbayes.stream.sources.http import Http
from seqbayes.stream.sources.posted import PostedRequest
from seqbayes.stream.urls import expand

MAX_CONTEXTS = 10_000
"""Maximum number of contexts whose probabilities are cached until a belief changes."""

MAX_ARMS = 1000


class ChoiceTable(msgspec.Struct):
    """A choice in a configuration.

    `belief` has one key per arm; `arm` is the key field that contains the name of the arm, and the
    other key fields are the context. `better` is by default the setting of the belief. `secret`
    authenticates decisions.
    """

    belief: str
    arm: str
    arms: list[str]
    rule: Literal["thompson", "top-two", "bayes-ucb", "greedy"] = "thompson"
    better: Literal["higher", "lower"] | None = None
    label: str | None = None
    min_share: float = 0.0
    burn_in: int = 0
    secret: str = ""


class DecisionResponse(msgspec.Struct):
    """The response: the arm, the decision id to send with the reward, and the propensity."""

    arm: str
    decision: str
    propensity: float


class RewardBody(msgspec.Struct, forbid_unknown_fields=True):
    """The reward for a decision, and optional additional event fields, such as a timestamp."""

    decision: str
    reward: Any
    event: dict[str, Any] = {}


class Chooser:
    """Chooses arms based on the beliefs about them.

    Parameters
    ----------
    name
        Name of the choice.
    table
        Configuration of the choice.
    belief
        The belief about the rewards.
    beliefs
        All beliefs of the configuration.

    Raises
    ------
    PriorError
        If the configuration does not match the belief.

    Attributes
    ----------
    ids
        The decision ids.
    seconds
        Processor time of the last computation of probabilities, in seconds; infinite before the
        first.

    Notes
    -----
    The reward becomes an event whose id is derived from the decision. Event ids are stored in the
    same transaction as the beliefs, so that a reward is learned exactly once. Another belief learns
    the event, too, if it has a condition (`where`) that selects the event, or if the event has all
    its fields.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> belief = Belief("conversion", Beta(), field="converted", by=["country", "layout"])
    >>> chooser = Chooser("layout", ChoiceTable("conversion", "layout", ["a", "b"]), belief)
    >>> decided = chooser.choose({"country": "de"}, {}.get)
    >>> decided.propensity, chooser.ids.decode(decided.decision).context
    (0.5, {'country': 'de'})
    """

    def __init__(
        self, name: str, table: ChoiceTable, belief: Belief, beliefs: Sequence[Belief] = ()
    ) -> None:
        self.name, self.table, self.belief = name, table, belief
        self._read = {
            each.name: frozenset() if each.where else each.read_fields
            for each in beliefs
            if each.name != belief.name
        }
        for key, text in find_errors(table, belief):
            raise PriorError(f"choice {name!r}, {key}: {text}")
        self._rule = RULES[table.rule]()
        self._better = table.better or belief.display.better or BETTER[0]
        self._layout = Layout([(field, "text") for field in belief.by])
        self.ids = DecisionIds(name, expand(table.secret))
        self._lock, self._computing = threading.Lock(), threading.Lock()
        self._shares: OrderedDict[Any, tuple[list[Any], dict[Any, float]]] = OrderedDict()
        self._keys: dict[Any, tuple[tuple[str, ...], ...]] = {}
        self._rng = random.Random()  # seeded by the operating system
        self.seconds = math.inf

    def choose(
        self,
        context: Mapping[str, Any],
        state_of: Callable[[tuple[str, ...]], Any],
        now: float | None = None,
    ) -> DecisionResponse:
        """Choose an arm.

        Parameters
        ----------
        context
            Values of the other key fields of the belief; additional fields are ignored.
        state_of
            Function that returns the state of a key, or None for a key without data.
        now
            Seconds since 1970; by default the current time.

        Raises
        ------
        DecisionError
            If a field of the context is missing or invalid.
        """
        decided = self._choose(context, state_of, now, compute=True)
        assert decided is not None
        return decided

    def choose_at_once(
        self, context: Mapping[str, Any], state_of: Callable[[tuple[str, ...]], Any]
    ) -> DecisionResponse | None:
        """Choose an arm if no integration is needed; otherwise return None.

        No integration is needed if the beliefs have not changed since the last choice in the same
        context.

        Parameters
        ----------
        context, state_of
            As for `choose`.

        Raises
        ------
        DecisionError
            If a field of the context is missing or invalid.
        """
        return self._choose(context, state_of, None, compute=False)

    def _choose(
        self,
        context: Mapping[str, Any],
        state_of: Callable[[tuple[str, ...]], Any],
        now: float | None,
        compute: bool,
    ) -> DecisionResponse | None:
        context = {name: context[name] for name in self.belief.by if name in context}
        context.pop(self.table.arm, None)
        keys = self._known_keys(context)
        states = [state_of(key) for key in keys]
        shares = self._known_shares(keys, states)
        if shares is None:
            if not compute:
                return None
            shares = self._new_shares(keys, states)
        arm = str(sample(shares, self._rng))
        issued = int(1000.0 * (time.time() if now is None else now))
        decision = self.ids.encode(arm, shares[arm], context, issued)
        return DecisionResponse(arm, decision, shares[arm])

    def event(
        self, decision: IssuedDecision, reward: Any, identity: str, further: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the event from which the belief learns a reward.

        Parameters
        ----------
        decision
            The decision.
        reward
            The observed value.
        identity
            The field that contains the event id.
        further
            Additional fields of the event, such as a timestamp.
        """
        (field,) = self.belief.field
        return {
            **further,
            **decision.context,
            self.table.arm: decision.arm,
            field: reward,
            identity: decision.identity,
        }

    def learners(self, event: Mapping[str, Any]) -> frozenset[str]:
        """Return the names of the beliefs that may learn an event of this choice."""
        others = {name for name, fields in self._read.items() if fields <= event.keys()}
        return frozenset(others | {self.belief.name})

    def _known_keys(self, context: Mapping[str, Any]) -> tuple[tuple[str, ...], ...]:
        """Return the key of each arm in a context; the keys for contexts of strings are cached."""
        values = tuple(context.items())
        if not all(type(value) is str for value in context.values()):
            return self._keys_of(context)
        keys = self._keys.get(values)
        if keys is None:
            keys = self._keys_of(context)
            if len(self._keys) >= MAX_CONTEXTS:
                self._keys.clear()
            self._keys[values] = keys
        return keys

    def _keys_of(self, context: Mapping[str, Any]) -> tuple[tuple[str, ...], ...]:
        """Return the key of each arm in a context."""
        place, arms = self.belief.by.index(self.table.arm), self.table.arms
        key = self._key_of({**context, self.table.arm: arms[0]})
        return tuple((*key[:place], arm, *key[place + 1 :]) for arm in arms)

    def _key_of(self, record: Mapping[str, Any]) -> tuple[str, ...]:
        found: list[str] = []
        (event,), _ = self._layout.decode([record], _refuse)
        for field, value in zip(self.belief.by, msgspec.structs.astuple(event), strict=True):
            if isinstance(value, InvalidValue) or not isinstance(value, str):
                given = repr(record.get(field))[:100]
                reason = "missing" if field not in record else f"invalid: {given}"
                raise DecisionError(f"field {field!r} of the context is {reason}")
            if len(value) > MAX_NAME_LENGTH:
                raise DecisionError(
                    f"field {field!r} of the context is longer than {MAX_NAME_LENGTH} characters"
                )
            found.append(value)
        return tuple(found)

    def _known_shares(self, keys: Any, states: list[Any]) -> dict[Any, float] | None:
        """Return the stored shares if they were computed from exactly these states."""
        with self._lock:
            known = self._shares.get(keys)
        # states are immutable: learning replaces them
        if known is not None and all(a is b for a, b in zip(known[0], states, strict=True)):
            return known[1]
        return None

    def _new_shares(self, keys: Any, states: list[Any]) -> dict[Any, float]:
        """Compute the shares, unless another thread has computed them in the meantime."""
        with self._computing:
            shares = self._known_shares(keys, states)
            if shares is not None:
                return shares
            began = time.thread_time()
            shares = self._compute(states)
            # a single measurement can be unusually long
            self.seconds = min(time.thread_time() - began, 2.0 * self.seconds)
            with self._lock:
                self._shares[keys] = states, shares
                self._shares.move_to_end(keys)
                if len(self._shares) > MAX_CONTEXTS:
                    self._shares.popitem(last=False)
        return shares

    def _compute(self, states: Sequence[Any]) -> dict[Any, float]:
        table, prior = self.table, self.belief.state
        held = {a: prior if s is None else s for a, s in zip(table.arms, states, strict=True)}
        clock = newest_clock(held.values())
        numbers: dict[Any, Any] = {
            arm: belief_about_number(state, table.label, clock) for arm, state in held.items()
        }
        counts = {arm: state.n_samples for arm, state in held.items()}
        first = [arm for arm in held if counts[arm] < table.burn_in or numbers[arm] is None]
        candidates = Candidates(
            table.arms, numbers.__getitem__, self._better, int(sum(counts.values()))
        )
        return shares_of(self._rule, candidates, first, table.min_share)


def post_rewards(
    choosers: Mapping[str, Chooser], rewards: Sequence[RewardBody], source: Http
) -> PostedRequest:
    """Return a request with the events of rewards, for a source that learns posted events.

    Parameters
    ----------
    choosers
        The choices, keyed by name.
    rewards
        The rewards.
    source
        The source of the events.

    Raises
    ------
    DecisionError
        If a decision is invalid, or so old that its reward may already have been learned.
    """
    records, ids, learners = [], [], {}
    for i, each in enumerate(rewards, 1):
        chooser, decision = _decision(choosers, each.decision, i)
        if source.too_late(decision.identity):
            raise DecisionError(
                f"reward {i}: its decision is too old to detect whether the reward was learned"
                " before; increase 'remember' in [source]"
            )
        event = chooser.event(decision, each.reward, str(source.id), each.event)
        records.append(msgspec.json.encode(event))
        ids.append(decision.identity)
        learners[i] = chooser.learners(event)
    return PostedRequest(records, range(1, len(records) + 1), ids, learners=learners)


def _decision(choosers: Mapping[str, Chooser], text: str, i: int) -> tuple[Chooser, IssuedDecision]:
    for chooser in choosers.values():
        try:
            return chooser, chooser.ids.decode(text)
        except DecisionError:
            continue
    names = ", ".join(map(repr, choosers))
    raise DecisionError(f"reward {i}: its decision was not issued by {names}, or was changed")


def find_errors(table: ChoiceTable, belief: Belief) -> list[tuple[str, str]]:
    """Return the errors of a choice as pairs of key and message.

    Parameters
    ----------
    table
        The configuration of the choice.
    belief
        Its belief.
    """
    found = []
    if table.arm not in belief.by:
        found.append(("arm", f"{table.arm!r} is not a key field of belief {belief.name!r}"))
    if not 1 <= len(table.arms) <= MAX_ARMS:
        found.append(("arms", f"expected 1 to {MAX_ARMS} arms, got {len(table.arms)}"))
    elif len(set(table.arms)) < len(table.arms):
        found.append(("arms", "expected distinct arms"))
    elif any(not 0 < len(arm) <= MAX_NAME_LENGTH for arm in table.arms):
        found.append(("arms", f"expected names of 1 to {MAX_NAME_LENGTH} characters"))
    if not 0.0 <= table.min_share * max(len(table.arms), 1) <= 1.0:
        expected = "expected from 0 to 1 / (number of arms)"
        found.append(("min_share", f"{expected}, got {table.min_share}"))
    if table.burn_in and belief.state.half_life is not None:
        found.append(("burn_in", "not available for a belief with a half-life"))
    if table.burn_in < 0:
        found.append(("burn_in", f"expected a number >= 0, got {table.burn_in}"))
    if len(belief.field) != 1 or belief.features:
        found.append(("belief", f"{belief.name!r} does not observe exactly one field"))
        return found
    try:
        belief_about_number(belief.state, table.label)
    except PriorError as error:
        found.append(("belief" if table.label is None else "label", str(error)))
    return found


def _refuse(index: int, reason: str) -> None:
    raise DecisionError(f"context: {reason}")
