"""Compatibility with stored beliefs whose family now has a different default prior."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from seqbayes import registry
from seqbayes.events.belief import Belief
from seqbayes.stream.codec import StateCodec, read_state, write_json
from seqbayes.stream.stores import Store


def continue_stored(beliefs: Sequence[Belief], store: Store) -> tuple[list[Belief], list[str]]:
    """Return beliefs with their stored priors, and a notice for each replaced prior.

    A declared prior is replaced only if it is the current default of its family and the stored
    prior is a former default of the same family, because then neither declaration specifies a
    prior. The same applies to the default parameters of an estimator.

    Parameters
    ----------
    beliefs
        The beliefs as currently declared.
    store
        The store that may contain them.

    Examples
    --------
    >>> from seqbayes import NormalInverseGamma
    >>> from seqbayes.stream.stores import MemoryStore
    >>> belief = Belief("seconds", NormalInverseGamma(), field="seconds")
    >>> continue_stored([belief], MemoryStore())[1]
    []
    """
    stored = store.declarations()
    found, notices = [], []
    for belief in beliefs:
        if belief.name in stored:
            declared = {"state": StateCodec(belief.state).empty, "by": list(belief.by)}
            earlier = store.decode(
                stored[belief.name], f"the declaration of belief {belief.name!r}"
            )
            if isinstance(earlier, dict):
                earlier.pop("display", None)  # may change
            former = belief.state.former()
            if former is not belief.state and earlier == {
                "state": StateCodec(former).empty,
                "by": declared["by"],
            }:
                belief = dataclasses.replace(belief, state=former)
                notices.append(
                    f"belief {belief.name!r} keeps its stored parameters, which are former defaults"
                )
                found.append(belief)
                continue
            kept, priors = _keep(earlier, declared)
            if priors and kept == earlier:
                belief = dataclasses.replace(belief, state=read_state(kept["state"]))
                notices.append(
                    f"belief {belief.name!r} keeps its stored prior, a former default:"
                    f" {', '.join(priors)}"
                )
        found.append(belief)
    return found, notices


def _keep(stored: Any, declared: Any) -> tuple[Any, list[str]]:
    """Return a declaration with the stored former default priors, and these priors as JSON."""
    if isinstance(declared, list) and isinstance(stored, list) and len(declared) == len(stored):
        pairs = list(itertools.starmap(_keep, zip(stored, declared, strict=True)))
        return [kept for kept, _ in pairs], [prior for _, priors in pairs for prior in priors]
    if not isinstance(declared, Mapping) or not isinstance(stored, Mapping):
        return declared, []
    kept, priors = {}, []
    for name, value in declared.items():
        if name == "prior" and _is_former(declared.get("family"), stored.get(name), value):
            kept[name] = stored[name]
            priors.append(write_json(stored[name]))
        else:
            kept[name], inner = _keep(stored.get(name), value)
            priors += inner
    return kept, priors


def _is_former(family: Any, stored: Any, declared: Any) -> bool:
    """Whether the declared prior is the current default, and the stored prior a former default."""
    known = registry.known_family(family)
    if known is None or stored not in known.former_priors:
        return False
    return bool(declared == known().to_dict()["prior"])
