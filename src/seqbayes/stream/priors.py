"""States from the tables of a configuration."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec

from seqbayes import river
from seqbayes.errors import PriorError
from seqbayes.events import spec
from seqbayes.events.display import Display
from seqbayes.events.durations import parse_half_life
from seqbayes.families import NormalInverseWishart, Product
from seqbayes.forgetting import Decayed
from seqbayes.likelihoods import MultivariateNormal
from seqbayes.mixture import DirichletProcessMixture, Mixture
from seqbayes.state import State
from seqbayes.stream.schema import ErrorList, guess, join

ESTIMATORS = {
    "conjugate-nb": "ConjugateNB",
    "conjugate-linear-regression": "ConjugateLinearRegression",
    "mixture-discriminant": "MixtureDiscriminant",
    "predictive-surprise": "PredictiveSurprise",
}
"""The estimators of `seqbayes.river` by their names in a configuration."""


SEED = 0
"""The default seed, so that a run that crashed before its first commit ends with the same beliefs
when it is started again."""


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
    seed: int | None = None
    fields: dict[str, dict[str, Any]] = {}
    parameters: dict[str, Any] = {}
    field: str | list[str] = []
    features: list[str] = []
    by: str | list[str] = []
    weight: str | None = None
    where: dict[str, _Value | list[_Value]] = {}
    half_life: str | int | float | None = None
    time: str | None = None
    time_unit: Literal["s", "ms", "us", "ns"] = "s"
    missing: Literal["refuse", "clock"] = "refuse"
    late: str | int | float = "never"
    future: str | int | float = "1h"
    max_keys: int = 100_000
    over: Literal["refuse", "drop", "pool"] = "refuse"


OWN = {
    "product": ("fields", "half_life"),
    "mixture": ("components", "weights", "seed"),
    "dirichlet-process-mixture": ("component", "concentration", "most", "seed"),
    "normal-inverse-wishart": ("prior", "half_life"),
    **dict.fromkeys(ESTIMATORS, ("features", "parameters")),
}
"""States without a choice of the likelihood, and their keys."""

INNER = {"product": ("fields",), "normal-inverse-wishart": ("prior",)}
"""Those states that can be part of a product or a mixture, and their keys there."""

_KEYS = (
    *("likelihood", "prior", "categories", "components", "weights", "seed", "fields"),
    *("component", "concentration", "most", "features", "parameters", "half_life"),
)


def make_state(path: str, table: BeliefTable, given: Mapping[str, Any], errors: ErrorList) -> Any:
    """Return the empty state of a belief, with its half-life; None, with notes, if it has errors.

    Parameters
    ----------
    path
        Path of the belief in the configuration.
    table
        Its declaration.
    given
        The table as it was written, which tells the keys that are present.
    errors
        Collects the errors.
    """
    life = None
    if table.half_life is not None:
        life = errors.attempt(join(path, "half_life"), lambda: parse_half_life(table.half_life))
    if not isinstance(given.get("state"), str):
        if "state" not in given:
            errors.note(join(path, "state"), "it is missing")
        return None
    name = spec.spell(table.state)
    allowed = OWN.get(name, ("likelihood", "prior", "categories", "half_life"))
    for key in _KEYS:
        if key in given and key not in allowed:
            errors.note(join(path, key), f"it cannot be combined with state = {table.state!r}")
    makers: dict[str, Callable[[], Any]] = {
        "mixture": lambda: _mixture(path, table, errors),
        "dirichlet-process-mixture": lambda: _open_mixture(path, table, errors),
        "product": lambda: _product(path, table, errors),
        "normal-inverse-wishart": lambda: _vector(path, table, _names(table), errors),
        **dict.fromkeys(ESTIMATORS, lambda: _estimator(path, table, errors)),
    }
    make: Callable[[], Any] = makers.get(name, lambda: _simple(path, table, errors))
    state = make()
    if state is None or life is None or "half_life" not in allowed:
        return state
    return errors.attempt(join(path, "half_life"), lambda: Decayed(state, *life))


def _simple(path: str, table: BeliefTable, errors: ErrorList) -> State | None:
    several = 1 if isinstance(table.field, str) else max(len(table.field), 1)
    plain = StateTable(table.state, table.likelihood, table.prior, table.categories)
    return _state(path, plain, several, errors)


def _names(table: BeliefTable) -> tuple[str, ...] | None:
    """Return the fields of a vector, one per coordinate; None if one field holds the vector."""
    return None if isinstance(table.field, str) else tuple(table.field)


def _vector(
    path: str, table: BeliefTable | StateTable, names: tuple[str, ...] | None, errors: ErrorList
) -> State | None:
    if not isinstance(table.prior, Mapping):
        errors.note(join(path, "prior"), "expected a table with prior_mean, a list of numbers")
        return None
    prior = dict(table.prior)
    return errors.attempt(
        join(path, "prior"),
        lambda: NormalInverseWishart(**prior, likelihood=MultivariateNormal(features=names)),
    )


def _estimator(path: str, table: BeliefTable, errors: ErrorList) -> Any:
    if not table.features:
        errors.note(join(path, "features"), "it is missing: the fields to learn from")
    kind = getattr(river, ESTIMATORS[spec.spell(table.state)])
    seeded = {"seed": SEED} if "seed" in inspect.signature(kind).parameters else {}
    if seeded:
        _check_seed(join(path, "parameters"), table.parameters.get("seed"), errors)

    def make() -> Any:
        try:
            return kind(**{**seeded, **table.parameters})
        except (AttributeError, KeyError) as error:  # of a parameter of another type
            raise PriorError(f"{kind.__name__} cannot be made with them: {error}") from None

    return errors.attempt(join(path, "parameters"), make)


def _states(
    path: str,
    tables: Mapping[str, Any],
    errors: ErrorList,
    names: tuple[str, ...] | None = None,
) -> dict[str, State] | None:
    """Return named states; None, with notes, if one has an error."""
    states = {}
    for name, given in tables.items():
        place = join(path, name)
        plain = errors.read(place, given, StateTable)
        state = None if plain is None else _inner(place, plain, given, names, errors)
        if state is not None:
            states[name] = state
    return states if len(states) == len(tables) else None


def _inner(
    path: str,
    table: StateTable,
    given: Mapping[str, Any],
    names: tuple[str, ...] | None,
    errors: ErrorList,
) -> State | None:
    """Return a state that is part of another one."""
    name = spec.spell(table.state)
    allowed = INNER.get(name, ("likelihood", "prior", "categories"))
    for key in given:
        if key in _KEYS and key not in allowed:
            errors.note(join(path, key), f"it cannot be combined with state = {table.state!r}")
    if name == "product":
        return _product(path, table, errors)
    if name == "normal-inverse-wishart":
        return _vector(path, table, names, errors)
    return _state(path, table, 1, errors)


def _product(path: str, table: BeliefTable | StateTable, errors: ErrorList) -> Product | None:
    states = _states(join(path, "fields"), table.fields, errors)
    if states is None:
        return None
    return errors.attempt(join(path, "fields"), lambda: Product(states))


def _mixture(path: str, table: BeliefTable, errors: ErrorList) -> Mixture | None:
    place = join(path, "components")
    components = _states(place, table.components, errors, _names(table))
    _check_seed(path, table.seed, errors)
    seed = SEED if table.seed is None else table.seed
    if table.weights is not None and table.components:
        names = len(table.components)
        errors.attempt(join(path, "weights"), lambda: Mixture(names, table.weights))
    if components is None or any(map(errors.within, (place, join(path, "weights")))):
        return None
    return errors.attempt(place, lambda: Mixture(components, table.weights, seed=seed))


def _open_mixture(
    path: str, table: BeliefTable, errors: ErrorList
) -> DirichletProcessMixture | None:
    states = _states(path, {"component": table.component}, errors, _names(table))
    _check_seed(path, table.seed, errors)
    seed = SEED if table.seed is None else table.seed
    given = {"concentration": table.concentration, "most": table.most}
    named: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    for name, value in named.items():  # one at a time, so that each error is noted
        errors.attempt(join(path, name), lambda one={name: value}: DirichletProcessMixture(**one))  # type: ignore[misc]
    if states is None or any(errors.within(join(path, name)) for name in named):
        return None
    return errors.attempt(
        join(path, "component"),
        lambda: DirichletProcessMixture(states["component"], seed=seed, **named),
    )


def _check_seed(path: str, seed: Any, errors: ErrorList) -> None:
    if seed is not None and (type(seed) is not int or seed < 0):
        errors.note(join(path, "seed"), f"expected a whole number >= 0, got {seed!r}")


def _state(path: str, table: StateTable, values: int, errors: ErrorList) -> State | None:
    families = spec.families()
    family = families.get(spec.spell(table.state))
    if family is None:
        known = [*families, *INNER]
        hint = guess(table.state, known) or f"; there are {', '.join(known)}"
        errors.note(join(path, "state"), f"no state {table.state!r}{hint}")
        return None
    named, fixed = _likelihood(table.likelihood)
    likelihood = errors.attempt(
        join(path, "likelihood"),
        lambda: spec.make_likelihood(family, named, fixed, values),
    )
    if likelihood is None:
        return None
    return errors.attempt(
        join(path, "prior"),
        lambda: spec.make_prior(family, table.prior or None, likelihood, table.categories),
    )


def _likelihood(given: str | Mapping[str, Any]) -> tuple[str | None, dict[str, str]]:
    """Return the name of a likelihood, None for the default, and its fixed parameters."""
    if isinstance(given, str):
        return given or None, {}
    fixed = {key: str(value) for key, value in given.items() if key != "name"}
    return given.get("name"), fixed
