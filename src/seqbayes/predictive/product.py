"""The joint predictive distribution of independent named fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np

from seqbayes.distributions.base import Distribution
from seqbayes.errors import ObservationError
from seqbayes.predictive.labels import Categorical
from seqbayes.tables import by_field


class Product(Distribution):
    """Independent values of named fields, each with a distribution.

    A mapping may omit fields; in this case `p` and `logp` are computed from the given fields.

    Parameters
    ----------
    fields : dict
        Mapping from the name of a field to its distribution.

    Examples
    --------
    >>> from seqbayes.predictive import Bernoulli, Categorical
    >>> both = Product({"rain": Bernoulli(0.75), "sky": Categorical({"grey": 0.6, "blue": 0.4})})
    >>> round(both.p({"rain": 1, "sky": "grey"}), 12)
    0.45
    >>> both.p({"rain": 1}), both.mode
    (0.75, {'rain': 1, 'sky': 'grey'})
    """

    def __init__(self, fields: Mapping[Any, Any]) -> None:
        self.fields = dict(fields)

    def logp(self, x: Any) -> Any:
        """Return the log joint density, or probability, of a mapping or an ordered sequence."""
        values = by_field(x, self.fields)
        return sum(self.fields[name].logp(value) for name, value in values.items())

    @property
    def mean(self) -> dict[Any, Any]:
        """Mean of each field; None if the values of a field are labels."""
        return self._each("mean")

    @property
    def var(self) -> dict[Any, Any]:
        """Variance of each field; None if the values of a field are labels."""
        return self._each("var")

    @property
    def std(self) -> dict[Any, Any]:
        """Standard deviation of each field; None if the values of a field are labels."""
        return self._each("std")

    def _each(self, name: str) -> dict[Any, Any]:
        return {
            field: None if isinstance(distribution, Categorical) else getattr(distribution, name)
            for field, distribution in self.fields.items()
        }

    @property
    def mode(self) -> dict[Any, Any]:
        """The most probable value of each field."""
        return {name: distribution.mode for name, distribution in self.fields.items()}

    def marginal(self, names: Any) -> Any:
        """Return the distribution of one field, or the joint distribution of a list of fields.

        Raises
        ------
        ObservationError
            If a field does not exist.
        """
        wanted = names if isinstance(names, list) else [names]
        for name in wanted:
            if name not in self.fields:
                raise ObservationError(f"expected a field of {tuple(self.fields)}, got {name!r}")
        if isinstance(names, list):
            return Product({name: self.fields[name] for name in names})
        return self.fields[names]

    def sample(self, size: Any = None, rng: np.random.Generator | None = None) -> Any:
        """Draw a mapping from field to value, or a list of `size` mappings.

        Parameters
        ----------
        size : int, optional
        rng : numpy.random.Generator, optional
        """
        rng = np.random.default_rng() if rng is None else rng
        columns = {name: field.sample(size, rng) for name, field in self.fields.items()}
        return columns if size is None else rows(columns)

    def _per_field(self, what: str) -> NoReturn:
        raise NotImplementedError(f"several fields have no joint {what}: use marginal(name)")

    def cdf(self, x: Any) -> Any:
        """Raise an error: only single fields have this function; see `marginal`."""
        self._per_field("cdf")

    def sf(self, x: Any) -> Any:
        """Raise an error: only single fields have this function; see `marginal`."""
        self._per_field("sf")

    def ppf(self, q: Any, log: bool = False) -> Any:
        """Raise an error: only single fields have this function; see `marginal`."""
        self._per_field("ppf")

    def isf(self, q: Any, log: bool = False) -> Any:
        """Raise an error: only single fields have this function; see `marginal`."""
        self._per_field("isf")

    def interval(self, level: float = 0.95, kind: str = "equal-tailed") -> Any:
        """Raise an error: only single fields have this function; see `marginal`."""
        self._per_field("interval")

    def __repr__(self) -> str:
        return f"Product({self.fields!r})"


def rows(columns: Mapping[Any, Any]) -> list[dict[Any, Any]]:
    """Convert columns keyed by name to one mapping per row, with plain Python values."""
    plain = (
        column.tolist() if isinstance(column, np.ndarray) and column.ndim == 1 else column
        for column in columns.values()
    )
    return [dict(zip(columns, row, strict=True)) for row in zip(*plain, strict=True)]
