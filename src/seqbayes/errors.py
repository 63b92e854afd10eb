"""The errors that seqbayes raises for bad input; each one is a ``ValueError``."""

from __future__ import annotations


class SeqbayesError(ValueError):
    """Base of the errors that seqbayes raises for bad input."""


class ObservationError(SeqbayesError):
    """An observation or its weight is invalid; the state is unchanged."""


class PriorError(SeqbayesError):
    """A prior, a hyperparameter or a fixed parameter of a likelihood is invalid."""


class ImproperError(PriorError):
    """The posterior is improper, so it has no density; more data are needed."""


class UnsupportedError(SeqbayesError):
    """The operation, such as unlearning, is not supported for this state or these data."""


class MergeError(SeqbayesError):
    """Two states differ in their prior or likelihood."""


class SourceError(SeqbayesError):
    """A source of events cannot be read, or cannot be read from the position at which to resume."""
