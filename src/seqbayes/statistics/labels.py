"""Counts of labels, of a closed or an open vocabulary."""

from __future__ import annotations

import reprlib
from typing import Any

import numpy as np

from seqbayes.errors import ObservationError

try:
    import cython
except ImportError:  # an installation without a compiler runs this file as it stands
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.libc.math import isfinite
    from cython.cimports.seqbayes.statistics.base import NOISE, NOTHING, SLACK, Statistics
    from cython.cimports.seqbayes.statistics.exact import lost
    from cython.cimports.seqbayes.statistics.factorials import log_factorial
    from cython.cimports.seqbayes.statistics.reading import count
else:
    from math import isfinite

    from seqbayes.statistics.base import NOISE, NOTHING, SLACK, Statistics
    from seqbayes.statistics.exact import lost
    from seqbayes.statistics.factorials import log_factorial
    from seqbayes.statistics.reading import count

from seqbayes.statistics.reading import is_missing, plain_label, refuse


@cython.cclass
class LabelCounts(Statistics):
    """Weight of every label; a closed vocabulary is given, an open one grows."""

    counts = cython.declare(dict, visibility="readonly")
    _low: dict[Any, float]
    _closed: cython.bint
    _label: object

    def __init__(self, categories: tuple[Any, ...] | None = None) -> None:
        Statistics.__init__(self)
        self._closed = categories is not None
        self.counts = dict.fromkeys(categories or (), 0.0)
        self._low = {}  # rounding errors of the counts; of whole ones there are none
        self._label = None

    @property
    def value(self) -> Any:
        """The weights: by label, or of a closed vocabulary as an array in its order."""
        counts = self.counts
        if self._low:
            counts = {label: w + self._low.get(label, 0.0) for label, w in counts.items()}
        if not self._closed:
            return dict(counts)
        return np.fromiter(counts.values(), float, len(counts))

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _read(self, x: object) -> cython.int:
        try:
            known = x in self.counts
        except TypeError:
            refuse(x, "a hashable label")
        self._label = x if known else self._new(x)
        return 0

    def _new(self, x: Any) -> Any:
        """Return a label that was never seen as it will be kept, if it may join."""
        if self._closed:
            known = ", ".join(repr(label) for label in list(self.counts)[:12])
            more = ", …" if len(self.counts) > 12 else ""
            raise ObservationError(
                f"unknown category {reprlib.repr(x)}: expected one of {known}{more}"
                " (an open vocabulary needs a DirichletProcess)"
            )
        if is_missing(x):
            refuse(x, "a label, not a missing value")
        return plain_label(x)

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _add(self, w: cython.double) -> cython.int:
        self._check_total(w)
        self._count(self._label, w)
        self._add_common(w, 0.0)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _fits(self, w: cython.double) -> cython.bint:
        return isfinite(self._n + w)

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _count(self, label: object, w: cython.double) -> cython.int:
        found = self.counts.get(label)
        old: cython.double
        s: cython.double
        rest: cython.double
        if found is None:
            self.counts[label] = w
        else:
            old = found
            s = old + w
            self.counts[label] = s
            rest = lost(old, w, s)
            if rest != 0.0:
                self._low[label] = self._low.get(label, 0.0) + rest
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _check_total(self, w: cython.double) -> cython.int:
        if not isfinite(self._n + w):
            raise ObservationError("the weight is too large: its sum overflows")
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _check_remove(self, v: cython.double) -> cython.int:
        old: cython.double = self.counts.get(self._label, 0.0)
        low: cython.double = self._low.get(self._label, 0.0)
        if v > (old + low) * (1.0 + SLACK):
            x = reprlib.repr(self._label)
            raise ObservationError(f"cannot unlearn weight {v:g} of {x}: only {old:g} was learned")
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _subtract(self, v: cython.double) -> cython.int:
        old: cython.double = self.counts.get(self._label, 0.0)
        low: cython.double = self._low.get(self._label, 0.0)
        if v >= (old + low) * (1.0 - NOTHING):
            self._drop(self._label)
            self._add_common(-old, 0.0)
            self._add_common(-low, 0.0)
            if not any(self.counts.values()):
                self.clear()
        else:
            self._add(-v)
        return 0

    def _drop(self, label: Any) -> None:
        self._low.pop(label, None)
        if self._closed:
            self.counts[label] = 0.0
        else:
            self.counts.pop(label, None)

    def absorb(self, counts: dict[Any, float], n: float, log_base: float) -> None:
        """Add the weights of many observations at once."""
        w: cython.double
        self._check_total(n)
        for label, w in counts.items():
            if not isfinite(self.counts.get(label, 0.0) + w):
                raise ObservationError("the observation is too large: its count overflows")
        for label, w in counts.items():
            self._count(label, w)
        self._add_common(n, log_base)

    def is_possible(self) -> bool:
        """Whether something can have been seen that has these sums, up to rounding."""
        least: cython.double = -SLACK * self._n
        return Statistics.is_possible(self) and all(w >= least for w in self.counts.values())

    def clear(self) -> None:
        """Forget everything."""
        Statistics.clear(self)
        self.counts = dict.fromkeys(self.counts, 0.0) if self._closed else {}
        self._low = {}

    def scale(self, factor: float) -> None:
        """Multiply every sum by `factor`."""
        Statistics.scale(self, factor)
        for label in self.counts:
            self.counts[label] *= factor
        for label in self._low:
            self._low[label] *= factor
        if factor == 0.0:
            self.clear()

    def merge(self, other: Any) -> None:
        """Add what another accumulator of the same kind has seen."""
        labels, weights, low, n, n_low, h, h_low = other.dump()
        self.absorb(dict(zip(labels, weights, strict=True)), n, h)
        self.absorb({k: v for k, v in zip(labels, low, strict=True) if v}, n_low, h_low)

    def dump(self) -> tuple[Any, ...]:
        """Return (labels, weights, n and the log base), sums followed by their rounding errors."""
        return (
            tuple(self.counts),
            tuple(self.counts.values()),
            tuple(self._low.get(label, 0.0) for label in self.counts),
            self._n,
            self._n_low,
            self._h,
            self._h_low,
        )

    def load(self, dumped: Any) -> None:
        """Restore what `dump` returned."""
        labels, weights, low, self._n, self._n_low, self._h, self._h_low = dumped
        self.counts = dict(zip(labels, weights, strict=True))
        self._low = {label: v for label, v in zip(labels, low, strict=True) if v}


