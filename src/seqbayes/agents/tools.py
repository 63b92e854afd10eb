"""The tools that agents call to read beliefs; they use the same functions as the page."""

from __future__ import annotations

import copy
import functools
import threading
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, ParamSpec, TypeVar

import msgspec
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from seqbayes.checks import check_level
from seqbayes.console.plain import plain
from seqbayes.console.text import count_of
from seqbayes.dashboard import views
from seqbayes.dashboard.live.board import Board
from seqbayes.dashboard.live.entry_table import SORTS, EntryTable
from seqbayes.dashboard.live.hub import Hub
from seqbayes.dashboard.live.providers import StoreProvider
from seqbayes.dashboard.server.alerts import AlertReads
from seqbayes.dashboard.server.annotations import Annotations
from seqbayes.dashboard.server.api import MAX_CARDS, Reads
from seqbayes.dashboard.server.comparisons import BEST, ComparisonHandler
from seqbayes.dashboard.server.histories import Histories
from seqbayes.dashboard.server.lookup import entry_of, table_of
from seqbayes.dashboard.server.responses import LEVELS, HttpError
from seqbayes.errors import ObservationError, SeqbayesError
from seqbayes.events.values import InvalidValue, coerce
from seqbayes.stream.verbs.predict import forecast

P = ParamSpec("P")
R = TypeVar("R")

FOR_PAGES = frozenset(
    {"density", "spark", "history", "predictive", "marks", "recent", "steps", "parts", "id"}
)
"""Fields of cards and details that only pages need, and that would fill an agent's context."""

MAX_LISTED = 40
"""Lists with more numbers than this are curves, which are omitted."""

MAX_VALUES = 100
"""Maximum number of values of one forecast."""

Belief = Annotated[str, Field(description="Name of a belief, from list_beliefs.")]
Key = Annotated[
    list[str] | None,
    Field(
        description="Values of the fields in the belief's `by`, in the same order; [] if the belief"
        " has no key fields; null for the pooled rest of all keys beyond the limit."
    ),
]
Level = Annotated[
    float, Field(ge=LEVELS[0], le=LEVELS[1], description="Probability of the intervals.")
]


def reporting(tool: Callable[P, R]) -> Callable[P, R]:
    """Return a tool whose usage errors are reported to the agent with their reason."""

    @functools.wraps(tool)
    def call(*args: P.args, **named: P.kwargs) -> R:
        try:
            return tool(*args, **named)
        except (HttpError, SeqbayesError) as error:
            raise ToolError(str(error)) from None

    return call


