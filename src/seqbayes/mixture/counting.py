"""A start from as many components as the first observations of a stream give evidence for."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqbayes.mixture.buffering import Buffer
from seqbayes.mixture.components import scaled_to
from seqbayes.mixture.evidence import log_evidence
from seqbayes.mixture.revising import Prior, assemble, parts
from seqbayes.mixture.working import Working
from seqbayes.state import State

TYPICAL = 3
"""Components that a vague prior of the data's scale is made for."""

PATIENCE = 2
"""Numbers of components, each with less evidence than the best, after which none is tried."""


class CountingBuffer(Buffer):
    """Observations and weights; `size` of them make a start with as many components as they show.

    Parameters
    ----------
    prior
        The truncated Dirichlet process.
    component
        What components are beforehand; None where that comes from the data.
    seed
        The seed of the start.
    size
        How many observations to keep.
    """

    def __init__(self, prior: Prior, component: State | None, seed: int | None, size: int) -> None:
        priors = None if component is None else (component,)
        super().__init__((0,), priors, prior.settings, seed, size)
        self._prior = prior

    def _fit(self, xs: list[Any], w: Any, restarts: int, passes: int) -> Working:
        component = scaled_to(xs, TYPICAL) if self.priors is None else self.priors[0]
        best, found, worse = -np.inf, None, 0
        for k in range(1, self._prior.most + 1):
            working = self._prior.working(component, k, flat=True)
            table = working.rows(xs)
            working.fit_start(table, w, np.random.default_rng(self._seed), restarts, passes)
            evidence = log_evidence(working, table, w, *self._prior[:2])
            if found is None or evidence > best:
                best, found, worse = evidence, working, 0
            else:
                worse += 1
            if worse == PATIENCE or k >= len(xs):
                break
        assert found is not None
        found.engine.settled(found.engine.n)
        return assemble(self._prior, found, [[part] for part in parts(found)], 0.0)
