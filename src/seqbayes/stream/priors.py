"""Creates states from the tables of a configuration."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping
from functools import partial
from typing import Any, Literal

import msgspec

from seqbayes.console.suggestions import did_you_mean
from seqbayes.errors import PriorError
from seqbayes.events import spec
from seqbayes.events.display import Display
from seqbayes.events.durations import parse_duration, parse_half_life
from seqbayes.forgetting import Decayed
from seqbayes.model import Model, TableForm
from seqbayes.state import State
from seqbayes.stream.schema import ErrorList, join
from seqbayes.windowed import Windowed

ESTIMATORS = {
    "conjugate-nb": "ConjugateNB",
    "conjugate-linear-regression": "ConjugateLinearRegression",
    "mixture-discriminant": "MixtureDiscriminant",
    "predictive-surprise": "PredictiveSurprise",
}
"""The estimators of `seqbayes.river`, keyed by their names in a configuration."""


MIXTURES = {
    "mixture": "Mixture",
    "dirichlet-process-mixture": "DirichletProcessMixture",
}
"""The models of `seqbayes.mixture`, keyed by their names in a configuration."""

SEED = 0
"""The default seed; fixed, so that a run that crashed before its first commit is reproducible."""


_Value = str | int | float | bool


class StateTable(msgspec.Struct):
    """A prior and its likelihood, or the fields of a product."""

    state: str
    likelihood: str | dict[str, Any] = ""
    prior: str | dict[str, Any] = ""
    categories: list[str] | None = None
    fields: dict[str, dict[str, Any]] = {}


class BeliefTable(Display, msgspec.Struct, frozen=True, kw_only=True):
    """A belief in a configuration."""

    state: str = ""
    likelihood: str | dict[str, Any] = ""
    prior: str | dict[str, Any] = ""
    categories: list[str] | None = None
    components: dict[str, dict[str, Any]] = {}
    weights: list[float] | None = None
    component: dict[str, Any] = {}
    concentration: float | None = None
    most: int | None = None
    df: float | str | None = None
    seed: int | None = None
    fields: dict[str, dict[str, Any]] = {}
    parameters: dict[str, Any] = {}
    field: str | list[str] = []
    features: list[str] = []
    by: str | list[str] = []
    weight: str | None = None
    where: str | dict[str, _Value | list[_Value]] = {}
    half_life: str | int | float | None = None
    window: str | int | float | None = None
    slide: str | int | float | None = None
    time: str | None = None
    time_unit: Literal["s", "ms", "us", "ns"] = "s"
    missing: Literal["refuse", "clock"] = "refuse"
    late: str | int | float = "never"
    future: str | int | float = "1h"
    max_keys: int = 100_000
    over: Literal["refuse", "drop", "pool"] = "refuse"


_PLAIN = ("likelihood", "prior", "categories")
_ESTIMATOR = TableForm(("features", "parameters"))
_MODEL = ("components", "weights", "component", "concentration", "most", "df", "seed", "fields")
_DATED = ("half_life", "window", "slide")
_KEYS = (*_PLAIN, *_MODEL, *_ESTIMATOR.keys, *_DATED)


def make_state(path: str, table: BeliefTable, given: Mapping[str, Any], errors: ErrorList) -> Any:
    """Return a new state for a belief, with its half-life; None if there are errors.

    Parameters
    ----------
    path
        Path of the belief in the configuration.
    table
        The declaration of the belief.
    given
        The raw table, which shows which keys are present.
    errors
        Collects the errors.
    """
    life = None
    if table.half_life is not None:
        life = errors.catch(join(path, "half_life"), lambda: parse_half_life(table.half_life))
    if not isinstance(given.get("state"), str):
        if "state" not in given:
            errors.add(join(path, "state"), "required, but missing")
        return None
    name = spec.option_name(table.state)
    kind = _mixture(name) or _table_family(name)
    form = _ESTIMATOR if name in ESTIMATORS else None if kind is None else kind.table_form
    decays = name not in ESTIMATORS and (kind is None or kind.conjugate)
    allowed = _PLAIN if form is None else form.keys
    _check_keys(path, table.state, given, (*allowed, *(_DATED if decays else ())), errors)
    names = None if isinstance(table.field, str) else tuple(table.field)
    state: Any
    if name in ESTIMATORS:
        state = _estimator(path, table, errors)
    elif kind is not None:
        state = _model_from_table(path, kind, table, given, names, errors)
    else:
        several = 1 if names is None else max(len(names), 1)
        plain = StateTable(table.state, table.likelihood, table.prior, table.categories)
        state = _state(path, plain, several, errors)
    if state is None or not decays:
        return state
    if table.window is not None:
        return _windowed(path, table, state, errors)
    if table.slide is not None:
        errors.add(join(path, "slide"), "requires 'window', the length of each window")
    if life is None:
        return state
    return errors.catch(join(path, "half_life"), lambda: Decayed(state, *life))


def _windowed(path: str, table: BeliefTable, state: State, errors: ErrorList) -> Any:
    """Return a windowed state; None if there are errors."""
    if table.half_life is not None:
        errors.add(join(path, "half_life"), "cannot be combined with 'window'")
    found: dict[str, float | None] = {"slide": None, "late": 0.0}
    for key in ("window", "slide", "late"):
        given = getattr(table, key)
        if given not in (None, "never"):
            found[key] = errors.catch(join(path, key), partial(parse_duration, given))
    length = found["window"]
    if length is None:
        return None
    slide, late = found["slide"], found["late"] or 0.0
    return errors.catch(join(path, "window"), lambda: Windowed(state, length, slide, late))


def _mixture(name: str) -> type[Model] | None:
    """Return a mixture by its name in a configuration, or None."""
    if name not in MIXTURES:
        return None
    from seqbayes import mixture  # most configurations do not need it

    found: type[Model] = getattr(mixture, MIXTURES[name])
    return found


def _table_family(name: str) -> type[Model] | None:
    """Return the family with a given name if it has its own table schema, otherwise None."""
    family = spec.find_family(name)
    return None if family is None or family.table_form is None else family


def _check_keys(
    path: str, state: str, given: Mapping[str, Any], allowed: Collection[str], errors: ErrorList
) -> None:
    for key in given:
        if key in _KEYS and key not in allowed:
            errors.add(join(path, key), f"cannot be combined with state = {state!r}")


def _model_from_table(
    path: str,
    kind: type[Model],
    table: BeliefTable | StateTable,
    given: Mapping[str, Any],
    names: tuple[str, ...] | None,
    errors: ErrorList,
) -> Any:
    """Build a model from a table, as its class declares; None if there are errors."""
    form = kind.table_form
    assert form is not None
    before, of = len(errors.found), None if form.by_field else names
    values = {key: getattr(table, key) for key in form.keys if key in given}
    if "seed" in form.keys:
        _check_seed(path, values.get("seed"), errors)
        values["seed"] = SEED if values.get("seed") is None else values["seed"]
    for key, text in kind.table_errors(values):
        errors.add(join(path, key), text)
    for key in form.states:
        values[key] = _states(join(path, key), getattr(table, key), errors, of)
    if form.state is not None:
        found = _states(path, {form.state: getattr(table, form.state)}, errors, of)
        values |= found or {}
    if len(errors.found) > before:
        return None
    return errors.catch(join(path, form.keys[0]), lambda: kind.from_table(values, names))


def _estimator(path: str, table: BeliefTable, errors: ErrorList) -> Any:
    if not table.features:
        errors.add(join(path, "features"), "required, but missing: list the fields to learn from")
    from seqbayes import river  # most configurations do not need it

    kind = getattr(river, ESTIMATORS[spec.option_name(table.state)])
    seeded = {"seed": SEED} if "seed" in inspect.signature(kind).parameters else {}
    if seeded:
        _check_seed(join(path, "parameters"), table.parameters.get("seed"), errors)

    def make() -> Any:
        try:
            return kind(**{**seeded, **table.parameters})
        except (AttributeError, KeyError) as error:  # a parameter has the wrong type
            raise PriorError(
                f"{kind.__name__} cannot be created with these parameters: {error}"
            ) from None

    return errors.catch(join(path, "parameters"), make)


def _states(
    path: str,
    tables: Mapping[str, Any],
    errors: ErrorList,
    names: tuple[str, ...] | None = None,
) -> dict[str, State] | None:
    """Return states, keyed by name; None if a state has errors."""
    states = {}
    for name, given in tables.items():
        state_path = join(path, name)
        read = errors.read(state_path, given, StateTable)
        state = None if read is None else _part(state_path, read, given, names, errors)
        if state is not None:
            states[name] = state
    return states if len(states) == len(tables) else None


def _part(
    path: str,
    table: StateTable,
    given: Mapping[str, Any],
    names: tuple[str, ...] | None,
    errors: ErrorList,
) -> Any:
    """Return a state that is part of another model."""
    kind = _table_family(spec.option_name(table.state))
    allowed = _PLAIN if kind is None or kind.table_form is None else kind.table_form.keys
    _check_keys(path, table.state, given, allowed, errors)
    if kind is not None:
        return _model_from_table(path, kind, table, given, names, errors)
    return _state(path, table, 1, errors)


def _check_seed(path: str, seed: Any, errors: ErrorList) -> None:
    if seed is not None and (type(seed) is not int or seed < 0):
        errors.add(join(path, "seed"), f"expected a whole number >= 0, got {seed!r}")


def _state(path: str, table: StateTable, values: int, errors: ErrorList) -> State | None:
    family = spec.find_family(spec.option_name(table.state))
    if family is None or not spec.has_likelihoods(family):
        known = [*spec.families(), *spec.table_families()]
        hint = did_you_mean(table.state, known) or f"; expected one of {', '.join(known)}"
        errors.add(join(path, "state"), f"no state {table.state!r}{hint}")
        return None
    named, fixed = _likelihood(table.likelihood)
    likelihood = errors.catch(
        join(path, "likelihood"),
        lambda: spec.make_likelihood(family, named, fixed, values),
    )
    if likelihood is None:
        return None
    return errors.catch(
        join(path, "prior"),
        lambda: spec.make_prior(family, table.prior or None, likelihood, table.categories),
    )


def _likelihood(given: str | Mapping[str, Any]) -> tuple[str | None, dict[str, str]]:
    """Return the name of a likelihood, None for the default, and its fixed parameters."""
    if isinstance(given, str):
        return given or None, {}
    fixed = {key: str(value) for key, value in given.items() if key != "name"}
    return given.get("name"), fixed