class Tools:
    """The tools for one store. No tool changes the store.

    Parameters
    ----------
    origin
        The store.
    """

    def __init__(self, provider: StoreProvider) -> None:
        self._board, self._provider = Board(), provider
        provider.begin(self._board)
        self._refreshing = threading.Lock()
        hub = Hub(self._board, provider)
        annotations, alerts = Annotations(hub), AlertReads(hub)
        self._reads = Reads(hub, Histories(hub, annotations, alerts))
        self._comparisons = ComparisonHandler(hub)

    def all(self) -> tuple[Callable[..., dict[str, Any]], ...]:
        """Return the tools, in the order in which agents see them."""
        return (
            self.list_beliefs,
            self.list_keys,
            self.get_posterior,
            self.compare,
            self.explain_step,
            self.forecast,
        )

    @reporting
    def list_beliefs(self) -> dict[str, Any]:
        """List the beliefs of the store, and the state of the process that updates it.

        Each belief is listed with its `family`, its `likelihood` and its `prior`; `by` contains the
        fields for whose values the belief keeps separate keys, and `keys` is the number of these
        keys; `better`, `control`, `threshold` and `equivalence` are as configured. `status` is
        "ok", "stalled", or "stopped" if no process updates the store; `dead_letters` counts the
        events that could not be used.
        """
        self._refresh()
        health = self._reads.running()
        kept = ("status", "error", "events", "commit_age", "dead_letters", "warnings")
        return {**self._reads.listed(), **{name: health[name] for name in kept}}

    @reporting
    def list_keys(
        self,
        belief: Belief,
        search: Annotated[str, Field(description="Text that the keys contain.")] = "",
        sort: Annotated[
            str, Field(description="What to sort by.", json_schema_extra={"enum": list(SORTS)})
        ] = SORTS[0],
        order: Literal["desc", "asc"] = "desc",
        offset: Annotated[int, Field(ge=0)] = 0,
        limit: Annotated[int, Field(ge=1, le=MAX_CARDS)] = 20,
    ) -> dict[str, Any]:
        """List keys of a belief, with the amount of data `n`, estimates and credible intervals.

        `mean` is the posterior mean of the parameter, and `interval` is a credible interval that
        contains the parameter with probability `level`. `mle` and `map` are null if they do not
        exist.
        """
        if sort not in SORTS:
            raise ObservationError(f"expected 'sort' to be one of {', '.join(SORTS)}, got {sort!r}")
        self._refresh()
        found = self._reads.cards(belief, sort, order == "desc", search, offset, limit)
        cards = [_without_curves(card) for card in found["cards"]]
        return {"belief": belief, "total": found["total"], "keys": cards}

    @reporting
    def get_posterior(self, belief: Belief, key: Key = []) -> dict[str, Any]:  # noqa: B006
        """Return the posterior of one key: estimates, intervals and hyperparameters.

        `text` states how the prior and the observed data determine the posterior. `quantiles` are
        quantiles of the next observation, each with a credible interval for the population's
        quantile. `warnings` are reasons why the belief may be misleading: mention them in your
        answer.
        """
        self._refresh()
        found: dict[str, Any] = self._reads.detail(belief, self._key(belief, key))
        return dict(_without_curves(found))

    @reporting
    def compare(
        self,
        belief: Belief,
        keys: Annotated[
            list[list[str]],
            Field(
                description="The keys to compare, 2 to 12; by default the control and the keys with"
                " the most data."
            ),
        ] = [],  # noqa: B006
        best: Annotated[
            Literal["highest", "lowest"] | None,
            Field(description="Which value is the best; by default as configured."),
        ] = None,
        control: Annotated[
            list[str] | None,
            Field(description="The key with which others are compared; by default as configured."),
        ] = None,
        label: Annotated[
            str | None,
            Field(description="The label whose shares are compared, for beliefs about labels."),
        ] = None,
        level: Level = views.LEVEL,
    ) -> dict[str, Any]:
        """Compare keys of a belief: which is the best, with what probability and expected loss.

        The result is the same as on the page. `verdict` is "best" if `best` is the best key with
        probability (1 + level) / 2 or more, "equivalent" if no difference matters, otherwise
        "undecided". `p_best` is the probability that each key is the best, and `loss` the expected
        loss of choosing it. `contrast` is the difference from the `reference`. `decision` is a
        sequential test whose error rate is bounded, no matter when the experiment is stopped: while
        its `best` is null, the experiment should not be stopped because of a difference.
        """
        self._refresh()
        found = self._comparisons.compared(
            belief,
            [self._key(belief, key) for key in keys],
            best=best,
            control=None if control is None else self._key(belief, control),
            label=label,
            level=level,
        )
        kept = ("verdict", "best", "level", "reference", "label", "decision", "arms", "differences")
        result = {"belief": belief, **{name: found[name] for name in kept}}
        result["better"] = BEST[found["lowest"]]
        return _named_keys(result)

    @reporting
    def explain_step(
        self,
        belief: Belief,
        value: Annotated[Any, Field(description="The observation, as JSON.")],
        key: Key = [],  # noqa: B006
    ) -> dict[str, Any]:
        """Explain how one more observation would change a belief; the observation is not learned.

        For a belief with a conjugate prior, `step` has the terms of Bayes' rule, posterior = prior
        × likelihood / evidence: densities of the parameter at the value `at`, where the current
        belief is the prior. `surprise` is the negative log evidence. `before` and `after` are the
        estimates. For a mixture, `responsibilities` has the probability that each component
        produced the observation.
        """
        self._refresh()
        state = self._state(belief, key).as_of()
        if not state.conjugate and state.display_kind != "mixture":
            raise ObservationError(
                f"belief {belief!r} is an estimator, which predicts from features: use forecast"
            )
        x = _observation(state, value)
        after = copy.deepcopy(state)
        after.learn_one(x)
        result = {"belief": belief, "key": key, "value": plain(x)}
        result["surprise"] = views.surprise(state, (x,))
        if state.conjugate:
            result["step"] = views.step(state, x)
        else:
            result["responsibilities"] = views.detail(state, x)["makers"]
        estimates = (_without_curves(views.card(each)) for each in (state, after))
        return {**result, **dict(zip(("before", "after"), estimates, strict=True))}

    @reporting
    def forecast(
        self,
        belief: Belief,
        key: Key = [],  # noqa: B006
        values: Annotated[
            list[Any],
            Field(
                max_length=MAX_VALUES,
                description="Possible observations whose log predictive densities are returned; for"
                " an estimator, the objects of features from which to predict.",
            ),
        ] = [],  # noqa: B006
        level: Level = views.LEVEL,
    ) -> dict[str, Any]:
        """Forecast the next observation: prediction, mean, interval and probabilities of labels.

        The forecast is the posterior predictive distribution: it includes the uncertainty about the
        parameter. For a mixture, the prediction for a value is its most probable component.
        """
        check_level(level, "equal-tailed")
        self._refresh()
        state = self._state(belief, key)
        observed = [_observation(state, value) for value in values]
        return {"belief": belief, "key": key, **plain(forecast(state, observed, level))}

    def _refresh(self) -> None:
        """Read the states that have been committed since the last call.

        Raises
        ------
        StoreError
            If the store cannot be read, so that agents do not receive outdated answers.
        """
        with self._refreshing:
            self._provider.reader.serial()
            self._provider.refresh(self._board, 0.0)

    def _state(self, belief: str, key: Sequence[str] | None) -> Any:
        text = self._key(belief, key)
        with self._board.lock:
            return entry_of(table_of(self._board, belief), text).state

    def _key(self, belief: str, key: Sequence[str] | None) -> str:
        """Return a key as JSON, as on the board."""
        table = table_of(self._board, belief)
        if key is not None and len(key) != len(table.description.by):
            raise ObservationError(_wrong_length(table, key))
        return msgspec.json.encode(key).decode()


