"""Beliefs in pipelines of Apache Beam, as a `CombineFn`; they need the extra `beam`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from seqbayes.errors import MergeError, PriorError
from seqbayes.extras import missing_extra
from seqbayes.model import Model

try:
    import apache_beam as beam
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] != "apache_beam":
        raise
    raise ImportError(str(missing_extra(__name__, "apache-beam", "beam"))) from None

__all__ = ["Learn"]


class Learn(beam.CombineFn):
    """Combines observations into a belief.

    The data of each bundle are learned separately, and the results are merged. For all families,
    posteriors are identical to those learned by one process, in any order. The result of a mixture
    depends on the bundles, as it does for `Mixture.merge`.

    Parameters
    ----------
    state
        The prior, which is never modified: a state, a `Decayed` state with a half-life in time, or
        a mixture.
    arguments
        Whether elements are tuples of the arguments of `learn_one`, such as an observation, its
        weight and its time; otherwise they are observations.

    Raises
    ------
    PriorError
        If the state cannot be merged, or depends on the order of observations.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> clicks = [("home", True), ("shop", False), ("home", True)]
    >>> with beam.Pipeline() as pipeline:  # doctest: +SKIP
    ...     _ = pipeline | beam.Create(clicks) | beam.CombinePerKey(Learn(Beta())) | beam.Map(print)
    ('home', Beta(1, 1) + 2 observed (Bernoulli) = Beta(3, 1))
    ('shop', Beta(1, 1) + 1 observed (Bernoulli) = Beta(1, 2))
    """

    def __init__(self, state: Model, *, arguments: bool = False) -> None:
        if not isinstance(state, Model):
            raise PriorError(f"expected a state or a mixture, got {state!r}")
        self._prior: Any = state
        self._arguments = arguments
        if state.clock is not None and not state.timed:
            raise PriorError(
                "a half-life in events depends on the order of observations; use a half-life in"
                ' time: Decayed(..., by="time")'
            )
        try:
            self.create_accumulator().merge(self.create_accumulator())
        except MergeError as error:
            raise PriorError(f"Beam merges beliefs: {error}") from None

    def create_accumulator(self) -> Any:
        """Return the belief without data."""
        return self._prior.clone()

    def add_input(self, mutable_accumulator: Any, element: Any) -> Any:
        """Learn one element."""
        if self._arguments:
            mutable_accumulator.learn_one(*element)
        else:
            mutable_accumulator.learn_one(element)
        return mutable_accumulator

    def merge_accumulators(self, accumulators: Iterable[Any]) -> Any:
        """Return a belief with the data of all beliefs; the prior counts once."""
        total = self.create_accumulator()
        for each in accumulators:
            total.merge(each)
        return total

    def extract_output(self, accumulator: Any) -> Any:
        """Return the belief."""
        return accumulator