@cython.cclass
class MultinomialCounts(LabelCounts):
    """Counts of every label, from observations that are themselves counts."""

    _trials: cython.double
    _reading: dict[Any, float]

    def __init__(self, categories: tuple[Any, ...] | None, trials: float | None = None) -> None:
        LabelCounts.__init__(self, categories)
        self._trials = -1.0 if trials is None else trials
        self._reading = {}

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _read(self, x: Any) -> cython.int:
        n: cython.double = 0.0
        k: cython.double
        h: cython.double = 0.0
        if not isinstance(x, dict):
            refuse(x, "a dict of counts, one per category")
        reading = {}
        for label, number in x.items():
            if label not in self.counts:
                label = self._new(label)
            k = count(number, f"a whole number >= 0 as the count of {label!r}")
            reading[label] = k
            n += k
            h -= log_factorial(k)
        if self._trials >= 0.0 and n != self._trials:
            refuse(x, f"counts that sum to {self._trials:g}")
        self._reading = reading
        self._log_base = h + log_factorial(n)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _add(self, w: cython.double) -> cython.int:
        self.absorb({label: w * k for label, k in self._reading.items()}, w, w * self._log_base)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _fits(self, w: cython.double) -> cython.bint:
        k: cython.double
        old: cython.double
        for label, k in self._reading.items():
            old = self.counts.get(label, 0.0)
            if not isfinite(old + w * k):
                return False
        return isfinite(self._n + w)

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _check_remove(self, v: cython.double) -> cython.int:
        n: cython.double = self._n + self._n_low
        k: cython.double
        seen: cython.double
        if v > n * (1.0 + SLACK):
            raise ObservationError(f"cannot unlearn weight {v:g}: only {n:g} was learned")
        last = v >= n * (1.0 - NOTHING)
        for label, seen in self._seen().items():
            k = self._reading.get(label, 0.0)
            if v * k > seen * (1.0 + SLACK) or (last and v * k < seen * (1.0 - SLACK)):
                raise ObservationError(f"cannot unlearn what was not learned of {label!r}")
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _subtract(self, v: cython.double) -> cython.int:
        seen: cython.double
        if v >= (self._n + self._n_low) * (1.0 - NOTHING):
            self.clear()
        elif v != 0.0:
            self._add(-v)
            for label, seen in self._seen().items():
                if seen <= NOISE * v * self._reading.get(label, 0.0):
                    self._drop(label)
        return 0

    def _seen(self) -> dict[Any, float]:
        return {label: w + self._low.get(label, 0.0) for label, w in self.counts.items()}
