"""Storing, checking and restoring the learned values of mixtures as plain numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from seqbayes.errors import PriorError
from seqbayes.mixture.em.engine import Engine


def dump_engine(engine: Engine) -> dict[str, Any]:
    """Return, as plain numbers and lists, everything that the components have learned."""
    past = {"past": engine.past.to_dict()} if engine.uniform else {}
    return {
        **past,
        "burn_in": engine.burn_in,
        "step_memory": engine.step_memory,
        "n": engine.n,
        "memory": engine.memory,
        "averaged": engine.averaged,
        "moved": engine.moved,
        "pending": engine.pending,
        "weights": engine.weights.tolist(),
        "shares": [engine.live.tolist(), engine.average.tolist()],
        "explained": engine.explained.tolist(),
        "fit": [engine.unexplained, float(engine.starved), float(engine.rescaled)],
        "kernels": [
            [leaf.live.tolist(), leaf.averaged.tolist(), leaf.parameter_vector]
            for leaf in engine.leaves()
        ],
    }


def load_engine(engine: Engine, learned: Mapping[str, Any]) -> None:
    """Restore the data that `dump_engine` returned, in the engine of a new model.

    Raises
    ------
    PriorError
        If the values do not match the model.
    """
    try:
        _load(engine, learned)
    except (KeyError, TypeError, ValueError) as error:
        raise PriorError(f"cannot read what the mixture has learned: {error}") from None


def _load(engine: Engine, learned: Mapping[str, Any]) -> None:
    memory = learned.get("step_memory")  # documents before version 0.2 do not contain it
    engine.end_burn_in(
        finite([learned["burn_in"]])[0], None if memory is None else finite([memory])[0]
    )
    numbers = [learned[name] for name in ("n", "memory", "averaged", "moved", "pending")]
    engine.n, engine.memory, *others = finite(numbers).tolist()
    engine.averaged, engine.moved, engine.pending = others
    assign(engine.weights, learned["weights"])
    live, average = learned["shares"]
    assign(engine.live, live)
    assign(engine.average, average)
    if "explained" in learned:
        assign(engine.explained, learned["explained"])
    else:
        engine.explained[:] = engine.memory * engine.live
    if "past" in learned:
        engine.past.load(learned["past"])
        engine.weigh_uniformly()
    numbers = finite(learned.get("fit", [0.0, 0.0])).tolist()
    engine.unexplained, starved, *rescaled = numbers
    engine.starved, engine.rescaled = bool(starved), any(rescaled)
    for leaf, (live, average, numbers) in zip(engine.leaves(), learned["kernels"], strict=True):
        assign(leaf.live, leaf.upgrade(live))
        assign(leaf.averaged, leaf.upgrade(average))
        load_parameter(leaf, numbers)


def copy_parameters(source: Engine, to: Engine) -> None:
    """Copy the components' parameters and weights."""
    to.weights[:] = source.weights
    for mine, theirs in zip(to.leaves(), source.leaves(), strict=True):
        mine.copy_parameter(theirs)


def load_parameter(kernel: Any, numbers: Any) -> None:
    """Restore the parameter of a kernel from a document.

    Raises
    ------
    ValueError
        If the length of the list is wrong.
    """
    numbers = kernel.upgrade_parameter(numbers)
    if len(numbers) != len(kernel.parameter_vector):
        raise ValueError(f"expected {len(kernel.parameter_vector)} numbers, got {len(numbers)}")
    kernel.load_parameter_vector([float(v) for v in numbers])


def assign(array: Any, values: Any) -> None:
    """Copy finite numbers into an array.

    Raises
    ------
    ValueError
        If a value is not a finite number, or the shape differs.
    """
    numbers = finite(values)
    if numbers.shape != array.shape:
        raise ValueError(f"expected {len(array)} numbers, got {values!r:.60}")
    array[:] = numbers


def finite(values: Any) -> Any:
    """Return finite numbers as an array.

    Raises
    ------
    ValueError
        If a value is not a finite number.
    """
    array = np.array(values)
    if array.dtype.kind not in "fi" or not np.isfinite(array).all():
        raise ValueError(f"expected finite numbers, got {values!r:.60}")
    return array.astype(float)
