"""The interface of everything that learns one observation at a time and can be stored."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, NamedTuple, Self

from seqbayes.errors import MergeError
from seqbayes.figures.samples import Samples, state_samples
from seqbayes.figures.shown import Plotted

SUMMARY_SIZE = 12
"""Maximum number of names in a summary of an estimator."""


class Summary(NamedTuple):
    """Mean and 95 % interval of one number of a model, or of several numbers keyed by name.

    A field is None if the model does not provide it. If there are several numbers, the first is the
    most important.
    """

    mean: Any
    interval: Any


class TableForm(NamedTuple):
    """The schema of a configuration table for models other than a likelihood with a prior.

    Parameters
    ----------
    keys
        The keys of the table, apart from `state` and the keys that every belief has. Errors that
        concern the whole table are reported for the first key.
    states
        The keys whose values are tables of named states.
    state
        The key whose value is the table of a single state, if there is such a key.
    by_field
        Whether the name of each state is the event field that it observes.
    """

    keys: tuple[str, ...]
    states: tuple[str, ...] = ()
    state: str | None = None
    by_field: bool = False


class Model(Plotted):
    """A state, a state with decay, a mixture or an estimator.

    Streams, stores and the dashboard use models through this class only. The defaults are those of
    an estimator on feature dicts.
    """

    display_kind: ClassVar[str] = "estimator"
    """The kind of view with which the dashboard displays the model."""

    conjugate: ClassVar[bool] = False
    """Whether the model is a state, with a prior and statistics under one likelihood."""

    likelihood: Any = None
    """The likelihood of an observation; None if observations are dictionaries of features."""

    table_form: ClassVar[TableForm | None] = None
    """The schema of the model's configuration table; None for a state (likelihood with prior)."""

    timed: bool = False
    """Whether every observation needs its time, because of a half-life or of windows."""

    half_life: float | None = None
    """Half-life of the weight of data, in events or in the unit of time; None without decay."""

    @property
    def undecayed(self) -> Any:
        """The state whose statistics are sums of the data; None if the model has no such state.

        With a half-life, the sums are as of a time up to one half-life before the clock. Callers
        must not change the state.
        """
        return None

    @property
    def mergeable(self) -> bool:
        """Whether models of the parts of a stream merge exactly into the model of the whole."""
        return False

    windowed: ClassVar[bool] = False
    """Whether the model is about the observations within a window of time."""

    def former(self) -> Self:
        """Return a new model with the defaults of earlier versions.

        A store that was created by an earlier version continues to use them. The model itself is
        returned if no default of its class has changed.
        """
        return self

    @classmethod
    def table_errors(cls, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Yield the errors in the individual keys of a table, as pairs of key and message.

        Parameters
        ----------
        values
            The given keys with their values, before tables are converted to states.
        """
        yield from ()

    @classmethod
    def from_table(cls, values: Mapping[str, Any], names: tuple[str, ...] | None) -> Any:
        """Return the empty model that a table in the `table_form` describes.

        Parameters
        ----------
        values
            The given keys with their values, after tables were converted to states.
        names
            The fields of a vector, one per coordinate; None if a single field contains the
            observation.

        Raises
        ------
        PriorError
            If the values are invalid.
        """
        raise NotImplementedError

    @property
    def n_samples(self) -> float:
        """Total weight of the data."""
        raise NotImplementedError

    @property
    def open_ended(self) -> bool:
        """Whether the model learns labels that are not known in advance."""
        return False

    @property
    def clock(self) -> float | None:
        """The time or number of events up to which the data have decayed; None without decay."""
        return None

    @property
    def vocabulary(self) -> Mapping[Any, Any]:
        """A mapping from the labels that an open-ended model has learned; otherwise empty."""
        return {}

    @property
    def categories(self) -> tuple[Any, ...]:
        """The known labels in their order; empty unless observations are labels."""
        return ()

    @property
    def log_evidence(self) -> float | None:
        """Log marginal likelihood of the data; None if it is not defined or not computed."""
        return None

    @property
    def prior_share(self) -> float | None:
        """Weight of the prior in the estimates, from 0 to 1; None if it is not defined."""
        return None

    @property
    def feature_models(self) -> Mapping[Any, Any]:
        """The models chosen for individual features, keyed by name; may be empty."""
        return {}

    @property
    def feature_names(self) -> tuple[Any, ...]:
        """The features that an estimator has learned from; empty for other models."""
        return ()

    def as_of(self, t: float | None = None) -> Any:
        """Return the model with decay applied up to a time, or unchanged if it does not decay."""
        return self

    def summary(self) -> Summary:
        """Return the estimates that are recorded in the history of the model."""
        return Summary(None, None)

    def in_words(self) -> str:
        """Return a short description of the model without its data."""
        return " ".join(repr(self).split())

    def surprise(self, *arguments: Any) -> float | None:
        """Return how unexpected an observation is, in nats; None if the model cannot measure it.

        Parameters
        ----------
        arguments
            The arguments of `learn_one`.
        """
        return None

    def forecasts(self, x: Any) -> dict[str, Any]:
        """Return named predictions for an observation, or for its features."""
        return {}

    def samples(self, chains: int, draws: int) -> Samples:
        """Return samples from the posterior and the prior, and of the next observation.

        Raises
        ------
        UnsupportedError
            If the model is not a state.
        PriorError
            If the posterior is improper.
        """
        return state_samples(self.as_of(), (chains, draws))

    def merge(self, other: Self) -> None:
        """Add the data of another model.

        Raises
        ------
        MergeError
            If the models differ, or models of this class cannot be merged.
        """
        raise MergeError(f"{type(self).__name__} objects cannot be merged")

    def __copy__(self) -> Self:
        """Return an independent copy, with the data."""
        return copy.deepcopy(self)
