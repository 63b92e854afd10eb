"""Which columns are read, and what each of them holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from seqbayes import likelihoods
from seqbayes.errors import SeqbayesError
from seqbayes.likelihoods import LabelLikelihood, Likelihood, PairLikelihood

Row = Sequence[Any]

READABLE: tuple[type[Likelihood], ...] = (
    PairLikelihood,
    LabelLikelihood,
    likelihoods.Normal,
    likelihoods.LogNormal,
)
"""Likelihoods whose observations can be read from columns."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column by its name; `kind` is number, boolean, text, pair or counts."""

    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of an event, in the order of a row: values, keys, weight.

    `observe` and `key` take an observation and its key from a row; `labels` are the names of
    columns that hold the counts of a label each.
    """

    values: tuple[Column, ...]
    keys: tuple[Column, ...]
    weight: Column | None
    observe: Callable[[Row], Any]
    key: Callable[[Row], Any]
    labels: tuple[str, ...] | None = None

    @property
    def all(self) -> tuple[Column, ...]:
        """Every column of a row, in order."""
        return (*self.values, *self.keys, *(() if self.weight is None else (self.weight,)))


def choose_columns(
    likelihood: Likelihood, values: Sequence[str], by: Sequence[str], weight: str | None
) -> Columns:
    """Return the columns that a likelihood's observations, their keys and weights are read from.

    Raises
    ------
    SeqbayesError
        If a column is asked for twice, or there are too many or too few for an observation.

    Examples
    --------
    >>> columns = choose_columns(likelihoods.Binomial(), ["sold", "shown"], ["shop"], None)
    >>> columns.observe((3.0, 4.0, "north")), columns.key((3.0, 4.0, "north"))
    ((3.0, 4.0), 'north')
    """
    kinds, observe = _values(likelihood, values)
    counts = isinstance(likelihood, LabelLikelihood) and not likelihood.labelled
    columns = Columns(
        tuple(Column(name, kind) for name, kind in zip(values, kinds, strict=True)),
        tuple(Column(name, "text") for name in by),
        None if weight is None else Column(weight, "number"),
        observe,
        _key(len(values), len(by)),
        tuple(values) if counts and len(values) > 1 else None,
    )
    name, times = Counter(column.name for column in columns.all).most_common(1)[0]
    if times > 1:
        raise SeqbayesError(f"column {name!r} is asked for {times} times")
    return columns


def _values(
    likelihood: Likelihood, values: Sequence[str]
) -> tuple[list[str], Callable[[Row], Any]]:
    """Return the kind of every value column, and what takes the observation from a row."""
    pair = _is_pair(likelihood)
    counts = isinstance(likelihood, LabelLikelihood) and not likelihood.labelled
    if len(values) == 1:
        return [kind_of(likelihood)], itemgetter(0)
    if counts:
        return ["number"] * len(values), lambda row: dict(zip(values, row, strict=False))
    if pair and len(values) == 2:
        return ["number", "number"], itemgetter(slice(0, 2))
    raise SeqbayesError(
        f"a {type(likelihood).__name__} observation has {'two' if pair else 'one'} --value"
        f" column{'s' if pair else ''}, not {len(values)}"
    )


def kind_of(likelihood: Likelihood) -> str:
    """Return the kind of a single column that holds the observations of a likelihood.

    It is "any" of observations that a cell of CSV cannot hold, such as vectors.

    Examples
    --------
    >>> kind_of(likelihoods.Bernoulli()), kind_of(likelihoods.Poisson(exposure=None))
    ('boolean', 'pair')
    """
    if isinstance(likelihood, likelihoods.Bernoulli):
        return "boolean"
    if isinstance(likelihood, LabelLikelihood):
        return "text" if likelihood.labelled else "counts"
    if _is_pair(likelihood):
        return "pair"
    return "number" if isinstance(likelihood, READABLE) else "any"


def _is_pair(likelihood: Likelihood) -> bool:
    return isinstance(likelihood, PairLikelihood) and None in likelihood.parameters().values()


def _key(start: int, count: int) -> Callable[[Row], Any]:
    if count == 0:
        return lambda row: ()
    return itemgetter(start) if count == 1 else itemgetter(slice(start, start + count))
