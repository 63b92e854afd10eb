# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Components that are products of components over named features."""

from __future__ import annotations

from typing import Any

try:
    import cython
except ImportError:  # an installation without a compiler runs this file as it stands
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.seqbayes.mixture.kernels.base import Kernel
else:
    from seqbayes.mixture.kernels.base import Kernel


@cython.cclass
class Fields(Kernel):
    """A component whose features are independent of each other: one kernel for each."""

    parts = cython.declare(list, visibility="readonly")

    def __init__(self, row: Any, at: int, parts: list[Any]) -> None:
        Kernel.__init__(self, row, at, 1)
        self.parts = parts

    @cython.cfunc
    @cython.exceptval(check=False)
    def _density(self) -> cython.double:
        part: Kernel
        total: cython.double = 0.0
        for part in self.parts:
            total += part._density()
        return total

    @cython.cfunc
    @cython.exceptval(check=False)
    def _learn(self, keep: cython.double, gain: cython.double) -> cython.void:
        part: Kernel
        self._hat[0] = keep * self._hat[0] + gain
        for part in self.parts:
            part._learn(keep, gain)

    @cython.cfunc
    @cython.exceptval(check=False)
    def _average(self, step: cython.double) -> cython.void:
        part: Kernel
        Kernel._average(self, step)
        for part in self.parts:
            part._average(step)

    @cython.cfunc
    @cython.exceptval(check=False)
    def _maximise(self, n: cython.double) -> cython.void:
        part: Kernel
        for part in self.parts:
            part._maximise(n)

    def begin(self, parameter: Any) -> None:
        """Take a parameter for every feature to begin with."""
        for part, value in zip(self.parts, parameter, strict=True):
            part.begin(value)

    @property
    def point(self) -> list[float]:
        """Nothing of its own: the parts have points."""
        return []

    def take_point(self, point: list[float]) -> None:
        """Restore nothing: the parts do."""

    @property
    def collapsed(self) -> bool:
        """Whether a feature collapsed."""
        return any(part.collapsed for part in self.parts)

    @property
    def parameter(self) -> Any:
        """The parameter of every feature."""
        return [part.parameter for part in self.parts]

    def leaves(self) -> list[Kernel]:
        """Return this kernel and those of its features."""
        return [self] + [leaf for part in self.parts for leaf in part.leaves()]
