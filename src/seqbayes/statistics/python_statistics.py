"""Statistics that are written in plain Python, such as those of other packages."""

from __future__ import annotations

from typing import Any

from seqbayes.errors import ObservationError

try:
    import cython
except ImportError:  # without a compiler, this file runs as plain Python
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.libc.math import isfinite
    from cython.cimports.seqbayes.statistics.base import Statistics
else:
    from math import isfinite

    from seqbayes.statistics.base import Statistics


class PythonStatistics(Statistics):
    """Base class of statistics that are written in plain Python.

    A subclass declares `initial`, the sums before any observation, and defines `read`, `add`,
    `join` and `value`. If an operation cannot be supported, `unsupported` gives the reason.

    Examples
    --------
    >>> class Largest(PythonStatistics):
    ...     initial = (0.0,)
    ...     unsupported = {"unlearn": "the second largest is not kept"}
    ...     def read(self, x):
    ...         return float(x), 0.0
    ...     def add(self, sums, x, w):
    ...         return (max(sums[0], x),)
    ...     def join(self, sums, others):
    ...         return (max(sums[0], others[0]),)
    ...     @property
    ...     def value(self):
    ...         return self.n, self.sums[0]
    >>> largest = Largest()
    >>> largest.observe(3)
    >>> largest.value
    (1.0, 3.0)
    """

    @property
    def initial(self) -> tuple[float, ...]:
        """The sums before any observation; a subclass may declare this as an attribute."""
        raise NotImplementedError

    def __init__(self) -> None:
        Statistics.__init__(self)
        self.sums = self.initial
        self._term: Any = None

    def read(self, x: Any) -> tuple[Any, float]:
        """Return the sufficient statistic of an observation, and its log base measure.

        Raises
        ------
        ObservationError
            If the observation is outside the support.
        """
        raise NotImplementedError

    def add(self, sums: tuple[float, ...], term: Any, w: float) -> tuple[float, ...]:
        """Return the sums after one more observation; a negative weight removes it."""
        raise NotImplementedError

    def join(self, sums: tuple[float, ...], others: tuple[float, ...]) -> tuple[float, ...]:
        """Return the sums of two sets of observations combined; by default they are added."""
        return tuple(mine + theirs for mine, theirs in zip(sums, others, strict=True))

    def read_terms(self, x: object) -> cython.int:
        """Read one observation."""
        self._term, self._log_base = self.read(x)
        return 0

    def add_terms(self, w: cython.double) -> cython.int:
        """Add the last observation read, times a weight."""
        if not (self._n.fits(w) and self._h.fits(w * self._log_base)):
            raise ObservationError("the weight is too large: its sum overflows")
        self._set_sums(self.add(self.sums, self._term, w))
        self._count(w)
        return 0

    def _set_sums(self, sums: tuple[float, ...]) -> None:
        for each in sums:
            if not isfinite(each):
                raise ObservationError("the observation is too large: its statistic overflows")
        self.sums = sums

    def check_remove(self, v: cython.double) -> cython.int:
        """Raise an error if more would be removed than was added."""
        self.check_supports("unlearn")
        Statistics.check_remove(self, v)
        return 0

    def clear(self) -> None:
        """Remove all data."""
        Statistics.clear(self)
        self.sums = self.initial

    def scale(self, factor: float) -> None:
        """Multiply every sum by `factor`."""
        self.check_supports("scale")
        Statistics.scale(self, factor)
        self.sums = tuple(factor * each for each in self.sums)

    def merge(self, other: Any) -> None:
        """Add the data of another accumulator of the same kind; on error, nothing changes."""
        self.check_supports("merge")
        before = self.sums
        self._set_sums(self.join(self.sums, other.sums))
        try:
            Statistics.merge(self, other)
        except ObservationError:
            self.sums = before
            raise

    def dump(self) -> tuple[float, ...]:
        """Return the weight and log base measure, each with its rounding error, and the sums."""
        # plain numbers, so that a mixture can average them
        return (*self._n.pair(), *self._h.pair(), *self.sums)

    def load(self, dumped: Any) -> None:
        """Restore the data that `dump` returned."""
        Statistics.load(self, dumped[:4])
        self.sums = tuple(dumped[4:])