def _wrong_length(table: EntryTable, key: Sequence[str]) -> str:
    by = table.description.by
    kept = f"by {', '.join(by)}" if by else "one belief over all events"
    got = ", ".join(map(repr, key)) or "none"
    expected = f"expected {count_of(len(by), 'value')} as its key, got {got}"
    return f"belief {table.description.name!r} is {kept}: {expected}; see list_keys"


def _observation(state: Any, value: Any) -> Any:
    """Convert a value to an observation of the kind that a state learns.

    Raises
    ------
    ObservationError
        If the value is not of this kind.
    """
    likelihood = state.likelihood
    found = coerce(value, "any" if likelihood is None else likelihood.observation_kind)
    if isinstance(found, InvalidValue):
        raise ObservationError(found.reason)
    if found is None:
        raise ObservationError("expected an observation, got null")
    return found


def _without_curves(value: Any) -> Any:
    """Return JSON values without the fields that only pages need.

    Examples
    --------
    >>> _without_curves({"mean": 0.5, "density": {"x": [0.0, 1.0]}, "fields": [{"y": [0.0] * 99}]})
    {'mean': 0.5, 'fields': [{}]}
    """
    if isinstance(value, dict):
        return {
            name: _without_curves(each)
            for name, each in value.items()
            if name not in FOR_PAGES and not _is_curve(each)
        }
    return [_without_curves(each) for each in value] if isinstance(value, (list, tuple)) else value


def _is_curve(value: Any) -> bool:
    numbers = isinstance(value, list) and not any(isinstance(each, (dict, str)) for each in value)
    return numbers and len(value) > MAX_LISTED


def _named_keys(result: dict[str, Any]) -> dict[str, Any]:
    """Return a comparison whose keys are lists of values instead of JSON strings."""
    arms = [{**arm, "key": _values(arm["key"])} for arm in result["arms"]]
    differences = [
        {**each, "pair": list(map(_values, each["pair"]))} for each in result["differences"]
    ]
    decision = {**result["decision"], "best": _values(result["decision"]["best"])}
    ends = {name: _values(result[name]) for name in ("best", "reference")}
    return {**result, **ends, "decision": decision, "arms": arms, "differences": differences}


def _values(key: str | None) -> list[str] | None:
    return None if key is None else msgspec.json.decode(key, type=list[str] | None)
