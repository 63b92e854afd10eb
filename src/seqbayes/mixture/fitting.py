"""Batch EM over data at hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from seqbayes.errors import PriorError
from seqbayes.mixture.components import absorb
from seqbayes.mixture.trace import Iteration, Trace
from seqbayes.mixture.working import Working

Array = npt.NDArray[np.float64]


def fit(
    working: Working,
    names: Sequence[Any],
    table: Array,
    start: Sequence[Any] | None,
    seed: int | None,
    iterations: int,
    tol: float,
) -> Trace:
    """Take EM's steps over rows until they gain no more; return what happened.

    Raises
    ------
    PriorError
        If a component collapses onto a point, which a proper prior prevents.
    """
    w = np.ones(len(table))
    if start is None:
        working.seed(table, w, np.random.default_rng(seed))
        check(working, names)
    else:
        working.begin(start)
    steps = [_expect(working, table, w)]
    converged = False
    while len(steps) <= iterations and not converged:
        working.maximise()
        check(working, names)
        steps.append(_expect(working, table, w))
        gain = steps[-1].log_posterior - steps[-2].log_posterior
        # it falls only where a posterior has no mode inside, and its mean stands in
        converged = tol > 0.0 and abs(gain) < tol * len(table)
    return Trace(tuple(names), tuple(steps), converged)


def _expect(working: Working, table: Array, w: Array) -> Iteration:
    """Take the E-step under the present parameters."""
    engine = working.engine
    shares, log_likelihood = working.sweep(table, w)
    counts = []
    for state, kernel in zip(working.priors, engine.kernels, strict=True):
        empty = state.clone()
        absorb(kernel, empty, engine.memory)
        counts.append(empty._statistics.value)
    parameters = working.parameters(engine)
    return Iteration(
        parameters,
        tuple(engine.weights.tolist()),
        shares,
        tuple(counts),
        log_likelihood,
        working.log_prior(parameters),
    )


def check(working: Working, names: Sequence[Any]) -> None:
    """Refuse to go on with a component that has collapsed.

    Raises
    ------
    PriorError
        If one has; it says which.
    """
    for state, kernel, name in zip(working.priors, working.engine.kernels, names, strict=True):
        if kernel.collapsed:
            raise PriorError(
                f"component {name!r} collapsed: {state.prior} has neither mode nor mean after"
                " what it has learned; a proper prior keeps it from that"
            )
