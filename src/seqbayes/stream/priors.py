"""The states that a configuration asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from seqbayes.decay import Decayed
from seqbayes.errors import PriorError
from seqbayes.mixture import Mixture
from seqbayes.state import State
from seqbayes.stream.durations import parse_half_life
from seqbayes.stream.schema import Mistakes, join
from seqbayes.watch import spec

MIXTURE = "mixture"


class StateTable(msgspec.Struct):
    """A prior and its likelihood."""

    state: str
    likelihood: str | dict[str, Any] = ""
    prior: str | dict[str, Any] = ""
    categories: list[str] | None = None


class BeliefTable(msgspec.Struct, kw_only=True):
    """A belief, as a configuration declares it."""

    state: str
    likelihood: str | dict[str, Any] = ""
    prior: str | dict[str, Any] = ""
    categories: list[str] | None = None
    components: dict[str, dict[str, Any]] = {}
    weights: list[float] | None = None
    seed: int | None = None
    field: str | list[str] = []
    features: list[str] = []
    by: str | list[str] = []
    weight: str | None = None
    where: dict[str, str | int | float | bool | list[str | int | float | bool]] = {}
    half_life: str | int | float | None = None
    time: str | None = None
    time_unit: Literal["s", "ms", "us", "ns"] = "s"
    missing: Literal["refuse", "clock"] = "refuse"
    late: str | int | float = "never"
    future: str | int | float = "1h"
    max_keys: int = 100_000
    over: Literal["refuse", "drop", "pool"] = "refuse"


def make_state(path: str, table: BeliefTable, mistakes: Mistakes) -> Any:
    """Return the empty state of a belief, with its half-life; None, with notes, if it has mistakes.

    Parameters
    ----------
    path
        Where the belief stands.
    table
        Its declaration.
    mistakes
        What takes note.
    """
    if table.state == MIXTURE:
        return _mixture(path, table, mistakes)
    for name in ("components", "weights"):
        if getattr(table, name):
            mistakes.note(join(path, name), f"it goes with state = {MIXTURE!r}")
    several = 1 if isinstance(table.field, str) else max(len(table.field), 1)
    plain = StateTable(table.state, table.likelihood, table.prior, table.categories)
    state = _state(path, plain, several, mistakes)
    if state is None or table.half_life is None:
        return state
    return mistakes.attempt(
        join(path, "half_life"), lambda: Decayed(state, *parse_half_life(table.half_life))
    )


def _mixture(path: str, table: BeliefTable, mistakes: Mistakes) -> Mixture | None:
    for name in ("prior", "likelihood", "categories", "half_life"):
        if getattr(table, name):
            mistakes.note(join(path, name), "it does not go with a mixture")
    place = join(path, "components")
    components = {}
    for name, given in table.components.items():
        plain = mistakes.read(join(place, name), given, StateTable)
        component = None if plain is None else _state(join(place, name), plain, 1, mistakes)
        if component is not None:
            components[name] = component
    if len(components) < len(table.components):
        return None
    return mistakes.attempt(path, lambda: Mixture(components, table.weights, seed=table.seed))


def _state(path: str, table: StateTable, values: int, mistakes: Mistakes) -> State | None:
    families = spec.families()
    family = families.get(spec.spell(table.state))
    if family is None:
        known = ", ".join([*families, MIXTURE])
        mistakes.note(join(path, "state"), f"no state {table.state!r}; there are {known}")
        return None
    named, fixed = _likelihood(table.likelihood)
    likelihood = mistakes.attempt(
        join(path, "likelihood"),
        lambda: spec.make_likelihood(family, named, fixed, values),
    )
    if likelihood is None:
        return None
    return mistakes.attempt(
        join(path, "prior"),
        lambda: spec.make_prior(family, _prior(table.prior), likelihood, table.categories),
    )


def _likelihood(given: str | Mapping[str, Any]) -> tuple[str | None, dict[str, str]]:
    """Return the name of a likelihood, None for the default, and its fixed parameters."""
    if isinstance(given, str):
        return given or None, {}
    fixed = {key: str(value) for key, value in given.items() if key != "name"}
    return given.get("name"), fixed


def _prior(given: str | Mapping[str, Any]) -> str | None:
    """Return a prior as the command line spells it.

    Examples
    --------
    >>> _prior({"alpha": 1, "beta": 2.5}), _prior({"from": "from-mean", "mean": 0.2})
    ('{"alpha":1,"beta":2.5}', 'from-mean:{"mean":0.2}')
    """
    if isinstance(given, str):
        return given or None
    values = {key: value for key, value in given.items() if key != "from"}
    text = msgspec.json.encode(values).decode()
    if "from" not in given:
        return text
    if not isinstance(given["from"], str):
        raise PriorError(f"expected the name of a prior as from, got {given['from']!r}")
    return f"{given['from']}:{text}" if values else str(given["from"])
