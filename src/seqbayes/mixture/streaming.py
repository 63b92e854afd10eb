"""Mixtures that learn from a stream: the start, refits, and the detection of ordered streams."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from seqbayes.mixture.base import BaseMixture
from seqbayes.mixture.buffer import Buffer
from seqbayes.mixture.components.default_prior import scaled_to
from seqbayes.mixture.components.rows import MAX_WEIGHT, as_observation, as_weight
from seqbayes.mixture.em.loop import EMModel
from seqbayes.mixture.em.settings import check_proper
from seqbayes.mixture.refit import (
    Refitter,
    end_of_long_run,
    has_constant,
    has_wide_priors,
    is_ordered,
    is_sorted,
)
from seqbayes.statistics import arrays

REFIT_AFTER = 1.1
"""A mixture may be refitted when its number of observations has grown by this factor."""


class StreamingMixture(BaseMixture):
    """A mixture of a given number of components that learns from a stream.

    The first observations are buffered until the components are fitted to them. After that, online
    EM learns one observation at a time. If the components fit recent observations badly, the next
    observations are buffered as well, and the components are then refitted.
    """

    def _begin(self, buffer: Buffer) -> None:
        """Begin without observations."""
        self._buffer = buffer
        self._improper = not all(s.is_proper(s.prior) for s in buffer.priors or ())
        self._model: EMModel | None = None
        self._learn_started: Callable[[Any, Any], bool] | None = None
        self._is_collecting = self.is_ordered = self._started_constant = False
        self._weighs_uniformly = False
        self._refit_from = 0.0
        self._lock = threading.Lock()

    def learn_one(self, x: Any, w: float = 1.0) -> None:
        """Learn one observation.

        Parameters
        ----------
        x
            The observation, in the form that the components' states expect. A mapping of features
            may lack some of them; None in a sequence, or NaN in an array, is a missing value.
        w
            Weight, finite and >= 0.

        Raises
        ------
        ObservationError
            If `x` is outside the support of a component, or `w` is invalid. In this case, nothing
            changes.
        PriorError
            If a component's prior is improper: online EM needs proper priors.
        """
        learn = self._learn_started
        if learn is None:
            with self._lock:
                self._learn_and_keep(x, w)
        elif learn(x, w):
            self._collect()

    def _learn_and_keep(self, x: Any, w: Any) -> None:
        """Learn an observation, and keep it for the initial fit or a refit."""
        model = self._model
        if model is None:
            self._fill(x, w)
            return
        self._check_proper()
        model.engine.learn(x, w)
        self._check_forgetting(model)
        if self._is_collecting:
            self._buffer.add(x, as_weight(w))
            if self._buffer.is_full:
                self._refit(model)

    def _check_proper(self) -> None:
        for state in self._buffer.priors or ():
            check_proper(state)

    def _start(self, model: EMModel) -> None:
        """Switch to online learning, if the priors are proper."""
        self._model = model
        if self._weighs_uniformly:
            model.engine.weigh_uniformly()
        self._learn_started = None if self._improper else model.engine.learn
        self._is_collecting = False
        self._buffer.clear()

    def _fill(self, x: Any, w: Any) -> None:
        """Add an observation to the buffer; start when it is full."""
        self._buffer.add(x, as_weight(w))
        if self._buffer.is_full:
            model = self._buffer.fit()
            rows, _ = self._buffer.table(model)
            begins_late = end_of_long_run(model, rows) > 0 and not is_sorted(model, rows)
            self._started_constant = begins_late or has_constant(model, rows)
            if not begins_late:
                self._check_order(model, rows)
            self._refit_from = REFIT_AFTER * model.engine.n
            model.engine.past.start(rows, model.engine.n)
            self._start(model)
            if begins_late:  # components may describe the run of equal values
                self._is_collecting, self._learn_started = True, None

    def _collect(self) -> None:
        """Collect the next observations, because the components fit recent observations badly."""
        with self._lock:
            if self._model is None:
                return
            engine = self._model.engine
            self._check_forgetting(self._model)
            too_wide = False
            if engine.n < self._refit_from or engine.uniform:
                return
            if engine.rescaled:
                engine.rescaled = False
                too_wide = self._buffer.priors is None and has_wide_priors(self._model)
            if too_wide or engine.fits_badly:
                self._is_collecting, self._learn_started = True, None

    def _check_forgetting(self, model: EMModel) -> None:
        """Warn if components have forgotten observations, unless a feature was constant.

        Observations with a constant feature have a high density until the feature varies.
        """
        if model.engine.forgets:
            model.engine.forgets = False
            if not self._started_constant:
                self._warn("the components have forgotten earlier observations")
                self._start(model)
            if model.engine.uniform:
                refitter = Refitter(model.priors, self._settings, self.seed, model.ignore_unknown)
                self._start(refitter.refit_to_past(model))

    def _refit(self, model: EMModel) -> None:
        """Fit the components again to the collected observations."""
        buffer = self._buffer
        if self._started_constant:
            rows = model.rows(buffer.observations)
            end = end_of_long_run(model, rows)
            self._check_order(model, rows[end:])
            if 2 * end > len(rows):  # equal values are common
                self._started_constant = False
                self._start(model)
                return
            buffer.discard_first(end)
        priors = buffer.priors or (
            scaled_to(buffer.observations, len(self.names), model.priors[0]),
        )
        priors = priors if len(priors) > 1 else priors * len(self.names)
        ignore_unknown = buffer.priors is None
        refitter = Refitter(priors, self._settings, self.seed, ignore_unknown)
        fit = refitter.refit(model, buffer, keep=not self._started_constant)
        self._started_constant = has_constant(fit.model, fit.model.rows(buffer.observations))
        if fit.differs:
            self._warn("recent observations differ from earlier ones")
        self._refit_from = REFIT_AFTER * model.engine.n
        self._start(fit.model)

    def _check_order(self, model: EMModel, rows: Any) -> None:
        if is_ordered(model, rows):
            self._warn("successive observations come from the same component")

    def _warn(self, reason: str) -> None:
        """Warn once that the stream is ordered."""
        if not self.is_ordered:
            self.is_ordered = self._weighs_uniformly = True
            warnings.warn(
                f"the stream is ordered: {reason}. Shuffle it if possible; if the data drift, "
                "use a step such as HalfLife(1000)",
                stacklevel=4,
            )

    def learn_many(self, xs: Iterable[Any], w: Any = None) -> None:
        """Learn many observations in order; none of them is learned if one is invalid.

        Parameters
        ----------
        xs
            Observations: an array of shape (n,) or (n, d), or any iterable of length n.
        w
            None, one weight for all, or n weights.

        Raises
        ------
        ObservationError
            If an observation or a weight is invalid; the message gives the first position.
        """
        xs = arrays.items(xs)
        weights = arrays.weights(w, len(xs), MAX_WEIGHT)
        weights = np.ones(len(xs)) if weights is None else weights
        if self._model is None:
            self._buffer.check(xs)
        first = offset = 0
        rows, read_by = weights, None
        while first < len(xs):
            model = self._model
            if model is None or self._learn_started is None:
                with self._lock:
                    self._learn_and_keep(as_observation(xs[first]), weights[first])
                first += 1
                continue
            if read_by is not model:
                rows, offset, read_by = model.rows(xs[first:]), first, model
            first += model.engine.learn_rows(rows[first - offset :], weights[first:])
            if model.engine.fits_badly:
                self._collect()
